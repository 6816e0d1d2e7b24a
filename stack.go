package asyncio

import (
	"context"
	"fmt"
	"io"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"example.com/asyncio/inspect"
	"example.com/asyncio/internal/coro"
)

// Stack returns the calls that the task is in, the outermost first, without those of this package: of one that waits they are those
// that led to its await; of one that runs, those that led here; of one that has not begun, its function. Of a task that panicked
// they are those that led to the panic. Of any other that has ended there are none.
//
// With a limit above 0 there are no more than that: the innermost of a stack, and the outermost of a panic's, as in asyncio. It does not
// suspend, and takes a microsecond or two. See Task.get_stack.
func (t *taskBase) Stack(limit int) []inspect.Frame {
	l := t.future().loop
	if l.debug {
		l.mustBeHere("Stack")
	}
	frames := l.frames(t, l.stackOf(&t.strand))
	slices.Reverse(frames)
	switch {
	case limit <= 0 || limit >= len(frames):
		return frames
	case t.future().state == failed:
		return frames[:limit]
	}
	return frames[len(frames)-limit:]
}

// PrintStack writes the task's [Task.Stack], with the same limit, as text; of a task that failed its error too. See Task.print_stack.
func (t *taskBase) PrintStack(w io.Writer, limit int) error {
	f := t.future()
	frames := t.Stack(limit)
	var b strings.Builder
	switch {
	case len(frames) == 0:
		fmt.Fprintf(&b, "No stack for %v\n", f.self)
	case f.state == failed:
		fmt.Fprintf(&b, "Panic of %v (most recent call last):\n", f.self)
	default:
		fmt.Fprintf(&b, "Stack for %v (most recent call last):\n", f.self)
	}
	for _, frame := range frames {
		fmt.Fprintf(&b, "  %v\n", frame)
	}
	if f.state == failed {
		fmt.Fprintf(&b, "%s\n", firstLine(f.err))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// StackThreadsafe is [Task.Stack] for other goroutines, of the task with this [Task.ID]. It waits until the loop, which runs,
// has come to it. Its errors: there is no such task among those that have not ended ([ErrInvalidArgument]); and those
// of [Loop.SnapshotThreadsafe].
func (l *Loop) StackThreadsafe(ctx context.Context, id uint64) ([]inspect.Frame, error) {
	return onLoop(ctx, l, func() ([]inspect.Frame, error) {
		for _, s := range l.all() {
			if t := s.task(); t.future().ID() == id {
				return t.Stack(0), nil
			}
		}
		return nil, misuse(ErrInvalidArgument, "StackThreadsafe of task %d of %v, which has no such task; it may have ended", id, l)
	})
}

// onLoop calls fn on the loop's goroutine, and waits for it.
func onLoop[T any](ctx context.Context, l *Loop, fn func() (T, error)) (T, error) {
	c := NewConcurrentFuture[T]()
	c.loop = l
	l.inbox.owe(c)
	c.whenDone(func() { l.inbox.paid(c) })
	_, err := l.CallSoonThreadsafe(func(context.Context) {
		value, err := fn()
		c.finish(value, err)
	})
	if err != nil {
		c.finish(*new(T), err)
	}
	return c.Result(ctx)
}

// stackOf returns the calls on the stack on which s stands, also those that are not its own; nil if it stands on none.
func (l *Loop) stackOf(s *strand) []uintptr {
	if s.stack == nil {
		return nil
	}
	for room := 128; ; room *= 4 {
		p := &probe{pcs: make([]uintptr, room)}
		l.askStack(p, s.stack)
		if p.n < room {
			return p.pcs[:p.n]
		}
	}
}

// ask has the goroutine of to answer p.
func (l *Loop) askStack(p *probe, to *coro.Stack) {
	here := l.callStack
	if l.current != nil {
		here = l.current.stack
	}
	runs := l.state.Load() != idle
	if runs && here == to {
		p.n = runtime.Callers(1, p.pcs)
		return
	}
	l.probe = p
	l.watch()
	if runs {
		p.back = here
		here.Switch(to)
	} else {
		l.group.Visit(to)
	}
	l.probe = nil
	l.watch()
}

// frames returns the calls of t, the innermost first. pcs are those of its stack, where there is one.
func (l *Loop) frames(t *taskBase, pcs []uintptr) []inspect.Frame {
	switch {
	case t.future().state == failed:
		if p, ok := t.future().err.(*PanicError); ok {
			return panicFrames(p.Stack)
		}
		return nil
	case t.future().state != pending:
		return nil
	case pcs == nil:
		name, file, line := funcAt(t.code)
		return []inspect.Frame{{Func: name, File: file, Line: line}}
	}
	// Those of several strands that stand on top of each other end, each, with the run of its task.
	var strands [][]inspect.Frame
	var own []inspect.Frame
	for it := runtime.CallersFrames(pcs); ; {
		f, more := it.Next()
		switch {
		case isRun(f.Function):
			strands = append(strands, own)
			own = nil
		case !isOurs(f.Function):
			own = append(own, inspect.Frame{Func: path.Base(f.Function), File: f.File, Line: f.Line})
		}
		if !more {
			break
		}
	}
	return strands[len(strands)-1-int(t.depth)]
}

// framesOf returns the calls of a stack that debug mode or a Record has noted, the innermost first, without those below the task's function.
func framesOf(o *origin) (frames []inspect.Frame) {
	if o == nil || len(o.stack) == 0 {
		return nil
	}
	for it := runtime.CallersFrames(o.stack); ; {
		f, more := it.Next()
		if isRun(f.Function) {
			return frames
		}
		if !isOurs(f.Function) {
			frames = append(frames, inspect.Frame{Func: path.Base(f.Function), File: f.File, Line: f.Line})
		}
		if !more {
			return frames
		}
	}
}

// funcs keeps what funcAt has found.
var funcs sync.Map // of [Frame], by code pointer

// funcAt names the function at pc and where that stands.
func funcAt(pc uintptr) (name, file string, line int) {
	f, known := funcs.Load(pc)
	if !known {
		frame := inspect.Frame{Func: "?"}
		if fn := runtime.FuncForPC(pc); fn != nil {
			frame.Func = path.Base(fn.Name())
			frame.File, frame.Line = fn.FileLine(fn.Entry())
		}
		f, _ = funcs.LoadOrStore(pc, frame)
	}
	frame := f.(inspect.Frame)
	return frame.Func, frame.File, frame.Line
}

// firstLine is the text of err without what follows: the stack of a panic, the parts of a GroupError.
func firstLine(err error) string {
	line, _, _ := strings.Cut(fmt.Sprint(err), "\n")
	return line
}

// isRun tells whether the function of this name is Task.run.
func isRun(name string) bool { return name == packagePath+".(*Task[...]).run" }

// isOurs tells whether the function of this name is one that those who look at their own stacks do not want to see: of this package,
// of the engine, of the runtime.
func isOurs(name string) bool {
	for _, pkg := range [...]string{packagePath + ".", packagePath + "/internal/", "runtime.", "iter."} {
		if strings.HasPrefix(name, pkg) {
			return true
		}
	}
	return false
}

// panicFrames reads the calls from the text of a PanicError's stack: two lines each, the function with its
// arguments and the place.
func panicFrames(stack []byte) (frames []inspect.Frame) {
	lines := strings.Split(string(stack), "\n")
	for i := 0; i+1 < len(lines); i++ {
		place, ok := strings.CutPrefix(lines[i+1], "\t")
		name := lines[i]
		if k := strings.LastIndex(name, "("); k > 0 {
			name = name[:k]
		}
		switch {
		case !ok:
			continue
		case isRun(name):
			return frames
		case isOurs(name):
			continue
		}
		place, _, _ = strings.Cut(place, " ")
		k := strings.LastIndex(place, ":")
		line, _ := strconv.Atoi(place[k+1:])
		frames = append(frames, inspect.Frame{Func: path.Base(name), File: place[:max(k, 0)], Line: line})
	}
	return frames
}
