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
	"example.com/asyncio/internal/coro"
)

// AnyTask is a [Task] of any type.
type AnyTask interface {
	AnyFuture
	Name() string
	SetName(name string)
	Cancelling() int
	Uncancel() int
	ContextVars() *ContextVars
	Stack(limit int) []inspect.Frame
	PrintStack(w io.Writer, limit int) error
}

// A Task runs a function on the loop and is the future of its outcome. The methods of
// [Future], such as [Future.Await] and [Future.Cancel], are also its methods.
// [CreateTask], [Go] and [TaskGroup] create tasks. A Task belongs to its loop. See
// asyncio.Task.
type Task[T any] struct {
	Future[T]
	taskBase
	fn   func(ctx context.Context) (T, error) // the function of CreateTask; nil after its start, and for Go
	work func(ctx context.Context) error      // the function of Go; nil after its start, and for CreateTask
}

// taskBase is the part of a Task that does not depend on T. A Task is one allocation, and
// there may be a million of them, so each word counts.
type taskBase struct {
	head                             // first: see layout.go
	index     uint32                 // in Loop.suspended, plus 1; 0: not there
	epoch     uint32                 // the high half of the task's number: see number
	future    *futureBase            // of the same Task; nil: a zero Task
	stack     *coro.Stack            // on which the task runs or is suspended; nil before it begins and after it has ended
	own       ContextVars            // a copy of the creator's context variables, unless vars is set
	vars      *ContextVars           // the context variables of the task, from WithContextVars; nil: own
	inherited *inheritedValues       // of the task's ctx; nil: no values
	signal    cancelSignal           // of the task's ctx: closed by the first cancel request, for good
	waits     *futureBase            // what the task awaits, until it resumes; nil: it runs, or is suspended by a Yield
	request   *CancelledError        // the last cancel request, also a forwarded or withdrawn one; nil: there was none
	name      atomic.Pointer[string] // nil: Task-N; atomic, since other goroutines read it for logs
	id        uint64                 // N of Task-N; 0: it was created with a name
	code      uintptr                // the address of the task's function
}

// A taskContext is the ctx that a task's function receives: the task itself, seen as a
// ctx.
type taskContext taskBase

func (t *taskBase) ctx() *taskContext { return (*taskContext)(t) }

func (c *taskContext) ownerLoop() *Loop                  { return c.future.loop }
func (c *taskContext) ownerTask() *taskBase              { return (*taskBase)(c) }
func (c *taskContext) contextVars() *ContextVars         { return (*taskBase)(c).ContextVars() }
func (c *taskContext) inheritedValues() *inheritedValues { return c.inherited }

func (*taskContext) Deadline() (time.Time, bool)             { return time.Time{}, false }
func (c *taskContext) Done() <-chan struct{}                 { return c.signal.Done() }
func (c *taskContext) Err() error                            { return c.signal.Err() }
func (c *taskContext) AfterFunc(f func()) (stop func() bool) { return c.signal.AfterFunc(f) }
func (c *taskContext) Value(key any) any                     { return valueAt(c, key) }

func (t *Task[T]) public() AnyFuture { return t }

// task returns the task whose future this is: t itself. The same method of futureBase
// returns nil.
func (t *taskBase) task() *taskBase { return t }

// mustBeMade panics for a zero Task.
func (t *taskBase) mustBeMade(act string) {
	if t.future == nil {
		panic(misuse(ErrMisuse, "%s of a zero Task, which belongs to no loop; make it with CreateTask", act))
	}
}

// number returns the number of the task among the loop's futures, with 64 bits. The seq
// of a future has only 32, since there is no room for more.
func (t *taskBase) number() uint64 { return uint64(t.epoch)<<32 | uint64(t.future.seq) }

// run runs the task's function from beginning to end.
func (t *Task[T]) run() {
	returned := false
	defer func() {
		if !returned {
			if p := recover(); p != nil {
				t.panicked(newPanicError(p, t.describeShort()))
			}
		}
	}()
	fn, work := t.fn, t.work
	t.fn, t.work = nil, nil
	var value T
	err := t.delivered()
	switch {
	case err != nil: // cancelled before it began: the function is not called
	case work != nil:
		err = work(t.ctx())
	default:
		value, err = fn(t.ctx())
	}
	returned = true
	if err == nil {
		t.value = value
	}
	t.ended(err)
}

