// Lostwakeup has a task that waits for a notification that was sent earlier.
package main

import (
	"context"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/examples/pathologies/pathology"
)

func main() { pathology.Main(sick, clean) }

func sick(ctx context.Context) error {
	return start(ctx, func(ctx context.Context, c *asyncio.Condition, _ *bool) error { return c.Wait(ctx) })
}

// clean checks the predicate before it waits.
func clean(ctx context.Context) error {
	return start(ctx, func(ctx context.Context, c *asyncio.Condition, ready *bool) error {
		return c.WaitFor(ctx, func() bool { return *ready })
	})
}

func start(ctx context.Context, wait func(ctx context.Context, c *asyncio.Condition, ready *bool) error) error {
	c, ready := asyncio.NewCondition(nil), false
	asyncio.Go(ctx, func(ctx context.Context) error {
		return c.With(ctx, func(context.Context) error {
			ready = true
			c.NotifyAll()
			return nil
		})
	}, asyncio.WithName("starter"))
	if err := asyncio.Sleep(ctx, time.Second); err != nil { // work that takes longer than its author expected
		return err
	}
	return c.With(ctx, func(ctx context.Context) error { return wait(ctx, c, &ready) })
}
