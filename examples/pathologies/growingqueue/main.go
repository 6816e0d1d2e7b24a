// Growingqueue has a task that puts items into a queue faster than another gets them.
package main

import (
	"context"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/examples/pathologies/pathology"
)

func main() { pathology.Main(sick, clean) }

func sick(ctx context.Context) error { return feed(ctx, asyncio.NewQueue[int](0)) }

// clean uses a bounded queue, so that the producer waits while it is full.
func clean(ctx context.Context) error { return feed(ctx, asyncio.NewQueue[int](100)) }

func feed(ctx context.Context, q *asyncio.Queue[int]) error {
	return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
		tg.Go(func(ctx context.Context) error {
			for {
				if _, err := q.Get(ctx); err != nil {
					return err
				}
				if err := asyncio.Sleep(ctx, 20*time.Millisecond); err != nil {
					return err
				}
			}
		}, asyncio.WithName("consumer"))
		tg.Go(func(ctx context.Context) error {
			for n := 0; ; n++ {
				if err := q.Put(ctx, n); err != nil {
					return err
				}
				if err := asyncio.Sleep(ctx, 10*time.Millisecond); err != nil {
					return err
				}
			}
		}, asyncio.WithName("producer"))
		return nil
	})
}
