package introspect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"example.com/asyncio/inspect"
)

// PS returns the tasks of a snapshot as a table.
func PS(s *inspect.Snapshot) string {
	var b strings.Builder
	b.WriteString(summary(s))
	if len(s.Tasks) == 0 {
		return b.String()
	}
	b.WriteByte('\n')
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "ID\tNAME\tSTATE\tWAITS FOR\tAWAITED BY\tFUNCTION\n")
	names := namesOf(s)
	for i := range s.Tasks {
		t := &s.Tasks[i]
		var by []string
		for j, a := range t.AwaitedBy {
			if j == 0 || a.Task != t.AwaitedBy[j-1].Task { // or else by two ways
				by = append(by, names[a.Task])
			}
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\n", t.ID, oneLine(t.Name), stateOf(t), dash(waitOf(t)), dash(strings.Join(by, ", ")), t.Func)
	}
	_ = table.Flush()
	return b.String()
}

// summary is one line on the loop.
func summary(s *inspect.Snapshot) string {
	count := map[inspect.TaskState]int{}
	for i := range s.Tasks {
		count[s.Tasks[i].State]++
	}
	l := &s.Loop
	text := fmt.Sprintf("loop %s for %v, %s", l.State, l.Time.Round(time.Millisecond), plural(len(s.Tasks), "task"))
	sep := ": "
	for _, state := range []inspect.TaskState{inspect.TaskRunning, inspect.TaskReady, inspect.TaskNew, inspect.TaskWaiting} {
		if n := count[state]; n > 0 {
			text += fmt.Sprintf("%s%d %s", sep, n, state)
			sep = ", "
		}
	}
	text += fmt.Sprintf("; %s, %s outside", plural(l.Timers, "timer"), plural(l.Outside, "job"))
	if n := len(s.Unread); n > 0 {
		text += "; " + plural(n, "error") + " unread"
	}
	return text + "\n"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// stateOf is the state of a task, and whether it is asked to cancel.
func stateOf(t *inspect.TaskInfo) string {
	if t.Cancels > 0 {
		return string(t.State) + ", cancelled"
	}
	return string(t.State)
}

func waitOf(t *inspect.TaskInfo) string {
	if t.Waits == nil {
		return ""
	}
	return oneLine(t.Waits.String())
}

func dash(s string) string { return cmp.Or(s, "-") }

// oneLine keeps a text that a program has made from breaking the table.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

func namesOf(s *inspect.Snapshot) map[uint64]string {
	names := make(map[uint64]string, len(s.Tasks))
	for i := range s.Tasks {
		names[s.Tasks[i].ID] = oneLine(s.Tasks[i].Name)
	}
	return names
}

// PSTree returns who waits for whom as a tree: below each task those that it waits for, directly or through gather, groups and
// the like, and who has the lock that it waits for. One that it waits for by several ways stands there once. What several
// wait for is told in full below the first of them; a circle is marked where it closes.
func PSTree(s *inspect.Snapshot) string {
	p := &treePrinter{tasks: map[uint64]*inspect.TaskInfo{}, below: map[uint64][]branch{}, told: map[uint64]bool{}, open: map[uint64]bool{}}
	awaited := map[uint64]bool{}
	for i := range s.Tasks {
		p.tasks[s.Tasks[i].ID] = &s.Tasks[i]
	}
	for i := range s.Tasks {
		t := &s.Tasks[i]
		for _, a := range t.AwaitedBy {
			if p.tasks[a.Task] != nil {
				p.below[a.Task] = append(p.below[a.Task], branch{t.ID, a.Via})
				awaited[t.ID] = true
			}
		}
		if t.Waits != nil && p.tasks[t.Waits.Holder] != nil {
			p.below[t.ID] = append(p.below[t.ID], branch{t.Waits.Holder, "holds " + t.Waits.Kind.String()})
			awaited[t.Waits.Holder] = true
		}
	}
	for id, below := range p.below {
		slices.SortStableFunc(below, func(a, b branch) int { return cmp.Compare(a.id, b.id) })
		p.below[id] = merged(below)
	}
	p.b.WriteString(summary(s))
	for i := range s.Tasks {
		if id := s.Tasks[i].ID; !awaited[id] {
			p.print(branch{id: id}, "", "")
		}
	}
	for i := range s.Tasks { // those in circles, where everybody is awaited
		if id := s.Tasks[i].ID; !p.told[id] {
			p.print(branch{id: id}, "", "")
		}
	}
	return p.b.String()
}

// A branch is a task, and by what the one above waits for it; "" where it is a plain await.
type branch struct {
	id  uint64
	via string
}

type treePrinter struct {
	tasks map[uint64]*inspect.TaskInfo
	below map[uint64][]branch
	told  map[uint64]bool // in full
	open  map[uint64]bool // from the root to where we are
	b     strings.Builder
}

// merged makes of several branches to one task, as by its group and an await, one that has all ways. They are sorted by task.
func merged(below []branch) []branch {
	kept := below[:0]
	for _, br := range below {
		if n := len(kept); n > 0 && kept[n-1].id == br.id {
			last := &kept[n-1]
			last.via = cmp.Or(last.via, "await") + ", " + cmp.Or(br.via, "await")
		} else {
			kept = append(kept, br)
		}
	}
	return kept
}

// maxDepth is how deep a tree is shown: deeper ones are read by nobody, and each level needs stack.
const maxDepth = 1000

// print writes the tree of br: first before its own line, rest before those below it.
func (p *treePrinter) print(br branch, first, rest string) {
	t := p.tasks[br.id]
	fmt.Fprintf(&p.b, "%s%s #%d", first, oneLine(t.Name), t.ID)
	if br.via != "" {
		p.b.WriteString(" [" + br.via + "]")
	}
	switch {
	case p.open[br.id]:
		p.b.WriteString(" <- a circle: it waits for itself\n")
		return
	case p.told[br.id]:
		p.b.WriteString(" (see above)\n")
		return
	}
	p.b.WriteString(" " + stateOf(t))
	if w := waitOf(t); w != "" {
		p.b.WriteString(": " + w)
	}
	p.b.WriteByte('\n')

	p.told[br.id], p.open[br.id] = true, true
	defer delete(p.open, br.id)
	below := p.below[br.id]
	if len(below) > 0 && len(p.open) > maxDepth {
		p.b.WriteString(rest + "└─ ... and so on\n")
		return
	}
	for i, br := range below {
		if i < len(below)-1 {
			p.print(br, rest+"├─ ", rest+"│  ")
		} else {
			p.print(br, rest+"└─ ", rest+"   ")
		}
	}
}
