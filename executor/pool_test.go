package executor_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/asyncio/executor"
	"example.com/asyncio/executor/executortest"
)

var background = context.Background()

func nothing(context.Context) (any, error) { return nil, nil }

func ignore(any, error) {}

// submit fails the test if the pool does not take the job on.
func submit(t testing.TB, p *executor.Pool, name string, f executor.Func, done func(any, error)) executor.Job {
	t.Helper()
	job, err := p.Submit(background, executor.Call(name, f, done))
	if err != nil {
		t.Fatalf("Submit of %q = %v, want nil", name, err)
	}
	return job
}

func shutdown(t testing.TB, p *executor.Pool) {
	t.Helper()
	if err := p.Shutdown(background); err != nil {
		t.Errorf("Shutdown = %v, want nil", err)
	}
}

// workers counts the goroutines of the caller's synctest bubble that stand in a
// pool's loop. Outside the bubble, one of an earlier test may be on its way out.
func workers() (n int) {
	buf := make([]byte, 1<<20)
	stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
	_, bubble, _ := strings.Cut(strings.SplitN(stacks[0], "\n", 2)[0], "synctest bubble ") // the caller's comes first
	for _, stack := range stacks {
		if strings.Contains(stack, "synctest bubble "+bubble) && strings.Contains(stack, "executor.(*Pool).runJobs(") {
			n++
		}
	}
	return n
}

// goroutine returns the id of the caller's goroutine, as in the head of its stack.
func goroutine() string {
	var head [64]byte
	return strings.Fields(string(head[:runtime.Stack(head[:], false)]))[1]
}

func TestConformance(t *testing.T) {
	executortest.Test(t, func(*testing.T) executor.Executor { return executor.NewPool(1) })
}

func TestPoolSize(t *testing.T) {
	if got := executor.NewPool(7).Size(); got != 7 {
		t.Errorf("NewPool(7).Size() = %d, want 7", got)
	}
	want := min(32, runtime.NumCPU()+4)
	for _, size := range []int{0, -1} {
		if got := executor.NewPool(size).Size(); got != want {
			t.Errorf("NewPool(%d).Size() = %d, want %d", size, got, want)
		}
	}
}

// As many goroutines as jobs that run, up to the size; none is left at the end.
func TestPoolIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := executor.NewPool(3)
		if n := workers(); n != 0 {
			t.Errorf("%d goroutines before the first job, want 0", n)
		}
		gate := make(chan struct{})
		for i := range 5 {
			submit(t, p, "", func(context.Context) (any, error) { <-gate; return nil, nil }, ignore)
			synctest.Wait()
			if n, want := workers(), min(i+1, 3); n != want {
				t.Errorf("%d goroutines for %d jobs, want %d", n, i+1, want)
			}
		}
		if got, want := p.String(), "<Pool size=3 running=3 abandoned=0 waiting=2>"; got != want {
			t.Errorf("String() = %s, want %s", got, want)
		}
		close(gate)
		synctest.Wait()
		if n := workers(); n != 3 {
			t.Errorf("%d goroutines at rest, want 3", n)
		}
		shutdown(t, p)
		synctest.Wait()
		if n := workers(); n != 0 {
			t.Errorf("%d goroutines after Shutdown, want 0", n)
		}
		if got, want := p.String(), "<Pool shut down size=3 running=0 abandoned=0 waiting=0>"; got != want {
			t.Errorf("String() = %s, want %s", got, want)
		}
	})
}

// One job after another stays on one goroutine, even if each is submitted by
// the done of the one before.
func TestPoolReusesGoroutines(t *testing.T) {
	p := executor.NewPool(8)
	where := make(map[string]int)
	f := func(context.Context) (any, error) { where[goroutine()]++; return nil, nil }

	ended := make(chan struct{})
	for range 100 {
		submit(t, p, "", f, func(any, error) { ended <- struct{}{} })
		<-ended
	}
	left := 100
	var again func(any, error)
	again = func(any, error) {
		if left--; left == 0 {
			close(ended)
			return
		}
		submit(t, p, "", f, again)
	}
	submit(t, p, "", f, again)
	<-ended
	if len(where) != 1 {
		t.Errorf("200 jobs one after another ran on goroutines %v, want one", where)
	}
	shutdown(t, p)
}

