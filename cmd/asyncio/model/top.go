package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"example.com/asyncio/inspect"
	"example.com/asyncio/introspect"
)

// A Page is what top has on its screen.
type Page int

// The pages.
const (
	PageList     Page = iota // the tasks
	PageTask                 // one of them
	PageFindings             // what is wrong
	PageHelp                 // the keys
)

// A Column is what the list is sorted by.
type Column int

// The columns, in their order on the screen.
const (
	ByID Column = iota
	ByName
	ByState
	BySteps
	ByRan
	ByCPU
	ByWaits
	columns
)

// An Action is what the program has to do after a key.
type Action int

// The actions.
const (
	None     Action = iota
	Quit            // end
	LoadTask        // fetch the page of the task Selected, and give it to SeeTask
	Back            // of a recording: the picture before
	Forward         // of a recording: the next picture
)

// Top is what top knows and shows: the pictures that it was given, and where the user is. Nothing of it
// touches a terminal or a clock.
type Top struct {
	Picture  *introspect.Picture
	Graph    *Graph
	Rows     []Row // what the list shows, sorted and filtered
	Page     Page
	Sort     Column
	Reverse  bool
	Filter   string
	Typing   bool // the filter
	Paused   bool
	Selected uint64            // a task; 0: none
	Last     *inspect.TaskInfo // of the task Selected: as it was when it was seen last
	Scroll   int               // of a page that is not the list
	Height   int               // of a page of the list, for the keys that turn it
	Task     *introspect.TaskPage
	TaskErr  string // why there is no Task
	Err      string // why there is no newer Picture
	Where    string // of a recording: which picture it is
	Findings []introspect.Finding
	Partial  string // why there may be more Findings

	seen   map[uint64]*seen
	events []Change // of the task Selected, since its page was opened
}

// A Row is a task in the list.
type Row struct {
	*inspect.TaskInfo
	CPU   float64 // the share of the time between two pictures for which it ran; -1 where that is not known
	Cycle bool    // it is part of one
}

// A Change is what has changed of a task between two pictures.
type Change struct {
	Time time.Duration // of the later one, as the loop counts
	Text string
}

// seen is what is kept of a task from one picture to the next.
type seen struct {
	ran     time.Duration
	cpu     float64
	history []Change
}

// historyLimit is how many changes of a task are kept. The oldest go first.
const historyLimit = 100

// See takes a new picture. It belongs to the Top from then on.
func (m *Top) See(p *introspect.Picture) {
	m.Err = ""
	was := m.seen
	m.seen = make(map[uint64]*seen, len(p.Tasks)) // so that those that have ended are forgotten
	passed := time.Duration(0)
	if m.Picture != nil {
		passed = p.Loop.Time - m.Picture.Loop.Time
	}
	for i := range p.Tasks {
		t := &p.Tasks[i]
		s := was[t.ID]
		if s == nil {
			s = &seen{cpu: -1}
		} else if p.Loop.Steps && passed > 0 {
			s.cpu = float64(t.Ran-s.ran) / float64(passed)
		} else if passed < 0 { // a picture back
			s.cpu = -1
		}
		s.ran = t.Ran
		s.note(p.Loop.Time, t)
		m.seen[t.ID] = s
	}
	if s := was[m.Selected]; s != nil && m.Page == PageTask { // its page stays
		m.seen[m.Selected] = s
	}
	m.Picture, m.Graph = p, NewGraph(&p.Snapshot)
	m.arrange()
	m.remember()
}

// remember keeps of the selected task what is to be shown when it has ended.
func (m *Top) remember() {
	if t := m.SelectedTask(); t != nil {
		m.Last = t
	} else if m.Last != nil && m.Last.ID != m.Selected {
		m.Last = nil
	}
}

// SeeFindings takes what is wrong.
func (m *Top) SeeFindings(f *introspect.Findings) { m.Findings, m.Partial = f.Findings, f.Partial }

// SeeEvents takes events, of which it keeps those of the task whose page is open. If some were lost before them, all may be missing.
func (m *Top) SeeEvents(lost uint64, events []inspect.EventInfo) {
	if m.Page != PageTask {
		return
	}
	if n := len(m.events); lost > 0 && n > 0 {
		m.events = append(m.events, Change{m.events[n-1].Time, fmt.Sprintf("... %d events of all tasks were lost here", lost)})
	}
	for i := range events {
		if e := &events[i]; e.Task == m.Selected || slices.Contains(e.Through, m.Selected) {
			m.events = append(m.events, Change{e.Time, m.tell(e)})
		}
	}
	m.events = m.events[max(0, len(m.events)-historyLimit):]
}

