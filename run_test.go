package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// virtual returns a Runner for tests that call its methods directly.
func virtual() *asyncio.Runner {
	return &asyncio.Runner{Driver: driver.NewVirtual(), NoInterrupt: true}
}

// A266: Run returns the error of main. RunResult also returns its result. The loop is
// closed afterwards.
func TestRun(t *testing.T) {
	noLeaks(t)
	var l *asyncio.Loop
	main := func(ctx context.Context) (int, error) {
		l = running(ctx)
		if !l.IsRunning() {
			t.Error("IsRunning is false in main")
		}
		return 42, asyncio.Yield(ctx)
	}
	if got, err := asyncio.RunResult(context.Background(), main); got != 42 || err != nil {
		t.Errorf("RunResult = %v, %v; want 42, nil", got, err)
	}
	if !l.IsClosed() {
		t.Errorf("after RunResult the loop is not closed: %v", l)
	}
	err := asyncio.Run(context.Background(), func(ctx context.Context) error {
		l = running(ctx)
		_ = asyncio.Yield(ctx)
		return errBoom
	})
	if err != errBoom || !l.IsClosed() {
		t.Errorf("Run = %v, loop %v; want %v and a closed loop", err, l, errBoom)
	}
}

// A267: the compiler ensures that Run gets a function. It refuses nil.
func TestRunNilFunction(t *testing.T) {
	noLeaks(t)
	const text = "asyncio: invalid argument: Run: main is nil; pass a func(ctx context.Context) error"
	r := virtual()
	defer r.Close()
	for _, err := range []error{
		asyncio.Run(context.Background(), nil),
		r.Run(context.Background(), nil),
	} {
		wantErr(t, err, asyncio.ErrInvalidArgument, text)
	}
}

// A nil ctx is an error of Run, and not a panic.
func TestRunNilContext(t *testing.T) {
	noLeaks(t)
	const text = "asyncio: invalid argument: Run: ctx is nil; pass context.Background()"
	var none context.Context
	main := func(context.Context) error { t.Error("main ran"); return nil }
	r := virtual()
	defer r.Close()
	wantErr(t, asyncio.Run(none, main), asyncio.ErrInvalidArgument, text)
	wantErr(t, r.Run(none, main), asyncio.ErrInvalidArgument, text)
	_, err := asyncio.RunResult(none, func(context.Context) (int, error) { return 1, main(none) })
	wantErr(t, err, asyncio.ErrInvalidArgument, text)
}

// A268: Run and Runner.Run return an error inside a running loop, without an effect.
func TestRunInsideRunningLoop(t *testing.T) {
	noLeaks(t)
	var log record
	r := virtual()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		inner := func(context.Context) error { log.Add("inner ran"); return nil }
		const text = "asyncio: misuse: Run: ctx belongs to a running loop; await the function, or start it with Go or CreateTask"
		wantErr(t, asyncio.Run(ctx, inner), asyncio.ErrMisuse, text)
		wantErr(t, r.Run(ctx, inner), asyncio.ErrMisuse, text)
		wantErr(t, r.Run(context.Background(), inner), asyncio.ErrMisuse, "asyncio: misuse: Run: the loop of the Runner is running; await the function")
		wantErr(t, r.Close(), asyncio.ErrMisuse, "asyncio: misuse: Close: the loop of the Runner is running; call Close after Run")
		running(ctx).CallSoon(func(ctx context.Context) { wantErr(t, asyncio.Run(ctx, inner), asyncio.ErrMisuse, text) })
		yields(ctx, 3)
		log.Add("main ended")
		return nil
	})
	if err := errors.Join(err, r.Close()); err != nil {
		t.Error(err)
	}
	log.Want(t, "main ended")
}

