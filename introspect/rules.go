package introspect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/asyncio/inspect"
)

// The rules prefer certainty to completeness: their conditions exclude what only looks
// like a mistake. docs/debugging.md lists the conditions.
const (
	// defaultWarn and defaultStuck are the limits of [Watch].
	defaultWarn  = 200 * time.Millisecond
	defaultStuck = 2 * time.Second

	// unreadAge is how long an error may remain unread, since its reader may come later.
	unreadAge = 10 * time.Second

	// A task that was asked to cancel may wait for its cleanup. It has swallowed the
	// cancel if it has not ended after swallowedAge and has suspended swallowedWaits
	// times since.
	swallowedAge   = 10 * time.Second
	swallowedWaits = 20

	// A growing queue has doubled grownTimes while it was watched, over grownAge or
	// longer, which excludes a burst. It has at least grownSize items, and at least as
	// many as when it doubled last, which excludes a queue that is being emptied.
	grownTimes = 3
	grownAge   = 5 * time.Second
	grownSize  = 1000

	adviceSwallowed = "Return the CancelledError, or call Uncancel if the cancel is meant to end here."
)

// Check returns the problems that a snapshot shows: deadlocks and lost wake-ups. The
// other rules need [Watch].
func Check(s *inspect.Snapshot) []Finding {
	g := graphOf(s)
	var all []Finding
	for _, cycle := range g.cycles() {
		all = append(all, g.deadlock(cycle))
	}
	return append(all, g.lostWakeups(s)...)
}

func (g *waitGraph) deadlock(cycle []uint64) Finding {
	var b strings.Builder
	b.WriteString("Deadlock: ")
	locks := 0
	for i, id := range cycle {
		t, next := g.tasks[id], g.tasks[cycle[(i+1)%len(cycle)]]
		if i > 0 {
			b.WriteString(", which ")
		} else {
			b.WriteString(g.called(id) + " ")
		}
		if t.Waits.Holder == next.ID && !slices.Contains(t.Waits.Tasks, next.ID) {
			locks++
			fmt.Fprintf(&b, "waits for %s, held by %s", what(t.Waits), g.called(next.ID))
		} else if t.Waits.Kind == inspect.ForTask {
			fmt.Fprintf(&b, "awaits %s", g.called(next.ID))
		} else {
			fmt.Fprintf(&b, "awaits %s in a %s", g.called(next.ID), t.Waits.Kind)
		}
	}
	b.WriteString(". None of them can continue.")
	advice := "Break the cycle: cancel one of the tasks, or let it continue without the result."
	if locks > 1 {
		advice = "Acquire locks in the same order everywhere, or hold none while waiting for another task."
	} else if locks == 1 {
		advice = "Release the lock before waiting for a task that needs it."
	}
	return Finding{Rule: RuleDeadlock, Severe: true, Text: b.String(), Advice: advice, Tasks: cycle, Cycle: cycle}
}

func (g *waitGraph) called(id uint64) string {
	return fmt.Sprintf("task %s (#%d)", oneLine(g.tasks[id].Name), id)
}

func what(w *inspect.WaitInfo) string { return cmp.Or(oneLine(w.What), w.Kind.String()) }

// lostWakeups finds the tasks that wait for a condition or an event that was notified, or
// set and cleared, when it had no waiters. That alone is not a mistake, since the wake-up
// may be repeated. It is one if no task is left to repeat it: nothing on the loop can
// continue by itself or from outside.
func (g *waitGraph) lostWakeups(s *inspect.Snapshot) (all []Finding) {
	if s.Loop.Ready > 0 || s.Loop.Timers > 0 || s.Loop.Outside > 0 {
		return nil
	}
	for _, id := range g.order {
		if t := g.tasks[id]; id != s.Loop.Current && !g.onlyInside(t) {
			return nil
		}
	}
	for _, id := range g.order {
		w := g.tasks[id].Waits
		if w == nil || w.Missed == 0 || w.Kind != inspect.ForCondition && w.Kind != inspect.ForEvent {
			continue
		}
		f := Finding{Rule: RuleLostWakeup, Severe: true, Tasks: []uint64{id}}
		if w.Kind == inspect.ForCondition {
			f.Text = fmt.Sprintf("%s waits for %s, which was notified %s when it had no waiters; no task is left to notify it again.", g.called(id), what(w), timesOf(w.Missed))
			f.Advice = "Notifications are not stored. Change the shared state under the condition's lock, and wait with WaitFor, which checks the state first."
		} else {
			f.Text = fmt.Sprintf("%s waits for %s, which was set and cleared %s when it had no waiters; no task is left to set it again.", g.called(id), what(w), timesOf(w.Missed))
			f.Advice = "Keep the event set until its waiters have seen it. For something that happens repeatedly, use a Queue or a Condition."
		}
		all = append(all, f)
	}
	return all
}

