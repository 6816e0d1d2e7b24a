package asyncio

import (
	"context"
	"runtime"
	"unsafe"

	"example.com/asyncio/inspect"
	"example.com/asyncio/internal/coro"
)

// A strand is the part of a task that the loop knows: something that runs on a
// stack, may stand still there, and goes on when its entry of the ready queue
// comes round.
//
// The loop has no goroutine of its own. Whoever suspends looks for what is next
// and hands control straight to it: to itself (no switch at all), or to another
// strand's stack (one switch). All else is done on a bare stack, on which no
// strand stands: callbacks, waiting, the start of tasks, but for one that the strand which
// suspends awaits (see suspend). User code in a callback can thus do what it likes to its
// goroutine, and a suspended task costs no more stack than its own calls need.
type strand struct {
	head               // first: see entry
	stack *coro.Stack  // on which it runs or stands; nil before and after
	own   ContextVars  // in which it runs
	given *ContextVars // in place of own, or nil
	index uint32       // in Loop.strands, from 1; 0: not there
	epoch uint32       // of its future's number
}

// An eagerStart is a strand that was started inside of the call that made it
// and has not suspended, and the stack that waits for that.
type eagerStart struct {
	strand  *strand
	creator *strand // nil: a callback
	caller  *coro.Stack
}

// runnable is the task of a strand.
type runnable interface {
	exited(err error)      // it has ended, or will never begin, for a reason outside of its code
	describe() string      // what it is and what it waits for, on a line
	describeShort() string // what it is
}

func (s *strand) of() runnable { return s.future().self.(runnable) }

// future returns the future of the task of which s is a part. It stands right before s in a Task: to note where would cost a
// word in each of many, and the collector a look at it.
func (s *strand) future() *futureBase {
	return (*futureBase)(unsafe.Add(unsafe.Pointer(s), -int(unsafe.Sizeof(futureBase{}))))
}

// number returns which of the loop's futures s's is, without an end to the numbers.
func (s *strand) number() uint64 { return uint64(s.epoch)<<32 | uint64(s.future().seq) }

// context returns the Context in which s runs.
func (s *strand) contextVars() *ContextVars {
	if s.given != nil {
		return s.given
	}
	return &s.own
}

// task returns the task of which s is a part: its first field.
func (s *strand) task() *taskBase { return (*taskBase)(unsafe.Pointer(s)) }

// newBody returns what a bare stack does: it takes what is next, and runs it here
// or hands control to where it stands.
//
// The frames of this function and of those between it and a task's own code
// stay on the stack of each suspended task. They are kept small and few: with them
// and a shallow function of its own a task must fit into 2 KiB, the least stack there is.
func newBody(l *Loop) func(*coro.Stack) {
	return func(s *coro.Stack) {
		defer l.stackDied(s)
		for {
			if l.callStack != s { // to look is cheaper than to write a pointer
				l.callStack = s
			}
			e, ok := l.nextOnBareStack()
			if !ok {
				if !l.group.Leave(s) {
					break
				}
				continue
			}
			t := e.strand()
			if t == nil {
				h, f := e.taken()
				l.call(s, h, f)
				continue
			}
			to := t.stack // where t stands
			if to == nil {
				// The next to suspend finds a stack to hand control to, and need not make one
				// on its own, where there may be no room for it.
				l.group.Reserve()
				t.stack = s
				l.enter(t)
				if l.watched {
					l.noteStep(inspect.TaskStarted, t)
				}
				t.future().self.run()
				if to = l.leave(t); to == nil {
					continue
				}
			}
			if !s.Rest(to) {
				break
			}
		}
		s.Ended = true
	}
}

// nextOnBareStack takes what a suspended strand left to do, or else what is next;
// false if the loop is to leave.
func (l *Loop) nextOnBareStack() (entry, bool) {
	if e := l.handoff; e != nil {
		l.handoff = nil
		return e, true
	}
	if l.turnLeft > 0 && !l.stepwise {
		l.turnLeft--
		return l.ready.Pop(), true
	}
	if l.clock.step != nil {
		l.clock.end(l)
	}
	e, ok := l.next()
	if l.debug && ok { // an eager start is part of its creator's step
		l.clock.begin(l, e)
	}
	return e, ok
}

func (l *Loop) enter(t *strand) {
	l.current = t
	if l.debug {
		l.setHere(t.stack)
	}
}

