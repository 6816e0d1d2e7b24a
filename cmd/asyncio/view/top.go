package view

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"example.com/asyncio/cmd/asyncio/model"
)

// A Style is the style of a line.
type Style int

// The styles.
const (
	Plain    Style = iota
	Title          // headings
	Selected       // the selected task, and the input line
	Alarm          // errors, severe findings and cycles
	Dim            // help and advice
)

// A Line is a line of a screen, as text without escape sequences.
type Line struct {
	Text  string
	Style Style
}

// Help is the text of the help page.
const Help = `List
  up down, j k      select a task; also page up, page down, home, end, g, G
  left right, < >   sort by another column; r reverses the order
  /                 filter by name or function; enter keeps it, esc clears it
  enter             open the page of the task

Task page
  up down, j k      scroll
  w, right          open a task that it waits for, or the holder of the lock
  b                 open a task that awaits it, or waits for a lock it holds
  esc, left         return to the list

Everywhere
  f                 findings: what is wrong, and how to fix it
  p, space          pause or resume
  [ ]               previous or next snapshot of a recording
  ?, h              this page
  q, ctrl+c         quit

STEPS: how often a task was resumed. RAN: how long it ran in total. BUSY: its
share of the time since the previous snapshot. All are "-" if steps are not
counted. A red task is part of a cycle of waits.`

// Top returns the screen of m: height lines, none wider than width. It sets m.Height.
func Top(m *model.Top, width, height int) []Line {
	lines := []Line{{topLine(m), Plain}}
	if m.Err != "" {
		lines = append(lines, Line{m.Err, Alarm})
	}
	foot := footer(m, height)
	m.Height = max(1, height-len(lines)-1-len(foot)) // a line is for the headings
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
		if lines[i].Style == Selected { // fill the line
			lines[i].Text += strings.Repeat(" ", max(0, width-ansi.StringWidth(lines[i].Text)))
		}
	}
	return lines
}

func topLine(m *model.Top) string {
	if m.Picture == nil {
		return "waiting for the first snapshot ..."
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

// footer returns the problems, at most a quarter of the screen, and a line of keys or
// input.
func footer(m *model.Top, height int) (lines []Line) {
	if m.Page != model.PageFindings {
		lines = problems(m)
		if most := max(1, height/4); len(lines) > most {
			lines = append(lines[:most-1:most-1], Line{fmt.Sprintf("%d more: press f", len(lines)-most+1), Alarm})
		}
	}
	switch {
	case m.Typing:
		return append(lines, Line{"/" + Clean(m.Filter) + "_", Selected})
	case m.Filter != "" && m.Page == model.PageList && m.Picture != nil:
		return append(lines, Line{fmt.Sprintf("%d of %d tasks match %q; esc shows all", len(m.Rows), len(m.Picture.Tasks), m.Filter), Dim})
	case m.Page == model.PageTask:
		return append(lines, Line{"up down scroll  w waits for  b awaited by  f findings  esc back  ? help  q quit", Dim})
	case m.Page == model.PageFindings:
		return append(lines, Line{"up down scroll  esc back  ? help  q quit", Dim})
	}
	return append(lines, Line{"up down  enter open  f findings  / filter  left right sort  ? help  q quit", Dim})
}

// problems returns a line for each finding that is not over, and for each cycle that is
// not a deadlock, because a timeout can end it.
func problems(m *model.Top) (lines []Line) {
	inDeadlock := map[uint64]bool{}
	for _, f := range m.Findings {
		if f.Over {
			continue
		}
		for _, id := range f.Cycle {
			inDeadlock[id] = true
		}
		style := Plain
		if f.Severe {
			style = Alarm
		}
		lines = append(lines, Line{sentence(f), style})
	}
	if m.Graph != nil {
		for _, c := range m.Graph.Cycles {
			if !inDeadlock[c[0]] {
				lines = append(lines, Line{"cycle: " + Cycle(m.Graph, c), Alarm})
			}
		}
	}
	return lines
}

// findingLines returns the page of findings.
func findingLines(m *model.Top, width int) (lines []Line) {
	add := func(style Style, s string) {
		for line := range strings.SplitSeq(ansi.Wordwrap(s, max(20, width), " "), "\n") {
			lines = append(lines, Line{line, style})
		}
	}
	if len(m.Findings) == 0 {
		add(Plain, "The rules found no problem.")
	}
	if m.Partial != "" {
		add(Dim, "Some rules were not checked: "+Clean(m.Partial))
	}
	for _, f := range m.Findings {
		lines = append(lines, Line{})
		switch {
		case f.Over:
			add(Title, f.Rule+", over")
		case f.Severe:
			add(Alarm, f.Rule)
		default:
			add(Title, f.Rule)
		}
		add(Plain, Clean(f.Text))
		add(Dim, Clean(f.Advice))
		for line := range strings.Lines(f.Stack) {
			lines = append(lines, Line{"  " + Clean(strings.ReplaceAll(strings.TrimRight(line, "\n"), "\t", "  ")), Plain})
		}
	}
	return lines
}

// list returns the part of the table of tasks around the selected one.
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
	lines := []Line{{tableLine(cells, widths), Title}}
	from := min(max(0, m.Index()-m.Height/2), max(0, len(m.Rows)-m.Height))
	for _, r := range m.Rows[from:min(from+m.Height, len(m.Rows))] {
		style := Plain
		switch {
		case r.ID == m.Selected:
			style = Selected
		case r.Cycle:
			style = Alarm
		}
		lines = append(lines, Line{tableLine(row(m, r), widths), style})
	}
	return lines
}

func row(m *model.Top, r model.Row) []string {
	steps, ran, busy := "-", "-", "-"
	if m.Picture.Loop.Steps {
		steps, ran = strconv.FormatUint(r.Steps, 10), round(r.Ran)
	}
	if r.Busy >= 0 {
		busy = fmt.Sprintf("%.1f%%", 100*r.Busy)
	}
	w := waitText(r.TaskInfo, m.Graph.Tasks, m.Picture.Loop.Time)
	if r.Cancel != nil {
		w = strings.TrimSpace("[cancelled] " + w)
	}
	return []string{strconv.FormatUint(r.ID, 10), Clean(r.Name), string(r.State), steps, ran, busy, w}
}

// tableLine pads and truncates cells to their widths; a width of 0 is unlimited.
func tableLine(cells []string, widths []int) string {
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

// scrolled returns lines from m.Scroll on, which it limits to the range of lines.
func scrolled(m *model.Top, lines []Line) []Line {
	m.Scroll = min(m.Scroll, max(0, len(lines)-m.Height))
	return lines[m.Scroll:]
}
