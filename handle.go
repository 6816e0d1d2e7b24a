package asyncio

import (
	"context"
	"fmt"
	"time"
)

// A Handle is a scheduled call. It belongs to the loop's goroutine. See asyncio.Handle.
type Handle struct {
	head                           // first: see layout.go
	loop *Loop                     // nil: a zero Handle
	vars *ContextVars              // the context variables of the call, from WithContextVars; nil: own
	own  ContextVars               // a copy of the creator's context variables; empty for a call from the inbox
	fn   func(ctx context.Context) // nil in a callback, and once called or cancelled, so that it is not retained
	made *origin                   // where it was created; nil without debug mode
}

// A callback is a Handle for the end of a future. Its two fields are not in Handle, so
// that the Handles of CallSoon are smaller. They are nil once it was called.
//
// In a [sharedCallback] there is one callback for all calls. Its done remains, and the
// registrations have the futures.
type callback struct {
	Handle                                        // first: see layout.go
	done   func(ctx context.Context, f AnyFuture) // is called with the future; nil: the future receives its outcome
	future *futureBase                            // nil in a sharedCallback
}

// A handleContext is the ctx of a Handle's call: the Handle itself, which has all that a
// ctx needs.
type handleContext Handle

func (h *handleContext) ownerLoop() *Loop                  { return h.loop }
func (h *handleContext) ownerTask() *taskBase              { return nil }
func (h *handleContext) contextVars() *ContextVars         { return (*Handle)(h).ContextVars() }
func (h *handleContext) inheritedValues() *inheritedValues { return nil }
func (h *handleContext) Value(key any) any                 { return valueAt(h, key) }

func (*handleContext) Deadline() (time.Time, bool) { return time.Time{}, false }
func (*handleContext) Done() <-chan struct{}       { return nil }
func (*handleContext) Err() error                  { return nil }

// A CallOption is an option of a scheduled call, and of a task: [WithContextVars].
type CallOption struct{ vars *ContextVars }

// WithContextVars runs a task or a callback in c itself, not in a copy of its creator's
// context variables. A nil c restores the default. See asyncio.create_task(context=).
func WithContextVars(c *ContextVars) CallOption { return CallOption{c} }

// init makes h a call with a copy of the current context variables, or with those given.
func (h *Handle) init(l *Loop, act string, opts []CallOption) {
	l.mustBeOpen(act)
	if l.debug {
		l.mustBeHere(act)
		h.made = callers()
	}
	h.loop = l
	h.own.list = l.contextVars().list
	h.apply(opts)
}

func (h *Handle) apply(opts []CallOption) {
	for _, o := range opts {
		if o.vars != nil {
			h.vars = o.vars
		}
	}
}

func mustFunc(act string, isNil bool) {
	if isNil {
		panic(misuse(ErrInvalidArgument, "%s with a nil function; pass a func(ctx context.Context)", act))
	}
}

// Cancel prevents the call, if it has not begun. It may be called at any time and more
// than once. See Handle.cancel.
func (h *Handle) Cancel() {
	if l := h.loop; l != nil && l.debug {
		l.mustBeHere("Cancel of a Handle")
	}
	h.cancelled = true
	h.drop()
}

// drop forgets the function. Debug mode keeps its name.
func (h *Handle) drop() {
	if h.made != nil {
		h.made.label = h.Func()
	}
	h.fn = nil
	if c := h.callback(); c != nil {
		c.done, c.future = nil, nil
	}
}

// call makes the call. f is the future of a callback or of a registration; nil for a
// plain Handle.
func (h *Handle) call(f *futureBase) {
	c := h.callback()
	if c == nil {
		fn := h.fn
		h.drop()
		fn((*handleContext)(h))
		return
	}
	done := c.done
	if h.kind == kindCallback { // a shared one makes further calls
		h.drop()
	}
	switch {
	case done != nil:
		done((*handleContext)(h), f.self.public())
	case f.outcomeSource() != nil:
		f.outcomeSource().deliver()
	case f.state == pending:
		f.finish(finished, nil)
	}
}

// Func returns the name and the position of the function, for example main.tick() at
// main.go:12. After the call or a cancel, it returns them only in debug mode.
func (h *Handle) Func() string {
	switch c := h.callback(); {
	case h.fn != nil:
		return funcText(codePointer(h.fn))
	case c != nil && c.done != nil:
		return funcText(codePointer(c.done))
	case c != nil && c.future != nil:
		return "the result of " + c.future.self.String()
	}
	if h.made != nil {
		return h.made.label
	}
	return "called"
}

// Cancelled reports whether Cancel was called. See Handle.cancelled.
func (h *Handle) Cancelled() bool { return h.cancelled }

// ContextVars returns the context variables of the call. See Handle.get_context.
func (h *Handle) ContextVars() *ContextVars {
	if h.vars != nil {
		return h.vars
	}
	return &h.own
}

// String describes h: <Handle main.main.func1() at main.go:12>. See Handle.__repr__.
func (h *Handle) String() string { return "<Handle" + h.describe() + ">" }

func (h *Handle) describe() string {
	switch {
	case !h.cancelled:
		return " " + h.Func() + h.made.where()
	case h.made != nil:
		return " cancelled " + h.Func() + h.made.where()
	}
	return " cancelled"
}

// A TimerHandle is a call scheduled for a time. See asyncio.TimerHandle.
type TimerHandle struct {
	Handle
	when time.Duration // the time of the call, in loop time
}

// When returns the time of the call, in the loop's time. See TimerHandle.when.
func (t *TimerHandle) When() time.Duration { return t.when }

// Cancel prevents the call, if it has not begun. It may be called at any time and more
// than once. See TimerHandle.cancel.
func (t *TimerHandle) Cancel() {
	if t.queued {
		t.loop.cancelTimer(&t.head)
	}
	t.Handle.Cancel()
}

// String describes t: <TimerHandle when=2s main.main.func1() at main.go:12>. See
// TimerHandle.__repr__.
func (t *TimerHandle) String() string {
	return fmt.Sprintf("<TimerHandle when=%v%s>", t.when, t.describe())
}
