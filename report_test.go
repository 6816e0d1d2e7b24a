package asyncio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// logged returns what the default exception handler writes during f, without line
// numbers.
func logged(f func()) string {
	var text bytes.Buffer
	before, flags := log.Writer(), log.Flags()
	log.SetOutput(&text)
	log.SetFlags(0)
	defer func() {
		log.SetOutput(before)
		log.SetFlags(flags)
	}()
	f()
	return lineNumber.ReplaceAllString(text.String(), "$1:N")
}

// fails returns a function that returns err.
func fails(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// A034: when the loop closes, the unread errors of tasks and futures are reported in the
// order of their creation, not of their failures.
func TestUnreadErrorsAreReportedInCreationOrder(t *testing.T) {
	var log record
	var kept []any // collected objects would be reported before the close
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(log.Handle)
		fail := func(name string, after time.Duration) *asyncio.Task[asyncio.None] {
			task := asyncio.Go(ctx, func(ctx context.Context) error {
				if err := asyncio.Sleep(ctx, after); err != nil {
					return err
				}
				return errors.New("after " + after.String())
			}, asyncio.WithName(name))
			kept = append(kept, task)
			return task
		}
		fail("A", 5*time.Second)
		f := asyncio.NewFuture[int](ctx)
		fail("B", 4*time.Second)
		seen := fail("C", 3*time.Second)
		fail("D", 2*time.Second)
		g := asyncio.NewFuture[int](ctx)
		_ = g.SetException(errors.New("at once"))
		kept = append(kept, f, g)
		if err := asyncio.Sleep(ctx, 10*time.Second); err != nil {
			return err
		}
		_ = f.SetException(errors.New("at last"))
		_ = seen.Exception()
		log.Add("main ends")
		return nil
	})
	log.Want(t,
		"main ends",
		"reported: task A failed and its error was never read: after 5s",
		"reported: a future failed and its error was never read: at last",
		"reported: task B failed and its error was never read: after 4s",
		"reported: task D failed and its error was never read: after 2s",
		"reported: a future failed and its error was never read: at once",
	)
	runtime.KeepAlive(kept)
}

// A034, A057: an unread error is reported when its task or future is collected, and not
// again when the loop closes.
func TestUnreadErrorIsReportedOnce(t *testing.T) {
	var log record
	var kept *asyncio.Task[asyncio.None]
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(log.Handle)
		kept = asyncio.Go(ctx, fails(errBoom), asyncio.WithName("kept"))
		asyncio.Go(ctx, fails(errBoom), asyncio.WithName("dropped"))
		collect(ctx, func() bool { return len(log.Lines) > 0 })
		_ = asyncio.NewFuture[int](ctx).SetException(errBoom)
		collect(ctx, func() bool { return len(log.Lines) > 1 })
		log.Add("main ends")
		return nil
	})
	log.Want(t,
		"reported: task dropped failed and its error was never read: boom",
		"reported: a future failed and its error was never read: boom",
		"main ends",
		"reported: task kept failed and its error was never read: boom",
	)
	runtime.KeepAlive(kept)
}

// A034, A035: while the loop closes, a handler that reads another error suppresses its
// report, and a new error that the handler causes is reported.
func TestExceptionHandlerDuringClose(t *testing.T) {
	noLeaks(t)
	var log record
	l := asyncio.NewLoop(driver.NewVirtual())
	ctx := l.Context()
	var fs []*asyncio.Future[int]
	for i := range 4 {
		f := asyncio.NewFuture[int](ctx)
		fs = append(fs, f)
		if i < 3 {
			_ = f.SetException(fmt.Errorf("error %d", i))
		}
	}
	l.SetExceptionHandler(func(ctx context.Context, e *asyncio.ExceptionContext) {
		log.Handle(ctx, e)
		_ = fs[1].Exception()
		_ = fs[3].SetException(errors.New("from the handler"))
	})
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	log.Want(t,
		"reported: a future failed and its error was never read: error 0",
		"reported: a future failed and its error was never read: error 2",
		"reported: a future failed and its error was never read: from the handler",
	)
}

// A handler that calls Goexit, as t.Fatal does, does not prevent the loop from closing.
func TestExceptionHandlerThatExitsDuringClose(t *testing.T) {
	noLeaks(t)
	var l *asyncio.Loop
	exited := inGoroutine(func() {
		r := &asyncio.Runner{Driver: driver.NewVirtual(), NoInterrupt: true}
		l = r.Loop()
		l.SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) { runtime.Goexit() })
		_ = r.Run(context.Background(), func(ctx context.Context) error {
			asyncio.Go(ctx, fails(errBoom))
			yields(ctx, 1)
			return nil
		})
		_ = r.Close()
	})
	if !exited || !l.IsClosed() {
		t.Errorf("exited is %v and the loop is %v; want true and a closed loop", exited, l)
	}
}

