// Package testkit has the vocabulary of the tests: programs in virtual time, a log of what
// happened, checks of errors, and a check for leaked goroutines.
package testkit

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// Run runs main in virtual time. The test fails if main does, or if a goroutine is left.
func Run(t testing.TB, main func(ctx context.Context) error) {
	t.Helper()
	if err := RunErr(t, main); err != nil {
		t.Error(err)
	}
}

// RunErr is Run for a main whose error is what the test is about.
func RunErr(t testing.TB, main func(ctx context.Context) error) error {
	t.Helper()
	return RunOn(t, &asyncio.Runner{}, main)
}

// RunOn is RunErr with a Runner of the test's own; a Driver that it has not is virtual.
// The error is that of Run, joined with that of Close.
func RunOn(t testing.TB, r *asyncio.Runner, main func(ctx context.Context) error) error {
	t.Helper()
	NoLeaks(t)
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

// Running returns the loop of ctx.
func Running(ctx context.Context) *asyncio.Loop {
	l, err := asyncio.RunningLoop(ctx)
	if err != nil {
		panic(err)
	}
	return l
}

// Yields lets n turns pass.
func Yields(ctx context.Context, n int) {
	for range n {
		_ = asyncio.Yield(ctx)
	}
}

// A Record is what happened in a test, line by line.
type Record struct{ Lines []string }

func (r *Record) Add(format string, args ...any) {
	r.Lines = append(r.Lines, fmt.Sprintf(format, args...))
}

// Want fails the test unless the Record has exactly these lines, and begins a new one.
func (r *Record) Want(t testing.TB, lines ...string) {
	t.Helper()
	if !slices.Equal(r.Lines, lines) {
		t.Errorf("what happened:\n\t%s\nwanted:\n\t%s",
			strings.Join(r.Lines, "\n\t"), strings.Join(lines, "\n\t"))
	}
	r.Lines = nil
}

// Handle is an exception handler that records message and error, a line each. A
// panic's stack is left out.
func (r *Record) Handle(_ context.Context, e *asyncio.ExceptionContext) {
	line := "reported: " + e.Message
	if p := (*asyncio.PanicError)(nil); errors.As(e.Exception, &p) {
		line += fmt.Sprintf(": panic: %v", p.Value)
	} else if e.Exception != nil {
		line += ": " + e.Exception.Error()
	}
	r.Lines = append(r.Lines, line)
}

// WantErr fails the test unless err is kind and its text has all parts.
func WantErr(t testing.TB, err, kind error, parts ...string) {
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

// PanicOf returns the error that f panics with; nil if it does not.
func PanicOf(f func()) (err error) {
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

// InGoroutine runs f in a goroutine of its own, since f may end that with
// runtime.Goexit, and tells whether it did.
func InGoroutine(f func()) (exited bool) {
	done := make(chan bool)
	go func() {
		returned := false
		defer func() { done <- !returned }()
		f()
		returned = true
	}()
	return <-done
}

// NoLeaks fails the test if it ends with more goroutines than there are now.
func NoLeaks(t testing.TB) {
	before := Goroutines()
	t.Cleanup(func() {
		// One that is on its way out is no leak. Nobody tells when it is gone.
		for deadline := time.Now().Add(5 * time.Second); ; runtime.Gosched() {
			now := Goroutines()
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

// Goroutines returns the stacks of all goroutines by the line that names each.
func Goroutines() map[string]string {
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

// RaceDetector tells whether the test runs under it, where nothing that is counted is true.
func RaceDetector() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// CancelWith cancels f with the message in msg, or without one if msg is empty.
func CancelWith(f asyncio.AnyFuture, msg ...any) bool {
	if len(msg) == 0 {
		return f.Cancel()
	}
	return f.CancelWith(msg[0])
}

// Recorded returns fn with what it ends with put into a record.
func (r *Record) Recorded(name string, fn func(ctx context.Context) error) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		err := fn(ctx)
		r.Add("%s: %s", name, Brief(err))
		return err
	}
}

// Adds returns a callback that records a line.
func (r *Record) Adds(line string) func(context.Context) {
	return func(context.Context) { r.Add("%s", line) }
}

var LineNumber = regexp.MustCompile(`(\w+\.go):\d+`)

// WithoutLineNumbers takes them out of what was Recorded, so that a test need not know its own.
func (r *Record) WithoutLineNumbers() {
	for i, line := range r.Lines {
		r.Lines[i] = LineNumber.ReplaceAllString(line, "$1:N")
	}
}

// Brief is an error in a few words: a cancel without who asked for it, which
// depends on what the test's main task is called.
func Brief(err error) string {
	var c *asyncio.CancelledError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &c) && c.Message != nil:
		return fmt.Sprintf("cancelled: %v", c.Message)
	case errors.As(err, &c):
		return "cancelled"
	}
	return err.Error()
}

// ErrBoom is the error of tests that need just any error.
var ErrBoom = errors.New("boom")

// Equal fails the test unless got and want print the same.
func Equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s is %s, want %s", what, g, w)
	}
}

// FailAfter returns a task's function that sleeps for d and then fails with err. It ends
// early if it is cancelled.
func FailAfter(d time.Duration, err error) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		if cancelled := asyncio.Sleep(ctx, d); cancelled != nil {
			return cancelled
		}
		return err
	}
}

// CancelLater starts fn as a task, cancels it one second later with the message "enough",
// and returns the task and its error.
func CancelLater(ctx context.Context, fn func(ctx context.Context) error) (*asyncio.Task[asyncio.None], error) {
	task := asyncio.Go(ctx, fn)
	Running(ctx).CallLater(time.Second, func(context.Context) { task.CancelWith("enough") })
	_, err := task.Await(ctx)
	return task, err
}
