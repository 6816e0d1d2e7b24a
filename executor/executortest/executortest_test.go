package executortest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/asyncio/executor"
)

// broken is an executor with a fault. The pool underneath does the work.
type broken struct {
	*executor.Pool
	fault
	over chan struct{} // closed when the clause is over, so that what hangs ends
	lock chan struct{} // for the use of the fault; holds one
	end  func()        // likewise; belongs to the worker

	mu    sync.Mutex // guards the field below
	count int        // likewise
}

// fault is what a broken executor does instead, where it is not nil.
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

// pass gives w to the pool.
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

// first tells whether it is called for the first time.
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

// runContext has the ctx of Submit with it, for faults that mix the two up.
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

// Each fault, and clauses that must find it.
var faults = []struct {
	name  string
	fault fault
	found []string
}{
	{"nothing is broken", fault{}, nil},
	{
		"the value is lost where there is an error",
		fault{done: func(_ *broken, w executor.Work, value any, err error) {
			if err != nil {
				value = nil
			}
			w.Done(value, err)
		}},
		[]string{"the outcome is what f returned"},
	},
	{
		"done is called twice",
		fault{done: func(_ *broken, w executor.Work, value any, err error) { w.Done(value, err); w.Done(value, err) }},
		[]string{"the outcome is what f returned"},
	},
	{
		"done is called never",
		fault{done: func(*broken, executor.Work, any, error) {}},
		[]string{"the outcome is what f returned", "Cancel withdraws what has not begun"},
	},
	{
		"a panic loses value and stack",
		fault{run: func(_ *broken, w executor.Work, ctx context.Context) (_ any, err error) {
			defer func() {
				if p := recover(); p != nil {
					err = &executor.PanicError{Value: fmt.Sprint(p)}
				}
			}()
			return w.Run(ctx)
		}},
		[]string{"a panic is the outcome", "a panic with an error unwraps to it"},
	},
	{
		"Goexit is a nil error",
		fault{done: func(_ *broken, w executor.Work, value any, err error) {
			if err == executor.ErrExited {
				err = nil
			}
			w.Done(value, err)
		}},
		[]string{"Goexit is the outcome, and the next job runs"},
	},
	{
		"Goexit takes the worker with it",
		fault{run: func(b *broken, w executor.Work, ctx context.Context) (any, error) {
			exits := true
			defer func() {
				if exits {
					<-b.over
				}
			}()
			value, err := w.Run(ctx)
			exits = false
			return value, err
		}},
		[]string{"Goexit is the outcome, and the next job runs"},
	},
	{
		"a job that waits for nothing is run at once",
		fault{submit: func(b *broken, ctx context.Context, w executor.Work) (executor.Job, error) {
			if w != nil && w.Name() == "" {
				w.Done(w.Run(ctx))
				return nil, nil
			}
			return b.pass(ctx, w)
		}},
		[]string{"done is not called from within Submit"},
	},
	{
		"done is called with a lock that Submit takes",
		fault{
			submit: func(b *broken, ctx context.Context, w executor.Work) (j executor.Job, err error) {
				b.hold(func() { j, err = b.pass(ctx, w) })
				return j, err
			},
			done: func(b *broken, w executor.Work, value any, err error) { b.hold(func() { w.Done(value, err) }) },
		},
		[]string{"done and f may Submit"},
	},
	{
		"Submit waits for a free worker",
		fault{
			submit: func(b *broken, ctx context.Context, w executor.Work) (executor.Job, error) {
				select {
				case b.lock <- struct{}{}:
				case <-b.over:
				}
				return b.pass(ctx, w)
			},
			done: func(b *broken, w executor.Work, value any, err error) {
				w.Done(value, err)
				select {
				case <-b.lock:
				case <-b.over:
				}
			},
		},
		[]string{"Cancel withdraws what has not begun"},
	},
	{
		"nil is taken on",
		fault{submit: func(b *broken, ctx context.Context, w executor.Work) (executor.Job, error) {
			if ctx == nil {
				ctx = context.Background()
			}
			if w == nil {
				return nil, nil
			}
			return b.pass(ctx, w)
		}},
		[]string{"a nil argument panics"},
	},
	{
		"f gets the ctx of Submit",
		fault{run: func(_ *broken, w executor.Work, ctx context.Context) (any, error) {
			return w.Run(ctx.(*runContext).submit)
		}},
		[]string{"the values of ctx reach f, its cancel and deadline do not"},
	},
	{
		"f gets no values",
		fault{submit: func(b *broken, _ context.Context, w executor.Work) (executor.Job, error) {
			return b.pass(context.Background(), w)
		}},
		[]string{"the values of ctx reach f, its cancel and deadline do not"},
	},
	{
		"ctx is never done",
		fault{run: func(_ *broken, w executor.Work, ctx context.Context) (any, error) {
			return w.Run(context.WithoutCancel(ctx))
		}},
		[]string{
			"ctx is done when f has ended",
			"ctx is done before done is called",
			"Cancel of a running job cancels its ctx with the cause",
			"Cancel without a cause means context.Canceled",
			"Shutdown with a limit withdraws, cancels and names",
		},
	},
	{
		"ctx is done after done",
		fault{
			run: func(b *broken, w executor.Work, ctx context.Context) (any, error) {
				ctx, b.end = context.WithCancel(context.WithoutCancel(ctx))
				return w.Run(ctx)
			},
			done: func(b *broken, w executor.Work, value any, err error) {
				w.Done(value, err)
				if err != executor.ErrWithdrawn { // it has run, and is the only one
					b.end()
				}
			},
		},
		[]string{"ctx is done before done is called"},
	},
	{
		"a job that has not begun cannot be withdrawn",
		fault{cancel: func(*brokenJob, error) bool { return false }},
		[]string{"Cancel withdraws what has not begun", "Cancel of a running job cancels its ctx with the cause"},
	},
	{
		"Cancel is always true",
		fault{cancel: func(j *brokenJob, cause error) bool { j.Job.Cancel(cause); return true }},
		[]string{
			"Cancel withdraws what has not begun",
			"Cancel of a running job cancels its ctx with the cause",
			"Cancel of an ended job does nothing",
		},
	},
	{
		"what is withdrawn runs all the same",
		fault{cancel: func(j *brokenJob, cause error) bool {
			j.w.Done(nil, executor.ErrWithdrawn)
			return true
		}},
		[]string{"Cancel withdraws what has not begun", "Cancel and begin exclude each other"},
	},
	{
		"the cause is lost",
		fault{cancel: func(j *brokenJob, _ error) bool { return j.Job.Cancel(nil) }},
		[]string{"Cancel of a running job cancels its ctx with the cause", "Shutdown leaves the cause of an earlier Cancel"},
	},
	{
		"no cause is a cause of its own",
		fault{cancel: func(j *brokenJob, cause error) bool {
			if cause == nil {
				cause = errors.New("cancelled")
			}
			return j.Job.Cancel(cause)
		}},
		[]string{"Cancel without a cause means context.Canceled"},
	},
	{
		"Shutdown of an idle executor is under its limit too",
		fault{shutdown: func(b *broken, ctx context.Context) error {
			if err := b.Pool.Shutdown(ctx); err != nil {
				return err
			}
			return ctx.Err()
		}},
		[]string{"Shutdown of an idle executor"},
	},
	{
		"Shutdown does not wait",
		fault{shutdown: func(b *broken, ctx context.Context) error {
			go b.Pool.Shutdown(ctx)
			return nil
		}},
		[]string{
			"Shutdown refuses new work and waits for the old",
			"Shutdown waits until done has returned",
			"Shutdown with a limit withdraws, cancels and names",
			"Shutdown may be called by many",
		},
	},
	{
		"Shutdown does not wait for done",
		fault{done: func(_ *broken, w executor.Work, value any, err error) { go w.Done(value, err) }},
		[]string{"Shutdown waits until done has returned"},
	},
	{
		"a later Shutdown does not wait",
		fault{shutdown: func(b *broken, ctx context.Context) error {
			if b.first() {
				return b.Pool.Shutdown(ctx)
			}
			return nil
		}},
		[]string{"Shutdown may be called by many", "Shutdown with a limit withdraws, cancels and names"},
	},
	{
		"a later Shutdown is an error",
		fault{shutdown: func(b *broken, ctx context.Context) error {
			if b.first() {
				return b.Pool.Shutdown(ctx)
			}
			return errors.New("shut down already")
		}},
		[]string{"Shutdown may be called by many", "Shutdown of an idle executor"},
	},
	{
		"Shutdown refuses nothing while it waits",
		fault{shutdown: func(b *broken, ctx context.Context) error {
			for len(b.Pool.Jobs()) > 0 && ctx.Err() == nil {
				select {
				case <-time.After(time.Second):
				case <-b.over:
					return nil
				}
			}
			return b.Pool.Shutdown(ctx)
		}},
		[]string{"Shutdown refuses new work and waits for the old"},
	},
	{
		"what was refused is done all the same",
		fault{submit: func(b *broken, ctx context.Context, w executor.Work) (executor.Job, error) {
			j, err := b.pass(ctx, w)
			if err != nil {
				w.Run(ctx)
			}
			return j, err
		}},
		[]string{"Shutdown of an idle executor"},
	},
	{
		"a refusal has an error of its own",
		fault{submit: func(b *broken, ctx context.Context, w executor.Work) (executor.Job, error) {
			j, err := b.pass(ctx, w)
			if err != nil {
				err = errors.New("no")
			}
			return j, err
		}},
		[]string{"Shutdown of an idle executor"},
	},
	{
		"the limit of a Shutdown names nobody",
		fault{shutdown: func(b *broken, ctx context.Context) error {
			err := b.Pool.Shutdown(ctx)
			if busy := (*executor.BusyError)(nil); errors.As(err, &busy) {
				busy.Jobs = nil
			}
			return err
		}},
		[]string{"Shutdown with a limit withdraws, cancels and names"},
	},
	{
		"the limit of a Shutdown leaves the jobs alone",
		fault{shutdown: func(b *broken, ctx context.Context) error {
			ended := make(chan error, 1)
			go func() { ended <- b.Pool.Shutdown(context.Background()) }()
			select {
			case err := <-ended:
				return err
			case <-ctx.Done():
				return &executor.BusyError{Jobs: []string{"first"}}
			}
		}},
		[]string{"Shutdown with a limit withdraws, cancels and names"},
	},
	{
		"the limit of a Shutdown hides the cause of a Cancel",
		fault{run: func(_ *broken, w executor.Work, ctx context.Context) (any, error) {
			value, err := w.Run(ctx)
			if err != nil && err == context.Cause(ctx) && err != context.Canceled {
				err = executor.ErrShutdown
			}
			return value, err
		}},
		[]string{"Shutdown leaves the cause of an earlier Cancel"},
	},
}

