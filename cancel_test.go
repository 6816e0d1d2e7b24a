package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
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

// stateOf returns the state that a future or a task prints: the second word.
func stateOf(f fmt.Stringer) string { return strings.Trim(strings.Fields(f.String())[1], ">") }

// A059, A076: Cancel asks. It is accepted, also a second time, as long as the task has not ended, and counted; nothing is
// cancelled yet.
func TestCancelIsARequest(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task := asyncio.Go(ctx, sleep(10*time.Second))
		equal(t, "cancelling, before", task.Cancelling(), 0)
		for n := 1; n <= 2; n++ {
			equal(t, "accepted, cancelling, cancelled, done",
				[]any{task.Cancel(), task.Cancelling(), task.Cancelled(), task.Done()}, []any{true, n, false, false})
			equal(t, "as it prints", stateOf(task), "cancelling")
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
		task.CancelWith("too early")
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
		task.CancelWith("enough")
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
		inner := asyncio.Go(ctx, log.Recorded("inner", waitFor(f)))
		middle := asyncio.Go(ctx, log.Recorded("middle", waitFor(inner)))
		outer := asyncio.Go(ctx, log.Recorded("outer", waitFor(middle)))
		yields(ctx, 1)
		outer.CancelWith("enough")
		log.Add("future cancelled: %v, asked: %d %d %d", f.Cancelled(), inner.Cancelling(), middle.Cancelling(), outer.Cancelling())
		_, err := outer.Await(ctx)
		log.Add("main: %s", brief(err))
		return nil
	})
	log.Want(t,
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
				asyncio.CurrentTask(ctx).CancelWith("enough")
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
			running(ctx).SetExceptionHandler(log.Handle)
			task := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
				asyncio.CurrentTask(ctx).CancelWith("enough")
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
		log.Want(t) // it did not swallow anything
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
			equal(t, name+": accepted", task.CancelWith("enough"), true)
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
			log.Add("first: %s", brief(err))
			_, err = second.Await(ctx)
			log.Add("second: %s", brief(err))
			log.Add("a pause: %s", brief(asyncio.Yield(ctx)))
			return third.Await(ctx)
		})
		yields(ctx, 1)
		_ = first.SetResult(1)
		yields(ctx, 1)
		task.Cancel()
		yields(ctx, 2)
		_ = third.SetResult(42)
		got, err := task.Await(ctx)
		log.Add("result: %d, cancelled: %v, cancelling: %d", got, task.Cancelled(), task.Cancelling())
		log.Add("futures cancelled: %v %v %v", first.Cancelled(), second.Cancelled(), third.Cancelled())
		return err
	})
	log.Want(t,
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
				log.Add("%s", brief(asyncio.Sleep(ctx, time.Second)))
			}
			return nil
		})
		yields(ctx, 1)
		task.CancelWith(1)
		task.CancelWith(2)
		log.Add("cancelling: %d", task.Cancelling())
		yields(ctx, 2)
		task.CancelWith(3)
		_, err := task.Await(ctx)
		log.Add("cancelling: %d, cancelled: %v", task.Cancelling(), task.Cancelled())
		return err
	})
	log.Want(t, "cancelling: 2", "cancelled: 1", "cancelled: 3", "ok", "cancelling: 3, cancelled: false")
}

