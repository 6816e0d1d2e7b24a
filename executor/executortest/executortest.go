// Package executortest checks that an [executor.Executor] keeps its contract.
package executortest

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/asyncio/executor"
)

// Test runs a subtest for each clause of the contract of [executor.Executor].
//
// Each calls newExecutor for an executor of its own, which must run one job at a
// time, so that of two jobs the second waits; the subtest shuts it down. The jobs
// are closures that share channels with the test. Nothing sleeps: an executor
// that loses a job makes a subtest hang.
func Test(t *testing.T, newExecutor func(t *testing.T) executor.Executor) {
	for _, clause := range clauses {
		t.Run(clause.name, func(t *testing.T) {
			k := &kit{reporter: t, ex: newExecutor(t)}
			clause.check(k)
			k.finish()
		})
	}
}

var clauses = []struct {
	name  string
	check func(k *kit)
}{
	{"the outcome is what f returned", outcome},
	{"a panic is the outcome", panics},
	{"a panic with an error unwraps to it", panicsWithError},
	{"Goexit is the outcome, and the next job runs", exits},
	{"done is not called from within Submit", doneOutsideSubmit},
	{"done and f may Submit", submitInside},
	{"a nil argument panics", nilArguments},
	{"the values of ctx reach f, its cancel and deadline do not", contextOfSubmit},
	{"ctx is done when f has ended", contextAfterEnd},
	{"ctx is done before done is called", contextBeforeDone},
	{"Cancel withdraws what has not begun", cancelWaiting},
	{"Cancel of a running job cancels its ctx with the cause", cancelRunning},
	{"Cancel without a cause means context.Canceled", cancelNil},
	{"Cancel of an ended job does nothing", cancelEnded},
	{"Cancel and begin exclude each other", cancelRace},
	{"Shutdown of an idle executor", shutdownIdle},
	{"Shutdown refuses new work and waits for the old", shutdownWaits},
	{"Shutdown waits until done has returned", shutdownWaitsForDone},
	{"Shutdown with a limit withdraws, cancels and names", shutdownLimit},
	{"Shutdown leaves the cause of an earlier Cancel", shutdownAfterCancel},
	{"Shutdown may be called by many", shutdownMany},
}

func outcome(k *kit) {
	boom := errors.New("boom")
	k.submit("value", func(context.Context) (any, error) { return 42, nil }).want(42, nil)
	k.submit("nothing", func(context.Context) (any, error) { return nil, nil }).want(nil, nil)
	k.submit("both", func(context.Context) (any, error) { return "half", boom }).want("half", boom)
}

func panics(k *kit) {
	out := k.submit("panics", func(context.Context) (any, error) { panic("boom") }).await()
	var p *executor.PanicError
	if !errors.As(out.err, &p) {
		k.Fatalf("outcome = %v, want a *PanicError", out)
	}
	if p.Value != "boom" || !bytes.Contains(p.Stack, []byte("executortest.panics")) {
		k.Errorf("PanicError has value %v and stack\n%s\nwant boom, and the function that panicked", p.Value, p.Stack)
	}
	if text := p.Error(); !strings.Contains(text, "boom") || !strings.Contains(text, string(p.Stack)) {
		k.Errorf("Error() = %q, want value and stack in it", text)
	}
	k.submit("next", nothing).want(nil, nil)
}

func panicsWithError(k *kit) {
	boom := errors.New("boom")
	out := k.submit("panics", func(context.Context) (any, error) { panic(boom) }).await()
	if !errors.Is(out.err, boom) {
		k.Errorf("outcome = %v, want an error that is boom", out)
	}
}

func exits(k *kit) {
	k.submit("exits", func(context.Context) (any, error) { runtime.Goexit(); return 1, nil }).want(nil, executor.ErrExited)
	k.submit("next", nothing).want(nil, nil)
}

func doneOutsideSubmit(k *kit) {
	here := goroutine()
	inside := false // in Submit; read by done only if it is on this goroutine
	for range 100 {
		ended := make(chan bool, 2) // room for one call too many
		inside = true
		_, err := k.ex.Submit(context.Background(), executor.Call("", nothing, func(any, error) {
			ended <- goroutine() == here && inside
		}))
		inside = false
		if err != nil {
			k.Fatalf("Submit = %v, want nil", err)
		}
		if receive(k, ended) {
			k.Fatalf("done was called from within Submit")
		}
	}
}

func submitInside(k *kit) {
	inF, inDone := k.newRun("in f"), k.newRun("in done")
	ended := make(chan struct{}, 2) // room for one call too many
	f := func(context.Context) (any, error) {
		inF.submit(context.Background(), nothing)
		return nil, nil
	}
	done := func(any, error) {
		inDone.submit(context.Background(), nothing)
		ended <- struct{}{}
	}
	if _, err := k.ex.Submit(context.Background(), executor.Call("outer", f, done)); err != nil {
		k.Fatalf("Submit = %v, want nil", err)
	}
	receive(k, ended)
	inF.want(nil, nil)
	inDone.want(nil, nil)
}