// A269, A339: Debug or the environment turns on debug mode.
func TestRunInDebugMode(t *testing.T) {
	for _, test := range []struct {
		env         string
		debug, want bool
	}{
		{"", false, false},
		{"", true, true},
		{"1", false, true},
		{"1", true, true},
	} {
		t.Setenv("ASYNCIODEBUG", test.env)
		err := runOn(t, &asyncio.Runner{Debug: test.debug}, func(ctx context.Context) error {
			if got := running(ctx).Debug(); got != test.want {
				t.Errorf("%+v: Debug() = %v", test, got)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// A270: LoopFactory is called once and makes the loop. Close of the Runner closes the
// loop.
func TestLoopFactory(t *testing.T) {
	noLeaks(t)
	calls := 0
	var made *asyncio.Loop
	r := &asyncio.Runner{NoInterrupt: true, LoopFactory: func() *asyncio.Loop {
		calls++
		made = asyncio.NewLoop(driver.NewVirtual())
		return made
	}}
	for range 2 {
		err := r.Run(context.Background(), func(ctx context.Context) error {
			if l := running(ctx); l != made {
				t.Errorf("main runs on %v, which is not the loop of LoopFactory", l)
			}
			return asyncio.Sleep(ctx, time.Hour)
		})
		if err != nil {
			t.Error(err)
		}
	}
	if calls != 1 || r.Loop() != made {
		t.Errorf("LoopFactory was called %d times, or Loop returns another loop", calls)
	}
	if err := r.Close(); err != nil || !made.IsClosed() {
		t.Errorf("Close = %v, loop %v; want nil and a closed loop", err, made)
	}

	bad := &asyncio.Runner{LoopFactory: func() *asyncio.Loop { return nil }}
	err := panicOf(func() { bad.Loop() })
	wantErr(t, err, asyncio.ErrInvalidArgument, "Runner: LoopFactory returned nil; return a loop, as NewLoop does")
}

// A271: after main, even if it failed, the remaining tasks are cancelled in the order of
// their creation and awaited. Their cleanup may await.
func TestRunCancelsRemainingTasks(t *testing.T) {
	for _, outcome := range []error{nil, errBoom} {
		var log record
		var tasks []*asyncio.Task[asyncio.None]
		err := runErr(t, func(ctx context.Context) error {
			for _, name := range []string{"a", "b"} {
				tasks = append(tasks, asyncio.Go(ctx, func(ctx context.Context) error {
					err := asyncio.Sleep(ctx, time.Hour)
					log.Add("%s: %v", name, err)
					if err := asyncio.Sleep(ctx, time.Second); err != nil {
						return err
					}
					log.Add("%s has cleaned up", name)
					return err
				}))
			}
			tasks = append(tasks, asyncio.Go(ctx, fails(nil))) // never begins
			return outcome
		})
		if err != outcome && !errors.Is(err, outcome) {
			t.Errorf("Run = %v; want %v", err, outcome)
		}
		log.Want(t,
			"a: asyncio: cancelled by the shutdown of the loop",
			"b: asyncio: cancelled by the shutdown of the loop",
			"a has cleaned up",
			"b has cleaned up",
		)
		for i, task := range tasks {
			if !task.Done() || task.Cancelled() != (i < 2) {
				t.Errorf("task %d: %v; want it done, and cancelled if it had begun", i, task)
			}
		}
	}
}

// A272: the errors of these tasks are reported, each with its task, in the order of
// creation.
func TestRunReportsErrorsOfRemainingTasks(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(func(ctx context.Context, e *asyncio.ExceptionContext) {
			log.Handle(ctx, e)
			log.Add("by %s", e.Future.(asyncio.AnyTask).Name())
		})
		for i, name := range []string{"a", "b", "c"} {
			asyncio.Go(ctx, func(ctx context.Context) error {
				if err := never(ctx); i == 1 {
					return err
				}
				_ = asyncio.Sleep(ctx, time.Duration(3-i)*time.Second)
				return fmt.Errorf("%s failed", name)
			}, asyncio.WithName(name))
		}
		return asyncio.Yield(ctx)
	})
	log.Want(t,
		"reported: task a failed during shutdown: a failed", "by a",
		"reported: task c failed during shutdown: c failed", "by c",
	)
}

// A273: shutdown ends the tasks first, then the jobs of the default executor, then the
// loop. The cleanup of a task can use the executor.
func TestShutdownOrder(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		release := make(chan bool)
		l := running(ctx)
		l.SetExceptionHandler(log.Handle)
		asyncio.Go(ctx, fails(errors.New("not awaited")), asyncio.WithName("lost"))
		asyncio.RunInExecutor(ctx, nil, func(context.Context) (int, error) {
			<-release
			log.Add("job ends, loop closed: %v", l.IsClosed())
			return 0, nil
		})
		asyncio.Go(ctx, func(ctx context.Context) error {
			err := never(ctx)
			saved, _ := asyncio.ToThread(ctx, func(context.Context) (string, error) { return "saved", nil })
			log.Add("task ends, %s", saved)
			close(release)
			return err
		})
		return asyncio.Yield(ctx)
	})
	log.Want(t,
		"task ends, saved",
		"job ends, loop closed: false",
		"reported: task lost failed and its error was never read: not awaited",
	)
}

// A274: tasks made during the cancellation of the others are cancelled, too. (CPython
// loses them.)
func TestTasksMadeDuringShutdown(t *testing.T) {
	var log record
	var chain func(n int) func(ctx context.Context) error
	chain = func(n int) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			defer log.Add("%d ends", n)
			if n < 5 {
				defer asyncio.Go(ctx, chain(n+1))
			}
			return never(ctx)
		}
	}
	run(t, func(ctx context.Context) error {
		asyncio.Go(ctx, chain(1))
		return asyncio.Yield(ctx)
	})
	log.Want(t, "1 ends", "2 ends", "3 ends", "4 ends", "5 ends")
}

