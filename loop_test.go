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

// newLoop returns a loop in virtual time that the cleanup of the test closes.
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

// runForever runs l until Stop and fails the test if RunForever returns an error.
func runForever(t testing.TB, l *asyncio.Loop) {
	t.Helper()
	if err := l.RunForever(); err != nil {
		t.Error(err)
	}
}

// A231: CallSoon runs each callback once, in FIFO order, and returns a Handle.
func TestCallSoon(t *testing.T) {
	var log record
	l := newLoop(t)
	for i := range 5 {
		var h *asyncio.Handle = l.CallSoon(func(context.Context) { log.Add("call %d", i) })
		if h.Cancelled() {
			t.Error("the new handle is cancelled")
		}
	}
	l.CallSoon(func(context.Context) { l.Stop() })
	runForever(t, l)
	l.Stop()
	runForever(t, l)
	log.Want(t, "call 0", "call 1", "call 2", "call 3", "call 4")
}

// A232, A246: after Stop, the current turn completes. Entries that its callbacks and
// tasks made ready wait for the next run.
func TestTurnRunsOnlyEntriesReadyAtItsStart(t *testing.T) {
	var log record
	l := newLoop(t)
	l.CallSoon(func(context.Context) {
		log.Add("first")
		l.CallSoon(log.Adds("added by the first"))
		l.Stop()
	})
	asyncio.Go(l.Context(), func(ctx context.Context) error {
		log.Add("task")
		if err := asyncio.Yield(ctx); err != nil {
			return err
		}
		log.Add("task continues")
		return nil
	})
	l.CallSoon(log.Adds("last"))
	runForever(t, l)
	log.Want(t, "first", "task", "last")
	l.Stop()
	runForever(t, l)
	log.Want(t, "added by the first", "task continues")
}

// A232: a task that always yields does not starve other callbacks: calls from outside run
// in the next turn.
func TestYieldingTaskDoesNotStarveOthers(t *testing.T) {
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		called := false
		go func() { _, _ = l.CallSoonThreadsafe(func(context.Context) { called = true }) }()
		for !called {
			if err := asyncio.Yield(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// A233: a turn runs ready work first, then calls from outside, then expired timers,
// whatever the order of the requests.
func TestOrderWithinTurn(t *testing.T) {
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

// A234, A248: CallLater counts from now and CallAt from the start of the loop. Neither
// runs its callback early.
func TestTimers(t *testing.T) {
	var log record
	l := newLoop(t)
	at := func(what string) func(context.Context) {
		return func(context.Context) { log.Add("%v: %s", l.Time(), what) }
	}
	l.CallLater(time.Second, at("1s after the start"))
	l.CallAt(3*time.Second, func(ctx context.Context) {
		at("at 3s")(ctx)
		l.CallLater(time.Second, at("1s after 3s"))
		l.CallAt(time.Second, at("late for 1s"))
	})
	if err := sleepOn(l, 10*time.Second); err != nil {
		t.Error(err)
	}
	at("end")(context.Background())
	log.Want(t,
		"1s: 1s after the start",
		"3s: at 3s",
		"3s: late for 1s",
		"4s: 1s after 3s",
		"10s: end",
	)
}

// sleepOn runs l for d.
func sleepOn(l *asyncio.Loop, d time.Duration) error {
	_, err := asyncio.RunUntilComplete(l, coro(func(ctx context.Context) error { return asyncio.Sleep(ctx, d) }))
	return err
}

// coro returns fn as an Awaitable.
func coro(fn func(ctx context.Context) error) asyncio.Coro[asyncio.None] {
	return func(ctx context.Context) (asyncio.None, error) { return asyncio.None{}, fn(ctx) }
}

// A235, A236, A243: timers run in the order of their times, including times in the past.
// Timers with the same time run in creation order.
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

// A236: the order holds for many timers with the same time, some of them cancelled.
func TestManyTimersWithTheSameTime(t *testing.T) {
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
		t.Errorf("the callbacks ran in the order %v; want %v", got, want)
	}
}

// A spy is a driver that records its Park calls. It also shows that a loop works with a
// custom driver.
type spy struct {
	driver.Driver
	parks []time.Duration // the requested durations
}

func (s *spy) Park(until time.Duration, outside bool) bool {
	if until == driver.Never {
		s.parks = append(s.parks, driver.Never)
	} else {
		s.parks = append(s.parks, until-s.Now())
	}
	return s.Driver.Park(until, outside)
}

// A237: the loop wakes once per timer time. Rounding causes no wake-ups, because the
// clock and the timers both count nanoseconds.
func TestLoopWakesOncePerTimer(t *testing.T) {
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
				t.Errorf("real=%v: the loop slept for %v; want %v", real, d.parks, sleeps)
			}
		})
	}
}

