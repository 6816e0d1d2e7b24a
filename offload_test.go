package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
	"example.com/asyncio/executor"
)

// A282: ToThread calls the function once, in another goroutine, and gives its result or its
// error to the one who awaits. What Python passes as arguments the closure has.
func TestToThread(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		numbers, calls := []int{40, 2}, 0
		here, there := goroutine(), ""
		sum, err := asyncio.ToThread(ctx, func(context.Context) (int, error) {
			calls++
			there = goroutine()
			return numbers[0] + numbers[1], nil
		})
		log.Add("%d, %v, after %d calls, in another goroutine: %v", sum, err, calls, there != here)
		_, err = asyncio.ToThread(ctx, func(context.Context) (int, error) { return 0, errBoom })
		log.Add("%v", err)
		return nil
	})
	log.Want(t, "42, <nil>, after 1 calls, in another goroutine: true", "boom")
}

// goroutine names the caller's goroutine.
func goroutine() string {
	var buf [64]byte
	return strings.Fields(string(buf[:runtime.Stack(buf[:], false)]))[1]
}

// A283: calls of ToThread run at the same time: none of these ends before all have begun.
func TestToThreadsRunAtTheSameTime(t *testing.T) {
	run(t, func(ctx context.Context) error {
		const n = 4
		var begun sync.WaitGroup
		begun.Add(n)
		calls := make([]asyncio.Coro[int], n)
		for i := range calls {
			calls[i] = func(ctx context.Context) (int, error) {
				return asyncio.ToThread(ctx, func(context.Context) (int, error) {
					begun.Done()
					begun.Wait()
					return i, nil
				})
			}
		}
		got, err := asyncio.Gather(ctx, calls...).Await(ctx)
		if !slices.Equal(got, []int{0, 1, 2, 3}) {
			t.Errorf("they came to %v", got)
		}
		return err
	})
}

// workers counts the goroutines of pools.
func workers() (n int) {
	for _, stack := range goroutines() {
		if strings.Contains(stack, "executor.(*Pool).runJobs(") {
			n++
		}
	}
	return n
}

// A284: RunInExecutor returns a future at once, in a callback too. The default executor is made when it is first
// needed, and has room for as many jobs as a pool of the default size; one more waits.
func TestRunInExecutor(t *testing.T) {
	run(t, func(ctx context.Context) error {
		before := workers() // of an earlier test, on their way out
		yields(ctx, 3)
		if n := workers(); n > before {
			t.Errorf("%d workers before the first job", n)
		}
		here := goroutine()
		f := asyncio.RunInExecutor(ctx, nil, func(context.Context) (string, error) { return goroutine(), nil })
		if f.Done() {
			t.Error("it is done at once")
		}
		if there, err := f.Await(ctx); there == here || err != nil {
			t.Errorf("it ran in goroutine %s, this is %s; error %v", there, here, err)
		}

		size := executor.NewPool(0).Size()
		gate := make(chan struct{})
		var begun sync.WaitGroup
		begun.Add(size)
		blocked := make([]*asyncio.Future[int], size)
		for i := range blocked {
			blocked[i] = asyncio.RunInExecutor(ctx, nil, func(context.Context) (int, error) {
				begun.Done()
				<-gate
				return i, nil
			})
		}
		begun.Wait() // hangs if there is no room for all
		ran := false
		extra := asyncio.RunInExecutor(ctx, nil, func(context.Context) (int, error) { ran = true; return 0, nil })
		extra.Cancel()
		close(gate)
		_, err := asyncio.Gather(ctx, blocked...).Await(ctx)
		if ran {
			t.Error("there is room for more")
		}

		done := asyncio.NewFuture[int](ctx)
		running(ctx).CallSoon(func(ctx context.Context) {
			asyncio.RunInExecutor(ctx, nil, one).AddDoneCallback(func(_ context.Context, f asyncio.AnyFuture) {
				_ = done.SetResult(1)
			})
		})
		_, inCallback := done.Await(ctx)
		return errors.Join(err, inCallback)
	})
}

// jobs lists what is in a pool, without line numbers.
func jobs(p *executor.Pool) string {
	var list []string
	for _, j := range p.Jobs() {
		name, _, _ := strings.Cut(j.Name, "()")
		list = append(list, name[strings.LastIndex(name, ".")+1:]+" "+j.State.String())
	}
	return fmt.Sprintf("%v, %d abandoned", list, p.Abandoned())
}