// A070: cancelled is what a task is that ends with a cancellation, wherever that came from: nobody needs to have asked the task.
func TestCancelledWithoutARequest(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		task := asyncio.Go(ctx, waitFor(f))
		yields(ctx, 1)
		f.CancelWith("enough")
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
// debug mode finds who did not: see TestSuppressedCancelIsReported.)
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
		for _, not := range []error{asyncio.ErrTimeout, context.DeadlineExceeded, asyncio.ErrMisuse, asyncio.ErrInterrupted} {
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
				cancelWith(task, msg...)
				return task
			}
			for _, when := range []string{"suspended", "not begun"} {
				_, err := start(when).Await(ctx)
				message("await, "+when, err)
				task := start(when)
				if _, _, err := asyncio.Wait(ctx, []*asyncio.Task[asyncio.None]{task}); err != nil {
					return err
				}
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
			log.Add("%q: %v", c.By(), err)
		}
		task := asyncio.Go(ctx, never)
		killer := asyncio.Go(ctx, func(context.Context) error { task.CancelWith("enough"); return nil }, asyncio.WithName("killer"))
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
	log.Want(t,
		`"killer": asyncio: cancelled by killer: enough`,
		`"": asyncio: cancelled: enough`,
		`"a timeout of 1s": asyncio: cancelled by a timeout of 1s`,
		`"a group, which was cancelled": asyncio: cancelled by a group, which was cancelled`,
	)
}

// A075: the error with which a cancelled task ended is given to the first who asks: the very value that the task's function
// returned, with all it wraps. The next gets one of its own, without the message, that leads to it.
func TestCancelledErrorIsGivenOnce(t *testing.T) {
	run(t, func(ctx context.Context) error {
		for name, ask := range map[string]func(task *asyncio.Task[int]) error{
			"Await":     func(task *asyncio.Task[int]) error { _, err := task.Await(ctx); return err },
			"Result":    func(task *asyncio.Task[int]) error { _, err := task.Result(); return err },
			"Exception": func(task *asyncio.Task[int]) error { return task.Exception() },
		} {
			var returned error
			task := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
				returned = fmt.Errorf("at line 10: %w", never(ctx))
				return 0, returned
			})
			yields(ctx, 1)
			task.CancelWith("enough")
			yields(ctx, 1)
			if first := ask(task); first != returned || brief(first) != "cancelled: enough" {
				t.Errorf("%s: the first gets %v", name, first)
			}
			var second *asyncio.CancelledError
			if err := ask(task); !errors.As(err, &second) || second.Message != nil || second.Cause != returned {
				t.Errorf("%s: the second gets %#v", name, err)
			}
		}
		return nil
	})
}

// A075: an error that is made of it can be followed back to it.
func TestCancelledErrorAsACause(t *testing.T) {
	run(t, func(ctx context.Context) error {
		inner := asyncio.Go(ctx, never)
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			_, err := inner.Await(ctx)
			return &asyncio.CleanupError{Err: errBoom, During: err}
		})
		yields(ctx, 2)
		inner.CancelWith("msg")
		_, err := task.Await(ctx)
		var c *asyncio.CancelledError
		if !errors.Is(err, errBoom) || !errors.As(err, &c) || c.Message != "msg" || task.Cancelled() {
			t.Errorf("it ended with %v, cancelled: %v", err, task.Cancelled())
		}
		return nil
	})
}

// A076, A077: Uncancel takes one request back and tells how many are left, never less than none. It does not undo what was
// delivered, and nothing once the task has ended.
func TestUncancel(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		equal(t, "Uncancel of nothing", asyncio.CurrentTask(ctx).Uncancel(), 0)
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			self := asyncio.CurrentTask(ctx)
			log.Add("first: %s", brief(asyncio.Sleep(ctx, 10*time.Second)))
			log.Add("left: %d", self.Uncancel())
			return log.Recorded("second", sleep(10*time.Second))(ctx)
		})
		yields(ctx, 1)
		for range 2 { // for each of the two sleeps
			task.Cancel()
			log.Add("%s, asked %d", stateOf(task), task.Cancelling())
			yields(ctx, 2)
			log.Add("%s, asked %d", stateOf(task), task.Cancelling())
		}
		log.Add("after the end, left: %d, cancelled: %v", task.Uncancel(), task.Cancelled())
		return nil
	})
	log.Want(t,
		"cancelling, asked 1",
		"first: cancelled",
		"left: 0",
		"pending, asked 0",
		"cancelling, asked 1",
		"second: cancelled",
		"cancelled, asked 1",
		"after the end, left: 0, cancelled: true",
	)
}

