package asyncio

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// AddDoneCallback has fn called when f is done, or soon if it is done already;
// never from within AddDoneCallback. fn must not wait. It runs in a copy of the
// present Context or in the one given. It panics if fn is nil ([ErrInvalidArgument]) or the loop is
// closed ([ErrLoopClosed]). See Future.add_done_callback.
func (f *futureBase) AddDoneCallback(fn func(ctx context.Context, f AnyFuture), opts ...CallOption) {
	mustFunc("AddDoneCallback", fn == nil)
	f.mustBeMade("AddDoneCallback")
	f.addCallback(&callback{}, fn, opts)
}

func (f *futureBase) addCallback(h *callback, fn func(ctx context.Context, f AnyFuture), opts []CallOption) {
	h.kind, h.done, h.future = kindCallback, fn, f
	h.init(f.loop, "AddDoneCallback", opts)
	if f.state != pending {
		f.loop.ready.Push(&h.head)
		return
	}
	f.addWaiter(&h.head)
}

// A SharedCallback is a callback of many futures, at the price of few: its registrations
// are allocated together. Gather and TaskGroup have one.
type sharedCallback struct {
	Func func(ctx context.Context, f AnyFuture)
	Room int // for how many futures to begin with; 0 is 1

	shared callback         // in which each call is made, in the Context of the first registration
	block  []registration   // the last registrations; the next has its place behind them
	full   [][]registration // those before, without the blocks in which all have been called
	crowd  int              // how long full may become before it is looked through for these
}

// A note is a registration of a SharedCallback: an entry of a third of a Handle's size.
type registration struct {
	head
	shared *sharedCallback
	future *futureBase
}

func (n *registration) handle() *Handle {
	c := &n.shared.shared
	c.future = n.future
	return &c.Handle
}

// AddTo is [Future.AddDoneCallback] of c's function to f. It panics ([ErrInvalidArgument]) if there is none.
func (c *sharedCallback) AddTo(f AnyFuture) {
	mustFunc("SharedCallback.AddTo", c.Func == nil)
	b := f.base()
	switch {
	case c.shared.loop == nil:
		c.shared.init(b.loop, "SharedCallback.AddTo", nil)
		c.shared.kind, c.shared.done = kindRegistration, c.Func
	case c.shared.loop != b.loop:
		panic(misuse(ErrWrongLoop, "SharedCallback.AddTo %v of %v; make one for each loop", f, b.loop))
	}
	used := len(c.block)
	if used == cap(c.block) {
		c.newBlock()
		used = 0
	}
	c.block = c.block[:used+1]
	n := &c.block[used]
	n.kind, n.shared, n.future = kindRegistration, c, b
	if b.state != pending {
		b.loop.ready.Push(&n.head)
		return
	}
	b.addWaiter(&n.head)
}

func (c *sharedCallback) newBlock() {
	if c.block != nil {
		if len(c.full) > c.crowd {
			c.full = slices.DeleteFunc(c.full, func(block []registration) bool {
				return !slices.ContainsFunc(block, (registration).waits)
			})
			c.crowd = 2*len(c.full) + 8
		}
		c.full = append(c.full, c.block)
	}
	c.Room = max(c.Room, 1)
	c.block = make([]registration, 0, c.Room)
	c.Room = min(2*c.Room, 64)
}

func (n registration) waits() bool { return n.future != nil }

// Pending ranges over the futures for which the call is still to come, in the order in which they were added. It belongs to the
// goroutine of their loop.
func (c *sharedCallback) Pending() iter.Seq[AnyFuture] {
	return func(yield func(AnyFuture) bool) {
		for i := range len(c.full) + 1 {
			block := c.block
			if i < len(c.full) {
				block = c.full[i]
			}
			for _, n := range block {
				if n.waits() && !yield(n.future.self.public()) {
					return
				}
			}
		}
	}
}

func (f *futureBase) addWaiter(e entry) {
	if f.waiter == nil {
		f.waiter = e
		return
	}
	f.addFurther(e)
}

func (f *futureBase) addFurther(e entry) {
	m := f.extra()
	if m.waiter == nil {
		m.waiter = e
		return
	}
	m.waiters = append(m.waiters, e)
}

// RemoveDoneCallback takes all registrations of fn out and returns how many
// there were. fn is known by its function value: two closures made by one
// func literal are different, two method values of one object too: keep the value.
// See Future.remove_done_callback.
func (f *futureBase) RemoveDoneCallback(fn func(ctx context.Context, f AnyFuture)) int {
	id := closurePointer(fn)
	return f.removeWaiters(func(e entry) bool { return e.kind != kindTask && closurePointer(e.handle().callback().done) == id })
}

// waiting returns who waits.
func (f *futureBase) waiting() []entry {
	first, others := f.waiter, []entry(nil)
	if m := f.extraOrNil(); m != nil {
		first, others = m.waiter, m.waiters
	}
	if first == nil { // then there is no other
		return nil
	}
	return append([]entry{first}, others...)
}

func (f *futureBase) removeWaiters(which func(entry) bool) (removed int) {
	all := f.waiting()
	if m := f.extraOrNil(); m != nil {
		m.waiter, m.waiters = nil, nil
	} else {
		f.waiter = nil
	}
	for _, e := range all {
		switch {
		case which(e):
			if e.kind == kindRegistration {
				e.taken()
			}
			removed++
		default:
			f.addWaiter(e)
		}
	}
	return removed
}

func (f *futureBase) describeCallbacks(b *strings.Builder) {
	var names []string
	for _, e := range f.waiting() {
		if e.kind != kindTask {
			names = append(names, e.handle().what())
		}
	}
	switch n := len(names); {
	case n > 2:
		fmt.Fprintf(b, " cb=[%s, %s, and %d more]", names[0], names[1], n-2)
	case n > 0:
		fmt.Fprintf(b, " cb=[%s]", strings.Join(names, ", "))
	}
}