// A burst at an idle pool wakes as many workers as it has jobs.
func TestPoolWakesAllItNeeds(t *testing.T) {
	p := executor.NewPool(4)
	for range 50 {
		var began, ended sync.WaitGroup
		began.Add(4)
		ended.Add(4)
		for range 4 {
			submit(t, p, "", func(context.Context) (any, error) {
				began.Done()
				began.Wait() // hangs unless all four run at a time
				return nil, nil
			}, func(any, error) { ended.Done() })
		}
		ended.Wait()
	}
	shutdown(t, p)
}

func TestPoolBeginsInOrder(t *testing.T) {
	p := executor.NewPool(1)
	gate := make(chan struct{})
	var order []int
	submit(t, p, "", func(context.Context) (any, error) { <-gate; return nil, nil }, ignore)
	var jobs []executor.Job
	for i := range 10 {
		jobs = append(jobs, submit(t, p, "", func(context.Context) (any, error) { order = append(order, i); return nil, nil }, ignore))
	}
	for _, i := range []int{0, 4, 9} { // at the head, inside, at the tail
		jobs[i].Cancel(nil)
	}
	close(gate)
	shutdown(t, p)
	if want := []int{1, 2, 3, 5, 6, 7, 8}; !slices.Equal(order, want) {
		t.Errorf("order = %v, want %v", order, want)
	}
}

func TestPoolListsJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := executor.NewPool(2)
		start := time.Now()
		list := func() string {
			var b strings.Builder
			for _, j := range p.Jobs() {
				fmt.Fprintf(&b, "%s %v", j.Name, j.State)
				if !j.Since.IsZero() {
					fmt.Fprintf(&b, " since %v", j.Since.Sub(start))
				}
				b.WriteString("; ")
			}
			fmt.Fprintf(&b, "%d abandoned", p.Abandoned())
			return b.String()
		}
		want := func(want string) {
			t.Helper()
			synctest.Wait()
			if got := list(); got != want {
				t.Errorf("jobs: %s\n want: %s", got, want)
			}
		}

		want("0 abandoned")
		gates := make(map[string]chan struct{})
		jobs := make(map[string]executor.Job)
		for _, name := range []string{"a", "b", "c", "d"} {
			gates[name] = make(chan struct{})
			jobs[name] = submit(t, p, name, func(context.Context) (any, error) { <-gates[name]; return nil, nil }, ignore)
			synctest.Wait()
			time.Sleep(time.Second) // of the bubble's time
		}
		want("a running; b running; c waiting; d waiting; 0 abandoned")
		jobs["b"].Cancel(nil)
		want("a running; b abandoned since 4s; c waiting; d waiting; 1 abandoned")
		jobs["c"].Cancel(nil)
		want("a running; b abandoned since 4s; d waiting; 1 abandoned")
		time.Sleep(time.Second)
		jobs["b"].Cancel(nil)
		close(gates["b"])
		want("a running; d running; 0 abandoned")
		p.Shutdown(cancelled())
		want("a abandoned since 5s; d abandoned since 5s; 2 abandoned")
		close(gates["a"])
		want("d abandoned since 5s; 1 abandoned")
		close(gates["d"])
		want("0 abandoned")
		shutdown(t, p)
	})
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(background)
	cancel()
	return ctx
}

func TestShutdownNamesTheBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := executor.NewPool(2)
		gate := make(chan struct{})
		var outcomes []string
		for _, name := range []string{"a", "b", "c", "d"} {
			submit(t, p, name, func(ctx context.Context) (any, error) {
				<-gate
				return nil, context.Cause(ctx)
			}, func(_ any, err error) { outcomes = append(outcomes, fmt.Sprint(name, ": ", err)) })
			synctest.Wait()
		}
		limit, cancel := context.WithTimeout(background, time.Minute)
		defer cancel()
		start := time.Now()
		err := p.Shutdown(limit)
		if want := "executor: shutdown: 2 still running: a, b"; err == nil || err.Error() != want {
			t.Errorf("Shutdown = %v, want %s", err, want)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("Shutdown took %v, want its limit of a minute", took)
		}
		// The withdrawn have been told when Shutdown returns, in order.
		want := []string{"c: executor: job withdrawn before it began", "d: executor: job withdrawn before it began"}
		if !slices.Equal(outcomes, want) {
			t.Errorf("outcomes %q, want %q", outcomes, want)
		}
		gate <- struct{}{}
		synctest.Wait()
		gate <- struct{}{}
		shutdown(t, p)
		if want := "executor: shut down"; len(outcomes) != 4 || !strings.HasSuffix(outcomes[2], want) || !strings.HasSuffix(outcomes[3], want) {
			t.Errorf("outcomes %q, want the last two to end with %q", outcomes, want)
		}
	})
}

