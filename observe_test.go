package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
	"example.com/asyncio/inspect"
)

// An observerFunc is a function that implements Observer.
type observerFunc func(e *inspect.Event)

func (f observerFunc) Observe(e *inspect.Event) { f(e) }

// A watcher records each event as a line.
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
		line += fmt.Sprintf(" message %v", e.Message)
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

// withoutPlaces replaces source positions in s by PLACE.
func withoutPlaces(s string) string { return aPlace.ReplaceAllString(s, " at PLACE") }

// observed runs main as a task named main under an observer and returns the recorded
// events.
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

// An observer receives the creation, start, suspensions, resumptions and end of tasks:
// suspensions on a future, on a task and by a yield, and ends with a result and with an
// error.
func TestObserverTaskLifetime(t *testing.T) {
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

// An eager start happens inside the call that creates the task, so its creator does not
// suspend.
func TestObserverEagerStart(t *testing.T) {
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

// An observer receives the start and end of callbacks, even if one panics. A timer that
// only wakes a Sleep is no callback.
func TestObserverCallbacks(t *testing.T) {
	w := observed(t, func(ctx context.Context) error {
		l := running(ctx)
		l.SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) {})
		l.CallSoon(func(ctx context.Context) { asyncio.Go(ctx, nothing, asyncio.WithName("from a callback")) })
		l.CallLater(time.Second, func(context.Context) { panic("oh") })
		asyncio.NewFuture[int](ctx).AddDoneCallback(func(context.Context, asyncio.AnyFuture) {})
		return asyncio.Sleep(ctx, 2*time.Second)
	})
	w.Want(t,
		"main suspended on a timer",
		"call begun",
		"from a callback created",
		"call ended",
		"from a callback started",
		"from a callback ended",
		"call begun",
		"call ended",
		"main resumed",
	)
}

// The Handle of an event shows the function before the call, and afterwards that it was
// called.
func TestObserverHandle(t *testing.T) {
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

// A Runner sets the observer before the first event, and the observer receives all events
// up to the end of the last task.
func TestObserverOfRunner(t *testing.T) {
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
		"call begun", // main's done callback
		"call ended",
		"left behind cancel asked by the shutdown of the loop",
		"left behind resumed",
		"left behind ended: asyncio: cancelled by the shutdown of the loop",
		"call begun", // the done callback of the task left behind
		"call ended",
		"call begun", // the done callback of the shutdown's wait
		"call ended",
	)
}

// An observer receives the end of tasks that are suspended or not started when the loop
// closes.
func TestObserverTasksEndedByClose(t *testing.T) {
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

// An observer receives the requester of a cancellation, its message, and the tasks that
// it passes through.
func TestObserverCancel(t *testing.T) {
	w := observed(t, func(ctx context.Context) error {
		inner := start(ctx, "inner", never)
		outer := start(ctx, "outer", func(ctx context.Context) error { _, err := inner.Await(ctx); return err })
		_ = asyncio.Timeout(ctx, time.Second, never)
		outer.CancelWith("enough")
		_, _ = outer.Await(ctx)
		outer.CancelWith("again") // no event, because the task has ended
		return nil
	})
	w.Lines = slices.DeleteFunc(w.Lines, func(line string) bool { return !strings.Contains(line, "cancel") })
	w.Want(t,
		"main cancel asked by a timeout of 1s",
		"outer cancel asked by main through inner message enough",
		"inner ended: asyncio: cancelled by main, through the await of outer: enough",
		"outer ended: asyncio: cancelled by main, through the await of outer: enough",
	)
}

// A sign is a type with an embedded future.
type sign struct{ asyncio.Future[string] }

// An embedded future works like any other: it can be awaited, set and cancelled, and its
// callbacks run.
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
		wantErr(t, err, asyncio.ErrInvalidArgument, "initFuture with a future that is not embedded in the *asyncio_test.sign given")
		return nil
	})
	r.Want(t,
		"called with itself: true",
		"number 7 <nil> <Future finished result=number 7>",
		"cancel strike",
		"false <Future pending>",
	)
}

