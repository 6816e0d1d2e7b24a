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
			if j == 0 || a.Task != t.AwaitedBy[j-1].Task { // list a task that waits in two ways once
				by = append(by, names[a.Task])
			}
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\n", t.ID, oneLine(t.Name), stateOf(t), dash(waitOf(t)), dash(strings.Join(by, ", ")), t.Func)
	}
	_ = table.Flush()
	return b.String()
}

// summary describes the loop in one line.
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
		text += "; " + plural(n, "unread error")
	}
	return text + "\n"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// stateOf returns the state of a task, and whether it was asked to cancel.
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

// oneLine replaces control characters, so that a task's name cannot break the table.
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

// PSTree returns the waiting tasks of a snapshot as a tree.
//
//   - The children of a task are the tasks that it waits for, directly or through a
//     gather, a group and the like, and the holder of the lock that it waits for.
//   - A task that its parent waits for in several ways is listed once.
//   - A task with several parents is printed in full below the first of them.
//   - A cycle is marked where it closes.
func PSTree(s *inspect.Snapshot) string {
	p := &treePrinter{tasks: map[uint64]*inspect.TaskInfo{}, children: map[uint64][]branch{}, printed: map[uint64]bool{}, path: map[uint64]bool{}}
	awaited := map[uint64]bool{}
	for i := range s.Tasks {
		p.tasks[s.Tasks[i].ID] = &s.Tasks[i]
	}
	for i := range s.Tasks {
		t := &s.Tasks[i]
		for _, a := range t.AwaitedBy {
			if p.tasks[a.Task] != nil {
				p.children[a.Task] = append(p.children[a.Task], branch{t.ID, a.Via})
				awaited[t.ID] = true
			}
		}
		if t.Waits != nil && p.tasks[t.Waits.Holder] != nil {
			p.children[t.ID] = append(p.children[t.ID], branch{t.Waits.Holder, "holds " + t.Waits.Kind.String()})
			awaited[t.Waits.Holder] = true
		}
	}
	for id, children := range p.children {
		slices.SortStableFunc(children, func(a, b branch) int { return cmp.Compare(a.id, b.id) })
		p.children[id] = merged(children)
	}
	p.b.WriteString(summary(s))
	for i := range s.Tasks {
		if id := s.Tasks[i].ID; !awaited[id] {
			p.print(branch{id: id}, "", "")
		}
	}
	for i := range s.Tasks { // cycles without a root
		if id := s.Tasks[i].ID; !p.printed[id] {
			p.print(branch{id: id}, "", "")
		}
	}
	return p.b.String()
}

// A branch leads from a task to a task that it waits for.
type branch struct {
	id  uint64 // the awaited task
	via string // how it is awaited; "": a direct await
}

type treePrinter struct {
	tasks    map[uint64]*inspect.TaskInfo
	children map[uint64][]branch
	printed  map[uint64]bool // the tasks that were printed in full
	path     map[uint64]bool // the tasks from the root to the current one
	b        strings.Builder
}

// merged joins the branches to the same task, such as a group and an await. The branches
// are sorted by task.
func merged(branches []branch) []branch {
	kept := branches[:0]
	for _, br := range branches {
		if n := len(kept); n > 0 && kept[n-1].id == br.id {
			last := &kept[n-1]
			last.via = cmp.Or(last.via, "await") + ", " + cmp.Or(br.via, "await")
		} else {
			kept = append(kept, br)
		}
	}
	return kept
}

// maxDepth is the depth to which a tree is printed, since each level needs stack.
const maxDepth = 1000

// print writes the tree of br. Its own line begins with first, the lines below it with
// rest.
func (p *treePrinter) print(br branch, first, rest string) {
	t := p.tasks[br.id]
	fmt.Fprintf(&p.b, "%s%s #%d", first, oneLine(t.Name), t.ID)
	if br.via != "" {
		p.b.WriteString(" [" + br.via + "]")
	}
	switch {
	case p.path[br.id]:
		p.b.WriteString(" <- cycle: it waits for itself\n")
		return
	case p.printed[br.id]:
		p.b.WriteString(" (see above)\n")
		return
	}
	p.b.WriteString(" " + stateOf(t))
	if w := waitOf(t); w != "" {
		p.b.WriteString(": " + w)
	}
	p.b.WriteByte('\n')

	p.printed[br.id], p.path[br.id] = true, true
	defer delete(p.path, br.id)
	children := p.children[br.id]
	if len(children) > 0 && len(p.path) > maxDepth {
		p.b.WriteString(rest + "└─ ... and so on\n")
		return
	}
	for i, br := range children {
		if i < len(children)-1 {
			p.print(br, rest+"├─ ", rest+"│  ")
		} else {
			p.print(br, rest+"└─ ", rest+"   ")
		}
	}
}