// leave ends a strand, and returns the stack that waits for it, if it is one that
// was started eagerly and has not suspended.
func (l *Loop) leave(t *strand) (to *coro.Stack) {
	to = l.endEagerStart(t)
	if l.watched {
		l.noteEnd(t)
	}
	t.stack = nil
	l.current = nil
	if t.index != 0 {
		l.suspended.remove(t)
	}
	l.alive--
	return to
}

// suspend lets all else that is ready run, until the entry of the strand that
// calls it comes round. child, which may be nil, is for whose end alone t waits.
//
// Yield and await do the same in place: each frame between a task's code and the runtime's switch is walked
// through by the collector, and its return is one that the processor does not foresee.
func (l *Loop) suspend(t *strand, child *futureBase) {
	if to := l.successor(t, child); to != nil && !t.stack.Cross(to) {
		t.stack.Forward()
	}
	l.resume(t)
}

// successor returns the stack to hand control to when t suspends, nil if t is next itself.
//
// If child, for whose end t waits, is next and has not begun, it runs right here, on top of t: t cannot
// go on before it has ended. To start it elsewhere takes two switches, which is most of what a short task costs.
func (l *Loop) successor(t *strand, child *futureBase) *coro.Stack {
	if t.index == 0 {
		l.suspended.add(t)
	}
	if l.watched && !l.countsOnly() {
		l.noteSuspend(t)
	}
	if to := l.endEagerStart(t); to != nil {
		return to
	}
	for {
		e, ok := l.nextAtHand()
		if e == &t.head {
			return nil
		}
		if ok && e.kind == kindTask {
			next := e.strand()
			if next.stack != nil {
				return next.stack
			}
			if next.future() == child && t.depth < maxDepth {
				l.runOnTop(next, t)
				continue
			}
		}
		l.handoff = e
		return l.group.Idle()
	}
}

// goOn is what t does first when control has come back to it.
func (l *Loop) resume(t *strand) {
	if l.slowPath {
		l.resumeSlow(t)
		return
	}
	l.current = t
}

// goOnOddly has t go on in the few cases in which there is more to it than to enter.
func (l *Loop) resumeSlow(t *strand) {
	for l.probe != nil {
		l.answer(t.stack)
	}
	l.enter(t)
	if l.ends() {
		runtime.Goexit() // see kill
	}
	if l.watched && !l.countsOnly() {
		l.noteStep(inspect.TaskResumed, t)
	}
}

// A probe is a question to a stack that stands still: what calls are on it. Only the goroutine itself can tell. So it is handed
// control, and hands it straight back. To know a goroutine's id instead would cost each of a million tasks a word, and a dump of all
// goroutines to find it.
type probe struct {
	back *coro.Stack // who asks; nil: one who holds a loop that does not run
	pcs  []uintptr   // room for the answer
	n    int         // of that used
}

// answer has s, whose goroutine this is, answer l.probe; it returns when s is handed control again.
func (l *Loop) answer(s *coro.Stack) {
	p := l.probe
	p.n = runtime.Callers(1, p.pcs)
	if p.back == nil {
		p.back = l.group.Home()
	}
	s.Switch(p.back)
}

// maxDepth is how many strands stand on top of each other. Without a bound a stack could grow to where Go
// ends the program: a thousand million bytes.
const maxDepth = 32

// runOnTop runs t from its beginning to its end on the stack of below, which awaits it.
func (l *Loop) runOnTop(t, below *strand) {
	l.group.Reserve() // see newBody
	t.stack, t.depth = below.stack, below.depth+1
	l.enter(t)
	if l.watched {
		l.noteStep(inspect.TaskStarted, t)
	}
	returned := false
	defer func() {
		if !returned {
			l.diedOnTop(t, below)
		}
	}()
	t.future().self.run()
	returned = true
	l.leave(t)
}

// diedOnTop is what happens when user code ends the goroutine of t with runtime.Goexit, or t is killed. The
// strand below dies with it, as a function does in which one that it called calls Goexit: its deferred
// calls run next, in its name. Its await does not return, so it must not be woken.
func (l *Loop) diedOnTop(t, below *strand) {
	err := ErrExited
	if l.ends() {
		err = misuse(ErrLoopClosed, "%s was killed", t.of().describeShort())
	} else {
		l.exited = true
		l.Stop()
	}
	t.future().removeWaiters(func(e entry) bool { return e == &below.head })
	t.of().exited(err)
	l.leave(t)
	l.enter(below)
}

