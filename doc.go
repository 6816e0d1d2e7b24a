// Package asyncio is the task system of Python's asyncio for Go: tasks with a
// name, a result and a cancel, on a loop that runs one of them at a time.
//
//	err := asyncio.Run(ctx, func(ctx context.Context) error {
//		t := asyncio.CreateTask(ctx, fetch, asyncio.WithName("fetch"))
//		page, err := t.Await(ctx)
//		...
//	})
//
// # Five ideas
//
// A [Loop] runs tasks and callbacks, one at a time and in the order in which
// they became ready. Between two awaits the code of a task is alone: no other
// task of the loop runs, and what they share needs no lock. [Run] makes a loop,
// runs a function on it, and leaves nothing behind.
//
// A [Task] is a function that runs on the loop; a [Future] is an outcome that is
// not there yet; a task is the future of its own outcome. Await suspends the
// calling task until there is one. The signature tells: a function that takes a
// ctx and returns an error may suspend, and sees cancellation; any other
// never suspends.
//
// The ctx says who is calling. Each task's function is given one, and must use
// it and no other: it carries the loop, the task, its context variables, and the
// values of its creator's ctx. It is done once the task is asked to cancel, so
// that Go's own libraries stop too.
//
// A cancel is an error that the next await returns, once: a [CancelledError],
// which is also a [context.Canceled]. Code that returns it ends cancelled; code that needs
// to clean up first may await as it likes.
//
// Blocks own what they start: [WithTaskGroup] does not end before its tasks
// have, [Timeout] does not end before its body has. Nothing is lost on the
// way: errors come back from the block, and those that nobody reads are reported.
//
// # From Python
//
// Names are asyncio's in Go's case, with three changes: no Get (get_name is
// Name), nowait is Try (put_nowait is TryPut), initialisms (LIFOQueue).
//
//	asyncio.run(main())                     Run(ctx, main), RunResult, Runner
//	asyncio.create_task(f())                CreateTask(ctx, f), Go(ctx, f)
//	await x                                 x.Await(ctx)
//	await asyncio.sleep(1), sleep(0)        Sleep(ctx, time.Second), Yield(ctx)
//	await asyncio.gather(a, b)              Gather(ctx, a, b).Await(ctx)
//	gather(..., return_exceptions=True)     GatherResults(ctx, a, b)
//	await asyncio.wait({a, b}, ...)         Wait(ctx, []*Task[int]{a, b}, FirstCompleted)
//	async for t in asyncio.as_completed(ts) for t, err := range AsCompleted(ctx, ts)
//	await asyncio.shield(t)                 Shield(ctx, t).Await(ctx)
//	async with asyncio.timeout(2): ...      Timeout(ctx, 2*time.Second, func(ctx) error)
//	await asyncio.wait_for(t, 2)            WaitFor(ctx, t, 2*time.Second)
//	async with asyncio.TaskGroup() as tg    WithTaskGroup(ctx, func(ctx, tg) error)
//	tg.create_task(f())                     CreateTaskIn(tg, f), tg.Go(f)
//	await asyncio.to_thread(f)              ToThread(ctx, f)
//	loop.run_in_executor(ex, f)             RunInExecutor(ctx, ex, f)
//	asyncio.run_coroutine_threadsafe        RunCoroutineThreadsafe(loop, f)
//	asyncio.current_task(), all_tasks()     CurrentTask(ctx), AllTasks(ctx)
//	t.get_stack(), print_call_graph()       t.Stack(0), PrintCallGraph(ctx, os.Stdout, nil)
//	contextvars.ContextVar                  NewContextVar
//	asyncio.Lock, Event, Queue, ...         NewLock, NewEvent, NewQueue, ...
//
// docs/from-python.md has the whole list, and what differs.
//
// With Go 1.27, where methods may have type parameters, tg.CreateTask(f), loop.CreateTask(f), loop.CreateFuture,
// loop.RunInExecutor, loop.RunUntilComplete and runner.RunResult are methods too (methods_go127.go, run_go127.go).
//
// # Reading the source
//
// loop.go (ready calls, timers, one turn), strand.go (how control goes from task
// to task), inbox.go (the door for other goroutines), current.go (what a ctx
// carries); then future.go, create.go, task.go, cancel.go, await.go, scope.go;
// run.go starts and ends it all, offload.go and concurrent.go lead to other goroutines: this is
// the core. observe.go,
// snapshot.go, stack.go and graph.go are for those who look on. All else is
// made of what the core exports: timeout.go, group.go, gather.go, the locks and
// queues. docs/reading.md says what to look at in each file.
package asyncio
