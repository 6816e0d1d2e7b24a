package asyncio

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"time"

	"example.com/asyncio/driver"
	"example.com/asyncio/inspect"
)

// Run runs main as a task of a new loop and returns its error. It is the Run and Close of
// a [Runner] with the default settings.
//
//   - It blocks until the loop is closed. Everything on the loop runs while Run is on the
//     stack of the caller.
//   - After main, it cancels the remaining tasks in the order of their creation and
//     awaits them. Then it waits for the jobs of ToThread.
//   - If ctx ends, main is cancelled. main inherits the values of ctx.
//   - The first interrupt (Ctrl-C) cancels main, and Run returns [ErrInterrupted]. A
//     second interrupt ends the program immediately.
//   - A panic in main, or in a task that main awaited, panics out of Run.
//   - Its other errors are those of [Runner.Run], such as a [DeadlockError], and those of
//     [Runner.Close].
//
// See asyncio.run.
func Run(ctx context.Context, main func(ctx context.Context) error) error {
	_, err := runOnce(ctx, &Task[None]{work: main}, codePointer(main))
	return err
}

// RunResult is [Run] for a function with a result. See asyncio.run.
func RunResult[T any](ctx context.Context, main func(ctx context.Context) (T, error)) (value T, err error) {
	return runOnce(ctx, &Task[T]{fn: main}, codePointer(main))
}

func runOnce[T any](ctx context.Context, t *Task[T], code uintptr) (value T, err error) {
	r := &Runner{}
	defer func() { err = also(err, r.Close()) }()
	return runMain(ctx, r, t, code, nil)
}

// A Runner runs functions one after another on one loop, with one set of context
// variables.
//
//   - The zero Runner is ready to use and has the settings of [Run]. Set the fields
//     before the first use.
//   - A Runner must be closed, and belongs to one goroutine.
//   - A Runner must not be copied after the first use.
//
// See asyncio.Runner.
type Runner struct {
	// Debug turns on the debug mode of the loop. A non-empty environment variable
	// ASYNCIODEBUG does so, too.
	Debug bool
	// SlowCallback is the minimum duration of a step that debug mode reports; 0 means 100
	// ms.
	SlowCallback time.Duration
	// Driver provides the time of the loop; nil means real time.
	Driver driver.Driver
	// LoopFactory makes the loop; nil means that the Runner makes it, with Driver. It is
	// called once.
	LoopFactory func() *Loop
	// NoInterrupt leaves SIGINT alone. It must be set in a testing/synctest bubble, where
	// package os/signal does not work.
	NoInterrupt bool
	// ShutdownTimeout limits how long Close waits for the cancelled tasks, and then for
	// the jobs of the default executor; 0 means 5 minutes.
	ShutdownTimeout time.Duration
	// Observer receives the events of the loop; nil means none.
	Observer inspect.Observer
	// Record selects what the loop records for observers; 0 means nothing.
	Record inspect.Record

	loop   *Loop        // nil before the first use: see init
	vars   *ContextVars // the context variables of all runs; nil before the first use
	closed bool         // set by Close
}

// Run runs main as a task and returns its error.
//
//   - It blocks until main has ended. Other tasks of the loop continue in the next Run.
//   - If ctx ends, main is cancelled. main inherits the values of ctx. The first
//     interrupt cancels main, too: see [Run].
//   - A panic in main, or in a task that main awaited, panics out of Run. After a Goexit
//     on the loop, Run calls runtime.Goexit.
//
// Its own errors are:
//
//   - [ErrLoopClosed]: the Runner is closed.
//   - [ErrMisuse]: the loop is running, ctx belongs to a running loop, or Stop ended the
//     run.
//   - [ErrInvalidArgument]: ctx or main is nil.
//   - [ErrInterrupted]: an interrupt cancelled main.
//   - A [CancelledError] with the error of ctx: the end of ctx cancelled main.
//   - A [DeadlockError]: main waits, and nothing can wake the loop.
//
// See Runner.run.
func (r *Runner) Run(ctx context.Context, main func(ctx context.Context) error, opts ...TaskOption) error {
	_, err := runMain(ctx, r, &Task[None]{work: main}, codePointer(main), opts)
	return err
}

// runMain runs t on the loop of r. code is the address of the function of t; 0 means that
// it is nil.
func runMain[T any](ctx context.Context, r *Runner, t *Task[T], code uintptr, opts []TaskOption) (value T, err error) {
	if err := r.canRun(ctx, code); err != nil {
		return value, err
	}
	l := r.loop
	outside := &callContext{contextBase: contextBase{loop: l, override: r.vars, inherited: inheritedFrom(ctx)}}
	t.future = &t.futureBase
	t.init(l, t)
	t.create(outside, l, "Run", code, append([]TaskOption{WithContextVars(r.vars)}, opts...))
	stop := l.cancelAtEndOf(ctx, t)
	defer stop()
	interrupted := r.catchInterrupts(func() { t.CancelWith(ErrInterrupted) })
	err = l.runUntil(t)
	interrupts := interrupted()
	l.wakeable = false
	if err == nil {
		value, err = t.Result()
	}
	if t.Cancelled() && t.Uncancel() == 0 {
		switch {
		case interrupts > 0:
			err = ErrInterrupted
		case ctx.Err() != nil:
			err = &CancelledError{Message: ctx.Err(), Cause: context.Cause(ctx)}
		}
	}
	l.reraise(err)
	return value, err
}

