package asyncio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// A Coro is a function that can be awaited: in the task that awaits it, or in
// one of its own if it is given to what makes tasks. See coroutine.
type Coro[T any] func(ctx context.Context) (T, error)

// Await calls c. It suspends where c does. A nil c is an error ([ErrValue]).
func (c Coro[T]) Await(ctx context.Context) (T, error) {
	if c == nil {
		var zero T
		return zero, misuse(ErrValue, "await of a nil Coro; give it a func(ctx context.Context) that returns a value and an error")
	}
	return c(ctx)
}

// EnsureFuture returns a new task that runs c, as [CreateTask] does. See asyncio.ensure_future.
func (c Coro[T]) EnsureFuture(ctx context.Context) AnyFuture { return CreateTask(ctx, c) }

// AnyTask is a task of whatever type. Its methods are those of [Task].
type AnyTask interface {
	AnyFuture
	ID() uint64
	Name() string
	SetName(name string)
	Cancelling() int
	Uncancel() int
	Context() *Context
	Stack(limit int) []Frame
	PrintStack(w io.Writer, limit int) error

	task() *taskBase
}

// A Task runs a function on the loop, and is the future of its outcome: [Future.Await], [Future.Cancel] and the others
// are its methods too. It is made by [CreateTask], [Go] or a [TaskGroup], and belongs to its loop. See asyncio.Task.
type Task[T any] struct {
	Future[T]
	taskBase
	fn any // func(ctx) (T, error) or func(ctx) error; nil once it began
}

// taskBase is a Task but for its type. A Task is one allocation, and there may
// be a million: each word counts.
type taskBase struct {
	strand                  // first: see strand.task
	from    *values         // of the task's ctx
	signal  cancelSignal    // that of the task's ctx
	own     Context         // what strand.context is, where no other was given
	waits   *futureBase     // for which it is suspended
	request *CancelledError // the last that was asked for and that nothing else passed on
	name    *string         // nil: Task-N
	id      uint64          // N
	code    uintptr         // of its function
}

// A taskContext is the ctx that a task's function is given: the task, seen as a ctx.
type taskContext taskBase

func (t *taskBase) ctx() *taskContext { return (*taskContext)(t) }

func (c *taskContext) on() *Loop         { return c.future.loop }
func (c *taskContext) in() *strand       { return &c.strand }
func (c *taskContext) context() *Context { return c.strand.context }
func (c *taskContext) values() *values   { return c.from }

func (*taskContext) Deadline() (time.Time, bool)             { return time.Time{}, false }
func (c *taskContext) Done() <-chan struct{}                 { return c.signal.Done() }
func (c *taskContext) Err() error                            { return c.signal.Err() }
func (c *taskContext) AfterFunc(f func()) (stop func() bool) { return c.signal.AfterFunc(f) }
func (c *taskContext) Value(key any) any                     { return valueAt(c, key) }

// taskIDs numbers the tasks without a name, in all loops.
var taskIDs atomic.Uint64

// TaskConfig is how a task is made: what a [TaskFactory] may change.
type TaskConfig struct {
	Name       string
	Context    *Context // nil: a copy of the creator's
	EagerStart bool
}

// A TaskOption is given where a task is made: [WithName], [WithContext], [WithEagerStart].
type TaskOption interface {
	configure(TaskConfig) TaskConfig
}

type nameOption string

func (o nameOption) configure(c TaskConfig) TaskConfig { c.Name = string(o); return c }

// WithName gives the task a name. "" is none: the task is then called Task-N, with a number that no other has. See
// asyncio.create_task(name=).
func WithName(name string) TaskOption { return nameOption(name) }

type eagerOption bool

func (o eagerOption) configure(c TaskConfig) TaskConfig { c.EagerStart = bool(o); return c }

// WithEagerStart tells whether the task runs at once, inside the call that makes
// it, up to its first suspension; or, as is the rule, not before the creator
// suspends. It goes before what the loop's factory says. See eager_start (3.14).
func WithEagerStart(eager bool) TaskOption { return eagerOption(eager) }

func (o contextOption) configure(c TaskConfig) TaskConfig { c.Context = o.c; return c }

