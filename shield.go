package asyncio

import (
	"context"

	"example.com/asyncio/inspect"
)

// Shield returns a future with the outcome of aw that does not pass a cancel on to aw.
//
//   - If the awaiter of the future is cancelled, aw continues. If aw itself is cancelled,
//     so is the future.
//   - If aw is already done, Shield returns its future.
//   - It does not suspend. It starts a task if aw is not a future or a task, and panics
//     like [EnsureFuture].
//
// See asyncio.shield.
func Shield[T any](ctx context.Context, aw Awaitable[T]) *Future[T] {
	inner := EnsureFuture(ctx, aw)
	if inner.Done() {
		return inner
	}
	s := &shielding[T]{inner: inner}
	initFuture(ctx, &s.Future, s)
	outer := &s.Future
	innerDone := func(context.Context, AnyFuture) {
		switch {
		case outer.Done():
			if !inner.Cancelled() {
				_ = inner.Exception() // marks it as read, so that it is not reported
			}
		case inner.Cancelled():
			outer.Cancel()
		default:
			copyOutcome(outer, inner)
		}
	}
	inner.AddDoneCallback(innerDone)
	outer.AddDoneCallback(func(context.Context, AnyFuture) {
		if !inner.Done() {
			inner.RemoveDoneCallback(innerDone)
		}
	})
	return outer
}

// A shielding is the future that Shield returns.
type shielding[T any] struct {
	Future[T]
	inner *Future[T]
}

func (s *shielding[T]) waitReason() inspect.WaitReason {
	return inspect.WaitReason{Kind: inspect.ForShield, Futures: []inspect.Future{s.inner}}
}

// copyOutcome finishes to with the result or the error of from, which is done.
func copyOutcome[T any](to, from *Future[T]) {
	value, err := from.Result()
	if err != nil {
		_ = to.SetException(err)
	} else {
		_ = to.SetResult(value)
	}
}
