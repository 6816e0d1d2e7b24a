package asyncio

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// An ExceptionContext tells an exception handler what happened. Only Message is
// always there. See loop.call_exception_handler.
type ExceptionContext struct {
	Message   string
	Exception error
	Future    AnyFuture // or task; nil where it is collected already
	Handle    *Handle
	// Source is where the future or the task was made: the stack in debug mode,
	// else the function of the task.
	Source string
}

// An ExceptionHandler is told what nobody can be given as an error. ctx is that
// of the task or call which failed: its context variables can be read. It is called on the loop's goroutine, in
// the middle of things, and must not wait. See loop.set_exception_handler.
type ExceptionHandler func(ctx context.Context, e *ExceptionContext)

// SetExceptionHandler has h called instead of [DefaultExceptionHandler]; nil
// goes back to that. See loop.set_exception_handler.
func (l *Loop) SetExceptionHandler(h ExceptionHandler) { l.handler = h }

// ExceptionHandler returns what SetExceptionHandler set, or nil. See loop.get_exception_handler.
func (l *Loop) ExceptionHandler() ExceptionHandler { return l.handler }

// CallExceptionHandler reports e, in the Context of the task or else of the call that e
// names, or in the present one. A handler that panics is reported by the
// default one, and stops nothing. See loop.call_exception_handler.
func (l *Loop) CallExceptionHandler(e *ExceptionContext) {
	in := l.contextVars()
	if t, ok := e.Future.(interface{ ContextVars() *ContextVars }); ok {
		in = t.ContextVars()
	} else if e.Handle != nil {
		in = e.Handle.ContextVars()
	}
	l.report(in, e)
}

// DefaultExceptionHandler writes e with [log.Print]. See loop.default_exception_handler.
func DefaultExceptionHandler(_ context.Context, e *ExceptionContext) { log.Print(e) }

// String is the text that the default handler writes.
func (e *ExceptionContext) String() string {
	var b strings.Builder
	b.WriteString("asyncio: " + e.Message)
	line := func(key string, value any) {
		fmt.Fprintf(&b, "\n  %s: %s", key, strings.ReplaceAll(fmt.Sprint(value), "\n", "\n    "))
	}
	if e.Exception != nil {
		line("error", e.Exception)
	}
	if e.Future != nil {
		line("future", e.Future)
	}
	if e.Handle != nil {
		line("handle", e.Handle)
	}
	if e.Source != "" {
		line("made at", e.Source)
	}
	return b.String()
}

// report calls the exception handler in the Context of what failed.
func (l *Loop) report(in *ContextVars, e *ExceptionContext) {
	ctx := &callContext{contextBase: contextBase{loop: l, override: in}}
	vars := l.override
	l.override = in
	defer func() { l.override = vars }()
	if l.handler == nil {
		DefaultExceptionHandler(ctx, e)
		return
	}
	defer func() {
		if p := recover(); p != nil {
			DefaultExceptionHandler(ctx, &ExceptionContext{
				Message:   "panic in the exception handler, which was told: " + e.String(),
				Exception: newPanicError(p, "the exception handler"),
			})
		}
	}()
	l.handler(ctx, e)
}

// An unread is an error of a future or a task that nobody has asked for yet. It
// is told when the future is collected, or at the latest when the loop closes.
type unread struct {
	err        error
	what       string
	source     string
	seq        uint32      // of the future
	in         ContextVars // a copy of the task's, since that itself may be part of the task, and would hold it
	prev, next *unread     // in Loop.reports; nil when read or told
	listed     bool
	cleanup    runtime.Cleanup
}

// reportList holds what is unread, in the order of failing.
type reportList struct{ first, last *unread }

func (r *reportList) add(u *unread) {
	u.listed = true
	if u.prev = r.last; u.prev != nil {
		u.prev.next = u
	} else {
		r.first = u
	}
	r.last = u
}

func (r *reportList) remove(u *unread) {
	if !u.listed {
		return
	}
	u.listed = false
	if u.prev != nil {
		u.prev.next = u.next
	} else {
		r.first = u.next
	}
	if u.next != nil {
		u.next.prev = u.prev
	} else {
		r.last = u.prev
	}
	u.prev, u.next = nil, nil
}

// flush tells all, in the order in which the futures were made.
func (r *reportList) flush(l *Loop) {
	for r.first != nil { // a handler may make more of them
		var all []*unread
		for u := r.first; u != nil; u = u.next {
			all = append(all, u)
		}
		slices.SortFunc(all, func(a, b *unread) int { return cmp.Compare(a.seq, b.seq) })
		for _, u := range all {
			r.report(l, u)
		}
	}
}

func (r *reportList) report(l *Loop, u *unread) {
	if !u.listed {
		return
	}
	r.remove(u)
	u.cleanup.Stop()
	l.report(&u.in, &ExceptionContext{Message: u.what + " failed and nobody read its error", Exception: u.err, Source: u.source})
}

func newPanicError(value any, where string) *PanicError {
	return &PanicError{Value: value, Stack: panicStack(), Task: where}
}

// panicStack is the stack of a panic that a deferred function has recovered, from the
// place of the panic on.
func panicStack() []byte {
	stack := string(debug.Stack())
	// Below the task may stand the one that awaits it: see runOnTop.
	stack, _, _ = strings.Cut(stack, "\n"+packagePath+".(*Loop).runOnTop(")
	// The frames above the call of panic are those of the recovering.
	if i := strings.Index(stack, "\npanic("); i >= 0 {
		if _, after, ok := strings.Cut(stack[i+1:], "\n\t"); ok {
			if _, rest, ok := strings.Cut(after, "\n"); ok {
				return []byte(rest)
			}
		}
	}
	return []byte(stack)
}

// An origin is what debug mode remembers of where something was made.
type origin struct {
	stack []uintptr // at most ten frames, without those of this package on top
	label string    // what a Handle called, once it has forgotten that
}

func callers() *origin {
	var pcs [32]uintptr
	frames := pcs[:runtime.Callers(2, pcs[:])]
	i := slices.IndexFunc(frames, func(pc uintptr) bool {
		return !strings.HasPrefix(funcName(pc-1), packagePath+".")
	})
	frames = frames[max(i, 0):]
	return &origin{stack: slices.Clone(frames[:min(len(frames), 10)])}
}

// where is what a thing that was made there adds to its description.
func (o *origin) where() string {
	if o == nil || len(o.stack) == 0 {
		return ""
	}
	f, _ := runtime.CallersFrames(o.stack[:1]).Next()
	return fmt.Sprintf(" made at %s:%d", f.File, f.Line)
}

// text is the stack as the runtime prints one.
func (o *origin) text() string {
	if o == nil || len(o.stack) == 0 {
		return ""
	}
	var b strings.Builder
	frames := runtime.CallersFrames(o.stack)
	for {
		f, more := frames.Next()
		fmt.Fprintf(&b, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
		if !more {
			return strings.TrimSuffix(b.String(), "\n")
		}
	}
}
