package asyncio

import (
	"context"

	"example.com/asyncio/inspect"
)

// A Lock is a mutual exclusion lock for tasks: at most one task holds it.
//
//   - Waiters acquire it in FIFO order.
//   - The zero Lock is unlocked and ready to use. A Lock must not be copied.
//   - No task owns the lock: any task or callback may release it.
//   - It is not reentrant: a task that acquires it twice waits for itself.
//   - It belongs to the loop of the first task that waits for it. Waiting on another loop
//     returns [ErrWrongLoop].
//
// See asyncio.Lock.
type Lock struct {
	waiters waiters
	locked  bool
	holder  context.Context // the ctx of the last Acquire; nil after TryAcquire
	// The loop was closed before a Condition.Wait could take the lock back. The lock
	// stays locked, and Release does nothing: deferred calls of it are not at fault.
	lost bool
}

// Acquire acquires the lock.
//
//   - It suspends unless the lock is free and has no waiters. A lock that was just
//     released belongs to its first waiter, even before that task runs.
//   - Its errors are a [CancelledError] or another error of [Future.Await]. The lock is
//     then not held.
//
// See asyncio.Lock.acquire.
func (l *Lock) Acquire(ctx context.Context) error {
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

// TryAcquire acquires the lock if [Lock.Acquire] would not suspend, and reports whether
// it did.
//
//   - It never suspends and never overtakes a waiter: it returns false if the lock is
//     held, and also if the lock is free but a waiter is about to acquire it.
//   - It has no ctx, so it does not know its caller: until the next Acquire,
//     [Lock.Holder] returns nil.
func (l *Lock) TryAcquire() bool {
	if l.locked || l.waiters.anyWaiting() {
		return false
	}
	l.locked, l.holder = true, nil
	return true
}

// Release releases the lock and wakes its first waiter.
//
//   - It never suspends.
//   - It panics with [ErrMisuse] if the lock is not held.
//
// See asyncio.Lock.release.
func (l *Lock) Release() {
	if l.lost {
		return
	}
	if !l.locked {
		panic(misuse(ErrMisuse, "Release of %v: the lock is not held; call Release once for each Acquire that succeeded", l))
	}
	l.locked = false
	if l.waiters.len == 0 { // otherwise the next holder overwrites it
		l.holder = nil
	}
	l.waiters.wakeFirst()
}

// lose makes the lock unusable: see the field lost.
func (l *Lock) lose() { l.locked, l.lost = true, true }

// Locked reports whether the lock is held. It is not held between a Release and the
// moment when the first waiter runs. See asyncio.Lock.locked.
func (l *Lock) Locked() bool { return l.locked }

// Holder returns the task that acquired the lock, for display. It returns nil if the lock
// is not held, or if its holder is unknown: a callback, or a caller of [Lock.TryAcquire].
// The holder does not own the lock; another task may release it.
func (l *Lock) Holder() AnyTask {
	if !l.locked {
		return nil
	}
	return TaskOf(l.holder)
}

// With acquires the lock, calls fn, and releases the lock, even if fn panics. It returns
// the error of fn; if [Lock.Acquire] fails, it returns that error and does not call fn.
// See async with.
func (l *Lock) With(ctx context.Context, fn func(ctx context.Context) error) error {
	return hold(ctx, l, fn)
}

// String describes the lock: <Lock locked waiters=2>. See Lock.__repr__.
func (l *Lock) String() string { return "<Lock " + lockedText(l.locked) + l.waiters.describe() + ">" }

func lockedText(locked bool) string {
	if locked {
		return "locked"
	}
	return "unlocked"
}
