package asyncio

import (
	"cmp"
	"slices"
	"strings"

	"example.com/asyncio/inspect"
)

// A cancelOrigin describes where a cancel request came from. It is [CancelledError.by] of requests
// about which more is known than who made them.
type cancelOrigin struct {
	by   any         // who made the request: a task, a block, or another CancelledError
	via  []AnyFuture // the tasks and gathers that forwarded it along their awaits, first one first
	site *origin     // where Cancel was called; only with RecordPlaces or in debug mode
	// ownMessage is the message of the last request that the task itself received, of a task that
	// has forwarded this one.
	ownMessage any
}

func (o *cancelOrigin) through() (names []string) {
	for _, f := range o.via {
		names = append(names, nameOf(f))
	}
	return names
}

func (o *cancelOrigin) place() string { return strings.TrimPrefix(o.site.where(), " made at ") }

// originHere returns by, with the position in the source code if that is recorded.
func (l *Loop) originHere(by any) any {
	if !l.debug && l.record&inspect.RecordPlaces == 0 {
		return by
	}
	o := cancelOrigin{by: by, site: callers()}
	if forwarded, ok := by.(*cancelOrigin); ok {
		o.by, o.via, o.site = forwarded.by, forwarded.via, cmp.Or(forwarded.site, o.site)
	}
	return &o
}

// canceller returns in whose name the running code requests a cancel: its task, nil in a callback,
// or the origin of a request that it forwards.
func (l *Loop) canceller() any {
	if l.onBehalfOf != nil {
		return l.onBehalfOf
	}
	if l.current == nil {
		return nil
	}
	return l.current.future.self
}

// trail returns by with the tasks that forwarded the request: those from first to last, without
// last itself unless that forwards it to several others.
func trail(by any, first, last *taskBase, toOthers bool) any {
	if first == last && !toOthers {
		return by // the usual case
	}
	o := cancelOrigin{by: by}
	if before, ok := by.(*cancelOrigin); ok {
		o = *before
		o.via = slices.Clone(o.via)
	}
	at := first
	for ; at != last; at = at.waits.self.task() {
		o.via = append(o.via, at.future.self)
	}
	if toOthers {
		o.via = append(o.via, at.future.self)
	}
	return &o
}

func newCancelledError(by, message any) *CancelledError {
	return &CancelledError{by: by, Message: message}
}

// forwardedRequest returns the request of the last task, t, as the tasks from first to t record it.
func (t *taskBase) forwardedRequest(first *taskBase) *CancelledError {
	if first == t || t.request == nil || t.request.forwarded {
		return t.request
	}
	e := *t.request
	e.forwarded = true
	return &e
}

// forwardedError returns the request that a task has forwarded to f, as the task records it.
func forwardedError(f *futureBase, by, message any) *CancelledError {
	e, ok := f.err.(*CancelledError)
	if !ok {
		e = newCancelledError(by, message)
	}
	e.forwarded = true
	return e
}

// noteForwarded records a request that t has forwarded. The message of the last request that t
// received itself is kept, as in CPython.
func (t *taskBase) noteForwarded(request *CancelledError) {
	if own := t.request.ownMessage(); request != nil && (own != nil || request.ownMessage() != nil) {
		e := *request
		o := cancelOrigin{by: e.by}
		if before, ok := e.by.(*cancelOrigin); ok {
			o = *before
		}
		o.ownMessage = own
		e.by = &o
		request = &e
	}
	t.request = request
}

// ownMessage returns the message of the last request that a task received itself. e is the last
// request of the task, forwarded or not.
func (e *CancelledError) ownMessage() any {
	switch {
	case e == nil:
		return nil
	case !e.forwarded:
		return e.Message
	}
	if o, ok := e.by.(*cancelOrigin); ok {
		return o.ownMessage
	}
	return nil
}
