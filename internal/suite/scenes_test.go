package suite_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
)

// Scenes that the explorer of interleave_test.go runs in every order.

// A295, A305, A306: at most one task holds a lock. Tasks acquire it in FIFO order. None
// waits forever, and the lock is free at the end.
func TestInterleavingsOfLocks(t *testing.T) {
	for kind, of := range map[string]func() lockLike{
		"Lock":             func() lockLike { return new(asyncio.Lock) },
		"Condition":        func() lockLike { return asyncio.NewCondition(nil) },
		"Semaphore":        func() lockLike { return asyncio.NewSemaphore(1) },
		"BoundedSemaphore": func() lockLike { return asyncio.NewBoundedSemaphore(1) },
	} {
		lockScene := func(what string, build func(s *scene, f *fifo)) {
			everyOrder(t, kind+" "+what, func(s *scene) {
				f := &fifo{s: s, of: of(), most: 1}
				free := f.of.String()
				s.ended = func() { s.check(f.of.String() == free, "at the end it is %v", f.of) }
				build(s, f)
			})
		}
		lockScene("for four tasks", func(s *scene, f *fifo) {
			for _, name := range []string{"a", "b", "c", "d"} {
				s.task(name, f.once)
			}
		})
		lockScene("for three tasks, twice", func(s *scene, f *fifo) {
			for _, name := range []string{"a", "b", "c"} {
				s.task(name, func(ctx context.Context) { f.once(ctx); f.once(ctx) })
			}
		})
		lockScene("with a cancel", func(s *scene, f *fifo) {
			s.first("a", f.once)
			b := s.first("b", f.once)
			s.first("c", f.once)
			s.task("canceller", func(context.Context) { b.Cancel() })
			s.task("newcomer", f.once)
		})
		lockScene("with two cancels", func(s *scene, f *fifo) {
			a := s.first("a", f.once)
			b := s.first("b", f.once)
			s.first("c", f.once)
			s.task("canceller of a", func(context.Context) { a.Cancel() })
			s.task("canceller of b", func(context.Context) { b.Cancel() })
			s.task("newcomer", f.once)
		})
		lockScene("with timeouts", func(s *scene, f *fifo) {
			// At the same time, a leaves, two waiters time out and a task arrives.
			s.first("a", func(ctx context.Context) { _ = f.use(ctx, time.Second) })
			for _, name := range []string{"b", "c"} {
				s.first(name, func(ctx context.Context) {
					_ = asyncio.Timeout(ctx, time.Second, func(ctx context.Context) error { return f.use(ctx, 0) })
				})
			}
			s.first("late", func(ctx context.Context) {
				_ = asyncio.Sleep(ctx, time.Second)
				f.once(ctx)
			})
		})
	}
}