// A274: the number of rounds is limited. A task that makes a successor in every round is
// listed in the error and killed.
func TestShutdownRoundsAreLimited(t *testing.T) {
	n := 0
	var successor func(ctx context.Context) error
	successor = func(ctx context.Context) error {
		n++
		defer func() {
			if !running(ctx).IsClosed() && n < 1000 { // the last task is killed and cannot make another
				_ = panicOf(func() { asyncio.Go(ctx, successor, asyncio.WithName("hydra")) })
			}
		}()
		return never(ctx)
	}
	err := runErr(t, func(ctx context.Context) error {
		asyncio.Go(ctx, successor, asyncio.WithName("hydra"))
		return asyncio.Yield(ctx)
	})
	e := &asyncio.ShutdownError{}
	if !errors.As(err, &e) || len(e.Tasks) != 1 || !strings.HasPrefix(e.Tasks[0], "task hydra (") {
		t.Errorf("Run = %v; want a ShutdownError with task hydra", err)
	}
	if n < 5 || n > 20 {
		t.Errorf("%d tasks were made; want 5 to 20", n)
	}
}

// ignoreCancel ignores all cancels.
func ignoreCancel(ctx context.Context) error {
	for {
		_ = asyncio.Sleep(ctx, time.Minute)
	}
}

// A task that ignores its cancel is listed in the error after ShutdownTimeout and killed:
// its deferred calls run. This holds in virtual time and in real time.
func TestShutdownKillsTaskThatIgnoresCancel(t *testing.T) {
	for _, real := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var log record
			r := &asyncio.Runner{ShutdownTimeout: 90 * time.Second}
			if real {
				r.Driver = driver.NewReal()
			}
			var l *asyncio.Loop
			err := runOn(t, r, func(ctx context.Context) error {
				l = running(ctx)
				asyncio.Go(ctx, func(ctx context.Context) error {
					defer func() { log.Add("deferred call at %v", l.Time()) }()
					return ignoreCancel(ctx)
				}, asyncio.WithName("stubborn"))
				asyncio.Go(ctx, func(ctx context.Context) error {
					err := never(ctx)
					log.Add("the other task ends at %v", l.Time())
					return err
				})
				return asyncio.Sleep(ctx, time.Second)
			})
			if err == nil {
				t.Fatal("Run = nil; want an error")
			}
			log.Add("%s", err)
			log.WithoutLineNumbers()
			log.Want(t,
				"the other task ends at 1s",
				"deferred call at 1m31s",
				"asyncio: shutdown incomplete after 1m30s:\n"+
					"  task stubborn (asyncio_test.TestShutdownKillsTaskThatIgnoresCancel.func1.1.1() at run_test.go:N) waits for a timer until 2m1s",
			)
		})
	}
}

// If nothing can wake the loop, shutdown does not wait for the limit. Run returns the
// error of main and that of Close.
func TestShutdownOfDeadlockedTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now() // on the clock of the bubble
		err := runOn(t, &asyncio.Runner{Driver: driver.NewReal()}, func(ctx context.Context) error {
			asyncio.Go(ctx, func(ctx context.Context) error {
				_ = never(ctx)
				return never(ctx)
			}, asyncio.WithName("stuck"))
			if err := asyncio.Yield(ctx); err != nil {
				return err
			}
			return errBoom
		})
		wantErr(t, err, errBoom, "asyncio: shutdown incomplete after 5m0s", "task stuck (")
		if e := (*asyncio.ShutdownError)(nil); !errors.As(err, &e) || len(e.Tasks) != 1 || len(e.Jobs) != 0 {
			t.Errorf("Run = %v; want a ShutdownError with one task", err)
		}
		if spent := time.Since(began); spent != 0 {
			t.Errorf("shutdown took %v; want 0", spent)
		}
	})
}

