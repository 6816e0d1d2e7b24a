package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// waitFor returns a task function that awaits f.
func waitFor[T any](f asyncio.Awaitable[T]) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		_, err := f.Await(ctx)
		return err
	}
}

// stateOf returns the state in the text form of a future or task: its second word.
func stateOf(f fmt.Stringer) string { return strings.Trim(strings.Fields(f.String())[1], ">") }

// A059, A076: Cancel only requests cancellation. It returns true and counts the request
// until the task has ended.
func TestCancelIsARequest(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task := asyncio.Go(ctx, sleep(10*time.Second))
		equal(t, "cancelling, before", task.Cancelling(), 0)
		for n := 1; n <= 2; n++ {
			equal(t, "accepted, cancelling, cancelled, done",
				[]any{task.Cancel(), task.Cancelling(), task.Cancelled(), task.Done()}, []any{true, n, false, false})
			equal(t, "state", stateOf(task), "cancelling")
		}
		_, err := task.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled)
		equal(t, "after the end: accepted, cancelling, cancelled, done",
			[]any{task.Cancel(), task.Cancelling(), task.Cancelled(), task.Done()}, "[false 2 true true]")
		equal(t, "the time", running(ctx).Time(), "0s")
		return nil
	})
}

// A060: a task cancelled before its first step ends cancelled without running its
// function.
func TestCancelBeforeFirstStep(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task := asyncio.Go(ctx, func(context.Context) error { t.Error("the function ran"); return nil })
		task.CancelWith("too early")
		_, err := task.Await(ctx)
		equal(t, "the error, cancelled", []any{brief(err), task.Cancelled()}, "[cancelled: too early true]")
		return nil
	})
}

// A061: cancelling a task blocked on a future cancels that future immediately; the task's
// Await then returns a CancelledError.
func TestCancelOfTaskBlockedOnFuture(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			_, err := f.Await(ctx)
			equal(t, "the error in the task", brief(err), "cancelled: enough")
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

// A062: cancellation follows the chain of awaits to the innermost future. Each task of
// the chain is cancelled, and they receive their errors from the inside out.
func TestCancelFollowsChainOfAwaits(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		inner := asyncio.Go(ctx, log.Recorded("inner", waitFor(f)))
		middle := asyncio.Go(ctx, log.Recorded("middle", waitFor(inner)))
		outer := asyncio.Go(ctx, log.Recorded("outer", waitFor(middle)))
		yields(ctx, 1)
		outer.CancelWith("enough")
		log.Add("future cancelled: %v, cancelling: %d %d %d", f.Cancelled(), inner.Cancelling(), middle.Cancelling(), outer.Cancelling())
		_, err := outer.Await(ctx)
		log.Add("main: %s", brief(err))
		return nil
	})
	log.Want(t,
		"future cancelled: true, cancelling: 1 1 1",
		"inner: cancelled: enough",
		"middle: cancelled: enough",
		"outer: cancelled: enough",
		"main: cancelled: enough",
	)
}

// A062: a task may continue after its cancellation has cancelled the awaited future.
func TestCancelOfChainHandledByOuterTask(t *testing.T) {
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
		equal(t, "received inside, future cancelled, outer cancelled", []any{inside, f.Cancelled(), outer.Cancelled()}, "[true true false]")
		return err
	})
}

// A062: cancelling a task that awaits Wait or Shield does not cancel the inner task.
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
				equal(t, "the inner task: cancelling, result", []any{inner.Cancelling(), got}, "[0 1]")
				return err
			})
		})
	}
}

// A063: a ready task receives the cancellation in its next step.
func TestCancelOfReadyTask(t *testing.T) {
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
		equal(t, "cancelled, accepts another request", []any{task.Cancelled(), task.Cancel()}, "[true false]")
		return nil
	})
}

