package asyncio

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"example.com/asyncio/executor"
	"example.com/asyncio/inspect"
)

// ToThread calls fn in a goroutine of the default executor of the loop and returns its
// outcome. fn may block.
//
//   - It suspends until fn has returned.
//   - fn cannot await, because it does not run on the loop. Its ctx has the values of ctx
//     and a copy of its context variables.
//   - If the calling task is cancelled, ToThread returns the [CancelledError]
//     immediately, and the ctx of fn is done. If ctx ends by a deadline or cancel of its
//     own, ToThread returns the error of ctx. In both cases fn continues: the pool counts
//     it as abandoned, and Run waits for it at its end, up to a limit.
//   - Its errors are those of fn, those of [Future.Await], and [ErrMisuse] after a
//     shutdown of the default executor. A panic in fn is an [executor.PanicError].
//   - It panics with [ErrInvalidArgument] if fn is nil.
//
// See asyncio.to_thread.
func ToThread[T any](ctx context.Context, fn func(ctx context.Context) (T, error)) (T, error) {
	if _, err := awaiter(ctx); err != nil {
		var zero T
		return zero, err
	}
	o := offload("ToThread", ctx, nil, fn, contextVarsOf(ctx))
	value, err := o.Await(ctx)
	switch {
	case err == nil:
		o.reuse()
	case !o.Done(): // ctx has ended, and o has no other awaiter
		o.CancelWith(err)
	}
	return value, err
}

// RunInExecutor submits fn to ex, or to the default executor of the loop if ex is nil. It
// returns the future of its outcome.
//
//   - It does not suspend.
//   - The ctx of fn has the values of ctx, without the context variables. It is done when
//     the future is cancelled. If fn has not begun by then, it is withdrawn.
//   - The future fails with [executor.ErrShutdown] if ex refuses fn, and with [ErrMisuse]
//     after a shutdown of the default executor.
//   - It panics with [ErrNoRunningLoop] if ctx comes from no loop, with [ErrLoopClosed]
//     if the loop is closed, and with [ErrInvalidArgument] if fn is nil.
//
// See loop.run_in_executor.
func RunInExecutor[T any](ctx context.Context, ex executor.Executor, fn func(ctx context.Context) (T, error)) *Future[T] {
	return &offload("RunInExecutor", ctx, ex, fn, nil).Future
}

// A jobContext is the parent of the ctx of a job. It has the values of the ctx of the
// caller, but not its loop, since the job does not run on it.
type jobContext struct {
	context.Context
	vars *ContextVars // the context variables of the job: &own; nil if it has none
	own  ContextVars
}

func (c *jobContext) Value(key any) any {
	switch key.(type) {
	case loopContextKey:
		return nil
	case contextVarsKey:
		return c.vars
	case taskKey:
		return TaskOf(c.Context)
	}
	return c.Context.Value(key)
}

// A jobState is a separate allocation because the function of a job may keep its ctx,
// which refers to it.
type jobState struct {
	ctx  jobContext
	slot executor.Slot // used by a Pool
}

// An offloaded is a function in an executor with the future of its outcome.
type offloaded[T any] struct {
	Future[T]
	job  executor.Job
	back registration // put into the inbox when the job has ended
	fn   func(ctx context.Context) (T, error)

	// The outcome. The goroutine of the executor writes it before it puts back into the
	// inbox.
	value T
	err   error

	// The time when the job began, in Unix nanoseconds: 0 if it has not, or unwatched.
	began atomic.Int64

	// No unknown executor or Observer can refer to the future: see reuse.
	private bool

	next  *offloaded[T] // the next in Loop.spareJobs; nil for the last
	spare uint8         // the number of jobs that follow in Loop.spareJobs
}

const (
	unwatched = -1  // in offloaded.began: the time is not recorded
	maxSpare  = 128 // the maximum number of jobs that follow one in Loop.spareJobs
)

// offload submits fn to ex. If copied is not nil, fn has a copy of these context
// variables.
func offload[T any](act string, ctx context.Context, ex executor.Executor, fn func(ctx context.Context) (T, error), copied *ContextVars) *offloaded[T] {
	l := mustLoop(ctx, act)
	mustFunc(act, fn == nil)
	l.mustBeOpen(act)
	if l.debug {
		l.mustBeHere(act)
	}
	o, _ := l.spareJobs.(*offloaded[T])
	switch {
	case o == nil:
		o = &offloaded[T]{}
	case o.next == nil:
		l.spareJobs = nil
	default:
		l.spareJobs, o.next = o.next, nil
	}
	o.fn = fn
	p := &jobState{}
	p.ctx.Context = ctx
	if copied != nil {
		p.ctx.own = *copied
		p.ctx.vars = &p.ctx.own
	}
	if !l.watched {
		o.began.Store(unwatched)
	}
	o.back.kind, o.back.shared, o.back.future = kindRegistration, &l.completions, &o.futureBase
	o.init(l, o)
	err := error(nil)
	if ex == nil {
		ex, err = l.defaultExecutor()
	}
	if err == nil {
		err = o.submit(ex, p)
	}
	if err != nil {
		_ = o.SetException(err)
		return o
	}
	l.outside++
	return o
}

func (o *offloaded[T]) submit(ex executor.Executor, p *jobState) (err error) {
	w := (*offloadedWork[T])(o)
	if pool, ok := ex.(*executor.Pool); ok {
		o.job, o.private = &p.slot, o.began.Load() == unwatched
		return pool.SubmitIn(&p.slot, &p.ctx, w)
	}
	o.job, err = ex.Submit(&p.ctx, w)
	return err
}

