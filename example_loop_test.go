package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// Run returns after main and all remaining tasks have ended. These are cancelled and can
// clean up.
func ExampleRun() {
	err := asyncio.Run(context.Background(), func(ctx context.Context) error {
		asyncio.Go(ctx, func(ctx context.Context) error {
			err := asyncio.Sleep(ctx, time.Hour)
			fmt.Println("background task:", err)
			return err
		})
		if err := asyncio.Sleep(ctx, time.Millisecond); err != nil {
			return err
		}
		fmt.Println("main ends")
		return errors.New("main failed")
	})
	fmt.Println("Run returns:", err)
	// Output:
	// main ends
	// background task: asyncio: cancelled by the shutdown of the loop
	// Run returns: main failed
}

// main inherits the values of the ctx given to Run. The end of that ctx cancels main.
func ExampleRun_ctx() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	err := asyncio.Run(ctx, func(ctx context.Context) error {
		return asyncio.Sleep(ctx, time.Hour)
	})
	fmt.Println(err)
	fmt.Println(errors.Is(err, asyncio.ErrCancelled), errors.Is(err, context.DeadlineExceeded))
	// Output:
	// asyncio: cancelled: context deadline exceeded
	// true true
}

func ExampleRunResult() {
	sum, err := asyncio.RunResult(context.Background(), func(ctx context.Context) (int, error) {
		parts, err := asyncio.Gather(ctx,
			asyncio.Coro[int](func(context.Context) (int, error) { return 40, nil }),
			asyncio.Coro[int](func(context.Context) (int, error) { return 2, nil }),
		).Await(ctx)
		if err != nil {
			return 0, err
		}
		return parts[0] + parts[1], nil
	})
	fmt.Println(sum, err)
	// Output: 42 <nil>
}

// A Runner runs several functions on one loop, with the same context variables. In
// virtual time, as in tests, an hour takes no real time.
func ExampleRunner() {
	r := &asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	visits := asyncio.NewContextVarDefault("visits", 0)
	for range 3 {
		err := r.Run(context.Background(), func(ctx context.Context) error {
			n, _ := visits.Get(ctx)
			visits.Set(ctx, n+1)
			return asyncio.Sleep(ctx, time.Hour)
		})
		fmt.Println(r.Loop().Time(), err)
	}
	_ = r.Run(context.Background(), func(ctx context.Context) error {
		n, _ := visits.Get(ctx)
		fmt.Println(n, "visits")
		return nil
	})
	// Output:
	// 1h0m0s <nil>
	// 2h0m0s <nil>
	// 3h0m0s <nil>
	// 3 visits
}

// A task that ignores its cancel does not prevent the end of a Runner. The error lists
// it.
func ExampleRunner_shutdownTimeout() {
	r := &asyncio.Runner{Driver: driver.NewVirtual(), ShutdownTimeout: 10 * time.Second}
	_ = r.Run(context.Background(), func(ctx context.Context) error {
		asyncio.Go(ctx, func(ctx context.Context) error {
			defer fmt.Println("killed: deferred calls run")
			for {
				_ = asyncio.Sleep(ctx, time.Second) // ignores the error
			}
		}, asyncio.WithName("deaf"))
		return asyncio.Yield(ctx)
	})
	var late *asyncio.ShutdownError
	if errors.As(r.Close(), &late) {
		fmt.Println(len(late.Tasks), "task still running after", late.After)
	}
	// Output:
	// killed: deferred calls run
	// 1 task still running after 10s
}

// A program that can never continue ends with an error that lists the waiting tasks.
func ExampleDeadlockError() {
	err := asyncio.Run(context.Background(), func(ctx context.Context) error {
		var ping, pong *asyncio.Task[asyncio.None]
		ping = asyncio.Go(ctx, func(ctx context.Context) error { _, err := pong.Await(ctx); return err }, asyncio.WithName("ping"))
		pong = asyncio.Go(ctx, func(ctx context.Context) error { _, err := ping.Await(ctx); return err }, asyncio.WithName("pong"))
		_, err := ping.Await(ctx)
		return err
	})
	var deadlock *asyncio.DeadlockError
	if errors.As(err, &deadlock) {
		for _, task := range deadlock.Waiting[1:] { // the first is main
			fmt.Println(lineNumber.ReplaceAllString(task, "$1:N"))
		}
	}
	// Output:
	// task ping (asyncio_test.ExampleDeadlockError.func1.1() at example_loop_test.go:N) waits for task pong
	// task pong (asyncio_test.ExampleDeadlockError.func1.2() at example_loop_test.go:N) waits for task ping
}

// Code that embeds a loop makes, runs and closes it.
func ExampleRunUntilComplete() {
	l := asyncio.NewLoop(driver.NewVirtual())
	defer l.Close()
	task := asyncio.CreateTask(l.Context(), func(ctx context.Context) (string, error) {
		return "slept well", asyncio.Sleep(ctx, 8*time.Hour)
	})
	fmt.Println(asyncio.RunUntilComplete(l, task))
	fmt.Println(l.Time())
	// Output:
	// slept well <nil>
	// 8h0m0s
}

