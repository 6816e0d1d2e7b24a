// Deadlock has two tasks that acquire two locks in different orders.
package main

import (
	"context"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/examples/pathologies/pathology"
)

func main() { pathology.Main(sick, clean) }

func sick(ctx context.Context) error {
	from, to := new(asyncio.Lock), new(asyncio.Lock)
	return transfers(ctx, [2]*asyncio.Lock{from, to}, [2]*asyncio.Lock{to, from})
}

// clean acquires the locks in the same order in both tasks.
func clean(ctx context.Context) error {
	from, to := new(asyncio.Lock), new(asyncio.Lock)
	return transfers(ctx, [2]*asyncio.Lock{from, to}, [2]*asyncio.Lock{from, to})
}

func transfers(ctx context.Context, there, back [2]*asyncio.Lock) error {
	return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
		tg.Go(transfer(there), asyncio.WithName("there"))
		tg.Go(transfer(back), asyncio.WithName("back"))
		return nil
	})
}

func transfer(locks [2]*asyncio.Lock) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		return locks[0].With(ctx, func(ctx context.Context) error {
			if err := asyncio.Sleep(ctx, time.Millisecond); err != nil {
				return err
			}
			return locks[1].With(ctx, func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Millisecond) })
		})
	}
}
