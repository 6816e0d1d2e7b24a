package asyncio

import (
	"context"
	"iter"

	"example.com/asyncio/inspect"
)

// AsCompleted returns an iterator over fs in the order in which they are done:
// those that are already, in the order given, then each as it ends. Between two it
// suspends. Each is yielded once, with a nil error; its own error, if it failed, is its own.
//
// If the time given by [WithTimeout], which counts from the call on, is up, or the calling task is
// cancelled, the iterator yields that error without a future, and stops; the rest of
// fs goes on. A loop that was left can be taken up again with a further range. AsCompleted panics if there is no
// running loop ([ErrNoRunningLoop]) or a nil among fs ([ErrInvalidArgument]). See asyncio.as_completed.
func AsCompleted[F AnyFuture](ctx context.Context, fs []F, opts ...TimeoutOption) iter.Seq2[F, error] {
	l := mustLoop(ctx, "AsCompleted")
	limit := Never
	for _, o := range opts {
		limit = o.limit
	}
	todo := distinct(fs)
	var (
		index  = make(map[*futureBase]F, len(todo)) // those that have not come
		came   []F
		next   *someOf[F] // for which the range waits
		late   bool
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
			return // it was done in the turn in which the time was up
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
