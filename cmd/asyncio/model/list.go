package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.com/asyncio/inspect"
)

// A Column is a column of the list.
type Column int

// The columns, from left to right.
const (
	ByID Column = iota
	ByName
	ByState
	BySteps
	ByRan
	ByBusy
	ByWaits
	columns
)

// String returns the heading of c.
func (c Column) String() string {
	names := [...]string{"ID", "NAME", "STATE", "STEPS", "RAN", "BUSY", "WAITS FOR"}
	if c < 0 || int(c) >= len(names) {
		return fmt.Sprint(int(c))
	}
	return names[c]
}

// A Row is a task in the list.
type Row struct {
	*inspect.TaskInfo
	Busy  float64 // the fraction of the time since the previous snapshot that it ran; -1: unknown
	Cycle bool    // it is part of a cycle
}

// Index returns the index of the task Selected in Rows, or -1.
func (m *Top) Index() int {
	return slices.IndexFunc(m.Rows, func(r Row) bool { return r.ID == m.Selected })
}

func (m *Top) moveSelection(by int) {
	if len(m.Rows) > 0 {
		i := min(max(m.Index()+by, 0), len(m.Rows)-1)
		m.Selected = m.Rows[i].ID
	}
}

// sortBy sorts the list by c. Steps and times are in descending order.
func (m *Top) sortBy(c Column) {
	m.Sort, m.Reverse = c, c == BySteps || c == ByRan || c == ByBusy
	m.updateRows()
}

// updateRows sets Rows. Selected does not change unless that task is missing in the list.
func (m *Top) updateRows() {
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
			m.Rows = append(m.Rows, Row{t, m.kept[t.ID].busy, cyclic[t.ID]})
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

// matches reports whether the name or the function of t contains Filter. It ignores case.
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
	case ByBusy:
		c = cmp.Compare(a.Busy, b.Busy)
	case ByWaits:
		c = strings.Compare(waitTextOf(a), waitTextOf(b))
	}
	return cmp.Or(c, cmp.Compare(a.ID, b.ID))
}

func waitTextOf(r Row) string {
	if r.Waits == nil {
		return ""
	}
	return WaitText(r.Waits)
}
