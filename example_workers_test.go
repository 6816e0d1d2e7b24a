package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// mapTasks calls f for each of items, at most limit calls at the same time, and returns
// the results in the order of items. Each call is a task. The first failure cancels the
// others, where asyncio.Map would yield it at its position.
func mapTasks[In, Out any](ctx context.Context, limit int, items []In, f func(ctx context.Context, item In) (Out, error)) ([]Out, error) {
	results := make([]Out, len(items))
	err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
		tg.SetLimit(limit)
		for i, item := range items {
			if err := tg.WaitSlot(ctx); err != nil { // a million items do not become a million tasks
				return err
			}
			tg.Go(func(ctx context.Context) (err error) {
				results[i], err = f(ctx, item)
				return err
			}, asyncio.WithName(fmt.Sprint(item)))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// A few workers process many items. The first failure ends all of them. The function
// above can be used for anything.
func Example_workers() {
	r := asyncio.Runner{Driver: driver.NewVirtual()} // the clock jumps to the next timer
	defer r.Close()
	loop := r.Loop()
	resize := func(ctx context.Context, size int) (string, error) {
		if err := asyncio.Sleep(ctx, time.Duration(size)*time.Second); err != nil {
			fmt.Printf("%-3v  %d: %v\n", loop.Time(), size, err)
			return "", err
		}
		fmt.Printf("%-3v  %d: done\n", loop.Time(), size)
		if size == 4 {
			return "", errors.New("a picture is broken")
		}
		return fmt.Sprint("small ", size), nil
	}
	for _, sizes := range [][]int{{5, 1, 2, 3}, {2, 9, 4, 1}} {
		err := r.Run(context.Background(), func(ctx context.Context) error {
			began := loop.Time()
			small, err := mapTasks(ctx, 2, sizes, resize)
			fmt.Printf("%v after %v\n", small, loop.Time()-began)
			return err
		})
		fmt.Println(err)
	}
	// Output:
	// 1s   1: done
	// 3s   2: done
	// 5s   5: done
	// 6s   3: done
	// [small 5 small 1 small 2 small 3] after 6s
	// <nil>
	// 8s   2: done
	// 12s  4: done
	// 12s  9: asyncio: cancelled by a group, since task 4 failed: a picture is broken
	// [] after 6s
	// asyncio: unhandled error in a TaskGroup: a picture is broken
}
