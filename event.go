package asyncio

import (
	"context"

	"example.com/asyncio/inspect"
)

// An Event is a flag that tasks can wait for.
//
// The zero Event is unset, and ready for use. It belongs to the loop on which a
// task first had to wait for it, as a [Future] does; to wait for it on another
// one is an error ([ErrWrongLoop]). Other goroutines set it by [Loop.CallSoonThreadsafe]. It
// must not be copied. See asyncio.Event.
type Event struct {
	waiters waiters
	set     bool
	unseen  bool   // nobody has waited since it was set
	missed  uint64 // see Missed
}

// NewEvent returns an Event that is unset.
func NewEvent() *Event { return &Event{} }

// Wait suspends until the event is set; if it is, it returns at once. Who waits when it
// is set goes on, also if it is cleared before that one runs. Its errors: a
// [CancelledError], or another one of [Future.Await]. See asyncio.Event.wait.
func (e *Event) Wait(ctx context.Context) error {
	if e.set {
		e.unseen = false
		return nil
	}
	_, err := e.waiters.wait(ctx, inspect.ForEvent, e)
	return err
}

// Set sets the event, and has all who wait for it run soon, in the order in which
// they came. It never suspends. See asyncio.Event.set.
func (e *Event) Set() {
	if !e.set {
		e.set = true
		e.unseen = e.waiters.len == 0
		e.waiters.wakeAll()
	}
}

// Clear makes the event unset: who waits from now on waits for the next Set. It
// never suspends. See asyncio.Event.clear.
func (e *Event) Clear() {
	if e.set && e.unseen {
		e.missed++
	}
	e.set, e.unseen = false, false
}

// IsSet tells whether the event is set. See asyncio.Event.is_set.
func (e *Event) IsSet() bool { return e.set }

// Missed returns how often the event was set and cleared again while nobody waited for it: a [inspect.Snapshot] has it, for who waits for
// what will not come again.
func (e *Event) Missed() uint64 { return e.missed }

// String describes e: <Event unset waiters=2>. See Event.__repr__.
func (e *Event) String() string {
	state := "unset"
	if e.set {
		state = "set"
	}
	return "<Event " + state + e.waiters.describe() + ">"
}
