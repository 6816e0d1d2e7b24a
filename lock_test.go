package asyncio_test

import (
	"context"
	"testing"
	"time"

	"example.com/asyncio"
)

// lockLike contains the common methods of Lock, Condition and the semaphores.
type lockLike interface {
	Acquire(ctx context.Context) error
	Release()
	Locked() bool
	With(ctx context.Context, fn func(ctx context.Context) error) error
	String() string
}

// taker starts a task that acquires l and logs the result. It does not release l.
func taker(ctx context.Context, log *record, name string, l lockLike) *asyncio.Task[asyncio.None] {
	return asyncio.Go(ctx, func(ctx context.Context) error {
		err := l.Acquire(ctx)
		log.Add("%s: %s", name, brief(err))
		return err
	}, asyncio.WithName(name))
}

// A292: at most one task holds a lock. Another task may release it.
func TestLockExcludes(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		l := new(asyncio.Lock)
		equal(t, "Locked()", l.Locked(), false)
		if err := l.Acquire(ctx); err != nil {
			return err
		}
		equal(t, "Locked()", l.Locked(), true)
		taker(ctx, &log, "a", l)
		yields(ctx, 5)
		log.Want(t)
		l.Release()
		yields(ctx, 1)
		log.Want(t, "a: ok")
		l.Release() // a holds it
		equal(t, "Locked()", l.Locked(), false)
		return nil
	})
}

// A292: releasing a lock that is not held panics.
func TestLockReleaseUnlocked(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var l asyncio.Lock
		wantErr(t, panicOf(l.Release), asyncio.ErrMisuse, "Release of <Lock unlocked>: the lock is not held")
		// A lock that its next holder has not acquired yet is not held either.
		if err := l.Acquire(ctx); err != nil {
			return err
		}
		task := asyncio.Go(ctx, l.Acquire)
		yields(ctx, 1)
		l.Release()
		wantErr(t, panicOf(l.Release), asyncio.ErrMisuse, "Release of <Lock unlocked waiters=1>: the lock is not held")
		_, err := task.Await(ctx)
		equal(t, "the lock", &l, "<Lock locked>")
		return err
	})
}

// A292: a lock is not reentrant. A task that acquires it twice waits for itself, here
// until a timeout.
func TestLockIsNotReentrant(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var l asyncio.Lock
		return l.With(ctx, func(ctx context.Context) error {
			wantErr(t, asyncio.Timeout(ctx, time.Second, l.Acquire), asyncio.ErrTimeout)
			equal(t, "the lock", &l, "<Lock locked>")
			return nil
		})
	})
}

// A293: waiters acquire the lock in FIFO order.
func TestLockFIFO(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		var l asyncio.Lock
		_ = l.Acquire(ctx)
		taker(ctx, &log, "a", &l)
		taker(ctx, &log, "b", &l)
		yields(ctx, 1)
		log.Want(t)

		l.Release()
		yields(ctx, 1)
		log.Want(t, "a: ok")
		yields(ctx, 1)
		log.Want(t)

		taker(ctx, &log, "c", &l)
		l.Release()
		yields(ctx, 1)
		log.Want(t, "b: ok")
		l.Release()
		yields(ctx, 1)
		log.Want(t, "c: ok")
		return nil
	})
}

// A293: a newcomer, and a task that releases the lock and acquires it again, queue up
// behind the waiters, although the lock is free until the first waiter runs.
func TestLockNoBarging(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		var l asyncio.Lock
		_ = l.Acquire(ctx)
		taker(ctx, &log, "a", &l)
		yields(ctx, 1)
		// These two tasks run before a.
		taker(ctx, &log, "newcomer", &l)
		asyncio.Go(ctx, func(context.Context) error {
			log.Add("%v", &l)
			return nil
		})
		l.Release()
		log.Add("%v", &l)
		for i := range 2 {
			running(ctx).CallLater(time.Duration(i)*time.Second, func(context.Context) { l.Release() })
		}
		log.Add("releaser: %s", brief(l.Acquire(ctx)))
		return asyncio.Sleep(ctx, time.Minute)
	})
	log.Want(t,
		"<Lock unlocked waiters=1>",
		"<Lock unlocked waiters=3>",
		"a: ok",
		"releaser: ok",
		"newcomer: ok",
	)
}

// A294: a cancelled waiter leaves the queue.
func TestLockCancelledWaiter(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		var l asyncio.Lock
		_ = l.Acquire(ctx)
		a := taker(ctx, &log, "a", &l)
		running(ctx).CallSoon(func(context.Context) { a.Cancel() })
		_, err := a.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled)
		equal(t, "the lock", &l, "<Lock locked>")
		l.Release()
		equal(t, "the lock", &l, "<Lock unlocked>")
		return nil
	})
}