// A063, A064: the running task receives the cancellation at its next blocking Await,
// which cancels its target and does not block: a future, a task and its target, a sleep,
// or a Yield.
func TestCancelOfRunningTask(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		inner := asyncio.Go(ctx, waitFor(f))
		yields(ctx, 1)
		alone := asyncio.NewFuture[int](ctx)
		for name, await := range map[string]func(ctx context.Context) error{
			"Sleep":  sleep(100 * time.Second),
			"Yield":  asyncio.Yield,
			"future": waitFor(alone),
			"task":   waitFor(inner),
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

// A064: an Await of a finished future does not suspend and so does not receive the
// cancellation. The next blocking one does.
func TestCancelIsNotDeliveredWithoutSuspension(t *testing.T) {
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

// A065: a task that requests its own cancellation and returns before another suspension
// ends cancelled, and its result is discarded.
func TestCancelDiscardsResultOfReturn(t *testing.T) {
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
			equal(t, "accepts another request", task.Cancel(), false)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		log.Want(t) // not reported as a suppressed cancellation
	}
}

// A066: a task can still be cancelled after the future it awaits is done, until it
// resumes; the future keeps its result.
func TestCancelOverridesUndeliveredResult(t *testing.T) {
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

// A067, A068: each request interrupts one Await. A task that handles the error can await
// again and finish with a result.
func TestCancelIsDeliveredOnce(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		first, second, third := asyncio.NewFuture[int](ctx), asyncio.NewFuture[int](ctx), asyncio.NewFuture[int](ctx)
		task := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
			_, err := first.Await(ctx)
			log.Add("first: %s", brief(err))
			_, err = second.Await(ctx)
			log.Add("second: %s", brief(err))
			log.Add("Yield: %s", brief(asyncio.Yield(ctx)))
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
		"Yield: ok",
		"result: 42, cancelled: false, cancelling: 1",
		"futures cancelled: false true false",
	)
}

// A069: every request increments Cancelling. Requests made before the task's next step
// are delivered as one error, with the message of the first; a later request is another
// error.
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

// A070: a task is cancelled whenever its function returns a CancelledError, even if no
// one requested that.
func TestCancelledWithoutRequest(t *testing.T) {
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

// A071: cancelling a task and the future it awaits in the same turn results in a single
// cancellation, in either order.
func TestCancelOfFutureAndTask(t *testing.T) {
	run(t, func(ctx context.Context) error {
		for _, futureFirst := range []bool{true, false} {
			f := asyncio.NewFuture[int](ctx)
			task := asyncio.Go(ctx, func(ctx context.Context) error {
				_, err := f.Await(ctx)
				wantErr(t, err, asyncio.ErrCancelled)
				return errors.Join(err, asyncio.Yield(ctx)) // returns nil
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

// A072: a task that returns a different error while handling a cancellation has failed
// and is not cancelled.
func TestErrorWhileHandlingCancel(t *testing.T) {
	run(t, func(ctx context.Context) error {
		for name, end := range map[string]func(cancel error) error{
			"instead":  func(error) error { return errBoom },
			"joined":   func(cancel error) error { return errors.Join(cancel, errBoom) },
			"with %w":  func(cancel error) error { return fmt.Errorf("%w after %w", errBoom, cancel) },
			"a cause":  func(cancel error) error { return &asyncio.TimeoutError{Cause: cancel} },
			"with %v":  func(cancel error) error { return fmt.Errorf("cleanup: %v", cancel) },
			"panic":    func(cancel error) error { panic(fmt.Sprint(cancel)) },
			"re-panic": func(cancel error) error { panic(cancel) },
		} {
			running(ctx).SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) {})
			task, err := cancelLater(ctx, func(ctx context.Context) error { return end(asyncio.Sleep(ctx, time.Hour)) })
			if err == nil || task.Cancelled() || task.Exception() != err || task.Cancelling() != 1 {
				t.Errorf("%s: the task ended with %v, cancelled: %v; want a failure", name, err, task.Cancelled())
			}
		}
		return nil
	})
}

// A073: callers can distinguish cancellation from other errors with errors.Is, using
// ErrCancelled or context.Canceled, and with errors.As. It is not a timeout.
func TestCancelledErrorKinds(t *testing.T) {
	run(t, func(ctx context.Context) error {
		_, err := cancelLater(ctx, never)
		err = fmt.Errorf("while working: %w", err)
		wantErr(t, err, asyncio.ErrCancelled)
		wantErr(t, err, context.Canceled)
		var c *asyncio.CancelledError
		if !errors.As(err, &c) || c.Message != "enough" {
			t.Errorf("the error is %#v; want a CancelledError with the message", err)
		}
		for _, not := range []error{asyncio.ErrTimeout, context.DeadlineExceeded, asyncio.ErrMisuse, asyncio.ErrInterrupted} {
			if errors.Is(err, not) {
				t.Errorf("errors.Is reports that %v is %v", err, not)
			}
		}
		return nil
	})
}

// A074: a message of any type given to CancelWith appears in the error seen by the task
// and by its awaiters; Cancel has no message.
func TestCancelWithMessage(t *testing.T) {
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
					t.Errorf("%s: the error is %#v; want the message %v", where, err, want)
				}
			}
			start := func(when string) *asyncio.Task[asyncio.None] {
				task := asyncio.Go(ctx, func(ctx context.Context) error {
					err := asyncio.Sleep(ctx, 10*time.Second)
					message("in the task", err)
					return err
				})
				if when == "suspended" {
					yields(ctx, 1)
				}
				cancelWith(task, msg...)
				return task
			}
			for _, when := range []string{"suspended", "not started"} {
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

// The text of a CancelledError has the message, if any, and the origin of the request: a
// task, a timeout or a group. A callback is not named.
func TestCancelledErrorText(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		add := func(err error) {
			var c *asyncio.CancelledError
			if !errors.As(err, &c) {
				t.Errorf("%v is not a CancelledError", err)
				return
			}
			log.Add("%q: %v", c.By(), err)
		}
		task := asyncio.Go(ctx, never)
		killer := asyncio.Go(ctx, func(context.Context) error { task.CancelWith("enough"); return nil }, asyncio.WithName("killer"))
		_, err := task.Await(ctx)
		add(err)
		_, err = killer.Await(ctx)

		_, byCall := cancelLater(ctx, never)
		add(byCall)
		_ = asyncio.Timeout(ctx, time.Second, func(ctx context.Context) error { add(never(ctx)); return nil })
		_ = asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.Cancel()
			add(never(ctx))
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

// A075: the first awaiter of a cancelled task receives the error value that its function
// returned; later ones receive a new error that wraps it and has no message.
func TestCancelledErrorReachesFirstReader(t *testing.T) {
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
				t.Errorf("%s: the first error is %v; want that of the function", name, first)
			}
			var second *asyncio.CancelledError
			if err := ask(task); !errors.As(err, &second) || second.Message != nil || second.Cause != returned {
				t.Errorf("%s: the second error is %#v; want one that wraps the first", name, err)
			}
		}
		return nil
	})
}

// A075: an error that a task makes from a CancelledError leads back to it.
func TestCancelledErrorAsCause(t *testing.T) {
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
			t.Errorf("the task ended with %v, cancelled: %v; want a failure that wraps the cancellation", err, task.Cancelled())
		}
		return nil
	})
}

// A076, A077: Uncancel undoes one request and returns the remaining number, which is
// never negative. It does not undo a delivery, and has no effect after the end.
func TestUncancel(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		equal(t, "Uncancel without a request", asyncio.CurrentTask(ctx).Uncancel(), 0)
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			self := asyncio.CurrentTask(ctx)
			log.Add("first: %s", brief(asyncio.Sleep(ctx, 10*time.Second)))
			log.Add("left: %d", self.Uncancel())
			return log.Recorded("second", sleep(10*time.Second))(ctx)
		})
		yields(ctx, 1)
		for range 2 { // one request for each sleep
			task.Cancel()
			log.Add("%s, cancelling %d", stateOf(task), task.Cancelling())
			yields(ctx, 2)
			log.Add("%s, cancelling %d", stateOf(task), task.Cancelling())
		}
		log.Add("after the end, left: %d, cancelled: %v", task.Uncancel(), task.Cancelled())
		return nil
	})
	log.Want(t,
		"cancelling, cancelling 1",
		"first: cancelled",
		"left: 0",
		"pending, cancelling 0",
		"cancelling, cancelling 1",
		"second: cancelled",
		"cancelled, cancelling 1",
		"after the end, left: 0, cancelled: true",
	)
}

