package asyncio

import (
	"context"

	"example.com/asyncio/inspect"
)

// Snapshot returns the state of the loop and its tasks. It is for the code that runs on
// the loop, and for the owner of a loop that does not run. Others use
// [Loop.SnapshotThreadsafe].
func (l *Loop) Snapshot() *inspect.Snapshot {
	l.mustBeMade("Snapshot")
	if l.debug {
		l.mustBeHere("Snapshot")
	}
	r := l.size().room()
	r.collect(l)
	return r.render()
}

// SnapshotThreadsafe is [Loop.Snapshot] for other goroutines. It blocks until the running
// loop has answered. The loop only records its state, which takes some milliseconds for
// 100,000 tasks. The caller makes the texts. Its errors: the error of ctx, if that ends
// first, for example because the loop is blocked or does not run; [ErrLoopClosed].
func (l *Loop) SnapshotThreadsafe(ctx context.Context) (*inspect.Snapshot, error) {
	// Allocating the memory takes as long as filling it, so the loop is first asked for
	// the size.
	size, err := onLoop(ctx, l, func() (snapshotSize, error) { return l.size(), nil })
	if err != nil {
		return nil, err
	}
	r := size.room()
	if _, err := onLoop(ctx, l, func() (None, error) { r.collect(l); return None{}, nil }); err != nil {
		return nil, err
	}
	return r.render(), nil
}

// StackThreadsafe is [Task.Stack] for other goroutines, of the task with this [Task.ID].
// It blocks until the running loop has answered. Its errors: [ErrInvalidArgument] if no
// unfinished task has the ID, and those of [Loop.SnapshotThreadsafe].
func (l *Loop) StackThreadsafe(ctx context.Context, id uint64) ([]inspect.Frame, error) {
	return onLoop(ctx, l, func() ([]inspect.Frame, error) {
		for _, t := range l.all() {
			if t.future.ID() == id {
				return t.Stack(0), nil
			}
		}
		return nil, misuse(ErrInvalidArgument, "StackThreadsafe of task %d of %v, which has no such task; it may have ended", id, l)
	})
}

// onLoop calls fn on the loop's goroutine and returns its result. It blocks until then.
func onLoop[T any](ctx context.Context, l *Loop, fn func() (T, error)) (T, error) {
	c := NewConcurrentFuture[T]()
	c.loop = l
	l.inbox.owe(c)
	c.whenDone(func() { l.inbox.paid(c) })
	_, err := l.CallSoonThreadsafe(func(context.Context) {
		value, err := fn()
		c.finish(value, err)
	})
	if err != nil {
		c.finish(*new(T), err)
	}
	return c.Result(ctx)
}
