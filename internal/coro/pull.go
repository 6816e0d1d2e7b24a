//go:build !asyncio_chan

package coro

import "iter"

// Engine names the engine that was built in.
const Engine = "pull"

// iter.Pull makes a goroutine and a place where one goroutine can stand (the
// runtime's coro). next and yield both do the same: the caller takes the place
// of the goroutine that stands there, which goes on. iter.Pull only insists
// that the two alternate. It does not insist that the goroutines are always the
// same two: so the places form a cloakroom, in which every stack that stands
// still has some place, and to hand control to it is one call on that place.
//
// The tests of this package prove on each Go version that this holds.
type place struct {
	next  func() (struct{}, bool)
	yield func(struct{}) bool
	// Whoever stands here came with next, and the next one must come with yield.
	byNext bool
}

type parked struct {
	at  *place // where it stands, nil while it runs
	own place  // made with the goroutine; where others stand as often as not
}

// Switch lets to go on where it stands, and returns when somebody switches to
// s. It must be called on s's own goroutine.
func (s *Stack) Switch(to *Stack) {
	for {
		p := to.at
		to.at, s.at = nil, p
		if p.byNext = !p.byNext; p.byNext {
			p.next()
		} else {
			p.yield(struct{}{})
		}
		if s.at == nil || s.group.closing {
			return
		}
		// Nobody has switched to s: the stack has ended whose place it stood in. It hands on what is not its own.
		if to, s.at = s.group.heir, nil; to == s {
			return
		}
	}
}

func (s *Stack) start() {
	s.own.next, _ = iter.Pull(func(yield func(struct{}) bool) {
		s.own.yield = yield
		defer s.ended()
		if !s.group.closing { // it may never have been needed
			s.group.body(s)
		}
		s.returned = true
	})
	s.at = &s.own
}

func newHome(g *Group) *Stack { return &Stack{group: g} }

// endOfGoexit is the last act of a stack that unwinds from a Goexit, or from a panic with
// ended that reached it while it rested.
//
// When the function given to iter.Pull returns, the goroutine that stands in
// its place goes on, whichever that is. If it came there with next, iter.Pull
// passes it a panic of the one that ends, and a Goexit as a Goexit. Neither may
// reach a foreign goroutine, least of all the one that closes the group. A
// Goexit cannot be stopped, but a panic takes its place in iter.Pull's eyes, and
// all whom the end of a stack can resume expect this one: stacks that end too
// (Stack.ended), and the closing goroutine (switchToEnding).
func endOfGoexit() { panic(ended{}) }

func (s *Stack) switchToEnding(to *Stack) {
	defer func() {
		if p := recover(); p != nil && p != any(ended{}) {
			panic(p)
		}
	}()
	s.Switch(to)
}
