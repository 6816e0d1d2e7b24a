package asyncio

import (
	"context"
	"iter"
	"slices"
)

// AddDoneCallback schedules a call of fn for when f is done.
//
//   - If f is done already, fn is called in the next turn, never from within
//     AddDoneCallback.
//   - fn must not wait. It runs in a copy of the current context variables, or in those
//     given.
//   - It panics if fn is nil ([ErrInvalidArgument]) or the loop is closed
//     ([ErrLoopClosed]).
//
// See Future.add_done_callback.
func (f *futureBase) AddDoneCallback(fn func(ctx context.Context, f AnyFuture), opts ...CallOption) {
	mustFunc("AddDoneCallback", fn == nil)
	f.mustBeMade("AddDoneCallback")
	c := &callback{done: fn, future: f}
	c.kind = kindCallback
	c.init(f.loop, "AddDoneCallback", opts)
	f.callOrWait(&c.head)
}

// callOrWait schedules e now if f is done, and otherwise for when it is.
func (f *futureBase) callOrWait(e entry) {
	if f.state != pending {
		f.loop.ready.Push(e)
		return
	}
	f.addWaiter(e)
}

// RemoveDoneCallback removes all registrations of fn and returns their number. It
// compares function values: two closures made by one func literal differ, and so do two
// method values of one object. Keep the value that you added. See
// Future.remove_done_callback.
func (f *futureBase) RemoveDoneCallback(fn func(ctx context.Context, f AnyFuture)) int {
	id := closurePointer(fn)
	return f.removeWaiters(func(e entry) bool {
		switch e.kind {
		case kindTask:
			return false
		case kindRegistration:
			return closurePointer(e.registration().shared.call.done) == id
		}
		return closurePointer(e.handle().callback().done) == id
	})
}

// A sharedCallback is one callback of many futures. Its registrations are allocated in
// blocks and are a third of a Handle's size. Gather and TaskGroup use one for all their
// children.
type sharedCallback struct {
	Func func(ctx context.Context, f AnyFuture) // is called with each future when it is done
	Room int                                    // the capacity of the next block; 0 is 1

	call  callback         // the Handle of all calls; its context variables are those of the first AddTo
	block []registration   // the last block; new registrations are appended to it; nil before the first
	full  [][]registration // earlier blocks; those without waiting registrations are dropped occasionally
	prune int              // the length of full above which such blocks are dropped
}

// A registration is one future of a sharedCallback, or the end of a Sleep or of a job.
type registration struct {
	head                   // first: see layout.go
	shared *sharedCallback // Loop.completions for a Sleep and a job
	future *futureBase     // nil once the call was made or the registration was removed
}

// AddTo registers c's function with f, as [Future.AddDoneCallback] does. It panics
// without a function ([ErrInvalidArgument]), and if f belongs to another loop than
// earlier futures ([ErrWrongLoop]).
func (c *sharedCallback) AddTo(f AnyFuture) {
	mustFunc("sharedCallback.AddTo", c.Func == nil)
	b := f.base()
	switch {
	case c.call.loop == nil:
		c.call.init(b.loop, "sharedCallback.AddTo", nil)
		c.call.kind, c.call.done = kindShared, c.Func
	case c.call.loop != b.loop:
		panic(misuse(ErrWrongLoop, "sharedCallback.AddTo %v of %v; make one for each loop", f, b.loop))
	}
	r := c.newRegistration()
	r.init(c, b)
	b.callOrWait(&r.head)
}

func (r *registration) init(c *sharedCallback, f *futureBase) {
	r.kind, r.shared, r.future = kindRegistration, c, f
}

// take returns r's future and clears it, since other registrations of the block may live
// longer.
func (r *registration) take() *futureBase {
	f := r.future
	r.future = nil
	return f
}

func (c *sharedCallback) newRegistration() *registration {
	used := len(c.block)
	if used == cap(c.block) {
		c.newBlock()
		used = 0
	}
	c.block = c.block[:used+1]
	return &c.block[used]
}

func (c *sharedCallback) newBlock() {
	if c.block != nil {
		if len(c.full) > c.prune {
			c.full = slices.DeleteFunc(c.full, func(block []registration) bool {
				return !slices.ContainsFunc(block, registration.waits)
			})
			c.prune = 2*len(c.full) + 8
		}
		c.full = append(c.full, c.block)
	}
	c.Room = max(c.Room, 1)
	c.block = make([]registration, 0, c.Room)
	c.Room = min(2*c.Room, 64)
}

func (r registration) waits() bool { return r.future != nil }

// Pending ranges over the futures whose calls are outstanding, in order of registration.
// Only the goroutine of their loop may use it.
func (c *sharedCallback) Pending() iter.Seq[AnyFuture] {
	return func(yield func(AnyFuture) bool) {
		for i := range len(c.full) + 1 {
			block := c.block
			if i < len(c.full) {
				block = c.full[i]
			}
			for _, r := range block {
				if r.waits() && !yield(r.future.self.public()) {
					return
				}
			}
		}
	}
}

// addWaiter appends e to the waiters of f.
func (f *futureBase) addWaiter(e entry) {
	if f.waiter == nil {
		f.waiter = e
		return
	}
	f.addFurther(e)
}

func (f *futureBase) addFurther(e entry) {
	x := f.extra()
	if x.waiter == nil {
		x.waiter = e
		return
	}
	x.waiters = append(x.waiters, e)
}

// waiting returns the waiters of f in order.
func (f *futureBase) waiting() []entry {
	first, others := f.waiter, []entry(nil)
	if x := f.extraOrNil(); x != nil {
		first, others = x.waiter, x.waiters
	}
	if first == nil { // then there are no others
		return nil
	}
	return append([]entry{first}, others...)
}

// removeWaiters removes the waiters for which remove returns true, and returns their
// number.
func (f *futureBase) removeWaiters(remove func(entry) bool) (removed int) {
	all := f.waiting()
	if x := f.extraOrNil(); x != nil {
		x.waiter, x.waiters = nil, nil
	} else {
		f.waiter = nil
	}
	for _, e := range all {
		if !remove(e) {
			f.addWaiter(e)
			continue
		}
		removed++
		if r := e.registration(); r != nil {
			r.take()
		}
	}
	return removed
}

// removeTask removes t from the waiters of f and reports whether it was one.
func (f *futureBase) removeTask(t *taskBase) bool {
	return f.removeWaiters(func(e entry) bool { return e == &t.head }) > 0
}
