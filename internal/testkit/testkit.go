// Package testkit has the vocabulary of the tests: programs in virtual time, a record of
// events, checks of errors, and a check for leaked goroutines.
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

// Run runs main in virtual time. The test fails if main fails or leaks a goroutine.
func Run(t testing.TB, main func(ctx context.Context) error) {
	t.Helper()
	if err := RunErr(t, main); err != nil {
		t.Error(err)
	}
}

// RunErr is like Run but returns the error of main.
func RunErr(t testing.TB, main func(ctx context.Context) error) error {
	t.Helper()
	return RunOn(t, &asyncio.Runner{}, main)
}

// RunOn is like RunErr with the given Runner. Without a Driver, it gets a virtual one.
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
		if !closed { // Run panics or exits
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

// Yields yields n times.
func Yields(ctx context.Context, n int) {
	for range n {
		_ = asyncio.Yield(ctx)
	}
}

// A Record has the events of a test as lines.
type Record struct{ Lines []string }

// Add appends a line.
func (r *Record) Add(format string, args ...any) {
	r.Lines = append(r.Lines, fmt.Sprintf(format, args...))
}

// Want fails the test unless r has exactly these lines, and then clears r.
func (r *Record) Want(t testing.TB, lines ...string) {
	t.Helper()
	if !slices.Equal(r.Lines, lines) {
		t.Errorf("got the record\n\t%s\nwant\n\t%s",
			strings.Join(r.Lines, "\n\t"), strings.Join(lines, "\n\t"))
	}
	r.Lines = nil
}

// Handle is an exception handler that records the message and the error in a line. It
// leaves out the stack of a panic.
func (r *Record) Handle(_ context.Context, e *asyncio.ExceptionContext) {
	line := "reported: " + e.Message
	if p := (*asyncio.PanicError)(nil); errors.As(e.Exception, &p) {
		line += fmt.Sprintf(": panic: %v", p.Value)
	} else if e.Exception != nil {
		line += ": " + e.Exception.Error()
	}
	r.Lines = append(r.Lines, line)
}

// WantErr fails the test unless errors.Is(err, kind) and the text of err has all parts.
func WantErr(t testing.TB, err, kind error, parts ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("got error %v, want one that wraps %q", err, kind)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in the text of the error\n\t%v", part, err)
		}
	}
}

// PanicOf returns the error that f panics with, or nil if f does not panic.
func PanicOf(f func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			var ok bool
			if err, ok = p.(error); !ok {
				err = fmt.Errorf("the value of the panic is not an error: %v", p)
			}
		}
	}()
	f()
	return nil
}

// InGoroutine runs f in a new goroutine and reports whether f called runtime.Goexit.
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

// NoLeaks fails the test if, at its end, there are goroutines that do not exist now.
func NoLeaks(t testing.TB) {
	before := Goroutines()
	t.Cleanup(func() {
		// A goroutine may still be exiting. Poll, because nothing reports its exit.
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
					t.Errorf("a goroutine leaked:\n%s", stack)
				}
				return
			}
		}
	})
}

// Goroutines returns the stacks of all goroutines. The keys name the goroutines.
func Goroutines() map[string]string {
	buf := make([]byte, 1<<16)
	n := runtime.Stack(buf, true)
	for n == len(buf) {
		buf = make([]byte, 2*len(buf))
		n = runtime.Stack(buf, true)
	}
	all := map[string]string{}
	for stack := range strings.SplitSeq(string(buf[:n]), "\n\n") {
		if strings.Contains(stack, "os/signal.loop") { // package os/signal starts it on first use
			continue
		}
		id, _, _ := strings.Cut(stack, " [")
		all[id] = stack
	}
	return all
}

// RaceDetector reports whether the race detector is on. Counts of allocations are wrong
// then.
func RaceDetector() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// CancelWith cancels f with the message msg[0], or without a message if msg is empty.
func CancelWith(f asyncio.AnyFuture, msg ...any) bool {
	if len(msg) == 0 {
		return f.Cancel()
	}
	return f.CancelWith(msg[0])
}

// Recorded returns a function that calls fn and records its error.
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

// LineNumber matches a file name and a line number.
var LineNumber = regexp.MustCompile(`(\w+\.go):\d+`)

// WithoutLineNumbers replaces the line numbers in r by N.
func (r *Record) WithoutLineNumbers() {
	for i, line := range r.Lines {
		r.Lines[i] = LineNumber.ReplaceAllString(line, "$1:N")
	}
}

// Brief returns a short text for an error. That of a CancelledError leaves out the
// canceller, which depends on the name of the main task.
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

// ErrBoom is the error of tests that need an arbitrary error.
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