// A285: a cancel of the future ends it at once. A function that runs goes on: its ctx is done, with the
// cancellation as its cause, and the pool lists it as abandoned. One that has not begun never does.
func TestCancelOfAJob(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		pool := executor.NewPool(1)
		begun, gate, ended := make(chan bool), make(chan bool), make(chan error)
		runs := asyncio.RunInExecutor(ctx, pool, func(ctx context.Context) (int, error) {
			begun <- true
			<-ctx.Done()
			<-gate
			ended <- context.Cause(ctx)
			return 1, nil
		})
		waits := asyncio.RunInExecutor(ctx, pool, func(context.Context) (int, error) { log.Add("it ran"); return 1, nil })
		<-begun
		log.Add("%s", jobs(pool))
		log.Add("%v %v", waits.CancelWith("not needed"), runs.CancelWith("too slow"))
		log.Add("%s", jobs(pool))
		_, err := runs.Await(ctx)
		log.Add("the one that runs: %v", err)
		_, err = waits.Await(ctx)
		log.Add("the one that waits: %v", err)
		close(gate)
		log.Add("its cause: %v", <-ended)
		err = pool.Shutdown(ctx)
		log.Add("%s", jobs(pool))
		return err
	})
	log.Want(t,
		"[1 running 2 waiting], 0 abandoned",
		"true true",
		"[1 abandoned], 1 abandoned",
		"the one that runs: asyncio: cancelled by main: too slow",
		"the one that waits: asyncio: cancelled by main: not needed",
		"its cause: asyncio: cancelled by main: too slow",
		"[], 0 abandoned",
	)
}

// A285: the loop may close meanwhile: the job ends without harm, and nobody hears of it.
func TestLoopClosesUnderAJob(t *testing.T) {
	noLeaks(t)
	l := asyncio.NewLoop(driver.NewVirtual())
	begun, gate := make(chan bool), make(chan bool)
	f := asyncio.RunInExecutor(l.Context(), nil, func(ctx context.Context) (int, error) {
		close(begun)
		<-ctx.Done()
		<-gate
		return 1, nil
	})
	f.AddDoneCallback(func(context.Context, asyncio.AnyFuture) { t.Error("its callback was called") })
	<-begun
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	close(gate)
	if f.Done() {
		t.Errorf("it is %v", f)
	}
}

// A285: a task that is cancelled while it is in ToThread gets its CancelledError at
// once, and the function's ctx is done. Run waits for the function in the end.
func TestCancelOfATaskInToThread(t *testing.T) {
	var log record
	noticed := make(chan error, 1)
	run(t, func(ctx context.Context) error {
		begun := make(chan bool)
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			_, err := asyncio.ToThread(ctx, func(ctx context.Context) (int, error) {
				close(begun)
				<-ctx.Done()
				defer func() { noticed <- ctx.Err() }()
				return 1, nil
			})
			log.Add("the task: %v", err)

			// This wait is another one; what was delivered does not cancel it.
			v, cleanup := asyncio.ToThread(ctx, func(ctx context.Context) (int, error) { return 2, ctx.Err() })
			log.Add("its cleanup: %v, %v", v, cleanup)
			return err
		})
		yields(ctx, 1)
		<-begun
		asyncio.CurrentTask(ctx).SetName("main")
		task.CancelWith("enough")
		_, err := task.Await(ctx)
		log.Add("cancelled=%v", task.Cancelled())
		if !errors.Is(err, asyncio.ErrCancelled) {
			return err
		}
		return nil
	})
	log.Add("the function: %v", <-noticed) // Run has waited for it
	log.Want(t,
		"the task: asyncio: cancelled by main: enough",
		"its cleanup: 2, <nil>",
		"cancelled=true",
		"the function: context canceled",
	)
}

