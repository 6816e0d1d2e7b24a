package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// run runs main in virtual time. The test fails if main does, or if a goroutine is left.
func run(t testing.TB, main func(ctx context.Context) error) {
	t.Helper()
	if err := runErr(t, main); err != nil {
		t.Error(err)
	}
}

// runErr is run for a main whose error is what the test is about.
func runErr(t testing.TB, main func(ctx context.Context) error) error {
	t.Helper()
	return runOn(t, &asyncio.Runner{}, main)
}

// runOn is runErr with a Runner of the test's own; a Driver that it has not is virtual.
// The error is that of Run, joined with that of Close.
func runOn(t testing.TB, r *asyncio.Runner, main func(ctx context.Context) error) error {
	t.Helper()
	noLeaks(t)
	if r.Driver == nil {
		r.Driver = driver.NewVirtual()
	}
	r.NoInterrupt = true
	closed := false
	defer func() {
		if !closed { // a panic or Goexit is on its way
			_ = r.Close()
		}
	}()
	err := r.Run(context.Background(), main)
	closed = true
	return errors.Join(err, r.Close())
}

// running returns the loop of ctx.
func running(ctx context.Context) *asyncio.Loop {
	l, err := asyncio.RunningLoop(ctx)
	if err != nil {
		panic(err)
	}
	return l
}

// never waits for a future that nobody sets. It ends by a cancel only.
func never(ctx context.Context) error {
	_, err := asyncio.NewFuture[int](ctx).Await(ctx)
	return err
}

// yields lets n turns pass.
func yields(ctx context.Context, n int) {
	for range n {
		_ = asyncio.Yield(ctx)
	}
}

// A record is what happened in a test, line by line.
type record struct{ lines []string }

func (r *record) add(format string, args ...any) {
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

// want fails the test unless the record has exactly these lines, and begins a new one.
func (r *record) want(t testing.TB, lines ...string) {
	t.Helper()
	if !slices.Equal(r.lines, lines) {
		t.Errorf("what happened:\n\t%s\nwanted:\n\t%s",
			strings.Join(r.lines, "\n\t"), strings.Join(lines, "\n\t"))
	}
	r.lines = nil
}

// handle is an exception handler that records message and error, a line each. A
// panic's stack is left out.
func (r *record) handle(_ context.Context, e *asyncio.ExceptionContext) {
	line := "reported: " + e.Message
	if p := (*asyncio.PanicError)(nil); errors.As(e.Exception, &p) {
		line += fmt.Sprintf(": panic: %v", p.Value)
	} else if e.Exception != nil {
		line += ": " + e.Exception.Error()
	}
	r.lines = append(r.lines, line)
}

// wantErr fails the test unless err is kind and its text has all parts.
func wantErr(t testing.TB, err, kind error, parts ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("got error %v, wanted one that is %q", err, kind)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in the text of the error\n\t%v", part, err)
		}
	}
}

// panicOf returns the error that f panics with; nil if it does not.
func panicOf(f func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			var ok bool
			if err, ok = p.(error); !ok {
				err = fmt.Errorf("a panic whose value is no error: %v", p)
			}
		}
	}()
	f()
	return nil
}

// inGoroutine runs f in a goroutine of its own, since f may end that with
// runtime.Goexit, and tells whether it did.
func inGoroutine(f func()) (exited bool) {
	done := make(chan bool)
	go func() {
		returned := false
		defer func() { done <- !returned }()
		f()
		returned = true
	}()
	return <-done
}

// noLeaks fails the test if it ends with more goroutines than there are now.
func noLeaks(t testing.TB) {
	before := goroutines()
	t.Cleanup(func() {
		// One that is on its way out is no leak. Nobody tells when it is gone.
		for deadline := time.Now().Add(5 * time.Second); ; runtime.Gosched() {
			now := goroutines()
			for id := range before {
				delete(now, id)
			}
			if len(now) == 0 {
				return
			}
			if time.Now().After(deadline) {
				for _, stack := range now {
					t.Errorf("a goroutine is left:\n%s", stack)
				}
				return
			}
		}
	})
}

// goroutines returns the stacks of all goroutines by the line that names each.
func goroutines() map[string]string {
	buf := make([]byte, 1<<16)
	n := runtime.Stack(buf, true)
	for n == len(buf) {
		buf = make([]byte, 2*len(buf))
		n = runtime.Stack(buf, true)
	}
	all := map[string]string{}
	for stack := range strings.SplitSeq(string(buf[:n]), "\n\n") {
		if strings.Contains(stack, "os/signal.loop") { // package signal's own, which it starts when first used
			continue
		}
		id, _, _ := strings.Cut(stack, " [")
		all[id] = stack
	}
	return all
}

// raceDetector tells whether the test runs under it, where nothing that is counted is true.
func raceDetector() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// cancelWith cancels f with the message in msg, or without one if msg is empty.
func cancelWith(f asyncio.AnyFuture, msg ...any) bool {
	if len(msg) == 0 {
		return f.Cancel()
	}
	return f.CancelWith(msg[0])
}
