package asyncio_test

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// A339: debug mode is on if ASYNCIODEBUG is not empty when the loop is created. SetDebug
// changes it.
func TestSetDebug(t *testing.T) {
	for env, want := range map[string]bool{"": false, "1": true, "0": true} {
		t.Setenv("ASYNCIODEBUG", env)
		l := newLoop(t)
		if l.Debug() != want {
			t.Errorf("Debug returned %v with ASYNCIODEBUG=%q; want %v", l.Debug(), env, want)
		}
		for _, on := range []bool{true, false, true} {
			l.SetDebug(on)
			if l.Debug() != on || strings.Contains(l.String(), "debug") != on {
				t.Errorf("after SetDebug(%v) Debug is %v and the loop is %v", on, l.Debug(), l)
			}
		}
	}
}

var anyTime = regexp.MustCompile(` took [\d.]+(ns|µs|ms|s),`)

// slowSteps runs a task beside main and returns the reports of slow steps, without the
// times.
func slowSteps(t *testing.T, r *asyncio.Runner) []string {
	var log record
	r.LoopFactory = func() *asyncio.Loop {
		l := asyncio.NewLoop(driver.NewVirtual())
		l.SetExceptionHandler(func(ctx context.Context, e *asyncio.ExceptionContext) {
			log.Handle(ctx, e)
		})
		return l
	}
	err := runOn(t, r, func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		running(ctx).CallSoon(idle)
		task := asyncio.Go(ctx, oneYield, asyncio.WithName("worker"))
		_, err := task.Await(ctx)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	log.WithoutLineNumbers()
	for i, line := range log.Lines {
		line = anyTime.ReplaceAllString(line, " took TIME,")
		if before, after, ok := strings.Cut(line, " made at /"); ok { // remove the directory
			_, after, _ = strings.Cut(after, ">")
			line = before + " made at PLACE>" + after
		}
		log.Lines[i] = line
	}
	return log.Lines
}

func oneYield(ctx context.Context) error { return asyncio.Yield(ctx) }

// A340: debug mode reports by name each step or callback that takes at least the time of
// SetSlowCallback, including the last step of a task. The limits here are below zero and
// one hour.
func TestSlowCallback(t *testing.T) {
	const took = " took TIME, and nothing else could run meanwhile; move long work to ToThread"
	const worker = "reported: task worker (asyncio_test.oneYield() at debug_test.go:N)" + took
	const main = "reported: task main (asyncio_test.slowSteps.func2() at debug_test.go:N)" + took
	got := slowSteps(t, &asyncio.Runner{Debug: true, SlowCallback: -1})
	want := []string{
		main,
		"reported: <Handle asyncio_test.idle() at handle_test.go:N made at PLACE>" + took,
		worker,
		worker,
		main,
	}
	if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("the reports are\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	for _, r := range []*asyncio.Runner{
		{SlowCallback: -1},
		{Debug: true, SlowCallback: time.Hour},
	} {
		if got := slowSteps(t, r); len(got) > 0 {
			t.Errorf("with debug mode %v and the limit %v, the reports are %v; want none", r.Debug, r.SlowCallback, got)
		}
	}
}

// A340: a SlowCallback of 0 means 100 ms, so an empty step is not reported.
func TestSlowCallbackDefault(t *testing.T) {
	var log record
	l := newLoop(t)
	l.SetDebug(true)
	l.SetExceptionHandler(log.Handle)
	step := func() {
		l.CallSoon(idle)
		l.Stop()
		runForever(t, l)
	}
	l.SetSlowCallback(-1)
	step()
	if len(log.Lines) != 1 {
		t.Errorf("a step over the limit has the reports %v; want one", log.Lines)
	}
	log.Lines = nil
	l.SetSlowCallback(0)
	for range 10 {
		step()
	}
	if len(log.Lines) == 10 { // the system may delay some of them
		t.Errorf("empty steps have the reports %v; want none", log.Lines)
	}
}

// A341: in debug mode, only code that runs on the loop may use it. Code of another loop
// may not.
func TestDebugModeChecksGoroutine(t *testing.T) {
	for _, debug := range []bool{false, true} {
		var log record
		err := runOn(t, &asyncio.Runner{Debug: debug}, func(ctx context.Context) error {
			l := running(ctx)
			soon := l.CallSoon(idle)
			use := func() {
				log.Add("CallSoon: %v", panicOf(func() { l.CallSoon(idle) }))
				log.Add("CallLater: %v", panicOf(func() { l.CallLater(time.Minute, idle) }))
				log.Add("CallAt: %v", panicOf(func() { l.CallAt(time.Minute, idle) }))
				log.Add("Go: %v", panicOf(func() { asyncio.Go(ctx, never).Cancel() }))
				log.Add("NewFuture: %v", panicOf(func() { asyncio.NewFuture[int](ctx) }))
				log.Add("Cancel: %v", panicOf(func() { soon.Cancel() }))
			}
			inGoroutine(use)
			inGoroutine(func() {
				other := asyncio.NewLoop(driver.NewVirtual())
				defer other.Close()
				_, _ = asyncio.RunUntilComplete(other, coro(func(context.Context) error { use(); return nil }))
			})
			l.CallSoon(func(context.Context) { inGoroutine(use) })
			yields(ctx, 1)
			use()
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		acts := []string{"CallSoon: ", "CallLater: ", "CallAt: ", "Go: ", "NewFuture: ", "Cancel: "}
		text := "<nil>"
		var want []string
		for range 3 {
			for _, act := range acts {
				if debug {
					text = "asyncio: misuse: " + strings.TrimSuffix(act, ": ") + " from a goroutine that is not the loop's; use CallSoonThreadsafe or RunCoroutineThreadsafe there"
					if act == "Cancel: " {
						text = strings.Replace(text, "Cancel", "Cancel of a Handle", 1)
					}
				}
				want = append(want, act+text)
			}
		}
		for _, act := range acts {
			want = append(want, act+"<nil>")
		}
		log.Want(t, want...)
	}
}

// A341: primitives and queues wake their waiters through futures. In debug mode, waking
// from another goroutine panics and wakes no task.
func TestDebugModeChecksWakeUps(t *testing.T) {
	err := runOn(t, &asyncio.Runner{Debug: true}, func(ctx context.Context) error {
		lock, event, cond := new(asyncio.Lock), new(asyncio.Event), asyncio.NewCondition(nil)
		sem, queue := asyncio.NewSemaphore(0), asyncio.NewQueue[int](0)
		if err := errors.Join(lock.Acquire(ctx), cond.Acquire(ctx)); err != nil {
			return err
		}
		for _, wait := range []func(ctx context.Context) error{
			lock.Acquire, event.Wait, cond.Acquire, sem.Acquire,
			func(ctx context.Context) error { _, err := queue.Get(ctx); return err },
		} {
			asyncio.Go(ctx, wait)
		}
		yields(ctx, 1)
		inGoroutine(func() {
			for what, wake := range map[string]func(){
				"Lock.Release":      lock.Release,
				"Event.Set":         event.Set,
				"Condition.Release": cond.Release,
				"Semaphore.Release": sem.Release,
				"Queue.TryPut":      func() { _ = queue.TryPut(1) },
			} {
				if err := panicOf(wake); !errors.Is(err, asyncio.ErrMisuse) || !strings.Contains(err.Error(), "SetResult from a goroutine that is not the loop's") {
					t.Errorf("%s panicked with %v; want ErrMisuse", what, err)
				}
			}
		})
		yields(ctx, 2)
		if n := len(asyncio.AllTasks(ctx)); n != 6 {
			t.Errorf("AllTasks has %d tasks; want 6", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Any task may switch debug mode at any time without causing false reports.
func TestDebugModeCanBeSwitchedAnytime(t *testing.T) {
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		var tasks []*asyncio.Task[asyncio.None]
		for i := range 4 {
			tasks = append(tasks, asyncio.Go(ctx, func(ctx context.Context) error {
				for range 3 {
					l.SetDebug(i%2 == 0)
					l.CallSoon(idle)
					if err := asyncio.Yield(ctx); err != nil {
						return err
					}
					l.CallSoon(idle)
					asyncio.NewFuture[int](ctx).Cancel()
				}
				return nil
			}))
		}
		for _, task := range tasks {
			if _, err := task.Await(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// Debug mode reports a task that was cancelled and returned nil, unless it called
// Uncancel.
func TestSuppressedCancelIsReported(t *testing.T) {
	for _, debug := range []bool{true, false} {
		var log record
		err := runOn(t, &asyncio.Runner{Debug: debug}, func(ctx context.Context) error {
			running(ctx).SetExceptionHandler(func(ctx context.Context, e *asyncio.ExceptionContext) {
				log.Handle(ctx, e)
				log.Add("reported for %s", e.Future.(asyncio.AnyTask).Name())
			})
			var tasks []*asyncio.Task[asyncio.None]
			for name, end := range map[string]func(ctx context.Context, err error) error{
				"suppresses": func(context.Context, error) error { return nil },
				"uncancels": func(ctx context.Context, _ error) error {
					asyncio.CurrentTask(ctx).Uncancel()
					return nil
				},
				"fails":   func(context.Context, error) error { return errBoom },
				"returns": func(_ context.Context, err error) error { return err },
			} {
				task := asyncio.Go(ctx, func(ctx context.Context) error { return end(ctx, never(ctx)) }, asyncio.WithName(name))
				tasks = append(tasks, task)
			}
			yields(ctx, 1)
			for _, task := range tasks {
				task.Cancel()
				_, _ = task.Await(ctx)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		log.WithoutLineNumbers()
		var want []string
		if debug {
			want = []string{
				"reported: task suppresses (asyncio_test.TestSuppressedCancelIsReported.func1.6() at debug_test.go:N) was cancelled and returned without an error; " +
					"return the CancelledError, or call Uncancel to withdraw the request",
				"reported for suppresses",
			}
		}
		log.Want(t, want...)
	}
}

// deep calls f at a recursion depth of n.
func deep(n int, f func()) {
	if n == 0 {
		f()
		return
	}
	deep(n-1, f)
}

// A342: in debug mode, reports show where a task, future or call was created, as up to
// ten frames that start at the caller's code.
func TestOriginHasTenFrames(t *testing.T) {
	for what, fail := range map[string]func(ctx context.Context){
		"a task":            func(ctx context.Context) { asyncio.Go(ctx, fails(errBoom)) },
		"a task of a group": func(ctx context.Context) { asyncio.Gather(ctx, coro(fails(errBoom))) },
		"a future":          func(ctx context.Context) { _ = asyncio.NewFuture[int](ctx).SetException(errBoom) },
		"a call":            func(ctx context.Context) { running(ctx).CallSoon(panics) },
		"a timer":           func(ctx context.Context) { running(ctx).CallLater(1, panics) },
		"a call from outside": func(ctx context.Context) {
			_, _ = running(ctx).CallSoonThreadsafe(panics)
		},
	} {
		for depth, frames := range map[int]int{0: 0, 30: 10} {
			var sources []string
			err := runOn(t, &asyncio.Runner{Debug: true}, func(ctx context.Context) error {
				running(ctx).SetExceptionHandler(func(_ context.Context, e *asyncio.ExceptionContext) {
					sources = append(sources, e.Source)
				})
				deep(depth, func() { fail(ctx) })
				return asyncio.Sleep(ctx, time.Second)
			})
			if err != nil {
				t.Error(err)
			}
			if len(sources) != 1 {
				t.Errorf("%s has %d reports; want 1", what, len(sources))
				continue
			}
			lines := strings.Split(sources[0], "\n") // two for each frame
			if !strings.HasPrefix(lines[0], "example.com/asyncio_test.TestOriginHasTenFrames.func") || !strings.Contains(lines[1], "/debug_test.go:") {
				t.Errorf("%s was created at\n%s", what, sources[0])
			}
			if got := len(lines) / 2; got > 10 || frames > 0 && got != frames {
				t.Errorf("%s has %d frames; want at most 10:\n%s", what, got, sources[0])
			}
			if got := strings.Count(sources[0], "asyncio_test.deep\n"); frames > 0 && got < 7 {
				t.Errorf("%s has %d frames of its callers; want at least 7:\n%s", what, got, sources[0])
			}
		}
	}
}

// A342: without debug mode, reports show only the function of a task.
func TestOriginWithoutDebugMode(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		l.SetExceptionHandler(func(_ context.Context, e *asyncio.ExceptionContext) { log.Add("%q", e.Source) })
		l.CallSoon(panics)
		_ = asyncio.Yield(ctx)
		asyncio.Go(ctx, failing)
		_ = asyncio.NewFuture[int](ctx).SetException(errBoom)
		return asyncio.Yield(ctx)
	})
	log.WithoutLineNumbers()
	log.Want(t, `""`, `"asyncio_test.failing() at report_test.go:N"`, `""`)
}

// A344: an unclosed loop leaves parked goroutines that a leak check finds, and Close ends
// them all.
func TestUnclosedLoopLeavesGoroutines(t *testing.T) {
	noLeaks(t)
	before := goroutines()
	l := asyncio.NewLoop(driver.NewVirtual())
	asyncio.Go(l.Context(), never)
	l.Stop()
	runForever(t, l)
	left := 0
	for id, stack := range goroutines() {
		if before[id] == "" && strings.Contains(stack, "asyncio_test.never(") && strings.Contains(stack, "asyncio.(*Task[...]).run") {
			left++
		}
	}
	if left != 1 {
		t.Errorf("the waiting task has %d goroutines; want 1", left)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