// What one job leaves to be used again has nothing of it: each of many, of two types, one after the other and at the same
// time, gets its own outcome, and so does the one whose job was left behind and ends in between. A ctx that a job has kept stays as it was.
func TestJobsAreKeptApart(t *testing.T) {
	run(t, func(ctx context.Context) error {
		who := asyncio.NewContextVar[int]("who")
		gate, begun := make(chan bool), make(chan bool)
		left := asyncio.Go(ctx, func(ctx context.Context) error {
			_, err := asyncio.ToThread(ctx, func(context.Context) (int, error) { close(begun); <-gate; return -1, errBoom })
			return err
		})
		yields(ctx, 1)
		<-begun
		left.Cancel()

		kept := make([]context.Context, 20)
		err := asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
			for i := range kept {
				tg.Go(func(ctx context.Context) error {
					who.Set(ctx, i)
					for round := range 20 {
						switch want := 100*i + round; want % 3 {
						case 0:
							got, err := asyncio.ToThread(ctx, func(ctx context.Context) (int, error) { kept[i] = ctx; return want, nil })
							if got != want || err != nil {
								t.Errorf("a job that returns %d came to %d, %v", want, got, err)
							}
						case 1:
							got, err := asyncio.ToThread(ctx, func(context.Context) (string, error) { return fmt.Sprint(want), nil })
							if got != fmt.Sprint(want) || err != nil {
								t.Errorf("a job that returns %d came to %s, %v", want, got, err)
							}
						default:
							got, err := asyncio.ToThread(ctx, func(context.Context) (int, error) { return 0, errBoom })
							if got != 0 || err != errBoom {
								t.Errorf("a job that fails came to %d, %v", got, err)
							}
						}
						if i == 0 && round == 10 {
							close(gate)
						}
					}
					return nil
				})
			}
			return nil
		})
		for i, ctx := range kept {
			if got, _ := who.Get(ctx); got != i || ctx.Err() != context.Canceled {
				t.Errorf("a ctx that was kept has %d, %v, wanted %d and that it is done", got, ctx.Err(), i)
			}
		}
		if _, err := left.Await(ctx); !errors.Is(err, asyncio.ErrCancelled) {
			t.Errorf("the task whose job was left behind ended with %v", err)
		}
		return err
	})
}

// A282: a panic in a job is its error, with the stack; runtime.Goexit in a job is one too. The
// pool goes on with the next.
func TestPanicAndGoexitInAJob(t *testing.T) {
	run(t, func(ctx context.Context) error {
		_, err := asyncio.ToThread(ctx, func(context.Context) (int, error) { return blowUp() })
		p := (*executor.PanicError)(nil)
		if !errors.As(err, &p) || p.Value != "boom" || !strings.Contains(string(p.Stack), "asyncio_test.blowUp(") {
			t.Errorf("a panic came to %v", err)
		}
		wantErr(t, err, p, "executor: job panicked: boom", "asyncio_test.blowUp(")

		_, err = asyncio.ToThread(ctx, func(context.Context) (int, error) { panic(errBoom) })
		wantErr(t, err, errBoom, "executor: job panicked: boom")

		_, err = asyncio.ToThread(ctx, func(context.Context) (int, error) { runtime.Goexit(); return 1, nil })
		wantErr(t, err, executor.ErrExited, "job called runtime.Goexit")

		v, err := asyncio.ToThread(ctx, one)
		if v != 1 {
			t.Errorf("the next came to %v", v)
		}
		return err
	})
}

func blowUp() (int, error) { panic("boom") }

// A job is not on the loop: there is no running loop there, no task, and nothing to await.
func TestNoLoopInAJob(t *testing.T) {
	run(t, func(outer context.Context) error {
		_, err := asyncio.ToThread(outer, func(ctx context.Context) (int, error) {
			_, err := asyncio.RunningLoop(ctx)
			wantErr(t, err, asyncio.ErrNoRunningLoop)
			wantErr(t, asyncio.Yield(ctx), asyncio.ErrNoRunningLoop, "await under a ctx that comes from no task")
			wantErr(t, panicOf(func() { asyncio.CreateTask(ctx, one) }), asyncio.ErrNoRunningLoop)
			return 1, nil
		})
		return err
	})
}

