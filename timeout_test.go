package asyncio_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// sleep returns a function for a block or a task that only sleeps.
func sleep(d time.Duration) func(ctx context.Context) error {
	return func(ctx context.Context) error { return asyncio.Sleep(ctx, d) }
}

// A171, A177: at the expiry the await in the block is cancelled, in the name of the
// timeout. Only the end of the block converts that to a TimeoutError, which is a deadline
// exceeded for Go's libraries too.
func TestTimeout(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tm := asyncio.NewTimeout(2 * time.Second)
		err := tm.Run(ctx, func(ctx context.Context) error {
			err := asyncio.Sleep(ctx, time.Minute)
			wantErr(t, err, asyncio.ErrCancelled, "asyncio: cancelled by a timeout of 2s")
			return err
		})
		wantErr(t, err, asyncio.ErrTimeout, "asyncio: timed out after 2s")
		wantErr(t, err, context.DeadlineExceeded)
		if errors.Is(err, asyncio.ErrCancelled) || errors.Is(err, context.Canceled) {
			t.Error("the error of the block is a cancel too")
		}
		if net := (interface{ Timeout() bool })(nil); !errors.As(err, &net) || !net.Timeout() {
			t.Error("the error is not a timeout in the sense of net.Error")
		}
		equal(t, "expired", tm.Expired(), true)
		equal(t, "the time", running(ctx).Time(), "2s")
		return nil
	})
}

// A172: TimeoutAt takes a point in loop time.
func TestTimeoutAt(t *testing.T) {
	run(t, func(ctx context.Context) error {
		if err := asyncio.Sleep(ctx, time.Second); err != nil {
			return err
		}
		tm := asyncio.NewTimeoutAt(3 * time.Second)
		err := tm.Run(ctx, func(ctx context.Context) error {
			err := asyncio.Sleep(ctx, time.Minute)
			wantErr(t, err, asyncio.ErrCancelled, "by a timeout at 3s")
			return err
		})
		wantErr(t, err, asyncio.ErrTimeout, "asyncio: timed out")
		equal(t, "when, expired", []any{tm.When(), tm.Expired()}, "[3s true]")
		equal(t, "the time", running(ctx).Time(), "3s")

		err = asyncio.TimeoutAt(ctx, 4*time.Second, sleep(time.Minute))
		wantErr(t, err, asyncio.ErrTimeout)
		equal(t, "the time", running(ctx).Time(), "4s")
		return nil
	})
}

// The time of a NewTimeout begins with its Run, wherever it was created.
func TestTimeoutBeginsWithRun(t *testing.T) {
	tm := asyncio.NewTimeout(time.Second)
	equal(t, "when, before", tm.When(), asyncio.Never)
	run(t, func(ctx context.Context) error {
		if err := asyncio.Sleep(ctx, time.Minute); err != nil {
			return err
		}
		return tm.Run(ctx, func(ctx context.Context) error {
			equal(t, "when", tm.When(), "1m1s")
			return asyncio.Sleep(ctx, time.Second-1)
		})
	})
}

// A173: a block that ends in time ends as without a timeout, and leaves no timer.
func TestTimeoutNotReached(t *testing.T) {
	clock := driver.NewVirtual()
	err := runOn(t, &asyncio.Runner{Driver: clock}, func(ctx context.Context) error {
		tm := asyncio.NewTimeout(10 * time.Second)
		if err := tm.Run(ctx, sleep(time.Second)); err != nil {
			t.Errorf("it ended with %v", err)
		}
		equal(t, "when, expired", []any{tm.When(), tm.Expired()}, "[10s false]")
		equal(t, "cancelling", asyncio.CurrentTask(ctx).Cancelling(), 0)
		return never(ctx)
	})
	if deadlock := (*asyncio.DeadlockError)(nil); !errors.As(err, &deadlock) || clock.Now() != time.Second {
		t.Errorf("Run ended at %v with %v, want a DeadlockError at 1s", clock.Now(), err)
	}
}

// A174: Never means no limit.
func TestTimeoutNever(t *testing.T) {
	run(t, func(ctx context.Context) error {
		for _, tm := range []*asyncio.TimeoutScope{asyncio.NewTimeout(asyncio.Never), asyncio.NewTimeoutAt(asyncio.Never)} {
			if err := tm.Run(ctx, sleep(24*365*time.Hour)); err != nil {
				return err
			}
			equal(t, "when, expired", []any{tm.When() == asyncio.Never, tm.Expired()}, "[true false]")
		}
		return asyncio.Timeout(ctx, asyncio.Never-time.Second, sleep(time.Second)) // beyond the largest time
	})
}

