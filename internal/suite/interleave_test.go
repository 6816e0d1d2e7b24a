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

// What waits for each other must not rely on the order in which the loop runs what is ready. The scenes of this file, a few tasks
// each, are run in every order that there is.

var orderFlag = flag.String("order", "", "the one order in which to run a scene, as a test that failed prints it")

// maxOrders is how many orders of a scene are tried. One that has more is too large: it would not be known that it is right.
const maxOrders = 100_000

// A scene is a few tasks, and what must be true of them.
type scene struct {
	ctx   context.Context
	log   record // what happens
	wrong []string

	// ended is called when nothing more can happen. By then all tasks must have ended, unless mayWait.
	ended   func()
	mayWait bool
}

// task adds a task. Its first step is one of those that come in any order.
func (s *scene) task(name string, fn func(ctx context.Context)) *asyncio.Task[asyncio.None] {
	return asyncio.Go(s.ctx, func(ctx context.Context) error { fn(ctx); return nil }, asyncio.WithName(name))
}

// first adds a task whose first step comes at once, up to where it waits, so that there are fewer orders.
func (s *scene) first(name string, fn func(ctx context.Context)) *asyncio.Task[asyncio.None] {
	return asyncio.Go(s.ctx, func(ctx context.Context) error { fn(ctx); return nil }, asyncio.WithName(name), asyncio.WithEagerStart(true))
}

// check notes what is wrong unless ok.
func (s *scene) check(ok bool, format string, args ...any) {
	if !ok {
		s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
	}
}

// A choice is which of several entries was taken.
type choice struct{ taken, of int }

// An explorer tries the orders of a scene, depth first: it replays the choices of the order before up to the last that can still
// be another one, changes that, and takes the first of all from there on.
type explorer struct {
	build   func(s *scene)
	choices []choice
	at      int // of the choices, in the present run
}

func (e *explorer) choose(ready int) int {
	if e.at == len(e.choices) {
		e.choices = append(e.choices, choice{of: ready})
	}
	c := &e.choices[e.at]
	e.at++
	if c.of == 0 {
		c.of = ready // of an order that was given
	}
	if c.of != ready {
		panic(fmt.Sprintf("the scene is another one each time: choice %d was one of %d, and is one of %d", e.at, c.of, ready))
	}
	return c.taken
}

// backtrack makes the choices those of the next order, if there is one.
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
	var over *asyncio.DeadlockError // that nothing more can happen is how a loop ends that nobody stops
	if !errors.As(err, &over) {
		s.check(false, "the loop ended with %v", err)
		return s
	}
	if !s.mayWait {
		s.check(len(over.Waiting) == 0, "they wait for ever:\n\t\t%s", strings.Join(over.Waiting, "\n\t\t"))
	}
	if s.ended != nil {
		s.ended()
	}
	for _, task := range l.AllTasks() {
		task.Cancel()
	}
	if err := l.RunForever(); !errors.As(err, &over) || len(over.Waiting) > 0 {
		s.check(false, "they do not end when they are cancelled: %v", err)
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

// explore runs a scene in every order until in one something is wrong. Then it returns that scene, and the order. all tells whether
// none was left out.
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

// replay runs a scene in one order, as the String of an explorer has it.
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

// everyOrder fails the test unless the scene is right in every order.
func everyOrder(t *testing.T, name string, build func(s *scene)) {
	t.Run(name, func(t *testing.T) {
		noLeaks(t)
		if *orderFlag != "" {
			s := replay(build, *orderFlag)
			t.Logf("in the order %s:\n\t%s", *orderFlag, strings.Join(s.log.Lines, "\n\t"))
			if len(s.wrong) > 0 {
				t.Errorf("wrong:\n\t%s", strings.Join(s.wrong, "\n\t"))
			}
			return
		}
		orders, all, wrong, order := explore(build)
		switch {
		case wrong != nil:
			t.Errorf("in order %d this is wrong:\n\t%s\nafter this:\n\t%s\nThe same again: go test -run '^%s$' -v -order=%s ./internal/suite",
				orders, strings.Join(wrong.wrong, "\n\t"), strings.Join(wrong.log.Lines, "\n\t"), strings.ReplaceAll(t.Name(), "/", "$/^"), order)
		case !all:
			t.Errorf("there are more than %d orders: make the scene smaller", orders)
		default:
			t.Logf("right in all of %d orders", orders)
		}
	})
}

// fifo is a thing that one gets in the order of asking for it.
type fifo struct {
	s      *scene
	of     lockLike
	most   int // may be inside
	inside int
	asked  int
	got    int // who got it last
}

// use is one who asks, gets, stays inside for d and leaves.
func (f *fifo) use(ctx context.Context, d time.Duration) error {
	f.asked++
	me := f.asked
	name := asyncio.CurrentTask(ctx).Name()
	f.s.log.Add("%s asks", name)
	err := f.of.With(ctx, func(ctx context.Context) error {
		f.s.log.Add("%s is inside", name)
		f.inside++
		defer func() { f.inside-- }()
		f.s.check(f.inside <= f.most, "%d are inside", f.inside)
		f.s.check(f.most > 1 || me > f.got, "%s asked before another one, and got it after that", name)
		f.got = me
		return asyncio.Sleep(ctx, d)
	})
	f.s.log.Add("%s has left: %s", name, brief(err))
	return err
}

// once is use that stays for a turn.
func (f *fifo) once(ctx context.Context) { _ = f.use(ctx, 0) }

// What goes wrong in the function that chooses, or in a driver, comes out of RunForever as the panic that it is. The loop can be closed.
func TestPanicOfTheLoop(t *testing.T) {
	for name, c := range map[string]struct {
		choose func(int) int
		driver driver.Driver
		wrong  string
	}{
		"the choice of none":      {choose: func(ready int) int { return ready }, wrong: "the function given to SetOrder chose 2 of 2; it must return"},
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

// TestInterleavingsFindBugs: a lock with the mistakes that CPython's once had is right in asyncio's order, and the explorer finds the
// order in which it is not. In that it is wrong each time.
func TestInterleavingsFindBugs(t *testing.T) {
	for _, c := range []struct {
		name  string
		lock  brokenLock
		wrong string
	}{
		{"the free lock is for whoever comes", brokenLock{barges: true}, "2 are inside"},
		{"who is cancelled tells nobody", brokenLock{loses: true}, "they wait for ever:"},
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
				t.Errorf("in asyncio's order: %s", s.wrong)
			}
			orders, _, wrong, order := explore(build)
			if wrong == nil || !strings.HasPrefix(wrong.wrong[0], c.wrong) {
				t.Fatalf("the bug was not found in %d orders: %+v", orders, wrong)
			}
			t.Logf("found in order %d: %s", orders, order)
			again := replay(build, order)
			equal(t, "what is wrong in the same order", again.wrong[0], wrong.wrong[0])
			again.log.Want(t, wrong.log.Lines...)
		})
	}
}

// A brokenLock is a Lock with a mistake, or two.
type brokenLock struct {
	s       *scene
	locked  bool
	waiters []*asyncio.Future[asyncio.None]
	barges  bool // it does not ask whether others wait
	loses   bool // one that was woken and cancelled keeps that to itself
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
