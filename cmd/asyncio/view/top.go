package view

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"example.com/asyncio"
	"example.com/asyncio/cmd/asyncio/model"
)

// A Style is how a line of a screen looks.
type Style int

// The styles.
const (
	Plain    Style = iota
	Title          // the columns' names, headings
	Selected       // where the user is
	Alarm          // what is wrong
	Dim            // help
)

// A Line is a line of a screen, without what makes it look.
type Line struct {
	Text  string
	Style Style
}

// Help is the text of top's page of keys.
const Help = `The list
  up down, j k         go from task to task; page up, page down, home, end (g G) go further
  left right, < >      sort by another column; r turns the order round
  /                    show only tasks with these letters in their name or function; enter keeps it, esc shows all
  enter                the task's page

A task's page
  up down, j k         scroll
  w, right             go to a task that it waits for, or who holds its lock
  b                    go to a task that waits for it
  esc, left            back to the list

Everywhere
  p, space             pause, and go on
  [ ]                  of a recording: a picture back, a picture on
  ?, h                 this page
  q, ctrl+c            quit

BUSY is the share of the time since the picture before for which the task ran; STEPS is how often it went on. Both
are there if the program counts steps. A red task is part of a cycle: it waits, over others, for itself.`

// Top returns the screen of m: height lines, none wider than width. It tells m how many
// lines a page has.
func Top(m *model.Top, width, height int) []Line {
	lines := []Line{{state(m), Plain}}
	if m.Err != "" {
		lines = append(lines, Line{m.Err, Alarm})
	}
	foot := foot(m)
	m.Height = max(1, height-len(lines)-1-len(foot)) // the columns' names are a line
	switch {
	case m.Page == model.PageHelp:
		for s := range strings.SplitSeq(Help, "\n") {
			lines = append(lines, Line{s, Plain})
		}
	case m.Page == model.PageTask:
		lines = append(lines, scrolled(m, taskLines(m))...)
	case m.Picture != nil:
		lines = append(lines, list(m)...)
	}
	for len(lines)+len(foot) < height {
		lines = append(lines, Line{})
	}
	lines = append(lines[:max(0, height-len(foot))], foot...)
	for i := range lines {
		lines[i].Text = ansi.Truncate(lines[i].Text, width, "…")
		if lines[i].Style == Selected { // the bar goes all the way
			lines[i].Text += strings.Repeat(" ", max(0, width-ansi.StringWidth(lines[i].Text)))
		}
	}
	return lines
}

func state(m *model.Top) string {
	if m.Picture == nil {
		return "looking ..."
	}
	s := headline(m.Picture)
	if m.Where != "" {
		s = m.Where + "  " + s
	}
	if m.Paused {
		s = "PAUSED  " + s
	}
	return s
}

func foot(m *model.Top) (lines []Line) {
	if m.Graph != nil {
		for i, c := range m.Graph.Cycles {
			if i == 3 {
				break
			}
			lines = append(lines, Line{"cycle: " + Cycle(m.Graph, c), Alarm})
		}
	}
	switch {
	case m.Typing:
		return append(lines, Line{"/" + Clean(m.Filter) + "_", Selected})
	case m.Filter != "":
		return append(lines, Line{fmt.Sprintf("%d of %d tasks have %q; esc shows all", len(m.Rows), len(m.Picture.Tasks), m.Filter), Dim})
	case m.Page == model.PageTask:
		return append(lines, Line{"up down scroll  w waits for  b awaited by  esc back  ? help  q quit", Dim})
	}
	return append(lines, Line{"up down select  left right sort  r reverse  / filter  enter task  p pause  ? help  q quit", Dim})
}

// list is the table of tasks: as many as there is room for, the selected one among them.
func list(m *model.Top) []Line {
	widths := []int{6, 18, 8, 8, 8, 6, 0}
	cells := make([]string, len(widths))
	for i := range cells {
		cells[i] = model.Column(i).String()
		if model.Column(i) == m.Sort {
			if cells[i] += "^"; m.Reverse {
				cells[i] = model.Column(i).String() + "v"
			}
		}
	}
	lines := []Line{{aligned(cells, widths), Title}}
	from := min(max(0, m.Index()-m.Height/2), max(0, len(m.Rows)-m.Height))
	for _, r := range m.Rows[from:min(from+m.Height, len(m.Rows))] {
		style := Plain
		switch {
		case r.ID == m.Selected:
			style = Selected
		case r.Cycle:
			style = Alarm
		}
		lines = append(lines, Line{aligned(row(m, r), widths), style})
	}
	return lines
}