// An Observer can give each task its own ctx values. The task's function, blocks and jobs
// see them. Tasks that it creates do not, unless their ctx derives from the task's.
func TestObserverAddsContextValues(t *testing.T) {
	type key struct{}
	type runKey struct{}
	var r record
	add := func(ctx context.Context, where string) {
		r.Add("%s: %v, %v", where, ctx.Value(key{}), ctx.Value(runKey{}))
	}
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		l.SetObserver(observerFunc(func(e *inspect.Event) {
			switch e.Kind {
			case inspect.TaskCreated:
				r.Add("%s created with %v", e.Task.Name(), e.Ctx.Value(key{}))
				e.Ctx = context.WithValue(e.Ctx, key{}, "value of "+e.Task.Name())
			case inspect.TaskStarted:
				add(e.Ctx, "the observer")
			}
		}))
		defer l.SetObserver(nil)
		_, err := asyncio.Go(context.WithValue(ctx, runKey{}, 1), func(ctx context.Context) error {
			add(ctx, "a")
			_ = asyncio.Timeout(ctx, time.Second, func(ctx context.Context) error { add(ctx, "in a timeout"); return nil })
			_, _ = asyncio.ToThread(ctx, func(ctx context.Context) (int, error) { add(ctx, "in a job"); return 0, nil })
			b := asyncio.Go(ctx, nothing, asyncio.WithName("b"))
			c := asyncio.Go(context.WithValue(ctx, runKey{}, 2), func(ctx context.Context) error { add(ctx, "c"); return nil }, asyncio.WithName("c"))
			_, err := asyncio.Gather(ctx, b, c).Await(ctx)
			return err
		}, asyncio.WithName("a")).Await(ctx)
		return err
	})
	r.Want(t,
		"a created with <nil>",
		"the observer: value of a, 1",
		"a: value of a, 1",
		"in a timeout: value of a, 1",
		"in a job: value of a, 1",
		"b created with <nil>",
		"c created with value of a",
		"the observer: value of b, 1",
		"the observer: value of c, 2",
		"c: value of c, 2",
	)
}

// TaskOf finds the task of a ctx, also in a job that the task gave to an executor. In a
// callback and its jobs it returns nil.
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

// Load returns the number of ready calls and tasks, of timers, and of outside operations.
func TestLoad(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		add := func() {
			ready, timers, outside := l.Load()
			r.Add("%d ready, %d timers, %d outside", ready, timers, outside)
		}
		add()
		l.CallSoon(callback)
		asyncio.Go(ctx, nothing)
		timer := l.CallLater(time.Hour, callback)
		l.CallLater(time.Hour, callback)
		timer.Cancel()
		job := asyncio.RunInExecutor(ctx, nil, func(context.Context) (int, error) { return 0, nil })
		add()
		_, err := job.Await(ctx)
		add()
		return err
	})
	r.Want(t, "0 ready, 0 timers, 0 outside", "2 ready, 1 timers, 1 outside", "0 ready, 1 timers, 0 outside")
}

// A queue reports its growth each time it doubles its previous maximum, and not again
// after it was emptied.
func TestObserverQueueGrowth(t *testing.T) {
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

// Missed counts a Set that Clear follows, and a notification, without any waiter. It does
// not count them if a task waits, or if one waits before Clear.
func TestMissedWakeups(t *testing.T) {
	run(t, func(ctx context.Context) error {
		e, c := new(asyncio.Event), asyncio.NewCondition(nil)
		for range 2 {
			e.Set()
			e.Clear()
			e.Clear()
		}
		e.Set()
		_ = e.Wait(ctx) // not missed
		e.Clear()
		if e.Missed() != 2 {
			t.Errorf("Event.Missed returned %d; want 2", e.Missed())
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
			t.Errorf("Missed returned %d for the condition and %d for the event; want 2 and 2", c.Missed(), e.Missed())
		}
		yields(ctx, 3)
		return nil
	})
}

// A muted observer receives no events, and the loop counts them. TaskCount still works.
// SetObserver ends the muting.
func TestMuteObserver(t *testing.T) {
	r := &asyncio.Runner{Driver: driver.NewVirtual(), NoInterrupt: true}
	defer r.Close()
	var events record
	err := r.Run(context.Background(), func(ctx context.Context) error {
		l := running(ctx)
		l.SetObserver(observerFunc(func(e *inspect.Event) { events.Add("%v", e.Kind) }))
		_ = asyncio.Yield(ctx)
		l.MuteObserver(true)
		child := asyncio.Go(ctx, func(context.Context) error { return nil })
		if n := l.TaskCount(); n != 2 {
			t.Errorf("TaskCount returned %d; want 2", n)
		}
		_, _ = child.Await(ctx) // main suspends, the child starts and ends, main resumes
		if n := l.TaskCount(); n != 1 {
			t.Errorf("TaskCount returned %d at the end; want 1", n)
		}
		if n := l.MutedEvents(); n != 5 {
			t.Errorf("MutedEvents returned %d; want 5", n)
		}
		l.MuteObserver(false)
		_ = asyncio.Yield(ctx)
		l.MuteObserver(true)
		l.SetObserver(l.Observer())
		_ = asyncio.Yield(ctx)
		l.SetObserver(nil)
		_ = asyncio.Yield(ctx)
		if n := l.MutedEvents(); n != 5 {
			t.Errorf("MutedEvents returned %d after SetObserver; want 5", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	events.Want(t, "suspended", "resumed", "suspended", "resumed", "suspended", "resumed")
}
