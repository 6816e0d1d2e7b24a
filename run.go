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

// Run runs main as a task of a new loop and returns its error when it has ended and the
// loop is closed. The tasks that main leaves are then cancelled, in the order of their creation, and
// awaited; so are those that these leave; and the jobs of ToThread. All that is done on the calling goroutine's time: Run
// blocks. What it does in detail is with [Runner].
//
// If ctx ends, main is cancelled. An interrupt (Ctrl-C) cancels main too; Run then returns [ErrInterrupted]. A
// second interrupt ends the program at once. A panic in main, or in what main awaited, is a panic again out of Run. Where main
// waits and nothing can ever happen any more, Run returns a [DeadlockError]. See asyncio.run.
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

// A Runner runs functions one after another on one loop, in one Context. The
// zero Runner does as [Run] does. It belongs to one goroutine. It must be closed. See asyncio.Runner.
type Runner struct {
	// Debug turns the loop's debug mode on. The environment variable
	// ASYNCIODEBUG, if it is not empty, does so too.
	Debug bool
	// SlowCallback is how long a step may take before debug mode reports it; 0 is 100 ms.
	SlowCallback time.Duration
	// Driver is the loop's time; nil is real time.
	Driver driver.Driver
	// LoopFactory makes the loop instead. It is called once.
	LoopFactory func() *Loop
	// NoInterrupt leaves SIGINT alone. In a testing/synctest bubble it must be set: package os/signal does not work there.
	NoInterrupt bool
	// ShutdownTimeout is how long Close waits for tasks that were cancelled, and then
	// for jobs of the default executor; 0 is 5 minutes.
	ShutdownTimeout time.Duration
	// Observer is told what happens on the loop, and Record is what the loop remembers for those who look.
	Observer inspect.Observer
	Record   inspect.Record

	loop    *Loop
	context *ContextVars
	closed  bool
}

// Run runs main as a task and returns its error. A panic in main, or in what main awaited, is a panic again here;
// Goexit is Goexit. Its own errors: the Runner is closed ([ErrLoopClosed]), its loop runs or ctx
// comes from a running loop ([ErrMisuse]), main is nil ([ErrInvalidArgument]), a [DeadlockError]. See Runner.run.
func (r *Runner) Run(ctx context.Context, main func(ctx context.Context) error, opts ...TaskOption) error {
	_, err := runMain(ctx, r, &Task[None]{work: main}, codePointer(main), opts)
	return err
}