func row(m *model.Top, r model.Row) []string {
	steps, ran, busy := "-", "-", "-"
	if m.Picture.Loop.Steps {
		steps, ran = strconv.FormatUint(r.Steps, 10), round(r.Ran)
	}
	if r.CPU >= 0 {
		busy = fmt.Sprintf("%.1f%%", 100*r.CPU)
	}
	w := waits(r.TaskInfo, m.Graph.Tasks, m.Picture.Loop.Time)
	if r.Cancel != nil {
		w = strings.TrimSpace("[cancelled] " + w)
	}
	return []string{strconv.FormatUint(r.ID, 10), Clean(r.Name), string(r.State), steps, ran, busy, w}
}

// aligned pads and cuts cells to their widths; 0 is as wide as it is.
func aligned(cells []string, widths []int) string {
	var s strings.Builder
	for i, c := range cells {
		if w := widths[i]; w > 0 {
			c = ansi.Truncate(c, w, "…")
			c += strings.Repeat(" ", w-ansi.StringWidth(c)+1)
		}
		s.WriteString(c)
	}
	return s.String()
}

// scrolled cuts lines to what there is room for, and holds the scrolling to where there are some.
func scrolled(m *model.Top, lines []Line) []Line {
	m.Scroll = min(m.Scroll, max(0, len(lines)-m.Height))
	return lines[m.Scroll:]
}

// taskLines is the page of the selected task.
func taskLines(m *model.Top) (lines []Line) {
	say := func(format string, args ...any) { lines = append(lines, Line{fmt.Sprintf(format, args...), Plain}) }
	head := func(s string) { lines = append(lines, Line{}, Line{s, Title}) }
	t := m.SelectedTask()
	if t == nil {
		say("Task #%d has ended.", m.Selected)
		return lines
	}
	now := m.Picture.Loop.Time
	lines = append(lines, Line{label(t), Title})
	say("function    %s %s:%d", Clean(t.Func), Clean(t.File), t.Line)
	say("state       %s", t.State)
	if t.Waits != nil {
		say("waits for   %s", waits(t, m.Graph.Tasks, now))
	}
	if p := m.Graph.Tasks[t.Parent]; p != nil {
		say("made by     %s", label(p))
	}
	if g := m.Graph.Tasks[t.Group]; g != nil {
		say("in a group of  %s", label(g))
	}
	if m.Picture.Loop.Steps {
		say("steps       %d, %s in all", t.Steps, round(t.Ran))
	}
	if t.Cancel != nil {
		say("cancelled   %s", cancel(t))
		if len(t.Cancel.Through) > 0 {
			say("  through   %s", Clean(strings.Join(t.Cancel.Through, ", ")))
		}
		lines = append(lines, frames("  at        ", t.Cancel.Place)...)
	}
	for _, b := range t.Blocks {
		s := Clean(b.Kind + " " + b.What)
		if b.Until != 0 {
			s += ", " + round(b.Until-now) + " left"
		}
		say("inside of   %s%s", s, some(b.Tasks, m.Graph.Tasks))
	}
	if len(t.AwaitedBy) > 0 {
		head("Awaited by")
		for _, a := range t.AwaitedBy {
			if by := m.Graph.Tasks[a.Task]; by != nil && a.Via != "" {
				say("  %s by %s", label(by), Clean(a.Via))
			} else if by != nil {
				say("  %s", label(by))
			}
		}
	}
	head("Stack")
	lines = append(lines, stack(m)...)
	if len(t.Made) > 0 {
		head("Made at")
		lines = append(lines, frames("  ", t.Made)...)
	}
	head("History, as far as it was looked at")
	for _, c := range m.History() {
		say("  %8s  %s", round(c.Time), Clean(c.Text))
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

func frames(indent string, all []asyncio.Frame) (lines []Line) {
	for _, f := range all {
		lines = append(lines, Line{fmt.Sprintf("%s%s %s:%d", indent, Clean(f.Func), Clean(f.File), f.Line), Plain})
	}
	return lines
}
