package view

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"example.com/asyncio/cmd/asyncio/internal/scene"
	"example.com/asyncio/cmd/asyncio/model"
	"example.com/asyncio/inspect"
	"example.com/asyncio/introspect"
)

// screen returns the screen of m, with a letter for its style before each line.
func screen(m *model.Top, width, height int) string {
	var s strings.Builder
	for _, line := range Top(m, width, height) {
		fmt.Fprintf(&s, "%c|%s\n", " TSAd"[line.Style], line.Text)
	}
	return s.String()
}

// A336, A337: the pages of top for constant snapshots.
func TestTop(t *testing.T) {
	for _, c := range []struct {
		name          string
		keys          string
		width, height int
	}{
		{"list", "", 110, 12},
		{"list-small", "down", 40, 5},
		{"list-sorted", "> > > >", 110, 12},
		{"list-filter", "/ h a n", 110, 12},
		{"list-filtered", "/ h a n enter", 110, 12},
		{"task", "down enter", 110, 30},
		{"task-filtered", "/ h a n enter enter", 80, 8},
		{"task-scrolled", "down enter down down down", 110, 10},
		{"task-locked", "down down enter", 110, 24},
		{"help", "?", 132, 30},
		{"list-findings", "", 110, 24},
		{"list-many-findings", "", 110, 8},
		{"task-findings", "down down enter", 60, 12},
		{"task-ended", "end enter", 110, 16},
		{"findings", "f", 60, 30},
		{"findings-scrolled", "f down down down", 60, 8},
	} {
		m := &model.Top{}
		m.SetPicture(scene.Calm())
		m.SetPicture(scene.Deadlock())
		if strings.Contains(c.name, "findings") {
			m.SetFindings(scene.Findings())
		}
		for key := range strings.FieldsSeq(c.keys) {
			if m.Key(key) == model.LoadTask {
				m.SetTask(page(m.Selected), nil)
			}
		}
		if c.name == "task-ended" {
			p := scene.Deadlock()
			p.Tasks = p.Tasks[:4]
			m.SetPicture(p)
			m.AddEvents(0, []inspect.EventInfo{{Kind: inspect.TaskEnded, Task: scene.Odd, Time: 14 * time.Second, Outcome: "error", Error: "odd\n"}})
		}
		got := screen(m, c.width, c.height)
		scene.Golden(t, c.name, got)
		lines := strings.SplitAfter(got, "\n")
		if len(lines) != c.height+1 {
			t.Errorf("%s: got %d lines, want %d", c.name, len(lines)-1, c.height)
		}
		for _, line := range lines {
			if w := ansi.StringWidth(strings.TrimSuffix(line, "\n")) - len("T|"); w > c.width {
				t.Errorf("%s: a line has %d columns, want at most %d: %s", c.name, w, c.width, line)
			}
		}
	}
}

func page(id uint64) *introspect.TaskPage {
	p := &introspect.TaskPage{Task: inspect.TaskInfo{ID: id}}
	p.Stack.Frames = []inspect.Frame{{Func: "asyncio.Sleep", File: "/src/asyncio/sleep.go", Line: 40}, {Func: "main.fetch", File: "/src/fetch.go", Line: 9}}
	return p
}

// A screen of any height has that many lines.
func TestTopOfAnySize(t *testing.T) {
	for height := range 8 {
		for _, keys := range []string{"", "enter", "?", "/"} {
			m := &model.Top{}
			m.SetPicture(scene.Deadlock())
			for key := range strings.FieldsSeq(keys) {
				m.Key(key)
			}
			if got := len(Top(m, 10, height)); got > max(height, 2) {
				t.Errorf("%q: got %d lines, want %d", keys, got, height)
			}
		}
	}
}

// The stack on a task page: while it is loaded, after an error, and if it is empty.
func TestStack(t *testing.T) {
	m := &model.Top{}
	m.SetPicture(scene.Calm())
	m.Key("enter")
	want := func(text string) {
		t.Helper()
		if got := screen(m, 80, 24); !strings.Contains(got, "T|Stack\n |  "+text+"\n") {
			t.Errorf("want %q in\n%s", text, got)
		}
	}
	want("...")
	m.SetTask(nil, fmt.Errorf("a recording has no stacks"))
	want("a recording has no stacks")
	p := page(scene.Main)
	m.SetTask(p, nil)
	want("asyncio.Sleep /src/asyncio/sleep.go:40")
	p.Stack.Frames = nil
	want("none")
}

// Before the first snapshot top handles keys too.
func TestTopWithoutSnapshot(t *testing.T) {
	for _, keys := range []string{"", "enter", "/ x", "/ x enter", "? x", "f", "s r"} {
		m := &model.Top{}
		for key := range strings.FieldsSeq(keys) {
			m.Key(key)
		}
		if got := screen(m, 80, 5); !strings.HasPrefix(got, " |waiting for the first snapshot ...\n") {
			t.Errorf("%q: got\n%s", keys, got)
		}
	}
}

func TestProcesses(t *testing.T) {
	p := scene.Calm().Process
	p.Started = time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	second := p
	second.Name, second.Command, second.Blocked = "4711.2", []string{"x\x1b[2J"}, "task fetch"
	var s strings.Builder
	if err := Processes(&s, []introspect.ProcessInfo{p, second}); err != nil {
		t.Fatal(err)
	}
	scene.Golden(t, "processes", s.String())
}

func TestRound(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 30: "30ns", 1234: "1.23µs", 123456: "123.46µs", 1234567: "1.23ms", 1234567890: "1.23s", 12345678901: "12s", 4000 * time.Second: "1h6m40s",
		-1234567890: "-1.23s",
	} {
		if got := round(d); got != want {
			t.Errorf("%d: got %s, want %s", d, got, want)
		}
	}
}
