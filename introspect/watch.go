package introspect

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/asyncio/inspect"
)

// A watch knows what a snapshot cannot tell: what happened, and what runs while the loop answers nobody. The
// hub tells it of events on the loop's goroutine; its watchdog looks at it from another one.
type watch struct {
	warn, stuck time.Duration // a step that takes as long is told of; and that is severe

	mu    sync.Mutex // guards the fields below
	steps []step     // that run: the last one does, those below it wait for its first step; empty: the loop waits
	begun uint64     // steps, since it is watched

	looked  uint64    // what begun was when the watchdog looked for the last time
	since   time.Time // when it saw that step first
	blocks  *Finding  // by the step that runs
	blocked []Finding // those before, the latest last

	asked     map[uint64]*askedTask // the tasks that were asked to cancel
	swallowed []Finding             // by tasks that have ended
	failed    map[uint64]time.Duration
	queues    map[fmt.Stringer]*grownQueue
}

// A step is a task or callback that runs.
type step struct {
	task  inspect.Task // nil: a callback
	call  string       // of a callback: which
	first bool         // of the task
}

func (s *step) what() string {
	if s.task == nil {
		return "callback " + s.call
	}
	return fmt.Sprintf("task %s (#%d)", s.task.Name(), s.task.ID())
}

// An askedTask was asked to cancel.
type askedTask struct {
	by    string
	since time.Duration
	waits int // it has done since then
}

// A grownQueue has grown, and was told to.
type grownQueue struct {
	first, last time.Duration // when
	from, to    int           // from how many items to how many
	times       int           // that it doubled
	text        string        // the queue as it printed when it was looked at; it is the loop's
}

// keptFindings is how many of those that are over are kept.
const keptFindings = 100

func newWatch(warn, stuck time.Duration) *watch {
	return &watch{
		warn: warn, stuck: stuck,
		asked: map[uint64]*askedTask{}, failed: map[uint64]time.Duration{}, queues: map[fmt.Stringer]*grownQueue{},
	}
}

// observe is called on the loop.
func (w *watch) observe(e *inspect.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e.Kind {
	case inspect.TaskStarted, inspect.TaskResumed:
		w.begin(step{task: e.Task, first: e.Kind == inspect.TaskStarted})
	case inspect.CallBegun:
		w.begin(step{call: e.Handle.Func()})
	case inspect.TaskSuspended:
		w.end(e.Task)
		if len(w.asked) == 0 {
			return
		}
		if a := w.asked[e.Task.ID()]; a != nil {
			if a.waits++; e.Task.Cancelling() == 0 {
				delete(w.asked, e.Task.ID())
			}
		}
	case inspect.CallEnded:
		w.end(nil)
	case inspect.TaskEnded:
		w.end(e.Task)
		w.taskEnded(e)
	case inspect.TaskCancelAsked:
		t := e.Task
		if n := len(e.Through); n > 0 {
			t = e.Through[n-1] // who gets it
		}
		w.asked[t.ID()] = &askedTask{by: nameOf(e.By), since: e.Loop.Time()}
	case inspect.QueueGrew:
		q := w.queues[e.Object]
		if q == nil {
			q = &grownQueue{first: e.Loop.Time(), from: e.Size}
			w.queues[e.Object] = q
		}
		q.last, q.to = e.Loop.Time(), e.Size
		q.times++
	}
}

// runsAlready tells w which task runs when it begins to watch; nil: none.
func (w *watch) runsAlready(t inspect.Task) {
	if t == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begin(step{task: t})
}

func (w *watch) begin(s step) {
	w.steps = append(w.steps, s)
	w.begun++
}

// end ends the step of a task, or a callback. One that was never begun, since it was running when all this was switched
// on, is none.
func (w *watch) end(task inspect.Task) {
	for i := len(w.steps) - 1; i >= 0; i-- {
		if w.steps[i].task == task {
			clear(w.steps[i:]) // the task is not to be kept
			w.steps = w.steps[:i]
			return
		}
	}
}

