package asyncio

import (
	"context"
	"errors"
	"fmt"

	"example.com/asyncio/inspect"
)

// A Condition is a [Lock] that who holds it can let go so as to wait until
// another one, who holds it then, tells that something has changed.
//
// It is made by [NewCondition]. It belongs to the loop on which a task first waited for it,
// as a [Future] does; to wait for it on another one is an error ([ErrWrongLoop]). It must
// not be copied. See asyncio.Condition.
type Condition struct {
	lock    *Lock
	waiters waiters
	kind    inspect.WaitKind // what it is for those who wait: itself, or a barrier of which it is part
	object  fmt.Stringer
	missed  uint64        // see Missed
	done    *Future[None] // an await of it tells whether one may await, and does not suspend
}

// NewCondition returns a Condition with the lock l, which others may use too; nil: a lock of its own.
func NewCondition(l *Lock) *Condition {
	if l == nil {
		l = NewLock()
	}
	c := &Condition{lock: l, kind: inspect.ForCondition}
	c.object = c
	return c
}

// Acquire is [Lock.Acquire] of the condition's lock.
func (c *Condition) Acquire(ctx context.Context) error { return c.lock.Acquire(ctx) }

// Release is [Lock.Release] of the condition's lock.
func (c *Condition) Release() { c.lock.Release() }

// Locked tells whether somebody holds the condition's lock.
func (c *Condition) Locked() bool { return c.lock.Locked() }

// With calls fn while it holds the condition's lock, as [Lock.With] does.
func (c *Condition) With(ctx context.Context, fn func(ctx context.Context) error) error {
	return hold(ctx, c, fn)
}

// Wait releases the lock, suspends until it is notified, and takes the lock back, after those who
// asked for it before. It may also return without need: look whether what
// you wait for is so, or use [Condition.WaitFor].
//
// Its errors: a [CancelledError], or another one of [Future.Await]; and [ErrMisuse] if
// nobody holds the lock, for which there is no more than a look. In case of an error,
// too, the lock is held again, however often the task is cancelled meanwhile; the last of
// its CancelledErrors is the one that is returned. A notification that came nevertheless is handed
// on to the next. See asyncio.Condition.wait.
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
		// CPython does not ask whether this one was notified, either: the next may wake without need.
		c.waiters.wakeNext()
	}
	return err
}

// mayWait finds all that is wrong with a Wait as long as the lock is held.
func (c *Condition) mayWait(ctx context.Context) error {
	if !c.Locked() {
		return misuse(ErrMisuse, "Wait on %v, whose lock nobody holds; Acquire it before", c)
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
	}
	_, err := c.done.Await(ctx)
	return err
}

// takeBack acquires the lock, and does not let a cancel keep it from that. It returns the last of its
// errors, and whether it has the lock.
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
			ctx = context.WithoutCancel(ctx) // a deadline of ctx's own stays over
		}
	}
}

// WaitFor calls predicate, and waits as [Condition.Wait] does as long as that returns false. predicate is
// called with the lock held, and so is it when WaitFor returns. Its errors are those of Wait.
// See asyncio.Condition.wait_for.
func (c *Condition) WaitFor(ctx context.Context, predicate func() bool) error {
	if predicate == nil {
		return misuse(ErrInvalidArgument, "WaitFor on %v with a nil predicate; give it a func() bool", c)
	}
	for !predicate() {
		if err := c.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Notify has the first n of those in Wait go on, once they can take the lock back, which the
// caller still holds. It never suspends, and panics ([ErrMisuse]) if nobody holds
// the lock. See asyncio.Condition.notify.
func (c *Condition) Notify(n int) {
	c.mustBeLocked("Notify")
	c.miss()
	for n > 0 && c.waiters.wakeNext() {
		n--
	}
}

// NotifyAll is [Condition.Notify] of all. See asyncio.Condition.notify_all.
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

// Missed returns how often the condition was notified while nobody waited for it: a [inspect.Snapshot] has it, for who waits for what
// will not come again.
func (c *Condition) Missed() uint64 { return c.missed }

func (c *Condition) mustBeLocked(act string) {
	if !c.Locked() {
		panic(misuse(ErrMisuse, "%s on %v, whose lock nobody holds; Acquire it before", act, c))
	}
}

// String describes c: <Condition locked waiters=2>, where waiters are those in Wait. See Condition.__repr__.
func (c *Condition) String() string {
	return "<Condition " + lockedText(c.Locked()) + c.waiters.describe() + ">"
}
