// Package executor runs functions on other goroutines.
//
// [Executor] is the interface, as concurrent.futures.Executor is in Python. [Pool] is the
// implementation in this process. Package executortest checks that an Executor keeps the
// contract.
//
// Files in reading order: executor.go (the contract), errors.go, pool.go, context.go.
package executor

import "context"

// Func is a function that an executor runs. Its ctx is cancelled when its outcome is no
// longer awaited, and after it has ended. A long-running Func should watch its ctx.
type Func func(ctx context.Context) (any, error)

// Work is a unit of work for an [Executor]. [Call] makes one from functions.
type Work interface {
	// Name returns the name for listings. It may be called at any time, from any
	// goroutine, and must not call the executor.
	Name() string
	// Run does the work; see [Func].
	Run(ctx context.Context) (any, error)
	// Done receives the outcome: the results of Run, a [*PanicError], or [ErrExited]. It
	// receives [ErrWithdrawn] if Run was not called.
	Done(value any, err error)
}

// Call returns a Work that calls f and then done. It panics if f or done is nil.
func Call(name string, f Func, done func(value any, err error)) Work {
	if f == nil || done == nil {
		panic("executor: Call of " + name + " with a nil function; pass an empty one instead")
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

// Executor accepts work and reports the outcome of each unit. Its methods may be called
// from any goroutine. See concurrent.futures.Executor.
type Executor interface {
	// Submit accepts w and returns without waiting for it.
	//
	//   - The ctx of Run has the values of ctx, but not its cancellation and deadline.
	//     Only [Job.Cancel], and a Shutdown whose ctx ends, end the work early.
	//   - Done is called exactly once, after the ctx of Run is done. It may be called
	//     before Submit returns, on any goroutine, and in Cancel or Shutdown. Submit
	//     itself does not call it, so the caller may hold a lock that Done acquires.
	//   - Done must be short, because it can delay other jobs.
	//   - The only error is [ErrShutdown], after Shutdown has begun. Job is then nil, and
	//     neither Run nor Done is called.
	//
	// It panics if ctx or w is nil.
	Submit(ctx context.Context, w Work) (Job, error)

	// Shutdown rejects new work and waits until all jobs have ended. A job has ended when
	// its Done has returned.
	//
	//   - If ctx ends first, Shutdown withdraws the jobs that have not begun. It cancels
	//     the ctx of the running jobs with the cause [ErrShutdown], unless they were
	//     cancelled before. If any job continues to run, Shutdown returns a [*BusyError]
	//     with the names.
	//   - Shutdown may be called again, later or concurrently. Each call waits for the
	//     same end, under its own ctx.
	//   - A Run that calls Shutdown waits for itself. Done must not call Shutdown.
	Shutdown(ctx context.Context) error
}

// Job is a unit of work that an [Executor] accepted.
type Job interface {
	// Cancel reports to the executor that the outcome is no longer awaited.
	//
	//   - A job that has not begun is withdrawn: it never runs. Cancel returns true. Done
	//     receives [ErrWithdrawn], before Cancel returns or shortly after.
	//   - The ctx of a running job is cancelled with cause as its [context.Cause]; nil
	//     means [context.Canceled]. Cancel returns false. The job counts as abandoned
	//     while it continues to run. Done receives its actual outcome.
	//   - A second Cancel, and Cancel of a job that has ended, do nothing and return
	//     false.
	//
	// Cancel may be called from any goroutine, but not while holding a lock that Done
	// acquires. See concurrent.futures.Future.cancel, which does not affect a running
	// call.
	Cancel(cause error) bool
}
