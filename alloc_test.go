package asyncio_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"example.com/asyncio"
)

// allocations contains the exact number of allocations of operations. Change a number
// only on purpose. The comment behind each number lists the allocated objects. The
// closures of the caller do not count.
var allocations = []struct {
	name string
	want float64
	op   func(ctx context.Context) func() // prepares on a loop and returns the operation
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
	{"eager start", 1, // the Task
		func(ctx context.Context) func() {
			eager := asyncio.WithEagerStart(true)
			return func() { asyncio.CreateTask(ctx, one, eager) }
		}},
	{"task with a name", 2, // the Task; the name
		func(ctx context.Context) func() {
			name := asyncio.WithName("fetch")
			return func() { _, _ = asyncio.CreateTask(ctx, one, name).Await(ctx) }
		}},
	{"cancelled task", 3, // the Task; the future it awaits; the CancelledError
		func(ctx context.Context) func() {
			return func() {
				task := asyncio.Go(ctx, never)
				_ = asyncio.Yield(ctx)
				task.Cancel()
				_, _ = task.Await(ctx)
			}
		}},
	{"Yield without other tasks", 0,
		func(ctx context.Context) func() {
			return func() { _ = asyncio.Yield(ctx) }
		}},
	{"Yield to another task", 0,
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

	// Futures and callbacks.
	{"SetResult and Await", 1, // the Future
		func(ctx context.Context) func() {
			return func() {
				f := asyncio.NewFuture[int](ctx)
				_ = f.SetResult(1)
				_, _ = f.Await(ctx)
			}
		}},
	{"two tasks that wake each other", 2, // two Futures
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
	{"CallSoonThreadsafe", 0, // Handles are allocated in batches of 21
		func(ctx context.Context) func() {
			l := running(ctx)
			return func() { _, _ = l.CallSoonThreadsafe(callback); yields(ctx, 2) }
		}},
	{"Sleep", 1, // the future, which contains its timer
		func(ctx context.Context) func() {
			return func() { _ = asyncio.Sleep(ctx, time.Second) }
		}},

	// Executors.
	{"ToThread", 1, // the ctx with the copy of the ContextVars and the state of the pool; the rest is reused
		func(ctx context.Context) func() {
			return func() { _, _ = asyncio.ToThread(ctx, one) }
		}},
	{"RunInExecutor", 2, // the ctx and the state of the pool; the future and the rest
		func(ctx context.Context) func() {
			return func() { _, _ = asyncio.RunInExecutor(ctx, nil, one).Await(ctx) }
		}},

	// Operations that do not suspend.
	{"Lock", 0,
		func(ctx context.Context) func() {
			l := new(asyncio.Lock)
			return func() { _ = l.Acquire(ctx); l.Release() }
		}},
	{"Wait on a set Event", 0,
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
	{"NotifyAll without waiters", 0,
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

	// Operations that suspend. Waiters are reused.
	{"Lock with two holders in turn", 0,
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
	{"Condition with two waiters in turn", 0,
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
	{"Queue with one slot and a consumer", 0,
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
	{"group without tasks", 2, // the group; its scope
		func(ctx context.Context) func() {
			body := func(context.Context, *asyncio.TaskGroup) error { return nil }
			return func() { _ = asyncio.WithTaskGroup(ctx, body) }
		}},
	{"group of one task", 6, // as above; the Task; a batch of callbacks; their function; the future that the block awaits
		func(ctx context.Context) func() {
			return func() { _ = asyncio.WithTaskGroup(ctx, groupOf(1)) }
		}},
	{"group of nine tasks", 16, // as above; 8 Tasks; another batch of callbacks; the list of batches
		func(ctx context.Context) func() {
			return func() { _ = asyncio.WithTaskGroup(ctx, groupOf(9)) }
		}},
	{"group of nine tasks with limit 9", 18, // as above; the limit; the closure of the test
		func(ctx context.Context) func() {
			return func() { _ = asyncio.WithTaskGroup(ctx, limitedGroupOf(9, 9)) }
		}},
	{"group of nine tasks with limit 1", 40, // as above; for 8 tasks a waiter, a closure and entries in a queue and a map
		func(ctx context.Context) func() {
			return func() { _ = asyncio.WithTaskGroup(ctx, limitedGroupOf(9, 1)) }
		}},
	{"timeout that does not expire", 4, // the block; its scope; the timer; the function of that
		func(ctx context.Context) func() {
			return func() { _ = asyncio.Timeout(ctx, time.Second, nothing) }
		}},
	{"timeout that expires", 7, // as above; the awaited future; the CancelledError; the TimeoutError
		func(ctx context.Context) func() {
			return func() { _ = asyncio.Timeout(ctx, time.Second, never) }
		}},
	{"WaitFor", 4, // those of a timeout
		func(ctx context.Context) func() {
			return func() { _, _ = asyncio.WaitFor(ctx, asyncio.Coro[int](one), time.Second) }
		}},

	// Several futures.
	{"Gather of one", 9, // the Task; the closure that creates it; the future with its state, and its additional data; the children; a batch of callbacks and their function; the cancel function; the results
		func(ctx context.Context) func() {
			return func() { _, _ = asyncio.Gather(ctx, asyncio.Coro[int](one)).Await(ctx) }
		}},
	{"Gather of ten", 18, // as above; 9 Tasks
		func(ctx context.Context) func() {
			c := asyncio.Coro[int](one)
			return func() { _, _ = asyncio.Gather(ctx, c, c, c, c, c, c, c, c, c, c).Await(ctx) }
		}},
	{"GatherLimit of ten", 29, // those of Gather; the semaphore; 10 closures
		func(ctx context.Context) func() {
			c := asyncio.Coro[int](one)
			return func() { _, _ = asyncio.GatherLimit(ctx, 10, c, c, c, c, c, c, c, c, c, c).Await(ctx) }
		}},
	{"Map of one item", 14, // the iterator and its closures; the state and its scope; per item a Task, a closure and a callback; a future per wait
		func(ctx context.Context) func() {
			item := slices.Values([]int{1})
			return func() {
				for range asyncio.Map(ctx, 1, item, doubled) {
				}
			}
		}},
	{"Map of ten items, concurrently", 42, // two more per item; the queue entries; one wait
		func(ctx context.Context) func() {
			items := slices.Values(make([]int, 10))
			return func() {
				for range asyncio.Map(ctx, 10, items, doubled) {
				}
			}
		}},
	{"Wait for two", 11, // two Tasks and Handles; the list without duplicates; the awaited future; two closures and their counter; the list of done tasks (two)
		func(ctx context.Context) func() {
			return func() {
				_, _, _ = asyncio.Wait(ctx, []*asyncio.Task[int]{asyncio.CreateTask(ctx, one), asyncio.CreateTask(ctx, one)})
			}
		}},
	{"Shield", 8, // the Task; its additional data and list of waiters; the outer future; two callbacks, each with a Handle and a closure
		func(ctx context.Context) func() {
			return func() { _, _ = asyncio.Shield(ctx, asyncio.CreateTask(ctx, one)).Await(ctx) }
		}},

	// Context variables.
	{"ContextVar.Get", 0,
		func(ctx context.Context) func() {
			v := asyncio.NewContextVarDefault("v", 1)
			v.Set(ctx, 2)
			return func() { v.Get(ctx) }
		}},
	{"ContextVar.Set", 3, // the Token; the binding; its value
		func(ctx context.Context) func() {
			v := asyncio.NewContextVar[string]("v")
			return func() { v.Set(ctx, "value") }
		}},
	{"CopyContextVars", 1, // the ContextVars, for any number of variables
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
		t.Skip("SKIPPED: the race detector adds allocations")
	}
	if strconv.IntSize < 64 {
		t.Skip("SKIPPED: the numbers apply to 64-bit systems")
	}
	for _, test := range allocations {
		t.Run(test.name, func(t *testing.T) {
			run(t, func(ctx context.Context) error {
				op := test.op(ctx)
				for range 100 { // let queues and stacks grow
					op()
				}
				if got := testing.AllocsPerRun(500, op); got != test.want {
					t.Errorf("got %v allocations, want %v", got, test.want)
				}
				return nil
			})
		})
	}
}
