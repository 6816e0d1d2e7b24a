package asyncio

import (
	"context"
	"time"

	"example.com/asyncio/inspect"
)

// Sleep suspends for at least d. With d of 0 or less it lets all that is ready
// run, as [Yield] does. Its errors are those of [Future.Await]; in each case its timer
// is gone. See asyncio.sleep.
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

// A sleeper is what a Sleep needs, in one allocation. A TimerHandle would have it be half as large again.
type sleeper struct {
	Future[None]
	over registration
	when time.Duration
}

// When is for who looks on and wants to know no more: to see how late it is woken, say.
func (s *sleeper) When() time.Duration { return s.when }

func (s *sleeper) waitReason() inspect.WaitReason {
	return inspect.WaitReason{Kind: inspect.ForTimer, Until: s.when}
}