// ended gives the task the outcome of its function.
func (t *taskBase) ended(err error) {
	f, l := t.future, t.future.loop
	switch {
	case err == nil && !t.mustCancel:
		if l.debug && t.cancels > 0 {
			l.report(t.ContextVars(), &ExceptionContext{
				Message: t.describeShort() + " was cancelled and returned without an error; return the CancelledError, or call Uncancel to withdraw the request",
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
		f.reader = firstReader
		f.finish(cancelled, err)
	default:
		f.fail(err)
	}
}

// panicked gives the task a panic as its outcome. It reports the panic at once, since an
// awaiter may never read the error.
func (t *taskBase) panicked(p *PanicError) {
	t.ended(p)
	f := t.future
	f.loop.report(t.ContextVars(), &ExceptionContext{Message: "panic in " + p.Task, Exception: p, Future: f.self, Source: f.madeAt()})
	f.read() // do not report it twice
}

// exit gives the task an outcome that its code did not cause: Goexit, or the end of the
// loop.
func (t *taskBase) exit(err error) {
	if t.future.state == pending {
		t.future.fail(err)
		t.future.read() // Close and Run report it themselves
	}
}

// delivered returns the request that mustCancel announces, once; nil if there is none.
func (t *taskBase) delivered() error {
	if !t.mustCancel {
		return nil
	}
	t.mustCancel = false
	return t.request
}

// Cancelling returns the number of cancel requests minus the number of calls of Uncancel.
// See Task.cancelling.
func (t *taskBase) Cancelling() int { return int(t.cancels) }

// Uncancel withdraws one cancel request and returns the number that remain. If none
// remains, a request that was not delivered yet is void. Call it in code that ends a
// cancellation, such as the end of a timeout.
//
// The library's own awaits consult the task, and work again. The task's ctx stays done: a
// ctx never reopens. Pass context.WithoutCancel(ctx) to other packages from then on. See
// Task.uncancel.
func (t *taskBase) Uncancel() int {
	if t.cancels > 0 {
		t.cancels--
		if t.cancels == 0 {
			t.mustCancel = false
		}
	}
	return int(t.cancels)
}

// ContextVars returns the context variables of the task. See Task.get_context.
func (t *taskBase) ContextVars() *ContextVars {
	if t.vars != nil {
		return t.vars
	}
	return &t.own
}

// Name returns the task's name: the given one, or Task-N. Any goroutine may call it. See
// Task.get_name.
func (t *taskBase) Name() string { return taskName(t.name.Load(), t.id) }

func taskName(given *string, id uint64) string {
	if given == nil {
		return "Task-" + strconv.FormatUint(id, 10)
	}
	return *given
}

// SetName changes the task's name. See Task.set_name.
func (t *taskBase) SetName(name string) { t.name.Store(&name) }

// taskIDs numbers the tasks without a name, in all loops.
var taskIDs atomic.Uint64

func (t *taskBase) setName(name string) {
	if name == "" {
		t.id = taskIDs.Add(1)
		return
	}
	t.SetName(name)
}

// CurrentTask returns the running task of ctx's loop; nil in a callback. It panics
// without a loop ([ErrNoRunningLoop]). See asyncio.current_task.
func CurrentTask(ctx context.Context) AnyTask {
	l := mustLoop(ctx, "CurrentTask")
	if l.current == nil {
		return nil
	}
	return l.current.public()
}

// TaskOf returns the task whose ctx this is or from which it is derived; nil if there is
// none.
//
//   - Unlike [CurrentTask] it may return a task that is suspended.
//   - The ctx of a job, such as ToThread's, belongs to the task that started the job.
//   - Any goroutine may call it.
func TaskOf(ctx context.Context) AnyTask {
	if c := loopContextOf(ctx); c != nil {
		if c.ownerTask() == nil {
			return nil
		}
		return c.ownerTask().public()
	}
	if ctx == nil {
		return nil
	}
	t, _ := ctx.Value(taskKey{}).(AnyTask)
	return t
}

// taskKey is the key of the task in the ctx of a job, which is not a loopContext.
type taskKey struct{}

// public returns the Task of which t is a part.
func (t *taskBase) public() AnyTask { return t.future.self.(AnyTask) }

// AllTasks returns the unfinished tasks of ctx's loop in order of creation. It panics
// without a loop ([ErrNoRunningLoop]). See asyncio.all_tasks.
func AllTasks(ctx context.Context) []AnyTask {
	return mustLoop(ctx, "AllTasks").AllTasks()
}

// AllTasks returns the loop's unfinished tasks in order of creation. See
// asyncio.all_tasks.
func (l *Loop) AllTasks() (tasks []AnyTask) {
	for _, t := range l.all() {
		if t.future.state == pending {
			tasks = append(tasks, t.public())
		}
	}
	return tasks
}

// String describes t: state, name, function, what it waits for, its outcome. See
// Task.__repr__.
func (t *Task[T]) String() string {
	return t.describeAs("Task", t.details, func() any { return t.value })
}

// details is what a Task prints in addition to a Future.
func (t *taskBase) details() string {
	s := fmt.Sprintf(" name=%s fn=%s", t.Name(), t.function())
	if t.waits != nil {
		s += fmt.Sprintf(" wait_for=%v", t.waits.self)
	}
	return s
}

func (t *taskBase) function() string { return funcText(t.code) }

func (t *taskBase) describeShort() string {
	return fmt.Sprintf("task %s (%s)", t.Name(), t.function())
}

func (t *taskBase) describe() string {
	s := t.describeShort()
	switch {
	case t.waits != nil:
		s += " waits for " + t.waits.WaitReason().String()
	case t.stack == nil:
		s += " has not begun"
	default:
		s += " waits"
	}
	return s
}
