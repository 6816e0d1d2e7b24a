package executor_test

import (
	"context"
	"fmt"
	"time"

	"example.com/asyncio/executor"
)

func ExamplePool() {
	ctx := context.Background()
	pool := executor.NewPool(2)

	sum := func(ctx context.Context) (any, error) {
		total := 0
		for i := range 101 {
			total += i
		}
		return total, nil
	}
	answer := make(chan any, 1)
	if _, err := pool.Submit(ctx, executor.Call("sum", sum, func(value any, err error) { answer <- value })); err != nil {
		fmt.Println(err)
	}
	fmt.Println(<-answer)

	// With a limit, a stuck job cannot block the shutdown.
	limit, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	fmt.Println(pool.Shutdown(limit))
	// Output:
	// 5050
	// <nil>
}

func ExampleJob() {
	pool := executor.NewPool(1)
	running := make(chan struct{})
	outcome := make(chan error, 2)

	listen := func(ctx context.Context) (any, error) {
		close(running)
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	done := func(_ any, err error) { outcome <- err }

	first, _ := pool.Submit(context.Background(), executor.Call("first", listen, done))
	<-running
	second, _ := pool.Submit(context.Background(), executor.Call("second", listen, done))

	fmt.Println(second.Cancel(fmt.Errorf("the client went away")), <-outcome)
	fmt.Println(first.Cancel(fmt.Errorf("the client went away")), <-outcome)
	fmt.Println(pool.Shutdown(context.Background()))
	// Output:
	// true executor: job withdrawn before it began
	// false the client went away
	// <nil>
}
