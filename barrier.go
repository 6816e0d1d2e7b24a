package asyncio

import (
	"context"
	"fmt"

	"example.com/asyncio/inspect"
)

// A Barrier is where tasks wait for each other: once a given number has come, all
// go on. It serves one round after the other.
//
// It is made by [NewBarrier]. It belongs to the loop on which a task first had
// to wait at it, as a [Future] does; to wait at it on another one is an error ([ErrWrongLoop]).
// It must not be copied. See asyncio.Barrier.
type Barrier struct {
	cond    *Condition // for a change of state, and of count to 0
	parties int
	count   int // of the present round: who has come, and not left
	state   barrierState
}

type barrierState string

const (
	barrierFilling   barrierState = "filling"
	barrierDraining  barrierState = "draining"  // all have come; the next round waits until all have left
	barrierResetting barrierState = "resetting" // as draining, but who leaves gets an error
	barrierBroken    barrierState = "broken"
)

// NewBarrier returns a Barrier for rounds of parties tasks. It panics ([ErrInvalidArgument]) if that is less than 1.
func NewBarrier(parties int) *Barrier {
	if parties < 1 {
		panic(misuse(ErrInvalidArgument, "NewBarrier(%d): a barrier is for 1 task or more", parties))
	}
	b := &Barrier{cond: NewCondition(nil), parties: parties, state: barrierFilling}
	b.cond.kind, b.cond.object = inspect.ForBarrier, b
	return b
}

// Wait suspends until as many tasks wait as the barrier is for. The last to come does not wait
// for others, but may have to for the previous round to leave. It returns
// a number from 0 up that is another one for each task of the round; but if one was
// cancelled while they waited, two may have the same, as in asyncio.
//
// Its errors: [ErrBrokenBarrier] if the barrier is broken, or is aborted or reset while the task waits;
// a [CancelledError], or another one of [Future.Await], in which case the
// barrier waits for one task more. See asyncio.Barrier.wait.
func (b *Barrier) Wait(ctx context.Context) (index int, err error) {
	err = b.cond.With(ctx, func(ctx context.Context) error {
		if err := b.enter(ctx); err != nil {
			return err
		}
		index = b.count
		b.count++
		defer b.leave()
		if b.count == b.parties {
			b.changeTo(barrierDraining)
			return nil
		}
		return b.waitForOthers(ctx)
	})
	if err != nil {
		return 0, err
	}
	return index, nil
}

// enter waits until the previous round has left.
func (b *Barrier) enter(ctx context.Context) error {
	err := b.cond.WaitFor(ctx, func() bool { return b.state != barrierDraining && b.state != barrierResetting })
	if err != nil {
		return err
	}
	if b.state == barrierBroken {
		return misuse(ErrBrokenBarrier, "Wait at %v; Reset makes it usable again", b)
	}
	return nil
}

func (b *Barrier) waitForOthers(ctx context.Context) error {
	err := b.cond.WaitFor(ctx, func() bool { return b.state != barrierFilling })
	if err != nil {
		return err
	}
	if b.state != barrierDraining {
		return misuse(ErrBrokenBarrier, "Wait at %v", b)
	}
	return nil
}

// leave ends the round if this one is the last of it.
func (b *Barrier) leave() {
	b.count--
	if b.count > 0 {
		return
	}
	if b.state != barrierBroken {
		b.state = barrierFilling
	}
	b.cond.NotifyAll()
}

func (b *Barrier) changeTo(s barrierState) {
	b.state = s
	b.cond.NotifyAll()
}

// With waits as [Barrier.Wait] does and then calls fn, whose error it returns; if the wait
// fails it returns that error, without a call of fn. See async with.
func (b *Barrier) With(ctx context.Context, fn func(ctx context.Context) error) error {
	if fn == nil {
		return misuse(ErrInvalidArgument, "With of %v and a nil function; give it a func(ctx context.Context) error", b)
	}
	if _, err := b.Wait(ctx); err != nil {
		return err
	}
	return fn(ctx)
}

// Reset has all who wait at the barrier get [ErrBrokenBarrier], and makes it
// ready for a new round, also if it was broken.
//
// It suspends as long as tasks of a round are about to leave. In case of an error it did
// nothing: a [CancelledError], or another one of [Future.Await]. See asyncio.Barrier.reset.
func (b *Barrier) Reset(ctx context.Context) error {
	return b.cond.With(ctx, func(context.Context) error {
		if b.count > 0 {
			b.changeTo(barrierResetting)
		} else {
			b.changeTo(barrierFilling)
		}
		return nil
	})
}

// Abort breaks the barrier: all who wait at it, and all who come until it is Reset,
// get [ErrBrokenBarrier].
//
// It suspends as long as tasks of a round are about to leave. In case of an error it did
// nothing: a [CancelledError], or another one of [Future.Await]. See asyncio.Barrier.abort.
func (b *Barrier) Abort(ctx context.Context) error {
	return b.cond.With(ctx, func(context.Context) error {
		b.changeTo(barrierBroken)
		return nil
	})
}

// Parties returns how many tasks a round has. See asyncio.Barrier.parties.
func (b *Barrier) Parties() int { return b.parties }

// Waiting returns how many tasks wait for others to come; 0 while they leave. See asyncio.Barrier.n_waiting.
func (b *Barrier) Waiting() int {
	if b.state != barrierFilling {
		return 0
	}
	return b.count
}

// Broken tells whether the barrier is broken. See asyncio.Barrier.broken.
func (b *Barrier) Broken() bool { return b.state == barrierBroken }

// String describes b: <Barrier filling waiters=1/3>, <Barrier broken>. See Barrier.__repr__.
func (b *Barrier) String() string {
	if b.Broken() {
		return "<Barrier broken>"
	}
	return fmt.Sprintf("<Barrier %s waiters=%d/%d>", b.state, b.Waiting(), b.parties)
}
