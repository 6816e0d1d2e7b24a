package introspect

import (
	"context"
	"runtime/pprof"

	"example.com/asyncio/executor"
	"example.com/asyncio/inspect"
)

// ProfileLabels returns an Observer that has CPU profiles and goroutine dumps of runtime/pprof show tasks by name: it puts the label
// "task" on the goroutine that a task runs on. Each loop needs one of its own:
//
//	asyncio.Runner{Observer: introspect.ProfileLabels()}
//
// The label is the name that the task was made with. It is in the task's ctx too, so that [pprof.Do] in a task adds to it.
// What the loop does between tasks, callbacks among it, has no label, nor have tasks that were made before the Observer was
// set. For jobs of ToThread see [LabelJobs].
func ProfileLabels() inspect.Observer {
	return &profileLabels{covered: map[inspect.Task]bool{}}
}

// profileLabels sets labels when a task starts. A task that is suspended keeps its goroutine, and that the labels; but another
// task may have run on top of it meanwhile, on the same one.
type profileLabels struct {
	waiter  inspect.Task          // who suspended last
	on      inspect.Future        // for this
	covered map[inspect.Task]bool // those on whom another may have been
}

func (p *profileLabels) Observe(e *inspect.Event) {
	switch e.Kind {
	case inspect.TaskCreated:
		e.Ctx = pprof.WithLabels(e.Ctx, pprof.Labels("task", e.Task.Name()))
	case inspect.TaskStarted:
		// An Observer is not told whether it is on top. The labels of a waiter that it was not on are only set once too often.
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
		// In Close the goroutine ends as well, or is that of the one who closes.
		if e.Loop.IsRunning() {
			pprof.SetGoroutineLabels(context.Background())
		}
	}
}

// LabelJobs returns an executor that has ex do the work, with labels for runtime/pprof: "job" is the name of the function, and the
// others are those of the ctx, which are the task's with [ProfileLabels]. Without it, a goroutine of a pool goes on
// with the labels of the task for which it was started.
//
//	loop.SetDefaultExecutor(introspect.LabelJobs(executor.NewPool(0)))
func LabelJobs(ex executor.Executor) executor.Executor { return labelJobs{ex} }

type labelJobs struct{ executor.Executor }

func (l labelJobs) Submit(ctx context.Context, w executor.Work) (executor.Job, error) {
	if w != nil { // else ex is to say so
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
