package model

import "unicode/utf8"

// An Action is what the program must do after a key.
type Action int

// The actions.
const (
	None     Action = iota
	Quit            // quit
	LoadTask        // fetch the page of the task Selected and pass it to SetTask
	Back            // show the previous snapshot of a recording
	Forward         // show the next snapshot of a recording
)

// Key handles a key. Keys have the names that bubbletea gives them: "q", "up", "enter",
// "ctrl+c".
func (m *Top) Key(key string) Action {
	switch {
	case key == "ctrl+c":
		return Quit
	case m.Typing:
		m.filterKey(key)
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

func (m *Top) filterKey(key string) {
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
	m.updateRows()
}

func (m *Top) listKey(key string) Action {
	switch key {
	case "up", "k":
		m.moveSelection(-1)
	case "down", "j":
		m.moveSelection(1)
	case "pgup":
		m.moveSelection(-m.Height)
	case "pgdown":
		m.moveSelection(m.Height)
	case "home", "g":
		m.moveSelection(-len(m.Rows))
	case "end", "G":
		m.moveSelection(len(m.Rows))
	case "left", "<":
		m.sortBy((m.Sort + columns - 1) % columns)
	case "right", ">", "s":
		m.sortBy((m.Sort + 1) % columns)
	case "r":
		m.Reverse = !m.Reverse
		m.updateRows()
	case "/":
		m.Typing = true
	case "esc":
		m.Filter = ""
		m.updateRows()
	case "enter":
		if m.SelectedTask() != nil {
			return m.openTask(m.Selected)
		}
	}
	return None
}

func (m *Top) openTask(id uint64) Action {
	m.Page, m.Selected, m.Scroll, m.Task, m.TaskErr, m.events = PageTask, id, 0, nil, "", nil
	m.updateLast()
	return LoadTask
}

func (m *Top) taskKey(key string) Action {
	switch key {
	case "w", "right":
		if m.SelectedTask() != nil {
			if next := m.Graph.WaitsFor(m.Selected); len(next) > 0 {
				return m.openTask(next[0])
			}
		}
	case "b":
		if t := m.SelectedTask(); t != nil && len(t.AwaitedBy) > 0 {
			return m.openTask(t.AwaitedBy[0].Task)
		} else if waiters := m.LockWaiters(); len(waiters) > 0 {
			return m.openTask(waiters[0])
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