// runMain runs t, whose function is at code.
func runMain[T any](ctx context.Context, r *Runner, t *Task[T], code uintptr, opts []TaskOption) (T, error) {
	var none T
	switch {
	case code == 0:
		return none, misuse(ErrInvalidArgument, "Run of a nil function; give it a func(ctx context.Context) error")
	case loopContextOf(ctx) != nil:
		return none, misuse(ErrMisuse, "Run inside of a running loop; await the function, or make a task of it with Go or CreateTask")
	case r.closed:
		return none, misuse(ErrLoopClosed, "Run of a Runner that is closed; make a new one")
	}
	r.init()
	l := r.loop
	if l.IsRunning() {
		return none, misuse(ErrMisuse, "Run of a Runner whose loop is running; await the function, or make a task of it with Go or CreateTask")
	}
	first := &callContext{contextBase{loop: l, override: r.context, inherited: inheritedFrom(ctx)}}
	t.init(l, t)
	t.create(first, &t.futureBase, "Run", code, append([]TaskOption{WithContextVars(r.context)}, opts...))
	if ctx.Err() != nil {
		cancelBy(named("the ctx of Run"), t, ctx.Err())
	} else if ctx.Done() != nil {
		l.wakeable = true
		stop := context.AfterFunc(ctx, func() {
			_, _ = l.CallSoonThreadsafe(func(context.Context) { cancelBy(named("the ctx of Run"), t, ctx.Err()) })
		})
		defer stop()
	}
	interrupted := r.catchInterrupts(func() { t.CancelWith(ErrInterrupted) })
	err := l.runUntil(t)
	interrupts := interrupted()
	l.wakeable = false
	value := none
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

// A named is one who asks for a cancel and is neither a task nor a block.
type named string

func (n named) Name() string { return string(n) }

func (r *Runner) init() {
	if r.loop != nil {
		return
	}
	if r.LoopFactory != nil {
		if r.loop = r.LoopFactory(); r.loop == nil {
			panic(misuse(ErrInvalidArgument, "the LoopFactory of a Runner returned nil; it must return a loop, as NewLoop does"))
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
	r.context = NewContextVars()
}

// Loop returns the Runner's loop, and makes it if need be; nil after Close. See Runner.get_loop.
func (r *Runner) Loop() *Loop {
	if r.closed {
		return nil
	}
	r.init()
	r.loop.escaped.Store(true)
	return r.loop
}

// catchInterrupts has the first interrupt call cancel on the loop, and the second end the
// program. The function that it returns ends that and tells how many there were.
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
			// With our handler gone the signal does what it does to any program. If
			// somebody else listens to it too, what it does is theirs.
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

// runUntil runs the loop until f is done. Its error is that of the running, not f's.
func (l *Loop) runUntil(f AnyFuture) error {
	over := false // a Goexit ends a run early: the callback that stops this run is then ready, and must not stop the next
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
		return misuse(ErrMisuse, "the loop was stopped before %v was done", f.base().self)
	}
	return err
}

// passOn lets what cannot be returned go up from the goroutine that ran the loop: a
// Goexit, or a task's panic.
func (l *Loop) reraise(err error) {
	if l.exited {
		l.exited = false
		runtime.Goexit()
	}
	if p := (*PanicError)(nil); errors.As(err, &p) {
		panic(err)
	}
}

// RunUntilComplete runs the loop until aw is done and returns its outcome. What is no future becomes a task.
// Its own errors are those of [Loop.RunForever]; and if the loop was stopped before, [ErrMisuse], in
// which case aw goes on with the next run. See loop.run_until_complete.
func RunUntilComplete[T any](l *Loop, aw Awaitable[T]) (T, error) {
	var none T
	switch {
	case l.ends():
		return none, l.endedError("RunUntilComplete")
	case l.IsRunning():
		return none, misuse(ErrMisuse, "RunUntilComplete on %v, which runs already; await what is to be done", l)
	}
	f := EnsureFuture(l.Context(), aw)
	err := l.runUntil(f)
	l.reraise(nil)
	if err != nil {
		return none, err
	}
	return f.Result()
}

// maxRounds is how often Close cancels what is left: tasks that are made during
// a round are cancelled in the next. CPython does one round and loses them.
const maxRounds = 10

// Close ends the Runner: it cancels the tasks that are left, in the order of
// their creation, and waits for them; shuts the default executor down; and closes the loop. Errors of
// those tasks are reported to the exception handler. It returns a [ShutdownError] if something had not ended in the
// end; tasks are then killed (see [Loop.Close]). A second Close does nothing; a Close while the Runner
// runs is an error ([ErrMisuse]). See Runner.close.
func (r *Runner) Close() error {
	if r.closed || r.loop == nil {
		r.closed = true
		return nil
	}
	l := r.loop
	if l.IsRunning() {
		return misuse(ErrMisuse, "Close of a Runner whose loop is running; call it when Run has returned")
	}
	r.closed = true
	limit := r.ShutdownTimeout
	if limit == 0 {
		limit = 5 * time.Minute
	}
	failed := &ShutdownError{After: limit}
	ended := l.endTasks(limit)
	jobs, err := l.endJobs(limit)
	if ended {
		l.endTasks(limit) // those that the jobs have made meanwhile
	}
	failed.Tasks, failed.Jobs = l.describeAll(), jobs
	err = also(err, l.Close())
	if len(failed.Tasks)+len(failed.Jobs) > 0 {
		err = also(failed, err)
	}
	l.reraise(nil)
	return err
}

// endTasks cancels all tasks and waits until they have ended; false if they have not in time.
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

func (l *Loop) setDeadline(when time.Duration) {
	l.deadline = when
	l.updateFlags()
}

// cancelAll cancels tasks and runs the loop until they have ended; false if they will not.
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
		err = l.runUntil(all) // some code may call Stop, or Goexit
	}
	for _, t := range tasks {
		if !t.Done() || t.Cancelled() {
			continue
		}
		err := t.Exception()
		if _, told := err.(*PanicError); err != nil && !told && err != ErrExited { // that goes up
			l.report(t.ContextVars(), &ExceptionContext{
				Message:   "task " + t.Name() + " failed during shutdown",
				Exception: err,
				Future:    t,
			})
		}
	}
	return err == nil && all.Done()
}

// endJobs shuts the default executor down and returns the names of the jobs that go on after the limit.
// The loop runs meanwhile, since a job may wait for what it asked the loop to do.
func (l *Loop) endJobs(limit time.Duration) ([]string, error) {
	l.poolShut = true
	if len(l.pools) == 0 || l.ends() {
		return nil, nil
	}
	// It is real time that the jobs take, whatever the loop's.
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	f := l.shutPools(ctx)
	for !f.Done() {
		_ = l.runUntil(f) // some code may call Stop
	}
	return f.Result()
}
