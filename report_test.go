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

// logged returns what f writes by the default exception handler, without line numbers,
// hexadecimal numbers, and what stands below the test's own frames in a stack.
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

// fails returns a function that ends with an error.
func fails(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// A034: what failed and was read by nobody is reported at the loop's close at the latest, in the
// order in which it was made, be it a task or a future; not in that of failing.
func TestUnreadErrorsAreReportedInOrderOfCreation(t *testing.T) {
	var log record
	var kept []any // what is collected before the close is reported then
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

// A034: an error that was reported when its task was collected is not reported again at the close.
func TestUnreadErrorIsReportedOnce(t *testing.T) {
	var log record
	var kept *asyncio.Task[asyncio.None]
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(log.Handle)
		kept = asyncio.Go(ctx, fails(errBoom), asyncio.WithName("kept"))
		asyncio.Go(ctx, fails(errBoom), asyncio.WithName("dropped"))
		collect(ctx, func() bool { return len(log.Lines) > 0 })
		log.Add("main ends")
		return nil
	})
	log.Want(t,
		"reported: task dropped failed and its error was never read: boom",
		"main ends",
		"reported: task kept failed and its error was never read: boom",
	)
	runtime.KeepAlive(kept)
}

// A034, A035: at the close too, a handler that reads another error spares it its report, and one
// that leaves a new error has that reported.
func TestHandlerAtTheClose(t *testing.T) {
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
		_ = fs[3].SetException(errors.New("of the handler"))
	})
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	log.Want(t,
		"reported: a future failed and its error was never read: error 0",
		"reported: a future failed and its error was never read: error 2",
		"reported: a future failed and its error was never read: of the handler",
	)
}

// A handler that ends its goroutine, as t.Fatal does, does not keep the loop from being closed.
func TestHandlerThatExitsAtTheClose(t *testing.T) {
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
		t.Errorf("exited=%v, the loop is %v", exited, l)
	}
}

// A256: a callback that panics is reported, with its name and its handle, wherever it came from;
// all else goes on.
func TestPanicInACallback(t *testing.T) {
	var log record
	l := newLoop(t)
	l.SetExceptionHandler(func(ctx context.Context, e *asyncio.ExceptionContext) {
		log.Handle(ctx, e)
		log.Add("%v", e.Handle)
		if e.Future != nil || e.Source != "" {
			t.Errorf("future %v, source %q", e.Future, e.Source)
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

// A256: runtime.Goexit in a callback ends the goroutine that runs the loop, and not the loop, which can go on.
func TestGoexitInACallback(t *testing.T) {
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

// A257: SetExceptionHandler sets who is told, nil goes back to the default, and ExceptionHandler
// tells. That a handler is no function does not compile.
func TestSetExceptionHandler(t *testing.T) {
	var log record
	l := newLoop(t)
	if l.ExceptionHandler() != nil {
		t.Error("a new loop has a handler")
	}
	l.SetExceptionHandler(log.Handle)
	if l.ExceptionHandler() == nil {
		t.Error("there is no handler after it was set")
	}
	l.CallExceptionHandler(&asyncio.ExceptionContext{Message: "first", Exception: errBoom})
	l.SetExceptionHandler(nil)
	if l.ExceptionHandler() != nil {
		t.Error("there is a handler after it was unset")
	}
	text := logged(func() { l.CallExceptionHandler(&asyncio.ExceptionContext{Message: "second", Exception: errBoom}) })
	log.Add("logged: %s", text)
	log.Want(t, "reported: first: boom", "logged: asyncio: second\n  error: boom\n")
}

// A broken error panics when it is printed.
type brokenError struct{}

func (brokenError) Error() string { panic("no text") }

// A258: a handler that panics is reported by the default one, together with what it was told. An error
// that panics when it is printed does not stop that one. In each case the loop goes on.
func TestBrokenHandler(t *testing.T) {
	var after record
	l := newLoop(t)
	broken := func(context.Context, *asyncio.ExceptionContext) { panic("handler is broken") }
	step := func(h asyncio.ExceptionHandler, fn func(context.Context)) string {
		return logged(func() {
			l.SetExceptionHandler(h)
			l.CallSoon(fn)
			l.CallSoon(after.Adds("the loop goes on"))
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
			t.Errorf("%q is not in\n%s", part, text)
		}
	}

	reports := func(context.Context) {
		l.CallExceptionHandler(&asyncio.ExceptionContext{Message: "message", Exception: brokenError{}})
	}
	if text := step(nil, reports); !strings.Contains(text, "asyncio: message\n  error: ") || !strings.Contains(text, "no text") {
		t.Errorf("of an error without text the default handler writes\n%s", text)
	}
	if text := step(broken, reports); !strings.Contains(text, "which received: asyncio: message") {
		t.Errorf("of an error without text and a broken handler the default handler writes\n%s", text)
	}
	after.Want(t, slices.Repeat([]string{"the loop goes on"}, 3)...)
}

// A handler that calls Goexit is like a callback that does.
func TestGoexitInAHandler(t *testing.T) {
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

// A259, A260: the default handler writes a record: the message, and each thing that is known in a line
// of its own, in a fixed order. Only the message is always there.
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
			t.Errorf("it writes\n%s\nwanted\n%s", got, test.want)
		}
	}
	h.Cancel()
}

// A260: the record of a task that failed, and of one that panicked, with the stack.
func TestDefaultExceptionHandlerOfTasks(t *testing.T) {
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
		t.Errorf("of the failed one it writes\n%s\nwanted\n%s", failed, want)
	}
	head, stack, _ := strings.Cut(panicked, "\n    \n")
	if want := "asyncio: panic in task panicked (asyncio_test.panicking() at report_test.go:N)\n  error: asyncio: panic in task panicked (asyncio_test.panicking() at report_test.go:N): boom"; head != want {
		t.Errorf("of the panic it writes\n%s\nwanted\n%s", head, want)
	}
	if !strings.HasPrefix(stack, "    example.com/asyncio_test.panics") || !strings.Contains(stack, "\n  made at: asyncio_test.panicking() at report_test.go:N") {
		t.Errorf("the panic's stack is\n%s", stack)
	}
}
