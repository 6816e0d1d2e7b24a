package asyncio

import (
	"cmp"
	"math"
	"slices"

	"example.com/asyncio/inspect"
)

// How a cancel request finds the code that receives it.
//
// Cancel of a task visits the chain of awaits that begins with the task: the task, the
// task that it awaits, and so on. Each task of the chain counts the request and its ctx
// is done. The last task of the chain receives it, in the way that the table gives; all
// others have forwarded it.
//
//	the last task ...           | what happens             | its next step
//	----------------------------+--------------------------+---------------------------
//	has not begun               | mustCancel is set        | ends, its function unused
//	runs or is ready            | mustCancel is set        | its next await fails
//	awaits a future, accepted   | the future is cancelled  | its await fails
//	awaits a future, refused    | mustCancel is set        | fails when that is done
//	awaits a future, done       | mustCancel is set        | its await fails
//	awaits a visited task       | mustCancel, it is woken  | its await fails
//
// A future accepts a request unless it stands for others that all refuse it, as a gather
// of finished tasks does. If the future is done, its outcome stays with it. A visited
// task closes a cycle, which the failing await breaks.
//
// The request takes three steps, each a function: visitChain follows the awaits,
// deliverRequest applies the table to the last task, and endVisits clears the marks and
// notes the request in the tasks that forwarded it. The tasks' own code runs later and
// may refuse the cancel.
//
// The chain is followed by a loop and not by recursion, so that a chain of a million
// tasks needs no deep stack. Each task is visited once, so that a cycle ends; CPython
// overflows its stack there (cpython#80637). Recursion remains where a chain leads
// through a future that forwards the request to several others, such as a gather: see
// Loop.inCycle.

// requestCancel requests a cancel of t, with by as the requester. It returns false if t
// is done, or if the same request is visiting t: it came back along a cycle.
func (t *taskBase) requestCancel(by, message any) bool {
	return t.requestCancelOf(&t.signal, by, message)
}

// requestCancelOf is requestCancel for a block that cancels its task: it closes s, the
// signal of the ctx of the body, and leaves the task's ctx open.
func (t *taskBase) requestCancelOf(s *cancelSignal, by, message any) bool {
	if t.future.state != pending {
		t.future.read()
		return false
	}
	if t.visited {
		t.future.loop.inCycle = true
		return false
	}
	last, cycle := t.visitChain(s)
	defer t.endVisits(last) // also if a function of WithCancel panics
	t.deliverRequest(last, cycle, by, message)
	return true
}

// visitChain marks the tasks of the chain that begins with t and counts the request in
// each. It closes s for t, and the signals of the others. It returns the last task, and
// whether that awaits a task that was visited before.
func (t *taskBase) visitChain(s *cancelSignal) (last *taskBase, cycle bool) {
	for last = t; ; s = &last.signal {
		last.visited = true
		last.cancels = min(last.cancels, math.MaxInt16-1) + 1
		s.close()
		next := last.awaitedTask()
		if next == nil || next.visited {
			return last, next != nil
		}
		last = next
	}
}

// awaitedTask returns the unfinished task that t awaits; nil if it awaits none.
func (t *taskBase) awaitedTask() *taskBase {
	if f := t.waits; f != nil && f.state == pending && f.isTask {
		return f.self.task()
	}
	return nil
}

// deliverRequest gives the request to last, the end of the chain that begins with t.
func (t *taskBase) deliverRequest(last *taskBase, cycle bool, by, message any) {
	l, f := t.future.loop, last.waits
	accepted := false
	if f != nil && f.state == pending && !cycle {
		_, toOthers := f.outcomeSource().(cancelFunc) // f may forward it, as a gather does
		accepted, cycle = l.cancelAwaited(f, trail(by, t, last, toOthers), message)
	}
	receiver := last
	if cycle {
		receiver = last.topOfStack()
		f = receiver.waits
	}
	if !accepted || cycle {
		receiver.request, receiver.mustCancel = newCancelledError(trail(by, t, last, false), message), true
	} else {
		last.noteForwarded(forwardedError(f, by, message))
	}
	if l.watched {
		l.noteCancel(t, last, by, message)
	}
	// removeTask is false if it was woken already, for example by an earlier cancel.
	if cycle && f != nil && f.removeTask(receiver) {
		l.ready.Push(&receiver.head)
	}
}

// cancelAwaited cancels f, and reports whether f accepted the request and whether the
// request came back to a task that it had visited.
func (l *Loop) cancelAwaited(f *futureBase, by, message any) (accepted, cycle bool) {
	outer := l.inCycle // what an outer request has found so far
	l.inCycle = false
	defer func() { cycle, l.inCycle = l.inCycle, outer }()
	return f.cancel(by, message), false
}

// endVisits clears the marks of the chain from t to last, and notes the request in the
// tasks that forwarded it.
//
// It clears them now, and not in deliverRequest: a future may have forwarded the request
// to tasks of the chain, which must find the marks. Another path to the same task is no
// cycle.
func (t *taskBase) endVisits(last *taskBase) {
	request := last.forwardedRequest(t)
	for at := t; at != last; at = at.waits.self.task() {
		at.visited = false
		at.noteForwarded(request)
	}
	last.visited = false
}

// topOfStack returns the task that stands on top of t's stack because t and the tasks
// between await it; t itself if there is none. The tasks below cannot run before it has
// ended.
func (t *taskBase) topOfStack() *taskBase {
	for {
		top := t.awaitedTask()
		if top == nil || t.stack == nil || top.stack != t.stack || top.depth <= t.depth {
			return t
		}
		t = top
	}
}

