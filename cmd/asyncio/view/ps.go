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

// Processes writes a line for each process that listens.
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

// Tasks writes a line for each task, in the order of their creation; then why some are asked to cancel, errors that nobody has
// read, and what is wrong otherwise.
func Tasks(w io.Writer, p *introspect.Picture, findings []introspect.Finding) error {
	var s strings.Builder
	fmt.Fprintf(&s, "%s\n%s", process(&p.Process), introspect.PS(&p.Snapshot))
	between := "\n"
	say := func(format string, args ...any) {
		fmt.Fprintf(&s, between+format+"\n", args...)
		between = ""
	}
	for i := range p.Tasks {
		if t := &p.Tasks[i]; t.Cancel != nil {
			say("%s is asked to cancel: %s", label(t), cancel(t))
		}
	}
	told := map[uint64]bool{}
	for _, f := range findings {
		if f.Rule == introspect.RuleUnread {
			told[f.Tasks[0]] = true
		}
		if !f.Over {
			say("%s", sentence(f))
		}
	}
	for _, u := range p.Unread {
		if told[u.ID] {
			continue
		}
		say("nobody has read the error of %s: %s", Clean(u.What), Clean(u.Error))
	}
	_, err := io.WriteString(w, s.String())
	return err
}

// Tree writes the tree of awaits.
func Tree(w io.Writer, p *introspect.Picture) error {
	_, err := fmt.Fprintf(w, "%s\n%s", process(&p.Process), introspect.PSTree(&p.Snapshot))
	return err
}

// Cycle writes a cycle of waits as a line: a #1 -> b #2 -> a #1.
func Cycle(g *model.Graph, cycle []uint64) string {
	var s strings.Builder
	for _, id := range cycle {
		fmt.Fprintf(&s, "%s -> ", label(g.Tasks[id]))
	}
	return s.String() + label(g.Tasks[cycle[0]])
}

// process says which program it is.
func process(p *introspect.ProcessInfo) string {
	s := "process " + p.Name
	if len(p.Command) > 0 {
		s = Clean(filepath.Base(p.Command[0])) + ", " + s
	}
	if p.Blocked != "" {
		s += ": its loop is BLOCKED: " + Clean(p.Blocked)
	}
	return s
}

// headline says in a line which program it is, and how its loop does.
func headline(p *introspect.Picture) string {
	return fmt.Sprintf("%s: loop %s for %s, %s, %d ready, %s, %s elsewhere", process(&p.Process), p.Loop.State,
		round(p.Loop.Time), count(len(p.Tasks), "task"), p.Loop.Ready, count(p.Loop.Timers, "timer"), count(p.Loop.Outside, "job"))
}

// label names a task so that it can be found elsewhere: there may be others of its name.
func label(t *inspect.TaskInfo) string { return Clean(t.Name) + " #" + strconv.FormatUint(t.ID, 10) }
