package asyncio

import (
	"fmt"
	"io"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"example.com/asyncio/inspect"
	"example.com/asyncio/internal/coro"
)

// Stack returns the calls that the task is in, outermost first, without those of this
// package.
//
//   - A waiting task: the calls that led to its await. A running one: those that led
//     here. One that has not begun: its function.
//   - A task that panicked: the calls that led to the panic. Any other task that has
//     ended: none.
//   - With a limit above 0, at most that many calls: the innermost of a stack, and the
//     outermost of a panic, as in asyncio.
//
// It does not suspend, and takes a microsecond or two. See Task.get_stack.
func (t *taskBase) Stack(limit int) []inspect.Frame {
	t.mustBeMade("Stack")
	l := t.future.loop
	if l.debug {
		l.mustBeHere("Stack")
	}
	frames := l.frames(t, l.stackOf(t))
	slices.Reverse(frames)
	switch {
	case limit <= 0 || limit >= len(frames):
		return frames
	case t.future.state == failed:
		return frames[:limit]
	}
	return frames[len(frames)-limit:]
}

// PrintStack writes [Task.Stack], with the same limit, as text; for a failed task its
// error too. See Task.print_stack.
func (t *taskBase) PrintStack(w io.Writer, limit int) error {
	t.mustBeMade("PrintStack")
	f := t.future
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

// A probe asks a waiting stack which calls are on it. Only its own goroutine can answer,
// so the stack receives control and hands it straight back. The alternative is to know
// the id of each task's goroutine, a word for each of a million tasks, and to search for
// it in a dump of all goroutines.
type probe struct {
	back *coro.Stack // the stack that asks; nil: the owner of a loop that does not run
	pcs  []uintptr   // room for the answer
	n    int         // how much of it is used
}

// answer answers l.probe on the goroutine of s. It returns when s receives control again.
func (l *Loop) answer(s *coro.Stack) {
	p := l.probe
	p.n = runtime.Callers(1, p.pcs)
	if p.back == nil {
		p.back = l.group.Home()
	}
	s.Switch(p.back)
}

// stackOf returns the calls on the stack on which t stands, also those of other tasks on
// it; nil if t stands on none.
func (l *Loop) stackOf(t *taskBase) []uintptr {
	if t.stack == nil {
		return nil
	}
	for room := 128; ; room *= 4 {
		p := &probe{pcs: make([]uintptr, room)}
		l.probeStack(p, t.stack)
		if p.n < room {
			return p.pcs[:p.n]
		}
	}
}

// probeStack makes the goroutine of to answer p.
func (l *Loop) probeStack(p *probe, to *coro.Stack) {
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
	l.updateFlags()
	if runs {
		p.back = here
		here.Switch(to)
	} else {
		l.group.Visit(to)
	}
	l.probe = nil
	l.updateFlags()
}

// frames returns the calls of t, innermost first. pcs are those of its stack, if it has
// one.
func (l *Loop) frames(t *taskBase, pcs []uintptr) []inspect.Frame {
	switch {
	case t.future.state == failed:
		if p, ok := t.future.err.(*PanicError); ok {
			return panicFrames(p.Stack)
		}
		return nil
	case t.future.state != pending:
		return nil
	case pcs == nil:
		return t.functionFrame()
	}
	// On a stack with several tasks, the calls of each end with its Task.run.
	var tasks [][]inspect.Frame
	var own []inspect.Frame
	for it := runtime.CallersFrames(pcs); ; {
		f, more := it.Next()
		switch {
		case isRun(f.Function):
			tasks = append(tasks, own)
			own = nil
		case !isOurs(f.Function):
			own = append(own, frameOf(f))
		}
		if !more {
			break
		}
	}
	if frames := tasks[len(tasks)-1-int(t.depth)]; len(frames) > 0 {
		return frames
	}
	return t.functionFrame() // the function has not been called: the task waits for a slot of its group
}

// functionFrame returns the function of t as a stack of its own.
func (t *taskBase) functionFrame() []inspect.Frame {
	return []inspect.Frame{funcInfoOf(t.code).Frame}
}

func frameOf(f runtime.Frame) inspect.Frame {
	return inspect.Frame{Func: path.Base(f.Function), File: f.File, Line: f.Line}
}

// framesOf returns the calls of a recorded stack, innermost first, without those below
// the task's function.
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
			frames = append(frames, frameOf(f))
		}
		if !more {
			return frames
		}
	}
}

// runName is the name of Task.run, as stacks show it.
var runName = packagePath + ".(*Task[...]).run"

// isRun reports whether name is the name of Task.run.
func isRun(name string) bool { return name == runName }

// panicFrames parses the stack of a PanicError. It has two lines per call: the function
// with its arguments, and the position.
func panicFrames(stack []byte) (frames []inspect.Frame) {
	lines := strings.Split(string(stack), "\n")
	for i := 0; i+1 < len(lines); i++ {
		position, ok := strings.CutPrefix(lines[i+1], "\t")
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
		position, _, _ = strings.Cut(position, " ")
		k := strings.LastIndex(position, ":")
		line, _ := strconv.Atoi(position[k+1:])
		frames = append(frames, inspect.Frame{Func: path.Base(name), File: position[:max(k, 0)], Line: line})
	}
	return frames
}