// A078: a request that is taken back before it was delivered is void: the task goes on as if nothing had been. If there are several
// it is the last that must be taken back.
func TestUncancelBeforeTheCancelIsDelivered(t *testing.T) {
	run(t, func(ctx context.Context) error {
		for _, requests := range []int{1, 2} {
			for _, taken := range []int{1, 2} {
				f := asyncio.NewFuture[int](ctx)
				task := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) { return f.Await(ctx) })
				yields(ctx, 1)
				_ = f.SetResult(42) // so that the request waits for the task to run
				for range requests {
					task.Cancel()
				}
				for range taken {
					task.Uncancel()
				}
				got, err := task.Await(ctx)
				if void := taken >= requests; void && (got != 42 || err != nil) || !void && !errors.Is(err, asyncio.ErrCancelled) {
					t.Errorf("%d requests, of which %d were taken back: it ended with %v, %v", requests, taken, got, err)
				}
			}
		}
		return nil
	})
}

// A078: so it is with a task that has not begun, or runs.
func TestUncancelOfATaskThatHasNotBegun(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
			asyncio.CurrentTask(ctx).Cancel()
			asyncio.CurrentTask(ctx).Uncancel()
			return 42, asyncio.Yield(ctx)
		})
		task.Cancel()
		task.Uncancel()
		got, err := task.Await(ctx)
		equal(t, "the result", got, 42)
		return err
	})
}

// A079: a timeout by hand, with Task.Cancel and Uncancel alone. The five rules: undo in any case; only what one has asked
// for oneself; once; make another error of it only when nothing else is asked for; and only of a cancellation.
func TestUncancelInAStructuredBlock(t *testing.T) {
	errLate := errors.New("late")
	limited := func(ctx context.Context, limit time.Duration, body func(ctx context.Context) error) error {
		task, late := asyncio.CurrentTask(ctx), false
		timer := running(ctx).CallLater(limit, func(context.Context) {
			late = true
			task.Cancel()
		})
		err := body(ctx)
		timer.Cancel()
		if late && task.Uncancel() == 0 && errors.Is(err, asyncio.ErrCancelled) {
			return errLate
		}
		return err
	}
	for name, c := range map[string]struct {
		body   func(ctx context.Context) error
		cancel time.Duration // from outside; 0 is never
		want   string
	}{
		"in time":             {body: sleep(time.Second), want: "ok, left 0"},
		"late":                {body: sleep(time.Minute), want: "late, left 0"},
		"late, another error": {body: failInCleanup(errBoom), want: "boom, left 0"},
		"cancelled":           {body: sleep(time.Minute), cancel: 5 * time.Second, want: "cancelled, left 1"},
		"cancelled and late":  {body: sleep(time.Minute), cancel: 10 * time.Second, want: "cancelled, left 1"},
		"late, in a block": {body: func(ctx context.Context) error {
			return limited(ctx, time.Second, sleep(time.Minute))
		}, want: "late, left 0"},
		"late, around a block": {body: func(ctx context.Context) error {
			return limited(ctx, 20*time.Second, sleep(time.Minute))
		}, want: "late, left 0"},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(ctx context.Context) error {
				task := asyncio.Go(ctx, func(ctx context.Context) error {
					err := limited(ctx, 10*time.Second, c.body)
					equal(t, "what came of it", fmt.Sprintf("%s, left %d", brief(err), asyncio.CurrentTask(ctx).Cancelling()), c.want)
					return asyncio.Yield(ctx) // code outside of the block is not disturbed
				})
				if c.cancel > 0 {
					running(ctx).CallAt(c.cancel, func(context.Context) { task.Cancel() })
				}
				_, err := task.Await(ctx)
				return err
			})
		})
	}
}