// A TaskFactory decides how tasks of a loop are made. It gets what was asked for, and
// returns what is to be done. It may panic; the call that makes the task does then. See loop.set_task_factory.
type TaskFactory func(l *Loop, c TaskConfig) TaskConfig

// SetTaskFactory has f asked for every task made on the loop from now on; nil ends that. See loop.set_task_factory.
func (l *Loop) SetTaskFactory(f TaskFactory) { l.factory = f }

// TaskFactory returns what SetTaskFactory set, or nil. See loop.get_task_factory.
func (l *Loop) TaskFactory() TaskFactory { return l.factory }

// EagerTaskFactory has all tasks start eagerly. See asyncio.eager_task_factory.
func EagerTaskFactory(_ *Loop, c TaskConfig) TaskConfig {
	c.EagerStart = true
	return c
}

// CreateEagerTaskFactory returns a factory that does what f does and has the
// task start eagerly. See asyncio.create_eager_task_factory.
func CreateEagerTaskFactory(f TaskFactory) TaskFactory {
	if f == nil {
		panic(misuse(ErrValue, "CreateEagerTaskFactory with a nil factory; give it one, or use EagerTaskFactory"))
	}
	return func(l *Loop, c TaskConfig) TaskConfig { return EagerTaskFactory(l, f(l, c)) }
}

// CreateTask has fn run as a task of ctx's loop, in a Context that is a copy of
// the present one, and with the values of ctx. Nothing of fn runs before the
// caller suspends. fn must use the ctx that it is given. The loop holds the task
// until it has ended.
//
// It panics if there is no running loop ([ErrNoRunningLoop]), if the loop is
// closed ([ErrLoopClosed]) or fn is nil ([ErrValue]). See asyncio.create_task.
func CreateTask[T any](ctx context.Context, fn func(ctx context.Context) (T, error), opts ...TaskOption) *Task[T] {
	t := &Task[T]{fn: fn}
	t.create(ctx, "CreateTask", t, codePointer(fn), opts)
	return t
}

// Go is [CreateTask] for a function without a result. See asyncio.create_task.
func Go(ctx context.Context, fn func(ctx context.Context) error, opts ...TaskOption) *Task[None] {
	t := &Task[None]{fn: fn}
	t.create(ctx, "Go", t, codePointer(fn), opts)
	return t
}

// create is CreateTask but for the type. self is the Task that t is part of.
func (t *taskBase) create(ctx context.Context, act string, self interface {
	AnyTask
	node
}, code uintptr, opts []TaskOption) {
	l := mustLoop(ctx, act)
	if code == 0 {
		panic(misuse(ErrValue, "%s with a nil function; give it a func(ctx context.Context) that returns an error, or a value and an error", act))
	}
	l.mustBeOpen(act)
	if l.debug {
		l.mustBeHere(act)
	}
	var config TaskConfig
	if len(opts) > 0 || l.factory != nil {
		config = l.configure(opts)
	}
	t.code = code
	t.future = self.base()
	t.future.init(l, self)
	t.future.isTask = true
	t.kind = aStrand
	t.setName(config.Name)
	if t.context = config.Context; t.context == nil {
		t.own.vars = l.vars.vars
		t.context = &t.own
	}
	t.from = valuesOf(ctx)
	if l.watched {
		l.noteCreated(&t.strand)
	}
	if config.EagerStart && l.IsRunning() {
		if l.entered(t.context) {
			panic(misuse(ErrRuntime, "%s with an eager start in %v, in which something runs already; give it a Copy", act, t.context))
		}
		l.strands.add(&t.strand)
		l.startNow(&t.strand)
		return
	}
	l.strands.add(&t.strand)
	l.ready.Push(&t.head)
}

func (l *Loop) configure(opts []TaskOption) (c TaskConfig) {
	apply := func() {
		for _, o := range opts {
			c = o.configure(c)
		}
	}
	apply()
	if l.factory != nil {
		c = l.factory(l, c)
		apply() // what was asked for at the call goes before what the factory likes
	}
	return c
}

func (t *Task[T]) face() AnyFuture { return t }

