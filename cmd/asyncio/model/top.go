package model

import (
	"slices"
	"time"

	"example.com/asyncio/inspect"
	"example.com/asyncio/introspect"
)

// A Page is one of the pages of top.
type Page int

// The pages.
const (
	PageList     Page = iota // the tasks
	PageTask                 // the task Selected
	PageFindings             // the findings
	PageHelp                 // the keys
)

// Top is the state of top: the data that it was given, and the position of the user. It
// uses neither a terminal nor a clock.
type Top struct {
	// The program.
	Picture  *introspect.Picture // nil: none yet
	Graph    *Graph              // of Picture
	Where    string              // which snapshot of a recording Picture is; "": not a recording
	Err      string              // why Picture is not newer; "": it is the latest
	Paused   bool                // the user does not want newer snapshots
	Findings []introspect.Finding
	Partial  string // why Findings may be incomplete; "": it is complete

	Page   Page
	Scroll int // the first line shown of a page other than the list
	Height int // the number of lines of a page; set by the view

	// The list.
	Rows     []Row  // the tasks that match Filter, sorted
	Selected uint64 // a task; 0: none
	Sort     Column
	Reverse  bool
	Filter   string
	Typing   bool // keys go to Filter

	// The page of the task Selected.
	Last    *inspect.TaskInfo    // Selected in the last snapshot that had it
	Task    *introspect.TaskPage // nil: none yet, or TaskErr
	TaskErr string               // why Task is missing; "": it is not
	events  []Change             // since the page was opened

	kept map[uint64]*kept
}

// kept is what Top keeps of a task from one snapshot to the next.
type kept struct {
	ran     time.Duration
	busy    float64
	history []Change
}

// SetPicture sets the snapshot. It then belongs to m.
func (m *Top) SetPicture(p *introspect.Picture) {
	m.Err = ""
	before := m.kept
	m.kept = make(map[uint64]*kept, len(p.Tasks)) // without the tasks that have ended
	passed := time.Duration(0)
	if m.Picture != nil {
		passed = p.Loop.Time - m.Picture.Loop.Time
	}
	for i := range p.Tasks {
		t := &p.Tasks[i]
		k := before[t.ID]
		if k == nil {
			k = &kept{busy: -1}
		} else if p.Loop.Steps && passed > 0 {
			k.busy = float64(t.Ran-k.ran) / float64(passed)
		} else if passed < 0 { // the recording went back
			k.busy = -1
		}
		k.ran = t.Ran
		k.addState(p.Loop.Time, t)
		m.kept[t.ID] = k
	}
	if k := before[m.Selected]; k != nil && m.Page == PageTask { // its page remains open
		m.kept[m.Selected] = k
	}
	m.Picture, m.Graph = p, NewGraph(&p.Snapshot)
	m.updateRows()
	m.updateLast()
}

func (m *Top) updateLast() {
	if t := m.SelectedTask(); t != nil {
		m.Last = t
	} else if m.Last != nil && m.Last.ID != m.Selected {
		m.Last = nil
	}
}

// SetFindings sets the findings.
func (m *Top) SetFindings(f *introspect.Findings) { m.Findings, m.Partial = f.Findings, f.Partial }

// SetTask sets the page of the task Selected, or the reason why it is missing.
func (m *Top) SetTask(p *introspect.TaskPage, err error) {
	m.Task, m.TaskErr = p, ""
	if err != nil {
		m.Task, m.TaskErr = nil, err.Error()
	}
}

// SelectedTask returns the task Selected, or nil if it has ended.
func (m *Top) SelectedTask() *inspect.TaskInfo {
	if m.Graph == nil {
		return nil
	}
	return m.Graph.Tasks[m.Selected]
}

// LockWaiters returns the tasks that wait for a lock that the task Selected holds.
func (m *Top) LockWaiters() (ids []uint64) {
	for i := range m.Picture.Tasks {
		if t := &m.Picture.Tasks[i]; t.Waits != nil && t.Waits.Holder == m.Selected {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

// QueuePosition returns how many tasks wait for the same object as the task Selected, and
// its position among them in order of arrival, from 1.
func (m *Top) QueuePosition() (position, waiters int) {
	t := m.SelectedTask()
	if t == nil || t.Waits == nil || t.Waits.Object == 0 {
		return 0, 0
	}
	for i := range m.Picture.Tasks {
		w := m.Picture.Tasks[i].Waits
		if w != nil && w.Object == t.Waits.Object && w.Kind == t.Waits.Kind {
			if waiters++; w.Future <= t.Waits.Future {
				position++
			}
		}
	}
	return position, waiters
}

// FindingsOf returns the findings that concern the task id.
func (m *Top) FindingsOf(id uint64) (all []introspect.Finding) {
	for _, f := range m.Findings {
		if slices.Contains(f.Tasks, id) {
			all = append(all, f)
		}
	}
	return all
}
