package asyncio

import "context"

// TaskConfig is the configuration of a new task. A [TaskFactory] may change it.
type TaskConfig struct {
	Name        string       // "": Task-N
	ContextVars *ContextVars // nil: a copy of the creator's
	EagerStart  bool         // see WithEagerStart
}

// A TaskOption is an option of a new task: [WithName], [WithContextVars],
// [WithEagerStart].
type TaskOption interface {
	configure(TaskConfig) TaskConfig
}

type nameOption string

func (o nameOption) configure(c TaskConfig) TaskConfig { c.Name = string(o); return c }

// WithName gives the task a name. With an empty name it is called Task-N, where no other
// task has the number N. See asyncio.create_task(name=).
func WithName(name string) TaskOption { return nameOption(name) }

type eagerOption bool

func (o eagerOption) configure(c TaskConfig) TaskConfig { c.EagerStart = bool(o); return c }

// WithEagerStart runs the task at once, inside the call that creates it, up to its first
// suspension. Otherwise a task does not begin before its creator suspends. It overrides
// the loop's TaskFactory. On a loop that does not run, the task begins when the loop
// does. See eager_start (3.14).
func WithEagerStart(eager bool) TaskOption { return eagerOption(eager) }

func (o CallOption) configure(c TaskConfig) TaskConfig { c.ContextVars = o.vars; return c }

// A TaskFactory decides how tasks of a loop are created. It receives the requested
// configuration and returns the one to use. If it panics, so does the call that creates
// the task. See loop.set_task_factory.
type TaskFactory func(l *Loop, c TaskConfig) TaskConfig

// SetTaskFactory makes f configure every task that is created on the loop from now on. A
// nil f restores the default. See loop.set_task_factory.
func (l *Loop) SetTaskFactory(f TaskFactory) { l.factory = f }

// TaskFactory returns the factory that SetTaskFactory set; nil if there is none. See
// loop.get_task_factory.
func (l *Loop) TaskFactory() TaskFactory { return l.factory }

// EagerTaskFactory is a TaskFactory that starts all tasks eagerly. See
// asyncio.eager_task_factory.
func EagerTaskFactory(_ *Loop, c TaskConfig) TaskConfig {
	c.EagerStart = true
	return c
}

// CreateTask runs fn as a task of ctx's loop and returns the task.
//
//   - It never suspends. No part of fn runs before the caller suspends; see
//     [WithEagerStart].
//   - fn must use the ctx that it receives. That has the values of ctx, and a copy of the
//     current context variables.
//   - The loop keeps the task until it has ended.
//   - It panics without a running loop ([ErrNoRunningLoop]), if the loop is closed
//     ([ErrLoopClosed]) or fn is nil ([ErrInvalidArgument]).
//
// See asyncio.create_task.
func CreateTask[T any](ctx context.Context, fn func(ctx context.Context) (T, error), opts ...TaskOption) *Task[T] {
	l := mustLoop(ctx, "CreateTask")
	t := &Task[T]{fn: fn}
	t.future = &t.futureBase // not in create: here the compiler knows that the Task is new, and omits write barriers
	t.init(l, t)             // as well
	t.create(ctx, l, "CreateTask", codePointer(fn), opts)
	return t
}

// Go is [CreateTask] for a function without a result. See asyncio.create_task.
func Go(ctx context.Context, fn func(ctx context.Context) error, opts ...TaskOption) *Task[None] {
	l := mustLoop(ctx, "Go")
	t := &Task[None]{work: fn}
	t.future = &t.futureBase // as in CreateTask
	t.init(l, t)
	t.create(ctx, l, "Go", codePointer(fn), opts)
	return t
}

