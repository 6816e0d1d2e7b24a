package asyncio

import (
	"context"
	"iter"
	"time"

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
	c := &completion[F]{todo: distinct(fs), limit: Never}
	for _, o := range opts {
		c.limit = o.limit
	}
	c.index = make(map[*futureBase]F, len(c.todo))
	arrive := c.arrive // one function value, as RemoveDoneCallback requires
	for _, f := range c.todo {
		c.index[f.base()] = f
		f.AddDoneCallback(arrive)
	}
	if len(c.todo) > 0 && c.limit < Never-l.Time() {
		c.timer = l.CallLater(c.limit, func(context.Context) {
			for _, f := range c.index {
				f.RemoveDoneCallback(arrive)
			}
			clear(c.index)
			c.late = true
			c.wake()
		})
	}
	return func(yield func(F, error) bool) { c.each(ctx, yield) }
}

// A completion is the state of an AsCompleted.
type completion[F AnyFuture] struct {
	todo  []F
	index map[*futureBase]F // the futures that have not arrived
	came  []F               // done, and not yielded yet
	next  *someOf[F]        // awaited by the range; nil before its first wait
	limit time.Duration     // of the whole; Never: none
	timer *TimerHandle      // nil: no limit
	late  bool              // the time has passed
}

// arrive is the callback of each future.
func (c *completion[F]) arrive(_ context.Context, f AnyFuture) {
	given, awaited := c.index[f.base()]
	if !awaited {
		return // done in the turn in which the time passed
	}
	c.came = append(c.came, given)
	delete(c.index, f.base())
	if len(c.index) == 0 && c.timer != nil {
		c.timer.Cancel()
	}
	c.wake()
}

// wake wakes the range.
func (c *completion[F]) wake() {
	if c.next != nil && !c.next.Done() {
		_ = c.next.SetResult(None{})
	}
}

// each is the iterator.
func (c *completion[F]) each(ctx context.Context, yield func(F, error) bool) {
	var none F
	for len(c.came) > 0 || len(c.index) > 0 || c.late {
		if len(c.came) > 0 {
			f := c.came[0]
			c.came = c.came[1:]
			if !yield(f, nil) {
				return
			}
			continue
		}
		if c.late {
			yield(none, &TimeoutError{After: c.limit})
			return
		}
		c.next = &someOf[F]{kind: inspect.ForAsCompleted, fs: c.todo}
		initFuture(ctx, &c.next.Future, c.next)
		if _, err := c.next.Await(ctx); err != nil {
			yield(none, err)
			return
		}
	}
}
