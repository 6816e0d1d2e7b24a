package asyncio

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"example.com/asyncio/inspect"
)

// A TaskGroup is a block that owns the tasks that are created in it. The block ends after
// the last of them.
//
//   - If a task or the block's function fails, the group cancels the others. The block
//     then ends with a [GroupError] of all errors.
//   - A group is used for one block. The zero value is ready for [TaskGroup.Run].
//   - All methods belong to the goroutine of the loop.
//
// See asyncio.TaskGroup.
type TaskGroup struct {
	ctx        *cancelScope   // of the block; nil before Run
	parent     AnyTask        // the task of the block
	unfinished int            // children whose end childEnded has not processed
	ended      sharedCallback // calls childEnded; it also lists the unfinished children
	slots      *slots         // set by SetLimit; nil: no limit

	errs      []error   // of the children, and at the end of the body
	failed    AnyFuture // the child whose failure aborted the group; nil if it was not a child
	reason    error     // why the group was aborted; nil if it was not, or by Cancel
	completed *groupEnd // set by the last child to end; nil unless the block waits for it

	entered         bool // Run has begun
	exiting         bool // the body has returned
	aborting        bool // the children have been cancelled
	cancelled       bool // Cancel has been called
	cancelledParent bool // the group has cancelled its parent and owes it an Uncancel
}

// WithTaskGroup runs fn with a new group and waits for all tasks of the group.
//
//   - fn must use its own ctx, which is done once a task fails.
//   - The error is a [GroupError] if a task failed or fn returned an error. Otherwise it
//     is a [CancelledError] if the calling task was cancelled, or the error of ctx if ctx
//     ended by its own deadline or cancel. It is nil if none of these happened.
//   - A task that ends cancelled has not failed.
//   - If fn panics, the panic continues after all tasks have ended.
//
// See asyncio.TaskGroup.
func WithTaskGroup(ctx context.Context, fn func(ctx context.Context, tg *TaskGroup) error) error {
	return new(TaskGroup).Run(ctx, fn)
}

// Run is [WithTaskGroup] for tg. A second Run returns an error ([ErrMisuse]) and does not
// call fn.
func (tg *TaskGroup) Run(ctx context.Context, fn func(ctx context.Context, tg *TaskGroup) error) error {
	if tg.entered {
		return misuse(ErrMisuse, "Run of %v, which has already been entered; use a new TaskGroup for each block", tg)
	}
	if fn == nil {
		return misuse(ErrInvalidArgument, "Run of %v with a nil function; pass a func(ctx context.Context, tg *TaskGroup) error", tg)
	}
	scope, err := newScope(ctx, tg)
	if err != nil {
		return err
	}
	defer scope.Close()
	tg.ctx, tg.parent, tg.entered = scope, scope.Task(), true
	if tg.cancelled {
		tg.cancelAll()
	}
	returned := false
	defer func() {
		if returned {
			return
		}
		// A panic or Goexit is in progress. Even then no task outlives the block.
		if !tg.aborting {
			tg.abort()
		}
		if failed, ok := tg.exit(ctx, nil).(*GroupError); ok {
			for _, err := range failed.Errors {
				scope.loop.CallExceptionHandler(&ExceptionContext{
					Message:   "a task failed in a group whose body ended with a panic or Goexit",
					Exception: err,
				})
			}
		}
	}()
	err = fn(scope, tg)
	returned = true
	return tg.exit(ctx, err)
}

// exit ends the block after the body has returned err.
func (tg *TaskGroup) exit(ctx context.Context, err error) error {
	tg.exiting = true
	var propagate error // a cancel from outside
	bodyCancelled := err != nil && (isCancelled(err, tg.parent.Cancelling() > 0) || tg.ctx.EndedWith(err))
	if bodyCancelled {
		propagate = err
	}
	if err != nil && !tg.aborting {
		tg.reason = err
		tg.abort()
	}
	for tg.unfinished > 0 {
		tg.completed = &groupEnd{group: tg}
		initFuture(ctx, &tg.completed.Future, tg.completed)
		_, joinErr := tg.completed.Await(ctx)
		tg.completed = nil
		if errors.Is(joinErr, ErrLoopClosed) {
			return joinErr
		}
		if joinErr == nil {
			continue
		}
		if !tg.aborting || tg.cancelled {
			propagate = joinErr
		}
		if !tg.aborting {
			tg.reason = joinErr
			tg.abort()
		}
		if !errors.Is(joinErr, ErrCancelled) {
			// The deadline of ctx does not come back. The children have been cancelled;
			// the wait for them continues.
			propagate = joinErr
			ctx = context.WithoutCancel(ctx)
		}
	}
	if tg.cancelledParent && tg.parent.Uncancel() == 0 {
		propagate = nil
	}
	if err != nil && !bodyCancelled {
		tg.errs = append(tg.errs, err)
	}
	if len(tg.errs) == 0 {
		return propagate
	}
	// The error does not replace a cancel from outside: the next await delivers that.
	if tg.parent.Cancelling() > 0 {
		tg.ctx.Redeliver(propagate, nil)
	}
	errs := tg.errs
	tg.errs = nil
	message := "unhandled errors in a TaskGroup"
	if len(errs) == 1 {
		message = "unhandled error in a TaskGroup"
	}
	return &GroupError{Message: message, Errors: errs}
}

