package suite_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// The primitives must work in every order in which the loop may run its ready entries.
// The explorer of this file runs scenes, with a few tasks each, in all of these orders.

var orderFlag = flag.String("order", "", "run a scene in this order only, as printed by a failed test")

// maxOrders limits the orders of a scene. A scene with more of them fails: it would not
// be tested in all.
const maxOrders = 100_000

// A scene has a few tasks, and checks of them.
type scene struct {
	ctx   context.Context
	log   record
	wrong []string

	// ended is called when nothing more can happen. All tasks must have ended then,
	// unless mayWait is set.
	ended   func()
	mayWait bool
}

// task adds a task. Its first step comes in any order with the others.
func (s *scene) task(name string, fn func(ctx context.Context)) *asyncio.Task[asyncio.None] {
	return asyncio.Go(s.ctx, func(ctx context.Context) error { fn(ctx); return nil }, asyncio.WithName(name))
}

// first adds a task that starts at once and runs to its first wait. This reduces the
// number of orders.
func (s *scene) first(name string, fn func(ctx context.Context)) *asyncio.Task[asyncio.None] {
	return asyncio.Go(s.ctx, func(ctx context.Context) error { fn(ctx); return nil }, asyncio.WithName(name), asyncio.WithEagerStart(true))
}

// check records what is wrong unless ok.
func (s *scene) check(ok bool, format string, args ...any) {
	if !ok {
		s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
	}
}

// A choice is the index of the entry that was taken, and the number of ready entries. The
// number is 0 if it is not known yet.
type choice struct{ taken, of int }

// An explorer tries the orders of a scene, depth first. It replays the choices of the
// previous order up to the last one that has an alternative, takes that, and takes the
// first entry of each further choice.
type explorer struct {
	build   func(s *scene)
	choices []choice
	at      int // index of the next choice of the current run
}

func (e *explorer) choose(ready int) int {
	if e.at == len(e.choices) {
		e.choices = append(e.choices, choice{of: ready})
	}
	c := &e.choices[e.at]
	e.at++
	if c.of == 0 {
		c.of = ready // from the order given to replay
	}
	if c.of != ready {
		panic(fmt.Sprintf("the scene differs from run to run: choice %d was among %d entries and is among %d; make the scene deterministic", e.at, c.of, ready))
	}
	return c.taken
}

// backtrack sets the choices to those of the next order. It returns false after the last
// order.
func (e *explorer) backtrack() bool {
	for len(e.choices) > 0 {
		last := &e.choices[len(e.choices)-1]
		if last.taken+1 < last.of {
			last.taken++
			return true
		}
		e.choices = e.choices[:len(e.choices)-1]
	}
	return false
}

// run runs the scene in one order.
func (e *explorer) run(l *asyncio.Loop) *scene {
	s := &scene{}
	l.SetExceptionHandler(func(_ context.Context, e *asyncio.ExceptionContext) {
		s.check(false, "reported: %s: %v", e.Message, e.Exception)
	})
	l.CallSoon(func(ctx context.Context) {
		s.ctx = ctx
		e.build(s)
	})
	e.at = 0
	l.SetOrder(e.choose)
	err := l.RunForever()
	l.SetOrder(nil)
	var over *asyncio.DeadlockError // the loop ends with it when nothing more can happen
	if !errors.As(err, &over) {
		s.check(false, "the loop ended with %v", err)
		return s
	}
	if !s.mayWait {
		s.check(len(over.Waiting) == 0, "tasks wait forever:\n\t\t%s", strings.Join(over.Waiting, "\n\t\t"))
	}
	if s.ended != nil {
		s.ended()
	}
	for _, task := range l.AllTasks() {
		task.Cancel()
	}
	if err := l.RunForever(); !errors.As(err, &over) || len(over.Waiting) > 0 {
		s.check(false, "tasks do not end when they are cancelled: %v", err)
	}
	return s
}