// A305, A306: a released unit goes to the first waiter that is not cancelled, and to no
// other task.
func TestInterleavingsOfSemaphores(t *testing.T) {
	for _, units := range []int{1, 2} {
		everyOrder(t, fmt.Sprintf("%d released and one cancelled", units), func(s *scene) {
			sem := asyncio.NewSemaphore(0)
			var got []string
			tasks := map[string]*asyncio.Task[asyncio.None]{}
			for _, name := range []string{"a", "b", "c"} {
				tasks[name] = s.first(name, func(ctx context.Context) {
					if sem.Acquire(ctx) == nil {
						got = append(got, name)
					} else {
						got = append(got, name+" cancelled")
					}
				})
			}
			for range units {
				s.task("releaser", func(context.Context) { sem.Release() })
			}
			s.task("canceller", func(context.Context) { tasks["a"].Cancel() })
			s.mayWait = true
			s.ended = func() {
				slices.Sort(got)
				want := []string{"a", "b", "c"}[:units]
				if slices.Contains(got, "a cancelled") {
					want = []string{"a cancelled", "b", "c"}[:units+1]
				}
				s.check(slices.Equal(got, want), "the units went to %v", got)
			}
		})
	}
	everyOrder(t, "two released at once, and a newcomer", func(s *scene) {
		sem := asyncio.NewSemaphore(0)
		aHasIt, released := false, false
		s.first("a", func(ctx context.Context) { aHasIt = sem.Acquire(ctx) == nil })
		s.task("newcomer", func(ctx context.Context) {
			late := released
			_ = sem.Acquire(ctx)
			s.check(aHasIt || !late, "the newcomer arrived late and overtook a")
		})
		s.task("releaser", func(context.Context) {
			sem.Release()
			sem.Release()
			released = true
		})
	})
	everyOrder(t, "two units for four tasks", func(s *scene) {
		sem := asyncio.NewBoundedSemaphore(2)
		f := &fifo{s: s, of: sem, most: 2}
		for _, name := range []string{"a", "b", "c", "d"} {
			s.task(name, f.once)
		}
		s.ended = func() { s.check(sem.String() == "<BoundedSemaphore unlocked value=2>", "at the end it is %v", sem) }
	})
	everyOrder(t, "two units, two cancels", func(s *scene) {
		sem := asyncio.NewBoundedSemaphore(2)
		f := &fifo{s: s, of: sem, most: 2}
		a := s.first("a", f.once)
		s.first("b", f.once)
		c := s.first("c", f.once)
		s.first("d", f.once)
		s.task("canceller of a", func(context.Context) { a.Cancel() })
		s.task("canceller of c", func(context.Context) { c.Cancel() })
		s.ended = func() { s.check(sem.String() == "<BoundedSemaphore unlocked value=2>", "at the end it is %v", sem) }
	})
}

// A296, A297: Set wakes all tasks that wait, unless they are cancelled, even if Clear
// follows at once. A task that arrives when the event is clear waits.
func TestInterleavingsOfEvents(t *testing.T) {
	everyOrder(t, "Set, Clear and a cancel", func(s *scene) {
		var e asyncio.Event
		set := false // there has been a Set
		wait := func(mustGoOn *bool) func(ctx context.Context) {
			return func(ctx context.Context) {
				*mustGoOn = !set || e.IsSet() // a Set follows or has been
				if err := e.Wait(ctx); err == nil {
					s.check(set, "Wait returned before the Set")
				}
				*mustGoOn = false
			}
		}
		var a, b, late bool
		task := s.first("a", wait(&a))
		s.first("b", wait(&b))
		s.task("late", wait(&late))
		s.task("setter", func(context.Context) { set = true; e.Set() })
		s.task("clearer", func(context.Context) { e.Clear() })
		s.task("canceller", func(context.Context) { task.Cancel() })
		s.mayWait = true
		s.ended = func() { s.check(!a && !b && !late, "the event was set, but tasks wait: %v %v %v", a, b, late) }
	})
}

// A store has things to take, and a condition that is notified of them.
type store struct {
	s      *scene
	c      *asyncio.Condition
	things int
	inside int
	wants  int // tasks that wait for a thing
}

func (st *store) take(ctx context.Context) error {
	return st.c.With(ctx, func(ctx context.Context) error {
		st.wants++
		err := st.c.WaitFor(ctx, func() bool {
			st.s.check(st.inside == 0, "two tasks test the predicate at once")
			return st.things > 0
		})
		st.wants--
		// Whatever the error, this task has the lock.
		st.s.check(st.c.Locked(), "Wait returned without the lock")
		if st.inside++; st.inside > 1 {
			st.s.check(false, "two tasks have the lock")
		}
		if err == nil {
			st.things--
			err = asyncio.Yield(ctx)
		}
		st.inside--
		return err
	})
}

func (st *store) bring(ctx context.Context) {
	_ = st.c.With(ctx, func(context.Context) error {
		st.s.check(st.inside == 0, "one task brings while another has the lock")
		st.things++
		st.c.Notify(1)
		return nil
	})
}

