package asyncio_test

import (
	"context"
	"errors"
	"example.com/asyncio/driver"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/inspect"
)

// An observerFunc is a function that is an Observer.
type observerFunc func(e *inspect.Event)

func (f observerFunc) Observe(e *inspect.Event) { f(e) }

// A watcher records what it is told, a line each.
type watcher struct{ record }

func (w *watcher) Observe(e *inspect.Event) {
	line := e.Kind.String()
	if e.Task != nil {
		line = e.Task.Name() + " " + line
	}
	if by, ok := e.By.(interface{ Name() string }); ok {
		line += " by " + by.Name()
	}
	for _, t := range e.Through {
		line += " through " + t.Name()
	}
	switch on := e.On.(type) {
	case nil:
	case asyncio.AnyTask:
		line += " on task " + on.Name()
	default:
		line += fmt.Sprintf(" on a %v", on.WaitReason().Kind)
	}
	if e.Message != nil {
		line += fmt.Sprintf(" saying %v", e.Message)
	}
	if e.Err != nil {
		line += ": " + e.Err.Error()
	}
	if e.Object != nil {
		line += fmt.Sprintf(" %v %d", e.Object, e.Size)
	}
	w.Add("%s", withoutPlaces(line))
}

var aPlace = regexp.MustCompile(` at \S+\.go:\d+`)

// withoutPlaces takes out of a text where in which file something stands.
func withoutPlaces(s string) string { return aPlace.ReplaceAllString(s, " at PLACE") }

// observed runs main, as a task of that name, under an observer, and returns what that was told of.
func observed(t *testing.T, main func(ctx context.Context) error) *watcher {
	t.Helper()
	var w watcher
	run(t, func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		running(ctx).SetObserver(&w)
		defer running(ctx).SetObserver(nil)
		return main(ctx)
	})
	return &w
}

// A task's life as an observer is told of it: made by another, started, suspended on a future, on another task
// and on nothing, gone on, ended with a result, with an error.
func TestObserverSeesTheLivesOfTasks(t *testing.T) {
	w := observed(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		child := asyncio.CreateTask(ctx, f.Await, asyncio.WithName("child"))
		_ = asyncio.Yield(ctx)
		_ = f.SetResult(1)
		_, _ = child.Await(ctx)
		failing := asyncio.Go(ctx, func(context.Context) error { return errors.New("boom") }, asyncio.WithName("failing"))
		_, _ = failing.Await(ctx)
		return nil
	})
	w.Want(t,
		"child created by main",
		"main suspended",
		"child started",
		"child suspended on a future",
		"main resumed",
		"main suspended on task child",
		"child resumed",
		"child ended",
		"main resumed",
		"failing created by main",
		"main suspended on task failing",
		"failing started",
		"failing ended: boom",
		"main resumed",
	)
}

// An eager start is inside of the call that makes the task: its creator is not suspended for it.
func TestObserverSeesEagerStarts(t *testing.T) {
	w := observed(t, func(ctx context.Context) error {
		eager := asyncio.WithEagerStart(true)
		asyncio.Go(ctx, nothing, asyncio.WithName("short"), eager)
		long := asyncio.Go(ctx, asyncio.Yield, asyncio.WithName("long"), eager)
		_, err := long.Await(ctx)
		return err
	})
	w.Want(t,
		"short created by main",
		"short started",
		"short ended",
		"long created by main",
		"long started",
		"long suspended",
		"main suspended on task long",
		"long resumed",
		"long ended",
		"main resumed",
	)
}

// The begin and the end of callbacks, also of one that panics; a timer that only wakes a Sleep is none.
func TestObserverSeesCallbacks(t *testing.T) {
	w := observed(t, func(ctx context.Context) error {
		l := running(ctx)
		l.SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) {})
		l.CallSoon(func(ctx context.Context) { asyncio.Go(ctx, nothing, asyncio.WithName("of a callback")) })
		l.CallLater(time.Second, func(context.Context) { panic("oh") })
		asyncio.NewFuture[int](ctx).AddDoneCallback(func(context.Context, asyncio.AnyFuture) {})
		return asyncio.Sleep(ctx, 2*time.Second)
	})
	w.Want(t,
		"main suspended on a timer",
		"call begun",
		"of a callback created",
		"call ended",
		"of a callback started",
		"of a callback ended",
		"call begun",
		"call ended",
		"main resumed",
	)
}

