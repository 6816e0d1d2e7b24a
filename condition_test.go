package asyncio_test

import (
	"context"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// condWaiter starts a task that acquires c, waits, and logs the result. It does not
// release c.
func condWaiter(ctx context.Context, log *record, name string, c *asyncio.Condition) *asyncio.Task[asyncio.None] {
	return asyncio.Go(ctx, func(ctx context.Context) error {
		if err := c.Acquire(ctx); err != nil {
			return err
		}
		err := c.Wait(ctx)
		log.Add("%s: %s; locked: %v", name, brief(err), c.Locked())
		return err
	}, asyncio.WithName(name))
}

// A298: Wait releases the lock until it is notified, and takes it back. A notified task
// proceeds when the lock is free.
func TestConditionWait(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		c := asyncio.NewCondition(nil)
		for _, name := range []string{"a", "b", "c"} {
			condWaiter(ctx, &log, name, c)
		}
		yields(ctx, 1)
		equal(t, "the condition", c, "<Condition unlocked waiters=3>")

		if err := c.Acquire(ctx); err != nil {
			return err
		}
		c.Notify(1)
		yields(ctx, 5)
		log.Want(t) // the caller still holds the lock
		c.Release()
		yields(ctx, 1)
		log.Want(t, "a: ok; locked: true")

		c.Notify(2)
		yields(ctx, 5)
		log.Want(t)
		c.Release() // a holds it
		yields(ctx, 1)
		log.Want(t, "b: ok; locked: true")
		c.Release()
		yields(ctx, 1)
		log.Want(t, "c: ok; locked: true")
		return nil
	})
}

// A298: Notify(n) wakes n waiters, or all if there are fewer, in FIFO order. NotifyAll
// wakes all.
func TestConditionNotify(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		c := asyncio.NewCondition(nil)
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			asyncio.Go(ctx, func(ctx context.Context) error {
				return c.With(ctx, func(ctx context.Context) error {
					err := c.Wait(ctx)
					log.Add("%s: %s", name, brief(err))
					return err
				})
			})
		}
		yields(ctx, 1)
		notify := func(f func()) {
			err := c.With(ctx, func(context.Context) error { f(); return nil })
			equal(t, "the error", err, nil)
			yields(ctx, 5)
		}
		notify(func() { c.Notify(0) })
		log.Want(t)
		notify(func() { c.Notify(1) })
		log.Want(t, "a: ok")
		notify(func() { c.Notify(1); c.Notify(1) })
		log.Want(t, "b: ok", "c: ok")
		notify(c.NotifyAll)
		log.Want(t, "d: ok", "e: ok")
		notify(func() { c.Notify(2048) }) // no waiters: the notification is not stored
		equal(t, "the condition", c, "<Condition unlocked>")
		return nil
	})
}

// A298: Wait, Notify and NotifyAll require the lock.
func TestConditionWithoutLock(t *testing.T) {
	run(t, func(ctx context.Context) error {
		c := asyncio.NewCondition(nil)
		wantErr(t, c.Wait(ctx), asyncio.ErrMisuse, "Wait on <Condition unlocked>: its lock is not held; Acquire it")
		wantErr(t, panicOf(func() { c.Notify(1) }), asyncio.ErrMisuse, "Notify on <Condition unlocked>: its lock is not held; Acquire it")
		wantErr(t, panicOf(c.NotifyAll), asyncio.ErrMisuse, "NotifyAll on <Condition unlocked>: its lock is not held; Acquire it")
		wantErr(t, panicOf(c.Release), asyncio.ErrMisuse, "Release of <Lock unlocked>: the lock is not held")
		return nil
	})
}

// A299: WaitFor waits until the predicate holds. It calls the predicate with the lock
// held, before the first wait and after each.
func TestConditionWaitFor(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		c := asyncio.NewCondition(nil)
		ready := false
		asyncio.Go(ctx, func(ctx context.Context) error {
			return c.With(ctx, func(ctx context.Context) error {
				err := c.WaitFor(ctx, func() bool {
					log.Add("ready: %v, %v", ready, c)
					return ready
				})
				log.Add("waited: %s, %v", brief(err), c)
				return err
			})
		})
		yields(ctx, 1)
		log.Want(t, "ready: false, <Condition locked>")
		for _, ready = range []bool{false, true} {
			_ = c.Acquire(ctx)
			c.Notify(1)
			c.Release()
			yields(ctx, 1)
		}
		log.Want(t,
			"ready: false, <Condition locked>",
			"ready: true, <Condition locked>",
			"waited: ok, <Condition locked>",
		)
		return nil
	})
}

