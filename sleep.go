package asyncio

import (
	"context"
	"time"
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
	s := &sleeper{}
	s.init(l, s)
	s.timer.future = &s.futureBase
	s.timer.init(l, "Sleep", nil)
	l.addTimer(&s.timer, l.timeAfter(d))
	_, err = s.Await(ctx)
	s.timer.Cancel()
	return err
}

// A sleeper is what a Sleep needs, in one allocation.
type sleeper struct {
	Future[None]
	timer TimerHandle
}

// When is for who looks on and wants to know no more: to see how late it is woken, say.
func (s *sleeper) When() time.Duration { return s.timer.when }

func (s *sleeper) WaitReason() WaitReason { return WaitReason{Kind: ForTimer, Until: s.timer.when} }