func (e *explorer) String() string {
	var all []string
	for _, c := range e.choices {
		all = append(all, strconv.Itoa(c.taken))
	}
	return strings.Join(all, ",")
}

// explore runs a scene in all orders, up to the first with a problem. It returns that
// scene and its order. all reports whether it ran all orders.
func explore(build func(s *scene)) (orders int, all bool, wrong *scene, order string) {
	l := asyncio.NewLoop(driver.NewVirtual())
	defer l.Close()
	e := &explorer{build: build}
	for orders < maxOrders {
		orders++
		if s := e.run(l); len(s.wrong) > 0 {
			return orders, false, s, e.String()
		}
		if !e.backtrack() {
			return orders, true, nil, ""
		}
	}
	return orders, false, nil, ""
}

// replay runs a scene in one order, given in the form of explorer.String.
func replay(build func(s *scene), order string) *scene {
	l := asyncio.NewLoop(driver.NewVirtual())
	defer l.Close()
	e := &explorer{build: build}
	for taken := range strings.FieldsFuncSeq(order, func(r rune) bool { return r == ',' }) {
		n, _ := strconv.Atoi(taken)
		e.choices = append(e.choices, choice{taken: n})
	}
	return e.run(l)
}

// everyOrder fails the test unless the scene has no problem in any order.
func everyOrder(t *testing.T, name string, build func(s *scene)) {
	t.Run(name, func(t *testing.T) {
		noLeaks(t)
		if *orderFlag != "" {
			s := replay(build, *orderFlag)
			t.Logf("order %s:\n\t%s", *orderFlag, strings.Join(s.log.Lines, "\n\t"))
			if len(s.wrong) > 0 {
				t.Errorf("wrong:\n\t%s", strings.Join(s.wrong, "\n\t"))
			}
			return
		}
		orders, all, wrong, order := explore(build)
		switch {
		case wrong != nil:
			t.Errorf("order %d has problems:\n\t%s\nafter these steps:\n\t%s\nTo repeat it: go test -run '^%s$' -v -order=%s ./internal/suite",
				orders, strings.Join(wrong.wrong, "\n\t"), strings.Join(wrong.log.Lines, "\n\t"), strings.ReplaceAll(t.Name(), "/", "$/^"), order)
		case !all:
			t.Errorf("the scene has more than %d orders; make it smaller", orders)
		default:
			t.Logf("no problem in %d orders", orders)
		}
	})
}

// A fifo checks that tasks acquire a lock in the order in which they ask for it.
type fifo struct {
	s      *scene
	of     lockLike
	most   int // limit of inside
	inside int
	asked  int
	got    int // number of the last task that acquired it
}

// use acquires the lock, holds it for d and releases it.
func (f *fifo) use(ctx context.Context, d time.Duration) error {
	f.asked++
	me := f.asked
	name := asyncio.CurrentTask(ctx).Name()
	f.s.log.Add("%s asks", name)
	err := f.of.With(ctx, func(ctx context.Context) error {
		f.s.log.Add("%s is inside", name)
		f.inside++
		defer func() { f.inside-- }()
		f.s.check(f.inside <= f.most, "%d tasks are inside", f.inside)
		f.s.check(f.most > 1 || me > f.got, "%s asked before another task but acquired after it", name)
		f.got = me
		return asyncio.Sleep(ctx, d)
	})
	f.s.log.Add("%s left: %s", name, brief(err))
	return err
}

// once is use for one turn.
func (f *fifo) once(ctx context.Context) { _ = f.use(ctx, 0) }

