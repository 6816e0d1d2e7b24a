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

// virtual is a Runner for tests that call its methods themselves.
func virtual() *asyncio.Runner {
	return &asyncio.Runner{Driver: driver.NewVirtual(), NoInterrupt: true}
}

// A266: Run returns main's error, RunResult its result too. The loop is then closed.
func TestRun(t *testing.T) {
	noLeaks(t)
	var l *asyncio.Loop
	main := func(ctx context.Context) (int, error) {
		l = running(ctx)
		if !l.IsRunning() {
			t.Error("the loop of main does not run")
		}
		return 42, asyncio.Yield(ctx)
	}
	if got, err := asyncio.RunResult(context.Background(), main); got != 42 || err != nil {
		t.Errorf("RunResult returns %v, %v", got, err)
	}
	if !l.IsClosed() {
		t.Errorf("afterwards there is %v", l)
	}
	err := asyncio.Run(context.Background(), func(ctx context.Context) error {
		l = running(ctx)
		_ = asyncio.Yield(ctx)
		return errBoom
	})
	if err != errBoom || !l.IsClosed() {
		t.Errorf("Run returns %v, and there is %v", err, l)
	}
}

// A267: Run takes a function, and nothing that was made of it. In Go only nil is left to be refused.
func TestRunOfNil(t *testing.T) {
	noLeaks(t)
	const text = "asyncio: Run of a nil function; give it a func(ctx context.Context) error: invalid argument"
	r := virtual()
	defer r.Close()
	for _, err := range []error{
		asyncio.Run(context.Background(), nil),
		r.Run(context.Background(), nil),
	} {
		wantErr(t, err, asyncio.ErrInvalidArgument, text)
	}
}

// A268: neither Run nor a Runner's runs inside of a running loop, and nothing of the attempt stays.
func TestRunInsideOfALoop(t *testing.T) {
	noLeaks(t)
	var log record
	r := virtual()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		inner := func(context.Context) error { log.Add("inner runs"); return nil }
		const text = "Run inside of a running loop; await the function, or make a task of it with Go or CreateTask"
		wantErr(t, asyncio.Run(ctx, inner), asyncio.ErrMisuse, text)
		wantErr(t, r.Run(ctx, inner), asyncio.ErrMisuse, text)
		wantErr(t, r.Run(context.Background(), inner), asyncio.ErrMisuse, "Run of a Runner whose loop is running; await the function")
		wantErr(t, r.Close(), asyncio.ErrMisuse, "Close of a Runner whose loop is running; call it when Run has returned")
		running(ctx).CallSoon(func(ctx context.Context) { wantErr(t, asyncio.Run(ctx, inner), asyncio.ErrMisuse, text) })
		yields(ctx, 3)
		log.Add("main ends")
		return nil
	})
	if err := errors.Join(err, r.Close()); err != nil {
		t.Error(err)
	}
	log.Want(t, "main ends")
}

// A269, A339: Debug turns debug mode on. Without it the environment decides.
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
				t.Errorf("with %+v debug mode is %v", test, got)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// A270: LoopFactory makes the loop, is called once, and the loop is closed with the Runner.
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
				t.Errorf("main runs on %v", l)
			}
			return asyncio.Sleep(ctx, time.Hour)
		})
		if err != nil {
			t.Error(err)
		}
	}
	if calls != 1 || r.Loop() != made {
		t.Errorf("it was called %d times", calls)
	}
	if err := r.Close(); err != nil || !made.IsClosed() {
		t.Errorf("Close returns %v and leaves %v", err, made)
	}

	bad := &asyncio.Runner{LoopFactory: func() *asyncio.Loop { return nil }}
	err := panicOf(func() { bad.Loop() })
	wantErr(t, err, asyncio.ErrInvalidArgument, "the LoopFactory of a Runner returned nil; it must return a loop, as NewLoop does")
}

// A271: the tasks that main leaves are cancelled, in the order of their creation, and awaited, also if
// main failed. Their cleanup may await.
func TestRunEndsTheTasksThatAreLeft(t *testing.T) {
	for _, outcome := range []error{nil, errBoom} {
		var log record
		var tasks []*asyncio.Task[asyncio.None]
		err := runErr(t, func(ctx context.Context) error {
			for _, name := range []string{"a", "b"} {
				tasks = append(tasks, asyncio.Go(ctx, func(ctx context.Context) error {
					err := asyncio.Sleep(ctx, time.Hour)
					log.Add("%s is told %v", name, err)
					if err := asyncio.Sleep(ctx, time.Second); err != nil {
						return err
					}
					log.Add("%s is clean", name)
					return err
				}))
			}
			tasks = append(tasks, asyncio.Go(ctx, fails(nil))) // has no time to begin
			return outcome
		})
		if err != outcome && !errors.Is(err, outcome) {
			t.Errorf("Run returns %v", err)
		}
		log.Want(t,
			"a is told asyncio: cancelled by the shutdown of the loop",
			"b is told asyncio: cancelled by the shutdown of the loop",
			"a is clean",
			"b is clean",
		)
		for i, task := range tasks {
			if !task.Done() || task.Cancelled() != (i < 2) {
				t.Errorf("there is %v", task)
			}
		}
	}
}

