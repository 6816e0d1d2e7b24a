// Unreaderror has a task that fails, while the program continues without reading its
// error.
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
	refresher := asyncio.Go(ctx, refresh, asyncio.WithName("refresh"))
	if err := asyncio.Sleep(ctx, time.Hour); err != nil {
		return err
	}
	_, err := refresher.Await(ctx)
	return err
}

// clean awaits the task immediately and handles its error.
func clean(ctx context.Context) error {
	if _, err := asyncio.Go(ctx, refresh, asyncio.WithName("refresh")).Await(ctx); err == nil {
		return errors.New("refresh did not fail")
	}
	return asyncio.Sleep(ctx, time.Hour)
}

func refresh(context.Context) error { return errors.New("the cache is read-only") }