// Virtual time stands still while a job is awaited, so that a timer cannot beat it. A
// job whose await was cancelled has nobody to beat: time goes on, though it runs. Where there is
// no time to go on the loop waits for it, and sees no deadlock: it may still tell the loop something.
func TestVirtualTimeAndJobs(t *testing.T) {
	var log record
	gate := make(chan bool)
	run(t, func(ctx context.Context) error {
		now := func(what string) { log.Add("%s at %v", what, running(ctx).Time()) }
		timer := running(ctx).CallLater(time.Second, func(context.Context) { now("timer") })
		if _, err := asyncio.ToThread(ctx, one); err != nil {
			return err
		}
		now("job")

		f := asyncio.RunInExecutor(ctx, nil, func(context.Context) (int, error) { <-gate; return 1, nil })
		f.Cancel()
		err := asyncio.Sleep(ctx, time.Minute)
		now("slept")
		timer.Cancel()
		close(gate)

		l, noticed := running(ctx), asyncio.NewFuture[int](ctx)
		begun := make(chan bool)
		f = asyncio.RunInExecutor(ctx, nil, func(ctx context.Context) (int, error) {
			close(begun)
			<-ctx.Done()
			_, err := l.CallSoonThreadsafe(func(context.Context) { _ = noticed.SetResult(1) })
			return 1, err
		})
		<-begun
		f.Cancel()
		_, told := noticed.Await(ctx)
		now("told")
		return errors.Join(err, told)
	})
	log.Want(t, "job at 0s", "timer at 1s", "slept at 1m0s", "told at 1m0s")
}

// A spawning executor runs each job in a goroutine of its own. It keeps a list of
// their names.
type spawning struct {
	mu     sync.Mutex // guards the fields below
	names  []string
	closed bool

	all sync.WaitGroup
}

type spawned struct{ context.CancelCauseFunc }

func (j spawned) Cancel(cause error) bool { j.CancelCauseFunc(cause); return false }

func (s *spawning) Submit(ctx context.Context, w executor.Work) (executor.Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, executor.ErrShutdown
	}
	s.names = append(s.names, w.Name())
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	s.all.Go(func() {
		value, err := w.Run(ctx)
		cancel(nil)
		w.Done(value, err)
	})
	return spawned{cancel}, nil
}

func (s *spawning) Shutdown(context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.all.Wait()
	return nil
}

// A287: RunInExecutor takes an executor of any kind, which is the caller's to shut down; one
// that is shut down refuses. (One whose workers are processes needs functions that are known by
// name on both sides; there is none yet.)
func TestExecutorOfAnotherKind(t *testing.T) {
	run(t, func(ctx context.Context) error {
		ex := &spawning{}
		if v, err := asyncio.RunInExecutor(ctx, ex, one).Await(ctx); v != 1 || err != nil {
			t.Errorf("it came to %v, %v", v, err)
		}
		if len(ex.names) != 1 || !strings.HasPrefix(ex.names[0], "asyncio_test.one() at bench_test.go:") {
			t.Errorf("it was given %q", ex.names)
		}
		if err := running(ctx).ShutdownDefaultExecutor(ctx); err != nil || ex.closed {
			t.Errorf("the loop has shut it down: %v; error %v", ex.closed, err)
		}
		_ = ex.Shutdown(ctx)
		_, err := asyncio.RunInExecutor(ctx, ex, one).Await(ctx)
		wantErr(t, err, executor.ErrShutdown, "executor: shut down")
		return nil
	})
}

// A286: SetDefaultExecutor has ToThread and RunInExecutor use another executor, of whatever
// kind, since Go functions run in each; only nil is refused, and changes nothing. The loop
// shuts down all that were the default, in the end.
func TestSetDefaultExecutor(t *testing.T) {
	first, second := &spawning{}, &spawning{}
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		if _, err := asyncio.ToThread(ctx, one); err != nil { // in a pool that the loop has made
			return err
		}
		for _, ex := range []*spawning{first, second} {
			l.SetDefaultExecutor(ex)
			wantErr(t, panicOf(func() { l.SetDefaultExecutor(nil) }), asyncio.ErrInvalidArgument, "SetDefaultExecutor(nil)", "makes a pool itself")
			if _, err := asyncio.ToThread(ctx, one); err != nil {
				return err
			}
			if _, err := asyncio.RunInExecutor(ctx, nil, one).Await(ctx); err != nil {
				return err
			}
		}
		if len(first.names) != 2 || len(second.names) != 2 || first.closed || second.closed {
			t.Errorf("jobs %q and %q; shut down: %v and %v", first.names, second.names, first.closed, second.closed)
		}
		return nil
	})
	if !first.closed || !second.closed {
		t.Errorf("in the end shut down: %v and %v", first.closed, second.closed)
	}
}

