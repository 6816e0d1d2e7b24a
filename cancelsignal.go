package asyncio

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// A cancelSignal is the part of a ctx that can be cancelled. Any goroutine may read it.
// It is one pointer, which is nil as long as the signal is open and was never read: most
// tasks need no more.
type cancelSignal struct {
	seen atomic.Pointer[signalState] // nil: open; alreadyClosed: closed before the first read
}

// A signalState is the state of a cancelSignal that was read.
type signalState struct {
	done chan struct{} // closed when the signal closes

	mu     sync.Mutex     // guards the fields below
	closed bool           // done is closed
	after  map[int]func() // the functions of AfterFunc, by number in order of registration; nil: none
	last   int            // the last number
}

func (s *cancelSignal) state() *signalState {
	if st := s.seen.Load(); st != nil {
		return st
	}
	s.seen.CompareAndSwap(nil, &signalState{done: make(chan struct{})})
	return s.seen.Load()
}

func (s *cancelSignal) Done() <-chan struct{} { return s.state().done }

func (s *cancelSignal) Err() error {
	st := s.seen.Load()
	if st == nil {
		return nil
	}
	select {
	case <-st.done:
		return context.Canceled
	default:
		return nil
	}
}

// AfterFunc calls f once s is closed. Package context looks for this method in the parent
// of a derived context, which then needs no goroutine of its own.
func (s *cancelSignal) AfterFunc(f func()) (stop func() bool) {
	st := s.state()
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.closed {
		go f()
		return func() bool { return false }
	}
	if st.after == nil {
		st.after = map[int]func(){}
	}
	st.last++
	id := st.last
	st.after[id] = f
	return func() bool {
		st.mu.Lock()
		defer st.mu.Unlock()
		_, ok := st.after[id]
		delete(st.after, id)
		return ok
	}
}

// alreadyClosed is the state of signals that were closed before they were read.
var alreadyClosed = func() *signalState {
	st := &signalState{done: make(chan struct{}), closed: true}
	close(st.done)
	return st
}()

func (s *cancelSignal) close() {
	if s.seen.CompareAndSwap(nil, alreadyClosed) {
		return
	}
	st := s.seen.Load()
	st.mu.Lock()
	after := st.after
	st.after = nil
	if !st.closed {
		st.closed = true
		close(st.done)
	}
	st.mu.Unlock()
	if len(after) == 0 {
		return // the usual case; sorting nothing costs three allocations
	}
	for _, id := range slices.Sorted(maps.Keys(after)) {
		after[id]()
	}
}
