package asyncio

import (
	"context"
	"fmt"
	"slices"

	"example.com/asyncio/inspect"
)

// slots limits how many children of a group run their functions at a time.
//
// A child that is created while a slot is free takes it at once. Any other child, and
// each call of WaitSlot, gets a slotWaiter in one FIFO queue. A slot is freed when the
// group learns that a child has ended.
type slots struct {
	object  fmt.Stringer // what the waiters wait for, in snapshots
	limit   int
	taken   int                         // by children, and by each woken WaitSlot until it resumes
	queue   []*slotWaiter               // the waiters without a slot; those that are done are dead
	dead    int                         // how many in queue are dead
	queued  map[*futureBase]*slotWaiter // the waiter of each child that was created without a slot
	offered AnyTask                     // the task whose WaitSlot found a slot; nil after its use
}

// A slotWaiter waits for a slot. It has a result once it has the slot.
type slotWaiter struct {
	Future[None]
	slots *slots
}

func (w *slotWaiter) waitReason() inspect.WaitReason {
	return inspect.WaitReason{Kind: inspect.ForSemaphore, Object: w.slots.object}
}

func (w *slotWaiter) hasSlot() bool { return w.Done() && !w.Cancelled() }

func (s *slots) newWaiter(ctx context.Context) *slotWaiter {
	w := &slotWaiter{slots: s}
	initFuture(ctx, &w.Future, w)
	return w
}

// free reports whether a child that the running task creates now has a slot at once.
// Waiters in the queue come first, except after a WaitSlot of the running task.
func (s *slots) free(ctx context.Context) bool {
	if s.taken >= s.limit {
		return false
	}
	return s.first() == nil || s.offered != nil && s.offered == CurrentTask(ctx)
}

// take takes a slot for a new child. If it returns a waiter, the child must wait for
// that.
func (s *slots) take(ctx context.Context) *slotWaiter {
	if !s.free(ctx) {
		return s.newWaiter(ctx)
	}
	s.taken++
	s.offered = nil
	return nil
}

// createWithSlot is createAs for a child. If no slot is free, the child waits for one
// before it calls fn or work.
func createWithSlot[T any](ctx context.Context, s *slots, act string, fn func(ctx context.Context) (T, error), work func(ctx context.Context) error, code uintptr, opts []TaskOption) *Task[T] {
	w := s.take(ctx)
	if w != nil {
		fn, work = afterSlot(w, fn, work), nil
	}
	created := false
	defer func() {
		if !created && w == nil { // a panic, for example because fn is nil
			s.release()
		}
	}()
	t := createAs(ctx, act, fn, work, code, opts)
	created = true
	if w != nil {
		s.enqueue(t, w)
	}
	return t
}

// afterSlot returns a function that waits for w, and then calls work, or fn if work is
// nil.
func afterSlot[T any](w *slotWaiter, fn func(ctx context.Context) (T, error), work func(ctx context.Context) error) func(ctx context.Context) (T, error) {
	return func(ctx context.Context) (value T, err error) {
		if _, err := w.Await(ctx); err != nil {
			return value, err
		}
		if work != nil {
			return value, work(ctx)
		}
		return fn(ctx)
	}
}

// enqueue adds w, which is of the child t, to the queue.
func (s *slots) enqueue(t AnyTask, w *slotWaiter) {
	if s.queued == nil {
		s.queued = map[*futureBase]*slotWaiter{}
	}
	s.queued[t.base()] = w
	s.queue = append(s.queue, w)
}

// childEnded frees the slot of a child, or removes the child from the queue.
func (s *slots) childEnded(t AnyFuture) {
	w := s.queued[t.base()]
	delete(s.queued, t.base())
	if w != nil && !w.hasSlot() {
		w.Cancel() // it is not done if the child was cancelled before its first step
		s.bury()
		return
	}
	s.release()
}

func (s *slots) release() {
	s.taken--
	s.dispatch()
}

// dispatch gives the free slots to the waiters.
func (s *slots) dispatch() {
	s.offered = nil
	for s.taken < s.limit {
		w := s.first()
		if w == nil {
			return
		}
		s.pop()
		s.taken++
		_ = w.SetResult(None{})
	}
}

// wait is WaitSlot on l, the loop of ctx.
func (s *slots) wait(ctx context.Context, l *Loop) error {
	if s.free(ctx) {
		return nil
	}
	w := s.newWaiter(ctx)
	s.queue = append(s.queue, w)
	_, err := w.Await(ctx)
	switch {
	case !w.hasSlot():
		w.Cancel() // it is not done if the ctx ended by its own deadline
		s.bury()
	case err != nil:
		s.release()
	default:
		// The child that the caller creates next takes the slot. If it creates none
		// before it suspends, the slot is for the next waiter.
		s.taken--
		if s.first() != nil {
			s.offered = CurrentTask(ctx)
			l.CallSoon(func(context.Context) { s.dispatch() })
		}
	}
	return err
}

// first returns the first waiter in the queue; nil if there is none. It removes dead
// waiters.
func (s *slots) first() *slotWaiter {
	for len(s.queue) > 0 {
		if w := s.queue[0]; !w.Done() {
			return w
		}
		s.pop()
		s.dead--
	}
	return nil
}

func (s *slots) pop() {
	s.queue[0] = nil
	s.queue = s.queue[1:]
}

// bury counts a waiter that has died in the queue. It removes dead waiters once they are
// half of the queue, so that many short timeouts of WaitSlot do not fill it.
func (s *slots) bury() {
	s.dead++
	if s.dead > len(s.queue)/2+8 {
		s.queue = slices.DeleteFunc(s.queue, func(w *slotWaiter) bool { return w.Done() })
		s.dead = 0
	}
}
