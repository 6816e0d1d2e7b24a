package introspect

import (
	"context"
	"regexp"
	"runtime/trace"

	"example.com/asyncio/inspect"
)

// TraceTasks returns an Observer that makes execution traces of runtime/trace show tasks.
//
//   - Each task is a task of the trace, below the task that created it.
//   - Each task is also a region on its goroutine, from its start to its end. The
//     goroutine runs when the task runs. A callback is a region too.
//   - Log lines contain what a task waits for, and the origin of each cancel request.
//   - "go tool trace" lists tasks by name under "User-defined tasks". Tasks without a
//     name are all called "Task" there.
//   - The task's ctx has the task of the trace, so that [trace.Log] and
//     [trace.WithRegion] refer to it.
//   - While tracing is off, TraceTasks only checks whether it is on. A trace does not
//     show tasks that were created before it began.
//
// Each loop needs its own:
//
//	asyncio.Runner{Observer: introspect.TraceTasks()}
func TraceTasks() inspect.Observer { return &traceTasks{tasks: map[inspect.Task]*traced{}} }

type traceTasks struct {
	tasks map[inspect.Task]*traced
	call  *trace.Region // the running callback; nil: none
}

// A traced is the part of a trace that belongs to a task. Its region lasts from the
// task's start to its end. Regions of a goroutine must nest; a region for each step would
// end inside a region that the task's code opens around an await, and the trace would be
// invalid.
type traced struct {
	task   *trace.Task
	outer  any           // the trace's task in the ctx that the task was created with; nil: none
	region *trace.Region // nil: the task has not started
}

func (o *traceTasks) Observe(e *inspect.Event) {
	switch e.Kind {
	case inspect.TaskCreated:
		if trace.IsEnabled() {
			o.created(e)
		}
	case inspect.TaskStarted:
		if t := o.tasks[e.Task]; t != nil {
			t.region = trace.StartRegion(e.Ctx, traceType(e.Task))
		}
	case inspect.TaskSuspended:
		if trace.IsEnabled() {
			trace.Log(e.Ctx, "suspended", waitText(e.On))
		}
	case inspect.TaskCancelAsked:
		if trace.IsEnabled() {
			trace.Log(e.Ctx, "cancel asked", inspect.CauseText(e.By))
		}
	case inspect.TaskEnded:
		if t := o.tasks[e.Task]; t != nil {
			if t.region != nil {
				t.region.End()
			}
			t.task.End()
			delete(o.tasks, e.Task)
		}
	case inspect.CallBegun:
		o.call = trace.StartRegion(context.Background(), "callback")
	case inspect.CallEnded:
		if o.call != nil {
			o.call.End()
			o.call = nil
		}
	}
}

func (o *traceTasks) created(e *inspect.Event) {
	t := &traced{outer: e.Ctx.Value(traceKey)}
	parent := t.outer
	// The parent is the creating task, unless the program has put another one into the
	// ctx.
	if by, ok := e.By.(inspect.Task); ok && o.tasks[by] != nil && o.tasks[by].outer == t.outer {
		parent = o.tasks[by].task
	}
	_, t.task = trace.NewTask(context.WithValue(context.Background(), traceKey, parent), traceType(e.Task))
	o.tasks[e.Task] = t
	e.Ctx = context.WithValue(e.Ctx, traceKey, t.task)
}

// traceType returns the name of t in a trace. Tools expect few different names.
func traceType(t inspect.Task) string {
	name := t.Name()
	if defaultName.MatchString(name) {
		return "Task"
	}
	return name
}

var defaultName = regexp.MustCompile(`^Task-[0-9]+$`)

// traceKey is the unexported key under which package trace puts its task into a ctx. The
// ctx that NewTask returns is not used, since it would keep the ctxs of all ancestors
// alive.
var traceKey = func() any {
	k := &keyCatcher{Context: context.Background()}
	trace.NewTask(k, "")
	return k.key
}()

type keyCatcher struct {
	context.Context
	key any
}

func (k *keyCatcher) Value(key any) any {
	k.key = key
	return nil
}

// waitText describes what the awaiters of f wait for.
func waitText(f inspect.Future) string {
	switch f := f.(type) {
	case nil:
		return "ready"
	case inspect.Task:
		return "task " + f.Name()
	}
	if r := f.WaitReason(); r.Kind != inspect.ForFuture {
		return r.String()
	}
	return inspect.ForFuture.String()
}
