package asyncio

import (
	"context"
	"iter"

	"example.com/asyncio/inspect"
)

// AsCompleted returns an iterator over fs in the order of their completion.
//
//   - Futures that are already done come first, in the order of fs. The iterator suspends
//     until the next future is done. It yields each future once.
//   - The error that comes with a future is nil, even if the future failed.
//   - If the calling task is cancelled, or the time of [WithTimeout] has passed, the
//     iterator yields that error without a future, and stops. The time begins with the
//     call of AsCompleted. The remaining futures continue.
//   - After a break, another range continues with the remaining futures.
//   - AsCompleted panics if there is no running loop ([ErrNoRunningLoop]), or if fs
//     contains a nil ([ErrInvalidArgument]).
//
// See asyncio.as_completed.
func AsCompleted[F AnyFuture](ctx context.Context, fs []F, opts ...TimeoutOption) iter.Seq2[F, error] {
	l := mustLoop(ctx, "AsCompleted")
	limit := Never
	for _, o := range opts {
		limit = o.limit
	}
	todo := distinct(fs)
	var (
		index  = make(map[*futureBase]F, len(todo)) // the futures that have not arrived
		came   []F                                  // done, and not yielded yet
		next   *someOf[F]                           // awaited by the range; nil before its first wait
		late   bool                                 // the time has passed
		timer  *TimerHandle
		arrive func(context.Context, AnyFuture)
	)
	wake := func() {
		if next != nil && !next.Done() {
			_ = next.SetResult(None{})
		}
	}
	arrive = func(_ context.Context, f AnyFuture) {
		given, awaited := index[f.base()]
		if !awaited {
			return // done in the turn in which the time passed
		}
		came = append(came, given)
		delete(index, f.base())
		if len(index) == 0 && timer != nil {
			timer.Cancel()
		}
		wake()
	}
	for _, f := range todo {
		index[f.base()] = f
		f.AddDoneCallback(arrive)
	}
	if len(todo) > 0 && limit < Never-l.Time() {
		timer = l.CallLater(limit, func(context.Context) {
			for _, f := range index {
				f.RemoveDoneCallback(arrive)
			}
			clear(index)
			late = true
			wake()
		})
	}
	return func(yield func(F, error) bool) {
		for len(came) > 0 || len(index) > 0 || late {
			if len(came) == 0 && !late {
				next = &someOf[F]{kind: inspect.ForAsCompleted, fs: todo}
				initFuture(ctx, &next.Future, next)
				if _, err := next.Await(ctx); err != nil {
					var none F
					yield(none, err)
					return
				}
				continue
			}
			if len(came) == 0 {
				var none F
				yield(none, &TimeoutError{After: limit})
				return
			}
			f := came[0]
			came = came[1:]
			if !yield(f, nil) {
				return
			}
		}
	}
}