// A238: Loop.Time is monotonic, independent of the wall clock, and common to all timers:
// a callback sees exactly the requested time.
func TestLoopTime(t *testing.T) {
	for _, d := range []driver.Driver{driver.NewVirtual(), nil} {
		synctest.Test(t, func(t *testing.T) {
			if d == nil {
				d = driver.NewReal() // uses the fake clock of synctest
			}
			l := asyncio.NewLoop(d)
			defer l.Close()
			if now := l.Time(); now != 0 {
				t.Errorf("Time starts at %v; want 0", now)
			}
			for _, when := range []time.Duration{time.Hour, time.Minute, time.Hour + 1} {
				l.CallAt(when, func(context.Context) {
					if now := l.Time(); now != when {
						t.Errorf("a callback for %v sees Time %v", when, now)
					}
				})
			}
			if err := sleepOn(l, 2*time.Hour); err != nil {
				t.Error(err)
			}
			if now := l.Time(); now != 2*time.Hour {
				t.Errorf("Time ends at %v; want %v", now, 2*time.Hour)
			}
		})
	}
}

// A239: the loop waits for at most one day at a time, then checks its timers again.
func TestLoopSleepsAtMostOneDay(t *testing.T) {
	const day = 24 * time.Hour
	d := &spy{Driver: driver.NewVirtual()}
	err := runOn(t, &asyncio.Runner{Driver: d}, func(ctx context.Context) error {
		return asyncio.Sleep(ctx, 2*day+time.Hour)
	})
	if err != nil {
		t.Error(err)
	}
	if want := []time.Duration{day, day, time.Hour}; !slices.Equal(d.parks, want) {
		t.Errorf("the loop slept for %v; want %v", d.parks, want)
	}
}

// A time beyond the range of the clock never comes and does not overflow into the past.
func TestTimerBeyondClockRange(t *testing.T) {
	var log record
	err := runErr(t, func(ctx context.Context) error {
		if err := asyncio.Sleep(ctx, time.Hour); err != nil {
			return err
		}
		l := running(ctx)
		for _, d := range []time.Duration{asyncio.Never, asyncio.Never - time.Minute} {
			if when := l.CallLater(d, log.Adds("called")).When(); when != asyncio.Never {
				t.Errorf("When returned %[2]v for CallLater(%[1]v); want Never", d, when)
			}
		}
		return asyncio.Sleep(ctx, math.MaxInt64)
	})
	if d := (*asyncio.DeadlockError)(nil); !errors.As(err, &d) {
		t.Errorf("Sleep returned %v; want a DeadlockError", err)
	}
	log.Want(t)
}

// The last time that the clock can represent does come.
func TestTimerAtLastTime(t *testing.T) {
	var log record
	l := newLoop(t)
	l.CallAt(asyncio.Never-1, func(context.Context) {
		log.Add("the time is %v", l.Time())
		l.Stop()
	})
	runForever(t, l)
	log.Want(t, "the time is 2562047h47m16.854775806s")
}

// A244: cancelled timers are dropped when they are first in the queue and when they
// outnumber the others, so setting and cancelling timers does not grow the heap.
func TestCancelledTimersDoNotAccumulate(t *testing.T) {
	if raceDetector() {
		t.Skip("sizes mean nothing under the race detector")
	}
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		nothing := func(context.Context) {}
		l.CallLater(time.Hour, nothing) // stays first in the queue
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
			t.Errorf("100,000 cancelled timers hold %d bytes", after-before)
		}
		return nil
	})
}

// A244: the loop does not wake up for a cancelled timer.
func TestLoopDoesNotWakeForCancelledTimer(t *testing.T) {
	d := &spy{Driver: driver.NewVirtual()}
	err := runOn(t, &asyncio.Runner{Driver: d}, func(ctx context.Context) error {
		l := running(ctx)
		for i := range 10 {
			l.CallLater(time.Duration(i), func(context.Context) { t.Error("a cancelled timer ran") }).Cancel()
		}
		return asyncio.Sleep(ctx, time.Second)
	})
	if err != nil {
		t.Error(err)
	}
	if want := []time.Duration{time.Second}; !slices.Equal(d.parks, want) {
		t.Errorf("the loop slept for %v; want %v", d.parks, want)
	}
}

