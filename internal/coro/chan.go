//go:build asyncio_chan

package coro

// Engine names the engine that was built in.
const Engine = "chan"

// The reference engine: a goroutine that stands still receives from a channel
// of its own. It is as plain as can be, and three to four times as slow.
type parked struct {
	resume chan struct{}
}

// Switch lets to go on where it stands, and returns when somebody switches to
// s. It must be called on s's own goroutine.
func (s *Stack) Switch(to *Stack) {
	to.resume <- struct{}{}
	<-s.resume
}

// Cross is Switch; see the other engine.
func (s *Stack) Cross(to *Stack) bool {
	s.Switch(to)
	return true
}

// Forward is for a Cross that returned false.
func (s *Stack) Forward() {}

func (s *Stack) start() {
	// Room for one, or else the one that hands over could not go to its own rest.
	s.resume = make(chan struct{}, 1)
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
		if !s.group.closing { // it may never have been needed
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
