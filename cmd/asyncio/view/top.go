package view

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"example.com/asyncio/cmd/asyncio/model"
	"example.com/asyncio/inspect"
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

A task's page: what it waits for, who waits for it, its stack, and what happened to it since the page was opened
  up down, j k         scroll
  w, right             go to a task that it waits for, or who holds its lock
  b                    go to a task that waits for it, or for a lock that it has
  esc, left            back to the list

Everywhere
  f                    what is wrong, in full, and what to do about it
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
	foot := foot(m, height)
	m.Height = max(1, height-len(lines)-1-len(foot)) // the columns' names are a line
	switch {
	case m.Page == model.PageHelp:
		for s := range strings.SplitSeq(Help, "\n") {
			lines = append(lines, Line{s, Plain})
		}
	case m.Page == model.PageTask:
		lines = append(lines, scrolled(m, taskLines(m, width))...)
	case m.Page == model.PageFindings:
		lines = append(lines, scrolled(m, findingLines(m, width))...)
	case m.Picture != nil:
		lines = append(lines, list(m, width)...)
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

// foot is what stands below: what is wrong, as far as there is room for it, and what keys there are.
func foot(m *model.Top, height int) (lines []Line) {
	if m.Page != model.PageFindings {
		lines = wrong(m)
		if most := max(1, height/4); len(lines) > most {
			lines = append(lines[:most-1:most-1], Line{fmt.Sprintf("and %d more: f", len(lines)-most+1), Alarm})
		}
	}
	switch {
	case m.Typing:
		return append(lines, Line{"/" + Clean(m.Filter) + "_", Selected})
	case m.Filter != "":
		return append(lines, Line{fmt.Sprintf("%d of %d tasks have %q; esc shows all", len(m.Rows), len(m.Picture.Tasks), m.Filter), Dim})
	case m.Page == model.PageTask:
		return append(lines, Line{"up down scroll  w waits for  b awaited by  f findings  esc back  ? help  q quit", Dim})
	case m.Page == model.PageFindings:
		return append(lines, Line{"up down scroll  esc back  ? help  q quit", Dim})
	}
	return append(lines, Line{"up down  enter task  f findings  / filter  left right sort  ? help  q quit", Dim})
}

// wrong is a line for each finding that is not over, and for each circle that is no deadlock, since a timeout ends it.
func wrong(m *model.Top) (lines []Line) {
	told := map[uint64]bool{}
	for _, f := range m.Findings {
		if f.Over {
			continue
		}
		for _, id := range f.Cycle {
			told[id] = true
		}
		style := Plain
		if f.Severe {
			style = Alarm
		}
		lines = append(lines, Line{sentence(f), style})
	}
	if m.Graph != nil {
		for _, c := range m.Graph.Cycles {
			if !told[c[0]] {
				lines = append(lines, Line{"cycle: " + Cycle(m.Graph, c), Alarm})
			}
		}
	}
	return lines
}

// findingLines is the page of what is wrong.
func findingLines(m *model.Top, width int) (lines []Line) {
	say := func(style Style, s string) {
		for line := range strings.SplitSeq(ansi.Wordwrap(s, max(20, width), " "), "\n") {
			lines = append(lines, Line{line, style})
		}
	}
	if len(m.Findings) == 0 {
		say(Plain, "Nothing is wrong, as far as the rules see.")
	}
	if m.Partial != "" {
		say(Dim, "Not all could be looked at: "+Clean(m.Partial))
	}
	for _, f := range m.Findings {
		lines = append(lines, Line{})
		switch {
		case f.Over:
			say(Title, f.Rule+", over")
		case f.Severe:
			say(Alarm, f.Rule)
		default:
			say(Title, f.Rule)
		}
		say(Plain, Clean(f.Text))
		say(Dim, Clean(f.Advice))
		for line := range strings.Lines(f.Stack) {
			lines = append(lines, Line{"  " + Clean(strings.ReplaceAll(strings.TrimRight(line, "\n"), "\t", "  ")), Plain})
		}
	}
	return lines
}

// list is the table of tasks: as many as there is room for, the selected one among them.
func list(m *model.Top, width int) []Line {
	widths := []int{6, min(max(18, width/5), 40), 8, 8, 8, 6, 0}
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

// taskLines is the page of the selected task; of one that has ended, as it was when it was seen last.
func taskLines(m *model.Top, width int) (lines []Line) {
	say := func(format string, args ...any) { lines = append(lines, Line{fmt.Sprintf(format, args...), Plain}) }
	head := func(s string) { lines = append(lines, Line{}, Line{s, Title}) }
	t := m.SelectedTask()
	living := t != nil
	if !living {
		if t = m.Last; t == nil {
			say("Task #%d has ended.", m.Selected)
			return lines
		}
	}
	now := m.Picture.Loop.Time
	lines = append(lines, Line{label(t), Title})
	for _, f := range m.Concerns(t.ID) {
		style := Plain
		if f.Severe && !f.Over {
			style = Alarm
		}
		for line := range strings.SplitSeq(ansi.Wordwrap(sentence(f), max(20, width), " "), "\n") {
			lines = append(lines, Line{line, style})
		}
	}
	say("function    %s %s:%d", Clean(t.Func), Clean(t.File), t.Line)
	if living {
		say("state       %s", t.State)
	} else {
		say("state       ended; it was %s", t.State)
	}
	if t.Waits != nil {
		s := waits(t, m.Graph.Tasks, now)
		if place, all := m.Queue(); all > 1 {
			s += fmt.Sprintf(", number %d of %d", place, all)
		}
		say("waits for   %s", s)
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
	if by := waiters(m, t); len(by) > 0 {
		head("Waited for by")
		for _, line := range by {
			say("  %s", line)
		}
	}
	if living {
		head("Stack")
		lines = append(lines, stack(m)...)
	}
	if len(t.Made) > 0 {
		head("Made at")
		lines = append(lines, frames("  ", t.Made)...)
	}
	head("History, the latest first")
	for _, c := range slices.Backward(m.History()) {
		say("  %12.6f s  %s", c.Time.Seconds(), Clean(c.Text))
	}
	return lines
}

// waiters says who waits for a task: for its end, and for a lock that it has.
func waiters(m *model.Top, t *inspect.TaskInfo) (lines []string) {
	for i, a := range t.AwaitedBy {
		by := m.Graph.Tasks[a.Task]
		switch {
		case by == nil:
		case i > 0 && t.AwaitedBy[i-1].Task == a.Task: // by a second way
			lines[len(lines)-1] += " and by " + Clean(a.Via)
		case a.Via != "":
			lines = append(lines, label(by)+" by "+Clean(a.Via))
		default:
			lines = append(lines, label(by))
		}
	}
	for _, id := range m.Wants() {
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
