package asyncio

import (
	"context"
	"sync/atomic"
	"unsafe"
)

// taskIDs numbers the tasks without a name, in all loops.
var taskIDs atomic.Uint64

// TaskConfig is how a task is made: what a [TaskFactory] may change.
type TaskConfig struct {
	Name        string
	ContextVars *ContextVars // nil: a copy of the creator's
	EagerStart  bool
}

// A TaskOption is given where a task is made: [WithName], [WithContextVars], [WithEagerStart].
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

func (o CallOption) configure(c TaskConfig) TaskConfig { c.ContextVars = o.vars; return c }

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

// CreateTask has fn run as a task of ctx's loop, in a Context that is a copy of
// the present one, and with the values of ctx. Nothing of fn runs before the
// caller suspends. fn must use the ctx that it is given. The loop holds the task
// until it has ended.
//
// It panics if there is no running loop ([ErrNoRunningLoop]), if the loop is
// closed ([ErrLoopClosed]) or fn is nil ([ErrInvalidArgument]). See asyncio.create_task.
func CreateTask[T any](ctx context.Context, fn func(ctx context.Context) (T, error), opts ...TaskOption) *Task[T] {
	l := mustLoop(ctx, "CreateTask")
	t := &Task[T]{fn: fn}
	t.init(l, t) // here, where it is new: then there is nothing old in it for the collector
	t.create(ctx, l, "CreateTask", codePointer(fn), opts)
	return t
}

// Go is [CreateTask] for a function without a result. See asyncio.create_task.
func Go(ctx context.Context, fn func(ctx context.Context) error, opts ...TaskOption) *Task[None] {
	l := mustLoop(ctx, "Go")
	t := &Task[None]{fn: withNone(fn)}
	t.init(l, t) // as in CreateTask
	t.create(ctx, l, "Go", codePointer(fn), opts)
	return t
}

// withNone returns fn as a function that has a result beside its error, of no size: who calls one calls the other in the same way. So
// there is one kind of function in a task, and nothing is allocated for it.
func withNone(fn func(ctx context.Context) error) func(ctx context.Context) (None, error) {
	return *(*func(ctx context.Context) (None, error))(unsafe.Pointer(&fn))
}

// create is what CreateTask does beside making the future.
func (t *taskBase) create(ctx context.Context, l *Loop, act string, code uintptr, opts []TaskOption) {
	t.future().isTask = true
	t.kind, t.epoch = kindTask, uint32(l.futures>>32)
	if code == 0 {
		panic(misuse(ErrInvalidArgument, "%s with a nil function; give it a func(ctx context.Context) that returns an error, or a value and an error", act))
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
		t.given = config.ContextVars
	} else if vars := l.contextVars().list; vars != nil {
		t.own.list = vars
	}
	t.inherited = inheritedFrom(ctx)
	if l.watched {
		l.noteCreated(&t.strand)
	}
	if config.EagerStart && l.IsRunning() {
		if l.entered(t.ContextVars()) {
			panic(misuse(ErrMisuse, "%s with an eager start in %v, in which something runs already; give it a Copy", act, t.given))
		}
		l.alive++
		l.startNow(&t.strand)
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
		apply() // what was asked for at the call goes before what the factory likes
	}
	return c
}

// refusedTask returns a task that is cancelled from the start, and never runs.
func refusedTask[T any](ctx context.Context, why error, opts []TaskOption) *Task[T] {
	l := mustLoop(ctx, "a task")
	t := &Task[T]{}
	t.init(l, t)
	t.future().isTask = true
	t.kind = kindTask
	t.setName(l.configure(opts).Name)
	t.future().finish(cancelled, &CancelledError{Cause: why})
	return t
}

// EnsureFuture returns aw's future: aw itself if it is a Future or a Task (the
// Task's Future), or else a new task that awaits it. It panics if aw is nil, or
// belongs to another loop than ctx. See asyncio.ensure_future.
func EnsureFuture[T any](ctx context.Context, aw Awaitable[T]) *Future[T] {
	var f *Future[T]
	switch aw := aw.(type) {
	case nil:
		panic(misuse(ErrInvalidArgument, "EnsureFuture of nil; give it a Future, a Task, a Coro or another Awaitable"))
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