// A299: if the predicate holds immediately, WaitFor does not wait and does not require
// the lock.
func TestConditionWaitForWithoutLock(t *testing.T) {
	run(t, func(ctx context.Context) error {
		c := asyncio.NewCondition(nil)
		wantErr(t, c.WaitFor(ctx, func() bool { return false }), asyncio.ErrMisuse, "Wait on <Condition unlocked>")
		wantErr(t, c.WaitFor(ctx, nil), asyncio.ErrInvalidArgument, "WaitFor on <Condition unlocked>: predicate is nil")
		return c.WaitFor(ctx, func() bool { return true })
	})
}

// A300: a task that is cancelled in Wait returns with the lock held.
func TestConditionWaitCancelled(t *testing.T) {
	run(t, func(ctx context.Context) error {
		c := asyncio.NewCondition(nil)
		_ = c.Acquire(ctx)
		task := asyncio.Go(ctx, c.Wait)
		running(ctx).CallSoon(func(context.Context) { task.Cancel() })
		_, err := task.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled)
		equal(t, "the condition", c, "<Condition locked>")
		return nil
	})
}

// A300: a task that is cancelled repeatedly in Wait returns with the lock held, once it
// is free, and with the last CancelledError.
func TestConditionWaitCancelledRepeatedly(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		c := asyncio.NewCondition(nil)
		a := condWaiter(ctx, &log, "a", c)
		yields(ctx, 1)
		_ = c.Acquire(ctx)
		for _, msg := range []string{"first", "second", "third"} {
			a.CancelWith(msg)
			yields(ctx, 2)
			log.Want(t) // the caller holds the lock
		}
		c.Release()
		_, err := a.Await(ctx)
		log.Want(t, "a: cancelled: third; locked: true")
		wantErr(t, err, asyncio.ErrCancelled)
		return nil
	})
}

// A300: if a notified task is cancelled while it takes the lock back, Wait returns that
// same error. A Release in the same turn does not prevent it from acquiring the lock.
func TestConditionCancelledWhileReacquiring(t *testing.T) {
	run(t, func(ctx context.Context) error {
		c := asyncio.NewCondition(nil)
		var got error
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			return c.With(ctx, func(ctx context.Context) error {
				got = c.Wait(ctx)
				equal(t, "Locked()", c.Locked(), true)
				return got
			})
		})
		yields(ctx, 1)
		_ = c.Acquire(ctx)
		c.Notify(1)
		yields(ctx, 1)
		equal(t, "the condition", c, "<Condition locked>") // the task now waits for the lock
		task.CancelWith("foo")
		c.Release()
		_, err := task.Await(ctx)
		equal(t, "the error", brief(err), "cancelled: foo")
		if err != got {
			t.Errorf("Wait returned %v, the task returned %v", got, err)
		}
		equal(t, "the condition", c, "<Condition unlocked>")
		return nil
	})
}

// A300: if a cancellation ends the wait itself, WaitFor returns that same error.
func TestConditionCancelledWhileWaiting(t *testing.T) {
	run(t, func(ctx context.Context) error {
		c := asyncio.NewCondition(nil)
		var got error
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			return c.With(ctx, func(ctx context.Context) error {
				got = c.WaitFor(ctx, func() bool { return false })
				return got
			})
		})
		yields(ctx, 1)
		task.CancelWith("foo")
		_, err := task.Await(ctx)
		equal(t, "the error", brief(err), "cancelled: foo")
		if err != got {
			t.Errorf("WaitFor returned %v, the task returned %v", got, err)
		}
		return nil
	})
}

