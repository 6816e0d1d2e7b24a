package asyncio_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"example.com/asyncio"
)

// What things cost in allocations, exactly: a change of any of these figures is meant, or
// a mistake. Behind each figure stands what it consists of. The closures of the caller
// are not among them.
var allocations = []struct {
	what string
	want float64
	op   func(ctx context.Context) func() // called on a loop, for what is measured
}{
	// Tasks.
	{"CreateTask and Await", 1, // the Task
		func(ctx context.Context) func() {
			return func() { _, _ = asyncio.CreateTask(ctx, one).Await(ctx) }
		}},
	{"Go and Await", 1, // the Task
		func(ctx context.Context) func() {
			return func() { _, _ = asyncio.Go(ctx, nothing).Await(ctx) }
		}},
	{"an eager start", 1, // the Task
		func(ctx context.Context) func() {
			eager := asyncio.WithEagerStart(true)
			return func() { asyncio.CreateTask(ctx, one, eager) }
		}},
	{"a task with a name", 2, // the Task; the place for the name
		func(ctx context.Context) func() {
			name := asyncio.WithName("fetch")
			return func() { _, _ = asyncio.CreateTask(ctx, one, name).Await(ctx) }
		}},
	{"a task that is cancelled", 3, // the Task; the future that it waits for; the CancelledError
		func(ctx context.Context) func() {
			return func() {
				task := asyncio.Go(ctx, never)
				_ = asyncio.Yield(ctx)
				task.Cancel()
				_, _ = task.Await(ctx)
			}
		}},
	{"Yield, alone", 0,
		func(ctx context.Context) func() {
			return func() { _ = asyncio.Yield(ctx) }
		}},
	{"Yield to another task, which yields", 0,
		func(ctx context.Context) func() {
			asyncio.Go(ctx, func(ctx context.Context) error {
				for {
					if err := asyncio.Yield(ctx); err != nil {
						return err
					}
				}
			})
			return func() { _ = asyncio.Yield(ctx) }
		}},

	// Futures and calls.
	{"a future that is set, and awaited", 1, // the Future
		func(ctx context.Context) func() {
			return func() {
				f := asyncio.NewFuture[int](ctx)
				_ = f.SetResult(1)
				_, _ = f.Await(ctx)
			}
		}},
	{"two tasks that wake each other", 2, // a Future each
		func(ctx context.Context) func() {
			var ping, pong *asyncio.Future[int]
			ping = asyncio.NewFuture[int](ctx)
			asyncio.Go(ctx, func(ctx context.Context) error {
				for {
					if _, err := ping.Await(ctx); err != nil {
						return err
					}
					ping = asyncio.NewFuture[int](ctx)
					_ = pong.SetResult(1)
				}
			})
			return func() {
				pong = asyncio.NewFuture[int](ctx)
				_ = ping.SetResult(1)
				_, _ = pong.Await(ctx)
			}
		}},
	{"AddDoneCallback", 2, // the Future; the Handle
		func(ctx context.Context) func() {
			return func() {
				f := asyncio.NewFuture[int](ctx)
				f.AddDoneCallback(callbackA)
				_ = f.SetResult(1)
				_ = asyncio.Yield(ctx)
			}
		}},
	{"CallSoon", 1, // the Handle
		func(ctx context.Context) func() {
			l := running(ctx)
			return func() { l.CallSoon(callback); _ = asyncio.Yield(ctx) }
		}},
	{"CallLater, cancelled", 1, // the TimerHandle
		func(ctx context.Context) func() {
			l := running(ctx)
			return func() { l.CallLater(time.Second, callback).Cancel() }
		}},
	{"CallSoonThreadsafe", 0, // the Handle, but for the one in twenty-one with which they are allocated
		func(ctx context.Context) func() {
			l := running(ctx)
			return func() { _, _ = l.CallSoonThreadsafe(callback); yields(ctx, 2) }
		}},
	{"Sleep", 1, // future and timer in one
		func(ctx context.Context) func() {
			return func() { _ = asyncio.Sleep(ctx, time.Second) }
		}},

	// Executors.
	{"ToThread", 1, // the ctx, with the copy of the Context, and the pool's own; the rest is used again
		func(ctx context.Context) func() {
			return func() { _, _ = asyncio.ToThread(ctx, one) }
		}},
	{"RunInExecutor", 2, // the ctx and the pool's own; the future and the rest
		func(ctx context.Context) func() {
			return func() { _, _ = asyncio.RunInExecutor(ctx, nil, one).Await(ctx) }
		}},

	// What need not wait.
	{"Lock", 0,
		func(ctx context.Context) func() {
			l := new(asyncio.Lock)
			return func() { _ = l.Acquire(ctx); l.Release() }
		}},
	{"an Event that is set", 0,
		func(ctx context.Context) func() {
			e := new(asyncio.Event)
			e.Set()
			return func() { _ = e.Wait(ctx) }
		}},
	{"Semaphore", 0,
		func(ctx context.Context) func() {
			s := asyncio.NewSemaphore(2)
			return func() { _ = s.Acquire(ctx); s.Release() }
		}},
	{"BoundedSemaphore", 0,
		func(ctx context.Context) func() {
			s := asyncio.NewBoundedSemaphore(2)
			return func() { _ = s.Acquire(ctx); s.Release() }
		}},
	{"Condition, to notify nobody", 0,
		func(ctx context.Context) func() {
			c := asyncio.NewCondition(nil)
			return func() { _ = c.Acquire(ctx); c.NotifyAll(); c.Release() }
		}},
	{"Queue", 0,
		func(ctx context.Context) func() {
			q := asyncio.NewQueue[int](4)
			return func() { _ = q.Put(ctx, 1); _, _ = q.Get(ctx); q.TaskDone(); _ = q.Join(ctx) }
		}},
	{"PriorityQueue", 0,
		func(ctx context.Context) func() {
			q := asyncio.NewPriorityQueue(4, func(a, b int) bool { return a < b })
			return func() { _ = q.Put(ctx, 1); _, _ = q.Get(ctx) }
		}},
	{"LIFOQueue", 0,
		func(ctx context.Context) func() {
			q := asyncio.NewLIFOQueue[int](4)
			return func() { _ = q.Put(ctx, 1); _, _ = q.Get(ctx) }
		}},

	// What waits: a waiter that has left serves the next.
	{"a Lock that two hold in turn", 0,
		func(ctx context.Context) func() {
			l := new(asyncio.Lock)
			hold := func(ctx context.Context) error {
				if err := l.Acquire(ctx); err != nil {
					return err
				}
				defer l.Release()
				return asyncio.Yield(ctx)
			}
			asyncio.Go(ctx, func(ctx context.Context) error {
				for {
					if err := hold(ctx); err != nil {
						return err
					}
				}
			})
			return func() { _ = hold(ctx) }
		}},
	{"a Condition on which two wait in turn", 0,
		func(ctx context.Context) func() {
			c := asyncio.NewCondition(nil)
			turn := 0
			take := func(ctx context.Context, mine int) (err error) {
				if err = c.Acquire(ctx); err != nil {
					return err
				}
				for turn != mine && err == nil {
					err = c.Wait(ctx)
				}
				turn = 1 - mine
				c.Notify(1)
				c.Release()
				return err
			}
			asyncio.Go(ctx, func(ctx context.Context) error {
				for {
					if err := take(ctx, 1); err != nil {
						return err
					}
				}
			})
			return func() { _ = take(ctx, 0) }
		}},
	{"a Queue of one, and a consumer", 0,
		func(ctx context.Context) func() {
			q := asyncio.NewQueue[int](1)
			asyncio.Go(ctx, func(ctx context.Context) error {
				for {
					if _, err := q.Get(ctx); err != nil {
						return err
					}
				}
			})
			return func() { _ = q.Put(ctx, 1) }
		}},

	// Blocks.
	{"a group without tasks", 2, // the group; its Scope
		func(ctx context.Context) func() {
			body := func(context.Context, *asyncio.TaskGroup) error { return nil }
			return func() { _ = asyncio.WithTaskGroup(ctx, body) }
		}},
	{"a group of one task", 6, // as above; Task and callback; what is called at a task's end; what the block waits for
		func(ctx context.Context) func() {
			return func() { _ = asyncio.WithTaskGroup(ctx, groupOf(1)) }
		}},
	{"a group of nine tasks", 16, // one more for each task; one more block of callbacks, and the list of blocks
		func(ctx context.Context) func() {
			return func() { _ = asyncio.WithTaskGroup(ctx, groupOf(9)) }
		}},
	{"a group of nine tasks with a limit of nine", 18, // two more: the limit; the closure of the test
		func(ctx context.Context) func() {
			return func() { _ = asyncio.WithTaskGroup(ctx, limitedGroupOf(9, 9)) }
		}},
	{"a group of nine tasks with a limit of one", 40, // as above; for eight tasks a waiter, a closure and a place in queue and map
		func(ctx context.Context) func() {
			return func() { _ = asyncio.WithTaskGroup(ctx, limitedGroupOf(9, 1)) }
		}},
	{"a timeout that is not up", 4, // the block; its Scope; the timer; what that calls
		func(ctx context.Context) func() {
			return func() { _ = asyncio.Timeout(ctx, time.Second, nothing) }
		}},
	{"a timeout that is up", 7, // as above; the future waited for; the CancelledError; the TimeoutError
		func(ctx context.Context) func() {
			return func() { _ = asyncio.Timeout(ctx, time.Second, never) }
		}},
	{"WaitFor", 4, // as a timeout
		func(ctx context.Context) func() {
			return func() { _, _ = asyncio.WaitFor(ctx, asyncio.Coro[int](one), time.Second) }
		}},

	// Several at once.
	{"Gather of one", 9, // Task and callback; the future with its state, what it has beside, and its cancel, twice; its children, its callback; the results
		func(ctx context.Context) func() {
			return func() { _, _ = asyncio.Gather(ctx, asyncio.Coro[int](one)).Await(ctx) }
		}},
	{"Gather of ten", 18, // one more for each: the callbacks are one block
		func(ctx context.Context) func() {
			c := asyncio.Coro[int](one)
			return func() { _, _ = asyncio.Gather(ctx, c, c, c, c, c, c, c, c, c, c).Await(ctx) }
		}},
	{"GatherLimit of ten", 29, // as Gather; the semaphore, and a closure for each
		func(ctx context.Context) func() {
			c := asyncio.Coro[int](one)
			return func() { _, _ = asyncio.GatherLimit(ctx, 10, c, c, c, c, c, c, c, c, c, c).Await(ctx) }
		}},
	{"Map of one item", 14, // the iterator and its closures; the state and its Scope; for each item a Task, a closure and its callback; a future for each wait
		func(ctx context.Context) func() {
			item := slices.Values([]int{1})
			return func() {
				for range asyncio.Map(ctx, 1, item, doubled) {
				}
			}
		}},
	{"Map of ten items, all at once", 42, // two more for each item; its place in the queue; one wait
		func(ctx context.Context) func() {
			items := slices.Values(make([]int, 10))
			return func() {
				for range asyncio.Map(ctx, 10, items, doubled) {
				}
			}
		}},
	{"Wait for two", 11, // Tasks and callbacks; what it waits for, the two closures; the list without doubles; that of the done ones, twice
		func(ctx context.Context) func() {
			return func() {
				_, _, _ = asyncio.Wait(ctx, []*asyncio.Task[int]{asyncio.CreateTask(ctx, one), asyncio.CreateTask(ctx, one)})
			}
		}},
	{"Shield", 8, // Task; the outer future; their callbacks, Handle and closure each; the inner one's second waiter, which is its caller, twice
		func(ctx context.Context) func() {
			return func() { _, _ = asyncio.Shield(ctx, asyncio.CreateTask(ctx, one)).Await(ctx) }
		}},

	// Context variables.
	{"Get of a variable", 0,
		func(ctx context.Context) func() {
			v := asyncio.NewContextVarDefault("v", 1)
			v.Set(ctx, 2)
			return func() { v.Get(ctx) }
		}},
	{"Set of a variable", 3, // the Token; the binding; its value
		func(ctx context.Context) func() {
			v := asyncio.NewContextVar[string]("v")
			return func() { v.Set(ctx, "value") }
		}},
	{"CopyContext, of as many variables as may be", 1, // the Context
		func(ctx context.Context) func() {
			for _, name := range []string{"a", "b", "c"} {
				asyncio.NewContextVar[string](name).Set(ctx, name)
			}
			return func() { copied = asyncio.CopyContextVars(ctx) }
		}},
}

