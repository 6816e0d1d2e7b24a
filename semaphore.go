package asyncio

import (
	"context"
	"fmt"

	"example.com/asyncio/inspect"
)

// A Semaphore has a number of units that tasks acquire and release.
//
//   - Waiters acquire units in FIFO order.
//   - [NewSemaphore] makes one. The zero Semaphore has no units and is ready to use. A
//     Semaphore must not be copied.
//   - It belongs to the loop of the first task that waits for it. Waiting on another loop
//     returns [ErrWrongLoop].
//
// See asyncio.Semaphore.
type Semaphore struct {
	waiters waiters
	value   int  // the free units; a unit that was assigned to a woken waiter is not free
	bounded bool // Release panics if value is bound
	bound   int
}

// NewSemaphore returns a Semaphore with value units. It panics with [ErrInvalidArgument]
// if value is negative.
func NewSemaphore(value int) *Semaphore {
	s := &Semaphore{}
	s.init("NewSemaphore", value)
	return s
}

func (s *Semaphore) init(act string, value int) {
	if value < 0 {
		panic(misuse(ErrInvalidArgument, "%s(%d): the number of units is negative; use 0 units or more", act, value))
	}
	s.value = value
}

// Acquire acquires a unit.
//
//   - It suspends unless a unit is free and the semaphore has no waiters.
//   - Its errors are a [CancelledError] or another error of [Future.Await]. The task then
//     has no unit.
//
// See asyncio.Semaphore.acquire.
func (s *Semaphore) Acquire(ctx context.Context) error {
	if !s.Locked() {
		s.value--
		return nil
	}
	woken, err := s.waiters.wait(ctx, inspect.ForSemaphore, s)
	if err != nil && woken {
		s.value++ // the unit that was assigned at the wake-up
	}
	// Newcomers may have queued up because this task had not run yet, although units are
	// free.
	for s.value > 0 && s.handOver() {
	}
	return err
}

// TryAcquire acquires a unit if [Semaphore.Acquire] would not suspend, and reports
// whether it did. It never suspends and never overtakes a waiter: it returns false if and
// only if [Semaphore.Locked] returns true.
func (s *Semaphore) TryAcquire() bool {
	if s.Locked() {
		return false
	}
	s.value--
	return true
}

// Release releases a unit. The first waiter, if any, gets it.
//
//   - It never suspends.
//   - On a [BoundedSemaphore], it panics with [ErrInvalidArgument] if all units are free.
//
// See asyncio.Semaphore.release.
func (s *Semaphore) Release() {
	if s.bounded && s.value >= s.bound {
		panic(misuse(ErrInvalidArgument, "Release of %v: no unit is acquired; call Release once for each Acquire that succeeded", s))
	}
	s.value++
	s.handOver()
}

// handOver assigns a free unit to the first waiter and wakes it. The unit is no longer
// free, though the task runs later. It returns false if there are no waiters.
func (s *Semaphore) handOver() bool {
	if !s.waiters.wakeNext() {
		return false
	}
	s.value--
	return true
}

// Locked reports whether Acquire would suspend: no unit is free, or waiters go first. See
// asyncio.Semaphore.locked.
func (s *Semaphore) Locked() bool { return s.value == 0 || s.waiters.anyWaiting() }

// With acquires a unit, calls fn, and releases the unit, even if fn panics. It returns
// the error of fn; if [Semaphore.Acquire] fails, it returns that error and does not call
// fn. See async with.
func (s *Semaphore) With(ctx context.Context, fn func(ctx context.Context) error) error {
	return hold(ctx, s, fn)
}

// String describes the semaphore: <Semaphore unlocked value=2>, <Semaphore locked
// waiters=1>. See Semaphore.__repr__.
func (s *Semaphore) String() string {
	kind, state := "Semaphore", "locked"
	if s.bounded {
		kind = "BoundedSemaphore"
	}
	if !s.Locked() {
		state = fmt.Sprintf("unlocked value=%d", s.value)
	}
	return "<" + kind + " " + state + s.waiters.describe() + ">"
}

// A BoundedSemaphore is a [Semaphore] that never has more free units than initially: a
// surplus Release panics. [NewBoundedSemaphore] makes one; the zero BoundedSemaphore has
// no units and no bound. See asyncio.BoundedSemaphore.
type BoundedSemaphore struct{ Semaphore }

// NewBoundedSemaphore returns a BoundedSemaphore with value units. It panics with
// [ErrInvalidArgument] if value is negative.
func NewBoundedSemaphore(value int) *BoundedSemaphore {
	s := &BoundedSemaphore{}
	s.init("NewBoundedSemaphore", value)
	s.bounded, s.bound = true, value
	return s
}