// A288: ShutdownDefaultExecutor waits for the jobs. Whoever needs the default
// executor afterwards gets an error.
func TestShutdownDefaultExecutor(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		gate := make(chan bool)
		job := asyncio.RunInExecutor(ctx, nil, func(context.Context) (int, error) {
			<-gate
			return 7, nil
		})
		waiter := asyncio.Go(ctx, func(ctx context.Context) error {
			err := l.ShutdownDefaultExecutor(ctx)
			log.Add("it has ended: %v", err)
			return err
		})
		yields(ctx, 3)
		log.Add("it waits: %v", !waiter.Done())
		close(gate)
		v, err := job.Await(ctx)
		log.Add("the job: %v, %v", v, err)
		if _, err := waiter.Await(ctx); err != nil {
			return err
		}
		_, err = asyncio.ToThread(ctx, one)
		log.Add("ToThread: %v", err)
		wantErr(t, err, asyncio.ErrMisuse)
		_, err = asyncio.RunInExecutor(ctx, nil, one).Await(ctx)
		log.Add("RunInExecutor: %v", err)
		log.Add("again: %v", l.ShutdownDefaultExecutor(ctx))
		return nil
	})
	log.Want(t,
		"it waits: true",
		"the job: 7, <nil>",
		"it has ended: <nil>",
		"ToThread: asyncio: the default executor was shut down; RunInExecutor takes another one: wrong use",
		"RunInExecutor: asyncio: the default executor was shut down; RunInExecutor takes another one: wrong use",
		"again: <nil>",
	)
}

// A288: when its time is up it gives up: jobs that have not begun are withdrawn, those that run hear of it, and the
// exception handler is told which these are. A shutdown before the first job is one too.
func TestShutdownDefaultExecutorTimeout(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		reported := asyncio.NewFuture[string](ctx)
		l.SetExceptionHandler(func(_ context.Context, e *asyncio.ExceptionContext) {
			text, _, _ := strings.Cut(e.Message, " at ")
			_ = reported.SetResult(text)
		})
		l.SetDefaultExecutor(executor.NewPool(1))
		begun, gate, ended := make(chan bool), make(chan bool), make(chan error)
		asyncio.RunInExecutor(ctx, nil, func(ctx context.Context) (int, error) {
			close(begun)
			<-ctx.Done()
			<-gate
			ended <- context.Cause(ctx)
			return 0, nil
		})
		waits := asyncio.RunInExecutor(ctx, nil, func(context.Context) (int, error) { log.Add("it ran"); return 1, nil })
		<-begun
		err := asyncio.Timeout(ctx, 0, l.ShutdownDefaultExecutor)
		log.Add("%v", err)
		text, err := reported.Await(ctx)
		log.Add("%s", text)
		_, waitsErr := waits.Await(ctx)
		log.Add("the one that had not begun: %v", waitsErr)
		close(gate)
		log.Add("the cause of the other: %v", <-ended)
		_, toThread := asyncio.ToThread(ctx, one)
		wantErr(t, toThread, asyncio.ErrMisuse, "the default executor was shut down")
		return err
	})
	log.Want(t,
		"asyncio: timed out",
		"jobs go on after a ShutdownDefaultExecutor that was cancelled: asyncio_test.TestShutdownDefaultExecutorTimeout.func1.2()",
		"the one that had not begun: asyncio: cancelled",
		"the cause of the other: executor: shut down",
	)
	run(t, func(ctx context.Context) error {
		if err := running(ctx).ShutdownDefaultExecutor(ctx); err != nil {
			return err
		}
		_, err := asyncio.ToThread(ctx, one)
		wantErr(t, err, asyncio.ErrMisuse, "the default executor was shut down")
		return nil
	})
}