// tell says what happened to a task.
func (m *Top) tell(e *inspect.EventInfo) string {
	s := e.Kind.String()
	switch e.Kind {
	case inspect.TaskSuspended:
		s = "ready again" // it let others run
		if e.Waits != nil {
			s = "waiting for " + Waits(e.Waits) + m.names(e.Waits.Tasks)
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

// names names tasks, as far as they are in the picture.
func (m *Top) names(ids []uint64) (s string) {
	for _, id := range ids {
		if m.Graph != nil && m.Graph.Tasks[id] != nil {
			s += " " + m.Graph.Tasks[id].Name
		}
		s += fmt.Sprintf(" #%d", id)
	}
	return s
}

// note adds to the history what t does, if that is something else than before. What came later, where a recording goes back, is not known yet.
func (s *seen) note(now time.Duration, t *inspect.TaskInfo) {
	text := string(t.State)
	if t.Waits != nil {
		text += " for " + Waits(t.Waits)
	}
	if t.Cancel != nil {
		text += "; cancel: " + t.Cancel.Reason
	}
	s.history = slices.DeleteFunc(s.history, func(c Change) bool { return c.Time > now })
	if n := len(s.history); n == 0 || s.history[n-1].Text != text {
		s.history = append(s.history, Change{now, text})
		s.history = s.history[max(0, len(s.history)-historyLimit):]
	}
}

// Waits says in a few words what a task waits for: what stays the same while it waits.
func Waits(w *inspect.WaitInfo) string {
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

// SeeTask takes the page of a task, or why there is none.
func (m *Top) SeeTask(p *introspect.TaskPage, err error) {
	m.Task, m.TaskErr = p, ""
	if err != nil {
		m.Task, m.TaskErr = nil, err.Error()
	}
}

// History returns what is known of how the task Selected came to where it is, the oldest first: each event since its page was
// opened, and before what has changed from picture to picture. Of a recording it ends with the picture.
func (m *Top) History() (all []Change) {
	if s := m.seen[m.Selected]; s != nil {
		all = s.history
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

// Wants returns the tasks that wait for a lock that the selected one has.
func (m *Top) Wants() (ids []uint64) {
	for i := range m.Picture.Tasks {
		if t := &m.Picture.Tasks[i]; t.Waits != nil && t.Waits.Holder == m.Selected {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

// Queue returns how many tasks wait for the same thing as the selected one, and which of them it is; its first is 1.
// All wait in the order in which they came.
func (m *Top) Queue() (place, all int) {
	t := m.SelectedTask()
	if t == nil || t.Waits == nil || t.Waits.Object == 0 {
		return 0, 0
	}
	for i := range m.Picture.Tasks {
		w := m.Picture.Tasks[i].Waits
		if w != nil && w.Object == t.Waits.Object && w.Kind == t.Waits.Kind {
			if all++; w.Future <= t.Waits.Future {
				place++
			}
		}
	}
	return place, all
}

// Concerns returns the findings that name a task.
func (m *Top) Concerns(id uint64) (all []introspect.Finding) {
	for _, f := range m.Findings {
		if slices.Contains(f.Tasks, id) {
			all = append(all, f)
		}
	}
	return all
}

// SelectedTask returns the task, or nil if it has ended.
func (m *Top) SelectedTask() *inspect.TaskInfo {
	if m.Graph == nil {
		return nil
	}
	return m.Graph.Tasks[m.Selected]
}

// Index returns which of Rows is selected; -1: none.
func (m *Top) Index() int {
	return slices.IndexFunc(m.Rows, func(r Row) bool { return r.ID == m.Selected })
}

// Key does what a key is for. Its names are those of bubbletea: "q", "up", "enter", "ctrl+c".
func (m *Top) Key(key string) Action {
	switch {
	case key == "ctrl+c":
		return Quit
	case m.Typing:
		m.typeFilter(key)
		return None
	}
	switch key {
	case "q":
		return Quit
	case "?", "h":
		m.toggle(PageHelp)
		return None
	case "f":
		m.toggle(PageFindings)
		return None
	case "p", "space":
		m.Paused = !m.Paused
		return None
	case "[":
		return Back
	case "]":
		return Forward
	}
	switch m.Page {
	case PageHelp:
		m.Page = PageList
		return None
	case PageTask:
		return m.taskKey(key)
	case PageFindings:
		m.scrollKey(key)
		return None
	}
	return m.listKey(key)
}

func (m *Top) toggle(p Page) {
	if m.Page == p {
		m.Page = PageList
	} else {
		m.Page, m.Scroll = p, 0
	}
}

func (m *Top) typeFilter(key string) {
	switch {
	case key == "enter":
		m.Typing = false
	case key == "esc":
		m.Typing, m.Filter = false, ""
	case key == "backspace":
		_, n := utf8.DecodeLastRuneInString(m.Filter)
		m.Filter = m.Filter[:len(m.Filter)-n]
	case key == "space":
		m.Filter += " "
	case utf8.RuneCountInString(key) == 1:
		m.Filter += key
	}
	m.arrange()
}

func (m *Top) listKey(key string) Action {
	switch key {
	case "up", "k":
		m.move(-1)
	case "down", "j":
		m.move(1)
	case "pgup":
		m.move(-m.Height)
	case "pgdown":
		m.move(m.Height)
	case "home", "g":
		m.move(-len(m.Rows))
	case "end", "G":
		m.move(len(m.Rows))
	case "left", "<":
		m.sortBy((m.Sort + columns - 1) % columns)
	case "right", ">", "s":
		m.sortBy((m.Sort + 1) % columns)
	case "r":
		m.Reverse = !m.Reverse
		m.arrange()
	case "/":
		m.Typing = true
	case "esc":
		m.Filter = ""
		m.arrange()
	case "enter":
		if m.SelectedTask() != nil {
			return m.open(m.Selected)
		}
	}
	return None
}

func (m *Top) open(id uint64) Action {
	m.Page, m.Selected, m.Scroll, m.Task, m.TaskErr, m.events = PageTask, id, 0, nil, "", nil
	m.remember()
	return LoadTask
}

func (m *Top) taskKey(key string) Action {
	switch key {
	case "w", "right": // to what it waits for
		if next := m.waitsFor(); next != 0 {
			return m.open(next)
		}
	case "b": // to who waits for it
		if t := m.SelectedTask(); t != nil && len(t.AwaitedBy) > 0 {
			return m.open(t.AwaitedBy[0].Task)
		} else if wants := m.Wants(); len(wants) > 0 {
			return m.open(wants[0])
		}
	default:
		m.scrollKey(key)
	}
	return None
}

func (m *Top) scrollKey(key string) {
	switch key {
	case "esc", "left", "backspace":
		m.Page = PageList
	case "up", "k":
		m.Scroll = max(0, m.Scroll-1)
	case "down", "j":
		m.Scroll++
	case "pgup":
		m.Scroll = max(0, m.Scroll-m.Height)
	case "pgdown":
		m.Scroll += m.Height
	}
}

// waitsFor returns a task that the selected one waits for, or who has its lock; 0: none.
func (m *Top) waitsFor() uint64 {
	if m.SelectedTask() != nil {
		if needs := m.Graph.Needs(m.Selected); len(needs) > 0 {
			return needs[0]
		}
	}
	return 0
}

func (m *Top) move(by int) {
	if len(m.Rows) > 0 {
		i := min(max(m.Index()+by, 0), len(m.Rows)-1)
		m.Selected = m.Rows[i].ID
	}
}

// sortBy sorts by a column, where it is one of numbers the largest first.
func (m *Top) sortBy(c Column) {
	m.Sort, m.Reverse = c, c == BySteps || c == ByRan || c == ByCPU
	m.arrange()
}

// arrange makes the rows anew. The task that is selected stays it, unless it is not there any more.
func (m *Top) arrange() {
	if m.Picture == nil {
		return
	}
	cyclic := map[uint64]bool{}
	for _, id := range slices.Concat(m.Graph.Cycles...) {
		cyclic[id] = true
	}
	at := max(0, m.Index())
	m.Rows = m.Rows[:0]
	for i := range m.Picture.Tasks {
		if t := &m.Picture.Tasks[i]; m.matches(t) {
			m.Rows = append(m.Rows, Row{t, m.seen[t.ID].cpu, cyclic[t.ID]})
		}
	}
	slices.SortStableFunc(m.Rows, func(a, b Row) int {
		if m.Reverse {
			a, b = b, a
		}
		return m.compare(a, b)
	})
	if m.Index() < 0 && m.Page == PageList {
		m.Selected = 0
		if len(m.Rows) > 0 {
			m.Selected = m.Rows[min(at, len(m.Rows)-1)].ID
		}
	}
}

// matches tells whether the filter lets t through: it is part of its name or function, in any case of letters.
func (m *Top) matches(t *inspect.TaskInfo) bool {
	f := strings.ToLower(m.Filter)
	return strings.Contains(strings.ToLower(t.Name), f) || strings.Contains(strings.ToLower(t.Func), f)
}

func (m *Top) compare(a, b Row) int {
	c := 0
	switch m.Sort {
	case ByName:
		c = strings.Compare(a.Name, b.Name)
	case ByState:
		c = strings.Compare(string(a.State), string(b.State))
	case BySteps:
		c = cmp.Compare(a.Steps, b.Steps)
	case ByRan:
		c = cmp.Compare(a.Ran, b.Ran)
	case ByCPU:
		c = cmp.Compare(a.CPU, b.CPU)
	case ByWaits:
		c = strings.Compare(waitsOf(a), waitsOf(b))
	}
	return cmp.Or(c, cmp.Compare(a.ID, b.ID))
}

func waitsOf(r Row) string {
	if r.Waits == nil {
		return ""
	}
	return Waits(r.Waits)
}

// String returns the column's name.
func (c Column) String() string {
	names := [...]string{"ID", "NAME", "STATE", "STEPS", "RAN", "BUSY", "WAITS FOR"}
	if c < 0 || int(c) >= len(names) {
		return fmt.Sprint(int(c))
	}
	return names[c]
}