// A zero TimeoutScope has no limit until Reschedule sets one.
func TestTimeoutZeroValue(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var tm asyncio.TimeoutScope
		state := func() []any { return []any{&tm, tm.When() == asyncio.Never, tm.Expired()} }
		equal(t, "before", state(), "[<Timeout created> true false]")
		wantErr(t, tm.Reschedule(0), asyncio.ErrMisuse, "Reschedule of <Timeout created>, which has not been entered", "use NewTimeoutAt")
		err := tm.Run(ctx, func(ctx context.Context) error {
			equal(t, "inside", state(), "[<Timeout active when=never> true false]")
			return asyncio.Sleep(ctx, 24*365*time.Hour)
		})
		equal(t, "after", state(), "[<Timeout finished> true false]")
		wantErr(t, tm.Run(ctx, nothing), asyncio.ErrMisuse, "use a new TimeoutScope for each block")
		if err != nil {
			return err
		}

		moved := new(asyncio.TimeoutScope)
		now := running(ctx).Time()
		err = moved.Run(ctx, func(ctx context.Context) error {
			if err := moved.Reschedule(now + time.Second); err != nil {
				return err
			}
			err := asyncio.Sleep(ctx, time.Minute)
			wantErr(t, err, asyncio.ErrCancelled, "cancelled by a timeout at 8760h0m1s")
			return err
		})
		wantErr(t, err, asyncio.ErrTimeout, "asyncio: timed out")
		equal(t, "expired, the time", []any{moved.Expired(), running(ctx).Time() - now}, "[true 1s]")
		return nil
	})
}

// A175, A176: with a limit of zero or in the past, the first await ends the block, even
// an await that would not suspend. The code before it runs. A block without an await is
// not affected.
func TestTimeoutZero(t *testing.T) {
	for _, d := range []time.Duration{0, -11 * time.Second} {
		for _, nap := range []time.Duration{10 * time.Second, 0} {
			run(t, func(ctx context.Context) error {
				tm := asyncio.NewTimeout(d)
				before := false
				err := tm.Run(ctx, func(ctx context.Context) error {
					before = true
					return asyncio.Sleep(ctx, nap)
				})
				wantErr(t, err, asyncio.ErrTimeout)
				equal(t, "ran before, expired, when", []any{before, tm.Expired(), tm.When()}, []any{true, true, d})
				equal(t, "the time", running(ctx).Time(), "0s")
				return asyncio.Timeout(ctx, d, func(context.Context) error { return nil })
			})
		}
	}
}

// A178: a task in which a timeout expired has not been cancelled.
func TestTimeoutDoesNotCancelItsTask(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
			wantErr(t, asyncio.Timeout(ctx, time.Second, sleep(time.Minute)), asyncio.ErrTimeout)
			equal(t, "cancelling", asyncio.CurrentTask(ctx).Cancelling(), 0)
			return 1, asyncio.Yield(ctx)
		})
		got, err := task.Await(ctx)
		equal(t, "the result", got, 1)
		return err
	})
	// A task that returns the TimeoutError has failed. It was not cancelled either.
	run(t, func(ctx context.Context) error {
		task := asyncio.Go(ctx, func(ctx context.Context) error { return asyncio.Timeout(ctx, 0, never) })
		_, err := task.Await(ctx)
		wantErr(t, err, asyncio.ErrTimeout)
		equal(t, "cancelled", task.Cancelled(), false)
		return nil
	})
}

// nest runs a timeout within a timeout, and logs how both ended.
func nest(ctx context.Context, log *record, outer, inner *asyncio.TimeoutScope, body func(ctx context.Context) error) {
	err := outer.Run(ctx, func(ctx context.Context) error {
		err := inner.Run(ctx, body)
		log.Add("inner: %s, expired: %v", brief(err), inner.Expired())
		return err
	})
	log.Add("outer: %s, expired: %v", brief(err), outer.Expired())
	log.Add("at %v, cancelling: %d", running(ctx).Time(), asyncio.CurrentTask(ctx).Cancelling())
}

