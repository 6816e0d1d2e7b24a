package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// endsSoon returns a ctx derived from ctx that a callback of the loop cancels.
func endsSoon(ctx context.Context) context.Context {
	ctx, stop := context.WithCancel(ctx)
	running(ctx).CallSoon(func(context.Context) { stop() })
	return ctx
}

// An Await with a derived ctx that ends returns the error of that ctx. The awaited future
// stays pending, and the task is not cancelled.
func TestAwaitWithCtxThatEnds(t *testing.T) {
	run(t, func(task context.Context) error {
		f := asyncio.NewFuture[int](task)
		ctx := endsSoon(task)
		_, err := f.Await(ctx)
		if err != ctx.Err() || err != context.Canceled || errors.Is(err, asyncio.ErrCancelled) {
			t.Errorf("Await returned %v; want context.Canceled", err)
		}
		equal(t, "the future, cancelling", []any{f, asyncio.CurrentTask(task).Cancelling()}, "[<Future pending> 0]")
		_ = f.SetResult(1)
		got, err := f.Await(task)
		equal(t, "the result", got, 1)
		return err
	})
}

// With a ctx that is already done, an await that would suspend returns at once, even
// Yield. An await of a finished future returns its result.
func TestAwaitWithDoneCtx(t *testing.T) {
	run(t, func(task context.Context) error {
		ctx, stop := context.WithCancel(task)
		stop()
		asyncio.Go(task, func(context.Context) error { return nil })
		for name, await := range map[string]func(ctx context.Context) error{
			"Await": waitFor(asyncio.NewFuture[int](task)),
			"Sleep": sleep(time.Hour),
			"Yield": asyncio.Yield,
			"Wait": func(ctx context.Context) error {
				_, _, err := asyncio.Wait(ctx, []*asyncio.Future[int]{asyncio.NewFuture[int](task)})
				return err
			},
			"Timeout":    func(ctx context.Context) error { return asyncio.Timeout(ctx, time.Hour, sleep(time.Hour)) },
			"Event.Wait": new(asyncio.Event).Wait,
		} {
			if err := await(ctx); err != context.Canceled {
				t.Errorf("%s returned %v; want context.Canceled", name, err)
			}
		}
		done := asyncio.NewFuture[int](task)
		_ = done.SetResult(1)
		got, err := done.Await(ctx)
		equal(t, "the result of a finished future", got, 1)
		equal(t, "the time", running(task).Time(), "0s")
		return err
	})
}

// Every wait ends with its ctx and leaves the same state as after a cancellation.
func TestWaitsWithCtxThatEnds(t *testing.T) {
	run(t, func(task context.Context) error {
		lock := new(asyncio.Lock)
		queue := asyncio.NewQueue[int](1)
		_ = queue.TryPut(1)
		if err := lock.Acquire(task); err != nil {
			return err
		}
		for name, wait := range map[string]func(ctx context.Context) error{
			"Sleep":        sleep(time.Hour),
			"Lock.Acquire": lock.Acquire,
			"Queue.Put":    func(ctx context.Context) error { return queue.Put(ctx, 2) },
			"Timeout": func(ctx context.Context) error {
				return asyncio.Timeout(ctx, time.Hour, func(ctx context.Context) error { return never(ctx) })
			},
			"WaitFor": func(ctx context.Context) error {
				_, err := asyncio.WaitFor(ctx, asyncio.NewFuture[int](task), time.Hour)
				return err
			},
		} {
			if err := wait(endsSoon(task)); err != context.Canceled {
				t.Errorf("%s returned %v; want context.Canceled", name, err)
			}
		}
		lock.Release()
		equal(t, "lock held, length of the queue, time", []any{lock.Locked(), queue.Len(), running(task).Time()}, "[false 1 0s]")
		return nil
	})
}