// A panic in the order function or in a driver leaves RunForever. The loop can still be
// closed.
func TestPanicOfTheLoop(t *testing.T) {
	for name, c := range map[string]struct {
		choose func(int) int
		driver driver.Driver
		wrong  string
	}{
		"a choice out of range":   {choose: func(ready int) int { return ready }, wrong: "the function given to SetOrder chose 2 of 2; it must return"},
		"a negative choice":       {choose: func(int) int { return -1 }, wrong: "chose -1 of 2"},
		"a panic of the function": {choose: func(int) int { panic(errBoom) }, wrong: "panic in the loop: boom"},
		"a panic of the driver":   {driver: panickingDriver{driver.NewVirtual()}, wrong: "panic in the loop: boom"},
	} {
		t.Run(name, func(t *testing.T) {
			noLeaks(t)
			l := asyncio.NewLoop(c.driver)
			asyncio.Go(l.Context(), never)
			asyncio.Go(l.Context(), never)
			l.SetOrder(c.choose)
			var p *asyncio.PanicError
			if err := panicOf(func() { _ = l.RunForever() }); !errors.As(err, &p) || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("RunForever panicked with %v", err)
			}
			equal(t, "the error of Close", l.Close(), nil)
		})
	}
}

type panickingDriver struct{ driver.Driver }

func (panickingDriver) Park(time.Duration, bool) bool { panic(errBoom) }

// TestInterleavingsFindBugs checks the explorer with a lock that has former mistakes of
// CPython's. The lock works in asyncio's order. The explorer finds an order in which it
// fails, and fails there each time.
func TestInterleavingsFindBugs(t *testing.T) {
	for _, c := range []struct {
		name  string
		lock  brokenLock
		wrong string
	}{
		{"a newcomer takes the free lock", brokenLock{barges: true}, "2 tasks are inside"},
		{"a cancelled waiter does not pass its wake-up on", brokenLock{loses: true}, "tasks wait forever:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			noLeaks(t)
			build := func(s *scene) {
				l := c.lock
				l.s = s
				f := &fifo{s: s, of: &l, most: 1}
				s.first("a", f.once)
				b := s.task("b", f.once)
				s.task("c", f.once)
				s.task("canceller", func(ctx context.Context) {
					yields(ctx, 3)
					b.Cancel()
				})
			}
			if s := replay(build, ""); len(s.wrong) > 0 {
				t.Errorf("problems in asyncio's order: %s", s.wrong)
			}
			orders, _, wrong, order := explore(build)
			if wrong == nil || !strings.HasPrefix(wrong.wrong[0], c.wrong) {
				t.Fatalf("%d orders do not show the bug: %+v", orders, wrong)
			}
			t.Logf("found in order %d: %s", orders, order)
			again := replay(build, order)
			equal(t, "the problem in the same order", again.wrong[0], wrong.wrong[0])
			again.log.Want(t, wrong.log.Lines...)
		})
	}
}

// A brokenLock is a Lock with mistakes.
type brokenLock struct {
	s       *scene
	locked  bool
	waiters []*asyncio.Future[asyncio.None]
	barges  bool // Acquire does not check for waiters
	loses   bool // a waiter that is woken and cancelled does not wake the next
}

func (l *brokenLock) Acquire(ctx context.Context) error {
	if !l.locked && (l.barges || len(l.waiters) == 0) {
		l.locked = true
		return nil
	}
	f := asyncio.NewFuture[asyncio.None](ctx)
	l.waiters = append(l.waiters, f)
	_, err := f.Await(ctx)
	l.waiters = slices.DeleteFunc(l.waiters, func(w *asyncio.Future[asyncio.None]) bool { return w == f })
	if err != nil {
		if !l.locked && !l.loses {
			l.wake()
		}
		return err
	}
	l.locked = true
	return nil
}

func (l *brokenLock) wake() {
	if len(l.waiters) > 0 && !l.waiters[0].Done() {
		_ = l.waiters[0].SetResult(asyncio.None{})
	}
}

func (l *brokenLock) Release() {
	l.locked = false
	l.wake()
}

func (l *brokenLock) With(ctx context.Context, fn func(ctx context.Context) error) error {
	if err := l.Acquire(ctx); err != nil {
		return err
	}
	defer l.Release()
	return fn(ctx)
}

func (l *brokenLock) Locked() bool   { return l.locked }
func (l *brokenLock) String() string { return fmt.Sprintf("<brokenLock %v>", l.locked) }
