package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"example.com/asyncio"
)

// waitFor returns a task's function that awaits f.
func waitFor[T any](f asyncio.Awaitable[T]) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		_, err := f.Await(ctx)
		return err
	}
}

// A059, A076: Cancel asks. It is accepted, also a second time, as long as the task has not ended, and counted; nothing is
// cancelled yet.
func TestCancelIsARequest(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task := asyncio.Go(ctx, sleep(10*time.Second), asyncio.WithName("task"))
		equal(t, "cancelling, before", task.Cancelling(), 0)
		for n := 1; n <= 2; n++ {
			equal(t, "accepted, cancelling, cancelled, done",
				[]any{task.Cancel(), task.Cancelling(), task.Cancelled(), task.Done()}, []any{true, n, false, false})
			equal(t, "its text", lines(task)[:len("<Task cancelling name=task")], "<Task cancelling name=task")
		}
		_, err := task.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled)
		equal(t, "accepted, cancelling, cancelled, done",
			[]any{task.Cancel(), task.Cancelling(), task.Cancelled(), task.Done()}, "[false 2 true true]")
		equal(t, "the time", running(ctx).Time(), "0s")
		return nil
	})
}

// A060: a task that is cancelled before its first step never takes it.
func TestCancelBeforeTheFirstStep(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task := asyncio.Go(ctx, func(context.Context) error { t.Error("it runs"); return nil })
		task.Cancel("too early")
		_, err := task.Await(ctx)
		equal(t, "the error, cancelled", []any{brief(err), task.Cancelled()}, "[cancelled: too early true]")
		return nil
	})
}

// A061: a task that waits for a future has that cancelled at once, and sees the cancel when it runs again.
func TestCancelOfATaskThatWaitsForAFuture(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			_, err := f.Await(ctx)
			equal(t, "what the task sees", brief(err), "cancelled: enough")
			return err
		})
		yields(ctx, 1)
		task.Cancel("enough")
		equal(t, "future cancelled, task done", []any{f.Cancelled(), task.Done()}, "[true false]")
		yields(ctx, 1)
		equal(t, "task cancelled", task.Cancelled(), true)
		return nil
	})
}

// A062: a cancel goes along the chain of awaits, to the innermost future; each on its way is asked, and hears of it from the inside out.
func TestCancelGoesAlongTheChain(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		inner := asyncio.Go(ctx, log.recorded("inner", waitFor(f)))
		middle := asyncio.Go(ctx, log.recorded("middle", waitFor(inner)))
		outer := asyncio.Go(ctx, log.recorded("outer", waitFor(middle)))
		yields(ctx, 1)
		outer.Cancel("enough")
		log.add("future cancelled: %v, asked: %d %d %d", f.Cancelled(), inner.Cancelling(), middle.Cancelling(), outer.Cancelling())
		_, err := outer.Await(ctx)
		log.add("main: %s", brief(err))
		return nil
	})
	log.want(t,
		"future cancelled: true, asked: 1 1 1",
		"inner: cancelled: enough",
		"middle: cancelled: enough",
		"outer: cancelled: enough",
		"main: cancelled: enough",
	)
}

// A062: the one that awaits may go on when what it awaits was cancelled for its sake.
func TestCancelGoesAlongTheChainAndIsSwallowedOutside(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		inside := false
		outer := asyncio.Go(ctx, func(ctx context.Context) error {
			_, err := asyncio.Coro[int](func(ctx context.Context) (int, error) {
				n, err := f.Await(ctx)
				inside = err != nil
				return n, err
			}).Await(ctx)
			wantErr(t, err, asyncio.ErrCancelled)
			return nil
		})
		yields(ctx, 1)
		outer.Cancel()
		_, err := outer.Await(ctx)
		equal(t, "seen inside, future cancelled, outer cancelled", []any{inside, f.Cancelled(), outer.Cancelled()}, "[true true false]")
		return err
	})
}

