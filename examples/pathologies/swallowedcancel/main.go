// Swallowedcancel has a task that retries after any error, including its cancellation.
package main

import (
	"context"
	"errors"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/examples/pathologies/pathology"
)

func main() { pathology.Main(sick, clean) }

func sick(ctx context.Context) error {
	return poll(ctx, func(error) bool { return true })
}

// clean retries after an error, but not after a cancel.
func clean(ctx context.Context) error {
	return poll(ctx, func(err error) bool { return !errors.Is(err, asyncio.ErrCancelled) })
}

func poll(ctx context.Context, goOn func(err error) bool) error {
	poller := asyncio.Go(ctx, func(ctx context.Context) error {
		for range 100 {
			if err := asyncio.Sleep(ctx, time.Second); err != nil && !goOn(err) {
				return err
			}
		}
		return nil
	}, asyncio.WithName("poller"))
	if err := asyncio.Sleep(ctx, 5*time.Second); err != nil {
		return err
	}
	poller.Cancel()
	return asyncio.Sleep(ctx, time.Hour)
}