func nilArguments(k *kit) {
	done := func(any, error) {}
	for name, submit := range map[string]func(){
		"ctx":  func() { var none context.Context; k.ex.Submit(none, executor.Call("", nothing, done)) },
		"Work": func() { k.ex.Submit(context.Background(), nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					k.Errorf("Submit with a nil %s did not panic", name)
				}
			}()
			submit()
		}()
	}
}

func contextOfSubmit(k *kit) {
	type key struct{}
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), key{}, "value"), time.Hour)
	cancel()
	r := k.newRun("")
	r.submit(ctx, func(ctx context.Context) (any, error) {
		if _, ok := ctx.Deadline(); ok {
			k.Errorf("f's ctx has a deadline")
		}
		select {
		case <-ctx.Done():
			k.Errorf("f's ctx is done")
		default:
		}
		if cause := context.Cause(ctx); cause != nil {
			k.Errorf("f's ctx has cause %v", cause)
		}
		return ctx.Value(key{}), ctx.Err()
	})
	r.want("value", nil)
}

func contextAfterEnd(k *kit) {
	var looked, fresh, derived context.Context
	var stop context.CancelFunc
	k.submit("looks", func(ctx context.Context) (any, error) {
		looked = ctx
		derived, stop = context.WithTimeout(ctx, time.Hour)
		return nil, ctx.Err()
	}).want(nil, nil)
	defer stop()
	k.submit("does not look", func(ctx context.Context) (any, error) {
		fresh = ctx
		return nil, nil
	}).want(nil, nil)
	for _, ctx := range []context.Context{looked, derived, fresh} {
		receive(k, ctx.Done())
		if ctx.Err() != context.Canceled || context.Cause(ctx) != context.Canceled {
			k.Errorf("after the end Err() = %v and Cause = %v, want context.Canceled", ctx.Err(), context.Cause(ctx))
		}
	}
}

func contextBeforeDone(k *kit) {
	ends := map[string]executor.Func{
		"returns": nothing,
		"panics":  func(context.Context) (any, error) { panic("boom") },
		"exits":   func(context.Context) (any, error) { runtime.Goexit(); return nil, nil },
	}
	for name, f := range ends {
		var ctx context.Context
		ended := make(chan error, 2)
		run := func(c context.Context) (any, error) { ctx = c; return f(c) }
		done := func(any, error) { ended <- ctx.Err() }
		if _, err := k.ex.Submit(context.Background(), executor.Call(name, run, done)); err != nil {
			k.Fatalf("Submit = %v, want nil", err)
		}
		if err := receive(k, ended); err != context.Canceled {
			k.Errorf("when done is called of a job that %s, Err() = %v, want context.Canceled", name, err)
		}
	}
}

func cancelWaiting(k *kit) {
	first, gate := k.block("first")
	var jobs []executor.Job
	var runs []*run
	for _, name := range []string{"a", "b", "c"} {
		r := k.newRun(name)
		jobs = append(jobs, r.submit(context.Background(), nothing))
		runs = append(runs, r)
	}
	for _, i := range []int{1, 2} {
		if !jobs[i].Cancel(errors.New("changed my mind")) {
			k.Errorf("Cancel of %q, which waits, = false, want true", runs[i].name)
		}
		if jobs[i].Cancel(nil) {
			k.Errorf("second Cancel of %q = true, want false", runs[i].name)
		}
		runs[i].want(nil, executor.ErrWithdrawn)
	}
	d := k.submit("d", nothing)
	close(gate)
	first.want("first", nil)
	runs[0].want(nil, nil)
	d.want(nil, nil)
	if runs[1].began.Load() || runs[2].began.Load() {
		k.Errorf("a withdrawn job ran")
	}
}

func cancelRunning(k *kit) {
	why := errors.New("why")
	r, began, gate := k.newRun("r"), make(chan struct{}), make(chan struct{})
	job := r.submit(context.Background(), func(ctx context.Context) (any, error) {
		derived, stop := context.WithTimeout(ctx, time.Hour)
		defer stop()
		close(began)
		receive(k, ctx.Done())
		receive(k, derived.Done())
		for _, ctx := range []context.Context{ctx, derived} {
			if ctx.Err() != context.Canceled || context.Cause(ctx) != why {
				k.Errorf("Err() = %v and Cause = %v, want context.Canceled and why", ctx.Err(), context.Cause(ctx))
			}
		}
		receive(k, gate)
		return "went on", context.Cause(ctx)
	})
	receive(k, began)
	if job.Cancel(why) {
		k.Errorf("Cancel of a running job = true, want false")
	}
	if job.Cancel(errors.New("again")) {
		k.Errorf("second Cancel of a running job = true, want false")
	}
	close(gate)
	r.want("went on", why)
}

