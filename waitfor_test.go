package asyncio_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/asyncio"
)

// A196: WaitFor gives the result or the error of what it awaits, if that comes in time; without a limit whenever it comes.
func TestWaitFor(t *testing.T) {
	run(t, func(ctx context.Context) error {
		for _, d := range []time.Duration{time.Minute, asyncio.Never} {
			got, err := asyncio.WaitFor(ctx, asyncio.Coro[string](sleepThen(time.Second, "done")), d)
			equal(t, "the result", []any{got, err}, "[done <nil>]")
			got, err = asyncio.WaitFor(ctx, asyncio.CreateTask(ctx, sleepThen(time.Second, "done")), d)
			equal(t, "the result", []any{got, err}, "[done <nil>]")
			if _, err := asyncio.WaitFor(ctx, asyncio.Coro[int](sleepThenFail(time.Second, errBoom)), d); err != errBoom {
				t.Errorf("it failed with %v", err)
			}
		}
		equal(t, "cancelling, time", []any{asyncio.CurrentTask(ctx).Cancelling(), running(ctx).Time()}, "[0 6s]")
		return nil
	})
}

// A196: when the time is up, what it awaits is cancelled, and WaitFor ends with a TimeoutError.
func TestWaitForTimesOut(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		task := asyncio.CreateTask(ctx, func(ctx context.Context) (string, error) {
			defer log.Add("task leaves")
			return "done", asyncio.Sleep(ctx, time.Hour)
		})
		got, err := asyncio.WaitFor(ctx, task, 100*time.Millisecond)
		wantErr(t, err, asyncio.ErrTimeout, "asyncio: timed out after 100ms")
		log.Add("%q, cancelled: %v, at %v", got, task.Cancelled(), running(ctx).Time())
		return nil
	})
	log.Want(t, "task leaves", `"", cancelled: true, at 100ms`)
}

// stubborn returns a task's function that is at work for d and hears of no cancel.
func stubborn(d time.Duration) func(ctx context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		l := running(ctx)
		for end := l.Time() + d; l.Time() < end; {
			_ = asyncio.Sleep(ctx, end-l.Time())
		}
		return "at last", nil
	}
}

// A197, A205: WaitFor returns when that which it cancelled has ended, and not before: a task that needs time to clean up
// gets it, and what it ends with counts: its error goes before the timeout's, which is not lost.
func TestWaitForWaitsForTheCleanup(t *testing.T) {
	for _, limit := range []time.Duration{time.Second, 0} {
		for name, end := range map[string]func(cancel error) error{
			"cancelled": func(cancel error) error { return cancel },
			"failed":    func(error) error { return errBoom },
		} {
			t.Run(name, func(t *testing.T) {
				var log record
				run(t, func(ctx context.Context) error {
					task := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
						err := asyncio.Sleep(ctx, time.Hour)
						_ = asyncio.Sleep(ctx, time.Minute)
						log.Add("task leaves at %v", running(ctx).Time()-limit)
						return 0, end(err)
					})
					yields(ctx, 1)
					_, err := asyncio.WaitFor(ctx, task, limit)
					log.Add("WaitFor ends at %v", running(ctx).Time()-limit)
					if name == "failed" {
						wantErr(t, err, errBoom)
						return nil
					}
					wantErr(t, err, asyncio.ErrTimeout)
					var timeout *asyncio.TimeoutError
					if !errors.As(err, &timeout) || !errors.Is(timeout.Cause, asyncio.ErrCancelled) {
						t.Errorf("the error is %#v", err)
					}
					return nil
				})
				log.Want(t, "task leaves at 1m0s", "WaitFor ends at 1m0s")
			})
		}
	}
}

// A197, A198, A202: WaitFor gives what it awaits all the time that it takes, and has its result also where that hears of no
// cancel, be it for the time that is up or for WaitFor's own task.
func TestWaitForOfAStubbornTask(t *testing.T) {
	run(t, func(ctx context.Context) error {
		got, err := asyncio.WaitFor(ctx, asyncio.Coro[string](stubborn(2*time.Second)), time.Second)
		equal(t, "the result, the time", []any{got, err, running(ctx).Time()}, "[at last <nil> 2s]")

		waits := asyncio.CreateTask(ctx, func(ctx context.Context) (string, error) {
			return asyncio.WaitFor(ctx, asyncio.Coro[string](stubborn(2*time.Second)), 4*time.Second)
		})
		yields(ctx, 1)
		waits.Cancel()
		got, err = waits.Await(ctx)
		equal(t, "the result, the time", []any{got, err, running(ctx).Time()}, "[at last <nil> 4s]")
		return nil
	})
}