// run runs the task's function to its end.
func (t *Task[T]) run() {
	defer func() {
		if p := recover(); p != nil {
			t.panicked(newPanicError(p, t.describeShort()))
		}
	}()
	fn := t.fn
	t.fn = nil
	if err := t.delivered(); err != nil { // asked for before it began: it never does
		t.ended(err)
		return
	}
	var value T
	var err error
	switch fn := fn.(type) {
	case func(ctx context.Context) (T, error):
		value, err = fn(t.ctx())
	case func(ctx context.Context) error:
		err = fn(t.ctx())
	}
	if err == nil {
		t.value = value
	}
	t.ended(err)
}

// ended gives the task its outcome.
func (t *taskBase) ended(err error) {
	f, l := t.future, t.future.loop
	if f.state != pending {
		return
	}
	switch {
	case err == nil && !t.mustCancel:
		if l.debug && t.cancels > 0 {
			l.report(t.context, &ExceptionContext{
				Message: t.describeShort() + " was asked to cancel and returned without an error; return the CancelledError, or call Uncancel to say that the cancel is void",
				Future:  f.self,
			})
		}
		f.finish(finished, nil)
	case err == nil: // it returned before the cancel reached it
		f.finish(cancelled, t.delivered())
	case isCancelled(err, t.cancels > 0):
		if !errors.Is(err, ErrCancelled) {
			err = &CancelledError{Cause: err}
		}
		f.giving = once
		f.finish(cancelled, err)
	default:
		f.fail(err)
	}
}

// panicked is ended with a panic, which is reported at once: somebody may wait for the task who never looks at its error.
func (t *taskBase) panicked(p *PanicError) {
	t.ended(p)
	f := t.future
	f.loop.report(t.context, &ExceptionContext{Message: "panic in " + p.Task, Exception: p, Future: f.self, Source: f.source()})
	f.read() // one report is enough
}

func (t *taskBase) exited(err error) {
	if t.future.state == pending {
		t.future.fail(err)
		t.future.read() // Close and Run speak of it themselves
	}
}

// Cancelling returns how many times the task was asked to cancel, less the calls of Uncancel. See Task.cancelling.
func (t *taskBase) Cancelling() int { return int(t.cancels) }

// Uncancel withdraws one request to cancel and returns how many are left. At
// none, a request that was not delivered yet is void, and the task's ctx reads as
// open again. It is for code that stops a cancellation for good, as the
// end of a timeout does. See Task.uncancel.
func (t *taskBase) Uncancel() int {
	if t.cancels > 0 {
		t.cancels--
		if t.cancels == 0 {
			t.mustCancel = false
			t.signal.reopen()
		}
	}
	return int(t.cancels)
}

// ID returns the number of the task among the futures of its loop, in the order of creation. Where a
// program does the same each time, as in virtual time, so does its task have the same ID.
func (t *taskBase) ID() uint64 { return uint64(t.future.nth) }

// Context returns the Context in which the task runs. See Task.get_context.
func (t *taskBase) Context() *Context { return t.context }

// Name returns the task's name: the one given, or Task-N. See Task.get_name.
func (t *taskBase) Name() string { return taskName(t.name, t.id) }

func taskName(given *string, id uint64) string {
	if given == nil {
		return "Task-" + strconv.FormatUint(id, 10)
	}
	return *given
}

// SetName changes the task's name. See Task.set_name.
func (t *taskBase) SetName(name string) { t.name = &name }

func (t *taskBase) setName(name string) {
	if name == "" {
		t.id = taskIDs.Add(1)
		return
	}
	t.SetName(name)
}

func (t *taskBase) task() *taskBase { return t }

// requestCancel asks the task to cancel: what it waits for is cancelled in its
// turn, down to the innermost future; or else the next await that it does, or is
// in, fails. The task's own code runs later, and may refuse.
func (t *taskBase) requestCancel(by any, msg []any) bool {
	return t.cancelAs(by, msg, &t.signal)
}

