package asyncio

import (
	"context"
	"fmt"

	"example.com/asyncio/inspect"
)

// A Barrier lets a fixed number of tasks, its parties, wait for each other: when all have
// arrived, all proceed. It can be used for any number of rounds.
//
//   - [NewBarrier] makes one. The methods of a zero Barrier that wait, and Reset and
//     Abort, panic with [ErrMisuse]. A Barrier must not be copied.
//   - It belongs to the loop of the first task that waits at it. Waiting on another loop
//     returns [ErrWrongLoop].
//
// See asyncio.Barrier.
type Barrier struct {
	cond    Condition // notified when state changes, and when the last task of a round leaves
	parties int       // 0: a zero Barrier
	count   int       // the tasks of the current round that have arrived and not left
	state   barrierState
}

type barrierState uint8

const (
	barrierFilling   barrierState = iota
	barrierDraining               // all have arrived; the next round waits until all have left
	barrierResetting              // like draining, but tasks that leave get an error
	barrierBroken
)

func (s barrierState) String() string {
	return [...]string{"filling", "draining", "resetting", "broken"}[s]
}

// NewBarrier returns a Barrier for rounds of parties tasks. It panics with
// [ErrInvalidArgument] if parties is less than 1.
func NewBarrier(parties int) *Barrier {
	if parties < 1 {
		panic(misuse(ErrInvalidArgument, "NewBarrier(%d): there are no parties; use 1 task or more", parties))
	}
	b := &Barrier{parties: parties}
	b.cond.kind, b.cond.object = inspect.ForBarrier, b
	return b
}

// mustBeMade panics unless NewBarrier made b.
func (b *Barrier) mustBeMade(act string) {
	if b.parties == 0 {
		panic(misuse(ErrMisuse, "%s on %v: this is a zero Barrier; make it with NewBarrier", act, b))
	}
}

// Wait waits until all parties of the round have arrived.
//
//   - The last to arrive does not wait for others, but any task may have to wait until
//     the previous round has left.
//   - It returns an index, from 0 to Parties()-1, that differs for each task of a round.
//     If a task was cancelled while the round waited, two tasks may get the same index,
//     as in asyncio.
//   - It returns [ErrBrokenBarrier] if the barrier is broken, or is aborted or reset
//     while the task waits.
//   - Its other errors are a [CancelledError] or another error of [Future.Await]. The
//     round then waits for another task.
//
// See asyncio.Barrier.wait.
func (b *Barrier) Wait(ctx context.Context) (index int, err error) {
	b.mustBeMade("Wait")
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
		return misuse(ErrBrokenBarrier, "Wait on %v: the barrier was aborted; Reset it to use it again", b)
	}
	return nil
}

func (b *Barrier) waitForOthers(ctx context.Context) error {
	err := b.cond.WaitFor(ctx, func() bool { return b.state != barrierFilling })
	if err != nil {
		return err
	}
	if b.state != barrierDraining {
		return misuse(ErrBrokenBarrier, "Wait on %v", b)
	}
	return nil
}

// leave ends the round if the calling task is its last.
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

// With waits at the barrier and then calls fn. It returns the error of fn; if
// [Barrier.Wait] fails, it returns that error and does not call fn. See async with.
func (b *Barrier) With(ctx context.Context, fn func(ctx context.Context) error) error {
	b.mustBeMade("With")
	if fn == nil {
		return nilWith(b)
	}
	if _, err := b.Wait(ctx); err != nil {
		return err
	}
	return fn(ctx)
}

// Reset makes the barrier ready for a new round, also if it was broken. The tasks that
// wait at it get [ErrBrokenBarrier].
//
//   - It suspends while tasks of a round are leaving.
//   - Its errors are a [CancelledError] or another error of [Future.Await]. The barrier
//     is then unchanged.
//
// See asyncio.Barrier.reset.
func (b *Barrier) Reset(ctx context.Context) error {
	b.mustBeMade("Reset")
	return b.cond.With(ctx, func(context.Context) error {
		if b.count > 0 {
			b.changeTo(barrierResetting)
		} else {
			b.changeTo(barrierFilling)
		}
		return nil
	})
}

// Abort breaks the barrier: the tasks that wait at it, and those that arrive before the
// next [Barrier.Reset], get [ErrBrokenBarrier].
//
//   - It suspends while tasks of a round are leaving.
//   - Its errors are a [CancelledError] or another error of [Future.Await]. The barrier
//     is then unchanged.
//
// See asyncio.Barrier.abort.
func (b *Barrier) Abort(ctx context.Context) error {
	b.mustBeMade("Abort")
	return b.cond.With(ctx, func(context.Context) error {
		b.changeTo(barrierBroken)
		return nil
	})
}

// Parties returns the number of tasks in a round. See asyncio.Barrier.parties.
func (b *Barrier) Parties() int { return b.parties }

// Waiting returns the number of tasks that wait for others to arrive. It is 0 while they
// leave. See asyncio.Barrier.n_waiting.
func (b *Barrier) Waiting() int {
	if b.state != barrierFilling {
		return 0
	}
	return b.count
}

// Broken reports whether the barrier is broken. See asyncio.Barrier.broken.
func (b *Barrier) Broken() bool { return b.state == barrierBroken }

// String describes the barrier: <Barrier filling waiters=1/3>, <Barrier broken>. See
// Barrier.__repr__.
func (b *Barrier) String() string {
	if b.Broken() {
		return "<Barrier broken>"
	}
	return fmt.Sprintf("<Barrier %v waiters=%d/%d>", b.state, b.Waiting(), b.parties)
}
