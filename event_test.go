package asyncio_test

import (
	"context"
	"testing"
	"time"

	"example.com/asyncio"
)

// A296: Set wakes all waiters in FIFO order. A task that arrives while the event is set
// does not wait.
func TestEventWakesAll(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		e := new(asyncio.Event)
		equal(t, "IsSet()", e.IsSet(), false)
		waiter := func(name string) {
			asyncio.Go(ctx, func(ctx context.Context) error {
				log.Add("%s: %s", name, brief(e.Wait(ctx)))
				return nil
			})
		}
		waiter("a")
		waiter("b")
		yields(ctx, 1)
		log.Want(t)
		waiter("late")
		e.Set()
		equal(t, "IsSet()", e.IsSet(), true)
		yields(ctx, 1)
		log.Want(t, "late: ok", "a: ok", "b: ok")
		return e.Wait(ctx)
	})
}

// A296: after Clear, new waiters wait for the next Set. A woken waiter proceeds, although
// the event is clear again.
func TestEventClear(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		var e asyncio.Event
		e.Set()
		e.Clear()
		equal(t, "IsSet()", e.IsSet(), false)
		waiter := func(name string) {
			asyncio.Go(ctx, func(ctx context.Context) error {
				log.Add("%s: %s; set: %v", name, brief(e.Wait(ctx)), e.IsSet())
				return nil
			})
		}
		waiter("a")
		yields(ctx, 1)
		e.Set()
		e.Clear()
		waiter("b") // waits before a runs, behind it
		yields(ctx, 1)
		log.Want(t, "a: ok; set: false")
		yields(ctx, 5)
		log.Want(t)
		e.Set()
		e.Set()
		yields(ctx, 1)
		log.Want(t, "b: ok; set: true")
		return nil
	})
}

// A297: a cancelled waiter leaves the queue, and the others stay.
func TestEventCancelledWaiter(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var e asyncio.Event
		a, b := asyncio.Go(ctx, e.Wait), asyncio.Go(ctx, e.Wait)
		running(ctx).CallSoon(func(context.Context) { a.Cancel() })
		_, err := a.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled)
		equal(t, "the event", &e, "<Event unset waiters=1>")
		e.Set()
		_, err = b.Await(ctx)
		equal(t, "the event", &e, "<Event set>")
		return err
	})
}

// A297: a Set in the same turn as the cancellation of a waiter wakes the others, and does
// not undo the cancellation.
func TestEventSetAndCancel(t *testing.T) {
	for _, setFirst := range []bool{false, true} {
		run(t, func(ctx context.Context) error {
			var e asyncio.Event
			a, b := asyncio.Go(ctx, e.Wait), asyncio.Go(ctx, e.Wait)
			yields(ctx, 1)
			if setFirst {
				e.Set()
			}
			a.Cancel()
			e.Set()
			_, _, err := asyncio.Wait(ctx, []*asyncio.Task[asyncio.None]{a, b})
			equal(t, "Cancelled() of a", a.Cancelled(), true)
			equal(t, "the error of b", b.Exception(), nil)
			return err
		})
	}
}

// A296: another goroutine sets an event through CallSoonThreadsafe.
func TestEventSetFromAnotherGoroutine(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var e asyncio.Event
		l := running(ctx)
		set := func(context.Context) (asyncio.None, error) {
			_, err := l.CallSoonThreadsafe(func(context.Context) { e.Set() })
			return asyncio.None{}, err
		}
		other := asyncio.RunInExecutor(ctx, nil, set)
		if err := asyncio.Timeout(ctx, time.Hour, e.Wait); err != nil {
			return err
		}
		_, err := other.Await(ctx)
		return err
	})
}

// A314: String shows whether an event is set, and its number of waiters.
func TestEventString(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		var e asyncio.Event
		log.Add("%v", &e)
		asyncio.Go(ctx, e.Wait)
		asyncio.Go(ctx, e.Wait)
		yields(ctx, 1)
		log.Add("%v", &e)
		e.Set()
		log.Add("%v", &e)
		yields(ctx, 1)
		log.Add("%v", &e)
		return nil
	})
	log.Want(t,
		"<Event unset>",
		"<Event unset waiters=2>",
		"<Event set waiters=2>", // their tasks have not run
		"<Event set>",
	)
}
