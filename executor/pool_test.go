package executor_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/asyncio/executor"
	"example.com/asyncio/executor/executortest"
)

var background = context.Background()

func nothing(context.Context) (any, error) { return nil, nil }

func ignore(any, error) {}

// submit submits a job. It fails the test if the pool does not accept it.
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

// workers returns the number of goroutines of the caller's synctest bubble that are
// workers of a pool. Outside the bubble, a worker of an earlier test may still be ending.
func workers() (n int) {
	buf := make([]byte, 1<<20)
	stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
	_, bubble, _ := strings.Cut(strings.SplitN(stacks[0], "\n", 2)[0], "synctest bubble ") // the caller's is the first stack
	for _, stack := range stacks {
		if strings.Contains(stack, "synctest bubble "+bubble) && strings.Contains(stack, "executor.(*Pool).runJobs(") {
			n++
		}
	}
	return n
}

// goroutine returns the id of the caller's goroutine, from the header of its stack trace.
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

// A pool has one goroutine for each running job, up to its size, and none after Shutdown.
func TestPoolSizeLimitsGoroutines(t *testing.T) {
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
			t.Errorf("%d goroutines in an idle pool, want 3", n)
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

// Consecutive jobs share one goroutine, even if the done of each submits the next.
func TestConsecutiveJobsShareAGoroutine(t *testing.T) {
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
		t.Errorf("200 consecutive jobs ran on goroutines %v, want one goroutine", where)
	}
	shutdown(t, p)
}

// A burst of jobs at an idle pool wakes one worker for each job.
func TestBurstWakesAllWorkers(t *testing.T) {
	p := executor.NewPool(4)
	for range 50 {
		var began, ended sync.WaitGroup
		began.Add(4)
		ended.Add(4)
		for range 4 {
			submit(t, p, "", func(context.Context) (any, error) {
				began.Done()
				began.Wait() // hangs unless all four run concurrently
				return nil, nil
			}, func(any, error) { ended.Done() })
		}
		ended.Wait()
	}
	shutdown(t, p)
}

func TestJobsBeginInOrderOfSubmission(t *testing.T) {
	p := executor.NewPool(1)
	gate := make(chan struct{})
	var order []int
	submit(t, p, "", func(context.Context) (any, error) { <-gate; return nil, nil }, ignore)
	var jobs []executor.Job
	for i := range 10 {
		jobs = append(jobs, submit(t, p, "", func(context.Context) (any, error) { order = append(order, i); return nil, nil }, ignore))
	}
	for _, i := range []int{0, 4, 9} { // first, middle and last
		jobs[i].Cancel(nil)
	}
	close(gate)
	shutdown(t, p)
	if want := []int{1, 2, 3, 5, 6, 7, 8}; !slices.Equal(order, want) {
		t.Errorf("order = %v, want %v", order, want)
	}
}

func TestJobsListsStates(t *testing.T) {
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

func TestShutdownWithALimitNamesRunningJobs(t *testing.T) {
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
			t.Errorf("Shutdown took %v, want its limit of 1m", took)
		}
		// done of the withdrawn jobs was called before Shutdown returned, in order.
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

// A job whose done is running is not a running job, but Shutdown waits for it.
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