// cancelAs is requestCancel with s in place of the signal of the task's ctx.
//
// It follows a chain of awaits in a loop, not by recursion, so that a long one
// needs no deep stack. In a circle it visits each task once: the last then gets
// its CancelledError without regard to what it waits for, which ends the circle.
func (t *taskBase) cancelAs(by any, msg []any, s *cancelSignal) bool {
	if t.future.state != pending {
		t.future.read()
		return false
	}
	l := t.future.loop
	if t.visited {
		l.inCircle = true
		return false
	}
	visited, last := 0, t
	for ; ; visited++ {
		last.visited = true
		last.cancels = min(last.cancels, math.MaxInt16-1) + 1
		s.close()
		f := last.waits
		var next *taskBase
		if f != nil && f.state == pending && f.isTask {
			next = f.self.(AnyTask).task()
		}
		if next != nil && !next.visited {
			last, s = next, &next.signal
			continue
		}
		above := l.inCircle // what those have found from whom the cancel comes
		l.inCircle = false
		toOthers := false
		if f != nil && f.more != nil {
			_, toOthers = f.more.from.(cancelFunc)
		}
		passedOn := f != nil && f.state == pending && next == nil && f.cancel(trail(by, t, last, toOthers), msg)
		circle := next != nil || l.inCircle // directly, or through a future of others
		l.inCircle = above
		breaker := last // of the circle; one that can go on
		for top := breaker.coveredBy(f); circle && top != nil; top = breaker.coveredBy(f) {
			breaker, f = top, top.waits
		}
		if !passedOn || circle {
			breaker.request, breaker.mustCancel = newCancelledError(trail(by, t, last, false), msg), true
		} else {
			last.request = passedError(f, by, msg)
		}
		if l.watched {
			l.noteCancel(t, last, by, msg)
		}
		// Unless it was woken already, by an earlier cancel say.
		if circle && f != nil && f.removeWaiters(func(e entry) bool { return e == &breaker.head }) > 0 {
			l.ready.Push(&breaker.head)
		}
		break
	}
	// What a future has passed the cancel on to was visited meanwhile. Another way
	// to the same task is no circle.
	request := last.passedRequest(t)
	for at := t; ; at = at.waits.self.(AnyTask).task() {
		at.visited = false
		if at != last {
			at.request = request
		}
		if visited--; visited < 0 {
			return true
		}
	}
}

// trail returns by with the tasks noted by whose awaits the request goes on: those from first to
// last, and without last itself unless it goes on from there to others.
func trail(by any, first, last *taskBase, toOthers bool) any {
	if first == last && !toOthers {
		return by // by far the most
	}
	a := asking{by: by}
	if of, ok := by.(*asking); ok {
		a = *of
		a.via = slices.Clone(a.via)
	}
	at := first
	for ; at != last; at = at.waits.self.(AnyTask).task() {
		a.via = append(a.via, at.future.self)
	}
	if toOthers {
		a.via = append(a.via, at.future.self)
	}
	return &a
}

// passedRequest returns what the tasks from first to t, which passed the request on, are to remember of it.
func (t *taskBase) passedRequest(first *taskBase) *CancelledError {
	if first == t || t.request == nil || t.request.passedOn {
		return t.request
	}
	e := *t.request
	e.passedOn = true
	return &e
}

// passedError returns, for those who look at a task that has passed a request on to f, what the request was.
func passedError(f *futureBase, by any, msg []any) *CancelledError {
	e, ok := f.err.(*CancelledError)
	if !ok {
		e = newCancelledError(by, msg)
	}
	e.passedOn = true
	return e
}

// noteCancel notes that t was asked to cancel, and passed that on along its await, and so on down to last.
func (l *Loop) noteCancel(t, last *taskBase, by any, msg []any) {
	if l.observer == nil {
		return
	}
	e := &l.event
	e.By = by
	if a, ok := by.(*asking); ok {
		e.By = a.by
	}
	if len(msg) > 0 {
		e.Message = msg[0]
	}
	for at := t; at != last; {
		at = at.waits.self.(AnyTask).task()
		e.Through = append(e.Through, at.future.self.(AnyTask))
	}
	l.tell(TaskCancelAsked, &t.strand)
}

// coveredBy returns the task that stands on top of t, if that is the one that f is: t cannot run before it has ended.
func (t *taskBase) coveredBy(f *futureBase) *taskBase {
	if t.stack != nil && f != nil && f.isTask {
		if top := f.self.(AnyTask).task(); top.stack == t.stack && top.depth > t.depth {
			return top
		}
	}
	return nil
}

