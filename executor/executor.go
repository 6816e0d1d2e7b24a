// Package executor runs functions elsewhere: off the goroutine that asks for them.
//
// An [Executor] is the seam, as concurrent.futures.Executor is to asyncio; a
// [Pool] is the one that works in this process. Package executortest checks
// that an Executor keeps the contract written here.
//
// Files in reading order: executor.go (the contract), errors.go, pool.go, context.go.
package executor

import "context"

// Func is a piece of work. Its ctx is cancelled when nobody awaits its outcome
// any more, and once it has ended; a Func that may take long should watch it.
type Func func(ctx context.Context) (any, error)

// Work is what an [Executor] does. [Call] makes one of functions.
type Work interface {
	// Name is for listings. It may be called at any time, from any goroutine, and
	// must not call the executor.
	Name() string
	// Run does the work, as a [Func].
	Run(ctx context.Context) (any, error)
	// Done is told the outcome: what Run returned, or a [*PanicError], or
	// [ErrExited]; or [ErrWithdrawn] if Run was never called.
	Done(value any, err error)
}

// Call returns the Work of calling f, and then done.
func Call(name string, f Func, done func(value any, err error)) Work {
	if f == nil || done == nil {
		panic("executor: Call of " + name + " with a nil function: give both, an empty one if need be")
	}
	return &call{name, f, done}
}

type call struct {
	name string
	f    Func
	done func(value any, err error)
}

func (c *call) Name() string                         { return c.name }
func (c *call) Run(ctx context.Context) (any, error) { return c.f(ctx) }
func (c *call) Done(value any, err error)            { c.done(value, err) }

// Executor takes on work and reports what came of each piece.
// Its methods may be called from any goroutine.
// See concurrent.futures.Executor.
type Executor interface {
	// Submit takes w on, without waiting for it.
	//
	// The values of ctx reach Run's ctx; its cancellation and deadline do not:
	// only [Job.Cancel] and a Shutdown with a limit end the work early.
	//
	// Done is called exactly once. It may come on any goroutine, before Submit
	// returns too, or out of Cancel or Shutdown; but never from within Submit
	// itself, so that a caller may hold a lock which Done takes. Run's ctx is
	// done by then. Done should be short, for it can hold up other jobs: pass
	// the outcome on and return.
	//
	// Its only error is [ErrShutdown], once Shutdown has begun; the Job is then
	// nil, and neither Run nor Done is called. A nil ctx or w panics.
	Submit(ctx context.Context, w Work) (Job, error)

	// Shutdown refuses new work and waits until every job has ended, which is
	// when its done has returned.
	//
	// When ctx is done first, Shutdown withdraws the jobs that have not begun
	// and cancels the ctx of those that run, with the cause [ErrShutdown] if
	// they were not cancelled before. If any runs on, it returns a [*BusyError]
	// that names them. Another call, later or meanwhile, waits for the same
	// end, under its own ctx.
	//
	// A job waits for itself if it calls Shutdown, and done must not call it.
	Shutdown(ctx context.Context) error
}

// Job is a function that an [Executor] took on.
type Job interface {
	// Cancel says that nobody awaits the outcome any more.
	//
	// A job that has not begun is withdrawn: it never runs, done gets
	// [ErrWithdrawn] before Cancel returns or soon after, and the answer is true.
	// Of a running job the ctx is cancelled, with cause as its [context.Cause] (nil
	// means context.Canceled);
	// it counts as abandoned while it goes on, done gets what becomes of it,
	// and the answer is false. A later Cancel changes nothing, nor does one of
	// a job that has ended; both answer false.
	//
	// Cancel may be called from any goroutine, but not with a lock held which
	// done takes. See concurrent.futures.Future.cancel, which leaves a running
	// call alone; here it hears of it.
	Cancel(cause error) bool
}
