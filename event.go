package asyncio

import (
	"context"

	"example.com/asyncio/inspect"
)

// An Event is a flag that tasks can wait for.
//
//   - The zero Event is unset and ready to use. An Event must not be copied.
//   - It belongs to the loop of the first task that waits for it. Waiting on another loop
//     returns [ErrWrongLoop].
//   - Other goroutines set it through [Loop.CallSoonThreadsafe].
//
// See asyncio.Event.
type Event struct {
	waiters waiters
	set     bool
	unseen  bool   // the event is set, and no task has waited for it since Set
	missed  uint64 // see Missed
}

// Wait waits until the event is set.
//
//   - It returns immediately if the event is set, and suspends otherwise.
//   - A task that waits when the event is set returns, even if the event is cleared
//     before that task runs.
//   - Its errors are a [CancelledError] or another error of [Future.Await].
//
// See asyncio.Event.wait.
func (e *Event) Wait(ctx context.Context) error {
	if e.set {
		e.unseen = false
		return nil
	}
	_, err := e.waiters.wait(ctx, inspect.ForEvent, e)
	return err
}

// Set sets the event and wakes all waiters in FIFO order. It never suspends. See
// asyncio.Event.set.
func (e *Event) Set() {
	if !e.set {
		e.set = true
		e.unseen = e.waiters.len == 0
		e.waiters.wakeAll()
	}
}

// Clear resets the event: later calls of [Event.Wait] wait for the next Set. It never
// suspends. See asyncio.Event.clear.
func (e *Event) Clear() {
	if e.set && e.unseen {
		e.missed++
	}
	e.set, e.unseen = false, false
}

// IsSet reports whether the event is set. See asyncio.Event.is_set.
func (e *Event) IsSet() bool { return e.set }

// Missed returns how often the event was set and cleared again without any waiter. An
// [inspect.Snapshot] includes it to help find lost wake-ups.
func (e *Event) Missed() uint64 { return e.missed }

// String describes the event: <Event unset waiters=2>. See Event.__repr__.
func (e *Event) String() string {
	state := "unset"
	if e.set {
		state = "set"
	}
	return "<Event " + state + e.waiters.describe() + ">"
}