// A198: a cancel of the task that is in WaitFor is one of what it awaits, with a limit and without.
func TestWaitForCancelled(t *testing.T) {
	run(t, func(ctx context.Context) error {
		for _, limit := range []time.Duration{time.Minute, asyncio.Never} {
			task := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) { return 0, never(ctx) })
			wait := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) { return asyncio.WaitFor(ctx, task, limit) })
			yields(ctx, 1)
			running(ctx).CallSoon(func(context.Context) { wait.CancelWith("enough") })
			_, err := wait.Await(ctx)
			equal(t, "the error", brief(err), "cancelled: enough")
			equal(t, "both cancelled", []any{task.Cancelled(), wait.Cancelled()}, "[true true]")
		}
		return nil
	})
}

// A199, A200, A201: without any time, what is done gives its outcome; a function does not start; what runs is cancelled
// and awaited.
func TestWaitForWithoutTime(t *testing.T) {
	for _, d := range []time.Duration{0, -time.Second} {
		run(t, func(ctx context.Context) error {
			done, failed := asyncio.NewFuture[string](ctx), asyncio.NewFuture[string](ctx)
			_, _ = done.SetResult("done"), failed.SetException(errBoom)
			got, err := asyncio.WaitFor(ctx, done, d)
			equal(t, "of a result", []any{got, err}, "[done <nil>]")
			_, err = asyncio.WaitFor(ctx, failed, d)
			equal(t, "of an error", err, errBoom)

			_, err = asyncio.WaitFor(ctx, asyncio.Coro[int](func(context.Context) (int, error) {
				t.Error("the function has started")
				return 0, nil
			}), d)
			wantErr(t, err, asyncio.ErrTimeout)

			left := false
			task := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
				defer func() { left = true }()
				return 0, never(ctx)
			})
			yields(ctx, 1)
			_, err = asyncio.WaitFor(ctx, task, d)
			wantErr(t, err, asyncio.ErrTimeout)
			equal(t, "left, cancelled", []any{left, task.Cancelled()}, "[true true]")

			got, err = asyncio.WaitFor(ctx, asyncio.CreateTask(ctx, stubborn(0)), d)
			wantErr(t, err, asyncio.ErrTimeout) // cancelled before it began
			equal(t, "the result", got, "")
			refuses := asyncio.CreateTask(ctx, stubborn(time.Second))
			yields(ctx, 1)
			got, err = asyncio.WaitFor(ctx, refuses, d)
			equal(t, "of one that refuses", []any{got, err}, "[at last <nil>]")
			return nil
		})
	}
}

// A cancel that comes while WaitFor, without any time, waits for what it cancelled is a cancel, and no timeout.
func TestWaitForWithoutTimeCancelled(t *testing.T) {
	run(t, func(ctx context.Context) error {
		slow := asyncio.CreateTask(ctx, stubborn(time.Second))
		wait := asyncio.CreateTask(ctx, func(ctx context.Context) (string, error) { return asyncio.WaitFor(ctx, slow, 0) })
		yields(ctx, 1)
		wait.CancelWith("enough")
		_, err := wait.Await(ctx)
		equal(t, "the error, the time", []any{brief(err), running(ctx).Time()}, "[cancelled: enough 0s]")
		got, err := slow.Await(ctx)
		equal(t, "what it waited for", got, "at last")
		return err
	})
}

// A202: what it awaits may have a result just because of the cancel.
func TestWaitForOfOneThatSwallowsTheCancel(t *testing.T) {
	run(t, func(ctx context.Context) error {
		got, err := asyncio.WaitFor(ctx, asyncio.Coro[int](func(ctx context.Context) (int, error) {
			wantErr(t, asyncio.Sleep(ctx, time.Hour), asyncio.ErrCancelled)
			return 42, nil
		}), time.Second)
		equal(t, "the result", []any{got, err}, "[42 <nil>]")
		equal(t, "cancelling", asyncio.CurrentTask(ctx).Cancelling(), 0)
		return nil
	})
}

