package asyncio

import (
	"context"
	"sync"
	"time"
)

// A Scope is a ctx under a task's own, for a block that cancels the task it is
// in so as to leave: a timeout, a group. What Cancel of a Scope asks for is seen inside (the
// Scope is Done) and not outside (the task's ctx stays open). Timeout and
// TaskGroup are made with it, and other such blocks can be.
//
// Whoever calls Cancel must withdraw it by Uncancel of the task at the block's
// end, once, and may turn the CancelledError into something else only if no
// request is left beyond those there were at the beginning.
type cancelScope struct {
	contextBase
	own    cancelSignal // closed by Cancel and Close; that of the ctx above is another
	parent context.Context
	block  waitReasoner // the block; nil: it need not be seen
	before *cancelScope // in Loop.scopes
	behind *cancelScope
	// foreign is the nearest ctx above that may end by a deadline or cancel of its own.
	foreign context.Context

	mu     sync.Mutex      // guards the fields below
	made   context.Context // see opened; nil until somebody looks
	unhook func() bool     // has own forget it
}

// NewScope returns a Scope under ctx, which must be that of the running task, for the block of, as which it is
// seen in a [inspect.Snapshot]; nil: it is not seen. The Scope must be closed. Its errors are those of misuse that [Future.Await] has.
func newScope(ctx context.Context, of waitReasoner) (*cancelScope, error) {
	t, err := awaiter(ctx)
	if err != nil {
		return nil, err
	}
	s := &cancelScope{
		contextBase: contextBase{loop: t.future().loop, strand: &t.strand, inherited: inheritedFrom(ctx)},
		parent:      ctx,
		block:       of,
		foreign:     foreignOf(ctx),
	}
	if of != nil {
		s.loop.scopes.add(s)
	}
	return s, nil
}

// scopeList holds the scopes that are open, the last opened first.
type scopeList struct {
	first *cancelScope
	len   int
}

func (l *scopeList) add(s *cancelScope) {
	if s.behind = l.first; s.behind != nil {
		s.behind.before = s
	}
	l.first = s
	l.len++
}

func (l *scopeList) remove(s *cancelScope) {
	if s.before != nil {
		s.before.behind = s.behind
	} else {
		l.first = s.behind
	}
	if s.behind != nil {
		s.behind.before = s.before
	}
	s.before, s.behind = nil, nil
	l.len--
}

// Task returns the task that the Scope is in.
func (s *cancelScope) Task() AnyTask { return s.strand.future().self.(AnyTask) }

// Cancel asks the task to cancel, as [Future.Cancel] does, in the name of the block by, which [CancelledError.By] tells.
func (s *cancelScope) Cancel(by any) bool {
	return s.Task().task().cancelAs(s.loop.cancelOrigin(by), nil, &s.own)
}

// Cancelling tells whether a request to cancel the task is on its way: asked
// for and not delivered.
func (s *cancelScope) Cancelling() bool {
	t := s.Task().task()
	return t.cancels > 0 && (t.mustCancel || t.waits != nil && t.waits.state == cancelled)
}

// Close makes the Scope Done for good: its block has ended.
func (s *cancelScope) Close() {
	s.own.close()
	if s.block != nil {
		s.loop.scopes.remove(s)
		s.block = nil
	}
}

// Deadline returns that of the ctx above.
func (s *cancelScope) Deadline() (time.Time, bool) { return s.parent.Deadline() }

// Done is closed when the block is cancelled or has ended, or when the ctx above is done.
func (s *cancelScope) Done() <-chan struct{} { return s.opened().Done() }

// Err tells whether Done is closed. After a cancel of the task that [Task.Uncancel] has
// withdrawn a Scope reads as open again, as the task's ctx does; one that was itself cancelled does not.
func (s *cancelScope) Err() error {
	if err := s.own.Err(); err != nil {
		return err
	}
	return s.parent.Err()
}

// Value returns the value of the ctx above.
func (s *cancelScope) Value(key any) any {
	switch key.(type) {
	case loopContextKey:
		return s
	case contextVarsKey:
		return s.contextVars()
	}
	s.mu.Lock()
	above := s.made // the context package asks for it, so as to derive from it
	s.mu.Unlock()
	if above == nil {
		above = s.parent
	}
	return above.Value(key)
}

// opened returns a ctx of Go's own that is done when s is. It is made when somebody first
// looks, as few do; and once more if s is open again.
func (s *cancelScope) opened() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made != nil && (s.made.Err() == nil || s.Err() != nil) {
		return s.made
	}
	if s.unhook != nil {
		s.unhook()
	}
	made, stop := context.WithCancel(s.parent)
	if s.own.Err() != nil {
		stop()
	} else {
		s.unhook = s.own.AfterFunc(stop)
	}
	s.made = made
	return made
}

// foreignOf returns the nearest ctx, from ctx up, that may end by a deadline or
// a cancel of its own, or nil.
func foreignOf(ctx context.Context) context.Context {
	p, ok := ctx.(loopContext)
	if !ok {
		// One with the Done of the place above adds nothing but values.
		if p = loopContextOf(ctx); ctx.Done() != nil && ctx.Done() != p.Done() {
			return ctx
		}
		if ctx.Done() == nil {
			return nil
		}
	}
	if s, ok := p.(*cancelScope); ok {
		return s.foreign
	}
	return nil
}