// A062: whoever Waits for a task, or awaits its Shield, can be cancelled without that.
func TestCancelStopsAtWaitAndShield(t *testing.T) {
	for name, await := range map[string]func(ctx context.Context, inner *asyncio.Task[int]) error{
		"Wait": func(ctx context.Context, inner *asyncio.Task[int]) error {
			_, _, err := asyncio.Wait(ctx, []*asyncio.Task[int]{inner})
			return err
		},
		"Shield": func(ctx context.Context, inner *asyncio.Task[int]) error {
			return waitFor(asyncio.Shield(ctx, inner))(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(ctx context.Context) error {
				inner := asyncio.CreateTask(ctx, sleepThen(time.Second, 1))
				task, err := cancelLater(ctx, func(ctx context.Context) error { return await(ctx, inner) })
				equal(t, "the error, cancelled", []any{brief(err), task.Cancelled()}, "[cancelled: enough true]")
				got, err := inner.Await(ctx)
				equal(t, "the inner task: asked, result", []any{inner.Cancelling(), got}, "[0 1]")
				return err
			})
		})
	}
}

// A063: a task that is ready to run sees the cancel in its next step.
func TestCancelOfATaskThatIsReady(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			err := asyncio.Yield(ctx)
			wantErr(t, err, asyncio.ErrCancelled)
			return err
		})
		yields(ctx, 1)
		task.Cancel()
		_, err := task.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled)
		equal(t, "cancelled, accepts another", []any{task.Cancelled(), task.Cancel()}, "[true false]")
		return nil
	})
}

// A063, A064: a task that runs sees it at its next await, which does not wait: what would be awaited is cancelled at once, be it a
// future, a task with what that awaits, or a pause.
func TestCancelOfTheRunningTask(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		inner := asyncio.Go(ctx, waitFor(f))
		yields(ctx, 1)
		alone := asyncio.NewFuture[int](ctx)
		for name, await := range map[string]func(ctx context.Context) error{
			"a sleep":  sleep(100 * time.Second),
			"a pause":  asyncio.Yield,
			"a future": waitFor(alone),
			"a task":   waitFor(inner),
		} {
			task := asyncio.Go(ctx, func(ctx context.Context) error {
				asyncio.CurrentTask(ctx).Cancel("enough")
				return await(ctx)
			})
			_, err := task.Await(ctx)
			equal(t, name+": the error, cancelled", []any{brief(err), task.Cancelled()}, "[cancelled: enough true]")
		}
		equal(t, "futures cancelled", []any{alone.Cancelled(), f.Cancelled()}, "[true true]")
		equal(t, "the inner task cancelled", inner.Cancelled(), true)
		equal(t, "the time", running(ctx).Time(), "0s")
		return nil
	})
}

// A064: an await of what is done already does not suspend, and so does not see the cancel. The next one does.
func TestCancelIsNotSeenByAnAwaitThatDoesNotSuspend(t *testing.T) {
	run(t, func(ctx context.Context) error {
		done := asyncio.NewFuture[int](ctx)
		_ = done.SetResult(1)
		asyncio.CurrentTask(ctx).Cancel()
		got, err := done.Await(ctx)
		equal(t, "the result", []any{got, err}, "[1 <nil>]")
		wantErr(t, asyncio.Yield(ctx), asyncio.ErrCancelled)
		return nil
	})
}

// A065: a task that is asked to cancel, and returns before it awaits anything, ends cancelled. Its result is dropped.
func TestCancelAndReturn(t *testing.T) {
	for _, debug := range []bool{false, true} {
		var log record
		err := runOn(t, &asyncio.Runner{Debug: debug}, func(ctx context.Context) error {
			running(ctx).SetExceptionHandler(log.handle)
			task := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
				asyncio.CurrentTask(ctx).Cancel("enough")
				return 12, nil
			})
			got, err := task.Await(ctx)
			equal(t, "result, error, cancelled", []any{got, brief(err), task.Cancelled()}, "[0 cancelled: enough true]")
			equal(t, "accepts another", task.Cancel(), false)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		log.want(t) // it did not swallow anything
	}
}

// A066: a task whose future is done, and that was not given the result yet, can still be cancelled. The result stays with the future.
func TestCancelWinsOverAResultOnItsWay(t *testing.T) {
	run(t, func(ctx context.Context) error {
		for name, settle := range map[string]func(f *asyncio.Future[int]) error{
			"result": func(f *asyncio.Future[int]) error { return f.SetResult(1) },
			"error":  func(f *asyncio.Future[int]) error { return f.SetException(errBoom) },
		} {
			f := asyncio.NewFuture[int](ctx)
			task := asyncio.Go(ctx, waitFor(f))
			yields(ctx, 1)
			_ = settle(f)
			equal(t, name+": accepted", task.Cancel("enough"), true)
			_, err := task.Await(ctx)
			equal(t, name+": the error", brief(err), "cancelled: enough")
			equal(t, name+": future cancelled", f.Cancelled(), false)
		}
		return nil
	})
}