// Calls run in the order of CallSoon, each once, and never inside CallSoon.
func ExampleLoop_CallSoon() {
	l := asyncio.NewLoop(driver.NewVirtual())
	defer l.Close()
	l.CallSoon(func(context.Context) {
		fmt.Println("first")
		l.CallSoon(func(context.Context) {
			fmt.Println("third")
			l.Stop()
		})
	})
	l.CallSoon(func(context.Context) { fmt.Println("second") })
	h := l.CallSoon(func(context.Context) { fmt.Println("never") })
	h.Cancel()
	fmt.Println(l.RunForever())
	// Output:
	// first
	// second
	// third
	// <nil>
}

// A ticking clock, and a cancelled deadline, as in the documentation of call_later in
// asyncio.
func ExampleLoop_CallLater() {
	l := asyncio.NewLoop(driver.NewVirtual())
	defer l.Close()
	alarm := l.CallLater(time.Minute, func(context.Context) { fmt.Println("too late") })
	var tick func(context.Context)
	tick = func(context.Context) {
		fmt.Println(l.Time())
		if l.Time() == 3*time.Second {
			alarm.Cancel()
			l.Stop()
			return
		}
		l.CallLater(time.Second, tick)
	}
	l.CallSoon(tick)
	fmt.Println(l.RunForever())
	// Output:
	// 0s
	// 1s
	// 2s
	// 3s
	// <nil>
}

func ExampleLoop_CallAt() {
	l := asyncio.NewLoop(driver.NewVirtual())
	defer l.Close()
	noon := l.Time() + 12*time.Hour
	l.CallAt(noon, func(context.Context) { fmt.Println("soup"); l.Stop() })
	l.CallAt(noon-time.Hour, func(context.Context) { fmt.Println("onions") })
	fmt.Println(l.RunForever(), l.Time())
	// Output:
	// onions
	// soup
	// <nil> 12h0m0s
}

// Other goroutines do not touch the objects of a loop. They call CallSoonThreadsafe.
func ExampleLoop_CallSoonThreadsafe() {
	err := asyncio.Run(context.Background(), func(ctx context.Context) error {
		loop, err := asyncio.RunningLoop(ctx)
		if err != nil {
			return err
		}
		reply := asyncio.NewFuture[string](ctx)
		go func() {
			answer := "from another goroutine"
			_, err := loop.CallSoonThreadsafe(func(context.Context) { _ = reply.SetResult(answer) })
			if err != nil {
				fmt.Println("the loop is closed")
			}
		}()
		s, err := reply.Await(ctx)
		fmt.Println(s)
		return err
	})
	fmt.Println(err)
	// Output:
	// from another goroutine
	// <nil>
}

// The exception handler receives errors that have no caller. This handler prints them.
// The default handler logs them.
func ExampleLoop_SetExceptionHandler() {
	err := asyncio.Run(context.Background(), func(ctx context.Context) error {
		loop, err := asyncio.RunningLoop(ctx)
		if err != nil {
			return err
		}
		loop.SetExceptionHandler(func(_ context.Context, e *asyncio.ExceptionContext) {
			fmt.Printf("%s: %v\n", e.Message, e.Exception)
		})
		asyncio.Go(ctx, func(context.Context) error { return errors.New("disk full") }, asyncio.WithName("saver"))
		return asyncio.Yield(ctx) // does not await the task
	})
	fmt.Println(err)
	// Output:
	// task saver failed and its error was never read: disk full
	// <nil>
}

// Stop ends RunForever after the current turn. The loop can run again.
func ExampleLoop_Stop() {
	l := asyncio.NewLoop(driver.NewVirtual())
	defer l.Close()
	asyncio.Go(l.Context(), func(ctx context.Context) error {
		for i := range 3 {
			fmt.Println("step", i)
			if err := asyncio.Sleep(ctx, time.Second); err != nil {
				return err
			}
			l.Stop()
		}
		return nil
	})
	for range 3 {
		fmt.Println("stopped:", l.RunForever())
	}
	// Output:
	// step 0
	// step 1
	// stopped: <nil>
	// step 2
	// stopped: <nil>
	// stopped: <nil>
}

// Debug mode finds mistakes, here a swallowed cancel.
func ExampleLoop_SetDebug() {
	r := &asyncio.Runner{Debug: true, Driver: driver.NewVirtual()}
	defer r.Close()
	r.Loop().SetExceptionHandler(func(_ context.Context, e *asyncio.ExceptionContext) {
		fmt.Println(e.Future.(asyncio.AnyTask).Name(), "has a mistake")
	})
	_ = r.Run(context.Background(), func(ctx context.Context) error {
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			_ = asyncio.Sleep(ctx, time.Hour)
			return nil // swallows the cancel
		}, asyncio.WithName("sleeper"))
		if err := asyncio.Yield(ctx); err != nil {
			return err
		}
		task.Cancel()
		_, err := task.Await(ctx)
		return err
	})
	// Output: sleeper has a mistake
}
