package asyncio

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// A place is what a ctx of a loop's stands for: where in the loop's work the
// code is that holds it. Every ctx that the loop hands out is one (a task's, a
// scope's, a callback's), and a ctx derived from one leads back to it.
type place interface {
	context.Context
	at() *placed
}

// placed is the part that all places share.
type placed struct {
	loop   *Loop
	strand *strand         // nil in a callback
	vars   *Context        // the Context, where it is not the strand's
	values context.Context // where other values come from, or nil
}

func (p *placed) at() *placed { return p }

type placeKey struct{}

// placeOf returns the place that ctx is or is derived from, or nil.
func placeOf(ctx context.Context) place {
	if p, ok := ctx.(place); ok {
		return p
	}
	p, _ := ctx.Value(placeKey{}).(place)
	return p
}

func (p *placed) context() *Context {
	if p.vars != nil {
		return p.vars
	}
	return p.strand.context
}

// value is what the Value methods of all places do.
func (p *placed) value(self place, key any) any {
	switch key.(type) {
	case placeKey:
		return self
	case contextKey:
		return p.context()
	}
	if p.values == nil {
		return nil
	}
	return p.values.Value(key)
}

// valuesOf returns where a new task takes the values of ctx from. A place is
// skipped for its own source, or else a task that starts its successor for ever
// would build a chain without end.
func valuesOf(ctx context.Context) context.Context {
	if p, ok := ctx.(place); ok {
		return p.at().values
	}
	return ctx
}

// A callContext is the ctx of a callback. It is never done.
type callContext struct{ placed }

func (*callContext) Deadline() (time.Time, bool) { return time.Time{}, false }
func (*callContext) Done() <-chan struct{}       { return nil }
func (*callContext) Err() error                  { return nil }
func (c *callContext) Value(key any) any         { return c.value(c, key) }

// A cancelSignal is what can be cancelled of a ctx. Other goroutines may look at it.
type cancelSignal struct {
	mu     sync.Mutex
	closed bool
	// Made when first asked for: most tasks hand their ctx to nobody who looks at Done.
	done  chan struct{}
	after map[int]func() // by the number of their coming, which is the order of their calls
	came  int
}

func (s *cancelSignal) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done == nil {
		s.done = make(chan struct{})
		if s.closed {
			close(s.done)
		}
	}
	return s.done
}

func (s *cancelSignal) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return context.Canceled
	}
	return nil
}

// AfterFunc calls f once s is closed. The context package looks for this method
// in the parent of a derived context, which then needs no goroutine of its own.
func (s *cancelSignal) AfterFunc(f func()) (stop func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		go f()
		return func() bool { return false }
	}
	if s.after == nil {
		s.after = map[int]func(){}
	}
	s.came++
	id := s.came
	s.after[id] = f
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		_, ok := s.after[id]
		delete(s.after, id)
		return ok
	}
}

func (s *cancelSignal) close() {
	s.mu.Lock()
	after := s.after
	s.after = nil
	if !s.closed && s.done != nil {
		close(s.done)
	}
	s.closed = true
	s.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(after)) {
		after[id]()
	}
}

// reopen makes s read as open again. What was derived from it stays done.
func (s *cancelSignal) reopen() {
	s.mu.Lock()
	if s.closed {
		s.closed, s.done = false, nil
	}
	s.mu.Unlock()
}

// runningLoop returns the loop of ctx, as GetRunningLoop does, without noting
// that the caller can now reach it from outside: see [Loop.escaped].
func runningLoop(ctx context.Context) (*Loop, error) {
	if p := placeOf(ctx); p != nil {
		return p.at().loop, nil
	}
	return nil, misuse(ErrNoRunningLoop, "ctx comes from no task or callback; pass the ctx that the task was given, and start with asyncio.Run")
}

// mustLoop is for what cannot return an error.
func mustLoop(ctx context.Context, act string) *Loop {
	p := placeOf(ctx)
	if p == nil {
		panic(misuse(ErrNoRunningLoop, "%s: ctx comes from no task or callback; pass the ctx that the task was given, and start with asyncio.Run", act))
	}
	return p.at().loop
}

// GetRunningLoop returns the loop to which ctx belongs, or ErrNoRunningLoop.
// See asyncio.get_running_loop.
func GetRunningLoop(ctx context.Context) (*Loop, error) {
	l, err := runningLoop(ctx)
	if l != nil {
		l.escaped.Store(true)
	}
	return l, err
}

// Run calls f with a ctx whose Context is c. It returns an error
// ([ErrRuntime]), without calling f, if something runs in c already. f does not
// suspend: an await in it returns an error. See Context.run.
func (c *Context) Run(ctx context.Context, f func(ctx context.Context)) error {
	p := placeOf(ctx)
	if p == nil {
		return misuse(ErrNoRunningLoop, "Run of a Context: ctx comes from no task or callback; pass the ctx that the task was given")
	}
	if c.entered {
		return misuse(ErrRuntime, "Run of a Context in which something runs already; give it a Copy")
	}
	l := p.at().loop
	in := &callContext{placed{loop: l, strand: p.at().strand, vars: c, values: valuesOf(ctx)}}
	before := l.vars
	l.vars, c.entered = c, true
	defer func() { l.vars, c.entered = before, false }()
	f(in)
	return nil
}
