package asyncio

import (
	"cmp"
	"context"
	"runtime"
	"slices"

	"example.com/asyncio/inspect"
	"example.com/asyncio/internal/coro"
)

// How control passes from task to task.
//
// The loop has no goroutine of its own. A suspending task picks the next runnable itself
// and hands control to it: to itself (no switch), or to another task's stack (one
// switch). Everything else runs on a bare stack, a stack without a task: callbacks,
// waiting for time and for other goroutines, and the start of tasks. The exception is a
// task that the suspending task awaits and that has not begun: it runs on top of its
// awaiter (see successor).
//
//   - User code in a callback may do anything to its goroutine, which no task depends on.
//   - A suspended task keeps no more stack than its own calls need.
//
// docs/decisions/0002-bare-stacks.md has the reasons, docs/images/control.svg a picture.

// An eagerStart is a task that was started inside the call that created it and has not
// suspended yet, and the stack that waits for that.
type eagerStart struct {
	task    *taskBase   // the task that was started
	creator *taskBase   // the task that called create; nil: a callback did
	caller  *coro.Stack // the stack that waits: that of creator, or of the callback
}

// newBody returns the function of a bare stack. It takes the next entry and runs it here,
// or hands control to the stack on which that entry's task stands.
//
// The frames of this function and of those between it and a task's own code stay on the
// stack of each suspended task. They are few and small, so that with them a task whose
// function is shallow fits into 2 KiB, the smallest stack.
func newBody(l *Loop) func(*coro.Stack) {
	return func(s *coro.Stack) {
		defer l.stackDied(s)
		for {
			if l.callStack != s { // a comparison is cheaper than writing a pointer
				l.callStack = s
			}
			e, ok := l.nextOnBareStack()
			if !ok {
				if !l.group.Leave(s) {
					break
				}
				continue
			}
			t := e.task()
			if t == nil {
				l.callEntry(s, e)
				continue
			}
			to := t.stack
			if to == nil {
				// The next task that suspends finds a stack to hand control to. It need
				// not create one on its own stack, which may have no room for that.
				l.group.Reserve()
				t.stack = s
				l.enter(t)
				if l.watched {
					l.noteStep(inspect.TaskStarted, t)
				}
				t.future.self.run()
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

// nextOnBareStack takes the entry that a suspending task left to a bare stack, otherwise
// the next one. It returns false if the loop must return.
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
		l.clock.begin(e)
	}
	return e, ok
}

// enter makes t the current task.
func (l *Loop) enter(t *taskBase) {
	l.current = t
	if l.debug {
		l.setHere(t.stack)
	}
}

// leave removes t, which has ended, from the loop. It returns the stack that waits for
// t's eager start; nil if there is none.
func (l *Loop) leave(t *taskBase) (to *coro.Stack) {
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

// suspend runs everything else that is ready, until t's entry comes up. child is the only
// future that can wake t; nil if there are others.
//
// Yield and Await spell this out, and coro's Switch with it: the collector scans each
// frame between a task's code and the runtime's switch, and the processor mispredicts its
// return.
func (l *Loop) suspend(t *taskBase, child *futureBase) {
	if to := l.successor(t, child); to != nil {
		t.stack.Switch(to)
	}
	l.resume(t)
}

// successor returns the stack that receives control when t suspends; nil if t is next
// itself.
//
// If child is next and has not begun, it runs here, on top of t: t cannot be resumed
// before child has ended. Starting it elsewhere takes two switches, most of the cost of a
// short task.
func (l *Loop) successor(t *taskBase, child *futureBase) *coro.Stack {
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
		e, ok := l.tryNext()
		if e == &t.head {
			return nil
		}
		if ok && e.kind == kindTask {
			next := e.task()
			if next.stack != nil {
				return next.stack
			}
			if next.future == child && t.depth < maxDepth {
				l.runOnTop(next, t)
				continue
			}
		}
		l.handoff = e
		return l.group.Idle()
	}
}

// resume is the first thing that t does when it has control again.
func (l *Loop) resume(t *taskBase) {
	if l.slowPath {
		l.resumeSlow(t)
		return
	}
	l.current = t
}

// resumeSlow is resume with a probe, an observer, debug mode, or a loop that closes.
func (l *Loop) resumeSlow(t *taskBase) {
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

// maxDepth is how many tasks may stand on top of each other. Without a limit a stack
// could grow to 1 GB, where Go ends the program.
const maxDepth = 32

// runOnTop runs t from beginning to end on the stack of below, which awaits it.
func (l *Loop) runOnTop(t, below *taskBase) {
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
	t.future.self.run()
	returned = true
	l.leave(t)
}

// diedOnTop ends t after user code has ended its goroutine with runtime.Goexit, or t was
// killed. The task below dies with it, as a function dies when one that it called calls
// Goexit: its deferred calls run next, as the current task. Its await does not return, so
// it must not be woken.
func (l *Loop) diedOnTop(t, below *taskBase) {
	err := ErrExited
	if l.ends() {
		err = t.killedError()
	} else {
		l.exited = true
		l.Stop()
	}
	t.future.removeTask(below)
	t.exit(err)
	l.leave(t)
	l.enter(below)
}

// startNow runs t until it suspends or ends, while the caller waits.
func (l *Loop) startNow(t *taskBase) {
	creator, override := l.current, l.override
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
	l.current, l.override, l.callStack = creator, override, here
	if l.debug {
		l.setHere(here)
	}
	if l.watched && creator != nil {
		l.stepGoesOn()
	}
}

// endEagerStart returns the stack that waits for t to suspend or end; nil if there is
// none.
func (l *Loop) endEagerStart(t *taskBase) *coro.Stack {
	last := len(l.eager) - 1
	if last < 0 || l.eager[last].task != t {
		return nil
	}
	to := l.eager[last].caller
	l.eager = l.eager[:last]
	return to
}

// callEntry makes the call of an entry that is not a task, on the bare stack s.
func (l *Loop) callEntry(s *coro.Stack, e entry) {
	if r := e.registration(); r != nil {
		l.call(s, &r.shared.call.Handle, r.take())
		return
	}
	h := e.handle()
	var f *futureBase
	if c := h.callback(); c != nil {
		f = c.future
	}
	l.call(s, h, f)
}

// call makes the call of h on the bare stack s. f is the future of a callback or
// registration.
func (l *Loop) call(s *coro.Stack, h *Handle, f *futureBase) {
	if h.cancelled {
		return
	}
	vars := h.ContextVars()
	l.current, l.override = nil, vars
	if l.debug {
		l.setHere(s)
	}
	fn := h.fn // for a report: the call drops it
	var done func(context.Context, AnyFuture)
	if c := h.callback(); c != nil {
		done = c.done
	}
	if l.watched && (fn != nil || done != nil) {
		l.noteCall(inspect.CallBegun, h)
		defer l.noteCall(inspect.CallEnded, h)
	}
	returned := false
	defer func() {
		if !returned {
			if p := recover(); p != nil {
				c := &callback{Handle: *h, done: done}
				c.fn, c.vars = fn, vars
				l.reportCallPanic(p, c)
			}
		}
		l.override = nil
	}()
	for {
		returned = false
		h.call(f)
		returned = true
		if f = l.nextOf(h); f == nil {
			return
		}
	}
}

// reportCallPanic reports the panic p of the call c.
func (l *Loop) reportCallPanic(p any, c *callback) {
	what := c.Func()
	l.report(c.vars, &ExceptionContext{
		Message:   "panic in callback " + what,
		Exception: newPanicError(p, "callback "+what),
		Handle:    &c.Handle,
		Source:    c.made.text(),
	})
}

// nextOf takes the next entry if it is another call of the shared h, and returns its
// future; nil otherwise. The children of a gather often end together.
func (l *Loop) nextOf(h *Handle) *futureBase {
	if h.kind != kindShared || h.cancelled || l.turnLeft == 0 || l.stepwise || l.watched {
		return nil
	}
	r := l.ready.At(0).registration()
	if r == nil || &r.shared.call.Handle != h {
		return nil
	}
	l.turnLeft--
	l.ready.Pop()
	return r.take()
}

// stackDied is the last act of a goroutine that user code ended with runtime.Goexit or
// that was killed. It hands control on. It also handles a panic in what the loop itself
// calls on the stack: the driver, or the function of SetOrder.
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
			t.exit(t.killedError())
			l.leave(t)
			s.Abandon(l.group.Home())
			return
		}
		t.exit(ErrExited)
		to = l.leave(t)
	}
	l.exited = true
	l.Stop()
	if to == nil {
		to = l.group.Idle()
	}
	s.Abandon(to)
}

// kill ends a task of a loop that closes.
func (l *Loop) kill(t *taskBase) {
	if t.stack == nil {
		t.exit(misuse(ErrLoopClosed, "%s never ran", t.describeShort()))
		l.leave(t)
		return
	}
	l.group.Visit(t.stack)
}

// killedError is the outcome of a task that kill ended.
func (t *taskBase) killedError() error {
	return misuse(ErrLoopClosed, "%s was killed", t.describeShort())
}

// all returns the unfinished tasks in order of creation.
func (l *Loop) all() []*taskBase {
	all := make([]*taskBase, 0, l.alive)
	add := func(t *taskBase) {
		if t != nil && t.index == 0 {
			all = append(all, t)
		}
	}
	add(l.current)
	for _, e := range l.eager {
		add(e.creator)
		add(e.task)
	}
	for i := range l.ready.Len() {
		add(l.ready.At(i).task())
	}
	for _, t := range l.suspended.slots {
		if t != nil {
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b *taskBase) int { return cmp.Compare(a.number(), b.number()) })
	return slices.Compact(all) // a task that was started eagerly may also be the current one
}

func (l *Loop) describeAll() (lines []string) {
	for _, t := range l.all() {
		lines = append(lines, t.describe())
	}
	return lines
}