// A300, A301: a notification reaches a waiter that is not cancelled. A task that leaves
// Wait has the lock.
func TestInterleavingsOfConditions(t *testing.T) {
	storeScene := func(name string, build func(s *scene, st *store)) {
		everyOrder(t, name, func(s *scene) {
			st := &store{s: s, c: asyncio.NewCondition(nil)}
			s.mayWait = true
			s.ended = func() {
				s.check(st.things == 0 || st.wants == 0, "%d things are left, and %d tasks wait", st.things, st.wants)
				s.check(!st.c.Locked(), "at the end it is %v", st.c)
			}
			build(s, st)
		})
	}
	storeScene("a cancel", func(s *scene, st *store) {
		a := s.first("a", func(ctx context.Context) { _ = st.take(ctx) })
		s.first("b", func(ctx context.Context) { _ = st.take(ctx) })
		s.task("bringer", st.bring)
		s.task("canceller", func(context.Context) { a.Cancel() })
	})
	storeScene("two cancels of one", func(s *scene, st *store) {
		a := s.first("a", func(ctx context.Context) { _ = st.take(ctx) })
		s.first("b", func(ctx context.Context) { _ = st.take(ctx) })
		s.task("bringer", st.bring)
		s.task("canceller", func(ctx context.Context) {
			a.Cancel()
			yields(ctx, 1)
			a.Cancel()
		})
	})
	storeScene("two things and a cancel", func(s *scene, st *store) {
		a := s.first("a", func(ctx context.Context) { _ = st.take(ctx) })
		s.first("b", func(ctx context.Context) { _ = st.take(ctx) })
		s.task("bringer", st.bring)
		s.task("bringer", st.bring)
		s.task("canceller", func(context.Context) { a.Cancel() })
	})
	storeScene("a timeout", func(s *scene, st *store) {
		s.first("a", func(ctx context.Context) { _ = asyncio.Timeout(ctx, time.Second, st.take) })
		s.first("b", func(ctx context.Context) { _ = st.take(ctx) })
		s.first("bringer", func(ctx context.Context) {
			_ = asyncio.Sleep(ctx, time.Second)
			st.bring(ctx)
		})
		s.first("late", func(ctx context.Context) {
			_ = asyncio.Sleep(ctx, time.Second)
			_ = st.take(ctx)
		})
	})
	everyOrder(t, "one is notified", func(s *scene) {
		c := asyncio.NewCondition(nil)
		var got []string
		wait := func(name string) *asyncio.Task[asyncio.None] {
			return s.first(name, func(ctx context.Context) {
				_ = c.With(ctx, func(ctx context.Context) error {
					err := c.Wait(ctx)
					got = append(got, name+" "+brief(err))
					return err
				})
			})
		}
		a := wait("a")
		wait("b")
		wait("c")
		s.task("notifier", func(ctx context.Context) {
			_ = c.With(ctx, func(context.Context) error { c.Notify(1); return nil })
		})
		s.task("canceller", func(context.Context) { a.Cancel() })
		s.task("user", func(ctx context.Context) { _ = c.With(ctx, asyncio.Yield) })
		s.mayWait = true
		s.ended = func() {
			slices.Sort(got)
			switch fmt.Sprint(got) {
			case "[a ok]", "[a cancelled b ok]":
			// A cancelled task notifies the next even if it was not notified itself, as
			// in CPython.
			case "[a cancelled b ok c ok]":
			default:
				s.check(false, "the woken tasks are %v", got)
			}
		}
	})
	everyOrder(t, "all are notified", func(s *scene) {
		c := asyncio.NewCondition(nil)
		wait := func(ctx context.Context) { _ = c.With(ctx, c.Wait) }
		a := s.first("a", wait)
		s.first("b", wait)
		s.first("c", wait)
		s.task("notifier", func(ctx context.Context) {
			_ = c.With(ctx, func(context.Context) error { c.NotifyAll(); return nil })
		})
		s.task("canceller", func(context.Context) { a.Cancel() })
		s.ended = func() { s.check(c.String() == "<Condition unlocked>", "at the end it is %v", c) }
	})
}

// A roundScene is a scene at a barrier.
type roundScene struct {
	*scene
	b   *asyncio.Barrier
	got map[string]string // by the name of the task: its index, "broken", "cancelled" or "waits"
}

