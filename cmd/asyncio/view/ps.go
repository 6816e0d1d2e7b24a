package view

import (
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"

	"example.com/asyncio/cmd/asyncio/model"
	"example.com/asyncio/inspect"
	"example.com/asyncio/introspect"
)

// Processes writes a table of processes.
func Processes(w io.Writer, all []introspect.ProcessInfo) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PID\tGO\tSTARTED\tCOMMAND")
	for _, p := range all {
		command := Clean(strings.Join(p.Command, " "))
		if p.Blocked != "" {
			command += "  BLOCKED: " + Clean(p.Blocked)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", p.Name, p.Go, p.Started.Format("2006-01-02 15:04:05"), command)
	}
	return table.Flush()
}

// Tasks writes a table of the tasks, in order of creation. A line follows for each
// cancelled task, each finding that is not over, and each unread error that has no
// finding.
func Tasks(w io.Writer, p *introspect.Picture, findings []introspect.Finding) error {
	var s strings.Builder
	fmt.Fprintf(&s, "%s\n%s", process(&p.Process), introspect.PS(&p.Snapshot))
	between := "\n"
	add := func(line string) {
		s.WriteString(between + line + "\n")
		between = ""
	}
	for i := range p.Tasks {
		if t := &p.Tasks[i]; t.Cancel != nil {
			add(label(t) + ": " + cancelText(t))
		}
	}
	reported := map[uint64]bool{}
	for _, f := range findings {
		if f.Rule == introspect.RuleUnread {
			reported[f.Tasks[0]] = true
		}
		if !f.Over {
			add(sentence(f))
		}
	}
	for _, u := range p.Unread {
		if !reported[u.ID] {
			add(fmt.Sprintf("%s: %s failed, and its error was never read: %s", introspect.RuleUnread, Clean(u.What), Clean(u.Error)))
		}
	}
	_, err := io.WriteString(w, s.String())
	return err
}

// Tree writes the tree of awaits.
func Tree(w io.Writer, p *introspect.Picture) error {
	_, err := fmt.Fprintf(w, "%s\n%s", process(&p.Process), introspect.PSTree(&p.Snapshot))
	return err
}

// Cycle returns a cycle as one line: a #1 -> b #2 -> a #1.
func Cycle(g *model.Graph, cycle []uint64) string {
	var s strings.Builder
	for _, id := range cycle {
		fmt.Fprintf(&s, "%s -> ", label(g.Tasks[id]))
	}
	return s.String() + label(g.Tasks[cycle[0]])
}

// process returns the name of a process, and what blocks its loop.
func process(p *introspect.ProcessInfo) string {
	s := "process " + p.Name
	if len(p.Command) > 0 {
		s = Clean(filepath.Base(p.Command[0])) + ", " + s
	}
	if p.Blocked != "" {
		s += ": the loop is BLOCKED: " + Clean(p.Blocked)
	}
	return s
}

// headline describes a process and its loop in one line.
func headline(p *introspect.Picture) string {
	return fmt.Sprintf("%s: loop %s for %s, %s, %d ready, %s, %s outside", process(&p.Process), p.Loop.State,
		round(p.Loop.Time), count(len(p.Tasks), "task"), p.Loop.Ready, count(p.Loop.Timers, "timer"), count(p.Loop.Outside, "job"))
}

// label returns the name and the ID of a task. Names need not be unique.
func label(t *inspect.TaskInfo) string { return Clean(t.Name) + " #" + strconv.FormatUint(t.ID, 10) }
