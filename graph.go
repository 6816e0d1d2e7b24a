package asyncio

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A FutureCallGraph is a future or a task, its stack, and who awaits it. See asyncio.FutureCallGraph (3.14).
type FutureCallGraph struct {
	Future    AnyFuture
	CallStack []Frame            // where it stands, the innermost call first; none of a future
	AwaitedBy []*FutureCallGraph // in the order of creation. Who is reached by several ways is there once: in a deadlock they form a circle
}

// A CallGraphOption is given where a call graph is captured: [WithDepth], [WithLimit].
type CallGraphOption interface {
	configureGraph(graphConfig) graphConfig
}

type graphConfig struct {
	depth   int
	limited bool
	limit   int
}

type depthOption int

func (o depthOption) configureGraph(c graphConfig) graphConfig { c.depth = int(o); return c }

// WithDepth leaves out the innermost calls of the task that runs: n-1 of them, so that 1 leaves out none.
func WithDepth(n int) CallGraphOption { return depthOption(n) }

type stackLimitOption int

func (o stackLimitOption) configureGraph(c graphConfig) graphConfig {
	c.limited, c.limit = true, int(o)
	return c
}

// WithLimit limits each stack to n calls: the outermost; with an n below 0 to -n, the innermost. With 0 no stack is asked for.
func WithLimit(n int) CallGraphOption { return stackLimitOption(n) }

// CaptureCallGraph returns who awaits f, who awaits those, and so on, each with its stack; of the task that runs, if f is nil; nil
// where none does, as in a callback. It sees through gather, wait, shields, groups and the like, and what [FutureAddToAwaitedBy] has
// added. It never suspends. It panics where there is neither f nor a loop ([ErrNoRunningLoop]), and if f is of another loop than ctx
// ([ErrWrongLoop]). See asyncio.capture_call_graph (3.14).
func CaptureCallGraph(ctx context.Context, f AnyFuture, opts ...CallGraphOption) *FutureCallGraph {
	var l *Loop
	switch p := placeOf(ctx); {
	case f == nil:
		if f = CurrentTask(ctx); f == nil {
			return nil
		}
		l = f.base().loop
	case p != nil && p.on() != f.base().loop:
		panic(misuse(ErrWrongLoop, "CaptureCallGraph of %v on %v", f, p.on()))
	default:
		l = f.base().loop
	}
	if l.debug {
		l.mustBeHere("CaptureCallGraph")
	}
	g := grapher{loop: l, awaiters: map[*futureBase][]*futureBase{}, nodes: map[*futureBase]*FutureCallGraph{}}
	for _, o := range opts {
		g.config = o.configureGraph(g.config)
	}
	g.findAwaiters()
	return g.node(f.base())
}

// A grapher is what CaptureCallGraph needs on the way.
type grapher struct {
	loop     *Loop
	config   graphConfig
	awaiters map[*futureBase][]*futureBase // of each future, with doubles
	nodes    map[*futureBase]*FutureCallGraph
}

// findAwaiters looks at all that wait: a future does not know by whom it is awaited, since to note it would cost each await.
func (g *grapher) findAwaiters() {
	for _, s := range g.loop.all() {
		if f := s.task().waits; f != nil && f.state == pending {
			g.awaits(s.future(), f, nil)
		}
	}
	for s := g.loop.scopes.first; s != nil; s = s.behind {
		for _, f := range s.of.WaitReason().Futures {
			g.awaiters[f.base()] = append(g.awaiters[f.base()], s.strand.future())
		}
	}
}

// awaits notes that by waits for f, and for those that f is made of. way is how it came from by to f.
func (g *grapher) awaits(by, f *futureBase, way []*futureBase) {
	if f.state != pending || slices.Contains(way, f) {
		return
	}
	g.awaiters[f] = append(g.awaiters[f], by)
	if !f.isTask {
		for _, of := range f.reason().Futures {
			g.awaits(by, of.base(), append(way, f))
		}
	}
}

