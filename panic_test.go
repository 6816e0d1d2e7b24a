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

// blowUpWith panics. It is on top of the stack of the panic.
func blowUpWith(value any) { panic(value) }

// The text of a PanicError has the task with its function, the value, and the stack from
// the panicking function on. The stack has no frames of the recovery or of other tasks.
// The PanicError unwraps to a value that is an error.
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
				t.Fatalf("the task ended with %v; want a PanicError", err)
			}
			first, stack, _ := strings.Cut(lineNumber.ReplaceAllString(err.Error(), "$1:N"), "\n\n")
			equal(t, "the text", first, "asyncio: panic in task bad (asyncio_test.TestPanicErrorText.func1.2() at panic_test.go:N): "+c.text)
			if stack != lineNumber.ReplaceAllString(string(p.Stack), "$1:N") || !strings.HasPrefix(stack, "example.com/asyncio_test.blowUpWith(") {
				t.Errorf("the stack is not that of the panic:\n%s", stack)
			}
			if !strings.Contains(stack, "\nexample.com/asyncio_test.TestPanicErrorText.func1.2(") || strings.Contains(stack, "\nexample.com/asyncio_test.TestPanicErrorText.func1(") {
				t.Errorf("the stack has more than the frames of the task:\n%s", stack)
			}
			inner := errors.Unwrap(err)
			if _, none := inner.(*runtime.PanicNilError); !none || c.value != nil {
				equal(t, "Unwrap", inner, c.kind)
			}
			return nil
		})
	}
}

// A panic in a task of a nested group cancels the other tasks. Each group waits for its
// tasks. Then Run panics with the stack of the task.
func TestPanicPropagatesThroughGroups(t *testing.T) {
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
		t.Fatalf("Run panicked with %v; want a GroupError", p)
	}
	wantErr(t, p, p, "asyncio: unhandled error in a TaskGroup: unhandled error in a TaskGroup: panic in task ", "boom", "asyncio_test.blowUpWith(", "TestPanicPropagatesThroughGroups")
}

// After a recovered panic in the body of a block, nothing of the block remains: no timer,
// no task, no cancel request. This also holds if the block had timed out, or a task had
// failed, before the panic.
func TestRecoveredPanicInBlock(t *testing.T) {
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
		equal(t, "panic, tasks, time", []any{got, len(asyncio.AllTasks(ctx)), running(ctx).Time()}, "[boom 1 1s]")
		return nil
	})
}

// After a Goexit in a task, as in t.FailNow, its deferred calls run and the task ends
// with ErrExited. The other tasks are cancelled and can clean up. Then the goroutine that
// called Run ends, and nothing is left.
func TestGoexitInTask(t *testing.T) {
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
	equal(t, "the goroutine of Run exited", exited, true)
	log.Want(t,
		"deferred",
		"main: cancelled, the task: asyncio: the task called runtime.Goexit",
		"another: cancelled, at 1m1s",
	)
}

// A panic is a failure whatever its value. A panic with a CancelledError is not a
// cancellation: in a task, in a job, and for a WaitFor that requested a cancel.
func TestPanicWithCancelledError(t *testing.T) {
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
			t.Errorf("task: Cancelled = %v, error %v; want a failure with the panic", task.Cancelled(), err)
		}
		f := asyncio.RunInExecutor(ctx, nil, func(context.Context) (int, error) { must(&asyncio.CancelledError{}); return 0, nil })
		_, err = f.Await(ctx)
		if f.Cancelled() || !errors.As(err, &panicked) {
			t.Errorf("job: Cancelled = %v, error %v; want a failure with the panic", f.Cancelled(), err)
		}
		return nil
	})
}