// A groupEnd is the future that a block waits for at its end.
type groupEnd struct {
	Future[None]
	group *TaskGroup
}

func (e *groupEnd) waitReason() inspect.WaitReason { return e.group.waitReason() }

// waitReason reports what a task waiting for the group is blocked on: the unfinished
// tasks.
func (tg *TaskGroup) waitReason() inspect.WaitReason {
	r := inspect.WaitReason{Kind: inspect.ForGroup, Object: tg}
	for t := range tg.ended.Pending() {
		r.Futures = append(r.Futures, t)
	}
	return r
}

// SetLimit limits the group to n children that run their functions at the same time.
//
//   - A child that is created beyond the limit waits for a free slot before its function
//     begins. Children get slots in the order of their creation. A cancel of the child
//     ends the wait: its function is then never called.
//   - A slot is freed in the turn after the end of a child. Children that get their slots
//     in the same turn may begin in either order.
//   - A negative n means no limit. With 0 no function of a child is called.
//   - SetLimit panics ([ErrMisuse]) if the group has unfinished children.
//
// [TaskGroup.Go] and [CreateTaskIn] do not suspend in a limited group. See
// [TaskGroup.WaitSlot] for a caller that must not create more children than the limit.
func (tg *TaskGroup) SetLimit(n int) {
	if tg.unfinished > 0 {
		panic(misuse(ErrMisuse, "SetLimit(%d) of %v, which has unfinished children; call it before the first child is created", n, tg))
	}
	s := tg.slots
	if s == nil {
		s = &slots{object: tg}
	}
	tg.slots = s
	if s.limit = n; n < 0 {
		s.limit = math.MaxInt
		tg.slots = nil
	}
	s.dispatch()
}

// WaitSlot suspends until a child created next could begin at once.
//
//   - It returns immediately if a slot is free and nothing waits for one, or if the group
//     has no limit. Calls of WaitSlot and children wait in one FIFO queue.
//   - A slot is not reserved: the caller must create the child before it suspends again.
//   - The function of the block and the tasks of the group may call it. A task of the
//     group keeps its own slot meanwhile.
//   - Its errors are those of [Future.Await]; a [CancelledError] if the group is shutting
//     down; and [ErrMisuse] if the group has not been entered or has ended.
//
// With it a loop over a long sequence creates no more children than the limit:
//
//	for item := range seq {
//		if err := tg.WaitSlot(ctx); err != nil {
//			return err
//		}
//		tg.Go(...)
//	}
func (tg *TaskGroup) WaitSlot(ctx context.Context) error {
	if err := tg.mayWaitSlot(); err != nil || tg.slots == nil {
		return err
	}
	l, err := loopToAwaitOn(ctx)
	switch {
	case err != nil:
		return err
	case l != tg.ctx.loop:
		return misuse(ErrWrongLoop, "WaitSlot of %v of %v in %v; use a group on one loop only", tg, tg.ctx.loop, l)
	}
	if err := tg.slots.wait(ctx, l); err != nil {
		return err
	}
	return tg.mayWaitSlot()
}

// mayWaitSlot returns why a slot of the group is of no use; nil if the group creates
// children.
func (tg *TaskGroup) mayWaitSlot() error {
	switch {
	case !tg.entered:
		return misuse(ErrMisuse, "WaitSlot of %v, which has not been entered; call it inside the function passed to Run", tg)
	case tg.exiting && tg.unfinished == 0:
		return misuse(ErrMisuse, "WaitSlot of %v, which has ended; use a new TaskGroup for each block", tg)
	case tg.aborting:
		return &CancelledError{Cause: misuse(ErrMisuse, "WaitSlot of %v, which is shutting down", tg)}
	}
	return nil
}

// CreateTaskIn is [CreateTask] in a group. fn gets the ctx of the new task.
//
//   - It does not suspend. In a group with a limit, the task waits for its slot: see
//     [TaskGroup.SetLimit].
//   - The function of the block and the tasks of the group may call it.
//   - While the group shuts down, for example after a task failed, it returns a cancelled
//     task that never runs.
//   - It panics ([ErrMisuse]) if the group has not been entered or has ended.
//
// See TaskGroup.create_task.
func CreateTaskIn[T any](tg *TaskGroup, fn func(ctx context.Context) (T, error), opts ...TaskOption) *Task[T] {
	if err := tg.refuses(); err != nil {
		return refusedTask[T](tg.ctx, err, opts)
	}
	if tg.slots != nil {
		s := tg.slots
		t := createWithSlot(tg.ctx, s, "CreateTaskIn", fn, nil, codePointer(fn), opts)
		tg.add(t, s)
		return t
	}
	t := CreateTask(tg.ctx, fn, opts...)
	tg.add(t, nil)
	return t
}