// A179: two nested blocks with the same deadline both expire. The result is the
// TimeoutError of the outer block.
func TestTimeoutsWithTheSameDeadline(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		nest(ctx, &log, asyncio.NewTimeoutAt(time.Second), asyncio.NewTimeoutAt(time.Second), sleep(time.Minute))
		return nil
	})
	log.Want(t,
		"inner: cancelled, expired: true",
		"outer: asyncio: timed out, expired: true",
		"at 1s, cancelling: 0",
	)
}

// A busyClock is a virtual clock that can also advance while code runs, as a real clock
// does.
type busyClock struct {
	*driver.Virtual
	busy time.Duration
}

func (c *busyClock) Now() time.Duration { return c.Virtual.Now() + c.busy }

func (c *busyClock) Park(until time.Duration, outside bool) bool {
	if until != driver.Never {
		until -= c.busy
	}
	return c.Virtual.Park(until, outside)
}

// A180: after the loop was busy both deadlines are past, that of the inner block first.
// As in CPython 3.13 both expire in one turn, whatever their order: the inner block
// cannot claim the cancel while another request is pending.
// (test_nested_timeouts_loop_busy accepts either outcome.)
func TestTimeoutsAfterTheLoopWasBusy(t *testing.T) {
	for _, which := range []struct{ outer, inner time.Duration }{{2, 100}, {100, 2}, {10, 1}} {
		var log record
		clock := &busyClock{Virtual: driver.NewVirtual()}
		err := runOn(t, &asyncio.Runner{Driver: clock}, func(ctx context.Context) error {
			nest(ctx, &log, asyncio.NewTimeout(which.outer*time.Second), asyncio.NewTimeout(which.inner*time.Second), func(ctx context.Context) error {
				clock.busy = 100 * time.Second
				return asyncio.Sleep(ctx, time.Hour)
			})
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		log.Want(t,
			"inner: cancelled, expired: true",
			"outer: asyncio: timed out after "+(which.outer*time.Second).String()+", expired: true",
			"at 1m40s, cancelling: 0",
		)
	}
}

// A180: the outer timeout also ends what the body does after the inner timeout has
// expired.
func TestTimeoutAfterInnerTimeout(t *testing.T) {
	run(t, func(ctx context.Context) error {
		err := asyncio.Timeout(ctx, 2*time.Second, func(ctx context.Context) error {
			wantErr(t, asyncio.Timeout(ctx, time.Second, never), asyncio.ErrTimeout, "after 1s")
			return never(ctx)
		})
		wantErr(t, err, asyncio.ErrTimeout, "after 2s")
		return nil
	})
}

// A181: an error of the body before the expiry is the error of the block.
func TestTimeoutForwardsError(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tm := asyncio.NewTimeout(time.Second)
		if err := tm.Run(ctx, func(context.Context) error { return errBoom }); err != errBoom {
			t.Errorf("it ended with %v", err)
		}
		equal(t, "expired", tm.Expired(), false)
		return nil
	})
}

// A182: an error in the cleanup after the expiry is the error of the block, together with
// the timeout. Python has the timeout in the chain of __context__; here it is in a
// CleanupError.
func TestTimeoutAndThenAnotherError(t *testing.T) {
	run(t, func(ctx context.Context) error {
		err := asyncio.Timeout(ctx, time.Second, func(ctx context.Context) error {
			_ = asyncio.Sleep(ctx, time.Minute)
			return errBoom
		})
		wantErr(t, err, errBoom, "boom (while handling: asyncio: timed out after 1s)")
		wantErr(t, err, asyncio.ErrTimeout)
		var cleanup *asyncio.CleanupError
		if !errors.As(err, &cleanup) || cleanup.Err != errBoom {
			t.Errorf("it ended with %#v", err)
		}
		equal(t, "cancelling", asyncio.CurrentTask(ctx).Cancelling(), 0)
		return nil
	})
}

// A182: the same holds for joined errors: none is lost.
func TestTimeoutAndThenSeveralErrors(t *testing.T) {
	var errWorse = errors.New("worse")
	run(t, func(ctx context.Context) error {
		err := asyncio.Timeout(ctx, time.Second, func(ctx context.Context) error {
			return errors.Join(asyncio.Sleep(ctx, time.Minute), errBoom, errWorse)
		})
		for _, kind := range []error{asyncio.ErrTimeout, errBoom, errWorse} {
			wantErr(t, err, kind)
		}
		return nil
	})
}