func cancelNil(k *kit) {
	r, began, gate := k.newRun("r"), make(chan struct{}), make(chan struct{})
	job := r.submit(context.Background(), func(ctx context.Context) (any, error) {
		close(began)
		receive(k, gate)
		return ctx.Err(), context.Cause(ctx) // its first look at ctx
	})
	receive(k, began)
	job.Cancel(nil)
	close(gate)
	r.want(context.Canceled, context.Canceled)
}

func cancelEnded(k *kit) {
	r := k.newRun("r")
	job := r.submit(context.Background(), nothing)
	r.want(nil, nil)
	if job.Cancel(errors.New("too late")) {
		k.Errorf("Cancel of an ended job = true, want false")
	}
}

// A job that is cancelled while it may begin either runs or is withdrawn, and
// Cancel knows which.
func cancelRace(k *kit) {
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				r := k.newRun("r")
				withdrawn := r.submit(context.Background(), nothing).Cancel(nil)
				out := r.await()
				if withdrawn != (out.err == executor.ErrWithdrawn) || withdrawn == r.began.Load() {
					k.Errorf("Cancel = %v, outcome = %v, and f was called: %v", withdrawn, out, r.began.Load())
				}
			}
		})
	}
	all.Wait()
}

func shutdownIdle(k *kit) {
	k.submit("before", nothing).want(nil, nil)
	if err := k.ex.Shutdown(expired()); err != nil {
		k.Errorf("Shutdown = %v, want nil: nothing ran", err)
	}
	k.wantShutdown()
}

func shutdownWaits(k *kit) {
	first, gate := k.block("first")
	second := k.submit("second", nothing)
	shutdown := make(chan error, 1)
	go func() { shutdown <- k.ex.Shutdown(context.Background()) }()
	for tries := 0; ; tries++ { // until it has begun
		if k.newRun("meanwhile").submit(context.Background(), nothing) == nil {
			break
		}
		if tries == maxTries {
			close(gate)
			k.Fatalf("Submit takes work on during a Shutdown, for %d times", tries)
		}
		runtime.Gosched()
	}
	select {
	case err := <-shutdown:
		k.Errorf("Shutdown = %v while a job ran", err)
		shutdown <- nil
	default:
	}
	close(gate)
	if err := receive(k, shutdown); err != nil {
		k.Errorf("Shutdown = %v, want nil", err)
	}
	for _, r := range k.runs {
		r.mu.Lock()
		if len(r.outcomes) != r.accepted {
			k.Errorf("Shutdown returned before done of %q", r.name)
		}
		r.mu.Unlock()
	}
	first.want("first", nil)
	second.want(nil, nil)
	k.wantShutdown()
}

func shutdownWaitsForDone(k *kit) {
	var returned atomic.Bool
	calling := make(chan struct{}, 2)
	done := func(any, error) {
		calling <- struct{}{}
		for range 1000 { // long enough for a Shutdown that does not wait
			runtime.Gosched()
		}
		returned.Store(true)
	}
	if _, err := k.ex.Submit(context.Background(), executor.Call("job", nothing, done)); err != nil {
		k.Fatalf("Submit = %v, want nil", err)
	}
	receive(k, calling)
	if err := k.ex.Shutdown(context.Background()); err != nil {
		k.Errorf("Shutdown = %v, want nil", err)
	}
	if !returned.Load() {
		k.Errorf("Shutdown returned before done had")
	}
}

func shutdownLimit(k *kit) {
	began, gate := make(chan struct{}), make(chan struct{})
	first := k.submit("first", func(ctx context.Context) (any, error) {
		close(began)
		receive(k, ctx.Done())
		receive(k, gate)
		return nil, context.Cause(ctx)
	})
	receive(k, began)
	second := k.submit("second", nothing)
	for range 2 {
		var busy *executor.BusyError
		if err := k.ex.Shutdown(expired()); !errors.As(err, &busy) || !slices.Equal(busy.Jobs, []string{"first"}) {
			k.Errorf("Shutdown = %v, want a *BusyError that names first", err)
		}
		second.want(nil, executor.ErrWithdrawn)
	}
	if second.began.Load() {
		k.Errorf("a withdrawn job ran")
	}
	k.wantShutdown()
	close(gate)
	if err := k.ex.Shutdown(context.Background()); err != nil {
		k.Errorf("Shutdown = %v, want nil: the job has ended", err)
	}
	first.want(nil, executor.ErrShutdown)
}

