package coro_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"example.com/asyncio/internal/coro"
)

// A script is a group whose stacks take their work from a queue: a minimal loop that
// exercises the whole life of the engine.
type script struct {
	group *coro.Group
	queue []func(s *coro.Stack) // work that has not begun
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
			c.logf("dies")
			s.Abandon(c.group.Idle())
		}
	}()
	for {
		for len(c.queue) > 0 {
			f := c.queue[0]
			c.queue = c.queue[1:]
			f(s) // if the goroutine dies in f, another stack does the rest
		}
		if !c.group.Leave(s) {
			s.Ended = true
			return
		}
	}
}

func (c *script) logf(format string, args ...any) {
	c.log = append(c.log, fmt.Sprintf(format, args...))
}

func (c *script) add(f func(s *coro.Stack)) { c.queue = append(c.queue, f) }

func (c *script) want(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(c.log, want) {
		t.Errorf("log:\n  %s\nwant:\n  %s", strings.Join(c.log, "\n  "), strings.Join(want, "\n  "))
	}
}

// checkGoroutines fails the test if it leaves goroutines behind. A goroutine that is
// ending may not have ended yet, so it checks more than once.
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
		t.Errorf("%d goroutines before the test, %d after it", before, runtime.NumGoroutine())
	})
}

func TestEnterReturnsWhenAStackLeaves(t *testing.T) {
	checkGoroutines(t)
	c := newScript()
	c.add(func(*coro.Stack) { c.logf("one") })
	c.add(func(*coro.Stack) { c.logf("two") })
	c.group.Enter()
	c.logf("left")
	c.add(func(*coro.Stack) { c.logf("three") })
	c.group.Enter()
	c.group.Close()
	c.want(t, "one", "two", "left", "three")
}

func TestWorkThatDoesNotSwitchSharesOneStack(t *testing.T) {
	checkGoroutines(t)
	c := newScript()
	for range 100 {
		c.add(func(*coro.Stack) {})
	}
	c.group.Enter()
	if n := c.group.Live(); n != 1 {
		t.Errorf("100 functions ran on %d stacks, want 1", n)
	}
	c.group.Close()
}

func TestAnyStackSwitchesToAnyOther(t *testing.T) {
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
			// All stacks are suspended. Switch between each pair in turn: 0 1, 0 2, ...
			for at < n*n {
				next := (at*at + at/n) % n
				at++
				if next == i {
					continue
				}
				c.logf("%d to %d", i, next)
				s.Switch(stacks[next])
			}
			// Each stack rests and resumes the next.
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
		t.Errorf("%d switches on %d stacks, want %d on %d", at, c.group.Live(), n*n, n)
	}
	c.group.Close()
}

func TestCloseEndsIdleStacks(t *testing.T) {
	checkGoroutines(t)
	for n := range 20 {
		c := newScript()
		var suspended []*coro.Stack
		for range n {
			c.add(func(s *coro.Stack) {
				suspended = append(suspended, s)
				s.Switch(c.group.Idle())
			})
		}
		for i := range n {
			c.add(func(s *coro.Stack) { s.Rest(suspended[i]) })
		}
		c.group.Enter()
		c.group.Close()
		if live := c.group.Live(); live != 0 {
			t.Errorf("%d stacks live after Close", live)
		}
	}
}

func TestCloseEndsAReservedStack(t *testing.T) {
	checkGoroutines(t)
	c := newScript()
	c.add(func(*coro.Stack) {
		c.group.Reserve()
		c.group.Reserve()
	})
	c.group.Enter()
	if n := c.group.Live(); n != 2 {
		t.Errorf("%d stacks, want 2: a running one and a reserved one", n)
	}
	c.add(func(*coro.Stack) { c.logf("work at the close") })
	c.group.Close()
	c.want(t)
}

func TestCloseOfAnUnusedGroup(t *testing.T) {
	checkGoroutines(t)
	newScript().group.Close()
}

func TestGoexitEndsOnlyItsStack(t *testing.T) {
	checkGoroutines(t)
	for n := range 8 { // n changes which stack waits in which coroutine
		c := newScript()
		var suspended []*coro.Stack
		for range n {
			c.add(func(s *coro.Stack) {
				suspended = append(suspended, s)
				s.Switch(c.group.Idle())
			})
		}
		for range 3 {
			c.add(func(*coro.Stack) { runtime.Goexit() })
		}
		c.add(func(s *coro.Stack) { c.logf("continues") })
		for i := range n {
			c.add(func(s *coro.Stack) { s.Rest(suspended[i]) })
		}
		c.group.Enter()
		c.logf("left")
		c.group.Close()
		c.want(t, "dies", "dies", "dies", "continues", "left")
	}
}

// One Close ends abandoned and idle stacks. The end of each may resume any other.
func TestCloseEndsAbandonedAndIdleStacks(t *testing.T) {
	for dead := range 4 {
		for idle := range 4 {
			checkGoroutines(t)
			c := newScript()
			var suspended []*coro.Stack
			for range idle {
				c.add(func(s *coro.Stack) {
					suspended = append(suspended, s)
					s.Switch(c.group.Idle())
				})
			}
			for range dead {
				c.add(func(*coro.Stack) { runtime.Goexit() })
			}
			c.group.Enter()
			if len(c.log) != dead {
				t.Errorf("%d stacks died, want %d", len(c.log), dead)
			}
			for _, s := range suspended {
				c.group.Visit(s) // it has no more work, and rests
			}
			c.log = nil
			c.group.Close()
			c.want(t)
		}
	}
}

// After a burst most stacks end without an effect on others. The next burst makes new
// ones.
func TestIdleStacksAreLimitedAfterABurst(t *testing.T) {
	checkGoroutines(t)
	c := newScript()
	const n = 5000
	for range 3 {
		var suspended []*coro.Stack
		woken := 0
		for i := range n {
			c.add(func(s *coro.Stack) {
				suspended = append(suspended, s)
				s.Switch(c.group.Idle()) // the next function begins there
				if woken != i {
					t.Fatalf("stack %d woke, want stack %d", i, woken)
				}
				woken++
			})
		}
		c.group.Enter()
		if live := c.group.Live(); live < n {
			t.Errorf("%d stacks live, want at least %d", live, n)
		}
		for _, s := range suspended {
			c.group.Visit(s)
		}
		if woken != n || c.group.Live() > 1024 {
			t.Errorf("%d stacks woke and %d are kept, want %d and at most 1024", woken, c.group.Live(), n)
		}
	}
	c.group.Close()
}

func TestVisitResumesASuspendedStack(t *testing.T) {
	checkGoroutines(t)
	c := newScript()
	var suspended *coro.Stack
	c.add(func(s *coro.Stack) {
		suspended = s
		s.Switch(c.group.Idle())
		c.logf("visited")
	})
	c.group.Enter()
	c.logf("left")
	c.group.Visit(suspended)
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
		c.logf("ran")
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

// The collector may scan a stack at any point of its end. It must not find an invalid
// pointer.
func TestStacksEndWhileTheCollectorWorks(t *testing.T) {
	checkGoroutines(t)
	stop, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
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
	close(stop)
	<-stopped
}
