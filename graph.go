package asyncio

import (
	"cmp"
	"context"
	"slices"

	"example.com/asyncio/inspect"
)

// CaptureCallGraph returns f, its awaiters, their awaiters, and so on, each with its
// stack. It sees through gather, wait, shields, groups and the edges of [AddAwaiter]. It
// never suspends.
//
//   - A nil f means the running task. The result is nil if no task runs, as in a
//     callback.
//   - It panics without a loop ([ErrNoRunningLoop]), and if f belongs to another loop
//     than ctx ([ErrWrongLoop]).
//
// See asyncio.capture_call_graph (3.14).
func CaptureCallGraph(ctx context.Context, f AnyFuture) *inspect.CallGraph {
	if f == nil {
		t := CurrentTask(ctx)
		if t == nil {
			return nil
		}
		f = t
	}
	l := f.base().loop
	if c := loopContextOf(ctx); c != nil && c.ownerLoop() != l {
		panic(misuse(ErrWrongLoop, "CaptureCallGraph of %v on %v", f, c.ownerLoop()))
	}
	if l.debug {
		l.mustBeHere("CaptureCallGraph")
	}
	g := grapher{loop: l, awaiters: map[*futureBase][]*futureBase{}, nodes: map[*futureBase]*inspect.CallGraph{}}
	g.findAwaiters()
	return g.node(f.base())
}

// A grapher builds one call graph.
type grapher struct {
	loop     *Loop
	awaiters map[*futureBase][]*futureBase // of each future; may contain duplicates
	nodes    map[*futureBase]*inspect.CallGraph
}

// findAwaiters visits all waiting tasks. A future does not know its awaiters: to record
// them would make each await slower.
func (g *grapher) findAwaiters() {
	for _, s := range g.loop.all() {
		if f := s.waits; f != nil && f.state == pending {
			g.awaits(s.future, f, nil)
		}
	}
	for s := range g.loop.scopes.All() {
		for _, f := range s.block.waitReason().Futures {
			b := f.(AnyFuture).base()
			g.awaiters[b] = append(g.awaiters[b], s.task.future)
		}
	}
}

// awaits records that by waits for f and for the futures that f consists of. path is the
// chain of futures from by to f; it ends cycles.
func (g *grapher) awaits(by, f *futureBase, path []*futureBase) {
	if f.state != pending || slices.Contains(path, f) {
		return
	}
	g.awaiters[f] = append(g.awaiters[f], by)
	if !f.isTask {
		for _, part := range f.self.waitReason().Futures {
			g.awaits(by, part.(AnyFuture).base(), append(path, f))
		}
	}
}

// node returns the node of f, which it creates once.
func (g *grapher) node(f *futureBase) *inspect.CallGraph {
	if n := g.nodes[f]; n != nil {
		return n
	}
	n := &inspect.CallGraph{ID: f.ID(), Task: f.isTask}
	g.nodes[f] = n
	if f.isTask {
		t := f.self.(AnyTask).task()
		n.Name, n.Stack = t.Name(), g.loop.frames(t, g.loop.stackOf(t))
	}
	by := g.awaiters[f]
	if m := f.extraOrNil(); m != nil {
		by = append(by, m.edges...)
	}
	slices.SortStableFunc(by, func(a, b *futureBase) int { return cmp.Compare(a.seq, b.seq) })
	for _, f := range slices.Compact(by) {
		n.AwaitedBy = append(n.AwaitedBy, g.node(f))
	}
	return n
}

// AddAwaiter records that waiter awaits f, for observers only. Code that waits for f by
// other means than an await, such as a callback, calls it, and calls [RemoveAwaiter]
// afterwards. It does nothing if f or waiter is nil. See future_add_to_awaited_by (3.14).
func AddAwaiter(f, waiter AnyFuture) {
	if f == nil || waiter == nil {
		return
	}
	if m := f.base().extra(); !slices.Contains(m.edges, waiter.base()) {
		m.edges = append(m.edges, waiter.base())
	}
}

// RemoveAwaiter undoes [AddAwaiter]. It does nothing if there is nothing to undo. See
// future_discard_from_awaited_by (3.14).
func RemoveAwaiter(f, waiter AnyFuture) {
	if f == nil || waiter == nil {
		return
	}
	if m := f.base().extraOrNil(); m != nil {
		m.edges = slices.DeleteFunc(m.edges, func(b *futureBase) bool { return b == waiter.base() })
	}
}