// A deadline of a derived ctx applies in real time; here the time of the synctest bubble.
func TestAwaitWithDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		err := runOn(t, &asyncio.Runner{Driver: driver.NewReal()}, func(task context.Context) error {
			ctx, stop := context.WithTimeout(task, time.Minute)
			defer stop()
			err := asyncio.Sleep(ctx, time.Hour)
			equal(t, "the error, cancelling", []any{err, asyncio.CurrentTask(task).Cancelling()}, "[context deadline exceeded 0]")
			return asyncio.Sleep(task, time.Minute)
		})
		equal(t, "Run's error, the time", []any{err, time.Since(begin)}, "[<nil> 2m0s]")
	})
}

// A task that returns the error of a derived ctx has failed and is not cancelled.
func TestTaskThatReturnsCtxErrorHasFailed(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task := asyncio.Go(ctx, func(ctx context.Context) error { return never(endsSoon(ctx)) })
		_, err := task.Await(ctx)
		equal(t, "error, cancelled", []any{err, task.Cancelled()}, "[context canceled false]")
		return nil
	})
}

// A cancellation of the task takes precedence over the end of a derived ctx in the same
// turn, and ends that ctx too.
func TestCancelOverridesEndOfCtx(t *testing.T) {
	run(t, func(ctx context.Context) error {
		for _, ends := range []bool{true, false} {
			var under context.Context
			f := asyncio.NewFuture[int](ctx)
			task := asyncio.Go(ctx, func(ctx context.Context) error {
				var stop context.CancelFunc
				under, stop = context.WithCancel(ctx)
				defer stop()
				if ends { // in the same turn
					running(ctx).CallSoon(func(context.Context) { stop() })
				}
				_, err := f.Await(under)
				return err
			})
			yields(ctx, 1)
			running(ctx).CallSoon(func(context.Context) { task.CancelWith("enough") })
			_, err := task.Await(ctx)
			equal(t, "error, task and future cancelled, the ctx done",
				[]any{brief(err), task.Cancelled(), f.Cancelled(), isDone(t, under)}, "[cancelled: enough true true true]")
		}
		return nil
	})
}

// A pending request also takes precedence, because it ended the ctx.
func TestPendingCancelOverridesEndOfCtx(t *testing.T) {
	run(t, func(ctx context.Context) error {
		for name, await := range map[string]func(ctx context.Context) error{"Sleep": sleep(time.Hour), "Yield": asyncio.Yield} {
			task := asyncio.Go(ctx, func(ctx context.Context) error {
				under, stop := context.WithCancel(ctx)
				defer stop()
				asyncio.CurrentTask(ctx).CancelWith("enough")
				err := await(under)
				equal(t, name, brief(err), "cancelled: enough")
				return errors.Join(err, asyncio.Sleep(ctx, time.Second))
			})
			_, err := task.Await(ctx)
			equal(t, name+": the error, cancelled", []any{brief(err), task.Cancelled()}, "[cancelled: enough true]")
		}
		return nil
	})
}

// During the cleanup, the task's ctx and ctxs derived from it are done. For a deadline in
// the cleanup, use context.WithoutCancel.
func TestCleanupWithCtx(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task, err := cancelLater(ctx, func(ctx context.Context) error {
			err := asyncio.Sleep(ctx, time.Hour)
			derived, stop := context.WithTimeout(ctx, time.Hour)
			defer stop()
			equal(t, "Sleep with a done ctx", asyncio.Sleep(derived, time.Second), context.Canceled)
			fresh, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Hour)
			defer stop()
			equal(t, "Sleep with an open ctx", asyncio.Sleep(fresh, time.Second), nil)
			return err
		})
		equal(t, "the error, cancelled", []any{brief(err), task.Cancelled()}, "[cancelled: enough true]")
		return nil
	})
}

// A cancellation of the task ends an Await with a ctx derived by WithValue or
// WithoutCancel.
func TestAwaitWithCtxWithValues(t *testing.T) {
	type key struct{}
	run(t, func(ctx context.Context) error {
		for name, derive := range map[string]func(ctx context.Context) context.Context{
			"WithValue":     func(ctx context.Context) context.Context { return context.WithValue(ctx, key{}, 1) },
			"WithoutCancel": context.WithoutCancel,
		} {
			_, err := cancelLater(ctx, func(ctx context.Context) error { return asyncio.Sleep(derive(ctx), time.Hour) })
			equal(t, name, brief(err), "cancelled: enough")
		}
		return nil
	})
}

