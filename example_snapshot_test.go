package asyncio_test

import (
	"context"
	"fmt"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
	"example.com/asyncio/inspect"
)

// A snapshot has the wait reason and the awaiters of each task.
func ExampleLoop_Snapshot() {
	r := asyncio.Runner{Driver: driver.NewVirtual()} // takes no real time: the clock jumps
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		var lock asyncio.Lock
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(func(ctx context.Context) error {
				return lock.With(ctx, func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Minute) })
			}, asyncio.WithName("slow"))
			tg.Go(lock.Acquire, asyncio.WithName("patient"))
			_ = asyncio.Sleep(ctx, time.Second)
			for _, t := range r.Loop().Snapshot().Tasks {
				switch {
				case t.Waits == nil:
					fmt.Printf("%s is %s\n", t.Name, t.State)
				default:
					fmt.Printf("%s waits for %v; awaited by task %d\n", t.Name, t.Waits, t.AwaitedBy[0].Task)
				}
			}
			return nil
		})
	}, asyncio.WithName("main"))
	fmt.Println(err)
	// Output:
	// main is running
	// slow waits for a timer until 1m0s; awaited by task 1
	// patient waits for lock <Lock locked waiters=1> held by task slow; awaited by task 1
	// <nil>
}

// An Observer receives the events of a loop.
func ExampleLoop_SetObserver() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	r.Loop().SetObserver(printer{})
	_ = r.Run(context.Background(), func(ctx context.Context) error {
		asyncio.Go(ctx, func(ctx context.Context) error {
			return asyncio.Timeout(ctx, time.Second, func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Minute) })
		}, asyncio.WithName("fetch"))
		return asyncio.Sleep(ctx, time.Hour)
	}, asyncio.WithName("main"))
	r.Loop().SetObserver(nil)
	// Output:
	// 0s main created
	// 0s main started
	// 0s fetch created by main
	// 0s main suspended: a timer until 1h0m0s
	// 0s fetch started
	// 0s fetch suspended: a timer until 1m0s
	// 1s fetch cancel asked by a timeout of 1s
	// 1s fetch resumed
	// 1s fetch ended: asyncio: timed out after 1s
	// 1h0m0s main resumed
	// 1h0m0s main ended
}

// A printer is an Observer that prints the events of tasks.
type printer struct{}

func (printer) Observe(e *inspect.Event) {
	if e.Task == nil {
		return // the beginning or the end of a callback
	}
	i := e.Info()
	line := fmt.Sprint(i.Time, " ", i.Name, " ", i.Kind)
	if i.By != "" {
		line += " by " + i.By
	}
	if i.Waits != nil {
		line += ": " + i.Waits.String()
	}
	if i.Error != "" {
		line += ": " + i.Error
	}
	fmt.Println(line)
}

// The calls that led to the await of a task.
func ExampleTask_stack() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	_ = r.Run(context.Background(), func(ctx context.Context) error {
		t := asyncio.Go(ctx, outermost)
		_ = asyncio.Yield(ctx)
		for _, f := range t.Stack(0) {
			fmt.Println(f.Func)
		}
		return nil
	})
	// Output:
	// asyncio_test.outermost
	// asyncio_test.middle
	// asyncio_test.innermost
	// asyncio_test.never
}

// The awaiters of the running task, and their awaiters. The stacks are omitted, because
// their places differ between machines.
func ExampleCaptureCallGraph() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	_ = r.Run(context.Background(), func(ctx context.Context) error {
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(func(ctx context.Context) error {
				fmt.Println(asyncio.CaptureCallGraph(ctx, nil).Format(0))
				return nil
			}, asyncio.WithName("test"))
			return nil
		})
	}, asyncio.WithName("main"))
	// Output:
	// * Task(name="test", id=2)
	//   + Awaited by:
	//     * Task(name="main", id=1)
}