// createAs is CreateTask for fn, or Go for work if fn is nil. Either may wrap another
// function, whose address is code: stacks, snapshots and texts show that function.
func createAs[T any](ctx context.Context, act string, fn func(ctx context.Context) (T, error), work func(ctx context.Context) error, code uintptr, opts []TaskOption) *Task[T] {
	l := mustLoop(ctx, act)
	t := &Task[T]{fn: fn, work: work}
	t.future = &t.futureBase // as in CreateTask
	t.init(l, t)
	t.create(ctx, l, act, code, opts)
	return t
}

// create is the part of CreateTask that does not depend on the type. l is the loop of t,
// code the address of its function.
func (t *taskBase) create(ctx context.Context, l *Loop, act string, code uintptr, opts []TaskOption) {
	t.future.isTask = true
	t.kind, t.epoch = kindTask, uint32(l.futures>>32)
	if code == 0 {
		panic(misuse(ErrInvalidArgument, "%s with a nil function; pass a func(ctx context.Context) that returns an error, or a value and an error", act))
	}
	if l.slowPath {
		l.mustBeOpen(act)
		if l.debug {
			l.mustBeHere(act)
		}
	}
	var config TaskConfig
	if len(opts) > 0 || l.factory != nil {
		config = l.configure(opts)
	}
	t.code = code
	t.setName(config.Name)
	if config.ContextVars != nil {
		t.vars = config.ContextVars
	} else if list := l.contextVars().list; list != nil {
		t.own.list = list
	}
	t.inherited = inheritedFrom(ctx)
	if l.watched {
		l.noteCreated(t)
	}
	if config.EagerStart && l.IsRunning() {
		if l.entered(t.ContextVars()) {
			panic(misuse(ErrMisuse, "%s with an eager start in %v, in which something runs already; pass a Copy of it", act, t.vars))
		}
		l.alive++
		l.startNow(t)
		return
	}
	l.alive++
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
		apply() // the options of the call override the factory
	}
	return c
}

// refusedTask returns a task that is cancelled from the start and never runs.
func refusedTask[T any](ctx context.Context, why error, opts []TaskOption) *Task[T] {
	l := mustLoop(ctx, "a task")
	t := &Task[T]{}
	t.init(l, t)
	t.isTask = true
	t.kind, t.future = kindTask, &t.futureBase
	t.setName(l.configure(opts).Name)
	t.finish(cancelled, &CancelledError{Cause: why})
	return t
}

// A Coro is a function that can be awaited: in the awaiting task, or in a task of its own
// if it is given to a function that creates tasks. See coroutine.
type Coro[T any] func(ctx context.Context) (T, error)

// Await calls c. It suspends where c does. A nil c is an error ([ErrInvalidArgument]).
func (c Coro[T]) Await(ctx context.Context) (T, error) {
	if c == nil {
		var zero T
		return zero, misuse(ErrInvalidArgument, "await of a nil Coro; pass a func(ctx context.Context) that returns a value and an error")
	}
	return c(ctx)
}

// EnsureFuture returns a new task that runs c, as [CreateTask] does. See
// asyncio.ensure_future.
func (c Coro[T]) EnsureFuture(ctx context.Context) AnyFuture { return CreateTask(ctx, c) }

// EnsureFuture returns aw's future: aw itself if it is a Future or a Task, otherwise a
// new task that awaits it. It panics if aw is nil ([ErrInvalidArgument]) or belongs to
// another loop than ctx ([ErrWrongLoop]). See asyncio.ensure_future.
func EnsureFuture[T any](ctx context.Context, aw Awaitable[T]) *Future[T] {
	var f *Future[T]
	switch aw := aw.(type) {
	case nil:
		panic(misuse(ErrInvalidArgument, "EnsureFuture of nil; pass a Future, a Task, a Coro or another Awaitable"))
	case *Future[T]:
		f = aw
	case *Task[T]:
		f = &aw.Future
	case Coro[T]:
		return &CreateTask(ctx, aw).Future
	default:
		return &CreateTask(ctx, aw.Await).Future
	}
	f.mustBeOf(ctx)
	return f
}