// A078: undoing the last request before its delivery withdraws it completely. If there
// are several, all must be undone.
func TestUncancelBeforeDelivery(t *testing.T) {
	run(t, func(ctx context.Context) error {
		for _, requests := range []int{1, 2} {
			for _, undone := range []int{1, 2} {
				f := asyncio.NewFuture[int](ctx)
				task := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) { return f.Await(ctx) })
				yields(ctx, 1)
				_ = f.SetResult(42) // delays the delivery until the task runs
				for range requests {
					task.Cancel()
				}
				for range undone {
					task.Uncancel()
				}
				got, err := task.Await(ctx)
				if withdrawn := undone >= requests; withdrawn && (got != 42 || err != nil) || !withdrawn && !errors.Is(err, asyncio.ErrCancelled) {
					t.Errorf("%d requests, %d undone: Await returned %v, %v", requests, undone, got, err)
				}
			}
		}
		return nil
	})
}

// A078: the same holds for a task that has not started or is running.
func TestUncancelOfNewAndRunningTask(t *testing.T) {
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

// A079: Cancel and Uncancel suffice to write a structured block such as this timeout. Its
// rules: always undo the request; undo only its own request; undo it once; replace the
// error only if no other request is pending; replace only a cancellation.
func TestUncancelInStructuredBlock(t *testing.T) {
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
		cancel time.Duration // time of a request from outside; 0 means none
		want   string
	}{
		"in time":             {body: sleep(time.Second), want: "ok, left 0"},
		"late":                {body: sleep(time.Minute), want: "late, left 0"},
		"late, another error": {body: failInCleanup(errBoom), want: "boom, left 0"},
		"cancelled":           {body: sleep(time.Minute), cancel: 5 * time.Second, want: "cancelled, left 1"},
		"cancelled and late":  {body: sleep(time.Minute), cancel: 10 * time.Second, want: "cancelled, left 1"},
		"late, inner block": {body: func(ctx context.Context) error {
			return limited(ctx, time.Second, sleep(time.Minute))
		}, want: "late, left 0"},
		"late, outer block": {body: func(ctx context.Context) error {
			return limited(ctx, 20*time.Second, sleep(time.Minute))
		}, want: "late, left 0"},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(ctx context.Context) error {
				task := asyncio.Go(ctx, func(ctx context.Context) error {
					err := limited(ctx, 10*time.Second, c.body)
					equal(t, "the outcome", fmt.Sprintf("%s, left %d", brief(err), asyncio.CurrentTask(ctx).Cancelling()), c.want)
					return asyncio.Yield(ctx) // not interrupted, because it is outside the block
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

// A082: the shutdown cancels the remaining tasks in the order of their creation.
func TestShutdownCancelsInCreationOrder(t *testing.T) {
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

// A083: if the awaited future refuses to be cancelled, the task waits for its completion
// and receives the cancellation instead of the result.
func TestCancelRefusedByFuture(t *testing.T) {
	run(t, func(ctx context.Context) error {
		calls := 0
		f := asyncio.NewFuture[int](ctx, asyncio.WithCancel(func(any) bool { calls++; return false }))
		task := asyncio.Go(ctx, waitFor(f))
		yields(ctx, 1)
		equal(t, "accepted", task.CancelWith("enough"), true)
		yields(ctx, 3)
		equal(t, "task, future done, calls", []any{task.Done(), f.Done(), calls}, "[false false 1]")
		_ = f.SetResult(1)
		_, err := task.Await(ctx)
		equal(t, "the error, task cancelled, future", []any{brief(err), task.Cancelled(), f}, "[cancelled: enough true <Future finished result=1>]")
		return nil
	})
}

// A task ends cancelled if its error is or wraps a CancelledError, or, while a request is
// pending, context.Canceled. Its error is then a CancelledError that wraps that of the
// function.
func TestErrorsThatEndTaskCancelled(t *testing.T) {
	type end struct {
		err       error
		requested bool // whether a request is pending at the end
		cancelled bool // whether the task ends cancelled
	}
	own := &asyncio.CancelledError{Message: "m"}
	for _, e := range []end{
		{asyncio.ErrCancelled, false, true},
		{own, false, true},
		{fmt.Errorf("in here: %w", own), false, true},
		{errors.Join(own, asyncio.ErrCancelled), false, true},
		{errors.Join(own, errBoom), false, false},
		{context.Canceled, false, false},
		{fmt.Errorf("Get /: %w", context.Canceled), false, false},
		{errors.Join(own, context.Canceled), false, false},
		{context.Canceled, true, true},
		{fmt.Errorf("Get /: %w", context.Canceled), true, true},
		{errors.Join(own, context.Canceled), true, true},
		{errors.Join(errBoom, context.Canceled), true, false},
		{context.DeadlineExceeded, true, false},
		{&asyncio.TimeoutError{Cause: own}, true, false},
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
				t.Errorf("for %+v, Cancelled is %v and the error is %v", e, task.Cancelled(), err)
			}
			if e.cancelled {
				wantErr(t, err, asyncio.ErrCancelled)
			}
			return nil
		})
	}
}

// get is like a function of another library, such as net/http, that ends when ctx does.
func get(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("Get /: %w", ctx.Err())
	default:
		return nil
	}
}

// Other Go functions see the request in the ctx. If the task returns their error, it ends
// cancelled.
func TestCancelOfOtherGoFunctions(t *testing.T) {
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
		equal(t, "cancelled, returned error", []any{task.Cancelled(), errors.Unwrap(err)}, "[true Get /: context canceled]")

		// After Uncancel, the same error is an ordinary failure.
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

// isDone reports whether ctx is done and fails the test if Done and Err disagree.
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

// The ctx of a task is done from the request on: before the task runs again, during its
// cleanup, and after its end. It does not matter when the ctx is first observed. The ctxs
// of all tasks in a chain of awaits are done.
func TestCancelEndsCtx(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		for _, observedBefore := range []bool{true, false} {
			var inside, innermost context.Context
			inner := asyncio.Go(ctx, func(ctx context.Context) error {
				innermost = ctx
				return never(ctx)
			})
			task := asyncio.Go(ctx, func(ctx context.Context) error {
				inside = ctx
				if observedBefore {
					log.Add("before: %v", isDone(t, ctx))
				}
				_, err := inner.Await(ctx)
				log.Add("cleanup: %v, %v", isDone(t, ctx), brief(asyncio.Yield(ctx)))
				return err
			})
			yields(ctx, 1)
			if observedBefore {
				context.AfterFunc(inside, func() {}) // starts no goroutine, which noLeaks would find
			}
			task.Cancel()
			log.Add("requested: %v, innermost: %v", isDone(t, inside), isDone(t, innermost))
			equal(t, "the cause", context.Cause(inside), context.Canceled)
			_, err := task.Await(ctx)
			wantErr(t, err, asyncio.ErrCancelled)
			log.Add("ended: %v", isDone(t, inside))
		}
		log.Add("canceller: %v", isDone(t, ctx))
		return nil
	})
	log.Want(t,
		"before: false",
		"requested: true, innermost: true",
		"cleanup: true, ok",
		"ended: true",
		"requested: true, innermost: true",
		"cleanup: true, ok",
		"ended: true",
		"canceller: false",
	)
}

// A ctx never reopens: after Uncancel the task's ctx and those derived from it stay done,
// as package context requires. Awaits work again, and so does a ctx without the cancel.
func TestUncancelLeavesCtxDone(t *testing.T) {
	run(t, func(ctx context.Context) error {
		self := asyncio.CurrentTask(ctx)
		before, stop := context.WithCancel(ctx)
		defer stop()
		self.Cancel()
		self.Cancel()
		wantErr(t, asyncio.Yield(ctx), asyncio.ErrCancelled)
		self.Uncancel()
		self.Uncancel()
		equal(t, "the task, derived before", []any{ctx.Err(), before.Err()}, "[context canceled context canceled]")
		equal(t, "an await", asyncio.Sleep(ctx, time.Second), nil)
		open := context.WithoutCancel(ctx)
		equal(t, "without the cancel", open.Err(), nil)
		limited, stop := context.WithTimeout(open, time.Minute)
		defer stop()
		equal(t, "an await under a deadline", asyncio.Yield(limited), nil)
		self.Cancel()
		wantErr(t, asyncio.Sleep(open, time.Second), asyncio.ErrCancelled)
		self.Uncancel()
		return asyncio.Yield(ctx)
	})
}

// A goroutine derives contexts from a task's ctx while the task is cancelled and goes on,
// again and again. Package context panics if a ctx that was done is open again.
func TestContextsDerivedDuringUncancel(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var stopped atomic.Bool
		var deriving sync.WaitGroup
		tasks := make(chan context.Context, 1)
		deriving.Go(func() {
			current := <-tasks
			for !stopped.Load() {
				select {
				case current = <-tasks:
				default:
				}
				_, stop := context.WithTimeout(current, time.Minute)
				stop()
			}
		})
		for range 2_000 {
			task := asyncio.Go(ctx, func(ctx context.Context) error {
				select {
				case tasks <- ctx:
				default:
				}
				self := asyncio.CurrentTask(ctx)
				for range 3 {
					self.Cancel()
					wantErr(t, asyncio.Yield(ctx), asyncio.ErrCancelled)
					self.Uncancel()
				}
				return asyncio.Yield(ctx)
			})
			if _, err := task.Await(ctx); err != nil {
				t.Error(err)
			}
		}
		stopped.Store(true)
		select {
		case tasks <- ctx:
		default:
		}
		deriving.Wait()
		return nil
	})
}

