package asyncio

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.com/asyncio/executor"
	"example.com/asyncio/inspect"
)

// ToThread calls fn in a goroutine of the loop's default executor and suspends
// until it has returned. fn may block. Its ctx has the values of ctx and a copy of
// its Context, and is done when the calling task is cancelled: ToThread then returns the
// [CancelledError] at once, and fn goes on as long as it likes; so it is when ctx ends by a deadline or
// cancel of its own, with ctx's error. The pool counts fn as abandoned, and Run waits for it at the end, up to a limit. A panic in fn is
// an [executor.PanicError]; a nil fn is a panic here ([ErrInvalidArgument]). fn cannot await: it is not on the loop. See asyncio.to_thread.
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
	case !o.Done(): // ctx is over, and nobody else waits for o
		o.CancelWith(err)
	}
	return value, err
}

// RunInExecutor gives fn to ex, or to the loop's default executor if ex is nil,
// and returns the future of its outcome at once. fn's ctx has the values of ctx, and is
// done when the future is cancelled; a fn that has not begun is withdrawn then. The future
// fails if ex does not take fn on ([executor.ErrShutdown]), or the default executor was shut down ([ErrMisuse]). It panics
// if there is no running loop or fn is nil. See loop.run_in_executor.
func RunInExecutor[T any](ctx context.Context, ex executor.Executor, fn func(ctx context.Context) (T, error)) *Future[T] {
	return &offload("RunInExecutor", ctx, ex, fn, nil).Future
}

// A jobContext is what a job takes its values from: all that ctx has, but for its place
// on the loop, where the job is not.
type jobContext struct {
	context.Context
	vars *ContextVars // in which context variables can be read and set there; nil: none
	own  ContextVars  // what vars is
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

// A jobPlace is what a job's code may keep when it has ended, by its ctx.
type jobState struct {
	ctx  jobContext
	slot executor.Slot // for a Pool
}

// An offloaded is a function in an executor, the future of its outcome, and all
// that is needed in between.
type offloaded[T any] struct {
	Future[T]
	job  executor.Job
	back registration // comes through the inbox when the job has ended
	fn   func(ctx context.Context) (T, error)

	// Written by the executor's goroutine, before back is sent.
	value T
	err   error

	began atomic.Int64 // as UnixNano counts; 0: it has not; unwatched: nobody wants to know

	private bool          // neither an executor that we do not know nor an Observer may keep it
	next    *offloaded[T] // of Loop.spareJobs
	spare   uint8         // how many next leads to
}

const (
	unwatched = -1  // instead of the time when a job began
	maxSpare  = 128 // of Loop.spareJobs
)

// offload gives fn to ex. If copied is not nil, fn has a copy of that for its Context.
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

// reuse has o, which has its result, be the next ToThread's: nobody else has ever had it, and its job is over. Without
// that a third of the time of short jobs would be the collector's.
func (o *offloaded[T]) reuse() {
	if !o.private {
		return
	}
	l := o.loop
	*o = offloaded[T]{}
	if next, ok := l.spareJobs.(*offloaded[T]); ok { // and not of another type, which then are let go of
		if next.spare == maxSpare {
			return
		}
		o.next, o.spare = next, next.spare+1
	}
	l.spareJobs = o
}

// An offloadedWork is an offloaded as the executor knows it.
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

// settle and cancel make o the futureSource of its own future. A job that goes on after its cancel does not hold virtual
// time up; only where there is nothing else to wait for, the loop waits for that, since it may tell the loop something.
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

// defaultExecutor returns the loop's executor, which is made when first needed.
func (l *Loop) defaultExecutor() (executor.Executor, error) {
	if l.poolShut {
		return nil, misuse(ErrMisuse, "the default executor was shut down; RunInExecutor takes another one")
	}
	if len(l.pools) == 0 {
		l.pools = append(l.pools, executor.NewPool(0))
	}
	return l.pools[len(l.pools)-1], nil
}

// SetDefaultExecutor has ToThread use ex, which must be able to run any function. The loop shuts it
// down in the end, also if another one has taken its place by then. See loop.set_default_executor.
func (l *Loop) SetDefaultExecutor(ex executor.Executor) {
	if ex == nil {
		panic(misuse(ErrInvalidArgument, "SetDefaultExecutor(nil); without a call the loop makes a pool itself"))
	}
	l.pools = append(l.pools, ex)
}

// ShutdownDefaultExecutor has the default executor refuse new work, and suspends
// until all its jobs have ended. Where it is cancelled, or the time of a [Timeout]
// is up, it returns at once; jobs that have not begun are then withdrawn, the ctxs of the others
// cancelled, and the exception handler is told their names. Whoever needs the default executor
// from now on gets an error ([ErrMisuse]). See loop.shutdown_default_executor.
func (l *Loop) ShutdownDefaultExecutor(ctx context.Context) error {
	switch t, err := awaiter(ctx); {
	case err != nil:
		return err
	case t.future.loop != l:
		return misuse(ErrWrongLoop, "ShutdownDefaultExecutor of %v in task %s of another; await it in a task of its own", l, t.Name())
	}
	// Not ctx itself: that may read as open again before anybody has looked at it.
	limit, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := l.shutPools(limit).Await(ctx)
	return err
}

// shutPools shuts down all that were default executors, and returns the future of the names of the
// jobs which go on when the limit has ended.
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
					Message: fmt.Sprintf("jobs go on after a ShutdownDefaultExecutor that was cancelled: %s", strings.Join(jobs, ", ")),
				})
			}
			finishFromOutside(f, jobs, err)
		})
	}()
	return f
}

// settleWith gives f an outcome from outside, unless it was cancelled meanwhile.
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

