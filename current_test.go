package asyncio_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// A326: CurrentTask returns the running task of the loop, nil in a callback, and panics
// without a loop.
func TestCurrentTask(t *testing.T) {
	run(t, func(ctx context.Context) error {
		main := asyncio.CurrentTask(ctx)
		f, g := asyncio.NewFuture[int](ctx), asyncio.NewFuture[int](ctx)
		var a, b *asyncio.Task[asyncio.None]
		a = asyncio.Go(ctx, func(ctx context.Context) error {
			equal(t, "at the start, the current task", asyncio.CurrentTask(ctx), a)
			_, err := f.Await(ctx)
			equal(t, "after an Await, the current task", asyncio.CurrentTask(ctx), a)
			_ = g.SetResult(1)
			return err
		})
		b = asyncio.Go(ctx, func(ctx context.Context) error {
			equal(t, "at the start, the current task", asyncio.CurrentTask(ctx), b)
			_ = f.SetResult(1)
			_, err := g.Await(ctx)
			equal(t, "after an Await, the current task", asyncio.CurrentTask(ctx), b)
			return err
		})
		inCallback := false
		running(ctx).CallSoon(func(ctx context.Context) {
			inCallback = true
			equal(t, "in a callback, the current task", asyncio.CurrentTask(ctx), nil)
		})
		_, _, err := asyncio.Wait(ctx, []asyncio.AnyTask{a, b})
		equal(t, "at the end, the current task", asyncio.CurrentTask(ctx), main)
		equal(t, "whether the callback ran", inCallback, true)
		return err
	})
	err := panicOf(func() { asyncio.CurrentTask(context.Background()) })
	wantErr(t, err, asyncio.ErrNoRunningLoop, "CurrentTask", "start with asyncio.Run")
	l := asyncio.NewLoop(driver.NewVirtual())
	defer l.Close()
	equal(t, "on an idle loop, the current task", asyncio.CurrentTask(l.Context()), nil)
}

// A326, A328: each loop has its own current task and its own AllTasks.
func TestCurrentTaskOfEachLoop(t *testing.T) {
	run(t, func(outer context.Context) error {
		asyncio.CurrentTask(outer).SetName("outer")
		inGoroutine(func() {
			run(t, func(inner context.Context) error {
				asyncio.CurrentTask(inner).SetName("inner")
				a, b := asyncio.CurrentTask(outer).Name(), asyncio.CurrentTask(inner).Name()
				if a != "outer" || b != "inner" {
					t.Errorf("the current tasks are %s and %s; want outer and inner", a, b)
				}
				if n := len(asyncio.AllTasks(inner)); n != 1 {
					t.Errorf("AllTasks of the inner loop has %d tasks; want 1", n)
				}
				return nil
			})
		})
		return nil
	})
}

// A327: only one task is current on a loop. An Await with the ctx of another task returns
// an error that names both, and a running loop cannot be run.
func TestOnlyOneTaskIsCurrent(t *testing.T) {
	run(t, func(outer context.Context) error {
		asyncio.CurrentTask(outer).SetName("outer")
		l := running(outer)
		task := asyncio.Go(outer, func(ctx context.Context) error {
			err := asyncio.Yield(outer)
			wantErr(t, err, asyncio.ErrWrongContext, "under the ctx of task outer, but task inner runs")
			wantErr(t, l.RunForever(), asyncio.ErrMisuse, "<Loop running>, which runs already")
			_, err = asyncio.RunUntilComplete(l, asyncio.Coro[int](one))
			wantErr(t, err, asyncio.ErrMisuse, "<Loop running>: the loop is running")
			if got := asyncio.CurrentTask(ctx).Name(); got != "inner" {
				t.Errorf("the current task is %s; want inner", got)
			}
			return nil
		}, asyncio.WithName("inner"))
		_, err := task.Await(outer)
		return err
	})
}