// The Handle of a call tells before the call what it is, and afterwards that it was called.
func TestObserverOfACall(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		running(ctx).SetObserver(observerFunc(func(e *inspect.Event) {
			if e.Handle != nil {
				r.Add("%v: %s", e.Kind, withoutPlaces(fmt.Sprint(e.Handle)))
			}
		}))
		running(ctx).CallSoon(callback)
		yields(ctx, 2)
		running(ctx).SetObserver(nil)
		return nil
	})
	r.Want(t,
		"call begun: <Handle asyncio_test.callback() at PLACE>",
		"call ended: <Handle called>",
	)
}

// The Runner sets the observer before anything happens, and the loop tells of its last task's end.
func TestRunnerSetsTheObserver(t *testing.T) {
	var w watcher
	r := &asyncio.Runner{Driver: driver.NewVirtual(), NoInterrupt: true, Observer: &w}
	left := func(ctx context.Context) error {
		asyncio.Go(ctx, func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Second) }, asyncio.WithName("left behind"))
		return asyncio.Yield(ctx)
	}
	err := r.Run(context.Background(), left, asyncio.WithName("main"))
	if err := errors.Join(err, r.Close()); err != nil {
		t.Error(err)
	}
	w.Want(t,
		"main created",
		"main started",
		"left behind created by main",
		"main suspended",
		"left behind started",
		"left behind suspended on a timer",
		"main resumed",
		"main ended",
		"call begun", // Run hears of it
		"call ended",
		"left behind cancel asked by the shutdown of the loop",
		"left behind resumed",
		"left behind ended: asyncio: cancelled by the shutdown of the loop",
		"call begun", // Close hears of it
		"call ended",
		"call begun", // and the run for it
		"call ended",
	)
}

// Tasks are told to have ended also where the loop is closed before they have, or have begun.
func TestObserverSeesTasksKilled(t *testing.T) {
	var w watcher
	l := asyncio.NewLoop(driver.NewVirtual())
	l.SetObserver(&w)
	asyncio.Go(l.Context(), never, asyncio.WithName("waits"))
	l.CallSoon(func(context.Context) { l.Stop() })
	if err := l.RunForever(); err != nil {
		t.Error(err)
	}
	asyncio.Go(l.Context(), never, asyncio.WithName("new"))
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	w.Want(t,
		"waits created",
		"waits started",
		"waits suspended on a future",
		"call begun",
		"call ended",
		"new created",
		"waits ended: asyncio: the loop is closed: task waits (asyncio_test.never() at PLACE) was killed",
		"new ended: asyncio: the loop is closed: task new (asyncio_test.never() at PLACE) never ran",
	)
}

// Who asked whom to cancel, saying what, and to whom it was passed on along the awaits.
func TestObserverSeesCancels(t *testing.T) {
	w := observed(t, func(ctx context.Context) error {
		inner := start(ctx, "inner", never)
		outer := start(ctx, "outer", func(ctx context.Context) error { _, err := inner.Await(ctx); return err })
		_ = asyncio.Timeout(ctx, time.Second, never)
		outer.CancelWith("enough")
		_, _ = outer.Await(ctx)
		outer.CancelWith("again") // has ended: nobody is asked
		return nil
	})
	w.Lines = slices.DeleteFunc(w.Lines, func(line string) bool { return !strings.Contains(line, "cancel") })
	w.Want(t,
		"main cancel asked by a timeout of 1s",
		"outer cancel asked by main through inner saying enough",
		"inner ended: asyncio: cancelled by main, through the await of outer: enough",
		"outer ended: asyncio: cancelled by main, through the await of outer: enough",
	)
}

// A sign is a type with an embedded future.
type sign struct{ asyncio.Future[string] }