// A247: calling Stop before a run limits the run to one turn without waiting.
func TestStopBeforeRun(t *testing.T) {
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
		t.Errorf("the loop slept for %v", d.parks)
	}
}

// A248: RunUntilComplete runs the loop until a future, task or coroutine is done, and
// returns its outcome.
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
			t.Errorf("RunUntilComplete(%v) returned %v, %v; want %v, %v", test.aw, got, err, test.want, test.err)
		}
	}
	if l.IsRunning() || l.Time() != time.Second {
		t.Errorf("IsRunning is %v at %v; want false at 1s", l.IsRunning(), l.Time())
	}
}

// A249: RunUntilComplete returns an error if the loop is stopped first, and the loop can
// run again.
func TestRunUntilCompleteStoppedEarly(t *testing.T) {
	l := newLoop(t)
	task := asyncio.CreateTask(l.Context(), func(ctx context.Context) (int, error) {
		l.Stop()
		return 1, asyncio.Sleep(ctx, time.Second)
	}, asyncio.WithName("slow"))
	_, err := asyncio.RunUntilComplete(l, task)
	wantErr(t, err, asyncio.ErrMisuse, "the loop was stopped before <Task pending name=slow", "was done")
	if got, err := asyncio.RunUntilComplete(l, task); got != 1 || err != nil {
		t.Errorf("the second RunUntilComplete returned %v, %v; want 1, nil", got, err)
	}
}

// A250: RunUntilComplete rejects what cannot be awaited on its loop.
func TestRunUntilCompleteBadArgument(t *testing.T) {
	l, other := newLoop(t), newLoop(t)
	f := asyncio.NewFuture[int](other.Context())
	err := panicOf(func() { _, _ = asyncio.RunUntilComplete(l, f) })
	wantErr(t, err, asyncio.ErrWrongLoop, "EnsureFuture of <Future pending> on <Loop idle>")
	err = panicOf(func() { _, _ = asyncio.RunUntilComplete[int](l, nil) })
	wantErr(t, err, asyncio.ErrInvalidArgument, "EnsureFuture of nil")
}