// A082: what main leaves behind is cancelled in the order of its creation.
func TestCancelAtTheEndIsInOrderOfCreation(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		for _, name := range []string{"a", "b", "c"} {
			asyncio.Go(ctx, log.Recorded(name, never))
			if err := asyncio.Sleep(ctx, time.Second); err != nil {
				return err
			}
		}
		return nil
	})
	log.Want(t, "a: cancelled", "b: cancelled", "c: cancelled")
}

// A083: a future that refuses the cancel, as a gather does whose children are all done, is awaited to its end. Then the
// task gets the cancel, and not the result.
func TestCancelThatTheFutureRefuses(t *testing.T) {
	run(t, func(ctx context.Context) error {
		asked := 0
		f := asyncio.NewFuture[int](ctx, asyncio.WithCancel(func(any) bool { asked++; return false }))
		task := asyncio.Go(ctx, waitFor(f))
		yields(ctx, 1)
		equal(t, "accepted", task.CancelWith("enough"), true)
		yields(ctx, 3)
		equal(t, "task, future done, asked", []any{task.Done(), f.Done(), asked}, "[false false 1]")
		_ = f.SetResult(1)
		_, err := task.Await(ctx)
		equal(t, "the error, task cancelled, future", []any{brief(err), task.Cancelled(), f}, "[cancelled: enough true <Future finished result=1>]")
		return nil
	})
}

// A task ends cancelled if its error is a cancellation or wraps one: asyncio's in any case, Go's own while a cancel is
// outstanding. Its error is then a CancelledError to everybody, and leads to what the function returned.
func TestWhatEndsATaskCancelled(t *testing.T) {
	type end struct {
		err       error
		requested bool // is the task asked to cancel at its end?
		cancelled bool // does it then end cancelled?
	}
	asyncios := &asyncio.CancelledError{Message: "m"}
	for _, e := range []end{
		{asyncio.ErrCancelled, false, true},
		{asyncios, false, true},
		{fmt.Errorf("in here: %w", asyncios), false, true},
		{errors.Join(asyncios, asyncio.ErrCancelled), false, true},
		{errors.Join(asyncios, errBoom), false, false},
		{context.Canceled, false, false},
		{fmt.Errorf("Get /: %w", context.Canceled), false, false},
		{errors.Join(asyncios, context.Canceled), false, false},
		{context.Canceled, true, true},
		{fmt.Errorf("Get /: %w", context.Canceled), true, true},
		{errors.Join(asyncios, context.Canceled), true, true},
		{errors.Join(errBoom, context.Canceled), true, false},
		{context.DeadlineExceeded, true, false},
		{&asyncio.TimeoutError{Cause: asyncios}, true, false},
	} {
		run(t, func(ctx context.Context) error {
			task := asyncio.Go(ctx, func(ctx context.Context) error {
				if e.requested {
					asyncio.CurrentTask(ctx).Cancel()
					_ = asyncio.Yield(ctx)
				}
				return e.err
			})
			_, err := task.Await(ctx)
			if task.Cancelled() != e.cancelled || !errors.Is(err, e.err) {
				t.Errorf("%+v: cancelled: %v, %v", e, task.Cancelled(), err)
			}
			if e.cancelled {
				wantErr(t, err, asyncio.ErrCancelled)
			}
			return nil
		})
	}
}

// get stands for a call of Go's own, one of net/http say, that knows nothing of asyncio: it ends when ctx does.
func get(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("Get /: %w", ctx.Err())
	default:
		return nil
	}
}

// A plain Go function sees in the ctx that the task is to end, from the request on, and if its error is the task's the task is cancelled.
func TestCancelAndAPlainGoFunction(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			if err := get(ctx); err != nil {
				return err
			}
			asyncio.CurrentTask(ctx).CancelWith("enough")
			return get(ctx)
		})
		_, err := task.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled)
		equal(t, "cancelled, what it returned", []any{task.Cancelled(), errors.Unwrap(err)}, "[true Get /: context canceled]")

		// When the request was withdrawn the same error is one like any other.
		task = asyncio.Go(ctx, func(ctx context.Context) error {
			asyncio.CurrentTask(ctx).CancelWith("enough")
			err := get(ctx)
			asyncio.CurrentTask(ctx).Uncancel()
			return err
		})
		_, err = task.Await(ctx)
		equal(t, "cancelled, error", []any{task.Cancelled(), err}, "[false Get /: context canceled]")
		return nil
	})
}

