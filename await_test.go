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

// endsSoon returns a ctx of Go's own, under ctx, that a callback of the loop ends soon.
func endsSoon(ctx context.Context) context.Context {
	ctx, stop := context.WithCancel(ctx)
	running(ctx).CallSoon(func(context.Context) { stop() })
	return ctx
}

// An await under a ctx with a cancel of its own ends with that ctx's error when it is done. What it waited for goes on, the task
// was asked nothing, and its other awaits are not concerned.
func TestAwaitUnderACtxThatEnds(t *testing.T) {
	run(t, func(task context.Context) error {
		f := asyncio.NewFuture[int](task)
		ctx := endsSoon(task)
		_, err := f.Await(ctx)
		if err != ctx.Err() || err != context.Canceled || errors.Is(err, asyncio.ErrCancelled) {
			t.Errorf("it ended with %v", err)
		}
		equal(t, "the future, cancelling", []any{f, asyncio.CurrentTask(task).Cancelling()}, "[<Future pending> 0]")
		_ = f.SetResult(1)
		got, err := f.Await(task)
		equal(t, "the result", got, 1)
		return err
	})
}

// Under one that is done already, an await that would suspend ends at once, also one that would only let others run. One
// that need not wait has its result.
func TestAwaitUnderACtxThatHasEnded(t *testing.T) {
	run(t, func(task context.Context) error {
		ctx, stop := context.WithCancel(task)
		stop()
		asyncio.Go(task, func(context.Context) error { return nil })
		for name, await := range map[string]func(ctx context.Context) error{
			"future": waitFor(asyncio.NewFuture[int](task)),
			"sleep":  sleep(time.Hour),
			"pause":  asyncio.Yield,
			"wait": func(ctx context.Context) error {
				_, _, err := asyncio.Wait(ctx, []*asyncio.Future[int]{asyncio.NewFuture[int](task)})
				return err
			},
			"timeout": func(ctx context.Context) error { return asyncio.Timeout(ctx, time.Hour, sleep(time.Hour)) },
			"event":   new(asyncio.Event).Wait,
		} {
			if err := await(ctx); err != context.Canceled {
				t.Errorf("%s: %v", name, err)
			}
		}
		done := asyncio.NewFuture[int](task)
		_ = done.SetResult(1)
		got, err := done.Await(ctx)
		equal(t, "the result of what is done", got, 1)
		equal(t, "the time", running(task).Time(), "0s")
		return err
	})
}

// All that waits for something ends with its ctx, and leaves things as after a cancel.
func TestWaitingUnderACtxThatEnds(t *testing.T) {
	run(t, func(task context.Context) error {
		lock := new(asyncio.Lock)
		queue := asyncio.NewQueue[int](1)
		_ = queue.TryPut(1)
		if err := lock.Acquire(task); err != nil {
			return err
		}
		for name, wait := range map[string]func(ctx context.Context) error{
			"sleep": sleep(time.Hour),
			"lock":  lock.Acquire,
			"queue": func(ctx context.Context) error { return queue.Put(ctx, 2) },
			"timeout": func(ctx context.Context) error {
				return asyncio.Timeout(ctx, time.Hour, func(ctx context.Context) error { return never(ctx) })
			},
			"wait for": func(ctx context.Context) error {
				_, err := asyncio.WaitFor(ctx, asyncio.NewFuture[int](task), time.Hour)
				return err
			},
		} {
			if err := wait(endsSoon(task)); err != context.Canceled {
				t.Errorf("%s: %v", name, err)
			}
		}
		lock.Release()
		equal(t, "the lock, what is in the queue, the time", []any{lock.Locked(), queue.Len(), running(task).Time()}, "[false 1 0s]")
		return nil
	})
}

// A deadline of Go's is one here too. It is of real time: here of the bubble's, in which that does not take any.
func TestAwaitUnderADeadline(t *testing.T) {
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

// A task that returns the error of such a ctx has failed: nobody asked it to cancel.
func TestTaskThatEndsWithItsCtxHasFailed(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task := asyncio.Go(ctx, func(ctx context.Context) error { return never(endsSoon(ctx)) })
		_, err := task.Await(ctx)
		equal(t, "error, cancelled", []any{err, task.Cancelled()}, "[context canceled false]")
		return nil
	})
}