// A272: errors of those tasks are reported, each with the task, in the order of creation.
func TestRunReportsErrorsOfTheTasksThatAreLeft(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(func(ctx context.Context, e *asyncio.ExceptionContext) {
			log.Handle(ctx, e)
			log.Add("of %s", e.Future.(asyncio.AnyTask).Name())
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
		"reported: task a failed during shutdown: a failed", "of a",
		"reported: task c failed during shutdown: c failed", "of c",
	)
}

// A273: first the tasks end, then the jobs of the default executor, then the loop. A task may still use
// the executor in its cleanup.
func TestOrderOfShutdown(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		release := make(chan bool)
		l := running(ctx)
		l.SetExceptionHandler(log.Handle)
		asyncio.Go(ctx, fails(errors.New("of a task that nobody awaits")), asyncio.WithName("lost"))
		asyncio.RunInExecutor(ctx, nil, func(context.Context) (int, error) {
			<-release
			log.Add("job ends, the loop is closed: %v", l.IsClosed())
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
		"job ends, the loop is closed: false",
		"reported: task lost failed and its error was never read: of a task that nobody awaits",
	)
}

// A274: tasks that are made while others are being cancelled are cancelled too. (CPython loses them.)
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

// A274: but not for ever: a task that makes its successor in each round is named, and killed.
func TestTasksMadeDuringShutdownWithoutEnd(t *testing.T) {
	n := 0
	var successor func(ctx context.Context) error
	successor = func(ctx context.Context) error {
		n++
		defer func() {
			if !running(ctx).IsClosed() && n < 1000 { // the last one is killed, and can make none
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
		t.Errorf("Run returns %v", err)
	}
	if n < 5 || n > 20 {
		t.Errorf("%d were made", n)
	}
}

// mulish does not let itself be cancelled.
func mulish(ctx context.Context) error {
	for {
		_ = asyncio.Sleep(ctx, time.Minute)
	}
}

// A task that does not end is given the time of ShutdownTimeout. It is then named in the error and
// killed: its deferred calls run. In virtual time and in real time.
func TestATaskThatNeverEnds(t *testing.T) {
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
					return mulish(ctx)
				}, asyncio.WithName("mule"))
				asyncio.Go(ctx, func(ctx context.Context) error {
					err := never(ctx)
					log.Add("another one ends at %v", l.Time())
					return err
				})
				return asyncio.Sleep(ctx, time.Second)
			})
			if err == nil {
				t.Fatal("Run returns nil")
			}
			log.Add("%s", err)
			log.WithoutLineNumbers()
			log.Want(t,
				"another one ends at 1s",
				"deferred call at 1m31s",
				"asyncio: not ended when the loop shut down (limit 1m30s)\n"+
					"  task mule (asyncio_test.TestATaskThatNeverEnds.func1.1.1() at run_test.go:N) waits for a timer until 2m1s",
			)
		})
	}
}

// Where nothing can happen any more a loop does not wait for the limit. main's error is not lost to that of the close.
func TestATaskThatCanNeverEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now() // of the bubble's clock
		err := runOn(t, &asyncio.Runner{Driver: driver.NewReal()}, func(ctx context.Context) error {
			asyncio.Go(ctx, func(ctx context.Context) error {
				_ = never(ctx)
				return never(ctx)
			}, asyncio.WithName("fool"))
			if err := asyncio.Yield(ctx); err != nil {
				return err
			}
			return errBoom
		})
		wantErr(t, err, errBoom, "asyncio: not ended when the loop shut down", "task fool (")
		if e := (*asyncio.ShutdownError)(nil); !errors.As(err, &e) || len(e.Tasks) != 1 || len(e.Jobs) != 0 {
			t.Errorf("Run returns %v", err)
		}
		if spent := time.Since(began); spent != 0 {
			t.Errorf("it took %v", spent)
		}
	})
}

// Run returns main's error and that of the close, where there are both.
func TestRunReturnsBothErrors(t *testing.T) {
	noLeaks(t)
	fool := func(ctx context.Context) error { _ = never(ctx); return never(ctx) }
	for _, outcome := range []error{nil, errBoom} {
		err := asyncio.Run(context.Background(), func(ctx context.Context) error {
			asyncio.Go(ctx, fool)
			_ = asyncio.Yield(ctx)
			return outcome
		})
		if e := (*asyncio.ShutdownError)(nil); !errors.As(err, &e) || errors.Is(err, errBoom) != (outcome != nil) {
			t.Errorf("main returns %v, and Run %v", outcome, err)
		}
	}
}