// A049, A256: a panic in a callback of any kind is reported with its Handle and name. The
// other callbacks run, and the loop continues.
func TestPanicInCallback(t *testing.T) {
	var log record
	l := newLoop(t)
	l.SetExceptionHandler(func(ctx context.Context, e *asyncio.ExceptionContext) {
		log.Handle(ctx, e)
		log.Add("%v", e.Handle)
		if e.Future != nil || e.Source != "" {
			t.Errorf("the report has the future %v and the source %q; want neither", e.Future, e.Source)
		}
	})
	l.CallSoon(panics)
	l.CallLater(time.Second, panics)
	_, _ = l.CallSoonThreadsafe(panics)
	f := asyncio.NewFuture[int](l.Context())
	f.AddDoneCallback(donePanics)
	f.AddDoneCallback(func(context.Context, asyncio.AnyFuture) { log.Add("the next callback") })
	_ = f.SetResult(1)
	if err := sleepOn(l, 2*time.Second); err != nil {
		t.Error(err)
	}
	log.WithoutLineNumbers()
	log.Want(t,
		"reported: panic in callback asyncio_test.panics() at report_test.go:N: panic: boom",
		"<Handle asyncio_test.panics() at report_test.go:N>",
		"reported: panic in callback asyncio_test.donePanics() at report_test.go:N: panic: bad end",
		"<Handle asyncio_test.donePanics() at report_test.go:N>",
		"the next callback",
		"reported: panic in callback asyncio_test.panics() at report_test.go:N: panic: boom",
		"<Handle asyncio_test.panics() at report_test.go:N>",
		"reported: panic in callback asyncio_test.panics() at report_test.go:N: panic: boom",
		"<Handle asyncio_test.panics() at report_test.go:N>",
	)
}

func failing(context.Context) error                 { return errBoom }
func panicking(ctx context.Context) error           { panics(ctx); return nil }
func panics(context.Context)                        { panic(errBoom) }
func donePanics(context.Context, asyncio.AnyFuture) { panic("bad end") }

// A256: runtime.Goexit in a callback ends the goroutine that runs the loop. The loop
// itself can run again.
func TestGoexitInCallback(t *testing.T) {
	var log record
	l := newLoop(t)
	task := asyncio.Go(l.Context(), func(ctx context.Context) error {
		err := asyncio.Sleep(ctx, time.Second)
		log.Add("task sees %v", err)
		return err
	})
	l.CallSoon(func(context.Context) {
		defer log.Add("callback exits")
		runtime.Goexit()
	})
	l.CallSoon(log.Adds("next callback"))
	if !inGoroutine(func() { _ = l.RunForever() }) {
		t.Error("RunForever returned")
	}
	if _, err := asyncio.RunUntilComplete(l, task); err != nil {
		t.Error(err)
	}
	log.Want(t, "callback exits", "next callback", "task sees <nil>")
}

// A257: SetExceptionHandler installs a handler, nil restores the default, and
// ExceptionHandler returns the current one.
func TestSetExceptionHandler(t *testing.T) {
	var log record
	l := newLoop(t)
	if l.ExceptionHandler() != nil {
		t.Error("ExceptionHandler of a new loop is not nil")
	}
	l.SetExceptionHandler(log.Handle)
	if l.ExceptionHandler() == nil {
		t.Error("ExceptionHandler returned nil after SetExceptionHandler")
	}
	l.CallExceptionHandler(&asyncio.ExceptionContext{Message: "first", Exception: errBoom})
	l.SetExceptionHandler(nil)
	if l.ExceptionHandler() != nil {
		t.Error("ExceptionHandler is not nil after SetExceptionHandler(nil)")
	}
	text := logged(func() { l.CallExceptionHandler(&asyncio.ExceptionContext{Message: "second", Exception: errBoom}) })
	log.Add("logged: %s", text)
	log.Want(t, "reported: first: boom", "logged: asyncio: second\n  error: boom\n")
}

// The text of a brokenError panics.
type brokenError struct{}

func (brokenError) Error() string { panic("no text") }