// canRun reports why r cannot run a function under ctx. It makes the loop.
func (r *Runner) canRun(ctx context.Context, code uintptr) error {
	switch {
	case code == 0:
		return misuse(ErrInvalidArgument, "Run: main is nil; pass a func(ctx context.Context) error")
	case ctx == nil:
		return misuse(ErrInvalidArgument, "Run: ctx is nil; pass context.Background()")
	case loopContextOf(ctx) != nil:
		return misuse(ErrMisuse, "Run: ctx belongs to a running loop; await the function, or start it with Go or CreateTask")
	case r.closed:
		return misuse(ErrLoopClosed, "Run: the Runner is closed; make a new one")
	}
	r.init()
	if r.loop.IsRunning() {
		return misuse(ErrMisuse, "Run: the loop of the Runner is running; await the function, or start it with Go or CreateTask")
	}
	return nil
}

// cancelAtEndOf cancels t when ctx ends, or now if it has ended. stop ends that.
func (l *Loop) cancelAtEndOf(ctx context.Context, t AnyFuture) (stop func() bool) {
	cancel := func() { cancelBy(named("the ctx of Run"), t, ctx.Err()) }
	switch {
	case ctx.Err() != nil:
		cancel()
	case ctx.Done() != nil:
		l.wakeable = true
		return context.AfterFunc(ctx, func() {
			_, _ = l.CallSoonThreadsafe(func(context.Context) { cancel() })
		})
	}
	return func() bool { return true }
}

// A named is a requester of cancels that is neither a task nor a block.
type named string

func (n named) Name() string { return string(n) }

// init makes the loop before the first use.
func (r *Runner) init() {
	if r.loop != nil {
		return
	}
	if r.LoopFactory != nil {
		if r.loop = r.LoopFactory(); r.loop == nil {
			panic(misuse(ErrInvalidArgument, "Runner: LoopFactory returned nil; return a loop, as NewLoop does"))
		}
	} else {
		r.loop = newLoop(r.Driver)
	}
	if r.Debug {
		r.loop.SetDebug(true)
	}
	if r.SlowCallback != 0 {
		r.loop.SetSlowCallback(r.SlowCallback)
	}
	if r.Observer != nil {
		r.loop.SetObserver(r.Observer)
	}
	if r.Record != 0 {
		r.loop.SetRecord(r.Record)
	}
	r.vars = &ContextVars{}
}

// Loop returns the loop of the Runner, which it makes before the first use. After Close
// it returns nil. See Runner.get_loop.
func (r *Runner) Loop() *Loop {
	if r.closed {
		return nil
	}
	r.init()
	r.loop.escaped.Store(true)
	return r.loop
}

// catchInterrupts makes the first interrupt call cancel on the loop, and the second end
// the program. The returned function ends that and returns the number of interrupts.
func (r *Runner) catchInterrupts(cancel func()) func() int32 {
	if r.NoInterrupt || signal.Ignored(os.Interrupt) {
		return func() int32 { return 0 }
	}
	var count atomic.Int32
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, os.Interrupt)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range ch {
			if count.Add(1) == 1 {
				_, _ = r.loop.CallSoonThreadsafe(func(context.Context) { cancel() })
				continue
			}
			// Without this handler the signal has its default effect, unless other code
			// of the program handles it, too.
			signal.Stop(ch)
			self, err := os.FindProcess(os.Getpid())
			if err != nil || self.Signal(os.Interrupt) != nil {
				os.Exit(130)
			}
		}
	}()
	return func() int32 {
		signal.Stop(ch)
		close(ch)
		<-ended
		return count.Load()
	}
}

// runUntil runs the loop until f is done. Its error is that of the loop, not the outcome
// of f.
func (l *Loop) runUntil(f AnyFuture) error {
	// A Goexit ends a run early. The callback that stops this run may then be in the
	// ready queue and must not stop the next run.
	over := false
	stop := func(context.Context, AnyFuture) {
		if !over {
			l.Stop()
		}
	}
	f.AddDoneCallback(stop)
	err := l.run()
	f.RemoveDoneCallback(stop)
	over = true
	if err == nil && !f.Done() && !l.exited && l.deadline == Never {
		return misuse(ErrMisuse, "the loop was stopped before %v was done; run it again", f.base().self)
	}
	return err
}

// reraise continues a Goexit, or a panic of a task, in the goroutine that ran the loop.
func (l *Loop) reraise(err error) {
	if l.exited {
		l.exited = false
		runtime.Goexit()
	}
	if p := (*PanicError)(nil); errors.As(err, &p) {
		panic(err)
	}
}