var copied *asyncio.ContextVars

func nothing(context.Context) error { return nil }
func callback(context.Context)      {}

func groupOf(n int) func(context.Context, *asyncio.TaskGroup) error {
	return func(_ context.Context, tg *asyncio.TaskGroup) error {
		for range n {
			asyncio.CreateTaskIn(tg, one)
		}
		return nil
	}
}

func doubled(_ context.Context, n int) (int, error) { return 2 * n, nil }

// limitedGroupOf is groupOf with a limit.
func limitedGroupOf(n, limit int) func(context.Context, *asyncio.TaskGroup) error {
	return func(ctx context.Context, tg *asyncio.TaskGroup) error {
		tg.SetLimit(limit)
		return groupOf(n)(ctx, tg)
	}
}

func TestAllocations(t *testing.T) {
	if raceDetector() {
		t.Skip("SKIPPED: the race detector allocates too")
	}
	if strconv.IntSize < 64 {
		t.Skip("SKIPPED: the figures are those of 64 bits")
	}
	for _, test := range allocations {
		t.Run(test.what, func(t *testing.T) {
			run(t, func(ctx context.Context) error {
				op := test.op(ctx)
				for range 100 { // queues and stacks grow to what is needed
					op()
				}
				if got := testing.AllocsPerRun(500, op); got != test.want {
					t.Errorf("%v allocations, wanted %v", got, test.want)
				}
				return nil
			})
		})
	}
}
