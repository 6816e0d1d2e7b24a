// Package coro is the engine under the loop: stacks that hand one thread of
// control to each other. It knows nothing of tasks, futures or time.
//
// A [Stack] is a goroutine that stands still unless control was handed to it.
// Of a [Group] exactly one goroutine runs at any time: a stack, or the one that
// called [Group.Enter]. Control goes from any stack straight to any other with
// [Stack.Switch]; there is no centre to go through.
//
// How control crosses is the engine's affair, and there are two behind one
// build tag: pull.go (the runtime's coroutine switch, reached through iter.Pull)
// and chan.go (a channel for each goroutine, with the tag asyncio_chan). They
// pass the same tests.
package coro

// A Group is a set of stacks that share one thread of control. All of its
// fields and those of its stacks belong to whoever has the control.
type Group struct {
	body      func(*Stack)
	home      *Stack   // the goroutine inside Enter or Close; it is no stack of the group's
	idle      []*Stack // made, and without work; the last to rest is the next to go
	abandoned []*Stack
	live      int    // made, and not ended
	heir      *Stack // where control goes from a stack that retires
	closing   bool
}

// A Stack is one goroutine of a group, with what it needs to stand still.
type Stack struct {
	parked // the engine's part: how to hand control to it

	// Ended is for the body: it returns, and does not die of a Goexit.
	Ended bool

	returned bool
	retired  bool  // it ends while the group lives
	index    int32 // in group.idle, while the group closes
	group    *Group
}

// NewGroup makes a group whose stacks all run body, once each. body is left in
// one of two ways: it returns after Rest has answered false, or the goroutine
// dies in it of runtime.Goexit; the deferred call that sees this coming must
// hand control on with Abandon and return when Abandon does.
//
// Deferred calls run in Close too, where they must do nothing: see Closing.
func NewGroup(body func(*Stack)) *Group {
	return &Group{body: body}
}

// Enter hands control to a stack and returns when a stack calls Leave.
// Any goroutine may call it, one at a time.
func (g *Group) Enter() {
	// The control goes over from a goroutine made for it: the caller may be
	// locked to its thread (an init function, a GUI), and the runtime's switch
	// insists that such a goroutine and all that it makes stay on that thread.
	g.visit(func(home *Stack) { home.Switch(g.Idle()) })
}

// Leave hands control back to Enter. s rests meanwhile, and goes on in the
// next Enter: false if the group closes instead.
func (g *Group) Leave(s *Stack) bool {
	return s.Rest(g.home)
}

// Visit hands control to the stack to, from outside of the group, and returns
// when a stack calls Leave.
func (g *Group) Visit(to *Stack) {
	g.visit(func(home *Stack) { home.Switch(to) })
}

// Home returns where Leave goes: what a stack that dies of runtime.Goexit
// after a Visit is to be abandoned for.
func (g *Group) Home() *Stack { return g.home }

func (g *Group) visit(f func(home *Stack)) {
	left := make(chan struct{})
	go func() {
		defer close(left)
		g.home = newHome(g)
		f(g.home)
	}()
	<-left
}

// Reserve makes a stack, if none is idle, so that Idle need not.
func (g *Group) Reserve() {
	if len(g.idle) == 0 {
		g.idle = append(g.idle, g.newStack())
	}
}

// Idle returns a stack that waits for work, or a new one. It is taken: the
// caller hands control to it next.
func (g *Group) Idle() *Stack {
	if n := len(g.idle); n > 0 {
		s := g.idle[n-1]
		g.idle[n-1] = nil
		g.idle = g.idle[:n-1]
		return s
	}
	return g.newStack()
}

func (g *Group) newStack() *Stack {
	s := &Stack{group: g}
	g.live++
	s.start()
	return s
}

// Closing tells that the group closes: a body that unwinds then is not dying of
// a Goexit of its own, and there is nobody to hand control to.
func (g *Group) Closing() bool { return g.closing }

// Live returns how many stacks there are, at work or idle.
func (g *Group) Live() int { return g.live }

// maxIdle is how many stacks a group keeps idle. A stack of the smallest size and the
// goroutine's own record are some 2.7 KB: a burst of a million must not hold gigabytes for as long as
// the group lives. Those of which there are more end, and are made again when they are needed, for 500 ns each.
const maxIdle = 1024

// Rest hands control to another stack and makes s available to Idle. It returns
// true when s was taken, false when s is to end: because the group closes, or because
// there are idle stacks enough; then control goes to the other stack when s has ended.
func (s *Stack) Rest(to *Stack) bool {
	g := s.group
	switch {
	case g.closing:
		return false
	case len(g.idle) >= maxIdle:
		s.retired = true
		g.heir = to
		return false
	}
	g.idle = append(g.idle, s)
	if !s.Cross(to) {
		s.Forward()
	}
	return !g.closing
}

// ended is what a stack panics with as it unwinds in Close; see endOfGoexit.
type ended struct{}

// Abandon hands control to another stack, from a deferred call of a goroutine
// that dies of runtime.Goexit. It returns when the group closes: until then the
// goroutine stands still, since its end would be felt by the goroutine that the
// runtime takes for its partner.
func (s *Stack) Abandon(to *Stack) {
	s.group.abandoned = append(s.group.abandoned, s)
	s.Switch(to)
}

// Close ends every stack. All must be idle or abandoned. Afterwards no goroutine of the
// group is left, and the group is not to be used again.
func (g *Group) Close() {
	if g.live == 0 {
		return
	}
	g.closing = true
	g.idle = append(g.idle, g.abandoned...)
	g.abandoned = nil
	for i, s := range g.idle {
		s.index = int32(i)
	}
	g.visit(func(home *Stack) {
		// Whoever is resumed by the end of a stack is mostly one that ends too,
		// so a turn of this loop ends more than one.
		for len(g.idle) > 0 {
			home.switchToEnding(g.idle[len(g.idle)-1])
		}
	})
	g.idle = nil
}

// The goroutine of a stack, whatever the engine, is
//
//	defer s.ended()
//	if !s.group.closing { s.group.body(s) }
//	s.returned = true
//
// and not a method that does this: a suspended task pays for each frame below it.

func (s *Stack) ended() {
	g := s.group
	g.live--
	if s.retired {
		return
	}
	last := len(g.idle) - 1
	g.idle[s.index] = g.idle[last]
	g.idle[s.index].index = s.index
	g.idle[last] = nil
	g.idle = g.idle[:last]
	if s.returned {
		return
	}
	if p := recover(); p != nil && p != any(ended{}) {
		panic(p)
	}
	endOfGoexit()
}