// In the end Run waits for jobs that run, up to a limit; then it cancels their ctx, and names them.
func TestRunNamesJobsThatGoOn(t *testing.T) {
	gate := make(chan bool)
	told := make(chan error, 1)
	r := &asyncio.Runner{ShutdownTimeout: time.Nanosecond}
	err := runOn(t, r, func(ctx context.Context) error {
		begun := make(chan bool)
		asyncio.RunInExecutor(ctx, nil, func(ctx context.Context) (int, error) {
			close(begun)
			<-ctx.Done()
			told <- context.Cause(ctx)
			<-gate
			return 0, nil
		})
		<-begun
		return nil
	})
	var stuck *asyncio.ShutdownError
	if !errors.As(err, &stuck) || len(stuck.Jobs) != 1 || len(stuck.Tasks) != 0 {
		t.Fatalf("Run ended with %v", err)
	}
	wantErr(t, err, stuck, "limit 1ns", "\n  job asyncio_test.TestRunNamesJobsThatGoOn.func1.1() at offload_test.go:")
	wantErr(t, <-told, executor.ErrShutdown)
	close(gate)
}

// While Run waits for the jobs the loop still runs: a job that is to tell it something, and waits for the answer,
// gets one. A task that it leaves is cancelled like any other.
func TestLoopRunsWhileRunWaitsForJobs(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		asyncio.RunInExecutor(ctx, nil, func(context.Context) (int, error) {
			return asyncio.RunCoroutineThreadsafe(l, func(ctx context.Context) (int, error) {
				log.Add("the loop has other tasks: %v", len(asyncio.AllTasks(ctx)) > 1)
				asyncio.Go(ctx, func(ctx context.Context) error {
					err := never(ctx)
					log.Add("what is left: %v", err)
					return err
				})
				return 1, asyncio.Yield(ctx)
			}).Result(context.Background())
		})
		return nil
	})
	log.Want(t, "the loop has other tasks: false", "what is left: asyncio: cancelled by the shutdown of the loop")
}

// elsewhere awaits what f returns, which is called in a goroutine that is not the loop's.
func elsewhere[T any](ctx context.Context, f func() (T, error)) (T, error) {
	return asyncio.ToThread(ctx, func(context.Context) (T, error) { return f() })
}

// add takes a while, and may fail or cancel itself.
func add(a, b int, fail error, cancel bool) func(ctx context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		if err := asyncio.Yield(ctx); err != nil || fail != nil {
			return 0, errors.Join(err, fail)
		}
		if cancel {
			asyncio.CurrentTask(ctx).Cancel()
		}
		return a + b, asyncio.Yield(ctx)
	}
}

// A289: RunCoroutineThreadsafe has a function run as a task of the loop; the goroutine
// that asked waits for its result, its error, or hears that it was cancelled.
func TestRunCoroutineThreadsafe(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		for _, fn := range []func(ctx context.Context) (int, error){
			add(1, 2, nil, false),
			add(1, 2, errBoom, false),
			add(1, 2, nil, true),
		} {
			got, err := elsewhere(ctx, func() (int, error) {
				return asyncio.RunCoroutineThreadsafe(l, fn).Result(context.Background())
			})
			text, _, _ := strings.Cut(err2text(err), " by ")
			log.Add("%d, %s, cancelled=%v", got, text, errors.Is(err, asyncio.ErrCancelled))
		}
		return nil
	})
	log.Want(t,
		"3, no error, cancelled=false",
		"0, boom, cancelled=false",
		"0, asyncio: cancelled, cancelled=true",
	)
}

func err2text(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}

// A290: whose wait for the result times out has not cancelled anything, and can ask again. A Cancel of the
// future cancels the task; once there is an outcome it does nothing.
func TestRunCoroutineThreadsafeTimeoutAndCancel(t *testing.T) {
	var log record
	expired, cancel := context.WithDeadline(context.Background(), time.Now())
	defer cancel()
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		gate := asyncio.NewFuture[int](ctx)
		var c *asyncio.ConcurrentFuture[int]
		_, err := elsewhere(ctx, func() (int, error) {
			c = asyncio.RunCoroutineThreadsafe(l, gate.Await)
			return c.Result(expired)
		})
		log.Add("%v", err)
		_ = gate.SetResult(7)
		v, err := elsewhere(ctx, func() (int, error) { return c.Result(context.Background()) })
		log.Add("%v, %v; a late cancel: %v", v, err, c.Cancel())

		ended := asyncio.NewFuture[error](ctx)
		_, err = elsewhere(ctx, func() (int, error) {
			begun := make(chan bool)
			c = asyncio.RunCoroutineThreadsafe(l, func(ctx context.Context) (int, error) {
				close(begun)
				err := never(ctx)
				_ = ended.SetResult(err)
				return 0, err
			})
			<-begun
			log.Add("cancel: %v, again: %v", c.Cancel(), c.Cancel())
			return c.Result(context.Background())
		})
		log.Add("the goroutine: %v", err)
		seen, err := ended.Await(ctx)
		log.Add("the task: %v", seen)
		return err
	})
	log.Want(t,
		"context deadline exceeded",
		"7, <nil>; a late cancel: false",
		"cancel: true, again: false",
		"the goroutine: asyncio: cancelled",
		"the task: asyncio: cancelled",
	)
}

