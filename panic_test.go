package asyncio_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
)

// blowUpWith panics. It stands on top of the stack of who does.
func blowUpWith(value any) { panic(value) }

// The text of a PanicError names the task and its function, has the value, and then the stack from the panicking function on:
// nothing of the recovering, and nothing of other tasks. It unwraps to a value that is an error.
func TestPanicErrorText(t *testing.T) {
	for _, c := range []struct {
		value any
		text  string
		kind  error
	}{
		{"boom", "boom", nil},
		{errBoom, "boom", errBoom},
		{42, "42", nil},
		{nil, (&runtime.PanicNilError{}).Error(), nil},
	} {
		run(t, func(ctx context.Context) error {
			running(ctx).SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) {})
			task := asyncio.Go(ctx, func(ctx context.Context) error {
				if err := asyncio.Yield(ctx); err != nil {
					return err
				}
				blowUpWith(c.value)
				return nil
			}, asyncio.WithName("bad"))
			_, err := task.Await(ctx)
			var p *asyncio.PanicError
			if !errors.As(err, &p) {
				t.Fatalf("it ended with %v", err)
			}
			first, stack, _ := strings.Cut(lineNumber.ReplaceAllString(err.Error(), "$1:N"), "\n\n")
			equal(t, "the text", first, "asyncio: panic in task bad (asyncio_test.TestPanicErrorText.func1.2() at panic_test.go:N): "+c.text)
			if stack != lineNumber.ReplaceAllString(string(p.Stack), "$1:N") || !strings.HasPrefix(stack, "example.com/asyncio_test.blowUpWith(") {
				t.Errorf("the stack is\n%s", stack)
			}
			if !strings.Contains(stack, "\nexample.com/asyncio_test.TestPanicErrorText.func1.2(") || strings.Contains(stack, "\nexample.com/asyncio_test.TestPanicErrorText.func1(") {
				t.Errorf("the stack is not that of the task alone\n%s", stack)
			}
			inner := errors.Unwrap(err)
			if _, none := inner.(*runtime.PanicNilError); !none || c.value != nil {
				equal(t, "it unwraps to", inner, c.kind)
			}
			return nil
		})
	}
}

// A panic far down, in a task of a group in a task of a group, cancels all beside it, each level waits for its own, and then Run
// panics, with the stack of the task that did.
func TestPanicGoesUpThroughGroups(t *testing.T) {
	var log record
	p := panicOf(func() {
		run(t, func(ctx context.Context) error {
			running(ctx).SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) { log.Add("reported") })
			slow := func(name string) func(ctx context.Context) error {
				return func(ctx context.Context) error {
					err := asyncio.Sleep(ctx, time.Hour)
					_ = asyncio.Sleep(ctx, time.Second)
					log.Add("%s has cleaned up", name)
					return err
				}
			}
			return asyncio.WithTaskGroup(ctx, func(_ context.Context, outer *asyncio.TaskGroup) error {
				outer.Go(slow("uncle"))
				outer.Go(func(ctx context.Context) error {
					return asyncio.WithTaskGroup(ctx, func(_ context.Context, inner *asyncio.TaskGroup) error {
						inner.Go(slow("sibling"))
						inner.Go(func(ctx context.Context) error {
							_ = asyncio.Sleep(ctx, time.Second)
							blowUpWith("boom")
							return nil
						})
						return nil
					})
				})
				return nil
			})
		})
	})
	log.Want(t, "reported", "sibling has cleaned up", "uncle has cleaned up")
	var group *asyncio.GroupError
	if !errors.As(p, &group) {
		t.Fatalf("Run panicked with %v", p)
	}
	wantErr(t, p, p, "asyncio: unhandled errors in a TaskGroup (1)", "boom", "asyncio_test.blowUpWith(", "TestPanicGoesUpThroughGroups")
}

// Code that recovers from a panic of a block's body goes on as if the block had returned: nothing of it is left, no timer, no
// task, no request to cancel; be it that the time was up, or a task had failed, when the body panicked.
func TestPanicInABlockThatIsRecovered(t *testing.T) {
	recovered := func(block func() error) (value any) {
		defer func() { value = recover() }()
		_ = block()
		return nil
	}
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) {})
		for name, block := range blocks {
			for _, over := range []bool{false, true} {
				got := recovered(func() error {
					return block(ctx, func(ctx context.Context, end func()) error {
						if over {
							end()
							wantErr(t, asyncio.Sleep(ctx, time.Hour), asyncio.ErrCancelled)
						}
						panic("boom")
					})
				})
				equal(t, name+": the panic", got, "boom")
				equal(t, name+": cancelling, ctx done", []any{asyncio.CurrentTask(ctx).Cancelling(), isDone(t, ctx)}, "[0 false]")
				if err := asyncio.Yield(ctx); err != nil {
					t.Errorf("%s: the next await: %v", name, err)
				}
			}
		}
		got := recovered(func() error {
			return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				asyncio.CreateTaskIn(tg, stubborn(time.Second))
				yields(ctx, 1)
				panic("boom")
			})
		})
		equal(t, "the panic, the tasks, the time", []any{got, len(asyncio.AllTasks(ctx)), running(ctx).Time()}, "[boom 1 1s]")
		return nil
	})
}

// Goexit in a task, as t.FailNow calls it: its deferred calls run, and the task ends with ErrExited; the others are cancelled and
// have the time to clean up; then the goroutine that called Run ends, and nothing is left.
func TestGoexitOfATask(t *testing.T) {
	var log record
	exited := inGoroutine(func() {
		run(t, func(ctx context.Context) error {
			running(ctx).SetExceptionHandler(log.Handle)
			bad := asyncio.Go(ctx, func(ctx context.Context) error {
				defer log.Add("deferred")
				_ = asyncio.Sleep(ctx, time.Second)
				runtime.Goexit()
				return nil
			})
			asyncio.Go(ctx, func(ctx context.Context) error {
				err := asyncio.Sleep(ctx, time.Hour)
				_ = asyncio.Sleep(ctx, time.Minute)
				log.Add("another: %s, at %v", brief(err), running(ctx).Time())
				return err
			})
			err := asyncio.Sleep(ctx, time.Hour)
			log.Add("main: %s, the task: %v", brief(err), bad.Exception())
			return err
		})
		log.Add("Run returned")
	})
	equal(t, "its goroutine has ended", exited, true)
	log.Want(t,
		"deferred",
		"main: cancelled, the task: asyncio: the task called runtime.Goexit",
		"another: cancelled, at 1m1s",
	)
}

// A panic is a failure whatever its value: one with a CancelledError, as a helper that panics with every error may have it, does
// not pass for a cancellation: not in a task, not in a thread, not where WaitFor looks for the cancel that it asked for.
func TestPanicWithACancellation(t *testing.T) {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) {})
		var panicked interface{ Unwrap() error }
		task := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) { must(never(ctx)); return 0, nil })
		yields(ctx, 1)
		_, err := asyncio.WaitFor(ctx, task, 0)
		if task.Cancelled() || errors.Is(err, asyncio.ErrTimeout) || !errors.As(err, &panicked) {
			t.Errorf("in a task: cancelled: %v, %v", task.Cancelled(), err)
		}
		f := asyncio.RunInExecutor(ctx, nil, func(context.Context) (int, error) { must(&asyncio.CancelledError{}); return 0, nil })
		_, err = f.Await(ctx)
		if f.Cancelled() || !errors.As(err, &panicked) {
			t.Errorf("in a thread: cancelled: %v, %v", f.Cancelled(), err)
		}
		return nil
	})
}