// isDone tells whether ctx is done, and fails the test if its methods do not agree on that.
func isDone(t testing.TB, ctx context.Context) bool {
	t.Helper()
	closed := false
	select {
	case <-ctx.Done():
		closed = true
	default:
	}
	if err := ctx.Err(); closed != (err != nil) {
		t.Errorf("Done is closed: %v, Err is %v", closed, err)
	}
	return closed
}

// The ctx of a task is done as soon as it is asked to cancel: before the task runs again, in its cleanup, and after its
// end. Who looked before and who looks only then see the same; of the whole chain of awaits each is done.
func TestCancelEndsTheCtx(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		for _, lookedBefore := range []bool{true, false} {
			var inside, innermost context.Context
			inner := asyncio.Go(ctx, func(ctx context.Context) error {
				innermost = ctx
				return never(ctx)
			})
			task := asyncio.Go(ctx, func(ctx context.Context) error {
				inside = ctx
				if lookedBefore {
					log.Add("before: %v", isDone(t, ctx))
				}
				_, err := inner.Await(ctx)
				log.Add("cleanup: %v, %v", isDone(t, ctx), brief(asyncio.Yield(ctx)))
				return err
			})
			yields(ctx, 1)
			if lookedBefore {
				context.AfterFunc(inside, func() {}) // a goroutine of its own is not needed: noLeaks would find it
			}
			task.Cancel()
			log.Add("asked: %v, of the chain: %v", isDone(t, inside), isDone(t, innermost))
			equal(t, "the cause", context.Cause(inside), context.Canceled)
			_, err := task.Await(ctx)
			wantErr(t, err, asyncio.ErrCancelled)
			log.Add("ended: %v", isDone(t, inside))
		}
		log.Add("of the one that asked: %v", isDone(t, ctx))
		return nil
	})
	log.Want(t,
		"before: false",
		"asked: true, of the chain: true",
		"cleanup: true, ok",
		"ended: true",
		"asked: true, of the chain: true",
		"cleanup: true, ok",
		"ended: true",
		"of the one that asked: false",
	)
}

// When Uncancel has taken the last request back, the task's ctx reads as open again. What was derived from it
// before stays done; what is derived after that is open, and ends with the next request.
func TestUncancelOpensTheCtx(t *testing.T) {
	run(t, func(ctx context.Context) error {
		self := asyncio.CurrentTask(ctx)
		before, stop := context.WithCancel(ctx)
		defer stop()
		self.Cancel()
		self.Cancel()
		_ = asyncio.Yield(ctx)
		self.Uncancel()
		equal(t, "with one left: done", isDone(t, ctx), true)
		self.Uncancel()
		equal(t, "with none left: done, what was derived before", []any{isDone(t, ctx), isDone(t, before)}, "[false true]")
		after, stop := context.WithCancel(ctx)
		defer stop()
		equal(t, "what is derived after", isDone(t, after), false)
		self.Cancel()
		equal(t, "with the next request", []any{isDone(t, ctx), isDone(t, after)}, "[true true]")
		_ = asyncio.Yield(ctx)
		self.Uncancel()
		return asyncio.Yield(ctx)
	})
}