// reuse makes o, which has its result, available to the next ToThread, if no other code
// can refer to it. Without reuse the garbage collector takes a third of the time of short
// jobs.
func (o *offloaded[T]) reuse() {
	if !o.private {
		return
	}
	l := o.loop
	*o = offloaded[T]{}
	if next, ok := l.spareJobs.(*offloaded[T]); ok { // jobs of another type are dropped
		if next.spare == maxSpare {
			return
		}
		o.next, o.spare = next, next.spare+1
	}
	l.spareJobs = o
}

// An offloadedWork is the [executor.Work] of an offloaded.
type offloadedWork[T any] offloaded[T]

func (w *offloadedWork[T]) Name() string { return funcText(codePointer(w.fn)) }

func (w *offloadedWork[T]) Run(ctx context.Context) (_ any, err error) {
	if w.began.Load() != unwatched {
		w.began.Store(time.Now().UnixNano())
	}
	w.value, err = w.fn(ctx)
	return nil, err
}

func (w *offloadedWork[T]) Done(_ any, err error) {
	w.err = err
	w.loop.inbox.put(&w.back.head)
}

func (o *offloaded[T]) waitReason() inspect.WaitReason {
	r := inspect.WaitReason{Kind: inspect.ForJob, Job: (*offloadedWork[T])(o).Name()}
	if began := o.began.Load(); began > 0 {
		r.Since = time.Unix(0, began)
	}
	return r
}

// deliver and cancel make o the futureSource of its own future.
//
// A job that continues after its cancel does not stop virtual time. The loop waits for it
// only if there is nothing else to wait for, because the job may still call the loop.
func (o *offloaded[T]) deliver() {
	if o.Done() {
		o.loop.abandoned--
		return
	}
	o.loop.outside--
	finishFromOutside(&o.Future, o.value, o.err)
}

func (o *offloaded[T]) cancel(by, message any) bool {
	o.loop.outside--
	o.loop.abandoned++
	o.finish(cancelled, newCancelledError(by, message))
	o.job.Cancel(o.futureBase.err)
	return true
}

// defaultExecutor returns the default executor, which it makes at the first use.
func (l *Loop) defaultExecutor() (executor.Executor, error) {
	if l.poolShut {
		return nil, misuse(ErrMisuse, "the default executor was shut down; use RunInExecutor with another executor")
	}
	if len(l.pools) == 0 {
		l.pools = append(l.pools, executor.NewPool(0))
	}
	return l.pools[len(l.pools)-1], nil
}

// SetDefaultExecutor makes ex the default executor, which ToThread uses. ex must be able
// to run any function.
//
//   - The loop shuts down every default executor it has had when it is closed.
//   - It panics with [ErrInvalidArgument] if ex is nil.
//
// See loop.set_default_executor.
func (l *Loop) SetDefaultExecutor(ex executor.Executor) {
	if ex == nil {
		panic(misuse(ErrInvalidArgument, "SetDefaultExecutor(nil); without a call the loop makes a pool itself"))
	}
	l.pools = append(l.pools, ex)
}

// ShutdownDefaultExecutor makes the default executor refuse new jobs and waits for its
// jobs.
//
//   - It suspends until all jobs have ended.
//   - If it is cancelled, also by a [Timeout], it returns immediately. Jobs that have not
//     begun are then withdrawn, and the ctxs of the others are cancelled. The exception
//     handler receives the names of the jobs that continue.
//   - Its errors are those of [Future.Await], and [ErrWrongLoop] in a task of another
//     loop.
//   - After it was called, each use of the default executor fails with [ErrMisuse].
//
// See loop.shutdown_default_executor.
func (l *Loop) ShutdownDefaultExecutor(ctx context.Context) error {
	switch t, err := awaiter(ctx); {
	case err != nil:
		return err
	case t.future.loop != l:
		return misuse(ErrWrongLoop, "ShutdownDefaultExecutor on %v: task %s belongs to another loop; await it in a task of this loop", l, t.Name())
	}
	// ctx itself does not do: it may be done from a cancel that was withdrawn.
	limit, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := l.shutPools(limit).Await(ctx)
	return err
}

// shutPools shuts down all default executors. It returns the future of the names of the
// jobs that continue when limit has ended.
func (l *Loop) shutPools(limit context.Context) *Future[[]string] {
	l.poolShut = true
	f := &Future[[]string]{}
	f.init(l, f)
	pools := l.pools
	l.outside++
	go func() {
		var jobs []string
		var err error
		for _, ex := range pools {
			one := ex.Shutdown(limit)
			if busy := (*executor.BusyError)(nil); errors.As(one, &busy) {
				jobs = append(jobs, busy.Jobs...)
			} else {
				err = also(err, one)
			}
		}
		l.doneOutside(func(context.Context) {
			if f.Done() && len(jobs) > 0 {
				l.report(&l.root, &ExceptionContext{
					Message: fmt.Sprintf("jobs continue after a cancelled ShutdownDefaultExecutor: %s", strings.Join(jobs, ", ")),
				})
			}
			finishFromOutside(f, jobs, err)
		})
	}()
	return f
}

// finishFromOutside gives f an outcome from another goroutine, unless f was cancelled.
func finishFromOutside[T any](f *Future[T], value T, err error) {
	switch {
	case f.Done():
	case isCancelled(err, false) || errors.Is(err, executor.ErrWithdrawn):
		f.Cancel()
	case err != nil:
		_ = f.SetException(err)
	default:
		_ = f.SetResult(value)
	}
}
