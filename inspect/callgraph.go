package inspect

import (
	"fmt"
	"strings"
)

// A CallGraph is a future or a task, its stack, and the futures that await it. See
// asyncio.FutureCallGraph (3.14).
type CallGraph struct {
	ID        uint64       // see [TaskInfo.ID]
	Task      bool         // a task, not a plain future
	Name      string       // the name of a task
	Stack     []Frame      // the calls of a task, innermost first
	AwaitedBy []*CallGraph // in order of creation; each future occurs once, so a deadlock is a cycle
}

// String returns the graph with all stacks as text.
func (g *CallGraph) String() string { return g.Format(-1) }

// Format returns the graph as text, with at most limit calls of each stack, innermost
// first. With a negative limit it includes all calls. A future that was described before
// is only named again. The text of a nil graph is empty. See asyncio.format_call_graph
// (3.14).
func (g *CallGraph) Format(limit int) string {
	var b strings.Builder
	if g != nil {
		g.format(&b, "", limit, map[*CallGraph]bool{})
	}
	return b.String()
}

func (g *CallGraph) format(b *strings.Builder, indent string, limit int, seen map[*CallGraph]bool) {
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	if g.Task {
		fmt.Fprintf(b, "%s* Task(name=%q, id=%d)", indent, g.Name, g.ID)
	} else {
		fmt.Fprintf(b, "%s* Future(id=%d)", indent, g.ID)
	}
	if seen[g] {
		b.WriteString(" as above")
		return
	}
	seen[g] = true
	stack := g.Stack
	if limit >= 0 {
		stack = stack[:min(limit, len(stack))]
	}
	if len(stack) > 0 {
		fmt.Fprintf(b, "\n%s  + Call stack:", indent)
		for _, f := range stack {
			fmt.Fprintf(b, "\n%s  |   File %q, line %d, in %s()", indent, f.File, f.Line, f.Func)
		}
	}
	if len(g.AwaitedBy) > 0 {
		fmt.Fprintf(b, "\n%s  + Awaited by:", indent)
		for _, by := range g.AwaitedBy {
			by.format(b, indent+"    ", limit, seen)
		}
	}
}
