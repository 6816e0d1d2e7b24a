package asyncio

import (
	"fmt"
	"slices"
	"strings"

	"example.com/asyncio/inspect"
)

// How futures and entries describe themselves.

// String describes f: its state, its result or error, its callbacks. See Future.__repr__.
func (f *Future[T]) String() string {
	return f.describeAs("Future", func() string { return "" }, func() any { return f.value })
}

func (f *futureBase) describeAs(kind string, details func() string, value func() any) string {
	l := f.loop
	if l == nil {
		return "<" + kind + " of no loop>"
	}
	// A result may contain the future, and tasks may wait in a cycle.
	if slices.Contains(l.printing, f) {
		return "<" + kind + " ...>"
	}
	l.printing = append(l.printing, f)
	defer func() { l.printing = l.printing[:len(l.printing)-1] }()
	var b strings.Builder
	b.WriteString("<" + kind)
	switch f.state {
	case pending:
		state := " pending"
		if t := f.self.task(); t != nil && t.Cancelling() > 0 {
			state = " cancelling"
		}
		b.WriteString(state + details())
		f.describeCallbacks(&b)
	case finished:
		fmt.Fprintf(&b, " finished%s result=%v", details(), value())
	case failed:
		fmt.Fprintf(&b, " finished%s error=%q", details(), firstLine(f.err))
	case cancelled:
		b.WriteString(" cancelled" + details())
	}
	if x := f.extraOrNil(); x != nil {
		b.WriteString(x.made.where())
	}
	b.WriteString(">")
	return b.String()
}

func (f *futureBase) describeCallbacks(b *strings.Builder) {
	var names []string
	for _, e := range f.waiting() {
		if e.kind != kindTask {
			names = append(names, e.callText())
		}
	}
	switch n := len(names); {
	case n > 2:
		fmt.Fprintf(b, " cb=[%s, %s, and %d more]", names[0], names[1], n-2)
	case n > 0:
		fmt.Fprintf(b, " cb=[%s]", strings.Join(names, ", "))
	}
}

// callText names the function that the entry calls. The entry is not a task.
func (e *head) callText() string {
	r := e.registration()
	switch {
	case r == nil:
		return e.handle().Func()
	case r.shared.call.done != nil || r.future == nil:
		return r.shared.call.Func()
	}
	return "the result of " + r.future.self.String()
}

// WaitReason reports why awaiters of f are blocked. A plain Future is an
// inspect.ForFuture, with itself as Object. Only the loop's goroutine may call it.
func (f *futureBase) WaitReason() inspect.WaitReason {
	f.mustBeMade("WaitReason")
	return f.self.waitReason()
}

func (f *futureBase) waitReason() inspect.WaitReason {
	if f.isTask {
		return inspect.WaitReason{Kind: inspect.ForTask, Futures: []inspect.Future{f.self}}
	}
	return inspect.WaitReason{Kind: inspect.ForFuture, Object: f.self}
}
