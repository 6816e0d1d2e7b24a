package asyncio_test

import (
	"context"
	"testing"
	"time"

	"example.com/asyncio"
)

// A304: a semaphore counts. A task that finds no free unit waits. Release assigns its
// unit to a waiter, so that the unit is never free in between.
func TestSemaphoreCounts(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		s := asyncio.NewSemaphore(3)
		for range 2 {
			if err := s.Acquire(ctx); err != nil {
				return err
			}
		}
		equal(t, "the semaphore", s, "<Semaphore unlocked value=1>")
		for _, name := range []string{"a", "b", "c"} {
			taker(ctx, &log, name, s)
		}
		yields(ctx, 1)
		log.Want(t, "a: ok")
		equal(t, "the semaphore", s, "<Semaphore locked waiters=2>")

		taker(ctx, &log, "d", s)
		s.Release()
		s.Release()
		equal(t, "Locked()", s.Locked(), true)
		yields(ctx, 1)
		log.Want(t, "b: ok", "c: ok")
		equal(t, "the semaphore", s, "<Semaphore locked waiters=1>")
		s.Release()
		yields(ctx, 1)
		log.Want(t, "d: ok")
		s.Release()
		equal(t, "the semaphore", s, "<Semaphore unlocked value=1>")
		return nil
	})
}

// A304: a semaphore may start with no units, and may get more units than it started with.
// The initial value cannot be negative.
func TestSemaphoreValues(t *testing.T) {
	run(t, func(ctx context.Context) error {
		s := asyncio.NewSemaphore(0)
		equal(t, "Locked()", s.Locked(), true)
		wantErr(t, asyncio.Timeout(ctx, time.Second, s.Acquire), asyncio.ErrTimeout)
		s.Release()
		s.Release()
		equal(t, "the semaphore", s, "<Semaphore unlocked value=2>")
		var zero asyncio.Semaphore
		equal(t, "the zero Semaphore", &zero, "<Semaphore locked>")
		wantErr(t, panicOf(func() { asyncio.NewSemaphore(-1) }), asyncio.ErrInvalidArgument, "NewSemaphore(-1): the number of units is negative; use 0 units or more")
		wantErr(t, panicOf(func() { asyncio.NewBoundedSemaphore(-2) }), asyncio.ErrInvalidArgument, "NewBoundedSemaphore(-2): the number of units is negative; use 0 units or more")
		return nil
	})
}

// A305: tasks that release and acquire again queue up behind the waiters.
func TestSemaphoreFIFO(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		s := asyncio.NewSemaphore(1)
		return asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
			for _, name := range []string{"a", "b", "c"} {
				tg.Go(func(ctx context.Context) error {
					for round := range 2 {
						if err := s.Acquire(ctx); err != nil {
							return err
						}
						log.Add("%s %d", name, round)
						_ = asyncio.Sleep(ctx, time.Millisecond)
						s.Release()
					}
					return nil
				})
			}
			return nil
		})
	})
	log.Want(t, "a 0", "b 0", "c 0", "a 1", "b 1", "c 1")
}

// A305: two units that are released together go to the first two waiters. A task that
// releases its unit and acquires again does not overtake the second.
func TestSemaphoreSeveralReleases(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		s := asyncio.NewSemaphore(1)
		a := taker(ctx, &log, "a", s)
		b := asyncio.Go(ctx, func(ctx context.Context) error {
			if err := s.Acquire(ctx); err != nil {
				return err
			}
			log.Add("b: ok")
			s.Release()
			err := s.Acquire(ctx)
			log.Add("b again: %s", brief(err))
			return err
		})
		c := taker(ctx, &log, "c", s)
		yields(ctx, 1)
		s.Release()
		s.Release()
		_, err := asyncio.Gather(ctx, a, b, c).Await(ctx)
		return err
	})
	log.Want(t, "a: ok", "b: ok", "c: ok", "b again: ok")
}

