package introspect

import (
	"context"
	"runtime/pprof"

	"example.com/asyncio/executor"
	"example.com/asyncio/inspect"
)

// ProfileLabels returns an Observer that makes CPU profiles and goroutine dumps of
// runtime/pprof show tasks by name. It sets the label "task" on the goroutine of each
// task.
//
//   - The label is the name that the task was created with. The task's ctx has it too, so
//     that [pprof.Do] in a task adds to it.
//   - The loop's own work and callbacks have no label. Neither have tasks that were
//     created before the Observer was set.
//   - For jobs of ToThread see [LabelJobs].
//
// Each loop needs its own:
//
//	asyncio.Runner{Observer: introspect.ProfileLabels()}
func ProfileLabels() inspect.Observer {
	return &profileLabels{covered: map[inspect.Task]bool{}}
}

// profileLabels sets the labels when a task starts. A suspended task keeps its goroutine,
// with the labels. But an awaited task may start on the same goroutine, on top of its
// waiter. The waiter's labels must then be set again when it resumes.
type profileLabels struct {
	waiter  inspect.Task          // the task that suspended last; nil: none
	on      inspect.Future        // what waiter waits for
	covered map[inspect.Task]bool // the tasks whose goroutine another task may have used
}

func (p *profileLabels) Observe(e *inspect.Event) {
	switch e.Kind {
	case inspect.TaskCreated:
		e.Ctx = pprof.WithLabels(e.Ctx, pprof.Labels("task", e.Task.Name()))
	case inspect.TaskStarted:
		// The event does not report whether the task is on top of the waiter. If it is
		// not, the labels are set again without need.
		if p.waiter != nil && p.on == e.Task {
			p.covered[p.waiter] = true
		}
		pprof.SetGoroutineLabels(e.Ctx)
	case inspect.TaskSuspended:
		p.waiter, p.on = e.Task, e.On
	case inspect.TaskResumed:
		if p.covered[e.Task] {
			delete(p.covered, e.Task)
			pprof.SetGoroutineLabels(e.Ctx)
		}
	case inspect.TaskEnded:
		delete(p.covered, e.Task)
		// In Close the goroutine ends too, or it belongs to the caller of Close.
		if e.Loop.IsRunning() {
			pprof.SetGoroutineLabels(context.Background())
		}
	}
}

// LabelJobs returns an executor that runs jobs on ex with labels for runtime/pprof. The
// label "job" is the name of the function; the other labels are those of the ctx, which
// with [ProfileLabels] include the task's. Without LabelJobs, a goroutine of a pool keeps
// the labels of the task for which it was started.
//
//	loop.SetDefaultExecutor(introspect.LabelJobs(executor.NewPool(0)))
func LabelJobs(ex executor.Executor) executor.Executor { return labelJobs{ex} }

type labelJobs struct{ executor.Executor }

func (l labelJobs) Submit(ctx context.Context, w executor.Work) (executor.Job, error) {
	if w != nil { // ex reports nil as an error
		w = labelledWork{w}
	}
	return l.Executor.Submit(ctx, w)
}

type labelledWork struct{ executor.Work }

func (w labelledWork) Run(ctx context.Context) (value any, err error) {
	pprof.SetGoroutineLabels(pprof.WithLabels(ctx, pprof.Labels("job", w.Name())))
	defer pprof.SetGoroutineLabels(context.Background())
	return w.Work.Run(ctx)
}
