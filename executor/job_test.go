package executor_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/asyncio/executor"
)

// After a Goexit in f or done, another goroutine runs the remaining jobs.
func TestPoolReplacesAGoroutineThatExits(t *testing.T) {
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

func TestPanicInADeferredCallReplacesGoexit(t *testing.T) {
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

func TestContextDerivedFromAJobsNeedsNoGoroutine(t *testing.T) {
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
	if n := <-ended; n > 50 { // not 0: goroutines of earlier tests may end or start
		t.Errorf("100 derived contexts started %d goroutines, want 0", n)
	}
	shutdown(t, p)
}

func TestSubmitInAllocatesNothing(t *testing.T) {
	p := executor.NewPool(1)
	ended := make(chan error, 1)
	job := executor.Call("job", nothing, func(_ any, err error) { ended <- err })
	var slots [1001]executor.Slot // AllocsPerRun makes one more call
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
	shutdown(t, p)
}

func TestSlotIsTheJobOfSubmitIn(t *testing.T) {
	p := executor.NewPool(1)
	ended := make(chan error, 1)
	job := executor.Call("job", nothing, func(_ any, err error) { ended <- err })
	gate := make(chan bool)
	submit(t, p, "", func(context.Context) (any, error) { <-gate; return nil, nil }, ignore)
	var waits, refused executor.Slot
	if err := p.SubmitIn(&waits, background, job); err != nil {
		t.Error(err)
	}
	if !waits.Cancel(nil) {
		t.Error("Cancel of a waiting job = false, want true")
	}
	if err := <-ended; err != executor.ErrWithdrawn {
		t.Errorf("outcome = %v, want ErrWithdrawn", err)
	}
	close(gate)
	shutdown(t, p)
	if err := p.SubmitIn(&refused, background, job); err != executor.ErrShutdown {
		t.Errorf("SubmitIn after Shutdown = %v, want ErrShutdown", err)
	}
	defer func() {
		if got, want := recover(), "executor: SubmitIn with a Slot that was used before; use a new Slot for each job"; got != want {
			t.Errorf("SubmitIn with a used Slot panics with %v, want %s", got, want)
		}
	}()
	_ = p.SubmitIn(&waits, background, job)
}

// A job takes one allocation, three more if it uses its ctx, and one more for the channel
// of Done.
func TestAllocationsOfAJob(t *testing.T) {
	ended := make(chan struct{}, 1)
	done := func(any, error) { ended <- struct{}{} }
	for _, test := range []struct {
		name string
		f    executor.Func
		want float64
	}{
		{"f ignores ctx", nothing, 1},
		{"f calls Err", func(ctx context.Context) (any, error) { return nil, ctx.Err() }, 4},
		{"f calls Done", func(ctx context.Context) (any, error) { _ = ctx.Done(); return nil, nil }, 5},
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

// Many goroutines submit, cancel and list jobs, until the pool is shut down. Each
// accepted job has one outcome, and it agrees with the result of Cancel.
func TestConcurrentUse(t *testing.T) {
	for _, limited := range []bool{false, true} {
		t.Run(fmt.Sprintf("limited=%v", limited), func(t *testing.T) {
			h := &hammer{T: t, p: executor.NewPool(4)}
			var all sync.WaitGroup
			for range 8 {
				all.Go(h.use)
			}
			for h.ended.Load() < 5000 {
				runtime.Gosched()
			}
			var ctx = background
			if limited {
				ctx = cancelled()
			}
			for range 2 {
				all.Go(func() {
					var busy *executor.BusyError
					if err := h.p.Shutdown(ctx); err != nil && !(limited && errors.As(err, &busy)) {
						t.Errorf("Shutdown = %v", err)
					}
				})
			}
			all.Wait()
			shutdown(t, h.p)
			if submitted, ended := h.submitted.Load(), h.ended.Load(); submitted != ended {
				t.Errorf("%d jobs were accepted, %d ended", submitted, ended)
			}
			cancels, withdrawn := h.cancels.Load(), h.withdrawn.Load()
			if cancels > withdrawn || !limited && cancels != withdrawn {
				t.Errorf("%d jobs were withdrawn, %d calls of Cancel returned true", withdrawn, cancels)
			}
			if got, want := h.p.String(), "<Pool shut down size=4 running=0 abandoned=0 waiting=0>"; got != want {
				t.Errorf("String() = %s, want %s", got, want)
			}
		})
	}
}

type hammer struct {
	*testing.T
	p         *executor.Pool
	submitted atomic.Int64 // accepted jobs
	ended     atomic.Int64 // calls of done
	withdrawn atomic.Int64 // calls of done with ErrWithdrawn
	cancels   atomic.Int64 // calls of Cancel that returned true
}

// use submits jobs until Submit fails.
func (h *hammer) use() {
	for {
		job, err := h.p.Submit(background, executor.Call("job", endsSomehow, h.done))
		if err != nil {
			return
		}
		h.submitted.Add(1)
		switch rand.IntN(4) {
		case 0:
			if job.Cancel(nil) {
				h.cancels.Add(1)
			}
		case 1:
			h.p.Jobs()
			if n := h.p.Abandoned(); n > h.p.Size() {
				h.Errorf("%d jobs are abandoned, want at most %d", n, h.p.Size())
			}
		case 2:
			runtime.Gosched()
		}
	}
}

func (h *hammer) done(_ any, err error) {
	h.ended.Add(1)
	if err == executor.ErrWithdrawn {
		h.withdrawn.Add(1)
	}
}

// endsSomehow is a Func that ends in a random way.
func endsSomehow(ctx context.Context) (any, error) {
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
