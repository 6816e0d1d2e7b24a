//go:build asyncio_chan

package coro

// Engine is the name of the engine in this build.
const Engine = "chan"

// This is the reference engine: a suspended goroutine receives from a channel of its own.
// It is as simple as possible, and three to four times as slow.
type parked struct {
	resume chan struct{}
	side   Side
	to     *Stack // the argument of the last Depart
}

// A Side has the function that a caller of Depart calls; see the other engine. Next is
// nil.
type Side struct {
	Yield func(struct{}) bool
	Next  func() (struct{}, bool)
}

// Switch resumes to, and returns when another stack switches to s. It must be called on
// the goroutine of s.
func (s *Stack) Switch(to *Stack) {
	to.resume <- struct{}{}
	<-s.resume
}

// Depart is the first part of a Switch; see the other engine.
func (s *Stack) Depart(to *Stack) *Side {
	s.to = to
	return &s.side
}

// Forward is called after a switch that returned false, which does not happen here.
func (s *Stack) Forward() {}

func (s *Stack) start() {
	// With an unbuffered channel, the sender could not continue with its own receive.
	s.resume = make(chan struct{}, 1)
	s.side.Yield = func(struct{}) bool {
		s.Switch(s.to)
		return true
	}
	go func() {
		<-s.resume
		defer func() {
			if s.retired {
				s.group.heir.resume <- struct{}{}
			} else {
				s.group.home.resume <- struct{}{} // in Close: see Group
			}
		}()
		defer s.ended()
		if !s.group.closing { // closing: the stack was reserved, but never used
			s.group.body(s)
		}
		s.returned = true
	}()
}

func newHome(g *Group) *Stack {
	return &Stack{group: g, parked: parked{resume: make(chan struct{}, 1)}}
}

func endOfGoexit() {}

func (s *Stack) switchToEnding(to *Stack) { s.Switch(to) }
