package model

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/asyncio/cmd/asyncio/internal/scene"
	"example.com/asyncio/inspect"
	"example.com/asyncio/introspect"
)

// press passes keys to m and returns the action of the last one.
func press(m *Top, keys string) (a Action) {
	for key := range strings.FieldsSeq(keys) {
		a = m.Key(key)
	}
	return a
}

// rows returns the names in the list, with the selected one in brackets.
func rows(m *Top) string {
	var names []string
	for _, r := range m.Rows {
		name := strings.ReplaceAll(r.Name, "od\x1bd\n名前", "odd")
		if r.ID == m.Selected {
			name = "[" + name + "]"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func newTop() *Top {
	m := &Top{Height: 2}
	m.SetPicture(scene.Calm())
	return m
}

// The list after each of its keys.
func TestListKeys(t *testing.T) {
	for _, c := range []struct{ keys, want string }{
		{"", "[main] fetch left right odd"},
		{"down", "main [fetch] left right odd"},
		{"j j k", "main [fetch] left right odd"},
		{"up", "[main] fetch left right odd"},
		{"pgdown", "main fetch [left] right odd"},
		{"end", "main fetch left right [odd]"},
		{"end down", "main fetch left right [odd]"},
		{"G pgup", "main fetch [left] right odd"},
		{"end home", "[main] fetch left right odd"},
		{"r", "odd right left fetch [main]"}, // the selection does not change
		{"right", "fetch left [main] odd right"},
		{"s s", "odd [main] fetch left right"}, // by state, then by ID
		{"> > >", "fetch right left [main] odd"},
		{"> > > >", "fetch left [main] right odd"},
		{"left", "odd [main] left right fetch"}, // by wait
		{"/ f e", "[fetch]"},
		{"/ H A N D", "[left] right"}, // by function, ignoring case
		{"/ h a n d backspace backspace backspace backspace", "main fetch [left] right odd"},
		{"/ f e enter esc", "main [fetch] left right odd"},
		{"/ f e esc", "main [fetch] left right odd"},
		{"/ x x x", ""},
		{"/ x x x enter down up enter end esc", "[main] fetch left right odd"},
		{"/ q", ""}, // typed, does not quit
		{"/ space", ""},
		{"/ left", "[main] fetch left right odd"}, // not a character
	} {
		m := newTop()
		if a := press(m, c.keys); a != None {
			t.Errorf("%s: got action %v, want none", c.keys, a)
		}
		if got := rows(m); got != c.want {
			t.Errorf("%s: got %s, want %s", c.keys, got, c.want)
		}
	}
}

// The page, selection and action after each key that changes the page.
func TestPages(t *testing.T) {
	for _, c := range []struct {
		keys     string
		page     Page
		selected uint64
		action   Action
	}{
		{"q", PageList, scene.Main, Quit},
		{"ctrl+c", PageList, scene.Main, Quit},
		{"/ ctrl+c", PageList, scene.Main, Quit},
		{"?", PageHelp, scene.Main, None},
		{"h h", PageList, scene.Main, None},
		{"? x", PageList, scene.Main, None},
		{"? q", PageHelp, scene.Main, Quit},
		{"enter", PageTask, scene.Main, LoadTask},
		{"enter esc", PageList, scene.Main, None},
		{"enter q", PageTask, scene.Main, Quit},
		{"enter w", PageTask, scene.Fetch, LoadTask},
		{"enter w w", PageTask, scene.Fetch, None}, // fetch waits for a timer
		{"enter w b", PageTask, scene.Main, LoadTask},
		{"enter b", PageTask, scene.Main, None},             // no task waits for main
		{"j j j enter w", PageTask, scene.Left, LoadTask},   // the holder of the lock
		{"j j j enter w b", PageTask, scene.Main, LoadTask}, // main awaits left
		{"[", PageList, scene.Main, Back},
		{"enter ]", PageTask, scene.Main, Forward},
		{"f", PageFindings, scene.Main, None},
		{"f f", PageList, scene.Main, None},
		{"enter f esc", PageList, scene.Main, None},
		{"/ f", PageList, scene.Fetch, None},   // typed
		{"/ x enter enter", PageList, 0, None}, // the list is empty
	} {
		m := newTop()
		if a := press(m, c.keys); m.Page != c.page || m.Selected != c.selected || a != c.action {
			t.Errorf("%s: got page %v, task %v, action %v, want %v, %v, %v", c.keys, m.Page, m.Selected, a, c.page, c.selected, c.action)
		}
	}
}

func TestPause(t *testing.T) {
	m := newTop()
	if press(m, "p"); !m.Paused {
		t.Error("p does not pause")
	}
	if press(m, "space"); m.Paused {
		t.Error("space does not resume")
	}
}

// A page scrolls, but not above its first line. The page of another task begins at the
// first line.
func TestScroll(t *testing.T) {
	m := newTop()
	for _, c := range []struct {
		keys string
		want int
	}{{"enter", 0}, {"up", 0}, {"down down down", 3}, {"k", 2}, {"pgdown", 4}, {"pgup pgup pgup", 0}, {"j w", 0}} {
		if press(m, c.keys); m.Scroll != c.want {
			t.Errorf("%s: scrolled to line %d, want %d", c.keys, m.Scroll, c.want)
		}
	}
}

// The second snapshot adds busy times, cycles and history.
func TestSecondSnapshot(t *testing.T) {
	m := newTop()
	for _, r := range m.Rows {
		if r.Busy != -1 || r.Cycle {
			t.Errorf("%s in the first snapshot: busy %v, cycle %v, want -1, false", r.Name, r.Busy, r.Cycle)
		}
	}
	press(m, "down")
	m.SetPicture(scene.Deadlock())
	var got strings.Builder
	for _, r := range m.Rows {
		fmt.Fprintf(&got, "%d %.2f %v\n", r.ID, r.Busy, r.Cycle)
	}
	if want := "1 0.00 false\n3 0.05 false\n4 0.00 true\n5 0.00 true\n7 0.00 false\n"; got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
	want := "[{12s waiting for timer} {13s ready; cancelled by timeout of 13s of task main}]"
	if got := fmt.Sprint(m.History()); got != want {
		t.Errorf("got history %s, want %s", got, want)
	}
	m.SetPicture(scene.Deadlock()) // no change, at the same time
	if got := fmt.Sprint(m.History()); got != want {
		t.Errorf("got history %s, want %s", got, want)
	}
}

// A history keeps its newest changes. The page of an ended task keeps its data until it
// is closed.
func TestHistoryLimit(t *testing.T) {
	m := newTop()
	press(m, "down enter")
	for i := range 3 * historyLimit {
		p := scene.Calm()
		p.Loop.Time += time.Duration(i+1) * time.Second
		p.Tasks[1].State = inspect.TaskState(fmt.Sprint(i))
		m.SetPicture(p)
	}
	h := m.History()
	if len(h) != historyLimit || h[len(h)-1].Text != fmt.Sprint(3*historyLimit-1, " for timer") {
		t.Errorf("got %d changes, the last is %v, want %d", len(h), h[len(h)-1], historyLimit)
	}
	p := scene.Calm()
	p.Tasks = p.Tasks[:1]
	m.SetPicture(p)
	if m.SelectedTask() != nil || len(m.History()) != historyLimit || m.Last.Name != "fetch" || m.Page != PageTask || m.Selected != scene.Fetch {
		t.Errorf("fetch has ended: got task %v, history %v, last %v, page %v, selected %v, want its page with its history", m.SelectedTask(), m.History(), m.Last, m.Page, m.Selected)
	}
	if press(m, "w"); m.Selected != scene.Fetch {
		t.Errorf("w on an ended task opens task %d", m.Selected)
	}
	press(m, "esc down")
	if got := rows(m); got != "[main]" {
		t.Errorf("got list %s, want [main]", got)
	}
	if m.SetPicture(p); len(m.kept) != 1 || m.Last != m.SelectedTask() {
		t.Errorf("%d tasks are kept, and %v, want only main", len(m.kept), m.Last)
	}
}

// The history of a task whose page is open has its events instead of the differences
// between snapshots.
func TestEvents(t *testing.T) {
	m := newTop()
	ms := func(n int) time.Duration { return 12*time.Second + time.Duration(n)*time.Millisecond }
	events := []inspect.EventInfo{
		{Kind: inspect.TaskResumed, Task: scene.Fetch, Time: ms(1)},
		{Kind: inspect.TaskSuspended, Task: scene.Fetch, Time: ms(2), Waits: &inspect.WaitInfo{Kind: inspect.ForTask, Tasks: []uint64{scene.Left, 99}}},
		{Kind: inspect.TaskResumed, Task: scene.Left, Time: ms(2)},
		{Kind: inspect.TaskCancelAsked, Task: scene.Main, Through: []uint64{scene.Fetch}, By: "task right", Message: "enough", Time: ms(3)},
		{Kind: inspect.TaskEnded, Task: scene.Fetch, Outcome: "cancelled", Error: "cancelled by right: enough", Time: ms(4)},
	}
	m.AddEvents(0, events) // no page is open
	press(m, "down enter")
	m.AddEvents(7, events[:1])
	m.AddEvents(7, events[1:])
	m.SetPicture(scene.Deadlock())
	want := `12s waiting for timer
12.001s running
12.001s ... 7 events of all tasks are missing here
12.002s waiting for task left #4 #99
12.003s cancel asked by task right: enough
12.004s ended: cancelled, cancelled by right: enough
`
	text := func() string {
		var s strings.Builder
		for _, c := range m.History() {
			fmt.Fprintln(&s, c.Time, c.Text)
		}
		return s.String()
	}
	if got := text(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	m.Where = "[snapshot 1 of 2]" // a recording has later events
	m.SetPicture(scene.Calm())
	if got := text(); got != "12s waiting for timer\n" {
		t.Errorf("in a recording: got\n%swant only the change at 12s", got)
	}
	for range historyLimit {
		m.AddEvents(0, events[:1])
	}
	m.Where = ""
	if n := len(m.History()); n > historyLimit+1 {
		t.Errorf("%d changes are kept, want at most %d", n, historyLimit+1)
	}
	if press(m, "esc enter"); len(m.events) > 0 {
		t.Error("the page still has old events after it was reopened")
	}
}

// The position of a waiter, and the waiters for a lock.
func TestWaiters(t *testing.T) {
	m := newTop()
	p := scene.Calm()
	for i, t := range []int{4, 0, 3} { // odd, main, right
		p.Tasks[t].Waits = &inspect.WaitInfo{Kind: inspect.ForLock, Object: 1, Future: uint64(10 - i), Holder: scene.Left}
	}
	p.Tasks[1].Waits.Object = 1 // a timer
	m.SetPicture(p)
	for id, want := range map[uint64]string{scene.Odd: "3 3", scene.Main: "2 3", scene.Right: "1 3", scene.Fetch: "1 1", scene.Left: "0 0"} {
		m.Selected = id
		if got := fmt.Sprint(m.QueuePosition()); got != want {
			t.Errorf("task %d: got position and waiters %s, want %s", id, got, want)
		}
	}
	m.Selected = scene.Left
	if got := fmt.Sprint(m.LockWaiters()); got != "[1 5 7]" {
		t.Errorf("the waiters for the lock are %s, want [1 5 7]", got)
	}
}

// When the selected task ends, the task in its place is selected.
func TestSelectedTaskEnds(t *testing.T) {
	m := newTop()
	press(m, "down")
	p := scene.Calm()
	p.Tasks = append(p.Tasks[:1:1], p.Tasks[2:]...)
	m.SetPicture(p)
	if got := rows(m); got != "main [left] right odd" {
		t.Errorf("got list %s, want main [left] right odd", got)
	}
}

func TestTaskPageOrError(t *testing.T) {
	m := newTop()
	m.SetTask(nil, errors.New("gone"))
	if m.Task != nil || m.TaskErr != "gone" {
		t.Errorf("got page %v, error %q", m.Task, m.TaskErr)
	}
	m.SetTask(&introspect.TaskPage{}, nil)
	if m.Task == nil || m.TaskErr != "" {
		t.Errorf("got page %v, error %q", m.Task, m.TaskErr)
	}
}

// If a recording goes back, later changes are removed.
func TestSnapshotBack(t *testing.T) {
	m := newTop()
	m.SetPicture(scene.Deadlock())
	press(m, "down")
	m.SetPicture(scene.Calm())
	if got := fmt.Sprint(m.History(), m.Rows[1].Busy); got != "[{12s waiting for timer}] -1" {
		t.Errorf("got history and busy %s, want [{12s waiting for timer}] -1", got)
	}
}
