package asyncio

import (
	"cmp"
	"slices"
)

// strandList holds the strands that have suspended, in order of creation, until they end. Those that have not are held by what runs
// them or will begin them: see Loop.all. Most tasks of a program end without having suspended, and cost it nothing so.
type strandList struct {
	places []*strand // nil in place of those that have been removed; the last is not
	len    int
}

// add adds t, which is most often younger than all others.
func (s *strandList) add(t *strand) {
	if n := len(s.places); n == cap(s.places) && s.len <= n/2 {
		s.closeGaps()
	}
	s.places = append(s.places, t)
	s.len++
	i := len(s.places) - 1
	for ; i > 0 && (s.places[i-1] == nil || s.places[i-1].number() > t.number()); i-- {
		s.put(i, s.places[i-1])
	}
	s.put(i, t)
}

func (s *strandList) put(i int, t *strand) {
	s.places[i] = t
	if t != nil {
		t.place = uint32(i) + 1
	}
}

func (s *strandList) remove(t *strand) {
	s.places[t.place-1] = nil
	t.place = 0
	s.len--
	n := len(s.places)
	for n > 0 && s.places[n-1] == nil {
		n--
	}
	s.places = s.places[:n]
	if n < cap(s.places)/8 && cap(s.places) > 4096 { // after a burst
		s.closeGaps()
	}
}

func (s *strandList) closeGaps() {
	before := s.places
	s.places = make([]*strand, 0, max(2*s.len, 32))
	for _, t := range before {
		if t != nil {
			s.places = append(s.places, t)
			t.place = uint32(len(s.places))
		}
	}
}

// all returns the strands that have not ended, in order of creation.
func (l *Loop) all() []*strand {
	all := make([]*strand, 0, l.alive)
	add := func(t *strand) {
		if t != nil && t.place == 0 {
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
	for _, t := range l.strands.places {
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