// A183: the cause of the TimeoutError is the error that the body returned, which contains
// the CancelledError.
func TestTimeoutCause(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var returned error
		err := asyncio.Timeout(ctx, time.Second, func(ctx context.Context) error {
			returned = errors.Join(asyncio.Sleep(ctx, time.Minute))
			return returned
		})
		var timeout *asyncio.TimeoutError
		if !errors.As(err, &timeout) || timeout.Cause != returned || timeout.After != time.Second {
			t.Errorf("it ended with %#v", err)
		}
		wantErr(t, timeout.Cause, asyncio.ErrCancelled)
		return nil
	})
}

// A184: a cancel from outside before the expiry passes through the block.
func TestTimeoutForwardsCancel(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tm := asyncio.NewTimeout(10 * time.Second)
		err := tm.Run(ctx, func(ctx context.Context) error {
			asyncio.CurrentTask(ctx).CancelWith("enough")
			return asyncio.Sleep(ctx, time.Minute)
		})
		equal(t, "the error", brief(err), "cancelled: enough")
		equal(t, "expired, cancelling, time",
			[]any{tm.Expired(), asyncio.CurrentTask(ctx).Cancelling(), running(ctx).Time()}, "[false 1 0s]")
		return nil
	})
}

// A185: the cleanup of an expired block may have its own timeout.
func TestTimeoutInTheCleanupOfAnother(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		err := asyncio.Timeout(ctx, time.Second, func(ctx context.Context) error {
			err := asyncio.Sleep(ctx, time.Minute)
			cleanup := asyncio.Timeout(ctx, time.Second, sleep(10*time.Second))
			log.Add("%v cleanup: %v", running(ctx).Time(), cleanup)
			return err
		})
		log.Add("%v block: %v", running(ctx).Time(), err)
		return nil
	})
	log.Want(t,
		"2s cleanup: asyncio: timed out after 1s",
		"2s block: asyncio: timed out after 1s",
	)
}

// A080, A186, A187: a timeout works in a task that has swallowed a cancel without calling
// Uncancel: the block compares with the number of requests at its start. A new request
// inside the block is a cancel.
func TestTimeoutAfterASwallowedCancel(t *testing.T) {
	swallow := func(ctx context.Context) {
		asyncio.CurrentTask(ctx).Cancel()
		wantErr(t, asyncio.Sleep(ctx, time.Second), asyncio.ErrCancelled)
	}
	run(t, func(ctx context.Context) error {
		swallow(ctx)
		wantErr(t, asyncio.Timeout(ctx, 0, sleep(time.Second)), asyncio.ErrTimeout)
		equal(t, "cancelling", asyncio.CurrentTask(ctx).Cancelling(), 1)
		return nil
	})
	run(t, func(ctx context.Context) error {
		swallow(ctx)
		err := asyncio.Timeout(ctx, time.Second, func(ctx context.Context) error {
			asyncio.CurrentTask(ctx).CancelWith("really")
			return asyncio.Sleep(ctx, 2*time.Second)
		})
		equal(t, "the error", brief(err), "cancelled: really")
		equal(t, "cancelling", asyncio.CurrentTask(ctx).Cancelling(), 2)
		return nil
	})
}

// A080: if a cancel is swallowed inside the block without Uncancel, the block takes the
// expiry for a cancel from outside. With Uncancel it is a timeout.
func TestTimeoutAfterACancelSwallowedInside(t *testing.T) {
	for _, uncancel := range []bool{false, true} {
		run(t, func(ctx context.Context) error {
			tm := asyncio.NewTimeout(time.Second)
			err := tm.Run(ctx, func(ctx context.Context) error {
				asyncio.CurrentTask(ctx).Cancel()
				wantErr(t, asyncio.Yield(ctx), asyncio.ErrCancelled)
				if uncancel {
					asyncio.CurrentTask(ctx).Uncancel()
				}
				return asyncio.Sleep(ctx, time.Minute)
			})
			wantErr(t, err, map[bool]error{false: asyncio.ErrCancelled, true: asyncio.ErrTimeout}[uncancel])
			equal(t, "expired, time", []any{tm.Expired(), running(ctx).Time()}, "[true 1s]")
			return nil
		})
	}
}