func shutdownAfterCancel(k *kit) {
	why := errors.New("why")
	r, began, gate := k.newRun("r"), make(chan struct{}), make(chan struct{})
	job := r.submit(context.Background(), func(ctx context.Context) (any, error) {
		close(began)
		receive(k, gate)
		return nil, context.Cause(ctx) // its first look at ctx
	})
	receive(k, began)
	job.Cancel(why)
	if err := k.ex.Shutdown(expired()); err == nil {
		k.Errorf("Shutdown = nil while a job ran")
	}
	close(gate)
	r.want(nil, why)
}

func shutdownMany(k *kit) {
	first, gate := k.block("first")
	answers := make(chan error, 4)
	for range 4 {
		go func() {
			err := k.ex.Shutdown(context.Background())
			select {
			case <-gate:
			default:
				err = errors.New("it returned while a job ran")
			}
			answers <- err
		}()
	}
	for range 1000 { // long enough for one that does not wait
		runtime.Gosched()
	}
	close(gate)
	for range 4 {
		if err := receive(k, answers); err != nil {
			k.Errorf("Shutdown = %v, want nil", err)
		}
	}
	first.want("first", nil)
}

// kit is what one subtest works with.
type kit struct {
	reporter
	ex   executor.Executor
	over chan struct{} // closed by a test of the kit itself, to end what hangs; else nil

	mu   sync.Mutex // guards runs
	runs []*run
}

// reporter is what a clause needs of a [testing.T].
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// maxTries is how often something that is to come soon is looked for.
const maxTries = 20_000

// receive is <-c.
func receive[T any](k *kit, c <-chan T) (v T) {
	k.Helper()
	select {
	case v = <-c:
	case <-k.over:
		k.Fatalf("hangs")
	}
	return v
}

// finish checks what holds after every clause.
func (k *kit) finish() {
	if err := k.ex.Shutdown(context.Background()); err != nil {
		k.Errorf("Shutdown at the end = %v, want nil", err)
	}
	for _, r := range k.runs {
		r.mu.Lock()
		switch want := r.accepted; {
		case len(r.outcomes) != want:
			k.Errorf("done of %q was called %d times, want %d: %v", r.name, len(r.outcomes), want, r.outcomes)
		case want == 0 && r.began.Load():
			k.Errorf("%q ran, which Submit had refused", r.name)
		}
		r.mu.Unlock()
	}
}

// run records what becomes of one submitted function.
type run struct {
	k     *kit
	name  string
	began atomic.Bool // f was called

	mu       sync.Mutex // guards the fields below
	accepted int        // 1 if Submit took it on: as often done is due
	outcomes []result

	first chan result // the first outcome
}

type result struct {
	value any
	err   error
}

func (k *kit) newRun(name string) *run {
	r := &run{k: k, name: name, first: make(chan result, 1)}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.runs = append(k.runs, r)
	return r
}

// submit returns nil if the executor is shut down.
func (r *run) submit(ctx context.Context, f executor.Func) executor.Job {
	job, err := r.k.ex.Submit(ctx, executor.Call(r.name, func(ctx context.Context) (any, error) {
		r.began.Store(true)
		return f(ctx)
	}, r.done))
	if err != nil {
		if err != executor.ErrShutdown || job != nil {
			r.k.Errorf("Submit of %q = %v, %v, want a job or nil and ErrShutdown", r.name, job, err)
		}
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.accepted = 1
	return job
}

func (r *run) done(value any, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes = append(r.outcomes, result{value, err})
	if len(r.outcomes) == 1 {
		r.first <- r.outcomes[0]
	}
}

// await waits for the outcome; it may be asked again.
func (r *run) await() result {
	r.k.Helper()
	out := receive(r.k, r.first)
	r.first <- out
	return out
}

func (r *run) want(value any, err error) {
	r.k.Helper()
	if out := r.await(); out != (result{value, err}) {
		r.k.Errorf("outcome of %q = %v, want %v", r.name, out, result{value, err})
	}
}

func (k *kit) submit(name string, f executor.Func) *run {
	r := k.newRun(name)
	r.submit(context.Background(), f)
	return r
}

// block submits a job and returns when it runs; it returns its name when gate is closed.
func (k *kit) block(name string) (r *run, gate chan struct{}) {
	began, gate := make(chan struct{}), make(chan struct{})
	r = k.submit(name, func(context.Context) (any, error) {
		close(began)
		receive(k, gate)
		return name, nil
	})
	receive(k, began)
	return r, gate
}

// wantShutdown checks that the executor takes nothing on.
func (k *kit) wantShutdown() {
	k.Helper()
	if k.newRun("late").submit(context.Background(), nothing) != nil {
		k.Errorf("Submit after Shutdown took a job on")
	}
}

func nothing(context.Context) (any, error) { return nil, nil }

func expired() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// goroutine returns the id of the caller's goroutine, as in the head of its stack.
func goroutine() string {
	var head [64]byte
	return strings.Fields(string(head[:runtime.Stack(head[:], false)]))[1]
}
