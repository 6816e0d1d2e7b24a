//go:build !asyncio_chan

package coro

import "iter"

// Engine is the name of the engine in this build.
const Engine = "pull"

// iter.Pull makes a goroutine and a coroutine in which one goroutine at a time can wait.
// next and yield do the same to it: the caller waits in the coroutine, and the goroutine
// that waited there continues. iter.Pull checks only that next and yield alternate, not
// that the same two goroutines call them. So a suspended stack may wait in any of the
// coroutines, and one call on that coroutine resumes it.
//
// The tests of this package check that each Go version still behaves like this.

// A Side is one of the two functions of an iter.Pull: the one whose call is due next
// while a stack waits in the coroutine. One of Yield and Next is nil.
type Side struct {
	Yield func(struct{}) bool
	Next  func() (struct{}, bool)
	other *Side // due after a call of this one
}

type parked struct {
	at  *Side   // resumes this stack; while the stack runs, a stale value
	own [2]Side // yield and next of the stack's own coroutine, which others also use
}

// Switch resumes to, and returns when another stack switches to s. It must be called on
// the goroutine of s.
func (s *Stack) Switch(to *Stack) {
	side, ok := s.Depart(to), false
	if side.Yield != nil {
		ok = side.Yield(struct{}{})
	} else {
		_, ok = side.Next()
	}
	if !ok {
		s.Forward()
	}
}

// Depart is the first part of a Switch that the caller spells out. The caller then calls
// the function of the Side, and Forward if that returns false:
//
//	side, ok := s.Depart(to), false
//	if side.Yield != nil {
//		ok = side.Yield(struct{}{})
//	} else {
//		_, ok = side.Next()
//	}
//	if !ok {
//		s.Forward()
//	}
//
// A frame between the caller and the runtime's switch costs time twice: the processor
// mispredicts its return (7 ns), and the collector scans it for each suspended stack. Go
// inlines no function with two calls, so the hot callers have this code themselves.
func (s *Stack) Depart(to *Stack) *Side {
	at := to.at
	s.at = at.other
	return at
}

// Forward completes a switch whose function returned false: no stack switched to s, but
// the stack that owns the coroutine of s has ended. Forward passes control on, unless s
// is the heir.
func (s *Stack) Forward() {
	for ok := false; !ok && !s.group.closing; {
		to := s.group.heir
		if to == s {
			return
		}
		if side := s.Depart(to); side.Yield != nil {
			ok = side.Yield(struct{}{})
		} else {
			_, ok = side.Next()
		}
	}
}

func (s *Stack) start() {
	next, _ := iter.Pull(func(yield func(struct{}) bool) {
		s.own[0].Yield = yield
		defer s.ended()
		if !s.group.closing { // closing: the stack was reserved, but never used
			s.group.body(s)
		}
		s.returned = true
	})
	s.own[1].Next = next
	s.own[0].other, s.own[1].other = &s.own[1], &s.own[0]
	s.at = &s.own[1]
}

func newHome(g *Group) *Stack { return &Stack{group: g} }

// endOfGoexit ends a stack that unwinds from a Goexit, or from a panic with the value
// ended that reached it while it rested.
//
// When the function given to iter.Pull returns, the goroutine that waits in that
// coroutine continues, whichever it is. If that goroutine called next, iter.Pull raises
// the panic of the function again in it, and turns a Goexit of the function into one of
// its own. A Goexit cannot be recovered and must not reach another goroutine, least of
// all the one that closes the group. A panic replaces it. Every goroutine that the end of
// a stack can resume expects this panic: stacks that also end (Stack.ended), and the
// closing goroutine (switchToEnding).
func endOfGoexit() { panic(ended{}) }

func (s *Stack) switchToEnding(to *Stack) {
	defer func() {
		if p := recover(); p != nil && p != any(ended{}) {
			panic(p)
		}
	}()
	s.Switch(to)
}
