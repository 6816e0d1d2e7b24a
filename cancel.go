package asyncio

import (
	"math"
	"slices"

	"example.com/asyncio/inspect"
)

// requestCancel asks the task to cancel: what it waits for is cancelled in its
// turn, down to the innermost future; or else the next await that it does, or is
// in, fails. The task's own code runs later, and may refuse.
func (t *taskBase) requestCancel(by, message any) bool {
	return t.cancelAs(by, message, &t.signal)
}

// cancelAs is requestCancel with s in place of the signal of the task's ctx.
//
// It follows a chain of awaits in a loop, not by recursion, so that a long one
// needs no deep stack. In a circle it visits each task once: one that can go on then gets
// its CancelledError without regard to what it waits for, which ends the circle.
func (t *taskBase) cancelAs(by, message any, s *cancelSignal) bool {
	if t.future().state != pending {
		t.future().read()
		return false
	}
	l := t.future().loop
	if t.visited {
		l.inCircle = true
		return false
	}
	visited, last := 0, t
	for ; ; visited++ {
		last.visited = true
		last.cancels = min(last.cancels, math.MaxInt16-1) + 1
		s.close()
		f := last.waits
		var next *taskBase
		if f != nil && f.state == pending && f.isTask {
			next = f.self.(AnyTask).task()
		}
		if next != nil && !next.visited {
			last, s = next, &next.signal
			continue
		}
		above := l.inCircle // what those have found from whom the cancel comes
		l.inCircle = false
		toOthers := false
		if f != nil {
			_, toOthers = f.outcomeSource().(cancelFunc)
		}
		passedOn := f != nil && f.state == pending && next == nil && f.cancel(trail(by, t, last, toOthers), message)
		circle := next != nil || l.inCircle // directly, or through a future of others
		l.inCircle = above
		breaker := last // of the circle; one that can go on
		for top := breaker.coveredBy(f); circle && top != nil; top = breaker.coveredBy(f) {
			breaker, f = top, top.waits
		}
		if !passedOn || circle {
			breaker.request, breaker.mustCancel = newCancelledError(trail(by, t, last, false), message), true
		} else {
			last.noteForwarded(forwardedError(f, by, message))
		}
		if l.watched {
			l.noteCancel(t, last, by, message)
		}
		// Unless it was woken already, by an earlier cancel say.
		if circle && f != nil && f.removeWaiters(func(e entry) bool { return e == &breaker.head }) > 0 {
			l.ready.Push(&breaker.head)
		}
		break
	}
	// What a future has passed the cancel on to was visited meanwhile. Another way
	// to the same task is no circle.
	request := last.forwardedRequest(t)
	for at := t; ; at = at.waits.self.(AnyTask).task() {
		at.visited = false
		if at != last {
			at.noteForwarded(request)
		}
		if visited--; visited < 0 {
			return true
		}
	}
}

// trail returns by with the tasks noted by whose awaits the request goes on: those from first to
// last, and without last itself unless it goes on from there to others.
func trail(by any, first, last *taskBase, toOthers bool) any {
	if first == last && !toOthers {
		return by // by far the most
	}
	a := cancelOrigin{by: by}
	if of, ok := by.(*cancelOrigin); ok {
		a = *of
		a.via = slices.Clone(a.via)
	}
	at := first
	for ; at != last; at = at.waits.self.(AnyTask).task() {
		a.via = append(a.via, at.future().self)
	}
	if toOthers {
		a.via = append(a.via, at.future().self)
	}
	return &a
}

// passedRequest returns what the tasks from first to t, which passed the request on, are to remember of it.
func (t *taskBase) forwardedRequest(first *taskBase) *CancelledError {
	if first == t || t.request == nil || t.request.forwarded {
		return t.request
	}
	e := *t.request
	e.forwarded = true
	return &e
}

// passedError returns, for those who look at a task that has passed a request on to f, what the request was.
func forwardedError(f *futureBase, by, message any) *CancelledError {
	e, ok := f.err.(*CancelledError)
	if !ok {
		e = newCancelledError(by, message)
	}
	e.forwarded = true
	return e
}

// passOn notes a request that t has passed on. The message of the last that it took itself stays, as in CPython.
func (t *taskBase) noteForwarded(request *CancelledError) {
	if took := t.request.ownMessage(); request != nil && (took != nil || request.ownMessage() != nil) {
		e := *request
		a := cancelOrigin{by: e.by}
		if of, ok := e.by.(*cancelOrigin); ok {
			a = *of
		}
		a.ownMessage = took
		e.by = &a
		request = &e
	}
	t.request = request
}

// noteCancel notes that t was asked to cancel, and passed that on along its await, and so on down to last.
func (l *Loop) noteCancel(t, last *taskBase, by, message any) {
	if !l.wantsEvent() {
		return
	}
	e := &l.event
	e.By = by
	if a, ok := by.(*cancelOrigin); ok {
		e.By = a.by
	}
	e.Message = message
	for at := t; at != last; {
		at = at.waits.self.(AnyTask).task()
		e.Through = append(e.Through, at.future().self.(AnyTask))
	}
	l.notify(inspect.TaskCancelAsked, &t.strand)
}

// coveredBy returns the task that stands on top of t, if that is the one that f is: t cannot run before it has ended.
func (t *taskBase) coveredBy(f *futureBase) *taskBase {
	if t.stack != nil && f != nil && f.isTask {
		if top := f.self.(AnyTask).task(); top.stack == t.stack && top.depth > t.depth {
			return top
		}
	}
	return nil
}

// delivered returns a cancel that was asked for, once.
func (t *taskBase) delivered() error {
	if !t.mustCancel {
		return nil
	}
	t.mustCancel = false
	return t.request
}