// Go is [CreateTaskIn] for a function without a result. See TaskGroup.create_task.
func (tg *TaskGroup) Go(fn func(ctx context.Context) error, opts ...TaskOption) *Task[None] {
	if err := tg.refuses(); err != nil {
		return refusedTask[None](tg.ctx, err, opts)
	}
	if tg.slots != nil {
		s := tg.slots
		t := createWithSlot[None](tg.ctx, s, "TaskGroup.Go", nil, fn, codePointer(fn), opts)
		tg.add(t, s)
		return t
	}
	t := Go(tg.ctx, fn, opts...)
	tg.add(t, nil)
	return t
}

// refuses returns why the group creates no more tasks; nil if it does.
func (tg *TaskGroup) refuses() error {
	switch {
	case !tg.entered:
		panic(misuse(ErrMisuse, "a task in %v, which has not been entered; create it inside the function passed to Run", tg))
	case tg.exiting && tg.unfinished == 0:
		panic(misuse(ErrMisuse, "a task in %v, which has ended; create it before the block ends", tg))
	case tg.aborting:
		return misuse(ErrMisuse, "a task in %v, which is shutting down", tg)
	}
	return nil
}

// add makes t a child. s is the slots of the group when t was created.
func (tg *TaskGroup) add(t AnyTask, s *slots) {
	if tg.slots != s && tg.slots != nil {
		tg.slots.taken++ // the eager start of t called SetLimit; childEnded frees a slot for t
	}
	if tg.ended.Func == nil {
		tg.ended = sharedCallback{Func: tg.childEnded, Room: 4}
	}
	tg.unfinished++
	// This includes a task that ended in its eager start: to process its error now could
	// cancel the caller in the middle of its work.
	tg.ended.AddTo(t)
	if tg.aborting && !t.Done() {
		cancelBy(tg, t, nil) // its eager start aborted the group before add (cpython#155418)
	}
}

func (tg *TaskGroup) childEnded(_ context.Context, f AnyFuture) {
	tg.unfinished--
	if tg.slots != nil {
		tg.slots.childEnded(f)
	}
	if tg.completed != nil && tg.unfinished == 0 && !tg.completed.Done() {
		_ = tg.completed.SetResult(None{})
	}
	if f.Cancelled() {
		return
	}
	err := f.Exception()
	if err == nil {
		return
	}
	tg.errs = append(tg.errs, err)
	if tg.parent.Done() {
		tg.ctx.loop.CallExceptionHandler(&ExceptionContext{
			Message:   "a task failed in a group whose parent " + tg.parent.Name() + " has already ended",
			Exception: err,
			Future:    f,
		})
		return
	}
	if !tg.aborting && !tg.cancelledParent {
		tg.failed, tg.reason = f, err
		tg.cancelAll()
	}
}

// cancelAll cancels the children, and the parent in order to end the body.
func (tg *TaskGroup) cancelAll() {
	tg.abort()
	tg.cancelledParent = true
	tg.ctx.Cancel(tg)
}

func (tg *TaskGroup) abort() {
	tg.aborting = true
	for t := range tg.ended.Pending() {
		if !t.Done() {
			cancelBy(tg, t, nil)
		}
	}
}

// Cancel ends the group early: it cancels the tasks and the body.
//
//   - It does not suspend. The block ends without an error if nothing else fails.
//   - Before Run, it takes effect at the start of the block. After the end of the block,
//     it does nothing.
//
// See TaskGroup.cancel (3.15).
func (tg *TaskGroup) Cancel() {
	if tg.exiting && tg.unfinished == 0 || tg.cancelled {
		return
	}
	tg.cancelled = true
	if !tg.entered || tg.aborting {
		return
	}
	if tg.exiting {
		tg.abort() // the body has returned
		return
	}
	tg.cancelAll()
}

// String describes tg: <TaskGroup tasks=5 limit=2 entered>. See TaskGroup.__repr__.
func (tg *TaskGroup) String() string {
	var b strings.Builder
	b.WriteString("<TaskGroup")
	if n := tg.unfinished; n > 0 {
		fmt.Fprintf(&b, " tasks=%d", n)
	}
	if tg.slots != nil {
		fmt.Fprintf(&b, " limit=%d", tg.slots.limit)
	}
	if len(tg.errs) > 0 {
		fmt.Fprintf(&b, " errors=%d", len(tg.errs))
	}
	if tg.aborting {
		b.WriteString(" cancelling")
	} else if tg.entered {
		b.WriteString(" entered")
	}
	return b.String() + ">"
}

// Name returns the text for the group in a [CancelledError], with the reason of the
// cancel: a group, since task b failed: boom.
func (tg *TaskGroup) Name() string {
	const s = "a group"
	switch {
	case tg.reason == nil && tg.cancelled:
		return s + ", which was cancelled"
	case tg.reason == nil:
		return s
	}
	text, _, _ := strings.Cut(tg.reason.Error(), "\n")
	switch {
	case tg.failed != nil:
		return s + ", since task " + tg.failed.(AnyTask).Name() + " failed: " + text
	case isCancelled(tg.reason, true):
		return s + ", whose body was " + strings.TrimPrefix(text, "asyncio: ")
	}
	return s + ", whose body failed: " + text
}
