package asyncio

import (
	"context"
	"errors"
	"fmt"

	"example.com/asyncio/inspect"
)

// A Condition is a condition variable: a [Lock] whose holder can release it, wait for a
// notification from another task, and take it back.
//
//   - The zero Condition is ready to use. It has a lock of its own; [NewCondition] shares
//     a lock with others. A Condition must not be copied.
//   - It belongs to the loop of the first task that waits for it. Waiting on another loop
//     returns [ErrWrongLoop].
//
// See asyncio.Condition.
type Condition struct {
	lock    *Lock // nil: its own, which the first Acquire makes
	waiters waiters
	missed  uint64        // see Missed
	done    *Future[None] // done; awaiting it checks the caller without suspending; set by mayWait

	// What waiting tasks are blocked on: the object that the condition is part of, set by
	// its constructor, or the condition itself, set by mayWait. A nil object: not set.
	kind   inspect.WaitKind
	object fmt.Stringer
}

// NewCondition returns a Condition with the lock l, which others may use too. If l is
// nil, the Condition has a lock of its own.
func NewCondition(l *Lock) *Condition { return &Condition{lock: l} }

// unusedLock is never locked. It stands for the lock that a zero Condition has not made
// yet.
var unusedLock Lock

// Acquire acquires the condition's lock. See [Lock.Acquire].
func (c *Condition) Acquire(ctx context.Context) error {
	if c.lock == nil {
		c.lock = new(Lock)
	}
	return c.lock.Acquire(ctx)
}

// Release releases the condition's lock. See [Lock.Release].
func (c *Condition) Release() {
	l := c.lock
	if l == nil {
		l = &unusedLock // the panic is the same
	}
	l.Release()
}

// Locked reports whether the condition's lock is held.
func (c *Condition) Locked() bool { return c.lock != nil && c.lock.locked }

// With calls fn with the condition's lock held. See [Lock.With].
func (c *Condition) With(ctx context.Context, fn func(ctx context.Context) error) error {
	return hold(ctx, c, fn)
}

// Wait releases the lock, waits for a notification, and takes the lock back.
//
//   - A notified task acquires the lock after the tasks that already wait for it.
//   - It may return without a notification. Check your condition in a loop, or use
//     [Condition.WaitFor].
//   - It returns [ErrMisuse] if the lock is not held. It does not check who holds it.
//   - Its other errors are a [CancelledError] or another error of [Future.Await]. If the
//     task is cancelled several times, it is the last CancelledError.
//   - The lock is held when Wait returns an error, too, except for ErrMisuse. A
//     notification that a failed Wait received goes to the next waiter.
//
// See asyncio.Condition.wait.
func (c *Condition) Wait(ctx context.Context) error {
	if err := c.mayWait(ctx); err != nil {
		return err
	}
	c.lock.Release()
	back := false
	defer func() {
		if !back {
			c.lock.lose()
		}
	}()
	_, err := c.waiters.wait(ctx, c.kind, c.object)
	again, back := c.takeBack(ctx)
	if again != nil {
		err = again
	}
	if err != nil {
		// As in CPython, this happens even without a notification: the next waiter may
		// then wake up without one.
		c.waiters.wakeNext()
	}
	return err
}

// mayWait checks everything that can be wrong with a Wait while the lock is still held.
func (c *Condition) mayWait(ctx context.Context) error {
	if !c.Locked() {
		return c.notLocked("Wait")
	}
	if err := c.lock.waiters.bind(ctx, c.lock); err != nil {
		return err
	}
	if err := c.waiters.bind(ctx, c); err != nil {
		return err
	}
	if c.done == nil {
		done := NewFuture[None](ctx)
		_ = done.SetResult(None{})
		c.done = done
		if c.object == nil { // here, so that it is checked only once
			c.kind, c.object = inspect.ForCondition, c
		}
	}
	_, err := c.done.Await(ctx)
	return err
}

// takeBack acquires the lock even if the task is cancelled meanwhile. It returns the last
// error and whether it has the lock.
func (c *Condition) takeBack(ctx context.Context) (err error, back bool) {
	for {
		again := c.lock.Acquire(ctx)
		if again == nil {
			return err, true
		}
		err = again
		if !errors.Is(err, ErrCancelled) {
			if ctx.Err() == nil {
				return err, false
			}
			ctx = context.WithoutCancel(ctx) // the ctx has ended and stays ended
		}
	}
}

// WaitFor waits until predicate returns true. It calls predicate, and then
// [Condition.Wait] as long as predicate returns false. The lock is held during these
// calls and when WaitFor returns. Its errors are those of Wait. See
// asyncio.Condition.wait_for.
func (c *Condition) WaitFor(ctx context.Context, predicate func() bool) error {
	if predicate == nil {
		return misuse(ErrInvalidArgument, "WaitFor on %v: predicate is nil; pass a func() bool", c)
	}
	for !predicate() {
		if err := c.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Notify wakes the first n tasks in [Condition.Wait].
//
//   - They proceed when they can acquire the lock, which the caller still holds.
//   - It never suspends.
//   - It panics with [ErrMisuse] if the lock is not held.
//
// See asyncio.Condition.notify.
func (c *Condition) Notify(n int) {
	c.mustBeLocked("Notify")
	c.miss()
	for n > 0 && c.waiters.wakeNext() {
		n--
	}
}

// NotifyAll wakes all tasks in [Condition.Wait]. See [Condition.Notify] and
// asyncio.Condition.notify_all.
func (c *Condition) NotifyAll() {
	c.mustBeLocked("NotifyAll")
	c.miss()
	c.waiters.wakeAll()
}

func (c *Condition) miss() {
	if c.waiters.len == 0 {
		c.missed++
	}
}

// Missed returns how often the condition was notified without any waiter. An
// [inspect.Snapshot] includes it to help find lost wake-ups.
func (c *Condition) Missed() uint64 { return c.missed }

func (c *Condition) mustBeLocked(act string) {
	if !c.Locked() {
		c.panicNotLocked(act)
	}
}

// panicNotLocked is out of line so that mustBeLocked can be inlined.
//
//go:noinline
func (c *Condition) panicNotLocked(act string) { panic(c.notLocked(act)) }

func (c *Condition) notLocked(act string) error {
	return misuse(ErrMisuse, "%s on %v: its lock is not held; Acquire it before", act, c)
}

// String describes the condition: <Condition locked waiters=2>. It counts the tasks in
// Wait. See Condition.__repr__.
func (c *Condition) String() string {
	return "<Condition " + lockedText(c.Locked()) + c.waiters.describe() + ">"
}