// A305: a cancellation removes one waiter and does not change the order of the others.
func TestSemaphoreFIFOAfterCancel(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		s := asyncio.NewSemaphore(0)
		a := taker(ctx, &log, "a", s)
		taker(ctx, &log, "b", s)
		taker(ctx, &log, "c", s)
		yields(ctx, 1)
		a.Cancel()
		yields(ctx, 1)
		s.Release()
		s.Release()
		yields(ctx, 1)
		return nil
	})
	log.Want(t, "a: cancelled", "b: ok", "c: ok")
}

// A305: a newcomer waits although units are free, because a woken task has not run yet
// and goes first. When it runs, it wakes the newcomers.
func TestSemaphoreNoBarging(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		s := asyncio.NewSemaphore(0)
		asyncio.Go(ctx, func(ctx context.Context) error {
			err := s.Acquire(ctx)
			log.Add("a: %s, %v", brief(err), s)
			asyncio.Go(ctx, func(context.Context) error {
				log.Add("d, started by a")
				return nil
			})
			return err
		})
		asyncio.Go(ctx, func(ctx context.Context) error {
			for range 3 {
				s.Release()
			}
			log.Add("three released: %v", s)
			err := s.Acquire(ctx)
			log.Add("b: %s, %v", brief(err), s)
			return err
		})
		taker(ctx, &log, "c", s)
		yields(ctx, 1)
		log.Add("all waiting: %v", s)
		yields(ctx, 5)
		log.Add("finally: %v", s)
		return nil
	})
	log.Want(t,
		"three released: <Semaphore locked waiters=1>", // one unit is assigned to a, two are free
		"all waiting: <Semaphore locked waiters=3>",
		"a: ok, <Semaphore locked waiters=2>",
		"b: ok, <Semaphore locked waiters=1>",
		"c: ok",
		"d, started by a",
		"finally: <Semaphore locked>",
	)
}

// A306: a waiter that is cancelled, before or after it was assigned a unit, leaves the
// unit to the next.
func TestSemaphoreCancelRaces(t *testing.T) {
	for _, c := range []struct {
		name   string
		race   func(s lockLike, a, b, c asyncio.AnyTask)
		ending []string
	}{
		{"cancelled before the release", func(s lockLike, a, _, _ asyncio.AnyTask) {
			a.Cancel()
			s.Release()
		}, []string{"a: cancelled", "b: ok"}},
		{"cancelled after the release", func(s lockLike, a, _, _ asyncio.AnyTask) {
			s.Release()
			a.Cancel()
		}, []string{"a: cancelled", "b: ok"}},
		{"two cancelled before the release", func(s lockLike, a, b, _ asyncio.AnyTask) {
			a.Cancel()
			b.Cancel()
			s.Release()
		}, []string{"a: cancelled", "b: cancelled", "c: ok"}},
		{"two cancelled after the release", func(s lockLike, a, b, _ asyncio.AnyTask) {
			s.Release()
			s.Release()
			b.Cancel()
			a.Cancel()
		}, []string{"a: cancelled", "b: cancelled", "c: ok"}},
		{"all cancelled after the release", func(s lockLike, a, b, c asyncio.AnyTask) {
			for range 3 {
				s.Release()
			}
			a.Cancel()
			b.Cancel()
			c.Cancel()
		}, []string{"a: cancelled", "b: cancelled", "c: cancelled"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, s := range []lockLike{asyncio.NewSemaphore(3), asyncio.NewBoundedSemaphore(3)} {
				var log record
				run(t, func(ctx context.Context) error {
					for range 3 {
						_ = s.Acquire(ctx)
					}
					tasks := []asyncio.AnyTask{taker(ctx, &log, "a", s), taker(ctx, &log, "b", s), taker(ctx, &log, "c", s)}
					yields(ctx, 1)
					c.race(s, tasks[0], tasks[1], tasks[2])
					yields(ctx, 2)
					log.Want(t, c.ending...)
					return nil
				})
			}
		})
	}
}

