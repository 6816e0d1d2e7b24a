package asyncio

import (
	"context"

	"example.com/asyncio/inspect"
)

// A Lock is held by one at a time. Who waits for it gets it in the order of
// asking. It is not owned by a task: another one may release it. It is not
// re-entrant: a task that acquires it twice waits for itself.
//
// The zero Lock is free, and ready for use. A Lock belongs to the loop on which
// a task first had to wait for it, as a [Future] does; to wait for it on
// another one is an error ([ErrWrongLoop]). It must not be copied. See asyncio.Lock.
type Lock struct {
	waiters waiters
	locked  bool
	holder  context.Context // of who took it last
	// A task that was to take the lock back cannot, since its loop was closed. The lock
	// stays locked: who releases it now, in cleanup, has not got it, and is not to blame.
	lost bool
}

// NewLock returns a Lock that is free.
func NewLock() *Lock { return &Lock{} }

// Acquire takes the lock, after those who asked before.
//
// It suspends unless the lock is free and nobody waits for it: one that was released a moment
// ago belongs to who is first in the queue, though that one has not run yet. In case of an
// error the lock is not held: a [CancelledError], or another one of [Future.Await].
// See asyncio.Lock.acquire.
func (l *Lock) Acquire(ctx context.Context) error {
	// As long as those in front are cancelled, all of them, there is nobody to go first.
	if !l.locked && !l.waiters.anyWaiting() {
		l.locked, l.holder = true, ctx
		return nil
	}
	if _, err := l.waiters.wait(ctx, inspect.ForLock, l); err != nil {
		if !l.locked {
			l.waiters.wakeFirst()
		}
		return err
	}
	l.locked, l.holder = true, ctx
	return nil
}

// Release frees the lock, and has the first of those who wait for it run soon.
// It never suspends, and panics ([ErrMisuse]) if nobody holds the lock. See asyncio.Lock.release.
func (l *Lock) Release() {
	if l.lost {
		return
	}
	if !l.locked {
		panic(misuse(ErrMisuse, "Release of %v, which nobody holds; call it once for each Acquire that returned nil", l))
	}
	l.locked = false
	if l.waiters.len == 0 { // or else the next writes over it
		l.holder = nil
	}
	l.waiters.wakeFirst()
}

// lose makes the lock unusable.
func (l *Lock) lose() { l.locked, l.lost = true, true }

// Locked tells whether somebody holds the lock. Between a Release and the
// moment in which the first of those who wait runs, nobody does. See asyncio.Lock.locked.
func (l *Lock) Locked() bool { return l.locked }

// Holder returns the task that took the lock last, nil if nobody holds it. That is for display: a
// lock is not owned by a task, and another one may be about to release it.
func (l *Lock) Holder() AnyTask {
	if !l.locked {
		return nil
	}
	return TaskOf(l.holder)
}

// With calls fn while it holds the lock, and returns fn's error, or that of
// [Lock.Acquire], without a call of fn. The lock is released also if fn panics.
// See async with.
func (l *Lock) With(ctx context.Context, fn func(ctx context.Context) error) error {
	return hold(ctx, l, fn)
}

// String describes l: <Lock locked waiters=2>. See Lock.__repr__.
func (l *Lock) String() string { return "<Lock " + lockedText(l.locked) + l.waiters.describe() + ">" }

func lockedText(locked bool) string {
	if locked {
		return "locked"
	}
	return "unlocked"
}
