package asyncio

import "example.com/asyncio/internal/shrink"

// A taskList holds the unfinished tasks that have suspended at least once, in order of
// creation. Other unfinished tasks are held by what runs them or will start them: see
// [Loop.all]. Most tasks end without suspending and never enter the list.
type taskList struct {
	slots []*taskBase // nil in place of removed tasks; the last is not nil
	len   int         // the number of tasks
}

// add adds t, which is usually younger than all others.
func (s *taskList) add(t *taskBase) {
	if n := len(s.slots); n == cap(s.slots) && s.len <= n/2 {
		s.compact()
	}
	s.slots = append(s.slots, t)
	s.len++
	i := len(s.slots) - 1
	for ; i > 0 && (s.slots[i-1] == nil || s.slots[i-1].number() > t.number()); i-- {
		s.put(i, s.slots[i-1])
	}
	s.put(i, t)
}

func (s *taskList) put(i int, t *taskBase) {
	s.slots[i] = t
	if t != nil {
		t.index = uint32(i) + 1
	}
}

func (s *taskList) remove(t *taskBase) {
	s.slots[t.index-1] = nil
	t.index = 0
	s.len--
	n := len(s.slots)
	for n > 0 && s.slots[n-1] == nil {
		n--
	}
	s.slots = s.slots[:n]
	if n <= shrink.Threshold(cap(s.slots)) {
		s.compact()
	}
}

// compact removes the nil slots.
func (s *taskList) compact() {
	before := s.slots
	s.slots = make([]*taskBase, 0, max(2*s.len, 32))
	for _, t := range before {
		if t != nil {
			s.slots = append(s.slots, t)
			t.index = uint32(len(s.slots))
		}
	}
}
