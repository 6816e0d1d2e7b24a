package asyncio

import (
	"context"
	"sync"
	"time"

	"example.com/asyncio/internal/list"
)

// A cancelScope is a ctx under a task's own, for a block that cancels the task around it:
// a timeout or a group. A cancel of the scope is visible inside (the scope is Done) and
// not outside (the task's ctx stays open).
//
// The block that calls cancel must withdraw the request with Uncancel of the task at its
// end, once. It may replace the CancelledError only if no request remains beyond those at
// its beginning.
type cancelScope struct {
	contextBase // of the task that opened the scope

	own    cancelSignal            // closed by Cancel and Close; the ctx above has another one
	parent context.Context         // the ctx above: the task's, another scope, or one derived from them
	block  waitReasoner            // the block, for observers; nil: it is not shown, or has ended
	links  list.Links[cancelScope] // in Loop.scopes
	// foreign is the nearest ctx above that may end by its own deadline or cancel; nil:
	// none.
	foreign context.Context

	mu  sync.Mutex      // guards the fields below
	std context.Context // the ctx of package context that opened returned last; nil: none
}

// newScope returns a scope under ctx, which must be the ctx of the running task.
// Observers see it as block; nil: not at all. It must be closed. Its errors are the
// misuse errors of [Future.Await].
func newScope(ctx context.Context, block waitReasoner) (*cancelScope, error) {
	t, err := awaiter(ctx)
	if err != nil {
		return nil, err
	}
	s := &cancelScope{
		contextBase: contextBase{loop: t.future.loop, task: t, inherited: inheritedFrom(ctx)},
		parent:      ctx,
		block:       block,
		foreign:     foreignOf(ctx),
	}
	if block != nil {
		s.loop.scopes.PushFront(s, &s.links)
	}
	return s, nil
}

// Task returns the task that the scope is in.
func (s *cancelScope) Task() AnyTask { return s.task.public() }

// Cancel requests a cancel of the task, as [Future.Cancel] does. The block by is the
// requester.
func (s *cancelScope) Cancel(by any) bool {
	return s.task.requestCancelOf(&s.own, s.loop.originHere(by), nil)
}

// Redeliver makes the next await of the task, which is running, return a cancel that the
// task has received already. A block that ends with another outcome than the
// CancelledError calls it. The number of requests and the ctx of the task do not change.
// by is the error that the task received.
func (s *cancelScope) Redeliver(by error, message any) {
	t := s.task
	t.request, t.mustCancel = newCancelledError(s.loop.originHere(by), message), true
	if s.loop.watched {
		s.loop.noteCancel(t, t, by, message)
	}
}

// Cancelling reports whether a cancel of the task was requested and is not delivered yet.
func (s *cancelScope) Cancelling() bool {
	t := s.task
	return t.cancels > 0 && (t.mustCancel || t.waits != nil && t.waits.state == cancelled)
}

// Close makes the scope Done forever: its block has ended.
func (s *cancelScope) Close() {
	s.own.close()
	if s.block != nil {
		s.loop.scopes.Remove(&s.links)
		s.block = nil
	}
}

// EndedWith reports whether err is the error of a ctx above that has ended by its own
// deadline or cancel. That counts as a cancel. The error of the task's own ctx does not:
// it remains after the request was withdrawn.
func (s *cancelScope) EndedWith(err error) bool {
	return s.foreign != nil && err == s.foreign.Err()
}

// Deadline returns the deadline of the ctx above.
func (s *cancelScope) Deadline() (time.Time, bool) { return s.parent.Deadline() }

// Done is closed when the block is cancelled or has ended, or when the ctx above is done.
func (s *cancelScope) Done() <-chan struct{} { return s.opened().Done() }

// Err returns an error once Done is closed.
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
	above := s.std // package context asks for it, to derive from it
	s.mu.Unlock()
	if above == nil {
		above = s.parent
	}
	return above.Value(key)
}

// opened returns a ctx of package context that is done when s is. It is created when it
// is first needed, which is rare.
func (s *cancelScope) opened() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.std != nil {
		return s.std
	}
	std, stop := context.WithCancel(s.parent)
	if s.own.Err() != nil {
		stop()
	} else {
		s.own.AfterFunc(stop)
	}
	s.std = std
	return std
}

// foreignOf returns the nearest ctx, from ctx up, that may end by its own deadline or
// cancel; nil if there is none.
func foreignOf(ctx context.Context) context.Context {
	c, ok := ctx.(loopContext)
	if !ok {
		// A ctx with the Done of the loopContext above adds only values.
		if c = loopContextOf(ctx); ctx.Done() != nil && ctx.Done() != c.Done() {
			return ctx
		}
		if ctx.Done() == nil {
			return nil
		}
	}
	if s, ok := c.(*cancelScope); ok {
		return s.foreign
	}
	return nil
}
