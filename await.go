package asyncio

import (
	"context"

	"example.com/asyncio/internal/coro"
)

// Await returns f's outcome. It suspends until there is one, and not at all if f is done.
//
// Its errors, besides f's own:
//
//   - A [CancelledError] if the task is cancelled meanwhile. That cancels f too; [Shield]
//     prevents it.
//   - The error of ctx, if ctx ends by its own deadline or cancel. f is then unchanged.
//     The deadline of a Go context is in real time, whatever the loop's time is.
//   - Misuse: [ErrNoRunningLoop], [ErrWrongContext], [ErrWrongLoop], and [ErrMisuse] if a
//     task awaits itself.
//
// See Future.__await__.
func (f *Future[T]) Await(ctx context.Context) (T, error) {
	t, to, err := f.beginAwait(ctx)
	if t != nil {
		if to != nil { // this is Loop.suspend: see there
			side, ok := t.stack.Depart(to), false
			if side.Yield != nil {
				ok = side.Yield(struct{}{})
			} else {
				_, ok = side.Next()
			}
			if !ok {
				t.stack.Forward()
			}
		}
		f.loop.resume(t)
		err = f.endWait(t)
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return f.value, nil
}

// AnyAwait is [Future.Await] for callers that do not know the type. See Future.__await__.
func (f *Future[T]) AnyAwait(ctx context.Context) (any, error) { return f.Await(ctx) }

// beginAwait is Await up to the point where task t hands control to the stack to; to is
// nil if t is next itself. If t is nil, the await is over and err is its outcome.
func (f *futureBase) beginAwait(ctx context.Context) (t *taskBase, to *coro.Stack, err error) {
	t, err = awaiter(ctx)
	if err != nil {
		return nil, nil, err
	}
	l := t.future.loop
	if f.state != pending && f.loop == l {
		return nil, nil, f.outcome()
	}
	if _, ok := ctx.(*taskContext); !ok || f.loop != l || f == t.future || f.selfAwaited {
		return nil, nil, f.awaitSlow(ctx, t)
	}
	f.startWait(t)
	return t, l.successor(t, f), nil
}

// awaitSlow is Await except in the common case. It is outlined because its frame would be
// added to the stack of each suspended task.
func (f *futureBase) awaitSlow(ctx context.Context, t *taskBase) error {
	// An await that is not possible fails in the next turn, as in asyncio: there the loop
	// takes what the task yields and throws the error into it.
	var err error
	switch {
	case f.selfAwaited:
		return misuse(ErrMisuse, "await of task %s, which has awaited itself and has not ended", f.self.task().Name())
	case f.loop != t.future.loop:
		err = misuse(ErrWrongLoop, "await of %v in task %s of %v", f.self, t.Name(), t.future.loop)
	case f == t.future:
		f.selfAwaited = true
		err = misuse(ErrMisuse, "task %s awaits itself", t.Name())
	}
	if err != nil {
		if request := t.yield(); request != nil {
			return request
		}
		return err
	}
	if foreign := foreignOf(ctx); foreign != nil {
		return f.awaitUnder(foreign, t)
	}
	f.startWait(t)
	t.future.loop.suspend(t, f)
	return f.endWait(t)
}

// awaiter returns the running task whose ctx this is. It returns an error if the caller
// may not suspend.
func awaiter(ctx context.Context) (*taskBase, error) {
	if c, ok := ctx.(*taskContext); ok { // the usual case
		t := (*taskBase)(c)
		// slowPath comes first: in debug mode the caller may be another goroutine.
		if l := t.future.loop; !l.slowPath && t == l.current && l.override == nil {
			return t, nil
		}
	}
	return awaiterOf(loopContextOf(ctx))
}

func awaiterOf(c loopContext) (*taskBase, error) {
	if c == nil {
		return nil, misuse(ErrNoRunningLoop, "await under a ctx that comes from no task; pass the ctx that the task was given, and start with asyncio.Run")
	}
	l, t := c.ownerLoop(), c.ownerTask()
	if l.debug {
		if err := l.checkHere("await"); err != nil {
			return nil, err
		}
	}
	if t != nil && t == l.current && l.override == nil && !l.ends() {
		return t, nil
	}
	return nil, l.refuseAwait(t)
}

// refuseAwait returns the reason why the code with the ctx of t may not suspend.
func (l *Loop) refuseAwait(t *taskBase) error {
	current := "no task runs"
	if l.current != nil {
		current = "task " + l.current.Name() + " runs"
	}
	switch {
	case l.ends():
		return l.endedError("await")
	case t == nil:
		return misuse(ErrWrongContext, "await in a callback, which cannot suspend (%s); start a task for it with CreateTask", current)
	case l.current != t:
		return misuse(ErrWrongContext, "await under the ctx of task %s, but %s; a task's function must use the ctx that it is given, and another goroutine RunCoroutineThreadsafe", t.Name(), current)
	}
	return misuse(ErrMisuse, "await inside ContextVars.Run, where a task cannot suspend; create a task with WithContextVars instead")
}

// startWait makes t a waiter of f. The caller suspends t next.
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
		t.mustCancel = false // first: along a cycle the cancel comes back to t
		if !f.cancel(t.request.by, t.request.Message) {
			t.mustCancel = true
		}
	}
}

// endWait returns the error of t's await of f.
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
	// A request that came after f was done, or that f refused, has priority over f's
	// outcome, which stays with f.
	if c := t.delivered(); c != nil && !isCancelled(err, false) {
		return c
	}
	return err
}

// awaitUnder is Await under a ctx that may end by its own deadline or cancel.
func (f *futureBase) awaitUnder(ctx context.Context, t *taskBase) error {
	if err := ctx.Err(); err != nil && !t.mustCancel {
		return err
	}
	l := t.future.loop
	w := &waitUnder{ctx: ctx}
	if l.under == nil {
		l.under = map[*waitUnder]struct{}{}
	}
	l.under[w] = struct{}{}
	stop := context.AfterFunc(ctx, func() {
		_, _ = l.CallSoonThreadsafe(func(context.Context) {
			if !w.over && f.removeTask(t) {
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
	l.suspend(t, nil) // nothing may run on top of t: its wait may end before f is done
	err := f.endWait(t)
	if w.ended && err == nil {
		return ctx.Err()
	}
	return err
}

// Yield runs everything that is ready now, and resumes the task in the next turn. Its
// errors are those of [Future.Await]. See asyncio.sleep(0).
func Yield(ctx context.Context) error {
	t, err := awaiter(ctx)
	if err != nil {
		return err
	}
	l := t.future.loop
	l.ready.Push(&t.head)
	if to := l.successor(t, nil); to != nil { // this is Loop.suspend: see there
		side, ok := t.stack.Depart(to), false
		if side.Yield != nil {
			ok = side.Yield(struct{}{})
		} else {
			_, ok = side.Next()
		}
		if !ok {
			t.stack.Forward()
		}
	}
	l.resume(t)
	err = t.delivered()
	if _, ok := ctx.(*taskContext); !ok && err == nil {
		if foreign := foreignOf(ctx); foreign != nil {
			return foreign.Err()
		}
	}
	return err
}

// yield resumes t in the next turn. It returns a cancel that was requested.
func (t *taskBase) yield() error {
	l := t.future.loop
	l.ready.Push(&t.head)
	l.suspend(t, nil)
	return t.delivered()
}