// In the cleanup a task may await as it likes: a cancel that was delivered is no reason for an await to fail, be it in a block, under a
// lock, or in a thread, whose function is given a ctx that is open.
func TestCancelLeavesTheCleanupAlone(t *testing.T) {
	run(t, func(ctx context.Context) error {
		lock := new(asyncio.Lock)
		task, err := cancelLater(ctx, func(ctx context.Context) error {
			cancelled := asyncio.Sleep(ctx, time.Hour)
			for name, err := range map[string]error{
				"sleep":   asyncio.Sleep(ctx, time.Second),
				"task":    waitFor(asyncio.CreateTask(ctx, sleepThen(time.Second, 1)))(ctx),
				"gather":  waitFor(asyncio.Gather(ctx, asyncio.Coro[int](sleepThen(time.Second, 1)), asyncio.Coro[int](one)))(ctx),
				"timeout": asyncio.Timeout(ctx, time.Minute, sleep(time.Second)),
				"group": asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
					tg.Go(sleep(time.Second))
					return nil
				}),
				"lock": lock.With(ctx, sleep(time.Second)),
				"thread": func() error {
					_, err := asyncio.ToThread(ctx, func(ctx context.Context) (int, error) { return 0, ctx.Err() })
					return err
				}(),
			} {
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			return cancelled
		})
		equal(t, "the error, cancelled", []any{brief(err), task.Cancelled()}, "[cancelled: enough true]")
		return nil
	})
}

// The ctx of a function in a thread is cancelled by a cancel of the await of that function.
func TestCancelReachesAThread(t *testing.T) {
	run(t, func(ctx context.Context) error {
		seen := make(chan error, 1)
		begun := new(asyncio.Event)
		l := running(ctx)
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			_, err := asyncio.ToThread(ctx, func(ctx context.Context) (int, error) {
				_, _ = l.CallSoonThreadsafe(func(context.Context) { begun.Set() })
				<-ctx.Done()
				seen <- context.Cause(ctx)
				return 1, nil
			})
			return err
		})
		if err := begun.Wait(ctx); err != nil {
			return err
		}
		task.CancelWith("enough")
		_, err := task.Await(ctx)
		equal(t, "the error, cancelled", []any{brief(err), task.Cancelled()}, "[cancelled: enough true]")
		equal(t, "what the function sees", brief(<-seen), "cancelled: enough")
		return nil
	})
}

// A cancel goes along a chain of awaits however long that is: without a deep stack, to the innermost first, and each task is asked once.
func TestCancelGoesAlongALongChain(t *testing.T) {
	length := 100_000
	if testing.Short() || raceDetector() {
		length = 5_000 // for the sake of time and memory
	}
	run(t, func(ctx context.Context) error {
		var deepest [100]uintptr
		frames := 0
		innermost := asyncio.NewFuture[int](ctx, asyncio.WithCancel(func(any) bool {
			frames = runtime.Callers(0, deepest[:])
			return false // the cancel is a flag then, at the innermost task
		}))
		chain := []*asyncio.Task[int]{asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) { return innermost.Await(ctx) })}
		ended := 0
		for i := 1; i < length; i++ {
			chain = append(chain, asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
				_, err := chain[i-1].Await(ctx)
				if ended++; ended != i {
					t.Fatalf("task %d ends as the %d.", i, ended)
				}
				return 0, err
			}))
		}
		yields(ctx, 1)
		outermost := chain[length-1]
		outermost.CancelWith("enough")
		if frames == 0 || frames > 20 {
			t.Errorf("the innermost future was asked at a depth of %d calls", frames)
		}
		for i, task := range chain {
			if task.Cancelling() != 1 {
				t.Fatalf("task %d was asked %d times", i, task.Cancelling())
			}
		}
		_ = innermost.SetResult(1)
		_, err := outermost.Await(ctx)
		equal(t, "the error", brief(err), "cancelled: enough")
		return nil
	})
}

// Neither does it matter to a chain how it ends.
func TestALongChainEnds(t *testing.T) {
	const length = 10_000
	run(t, func(ctx context.Context) error {
		last := asyncio.CreateTask(ctx, sleepThen(time.Second, 1))
		for range length {
			before := last
			last = asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
				n, err := before.Await(ctx)
				return n + 1, err
			})
		}
		got, err := last.Await(ctx)
		equal(t, "the result", got, length+1)
		return err
	})
}
