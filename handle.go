package asyncio

import (
	"context"
	"fmt"
	"time"
)

// A Handle is a call that was scheduled. It belongs to the loop's goroutine. See asyncio.Handle.
type Handle struct {
	head
	ctx handleContext
	own Context // the copy that it runs in, where no other was given

	// What is called, one of three: fn; done with future, when that is done; or
	// nothing, but future gets its outcome from where it comes from. nil once called or cancelled, so that nothing is retained.
	fn     func(ctx context.Context)
	done   func(ctx context.Context, f AnyFuture)
	future *futureBase

	made *origin // in debug mode
}

// A CallOption is given where a call is scheduled: [WithContext].
type CallOption interface {
	callContext() *Context
}

type contextOption struct{ c *Context }

func (o contextOption) callContext() *Context { return o.c }

// WithContext has a task or a callback run in the Context c itself, rather than
// in a copy of its creator's; nil is the rule again. See asyncio.create_task(context=).
func WithContext(c *Context) interface {
	TaskOption
	CallOption
} {
	return contextOption{c}
}

// init makes h a call in the current Context as it is now, or in the one given.
func (h *Handle) init(l *Loop, act string, opts []CallOption) {
	l.mustBeOpen(act)
	if l.debug {
		l.mustBeHere(act)
		h.made = callers()
	}
	h.ctx.loop = l
	h.own.vars = l.context().vars
	h.ctx.vars = &h.own
	for _, o := range opts {
		if c := o.callContext(); c != nil {
			h.ctx.vars = c
		}
	}
}

func mustFunc(act string, isNil bool) {
	if isNil {
		panic(misuse(ErrValue, "%s with a nil function; give it a func(ctx context.Context)", act))
	}
}

// Cancel makes sure that the call does not happen. It may be called at any
// time, also twice. See Handle.cancel.
func (h *Handle) Cancel() {
	if l := h.ctx.loop; l != nil && l.debug {
		l.mustBeHere("Cancel of a Handle")
	}
	h.cancelled = true
	h.drop()
}

func (h *Handle) drop() {
	if h.made != nil {
		h.made.of = h.what()
	}
	h.fn, h.done, h.future = nil, nil, nil
}

// call does what the handle is for, with f, its future.
func (h *Handle) call(f *futureBase) {
	fn, done := h.fn, h.done
	if h.kind == aHandle { // or else it is shared by many calls
		h.drop()
	}
	switch {
	case done != nil:
		done(&h.ctx, f.self.face())
	case fn != nil:
		fn(&h.ctx)
	case f == nil:
	case f.from() != nil:
		f.from().settle()
	case f.state == pending:
		f.finish(finished, nil)
	}
}

// what names what is called.
func (h *Handle) what() string {
	switch {
	case h.done != nil:
		return funcPlace(codePointer(h.done))
	case h.fn != nil:
		return funcPlace(codePointer(h.fn))
	case h.future != nil:
		return "the result of " + h.future.self.String()
	}
	if h.made != nil {
		return h.made.of
	}
	return "called"
}

// Cancelled tells whether Cancel was called. See Handle.cancelled.
func (h *Handle) Cancelled() bool { return h.cancelled }

// Context returns the Context in which the call runs. See Handle.get_context.
func (h *Handle) Context() *Context { return h.ctx.vars }

// String describes h: <Handle main.main.func1() at main.go:12>. See Handle.__repr__.
func (h *Handle) String() string { return "<Handle" + h.describe() + ">" }

func (h *Handle) describe() string {
	switch {
	case !h.cancelled:
		return " " + h.what() + h.made.where()
	case h.made != nil:
		return " cancelled " + h.what() + h.made.where()
	}
	return " cancelled"
}

// A TimerHandle is a call at a time. See asyncio.TimerHandle.
type TimerHandle struct {
	Handle
	when time.Duration
}

// When returns the time of the call, as [Loop.Time] counts. See TimerHandle.when.
func (t *TimerHandle) When() time.Duration { return t.when }

// Cancel makes sure that the call does not happen. It may be called at any time, also twice. See TimerHandle.cancel.
func (t *TimerHandle) Cancel() {
	if t.queued {
		t.ctx.loop.cancelTimer(&t.head)
	}
	t.Handle.Cancel()
}

// String describes t: <TimerHandle when=2s main.main.func1() at main.go:12>. See TimerHandle.__repr__.
func (t *TimerHandle) String() string {
	return fmt.Sprintf("<TimerHandle when=%v%s>", t.when, t.describe())
}
