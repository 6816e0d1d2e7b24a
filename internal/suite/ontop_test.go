package suite_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"example.com/asyncio"
)

// A task that is awaited before it begins runs on the stack of its awaiter. This must
// affect only performance. These tests check where it could be visible.

// Tasks run in the order of the ready queue.
func TestOnTopKeepsTheOrder(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var rec record
		step := func(name string, turns int) *asyncio.Task[asyncio.None] {
			return asyncio.Go(ctx, func(ctx context.Context) error {
				for i := range turns {
					rec.Add("%s %d", name, i)
					if err := asyncio.Yield(ctx); err != nil {
						return err
					}
				}
				rec.Add("%s ends", name)
				return nil
			})
		}
		step("before", 2)
		awaited := step("awaited", 2)
		step("after", 2)
		_, err := awaited.Await(ctx)
		rec.Add("awake")
		yields(ctx, 1)
		rec.Want(t,
			"before 0", "awaited 0", "after 0",
			"before 1", "awaited 1", "after 1",
			"before ends", "awaited ends", "after ends",
			"awake")
		return err
	})
}

// A chain of tasks, each of which awaits one that it has just made, may be much longer
// than one stack can carry.
func TestOnTopInALongChain(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var down func(n int) asyncio.Coro[int]
		down = func(n int) asyncio.Coro[int] {
			return func(ctx context.Context) (int, error) {
				if n == 0 {
					return 0, asyncio.Yield(ctx)
				}
				below, err := asyncio.CreateTask(ctx, down(n-1)).Await(ctx)
				return below + 1, err
			}
		}
		depth, err := down(10_000)(ctx)
		equal(t, "depth", depth, 10_000)
		return err
	})
}

// A cancel of any task in such a chain travels to the last task. Each task gets it from
// its await.
func TestOnTopCancelled(t *testing.T) {
	for asked := range 3 {
		run(t, func(ctx context.Context) error {
			var rec record
			tasks := make([]*asyncio.Task[asyncio.None], 3)
			var start func(ctx context.Context, i int)
			start = func(ctx context.Context, i int) {
				tasks[i] = asyncio.Go(ctx, func(ctx context.Context) error {
					var err error
					if i == 2 {
						err = asyncio.Sleep(ctx, time.Hour)
					} else {
						start(ctx, i+1)
						_, err = tasks[i+1].Await(ctx)
					}
					wantErr(t, err, asyncio.ErrCancelled, ": enough")
					rec.Add("%d", i)
					return err
				})
			}
			start(ctx, 0)
			yields(ctx, 3)
			tasks[asked].CancelWith("enough")
			_, err := tasks[0].Await(ctx)
			wantErr(t, err, asyncio.ErrCancelled)
			rec.Want(t, "2", "1", "0")
			return nil
		})
	}
}

// runtime.Goexit in a task on top of other tasks ends these too, as it ends the callers
// of a function. Their deferred calls run, those of the top task first. Other tasks are
// cancelled, and Run exits.
func TestOnTopGoexit(t *testing.T) {
	var rec record
	exited := inGoroutine(func() {
		_ = runErr(t, func(ctx context.Context) error {
			defer rec.Add("main is unwound")
			asyncio.Go(ctx, func(ctx context.Context) error {
				err := asyncio.Sleep(ctx, time.Hour)
				rec.Add("the bystander: %v", err)
				return err
			})
			yields(ctx, 1)
			var top *asyncio.Task[asyncio.None]
			middle := asyncio.Go(ctx, func(ctx context.Context) error {
				defer func() {
					_, err := top.Result()
					rec.Add("the middle is unwound; the top: %v", err)
					rec.Add("cleanup may await: %v", asyncio.Yield(ctx))
				}()
				top = asyncio.Go(ctx, func(ctx context.Context) error {
					defer rec.Add("the top is unwound")
					if err := asyncio.Yield(ctx); err != nil {
						return err
					}
					runtime.Goexit()
					return nil
				})
				_, err := top.Await(ctx)
				rec.Add("the middle continues: %v", err) // never
				return err
			})
			_, err := middle.Await(ctx)
			rec.Add("main continues: %v", err) // never
			return err
		})
	})
	equal(t, "exited", exited, true)
	rec.Want(t, "the top is unwound", "the middle is unwound; the top: asyncio: the task called runtime.Goexit",
		"cleanup may await: asyncio: cancelled by the shutdown of the loop", "main is unwound", "the bystander: asyncio: cancelled by the shutdown of the loop")
}

// A panic in a task on top becomes its error. It does not unwind the awaiter.
func TestOnTopPanic(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var rec record
		running(ctx).SetExceptionHandler(rec.Handle)
		_, err := asyncio.Go(ctx, func(context.Context) error { panic("boom") }, asyncio.WithName("top")).Await(ctx)
		rec.Add("main: %T", err)
		equal(t, "lines", len(rec.Lines), 2)
		equal(t, "last line", rec.Lines[1], "main: *asyncio.PanicError")
		return nil
	})
}
