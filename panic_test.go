package asyncio_test

import (
	"context"
	"errors"
	"testing"

	"example.com/asyncio"
)

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
