package asyncio

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A place is what a ctx of a loop's stands for: where in the loop's work the
// code is that holds it. Every ctx that the loop hands out is one (a task's, a
// scope's, a callback's), and a ctx derived from one leads back to it.
type loopContext interface {
	context.Context
	ownerLoop() *Loop
	ownerTask() *strand // nil in a callback
	contextVars() *ContextVars
	inheritedValues() *inheritedValues
}

// values is where a ctx of the loop's takes values from that are not the loop's: the ctx
// given to Run, mostly. It is one pointer in each of many tasks. nil: nowhere.
type inheritedValues struct {
	context.Context
	added bool             // an Observer has added some, for this task alone
	plain *inheritedValues // without those
}

// placed is a place that is not a task itself.
type contextBase struct {
	loop      *Loop
	strand    *strand
	override  *ContextVars // nil: the strand's
	inherited *inheritedValues
}

func (p *contextBase) ownerLoop() *Loop                  { return p.loop }
func (p *contextBase) ownerTask() *strand                { return p.strand }
func (p *contextBase) inheritedValues() *inheritedValues { return p.inherited }

func (p *contextBase) contextVars() *ContextVars {
	if p.override != nil {
		return p.override
	}
	return p.strand.contextVars()
}

type loopContextKey struct{}

// placeOf returns the place that ctx is or is derived from, or nil.
func loopContextOf(ctx context.Context) loopContext {
	if p, ok := ctx.(loopContext); ok {
		return p
	}
	if ctx == nil {
		return nil
	}
	p, _ := ctx.Value(loopContextKey{}).(loopContext)
	return p
}

// valueAt is the Value method of places.
func valueAt(p loopContext, key any) any {
	switch key.(type) {
	case loopContextKey:
		return p
	case contextVarsKey:
		return p.contextVars()
	}
	if from := p.inheritedValues(); from != nil {
		return from.Value(key)
	}
	return nil
}

// valuesOf returns where a new task takes the values of ctx from. A place is
// skipped for its own source, or else a task that starts its successor for ever
// would build a chain without end; so is what an Observer added. How ctx ends is none of the values, or else
// [context.Cause] of the task's ctx would find it there.
func inheritedFrom(ctx context.Context) *inheritedValues {
	var v *inheritedValues
	switch p := ctx.(type) {
	case *taskContext: // see mustLoop
		v = p.inherited
	case loopContext:
		v = p.inheritedValues()
	default:
		return &inheritedValues{Context: context.WithoutCancel(ctx)}
	}
	if v != nil && v.added {
		return v.plain
	}
	return v
}

// A callContext is the ctx of a piece of code that is called, not a task's own. It is never done.
type callContext struct{ contextBase }

func (*callContext) Deadline() (time.Time, bool) { return time.Time{}, false }
func (*callContext) Done() <-chan struct{}       { return nil }
func (*callContext) Err() error                  { return nil }
func (c *callContext) Value(key any) any         { return valueAt(c, key) }

// A cancelSignal is what can be cancelled of a ctx. Other goroutines may look at it.
// It is a pointer, which is nil as long as it is open and nobody has looked: so
// it is with most tasks.
type cancelSignal struct {
	seen atomic.Pointer[signalState]
}

type signalState struct {
	done chan struct{}

	mu     sync.Mutex // guards the fields below
	closed bool
	after  map[int]func() // by the number of their coming, which is the order of their calls
	came   int
}

func (s *cancelSignal) state() *signalState {
	if st := s.seen.Load(); st != nil {
		return st
	}
	s.seen.CompareAndSwap(nil, &signalState{done: make(chan struct{})})
	return s.seen.Load()
}

func (s *cancelSignal) Done() <-chan struct{} { return s.state().done }

func (s *cancelSignal) Err() error {
	st := s.seen.Load()
	if st == nil {
		return nil
	}
	select {
	case <-st.done:
		return context.Canceled
	default:
		return nil
	}
}