func (s *roundScene) wait(ctx context.Context) {
	name := asyncio.CurrentTask(ctx).Name()
	s.got[name] = "waits"
	n, err := s.b.Wait(ctx)
	switch {
	case err == nil:
		s.got[name] = strconv.Itoa(n)
	case errors.Is(err, asyncio.ErrBrokenBarrier):
		s.got[name] = "broken"
	default:
		s.got[name] = brief(err)
	}
	s.log.Add("%s: %s, %v", name, s.got[name], s.b)
}

// count returns the number of tasks with the outcome.
func (s *roundScene) count(outcome string) (n int) {
	for _, o := range s.got {
		if o == outcome {
			n++
		}
	}
	return n
}

// everyRound is everyOrder for scenes at a barrier. At the end fewer tasks wait than make
// a round, and the barrier counts them.
func everyRound(t *testing.T, name string, parties int, build func(s *roundScene)) {
	everyOrder(t, name, func(sc *scene) {
		s := &roundScene{scene: sc, b: asyncio.NewBarrier(parties), got: map[string]string{}}
		build(s)
		ended := s.ended
		s.mayWait = true
		s.ended = func() {
			waits := s.count("waits")
			s.check(waits < parties && s.b.Waiting() == waits, "%v, but the tasks are %v", s.b, s.got)
			if ended != nil {
				ended()
			}
		}
	})
}

// A309, A310, A311: rounds do not mix. Another task can replace a cancelled one. Reset
// and Abort end every Wait.
func TestInterleavingsOfBarriers(t *testing.T) {
	everyRound(t, "two rounds", 2, func(s *roundScene) {
		for _, name := range []string{"a", "b", "c", "d"} {
			s.task(name, s.wait)
		}
		s.ended = func() {
			s.check(s.count("0") == 2 && s.count("1") == 2, "the indices are %v", s.got)
		}
	})
	everyRound(t, "two rounds of the same tasks", 2, func(s *roundScene) {
		for _, name := range []string{"a", "b"} {
			s.task(name, func(ctx context.Context) {
				s.wait(ctx)
				s.wait(ctx)
			})
		}
		s.ended = func() { s.check(s.count("waits") == 0, "the tasks are %v", s.got) }
	})
	everyRound(t, "a cancel", 2, func(s *roundScene) {
		a := s.first("a", s.wait)
		s.task("b", s.wait)
		s.task("c", s.wait)
		s.task("d", s.wait)
		s.task("canceller", func(context.Context) { a.Cancel() })
	})
	everyRound(t, "two cancels", 3, func(s *roundScene) {
		a := s.first("a", s.wait)
		b := s.first("b", s.wait)
		s.task("c", s.wait)
		s.task("d", s.wait)
		s.task("canceller of a", func(context.Context) { a.Cancel() })
		s.task("canceller of b", func(context.Context) { b.Cancel() })
	})
	for parties := 2; parties <= 3; parties++ {
		waiters := []string{"a", "b"}[:parties-1]
		everyRound(t, fmt.Sprintf("a Reset with %d parties", parties), parties, func(s *roundScene) {
			for _, name := range waiters {
				s.first(name, s.wait)
			}
			s.task("late", s.wait)
			s.task("later", s.wait)
			s.task("resetter", func(ctx context.Context) { s.check(s.b.Reset(ctx) == nil, "Reset failed") })
			s.ended = func() {
				s.check(!s.b.Broken(), "the barrier is broken")
				s.check(s.got["a"] != "waits", "task a still waits")
			}
		})
		everyRound(t, fmt.Sprintf("a Reset when one of %d parties is missing", parties), parties, func(s *roundScene) {
			for _, name := range waiters {
				s.first(name, s.wait)
			}
			s.task("resetter", func(ctx context.Context) { s.check(s.b.Reset(ctx) == nil, "Reset failed") })
			s.task("another", func(ctx context.Context) { s.check(s.b.Reset(ctx) == nil, "Reset failed") })
			s.ended = func() { s.check(s.count("broken") == parties-1, "the tasks are %v", s.got) }
		})
		everyRound(t, fmt.Sprintf("an Abort with %d parties", parties), parties, func(s *roundScene) {
			for _, name := range waiters {
				s.first(name, s.wait)
			}
			s.task("late", s.wait)
			s.task("later", s.wait)
			s.task("aborter", func(ctx context.Context) { s.check(s.b.Abort(ctx) == nil, "Abort failed") })
			s.ended = func() { s.check(s.count("waits") == 0 && s.b.Broken(), "%v, but the tasks are %v", s.b, s.got) }
		})
	}
	everyRound(t, "an Abort, a Reset and a cancel", 2, func(s *roundScene) {
		a := s.first("a", s.wait)
		s.task("b", s.wait)
		s.task("c", s.wait)
		s.task("fixer", func(ctx context.Context) {
			s.check(s.b.Abort(ctx) == nil && s.b.Reset(ctx) == nil, "Abort or Reset failed")
		})
		s.task("canceller", func(context.Context) { a.Cancel() })
		s.ended = func() { s.check(!s.b.Broken(), "the barrier is broken") }
	})
}

