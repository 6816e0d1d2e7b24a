package asyncio_test

import (
	"context"
	"errors"
	"fmt"

	"example.com/asyncio"
	"example.com/asyncio/executor"
)

// A function that blocks runs in a goroutine of a pool, and the loop goes on meanwhile.
func ExampleToThread() {
	wake := make(chan string)
	err := asyncio.Run(context.Background(), func(ctx context.Context) error {
		asyncio.Go(ctx, func(context.Context) error {
			fmt.Println("the loop is free")
			wake <- "the other task"
			return nil
		})
		who, err := asyncio.ToThread(ctx, func(context.Context) (string, error) {
			return <-wake, nil // would stop the loop for good, if it were done there
		})
		fmt.Println("woken by", who)
		return err
	})
	fmt.Println(err)
	// Output:
	// the loop is free
	// woken by the other task
	// <nil>
}

// An executor of one's own bounds how much runs at a time. A job that runs when its future is cancelled hears
// of it through its ctx; if it goes on all the same, the pool lists it.
func ExampleRunInExecutor() {
	pool := executor.NewPool(1)
	begun, gate := make(chan bool), make(chan bool)
	err := asyncio.Run(context.Background(), func(ctx context.Context) error {
		slow := asyncio.RunInExecutor(ctx, pool, func(ctx context.Context) (int, error) {
			close(begun)
			<-ctx.Done()
			<-gate // cleans up
			return 0, ctx.Err()
		})
		next := asyncio.RunInExecutor(ctx, pool, func(context.Context) (int, error) { return 42, nil })
		<-begun

		slow.CancelWith("too slow")
		fmt.Println("jobs that nobody awaits:", pool.Abandoned())
		for _, job := range pool.Jobs() {
			fmt.Println(job.State)
		}
		_, err := slow.Await(ctx)
		fmt.Println(errors.Is(err, asyncio.ErrCancelled))

		close(gate)
		answer, err := next.Await(ctx)
		fmt.Println(answer)
		return err
	})
	fmt.Println(err, pool.Shutdown(context.Background()))
	// Output:
	// jobs that nobody awaits: 1
	// abandoned
	// waiting
	// true
	// 42
	// <nil> <nil>
}

// A goroutine that is not the loop's has a function run as a task there, and waits for its result.
func ExampleRunCoroutineThreadsafe() {
	err := asyncio.Run(context.Background(), func(ctx context.Context) error {
		loop, err := asyncio.RunningLoop(ctx)
		if err != nil {
			return err
		}
		visitors := 0 // only code on the loop touches it: there is no lock
		visit := func(ctx context.Context) (int, error) {
			visitors++
			return visitors, asyncio.Yield(ctx)
		}
		answers := make(chan string)
		go func() { // a handler of net/http, say
			for range 2 {
				n, err := asyncio.RunCoroutineThreadsafe(loop, visit).Result(context.Background())
				answers <- fmt.Sprintf("visitor %d, %v", n, err)
			}
			close(answers)
		}()
		for {
			// A task that receives from a channel would stop the loop; this one waits in a thread.
			answer, err := asyncio.ToThread(ctx, func(context.Context) (string, error) { return <-answers, nil })
			if answer == "" || err != nil {
				return err
			}
			fmt.Println(answer)
		}
	})
	fmt.Println(err)
	// Output:
	// visitor 1, <nil>
	// visitor 2, <nil>
	// <nil>
}
