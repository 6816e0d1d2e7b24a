package asyncio

import (
	"context"
	"fmt"

	"example.com/asyncio/inspect"
)

// This file contains the wait queue of all locks, events, conditions, semaphores and
// queues.
//
// A waiters value is a FIFO of blocked tasks. A task that blocks appends a waiter and
// awaits it; a waiter is a Future with two list pointers. Waking a task sets the result
// of its waiter, and the loop then schedules the task as for any other future. There are
// no locks or atomics: only the goroutine that runs the loop's code touches the queue.
//
// # Prior art
//
//   - asyncio: each primitive has its own collections.deque of futures. A task removes
//     its future when it resumes, woken or cancelled. Removal searches the deque.
//   - trio: locks, semaphores and conditions consist of a ParkingLot, an ordered dict of
//     tasks. Unparking removes the task, and a Lock passes ownership to it at that
//     moment.
//   - Go's sync.Mutex: in normal mode a woken goroutine competes with newcomers, which
//     often win because they already run. After a waiter has failed for 1 ms, the mutex
//     enters starvation mode: Unlock hands the mutex to the first waiter, and newcomers
//     queue up.
//   - Go's channels: doubly linked lists of sudogs, taken from per-P caches. A sender
//     copies its value directly to a blocked receiver; select removes a sudog from the
//     middle.
//
// # Trade-offs
//
// A linked list, not a ring: a cancelled waiter leaves from the middle in constant time.
// A search would make n simultaneous timeouts take n² steps. The list needs no nodes of
// its own, and spare keeps the last waiter that left, so steady contention allocates
// nothing.
//
// The list is written here and is not internal/list, whose sentinel and checks cost a
// lock that is free 10 % and one that two tasks share 4 %.
//
// A waiter stays in the queue until its task runs, even after it was woken or cancelled.
// A newcomer therefore sees that a waiter goes first although the lock is already free.
// Each method that waits also handles lost wake-ups in one place, when its task resumes.
// The cost is that the queue contains done waiters: next points behind those that were
// woken, so waking never scans them again.
//
// Barging, which means that a newcomer overtakes a waiter, follows asyncio's rules,
// because programs can observe the order:
//
//   - Lock: a newcomer takes a free lock only if all waiters are cancelled. They will not
//     use it.
//   - Semaphore: the same rule, for a free unit.
//   - Queue: a newcomer may take the item, or the room, that a woken task was woken for.
//     That task then waits again, at the end of the queue.
//   - Event: all waiters proceed together, so there is nothing to overtake.
//   - Condition, and Barrier on top of it: notified waiters acquire the lock by Lock's
//     rule.
//
// No direct hand-over of a Lock: between Release and the next task's first step,
// asyncio's lock is free, and Locked reports that. A task that is cancelled after it was
// woken then owns nothing that it must give back. FIFO order needs no hand-over, because
// newcomers queue up. Only Semaphore assigns its unit at the wake-up, as asyncio does,
// and its Acquire returns the unit if the task is cancelled.
//
// # Open questions
//
//   - anyWaiting skips cancelled waiters one by one. If many tasks are cancelled in one
//     turn, each newcomer in that turn pays for all of them. A counter would avoid that.
//   - A Queue can starve a task that always loses to newcomers. Re-inserting it at the
//     front would be fairer, but differs from asyncio.

// waiters is a FIFO of tasks that wait for the same object. The zero value is empty.
type waiters struct {
	_    noCopy
	loop *Loop // the loop of the first wait; waiting on any other fails; nil: no task waited yet

	kind   inspect.WaitKind // what the tasks wait for; set by wait
	object fmt.Stringer     // the object they wait for; set by wait

	first, last *waiter
	next        *waiter // the first waiter that may need a wake-up: all before it are done
	len         int     // includes waiters that are done and whose task has not run yet
	spare       *waiter // the last waiter that left, for the next wait; nil: none
}

// A waiter is a task's position in a waiters queue.
type waiter struct {
	Future[None] // has a result once the waiter is woken

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

// noCopy makes go vet report copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// wait appends the calling task to the queue and suspends it until it is woken. The task
// waits for object, in the way that kind names. woken reports whether it was woken. If
// woken is true and err is not nil, the caller must pass the wake-up on, because the task
// cannot use it.
func (ws *waiters) wait(ctx context.Context, kind inspect.WaitKind, object fmt.Stringer) (woken bool, err error) {
	if err := ws.bind(ctx, object); err != nil {
		return false, err
	}
	w := ws.spare // nothing else refers to a waiter that has left
	if ws.spare = nil; w == nil {
		w = &waiter{}
	}
	ws.kind, ws.object, w.list = kind, object, ws
	initFuture(ctx, &w.Future, w)
	ws.add(w)
	defer ws.remove(w) // runs also if the loop is closed, which ends the goroutine
	_, err = w.Await(ctx)
	return w.Done() && !w.Cancelled(), err
}

// bind binds the queue to the loop of ctx, or returns an error if it is bound to another
// loop. Operations that do not wait do not call it and work on any loop.
func (ws *waiters) bind(ctx context.Context, of fmt.Stringer) error {
	l, err := loopToAwaitOn(ctx)
	switch {
	case err != nil:
		return err
	case ws.loop == nil:
		ws.loop = l
	case ws.loop != l:
		return misuse(ErrWrongLoop, "wait on %v: it is bound to another loop (%v, not %v); make one for each loop", of, ws.loop, l)
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

// wakeNext wakes the first waiter that is not done. It returns false if there is none.
func (ws *waiters) wakeNext() bool {
	for ws.next != nil {
		w := ws.next
		ws.next = w.behind
		if w.Done() {
			continue
		}
		if err := w.SetResult(None{}); err != nil {
			panic(err) // in debug mode: this goroutine is not the loop's
		}
		return true
	}
	return false
}

// wakeFirst wakes the first waiter. If that one is already woken or cancelled, wakeFirst
// does nothing: its task wakes the next waiter, if necessary, when it runs.
func (ws *waiters) wakeFirst() {
	if ws.first != nil && !ws.first.Done() {
		ws.wakeNext()
	}
}

func (ws *waiters) wakeAll() {
	for ws.wakeNext() {
	}
}

// anyWaiting reports whether the queue contains a waiter that is not cancelled. A woken
// waiter counts.
func (ws *waiters) anyWaiting() bool {
	for w := ws.first; w != nil; w = w.behind {
		if !w.Cancelled() {
			return true
		}
	}
	return false
}

// pending returns the number of waiters that are neither woken nor cancelled.
func (ws *waiters) pending() (n int) {
	for w := ws.next; w != nil; w = w.behind {
		if !w.Done() {
			n++
		}
	}
	return n
}

// describe returns the part of an object's text that counts its waiters: " waiters=2", or
// nothing.
func (ws *waiters) describe() string { return describeCount(" waiters", ws.len) }

func describeCount(what string, n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s=%d", what, n)
}

// hold implements the With methods: it calls fn between what.Acquire and what.Release.
func hold(ctx context.Context, what interface {
	fmt.Stringer
	Acquire(ctx context.Context) error
	Release()
}, fn func(ctx context.Context) error) error {
	if fn == nil {
		return nilWith(what)
	}
	if err := what.Acquire(ctx); err != nil {
		return err
	}
	defer what.Release()
	return fn(ctx)
}

// nilWith returns the error of a With method whose function is nil.
func nilWith(what fmt.Stringer) error {
	return misuse(ErrInvalidArgument, "With on %v: fn is nil; pass a func(ctx context.Context) error", what)
}
