package asyncio_test

import (
	"context"
	"testing"
	"time"

	"example.com/asyncio"
)

// lockLike is what Lock, Condition and the semaphores have in common.
type lockLike interface {
	Acquire(ctx context.Context) error
	Release()
	Locked() bool
	With(ctx context.Context, fn func(ctx context.Context) error) error
	String() string
}

// taker makes a task that acquires l and records how that went. It does not release l.
func taker(ctx context.Context, log *record, name string, l lockLike) *asyncio.Task[asyncio.None] {
	return asyncio.Go(ctx, func(ctx context.Context) error {
		err := l.Acquire(ctx)
		log.Add("%s: %s", name, brief(err))
		return err
	}, asyncio.WithName(name))
}

// A292: a lock is held by one at a time. Whoever releases it need not be the one who holds it.
func TestLockIsHeldByOne(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		l := new(asyncio.Lock)
		equal(t, "it is locked", l.Locked(), false)
		if err := l.Acquire(ctx); err != nil {
			return err
		}
		equal(t, "it is locked", l.Locked(), true)
		taker(ctx, &log, "a", l)
		yields(ctx, 5)
		log.Want(t)
		l.Release()
		yields(ctx, 1)
		log.Want(t, "a: ok")
		l.Release() // what a holds
		equal(t, "it is locked", l.Locked(), false)
		return nil
	})
}

// A292: to release a lock that nobody holds is a mistake.
func TestReleaseOfAFreeLock(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var l asyncio.Lock
		wantErr(t, panicOf(l.Release), asyncio.ErrMisuse, "Release of <Lock unlocked>, which nobody holds")
		// One that is about to pass from one to the next is free as well.
		if err := l.Acquire(ctx); err != nil {
			return err
		}
		task := asyncio.Go(ctx, l.Acquire)
		yields(ctx, 1)
		l.Release()
		wantErr(t, panicOf(l.Release), asyncio.ErrMisuse, "Release of <Lock unlocked waiters=1>, which nobody holds")
		_, err := task.Await(ctx)
		equal(t, "the lock", &l, "<Lock locked>")
		return err
	})
}

// A292: a lock does not know its holder: who asks for it twice waits for itself, until a timeout, say.
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

// A293: those who wait get the lock in the order of asking.
func TestLockGoesInTheOrderOfAsking(t *testing.T) {
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

// A293: who releases the lock and asks for it again stands behind those who wait; so does a newcomer. They do
// though the lock is free, until the first of those who wait runs.
func TestLockIsFair(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		var l asyncio.Lock
		_ = l.Acquire(ctx)
		taker(ctx, &log, "a", &l)
		yields(ctx, 1)
		// These two run before a does.
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

// A294: a waiter that is cancelled leaves the queue.
func TestCancelledWaiterLeavesTheLock(t *testing.T) {
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

// A295: a cancel and a release in the same turn, in either order and of whichever waiter, wake exactly one of
// those who stay: the first.
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
				// Nothing is lost: the lock goes to the others, one by one.
				for l.Locked() {
					l.Release()
					yields(ctx, 2)
				}
				for _, task := range tasks {
					equal(t, task.Name()+" has ended", task.Done(), true)
				}
				equal(t, "the lock", &l, "<Lock unlocked>")
				return nil
			})
		})
	}
}

// A295: a newcomer gets the lock at once if those before it are all cancelled, though they have not noticed yet.
func TestNewcomerPassesTheCancelled(t *testing.T) {
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

// A314: a lock prints whether it is held, and how many wait for it.
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
		"<Lock unlocked waiters=2>", // the first has not run
		"<Lock locked waiters=1>",
	)
}
