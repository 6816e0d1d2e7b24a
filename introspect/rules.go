package introspect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/asyncio/inspect"
)

// The rules say little and are sure of it: each asks for all that tells a mistake from what looks like one. What they ask
// for is here and in docs/debugging.md.
const (
	// defaultWarn and defaultStuck are the limits of [Watch].
	defaultWarn  = 200 * time.Millisecond
	defaultStuck = 2 * time.Second

	// unreadAge is how long an error may lie: who started a task may look for its outcome later.
	unreadAge = 10 * time.Second

	// A task that was asked to cancel may clean up, and wait for that. It has taken it to be nothing if it still runs
	// after swallowedAge and has suspended swallowedWaits times.
	swallowedAge   = 10 * time.Second
	swallowedWaits = 20

	// A queue is told of if it has doubled grownTimes while it was watched, over grownAge or longer, so that it is no burst;
	// and holds grownSize items or more, and as many as when it doubled last, so that nobody has begun to empty it.
	grownTimes = 3
	grownAge   = 5 * time.Second
	grownSize  = 1000

	adviceSwallowed = "Return the CancelledError, or call Uncancel where a cancel is meant to end here."
)

// Check returns what is wrong as far as a snapshot can tell: deadlocks and lost wake-ups. [Watch] sees the rest.
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
	b.WriteString(". None of them can go on.")
	advice := "One of them must not wait for the others: let it go on without the result, or cancel it."
	if locks > 1 {
		advice = "Take several locks in the same order everywhere, or hold none while waiting for another task."
	} else if locks == 1 {
		advice = "Release the lock before waiting for a task that needs it."
	}
	return Finding{Rule: RuleDeadlock, Severe: true, Text: b.String(), Advice: advice, Tasks: cycle, Cycle: cycle}
}

func (g *waitGraph) called(id uint64) string {
	return fmt.Sprintf("task %s (#%d)", oneLine(g.tasks[id].Name), id)
}

func what(w *inspect.WaitInfo) string { return cmp.Or(oneLine(w.What), w.Kind.String()) }

// lostWakeups finds tasks that wait for a condition or an event that was notified, or set and cleared, while nobody waited.
// That alone is no mistake: the next one may be on its way. It is one if nobody is left to send it, that is, if nothing
// on the loop can go on by itself or from outside.
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
			f.Text = fmt.Sprintf("%s waits for %s, which was notified %s while nobody waited; nobody is left to do it again.", g.called(id), what(w), timesOf(w.Missed))
			f.Advice = "A notification is not kept. Change what the condition is about under its lock, and wait with WaitFor, which looks first."
		} else {
			f.Text = fmt.Sprintf("%s waits for %s, which was set and cleared %s while nobody waited; nobody is left to set it again.", g.called(id), what(w), timesOf(w.Missed))
			f.Advice = "Leave the event set until who is to see it has; for something that happens again and again take a Queue or a Condition."
		}
		all = append(all, f)
	}
	return all
}

// onlyInside tells whether a task waits for what only another task can do.
func (g *waitGraph) onlyInside(t *inspect.TaskInfo) bool {
	if t.State != inspect.TaskWaiting || mayBeFreed(t) {
		return false
	}
	switch t.Waits.Kind {
	case inspect.ForCondition, inspect.ForEvent, inspect.ForLock, inspect.ForSemaphore, inspect.ForBarrier, inspect.ForTask:
		return true
	case inspect.ForGather, inspect.ForGroup, inspect.ForShield, inspect.ForWait, inspect.ForAsCompleted:
		return len(t.Waits.Tasks) > 0 // or else for a plain future, which anybody may set
	}
	return false
}

func timesOf(n uint64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// findings returns what w knows to be wrong, some of which needs a look at the tasks too. It is called on no loop; s is nil if
// that is blocked.
func (w *watch) findings(s *inspect.Snapshot) []Finding {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []Finding
	if w.blocks != nil {
		all = append(all, *w.blocks)
	}
	all = append(all, w.blocked...)
	all = append(all, w.swallowed...)
	if s == nil {
		return all
	}
	g := graphOf(s)
	for _, id := range g.order {
		if a := w.asked[id]; a != nil {
			if f, ok := g.goesOn(id, a, s.Loop.Time); ok {
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

func (g *waitGraph) goesOn(id uint64, a *askedTask, now time.Duration) (Finding, bool) {
	t := g.tasks[id]
	if a.waits < swallowedWaits || now-a.since < swallowedAge || t.Cancels == 0 {
		return Finding{}, false
	}
	return Finding{
		Rule: RuleSwallowed, Tasks: []uint64{id}, Since: a.since, Severe: true, Advice: adviceSwallowed,
		Text: fmt.Sprintf("%s was asked to cancel%s %v ago, and has gone on and awaited %d times since.",
			g.called(id), byWhom(a.by), (now - a.since).Round(time.Millisecond), a.waits),
	}, true
}

// sized is a queue whose size can be asked. The loop may change it at the same time: it is asked on the loop.
type sized interface{ Len() int }

// settle forgets the queues that somebody empties. It is called on the loop.
func (w *watch) settle() {
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
		Text: fmt.Sprintf("%s grows and grows: from %d items to %d in %v. More is put in than is taken out.",
			q.text, q.from, q.to, (q.last - q.first).Round(time.Millisecond)),
		Advice: "Give it a maxsize, so that Put waits for those who take out; or have more of them.",
	}, true
}

// unread returns the errors that nobody has read for some time, and forgets those that somebody has.
func (w *watch) unread(s *inspect.Snapshot) (all []Finding) {
	failed := map[uint64]time.Duration{}
	for _, u := range s.Unread {
		at, known := w.failed[u.ID]
		if !known {
			at = s.Loop.Time // it failed before anybody watched
		}
		failed[u.ID] = at
		if age := s.Loop.Time - at; age >= unreadAge {
			all = append(all, Finding{
				Rule: RuleUnread, Tasks: []uint64{u.ID}, Since: at,
				Text:   fmt.Sprintf("%s (#%d) failed %v ago, and nobody has read its error: %s", oneLine(u.What), u.ID, age.Round(time.Millisecond), oneLine(u.Error)),
				Advice: "Await it, or have a TaskGroup own it.",
			})
		}
	}
	w.failed = failed
	return all
}

// sortFindings puts what is severe and what is still so first.
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