// Derived contexts do not make an await more expensive: Sleep allocates once with the
// task's ctx, a ctx with values, or the ctx of a block.
func TestSleepAllocatesOnceWithAnyCtx(t *testing.T) {
	if raceDetector() {
		t.Skip("the race detector allocates")
	}
	type key struct{}
	run(t, func(ctx context.Context) error {
		count := func(what string, ctx context.Context) {
			_ = asyncio.Sleep(ctx, 1) // calls Done for the first time
			if n := testing.AllocsPerRun(100, func() { _ = asyncio.Sleep(ctx, 1) }); n != 1 {
				t.Errorf("Sleep with %s has %v allocations; want 1", what, n)
			}
		}
		count("the task's ctx", ctx)
		count("a ctx with values", context.WithValue(ctx, key{}, 1))
		return asyncio.Timeout(ctx, time.Hour, func(ctx context.Context) error {
			count("a block's ctx", ctx)
			return nil
		})
	})
}

// A task has the values of the ctx in which it was created, but not its cancellation or
// deadline, because it has its own ctx.
func TestTaskDoesNotEndWithCreatorsCtx(t *testing.T) {
	type key struct{}
	run(t, func(ctx context.Context) error {
		under := endsSoon(context.WithValue(ctx, key{}, "value"))
		task := asyncio.CreateTask(under, func(ctx context.Context) (string, error) {
			err := asyncio.Sleep(ctx, time.Second)
			return fmt.Sprint(ctx.Value(key{}), ", done: ", isDone(t, ctx)), err
		})
		got, err := task.Await(ctx)
		equal(t, "value, done", got, "value, done: false")
		equal(t, "the creator's ctx", isDone(t, under), true)

		// context.Cause does not use the creator's ctx either.
		var cause error
		late := asyncio.Go(under, func(ctx context.Context) error { cause = context.Cause(ctx); return nil })
		if _, err := late.Await(ctx); err != nil {
			return err
		}
		equal(t, "the cause of an open ctx", cause, "<nil>")
		return err
	})
}

// When the ctx of a group ends, the group cancels its tasks, waits for them and returns
// the error of the ctx.
func TestGroupWithCtxThatEnds(t *testing.T) {
	for _, where := range []string{"in the block", "after it"} {
		var log record
		run(t, func(ctx context.Context) error {
			err := asyncio.WithTaskGroup(endsSoon(ctx), func(ctx context.Context, tg *asyncio.TaskGroup) error {
				tg.Go(func(ctx context.Context) error {
					err := asyncio.Sleep(ctx, time.Hour)
					log.Add("task: %s", brief(err))
					_ = asyncio.Sleep(ctx, time.Minute)
					log.Add("task ends")
					return err
				})
				if where == "in the block" {
					yields(ctx, 1)
					return log.Recorded("block", never)(ctx)
				}
				return nil
			})
			log.Add("group: %v", err)
			return nil
		})
		want := []string{"task: cancelled", "task ends", "group: context canceled"}
		if where == "in the block" {
			want = []string{"block: context canceled", "task: cancelled", "task ends", "group: context canceled"}
		}
		log.Want(t, want...)
	}
}

// Errors of the block's function or of a task take precedence over the end of the ctx.
func TestGroupWithFailureAndCtxThatEnds(t *testing.T) {
	for name, body := range map[string]func(ctx context.Context, tg *asyncio.TaskGroup) error{
		"the block's function fails, and the ctx ends while a task cleans up": func(ctx context.Context, tg *asyncio.TaskGroup) error {
			asyncio.CreateTaskIn(tg, stubborn(time.Second))
			yields(ctx, 1)
			return errBoom
		},
		"a task fails in its cleanup": func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(failInCleanup(errBoom))
			return nil
		},
		"a task fails in its cleanup after the block's function": func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(failInCleanup(errBoom))
			return never(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(task context.Context) error {
				ctx, stop := context.WithCancel(task)
				running(task).CallLater(time.Millisecond, func(context.Context) { stop() })
				wantGroup(t, asyncio.WithTaskGroup(ctx, body), errBoom)
				return nil
			})
		})
	}
}

