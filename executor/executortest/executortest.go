// Package executortest checks that an [executor.Executor] keeps its contract.
package executortest

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"example.com/asyncio/executor"
)

// Test runs a subtest for each clause of the contract of [executor.Executor].
//
//   - Each subtest calls newExecutor for its own executor, and shuts it down.
//   - The executor must run one job at a time, so that the second of two jobs waits.
//   - The jobs are closures that share channels with the test.
//   - No subtest sleeps. A subtest hangs if the executor loses a job.
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
	{"the outcome is the result of f", outcome},
	{"a panic becomes the outcome", panics},
	{"a PanicError unwraps to the error given to panic", panicsWithError},
	{"Goexit becomes the outcome, and the next job runs", exits},
	{"Submit does not call done", doneOutsideSubmit},
	{"f and done may call Submit", submitInside},
	{"Submit with a nil argument panics", nilArguments},
	{"f gets the values of ctx, but not its cancellation and deadline", contextOfSubmit},
	{"ctx is done after f has ended", contextAfterEnd},
	{"ctx is done before done is called", contextBeforeDone},
	{"Cancel withdraws a waiting job", cancelWaiting},
	{"Cancel of a running job cancels its ctx with the cause", cancelRunning},
	{"Cancel without a cause means context.Canceled", cancelNil},
	{"Cancel of an ended job does nothing", cancelEnded},
	{"a cancelled job is withdrawn or runs, not both", cancelRace},
	{"Shutdown of an idle executor returns nil", shutdownIdle},
	{"Shutdown rejects new jobs and waits for accepted ones", shutdownWaits},
	{"Shutdown waits until done has returned", shutdownWaitsForDone},
	{"Shutdown with a limit withdraws waiting jobs, and cancels and names running ones", shutdownLimit},
	{"Shutdown keeps the cause of an earlier Cancel", shutdownAfterCancel},
	{"Shutdown may be called concurrently", shutdownMany},
}

// kit is the state of one subtest.
type kit struct {
	reporter
	ex   executor.Executor
	over chan struct{} // closed by tests of this package to end blocked goroutines; nil otherwise

	mu   sync.Mutex // guards runs
	runs []*run
}

// reporter has the methods of [testing.T] that a clause needs.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// maxTries is the number of checks for an event that must happen soon.
const maxTries = 20_000

// receive returns <-c. It ends the goroutine if the subtest is over.
func receive[T any](k *kit, c <-chan T) (v T) {
	k.Helper()
	select {
	case v = <-c:
	case <-k.over:
		k.Fatalf("deadlock")
	}
	return v
}

// finish shuts the executor down and checks the conditions common to all clauses.
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
			k.Errorf("%q ran, but Submit had rejected it", r.name)
		}
		r.mu.Unlock()
	}
}

// run records the outcome of one submitted function.
type run struct {
	k     *kit
	name  string
	began atomic.Bool // f was called

	mu       sync.Mutex // guards the fields below
	accepted int        // 1 if Submit accepted it: the number of calls of done that are due
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

// submit submits f. It returns nil if the executor is shut down.
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

// await waits for the outcome. It may be called more than once.
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

// block submits a job and returns when it runs. The job returns its name when gate is
// closed.
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

// wantShutdown checks that the executor rejects a job.
func (k *kit) wantShutdown() {
	k.Helper()
	if k.newRun("late").submit(context.Background(), nothing) != nil {
		k.Errorf("Submit after Shutdown accepted a job")
	}
}

func nothing(context.Context) (any, error) { return nil, nil }

func expired() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// goroutine returns the id of the caller's goroutine, from the header of its stack trace.
func goroutine() string {
	var head [64]byte
	return strings.Fields(string(head[:runtime.Stack(head[:], false)]))[1]
}