// A258: the default handler reports a handler that panics, with the report it received.
// An error whose text panics does not stop the default handler. The loop continues in
// each case.
func TestExceptionHandlerThatPanics(t *testing.T) {
	var after record
	l := newLoop(t)
	broken := func(context.Context, *asyncio.ExceptionContext) { panic("handler is broken") }
	step := func(h asyncio.ExceptionHandler, fn func(context.Context)) string {
		return logged(func() {
			l.SetExceptionHandler(h)
			l.CallSoon(fn)
			l.CallSoon(after.Adds("the loop continues"))
			l.Stop()
			runForever(t, l)
		})
	}

	text := step(broken, panics)
	for _, part := range []string{
		"asyncio: panic in the exception handler, which received: asyncio: panic in callback asyncio_test.panics() at report_test.go:N",
		"asyncio: panic in callback asyncio_test.panics() at report_test.go:N: boom",
		"error: asyncio: panic in the exception handler: handler is broken",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("the log does not contain %q:\n%s", part, text)
		}
	}

	reports := func(context.Context) {
		l.CallExceptionHandler(&asyncio.ExceptionContext{Message: "message", Exception: brokenError{}})
	}
	if text := step(nil, reports); !strings.Contains(text, "asyncio: message\n  error: ") || !strings.Contains(text, "no text") {
		t.Errorf("for an error without text, the default handler wrote\n%s", text)
	}
	if text := step(broken, reports); !strings.Contains(text, "which received: asyncio: message") {
		t.Errorf("for an error without text and a broken handler, the default handler wrote\n%s", text)
	}
	after.Want(t, slices.Repeat([]string{"the loop continues"}, 3)...)
}

// Goexit in a handler acts like Goexit in a callback.
func TestGoexitInExceptionHandler(t *testing.T) {
	var log record
	l := newLoop(t)
	l.SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) { runtime.Goexit() })
	l.CallSoon(panics)
	l.CallSoon(log.Adds("next callback"))
	if !inGoroutine(func() { _ = l.RunForever() }) {
		t.Error("RunForever returned")
	}
	l.CallSoon(func(context.Context) { l.Stop() })
	runForever(t, l)
	log.Want(t, "next callback")
}

// A259, A260: the default handler writes a single record with the message and one line
// per known detail, in a fixed order. Only the message is mandatory.
func TestDefaultExceptionHandler(t *testing.T) {
	l := newLoop(t)
	f := asyncio.NewFuture[int](l.Context())
	h := l.CallSoon(panics)
	for _, test := range []struct {
		e    asyncio.ExceptionContext
		want string
	}{
		{asyncio.ExceptionContext{Message: "something"}, "asyncio: something\n"},
		{
			asyncio.ExceptionContext{Message: "all", Exception: errors.New("line 1\nline 2"), Future: f, Handle: h, Source: "main.f\n\tmain.go:1"},
			"asyncio: all\n" +
				"  error: line 1\n    line 2\n" +
				"  future: <Future pending>\n" +
				"  handle: <Handle asyncio_test.panics() at report_test.go:N>\n" +
				"  made at: main.f\n    \tmain.go:N\n",
		},
	} {
		if got := logged(func() { l.CallExceptionHandler(&test.e) }); got != test.want {
			t.Errorf("the default handler wrote\n%s\nwant\n%s", got, test.want)
		}
	}
	h.Cancel()
}

// A260: the default handler's records for a failed task, and for a task that panicked,
// with the stack.
func TestDefaultExceptionHandlerForTasks(t *testing.T) {
	l := newLoop(t)
	asyncio.Go(l.Context(), failing, asyncio.WithName("failed"))
	asyncio.Go(l.Context(), panicking, asyncio.WithName("panicked"))
	text := logged(func() {
		l.Stop()
		runForever(t, l)
		_ = l.Close()
	})
	panicked, failed, _ := strings.Cut(text, "asyncio: task failed")
	if want := " failed and its error was never read\n  error: boom\n  made at: asyncio_test.failing() at report_test.go:N\n"; failed != want {
		t.Errorf("for the failed task, the default handler wrote\n%s\nwant\n%s", failed, want)
	}
	head, stack, _ := strings.Cut(panicked, "\n    \n")
	if want := "asyncio: panic in task panicked (asyncio_test.panicking() at report_test.go:N)\n  error: asyncio: panic in task panicked (asyncio_test.panicking() at report_test.go:N): boom"; head != want {
		t.Errorf("for the panic, the default handler wrote\n%s\nwant\n%s", head, want)
	}
	if !strings.HasPrefix(stack, "    example.com/asyncio_test.panics") || !strings.Contains(stack, "\n  made at: asyncio_test.panicking() at report_test.go:N") {
		t.Errorf("the stack of the panic is\n%s", stack)
	}
}
