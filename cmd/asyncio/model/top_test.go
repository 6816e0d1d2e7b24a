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

// press gives keys to m, and returns what the last one asks for.
func press(m *Top, keys string) (a Action) {
	for key := range strings.FieldsSeq(keys) {
		a = m.Key(key)
	}
	return a
}

// rows returns the names in the list, the selected one in brackets.
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
	m.See(scene.Calm())
	return m
}

// Each key of the list, by what the list is after it.
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
		{"r", "odd right left fetch [main]"}, // what is selected stays it
		{"right", "fetch left [main] odd right"},
		{"s s", "odd [main] fetch left right"}, // by state, and then by id
		{"> > >", "fetch right left [main] odd"},
		{"> > > >", "fetch left [main] right odd"},
		{"left", "odd [main] left right fetch"}, // by what they wait for
		{"/ f e", "[fetch]"},
		{"/ H A N D", "[left] right"}, // by their function, in any case
		{"/ h a n d backspace backspace backspace backspace", "main fetch [left] right odd"},
		{"/ f e enter esc", "main [fetch] left right odd"},
		{"/ f e esc", "main [fetch] left right odd"},
		{"/ x x x", ""},
		{"/ x x x enter down up enter end esc", "[main] fetch left right odd"},
		{"/ q", ""}, // a letter, and no order to quit
		{"/ space", ""},
		{"/ left", "[main] fetch left right odd"}, // a key that is no letter
	} {
		m := newTop()
		if a := press(m, c.keys); a != None {
			t.Errorf("%s: action %v", c.keys, a)
		}
		if got := rows(m); got != c.want {
			t.Errorf("%s: got %s, wanted %s", c.keys, got, c.want)
		}
	}
}

// What leads from page to page, and what the program has to do then.
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
		{"enter w w", PageTask, scene.Fetch, None}, // it waits for a timer
		{"enter w b", PageTask, scene.Main, LoadTask},
		{"enter b", PageTask, scene.Main, None},             // nobody waits for it
		{"j j j enter w", PageTask, scene.Left, LoadTask},   // which has the lock
		{"j j j enter w b", PageTask, scene.Main, LoadTask}, // and is awaited
		{"[", PageList, scene.Main, Back},
		{"enter ]", PageTask, scene.Main, Forward},
		{"f", PageFindings, scene.Main, None},
		{"f f", PageList, scene.Main, None},
		{"enter f esc", PageList, scene.Main, None},
		{"/ f", PageList, scene.Fetch, None},   // a letter
		{"/ x enter enter", PageList, 0, None}, // there is nothing to open
	} {
		m := newTop()
		if a := press(m, c.keys); m.Page != c.page || m.Selected != c.selected || a != c.action {
			t.Errorf("%s: page %v, selected %v, action %v", c.keys, m.Page, m.Selected, a)
		}
	}
}

func TestPause(t *testing.T) {
	m := newTop()
	if press(m, "p"); !m.Paused {
		t.Error("p does not pause")
	}
	if press(m, "space"); m.Paused {
		t.Error("space does not go on")
	}
}

// A page is scrolled down, and not above its beginning. A page of another task begins at its top.
func TestScroll(t *testing.T) {
	m := newTop()
	for _, c := range []struct {
		keys string
		want int
	}{{"enter", 0}, {"up", 0}, {"down down down", 3}, {"k", 2}, {"pgdown", 4}, {"pgup pgup pgup", 0}, {"j w", 0}} {
		if press(m, c.keys); m.Scroll != c.want {
			t.Errorf("%s: scrolled to %d, wanted %d", c.keys, m.Scroll, c.want)
		}
	}
}

// From one picture to the next: the share of the time, the cycle, and what has changed.
func TestSecondPicture(t *testing.T) {
	m := newTop()
	for _, r := range m.Rows {
		if r.CPU != -1 || r.Cycle {
			t.Errorf("%s of the first picture: busy %v, in a cycle: %v", r.Name, r.CPU, r.Cycle)
		}
	}
	press(m, "down")
	m.See(scene.Deadlock())
	var got strings.Builder
	for _, r := range m.Rows {
		fmt.Fprintf(&got, "%d %.2f %v\n", r.ID, r.CPU, r.Cycle)
	}
	if want := "1 0.00 false\n3 0.05 false\n4 0.00 true\n5 0.00 true\n7 0.00 false\n"; got.String() != want {
		t.Errorf("got\n%swanted\n%s", got.String(), want)
	}
	want := "[{12s waiting for timer} {13s ready; cancel: cancelled by timeout of 13s of task main}]"
	if got := fmt.Sprint(m.History()); got != want {
		t.Errorf("the history is %s", got)
	}
	m.See(scene.Deadlock()) // nothing has changed, and no time has passed
	if got := fmt.Sprint(m.History()); got != want {
		t.Errorf("the history is %s", got)
	}
}

