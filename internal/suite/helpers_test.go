package suite_test

import (
	"context"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/internal/testkit"
)

// The vocabulary of the tests.

type record = testkit.Record

var (
	run          = testkit.Run
	runErr       = testkit.RunErr
	runOn        = testkit.RunOn
	running      = testkit.Running
	yields       = testkit.Yields
	wantErr      = testkit.WantErr
	panicOf      = testkit.PanicOf
	inGoroutine  = testkit.InGoroutine
	noLeaks      = testkit.NoLeaks
	raceDetector = testkit.RaceDetector
	brief        = testkit.Brief
	equal        = testkit.Equal
	errBoom      = testkit.ErrBoom
	failAfter    = testkit.FailAfter
	cancelLater  = testkit.CancelLater
)

// Functions of tasks and callbacks that capture nothing.

func double(_ context.Context, n int) (int, error) { return 2 * n, nil }

func one(context.Context) (int, error) { return 1, nil }
func nothing(context.Context) error    { return nil }
func callback(context.Context)         {}

func doneCallback(context.Context, asyncio.AnyFuture) {}

// groupOf returns the body of a task group that starts n tasks.
func groupOf(n int) func(context.Context, *asyncio.TaskGroup) error {
	return func(_ context.Context, tg *asyncio.TaskGroup) error {
		for range n {
			asyncio.CreateTaskIn(tg, one)
		}
		return nil
	}
}

// sleepThen returns a task's function that sleeps for d and returns value.
func sleepThen[T any](d time.Duration, value T) asyncio.Coro[T] {
	return func(ctx context.Context) (T, error) { return value, asyncio.Sleep(ctx, d) }
}

// sleepThenFail returns a task's function that sleeps for d and fails with err.
func sleepThenFail(d time.Duration, err error) asyncio.Coro[int] {
	return func(ctx context.Context) (int, error) {
		if cancelled := asyncio.Sleep(ctx, d); cancelled != nil {
			return 0, cancelled
		}
		return 0, err
	}
}

// spawn makes a task for each function.
func spawn[T any](ctx context.Context, fns ...func(ctx context.Context) (T, error)) []*asyncio.Task[T] {
	var tasks []*asyncio.Task[T]
	for _, fn := range fns {
		tasks = append(tasks, asyncio.CreateTask(ctx, fn))
	}
	return tasks
}

// never waits for a future that is never set. Only a cancel ends it.
func never(ctx context.Context) error {
	_, err := asyncio.NewFuture[int](ctx).Await(ctx)
	return err
}

// lockLike is what Lock, Condition and the semaphores have in common.
type lockLike interface {
	Acquire(ctx context.Context) error
	Release()
	Locked() bool
	With(ctx context.Context, fn func(ctx context.Context) error) error
	String() string
}
