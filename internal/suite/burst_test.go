package suite_test

import (
	"context"
	"runtime"
	"testing"

	"example.com/asyncio"
)

// TestBurstReleasesGoroutines starts many tasks that wait at the same time. They wake in
// order, and the loop keeps few of their goroutines.
func TestBurstReleasesGoroutines(t *testing.T) {
	const n = 20_000
	run(t, func(ctx context.Context) error {
		before := runtime.NumGoroutine()
		for range 2 {
			event := new(asyncio.Event)
			woken := 0
			tasks := make([]*asyncio.Task[asyncio.None], n)
			for i := range tasks {
				tasks[i] = asyncio.Go(ctx, func(ctx context.Context) error {
					err := event.Wait(ctx)
					if woken != i {
						t.Errorf("task %d woke, want task %d", i, woken)
					}
					woken++
					return err
				})
			}
			yields(ctx, 1)
			event.Set()
			if _, err := asyncio.Gather(ctx, tasks...).Await(ctx); err != nil {
				return err
			}
		}
		yields(ctx, 1)
		if kept := runtime.NumGoroutine() - before; kept > 2000 {
			t.Errorf("the loop keeps %d goroutines, want at most 2000", kept)
		}
		return nil
	})
}
