// Blockedloop has a task that works for long, or waits by other means than await, where the loop can do nothing else.
package main

import (
	"context"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/examples/pathologies/pathology"
)

func main() {
	work := func() { time.Sleep(10 * time.Second) } // a library that knows nothing of the loop
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

// clean has the work done elsewhere.
func clean(work func()) pathology.Program {
	return func(ctx context.Context) error {
		_, err := asyncio.ToThread(ctx, func(context.Context) (asyncio.None, error) {
			work()
			return asyncio.None{}, nil
		})
		return err
	}
}