// A300: Notify, Cancel and Release race in one turn. The lock is held in the end.
func TestConditionCancelContested(t *testing.T) {
	run(t, func(ctx context.Context) error {
		c := asyncio.NewCondition(nil)
		_ = c.Acquire(ctx)
		task := asyncio.Go(ctx, c.Wait)
		yields(ctx, 1)
		equal(t, "the condition", c, "<Condition unlocked waiters=1>")
		_ = c.Acquire(ctx)
		c.Notify(1)
		running(ctx).CallSoon(func(context.Context) { task.Cancel() })
		running(ctx).CallSoon(func(context.Context) { c.Release() })
		_, err := task.Await(ctx)
		equal(t, "the error", brief(err), "cancelled")
		equal(t, "the condition", c, "<Condition locked>")
		return nil
	})
}

// A301: a task that is notified and cancelled passes the notification on, whether it is
// cancelled before it runs or while it takes the lock back.
func TestConditionNotificationIsNotLost(t *testing.T) {
	for _, turns := range []int{0, 1} {
		run(t, func(ctx context.Context) error {
			c := asyncio.NewCondition(nil)
			state := 0
			consumer := func(ctx context.Context) error {
				return c.With(ctx, func(ctx context.Context) error {
					for {
						if err := c.WaitFor(ctx, func() bool { return state != 0 }); err != nil || state < 0 {
							return err
						}
						state--
						c.NotifyAll()
					}
				})
			}
			first, second := asyncio.Go(ctx, consumer), asyncio.Go(ctx, consumer)
			yields(ctx, 1)
			return c.With(ctx, func(ctx context.Context) error {
				state++
				c.Notify(1)
				yields(ctx, turns)
				first.Cancel()
				err := asyncio.Timeout(ctx, time.Second, func(ctx context.Context) error {
					return c.WaitFor(ctx, func() bool { return state == 0 })
				})
				if err != nil {
					return err
				}
				state = -1
				c.NotifyAll()
				c.Release()
				_, err = second.Await(ctx)
				equal(t, "Cancelled() of the first", first.Cancelled(), true)
				return also(err, c.Acquire(ctx))
			})
		})
	}
}

// also returns the first error that is not nil.
func also(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// A301: a task that is notified and then cancelled ends cancelled.
func TestConditionCancelAfterNotify(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		c := asyncio.NewCondition(nil)
		a := condWaiter(ctx, &log, "a", c)
		yields(ctx, 1)
		_ = c.Acquire(ctx)
		c.Notify(1)
		yields(ctx, 1)
		a.Cancel()
		yields(ctx, 1)
		c.Release()
		yields(ctx, 1)
		equal(t, "Cancelled() of a", a.Cancelled(), true)
		return nil
	})
	log.Want(t, "a: cancelled; locked: true")
}

// A302: a Wait that a timeout interrupts returns with the lock held.
func TestConditionWaitTimeout(t *testing.T) {
	run(t, func(ctx context.Context) error {
		c := asyncio.NewCondition(nil)
		return c.With(ctx, func(ctx context.Context) error {
			wantErr(t, asyncio.Timeout(ctx, time.Second, c.Wait), asyncio.ErrTimeout)
			equal(t, "the condition", c, "<Condition locked>")
			_, err := asyncio.WaitFor(ctx, asyncio.Coro[asyncio.None](func(ctx context.Context) (asyncio.None, error) {
				return asyncio.None{}, c.Wait(ctx)
			}), time.Second)
			wantErr(t, err, asyncio.ErrTimeout)
			equal(t, "the condition", c, "<Condition locked>")
			return nil
		})
	})
}

// A303: conditions can share a lock. Acquiring any of them acquires that lock.
func TestConditionSharedLock(t *testing.T) {
	run(t, func(ctx context.Context) error {
		l := new(asyncio.Lock)
		full, empty := asyncio.NewCondition(l), asyncio.NewCondition(l)
		for _, way := range []lockLike{l, full, empty} {
			err := way.With(ctx, func(context.Context) error {
				equal(t, "Locked() of all", l.Locked() && full.Locked() && empty.Locked(), true)
				return nil
			})
			equal(t, "the error", err, nil)
			equal(t, "Locked() of any", l.Locked() || full.Locked() || empty.Locked(), false)
		}
		// Notify of one condition does not wake waiters of the other.
		waits := asyncio.Go(ctx, func(ctx context.Context) error { return full.With(ctx, full.Wait) })
		yields(ctx, 1)
		_ = l.Acquire(ctx)
		empty.NotifyAll()
		l.Release()
		yields(ctx, 5)
		equal(t, "waits.Done()", waits.Done(), false)
		_ = l.Acquire(ctx)
		full.Notify(1)
		l.Release()
		_, err := waits.Await(ctx)
		return err
	})
}

