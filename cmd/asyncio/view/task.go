package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"example.com/asyncio/cmd/asyncio/model"
	"example.com/asyncio/inspect"
)

// A taskPage collects the lines of the page of a task.
type taskPage struct {
	m     *model.Top
	task  *inspect.TaskInfo // if it has ended, its last state
	ended bool
	lines []Line
}

// taskLines returns the page of the selected task.
func taskLines(m *model.Top, width int) []Line {
	p := &taskPage{m: m, task: m.SelectedTask()}
	if p.task == nil {
		if p.task, p.ended = m.Last, true; p.task == nil {
			return []Line{{fmt.Sprintf("Task #%d has ended.", m.Selected), Plain}}
		}
	}
	p.lines = append(p.lines, Line{label(p.task), Title})
	p.addFindings(width)
	p.addFields()
	if all := waiters(m, p.task); len(all) > 0 {
		p.addTitle("Awaited by")
		for _, line := range all {
			p.add("  %s", line)
		}
	}
	if !p.ended {
		p.addTitle("Stack")
		p.lines = append(p.lines, stack(m)...)
	}
	if len(p.task.Made) > 0 {
		p.addTitle("Created at")
		p.lines = append(p.lines, frames("  ", p.task.Made)...)
	}
	p.addTitle("History, newest first")
	for _, c := range slices.Backward(m.History()) {
		p.add("  %12.6f s  %s", c.Time.Seconds(), Clean(c.Text))
	}
	return p.lines
}

func (p *taskPage) add(format string, args ...any) {
	p.lines = append(p.lines, Line{fmt.Sprintf(format, args...), Plain})
}

func (p *taskPage) addTitle(s string) { p.lines = append(p.lines, Line{}, Line{s, Title}) }

func (p *taskPage) addFindings(width int) {
	for _, f := range p.m.FindingsOf(p.task.ID) {
		style := Plain
		if f.Severe && !f.Over {
			style = Alarm
		}
		for line := range strings.SplitSeq(ansi.Wordwrap(sentence(f), max(20, width), " "), "\n") {
			p.lines = append(p.lines, Line{line, style})
		}
	}
}

func (p *taskPage) addFields() {
	t, tasks, now := p.task, p.m.Graph.Tasks, p.m.Picture.Loop.Time
	p.add("function    %s %s:%d", Clean(t.Func), Clean(t.File), t.Line)
	if p.ended {
		p.add("state       ended; it was %s", t.State)
	} else {
		p.add("state       %s", t.State)
	}
	if t.Waits != nil {
		s := waitText(t, tasks, now)
		if position, all := p.m.QueuePosition(); all > 1 {
			s += fmt.Sprintf(", number %d of %d", position, all)
		}
		p.add("waits for   %s", s)
	}
	if parent := tasks[t.Parent]; parent != nil {
		p.add("created by  %s", label(parent))
	}
	if owner := tasks[t.Group]; owner != nil {
		p.add("group of    %s", label(owner))
	}
	if p.m.Picture.Loop.Steps {
		p.add("steps       %d, %s in total", t.Steps, round(t.Ran))
	}
	if t.Cancel != nil {
		p.add("cancelled   %s", strings.TrimLeft(strings.TrimPrefix(cancelText(t), "cancelled"), ": "))
		if len(t.Cancel.Through) > 0 {
			p.add("  through   %s", Clean(strings.Join(t.Cancel.Through, ", ")))
		}
		p.lines = append(p.lines, frames("  at        ", t.Cancel.Place)...)
	}
	for _, b := range t.Blocks {
		s := Clean(b.Kind + " " + b.What)
		if b.Until != 0 {
			s += ", " + round(b.Until-now) + " left"
		}
		p.add("inside      %s%s", s, firstTasks(b.Tasks, tasks))
	}
}

// waiters describes the tasks that wait for the end of t, and for a lock that it holds.
func waiters(m *model.Top, t *inspect.TaskInfo) (lines []string) {
	for i, a := range t.AwaitedBy {
		by := m.Graph.Tasks[a.Task]
		switch {
		case by == nil:
		case i > 0 && t.AwaitedBy[i-1].Task == a.Task: // in another way
			lines[len(lines)-1] += " and via " + Clean(a.Via)
		case a.Via != "":
			lines = append(lines, label(by)+" via "+Clean(a.Via))
		default:
			lines = append(lines, label(by))
		}
	}
	for _, id := range m.LockWaiters() {
		by := m.Graph.Tasks[id]
		lines = append(lines, label(by)+" for "+Clean(cmp.Or(by.Waits.What, by.Waits.Kind.String())))
	}
	return lines
}

func stack(m *model.Top) []Line {
	switch {
	case m.TaskErr != "":
		return []Line{{"  " + Clean(m.TaskErr), Plain}}
	case m.Task == nil || m.Task.Task.ID != m.Selected:
		return []Line{{"  ...", Plain}}
	case len(m.Task.Stack.Frames) == 0:
		return []Line{{"  none", Plain}}
	}
	return frames("  ", m.Task.Stack.Frames)
}

func frames(indent string, all []inspect.Frame) (lines []Line) {
	for _, f := range all {
		lines = append(lines, Line{fmt.Sprintf("%s%s %s:%d", indent, Clean(f.Func), Clean(f.File), f.Line), Plain})
	}
	return lines
}
