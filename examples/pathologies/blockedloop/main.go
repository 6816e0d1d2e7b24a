// Blockedloop has a task that blocks the loop: it computes for a long time, or waits by
// means other than await.
package main

import (
	"context"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/examples/pathologies/pathology"
)

func main() {
	work := func() { time.Sleep(10 * time.Second) } // a library function that does not use the loop
	pathology.Main(sick(work), clean(work))
}

func sick(work func()) pathology.Program {
	return func(ctx context.Context) error {
		if err := asyncio.Yield(ctx); err != nil {
			return err
		}
		work()
		return nil
	}
}

// clean does the work in a thread.
func clean(work func()) pathology.Program {
	return func(ctx context.Context) error {
		_, err := asyncio.ToThread(ctx, func(context.Context) (asyncio.None, error) {
			work()
			return asyncio.None{}, nil
		})
		return err
	}
}