// A queueScene is a scene at a queue.
type queueScene struct {
	*scene
	q        *asyncio.Queue[int]
	put, got []int // in order
	done     int   // calls of TaskDone
	dropped  int   // by a Shutdown
	shut     bool

	getters, putters, joiners int // tasks that wait
}

func (s *queueScene) get(ctx context.Context) {
	s.getters++
	item, err := s.q.Get(ctx)
	s.getters--
	if err == nil {
		s.got = append(s.got, item)
	}
	s.check(err == nil || s.ends(err), "Get ends with %v", err)
	s.log.Add("%s gets %d: %s", asyncio.CurrentTask(ctx).Name(), item, brief(err))
}

// ends reports whether a wait may end with err.
func (s *queueScene) ends(err error) bool {
	return errors.Is(err, asyncio.ErrCancelled) || s.shut && errors.Is(err, asyncio.ErrQueueShutDown)
}

// work gets an item and calls TaskDone a turn later.
func (s *queueScene) work(ctx context.Context) {
	had := len(s.got)
	s.get(ctx)
	if len(s.got) > had {
		yields(ctx, 1)
		s.q.TaskDone()
		s.done++
	}
}

func (s *queueScene) putter(item int) func(ctx context.Context) {
	return func(ctx context.Context) {
		s.putters++
		err := s.q.Put(ctx, item)
		s.putters--
		if err == nil {
			s.put = append(s.put, item)
		}
		s.check(err == nil || s.ends(err), "Put ends with %v", err)
		s.log.Add("%s puts %d: %s", asyncio.CurrentTask(ctx).Name(), item, brief(err))
	}
}

func (s *queueScene) join(ctx context.Context) {
	s.joiners++
	err := s.q.Join(ctx)
	s.joiners--
	s.log.Add("%s joined: %s, %v", asyncio.CurrentTask(ctx).Name(), brief(err), s.q)
}

func (s *queueScene) shutdown(immediate bool) {
	s.shut = true
	if immediate {
		s.dropped = s.q.Len()
	}
	s.q.Shutdown(immediate)
	s.log.Add("%v", s.q)
}

// everyQueue is everyOrder for scenes at a queue. All items come out in the order of Put,
// and no task waits without need.
func everyQueue(t *testing.T, name string, maxsize int, build func(s *queueScene)) {
	everyOrder(t, name, func(sc *scene) {
		s := &queueScene{scene: sc, q: asyncio.NewQueue[int](maxsize)}
		build(s)
		s.mayWait = true
		s.ended = func() {
			s.check(s.getters == 0 || s.q.Empty() && !s.shut, "%d tasks wait for an item of %v", s.getters, s.q)
			s.check(s.putters == 0 || s.q.Full() && !s.shut, "%d tasks wait for room in %v", s.putters, s.q)
			unfinished := len(s.put) - s.done - s.dropped
			s.check(s.joiners == 0 || unfinished > 0, "%d tasks wait for the end of %v", s.joiners, s.q)
			s.check(unfinished == 0 || strings.Contains(s.q.String(), fmt.Sprintf(" unfinished=%d", unfinished)), "%d items are unfinished, but the queue is %v", unfinished, s.q)
			for !s.q.Empty() {
				item, _ := s.q.TryGet()
				s.got = append(s.got, item)
			}
			s.check(slices.Equal(s.put[:len(s.put)-s.dropped], s.got), "put %v, dropped %d of them, got %v", s.put, s.dropped, s.got)
		}
	})
}