// A251: a running loop cannot be run again, and the attempt has no effect.
func TestRunningLoopCannotBeRunAgain(t *testing.T) {
	var log record
	l := newLoop(t)
	_, err := asyncio.RunUntilComplete(l, coro(func(ctx context.Context) error {
		wantErr(t, l.RunForever(), asyncio.ErrMisuse, "RunForever of <Loop running>, which runs already", "await the other task")
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

// A251: running another loop inside a task blocks like any other call. Neither loop
// affects the other.
func TestLoopInsideTaskOfAnotherLoop(t *testing.T) {
	run(t, func(ctx context.Context) error {
		inner := asyncio.NewLoop(driver.NewVirtual())
		defer inner.Close()
		if got, err := asyncio.RunUntilComplete(inner, asyncio.Coro[int](one)); got != 1 || err != nil {
			t.Errorf("RunUntilComplete on the inner loop returned %v, %v; want 1, nil", got, err)
		}
		if err := asyncio.Sleep(ctx, time.Second); err != nil {
			return err
		}
		if running(ctx).Time() != time.Second || inner.Time() != 0 {
			t.Errorf("the outer time is %v and the inner %v; want 1s and 0s", running(ctx).Time(), inner.Time())
		}
		return nil
	})
}

// A252: a run that ends by a Goexit or a panic leaves no stop request for the next run.
func TestForcedEndLeavesNoStopRequest(t *testing.T) {
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
	log.Want(t, "reported: panic in task bad (asyncio_test.TestForcedEndLeavesNoStopRequest.func2() at loop_test.go:N): panic: boom")
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

// A253, A254: Close requires a loop that is not running and is idempotent. Scheduled
// calls never run.
func TestLoopClose(t *testing.T) {
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

// A009, A253: using a closed loop gives ErrLoopClosed with advice. Functions that suspend
// or may be called from outside return it; the others panic with it. A closed loop never
// runs the functions of new tasks.
func TestUseOfClosedLoop(t *testing.T) {
	noLeaks(t)
	l := asyncio.NewLoop(driver.NewVirtual())
	ctx := l.Context()
	f := asyncio.NewFuture[int](ctx)
	nothing := func(context.Context) {}
	unused := coro(func(context.Context) error { t.Error("the closed loop ran a task"); return nil })
	if err := l.Close(); err != nil {
		t.Error(err)
	}

	for act, use := range map[string]func(){
		"CallSoon":        func() { l.CallSoon(nothing) },
		"CallLater":       func() { l.CallLater(time.Second, nothing) },
		"CallAt":          func() { l.CallAt(time.Second, nothing) },
		"CreateTask":      func() { asyncio.CreateTask(ctx, unused) },
		"Go":              func() { asyncio.Go(ctx, func(ctx context.Context) error { _, err := unused(ctx); return err }) },
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
	_, err := asyncio.RunCoroutineThreadsafe(l, unused).Result(context.Background())
	wantErr(t, err, asyncio.ErrLoopClosed, "CallSoonThreadsafe on <Loop closed>")
	_, err = asyncio.RunUntilComplete(l, unused)
	wantErr(t, err, asyncio.ErrLoopClosed)

	// Methods that only read or set state still work.
	if l.Time() != 0 || len(l.AllTasks()) != 0 || l.Debug() || l.ExceptionHandler() != nil || l.TaskFactory() != nil {
		t.Error("a closed loop has a different time, tasks, debug mode, exception handler or task factory")
	}
	l.Stop()
	if err := f.SetResult(1); err != nil {
		t.Error(err)
	}
}

// A253, A264: Close ends the remaining tasks in creation order by running their deferred
// calls, so that they release their resources. There, Await returns an error, and no task
// can be started.
func TestCloseRunsDeferredCalls(t *testing.T) {
	noLeaks(t)
	var log record
	l := asyncio.NewLoop(driver.NewVirtual())
	l.SetExceptionHandler(log.Handle)
	lines := func(yield func(int) bool) { // an iterator that holds a resource
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

// Each function that suspends returns ErrLoopClosed in a deferred call of a task that
// Close ends.
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
					t.Errorf("%s panicked: %v", name, p)
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
			t.Errorf("%s returned %v; want ErrLoopClosed", name, err)
		}
	}
}

// A255: RunningLoop finds the loop from the ctx of a task or callback, or from a derived
// one. Elsewhere it returns an error.
func TestRunningLoop(t *testing.T) {
	l := newLoop(t)
	check := func(ctx context.Context, where string) {
		if got, err := asyncio.RunningLoop(ctx); got != l || err != nil {
			t.Errorf("RunningLoop in %s returned %v, %v", where, got, err)
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

// The ctx of a callback never ends, but contexts derived from it can be cancelled.
func TestCtxOfCallbackNeverEnds(t *testing.T) {
	l := newLoop(t)
	l.CallSoon(func(ctx context.Context) {
		if _, limited := ctx.Deadline(); limited || ctx.Done() != nil || ctx.Err() != nil {
			t.Errorf("the ctx may end: Done is %v, Err is %v", ctx.Done(), ctx.Err())
		}
		derived, cancel := context.WithCancel(ctx)
		cancel()
		if derived.Err() == nil || ctx.Err() != nil {
			t.Errorf("after cancel, Err is %v for the derived ctx and %v for its parent", derived.Err(), ctx.Err())
		}
		l.Stop()
	})
	runForever(t, l)
}

// A262: a goroutine that a task starts has no current loop, unless it receives the ctx.
func TestGoroutineHasNoLoop(t *testing.T) {
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

// A guest is a driver for a loop inside another event loop, such as that of a GUI:
// instead of sleeping, it dispatches the other loop's events.
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

// A263: a custom driver can run a loop inside another event loop.
func TestLoopInsideAnotherEventLoop(t *testing.T) {
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
		log.Add("task continues")
		return asyncio.Sleep(ctx, time.Second)
	}))
	if err != nil {
		t.Error(err)
	}
	log.Want(t, "key pressed", "button clicked", "task continues", "window closed")
}

// A263: another event loop can run the loop turn by turn.
func TestLoopTurnByTurn(t *testing.T) {
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
			t.Error("IsRunning is true between two turns")
		}
	}
	log.Want(t, "pass 0", "step 0", "pass 1", "step 1", "pass 2", "pass 3")
}

// A261: CallSoon and its relatives reject a nil callback. A function that returns an
// error does not compile as one.
func TestNilCallback(t *testing.T) {
	l := newLoop(t)
	for _, call := range []func(){
		func() { l.CallSoon(nil) },
		func() { l.CallLater(time.Second, nil) },
		func() { l.CallAt(time.Second, nil) },
		func() { _, _ = l.CallSoonThreadsafe(nil) },
	} {
		wantErr(t, panicOf(call), asyncio.ErrInvalidArgument, "with a nil function; pass a func(ctx context.Context)")
	}
}