// A future that is part of something bigger is a future like any other: it is awaited, set, cancelled, and its callbacks are called.
func TestInitFuture(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		arrived, late := &sign{}, &sign{}
		asyncio.InitFuture(ctx, &arrived.Future, arrived)
		asyncio.InitFuture(ctx, &late.Future, late, asyncio.WithCancel(func(message any) bool {
			r.Add("cancel %v", message)
			return false
		}))
		arrived.AddDoneCallback(func(_ context.Context, f asyncio.AnyFuture) {
			r.Add("called with itself: %v", f == asyncio.AnyFuture(&arrived.Future))
		})
		running(ctx).CallSoon(func(context.Context) { _ = arrived.SetResult("number 7") })
		bus, err := arrived.Await(ctx)
		r.Add("%v %v %v", bus, err, arrived)
		r.Add("%v %v", late.CancelWith("strike"), late)

		err = panicOf(func() { asyncio.InitFuture(ctx, asyncio.NewFuture[string](ctx), late) })
		wantErr(t, err, asyncio.ErrInvalidArgument, "InitFuture with a future that is not embedded in the *asyncio_test.sign given")
		return nil
	})
	r.Want(t,
		"called with itself: true",
		"number 7 <nil> <Future finished result=number 7>",
		"cancel strike",
		"false <Future pending>",
	)
}

// An Observer gives each task values of its own: its function sees them, and so do blocks and jobs in it; the tasks that it makes do
// not, but for what a ctx has that is derived from its own.
func TestObserverGivesTasksValues(t *testing.T) {
	type key struct{}
	type runKey struct{}
	var r record
	say := func(ctx context.Context, who string) { r.Add("%s: %v, %v", who, ctx.Value(key{}), ctx.Value(runKey{})) }
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		l.SetObserver(observerFunc(func(e *inspect.Event) {
			switch e.Kind {
			case inspect.TaskCreated:
				r.Add("%s made where there is %v", e.Task.Name(), e.Ctx.Value(key{}))
				e.Ctx = context.WithValue(e.Ctx, key{}, "of "+e.Task.Name())
			case inspect.TaskStarted:
				say(e.Ctx, "the observer")
			}
		}))
		defer l.SetObserver(nil)
		_, err := asyncio.Go(context.WithValue(ctx, runKey{}, 1), func(ctx context.Context) error {
			say(ctx, "a")
			_ = asyncio.Timeout(ctx, time.Second, func(ctx context.Context) error { say(ctx, "in a timeout"); return nil })
			_, _ = asyncio.ToThread(ctx, func(ctx context.Context) (int, error) { say(ctx, "in a job"); return 0, nil })
			b := asyncio.Go(ctx, nothing, asyncio.WithName("b"))
			c := asyncio.Go(context.WithValue(ctx, runKey{}, 2), func(ctx context.Context) error { say(ctx, "c"); return nil }, asyncio.WithName("c"))
			_, err := asyncio.Gather(ctx, b, c).Await(ctx)
			return err
		}, asyncio.WithName("a")).Await(ctx)
		return err
	})
	r.Want(t,
		"a made where there is <nil>",
		"the observer: of a, 1",
		"a: of a, 1",
		"in a timeout: of a, 1",
		"in a job: of a, 1",
		"b made where there is <nil>",
		"c made where there is of a",
		"the observer: of b, 1",
		"the observer: of c, 2",
		"c: of c, 2",
	)
}

// A task's ctx leads to it, and so does that of a job that it gave to an executor; that of a callback leads to none.
func TestTaskOf(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		_, _ = asyncio.ToThread(ctx, func(ctx context.Context) (int, error) {
			r.Add("job of %s", asyncio.TaskOf(ctx).Name())
			return 0, nil
		})
		running(ctx).CallSoon(func(ctx context.Context) {
			r.Add("callback of %v", asyncio.TaskOf(ctx))
			asyncio.RunInExecutor(ctx, nil, func(ctx context.Context) (int, error) {
				r.Add("its job of %v", asyncio.TaskOf(ctx))
				return 0, nil
			})
		})
		return asyncio.Sleep(ctx, time.Second)
	})
	r.Want(t, "job of main", "callback of <nil>", "its job of <nil>")
}