// A328, A329: AllTasks returns the unfinished tasks in creation order, however they were
// created, without any registration.
func TestAllTasks(t *testing.T) {
	run(t, func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		l := running(ctx)
		waiting := asyncio.Coro[int](func(ctx context.Context) (int, error) { return 0, never(ctx) })
		made := 0
		l.SetTaskFactory(func(_ *asyncio.Loop, c asyncio.TaskConfig) asyncio.TaskConfig {
			made++
			if c.Name == "" {
				c.Name = []string{"", "Go", "CreateTask", "Gather", "EnsureFuture", "Shield", "CreateTaskIn", "tg.Go", ""}[made]
			}
			return c
		})
		all := func() string {
			var names []string
			for _, task := range asyncio.AllTasks(ctx) {
				names = append(names, task.Name())
			}
			return strings.Join(names, " ")
		}
		asyncio.Go(ctx, never)
		asyncio.CreateTask(ctx, waiting)
		gathered := asyncio.Gather(ctx, waiting)
		asyncio.EnsureFuture[int](ctx, waiting)
		asyncio.Shield[int](ctx, waiting)
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			asyncio.CreateTaskIn(tg, waiting)
			tg.Go(never)
			asyncio.RunCoroutineThreadsafe(l, waiting)
			l.SetTaskFactory(func(l *asyncio.Loop, c asyncio.TaskConfig) asyncio.TaskConfig { c.Name = "last"; return c })
			yields(ctx, 2) // one turn is for the call from outside
			const want = "main Go CreateTask Gather EnsureFuture Shield CreateTaskIn tg.Go last"
			if got := all(); got != want {
				t.Errorf("AllTasks is %s\n     want %s", got, want)
			}
			tg.Cancel()
			return nil
		})
		if got := all(); strings.Contains(got, "tg.Go") || strings.Contains(got, "CreateTaskIn") {
			t.Errorf("AllTasks has finished tasks: %s", got)
		}
		tasks := asyncio.AllTasks(ctx)
		if !slices.Equal(tasks, l.AllTasks()) {
			t.Error("AllTasks(ctx) and Loop.AllTasks differ")
		}
		for _, task := range tasks[1:] {
			task.Cancel()
		}
		_, _ = gathered.Await(ctx)
		if err := asyncio.Sleep(ctx, time.Second); err != nil {
			return err
		}
		if got := all(); got != "main" {
			t.Errorf("AllTasks is %s at the end; want main", got)
		}
		return err
	})
}

// A328: AllTasks is in creation order, in whatever order tasks start, suspend and end.
// Each task checks it in the states of a task: new, running, started eagerly, and below a
// task that it awaits.
func TestAllTasksInCreationOrder(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 0))
		run(t, func(ctx context.Context) error {
			main := asyncio.CurrentTask(ctx)
			made := []*asyncio.AnyTask{&main}
			left := 100 // tasks to create
			check := func() {
				made = slices.DeleteFunc(made, func(task *asyncio.AnyTask) bool { return (*task).Done() })
				var got, want []string
				for _, task := range asyncio.AllTasks(ctx) {
					got = append(got, task.Name())
				}
				for _, task := range made {
					want = append(want, (*task).Name())
				}
				if !slices.Equal(got, want) {
					t.Errorf("seed %d: AllTasks is %v\nwant %v", seed, got, want)
				}
			}
			var live func(ctx context.Context) error
			start := func(ctx context.Context) asyncio.AnyTask {
				task := new(asyncio.AnyTask)
				made = append(made, task)
				*task = asyncio.Go(ctx, func(ctx context.Context) error {
					*task = asyncio.CurrentTask(ctx) // during an eager start, Go has not returned yet
					return live(ctx)
				}, asyncio.WithEagerStart(random.IntN(2) == 0))
				return *task
			}
			live = func(ctx context.Context) error {
				for random.IntN(4) > 0 {
					check()
					switch random.IntN(4) {
					case 0:
						yields(ctx, random.IntN(3))
					case 1:
						_ = asyncio.Sleep(ctx, time.Duration(random.IntN(3)))
					case 2:
						if left--; left > 0 {
							start(ctx)
						}
					case 3:
						if left--; left > 0 {
							_, _ = start(ctx).AnyAwait(ctx)
						}
					}
				}
				return nil
			}
			for left > 0 {
				_ = live(ctx)
			}
			return nil
		})
	}
}
