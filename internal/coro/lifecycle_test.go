package coro_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"example.com/asyncio/internal/coro"
)

// A script is a group whose stacks take their work from a queue: enough of a
// loop to drive the engine through its whole life.
type script struct {
	group *coro.Group
	queue []func(s *coro.Stack) // what stacks at rest take from, in order
	log   []string
}

func newScript() *script {
	c := &script{}
	c.group = coro.NewGroup(c.body)
	return c
}

func (c *script) body(s *coro.Stack) {
	defer func() {
		if !s.Ended && !c.group.Closing() {
			c.say("dies")
			s.Abandon(c.group.Idle())
		}
	}()
	for {
		for len(c.queue) > 0 {
			f := c.queue[0]
			c.queue = c.queue[1:]
			f(s) // a goroutine that dies in it leaves the rest to another stack
		}
		if !c.group.Leave(s) {
			s.Ended = true
			return
		}
	}
}

func (c *script) say(format string, args ...any) { c.log = append(c.log, fmt.Sprintf(format, args...)) }

func (c *script) add(f func(s *coro.Stack)) { c.queue = append(c.queue, f) }

func (c *script) want(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(c.log, want) {
		t.Errorf("happened:\n  %s\nwant:\n  %s", strings.Join(c.log, "\n  "), strings.Join(want, "\n  "))
	}
}

// checkGoroutines fails the test if it leaves goroutines behind. One that was told to
// end may still be on its last instructions, so this looks more than once.
func checkGoroutines(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for range 100_000 {
			if runtime.NumGoroutine() <= before {
				return
			}
			runtime.Gosched()
		}
		t.Errorf("%d goroutines before, %d after", before, runtime.NumGoroutine())
	})
}

func TestEnterReturnsWhenAStackLeaves(t *testing.T) {
	checkGoroutines(t)
	c := newScript()
	c.add(func(*coro.Stack) { c.say("one") })
	c.add(func(*coro.Stack) { c.say("two") })
	c.group.Enter()
	c.say("left")
	c.add(func(*coro.Stack) { c.say("three") })
	c.group.Enter()
	c.group.Close()
	c.want(t, "one", "two", "left", "three")
}

func TestOneStackServesWorkThatDoesNotSwitch(t *testing.T) {
	checkGoroutines(t)
	c := newScript()
	for range 100 {
		c.add(func(*coro.Stack) {})
	}
	c.group.Enter()
	if n := c.group.Live(); n != 1 {
		t.Errorf("100 pieces of work on %d stacks, want 1", n)
	}
	c.group.Close()
}

func TestControlGoesFromAnyStackToAnyOther(t *testing.T) {
	checkGoroutines(t)
	c := newScript()
	const n = 5
	var stacks [n]*coro.Stack
	at := 0
	for i := range n {
		c.add(func(s *coro.Stack) {
			stacks[i] = s
			if i < n-1 {
				s.Switch(c.group.Idle())
			}
			// Now all stand; visit each pair in turn: 0 1, 0 2, ... Each hands on at once.
			for at < n*n {
				next := (at*at + at/n) % n
				at++
				if next == i {
					continue
				}
				c.say("%d to %d", i, next)
				s.Switch(stacks[next])
			}
			// It is over: each rests and lets the next see that.
			stacks[i] = nil
			for _, other := range stacks {
				if other != nil {
					s.Rest(other)
					return
				}
			}
		})
	}
	c.group.Enter()
	if at != n*n || c.group.Live() != n {
		t.Errorf("%d hops on %d stacks, want %d on %d", at, c.group.Live(), n*n, n)
	}
	c.group.Close()
}

func TestCloseEndsIdleStacks(t *testing.T) {
	checkGoroutines(t)
	for n := range 20 {
		c := newScript()
		var stand []*coro.Stack
		for range n {
			c.add(func(s *coro.Stack) {
				stand = append(stand, s)
				s.Switch(c.group.Idle())
			})
		}
		for i := range n {
			c.add(func(s *coro.Stack) { s.Rest(stand[i]) })
		}
		c.group.Enter()
		c.group.Close()
		if live := c.group.Live(); live != 0 {
			t.Errorf("%d stacks live after Close", live)
		}
	}
}

func TestCloseEndsAStackThatWasReservedAndNeverNeeded(t *testing.T) {
	checkGoroutines(t)
	c := newScript()
	c.add(func(*coro.Stack) {
		c.group.Reserve()
		c.group.Reserve()
	})
	c.group.Enter()
	if n := c.group.Live(); n != 2 {
		t.Errorf("%d stacks, want 2: the one that runs, and one in reserve", n)
	}
	c.add(func(*coro.Stack) { c.say("work at the close") })
	c.group.Close()
	c.want(t)
}