// Run joins the error of main and that of Close.
func TestRunReturnsBothErrors(t *testing.T) {
	noLeaks(t)
	stuck := func(ctx context.Context) error { _ = never(ctx); return never(ctx) }
	for _, outcome := range []error{nil, errBoom} {
		err := asyncio.Run(context.Background(), func(ctx context.Context) error {
			asyncio.Go(ctx, stuck)
			_ = asyncio.Yield(ctx)
			return outcome
		})
		if e := (*asyncio.ShutdownError)(nil); !errors.As(err, &e) || errors.Is(err, errBoom) != (outcome != nil) {
			t.Errorf("main returned %v, and Run = %v; want a ShutdownError and the error of main", outcome, err)
		}
	}
}

// A Stop during shutdown does not end the wait of Close.
func TestStopDuringShutdown(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		asyncio.Go(ctx, func(ctx context.Context) error {
			err := never(ctx)
			running(ctx).Stop()
			log.Add("sleep: %v", asyncio.Sleep(ctx, time.Second))
			return err
		})
		return asyncio.Yield(ctx)
	})
	log.Want(t, "sleep: <nil>")
}

// A Goexit in a task during shutdown ends the goroutine of Run after the loop is closed.
func TestGoexitDuringShutdown(t *testing.T) {
	var log record
	exited := inGoroutine(func() {
		run(t, func(ctx context.Context) error {
			asyncio.Go(ctx, func(ctx context.Context) error {
				_ = never(ctx)
				runtime.Goexit()
				return nil
			})
			asyncio.Go(ctx, func(ctx context.Context) error {
				err := never(ctx)
				log.Add("sleep: %v", asyncio.Sleep(ctx, time.Second))
				return err
			})
			return asyncio.Yield(ctx)
		})
	})
	if !exited {
		t.Error("Run returned; want Goexit")
	}
	log.Want(t, "sleep: <nil>")
}

// A275: the runs of a Runner share one loop, which the first use makes, and one
// ContextVars. Tasks continue in the next run.
func TestRunner(t *testing.T) {
	noLeaks(t)
	r := virtual()
	v := asyncio.NewContextVarDefault("v", -1)
	var background *asyncio.Task[int]
	swap := func(value int) func(ctx context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			old, _ := v.Get(ctx)
			if background == nil {
				background = asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) { return 7, asyncio.Sleep(ctx, time.Second) })
			}
			err := asyncio.Yield(ctx)
			v.Set(ctx, value)
			return old, err
		}
	}
	var loops []*asyncio.Loop
	for i, want := range []int{-1, 1, 2} {
		if got, err := runnerResult(r, swap(i+1)); got != want || err != nil {
			t.Errorf("run %d: value %v, error %v; want %v", i, got, err, want)
		}
		loops = append(loops, r.Loop())
	}
	if len(slices.Compact(loops)) != 1 {
		t.Error("the runs used more than one loop")
	}
	if got, err := runnerResult(r, background.Await); got != 7 || err != nil {
		t.Errorf("the task of the first run = %v, %v; want 7", got, err)
	}
	if err := r.Close(); err != nil || !loops[0].IsClosed() {
		t.Errorf("Close = %v, loop %v; want nil and a closed loop", err, loops[0])
	}
}

// A275: WithContextVars gives a run its own ContextVars.
func TestRunnerWithContextVars(t *testing.T) {
	noLeaks(t)
	r := virtual()
	defer r.Close()
	v := asyncio.NewContextVarDefault("v", "nothing")
	given := new(asyncio.ContextVars)
	var log record
	set := func(ctx context.Context) error {
		log.Add("value: %s", valueOf(ctx, v))
		v.Set(ctx, "set before")
		return nil
	}
	for _, opts := range [][]asyncio.TaskOption{{asyncio.WithContextVars(given)}, {}, {asyncio.WithContextVars(given), asyncio.WithName("main")}} {
		if err := r.Run(context.Background(), set, opts...); err != nil {
			t.Error(err)
		}
	}
	log.Want(t, "value: nothing", "value: nothing", "value: set before")
}