// delivered returns a cancel that was asked for, once.
func (t *taskBase) delivered() error {
	if !t.mustCancel {
		return nil
	}
	t.mustCancel = false
	return t.request
}

// refusedTask returns a task that is cancelled from the start, and never runs.
func refusedTask[T any](ctx context.Context, why error, opts []TaskOption) *Task[T] {
	l := mustLoop(ctx, "a task")
	t := &Task[T]{}
	t.future = &t.futureBase
	t.future.init(l, t)
	t.future.isTask = true
	t.kind = aStrand
	t.context = &t.own
	t.setName(l.configure(opts).Name)
	t.future.finish(cancelled, &CancelledError{Cause: why})
	return t
}

// CurrentTask returns the task that runs on ctx's loop, nil in a callback. It panics where there is
// no loop ([ErrNoRunningLoop]). See asyncio.current_task.
func CurrentTask(ctx context.Context) AnyTask {
	l := mustLoop(ctx, "CurrentTask")
	if l.current == nil {
		return nil
	}
	return l.current.future.self.(AnyTask)
}

// TaskOf returns the task whose ctx this is, or is derived from; nil if it is of none. Unlike [CurrentTask] it can be one
// that does not run, and any goroutine may call it. Of the ctx of a job, as of ToThread, it is the task that gave it to the executor.
func TaskOf(ctx context.Context) AnyTask {
	if p := placeOf(ctx); p != nil {
		if p.in() == nil {
			return nil
		}
		return p.in().future.self.(AnyTask)
	}
	if ctx == nil {
		return nil
	}
	t, _ := ctx.Value(taskKey{}).(AnyTask)
	return t
}

// taskKey is for the ctx of a job, which is no place on the loop.
type taskKey struct{}

// AllTasks returns the tasks of ctx's loop that have not ended, in the order of
// their creation. See asyncio.all_tasks.
func AllTasks(ctx context.Context) []AnyTask {
	l := mustLoop(ctx, "AllTasks")
	return l.AllTasks()
}

// AllTasks returns the loop's tasks that have not ended, in the order of their creation. See asyncio.all_tasks.
func (l *Loop) AllTasks() (tasks []AnyTask) {
	for s := l.strands.first; s != nil; s = s.next {
		if t := s.future.self.(AnyTask); !t.Done() {
			tasks = append(tasks, t)
		}
	}
	return tasks
}

// EnsureFuture returns aw's future: aw itself if it is a Future or a Task (the
// Task's Future), or else a new task that awaits it. It panics if aw is nil, or
// belongs to another loop than ctx. See asyncio.ensure_future.
func EnsureFuture[T any](ctx context.Context, aw Awaitable[T]) *Future[T] {
	var f *Future[T]
	switch aw := aw.(type) {
	case nil:
		panic(misuse(ErrValue, "EnsureFuture of nil; give it a Future, a Task, a Coro or another Awaitable"))
	case *Future[T]:
		f = aw
	case *Task[T]:
		f = &aw.Future
	case Coro[T]:
		return &CreateTask(ctx, aw).Future
	default:
		return &CreateTask(ctx, aw.Await).Future
	}
	f.EnsureFuture(ctx) // panics if f is of another loop
	return f
}

// String describes t: state, name, function, what it waits for, its outcome. See Task.__repr__.
func (t *Task[T]) String() string {
	return t.describeAs("Task", t.details, func() any { return t.value })
}

// details is what a Task prints beside what a Future does.
func (t *taskBase) details() string {
	s := fmt.Sprintf(" name=%s fn=%s", t.Name(), t.function())
	if t.waits != nil {
		s += fmt.Sprintf(" wait_for=%v", t.waits.self)
	}
	return s
}

func (t *taskBase) function() string { return funcPlace(t.code) }

func (t *taskBase) describeShort() string {
	return fmt.Sprintf("task %s (%s)", t.Name(), t.function())
}

func (t *taskBase) describe() string {
	s := t.describeShort()
	switch {
	case t.waits != nil:
		s += " waits for " + t.waits.reason().String()
	case t.stack == nil:
		s += " has not begun"
	default:
		s += " waits"
	}
	return s
}