func TestCloseOfAGroupThatNeverRan(t *testing.T) {
	checkGoroutines(t)
	newScript().group.Close()
}

func TestGoexitStaysOnItsStack(t *testing.T) {
	checkGoroutines(t)
	for n := range 8 { // which stack stands in which place differs with n
		c := newScript()
		var stand []*coro.Stack
		for range n {
			c.add(func(s *coro.Stack) {
				stand = append(stand, s)
				s.Switch(c.group.Idle())
			})
		}
		for range 3 {
			c.add(func(*coro.Stack) { runtime.Goexit() })
		}
		c.add(func(s *coro.Stack) { c.say("goes on") })
		for i := range n {
			c.add(func(s *coro.Stack) { s.Rest(stand[i]) })
		}
		c.group.Enter()
		c.say("left")
		c.group.Close()
		c.want(t, "dies", "dies", "dies", "goes on", "left")
	}
}

// Stacks that have died and stacks at rest end in one Close, and the end of each may be felt by any other.
func TestCloseEndsTheDeadAndTheIdle(t *testing.T) {
	for dead := range 4 {
		for idle := range 4 {
			checkGoroutines(t)
			c := newScript()
			var standing []*coro.Stack
			for range idle {
				c.add(func(s *coro.Stack) {
					standing = append(standing, s)
					s.Switch(c.group.Idle())
				})
			}
			for range dead {
				c.add(func(*coro.Stack) { runtime.Goexit() })
			}
			c.group.Enter()
			if len(c.log) != dead {
				t.Errorf("%d of %d stacks have died", len(c.log), dead)
			}
			for _, s := range standing {
				c.group.Visit(s) // has nothing to do any more, and rests
			}
			c.log = nil
			c.group.Close()
			c.want(t)
		}
	}
}

// After a burst few stacks are kept. Those that end disturb nobody, and the next burst makes them anew.
func TestABurstGivesItsStacksBack(t *testing.T) {
	checkGoroutines(t)
	c := newScript()
	const n = 5000
	for range 3 {
		var standing []*coro.Stack
		woken := 0
		for i := range n {
			c.add(func(s *coro.Stack) {
				standing = append(standing, s)
				s.Switch(c.group.Idle()) // where the next begins
				if woken != i {
					t.Fatalf("stack %d woke in place of %d", i, woken)
				}
				woken++
			})
		}
		c.group.Enter()
		if live := c.group.Live(); live < n {
			t.Errorf("%d stacks stand, %d live", n, live)
		}
		for _, s := range standing {
			c.group.Visit(s)
		}
		if woken != n || c.group.Live() > 1024 {
			t.Errorf("%d of %d woke; %d stacks are kept", woken, n, c.group.Live())
		}
	}
	c.group.Close()
}

func TestVisitLetsAStandingStackEnd(t *testing.T) {
	checkGoroutines(t)
	c := newScript()
	var standing *coro.Stack
	c.add(func(s *coro.Stack) {
		standing = s
		s.Switch(c.group.Idle())
		c.say("visited")
	})
	c.group.Enter()
	c.say("left")
	c.group.Visit(standing)
	c.group.Close()
	c.want(t, "left", "visited")
}

func TestEnterFromALockedThread(t *testing.T) {
	checkGoroutines(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c := newScript()
	var first *coro.Stack
	c.add(func(s *coro.Stack) {
		first = s
		s.Switch(c.group.Idle())
	})
	c.add(func(s *coro.Stack) {
		c.say("ran")
		s.Rest(first)
	})
	c.group.Enter()
	c.group.Close()
	c.want(t, "ran")
}

func BenchmarkSwitch(b *testing.B) {
	c := newScript()
	c.add(func(first *coro.Stack) {
		first.Switch(c.group.Idle())
	})
	c.group.Enter()
	c.add(func(s *coro.Stack) {
		var other *coro.Stack
		c.add(func(o *coro.Stack) {
			other = o
			for b.Loop() {
				o.Switch(s)
			}
		})
		s.Switch(c.group.Idle())
		for {
			s.Switch(other)
		}
	})
	b.ReportAllocs()
	c.group.Enter()
}

// The collector may look at a stack at each point of its end: it must find no pointers where there are none.
func TestStacksEndWhileTheCollectorWorks(t *testing.T) {
	checkGoroutines(t)
	over, collected := make(chan bool), make(chan bool)
	go func() {
		defer close(collected)
		for {
			select {
			case <-over:
				return
			default:
				runtime.GC()
			}
		}
	}()
	for range 300 {
		c := newScript()
		for range 40 {
			c.add(func(*coro.Stack) { runtime.Goexit() })
		}
		c.group.Enter()
		c.group.Close()
	}
	close(over)
	<-collected
}