// A276: Loop makes the loop, and Close closes it. A second Close does nothing. A closed
// Runner cannot run.
func TestRunnerClose(t *testing.T) {
	noLeaks(t)
	r := virtual()
	l := r.Loop()
	if l == nil || r.Loop() != l || l.IsClosed() {
		t.Errorf("Loop = %v; want one open loop", l)
	}
	for range 2 {
		if err := r.Close(); err != nil || !l.IsClosed() {
			t.Errorf("Close = %v, loop %v; want nil and a closed loop", err, l)
		}
	}
	if l := r.Loop(); l != nil {
		t.Errorf("after Close, Loop = %v; want nil", l)
	}
	err := r.Run(context.Background(), func(context.Context) error { t.Error("main ran"); return nil })
	wantErr(t, err, asyncio.ErrLoopClosed, "asyncio: the loop is closed: Run: the Runner is closed; make a new one")

	unused := virtual()
	if err := unused.Close(); err != nil {
		t.Error(err)
	}
	if l := unused.Loop(); l != nil {
		t.Errorf("after Close, Loop = %v; want nil", l)
	}
}

// The end of the ctx given to Run cancels main with an error that contains the reason. A
// ctx that ended earlier cancels main before it begins. main may return another error.
func TestRunContextEnds(t *testing.T) {
	noLeaks(t)
	reason := errors.New("no time left")
	var log record
	for _, early := range []bool{false, true} {
		ctx, cancel := context.WithCancelCause(context.Background())
		if early {
			cancel(reason)
		}
		r := &asyncio.Runner{NoInterrupt: true}
		err := r.Run(ctx, func(ctx context.Context) error {
			log.Add("main begins")
			cancel(reason)
			err := never(ctx)
			log.Add("main ends: %v", err)
			return err
		})
		log.Add("Run: %v; cause: %v", err, errors.Unwrap(err))
		wantErr(t, err, context.Canceled)
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	log.Want(t,
		"main begins",
		"main ends: asyncio: cancelled by the ctx of Run: context canceled",
		"Run: asyncio: cancelled: context canceled; cause: no time left",
		"Run: asyncio: cancelled: context canceled; cause: no time left",
	)

	ctx, cancel := context.WithCancel(context.Background())
	err := asyncio.Run(ctx, func(ctx context.Context) error {
		cancel()
		_ = never(ctx)
		return errBoom
	})
	if err != errBoom {
		t.Errorf("Run = %v; want %v", err, errBoom)
	}
}

// main and its tasks inherit the values of the ctx given to Run.
func TestRunInheritsValues(t *testing.T) {
	noLeaks(t)
	r := virtual()
	type key struct{}
	err := r.Run(context.WithValue(context.Background(), key{}, "value"), func(ctx context.Context) error {
		if got := ctx.Value(key{}); got != "value" {
			t.Errorf("value in main: %v", got)
		}
		_, err := asyncio.Go(ctx, func(ctx context.Context) error {
			if got := ctx.Value(key{}); got != "value" {
				t.Errorf("value in a task: %v", got)
			}
			return nil
		}).Await(ctx)
		return err
	})
	if err := errors.Join(err, r.Close()); err != nil {
		t.Error(err)
	}
}

// If main waits and nothing can wake the loop, Run returns a DeadlockError with all
// waiting tasks. In real time this requires that no other goroutine can have the loop.
func TestDeadlock(t *testing.T) {
	for _, d := range []driver.Driver{driver.NewVirtual(), driver.NewReal()} {
		noLeaks(t)
		r := &asyncio.Runner{Driver: d, NoInterrupt: true}
		var log record
		err := r.Run(context.Background(), func(ctx context.Context) error {
			f := asyncio.NewFuture[int](ctx)
			reader := asyncio.Go(ctx, func(ctx context.Context) error { _, err := f.Await(ctx); return err }, asyncio.WithName("reader"))
			asyncio.Go(ctx, failing) // ends early
			late := asyncio.Go(ctx, never, asyncio.WithName("late"))
			late.Cancel() // ends early, too
			_, err := reader.Await(ctx)
			log.Add("main: %v", err)
			return err
		}, asyncio.WithName("main"))
		if d := (*asyncio.DeadlockError)(nil); !errors.As(err, &d) || len(d.Waiting) != 2 {
			t.Fatalf("Run = %v; want a DeadlockError with 2 tasks", err)
		}
		log.Add("%s", err)
		log.WithoutLineNumbers()
		log.Want(t, "asyncio: deadlock: nothing can wake this loop; pending tasks:\n"+
			"  task main (asyncio_test.TestDeadlock.func1() at run_test.go:N) waits for task reader\n"+
			"  task reader (asyncio_test.TestDeadlock.func1.1() at run_test.go:N) waits for <Future pending>")
		text := logged(func() { // reports the task that failed
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
		if !strings.Contains(text, "boom") {
			t.Errorf("the unread error is not reported: %q", text)
		}
		log.Want(t, "main: asyncio: cancelled by the shutdown of the loop, through the await of main")
	}
}

// In virtual time a deadlock is detected even if another goroutine may have the loop: it
// has announced no work.
func TestDeadlockOfEscapedLoop(t *testing.T) {
	err := runErr(t, func(ctx context.Context) error {
		running(ctx) // the loop escapes
		return never(ctx)
	})
	if d := (*asyncio.DeadlockError)(nil); !errors.As(err, &d) {
		t.Errorf("Run = %v; want a DeadlockError", err)
	}
}

// In real time such a loop waits for a call from another goroutine. A loop also waits for
// the ctx given to Run.
func TestNoDeadlockIfWakeUpIsPossible(t *testing.T) {
	noLeaks(t)
	err := asyncio.Run(context.Background(), func(ctx context.Context) error {
		l, f := running(ctx), asyncio.NewFuture[int](ctx)
		go func() { _, _ = l.CallSoonThreadsafe(func(context.Context) { _ = f.SetResult(1) }) }()
		_, err := f.Await(ctx)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	asleep := make(chan bool, 1)
	go func() { <-asleep; cancel() }()
	r := &asyncio.Runner{Driver: &sleepy{driver.NewReal(), asleep}, NoInterrupt: true}
	err = errors.Join(r.Run(ctx, never), r.Close())
	wantErr(t, err, asyncio.ErrCancelled)
}

// A loop without tasks also detects a deadlock. After a deadlock it can run again.
func TestDeadlockWithoutTasks(t *testing.T) {
	var log record
	l := newLoop(t)
	err := l.RunForever()
	if d := (*asyncio.DeadlockError)(nil); !errors.As(err, &d) || len(d.Waiting) != 0 {
		t.Errorf("RunForever = %v; want a DeadlockError without tasks", err)
	}
	log.Add("%v", err)
	f := asyncio.NewFuture[int](l.Context())
	_, err = asyncio.RunUntilComplete(l, f)
	log.Add("%v", err)
	l.CallLater(time.Second, func(context.Context) { _ = f.SetResult(1) })
	v, err := asyncio.RunUntilComplete(l, f)
	log.Add("%v, %v", v, err)
	const text = "asyncio: deadlock: nothing can wake this loop and it has no pending tasks; complete the awaited future or call Stop"
	log.Want(t, text, text, "1, <nil>")
}

// A281: all tasks are those of this package, so that main can always be uncancelled. A
// task factory does not affect the cancel of main.
func TestRunWithTaskFactory(t *testing.T) {
	noLeaks(t)
	var log record
	r := &asyncio.Runner{NoInterrupt: true} // a loop in real time waits for the ctx given to Run
	r.Loop().SetTaskFactory(func(l *asyncio.Loop, c asyncio.TaskConfig) asyncio.TaskConfig {
		log.Add("factory: name %q", c.Name)
		c.Name, c.EagerStart = "main", true
		return c
	})
	ctx, cancel := context.WithCancel(context.Background())
	err := r.Run(ctx, func(ctx context.Context) error {
		log.Add("%s runs", asyncio.CurrentTask(ctx).Name())
		cancel()
		return never(ctx)
	})
	log.Add("%v", err)
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	log.Want(t, `factory: name ""`, "main runs", "asyncio: cancelled: context canceled")
}

// A panic of the task factory for main panics out of Run and leaves no task.
func TestTaskFactoryPanicsForMain(t *testing.T) {
	noLeaks(t)
	r := virtual()
	r.Loop().SetTaskFactory(func(*asyncio.Loop, asyncio.TaskConfig) asyncio.TaskConfig { panic(errBoom) })
	err := panicOf(func() { _ = r.Run(context.Background(), func(context.Context) error { return nil }) })
	wantErr(t, err, errBoom)
	if tasks := r.Loop().AllTasks(); len(tasks) != 0 {
		t.Errorf("remaining tasks: %v", tasks)
	}
	r.Loop().SetTaskFactory(nil)
	if err := r.Run(context.Background(), asyncio.Yield); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// runnerResult runs main on r and returns its result.
func runnerResult[T any](r *asyncio.Runner, main func(ctx context.Context) (T, error)) (result T, err error) {
	err = r.Run(context.Background(), func(ctx context.Context) (err error) {
		result, err = main(ctx)
		return err
	})
	return result, err
}
