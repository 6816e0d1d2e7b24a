package asyncio

import (
	"context"

	"example.com/asyncio/internal/coro"
)

// Await returns f's outcome, and suspends until there is one. It returns at
// once if f is done. Its errors beside f's own: a [CancelledError] if the task is
// asked to cancel meanwhile, which cancels f too ([Shield] prevents that); the
// ctx's error if ctx ends by a deadline or cancel of its own, which does nothing to f; and
// those of misuse: [ErrNoRunningLoop], [ErrWrongContext], [ErrWrongLoop], and
// [ErrMisuse] for a task that awaits itself. A deadline of Go's is of real time, whatever the
// loop's is. See Future.__await__.
func (f *Future[T]) Await(ctx context.Context) (T, error) {
	t, to, err := f.beginAwait(ctx)
	if t != nil {
		if to != nil && !t.stack.Cross(to) { // suspend: see there
			t.stack.Forward()
		}
		f.loop.resume(&t.strand)
		err = f.endWait(t)
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return f.value, nil
}

// AnyAwait is [Future.Await] for those who do not know the type. See Future.__await__.
func (f *Future[T]) AnyAwait(ctx context.Context) (any, error) { return f.Await(ctx) }

// beginAwait is Await up to where the task t hands control to the stack to, nil if it is next itself. If t is
// nil the await is over, and err its outcome.
func (f *futureBase) beginAwait(ctx context.Context) (t *taskBase, to *coro.Stack, err error) {
	t, err = awaiter(ctx)
	if err != nil {
		return nil, nil, err
	}
	l := t.future().loop
	if f.state != pending && f.loop == l {
		return nil, nil, f.outcome()
	}
	if _, ok := ctx.(*taskContext); !ok || f.loop != l || f == t.future() || f.selfAwaited {
		return nil, nil, f.awaitSlow(ctx, t)
	}
	f.startWait(t)
	return t, l.successor(&t.strand, f), nil
}

// awaitOddly is Await in all but the common case. It is a function of its own
// since its needs would add to the stack of each suspended task.
func (f *futureBase) awaitSlow(ctx context.Context, t *taskBase) error {
	// What cannot be awaited is told in the next turn, as asyncio does: the loop that takes what the task yields
	// throws the error into it.
	var err error
	switch {
	case f.selfAwaited:
		return misuse(ErrMisuse, "await of task %s, which has awaited itself and has not ended", f.self.(AnyTask).Name())
	case f.loop != t.future().loop:
		err = misuse(ErrWrongLoop, "await of %v in task %s of %v", f.self, t.Name(), t.future().loop)
	case f == t.future():
		f.selfAwaited = true
		err = misuse(ErrMisuse, "task %s awaits itself", t.Name())
	}
	if err != nil {
		if cancelled := t.yield(); cancelled != nil {
			return cancelled
		}
		return err
	}
	if foreign := foreignOf(ctx); foreign != nil {
		return f.awaitUnder(foreign, t)
	}
	f.startWait(t)
	t.future().loop.suspend(&t.strand, f)
	return f.endWait(t)
}

// awaiter returns the task whose ctx it is, if it runs and may suspend.
func awaiter(ctx context.Context) (*taskBase, error) {
	if c, ok := ctx.(*taskContext); ok { // by far the most
		if l := c.future().loop; !l.slowPath && &c.strand == l.current && l.override == nil { // odd first: in debug mode it may be another goroutine
			return (*taskBase)(c), nil
		}
	}
	return awaiterAt(loopContextOf(ctx))
}

func awaiterAt(p loopContext) (*taskBase, error) {
	if p == nil {
		return nil, misuse(ErrNoRunningLoop, "await under a ctx that comes from no task; pass the ctx that the task was given, and start with asyncio.Run")
	}
	l, s := p.ownerLoop(), p.ownerTask()
	if l.debug {
		if err := l.checkHere("await"); err != nil {
			return nil, err
		}
	}
	if s != nil && s == l.current && l.override == nil && !l.ends() {
		return s.task(), nil
	}
	return nil, l.refuseAwait(s)
}

// refuseAwait says why an await cannot be.
func (l *Loop) refuseAwait(s *strand) error {
	running := "no task runs"
	if l.current != nil {
		running = "task " + l.current.task().Name() + " runs"
	}
	switch {
	case l.ends():
		return l.endedError("await")
	case s == nil:
		return misuse(ErrWrongContext, "await in a callback, which cannot suspend (%s); start a task for it with CreateTask", running)
	case l.current != s:
		return misuse(ErrWrongContext, "await under the ctx of task %s, but %s; a task's function must use the ctx that it is given, and another goroutine RunCoroutineThreadsafe", s.task().Name(), running)
	}
	return misuse(ErrMisuse, "await inside of Context.Run, where a task cannot suspend; make a task WithContext for it")
}

// startWait has f wake t; next t suspends.
func (f *futureBase) startWait(t *taskBase) {
	t.waits = f
	if f.waiter != nil || t.mustCancel {
		f.startWaitSlow(t)
		return
	}
	f.waiter = &t.head
}

func (f *futureBase) startWaitSlow(t *taskBase) {
	f.addWaiter(&t.head)
	if t.mustCancel {
		t.mustCancel = false // before: along a circle the cancel comes back to t
		if !f.cancel(t.request.by, t.request.Message) {
			t.mustCancel = true
		}
	}
}

// endWait returns what the await of f ends with.
func (f *futureBase) endWait(t *taskBase) error {
	t.waits = nil
	if f.state == finished && !t.mustCancel {
		return nil
	}
	return f.endWaitSlow(t)
}

func (f *futureBase) endWaitSlow(t *taskBase) error {
	var err error
	if f.state != pending {
		err = f.outcome()
	}
	// A request that came after f was done, or that f refused, wins over f's
	// outcome, which stays with f.
	if c := t.delivered(); c != nil && !isCancelled(err, false) {
		return c
	}
	return err
}

// awaitUnder is await under a ctx that may end by a deadline or cancel of its own.
func (f *futureBase) awaitUnder(ctx context.Context, t *taskBase) error {
	if err := ctx.Err(); err != nil && !t.mustCancel {
		return err
	}
	l := t.future().loop
	w := &waitUnder{ctx: ctx}
	if l.under == nil {
		l.under = map[*waitUnder]struct{}{}
	}
	l.under[w] = struct{}{}
	stop := context.AfterFunc(ctx, func() {
		_, _ = l.CallSoonThreadsafe(func(context.Context) {
			if !w.over && f.removeWaiters(func(e entry) bool { return e == &t.head }) > 0 {
				w.ended = true
				l.ready.Push(&t.head)
			}
		})
	})
	defer func() { // also if the loop is closed, which ends the goroutine
		w.over = true
		delete(l.under, w)
		stop()
	}()
	f.startWait(t)
	l.suspend(&t.strand, nil) // nothing on top: the wait may end before f does
	err := f.endWait(t)
	if w.ended && err == nil {
		return ctx.Err()
	}
	return err
}

// Yield lets all that is ready now run, and goes on in the next turn. Its errors are
// those of [Future.Await]. See asyncio.sleep(0).
func Yield(ctx context.Context) error {
	t, err := awaiter(ctx)
	if err != nil {
		return err
	}
	l := t.future().loop
	l.ready.Push(&t.head)
	if to := l.successor(&t.strand, nil); to != nil && !t.stack.Cross(to) {
		t.stack.Forward()
	}
	l.resume(&t.strand)
	err = t.delivered()
	if _, ok := ctx.(*taskContext); !ok && err == nil {
		if foreign := foreignOf(ctx); foreign != nil {
			return foreign.Err()
		}
	}
	return err
}

// yield has t go on in the next turn. It returns a cancel that was asked for.
func (t *taskBase) yield() error {
	l := t.future().loop
	l.ready.Push(&t.head)
	l.suspend(&t.strand, nil)
	return t.delivered()
}
