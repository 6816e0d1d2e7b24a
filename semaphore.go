package asyncio

import (
	"context"
	"fmt"

	"example.com/asyncio/inspect"
)

// A Semaphore has a number of units that tasks take and give back. Who waits
// for one gets it in the order of asking.
//
// It is made by [NewSemaphore]; the zero Semaphore is one without units. It belongs to the
// loop on which a task first had to wait for it, as a [Future] does; to wait for
// it on another one is an error ([ErrWrongLoop]). It must not be copied. See asyncio.Semaphore.
type Semaphore struct {
	waiters waiters
	value   int
	bounded bool // by bound
	bound   int
}

// NewSemaphore returns a Semaphore with value units. It panics ([ErrInvalidArgument]) if that is less than 0.
func NewSemaphore(value int) *Semaphore {
	s := &Semaphore{}
	s.init("NewSemaphore", value)
	return s
}

func (s *Semaphore) init(act string, value int) {
	if value < 0 {
		panic(misuse(ErrInvalidArgument, "%s(%d): a semaphore has 0 units or more", act, value))
	}
	s.value = value
}

// Acquire takes a unit, after those who asked before.
//
// It suspends unless one is free and nobody waits for it. In case of an error it has taken
// none: a [CancelledError], or another one of [Future.Await]. See asyncio.Semaphore.acquire.
func (s *Semaphore) Acquire(ctx context.Context) error {
	if !s.Locked() {
		s.value--
		return nil
	}
	woken, err := s.waiters.wait(ctx, inspect.ForSemaphore, s)
	if err != nil && woken {
		s.value++ // the unit that came with the call
	}
	// Units that were given back while those in front had not run yet are for those behind.
	for s.value > 0 && s.handOver() {
	}
	return err
}

// Release gives a unit back: to the first of those who wait, if there is one. It never
// suspends. On a [BoundedSemaphore] it panics ([ErrInvalidArgument]) if there are as many units
// as in the beginning. See asyncio.Semaphore.release.
func (s *Semaphore) Release() {
	if s.bounded && s.value >= s.bound {
		panic(misuse(ErrInvalidArgument, "Release of %v, of which nothing is taken; call it once for each Acquire that returned nil", s))
	}
	s.value++
	s.handOver()
}

// handOver gives a unit to the first who waits: it has it from now on, though it runs later.
func (s *Semaphore) handOver() bool {
	if !s.waiters.wakeNext() {
		return false
	}
	s.value--
	return true
}

// Locked tells whether Acquire would suspend: since there is no unit, or
// because others are to get theirs first. See asyncio.Semaphore.locked.
func (s *Semaphore) Locked() bool { return s.value == 0 || s.waiters.anyWaiting() }

// With calls fn while it has a unit, and returns fn's error, or that of
// [Semaphore.Acquire], without a call of fn. The unit is given back also if fn panics.
// See async with.
func (s *Semaphore) With(ctx context.Context, fn func(ctx context.Context) error) error {
	return hold(ctx, s, fn)
}

// String describes s: <Semaphore unlocked value=2>, <Semaphore locked waiters=1>. See Semaphore.__repr__.
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

// A BoundedSemaphore is a [Semaphore] that never has more units than in the
// beginning: a Release too many panics. It is made by [NewBoundedSemaphore]. See asyncio.BoundedSemaphore.
type BoundedSemaphore struct{ Semaphore }

// NewBoundedSemaphore returns a BoundedSemaphore with value units. It panics ([ErrInvalidArgument]) if that is less than 0.
func NewBoundedSemaphore(value int) *BoundedSemaphore {
	s := &BoundedSemaphore{}
	s.init("NewBoundedSemaphore", value)
	s.bounded, s.bound = true, value
	return s
}
