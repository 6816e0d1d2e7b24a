package asyncio

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"example.com/asyncio/inspect"
)

// A TaskGroup is a block that tasks are made in and that does not end before
// they have. If one of them fails, or the block's function does, the others
// are cancelled, and the block ends with a [GroupError] of all that went wrong. It
// is used once. See asyncio.TaskGroup.
type TaskGroup struct {
	ctx             *cancelScope
	parent          AnyTask
	unfinished      int            // children that have not ended
	ended           sharedCallback // the callback of each child; it also knows which those are
	errs            []error
	failed          AnyFuture // the task whose failure ended the group
	reason          error     // that failure, or how the body ended it
	completed       *groupEnd // by the last child to end, while the block waits for that
	entered         bool
	exiting         bool // the body has returned
	aborting        bool
	cancelled       bool // by Cancel
	cancelledParent bool // the parent to cancel
}

// WithTaskGroup runs fn with a new group, waits for all its tasks, and returns
// nil if nothing went wrong, or else: a [GroupError], if a task failed or fn
// returned an error; a [CancelledError], if the calling task was cancelled and nothing failed; or ctx's
// error, if ctx ended by a deadline or cancel of its own and nothing failed.
// A task that ends cancelled is no error. fn must use the ctx that it is given: that is done
// once a task fails. A panic of fn goes on when all tasks have ended. See asyncio.TaskGroup.
func WithTaskGroup(ctx context.Context, fn func(ctx context.Context, tg *TaskGroup) error) error {
	return NewTaskGroup().Run(ctx, fn)
}

// NewTaskGroup returns a group for one [TaskGroup.Run]. See asyncio.TaskGroup.
func NewTaskGroup() *TaskGroup { return &TaskGroup{} }

// Run is [WithTaskGroup] on tg. A second Run is an error ([ErrMisuse]), and does not call fn.
func (tg *TaskGroup) Run(ctx context.Context, fn func(ctx context.Context, tg *TaskGroup) error) error {
	if tg.entered {
		return misuse(ErrMisuse, "Run of %v, which has been entered already; make one for each block", tg)
	}
	if fn == nil {
		return misuse(ErrInvalidArgument, "a task group with a nil function; give it a func(ctx context.Context, tg *TaskGroup) error")
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
		// A panic or Goexit is on its way up. No task outlives the block for that.
		if !tg.aborting {
			tg.abort()
		}
		if failed, ok := tg.exit(ctx, nil).(*GroupError); ok {
			for _, err := range failed.Errors {
				scope.loop.CallExceptionHandler(&ExceptionContext{
					Message:   "a task of a group failed, whose body ended with a panic or Goexit",
					Exception: err,
				})
			}
		}
	}()
	err = fn(scope, tg)
	returned = true
	return tg.exit(ctx, err)
}

// exit is what happens once the body has returned err.
func (tg *TaskGroup) exit(ctx context.Context, err error) error {
	tg.exiting = true
	var propagate error // a cancel from outside
	// A ctx that ended by a deadline or cancel of its own is as good as a cancel.
	bodyCancelled := err != nil && (isCancelled(err, tg.parent.Cancelling() > 0) || err == ctx.Err())
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
			// A deadline of ctx's own stays over. The children have heard of it; the
			// wait for them goes on.
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
	// A cancel from outside is not lost to the error: it is delivered at the next await.
	if tg.parent.Cancelling() > 0 {
		tg.parent.Uncancel()
		cancelBy(propagate, tg.parent, nil)
	}
	errs := tg.errs
	tg.errs = nil
	message := "unhandled errors in a TaskGroup"
	if len(errs) == 1 {
		message = "unhandled error in a TaskGroup"
	}
	return &GroupError{Message: message, Errors: errs}
}

// A groupEnd is what a block waits for at its end.
type groupEnd struct {
	Future[None]
	group *TaskGroup
}

func (e *groupEnd) waitReason() inspect.WaitReason { return e.group.waitReason() }

// WaitReason tells what who waits for the group's end waits for: its tasks.
func (tg *TaskGroup) waitReason() inspect.WaitReason {
	r := inspect.WaitReason{Kind: inspect.ForGroup, Object: tg}
	for t := range tg.ended.Pending() {
		r.Futures = append(r.Futures, t)
	}
	return r
}

// CreateTaskIn is [CreateTask] in a group: fn gets a ctx of the new task's own. It may be called by the
// block's function and by the group's tasks. While the group shuts
// down, because a task failed, it returns a task that is cancelled already and never runs. It panics
// ([ErrMisuse]) if the group has not begun or has ended. See TaskGroup.create_task.
func CreateTaskIn[T any](tg *TaskGroup, fn func(ctx context.Context) (T, error), opts ...TaskOption) *Task[T] {
	if err := tg.refuses(); err != nil {
		return refusedTask[T](tg.ctx, err, opts)
	}
	t := CreateTask(tg.ctx, fn, opts...)
	tg.add(t)
	return t
}

// Go is [CreateTaskIn] for a function without a result. See TaskGroup.create_task.
func (tg *TaskGroup) Go(fn func(ctx context.Context) error, opts ...TaskOption) *Task[None] {
	if err := tg.refuses(); err != nil {
		return refusedTask[None](tg.ctx, err, opts)
	}
	t := Go(tg.ctx, fn, opts...)
	tg.add(t)
	return t
}

func (tg *TaskGroup) refuses() error {
	switch {
	case !tg.entered:
		panic(misuse(ErrMisuse, "a task in %v, which has not been entered; use it inside the function given to Run", tg))
	case tg.exiting && tg.unfinished == 0:
		panic(misuse(ErrMisuse, "a task in %v, which is finished; a group lives as long as its block", tg))
	case tg.aborting:
		return misuse(ErrMisuse, "a task in %v, which is shutting down", tg)
	}
	return nil
}

func (tg *TaskGroup) add(t AnyTask) {
	if tg.ended.Func == nil {
		tg.ended = sharedCallback{Func: tg.childEnded, Room: 4}
	}
	tg.unfinished++
	// Also for a task that ended in its eager start: to deal with its error here
	// and now could cancel the caller in the middle of its work.
	tg.ended.AddTo(t)
	if tg.aborting && !t.Done() {
		cancelBy(tg, t, nil) // in its eager start it ended the group, which did not know it yet (cpython#155418)
	}
}

func (tg *TaskGroup) childEnded(_ context.Context, f AnyFuture) {
	tg.unfinished--
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
			Message:   "a task of a group failed, whose parent " + tg.parent.Name() + " has ended already",
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

// cancelAll cancels the children, and the parent so that the body ends.
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

// Cancel ends the group early: its tasks and its body are cancelled, and the
// block ends without an error if nothing else goes wrong. Before Run it does so at the
// block's begin; after the block's end it does nothing. See TaskGroup.cancel (3.15).
func (tg *TaskGroup) Cancel() {
	if tg.exiting && tg.unfinished == 0 || tg.cancelled {
		return
	}
	tg.cancelled = true
	if !tg.entered || tg.aborting {
		return
	}
	if tg.exiting {
		tg.abort() // the body is through
		return
	}
	tg.cancelAll()
}

// String describes tg: how many tasks and errors. See TaskGroup.__repr__.
func (tg *TaskGroup) String() string {
	var b strings.Builder
	b.WriteString("<TaskGroup")
	if n := tg.unfinished; n > 0 {
		fmt.Fprintf(&b, " tasks=%d", n)
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

// Name is how a CancelledError names the group, and why that ended: a group, since task b failed: boom.
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