// A318, A319, A320, A321, A322, A323, A324: items come out once and in order, and no task
// waits without need.
func TestInterleavingsOfQueues(t *testing.T) {
	everyQueue(t, "getters, putters and a cancel", 0, func(s *queueScene) {
		a := s.first("a", s.get)
		s.first("b", s.get)
		s.task("c", s.get)
		s.task("p", s.putter(1))
		s.task("q", s.putter(2))
		s.task("canceller", func(context.Context) { a.Cancel() })
	})
	everyQueue(t, "a getter times out", 0, func(s *queueScene) {
		s.first("a", func(ctx context.Context) {
			_ = asyncio.Timeout(ctx, time.Second, func(ctx context.Context) error { s.get(ctx); return nil })
		})
		for i := range 2 {
			s.first("p", func(ctx context.Context) {
				_ = asyncio.Sleep(ctx, time.Second)
				s.putter(i)(ctx)
			})
		}
	})
	everyQueue(t, "room for one item, and a cancelled putter", 1, func(s *queueScene) {
		s.first("p", s.putter(1))
		q := s.first("q", s.putter(2))
		s.first("r", s.putter(3))
		s.task("a", s.get)
		s.task("b", s.get)
		s.task("s", s.putter(4))
		s.task("canceller", func(context.Context) { q.Cancel() })
	})
	everyQueue(t, "a producer and a consumer with room for one item", 1, func(s *queueScene) {
		s.task("producer", func(ctx context.Context) {
			for i := range 4 {
				s.putter(i)(ctx)
			}
		})
		s.task("consumer", func(ctx context.Context) {
			for range 4 {
				s.get(ctx)
			}
		})
		s.task("another", s.putter(9))
	})
	for _, immediate := range []bool{false, true} {
		everyQueue(t, fmt.Sprintf("Shutdown with getters, immediate is %v", immediate), 0, func(s *queueScene) {
			a := s.first("a", s.get)
			s.first("b", s.get)
			s.task("p", s.putter(1))
			s.task("q", s.putter(2))
			s.task("canceller", func(context.Context) { a.Cancel() })
			s.task("closer", func(context.Context) { s.shutdown(immediate) })
		})
		everyQueue(t, fmt.Sprintf("Shutdown with putters, immediate is %v", immediate), 1, func(s *queueScene) {
			s.first("p", s.putter(1))
			q := s.first("q", s.putter(2))
			s.first("r", s.putter(3))
			s.task("a", s.get)
			s.task("canceller", func(context.Context) { q.Cancel() })
			s.task("closer", func(context.Context) { s.shutdown(immediate) })
		})
		everyQueue(t, fmt.Sprintf("Shutdown with Join, immediate is %v", immediate), 0, func(s *queueScene) {
			s.first("p", s.putter(1))
			s.first("p", s.putter(2))
			a := s.first("a", s.join)
			s.first("b", s.join)
			s.task("worker", s.work)
			s.task("worker", s.work)
			s.task("canceller", func(context.Context) { a.Cancel() })
			s.task("closer", func(context.Context) { s.shutdown(immediate) })
		})
	}
}

