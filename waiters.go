package asyncio

import (
	"context"
	"fmt"

	"example.com/asyncio/inspect"
)

// waiters is a FIFO of tasks that wait for one thing, for a lock to be free say. The
// locks, events and queues are made of it. The zero value is empty.
//
// A task keeps its place until it runs again: also one that was woken or
// cancelled, and does not know yet. How much of that a newcomer has to respect
// is asyncio's rule, and not the same for all: see wakeFirst, wakeNext and anyWaiting.
type waiters struct {
	_           noCopy
	loop        *Loop            // that of the first who waited; others may not
	kind        inspect.WaitKind // what they wait for,
	object      fmt.Stringer     // and of what
	first, last *waiter
	next        *waiter // the first that may have to be woken: all before it are, or are cancelled
	len         int
	spare       *waiter // has left; in a steady coming and going no further one is made
}

// A waiter is a place among waiters: a list, so that one that is cancelled in
// the middle of many leaves at once. To search it would make a storm of timeouts quadratic.
type waiter struct {
	Future[None]   // has a result once the waiter was woken
	list           *waiters
	before, behind *waiter
}

func (w *waiter) waitReason() inspect.WaitReason {
	r := inspect.WaitReason{Kind: w.list.kind, Object: w.list.object}
	if held, ok := w.list.object.(interface{ Holder() AnyTask }); ok {
		if t := held.Holder(); t != nil {
			r.Holder = t
		}
	}
	return r
}

// noCopy has go vet complain of copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// wait suspends the calling task, behind those that wait already, until it is
// woken. kind and of are what they wait for. woken tells that it was woken; if there is an error
// nevertheless, the task cannot use what it was woken for, and it is for the caller
// to hand that on.
func (ws *waiters) wait(ctx context.Context, kind inspect.WaitKind, of fmt.Stringer) (woken bool, err error) {
	if err := ws.bind(ctx, of); err != nil {
		return false, err
	}
	w := ws.spare // nobody else knows of a waiter that has left, so it can serve the next who waits
	if ws.spare = nil; w == nil {
		w = &waiter{}
	}
	ws.kind, ws.object, w.list = kind, of, ws
	initFuture(ctx, &w.Future, w)
	ws.add(w)
	defer ws.remove(w) // also if the loop is closed, which ends the goroutine
	_, err = w.Await(ctx)
	return w.Done() && !w.Cancelled(), err
}

// bind makes sure that all who wait do so on one loop. What need not wait works on any.
func (ws *waiters) bind(ctx context.Context, of fmt.Stringer) error {
	l, err := loopToAwaitOn(ctx)
	switch {
	case err != nil:
		return err
	case ws.loop == nil:
		ws.loop = l
	case ws.loop != l:
		return misuse(ErrWrongLoop, "wait on %v, which is bound to another loop (%v) than this (%v); make one for each loop", of, ws.loop, l)
	}
	return nil
}

func (ws *waiters) add(w *waiter) {
	if w.before = ws.last; w.before != nil {
		w.before.behind = w
	} else {
		ws.first = w
	}
	ws.last = w
	if ws.next == nil {
		ws.next = w
	}
	ws.len++
}

func (ws *waiters) remove(w *waiter) {
	if w.before != nil {
		w.before.behind = w.behind
	} else {
		ws.first = w.behind
	}
	if w.behind != nil {
		w.behind.before = w.before
	} else {
		ws.last = w.before
	}
	if ws.next == w {
		ws.next = w.behind
	}
	ws.len--
	*w = waiter{}
	ws.spare = w
}

// wakeNext wakes the first that is neither woken nor cancelled; false if there is none.
func (ws *waiters) wakeNext() bool {
	for ws.next != nil {
		w := ws.next
		ws.next = w.behind
		if w.Done() {
			continue
		}
		if err := w.SetResult(None{}); err != nil {
			panic(err) // in debug mode: this is not the loop's goroutine
		}
		return true
	}
	return false
}

// wakeFirst wakes the first, unless that is woken or cancelled already: then it
// is for the first to see to the others when it runs.
func (ws *waiters) wakeFirst() {
	if ws.first != nil && !ws.first.Done() {
		ws.wakeNext()
	}
}

func (ws *waiters) wakeAll() {
	for ws.wakeNext() {
	}
}

// anyWaiting tells whether there is one that was not cancelled.
func (ws *waiters) anyWaiting() bool {
	for w := ws.first; w != nil; w = w.behind {
		if !w.Cancelled() {
			return true
		}
	}
	return false
}

// pending counts those that are neither woken nor cancelled.
func (ws *waiters) pending() (n int) {
	for w := ws.next; w != nil; w = w.behind {
		if !w.Done() {
			n++
		}
	}
	return n
}

// describe is what the waiters add to the text of what they wait for.
func (ws *waiters) describe() string { return describeCount(" waiters", ws.len) }

func describeCount(what string, n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s=%d", what, n)
}

// hold calls fn between Acquire and Release of what. It is the With method of all that have those.
func hold(ctx context.Context, what interface {
	fmt.Stringer
	Acquire(ctx context.Context) error
	Release()
}, fn func(ctx context.Context) error) error {
	if fn == nil {
		return misuse(ErrInvalidArgument, "With of %v and a nil function; give it a func(ctx context.Context) error", what)
	}
	if err := what.Acquire(ctx); err != nil {
		return err
	}
	defer what.Release()
	return fn(ctx)
}
