package asyncio

import "unsafe"

// An entry of the ready queue is a strand that goes on or a call: a pointer to the
// head with which both begin. Two pointers, one of them nil, are simpler, and cost
// twice the memory and the write barriers on the path that everything takes.
type entry = *head

// A head is the first field of strand, of Handle, of note and of futureMore.
type head struct {
	kind entryKind

	// Of a strand, for its task; here because here is room.
	mustCancel bool  // its request has not been delivered
	visited    bool  // by the cancel that is on its way: see cancelAs
	depth      uint8 // how many strands stand below it on its stack
	cancels    int16 // asked for and not withdrawn

	// Of a Handle, and of the note of a Sleep.
	cancelled bool
	queued    bool // a timer, that is in the loop's heap
}

type entryKind uint8

const (
	kindHandle entryKind = iota
	kindTask
	kindRegistration // or the Handle in which the calls of notes are made
	kindCallback     // the Handle of a callback
	kindFutureExtra  // no entry: see futureBase.waiter
)

// strand returns the strand of which h is the head, or nil.
func (h *head) strand() *strand {
	if h.kind != kindTask {
		return nil
	}
	return (*strand)(unsafe.Pointer(h))
}

// handle returns the Handle of which h is the head. That of a note is good until the next call.
func (h *head) handle() *Handle {
	switch h.kind {
	case kindTask:
		return nil
	case kindRegistration:
		return (*registration)(unsafe.Pointer(h)).handle()
	}
	return (*Handle)(unsafe.Pointer(h))
}

// taken is handle for the one call that there is, and the future that this is about. A note forgets that: others of its block may live longer.
func (h *head) taken() (*Handle, *futureBase) {
	if h.kind == kindRegistration {
		n := (*registration)(unsafe.Pointer(h))
		f := n.future
		n.future = nil
		return &n.shared.shared.Handle, f
	}
	called := (*Handle)(unsafe.Pointer(h))
	if c := called.callback(); c != nil {
		return called, c.future
	}
	return called, nil
}
