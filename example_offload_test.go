package asyncio_test

import (
	"context"
	"errors"
	"fmt"

	"example.com/asyncio"
	"example.com/asyncio/executor"
)

// A blocking function runs in a goroutine of a pool while the loop continues.
func ExampleToThread() {
	wake := make(chan string)
	err := asyncio.Run(context.Background(), func(ctx context.Context) error {
		asyncio.Go(ctx, func(context.Context) error {
			fmt.Println("the loop is free")
			wake <- "the other task"
			return nil
		})
		name, err := asyncio.ToThread(ctx, func(context.Context) (string, error) {
			return <-wake, nil // on the loop this would block all tasks
		})
		fmt.Println("woken by", name)
		return err
	})
	fmt.Println(err)
	// Output:
	// the loop is free
	// woken by the other task
	// <nil>
}

// A separate executor limits the number of concurrent jobs. The cancel of its future ends
// the ctx of a running job. A job that continues is listed by the pool.
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
		fmt.Println("abandoned jobs:", pool.Abandoned())
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
	// abandoned jobs: 1
	// abandoned
	// waiting
	// true
	// 42
	// <nil> <nil>
}

// Another goroutine runs a function as a task of the loop and waits for its result.
func ExampleRunCoroutineThreadsafe() {
	err := asyncio.Run(context.Background(), func(ctx context.Context) error {
		loop, err := asyncio.RunningLoop(ctx)
		if err != nil {
			return err
		}
		visitors := 0 // only code on the loop uses it, so it needs no lock
		visit := func(ctx context.Context) (int, error) {
			visitors++
			return visitors, asyncio.Yield(ctx)
		}
		answers := make(chan string)
		go func() { // stands for a handler of net/http
			for range 2 {
				n, err := asyncio.RunCoroutineThreadsafe(loop, visit).Result(context.Background())
				answers <- fmt.Sprintf("visitor %d, %v", n, err)
			}
			close(answers)
		}()
		for {
			// To receive from a channel in a task would block the loop, so ToThread does
			// it.
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
