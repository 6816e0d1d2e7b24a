package asyncio

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"example.com/asyncio/internal/ring"
)

// An inbox is the only way in which other goroutines reach a loop.
type inbox struct {
	filled atomic.Bool // entries is not empty; changed under mu
	debug  atomic.Bool // a copy of Loop.debug, for other goroutines
	unpark func()      // wakes the loop; set by newLoop

	mu        sync.Mutex // guards the fields below
	entries   ring.Buffer[entry]
	block     *[21]Handle      // the Handles of the next calls, allocated together: 1 KiB; nil: none
	blockLeft int              // how many of block are free, from its beginning
	closed    bool             // it takes no further entries
	owed      map[promise]bool // outcomes that other goroutines wait for, and calls for OnClose
}

// crowded is the number of waiting calls from which callers yield the processor to the
// loop.
const crowded = 1024

// A promise is an outcome that the loop owes to another goroutine. If it is still owed
// when the loop is closed, SetException receives the reason.
type promise interface{ SetException(err error) error }

// owe registers p. It returns false if the loop is closed; p then gets no outcome.
func (b *inbox) owe(p promise) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	if b.owed == nil {
		b.owed = map[promise]bool{}
	}
	b.owed[p] = true
	return true
}

// paid unregisters p.
func (b *inbox) paid(p promise) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.owed, p)
}

// put adds an entry and wakes the loop. It returns false if the loop is closed.
func (b *inbox) put(e entry) bool {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return false
	}
	b.addAndUnlock(e)
	return true
}

func (b *inbox) addAndUnlock(e entry) {
	b.entries.Push(e)
	// Under mu nothing else changes it, and reading is cheaper than writing.
	first := !b.filled.Load()
	if first {
		b.filled.Store(true)
	}
	b.mu.Unlock()
	// The goroutine that filled it first has woken the loop or is about to.
	if first {
		b.unpark()
	}
}

// call adds a call, as put adds an entry. It returns nil if the loop is closed.
//
// It must not block: the loop may wait for something that the caller holds. But a caller
// that is far ahead of the loop yields the processor, once per block. Being further ahead
// does not make it finish sooner: calls that wait long have left the caches when they run
// and are more for the collector to scan. Without the yield they cost twice as much.
func (b *inbox) call(l *Loop, fn func(ctx context.Context), made *origin, opts []CallOption) *Handle {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	yield := false
	if b.blockLeft == 0 {
		yield = b.entries.Len() >= crowded
		b.block = new([21]Handle)
		b.blockLeft = len(b.block)
	}
	b.blockLeft--
	h := &b.block[b.blockLeft]
	h.loop, h.fn, h.made = l, fn, made
	h.apply(opts)
	b.addAndUnlock(&h.head)
	if yield {
		runtime.Gosched()
	}
	return h
}

// take moves all entries to the end of ready. Usually ready is empty, and the two are
// swapped.
func (b *inbox) take(ready *ring.Buffer[entry]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.filled.Store(false)
	if ready.Len() == 0 {
		*ready, b.entries = b.entries, *ready
		return
	}
	for b.entries.Len() > 0 {
		ready.Push(b.entries.Pop())
	}
}

// close makes the inbox refuse further entries, and gives err to the promises that are
// owed.
func (b *inbox) close(err error) {
	b.mu.Lock()
	b.closed = true
	b.entries.Clear()
	b.block, b.blockLeft = nil, 0
	b.filled.Store(false)
	owed := b.owed
	b.owed = nil
	b.mu.Unlock()
	for p := range owed {
		_ = p.SetException(err)
	}
}

// CallSoonThreadsafe is [Loop.CallSoon] for other goroutines. It wakes the loop.
//
//   - fn runs with new context variables, or with those given. A nil fn panics
//     ([ErrInvalidArgument]).
//   - If the loop is closed, it returns [ErrLoopClosed] and fn is not called. Neither is
//     fn called if the loop is closed before its turn comes.
//
// See loop.call_soon_threadsafe.
func (l *Loop) CallSoonThreadsafe(fn func(ctx context.Context), opts ...CallOption) (*Handle, error) {
	mustFunc("CallSoonThreadsafe", fn == nil)
	l.mustBeMade("CallSoonThreadsafe")
	var made *origin
	if l.inbox.debug.Load() {
		made = callers()
	}
	h := l.inbox.call(l, fn, made, opts)
	if h == nil {
		return nil, misuse(ErrLoopClosed, "CallSoonThreadsafe on %v, which will not run again; end its callers before the loop", l)
	}
	return h, nil
}

// doneOutside ends a piece of outside work, which Loop.outside has counted since it
// began, so that the loop waited for it. It calls fn on the loop. Any goroutine may call
// it.
func (l *Loop) doneOutside(fn func(ctx context.Context)) {
	l.inbox.put(&l.outsideHandle(func(ctx context.Context) {
		l.outside--
		fn(ctx)
	}).head)
}

// outsideHandle returns a call that comes from another goroutine.
func (l *Loop) outsideHandle(fn func(ctx context.Context)) *Handle {
	return &Handle{loop: l, fn: fn}
}

// OnClose calls fn when the loop is closed, or immediately if it is closed already. It is
// for helpers of a loop, such as a server, that must end with it.
//
//   - The tasks have ended by then. fn runs on the goroutine that closes the loop, which
//     waits.
//   - stop cancels the call. A nil fn panics ([ErrInvalidArgument]).
//   - Any goroutine may call OnClose and stop.
func (l *Loop) OnClose(fn func()) (stop func()) {
	if fn == nil {
		panic(misuse(ErrInvalidArgument, "OnClose with a nil function; pass a func()"))
	}
	c := &closeCall{fn}
	if !l.inbox.owe(c) {
		fn()
	}
	return func() { l.inbox.paid(c) }
}

// A closeCall is a function that the loop owes a call when it is closed.
type closeCall struct{ fn func() }

func (c *closeCall) SetException(error) error {
	c.fn()
	return nil
}
