package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// newLoop returns a loop in virtual time, which is closed when the test ends.
func newLoop(t testing.TB) *asyncio.Loop {
	t.Helper()
	noLeaks(t)
	l := asyncio.NewLoop(driver.NewVirtual())
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// runForever runs l until Stop. The test fails if it ends in another way.
func runForever(t testing.TB, l *asyncio.Loop) {
	t.Helper()
	if err := l.RunForever(); err != nil {
		t.Error(err)
	}
}

// A231: CallSoon calls back once, in the order of the calls, and returns a Handle.
func TestCallSoon(t *testing.T) {
	var log record
	l := newLoop(t)
	for i := range 5 {
		var h *asyncio.Handle = l.CallSoon(func(context.Context) { log.Add("call %d", i) })
		if h.Cancelled() {
			t.Error("its handle is cancelled")
		}
	}
	l.CallSoon(func(context.Context) { l.Stop() })
	runForever(t, l)
	l.Stop()
	runForever(t, l)
	log.Want(t, "call 0", "call 1", "call 2", "call 3", "call 4")
}

// A232, A246: Stop has the present pass run to its end, and no further: what the
// callbacks and tasks of the pass made ready waits for the next run.
func TestAPassRunsWhatWasReadyWhenItBegan(t *testing.T) {
	var log record
	l := newLoop(t)
	l.CallSoon(func(context.Context) {
		log.Add("first")
		l.CallSoon(log.Adds("made by the first"))
		l.Stop()
	})
	asyncio.Go(l.Context(), func(ctx context.Context) error {
		log.Add("task")
		if err := asyncio.Yield(ctx); err != nil {
			return err
		}
		log.Add("task goes on")
		return nil
	})
	l.CallSoon(log.Adds("last"))
	runForever(t, l)
	log.Want(t, "first", "task", "last")
	l.Stop()
	runForever(t, l)
	log.Want(t, "made by the first", "task goes on")
}

// A232: a task that is always ready again keeps nobody out: others, and what comes
// from outside, get their turn with each pass.
func TestATaskThatYieldsForEverStarvesNobody(t *testing.T) {
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		came := false
		go func() { _, _ = l.CallSoonThreadsafe(func(context.Context) { came = true }) }()
		for !came {
			if err := asyncio.Yield(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// A233: a pass runs what was ready before it, then what came from outside, then the
// timers that are due, whichever was asked for first.
func TestOrderWithinAPass(t *testing.T) {
	var log record
	l := newLoop(t)
	l.CallAt(l.Time(), log.Adds("timer"))
	l.CallSoon(log.Adds("ready"))
	if _, err := l.CallSoonThreadsafe(log.Adds("from outside")); err != nil {
		t.Error(err)
	}
	l.Stop()
	runForever(t, l)
	log.Want(t, "ready", "from outside", "timer")
}

// A234, A248: CallLater counts from now and CallAt from the loop's beginning; neither
// calls before the time has come.
func TestTimers(t *testing.T) {
	var log record
	l := newLoop(t)
	at := func(what string) func(context.Context) {
		return func(context.Context) { log.Add("%v: %s", l.Time(), what) }
	}
	l.CallLater(time.Second, at("1s after the beginning"))
	l.CallAt(3*time.Second, func(ctx context.Context) {
		at("at 3s")(ctx)
		l.CallLater(time.Second, at("1s after 3s"))
		l.CallAt(time.Second, at("too late for 1s"))
	})
	if err := sleepOn(l, 10*time.Second); err != nil {
		t.Error(err)
	}
	at("end")(context.Background())
	log.Want(t,
		"1s: 1s after the beginning",
		"3s: at 3s",
		"3s: too late for 1s",
		"4s: 1s after 3s",
		"10s: end",
	)
}

// sleepOn runs l for d.
func sleepOn(l *asyncio.Loop, d time.Duration) error {
	_, err := asyncio.RunUntilComplete(l, coro(func(ctx context.Context) error { return asyncio.Sleep(ctx, d) }))
	return err
}

// coro is fn as an Awaitable.
func coro(fn func(ctx context.Context) error) asyncio.Coro[asyncio.None] {
	return func(ctx context.Context) (asyncio.None, error) { return asyncio.None{}, fn(ctx) }
}

// A235, A236, A243: timers come in the order of their times, and those before now count too;
// of equal times the one that was asked for first comes first.
func TestTimersInOrder(t *testing.T) {
	var log record
	l := newLoop(t)
	for i, d := range []time.Duration{2, 1, 0, -1, 2, -2, -1, 1, 0, math.MinInt64} {
		l.CallLater(d, func(context.Context) { log.Add("%d: %d", d, i) })
	}
	if err := sleepOn(l, time.Second); err != nil {
		t.Error(err)
	}
	log.Want(t,
		"-9223372036854775808: 9",
		"-2: 5",
		"-1: 3", "-1: 6",
		"0: 2", "0: 8",
		"1: 1", "1: 7",
		"2: 0", "2: 4",
	)
}

// A236: also where there are many with one time, and some are cancelled.
func TestManyTimersOfOneTime(t *testing.T) {
	const n = 1000
	var got, want []int
	l := newLoop(t)
	for i := range n {
		h := l.CallLater(time.Minute, func(context.Context) { got = append(got, i) })
		if i%3 == 0 {
			h.Cancel()
		} else {
			want = append(want, i)
		}
	}
	if err := sleepOn(l, time.Minute); err != nil {
		t.Error(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the order is %v", got)
	}
}

// A spy is a driver that records how it was used. Another than the package's own
// can drive a loop as well.
type spy struct {
	driver.Driver
	parks []time.Duration // how long each was to last
}

func (s *spy) Park(until time.Duration, outside bool) bool {
	if until == driver.Never {
		s.parks = append(s.parks, driver.Never)
	} else {
		s.parks = append(s.parks, until-s.Now())
	}
	return s.Driver.Park(until, outside)
}

// A237: a loop sleeps once for each time at which something is due, and does not
// wake for roundings: its clock and its timers count the same nanoseconds.
func TestALoopWakesOnceForEachTimer(t *testing.T) {
	sleeps := []time.Duration{10 * time.Millisecond, 100 * time.Microsecond, time.Microsecond, 10, 1}
	for _, real := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d := &spy{Driver: driver.NewVirtual()}
			if real {
				d.Driver = driver.NewReal()
			}
			err := runOn(t, &asyncio.Runner{Driver: d}, func(ctx context.Context) error {
				for _, d := range sleeps {
					if err := asyncio.Sleep(ctx, d); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			if !slices.Equal(d.parks, sleeps) {
				t.Errorf("real=%v: it slept for %v", real, d.parks)
			}
		})
	}
}

// A238: the loop's time has nothing to do with the time of day, never goes back, and is one
// for all timers: when a call comes it is the time for which it was asked.
func TestLoopTime(t *testing.T) {
	for _, d := range []driver.Driver{driver.NewVirtual(), nil} {
		synctest.Test(t, func(t *testing.T) {
			if d == nil {
				d = driver.NewReal() // of the bubble's clock
			}
			l := asyncio.NewLoop(d)
			defer l.Close()
			if now := l.Time(); now != 0 {
				t.Errorf("time begins at %v", now)
			}
			for _, when := range []time.Duration{time.Hour, time.Minute, time.Hour + 1} {
				l.CallAt(when, func(context.Context) {
					if now := l.Time(); now != when {
						t.Errorf("at %v it is %v", when, now)
					}
				})
			}
			if err := sleepOn(l, 2*time.Hour); err != nil {
				t.Error(err)
			}
			if now := l.Time(); now != 2*time.Hour {
				t.Errorf("time ends at %v", now)
			}
		})
	}
}

// A239: a loop sleeps for a day at most, looks at the time, and sleeps again.
func TestALoopSleepsForADayAtMost(t *testing.T) {
	const day = 24 * time.Hour
	d := &spy{Driver: driver.NewVirtual()}
	err := runOn(t, &asyncio.Runner{Driver: d}, func(ctx context.Context) error {
		return asyncio.Sleep(ctx, 2*day+time.Hour)
	})
	if err != nil {
		t.Error(err)
	}
	if want := []time.Duration{day, day, time.Hour}; !slices.Equal(d.parks, want) {
		t.Errorf("it slept for %v, wanted %v", d.parks, want)
	}
}

// A time so far away that the clock cannot show it does not come; it is not one in the past.
func TestATimeThatDoesNotCome(t *testing.T) {
	var log record
	err := runErr(t, func(ctx context.Context) error {
		if err := asyncio.Sleep(ctx, time.Hour); err != nil {
			return err
		}
		l := running(ctx)
		for _, d := range []time.Duration{asyncio.Never, asyncio.Never - time.Minute} {
			if when := l.CallLater(d, log.Adds("called")).When(); when != asyncio.Never {
				t.Errorf("in %v is %v", d, when)
			}
		}
		return asyncio.Sleep(ctx, math.MaxInt64)
	})
	if d := (*asyncio.DeadlockError)(nil); !errors.As(err, &d) {
		t.Errorf("it ended with %v", err)
	}
	log.Want(t)
}

// The last time that the clock can show does come.
func TestTheLastTime(t *testing.T) {
	var log record
	l := newLoop(t)
	l.CallAt(asyncio.Never-1, func(context.Context) {
		log.Add("it is %v", l.Time())
		l.Stop()
	})
	runForever(t, l)
	log.Want(t, "it is 2562047h47m16.854775806s")
}

// A244: timers that are cancelled are dropped at once where they come first, and where they
// are the greater part. A program that sets and cancels timers without end does not grow.
func TestCancelledTimersDoNotAccumulate(t *testing.T) {
	if raceDetector() {
		t.Skip("sizes mean nothing under the race detector")
	}
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		nothing := func(context.Context) {}
		l.CallLater(time.Hour, nothing) // before all others, so that none of them comes first
		heap := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := heap()
		for range 100_000 {
			l.CallLater(2*time.Hour, nothing).Cancel()
		}
		if after := heap(); after > before+1<<17 {
			t.Errorf("100,000 timers that were cancelled hold %d bytes", after-before)
		}
		return nil
	})
}

// A244: a loop does not wake for a timer that was cancelled.
func TestALoopDoesNotWakeForACancelledTimer(t *testing.T) {
	d := &spy{Driver: driver.NewVirtual()}
	err := runOn(t, &asyncio.Runner{Driver: d}, func(ctx context.Context) error {
		l := running(ctx)
		for i := range 10 {
			l.CallLater(time.Duration(i), func(context.Context) { t.Error("called") }).Cancel()
		}
		return asyncio.Sleep(ctx, time.Second)
	})
	if err != nil {
		t.Error(err)
	}
	if want := []time.Duration{time.Second}; !slices.Equal(d.parks, want) {
		t.Errorf("it slept for %v, wanted %v", d.parks, want)
	}
}

// A247: Stop before the run has it make one pass, without any wait.
func TestStopBeforeTheRun(t *testing.T) {
	var log record
	d := &spy{Driver: driver.NewVirtual()}
	l := asyncio.NewLoop(d)
	defer l.Close()
	l.CallSoon(log.Adds("ready"))
	l.CallLater(time.Second, log.Adds("later"))
	for range 3 {
		l.Stop()
		runForever(t, l)
	}
	log.Want(t, "ready")
	if len(d.parks) > 0 || l.Time() != 0 {
		t.Errorf("it slept for %v", d.parks)
	}
}

// A248: RunUntilComplete runs the loop until a future, a task or a coroutine is done, and returns its outcome.
func TestRunUntilComplete(t *testing.T) {
	l := newLoop(t)
	f := asyncio.NewFuture[int](l.Context())
	l.CallLater(time.Second, func(context.Context) { _ = f.SetResult(2) })
	bad := asyncio.CreateTask(l.Context(), func(context.Context) (int, error) { return 0, errBoom })
	for _, test := range []struct {
		aw   asyncio.Awaitable[int]
		want int
		err  error
	}{
		{asyncio.Coro[int](one), 1, nil},
		{f, 2, nil},
		{f, 2, nil}, // done already
		{bad, 0, errBoom},
	} {
		if got, err := asyncio.RunUntilComplete(l, test.aw); got != test.want || err != test.err {
			t.Errorf("of %v: %v, %v", test.aw, got, err)
		}
	}
	if l.IsRunning() || l.Time() != time.Second {
		t.Errorf("running=%v at %v", l.IsRunning(), l.Time())
	}
}

// A249: a loop that is stopped before the future is done says so, and can be run again.
func TestRunUntilCompleteStoppedTooEarly(t *testing.T) {
	l := newLoop(t)
	task := asyncio.CreateTask(l.Context(), func(ctx context.Context) (int, error) {
		l.Stop()
		return 1, asyncio.Sleep(ctx, time.Second)
	}, asyncio.WithName("slow"))
	_, err := asyncio.RunUntilComplete(l, task)
	wantErr(t, err, asyncio.ErrMisuse, "the loop was stopped before <Task pending name=slow", "was done")
	if got, err := asyncio.RunUntilComplete(l, task); got != 1 || err != nil {
		t.Errorf("the second run: %v, %v", got, err)
	}
}

// A250: what cannot be awaited on this loop is refused at the call.
func TestRunUntilCompleteBadArgument(t *testing.T) {
	l, other := newLoop(t), newLoop(t)
	f := asyncio.NewFuture[int](other.Context())
	err := panicOf(func() { _, _ = asyncio.RunUntilComplete(l, f) })
	wantErr(t, err, asyncio.ErrWrongLoop, "EnsureFuture of <Future pending> on <Loop idle>")
	err = panicOf(func() { _, _ = asyncio.RunUntilComplete[int](l, nil) })
	wantErr(t, err, asyncio.ErrInvalidArgument, "EnsureFuture of nil")
}

// A251: a loop that runs cannot be run, and nothing of the attempt stays.
func TestNoNesting(t *testing.T) {
	var log record
	l := newLoop(t)
	_, err := asyncio.RunUntilComplete(l, coro(func(ctx context.Context) error {
		wantErr(t, l.RunForever(), asyncio.ErrMisuse, "RunForever of <Loop running>, which runs already", "awaits it")
		_, err := asyncio.RunUntilComplete(l, coro(func(context.Context) error { log.Add("nested"); return nil }))
		wantErr(t, err, asyncio.ErrMisuse, "RunUntilComplete on <Loop running>: the loop is running; await the function or future")
		yields(ctx, 3)
		return nil
	}))
	if err != nil {
		t.Error(err)
	}
	log.Want(t)
}

// A251: another loop inside of a task is as any call that blocks: Go has no thread whose
// loop it would be. Neither loop notices the other.
func TestALoopWithinALoop(t *testing.T) {
	run(t, func(ctx context.Context) error {
		inner := asyncio.NewLoop(driver.NewVirtual())
		defer inner.Close()
		if got, err := asyncio.RunUntilComplete(inner, asyncio.Coro[int](one)); got != 1 || err != nil {
			t.Errorf("the inner loop: %v, %v", got, err)
		}
		if err := asyncio.Sleep(ctx, time.Second); err != nil {
			return err
		}
		if running(ctx).Time() != time.Second || inner.Time() != 0 {
			t.Error("their times are mixed up")
		}
		return nil
	})
}

// A252: what ends a run by force, be it a Goexit, leaves no stop behind for the next.
func TestNoStopIsLeftBehind(t *testing.T) {
	var log record
	l := newLoop(t)
	exited := inGoroutine(func() {
		_, _ = asyncio.RunUntilComplete(l, coro(func(context.Context) error { runtime.Goexit(); return nil }))
	})
	if !exited {
		t.Error("RunUntilComplete returned after a Goexit")
	}
	l.SetExceptionHandler(log.Handle)
	_, err := asyncio.RunUntilComplete(l, asyncio.Go(l.Context(), func(context.Context) error { panic(errBoom) }, asyncio.WithName("bad")))
	wantErr(t, err, errBoom)
	log.WithoutLineNumbers()
	log.Want(t, "reported: panic in task bad (asyncio_test.TestNoStopIsLeftBehind.func2() at loop_test.go:N): panic: boom")
	l.CallSoon(func(context.Context) {
		log.Add("first pass")
		l.CallSoon(func(context.Context) {
			log.Add("second pass")
			l.Stop()
		})
	})
	runForever(t, l)
	log.Want(t, "first pass", "second pass")
}

// A253, A254: only a loop that does not run is closed; a second Close does nothing.
// What was scheduled does not happen.
func TestClose(t *testing.T) {
	noLeaks(t)
	var log record
	l := asyncio.NewLoop(driver.NewVirtual())
	states := func() string { return fmt.Sprintf("%v running=%v closed=%v", l, l.IsRunning(), l.IsClosed()) }
	log.Add("%s", states())
	l.CallSoon(func(context.Context) {
		log.Add("%s", states())
		wantErr(t, l.Close(), asyncio.ErrMisuse, "Close of <Loop running>, which is running; call Stop, and Close when RunForever has returned")
		l.CallSoon(log.Adds("called"))
		l.CallLater(time.Second, log.Adds("called"))
		_, _ = l.CallSoonThreadsafe(log.Adds("called"))
		l.Stop()
	})
	runForever(t, l)
	for range 3 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		log.Add("%s", states())
	}
	log.Want(t,
		"<Loop idle> running=false closed=false",
		"<Loop running> running=true closed=false",
		"<Loop closed> running=false closed=true",
		"<Loop closed> running=false closed=true",
		"<Loop closed> running=false closed=true",
	)
}

// A253: whatever is asked of a closed loop ends with ErrLoopClosed and a text that says what
// to do; what suspends or may come from outside returns it, the rest panics with it.
func TestUseOfAClosedLoop(t *testing.T) {
	l := asyncio.NewLoop(driver.NewVirtual())
	ctx := l.Context()
	f := asyncio.NewFuture[int](ctx)
	nothing := func(context.Context) {}
	if err := l.Close(); err != nil {
		t.Error(err)
	}

	for act, use := range map[string]func(){
		"CallSoon":        func() { l.CallSoon(nothing) },
		"CallLater":       func() { l.CallLater(time.Second, nothing) },
		"CallAt":          func() { l.CallAt(time.Second, nothing) },
		"CreateTask":      func() { asyncio.CreateTask(ctx, one) },
		"Go":              func() { asyncio.Go(ctx, never) },
		"AddDoneCallback": func() { f.AddDoneCallback(callbackA) },
	} {
		wantErr(t, panicOf(use), asyncio.ErrLoopClosed, act+" on <Loop closed>, which will not run again; make a new one")
	}

	for act, use := range map[string]func() error{
		"RunForever":         l.RunForever,
		"RunUntilComplete":   func() error { _, err := asyncio.RunUntilComplete(l, f); return err },
		"await":              func() error { _, err := f.Await(ctx); return err },
		"CallSoonThreadsafe": func() error { _, err := l.CallSoonThreadsafe(nothing); return err },
	} {
		wantErr(t, use(), asyncio.ErrLoopClosed, act+" on <Loop closed>, which will not run again;")
	}
	_, err := asyncio.RunCoroutineThreadsafe(l, one).Result(context.Background())
	wantErr(t, err, asyncio.ErrLoopClosed, "CallSoonThreadsafe on <Loop closed>")

	// What only looks, or tells, still does.
	if l.Time() != 0 || len(l.AllTasks()) != 0 || l.Debug() || l.ExceptionHandler() != nil || l.TaskFactory() != nil {
		t.Error("a closed loop tells something else than it did")
	}
	l.Stop()
	if err := f.SetResult(1); err != nil {
		t.Error(err)
	}
}

// A253, A264: Close kills the tasks that are left, in the order of their creation. Their deferred
// calls run, so that what they hold is given back: that is all there is in Go of closing
// asynchronous generators. An await in them is an error, and they cannot start anything.
func TestCloseRunsDeferredCalls(t *testing.T) {
	noLeaks(t)
	var log record
	l := asyncio.NewLoop(driver.NewVirtual())
	l.SetExceptionHandler(log.Handle)
	lines := func(yield func(int) bool) { // an iterator with something to give back
		defer log.Add("file closed")
		for i := 0; yield(i); i++ {
		}
	}
	ctx := l.Context()
	var tasks []*asyncio.Task[asyncio.None]
	start := func(name string, fn func(ctx context.Context) error) {
		tasks = append(tasks, asyncio.Go(ctx, fn, asyncio.WithName(name)))
	}
	start("reader", func(ctx context.Context) error {
		for range lines {
			if err := asyncio.Sleep(ctx, time.Minute); err != nil {
				return err
			}
		}
		return nil
	})
	start("awaiter", func(ctx context.Context) error {
		defer func() {
			log.Add("await: %v", errors.Is(asyncio.Yield(ctx), asyncio.ErrLoopClosed))
			log.Add("start: %v", errors.Is(panicOf(func() { asyncio.Go(ctx, never) }), asyncio.ErrLoopClosed))
			log.Add("run: %v", errors.Is(l.RunForever(), asyncio.ErrLoopClosed))
			log.Add("close: %v", l.Close())
		}()
		return never(ctx)
	})
	start("panicker", func(ctx context.Context) error {
		defer panic(errBoom)
		return never(ctx)
	})
	start("quitter", func(ctx context.Context) error {
		defer runtime.Goexit()
		defer log.Add("quits")
		return never(ctx)
	})
	l.CallSoon(func(context.Context) {
		start("late", func(context.Context) error { log.Add("late runs"); return nil })
		l.Stop()
	})
	runForever(t, l)
	log.Want(t)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	log.WithoutLineNumbers()
	log.Want(t,
		"file closed",
		"await: true",
		"start: true",
		"run: true",
		"close: <nil>",
		"reported: panic in task panicker (asyncio_test.TestCloseRunsDeferredCalls.func5() at loop_test.go:N): panic: boom",
		"quits",
	)
	for _, task := range tasks {
		if !task.Done() {
			t.Errorf("%v is not done", task)
		}
	}
	wantErr(t, tasks[0].Exception(), asyncio.ErrLoopClosed, "task reader", "was killed")
	wantErr(t, tasks[4].Exception(), asyncio.ErrLoopClosed, "task late", "never ran")
}

// Each function that suspends returns ErrLoopClosed when the deferred call of a killed task calls it.
func TestSuspendingCallsWhileTheLoopCloses(t *testing.T) {
	noLeaks(t)
	l := asyncio.NewLoop(driver.NewVirtual())
	f := asyncio.NewFuture[int](l.Context())
	nothing := func(context.Context) error { return nil }
	calls := map[string]func(ctx context.Context) error{
		"Future.Await": func(ctx context.Context) error { _, err := f.Await(ctx); return err },
		"Yield":        asyncio.Yield,
		"Sleep":        func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Second) },
		"Wait": func(ctx context.Context) error {
			_, _, err := asyncio.Wait(ctx, []*asyncio.Future[int]{f})
			return err
		},
		"WaitFor": func(ctx context.Context) error {
			_, err := asyncio.WaitFor(ctx, f, time.Second)
			return err
		},
		"Timeout": func(ctx context.Context) error { return asyncio.Timeout(ctx, time.Second, nothing) },
		"WithTaskGroup": func(ctx context.Context) error {
			return asyncio.WithTaskGroup(ctx, func(ctx context.Context, _ *asyncio.TaskGroup) error { return nothing(ctx) })
		},
		"ToThread":  func(ctx context.Context) error { _, err := asyncio.ToThread(ctx, one); return err },
		"Event":     func(ctx context.Context) error { return new(asyncio.Event).Wait(ctx) },
		"Queue.Get": func(ctx context.Context) error { _, err := asyncio.NewQueue[int](1).Get(ctx); return err },
	}
	got := map[string]error{}
	asyncio.Go(l.Context(), func(ctx context.Context) error {
		defer func() {
			for name, call := range calls {
				if p := panicOf(func() { got[name] = call(ctx) }); p != nil {
					t.Errorf("%s panics: %v", name, p)
				}
			}
		}()
		return never(ctx)
	})
	l.Stop()
	runForever(t, l)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	for name := range calls {
		if err := got[name]; !errors.Is(err, asyncio.ErrLoopClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A255: the running loop is known to a task, to what it calls, and to callbacks, by
// their ctx. Outside there is none.
func TestGetRunningLoop(t *testing.T) {
	l := newLoop(t)
	check := func(ctx context.Context, where string) {
		if got, err := asyncio.RunningLoop(ctx); got != l || err != nil {
			t.Errorf("in %s: %v, %v", where, got, err)
		}
	}
	l.CallSoon(func(ctx context.Context) { check(ctx, "a callback") })
	l.CallLater(time.Second, func(ctx context.Context) { check(ctx, "a timer") })
	_, _ = l.CallSoonThreadsafe(func(ctx context.Context) { check(ctx, "a call from outside") })
	_, err := asyncio.RunUntilComplete(l, coro(func(ctx context.Context) error {
		check(ctx, "a task")
		derived, cancel := context.WithCancel(context.WithValue(ctx, t, 1))
		defer cancel()
		check(derived, "a derived ctx")
		return asyncio.Sleep(ctx, 2*time.Second)
	}))
	if err != nil {
		t.Error(err)
	}
	_, err = asyncio.RunningLoop(context.Background())
	wantErr(t, err, asyncio.ErrNoRunningLoop, "pass the ctx that the task was given, and start with asyncio.Run")
}

// The ctx of a callback never ends: whatever derives from it ends by its own means.
func TestCtxOfACallback(t *testing.T) {
	l := newLoop(t)
	l.CallSoon(func(ctx context.Context) {
		if _, limited := ctx.Deadline(); limited || ctx.Done() != nil || ctx.Err() != nil {
			t.Errorf("it may end: %v, %v", ctx.Done(), ctx.Err())
		}
		derived, cancel := context.WithCancel(ctx)
		cancel()
		if derived.Err() == nil || ctx.Err() != nil {
			t.Errorf("after a cancel: %v, %v", derived.Err(), ctx.Err())
		}
		l.Stop()
	})
	runForever(t, l)
}

// A262: Go has no fork, but goroutines: one that a task starts is outside of the loop, and
// takes part only by a ctx, which it must have been given.
func TestAGoroutineHasNoLoop(t *testing.T) {
	run(t, func(ctx context.Context) error {
		inGoroutine(func() {
			outside := context.Background()
			_, err := asyncio.RunningLoop(outside)
			wantErr(t, err, asyncio.ErrNoRunningLoop)
			wantErr(t, panicOf(func() { asyncio.CurrentTask(outside) }), asyncio.ErrNoRunningLoop)
			wantErr(t, asyncio.Yield(outside), asyncio.ErrNoRunningLoop)
		})
		return nil
	})
}

// A guest is a driver by which a loop lives in somebody else's event loop, a GUI's say: instead of
// sleeping it dispatches that one's events.
type guest struct {
	driver.Driver
	events []func()
}

func (g *guest) Park(until time.Duration, outside bool) bool {
	if len(g.events) > 0 {
		event := g.events[0]
		g.events = g.events[1:]
		event()
		return true
	}
	return g.Driver.Park(until, outside)
}

// A263: a loop runs within another event loop by a driver of the user's own.
func TestALoopAsAGuest(t *testing.T) {
	var log record
	d := &guest{Driver: driver.NewVirtual()}
	l := asyncio.NewLoop(d)
	defer l.Close()
	clicked := new(asyncio.Event)
	d.events = []func(){
		func() { log.Add("key pressed") },
		func() { log.Add("button clicked"); l.CallSoon(func(context.Context) { clicked.Set() }) },
		func() { log.Add("window closed") },
	}
	_, err := asyncio.RunUntilComplete(l, coro(func(ctx context.Context) error {
		if err := clicked.Wait(ctx); err != nil {
			return err
		}
		log.Add("task heard of it")
		return asyncio.Sleep(ctx, time.Second)
	}))
	if err != nil {
		t.Error(err)
	}
	log.Want(t, "key pressed", "button clicked", "task heard of it", "window closed")
}

// A263: or the other one runs it a pass at a time.
func TestALoopPassByPass(t *testing.T) {
	var log record
	l := newLoop(t)
	asyncio.Go(l.Context(), func(ctx context.Context) error {
		for i := range 2 {
			log.Add("step %d", i)
			if err := asyncio.Yield(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	for i := range 4 {
		log.Add("pass %d", i)
		l.Stop()
		runForever(t, l)
		if l.IsRunning() {
			t.Error("it runs between two passes")
		}
	}
	log.Want(t, "pass 0", "step 0", "pass 1", "step 1", "pass 2", "pass 3")
}

// A261: what cannot be called back is refused at the call. In Go only nil is left of that: a
// coroutine, which returns an error, is no callback for the compiler.
func TestNilCallback(t *testing.T) {
	l := newLoop(t)
	for _, call := range []func(){
		func() { l.CallSoon(nil) },
		func() { l.CallLater(time.Second, nil) },
		func() { l.CallAt(time.Second, nil) },
		func() { _, _ = l.CallSoonThreadsafe(nil) },
	} {
		wantErr(t, panicOf(call), asyncio.ErrInvalidArgument, "with a nil function; give it a func(ctx context.Context)")
	}
}