// onlyInside reports whether t waits for something that only another task can do.
func (g *waitGraph) onlyInside(t *inspect.TaskInfo) bool {
	if t.State != inspect.TaskWaiting || mayBeFreed(t) {
		return false
	}
	switch t.Waits.Kind {
	case inspect.ForCondition, inspect.ForEvent, inspect.ForLock, inspect.ForSemaphore, inspect.ForBarrier, inspect.ForTask:
		return true
	case inspect.ForGather, inspect.ForGroup, inspect.ForShield, inspect.ForWait, inspect.ForAsCompleted:
		return len(t.Waits.Tasks) > 0 // otherwise t waits for a plain future, which any code may set
	}
	return false
}

func timesOf(n uint64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// findings returns the problems that w knows of. Some rules need a snapshot too; s is nil
// if the loop is blocked. The caller is outside the loop.
func (w *watch) findings(s *inspect.Snapshot) []Finding {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []Finding
	if w.block != nil {
		all = append(all, *w.block)
	}
	all = append(all, w.pastBlocks...)
	all = append(all, w.swallowed...)
	if s == nil {
		return all
	}
	g := graphOf(s)
	for _, id := range g.order {
		if c := w.cancels[id]; c != nil {
			if f, ok := g.ignoredCancel(id, c, s.Loop.Time); ok {
				all = append(all, f)
			}
		}
	}
	for _, q := range w.queues {
		if f, ok := q.finding(); ok {
			all = append(all, f)
		}
	}
	return append(all, w.unread(s)...)
}

func (g *waitGraph) ignoredCancel(id uint64, c *cancelledTask, now time.Duration) (Finding, bool) {
	t := g.tasks[id]
	if c.waits < swallowedWaits || now-c.since < swallowedAge || t.Cancels == 0 {
		return Finding{}, false
	}
	return Finding{
		Rule: RuleSwallowed, Tasks: []uint64{id}, Since: c.since, Severe: true, Advice: adviceSwallowed,
		Text: fmt.Sprintf("%s was asked to cancel%s %v ago. It has continued, and has awaited %d times since.",
			g.called(id), byCause(c.by), (now - c.since).Round(time.Millisecond), c.waits),
	}, true
}

// sized is a queue that reports its size. Only the loop may ask it.
type sized interface{ Len() int }

// updateQueues forgets the queues that are being emptied. Only the loop calls it.
func (w *watch) updateQueues() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for q := range w.queues {
		if s, ok := q.(sized); ok && s.Len() < w.queues[q].to {
			delete(w.queues, q)
		} else if ok {
			w.queues[q].text = q.String()
		}
	}
}

func (q *grownQueue) finding() (Finding, bool) {
	if q.times < grownTimes || q.last-q.first < grownAge || q.to < grownSize || q.text == "" {
		return Finding{}, false
	}
	return Finding{
		Rule: RuleGrowing, Since: q.first, Severe: true,
		Text: fmt.Sprintf("%s keeps growing: from %d items to %d in %v. More items are put in than are taken out.",
			q.text, q.from, q.to, (q.last - q.first).Round(time.Millisecond)),
		Advice: "Give it a maxsize, so that Put waits for the consumers, or add consumers.",
	}, true
}

// unread returns the errors that have been unread for some time, and forgets those that
// were read.
func (w *watch) unread(s *inspect.Snapshot) (all []Finding) {
	failed := map[uint64]time.Duration{}
	for _, u := range s.Unread {
		at, known := w.failed[u.ID]
		if !known {
			at = s.Loop.Time // it failed before the watch began
		}
		failed[u.ID] = at
		if age := s.Loop.Time - at; age >= unreadAge {
			all = append(all, Finding{
				Rule: RuleUnread, Tasks: []uint64{u.ID}, Since: at,
				Text:   fmt.Sprintf("%s (#%d) failed %v ago, and its error was never read: %s", oneLine(u.What), u.ID, age.Round(time.Millisecond), oneLine(u.Error)),
				Advice: "Await it, or start it in a TaskGroup.",
			})
		}
	}
	w.failed = failed
	return all
}

// sortFindings sorts the severe findings first and those that are over last.
func sortFindings(all []Finding) {
	weight := func(f Finding) int {
		switch {
		case f.Severe && !f.Over:
			return 0
		case !f.Over:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(weight(a), weight(b)), strings.Compare(a.Rule, b.Rule), cmp.Compare(a.Since, b.Since))
	})
}