// A delivered cancellation does not affect further awaits of the cleanup: in blocks,
// under a lock, or in ToThread, whose function receives an open ctx.
func TestCancelDoesNotAffectCleanup(t *testing.T) {
	run(t, func(ctx context.Context) error {
		lock := new(asyncio.Lock)
		task, err := cancelLater(ctx, func(ctx context.Context) error {
			cancelled := asyncio.Sleep(ctx, time.Hour)
			for name, err := range map[string]error{
				"Sleep":   asyncio.Sleep(ctx, time.Second),
				"task":    waitFor(asyncio.CreateTask(ctx, sleepThen(time.Second, 1)))(ctx),
				"Gather":  waitFor(asyncio.Gather(ctx, asyncio.Coro[int](sleepThen(time.Second, 1)), asyncio.Coro[int](one)))(ctx),
				"Timeout": asyncio.Timeout(ctx, time.Minute, sleep(time.Second)),
				"TaskGroup": asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
					tg.Go(sleep(time.Second))
					return nil
				}),
				"Lock.With": lock.With(ctx, sleep(time.Second)),
				"ToThread": func() error {
					_, err := asyncio.ToThread(ctx, func(ctx context.Context) (int, error) { return 0, ctx.Err() })
					return err
				}(),
			} {
				if err != nil {
					t.Errorf("%s returned %v; want nil", name, err)
				}
			}
			return cancelled
		})
		equal(t, "the error, cancelled", []any{brief(err), task.Cancelled()}, "[cancelled: enough true]")
		return nil
	})
}

