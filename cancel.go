package asyncio

import (
	"math"
	"slices"
)

// requestCancel asks the task to cancel: what it waits for is cancelled in its
// turn, down to the innermost future; or else the next await that it does, or is
// in, fails. The task's own code runs later, and may refuse.
func (t *taskBase) requestCancel(by any, msg []any) bool {
	return t.cancelAs(by, msg, &t.signal)
}

// cancelAs is requestCancel with s in place of the signal of the task's ctx.
//
// It follows a chain of awaits in a loop, not by recursion, so that a long one
// needs no deep stack. In a circle it visits each task once: one that can go on then gets
// its CancelledError without regard to what it waits for, which ends the circle.
func (t *taskBase) cancelAs(by any, msg []any, s *cancelSignal) bool {
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
			_, toOthers = f.from().(cancelFunc)
		}
		passedOn := f != nil && f.state == pending && next == nil && f.cancel(trail(by, t, last, toOthers), msg)
		circle := next != nil || l.inCircle // directly, or through a future of others
		l.inCircle = above
		breaker := last // of the circle; one that can go on
		for top := breaker.coveredBy(f); circle && top != nil; top = breaker.coveredBy(f) {
			breaker, f = top, top.waits
		}
		if !passedOn || circle {
			breaker.request, breaker.mustCancel = newCancelledError(trail(by, t, last, false), msg), true
		} else {
			last.passOn(passedError(f, by, msg))
		}
		if l.watched {
			l.noteCancel(t, last, by, msg)
		}
		// Unless it was woken already, by an earlier cancel say.
		if circle && f != nil && f.removeWaiters(func(e entry) bool { return e == &breaker.head }) > 0 {
			l.ready.Push(&breaker.head)
		}
		break
	}
	// What a future has passed the cancel on to was visited meanwhile. Another way
	// to the same task is no circle.
	request := last.passedRequest(t)
	for at := t; ; at = at.waits.self.(AnyTask).task() {
		at.visited = false
		if at != last {
			at.passOn(request)
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
	a := asking{by: by}
	if of, ok := by.(*asking); ok {
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
func (t *taskBase) passedRequest(first *taskBase) *CancelledError {
	if first == t || t.request == nil || t.request.passedOn {
		return t.request
	}
	e := *t.request
	e.passedOn = true
	return &e
}

// passedError returns, for those who look at a task that has passed a request on to f, what the request was.
func passedError(f *futureBase, by any, msg []any) *CancelledError {
	e, ok := f.err.(*CancelledError)
	if !ok {
		e = newCancelledError(by, msg)
	}
	e.passedOn = true
	return e
}

// passOn notes a request that t has passed on. The message of the last that it took itself stays, as in CPython.
func (t *taskBase) passOn(request *CancelledError) {
	if took := t.request.took(); request != nil && (took != nil || request.took() != nil) {
		e := *request
		a := asking{by: e.by}
		if of, ok := e.by.(*asking); ok {
			a = *of
		}
		a.took = took
		e.by = &a
		request = &e
	}
	t.request = request
}

// noteCancel notes that t was asked to cancel, and passed that on along its await, and so on down to last.
func (l *Loop) noteCancel(t, last *taskBase, by any, msg []any) {
	if !l.tells() {
		return
	}
	e := &l.event
	e.By = by
	if a, ok := by.(*asking); ok {
		e.By = a.by
	}
	if len(msg) > 0 {
		e.Message = msg[0]
	}
	for at := t; at != last; {
		at = at.waits.self.(AnyTask).task()
		e.Through = append(e.Through, at.future().self.(AnyTask))
	}
	l.tell(TaskCancelAsked, &t.strand)
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