// A done that is under way is no running job, but Shutdown waits for it all the same.
func TestShutdownWaitsForDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := executor.NewPool(1)
		gate := make(chan struct{})
		submit(t, p, "", nothing, func(any, error) { <-gate })
		synctest.Wait()
		shutdown := make(chan error, 1)
		go func() { shutdown <- p.Shutdown(cancelled()) }()
		synctest.Wait()
		if len(shutdown) != 0 {
			t.Error("Shutdown returned before done")
		}
		close(gate)
		if err := <-shutdown; err != nil {
			t.Errorf("Shutdown = %v, want nil", err)
		}
	})
}

// A goroutine that dies takes neither its place in the pool nor a job with it,
// whether it was f or done that called Goexit.
func TestPoolReplacesGoroutineThatExits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := executor.NewPool(1)
		exit := func(context.Context) (any, error) { runtime.Goexit(); return nil, nil }
		var outcomes []error
		for range 3 {
			submit(t, p, "f", exit, func(_ any, err error) { outcomes = append(outcomes, err) })
			submit(t, p, "done", nothing, func(_ any, err error) { outcomes = append(outcomes, err); runtime.Goexit() })
		}
		synctest.Wait()
		want := []error{executor.ErrExited, nil, executor.ErrExited, nil, executor.ErrExited, nil}
		if !slices.Equal(outcomes, want) {
			t.Errorf("outcomes = %v, want %v", outcomes, want)
		}
		if n := workers(); n != 1 {
			t.Errorf("%d goroutines, want 1", n)
		}
		shutdown(t, p)
		synctest.Wait()
		if n := workers(); n != 0 {
			t.Errorf("%d goroutines after Shutdown, want 0", n)
		}
	})
}

// A panic in what f deferred before Goexit: the outcome is the panic.
func TestPanicAfterGoexit(t *testing.T) {
	p := executor.NewPool(1)
	outcome := make(chan error, 1)
	submit(t, p, "", func(context.Context) (any, error) {
		defer func() { panic("on the way out") }()
		runtime.Goexit()
		return nil, nil
	}, func(_ any, err error) { outcome <- err })
	var panicked *executor.PanicError
	if err := <-outcome; !errors.As(err, &panicked) || panicked.Value != "on the way out" {
		t.Errorf("outcome = %v, want a *PanicError", err)
	}
	shutdown(t, p)
}

// What is derived from a job's ctx costs no goroutine.
func TestDerivedContextNeedsNoGoroutine(t *testing.T) {
	p := executor.NewPool(1)
	ended := make(chan int, 1)
	submit(t, p, "", func(ctx context.Context) (any, error) {
		before := runtime.NumGoroutine()
		for range 100 {
			derived, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			_ = derived.Done()
		}
		return runtime.NumGoroutine() - before, nil
	}, func(v any, _ error) { ended <- v.(int) })
	if n := <-ended; n > 50 { // a test that ran before may still be ending one
		t.Errorf("100 derived contexts took %d goroutines, want 0", n)
	}
	shutdown(t, p)
}

