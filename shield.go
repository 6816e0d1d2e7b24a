package asyncio

import (
	"context"

	"example.com/asyncio/inspect"
)

// Shield returns a future of aw's outcome whose cancel does not reach aw: the
// awaiter is cancelled, and what aw does goes on. A cancel of aw itself does
// cancel the future. If aw is done already it is returned as it is.
// An aw that is no future becomes a task. It panics as [EnsureFuture] does. See asyncio.shield.
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
				_ = inner.Exception() // has been dealt with
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

// A shielding is the future that a Shield returns.
type shielding[T any] struct {
	Future[T]
	inner *Future[T]
}

func (s *shielding[T]) waitReason() inspect.WaitReason {
	return inspect.WaitReason{Kind: inspect.ForShield, Futures: []inspect.Future{s.inner}}
}

// settle gives f the result or the error of a future that has one.
func copyOutcome[T any](f, of *Future[T]) {
	value, err := of.Result()
	if err != nil {
		_ = f.SetException(err)
	} else {
		_ = f.SetResult(value)
	}
}