// originHere returns by, with the position in the source code if that is recorded.
func (l *Loop) originHere(by any) any {
	if !l.debug && l.record&inspect.RecordPlaces == 0 {
		return by
	}
	o := cancelOrigin{by: by, site: callers()}
	if forwarded, ok := by.(*cancelOrigin); ok {
		o.by, o.via, o.site = forwarded.by, forwarded.via, cmp.Or(forwarded.site, o.site)
	}
	return &o
}

// trail adds the tasks that forwarded the request to by and returns the result. They are
// the tasks from first to last. last is among them only with toOthers: if the future that
// it awaits may forward the request.
func trail(by any, first, last *taskBase, toOthers bool) any {
	if first == last && !toOthers {
		return by // the usual case
	}
	o := cancelOrigin{by: by}
	if before, ok := by.(*cancelOrigin); ok {
		o = *before
		o.via = slices.Clone(o.via)
	}
	at := first
	for ; at != last; at = at.waits.self.task() {
		o.via = append(o.via, at.public())
	}
	if toOthers {
		o.via = append(o.via, at.public())
	}
	return &o
}

// forwardedRequest returns the request of t for the tasks that forwarded it, marked as
// forwarded. They are those of the chain from first up to t, without t. If there are
// none, it returns the request as it is.
func (t *taskBase) forwardedRequest(first *taskBase) *CancelledError {
	if first == t || t.request == nil || t.request.forwarded {
		return t.request
	}
	e := *t.request
	e.forwarded = true
	return &e
}

// forwardedError returns the request that a task has forwarded to f, marked as forwarded:
// the CancelledError of f itself, or a new one if f has none yet.
func forwardedError(f *futureBase, by, message any) *CancelledError {
	e, ok := f.err.(*CancelledError)
	if !ok {
		e = newCancelledError(by, message)
	}
	e.forwarded = true
	return e
}

// noteForwarded records a request that t has forwarded. The message of the last request
// that t received itself is kept, as in CPython.
func (t *taskBase) noteForwarded(request *CancelledError) {
	if own := t.request.ownMessage(); request != nil && (own != nil || request.ownMessage() != nil) {
		e := *request
		o := cancelOrigin{by: e.by}
		if before, ok := e.by.(*cancelOrigin); ok {
			o = *before
		}
		o.ownMessage = own
		e.by = &o
		request = &e
	}
	t.request = request
}

// Cancel cancels f and wakes its awaiters with a [CancelledError]. It returns false, and
// does nothing, if f is done. See Future.cancel.
//
// On a [Task], Cancel only requests cancellation and returns immediately.
//
//   - The future that the task awaits is cancelled in turn. If the task awaits none, its
//     next await fails. It receives one CancelledError per request.
//   - The task ends cancelled if its function returns that error or one that wraps it. It
//     may await in its cleanup first. A task that has not begun never calls its function.
//   - Its ctx is done from now on. Requests are counted: see [Task.Cancelling].
//
// See Task.cancel.
func (f *futureBase) Cancel() bool { return f.CancelWith(nil) }

// CancelWith is [Future.Cancel] with a message, which the CancelledError carries.
func (f *futureBase) CancelWith(message any) bool {
	f.mustBeMade("Cancel")
	if f.loop.debug {
		f.loop.mustBeHere("Cancel")
	}
	return f.cancel(f.loop.originHere(f.loop.requester()), message)
}

// cancelBy cancels f with by as the requester, for example a block.
func cancelBy(by any, f AnyFuture, message any) bool {
	b := f.base()
	b.mustBeMade("cancelBy")
	if b.loop.debug {
		b.loop.mustBeHere("cancelBy")
	}
	return b.cancel(b.loop.originHere(by), message)
}

func (f *futureBase) cancel(by, message any) bool {
	if f.state != pending {
		f.read()
		return false
	}
	if f.isTask {
		return f.self.task().requestCancel(by, message)
	}
	if source := f.outcomeSource(); source != nil {
		l := f.loop
		outer := l.onBehalfOf
		l.onBehalfOf = by // the requester of the cancels that source makes
		defer func() { l.onBehalfOf = outer }()
		return source.cancel(by, message)
	}
	f.finish(cancelled, newCancelledError(by, message))
	return true
}

// CancelMessage returns the message of the last cancel request that f itself received;
// nil if there is none or f forwarded it. Unlike Exception it does not read the task's
// CancelledError, which only the first reader gets with its message. See
// Future._cancel_message.
func (f *futureBase) CancelMessage() any {
	switch {
	case f.reader != anyReader:
	case f.isTask:
		return f.self.task().request.ownMessage()
	case f.state == cancelled:
		if e, ok := f.err.(*CancelledError); ok {
			return e.Message
		}
	}
	return nil
}

// A WithCancel option is a cancelFunc.
type cancelFunc func(message any) bool

func (c cancelFunc) cancel(_, message any) bool { return c(message) }
func (c cancelFunc) deliver()                   {}
func (c cancelFunc) applyFuture(f *futureBase)  { f.extra().source = c }

// WithCancel makes Cancel of the pending future call fn, instead of cancelling the
// future, and return fn's result. A future that stands for others forwards the request in
// this way, as Gather's does. A nil fn panics ([ErrInvalidArgument]). See Future.cancel,
// which asyncio overrides.
func WithCancel(fn func(message any) bool) FutureOption {
	if fn == nil {
		panic(misuse(ErrInvalidArgument, "WithCancel with a nil function; pass a func(message any) bool, or omit the option"))
	}
	return cancelFunc(fn)
}
