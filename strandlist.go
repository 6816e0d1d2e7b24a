package asyncio

import (
	"cmp"
	"slices"
)

// strandList holds the strands that have suspended, in order of creation, until they end. Those that have not are held by what runs
// them or will begin them: see Loop.all. Most tasks of a program end without having suspended, and cost it nothing so.
type taskList struct {
	slots []*strand // nil in place of those that have been removed; the last is not
	len   int
}

// add adds t, which is most often younger than all others.
func (s *taskList) add(t *strand) {
	if n := len(s.slots); n == cap(s.slots) && s.len <= n/2 {
		s.closeGaps()
	}
	s.slots = append(s.slots, t)
	s.len++
	i := len(s.slots) - 1
	for ; i > 0 && (s.slots[i-1] == nil || s.slots[i-1].number() > t.number()); i-- {
		s.put(i, s.slots[i-1])
	}
	s.put(i, t)
}

func (s *taskList) put(i int, t *strand) {
	s.slots[i] = t
	if t != nil {
		t.index = uint32(i) + 1
	}
}

func (s *taskList) remove(t *strand) {
	s.slots[t.index-1] = nil
	t.index = 0
	s.len--
	n := len(s.slots)
	for n > 0 && s.slots[n-1] == nil {
		n--
	}
	s.slots = s.slots[:n]
	if n < cap(s.slots)/8 && cap(s.slots) > 4096 { // after a burst
		s.closeGaps()
	}
}

func (s *taskList) closeGaps() {
	before := s.slots
	s.slots = make([]*strand, 0, max(2*s.len, 32))
	for _, t := range before {
		if t != nil {
			s.slots = append(s.slots, t)
			t.index = uint32(len(s.slots))
		}
	}
}

// all returns the strands that have not ended, in order of creation.
func (l *Loop) all() []*strand {
	all := make([]*strand, 0, l.alive)
	add := func(t *strand) {
		if t != nil && t.index == 0 {
			all = append(all, t)
		}
	}
	add(l.current)
	for _, e := range l.eager {
		add(e.creator)
		add(e.strand)
	}
	for i := range l.ready.Len() {
		add(l.ready.At(i).strand())
	}
	for _, t := range l.suspended.slots {
		if t != nil {
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b *strand) int { return cmp.Compare(a.number(), b.number()) })
	return slices.Compact(all) // what was started eagerly may be the current one too
}

func (l *Loop) describeAll() (lines []string) {
	for _, t := range l.all() {
		lines = append(lines, t.of().describe())
	}
	return lines
}
