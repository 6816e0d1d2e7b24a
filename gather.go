package asyncio

import (
	"context"

	"example.com/asyncio/inspect"
)

// Gather returns a future of the results of aws, in the order of aws.
//
//   - It does not suspend. It starts a task for each of aws that is not a future or a
//     task.
//   - If one of aws fails or is cancelled, the future fails with that error, and the
//     others continue.
//   - A cancel of the future cancels all of aws that are not done.
//   - It panics like [EnsureFuture].
//
// [GatherAny] takes different types, [GatherLimit] limits how many tasks run at the same
// time. See asyncio.gather.
func Gather[T any, A Awaitable[T]](ctx context.Context, aws ...A) *Future[[]T] {
	ensure := func(i int) *Future[T] { return EnsureFuture[T](ctx, aws[i]) }
	return gather(ctx, len(aws), ensure, true, valueOf[T])
}

// GatherLimit is [Gather] where at most limit of the tasks that it starts run at the same
// time.
//
//   - It starts all tasks at once. Those beyond the limit wait, in the order of aws,
//     before they call their functions. A cancel of such a task ends its wait.
//   - Futures and tasks among aws are not limited.
//   - It panics ([ErrInvalidArgument]) if limit is less than 1.
//
// [Map] creates its tasks only as they are needed.
func GatherLimit[T any, A Awaitable[T]](ctx context.Context, limit int, aws ...A) *Future[[]T] {
	if limit < 1 {
		panic(misuse(ErrInvalidArgument, "GatherLimit with a limit of %d; pass at least 1, or use Gather for no limit", limit))
	}
	slots := NewSemaphore(limit)
	ensure := func(i int) *Future[T] { return ensureLimited[T](ctx, slots, aws[i]) }
	return gather(ctx, len(aws), ensure, true, valueOf[T])
}

// ensureLimited is EnsureFuture where a new task acquires a slot before it begins.
func ensureLimited[T any](ctx context.Context, slots *Semaphore, aw Awaitable[T]) *Future[T] {
	var fn func(ctx context.Context) (T, error)
	switch aw := aw.(type) {
	case nil, *Future[T], *Task[T]:
		return EnsureFuture(ctx, aw)
	case Coro[T]:
		fn = aw
	default:
		fn = aw.Await
	}
	limited := func(ctx context.Context) (value T, err error) {
		if err := slots.Acquire(ctx); err != nil {
			return value, err
		}
		defer slots.Release()
		return fn(ctx)
	}
	return &createAs(ctx, "GatherLimit", limited, nil, codePointer(fn), nil).Future
}

// GatherAny is [Gather] for awaitables of different types. To get the results with their
// types, pass tasks, and call [Future.Result] of each task afterwards. See
// asyncio.gather.
func GatherAny(ctx context.Context, aws ...AnyAwaitable) *Future[[]any] {
	ensure := func(i int) AnyFuture { return aws[i].EnsureFuture(ctx) }
	return gather(ctx, len(aws), ensure, true, func(f AnyFuture) any {
		value, _ := f.AnyResult()
		return value
	})
}

// A Result is an outcome as a value. [GatherResults] returns one for each of its
// arguments.
type Result[T any] struct {
	Value T
	Err   error
}

// GatherResults is [Gather] with the errors of aws among the results: the future waits
// for all of aws. If the future itself is cancelled, it fails with a [CancelledError]
// after all of aws have ended. See asyncio.gather(return_exceptions=True).
func GatherResults[T any, A Awaitable[T]](ctx context.Context, aws ...A) *Future[[]Result[T]] {
	ensure := func(i int) *Future[T] { return EnsureFuture[T](ctx, aws[i]) }
	return gather(ctx, len(aws), ensure, false, func(f *Future[T]) Result[T] {
		return Result[T]{valueOf(f), errorOf(f)}
	})
}

// GatherAnyResults is [GatherResults] for awaitables of different types. See
// asyncio.gather(return_exceptions=True).
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

// valueOf returns the result of f, which is done; the zero value if f failed or was
// cancelled.
func valueOf[T any](f *Future[T]) (value T) {
	if !f.Cancelled() {
		value, _ = f.Result()
	}
	return value
}

// errorOf returns the error of f, which is done. If f was cancelled, it returns a new
// CancelledError: the original is for the first awaiter of f.
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

// A gathering is the state of a Gather of children of type F, with results of type R.
type gathering[F AnyFuture, R any] struct {
	Future[[]R]               // returned by Gather
	made            bool      // the Future is initialized; false after a panic of Gather
	failing         bool      // the first error of a child is that of the Future
	part            func(F) R // returns the result for a child that is done
	children        []F
	finished        int            // children whose end childDone has processed
	ended           sharedCallback // calls childDone
	cancelRequested bool           // a child has accepted a cancel of the Future
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
	if !g.made || g.Done() {
		if !f.Cancelled() {
			_ = f.Exception() // marks it as read, so that it is not reported
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
	// The last child determines the message, as in CPython.
	last := g.children[len(g.children)-1]
	var err error = &CancelledError{Message: last.CancelMessage()}
	if last.Cancelled() {
		err = last.Exception()
	}
	_ = g.SetException(err)
}