// A188: the limit can be moved later, earlier, to Never and back. From then on it is a
// point in time.
func TestReschedule(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tm := asyncio.NewTimeout(10 * time.Second)
		task := asyncio.Go(ctx, func(ctx context.Context) error { return tm.Run(ctx, sleep(time.Hour)) })
		yields(ctx, 1)
		equal(t, "when", tm.When(), "10s")
		for _, when := range []time.Duration{30 * time.Second, asyncio.Never, 20 * time.Second} {
			if err := tm.Reschedule(when); err != nil {
				return err
			}
			equal(t, "when", tm.When(), when)
		}
		_, err := task.Await(ctx)
		wantErr(t, err, asyncio.ErrTimeout)
		equal(t, "the error", err, "asyncio: timed out")
		equal(t, "the time", running(ctx).Time(), "20s")
		return nil
	})
}

// A188: a limit that is moved into the past expires at once. After a move to Never, a
// cancel is not taken for an expiry.
func TestRescheduleToThePastAndToNever(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tm := asyncio.NewTimeout(time.Hour)
		err := tm.Run(ctx, func(ctx context.Context) error {
			if err := tm.Reschedule(-1); err != nil {
				return err
			}
			return asyncio.Sleep(ctx, time.Minute)
		})
		wantErr(t, err, asyncio.ErrTimeout)
		equal(t, "the time", running(ctx).Time(), "0s")
		return nil
	})
	run(t, func(ctx context.Context) error {
		tm := asyncio.NewTimeout(time.Second)
		task := asyncio.Go(ctx, func(ctx context.Context) error { return tm.Run(ctx, sleep(time.Hour)) })
		yields(ctx, 1)
		if err := tm.Reschedule(asyncio.Never); err != nil {
			return err
		}
		if err := asyncio.Sleep(ctx, time.Minute); err != nil {
			return err
		}
		task.Cancel()
		_, err := task.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled)
		equal(t, "expired", tm.Expired(), false)
		return nil
	})
}

// A189: before the start of the block, after its expiry and after its end the limit
// cannot be moved. The error reports which of them it is.
func TestRescheduleTooEarlyOrTooLate(t *testing.T) {
	run(t, func(ctx context.Context) error {
		refused := func(tm *asyncio.TimeoutScope, why string) {
			when := tm.When()
			wantErr(t, tm.Reschedule(5*time.Second), asyncio.ErrMisuse, "Reschedule of "+tm.String(), why)
			equal(t, "when, after "+why, tm.When(), when)
		}
		tm := asyncio.NewTimeout(time.Second)
		refused(tm, "not been entered")
		err := tm.Run(ctx, func(ctx context.Context) error {
			err := asyncio.Sleep(ctx, time.Minute)
			refused(tm, "<Timeout expiring>")
			return err
		})
		wantErr(t, err, asyncio.ErrTimeout)
		refused(tm, "<Timeout expired>")

		tm = asyncio.NewTimeout(time.Second)
		if err := tm.Run(ctx, sleep(0)); err != nil {
			return err
		}
		refused(tm, "<Timeout finished>")
		return nil
	})
}

// A190: a timeout is for one block. Another Run, inside or afterwards, is an error and
// has no effect.
func TestTimeoutIsUsedOnce(t *testing.T) {
	run(t, func(ctx context.Context) error {
		again := func(context.Context) error { t.Error("a second block ran"); return nil }
		tm := asyncio.NewTimeout(time.Second)
		err := tm.Run(ctx, func(ctx context.Context) error {
			wantErr(t, tm.Run(ctx, again), asyncio.ErrMisuse, "Run of <Timeout active when=1s>", "already been entered")
			return asyncio.Sleep(ctx, time.Minute)
		})
		wantErr(t, err, asyncio.ErrTimeout)
		wantErr(t, tm.Run(ctx, again), asyncio.ErrMisuse, "Run of <Timeout expired>", "already been entered")
		return nil
	})
}