// A303: Wait fails, and does not release the lock, if the lock or the condition belongs
// to another loop.
func TestConditionOfAnotherLoop(t *testing.T) {
	noLeaks(t)
	other := asyncio.NewLoop(driver.NewVirtual())
	defer other.Close()
	elsewhere := func(wait func(ctx context.Context) error) {
		asyncio.Go(other.Context(), wait)
		running(other.Context()).CallSoon(func(context.Context) { other.Stop() })
		equal(t, "the error", other.RunForever(), nil)
	}
	run(t, func(ctx context.Context) error {
		l := new(asyncio.Lock)
		_ = l.Acquire(ctx)
		elsewhere(l.Acquire) // waits, so the lock belongs to that loop now
		c := asyncio.NewCondition(l)
		wantErr(t, c.Acquire(ctx), asyncio.ErrWrongLoop, "<Lock locked waiters=1>: it is bound to another loop")
		wantErr(t, c.Wait(ctx), asyncio.ErrWrongLoop, "<Lock locked waiters=1>: it is bound to another loop")
		equal(t, "Locked()", c.Locked(), true)

		c = asyncio.NewCondition(nil)
		elsewhere(func(ctx context.Context) error { return c.With(ctx, c.Wait) })
		_ = c.Acquire(ctx)
		wantErr(t, c.Wait(ctx), asyncio.ErrWrongLoop, "it is bound to another loop")
		equal(t, "Locked()", c.Locked(), true)
		return nil
	})
}

// A314: String shows whether the condition's lock is held, and the number of tasks in
// Wait.
func TestConditionString(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		c := asyncio.NewCondition(nil)
		log.Add("%v", c)
		for range 2 {
			asyncio.Go(ctx, func(ctx context.Context) error { return c.With(ctx, c.Wait) })
		}
		yields(ctx, 1)
		log.Add("%v", c)
		_ = c.Acquire(ctx)
		log.Add("%v", c)
		c.Notify(1)
		log.Add("%v", c)
		yields(ctx, 1)
		log.Add("%v", c)
		c.Release() // so that the waiters can take it back when they are cancelled
		return nil
	})
	log.Want(t,
		"<Condition unlocked>",
		"<Condition unlocked waiters=2>",
		"<Condition locked waiters=2>",
		"<Condition locked waiters=2>", // the notified task has not run
		"<Condition locked waiters=1>",
	)
}

// The zero Condition has a lock of its own.
func TestConditionZero(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var unused asyncio.Condition
		equal(t, "the condition", &unused, "<Condition unlocked>")
		equal(t, "Locked()", unused.Locked(), false)
		wantErr(t, unused.Wait(ctx), asyncio.ErrMisuse, "Wait on <Condition unlocked>")
		wantErr(t, panicOf(unused.NotifyAll), asyncio.ErrMisuse, "NotifyAll on <Condition unlocked>")
		wantErr(t, panicOf(unused.Release), asyncio.ErrMisuse, "Release of <Lock unlocked>")

		var c asyncio.Condition
		waits := asyncio.Go(ctx, func(ctx context.Context) error { return c.With(ctx, c.Wait) })
		yields(ctx, 1)
		equal(t, "waits for", waitOf(ctx, waits), "condition <Condition unlocked waiters=1>")
		_ = c.Acquire(ctx)
		c.Notify(1)
		equal(t, "the condition", &c, "<Condition locked waiters=1>")
		c.Release()
		_, err := waits.Await(ctx)
		equal(t, "the condition", &c, "<Condition unlocked>")
		return err
	})
}