// A cancel of the task, with its message, goes before the end of a ctx under the task's, which it ends too.
func TestCancelOfATaskThatAwaitsUnderACtx(t *testing.T) {
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

// So does one that is still on its way when the await begins: it is what has ended the ctx.
func TestCancelOnItsWayToAnAwaitUnderACtx(t *testing.T) {
	run(t, func(ctx context.Context) error {
		for name, await := range map[string]func(ctx context.Context) error{"sleep": sleep(time.Hour), "pause": asyncio.Yield} {
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

// In the cleanup the task's ctx is done, and what is derived from it. A deadline of Go's for the cleanup is made without that.
func TestCleanupUnderACtx(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task, err := cancelLater(ctx, func(ctx context.Context) error {
			err := asyncio.Sleep(ctx, time.Hour)
			derived, stop := context.WithTimeout(ctx, time.Hour)
			defer stop()
			equal(t, "under a ctx that is done", asyncio.Sleep(derived, time.Second), context.Canceled)
			fresh, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Hour)
			defer stop()
			equal(t, "under one that is not", asyncio.Sleep(fresh, time.Second), nil)
			return err
		})
		equal(t, "the error, cancelled", []any{brief(err), task.Cancelled()}, "[cancelled: enough true]")
		return nil
	})
}

// A ctx with values only is as good as the task's own, and so is one that no cancel reaches: a cancel of the task ends the await.
func TestAwaitUnderACtxWithValues(t *testing.T) {
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

// An await under the task's own ctx costs nothing for all this: a sleep is one allocation, and one under a ctx with values
// no more. (In a block neither.)
func TestAwaitUnderTheTasksCtxCostsNothingExtra(t *testing.T) {
	if raceDetector() {
		t.Skip("the race detector allocates")
	}
	type key struct{}
	run(t, func(ctx context.Context) error {
		count := func(what string, ctx context.Context) {
			_ = asyncio.Sleep(ctx, 1) // its Done is looked at once
			if n := testing.AllocsPerRun(100, func() { _ = asyncio.Sleep(ctx, 1) }); n != 1 {
				t.Errorf("a sleep under %s: %v allocations", what, n)
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

// A task that is made under a ctx of Go's has its values, and not its end: it has a ctx of its own. A block is a part of the task that
// it is in, and ends with it.
func TestTaskIsNotUnderItsMakersCtx(t *testing.T) {
	type key struct{}
	run(t, func(ctx context.Context) error {
		under := endsSoon(context.WithValue(ctx, key{}, "value"))
		task := asyncio.CreateTask(under, func(ctx context.Context) (string, error) {
			err := asyncio.Sleep(ctx, time.Second)
			return fmt.Sprint(ctx.Value(key{}), ", done: ", isDone(t, ctx)), err
		})
		got, err := task.Await(ctx)
		equal(t, "value, done", got, "value, done: false")
		equal(t, "the maker's ctx", isDone(t, under), true)

		// Nor does a cause come from there.
		var cause error
		late := asyncio.Go(under, func(ctx context.Context) error { cause = context.Cause(ctx); return nil })
		if _, err := late.Await(ctx); err != nil {
			return err
		}
		equal(t, "the cause of a ctx that is open", cause, "<nil>")
		return err
	})
}

// A group under a ctx that ends: the wait for its tasks ends them, and the block returns the ctx's error when they are through.
func TestGroupUnderACtxThatEnds(t *testing.T) {
	for _, where := range []string{"in the body", "after it"} {
		var log record
		run(t, func(ctx context.Context) error {
			err := asyncio.WithTaskGroup(endsSoon(ctx), func(ctx context.Context, tg *asyncio.TaskGroup) error {
				tg.Go(func(ctx context.Context) error {
					err := asyncio.Sleep(ctx, time.Hour)
					log.Add("task: %s", brief(err))
					_ = asyncio.Sleep(ctx, time.Minute)
					log.Add("task leaves")
					return err
				})
				if where == "in the body" {
					yields(ctx, 1)
					return log.Recorded("body", never)(ctx)
				}
				return nil
			})
			log.Add("group: %v", err)
			return nil
		})
		want := []string{"task: cancelled", "task leaves", "group: context canceled"}
		if where == "in the body" {
			want = []string{"body: context canceled", "task: cancelled", "task leaves", "group: context canceled"}
		}
		log.Want(t, want...)
	}
}

// What fails in the body or in a task goes before the end of the ctx.
func TestGroupUnderACtxThatEndsAndAFailure(t *testing.T) {
	for name, body := range map[string]func(ctx context.Context, tg *asyncio.TaskGroup) error{
		"the body fails, and the ctx ends while a task cleans up": func(ctx context.Context, tg *asyncio.TaskGroup) error {
			asyncio.CreateTaskIn(tg, stubborn(time.Second))
			yields(ctx, 1)
			return errBoom
		},
		"a task fails in its cleanup": func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(failInCleanup(errBoom))
			return nil
		},
		"a task fails in its cleanup after the body": func(ctx context.Context, tg *asyncio.TaskGroup) error {
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

// What a thread is doing for an await that ends with its ctx is cancelled: nobody else waits for it.
func TestThreadUnderACtxThatEnds(t *testing.T) {
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

// In virtual time an await under a ctx of Go's does not stop the clock: that the ctx may end is no reason to wait for it. It is when
// there is nothing else to wait for; then another goroutine may end it, and that is no deadlock.
func TestVirtualClockUnderACtx(t *testing.T) {
	run(t, func(task context.Context) error {
		ctx, stop := context.WithCancel(task)
		if err := asyncio.Sleep(ctx, time.Hour); err != nil {
			t.Errorf("under a ctx that does not end: %v", err)
		}
		ctx, stopLate := context.WithTimeout(ctx, time.Hour) // of real time
		defer stopLate()
		if err := asyncio.Sleep(ctx, time.Minute); err != nil {
			t.Errorf("under a ctx with a deadline: %v", err)
		}
		equal(t, "the time", running(task).Time(), "1h1m0s")
		go stop()
		equal(t, "under a ctx that another goroutine ends", never(ctx), context.Canceled)
		return nil
	})
}

// A task in a circle of awaits, whose ctx has just ended when it is cancelled as well, goes on once, and not twice: its cleanup
// waits as long as it should.
func TestCancelOfACircleAsTheCtxEnds(t *testing.T) {
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
		// The word of that comes at some time, and is then the second that is ready. It runs first; what it makes
		// ready, which is a, has to wait.
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