// If the ctx of ToThread ends, the ctx of its job is cancelled, because nothing else
// waits for the job.
func TestToThreadWithCtxThatEnds(t *testing.T) {
	run(t, func(task context.Context) error {
		ctx, stop := context.WithCancel(task)
		l := running(task)
		_, err := asyncio.ToThread(ctx, func(ctx context.Context) (int, error) {
			_, _ = l.CallSoonThreadsafe(func(context.Context) { stop() })
			<-ctx.Done()
			return 0, nil
		})
		equal(t, "the error", err, "context canceled")
		return nil
	})
}

// In virtual time, an Await with a derived ctx does not stop the clock. When nothing else
// is pending, another goroutine may end the ctx, so this is not a deadlock.
func TestVirtualClockWithCtx(t *testing.T) {
	run(t, func(task context.Context) error {
		ctx, stop := context.WithCancel(task)
		if err := asyncio.Sleep(ctx, time.Hour); err != nil {
			t.Errorf("Sleep with a ctx that does not end returned %v; want nil", err)
		}
		ctx, stopLate := context.WithTimeout(ctx, time.Hour) // of real time
		defer stopLate()
		if err := asyncio.Sleep(ctx, time.Minute); err != nil {
			t.Errorf("Sleep with a ctx with a deadline returned %v; want nil", err)
		}
		equal(t, "the time", running(task).Time(), "1h1m0s")
		go stop()
		equal(t, "Await with a ctx that another goroutine ends", never(ctx), context.Canceled)
		return nil
	})
}

// A task in a cycle of awaits whose ctx ends while it is cancelled resumes once, so its
// cleanup waits for its full time.
func TestCancelOfCycleWhileCtxEnds(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var a, b *asyncio.Task[asyncio.None]
		var end context.CancelFunc
		a = asyncio.Go(ctx, func(ctx context.Context) error {
			var under context.Context
			under, end = context.WithCancel(ctx)
			defer end()
			return errors.Join(waitFor(b)(under), asyncio.Sleep(ctx, time.Hour))
		})
		b = asyncio.Go(ctx, func(ctx context.Context) error { return waitFor(a)(ctx) })
		yields(ctx, 1)
		end()
		// The loop learns of the end at some time, as the second ready item. SetOrder
		// runs that item first, and the task it makes ready has to wait.
		ended := false
		running(ctx).SetOrder(func(ready int) int {
			if ended {
				return 0
			}
			ended = true
			return 1
		})
		for !ended {
			yields(ctx, 1)
		}
		b.Cancel()
		_, _, err := asyncio.Wait(ctx, []*asyncio.Task[asyncio.None]{a, b})
		equal(t, "a and b cancelled, the time", []any{a.Cancelled(), b.Cancelled(), running(ctx).Time()}, "[true true 1h0m0s]")
		return err
	})
}

// After a cancel was withdrawn, the task's ctx is still done. An error context.Canceled
// of a group's body is then a failure like any other.
func TestGroupBodyFailsAfterWithdrawnCancel(t *testing.T) {
	run(t, func(ctx context.Context) error {
		self := asyncio.CurrentTask(ctx)
		self.Cancel()
		wantErr(t, asyncio.Yield(ctx), asyncio.ErrCancelled)
		self.Uncancel()
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, _ *asyncio.TaskGroup) error { return ctx.Err() })
		var group *asyncio.GroupError
		if !errors.As(err, &group) || len(group.Errors) != 1 || group.Errors[0] != context.Canceled {
			t.Errorf("the group returned %v; want a GroupError of context.Canceled", err)
		}
		return nil
	})
}
