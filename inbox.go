package asyncio

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"example.com/asyncio/internal/ring"
)

// An inbox is the one door through which other goroutines reach a loop.
type inbox struct {
	filled atomic.Bool // there is something to take; changed under mu
	debug  atomic.Bool // what the loop's debug is, for other goroutines
	unpark func()

	mu        sync.Mutex // guards the fields below
	entries   ring.Buffer[entry]
	block     *[21]Handle // for the next calls: allocated together, a KiB
	blockLeft int         // of block, those that are free
	closed    bool
	owed      map[promise]bool // what other goroutines wait for, and shall not for ever
}

// crowded is how many calls that wait for the loop make those who call give way to it.
const crowded = 1024

// A promise is an outcome that the loop owes to another goroutine.
type promise interface{ SetException(err error) error }

// owe notes p; false if the loop is closed, and p will hear nothing.
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

func (b *inbox) paid(p promise) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.owed, p)
}

// put leaves an entry and wakes the loop; false if the loop is closed.
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
	// Under mu nobody else changes it, and to look is cheaper than to write.
	first := !b.filled.Load()
	if first {
		b.filled.Store(true)
	}
	b.mu.Unlock()
	// Whoever filled it first has woken the loop, or is about to.
	if first {
		b.unpark()
	}
}

// call leaves a call, as put does an entry; nil if the loop is closed.
//
// Nobody must wait here: the loop may wait for what the caller holds. But one who is far ahead of the loop lets others
// run, once a block. It does not come sooner to an end by being further ahead, and calls that wait
// for long have left the caches when they are made, and are more for the collector to walk: in all they cost twice as much.
func (b *inbox) call(l *Loop, fn func(ctx context.Context), made *origin, opts []CallOption) *Handle {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	giveWay := false
	if b.blockLeft == 0 {
		giveWay = b.entries.Len() >= crowded
		b.block = new([21]Handle)
		b.blockLeft = len(b.block)
	}
	b.blockLeft--
	h := &b.block[b.blockLeft]
	h.loop, h.fn, h.made = l, fn, made
	h.apply(opts)
	b.addAndUnlock(&h.head)
	if giveWay {
		runtime.Gosched()
	}
	return h
}

// take moves what is in the inbox to the end of ready. Most times ready is empty, and the two change places.
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

// close has the inbox take nothing any more. What is owed still gets err.
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

// CallSoonThreadsafe is [Loop.CallSoon] for other goroutines; it wakes the loop.
// fn runs in a new Context or in the one given. Its error: the loop is closed ([ErrLoopClosed]), and fn
// will not be called; nor is it where the loop is closed before its turn came. See loop.call_soon_threadsafe.
func (l *Loop) CallSoonThreadsafe(fn func(ctx context.Context), opts ...CallOption) (*Handle, error) {
	if fn == nil {
		panic(misuse(ErrInvalidArgument, "CallSoonThreadsafe with a nil function; give it a func(ctx context.Context)"))
	}
	var made *origin
	if l.inbox.debug.Load() {
		made = callers()
	}
	h := l.inbox.call(l, fn, made, opts)
	if h == nil {
		return nil, misuse(ErrLoopClosed, "CallSoonThreadsafe on %v, which will not run again; end those who call it before the loop", l)
	}
	return h, nil
}

// doneOutside is the end of a piece of work elsewhere, which Loop.outside has
// counted since it began: as long as there is one, the loop has something to
// wait for. Any goroutine may call it; fn is called on the loop.
func (l *Loop) doneOutside(fn func(ctx context.Context)) {
	l.inbox.put(&l.outsideHandle(func(ctx context.Context) {
		l.outside--
		fn(ctx)
	}).head)
}

// outsideHandle is a call that comes from a goroutine that is not the loop's.
func (l *Loop) outsideHandle(fn func(ctx context.Context)) *Handle {
	return &Handle{loop: l, fn: fn}
}

// OnClose has fn called when the loop is closed, or at once if it is: for what serves a loop and must not outlive it.
// The tasks have ended by then. fn is called in the goroutine that closes the loop, and has that wait. stop takes it back.
// Any goroutine may call either.
func (l *Loop) OnClose(fn func()) (stop func()) {
	if fn == nil {
		panic(misuse(ErrInvalidArgument, "OnClose with a nil function; give it a func()"))
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