// Groups, timeouts and gathering calls end when all that they started has ended, with the
// right error. The block or the next await sees an accepted cancel.
func TestInterleavingsOfBlocks(t *testing.T) {
	// cancelScene runs block in a task and cancels the task after d.
	cancelScene := func(name string, d time.Duration, block func(s *scene, ctx context.Context) error) {
		everyOrder(t, name, func(s *scene) {
			var accepted, seen bool
			task := s.first("task", func(ctx context.Context) {
				err := block(s, ctx)
				next := asyncio.Yield(ctx)
				seen = errors.Is(err, asyncio.ErrCancelled) || errors.Is(next, asyncio.ErrCancelled)
				s.log.Add("the block ends with %v, the next await with %v", err, next)
			})
			s.first("canceller", func(ctx context.Context) {
				_ = asyncio.Sleep(ctx, d)
				accepted = task.Cancel()
				s.log.Add("cancel: %v", accepted)
			})
			s.ended = func() { s.check(!accepted || seen || task.Cancelled(), "the cancel was lost") }
		})
	}
	// sleeper returns the function of a child that ends at the time of the cancel.
	sleeper := func(err error) func(ctx context.Context) (int, error) { return sleepThenFail(time.Second, err) }
	oneOf := func(s *scene, err error, kinds ...error) error {
		s.check(slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) }), "the block ends with %v", err)
		return err
	}
	cancelScene("a group with a failing task", time.Second, func(s *scene, ctx context.Context) error {
		var children []asyncio.AnyTask
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			children = append(children, asyncio.CreateTaskIn(tg, sleeper(errBoom)), tg.Go(never))
			return nil
		})
		for _, child := range children {
			s.check(child.Done(), "the group has ended, but %v has not", child)
		}
		return oneOf(s, err, errBoom, asyncio.ErrCancelled)
	})
	cancelScene("a group that grows while a task fails", time.Second, func(s *scene, ctx context.Context) error {
		var child *asyncio.Task[int]
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			asyncio.CreateTaskIn(tg, sleeper(errBoom))
			err := asyncio.Sleep(ctx, time.Second)
			child = asyncio.CreateTaskIn(tg, sleeper(nil))
			return err
		})
		s.check(child.Done(), "the group has ended, but %v has not", child)
		return oneOf(s, err, errBoom, asyncio.ErrCancelled)
	})
	cancelScene("a timeout", time.Second, func(s *scene, ctx context.Context) error {
		tm := asyncio.NewTimeout(time.Second)
		err := tm.Run(ctx, func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Second) })
		s.check(!errors.Is(err, asyncio.ErrTimeout) || tm.Expired(), "the timeout ends with %v, but is %v", err, tm)
		return oneOf(s, err, nil, asyncio.ErrTimeout, asyncio.ErrCancelled)
	})
	cancelScene("a timeout in a timeout", time.Second, func(s *scene, ctx context.Context) error {
		inner, outer := asyncio.NewTimeout(time.Second), asyncio.NewTimeout(time.Second)
		var innerErr error
		err := outer.Run(ctx, func(ctx context.Context) error {
			innerErr = inner.Run(ctx, never)
			return innerErr
		})
		s.check(!errors.Is(innerErr, asyncio.ErrTimeout) || inner.Expired(), "the inner timeout ends with %v, but is %v", innerErr, inner)
		return oneOf(s, err, asyncio.ErrTimeout, asyncio.ErrCancelled)
	})
	cancelScene("WaitFor", time.Second, func(s *scene, ctx context.Context) error {
		inner := asyncio.CreateTask(ctx, sleeper(nil))
		_, err := asyncio.WaitFor(ctx, inner, time.Second)
		s.check(inner.Done(), "WaitFor has ended, but %v has not", inner)
		return oneOf(s, err, nil, asyncio.ErrTimeout, asyncio.ErrCancelled)
	})
	cancelScene("Gather", time.Second, func(s *scene, ctx context.Context) error {
		// If a child failed, the cancel would end with its error, as in CPython.
		_, err := asyncio.Gather(ctx, spawn(ctx, sleeper(nil), sleeper(nil))...).Await(ctx)
		return oneOf(s, err, nil, asyncio.ErrCancelled)
	})
	cancelScene("GatherResults", time.Second, func(s *scene, ctx context.Context) error {
		results, err := asyncio.GatherResults(ctx, spawn(ctx, sleeper(errBoom), sleeper(nil))...).Await(ctx)
		s.check(err != nil || len(results) == 2, "the results are %v", results)
		return oneOf(s, err, nil, asyncio.ErrCancelled)
	})
	cancelScene("Shield", time.Second, func(s *scene, ctx context.Context) error {
		inner := asyncio.CreateTask(ctx, sleeper(nil))
		_, err := asyncio.Shield(ctx, inner).Await(ctx)
		s.check(!inner.Cancelled(), "the cancel reached the shielded task")
		return oneOf(s, err, nil, asyncio.ErrCancelled)
	})
}
