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
	l, err := runningLoop(ctx)
	if err != nil {
		return err
	}
	f := NewFuture[None](ctx)
	timer := l.CallLater(d, func(context.Context) {
		if !f.Done() { // it may have been cancelled in this very turn
			_ = f.SetResult(None{})
		}
	})
	_, err = f.Await(ctx)
	timer.Cancel()
	return err
}
