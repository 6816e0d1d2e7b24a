// Background starts tasks that are never awaited, in two ways.
//
// The first way is from asyncio's documentation of create_task, which recommends to keep
// references to such tasks: CPython's loop has only weak references to them, so that a
// task may be collected before it ends.
//
// The second way keeps no references. It is sufficient here, since the loop holds its
// tasks until they end.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"example.com/asyncio"
)

func main() {
	if err := asyncio.Run(context.Background(), background); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func background(ctx context.Context) error {
	fmt.Println("ten tasks in a set")
	if err := inASet(ctx); err != nil {
		return err
	}
	fmt.Println("ten tasks without a reference")
	return heldByTheLoop(ctx)
}

// someCoro returns a coroutine that takes less time the higher param is.
func someCoro(param int) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		if err := asyncio.Sleep(ctx, time.Duration(10-param)*10*time.Millisecond); err != nil {
			return err
		}
		fmt.Println("  task", param, "is done")
		return nil
	}
}

// inASet is the program from asyncio's documentation:
//
//	background_tasks = set()
//
//	for i in range(10):
//	    task = asyncio.create_task(some_coro(param=i))
//	    background_tasks.add(task)
//	    task.add_done_callback(background_tasks.discard)
//
// In Go the set is useful to see which tasks are running.
func inASet(ctx context.Context) error {
	backgroundTasks := map[asyncio.AnyFuture]bool{}

	for i := range 10 {
		task := asyncio.Go(ctx, someCoro(i))
		backgroundTasks[task] = true
		task.AddDoneCallback(func(_ context.Context, task asyncio.AnyFuture) { delete(backgroundTasks, task) })
	}

	fmt.Println("  in the set:", len(backgroundTasks))
	if err := asyncio.Sleep(ctx, 55*time.Millisecond); err != nil {
		return err
	}
	fmt.Println("  in the set:", len(backgroundTasks))
	if err := asyncio.Sleep(ctx, time.Second); err != nil {
		return err
	}
	fmt.Println("  in the set:", len(backgroundTasks))
	return nil
}

// heldByTheLoop keeps no reference to its tasks, and runs the garbage collector.
func heldByTheLoop(ctx context.Context) error {
	for i := range 10 {
		asyncio.Go(ctx, someCoro(i))
	}

	if err := asyncio.Sleep(ctx, 55*time.Millisecond); err != nil {
		return err
	}
	runtime.GC()
	fmt.Println("  other tasks after a garbage collection:", len(asyncio.AllTasks(ctx))-1)

	// Run cancels tasks that are still running when its function returns, and waits until
	// they end. To complete them, await them or start them in a TaskGroup.
	for len(asyncio.AllTasks(ctx)) > 1 {
		if err := asyncio.Sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	fmt.Println("  all are done")
	return nil
}
