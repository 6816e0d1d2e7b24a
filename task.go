package asyncio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync/atomic"
	"time"

	"example.com/asyncio/inspect"
)

// A Coro is a function that can be awaited: in the task that awaits it, or in
// one of its own if it is given to what makes tasks. See coroutine.
type Coro[T any] func(ctx context.Context) (T, error)

// Await calls c. It suspends where c does. A nil c is an error ([ErrInvalidArgument]).
func (c Coro[T]) Await(ctx context.Context) (T, error) {
	if c == nil {
		var zero T
		return zero, misuse(ErrInvalidArgument, "await of a nil Coro; give it a func(ctx context.Context) that returns a value and an error")
	}
	return c(ctx)
}

// EnsureFuture returns a new task that runs c, as [CreateTask] does. See asyncio.ensure_future.
func (c Coro[T]) EnsureFuture(ctx context.Context) AnyFuture { return CreateTask(ctx, c) }

// AnyTask is a task of whatever type. Its methods are those of [Task].
type AnyTask interface {
	AnyFuture
	Name() string
	SetName(name string)
	Cancelling() int
	Uncancel() int
	ContextVars() *ContextVars
	Stack(limit int) []inspect.Frame
	PrintStack(w io.Writer, limit int) error

	task() *taskBase
}

// A Task runs a function on the loop, and is the future of its outcome: [Future.Await], [Future.Cancel] and the others
// are its methods too. It is made by [CreateTask], [Go] or a [TaskGroup], and belongs to its loop. See asyncio.Task.
type Task[T any] struct {
	Future[T]
	taskBase
	fn func(ctx context.Context) (T, error) // nil once it began
}

// taskBase is a Task but for its type. A Task is one allocation, and there may
// be a million: each word counts.
type taskBase struct {
	strand                           // first: see strand.task
	inherited *inheritedValues       // of the task's ctx
	signal    cancelSignal           // that of the task's ctx
	waits     *futureBase            // for which it is suspended
	request   *CancelledError        // the last that was asked for and that nothing else passed on
	name      atomic.Pointer[string] // nil: Task-N; others read it, a log line of a job say
	id        uint64                 // N
	code      uintptr                // of its function
}

// A taskContext is the ctx that a task's function is given: the task, seen as a ctx.
type taskContext taskBase

func (t *taskBase) ctx() *taskContext { return (*taskContext)(t) }

func (c *taskContext) ownerLoop() *Loop                  { return c.future().loop }
func (c *taskContext) ownerTask() *strand                { return &c.strand }
func (c *taskContext) contextVars() *ContextVars         { return c.strand.contextVars() }
func (c *taskContext) inheritedValues() *inheritedValues { return c.inherited }

func (*taskContext) Deadline() (time.Time, bool)             { return time.Time{}, false }
func (c *taskContext) Done() <-chan struct{}                 { return c.signal.Done() }
func (c *taskContext) Err() error                            { return c.signal.Err() }
func (c *taskContext) AfterFunc(f func()) (stop func() bool) { return c.signal.AfterFunc(f) }
func (c *taskContext) Value(key any) any                     { return valueAt(c, key) }

func (t *Task[T]) public() AnyFuture { return t }

// run runs the task's function to its end.
func (t *Task[T]) run() {
	returned := false
	defer func() {
		if !returned {
			if p := recover(); p != nil {
				t.panicked(newPanicError(p, t.describeShort()))
			}
		}
	}()
	fn := t.fn
	t.fn = nil
	var value T
	err := t.delivered()
	if err == nil { // or else it was asked to cancel before it began: it never does
		value, err = fn(t.ctx())
	}
	returned = true
	if err == nil {
		t.value = value
	}
	t.ended(err)
}

// ended gives the task its outcome.
func (t *taskBase) ended(err error) {
	f, l := t.future(), t.future().loop
	if f.state != pending {
		return
	}
	switch {
	case err == nil && !t.mustCancel:
		if l.debug && t.cancels > 0 {
			l.report(t.ContextVars(), &ExceptionContext{
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
	f := t.future()
	f.loop.report(t.ContextVars(), &ExceptionContext{Message: "panic in " + p.Task, Exception: p, Future: f.self, Source: f.source()})
	f.read() // one report is enough
}

func (t *taskBase) exited(err error) {
	if t.future().state == pending {
		t.future().fail(err)
		t.future().read() // Close and Run speak of it themselves
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

// ContextVars returns the context variables of the task. See Task.get_context.
func (t *taskBase) ContextVars() *ContextVars { return t.contextVars() }

// Name returns the task's name: the one given, or Task-N. Any goroutine may call it. See Task.get_name.
func (t *taskBase) Name() string { return taskName(t.name.Load(), t.id) }

func taskName(given *string, id uint64) string {
	if given == nil {
		return "Task-" + strconv.FormatUint(id, 10)
	}
	return *given
}

// SetName changes the task's name. See Task.set_name.
func (t *taskBase) SetName(name string) { t.name.Store(&name) }

func (t *taskBase) setName(name string) {
	if name == "" {
		t.id = taskIDs.Add(1)
		return
	}
	t.SetName(name)
}

func (t *taskBase) task() *taskBase { return t }

// CurrentTask returns the task that runs on ctx's loop, nil in a callback. It panics where there is
// no loop ([ErrNoRunningLoop]). See asyncio.current_task.
func CurrentTask(ctx context.Context) AnyTask {
	l := mustLoop(ctx, "CurrentTask")
	if l.current == nil {
		return nil
	}
	return l.current.future().self.(AnyTask)
}

// TaskOf returns the task whose ctx this is, or is derived from; nil if it is of none. Unlike [CurrentTask] it can be one
// that does not run, and any goroutine may call it. Of the ctx of a job, as of ToThread, it is the task that gave it to the executor.
func TaskOf(ctx context.Context) AnyTask {
	if p := loopContextOf(ctx); p != nil {
		if p.ownerTask() == nil {
			return nil
		}
		return p.ownerTask().future().self.(AnyTask)
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
	for _, s := range l.all() {
		if t := s.future().self.(AnyTask); !t.Done() {
			tasks = append(tasks, t)
		}
	}
	return tasks
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
		s += " waits for " + t.waits.self.waitReason().String()
	case t.stack == nil:
		s += " has not begun"
	default:
		s += " waits"
	}
	return s
}