// Cancelling an Await of ToThread cancels the ctx of its function.
func TestCancelReachesToThread(t *testing.T) {
	run(t, func(ctx context.Context) error {
		seen := make(chan error, 1)
		started := new(asyncio.Event)
		l := running(ctx)
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			_, err := asyncio.ToThread(ctx, func(ctx context.Context) (int, error) {
				_, _ = l.CallSoonThreadsafe(func(context.Context) { started.Set() })
				<-ctx.Done()
				seen <- context.Cause(ctx)
				return 1, nil
			})
			return err
		})
		if err := started.Wait(ctx); err != nil {
			return err
		}
		task.CancelWith("enough")
		_, err := task.Await(ctx)
		equal(t, "the error, cancelled", []any{brief(err), task.Cancelled()}, "[cancelled: enough true]")
		equal(t, "the cause in the function", brief(<-seen), "cancelled: enough")
		return nil
	})
}

// A cancellation of a long chain of awaits needs no deep stack, reaches the innermost
// task first, and requests each task once.
func TestCancelOfLongChain(t *testing.T) {
	length := 100_000
	if testing.Short() || raceDetector() {
		length = 5_000 // saves time and memory
	}
	run(t, func(ctx context.Context) error {
		var deepest [100]uintptr
		frames := 0
		innermost := asyncio.NewFuture[int](ctx, asyncio.WithCancel(func(any) bool {
			frames = runtime.Callers(0, deepest[:])
			return false // leaves the request pending at the innermost task
		}))
		chain := []*asyncio.Task[int]{asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) { return innermost.Await(ctx) })}
		ended := 0
		for i := 1; i < length; i++ {
			chain = append(chain, asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
				_, err := chain[i-1].Await(ctx)
				if ended++; ended != i {
					t.Fatalf("task %d is number %d to end", i, ended)
				}
				return 0, err
			}))
		}
		yields(ctx, 1)
		outermost := chain[length-1]
		outermost.CancelWith("enough")
		if frames == 0 || frames > 20 {
			t.Errorf("the innermost future was cancelled at a depth of %d calls; want at most 20", frames)
		}
		for i, task := range chain {
			if task.Cancelling() != 1 {
				t.Fatalf("Cancelling of task %d is %d; want 1", i, task.Cancelling())
			}
		}
		_ = innermost.SetResult(1)
		_, err := outermost.Await(ctx)
		equal(t, "the error", brief(err), "cancelled: enough")
		return nil
	})
}

// A long chain of awaits ends with a result, too.
func TestLongChainOfAwaits(t *testing.T) {
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

// A cancel that the loop requests for itself has no place in the source code.
func TestPlaceOfCancelByLoop(t *testing.T) {
	r := &asyncio.Runner{Debug: true}
	ctx, stop := context.WithCancel(context.Background())
	err := runOn(t, r, func(context.Context) error { return nil })
	equal(t, "error", err, nil)
	r = &asyncio.Runner{Debug: true, Driver: driver.NewReal(), NoInterrupt: true}
	defer r.Close()
	err = r.Run(ctx, func(ctx context.Context) error {
		stop()
		err := never(ctx)
		var c *asyncio.CancelledError
		if !errors.As(err, &c) || c.Place() != "" || c.By() != "the ctx of Run" {
			t.Errorf("the await returned %v; want a cancel by the ctx of Run, without a place", err)
		}
		return nil
	})
	equal(t, "error", err, nil)
}
