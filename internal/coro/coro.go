// Package coro is the engine of the loop: stacks that pass one thread of control between
// them. It does not know tasks, futures or time.
//
// A [Stack] is a goroutine that is suspended unless control was passed to it. Exactly one
// goroutine of a [Group] runs at any time: a stack, or the caller of [Group.Enter].
// [Stack.Switch] passes control from any stack directly to any other, without a central
// scheduler.
//
// Two engines implement the switch, selected by a build tag: pull.go (the coroutine
// switch of the runtime, through iter.Pull) and chan.go (a channel for each goroutine;
// tag asyncio_chan). Both pass the same tests.
package coro

// A Group is a set of stacks that share one thread of control. Only the goroutine that
// has control may use its fields and those of its stacks.
type Group struct {
	body      func(*Stack)
	home      *Stack   // the goroutine in Enter, Visit or Close; not one of the stacks
	idle      []*Stack // without work; the last to rest is the next to be used
	abandoned []*Stack // suspended in Abandon until Close
	live      int      // stacks that have not ended
	heir      *Stack   // receives control when a retired stack ends
	closing   bool
}

// A Stack is one goroutine of a group, with the state that it needs while suspended.
type Stack struct {
	parked // the engine's part: how to resume this stack

	// Ended belongs to the body, which sets it before it returns. A deferred call then
	// knows that the goroutine does not die of runtime.Goexit.
	Ended bool

	returned bool  // body has returned
	retired  bool  // ends while the group lives
	index    int32 // in group.idle, while the group closes
	group    *Group
}

// NewGroup returns a group whose stacks each run body once. body ends in one of two ways:
//
//   - It returns after Rest or Leave has returned false.
//   - The goroutine dies of runtime.Goexit. The deferred call that detects this must pass
//     control on with Abandon, and return when Abandon returns.
//
// Deferred calls also run in Close, where they must do nothing: see Closing.
func NewGroup(body func(*Stack)) *Group {
	return &Group{body: body}
}

// Enter passes control to a stack and returns when a stack calls Leave. Any goroutine may
// call it, one at a time.
func (g *Group) Enter() {
	g.visit(func(home *Stack) { home.Switch(g.Idle()) })
}

// Leave passes control back to Enter or Visit. s rests until the next Enter. Leave
// returns false if s must end: see Rest.
func (g *Group) Leave(s *Stack) bool {
	return s.Rest(g.home)
}

// Visit passes control from outside the group to the stack to, and returns when a stack
// calls Leave.
func (g *Group) Visit(to *Stack) {
	g.visit(func(home *Stack) { home.Switch(to) })
}

// Home returns the stack to which Leave passes control. A stack that dies of
// runtime.Goexit after a Visit calls Abandon with it.
func (g *Group) Home() *Stack { return g.home }

// visit calls f on a new goroutine. The caller may be locked to its thread (an init
// function, a GUI), and the runtime's switch requires that both goroutines are locked to
// the same thread or to none.
func (g *Group) visit(f func(home *Stack)) {
	left := make(chan struct{})
	go func() {
		defer close(left)
		g.home = newHome(g)
		f(g.home)
	}()
	<-left
}

// Reserve makes a stack if none is idle, so that the next Idle does not have to.
func (g *Group) Reserve() {
	if len(g.idle) == 0 {
		g.idle = append(g.idle, g.newStack())
	}
}

// Idle returns an idle stack, or a new one. The stack is no longer idle: the caller must
// pass control to it next.
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

// Closing reports whether the group closes. A body that unwinds then does not die of its
// own Goexit, and must not pass control on.
func (g *Group) Closing() bool { return g.closing }

// Live returns the number of stacks that have not ended, busy or idle.
func (g *Group) Live() int { return g.live }

// maxIdle is the number of idle stacks that a group keeps. More of them end; a new stack
// takes 500 ns. The smallest stack and the goroutine's descriptor take 2.7 KB, and a
// burst of a million must not hold gigabytes until the group closes.
const maxIdle = 1024

// Rest passes control to another stack and makes s idle. It returns true when Idle has
// returned s and control was passed to it.
//
// It returns false if s must end: the group closes, or has enough idle stacks. In the
// second case control goes to the other stack when s has ended.
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
	side, ok := s.Depart(to), false // this is Switch: see there
	if side.Yield != nil {
		ok = side.Yield(struct{}{})
	} else {
		_, ok = side.Next()
	}
	if !ok {
		s.Forward()
	}
	return !g.closing
}

// ended is the panic value of a stack that unwinds in Close; see endOfGoexit.
type ended struct{}

// Abandon passes control to another stack, from a deferred call of a goroutine that dies
// of runtime.Goexit. It returns when the group closes. The goroutine is suspended until
// then, because its end would resume whichever goroutine waits in its coroutine.
func (s *Stack) Abandon(to *Stack) {
	s.group.abandoned = append(s.group.abandoned, s)
	s.Switch(to)
}

// Close ends all stacks. All of them must be idle or abandoned. Afterwards the group has
// no goroutines and must not be used again.
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
		// The end of a stack usually resumes another stack that also ends, so one
		// iteration ends several.
		for len(g.idle) > 0 {
			home.switchToEnding(g.idle[len(g.idle)-1])
		}
	})
	g.idle = nil
}

// ended is the last deferred call of a stack. In both engines the goroutine of a stack
// runs
//
//	defer s.ended()
//	if !s.group.closing { s.group.body(s) }
//	s.returned = true
//
// These lines are not a method, because each frame adds to the cost of a suspended task.
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
