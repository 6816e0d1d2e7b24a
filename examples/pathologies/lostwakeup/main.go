// Lostwakeup has a task that waits to be notified of what has happened already.
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

// clean looks first whether what it waits for has happened.
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
	if err := asyncio.Sleep(ctx, time.Second); err != nil { // something takes longer than it did on the author's machine
		return err
	}
	return c.With(ctx, func(ctx context.Context) error { return wait(ctx, c, &ready) })
}