// A ConcurrentFuture is a future for goroutines that are not the loop's. Any goroutine may use it.
// See concurrent.futures.Future.
type ConcurrentFuture[T any] struct {
	done chan struct{}
	loop *Loop // on which the work is done; nil if that is unknown

	mu       sync.Mutex // guards the fields below, until done is closed
	value    T
	err      error
	finished bool
	then     []func()
}

// NewConcurrentFuture returns one that is pending. See concurrent.futures.Future.
func NewConcurrentFuture[T any]() *ConcurrentFuture[T] {
	return &ConcurrentFuture[T]{done: make(chan struct{})}
}

// DoneChan returns a channel that is closed when there is an outcome.
func (c *ConcurrentFuture[T]) DoneChan() <-chan struct{} { return c.done }

// Done reports whether there is an outcome. See Future.done of concurrent.futures.
func (c *ConcurrentFuture[T]) Done() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.finished
}

// Result blocks until there is an outcome and returns it, or ctx's error if ctx is done before, which does not cancel
// the work. It is not for the loop's own code, which would wait for itself; debug mode says so ([ErrMisuse]).
// See Future.result(timeout).
func (c *ConcurrentFuture[T]) Result(ctx context.Context) (T, error) {
	if c.loop != nil && c.loop.isHere() {
		select {
		case <-c.done:
		default:
			var zero T
			return zero, misuse(ErrMisuse, "Result of a ConcurrentFuture in the code of the loop that works on it, which would wait for itself; await the function, or a task made with CreateTask")
		}
	}
	select {
	case <-c.done:
		return c.value, c.err
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}

// Cancel makes it cancelled, and asks the task behind it to cancel. It returns false if there is an outcome already.
// See Future.cancel of concurrent.futures, which cannot cancel what runs.
func (c *ConcurrentFuture[T]) Cancel() bool {
	var zero T
	return c.finish(zero, &CancelledError{})
}

// SetResult gives it its result; [ErrInvalidState] if it has an outcome already. See Future.set_result of concurrent.futures.
func (c *ConcurrentFuture[T]) SetResult(value T) error {
	if !c.finish(value, nil) {
		return misuse(ErrInvalidState, "SetResult on a ConcurrentFuture that is done")
	}
	return nil
}

// SetException gives it an error, which must not be nil ([ErrInvalidArgument]); [ErrInvalidState] if it has an outcome already. See
// Future.set_exception of concurrent.futures.
func (c *ConcurrentFuture[T]) SetException(err error) error {
	if err == nil {
		return misuse(ErrInvalidArgument, "SetException(nil) on a ConcurrentFuture; SetResult says that all went well")
	}
	var zero T
	if !c.finish(zero, err) {
		return misuse(ErrInvalidState, "SetException on a ConcurrentFuture that is done")
	}
	return nil
}

func (c *ConcurrentFuture[T]) finish(value T, err error) bool {
	c.mu.Lock()
	if c.finished {
		c.mu.Unlock()
		return false
	}
	c.finished, c.value, c.err = true, value, err
	then := c.then
	c.then = nil
	c.mu.Unlock()
	close(c.done)
	for _, f := range then {
		f()
	}
	return true
}

// whenDone calls f, in whatever goroutine, once there is an outcome.
func (c *ConcurrentFuture[T]) whenDone(f func()) {
	c.mu.Lock()
	if !c.finished {
		c.then = append(c.then, f)
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	f()
}

// RunCoroutineThreadsafe has fn run as a task of l. Any goroutine but the loop's may call
// it, and wait for the outcome. If the loop is closed before there is one, or cannot make the task, that is the outcome.
// See asyncio.run_coroutine_threadsafe.
func RunCoroutineThreadsafe[T any](l *Loop, fn func(ctx context.Context) (T, error)) *ConcurrentFuture[T] {
	if fn == nil {
		panic(misuse(ErrInvalidArgument, "RunCoroutineThreadsafe with a nil function; give it a func(ctx context.Context) that returns a value and an error"))
	}
	c := NewConcurrentFuture[T]()
	c.loop = l
	l.inbox.owe(c)
	c.whenDone(func() { l.inbox.paid(c) })
	var zero T
	_, err := l.CallSoonThreadsafe(func(ctx context.Context) {
		defer func() {
			if p := recover(); p != nil { // a task factory's, say
				err, ok := p.(error)
				if !ok {
					err = newPanicError(p, "the making of a task")
				}
				c.finish(zero, err)
				panic(p)
			}
		}()
		select {
		case <-c.done: // cancelled meanwhile
			return
		default:
		}
		t := CreateTask(ctx, fn)
		t.AddDoneCallback(func(context.Context, AnyFuture) {
			value, err := t.Result()
			c.finish(value, err)
		})
		c.whenDone(func() {
			if errors.Is(c.err, ErrCancelled) {
				_, _ = l.CallSoonThreadsafe(func(context.Context) { t.Cancel() })
			}
		})
	})
	if err != nil {
		c.finish(zero, err)
	}
	return c
}

// WrapFuture returns a future of c's outcome on ctx's loop. A cancel of one is a
// cancel of the other. It panics where there is no running loop ([ErrNoRunningLoop]). See asyncio.wrap_future.
func WrapFuture[T any](ctx context.Context, c *ConcurrentFuture[T]) *Future[T] {
	l := mustLoop(ctx, "WrapFuture")
	f := NewFuture[T](ctx)
	f.AddDoneCallback(func(context.Context, AnyFuture) {
		if f.Cancelled() {
			c.Cancel()
		}
	})
	l.outside++
	c.whenDone(func() {
		l.doneOutside(func(context.Context) { finishFromOutside(f, c.value, c.err) })
	})
	return f
}
