package asyncio

import (
	"context"

	"example.com/asyncio/inspect"
)

// Gather returns a future of the results of aws, in their order. What is no
// future among aws becomes a task, at once. [GatherAny] takes different types.
//
// If one fails, or is cancelled, the future fails with its error, and the others
// go on. A cancel of the future is passed on to all that are not done. Gather does not suspend; it panics as
// [EnsureFuture] does. See asyncio.gather.
func Gather[T any, A Awaitable[T]](ctx context.Context, aws ...A) *Future[[]T] {
	ensure := func(i int) *Future[T] { return EnsureFuture[T](ctx, aws[i]) }
	return gather(ctx, len(aws), ensure, true, valueOf[T])
}

// GatherAny is [Gather] for awaitables of different types. Who wants their results with the types that they have
// makes tasks of them before, and asks these. See asyncio.gather.
func GatherAny(ctx context.Context, aws ...AnyAwaitable) *Future[[]any] {
	ensure := func(i int) AnyFuture { return aws[i].EnsureFuture(ctx) }
	return gather(ctx, len(aws), ensure, true, func(f AnyFuture) any {
		value, _ := f.AnyResult()
		return value
	})
}

// A Result is an outcome as a value: what a [GatherResults] has for each of those given.
type Result[T any] struct {
	Value T
	Err   error
}

// GatherResults is [Gather] where errors are results among others: the future
// waits for all. If the future itself is cancelled it fails with a
// [CancelledError] when all have ended. See asyncio.gather(return_exceptions=True).
func GatherResults[T any, A Awaitable[T]](ctx context.Context, aws ...A) *Future[[]Result[T]] {
	ensure := func(i int) *Future[T] { return EnsureFuture[T](ctx, aws[i]) }
	return gather(ctx, len(aws), ensure, false, func(f *Future[T]) Result[T] {
		return Result[T]{valueOf(f), errorOf(f)}
	})
}

// GatherAnyResults is [GatherResults] for awaitables of different types. See asyncio.gather(return_exceptions=True).
func GatherAnyResults(ctx context.Context, aws ...AnyAwaitable) *Future[[]Result[any]] {
	ensure := func(i int) AnyFuture { return aws[i].EnsureFuture(ctx) }
	return gather(ctx, len(aws), ensure, false, func(f AnyFuture) Result[any] {
		if err := errorOf(f); err != nil {
			return Result[any]{Err: err}
		}
		value, _ := f.AnyResult()
		return Result[any]{Value: value}
	})
}

// valueOf returns the result of f, which is done; none if it has failed.
func valueOf[T any](f *Future[T]) (value T) {
	if !f.Cancelled() {
		value, _ = f.Result()
	}
	return value
}

// errorOf returns the error of f, which is done. Of one that was cancelled it is not the
// CancelledError itself: the first who awaits f is to have that.
func errorOf(f AnyFuture) error {
	if !f.Cancelled() {
		return f.Exception()
	}
	e := &CancelledError{Message: ""}
	if msg := f.CancelMessage(); msg != nil {
		e.Message = msg
	}
	return e
}

// A gathering is the state behind a Gather of Fs whose results have the type R.
type gathering[F AnyFuture, R any] struct {
	Future[[]R]          // that Gather returns
	made            bool // or else an argument was bad, and Gather has panicked
	failing         bool // at the first error
	part            func(F) R
	children        []F
	finished        int
	ended           sharedCallback // the callback of each child
	cancelRequested bool           // to cancel
}

func (g *gathering[F, R]) waitReason() inspect.WaitReason {
	r := inspect.WaitReason{Kind: inspect.ForGather}
	for _, f := range g.children {
		r.Futures = append(r.Futures, f)
	}
	return r
}

func gather[F AnyFuture, R any](ctx context.Context, n int, ensure func(i int) F, fail bool, part func(F) R) *Future[[]R] {
	if n == 0 {
		outer := NewFuture[[]R](ctx)
		_ = outer.SetResult([]R{})
		return outer
	}
	g := &gathering[F, R]{failing: fail, part: part, children: make([]F, n)}
	var done []AnyFuture
	g.ended = sharedCallback{Func: g.childDone, Room: n}
	for i := range g.children {
		f := ensure(i)
		g.children[i] = f
		if f.Done() {
			done = append(done, f)
		} else {
			g.ended.AddTo(f)
		}
	}
	initFuture(ctx, &g.Future, g, WithCancel(g.cancelChildren))
	g.made = true
	for _, f := range done {
		g.childDone(ctx, f)
	}
	return &g.Future
}

func (g *gathering[F, R]) cancelChildren(message any) bool {
	accepted := false
	for _, f := range g.children {
		if f.CancelWith(message) {
			accepted = true
		}
	}
	g.cancelRequested = g.cancelRequested || accepted
	return accepted
}

func (g *gathering[F, R]) childDone(_ context.Context, f AnyFuture) {
	g.finished++
	// No future: an argument was bad, and Gather has panicked.
	if !g.made || g.Done() {
		if !f.Cancelled() {
			_ = f.Exception() // is not to be reported
		}
		return
	}
	if g.failing {
		if err := f.Exception(); err != nil {
			_ = g.SetException(err)
			return
		}
	}
	if g.finished < len(g.children) {
		return
	}
	if !g.cancelRequested {
		results := make([]R, len(g.children))
		for i, f := range g.children {
			results[i] = g.part(f)
		}
		_ = g.SetResult(results)
		return
	}
	// The last in order speaks for all, as in CPython.
	last := g.children[len(g.children)-1]
	var err error = &CancelledError{Message: last.CancelMessage()}
	if last.Cancelled() {
		err = last.Exception()
	}
	_ = g.SetException(err)
}
