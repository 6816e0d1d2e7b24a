// Package asyncio is the task system of Python's asyncio for Go: tasks with a name, a
// result and a cancel, on a loop that runs one of them at a time.
//
//	err := asyncio.Run(ctx, func(ctx context.Context) error {
//		t := asyncio.CreateTask(ctx, fetch, asyncio.WithName("fetch"))
//		page, err := t.Await(ctx)
//		...
//	})
//
// # Five ideas
//
// A [Loop] runs tasks and callbacks, one at a time, in the order in which they became
// ready. Between two awaits no other task of the loop runs, so that shared data needs no
// lock. [Run] creates a loop, runs a function on it, and leaves nothing behind.
//
// A [Task] is a function that runs on the loop. A [Future] is an outcome that does not
// exist yet; a task is the future of its own outcome. Await suspends the calling task
// until there is an outcome. The signature shows it: a function that takes a ctx and
// returns an error may suspend, and returns cancellations; any other function never
// suspends.
//
// The ctx identifies the caller. Each task's function receives one and must use it and no
// other. It carries the loop, the task, its context variables, and the values of its
// creator's ctx. It is done once the task is cancelled, so that Go's own libraries stop
// too.
//
// A cancel is an error that the next await returns, once: a [CancelledError], which is
// also a [context.Canceled]. A task that returns it ends cancelled. A task may await in
// its cleanup first.
//
// Blocks own what they start: [WithTaskGroup] ends after its tasks, and [Timeout] ends
// after its body. Nothing is lost: errors are returned from the block, and errors that
// are never read are reported.
//
// # Start here
//
// Run a program with [Run]. Create a task with [CreateTask] if it has a result and with
// [Go] if it has none; inside a group with [CreateTaskIn] and [TaskGroup.Go]. The other
// ways exist for these reasons:
//
//   - [RunResult] returns the result of the program. A [Runner] has settings, and runs
//     several functions on one loop. [Loop.RunForever] and [RunUntilComplete] embed a
//     loop in another event system.
//   - [Gather], [WaitFor], [Map] and others create a task for each function that they are
//     given.
//   - [RunCoroutineThreadsafe] creates a task from another goroutine.
//
// # What may panic
//
// Misuse that only a bug can cause panics with an error whose text contains the fix: a
// nil function, a ctx that comes from no task where no error can be returned, a Release
// without an Acquire. All these errors wrap [ErrMisuse], [ErrInvalidArgument],
// [ErrNoRunningLoop], [ErrLoopClosed] or [ErrWrongLoop]. Failures that the environment
// can cause are returned as errors.
//
// # From Python
//
// Names are asyncio's in Go's case, with three changes: no Get (get_name is Name), nowait
// is Try (put_nowait is TryPut), initialisms (LIFOQueue).
//
//	asyncio.run(main())                     Run(ctx, main), RunResult, Runner
//	asyncio.create_task(f())                CreateTask(ctx, f), Go(ctx, f)
//	await x                                 x.Await(ctx)
//	await asyncio.sleep(1), sleep(0)        Sleep(ctx, time.Second), Yield(ctx)
//	await asyncio.gather(a, b)              Gather(ctx, a, b).Await(ctx)
//	gather(..., return_exceptions=True)     GatherResults(ctx, a, b)
//	await asyncio.wait({a, b}, ...)         Wait(ctx, tasks, FirstCompleted)
//	for t in asyncio.as_completed(ts)       for t, err := range AsCompleted(ctx, ts)
//	await asyncio.shield(t)                 Shield(ctx, t).Await(ctx)
//	async with asyncio.timeout(2):          Timeout(ctx, 2*time.Second, func(ctx) error)
//	await asyncio.wait_for(t, 2)            WaitFor(ctx, t, 2*time.Second)
//	async with asyncio.TaskGroup() as tg:   WithTaskGroup(ctx, func(ctx, tg) error)
//	tg.create_task(f())                     CreateTaskIn(tg, f), tg.Go(f)
//	await asyncio.to_thread(f)              ToThread(ctx, f)
//	loop.run_in_executor(ex, f)             RunInExecutor(ctx, ex, f)
//	asyncio.run_coroutine_threadsafe        RunCoroutineThreadsafe(loop, f)
//	asyncio.current_task(), all_tasks()     CurrentTask(ctx), AllTasks(ctx)
//	t.get_stack(), print_call_graph()       t.Stack(0), CaptureCallGraph(ctx, nil)
//	contextvars.ContextVar                  NewContextVar
//	asyncio.Lock, Event, Queue, ...         Lock, Event, Queue, NewQueue, ...
//
// docs/from-python.md has the whole list and the differences.
//
// With Go 1.27, where methods may have type parameters, tg.CreateTask(f),
// loop.CreateTask(f), loop.CreateFuture, loop.RunInExecutor, loop.RunUntilComplete and
// runner.RunResult are methods too (methods_go127.go).
//
// # Reading the source
//
// The core is loop.go (the fields), turn.go (ready calls, timers, one turn), control.go
// (how control passes from task to task), inbox.go (calls from other goroutines),
// current.go (what a ctx carries), then future.go, create.go, task.go, cancel.go,
// await.go and scope.go; run.go starts and ends it, offload.go calls functions in other
// goroutines. observe.go, snapshot.go, stack.go and graph.go serve observers. The rest is
// built on the core: timeout.go, group.go, gather.go, the locks and queues.
// docs/reading.md is a guided tour.
package asyncio
