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

// A side is one of the two functions of an iter.Pull: the one whose call is due next
// while a stack waits in the coroutine.
type side struct {
	turn  func(struct{}) bool // false: the stack that owns the coroutine has ended
	other *side               // due next after a call of turn
}

type parked struct {
	at  *side   // resumes this stack; while the stack runs, a stale value
	own [2]side // yield and next of the stack's own coroutine, which others also use
}

// Switch resumes to, and returns when another stack switches to s. It must be called on
// the goroutine of s.
func (s *Stack) Switch(to *Stack) {
	if !s.Cross(to) {
		s.Forward()
	}
}

// Cross is the part of Switch that Go can inline. If it returns false, the caller must
// call Forward.
//
// A frame between the caller and the runtime's switch costs time twice: the processor
// mispredicts its return (7 ns), and the collector scans it for each suspended stack.
func (s *Stack) Cross(to *Stack) bool {
	at := to.at
	s.at = at.other
	return at.turn(struct{}{})
}

// Forward completes a Cross that returned false: no stack switched to s, but the stack
// that owns the coroutine of s has ended. Forward passes control on, unless s is the
// heir.
func (s *Stack) Forward() {
	for !s.group.closing {
		if to := s.group.heir; to == s || s.Cross(to) {
			return
		}
	}
}

func (s *Stack) start() {
	next, _ := iter.Pull(func(yield func(struct{}) bool) {
		s.own[0].turn = yield
		defer s.ended()
		if !s.group.closing { // closing: the stack was reserved, but never used
			s.group.body(s)
		}
		s.returned = true
	})
	// A Cross contains one call, or it is not inlined. So next gets the type of yield,
	// and half of all switches pay for the frame of this function.
	s.own[1].turn = func(struct{}) bool {
		_, ok := next()
		return ok
	}
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