// A306: a task that is cancelled when With is about to call its function does not keep
// the unit.
func TestSemaphoreWithCancelled(t *testing.T) {
	run(t, func(ctx context.Context) error {
		s := asyncio.NewSemaphore(1)
		var second *asyncio.Task[asyncio.None]
		first := asyncio.Go(ctx, func(ctx context.Context) error {
			err := s.With(ctx, asyncio.Yield)
			second.Cancel()
			return err
		})
		second = asyncio.Go(ctx, func(ctx context.Context) error {
			return s.With(ctx, func(context.Context) error {
				t.Error("With called its function")
				return nil
			})
		})
		_, _, err := asyncio.Wait(ctx, []*asyncio.Task[asyncio.None]{first, second})
		equal(t, "the error of the first", brief(first.Exception()), "ok")
		equal(t, "the error of the second", brief(second.Exception()), "cancelled")
		return also(err, asyncio.Timeout(ctx, time.Second, s.Acquire))
	})
}

// A307: a BoundedSemaphore never has more units than initially. A surplus Release panics.
func TestBoundedSemaphore(t *testing.T) {
	run(t, func(ctx context.Context) error {
		s := asyncio.NewBoundedSemaphore(2)
		wantErr(t, panicOf(s.Release), asyncio.ErrInvalidArgument, "Release of <BoundedSemaphore unlocked value=2>: no unit is acquired; call Release once for each Acquire")
		_ = s.Acquire(ctx)
		s.Release()
		wantErr(t, panicOf(s.Release), asyncio.ErrInvalidArgument, "<BoundedSemaphore unlocked value=2>")
		wantErr(t, panicOf(asyncio.NewBoundedSemaphore(0).Release), asyncio.ErrInvalidArgument, "<BoundedSemaphore locked>")
		return nil
	})
}

// A314: String shows the kind of a semaphore, whether Acquire would wait, the free units
// and the number of waiters.
func TestSemaphoreString(t *testing.T) {
	run(t, func(ctx context.Context) error {
		s := asyncio.NewBoundedSemaphore(2)
		equal(t, "the semaphore", s, "<BoundedSemaphore unlocked value=2>")
		_ = s.Acquire(ctx)
		equal(t, "the semaphore", s, "<BoundedSemaphore unlocked value=1>")
		_ = s.Acquire(ctx)
		equal(t, "the semaphore", s, "<BoundedSemaphore locked>")
		asyncio.Go(ctx, s.Acquire)
		asyncio.Go(ctx, s.Acquire)
		yields(ctx, 1)
		equal(t, "the semaphore", s, "<BoundedSemaphore locked waiters=2>")
		s.Release()
		equal(t, "the semaphore", s, "<BoundedSemaphore locked waiters=2>") // the first task has not run
		yields(ctx, 1)
		equal(t, "the semaphore", s, "<BoundedSemaphore locked waiters=1>")
		equal(t, "the semaphore", asyncio.NewSemaphore(1), "<Semaphore unlocked value=1>")
		return nil
	})
}

// TryAcquire acquires a unit exactly where Acquire would not suspend.
func TestSemaphoreTryAcquire(t *testing.T) {
	for _, s := range []interface {
		lockLike
		TryAcquire() bool
	}{asyncio.NewSemaphore(2), asyncio.NewBoundedSemaphore(2)} {
		var log record
		run(t, func(ctx context.Context) error {
			equal(t, "TryAcquire() with two free units", s.TryAcquire(), true)
			equal(t, "TryAcquire() with one free unit", s.TryAcquire(), true)
			equal(t, "TryAcquire() without free units", s.TryAcquire(), false)

			a := taker(ctx, &log, "a", s)
			yields(ctx, 1)
			s.Release()
			s.Release()
			equal(t, "TryAcquire() while a is woken", s.TryAcquire(), false)
			yields(ctx, 1)
			equal(t, "TryAcquire() after a", s.TryAcquire(), true)
			equal(t, "TryAcquire() without free units", s.TryAcquire(), false)
			s.Release()

			b := asyncio.Go(ctx, func(ctx context.Context) error {
				_ = s.Acquire(ctx)
				return s.Acquire(ctx)
			})
			yields(ctx, 1)
			b.Cancel()
			s.Release()
			equal(t, "TryAcquire() while all waiters are cancelled", s.TryAcquire(), true)
			_, err := a.Await(ctx)
			return err
		})
		log.Want(t, "a: ok")
	}
	var zero asyncio.Semaphore
	equal(t, "TryAcquire() of the zero Semaphore", zero.TryAcquire(), false)
}