// A067, A068: a cancel is seen once. A task that catches it may await as before, and if it returns a result it has one: it
// was not cancelled.
func TestCancelIsSeenOnce(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		first, second, third := asyncio.NewFuture[int](ctx), asyncio.NewFuture[int](ctx), asyncio.NewFuture[int](ctx)
		task := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
			_, err := first.Await(ctx)
			log.add("first: %s", brief(err))
			_, err = second.Await(ctx)
			log.add("second: %s", brief(err))
			log.add("a pause: %s", brief(asyncio.Yield(ctx)))
			return third.Await(ctx)
		})
		yields(ctx, 1)
		_ = first.SetResult(1)
		yields(ctx, 1)
		task.Cancel()
		yields(ctx, 2)
		_ = third.SetResult(42)
		got, err := task.Await(ctx)
		log.add("result: %d, cancelled: %v, cancelling: %d", got, task.Cancelled(), task.Cancelling())
		log.add("futures cancelled: %v %v %v", first.Cancelled(), second.Cancelled(), third.Cancelled())
		return err
	})
	log.want(t,
		"first: ok",
		"second: cancelled",
		"a pause: ok",
		"result: 42, cancelled: false, cancelling: 1",
		"futures cancelled: false true false",
	)
}

// A069: each request is counted. Two before the task runs are one error, with the message of the first where a future was
// cancelled for it; one after that is another.
func TestCancelRepeated(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			for range 3 {
				log.add("%s", brief(asyncio.Sleep(ctx, time.Second)))
			}
			return nil
		})
		yields(ctx, 1)
		task.Cancel(1)
		task.Cancel(2)
		log.add("cancelling: %d", task.Cancelling())
		yields(ctx, 2)
		task.Cancel(3)
		_, err := task.Await(ctx)
		log.add("cancelling: %d, cancelled: %v", task.Cancelling(), task.Cancelled())
		return err
	})
	log.want(t, "cancelling: 2", "cancelled: 1", "cancelled: 3", "ok", "cancelling: 3, cancelled: false")
}

// A070: cancelled is what a task is that ends with a cancellation, wherever that came from: nobody needs to have asked the task.
func TestCancelledWithoutARequest(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		task := asyncio.Go(ctx, waitFor(f))
		yields(ctx, 1)
		f.Cancel("enough")
		_, err := task.Await(ctx)
		equal(t, "the error, cancelled, cancelling", []any{brief(err), task.Cancelled(), task.Cancelling()}, "[cancelled: enough true 0]")
		return nil
	})
}

// A071: a cancel of the future and one of the task in the same turn are one orderly cancellation, whichever comes first.
func TestCancelOfTheFutureAndTheTask(t *testing.T) {
	run(t, func(ctx context.Context) error {
		for _, futureFirst := range []bool{true, false} {
			f := asyncio.NewFuture[int](ctx)
			task := asyncio.Go(ctx, func(ctx context.Context) error {
				_, err := f.Await(ctx)
				wantErr(t, err, asyncio.ErrCancelled)
				return errors.Join(err, asyncio.Yield(ctx)) // which goes well
			})
			yields(ctx, 1)
			if futureFirst {
				f.Cancel()
			}
			task.Cancel()
			f.Cancel()
			_, err := task.Await(ctx)
			wantErr(t, err, asyncio.ErrCancelled)
			equal(t, "future, task cancelled, time", []any{f.Cancelled(), task.Cancelled(), running(ctx).Time()}, "[true true 0s]")
		}
		return nil
	})
}

// A072: another error that comes up in the cleanup makes the task one that has failed.
func TestCancelAndThenAnError(t *testing.T) {
	run(t, func(ctx context.Context) error {
		for name, end := range map[string]func(cancel error) error{
			"instead":  func(error) error { return errBoom },
			"joined":   func(cancel error) error { return errors.Join(cancel, errBoom) },
			"with %w":  func(cancel error) error { return fmt.Errorf("%w after %w", errBoom, cancel) },
			"a cause":  func(cancel error) error { return &asyncio.TimeoutError{Cause: cancel} },
			"a %v":     func(cancel error) error { return fmt.Errorf("cleanup: %v", cancel) },
			"a panic":  func(cancel error) error { panic(fmt.Sprint(cancel)) },
			"panic it": func(cancel error) error { panic(cancel) },
		} {
			running(ctx).SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) {})
			task, err := cancelLater(ctx, func(ctx context.Context) error { return end(asyncio.Sleep(ctx, time.Hour)) })
			if err == nil || task.Cancelled() || task.Exception() != err || task.Cancelling() != 1 {
				t.Errorf("%s: it ended with %v, cancelled: %v", name, err, task.Cancelled())
			}
		}
		return nil
	})
}

