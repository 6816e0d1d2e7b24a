package asyncio

import (
	"context"
	"fmt"
	"time"
	"unsafe"
)

// A Handle is a call that was scheduled. It belongs to the loop's goroutine. See asyncio.Handle.
type Handle struct {
	ctx       callContext
	fn        func(ctx context.Context) // nil once cancelled, so that nothing is retained
	own       Context                   // the copy that it runs in, where no other was given
	cancelled bool
	id        unsafe.Pointer // of a done callback: what RemoveDoneCallback knows it by
	made      []uintptr      // where, in debug mode
}

// A CallOption is given where a call is scheduled: [WithContext].
type CallOption interface {
	callContext() *Context
}

type contextOption struct{ c *Context }

func (o contextOption) callContext() *Context { return o.c }

// WithContext has a task or a callback run in the Context c itself, rather than
// in a copy of its creator's.
func WithContext(c *Context) interface {
	TaskOption
	CallOption
} {
	return contextOption{c}
}

// newHandle makes a Handle for a call in the current Context as it is now, or the one given.
func (l *Loop) newHandle(act string, fn func(context.Context), opts []CallOption) *Handle {
	h := &Handle{}
	l.initHandle(h, act, fn, opts)
	return h
}

func (l *Loop) initHandle(h *Handle, act string, fn func(context.Context), opts []CallOption) {
	if fn == nil {
		panic(misuse(ErrValue, "%s with a nil function; give it a func(ctx context.Context)", act))
	}
	l.mustBeOpen(act)
	if l.debug {
		l.mustBeHere(act)
		h.made = callers()
	}
	h.fn = fn
	h.ctx.loop = l
	h.own.vars = l.vars.vars
	h.ctx.vars = &h.own
	for _, o := range opts {
		if c := o.callContext(); c != nil {
			h.ctx.vars = c
		}
	}
}

// Cancel makes sure that the call does not happen. It may be called at any
// time, also twice. See Handle.cancel.
func (h *Handle) Cancel() {
	h.cancelled = true
	h.fn = nil
}

// Cancelled tells whether Cancel was called. See Handle.cancelled.
func (h *Handle) Cancelled() bool { return h.cancelled }

// Context returns the Context in which the call runs. See Handle.get_context.
func (h *Handle) Context() *Context { return h.ctx.vars }

// String describes h.
func (h *Handle) String() string { return "<Handle" + h.describe() + ">" }

func (h *Handle) describe() string {
	switch {
	case h.cancelled:
		return " cancelled" + madeAt(h.made)
	case h.fn == nil:
		return " called" + madeAt(h.made)
	}
	return " " + funcPlace(codePointer(h.fn)) + madeAt(h.made)
}

// A TimerHandle is a call at a time. See asyncio.TimerHandle.
type TimerHandle struct {
	Handle
	when   time.Duration
	queued bool // in the loop's heap
}

// When returns the time of the call, as [Loop.Time] counts. See TimerHandle.when.
func (t *TimerHandle) When() time.Duration { return t.when }

// Cancel makes sure that the call does not happen. It may be called at any time, also twice.
func (t *TimerHandle) Cancel() {
	if t.queued && !t.cancelled {
		t.ctx.loop.cancelledTimers++
	}
	t.Handle.Cancel()
}

// String describes t.
func (t *TimerHandle) String() string {
	return fmt.Sprintf("<TimerHandle when=%v%s>", t.when, t.describe())
}