// Each fault is found, and each clause finds one.
func TestFaultsAreFound(t *testing.T) {
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
				t.Errorf("fault found by %q, want none", found)
			}
			for _, want := range f.found {
				if !slices.Contains(found, want) {
					t.Errorf("no fault found by %q", want)
				}
			}
		})
	}
	for _, clause := range clauses {
		if !useful[clause.name] {
			t.Errorf("%q finds no fault", clause.name)
		}
	}
}

// judge returns what a clause says against an executor with the fault, and ends what
// hangs of it.
func judge(t *testing.T, check func(*kit), f fault) (text []string) {
	synctest.Test(t, func(t *testing.T) {
		b := &broken{Pool: executor.NewPool(1), fault: f, over: make(chan struct{}), lock: make(chan struct{}, 1)}
		k := &kit{ex: b, over: b.over}
		r := &recorder{}
		k.reporter = r
		checked := make(chan struct{})
		go func() { // for Fatalf ends it
			defer close(checked)
			check(k)
			k.finish()
		}()
		select {
		case <-checked:
			close(b.over)
		case <-time.After(1000 * time.Hour): // when nothing can happen any more
			close(b.over)
			<-checked
			r.Errorf("hangs")
		}
		b.Pool.Shutdown(context.Background())
		time.Sleep(1000 * time.Hour) // for all that still sleeps
		r.mu.Lock()
		defer r.mu.Unlock()
		text = r.text
	})
	return text
}

// recorder is a [testing.T] that does not fail the test.
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
