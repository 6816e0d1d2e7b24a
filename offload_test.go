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

// A282: ToThread calls the function once, in another goroutine, and returns its result or
// error. The arguments are in the closure.
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
		log.Add("%d, %v, calls: %d, in another goroutine: %v", sum, err, calls, there != here)
		_, err = asyncio.ToThread(ctx, func(context.Context) (int, error) { return 0, errBoom })
		log.Add("%v", err)
		return nil
	})
	log.Want(t, "42, <nil>, calls: 1, in another goroutine: true", "boom")
}

// goroutine returns the ID of the current goroutine.
func goroutine() string {
	var buf [64]byte
	return strings.Fields(string(buf[:runtime.Stack(buf[:], false)]))[1]
}

// A283: calls of ToThread run concurrently: no call here ends before all have begun.
func TestToThreadCallsRunConcurrently(t *testing.T) {
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
			t.Errorf("results %v; want [0 1 2 3]", got)
		}
		return err
	})
}

// workers returns the number of goroutines of pools.
func workers() (n int) {
	for _, stack := range goroutines() {
		if strings.Contains(stack, "executor.(*Pool).runJobs(") {
			n++
		}
	}
	return n
}

// A284: RunInExecutor returns a pending future, in a callback, too. The first job makes
// the default executor, a pool of the default size. One job more than that waits.
func TestRunInExecutor(t *testing.T) {
	run(t, func(ctx context.Context) error {
		before := workers() // some of an earlier test may still be exiting
		yields(ctx, 3)
		if n := workers(); n > before {
			t.Errorf("%d workers before the first job; want at most %d", n, before)
		}
		here := goroutine()
		f := asyncio.RunInExecutor(ctx, nil, func(context.Context) (string, error) { return goroutine(), nil })
		if f.Done() {
			t.Error("the future is done immediately")
		}
		if there, err := f.Await(ctx); there == here || err != nil {
			t.Errorf("the job ran in goroutine %s, the loop in %s; error %v", there, here, err)
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
		begun.Wait() // hangs if the pool is smaller
		ran := false
		extra := asyncio.RunInExecutor(ctx, nil, func(context.Context) (int, error) { ran = true; return 0, nil })
		extra.Cancel()
		close(gate)
		_, err := asyncio.Gather(ctx, blocked...).Await(ctx)
		if ran {
			t.Error("a job more than the size of the pool ran")
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

// jobs lists the jobs of a pool without line numbers.
func jobs(p *executor.Pool) string {
	var list []string
	for _, j := range p.Jobs() {
		name, _, _ := strings.Cut(j.Name, "()")
		list = append(list, name[strings.LastIndex(name, ".")+1:]+" "+j.State.String())
	}
	return fmt.Sprintf("%v, %d abandoned", list, p.Abandoned())
}

// A285: a cancel of the future completes it immediately. A running function continues:
// its ctx is done with the cancellation as its cause, and the pool lists it as abandoned.
// A function that has not begun never runs.
func TestCancelJob(t *testing.T) {
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
		waits := asyncio.RunInExecutor(ctx, pool, func(context.Context) (int, error) { log.Add("the waiting job ran"); return 1, nil })
		<-begun
		log.Add("%s", jobs(pool))
		log.Add("%v %v", waits.CancelWith("not needed"), runs.CancelWith("too slow"))
		log.Add("%s", jobs(pool))
		_, err := runs.Await(ctx)
		log.Add("running job: %v", err)
		_, err = waits.Await(ctx)
		log.Add("waiting job: %v", err)
		close(gate)
		log.Add("cause in the running job: %v", <-ended)
		err = pool.Shutdown(ctx)
		log.Add("%s", jobs(pool))
		return err
	})
	log.Want(t,
		"[1 running 2 waiting], 0 abandoned",
		"true true",
		"[1 abandoned], 1 abandoned",
		"running job: asyncio: cancelled by main: too slow",
		"waiting job: asyncio: cancelled by main: not needed",
		"cause in the running job: asyncio: cancelled by main: too slow",
		"[], 0 abandoned",
	)
}

// A285: the loop may be closed while a job runs. The future is then never done.
func TestLoopClosesDuringJob(t *testing.T) {
	noLeaks(t)
	l := asyncio.NewLoop(driver.NewVirtual())
	begun, gate := make(chan bool), make(chan bool)
	f := asyncio.RunInExecutor(l.Context(), nil, func(ctx context.Context) (int, error) {
		close(begun)
		<-ctx.Done()
		<-gate
		return 1, nil
	})
	f.AddDoneCallback(func(context.Context, asyncio.AnyFuture) { t.Error("the done callback was called") })
	<-begun
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	close(gate)
	if f.Done() {
		t.Errorf("the future is done: %v", f)
	}
}

// A285: if a task in ToThread is cancelled, ToThread returns the CancelledError
// immediately, and the ctx of the function is done. Run waits for the function at its
// end.
func TestCancelTaskInToThread(t *testing.T) {
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

			// A new wait: the cancel was delivered and does not affect it.
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

// A reused job has nothing of the previous one. Each of many jobs, of two types, in
// sequence and concurrent, has its own outcome. So does a job that was abandoned and ends
// meanwhile. A ctx that a function kept does not change.
func TestReusedJobsAreIndependent(t *testing.T) {
	run(t, func(ctx context.Context) error {
		number := asyncio.NewContextVar[int]("number")
		gate, begun := make(chan bool), make(chan bool)
		abandoned := asyncio.Go(ctx, func(ctx context.Context) error {
			_, err := asyncio.ToThread(ctx, func(context.Context) (int, error) { close(begun); <-gate; return -1, errBoom })
			return err
		})
		yields(ctx, 1)
		<-begun
		abandoned.Cancel()

		kept := make([]context.Context, 20)
		err := asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
			for i := range kept {
				tg.Go(func(ctx context.Context) error {
					number.Set(ctx, i)
					for round := range 20 {
						switch want := 100*i + round; want % 3 {
						case 0:
							got, err := asyncio.ToThread(ctx, func(ctx context.Context) (int, error) { kept[i] = ctx; return want, nil })
							if got != want || err != nil {
								t.Errorf("job = %d, %v; want %d", got, err, want)
							}
						case 1:
							got, err := asyncio.ToThread(ctx, func(context.Context) (string, error) { return fmt.Sprint(want), nil })
							if got != fmt.Sprint(want) || err != nil {
								t.Errorf("job = %s, %v; want %d", got, err, want)
							}
						default:
							got, err := asyncio.ToThread(ctx, func(context.Context) (int, error) { return 0, errBoom })
							if got != 0 || err != errBoom {
								t.Errorf("failing job = %d, %v; want %v", got, err, errBoom)
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
			if got, _ := number.Get(ctx); got != i || ctx.Err() != context.Canceled {
				t.Errorf("kept ctx: value %d, Err %v; want %d, %v", got, ctx.Err(), i, context.Canceled)
			}
		}
		if _, err := abandoned.Await(ctx); !errors.Is(err, asyncio.ErrCancelled) {
			t.Errorf("the task of the abandoned job ended with %v; want a cancellation", err)
		}
		return err
	})
}

// A282: a panic in a job is its error, with the stack. A runtime.Goexit in a job is an
// error, too. The pool continues with the next job.
func TestPanicAndGoexitInJob(t *testing.T) {
	run(t, func(ctx context.Context) error {
		_, err := asyncio.ToThread(ctx, func(context.Context) (int, error) { return blowUp() })
		p := (*executor.PanicError)(nil)
		if !errors.As(err, &p) || p.Value != "boom" || !strings.Contains(string(p.Stack), "asyncio_test.blowUp(") {
			t.Errorf("error of the panic: %v", err)
		}
		wantErr(t, err, p, "executor: job panicked: boom", "asyncio_test.blowUp(")

		_, err = asyncio.ToThread(ctx, func(context.Context) (int, error) { panic(errBoom) })
		wantErr(t, err, errBoom, "executor: job panicked: boom")

		_, err = asyncio.ToThread(ctx, func(context.Context) (int, error) { runtime.Goexit(); return 1, nil })
		wantErr(t, err, executor.ErrExited, "job called runtime.Goexit")

		v, err := asyncio.ToThread(ctx, one)
		if v != 1 {
			t.Errorf("the next job = %v; want 1", v)
		}
		return err
	})
}

func blowUp() (int, error) { panic("boom") }

// A job does not run on the loop: its ctx has no running loop and no task, and cannot
// await.
func TestNoLoopInJob(t *testing.T) {
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

// Virtual time stands still while a job is awaited, so that no timer fires before it. It
// does not wait for an abandoned job. If there is nothing else to wait for, the loop
// waits for that job instead of a deadlock, because the job may still call the loop.
func TestVirtualTimeAndJobs(t *testing.T) {
	var log record
	gate := make(chan bool)
	run(t, func(ctx context.Context) error {
		now := func(event string) { log.Add("%s at %v", event, running(ctx).Time()) }
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
		_, waitErr := noticed.Await(ctx)
		now("called")
		return errors.Join(err, waitErr)
	})
	log.Want(t, "job at 0s", "timer at 1s", "slept at 1m0s", "called at 1m0s")
}

// A spawning executor runs each job in its own goroutine, and records the names of the
// jobs.
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

// A287: RunInExecutor accepts any Executor. The caller shuts it down, and it then refuses
// jobs.
func TestRunInOtherExecutor(t *testing.T) {
	run(t, func(ctx context.Context) error {
		ex := &spawning{}
		if v, err := asyncio.RunInExecutor(ctx, ex, one).Await(ctx); v != 1 || err != nil {
			t.Errorf("job = %v, %v; want 1, nil", v, err)
		}
		if len(ex.names) != 1 || !strings.HasPrefix(ex.names[0], "asyncio_test.one() at bench_test.go:") {
			t.Errorf("names of the jobs: %q", ex.names)
		}
		if err := running(ctx).ShutdownDefaultExecutor(ctx); err != nil || ex.closed {
			t.Errorf("ShutdownDefaultExecutor = %v; other executor shut down: %v", err, ex.closed)
		}
		_ = ex.Shutdown(ctx)
		_, err := asyncio.RunInExecutor(ctx, ex, one).Await(ctx)
		wantErr(t, err, executor.ErrShutdown, "executor: shut down")
		return nil
	})
}

// A286: after SetDefaultExecutor, ToThread and RunInExecutor use the given executor,
// which can be of any type. A nil is refused without an effect. At its end the loop shuts
// down all default executors.
func TestSetDefaultExecutor(t *testing.T) {
	first, second := &spawning{}, &spawning{}
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		if _, err := asyncio.ToThread(ctx, one); err != nil { // in the pool that the loop makes
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
			t.Errorf("jobs %q and %q; want 2 each; shut down: %v and %v", first.names, second.names, first.closed, second.closed)
		}
		return nil
	})
	if !first.closed || !second.closed {
		t.Errorf("shut down by Run: %v and %v; want both", first.closed, second.closed)
	}
}

// A288: ShutdownDefaultExecutor waits for the jobs. Afterwards each use of the default
// executor is an error.
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
			log.Add("shutdown: %v", err)
			return err
		})
		yields(ctx, 3)
		log.Add("shutdown waits: %v", !waiter.Done())
		close(gate)
		v, err := job.Await(ctx)
		log.Add("job: %v, %v", v, err)
		if _, err := waiter.Await(ctx); err != nil {
			return err
		}
		_, err = asyncio.ToThread(ctx, one)
		log.Add("ToThread: %v", err)
		wantErr(t, err, asyncio.ErrMisuse)
		_, err = asyncio.RunInExecutor(ctx, nil, one).Await(ctx)
		log.Add("RunInExecutor: %v", err)
		log.Add("second shutdown: %v", l.ShutdownDefaultExecutor(ctx))
		return nil
	})
	log.Want(t,
		"shutdown waits: true",
		"job: 7, <nil>",
		"shutdown: <nil>",
		"ToThread: asyncio: misuse: the default executor was shut down; use RunInExecutor with another executor",
		"RunInExecutor: asyncio: misuse: the default executor was shut down; use RunInExecutor with another executor",
		"second shutdown: <nil>",
	)
}

// A288: after a timeout, jobs that have not begun are withdrawn and running jobs are
// cancelled. The exception handler receives their names. A shutdown before the first job
// has the same effect on later jobs.
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
		waits := asyncio.RunInExecutor(ctx, nil, func(context.Context) (int, error) { log.Add("the waiting job ran"); return 1, nil })
		<-begun
		err := asyncio.Timeout(ctx, 0, l.ShutdownDefaultExecutor)
		log.Add("%v", err)
		text, err := reported.Await(ctx)
		log.Add("%s", text)
		_, waitsErr := waits.Await(ctx)
		log.Add("waiting job: %v", waitsErr)
		close(gate)
		log.Add("cause in the running job: %v", <-ended)
		_, toThread := asyncio.ToThread(ctx, one)
		wantErr(t, toThread, asyncio.ErrMisuse, "the default executor was shut down")
		return err
	})
	log.Want(t,
		"asyncio: timed out",
		"jobs continue after a cancelled ShutdownDefaultExecutor: asyncio_test.TestShutdownDefaultExecutorTimeout.func1.2()",
		"waiting job: asyncio: cancelled",
		"cause in the running job: executor: shut down",
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

// At its end Run waits for running jobs, up to a limit. Then it cancels their ctxs and
// lists them in the error.
func TestRunListsRunningJobs(t *testing.T) {
	gate := make(chan bool)
	cause := make(chan error, 1)
	r := &asyncio.Runner{ShutdownTimeout: time.Nanosecond}
	err := runOn(t, r, func(ctx context.Context) error {
		begun := make(chan bool)
		asyncio.RunInExecutor(ctx, nil, func(ctx context.Context) (int, error) {
			close(begun)
			<-ctx.Done()
			cause <- context.Cause(ctx)
			<-gate
			return 0, nil
		})
		<-begun
		return nil
	})
	var stuck *asyncio.ShutdownError
	if !errors.As(err, &stuck) || len(stuck.Jobs) != 1 || len(stuck.Tasks) != 0 {
		t.Fatalf("Run = %v; want a ShutdownError with one job", err)
	}
	wantErr(t, err, stuck, "asyncio: shutdown incomplete after 1ns:", "\n  job asyncio_test.TestRunListsRunningJobs.func1.1() at offload_test.go:")
	wantErr(t, <-cause, executor.ErrShutdown)
	close(gate)
}

// The loop runs while Run waits for the jobs: a job can call it and wait for the result.
// A task that such a call leaves is cancelled like the others.
func TestLoopRunsWhileRunWaitsForJobs(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		asyncio.RunInExecutor(ctx, nil, func(context.Context) (int, error) {
			return asyncio.RunCoroutineThreadsafe(l, func(ctx context.Context) (int, error) {
				log.Add("other tasks: %v", len(asyncio.AllTasks(ctx)) > 1)
				asyncio.Go(ctx, func(ctx context.Context) error {
					err := never(ctx)
					log.Add("remaining task: %v", err)
					return err
				})
				return 1, asyncio.Yield(ctx)
			}).Result(context.Background())
		})
		return nil
	})
	log.Want(t, "other tasks: false", "remaining task: asyncio: cancelled by the shutdown of the loop")
}