// Load says what is ready, how many timers are set, and what is done elsewhere.
func TestLoad(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		say := func() {
			ready, timers, outside := l.Load()
			r.Add("%d ready, %d timers, %d outside", ready, timers, outside)
		}
		say()
		l.CallSoon(callback)
		asyncio.Go(ctx, nothing)
		timer := l.CallLater(time.Hour, callback)
		l.CallLater(time.Hour, callback)
		timer.Cancel()
		job := asyncio.RunInExecutor(ctx, nil, func(context.Context) (int, error) { return 0, nil })
		say()
		_, err := job.Await(ctx)
		say()
		return err
	})
	r.Want(t, "0 ready, 0 timers, 0 outside", "2 ready, 1 timers, 1 outside", "0 ready, 1 timers, 0 outside")
}

// A queue tells that it has grown each time that it has twice as many items as ever before, and not that it does so again once
// it was emptied.
func TestObserverSeesAQueueGrow(t *testing.T) {
	q := asyncio.NewQueue[int](0)
	w := observed(t, func(ctx context.Context) error {
		getter := asyncio.CreateTask(ctx, q.Get, asyncio.WithName("getter"))
		_ = asyncio.Yield(ctx)
		_ = q.TryPut(0)
		_, _ = getter.Await(ctx)
		for range 2 {
			for i := range 150 {
				_ = q.TryPut(i)
			}
			for !q.Empty() {
				_, _ = q.TryGet()
			}
		}
		return nil
	})
	var r record
	for _, line := range w.Lines {
		if strings.Contains(line, "grew") {
			r.Add("%s", line)
		}
	}
	r.Want(t, "queue grew <Queue maxsize=0 size=64 unfinished=64> 64", "queue grew <Queue maxsize=0 size=128 unfinished=128> 128")
}

// An event that is set and cleared, and a condition that is notified, while nobody waits: that is counted, and not if somebody
// waits, or comes before the event is cleared.
func TestMissedWakeups(t *testing.T) {
	run(t, func(ctx context.Context) error {
		e, c := new(asyncio.Event), asyncio.NewCondition(nil)
		for range 2 {
			e.Set()
			e.Clear()
			e.Clear()
		}
		e.Set()
		_ = e.Wait(ctx) // it is seen
		e.Clear()
		if e.Missed() != 2 {
			t.Errorf("of the event: %d", e.Missed())
		}
		notify := func() error {
			return c.With(ctx, func(context.Context) error {
				c.Notify(1)
				c.NotifyAll()
				return nil
			})
		}
		_ = notify()
		waits := func(ctx context.Context) error { return c.With(ctx, c.Wait) }
		asyncio.Go(ctx, waits)
		asyncio.Go(ctx, e.Wait)
		yields(ctx, 2)
		_ = notify()
		e.Set()
		e.Clear()
		if c.Missed() != 2 || e.Missed() != 2 {
			t.Errorf("of the condition: %d, of the event: %d", c.Missed(), e.Missed())
		}
		yields(ctx, 3)
		return nil
	})
}

// While its observer is muted the loop counts what it would have told; TaskCount goes on as ever. Who sets another observer wants to be told.
func TestMuteObserver(t *testing.T) {
	r := &asyncio.Runner{Driver: driver.NewVirtual(), NoInterrupt: true}
	defer r.Close()
	var told record
	err := r.Run(context.Background(), func(ctx context.Context) error {
		l := running(ctx)
		l.SetObserver(observerFunc(func(e *inspect.Event) { told.Add("%v", e.Kind) }))
		_ = asyncio.Yield(ctx)
		l.MuteObserver(true)
		child := asyncio.Go(ctx, func(context.Context) error { return nil })
		if n := l.TaskCount(); n != 2 {
			t.Errorf("there are %d tasks", n)
		}
		_, _ = child.Await(ctx) // it suspends, the child starts and ends, it goes on
		if n := l.TaskCount(); n != 1 {
			t.Errorf("there are %d tasks at the end", n)
		}
		if n := l.MutedEvents(); n != 5 {
			t.Errorf("it has counted %d", n)
		}
		l.MuteObserver(false)
		_ = asyncio.Yield(ctx)
		l.MuteObserver(true)
		l.SetObserver(l.Observer())
		_ = asyncio.Yield(ctx)
		l.SetObserver(nil)
		_ = asyncio.Yield(ctx)
		if n := l.MutedEvents(); n != 5 {
			t.Errorf("it has counted %d, of which nobody would have been told", n-5)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	told.Want(t, "suspended", "resumed", "suspended", "resumed", "suspended", "resumed")
}