// A073: a cancellation is told from an ordinary error by errors.Is, with asyncio's name and with Go's, and by errors.As. It is
// no timeout. (Python keeps it apart from what a bare except catches; in Go nothing catches what one does not look at, and
// debug mode finds who did not: see TestCancelSwallowedIsReported.)
func TestCancelledErrorIsKnownByItsKind(t *testing.T) {
	run(t, func(ctx context.Context) error {
		_, err := cancelLater(ctx, never)
		err = fmt.Errorf("while working: %w", err)
		wantErr(t, err, asyncio.ErrCancelled)
		wantErr(t, err, context.Canceled)
		var c *asyncio.CancelledError
		if !errors.As(err, &c) || c.Message != "enough" {
			t.Errorf("it is %#v", err)
		}
		for _, not := range []error{asyncio.ErrTimeout, context.DeadlineExceeded, asyncio.ErrRuntime, asyncio.ErrInterrupted} {
			if errors.Is(err, not) {
				t.Errorf("%v is %v", err, not)
			}
		}
		return nil
	})
}

// A074: the message of a Cancel, of any type, is seen inside of the task and by the one that awaits it; without one there is none.
func TestCancelOfATaskWithAMessage(t *testing.T) {
	type reason struct{ code int }
	for _, msg := range [][]any{nil, {nil}, {"my message"}, {5}, {reason{7}}} {
		run(t, func(ctx context.Context) error {
			var want any
			if len(msg) > 0 {
				want = msg[0]
			}
			message := func(where string, err error) {
				t.Helper()
				var c *asyncio.CancelledError
				if !errors.As(err, &c) || c.Message != want {
					t.Errorf("%s: %#v, wanted the message %v", where, err, want)
				}
			}
			start := func(when string) *asyncio.Task[asyncio.None] {
				task := asyncio.Go(ctx, func(ctx context.Context) error {
					err := asyncio.Sleep(ctx, 10*time.Second)
					message("inside", err)
					return err
				})
				if when == "suspended" {
					yields(ctx, 1)
				}
				task.Cancel(msg...)
				return task
			}
			for _, when := range []string{"suspended", "not begun"} {
				_, err := start(when).Await(ctx)
				message("await, "+when, err)
				task := start(when)
				_, _, err = asyncio.Wait(ctx, []*asyncio.Task[asyncio.None]{task})
				message("Exception, "+when, task.Exception())
				task = start(when)
				yields(ctx, 1)
				_, err = task.Result()
				message("Result, "+when, err)
			}
			return nil
		})
	}
}

// The text of a CancelledError has the message, if there is one, and who asked: a task, a timeout, a group; a callback is nobody.
func TestCancelledErrorText(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		show := func(err error) {
			var c *asyncio.CancelledError
			if !errors.As(err, &c) {
				t.Errorf("%v is no CancelledError", err)
				return
			}
			log.add("%q: %v", c.By(), err)
		}
		task := asyncio.Go(ctx, never)
		killer := asyncio.Go(ctx, func(context.Context) error { task.Cancel("enough"); return nil }, asyncio.WithName("killer"))
		_, err := task.Await(ctx)
		show(err)
		_, err = killer.Await(ctx)

		_, byCall := cancelLater(ctx, never)
		show(byCall)
		_ = asyncio.Timeout(ctx, time.Second, func(ctx context.Context) error { show(never(ctx)); return nil })
		_ = asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.Cancel()
			show(never(ctx))
			return nil
		})
		return err
	})
	log.want(t,
		`"killer": asyncio: cancelled by killer: enough`,
		`"": asyncio: cancelled: enough`,
		`"a timeout of 1s": asyncio: cancelled by a timeout of 1s`,
		`"<TaskGroup cancelling>": asyncio: cancelled by <TaskGroup cancelling>`,
	)
}
