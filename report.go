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

	"example.com/asyncio/internal/list"
)

// An ExceptionContext describes a failure to an exception handler. Only Message is always
// set. See loop.call_exception_handler.
type ExceptionContext struct {
	Message   string
	Exception error
	Future    AnyFuture // the future or task; nil if it was collected already
	Handle    *Handle
	// Source is where the future or task was created: the stack in debug mode, otherwise
	// the function of the task.
	Source string
}

// An ExceptionHandler receives the reports of a loop: failures that cannot be returned as
// errors. ctx has the context variables of the task or call that failed. The handler is
// called on the loop's goroutine, inside other operations, and must not wait. See
// loop.set_exception_handler.
type ExceptionHandler func(ctx context.Context, e *ExceptionContext)

// SetExceptionHandler replaces [DefaultExceptionHandler] by h. A nil h restores it. See
// loop.set_exception_handler.
func (l *Loop) SetExceptionHandler(h ExceptionHandler) { l.handler = h }

// ExceptionHandler returns the handler that SetExceptionHandler set; nil if there is
// none. See loop.get_exception_handler.
func (l *Loop) ExceptionHandler() ExceptionHandler { return l.handler }

// CallExceptionHandler reports e with the context variables of the task or of the call
// that e names. If e names none, the current ones are used. If the handler panics, the
// default handler reports the panic. See loop.call_exception_handler.
func (l *Loop) CallExceptionHandler(e *ExceptionContext) {
	if e == nil {
		panic(misuse(ErrInvalidArgument, "CallExceptionHandler(nil); pass an ExceptionContext with a Message"))
	}
	vars := l.contextVars()
	if e.Future != nil && e.Future.task() != nil {
		vars = e.Future.task().ContextVars()
	} else if e.Handle != nil {
		vars = e.Handle.ContextVars()
	}
	l.report(vars, e)
}

// DefaultExceptionHandler writes e with [log.Print]. See loop.default_exception_handler.
func DefaultExceptionHandler(_ context.Context, e *ExceptionContext) { log.Print(e) }

// String returns the text that the default handler writes.
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

// report calls the exception handler with the context variables of the task or call that
// failed.
func (l *Loop) report(vars *ContextVars, e *ExceptionContext) {
	ctx := &callContext{contextBase{loop: l, override: vars}}
	before := l.override
	l.override = vars
	defer func() { l.override = before }()
	if l.handler == nil {
		DefaultExceptionHandler(ctx, e)
		return
	}
	defer func() {
		if p := recover(); p != nil {
			DefaultExceptionHandler(ctx, &ExceptionContext{
				Message:   "panic in the exception handler, which received: " + e.String(),
				Exception: newPanicError(p, "the exception handler"),
			})
		}
	}()
	l.handler(ctx, e)
}

// An unread is an error of a future or task that was not read yet. It is reported when
// the future is collected, or at the latest when the loop closes. It must not refer to
// the future.
type unread struct {
	err     error
	what    string             // "task NAME" or "a future"
	madeAt  string             // see futureBase.madeAt
	seq     uint32             // futureBase.seq of the future
	vars    ContextVars        // a copy of the task's: those may be part of the task and would keep it alive
	links   list.Links[unread] // in Loop.unread; unlinked once read or reported
	cleanup runtime.Cleanup    // reports it when the garbage collector frees the future
}

// An unreadList has the unread errors in order of failure.
type unreadList struct{ list.List[unread] }

func (r *unreadList) add(u *unread) { r.PushBack(u, &u.links) }

func (r *unreadList) remove(u *unread) { r.Remove(&u.links) }

// flush reports all errors, in the order in which their futures were created.
func (r *unreadList) flush(l *Loop) {
	for r.Len() > 0 { // a handler may cause more
		all := slices.Collect(r.All())
		slices.SortFunc(all, func(a, b *unread) int { return cmp.Compare(a.seq, b.seq) })
		for _, u := range all {
			r.report(l, u)
		}
	}
}

func (r *unreadList) report(l *Loop, u *unread) {
	if !u.links.Linked() {
		return
	}
	r.remove(u)
	u.cleanup.Stop()
	l.report(&u.vars, &ExceptionContext{Message: u.what + " failed and its error was never read", Exception: u.err, Source: u.madeAt})
}

func newPanicError(value any, where string) *PanicError {
	return &PanicError{Value: value, Stack: panicStack(), Task: where}
}

// panicStack returns the stack of a panic that a deferred function has recovered, from
// the position of the panic on.
func panicStack() []byte {
	stack := string(debug.Stack())
	// The task may stand on top of its awaiter: see runOnTop.
	stack, _, _ = strings.Cut(stack, "\n"+packagePath+".(*Loop).runOnTop(")
	// The frames above the call of panic are those of the recovery.
	if i := strings.Index(stack, "\npanic("); i >= 0 {
		if _, after, ok := strings.Cut(stack[i+1:], "\n\t"); ok {
			if _, rest, ok := strings.Cut(after, "\n"); ok {
				return []byte(rest)
			}
		}
	}
	return []byte(stack)
}
