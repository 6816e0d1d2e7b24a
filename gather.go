package asyncio

import "context"

// Gather returns a future of the results of aws, in their order. What is no
// future among aws becomes a task, at once.
//
// If one fails, or is cancelled, the future fails with its error, and the others
// go on. A cancel of the future is passed on to all that are not done.
// See asyncio.gather.
func Gather[T any, A Awaitable[T]](ctx context.Context, aws ...A) *Future[[]T] {
	g := &gathering[T, T]{fail: true, part: func(f *Future[T]) T {
		value, _ := f.Result()
		return value
	}}
	return gather(ctx, g, aws)
}

// A Result is an outcome as a value.
type Result[T any] struct {
	Value T
	Err   error
}

// GatherResults is [Gather] where errors are results among others: the future
// waits for all. If the future itself is cancelled it fails with a
// [CancelledError] when all have ended. See asyncio.gather(return_exceptions=True).
func GatherResults[T any, A Awaitable[T]](ctx context.Context, aws ...A) *Future[[]Result[T]] {
	g := &gathering[T, Result[T]]{part: func(f *Future[T]) Result[T] {
		if f.Cancelled() {
			// Not the error itself: the first who awaits f is to have it.
			msg := f.CancelMessage()
			if msg == nil {
				msg = ""
			}
			return Result[T]{Err: &CancelledError{Message: msg}}
		}
		value, err := f.Result()
		return Result[T]{value, err}
	}}
	return gather(ctx, g, aws)
}

// A gathering is the state behind a Gather of T, whose results have the type R.
type gathering[T, R any] struct {
	fail     bool // at the first error
	part     func(*Future[T]) R
	children []*Future[T]
	finished int
	asked    bool // to cancel
	outer    *Future[[]R]
}

func gather[T, R any, A Awaitable[T]](ctx context.Context, g *gathering[T, R], aws []A) *Future[[]R] {
	if len(aws) == 0 {
		g.outer = NewFuture[[]R](ctx)
		_ = g.outer.SetResult([]R{})
		return g.outer
	}
	g.children = make([]*Future[T], len(aws))
	var done []*Future[T]
	childDone := func(_ context.Context, f AnyFuture) { g.childDone(f) }
	for i, aw := range aws {
		f := EnsureFuture[T](ctx, aw)
		g.children[i] = f
		if f.Done() {
			done = append(done, f)
		} else {
			f.AddDoneCallback(childDone)
		}
	}
	g.outer = NewFuture[[]R](ctx, WithCancel(g.cancel))
	for _, f := range done {
		g.childDone(f)
	}
	return g.outer
}

func (g *gathering[T, R]) cancel(msg []any) bool {
	accepted := false
	for _, f := range g.children {
		if f.Cancel(msg...) {
			accepted = true
		}
	}
	g.asked = g.asked || accepted
	return accepted
}

func (g *gathering[T, R]) childDone(f AnyFuture) {
	g.finished++
	// No future: an argument was bad, and Gather has panicked.
	if g.outer == nil || g.outer.Done() {
		if !f.Cancelled() {
			_ = f.Exception() // is not to be reported
		}
		return
	}
	if g.fail {
		if err := f.Exception(); err != nil {
			_ = g.outer.SetException(err)
			return
		}
	}
	if g.finished < len(g.children) {
		return
	}
	results := make([]R, len(g.children))
	for i, f := range g.children {
		results[i] = g.part(f)
	}
	if !g.asked {
		_ = g.outer.SetResult(results)
		return
	}
	var err error = &CancelledError{Message: f.(interface{ CancelMessage() any }).CancelMessage()}
	if f.Cancelled() {
		err = f.Exception()
	}
	_ = g.outer.SetException(err)
}