// RunUntilComplete runs the loop until aw is done and returns its outcome.
//
//   - It starts a task for aw unless aw is a future or a task.
//   - Its own errors are those of [Loop.RunForever], and [ErrMisuse] if the loop was
//     stopped early. In that case aw continues in the next run.
//   - It panics with [ErrInvalidArgument] if aw is nil, and with [ErrWrongLoop] if aw is
//     a future of another loop.
//
// See loop.run_until_complete.
func RunUntilComplete[T any](l *Loop, aw Awaitable[T]) (T, error) {
	var none T
	switch {
	case l.ends():
		return none, l.endedError("RunUntilComplete")
	case l.IsRunning():
		return none, misuse(ErrMisuse, "RunUntilComplete on %v: the loop is running; await the function or future", l)
	}
	f := EnsureFuture(l.Context(), aw)
	err := l.runUntil(f)
	l.reraise(nil)
	if err != nil {
		return none, err
	}
	return f.Result()
}

// maxRounds is the maximum number of rounds in which Close cancels the remaining tasks.
// Each round cancels the tasks made during the previous one. CPython has a single round
// and loses them.
const maxRounds = 10

// Close shuts the Runner down and closes the loop.
//
//   - It blocks while it runs the loop. It cancels the remaining tasks in the order of
//     their creation and awaits them. Then it shuts down the default executor.
//   - Errors of these tasks are reported to the exception handler.
//   - It returns a [ShutdownError] if tasks or jobs did not end within ShutdownTimeout.
//     Such tasks are killed: see [Loop.Close].
//   - It returns [ErrMisuse], and does nothing, if the loop is running.
//   - The Runner cannot run again. A second Close does nothing.
//
// See Runner.close.
func (r *Runner) Close() error {
	if r.closed || r.loop == nil {
		r.closed = true
		return nil
	}
	l := r.loop
	if l.IsRunning() {
		return misuse(ErrMisuse, "Close: the loop of the Runner is running; call Close after Run")
	}
	r.closed = true
	limit := r.ShutdownTimeout
	if limit == 0 {
		limit = 5 * time.Minute
	}
	incomplete := &ShutdownError{After: limit}
	ended := l.endTasks(limit)
	jobs, err := l.endJobs(limit)
	if ended {
		l.endTasks(limit) // the tasks that the jobs have made
	}
	incomplete.Tasks, incomplete.Jobs = l.describeAll(), jobs
	err = also(err, l.Close())
	if len(incomplete.Tasks)+len(incomplete.Jobs) > 0 {
		err = also(incomplete, err)
	}
	l.reraise(nil)
	return err
}

// endTasks cancels all tasks and runs the loop until they have ended. It returns false if
// they did not end within the limit.
func (l *Loop) endTasks(limit time.Duration) bool {
	l.setDeadline(l.Time() + limit)
	defer l.setDeadline(Never)
	for range maxRounds {
		rest := l.AllTasks()
		if len(rest) == 0 {
			return true
		}
		if !l.cancelAll(rest) {
			return false
		}
	}
	return false
}

// setDeadline makes each run of the loop return at the time when, on its own clock.
func (l *Loop) setDeadline(when time.Duration) {
	l.deadline = when
	l.updateFlags()
}

// cancelAll cancels tasks and runs the loop until they have ended. It returns false if
// they did not end before the deadline of the loop, or cannot end.
func (l *Loop) cancelAll(tasks []AnyTask) bool {
	all := NewFuture[None](l.rootContext())
	left := len(tasks)
	for _, t := range tasks {
		t.AddDoneCallback(func(context.Context, AnyFuture) {
			if left--; left == 0 {
				_ = all.SetResult(None{})
			}
		})
	}
	for _, t := range tasks {
		cancelBy(named("the shutdown of the loop"), t, nil)
	}
	err := l.runUntil(all)
	for err == nil && !all.Done() && l.Time() < l.deadline {
		err = l.runUntil(all) // after a Stop or Goexit
	}
	for _, t := range tasks {
		if !t.Done() || t.Cancelled() {
			continue
		}
		err := t.Exception()
		// reraise continues a panic or a Goexit.
		if _, panicked := err.(*PanicError); err != nil && !panicked && err != ErrExited {
			l.report(t.ContextVars(), &ExceptionContext{
				Message:   "task " + t.Name() + " failed during shutdown",
				Exception: err,
				Future:    t,
			})
		}
	}
	return err == nil && all.Done()
}

// endJobs shuts down the default executor and returns the names of the jobs that still
// run after the limit. The loop runs meanwhile, because a job may wait for a call that it
// made on the loop.
func (l *Loop) endJobs(limit time.Duration) ([]string, error) {
	l.poolShut = true
	if len(l.pools) == 0 || l.ends() {
		return nil, nil
	}
	// Jobs take real time, whatever the driver of the loop.
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	f := l.shutPools(ctx)
	for !f.Done() {
		_ = l.runUntil(f) // after a Stop
	}
	return f.Result()
}