// startNow runs a strand until it suspends or ends, while the caller waits.
func (l *Loop) startNow(t *strand) {
	creator, vars := l.current, l.override
	here := l.callStack
	if creator != nil {
		here = creator.stack
	}
	if l.watched && creator != nil {
		l.stepPauses(creator)
	}
	l.eager = append(l.eager, eagerStart{t, creator, here})
	l.handoff = &t.head
	l.outer = append(l.outer, l.contextVars())
	l.override = nil
	here.Switch(l.group.Idle())
	for l.probe != nil {
		l.answer(here)
	}
	l.outer = l.outer[:len(l.outer)-1]
	l.current, l.override, l.callStack = creator, vars, here
	if l.debug {
		l.setHere(here)
	}
	if l.watched && creator != nil {
		l.stepGoesOn()
	}
}

// endEagerStart returns the stack that waits for t to suspend or end, or nil.
func (l *Loop) endEagerStart(t *strand) *coro.Stack {
	last := len(l.eager) - 1
	if last < 0 || l.eager[last].strand != t {
		return nil
	}
	to := l.eager[last].caller
	l.eager = l.eager[:last]
	return to
}

// call calls back on a bare stack. f is the future that h's call is told of, or that gets its outcome.
func (l *Loop) call(s *coro.Stack, h *Handle, f *futureBase) {
	if h.cancelled {
		return
	}
	c := h.ContextVars()
	l.current, l.override = nil, c
	if l.debug {
		l.setHere(s)
	}
	fn := h.fn
	done := (func(context.Context, AnyFuture))(nil)
	if cb := h.callback(); cb != nil {
		done = cb.done
	}
	if l.watched && (fn != nil || done != nil) {
		l.noteCall(inspect.CallBegun, h)
		defer l.noteCall(inspect.CallEnded, h)
	}
	returned := false
	defer func() {
		if !returned {
			if p := recover(); p != nil {
				h := &callback{Handle: *h, done: done}
				h.vars, h.fn = c, fn // for its description
				what := h.what()
				l.report(c, &ExceptionContext{
					Message:   "panic in callback " + what,
					Exception: newPanicError(p, "callback "+what),
					Handle:    &h.Handle,
					Source:    h.made.text(),
				})
			}
		}
		l.override = nil
	}()
	for ; f != nil || !returned; f = l.nextOf(h) {
		returned = false
		h.call(f)
		returned = true
	}
}

// nextOf takes the next entry, if it is one more call of the shared h, and returns the future that this is about: the children of a
// gather end together.
func (l *Loop) nextOf(h *Handle) *futureBase {
	if h.kind != kindRegistration || h.cancelled || l.turnLeft == 0 || l.stepwise || l.watched {
		return nil
	}
	if e := l.ready.At(0); e.kind != kindRegistration || &(*registration)(unsafe.Pointer(e)).shared.shared.Handle != h {
		return nil
	}
	l.turnLeft--
	_, f := l.ready.Pop().taken()
	return f
}

// stackDied is the last act of a goroutine that user code ended with
// runtime.Goexit, or that was killed. Control goes on without it. It also is that of one on which
// something panicked that the loop calls for itself: the driver, or an order's function.
func (l *Loop) stackDied(s *coro.Stack) {
	if s.Ended || l.group.Closing() {
		return
	}
	if p := recover(); p != nil {
		l.fatal = newPanicError(p, "the loop")
	}
	to := (*coro.Stack)(nil)
	if t := l.current; t != nil && t.stack == s {
		if l.ends() {
			t.of().exited(misuse(ErrLoopClosed, "%s was killed", t.of().describeShort()))
			l.leave(t)
			s.Abandon(l.group.Home())
			return
		}
		t.of().exited(ErrExited)
		to = l.leave(t)
	}
	l.exited = true
	l.Stop()
	if to == nil {
		to = l.group.Idle()
	}
	s.Abandon(to)
}

// kill ends a strand of a loop that closes.
func (l *Loop) kill(t *strand) {
	if t.stack == nil {
		t.of().exited(misuse(ErrLoopClosed, "%s never ran", t.of().describeShort()))
		l.leave(t)
		return
	}
	l.group.Visit(t.stack)
}
