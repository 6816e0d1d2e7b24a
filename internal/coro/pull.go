//go:build !asyncio_chan

package coro

import (
	"iter"
	"unsafe"
)

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
	// iter.Pull's yield and next. Both answer false if the stack has ended whose place it is. Their types differ by a
	// struct{} that is taken or given; it is passed in no register and in no byte of the stack, so the two are called alike.
	turn [2]func() bool
	on   uint8 // that of the two with which the last one came
}

type parked struct {
	at  *place // where it stands; while it runs, where it stood last
	own place  // made with the goroutine; where others stand as often as not
}

// Switch lets to go on where it stands, and returns when somebody switches to
// s. It must be called on s's own goroutine.
func (s *Stack) Switch(to *Stack) {
	if !s.Cross(to) {
		s.Forward()
	}
}

// Cross is Switch for a caller that wants no frame between it and the runtime's switch: each one is walked through by
// the collector for each stack that stands still, and its return is one that the processor does not foresee (7 ns). If it returns
// false, the caller has to call Forward next. It has just the size up to which Go inlines: two calls, to yield and to next, have not.
func (s *Stack) Cross(to *Stack) bool {
	p := to.at
	s.at = p
	p.on ^= 1
	return p.turn[p.on]()
}

// Forward is what is left to do after a Cross that returned false. Nobody has switched to s: the stack
// has ended whose place it stood in. It hands on what is not its own.
func (s *Stack) Forward() {
	for !s.group.closing {
		if to := s.group.heir; to == s || s.Cross(to) {
			return
		}
	}
}

func (s *Stack) start() {
	next, _ := iter.Pull(func(yield func(struct{}) bool) {
		s.own.turn[0] = turn(yield)
		defer s.ended()
		if !s.group.closing { // it may never have been needed
			s.group.body(s)
		}
		s.returned = true
	})
	s.own.turn[1] = turn(next)
	s.at = &s.own
}

// turn has f, yield or next, be of the type in which they are alike. It must not be inlined. A parameter whose address is taken
// is an object on the stack to the collector, even where the compiler keeps it in a register and never writes it; and while
// a Goexit runs the deferred call of the stack's first function, the runtime's record of that points to where its parameter
// would stand. What lies there is then taken for a pointer: "found bad pointer in Go heap".
//
//go:noinline
func turn[F any](f F) func() bool { return *(*func() bool)(unsafe.Pointer(&f)) }

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