// A history keeps its newest changes; of a task that has ended its page stays, with all that is known, until it is left.
func TestHistoryHasAnEnd(t *testing.T) {
	m := newTop()
	press(m, "down enter")
	for i := range 3 * historyLimit {
		p := scene.Calm()
		p.Loop.Time += time.Duration(i+1) * time.Second
		p.Tasks[1].State = inspect.TaskState(fmt.Sprint(i))
		m.See(p)
	}
	h := m.History()
	if len(h) != historyLimit || h[len(h)-1].Text != fmt.Sprint(3*historyLimit-1, " for timer") {
		t.Errorf("%d changes, the last is %v", len(h), h[len(h)-1])
	}
	p := scene.Calm()
	p.Tasks = p.Tasks[:1]
	m.See(p)
	if m.SelectedTask() != nil || len(m.History()) != historyLimit || m.Last.Name != "fetch" || m.Page != PageTask || m.Selected != scene.Fetch {
		t.Error(m.SelectedTask(), m.History(), m.Last, m.Page, m.Selected)
	}
	if press(m, "w"); m.Selected != scene.Fetch {
		t.Error("it leads on")
	}
	press(m, "esc down")
	if got := rows(m); got != "[main]" {
		t.Errorf("the list is %s", got)
	}
	if m.See(p); len(m.seen) != 1 || m.Last != m.SelectedTask() {
		t.Errorf("it remembers %d tasks, and %v", len(m.seen), m.Last)
	}
}

// The history of a task whose page is open has what happened to it, in full and in the place of what pictures would tell.
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
	m.SeeEvents(0, events) // of no page
	press(m, "down enter")
	m.SeeEvents(7, events[:1])
	m.SeeEvents(7, events[1:])
	m.See(scene.Deadlock())
	want := `12s waiting for timer
12.001s running
12.001s ... 7 events of all tasks were lost here
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
		t.Errorf("got\n%swanted\n%s", got, want)
	}
	m.Where = "[picture 1 of 2]" // a recording knows what came later
	m.See(scene.Calm())
	if got := text(); got != "12s waiting for timer\n" {
		t.Errorf("got\n%s", got)
	}
	for range historyLimit {
		m.SeeEvents(0, events[:1])
	}
	m.Where = ""
	if n := len(m.History()); n > historyLimit+1 {
		t.Errorf("%d changes are kept", n)
	}
	if press(m, "esc enter"); len(m.events) > 0 {
		t.Error("a page that is opened again has the events of before")
	}
}

// Who waits for the same thing stands in a row; and who has a lock is told who wants it.
func TestQueueAndWants(t *testing.T) {
	m := newTop()
	p := scene.Calm()
	for i, t := range []int{4, 0, 3} { // odd, main, right
		p.Tasks[t].Waits = &inspect.WaitInfo{Kind: inspect.ForLock, Object: 1, Future: uint64(10 - i), Holder: scene.Left}
	}
	p.Tasks[1].Waits.Object = 1 // a timer
	m.See(p)
	for id, want := range map[uint64]string{scene.Odd: "3 3", scene.Main: "2 3", scene.Right: "1 3", scene.Fetch: "1 1", scene.Left: "0 0"} {
		m.Selected = id
		if got := fmt.Sprint(m.Queue()); got != want {
			t.Errorf("task %d is %s, wanted %s", id, got, want)
		}
	}
	m.Selected = scene.Left
	if got := fmt.Sprint(m.Wants()); got != "[1 5 7]" {
		t.Errorf("its lock is wanted by %s", got)
	}
}

// Where the selected task has ended, the one that takes its place is selected.
func TestSelectedTaskEnds(t *testing.T) {
	m := newTop()
	press(m, "down")
	p := scene.Calm()
	p.Tasks = append(p.Tasks[:1:1], p.Tasks[2:]...)
	m.See(p)
	if got := rows(m); got != "main [left] right odd" {
		t.Errorf("the list is %s", got)
	}
}

func TestTaskPageOrError(t *testing.T) {
	m := newTop()
	m.SeeTask(nil, errors.New("gone"))
	if m.Task != nil || m.TaskErr != "gone" {
		t.Error(m.Task, m.TaskErr)
	}
	m.SeeTask(&introspect.TaskPage{}, nil)
	if m.Task == nil || m.TaskErr != "" {
		t.Error(m.Task, m.TaskErr)
	}
}

// Where a recording goes a picture back, what came later is not known yet.
func TestPictureBack(t *testing.T) {
	m := newTop()
	m.See(scene.Deadlock())
	press(m, "down")
	m.See(scene.Calm())
	if got := fmt.Sprint(m.History(), m.Rows[1].CPU); got != "[{12s waiting for timer}] -1" {
		t.Error(got)
	}
}