// A295: a Cancel and a Release in the same turn, in either order and of any waiter, wake
// exactly one remaining waiter: the first.
func TestLockCancelRaces(t *testing.T) {
	for _, c := range []struct {
		name   string
		race   func(l *asyncio.Lock, a, b, c asyncio.AnyTask)
		ending []string
	}{
		{"the first is cancelled before it is woken", func(l *asyncio.Lock, a, _, _ asyncio.AnyTask) {
			a.Cancel()
			l.Release()
		}, []string{"a: cancelled", "b: ok"}},
		{"the first is cancelled when it was woken", func(l *asyncio.Lock, a, _, _ asyncio.AnyTask) {
			l.Release()
			a.Cancel()
		}, []string{"a: cancelled", "b: ok"}},
		{"the second is cancelled when the first was woken", func(l *asyncio.Lock, _, b, _ asyncio.AnyTask) {
			l.Release()
			b.Cancel()
		}, []string{"a: ok", "b: cancelled"}},
		{"the first two are cancelled", func(l *asyncio.Lock, a, b, _ asyncio.AnyTask) {
			b.Cancel()
			l.Release()
			a.Cancel()
		}, []string{"b: cancelled", "a: cancelled", "c: ok"}},
		{"all are cancelled", func(l *asyncio.Lock, a, b, c asyncio.AnyTask) {
			a.Cancel()
			b.Cancel()
			c.Cancel()
			l.Release()
		}, []string{"a: cancelled", "b: cancelled", "c: cancelled"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log record
			run(t, func(ctx context.Context) error {
				var l asyncio.Lock
				_ = l.Acquire(ctx)
				tasks := []asyncio.AnyTask{taker(ctx, &log, "a", &l), taker(ctx, &log, "b", &l), taker(ctx, &log, "c", &l)}
				yields(ctx, 1)
				running(ctx).CallSoon(func(context.Context) { c.race(&l, tasks[0], tasks[1], tasks[2]) })
				yields(ctx, 5)
				log.Want(t, c.ending...)
				// No wake-up is lost: the others acquire the lock one by one.
				for l.Locked() {
					l.Release()
					yields(ctx, 2)
				}
				for _, task := range tasks {
					equal(t, "Done() of "+task.Name(), task.Done(), true)
				}
				equal(t, "the lock", &l, "<Lock unlocked>")
				return nil
			})
		})
	}
}

// A295: a newcomer acquires the lock immediately if all waiters are cancelled, even
// before their tasks run.
func TestLockNewcomerOvertakesCancelled(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		var l asyncio.Lock
		_ = l.Acquire(ctx)
		a := taker(ctx, &log, "a", &l)
		yields(ctx, 1)
		a.Cancel()
		l.Release()
		log.Add("newcomer: %s", brief(l.Acquire(ctx)))
		yields(ctx, 1)
		return nil
	})
	log.Want(t, "newcomer: ok", "a: cancelled")
}

// A314: String shows whether a lock is held, and its number of waiters.
func TestLockString(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		var l asyncio.Lock
		log.Add("%v", &l)
		_ = l.Acquire(ctx)
		log.Add("%v", &l)
		asyncio.Go(ctx, l.Acquire)
		asyncio.Go(ctx, l.Acquire)
		yields(ctx, 1)
		log.Add("%v", &l)
		l.Release()
		log.Add("%v", &l)
		yields(ctx, 1)
		log.Add("%v", &l)
		return nil
	})
	log.Want(t,
		"<Lock unlocked>",
		"<Lock locked>",
		"<Lock locked waiters=2>",
		"<Lock unlocked waiters=2>", // the first task has not run
		"<Lock locked waiters=1>",
	)
}

// TryAcquire acquires the lock exactly where Acquire would not suspend.
func TestLockTryAcquire(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		var l asyncio.Lock
		equal(t, "TryAcquire() of a free lock", l.TryAcquire(), true)
		equal(t, "the lock", &l, "<Lock locked>")
		equal(t, "TryAcquire() of a held lock", l.TryAcquire(), false)
		l.Release()
		equal(t, "TryAcquire() of a released lock", l.TryAcquire(), true)

		a := taker(ctx, &log, "a", &l)
		taker(ctx, &log, "b", &l)
		yields(ctx, 1)
		l.Release()
		equal(t, "TryAcquire() while a is woken", l.TryAcquire(), false)
		equal(t, "the lock", &l, "<Lock unlocked waiters=2>")
		a.Cancel()
		equal(t, "TryAcquire() while b waits", l.TryAcquire(), false)
		yields(ctx, 2)
		log.Want(t, "a: cancelled", "b: ok")

		c := taker(ctx, &log, "c", &l)
		yields(ctx, 1)
		c.Cancel()
		l.Release()
		equal(t, "TryAcquire() while all waiters are cancelled", l.TryAcquire(), true)
		yields(ctx, 1)
		equal(t, "the lock", &l, "<Lock locked>")
		return nil
	})
	log.Want(t, "c: cancelled")
}

// TryAcquire has no ctx, so the holder is unknown until the next Acquire.
func TestLockTryAcquireHolder(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		var l asyncio.Lock
		show := func() {
			holder := "nil"
			if h := l.Holder(); h != nil {
				holder = h.Name()
			}
			log.Add("%v, held by %s", &l, holder)
		}
		show()
		_ = l.Acquire(ctx)
		show()
		l.Release()
		show()
		l.TryAcquire()
		show()
		a := taker(ctx, &log, "a", &l)
		yields(ctx, 1)
		log.Add("a waits for %s", waitOf(ctx, a))
		l.Release()
		show()
		yields(ctx, 1)
		show()
		return nil
	})
	log.Want(t,
		"<Lock unlocked>, held by nil",
		"<Lock locked>, held by main",
		"<Lock unlocked>, held by nil",
		"<Lock locked>, held by nil",
		"a waits for lock <Lock locked waiters=1>",
		"<Lock unlocked waiters=1>, held by nil",
		"a: ok",
		"<Lock locked>, held by a",
	)
}
