package executortest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/asyncio/executor"
)

// broken is an executor with a fault. It embeds a pool that does the work.
type broken struct {
	*executor.Pool
	fault
	over chan struct{} // closed when the clause has ended, to release blocked goroutines
	lock chan struct{} // used by faults; a semaphore of size 1
	end  func()        // used by faults; owned by the worker

	mu    sync.Mutex // guards count
	count int        // calls of first
}

// fault has the functions that replace those of a correct executor, where not nil.
type fault struct {
	submit   func(b *broken, ctx context.Context, w executor.Work) (executor.Job, error)
	run      func(b *broken, w executor.Work, ctx context.Context) (any, error)
	done     func(b *broken, w executor.Work, value any, err error)
	cancel   func(j *brokenJob, cause error) bool
	shutdown func(b *broken, ctx context.Context) error
}

func (b *broken) Submit(ctx context.Context, w executor.Work) (executor.Job, error) {
	if b.submit != nil {
		return b.submit(b, ctx, w)
	}
	return b.pass(ctx, w)
}

// pass submits w to the pool.
func (b *broken) pass(ctx context.Context, w executor.Work) (executor.Job, error) {
	if ctx == nil || w == nil {
		panic("nil")
	}
	j, err := b.Pool.Submit(ctx, &brokenWork{w, b, ctx})
	if err != nil {
		return nil, err
	}
	return &brokenJob{j, b, w}, nil
}

func (b *broken) Shutdown(ctx context.Context) error {
	if b.shutdown != nil {
		return b.shutdown(b, ctx)
	}
	return b.Pool.Shutdown(ctx)
}

// first reports whether this is its first call.
func (b *broken) first() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count++
	return b.count == 1
}

// hold calls f with the lock.
func (b *broken) hold(f func()) {
	select {
	case b.lock <- struct{}{}:
		f()
		<-b.lock
	case <-b.over:
	}
}

type brokenWork struct {
	executor.Work
	b      *broken
	submit context.Context
}

func (w *brokenWork) Run(ctx context.Context) (any, error) {
	if w.b.run != nil {
		return w.b.run(w.b, w.Work, &runContext{ctx, w.submit})
	}
	return w.Work.Run(ctx)
}

// runContext also holds the ctx of Submit, for faults that confuse the two.
type runContext struct {
	context.Context
	submit context.Context
}

func (w *brokenWork) Done(value any, err error) {
	if w.b.done != nil {
		w.b.done(w.b, w.Work, value, err)
		return
	}
	w.Work.Done(value, err)
}

type brokenJob struct {
	executor.Job
	b *broken
	w executor.Work
}

func (j *brokenJob) Cancel(cause error) bool {
	if j.b.cancel != nil {
		return j.b.cancel(j, cause)
	}
	return j.Job.Cancel(cause)
}

// The required clauses find each fault, and each clause finds a fault.
func TestClausesFindFaults(t *testing.T) {
	useful := map[string]bool{}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			var found []string
			for _, clause := range clauses {
				if text := judge(t, clause.check, f.fault); len(text) > 0 {
					found = append(found, clause.name)
					useful[clause.name] = true
					t.Logf("%s: %s", clause.name, text)
				}
			}
			if f.found == nil && found != nil {
				t.Errorf("%q fail without a fault", found)
			}
			for _, want := range f.found {
				if !slices.Contains(found, want) {
					t.Errorf("%q does not find the fault", want)
				}
			}
		})
	}
	for _, clause := range clauses {
		if !useful[clause.name] {
			t.Errorf("%q does not find any fault", clause.name)
		}
	}
}

// judge checks one clause against an executor with the fault, and returns the failure
// messages. It ends all goroutines of the clause.
func judge(t *testing.T, check func(*kit), f fault) (text []string) {
	synctest.Test(t, func(t *testing.T) {
		b := &broken{Pool: executor.NewPool(1), fault: f, over: make(chan struct{}), lock: make(chan struct{}, 1)}
		k := &kit{ex: b, over: b.over}
		r := &recorder{}
		k.reporter = r
		checked := make(chan struct{})
		go func() { // Fatalf ends the goroutine
			defer close(checked)
			check(k)
			k.finish()
		}()
		select {
		case <-checked:
			close(b.over)
		case <-time.After(1000 * time.Hour): // everything is blocked
			close(b.over)
			<-checked
			r.Errorf("deadlock")
		}
		b.Pool.Shutdown(context.Background())
		time.Sleep(1000 * time.Hour) // let sleeping goroutines end
		r.mu.Lock()
		defer r.mu.Unlock()
		text = r.text
	})
	return text
}

// recorder implements the methods of [testing.T] that a clause needs, and records
// messages.
type recorder struct {
	mu   sync.Mutex // guards text
	text []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text = append(r.text, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}