// A203: a result that comes before the time is up is given, be it by a turn only.
func TestWaitForOfAResultJustInTime(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[string](ctx)
		running(ctx).CallSoon(func(context.Context) { _ = f.SetResult("ok") })
		got, err := asyncio.WaitFor(ctx, f, 200*time.Millisecond)
		equal(t, "the result, the time", []any{got, err, running(ctx).Time()}, "[ok <nil> 0s]")

		f = asyncio.NewFuture[string](ctx)
		running(ctx).CallAt(time.Second-1, func(context.Context) { _ = f.SetResult("ok") })
		got, err = asyncio.WaitFor(ctx, f, time.Second)
		equal(t, "the result, the time", []any{got, err, running(ctx).Time()}, "[ok <nil> 999.999999ms]")
		return nil
	})
}

// A203: a result in the very turn in which the time is up comes too late, as it does for timeout() in CPython. It
// stays with the future.
func TestWaitForOfAResultInTheTurnOfTheTimer(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[string](ctx)
		running(ctx).CallAt(time.Second, func(context.Context) { _ = f.SetResult("ok") })
		_, err := asyncio.WaitFor(ctx, f, time.Second)
		wantErr(t, err, asyncio.ErrTimeout)
		got, err := f.Result()
		equal(t, "the future's result", []any{got, err}, "[ok <nil>]")
		return nil
	})
}

// A066, A204: a cancel of the task in WaitFor wins over a result that is there and that the task has not been given yet.
func TestWaitForCancelledAsTheResultComes(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[string](ctx)
		outer := asyncio.Go(ctx, func(ctx context.Context) error {
			_, err := asyncio.WaitFor(ctx, f, 100*time.Second)
			wantErr(t, err, asyncio.ErrCancelled)
			return err
		})
		yields(ctx, 1)
		_ = f.SetResult("done")
		outer.Cancel()
		_, err := outer.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled)
		got, err := f.Await(ctx)
		equal(t, "the future's result", []any{got, err}, "[done <nil>]")
		return nil
	})
}

// A204: nor does a WaitFor that found the result there lose a cancel that comes after it.
func TestWaitForOfWhatIsDoneAndThenACancel(t *testing.T) {
	run(t, func(ctx context.Context) error {
		inner := asyncio.CreateTask(ctx, func(context.Context) (string, error) { return "done", nil })
		end := false
		outer := asyncio.Go(ctx, func(ctx context.Context) error {
			if _, err := asyncio.WaitFor(ctx, inner, 100*time.Second); err != nil {
				return err
			}
			err := asyncio.Sleep(ctx, time.Second)
			end = err == nil
			return err
		})
		yields(ctx, 1)
		outer.Cancel()
		_, err := outer.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled)
		got, err := inner.Await(ctx)
		equal(t, "inner's result, and whether outer came to its end", []any{got, err, end}, "[done <nil> false]")
		return nil
	})
}

// A206: behind a Shield a task goes on when the time is up, with a limit, without any time, and none the worse without a limit.
func TestWaitForOfAShield(t *testing.T) {
	run(t, func(ctx context.Context) error {
		for _, limit := range []time.Duration{0, 10 * time.Millisecond, asyncio.Never} {
			task := asyncio.CreateTask(ctx, sleepThen(100*time.Millisecond, "done"))
			shield := asyncio.Shield(ctx, task)
			_, err := asyncio.WaitFor(ctx, shield, limit)
			if limit != asyncio.Never {
				wantErr(t, err, asyncio.ErrTimeout)
				equal(t, "shield cancelled, task done", []any{shield.Cancelled(), task.Done()}, "[true false]")
			} else if err != nil {
				return err
			}
			got, err := task.Await(ctx)
			equal(t, "the task's result", []any{got, err}, "[done <nil>]")
		}
		equal(t, "the time", running(ctx).Time(), "300ms")
		return nil
	})
}

// WaitFor of nothing, or outside of a task, is a mistake.
func TestWaitForMisuse(t *testing.T) {
	_, err := asyncio.WaitFor(context.Background(), asyncio.Coro[int](one), time.Second)
	wantErr(t, err, asyncio.ErrNoRunningLoop)
	_, err = asyncio.WaitFor(context.Background(), asyncio.Coro[int](one), 0)
	wantErr(t, err, asyncio.ErrNoRunningLoop)
	run(t, func(ctx context.Context) error {
		_, err := asyncio.WaitFor[int](ctx, nil, time.Second)
		wantErr(t, err, asyncio.ErrInvalidArgument, "WaitFor of nil")
		return nil
	})
}