// Many goroutines submit, cancel, list; then the pool is shut down under them.
// Every job that was taken on has one outcome, and Cancel has told the truth.
func TestHammer(t *testing.T) {
	for _, limited := range []bool{false, true} {
		t.Run(fmt.Sprintf("limited=%v", limited), func(t *testing.T) {
			p := executor.NewPool(4)
			var submitted, ended, told, withdrawn atomic.Int64 // told: by a Cancel that returned true
			f := func(ctx context.Context) (any, error) {
				switch rand.IntN(8) {
				case 0:
					panic("boom")
				case 1:
					runtime.Goexit()
				case 2:
					return nil, ctx.Err()
				case 3:
					derived, cancel := context.WithTimeout(ctx, time.Nanosecond)
					defer cancel()
					<-derived.Done()
				}
				return nil, nil
			}
			done := func(_ any, err error) {
				ended.Add(1)
				if err == executor.ErrWithdrawn {
					withdrawn.Add(1)
				}
			}
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					for i := 0; ; i++ {
						job, err := p.Submit(background, executor.Call("job", f, done))
						if err != nil {
							return
						}
						submitted.Add(1)
						switch rand.IntN(4) {
						case 0:
							if job.Cancel(nil) {
								told.Add(1)
							}
						case 1:
							if n := len(p.Jobs()); p.Abandoned() > p.Size() {
								t.Errorf("more jobs abandoned than can run, of %d", n)
							}
						case 2:
							runtime.Gosched()
						}
					}
				})
			}
			for ended.Load() < 5000 {
				runtime.Gosched()
			}
			var ctx = background
			if limited {
				ctx = cancelled()
			}
			for range 2 {
				all.Go(func() {
					var busy *executor.BusyError
					if err := p.Shutdown(ctx); err != nil && !(limited && errors.As(err, &busy)) {
						t.Errorf("Shutdown = %v", err)
					}
				})
			}
			all.Wait()
			shutdown(t, p)
			if submitted.Load() != ended.Load() {
				t.Errorf("%d jobs were taken on, %d ended", submitted.Load(), ended.Load())
			}
			if told.Load() > withdrawn.Load() || !limited && told.Load() != withdrawn.Load() {
				t.Errorf("%d jobs were withdrawn, Cancel told of %d", withdrawn.Load(), told.Load())
			}
			if got, want := p.String(), "<Pool shut down size=4 running=0 abandoned=0 waiting=0>"; got != want {
				t.Errorf("String() = %s, want %s", got, want)
			}
		})
	}
}

// A job can have its place in an object of the caller's, and costs nothing then. The Slot is the Job.
func TestSubmitIn(t *testing.T) {
	p := executor.NewPool(1)
	ended := make(chan error, 1)
	tell := func(_ any, err error) { ended <- err }
	job := executor.Call("job", nothing, tell)
	var slots [1001]executor.Slot // AllocsPerRun runs once more
	next := 0
	got := testing.AllocsPerRun(len(slots)-1, func() {
		if err := p.SubmitIn(&slots[next], background, job); err != nil {
			t.Error(err)
		}
		next++
		<-ended
	})
	if got != 0 {
		t.Errorf("%v allocations, want 0", got)
	}

	gate := make(chan bool)
	submit(t, p, "", func(context.Context) (any, error) { <-gate; return nil, nil }, ignore)
	var waits, refused executor.Slot
	if err := p.SubmitIn(&waits, background, job); err != nil {
		t.Error(err)
	}
	if !waits.Cancel(nil) {
		t.Error("Cancel of a job that waits = false, want true")
	}
	if err := <-ended; err != executor.ErrWithdrawn {
		t.Errorf("its outcome is %v, want ErrWithdrawn", err)
	}
	close(gate)
	shutdown(t, p)
	if err := p.SubmitIn(&refused, background, job); err != executor.ErrShutdown {
		t.Errorf("SubmitIn after Shutdown = %v, want ErrShutdown", err)
	}
	defer func() {
		if got, want := recover(), "executor: SubmitIn with a Slot that was used before; each job has its own"; got != want {
			t.Errorf("it panics with %v, want %s", got, want)
		}
	}()
	_ = p.SubmitIn(&waits, background, job)
}

// The price in allocations: one for a job; if it looks at its ctx, three more,
// and the channel if it asks for Done.
func TestAllocations(t *testing.T) {
	ended := make(chan struct{}, 1)
	done := func(any, error) { ended <- struct{}{} }
	for _, test := range []struct {
		name string
		f    executor.Func
		want float64
	}{
		{"f ignores ctx", nothing, 1},
		{"f asks Err", func(ctx context.Context) (any, error) { return nil, ctx.Err() }, 4},
		{"f asks Done", func(ctx context.Context) (any, error) { _ = ctx.Done(); return nil, nil }, 5},
	} {
		p := executor.NewPool(2)
		job := executor.Call("job", test.f, done)
		got := testing.AllocsPerRun(1000, func() {
			p.Submit(background, job)
			<-ended
		})
		if got != test.want {
			t.Errorf("%s: %v allocations, want %v", test.name, got, test.want)
		}
		shutdown(t, p)
	}
}