// A191: a timeout needs a task that it can cancel, and a function. Without them Run does
// not begin the block. It can still begin later.
func TestTimeoutNeedsATask(t *testing.T) {
	tm := asyncio.NewTimeout(time.Second)
	wantErr(t, tm.Run(context.Background(), never), asyncio.ErrNoRunningLoop)
	run(t, func(ctx context.Context) error {
		running(ctx).CallSoon(func(ctx context.Context) {
			wantErr(t, tm.Run(ctx, never), asyncio.ErrWrongContext, "await in a callback")
		})
		yields(ctx, 1)
		wantErr(t, tm.Run(ctx, nil), asyncio.ErrInvalidArgument, "nil function")
		wantErr(t, tm.Reschedule(0), asyncio.ErrMisuse, "not been entered")
		return tm.Run(ctx, sleep(time.Millisecond))
	})
}

// A192: a timeout prints its state, and its limit while it is active.
func TestTimeoutString(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		show := func(tm *asyncio.TimeoutScope) { log.Add("%v", tm) }
		late, early, off := asyncio.NewTimeout(1500*time.Millisecond), asyncio.NewTimeout(time.Second), asyncio.NewTimeout(asyncio.Never)
		show(late)
		_ = late.Run(ctx, func(ctx context.Context) error {
			show(late)
			_ = asyncio.Sleep(ctx, time.Minute)
			show(late)
			return nil
		})
		show(late)
		_ = early.Run(ctx, func(ctx context.Context) error { return nil })
		show(early)
		_ = off.Run(ctx, func(ctx context.Context) error { show(off); return nil })
		return nil
	})
	log.Want(t,
		"<Timeout created>",
		"<Timeout active when=1.5s>",
		"<Timeout expiring>",
		"<Timeout expired>",
		"<Timeout finished>",
		"<Timeout active when=never>",
	)
}

// A193: a timeout ends a group inside it, with its children. If they fail in their
// cleanup, both blocks end with their errors, and the timeout is not lost.
func TestTimeoutOfATaskGroup(t *testing.T) {
	for _, failure := range []error{nil, errBoom} {
		var log record
		run(t, func(ctx context.Context) error {
			err := asyncio.Timeout(ctx, time.Second, func(ctx context.Context) error {
				return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
					tg.Go(func(ctx context.Context) error {
						err := asyncio.Sleep(ctx, time.Minute)
						log.Add("child: %s", brief(err))
						if failure != nil {
							return failure
						}
						return err
					})
					return asyncio.Sleep(ctx, time.Minute)
				})
			})
			wantErr(t, err, asyncio.ErrTimeout)
			var group *asyncio.GroupError
			if failure == nil {
				equal(t, "the error", err, "asyncio: timed out after 1s")
			} else if !errors.As(err, &group) || len(group.Errors) != 1 || group.Errors[0] != failure {
				t.Errorf("it ended with %v", err)
			}
			equal(t, "the time", running(ctx).Time(), "1s")
			return nil
		})
		log.Want(t, "child: cancelled")
	}
}

// A194: if the body swallows the expiry, the block ends without an error. Expired still
// reports it, and the number of requests is as before.
func TestTimeoutSwallowed(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tm := asyncio.NewTimeout(time.Second)
		err := tm.Run(ctx, func(ctx context.Context) error {
			wantErr(t, asyncio.Sleep(ctx, time.Minute), asyncio.ErrCancelled)
			return asyncio.Sleep(ctx, time.Minute) // no longer limited
		})
		equal(t, "the error", err, "<nil>")
		equal(t, "expired, cancelling, time",
			[]any{tm.Expired(), asyncio.CurrentTask(ctx).Cancelling(), running(ctx).Time()}, "[true 0 1m1s]")
		return nil
	})
}

// A195: a cancel from outside that is pending at the expiry wins: the block ends with a
// CancelledError. CPython converts it to a TimeoutError if it was pending at the start of
// the block, and the task continues (cpython#134471).
func TestTimeoutLosesToPendingCancel(t *testing.T) {
	run(t, func(ctx context.Context) error {
		for _, before := range []bool{true, false} {
			for _, d := range []time.Duration{0, time.Second} {
				task := asyncio.Go(ctx, func(ctx context.Context) error {
					self := asyncio.CurrentTask(ctx)
					if before {
						self.Cancel()
					} else {
						running(ctx).CallLater(d, func(context.Context) { self.Cancel() })
					}
					return asyncio.Timeout(ctx, d, never)
				})
				_, err := task.Await(ctx)
				if !errors.Is(err, asyncio.ErrCancelled) || !task.Cancelled() || task.Cancelling() != 1 {
					t.Errorf("cancelled before the block: %v, limit %v: it ended with %v", before, d, err)
				}
			}
		}
		return nil
	})
}