// AfterFunc calls f once s is closed. The context package looks for this method
// in the parent of a derived context, which then needs no goroutine of its own.
func (s *cancelSignal) AfterFunc(f func()) (stop func() bool) {
	st := s.state()
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.closed {
		go f()
		return func() bool { return false }
	}
	if st.after == nil {
		st.after = map[int]func(){}
	}
	st.came++
	id := st.came
	st.after[id] = f
	return func() bool {
		st.mu.Lock()
		defer st.mu.Unlock()
		_, ok := st.after[id]
		delete(st.after, id)
		return ok
	}
}

// alreadyClosed is the state of those that were closed before anybody looked.
var alreadyClosed = func() *signalState {
	st := &signalState{done: make(chan struct{}), closed: true}
	close(st.done)
	return st
}()

func (s *cancelSignal) close() {
	if s.seen.CompareAndSwap(nil, alreadyClosed) {
		return
	}
	st := s.seen.Load()
	st.mu.Lock()
	after := st.after
	st.after = nil
	if !st.closed {
		st.closed = true
		close(st.done)
	}
	st.mu.Unlock()
	if len(after) == 0 {
		return // most times; to sort nothing costs three allocations
	}
	for _, id := range slices.Sorted(maps.Keys(after)) {
		after[id]()
	}
}

// reopen makes s read as open again, if it was closed. What was derived from it stays done.
func (s *cancelSignal) reopen() {
	if s.Err() != nil {
		s.seen.Store(nil)
	}
}

// runningLoop returns the loop of ctx for a call that is about to suspend on it. Unlike
// RunningLoop it does not note that the caller can now reach it from
// outside (see [Loop.escaped]), and a loop that is closed or being closed is an error.
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
	if p := loopContextOf(ctx); p != nil {
		return p.ownerLoop(), nil
	}
	return nil, misuse(ErrNoRunningLoop, "ctx comes from no task or callback; pass the ctx that the task was given, and start with asyncio.Run")
}

// mustLoop is for what cannot return an error.
func mustLoop(ctx context.Context, act string) *Loop {
	if c, ok := ctx.(*taskContext); ok { // by far the most; to ask for a type is quicker than for an interface
		return c.future().loop
	}
	p := loopContextOf(ctx)
	if p == nil {
		panic(misuse(ErrNoRunningLoop, "%s: ctx comes from no task or callback; pass the ctx that the task was given, and start with asyncio.Run", act))
	}
	return p.ownerLoop()
}

// RunningLoop returns the loop to which ctx belongs, or ErrNoRunningLoop. A goroutine that is to call in with
// [Loop.CallSoonThreadsafe] is given the loop by the task that starts it: a loop that nobody else has is
// one on which nothing can happen, once its tasks all wait, and ends with a [DeadlockError].
// See asyncio.get_running_loop.
func RunningLoop(ctx context.Context) (*Loop, error) {
	l, err := loopOf(ctx)
	if l != nil {
		l.escaped.Store(true)
	}
	return l, err
}

// Run calls f with a ctx whose Context is c. It returns an error
// ([ErrMisuse]), without calling f, if something runs in c already. f does not
// suspend: an await in it returns an error. See Context.run.
func (c *ContextVars) Run(ctx context.Context, f func(ctx context.Context)) error {
	p := loopContextOf(ctx)
	switch {
	case p == nil:
		return misuse(ErrNoRunningLoop, "Run of %v: ctx comes from no task or callback; pass the ctx that the task was given", c)
	case f == nil:
		return misuse(ErrInvalidArgument, "Run of %v with a nil function; give it a func(ctx context.Context)", c)
	}
	l := p.ownerLoop()
	if l.entered(c) {
		return misuse(ErrMisuse, "Run of %v, in which something runs already; give it a Copy", c)
	}
	in := &callContext{contextBase: contextBase{loop: l, strand: p.ownerTask(), override: c, inherited: inheritedFrom(ctx)}}
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

// context returns the Context in which the code runs.
func (l *Loop) contextVars() *ContextVars {
	switch {
	case l.override != nil:
		return l.override
	case l.current != nil:
		return l.current.contextVars()
	}
	return &l.root
}

// entered tells whether something runs in c.
func (l *Loop) entered(c *ContextVars) bool {
	return c == l.contextVars() || slices.Contains(l.outer, c)
}
