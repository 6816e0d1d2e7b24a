package asyncio

import (
	"context"
	"slices"
	"time"
)

// A loopContext is a ctx that the loop hands out: of a task, of a scope, of a callback.
// It identifies the loop and the task of its holder. A ctx derived from it leads back to
// it.
type loopContext interface {
	context.Context
	ownerLoop() *Loop
	ownerTask() *taskBase // nil in a callback
	contextVars() *ContextVars
	inheritedValues() *inheritedValues
}

// inheritedValues is the ctx from which a loopContext takes values that are not the
// loop's, usually the one given to Run. It is one pointer in each task; nil: no values.
type inheritedValues struct {
	context.Context                  // has the values
	added           bool             // an observer added values for this task alone
	plain           *inheritedValues // with added: the values before that; nil: none
}

// contextBase is the common part of a callContext and a cancelScope.
type contextBase struct {
	loop      *Loop
	task      *taskBase        // nil in a callback
	override  *ContextVars     // the context variables; nil: those of task
	inherited *inheritedValues // nil: no values
}

func (c *contextBase) ownerLoop() *Loop                  { return c.loop }
func (c *contextBase) ownerTask() *taskBase              { return c.task }
func (c *contextBase) inheritedValues() *inheritedValues { return c.inherited }

func (c *contextBase) contextVars() *ContextVars {
	if c.override != nil {
		return c.override
	}
	return c.task.ContextVars()
}

// loopContextKey is the key under which a loopContext returns itself.
type loopContextKey struct{}

// loopContextOf returns the loopContext that ctx is or is derived from; nil if there is
// none.
func loopContextOf(ctx context.Context) loopContext {
	if c, ok := ctx.(loopContext); ok {
		return c
	}
	if ctx == nil {
		return nil
	}
	c, _ := ctx.Value(loopContextKey{}).(loopContext)
	return c
}

// valueAt is the Value method of loopContexts.
func valueAt(c loopContext, key any) any {
	switch key.(type) {
	case loopContextKey:
		return c
	case contextVarsKey:
		return c.contextVars()
	}
	if from := c.inheritedValues(); from != nil {
		return from.Value(key)
	}
	return nil
}

// inheritedFrom returns the values that a new task inherits from ctx.
//
//   - Of a loopContext they are the values that it has inherited itself: otherwise a task
//     that starts its successor forever would build an endless chain. Values that an
//     observer added are omitted.
//   - Of any other ctx they are without its deadline and cancel. Otherwise
//     [context.Cause] of the task's ctx would find those.
func inheritedFrom(ctx context.Context) *inheritedValues {
	var v *inheritedValues
	switch c := ctx.(type) {
	case *taskContext: // see mustLoop
		v = c.inherited
	case loopContext:
		v = c.inheritedValues()
	default:
		return &inheritedValues{Context: context.WithoutCancel(ctx)}
	}
	if v != nil && v.added {
		return v.plain
	}
	return v
}

// A callContext is the ctx of code that is called and is not a task. It is never done.
type callContext struct{ contextBase }

func (*callContext) Deadline() (time.Time, bool) { return time.Time{}, false }
func (*callContext) Done() <-chan struct{}       { return nil }
func (*callContext) Err() error                  { return nil }
func (c *callContext) Value(key any) any         { return valueAt(c, key) }

// loopToAwaitOn returns the loop of ctx for a call that is about to suspend on it. Unlike
// [RunningLoop] it does not mark the loop as known to the caller (see Loop.escaped), and
// it returns an error for a loop that is closed or being closed.
func loopToAwaitOn(ctx context.Context) (*Loop, error) {
	l, err := loopOf(ctx)
	switch {
	case err != nil:
		return nil, err
	case l.ends():
		return nil, l.endedError("await")
	case l.debug:
		return l, l.checkHere("await")
	}
	return l, nil
}

func loopOf(ctx context.Context) (*Loop, error) {
	if c := loopContextOf(ctx); c != nil {
		return c.ownerLoop(), nil
	}
	return nil, misuse(ErrNoRunningLoop, "ctx comes from no task or callback; pass the ctx that the task was given, and start with asyncio.Run")
}

// mustLoop returns the loop of ctx, for functions that cannot return an error.
func mustLoop(ctx context.Context, act string) *Loop {
	if c, ok := ctx.(*taskContext); ok { // the usual case; asserting a type is faster than an interface
		return c.future.loop
	}
	c := loopContextOf(ctx)
	if c == nil {
		panic(misuse(ErrNoRunningLoop, "%s: ctx comes from no task or callback; pass the ctx that the task was given, and start with asyncio.Run", act))
	}
	return c.ownerLoop()
}

// RunningLoop returns the loop that ctx belongs to, or [ErrNoRunningLoop].
//
// A goroutine that will call [Loop.CallSoonThreadsafe] gets the loop from the task that
// starts it. A loop that no other goroutine can reach, and whose tasks all wait, ends
// with a [DeadlockError]. After this call the loop counts as reachable.
//
// See asyncio.get_running_loop.
func RunningLoop(ctx context.Context) (*Loop, error) {
	l, err := loopOf(ctx)
	if l != nil {
		l.escaped.Store(true)
	}
	return l, err
}

// Run calls f with a ctx whose context variables are c. It returns [ErrMisuse], without
// calling f, if something runs in c already. f must not suspend: an await in it returns
// an error. See Context.run.
func (c *ContextVars) Run(ctx context.Context, f func(ctx context.Context)) error {
	at := loopContextOf(ctx)
	switch {
	case at == nil:
		return misuse(ErrNoRunningLoop, "Run of %v: ctx comes from no task or callback; pass the ctx that the task was given", c)
	case f == nil:
		return misuse(ErrInvalidArgument, "Run of %v with a nil function; pass a func(ctx context.Context)", c)
	}
	l := at.ownerLoop()
	if l.entered(c) {
		return misuse(ErrMisuse, "Run of %v, in which something runs already; use a Copy of it", c)
	}
	in := &callContext{contextBase: contextBase{loop: l, task: at.ownerTask(), override: c, inherited: inheritedFrom(ctx)}}
	before := l.override
	l.outer = append(l.outer, l.contextVars())
	l.override = c
	defer func() {
		l.override = before
		l.outer = l.outer[:len(l.outer)-1]
	}()
	f(in)
	return nil
}

// contextVars returns the context variables of the running code.
func (l *Loop) contextVars() *ContextVars {
	switch {
	case l.override != nil:
		return l.override
	case l.current != nil:
		return l.current.ContextVars()
	}
	return &l.root
}

// entered reports whether something runs in c.
func (l *Loop) entered(c *ContextVars) bool {
	return c == l.contextVars() || slices.Contains(l.outer, c)
}
