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

// A watch collects what a snapshot does not show: what happened, and what runs while the
// loop is blocked. The hub passes it the events, on the loop's goroutine. The watchdog
// checks it from another goroutine.
type watch struct {
	warn, stuck time.Duration // how long a step may take before it is reported, and before that is severe

	mu sync.Mutex // guards the fields below

	// Set by events.
	steps     []step                       // the current steps: the last one runs, each other waits for the first step of the next; empty: the loop is idle
	begun     uint64                       // the number of steps that have begun since the watch began
	cancels   map[uint64]*cancelledTask    // the unfinished tasks that were asked to cancel, by task ID
	swallowed []Finding                    // the cancels swallowed by tasks that have ended, oldest first
	failed    map[uint64]time.Duration     // when each task with an unread error failed, in the loop's time, by task ID
	queues    map[fmt.Stringer]*grownQueue // the queues that have grown

	// Set by the watchdog.
	checked    uint64    // the value of begun at the last check
	since      time.Time // when the watchdog first saw that value
	block      *Finding  // the block by the current step; nil: none
	pastBlocks []Finding // the previous blocks, oldest first
}

// A step is a step of a task, or a callback.
type step struct {
	task  inspect.Task // nil: a callback
	call  string       // the function of a callback
	first bool         // the task's first step
}

func (s *step) what() string {
	if s.task == nil {
		return "callback " + s.call
	}
	return fmt.Sprintf("task %s (#%d)", s.task.Name(), s.task.ID())
}

// A cancelledTask is a task that was asked to cancel.
type cancelledTask struct {
	by    string        // the cause; "": unknown
	since time.Duration // when it was last asked, in the loop's time
	waits int           // how often it has suspended since then
}

// A grownQueue is a queue that has grown.
type grownQueue struct {
	first, last time.Duration // when it grew first and last, in the loop's time
	from, to    int           // its number of items at these times
	times       int           // how often it doubled
	text        string        // the queue as text, set by updateQueues; "": not yet set
}

// maxPast is the number of findings that are kept in each list of those that are over.
const maxPast = 100

func newWatch(warn, stuck time.Duration) *watch {
	return &watch{
		warn: warn, stuck: stuck,
		cancels: map[uint64]*cancelledTask{}, failed: map[uint64]time.Duration{}, queues: map[fmt.Stringer]*grownQueue{},
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
		if len(w.cancels) == 0 {
			return
		}
		if c := w.cancels[e.Task.ID()]; c != nil {
			if c.waits++; e.Task.Cancelling() == 0 {
				delete(w.cancels, e.Task.ID())
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
			t = e.Through[n-1] // the task that receives the cancel
		}
		w.cancels[t.ID()] = &cancelledTask{by: causeOf(e.By), since: e.Loop.Time()}
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

// startIn reports to w the task whose step is running when the watch begins; nil: none.
func (w *watch) startIn(t inspect.Task) {
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

// end ends the step of a task, or with nil a callback. It ignores a step that began
// before the watch.
func (w *watch) end(task inspect.Task) {
	for i := len(w.steps) - 1; i >= 0; i-- {
		if w.steps[i].task == task {
			clear(w.steps[i:]) // allow garbage collection of the task
			w.steps = w.steps[:i]
			return
		}
	}
}

func (w *watch) taskEnded(e *inspect.Event) {
	if e.Err == nil && len(w.cancels) == 0 { // the usual case
		return
	}
	id, now := e.Task.ID(), e.Loop.Time()
	c := w.cancels[id]
	delete(w.cancels, id)
	switch {
	case e.Err != nil:
		w.failed[id] = now
	case c != nil && e.Task.Cancelling() > 0:
		w.swallowed = appendPast(w.swallowed, Finding{
			Rule:  RuleSwallowed,
			Text:  fmt.Sprintf("task %s (#%d) was asked to cancel%s, and ended normally %v later.", e.Task.Name(), id, byCause(c.by), now-c.since),
			Tasks: []uint64{id}, Since: c.since, Over: true,
			Advice: adviceSwallowed,
		})
	}
}

func byCause(by string) string {
	if by == "" {
		return ""
	}
	return " by " + by
}

// appendPast appends to a list of findings that are over, and drops the oldest of a full
// list.
func appendPast(all []Finding, f Finding) []Finding {
	if len(all) >= maxPast {
		all = slices.Delete(all, 0, 1)
	}
	return append(all, f)
}

// check is called by the watchdog at regular intervals. It measures how long the current
// step has run. The result may be too short by up to one interval, but never too long.
func (w *watch) check(now time.Time, stacks func() string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.steps) == 0 || w.begun != w.checked {
		w.checked, w.since = w.begun, now
		w.endBlock()
		return
	}
	took := now.Sub(w.since)
	if took < w.warn {
		return
	}
	s := w.steps[len(w.steps)-1]
	severe := took >= w.stuck
	if w.block == nil || severe && !w.block.Severe {
		w.block = &Finding{Stack: stacks()}
		if s.task != nil {
			w.block.Tasks = []uint64{s.task.ID()}
		}
	}
	w.block.Severe, w.block.For = severe, took
	w.block.describeBlock(s)
}

func (w *watch) endBlock() {
	if w.block != nil {
		w.block.Over = true
		w.pastBlocks = appendPast(w.pastBlocks, *w.block)
		w.block = nil
	}
}

func (f *Finding) describeBlock(s step) {
	what := s.what()
	f.Rule = RuleBlocked
	f.Text = fmt.Sprintf("%s has blocked the loop for %v. Nothing else could run.", what, f.For.Round(time.Millisecond))
	f.Advice = "Move long work to ToThread, and wait with functions that take a ctx: Sleep, not time.Sleep. The stack shows where it was."
	if s.first && f.Severe {
		f.Rule = RuleNeverYield
		f.Text = fmt.Sprintf("%s has run for %v since it started and has never suspended. Nothing else could run.", what, f.For.Round(time.Millisecond))
		f.Advice = "Call Yield regularly, or move the work to ToThread. The stack shows where it was."
	}
}

// blockedBy describes what blocks the loop now; "": nothing.
func (w *watch) blockedBy() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.block == nil {
		return ""
	}
	return w.block.Text
}

// loopStack returns the stack of a goroutine that runs a loop's code now; "": none.
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

// runningStack returns the first of the stacks in all that runs a loop's code. All stacks
// of a loop contain internal/coro. One that does not run has the state "coroutine", or is
// suspended in internal/coro, depending on the engine.
func runningStack(all string) string {
	for stack := range strings.SplitSeq(all, "\n\n") {
		header, _, _ := strings.Cut(stack, "\n")
		if !strings.Contains(stack, coroPath) || strings.Contains(header, "[coroutine") {
			continue
		}
		at := firstOwn(stack)
		if at != "" && !strings.HasPrefix(at, coroPath) && !strings.HasPrefix(at, driverPath) { // in the driver: another loop, which is idle
			return stack
		}
	}
	return ""
}

const (
	coroPath   = "example.com/asyncio/internal/coro."
	driverPath = "example.com/asyncio/driver."
)

// firstOwn returns the innermost function of a stack that does not belong to the
// switching of goroutines.
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