// Stop, which some code may call at any time, does not keep Close from waiting.
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

// Goexit in a task that is cancelled in the end goes up too, when all is closed.
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
		t.Error("Run returned")
	}
	log.Want(t, "sleep: <nil>")
}

// A275: the runs of a Runner share one loop, which is made when it is needed, and one Context. Tasks go
// on in the next run.
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
			t.Errorf("run %d finds %v, %v; wanted %v", i, got, err, want)
		}
		loops = append(loops, r.Loop())
	}
	if len(slices.Compact(loops)) != 1 {
		t.Error("there was more than one loop")
	}
	if got, err := runnerResult(r, background.Await); got != 7 || err != nil {
		t.Errorf("the task of the first run gives the last %v, %v", got, err)
	}
	if err := r.Close(); err != nil || !loops[0].IsClosed() {
		t.Errorf("Close returns %v and leaves %v", err, loops[0])
	}
}

// A275: a run may be given a Context of its own.
func TestRunnerWithContext(t *testing.T) {
	noLeaks(t)
	r := virtual()
	defer r.Close()
	v := asyncio.NewContextVarDefault("v", "nothing")
	given := asyncio.NewContextVars()
	var log record
	set := func(ctx context.Context) error {
		log.Add("finds %s", valueOf(ctx, v))
		v.Set(ctx, "what was set")
		return nil
	}
	for _, opts := range [][]asyncio.TaskOption{{asyncio.WithContextVars(given)}, {}, {asyncio.WithContextVars(given), asyncio.WithName("main")}} {
		if err := r.Run(context.Background(), set, opts...); err != nil {
			t.Error(err)
		}
	}
	log.Want(t, "finds nothing", "finds nothing", "finds what was set")
}

// A276: Loop makes the loop; Close closes it, twice if one likes. Afterwards the Runner
// cannot be used.
func TestRunnerClose(t *testing.T) {
	noLeaks(t)
	r := virtual()
	l := r.Loop()
	if l == nil || r.Loop() != l || l.IsClosed() {
		t.Errorf("Loop returns %v", l)
	}
	for range 2 {
		if err := r.Close(); err != nil || !l.IsClosed() {
			t.Errorf("Close returns %v and leaves %v", err, l)
		}
	}
	if l := r.Loop(); l != nil {
		t.Errorf("after Close, Loop returns %v", l)
	}
	err := r.Run(context.Background(), func(context.Context) error { t.Error("main runs"); return nil })
	wantErr(t, err, asyncio.ErrLoopClosed, "Run of a Runner that is closed; make a new one")

	unused := virtual()
	if err := unused.Close(); err != nil {
		t.Error(err)
	}
	if l := unused.Loop(); l != nil {
		t.Errorf("after Close, Loop returns %v", l)
	}
}