// node returns the graph of f, which is made once.
func (g *grapher) node(f *futureBase) *FutureCallGraph {
	if n := g.nodes[f]; n != nil {
		return n
	}
	n := &FutureCallGraph{Future: f.self.face(), CallStack: g.stack(f)}
	g.nodes[f] = n
	by := g.awaiters[f]
	if m := f.more(); m != nil {
		by = append(by, m.edges...)
	}
	slices.SortStableFunc(by, func(a, b *futureBase) int { return cmp.Compare(a.nth, b.nth) })
	for _, f := range slices.Compact(by) {
		n.AwaitedBy = append(n.AwaitedBy, g.node(f))
	}
	return n
}

func (g *grapher) stack(f *futureBase) []Frame {
	if !f.isTask || g.config.limited && g.config.limit == 0 {
		return nil
	}
	t := f.self.(AnyTask).task()
	frames := g.loop.frames(t, g.loop.stackOf(&t.strand))
	if &t.strand == g.loop.current {
		frames = frames[min(max(g.config.depth-1, 0), len(frames)):]
	}
	switch n := g.config.limit; {
	case n > 0:
		return frames[max(len(frames)-n, 0):]
	case n < 0:
		return frames[:min(-n, len(frames))]
	}
	return frames
}

// FormatCallGraph returns the graph of [CaptureCallGraph] as text; an empty one where there is none. Who was
// described before is named again only. See asyncio.format_call_graph (3.14).
func FormatCallGraph(ctx context.Context, f AnyFuture, opts ...CallGraphOption) string {
	var b strings.Builder
	if g := CaptureCallGraph(ctx, f, opts...); g != nil {
		g.format(&b, "", map[*FutureCallGraph]bool{})
	}
	return b.String()
}

// PrintCallGraph writes the text of [FormatCallGraph], and a line's end. See asyncio.print_call_graph (3.14).
func PrintCallGraph(ctx context.Context, w io.Writer, f AnyFuture, opts ...CallGraphOption) error {
	_, err := fmt.Fprintln(w, FormatCallGraph(ctx, f, opts...))
	return err
}

func (g *FutureCallGraph) format(b *strings.Builder, indent string, before map[*FutureCallGraph]bool) {
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	if t, ok := g.Future.(AnyTask); ok {
		fmt.Fprintf(b, "%s* Task(name=%q, id=%d)", indent, t.Name(), t.ID())
	} else {
		fmt.Fprintf(b, "%s* Future(id=%d)", indent, g.Future.base().nth)
	}
	if before[g] {
		b.WriteString(" as above")
		return
	}
	before[g] = true
	if len(g.CallStack) > 0 {
		fmt.Fprintf(b, "\n%s  + Call stack:", indent)
		for _, f := range g.CallStack {
			fmt.Fprintf(b, "\n%s  |   File %q, line %d, in %s()", indent, f.File, f.Line, f.Func)
		}
	}
	if len(g.AwaitedBy) > 0 {
		fmt.Fprintf(b, "\n%s  + Awaited by:", indent)
		for _, by := range g.AwaitedBy {
			by.format(b, indent+"    ", before)
		}
	}
}

// FutureAddToAwaitedBy notes that waiter awaits f, for those who look: code that waits for f by other means than an
// await, a callback say, tells it so. It does nothing else, and nothing at all if one is nil. It must be
// followed by a [FutureDiscardFromAwaitedBy]. See future_add_to_awaited_by (3.14).
func FutureAddToAwaitedBy(f, waiter AnyFuture) {
	if f == nil || waiter == nil {
		return
	}
	if m := f.base().extra(); !slices.Contains(m.edges, waiter.base()) {
		m.edges = append(m.edges, waiter.base())
	}
}

// FutureDiscardFromAwaitedBy takes back what [FutureAddToAwaitedBy] noted, if it did. See future_discard_from_awaited_by (3.14).
func FutureDiscardFromAwaitedBy(f, waiter AnyFuture) {
	if f == nil || waiter == nil {
		return
	}
	if m := f.base().more(); m != nil {
		m.edges = slices.DeleteFunc(m.edges, func(b *futureBase) bool { return b == waiter.base() })
	}
}
