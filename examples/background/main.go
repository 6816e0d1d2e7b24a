// Background starts tasks that nobody awaits, in the two ways there are.
//
// The first is from asyncio's documentation of create_task, which asks the program to hold on to such tasks: a
// loop of CPython has weak references to them, and one that nobody else holds may be collected in the middle of its work.
// The second is what is enough here: nothing. The loop holds its tasks until they have ended.
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
	fmt.Println("ten tasks that nobody holds")
	return heldByTheLoop(ctx)
}

// someCoro is work that takes a while: the higher its number, the less.
func someCoro(param int) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		if err := asyncio.Sleep(ctx, time.Duration(10-param)*10*time.Millisecond); err != nil {
			return err
		}
		fmt.Println("  task", param, "is done")
		return nil
	}
}

// inASet is asyncio's program:
//
//	background_tasks = set()
//
//	for i in range(10):
//	    task = asyncio.create_task(some_coro(param=i))
//	    background_tasks.add(task)
//	    task.add_done_callback(background_tasks.discard)
//
// A set that is not empty tells what goes on, which is a use of it here too.
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

// heldByTheLoop keeps nothing of its tasks, and lets the garbage collector look for them.
func heldByTheLoop(ctx context.Context) error {
	for i := range 10 {
		asyncio.Go(ctx, someCoro(i))
	}

	if err := asyncio.Sleep(ctx, 55*time.Millisecond); err != nil {
		return err
	}
	runtime.GC()
	fmt.Println("  after a collection the loop has", len(asyncio.AllTasks(ctx))-1, "beside this one")

	// A program that ends earlier than its tasks cancels them: Run does, and waits for
	// their ends. To see them through, wait for them, or start them in a TaskGroup.
	for len(asyncio.AllTasks(ctx)) > 1 {
		if err := asyncio.Sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	fmt.Println("  all are done")
	return nil
}