// A195: Expired is true even then.
func TestTimeoutThatLostHasExpired(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tm := asyncio.NewTimeout(time.Second)
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			self := asyncio.CurrentTask(ctx)
			running(ctx).CallAt(time.Second, func(context.Context) { self.Cancel() })
			return tm.Run(ctx, never)
		})
		_, err := task.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled)
		equal(t, "expired, cancelling", []any{tm.Expired(), task.Cancelling()}, "[true 1]")
		return nil
	})
}

// A196: WaitFor returns the result or the error of its argument if that ends in time.
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

// A196: at the limit WaitFor cancels its argument, and returns a TimeoutError.
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

// stubborn returns a task's function that runs for d and ignores every cancel.
func stubborn(d time.Duration) func(ctx context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		l := running(ctx)
		for end := l.Time() + d; l.Time() < end; {
			_ = asyncio.Sleep(ctx, end-l.Time())
		}
		return "at last", nil
	}
}

// A197, A205: WaitFor returns after the end of the awaitable that it has cancelled. The
// outcome of the cleanup counts: WaitFor returns its error, which also contains the
// timeout.
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

// A197, A198, A202: WaitFor waits as long as its argument takes, and returns its result
// if that ignores the cancel. This holds for the expiry and for a cancel of the task in
// WaitFor.
func TestWaitForStubbornTask(t *testing.T) {
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

// A198: a cancel of the task in WaitFor cancels the argument, with and without a limit.
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

// A199, A200, A201: with a limit of zero, WaitFor returns the outcome of a done future,
// does not start a function, and cancels and awaits a running task.
func TestWaitForWithoutTime(t *testing.T) {
	for _, d := range []time.Duration{0, -time.Second} {
		run(t, func(ctx context.Context) error {
			done, failed := asyncio.NewFuture[string](ctx), asyncio.NewFuture[string](ctx)
			_, _ = done.SetResult("done"), failed.SetException(errBoom)
			got, err := asyncio.WaitFor(ctx, done, d)
			equal(t, "the result of a done future", []any{got, err}, "[done <nil>]")
			_, err = asyncio.WaitFor(ctx, failed, d)
			equal(t, "the error of a failed future", err, errBoom)

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
			equal(t, "the result of a task that refuses the cancel", []any{got, err}, "[at last <nil>]")
			return nil
		})
	}
}

// A cancel while WaitFor, with a limit of zero, waits for the cancelled task is a cancel,
// not a timeout.
func TestWaitForWithoutTimeCancelled(t *testing.T) {
	run(t, func(ctx context.Context) error {
		slow := asyncio.CreateTask(ctx, stubborn(time.Second))
		wait := asyncio.CreateTask(ctx, func(ctx context.Context) (string, error) { return asyncio.WaitFor(ctx, slow, 0) })
		yields(ctx, 1)
		wait.CancelWith("enough")
		_, err := wait.Await(ctx)
		equal(t, "the error, the time", []any{brief(err), running(ctx).Time()}, "[cancelled: enough 0s]")
		got, err := slow.Await(ctx)
		equal(t, "the result of the awaited task", got, "at last")
		return err
	})
}

// A202: the argument may end with a result because of the cancel.
func TestWaitForTaskThatSwallowsTheCancel(t *testing.T) {
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

// A203: a result before the limit is returned, even one turn before.
func TestWaitForResultJustInTime(t *testing.T) {
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

// A203: a result in the turn of the expiry is too late, as with timeout() in CPython. The
// future keeps it.
func TestWaitForResultInTheTurnOfTheTimer(t *testing.T) {
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

// A066, A204: a cancel of the task in WaitFor wins over a result that has not been
// delivered to the task yet.
func TestWaitForCancelledWhenTheResultArrives(t *testing.T) {
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

// A204: a cancel after WaitFor has found the result is not lost.
func TestWaitForDoneThenCancelled(t *testing.T) {
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
		equal(t, "the inner result, and whether outer reached its end", []any{got, err, end}, "[done <nil> false]")
		return nil
	})
}

// A206: a task behind a Shield continues after the limit. Without a limit a Shield
// changes nothing.
func TestWaitForShield(t *testing.T) {
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

// WaitFor of nil, or outside of a task, is an error.
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
