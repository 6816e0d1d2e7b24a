package model

import (
	"fmt"
	"slices"
	"time"

	"example.com/asyncio/inspect"
)

// A Change is an entry in the history of a task: an event, or a difference between two
// snapshots.
type Change struct {
	Time time.Duration // the loop's time of the event, or of the later snapshot
	Text string
}

// historyLimit is how many changes of a task are kept. The oldest are dropped.
const historyLimit = 100

// History returns the history of the task Selected, oldest first. It consists of all
// events since its page was opened, preceded by the differences between the snapshots
// before. In a recording it ends at the time of the snapshot.
func (m *Top) History() (all []Change) {
	if k := m.kept[m.Selected]; k != nil {
		all = k.history
	}
	if len(m.events) > 0 {
		before := slices.IndexFunc(all, func(c Change) bool { return c.Time >= m.events[0].Time })
		if before < 0 {
			before = len(all)
		}
		all = slices.Concat(all[:before], m.events)
	}
	if m.Where != "" && m.Picture != nil {
		all = slices.DeleteFunc(slices.Clone(all), func(c Change) bool { return c.Time > m.Picture.Loop.Time })
	}
	return all
}

// addState adds the state of t to the history if it has changed. Later changes, which a
// recording that goes back may have, are removed.
func (k *kept) addState(now time.Duration, t *inspect.TaskInfo) {
	text := string(t.State)
	if t.Waits != nil {
		text += " for " + WaitText(t.Waits)
	}
	if t.Cancel != nil {
		text += "; " + t.Cancel.Reason
	}
	k.history = slices.DeleteFunc(k.history, func(c Change) bool { return c.Time > now })
	if n := len(k.history); n == 0 || k.history[n-1].Text != text {
		k.history = append(k.history, Change{now, text})
		k.history = k.history[max(0, len(k.history)-historyLimit):]
	}
}

// AddEvents adds the events of the task Selected if its page is open. Before them,
// dropped events of any tasks are missing.
func (m *Top) AddEvents(dropped uint64, events []inspect.EventInfo) {
	if m.Page != PageTask {
		return
	}
	if n := len(m.events); dropped > 0 && n > 0 {
		m.events = append(m.events, Change{m.events[n-1].Time, fmt.Sprintf("... %d events of all tasks are missing here", dropped)})
	}
	for i := range events {
		if e := &events[i]; e.Task == m.Selected || slices.Contains(e.Through, m.Selected) {
			m.events = append(m.events, Change{e.Time, m.eventText(e)})
		}
	}
	m.events = m.events[max(0, len(m.events)-historyLimit):]
}

func (m *Top) eventText(e *inspect.EventInfo) string {
	s := e.Kind.String()
	switch e.Kind {
	case inspect.TaskSuspended:
		s = "ready again" // it yielded
		if e.Waits != nil {
			s = "waiting for " + WaitText(e.Waits) + m.names(e.Waits.Tasks)
		}
	case inspect.TaskStarted, inspect.TaskResumed:
		s = "running"
	case inspect.TaskEnded:
		s += ": " + e.Outcome
		if e.Error != "" {
			s += ", " + e.Error
		}
	}
	if e.By != "" {
		s += " by " + e.By
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// names lists tasks, with the names of those that are in the snapshot.
func (m *Top) names(ids []uint64) (s string) {
	for _, id := range ids {
		if m.Graph != nil && m.Graph.Tasks[id] != nil {
			s += " " + m.Graph.Tasks[id].Name
		}
		s += fmt.Sprintf(" #%d", id)
	}
	return s
}

// WaitText describes what a task waits for in a few words that do not change while it
// waits.
func WaitText(w *inspect.WaitInfo) string {
	s := w.Kind.String()
	switch w.Kind {
	case inspect.ForTask, inspect.ForJob, inspect.ForOther:
		if w.What != "" {
			s += " " + w.What
		}
	}
	if w.HolderName != "" {
		s += " held by " + w.HolderName
	}
	return s
}
