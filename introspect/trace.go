package introspect

import (
	"context"
	"fmt"
	"regexp"
	"runtime/trace"

	"example.com/asyncio/inspect"
)

// TraceTasks returns an Observer that has execution traces of runtime/trace show tasks. Each is a task there, under the one that
// made it, and a region on the goroutine that it runs on, from its start to its end; the goroutine runs where the task
// does. A callback is a region too. Log lines say what a task suspends for, and who asks it to cancel.
// Each loop needs one of its own:
//
//	asyncio.Runner{Observer: introspect.TraceTasks()}
//
// "go tool trace" shows them under "User-defined tasks" by their names; those that were given none are all called "Task" there.
// The trace's task is in the task's ctx, so that [trace.Log] and [trace.WithRegion] in it belong to it.
// While no trace is taken, TraceTasks only looks whether one is. Tasks that are made before are not seen in it.
func TraceTasks() inspect.Observer { return &traceTasks{tasks: map[inspect.Task]*traced{}} }

type traceTasks struct {
	tasks map[inspect.Task]*traced
	call  *trace.Region
}

// A traced is what a trace knows of a task. Its region is for all of its life: regions of a goroutine must nest, or else the
// trace cannot be read, and one for each step would end inside of those that the task's code opens around an await.
type traced struct {
	task   *trace.Task
	outer  any // the trace's task that its values had
	region *trace.Region
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
			trace.Log(e.Ctx, "cancel asked", byText(e.By))
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
	// Unless the ctx has a task that was made for this one, it is under the task that makes it.
	if by, ok := e.By.(inspect.Task); ok && o.tasks[by] != nil && o.tasks[by].outer == t.outer {
		parent = o.tasks[by].task
	}
	_, t.task = trace.NewTask(context.WithValue(context.Background(), traceKey, parent), traceType(e.Task))
	o.tasks[e.Task] = t
	e.Ctx = context.WithValue(e.Ctx, traceKey, t.task)
}

// traceType is what a trace calls t: tools expect few different ones.
func traceType(t inspect.Task) string {
	name := t.Name()
	if noName.MatchString(name) {
		return "Task"
	}
	return name
}

var noName = regexp.MustCompile(`^Task-[0-9]+$`)

// traceKey is the key under which a ctx has a task of package trace, which does not export it. The ctx of NewTask will not do: it
// would hold that of the parent, and so on, as long as there are successors.
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

// waitText says what those wait for who await f.
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

// byText says who did something: a task by its name, a block as it prints.
func byText(by any) string {
	switch by := by.(type) {
	case nil:
		return ""
	case interface{ Name() string }:
		return by.Name()
	}
	return fmt.Sprint(by)
}
