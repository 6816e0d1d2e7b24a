package asyncio

import (
	"context"
	"time"

	"example.com/asyncio/inspect"
)

// Sleep suspends for at least d.
//
//   - If d is 0 or less, it suspends for one turn of the loop, like [Yield].
//   - Its errors are those of [Future.Await]. After an error no timer is left.
//
// See asyncio.sleep.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return Yield(ctx)
	}
	t, err := awaiter(ctx)
	if err != nil {
		return err
	}
	l := t.future.loop
	s := &sleeper{when: l.timeAfter(d)}
	s.init(l, s)
	s.over.kind, s.over.shared, s.over.future = kindRegistration, &l.completions, &s.futureBase
	l.addTimer(&s.over.head, s.when)
	_, err = s.Await(ctx)
	l.cancelTimer(&s.over.head)
	return err
}

// A sleeper is the future and the timer of a Sleep in one allocation. With a TimerHandle
// it would be half as large again.
type sleeper struct {
	Future[None]
	over registration  // the timer
	when time.Duration // when it is due, in loop time
}

// When lets observers measure how late the sleeper wakes.
func (s *sleeper) When() time.Duration { return s.when }

func (s *sleeper) waitReason() inspect.WaitReason {
	return inspect.WaitReason{Kind: inspect.ForTimer, Until: s.when}
}