// A290: a cancel that comes before the loop has made the task keeps the function from ever running.
func TestRunCoroutineThreadsafeCancelledBeforeItBegins(t *testing.T) {
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		_, err := elsewhere(ctx, func() (int, error) {
			blocked, gate := make(chan bool), make(chan bool)
			_, _ = l.CallSoonThreadsafe(func(context.Context) { close(blocked); <-gate })
			<-blocked
			c := asyncio.RunCoroutineThreadsafe(l, func(context.Context) (int, error) { t.Error("it ran"); return 1, nil })
			c.Cancel()
			close(gate)
			return c.Result(context.Background())
		})
		wantErr(t, err, asyncio.ErrCancelled)
		yields(ctx, 3)
		return nil
	})
}

// A291: a task factory that fails reaches both the goroutine that asked and the exception handler.
func TestRunCoroutineThreadsafeTaskFactoryFails(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		l.SetExceptionHandler(func(_ context.Context, e *asyncio.ExceptionContext) {
			log.Add("reported, and it is the same: %v", errors.Is(e.Exception, errBoom))
		})
		for _, value := range []any{errBoom, "no error"} {
			_, err := elsewhere(ctx, func() (int, error) {
				_, _ = l.CallSoonThreadsafe(func(context.Context) {
					l.SetTaskFactory(func(*asyncio.Loop, asyncio.TaskConfig) asyncio.TaskConfig { panic(value) })
				})
				return asyncio.RunCoroutineThreadsafe(l, one).Result(context.Background())
			})
			l.SetTaskFactory(nil)
			text, _, _ := strings.Cut(err.Error(), "\n")
			log.Add("the goroutine: %s", text)
		}
		return nil
	})
	log.Want(t,
		"reported, and it is the same: true",
		"the goroutine: boom",
		"reported, and it is the same: false",
		"the goroutine: asyncio: panic in the making of a task: no error",
	)
}

// A289: no goroutine waits for ever for a loop that is gone: the outcome is that it was closed, be it
// before the call, or with the call still in the inbox, or in the middle of the task.
func TestRunCoroutineThreadsafeOnALoopThatCloses(t *testing.T) {
	noLeaks(t)
	closes := func(c *asyncio.ConcurrentFuture[int]) {
		t.Helper()
		<-c.DoneChan()
		_, err := c.Result(context.Background())
		wantErr(t, err, asyncio.ErrLoopClosed, "<Loop closed>")
	}
	l := asyncio.NewLoop(driver.NewVirtual())
	begun := asyncio.RunCoroutineThreadsafe(l, func(ctx context.Context) (int, error) { return 0, never(ctx) })
	l.Stop()
	if err := l.RunForever(); err != nil { // two turns: one makes the task, one runs it
		t.Error(err)
	}
	l.Stop()
	if err := l.RunForever(); err != nil {
		t.Error(err)
	}
	if n := len(l.AllTasks()); n != 1 {
		t.Fatalf("there are %d tasks", n)
	}
	inInbox := asyncio.RunCoroutineThreadsafe(l, one)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	closes(begun)
	closes(inInbox)
	closes(asyncio.RunCoroutineThreadsafe(l, one))
	_, err := l.CallSoonThreadsafe(func(context.Context) {})
	wantErr(t, err, asyncio.ErrLoopClosed, "CallSoonThreadsafe on <Loop closed>")
}