func (w *watch) taskEnded(e *inspect.Event) {
	if e.Err == nil && len(w.asked) == 0 { // by far the most
		return
	}
	id, now := e.Task.ID(), e.Loop.Time()
	a := w.asked[id]
	delete(w.asked, id)
	switch {
	case e.Err != nil:
		w.failed[id] = now
	case a != nil && e.Task.Cancelling() > 0:
		w.swallowed = keep(w.swallowed, Finding{
			Rule:  RuleSwallowed,
			Text:  fmt.Sprintf("task %s (#%d) was asked to cancel%s, and ended %v later as if it was not.", e.Task.Name(), id, byWhom(a.by), now-a.since),
			Tasks: []uint64{id}, Since: a.since, Over: true,
			Advice: adviceSwallowed,
		})
	}
}

func byWhom(by string) string {
	if by == "" {
		return ""
	}
	return " by " + by
}

// keep appends to a list of findings that are over, of which the oldest are forgotten.
func keep(all []Finding, f Finding) []Finding {
	if len(all) >= keptFindings {
		all = slices.Delete(all, 0, 1)
	}
	return append(all, f)
}

// look is what the watchdog does again and again: it sees whether the step that runs is the one that ran before, and for how
// long that has been so. It may be off by the time between two looks, to the short side: who is blamed has it coming.
func (w *watch) look(now time.Time, stacks func() string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.steps) == 0 || w.begun != w.looked {
		w.looked, w.since = w.begun, now
		w.blockIsOver()
		return
	}
	took := now.Sub(w.since)
	if took < w.warn {
		return
	}
	s := w.steps[len(w.steps)-1]
	severe := took >= w.stuck
	if w.blocks == nil || severe && !w.blocks.Severe {
		w.blocks = &Finding{Stack: stacks()}
		if s.task != nil {
			w.blocks.Tasks = []uint64{s.task.ID()}
		}
	}
	w.blocks.Severe, w.blocks.For = severe, took
	w.blocks.tellBlocks(s)
}

func (w *watch) blockIsOver() {
	if w.blocks != nil {
		w.blocks.Over = true
		w.blocked = keep(w.blocked, *w.blocks)
		w.blocks = nil
	}
}

func (f *Finding) tellBlocks(s step) {
	what := s.what()
	f.Rule = RuleBlocked
	f.Text = fmt.Sprintf("%s kept the loop for %v, and nothing else could run meanwhile.", what, f.For.Round(time.Millisecond))
	f.Advice = "Give long work to ToThread, and wait with what takes a ctx: Sleep, not time.Sleep. The stack says where it was."
	if s.first && f.Severe {
		f.Rule = RuleNeverYield
		f.Text = fmt.Sprintf("%s has run for %v since it began, and never let anything else run.", what, f.For.Round(time.Millisecond))
		f.Advice = "Let others run with Yield now and then, or give the work to ToThread. The stack says where it was."
	}
}

// runs tells what blocks the loop now; "" is nothing.
func (w *watch) runs() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.blocks == nil {
		return ""
	}
	return w.blocks.Text
}

// loopStack returns, of the stacks of all goroutines, the one that runs a loop's code at the moment. With several loops
// it is the one that is deepest in code that is not the loop's own.
func loopStack() string {
	buf := make([]byte, 1<<16)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			return runningStack(string(buf[:n]))
		}
		buf = make([]byte, 2*len(buf))
	}
}

// runningStack picks the goroutine that runs a loop's code. All stacks of a loop have internal/coro in them; one that
// does not run stands in it, with nothing but the runtime's and iter's functions above.
func runningStack(all string) string {
	for stack := range strings.SplitSeq(all, "\n\n") {
		if !strings.Contains(stack, coroPath) {
			continue
		}
		at := firstOwn(stack)
		if at != "" && !strings.HasPrefix(at, coroPath) && !strings.HasPrefix(at, driverPath) { // another loop, which sleeps
			return stack
		}
	}
	return ""
}

const (
	coroPath   = "example.com/asyncio/internal/coro."
	driverPath = "example.com/asyncio/driver."
)

// firstOwn returns the innermost function of a stack that is not how goroutines switch.
func firstOwn(stack string) string {
	for line := range strings.Lines(stack) {
		switch {
		case strings.HasPrefix(line, "\t"), strings.HasPrefix(line, "goroutine "), strings.HasPrefix(line, "created by "):
		case strings.HasPrefix(line, "runtime."), strings.HasPrefix(line, "iter."), strings.HasPrefix(line, "sync."), strings.HasPrefix(line, "internal/race."):
		default:
			return line
		}
	}
	return ""
}
