package model

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/cmd/asyncio/internal/scene"
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

// A history keeps its newest changes; one of a task that has ended is forgotten, and its page stays.
func TestHistoryHasAnEnd(t *testing.T) {
	m := newTop()
	press(m, "down enter")
	for i := range 3 * historyLimit {
		p := scene.Calm()
		p.Loop.Time += time.Duration(i+1) * time.Second
		p.Tasks[1].State = asyncio.TaskState(fmt.Sprint(i))
		m.See(p)
	}
	h := m.History()
	if len(h) != historyLimit || h[len(h)-1].Text != fmt.Sprint(3*historyLimit-1, " for timer") {
		t.Errorf("%d changes, the last is %v", len(h), h[len(h)-1])
	}
	p := scene.Calm()
	p.Tasks = p.Tasks[:1]
	m.See(p)
	if m.SelectedTask() != nil || m.History() != nil || m.Page != PageTask || m.Selected != scene.Fetch {
		t.Error(m.SelectedTask(), m.History(), m.Page, m.Selected)
	}
	if press(m, "w"); m.Selected != scene.Fetch {
		t.Error("it leads on")
	}
	press(m, "esc down")
	if got := rows(m); got != "[main]" {
		t.Errorf("the list is %s", got)
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