// A289: a Runner that closes cancels such a task as any other, and the goroutine hears of it.
func TestRunCoroutineThreadsafeAtTheEndOfRun(t *testing.T) {
	outcome := make(chan error, 1)
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		_, err := elsewhere(ctx, func() (int, error) {
			begun := make(chan bool)
			c := asyncio.RunCoroutineThreadsafe(l, func(ctx context.Context) (int, error) { close(begun); return 0, never(ctx) })
			<-begun
			go func() {
				_, err := c.Result(context.Background())
				outcome <- err
			}()
			return 0, nil
		})
		return err
	})
	wantErr(t, <-outcome, asyncio.ErrCancelled)
}

// A289: the loop's own code, which would wait for itself, is told so in debug mode.
func TestResultOnTheLoopsGoroutine(t *testing.T) {
	err := runOn(t, &asyncio.Runner{Debug: true}, func(ctx context.Context) error {
		c := asyncio.RunCoroutineThreadsafe(running(ctx), one)
		_, err := c.Result(context.Background())
		wantErr(t, err, asyncio.ErrMisuse, "would wait for itself", "CreateTask")
		if _, err := asyncio.WrapFuture(ctx, c).Await(ctx); err != nil {
			return err
		}
		v, err := c.Result(context.Background()) // there is one now
		if v != 1 {
			t.Errorf("it gave %v", v)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A ConcurrentFuture gets its outcome once, from any goroutine; the others are told.
func TestConcurrentFuture(t *testing.T) {
	for _, end := range map[string]func(c *asyncio.ConcurrentFuture[int]) error{
		"SetResult":    func(c *asyncio.ConcurrentFuture[int]) error { return c.SetResult(1) },
		"SetException": func(c *asyncio.ConcurrentFuture[int]) error { return c.SetException(errBoom) },
		"Cancel": func(c *asyncio.ConcurrentFuture[int]) error {
			if !c.Cancel() {
				return errors.New("Cancel is false")
			}
			return nil
		},
	} {
		c := asyncio.NewConcurrentFuture[int]()
		wantErr(t, c.SetException(nil), asyncio.ErrInvalidArgument, "SetException(nil)", "SetResult")
		select {
		case <-c.DoneChan():
			t.Error("it is done")
		default:
		}
		if err := end(c); err != nil {
			t.Error(err)
		}
		<-c.DoneChan()
		v, err := c.Result(context.Background())
		wantErr(t, c.SetResult(2), asyncio.ErrInvalidState, "SetResult on a ConcurrentFuture that is done")
		wantErr(t, c.SetException(errBoom), asyncio.ErrInvalidState, "SetException on a ConcurrentFuture that is done")
		if c.Cancel() {
			t.Error("it was cancelled when it was done")
		}
		if again, err2 := c.Result(context.Background()); again != v || err2 != err {
			t.Errorf("the outcome was %v, %v and is %v, %v", v, err, again, err2)
		}
	}
}

// A289, A328: many goroutines have tasks made, cancel some, and give up on others; the loop lists its
// tasks meanwhile. Each hears what became of its own.
func TestManyGoroutinesAskForTasks(t *testing.T) {
	run(t, func(ctx context.Context) error {
		const goroutines, each = 8, 50
		l := running(ctx)
		most := 0
		lister := asyncio.Go(ctx, func(ctx context.Context) error {
			for {
				most = max(most, len(asyncio.AllTasks(ctx)))
				if err := asyncio.Yield(ctx); err != nil {
					return err
				}
			}
		})
		_, err := elsewhere(ctx, func() (int, error) {
			var all sync.WaitGroup
			for range goroutines {
				all.Go(func() {
					for i := range each {
						c := asyncio.RunCoroutineThreadsafe(l, add(i, 1, nil, false))
						cancelled := i%3 == 0 && c.Cancel()
						v, err := c.Result(context.Background())
						if cancelled != errors.Is(err, asyncio.ErrCancelled) || !cancelled && (v != i+1 || err != nil) {
							t.Errorf("it came to %v, %v; cancelled=%v", v, err, cancelled)
						}
					}
				})
			}
			all.Wait()
			return 0, nil
		})
		lister.Cancel()
		yields(ctx, 3)
		if n := len(asyncio.AllTasks(ctx)); n != 1 || most < 3 {
			t.Errorf("%d tasks are left, of which one is main; there were %d at most", n, most)
		}
		return err
	})
}