// The end of the ctx given to Run cancels main, whose error tells why; a ctx that has ended before does so
// before main begins. What main makes of it is main's affair.
func TestRunUnderACtxThatEnds(t *testing.T) {
	noLeaks(t)
	why := errors.New("no more time")
	var log record
	for _, early := range []bool{false, true} {
		ctx, cancel := context.WithCancelCause(context.Background())
		if early {
			cancel(why)
		}
		r := &asyncio.Runner{NoInterrupt: true}
		err := r.Run(ctx, func(ctx context.Context) error {
			log.Add("main begins")
			cancel(why)
			err := never(ctx)
			log.Add("main ends: %v", err)
			return err
		})
		log.Add("Run returns: %v; caused by %v", err, errors.Unwrap(err))
		wantErr(t, err, context.Canceled)
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	log.Want(t,
		"main begins",
		"main ends: asyncio: cancelled by the ctx of Run: context canceled",
		"Run returns: asyncio: cancelled: context canceled; caused by no more time",
		"Run returns: asyncio: cancelled: context canceled; caused by no more time",
	)

	ctx, cancel := context.WithCancel(context.Background())
	err := asyncio.Run(ctx, func(ctx context.Context) error {
		cancel()
		_ = never(ctx)
		return errBoom
	})
	if err != errBoom {
		t.Errorf("Run returns %v", err)
	}
}

// Values of the ctx given to Run are there in main and in its tasks.
func TestRunPassesValuesOn(t *testing.T) {
	noLeaks(t)
	r := virtual()
	type key struct{}
	err := r.Run(context.WithValue(context.Background(), key{}, "value"), func(ctx context.Context) error {
		if got := ctx.Value(key{}); got != "value" {
			t.Errorf("main finds %v", got)
		}
		_, err := asyncio.Go(ctx, func(ctx context.Context) error {
			if got := ctx.Value(key{}); got != "value" {
				t.Errorf("a task finds %v", got)
			}
			return nil
		}).Await(ctx)
		return err
	})
	if err := errors.Join(err, r.Close()); err != nil {
		t.Error(err)
	}
}

// Where nothing can ever happen any more while main waits, Run says so, and who waits for what.
// In real time that is known as long as no other goroutine can have the loop.
func TestDeadlock(t *testing.T) {
	for _, d := range []driver.Driver{driver.NewVirtual(), driver.NewReal()} {
		noLeaks(t)
		r := &asyncio.Runner{Driver: d, NoInterrupt: true}
		var log record
		err := r.Run(context.Background(), func(ctx context.Context) error {
			f := asyncio.NewFuture[int](ctx)
			reader := asyncio.Go(ctx, func(ctx context.Context) error { _, err := f.Await(ctx); return err }, asyncio.WithName("reader"))
			asyncio.Go(ctx, failing) // has ended
			late := asyncio.Go(ctx, never, asyncio.WithName("late"))
			late.Cancel() // too
			_, err := reader.Await(ctx)
			log.Add("main is told: %v", err)
			return err
		}, asyncio.WithName("main"))
		if d := (*asyncio.DeadlockError)(nil); !errors.As(err, &d) || len(d.Waiting) != 2 {
			t.Fatalf("Run returns %v", err)
		}
		log.Add("%s", err)
		log.WithoutLineNumbers()
		log.Want(t, "asyncio: deadlock: nothing can ever happen on this loop, while these wait:\n"+
			"  task main (asyncio_test.TestDeadlock.func1() at run_test.go:N) waits for task reader\n"+
			"  task reader (asyncio_test.TestDeadlock.func1.1() at run_test.go:N) waits for <Future pending>")
		text := logged(func() { // the task that failed
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
		if !strings.Contains(text, "boom") {
			t.Errorf("an error that nobody read is not reported: %q", text)
		}
		log.Want(t, "main is told: asyncio: cancelled by the shutdown of the loop, through the await of main")
	}
}

// In virtual time a loop that another goroutine may have is no exception: nothing is announced as under way.
func TestDeadlockOfALoopThatEscaped(t *testing.T) {
	err := runErr(t, func(ctx context.Context) error {
		running(ctx) // takes it
		return never(ctx)
	})
	if d := (*asyncio.DeadlockError)(nil); !errors.As(err, &d) {
		t.Errorf("Run returns %v", err)
	}
}

// In real time such a loop waits: for a call from outside, and for the ctx given to Run.
func TestNoDeadlockWhereHelpMayCome(t *testing.T) {
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

// A loop without any task that waits for nothing says so too. After a deadlock it can go on.
func TestDeadlockWithoutTasks(t *testing.T) {
	var log record
	l := newLoop(t)
	err := l.RunForever()
	if d := (*asyncio.DeadlockError)(nil); !errors.As(err, &d) || len(d.Waiting) != 0 {
		t.Errorf("RunForever returns %v", err)
	}
	log.Add("%v", err)
	f := asyncio.NewFuture[int](l.Context())
	_, err = asyncio.RunUntilComplete(l, f)
	log.Add("%v", err)
	l.CallLater(time.Second, func(context.Context) { _ = f.SetResult(1) })
	v, err := asyncio.RunUntilComplete(l, f)
	log.Add("%v, %v", v, err)
	const text = "asyncio: deadlock: nothing can ever happen on this loop, and no task is left; something must finish the future that is awaited, or call Stop"
	log.Want(t, text, text, "1, <nil>")
}

// A281: Go has no tasks but the library's, so that main can always be uncancelled. What a task factory
// may do to main changes nothing about its cancel.
func TestTaskFactoryAndMain(t *testing.T) {
	noLeaks(t)
	var log record
	r := &asyncio.Runner{NoInterrupt: true} // in real time, where a loop waits for the ctx given to Run
	r.Loop().SetTaskFactory(func(l *asyncio.Loop, c asyncio.TaskConfig) asyncio.TaskConfig {
		log.Add("factory is asked for %q", c.Name)
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
	log.Want(t, `factory is asked for ""`, "main runs", "asyncio: cancelled: context canceled")
}

// A task factory that panics for main does so out of Run, which has left nothing behind.
func TestTaskFactoryThatPanicsForMain(t *testing.T) {
	noLeaks(t)
	r := virtual()
	r.Loop().SetTaskFactory(func(*asyncio.Loop, asyncio.TaskConfig) asyncio.TaskConfig { panic(errBoom) })
	err := panicOf(func() { _ = r.Run(context.Background(), func(context.Context) error { return nil }) })
	wantErr(t, err, errBoom)
	if tasks := r.Loop().AllTasks(); len(tasks) != 0 {
		t.Errorf("there is %v", tasks)
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
