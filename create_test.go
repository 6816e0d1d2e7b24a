package asyncio_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// A001: CreateTask returns at once, and nothing of the function runs before the
// creator gives control away.
func TestCreateTaskRunsNothingYet(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		task := asyncio.Go(ctx, func(context.Context) error { log.Add("task"); return nil })
		log.Add("made, done=%v", task.Done())
		if err := asyncio.Yield(ctx); err != nil {
			return err
		}
		log.Add("after a turn, done=%v", task.Done())
		return nil
	})
	log.Want(t,
		"made, done=false",
		"task",
		"after a turn, done=true",
	)
}

// A002: tasks take their first steps in the order in which they were made.
func TestTasksStartInOrderOfCreation(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		for _, name := range []string{"A", "B", "C"} {
			asyncio.Go(ctx, func(context.Context) error { log.Add("%s", name); return nil })
		}
		return asyncio.Yield(ctx)
	})
	log.Want(t, "A", "B", "C")
}

// A003: a task has the name that it was given. In Go that is a string from the
// start; what Python makes a string of, the caller does.
func TestTaskHasTheNameGiven(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			if got := asyncio.CurrentTask(ctx).Name(); got != "fetch" {
				t.Errorf("inside it is called %q", got)
			}
			return nil
		}, asyncio.WithName("fetch"))
		if got := task.Name(); got != "fetch" {
			t.Errorf("it is called %q", got)
		}
		_, err := task.Await(ctx)
		return err
	})
}

// A004: without a name a task is Task-N, where N grows, and no N comes twice in a process, on
// how many loops and goroutines so ever.
func TestTasksWithoutNameAreNumbered(t *testing.T) {
	noLeaks(t)
	const loops, tasks = 4, 100
	var (
		mu    sync.Mutex
		names []string
		all   sync.WaitGroup
	)
	for range loops {
		all.Go(func() {
			r := asyncio.Runner{Driver: driver.NewVirtual(), NoInterrupt: true}
			defer r.Close()
			err := r.Run(context.Background(), func(ctx context.Context) error {
				last := 0
				for range tasks {
					task := asyncio.CreateTask(ctx, one)
					n, err := strconv.Atoi(strings.TrimPrefix(task.Name(), "Task-"))
					if err != nil || n <= last {
						t.Errorf("%s comes after Task-%d", task.Name(), last)
					}
					last = n
					mu.Lock()
					names = append(names, task.Name())
					mu.Unlock()
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	slices.Sort(names)
	if got := len(slices.Compact(names)); got != loops*tasks {
		t.Errorf("%d tasks have %d names", loops*tasks, got)
	}
}

// A005: WithContextVars has the task run in that very Context: what it sets is seen by its
// creator and by the other tasks there.
func TestTaskInAGivenContext(t *testing.T) {
	v := asyncio.NewContextVarDefault("v", "unset")
	var log record
	run(t, func(ctx context.Context) error {
		shared := asyncio.NewContextVars()
		step := func(who, set string) {
			task := asyncio.Go(ctx, func(ctx context.Context) error {
				got, _ := v.Get(ctx)
				log.Add("%s finds %s", who, got)
				v.Set(ctx, set)
				return asyncio.Yield(ctx)
			}, asyncio.WithContextVars(shared))
			if task.ContextVars() != shared {
				t.Errorf("%s runs in another Context", who)
			}
			if _, err := task.Await(ctx); err != nil {
				t.Error(err)
			}
		}
		step("first", "from first")
		step("second", "from second")
		_ = shared.Run(ctx, func(ctx context.Context) {
			got, _ := v.Get(ctx)
			log.Add("the creator finds %s there", got)
		})
		got, _ := v.Get(ctx)
		log.Add("and %s in its own", got)
		return nil
	})
	log.Want(t,
		"first finds unset",
		"second finds from first",
		"the creator finds from second there",
		"and unset in its own",
	)
}

// A006: otherwise the task runs in a copy of its creator's Context, which is taken
// when it is made: what either sets from then on the other does not see.
func TestTaskInACopyOfTheContext(t *testing.T) {
	v := asyncio.NewContextVar[string]("v")
	var log record
	run(t, func(ctx context.Context) error {
		v.Set(ctx, "before")
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			got, _ := v.Get(ctx)
			log.Add("the task finds %s", got)
			v.Set(ctx, "the task's")
			if err := asyncio.Yield(ctx); err != nil {
				return err
			}
			got, _ = v.Get(ctx)
			log.Add("and then %s", got)
			return nil
		})
		v.Set(ctx, "after")
		yields(ctx, 1)
		got, _ := v.Get(ctx)
		log.Add("the creator finds %s", got)
		v.Set(ctx, "later")
		_, err := task.Await(ctx)
		return err
	})
	log.Want(t,
		"the task finds before",
		"the creator finds after",
		"and then the task's",
	)
}

// A007: outside of a running loop a task cannot be made, and the call says so.
func TestCreateTaskWithoutALoop(t *testing.T) {
	ran := false
	fn := func(context.Context) error { ran = true; return nil }
	for act, create := range map[string]func(){
		"Go":         func() { asyncio.Go(context.Background(), fn) },
		"CreateTask": func() { asyncio.CreateTask(context.Background(), one) },
	} {
		wantErr(t, panicOf(create), asyncio.ErrNoRunningLoop, act, "start with asyncio.Run")
	}
	run(t, func(ctx context.Context) error {
		yields(ctx, 3)
		if n := len(asyncio.AllTasks(ctx)); n != 1 {
			t.Errorf("%d tasks on the next loop", n)
		}
		return nil
	})
	if ran {
		t.Error("the function ran")
	}
}

// A008: what is no function is refused at the call. In Go only nil is left of that.
func TestCreateTaskOfNil(t *testing.T) {
	run(t, func(ctx context.Context) error {
		refused := func(act string, create func()) {
			t.Helper()
			wantErr(t, panicOf(create), asyncio.ErrInvalidArgument, "nil function", "func(ctx context.Context)", act)
		}
		refused("CreateTask", func() { asyncio.CreateTask[int](ctx, nil) })
		refused("Go", func() { asyncio.Go(ctx, nil) })
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			refused("", func() { asyncio.CreateTaskIn[int](tg, nil) })
			refused("", func() { tg.Go(nil) })
			return nil
		})
		if n := len(asyncio.AllTasks(ctx)); n != 1 {
			t.Errorf("%d tasks, of which one is main", n)
		}
		return err
	})
}

// A009: on a closed loop a task cannot be made, and its function never runs.
func TestCreateTaskOnAClosedLoop(t *testing.T) {
	noLeaks(t)
	l := asyncio.NewLoop(driver.NewVirtual())
	ctx := l.Context()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	ran := false
	err := panicOf(func() {
		asyncio.Go(ctx, func(context.Context) error { ran = true; return nil })
	})
	wantErr(t, err, asyncio.ErrLoopClosed, "Go on <Loop closed>")
	if _, err := asyncio.RunUntilComplete(l, asyncio.Coro[int](one)); err == nil || ran {
		t.Errorf("a closed loop runs, with error %v", err)
	}
}

// A010, A221: the task factory is asked for every task, and what it returns is done;
// nil restores the default. A factory that is no function there is none in Go.
func TestTaskFactory(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		if l.TaskFactory() != nil {
			t.Error("there is a factory from the start")
		}
		l.SetTaskFactory(func(of *asyncio.Loop, c asyncio.TaskConfig) asyncio.TaskConfig {
			log.Add("asked for %q on my loop: %v", c.Name, of == l)
			if c.Name == "" {
				c.Name = "made by the factory"
			}
			return c
		})
		if l.TaskFactory() == nil {
			t.Error("the factory cannot be asked for")
		}
		log.Add("%s", asyncio.CreateTask(ctx, one).Name())
		err := asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
			log.Add("%s", asyncio.CreateTaskIn(tg, one, asyncio.WithName("in a group")).Name())
			return nil
		})
		_, _ = asyncio.Gather[int](ctx, asyncio.Coro[int](one)).Await(ctx)
		l.SetTaskFactory(nil)
		name := asyncio.CreateTask(ctx, one).Name()
		log.Add("without it a task is numbered: %v", strings.HasPrefix(name, "Task-"))
		return err
	})
	log.Want(t,
		`asked for "" on my loop: true`,
		"made by the factory",
		`asked for "in a group" on my loop: true`,
		"in a group",
		`asked for "" on my loop: true`,
		"without it a task is numbered: true",
	)
}

// A010: a factory that panics does so out of the call that makes the task, of which nothing is left.
func TestTaskFactoryThatPanics(t *testing.T) {
	run(t, func(ctx context.Context) error {
		running(ctx).SetTaskFactory(func(*asyncio.Loop, asyncio.TaskConfig) asyncio.TaskConfig {
			panic(asyncio.ErrInvalidArgument)
		})
		wantErr(t, panicOf(func() { asyncio.CreateTask(ctx, one) }), asyncio.ErrInvalidArgument)
		if n := len(asyncio.AllTasks(ctx)); n != 1 {
			t.Errorf("%d tasks, of which one is main", n)
		}
		return nil
	})
}

// A011: the name asked for at the call stands, whatever the factory makes of it.
func TestNameGoesBeforeTheFactory(t *testing.T) {
	run(t, func(ctx context.Context) error {
		running(ctx).SetTaskFactory(func(_ *asyncio.Loop, c asyncio.TaskConfig) asyncio.TaskConfig {
			c.Name = "the factory's"
			return c
		})
		if got := asyncio.CreateTask(ctx, one, asyncio.WithName("the caller's")).Name(); got != "the caller's" {
			t.Errorf("it is called %q", got)
		}
		return nil
	})
}

// An oddAwaitable is one that is neither future nor task nor Coro.
type oddAwaitable struct{ value string }

func (o oddAwaitable) Await(ctx context.Context) (string, error) {
	return o.value, asyncio.Yield(ctx)
}

// A012: EnsureFuture returns a future or a task as it is, and makes a task of
// what else can be awaited. What cannot be, the compiler refuses; nil is left.
func TestEnsureFuture(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[string](ctx)
		if asyncio.EnsureFuture(ctx, f) != f {
			t.Error("another future came back")
		}
		task := asyncio.CreateTask(ctx, func(context.Context) (string, error) { return "task", nil })
		if asyncio.EnsureFuture(ctx, task) != &task.Future {
			t.Error("the future of another task came back")
		}
		coro := func(ctx context.Context) (string, error) { return "coro", asyncio.Yield(ctx) }
		for want, aw := range map[string]asyncio.Awaitable[string]{
			"coro": asyncio.Coro[string](coro),
			"odd":  oddAwaitable{"odd"},
		} {
			before := len(asyncio.AllTasks(ctx))
			made := asyncio.EnsureFuture(ctx, aw)
			if n := len(asyncio.AllTasks(ctx)) - before; n != 1 {
				t.Errorf("%s became %d tasks", want, n)
			}
			if got, err := made.Await(ctx); got != want || err != nil {
				t.Errorf("it gave %q, %v; wanted %q", got, err, want)
			}
		}
		err := panicOf(func() { asyncio.EnsureFuture[string](ctx, nil) })
		wantErr(t, err, asyncio.ErrInvalidArgument, "EnsureFuture of nil", "give it a Future")
		return nil
	})
}

// A013: EnsureFuture of a future or a task of another loop than the one asked for is refused.
func TestEnsureFutureOfAnotherLoop(t *testing.T) {
	other := asyncio.NewLoop(driver.NewVirtual())
	defer other.Close()
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		err := panicOf(func() { asyncio.EnsureFuture(other.Context(), f) })
		wantErr(t, err, asyncio.ErrWrongLoop, "EnsureFuture of <Future pending>")
		task := asyncio.CreateTask(ctx, one)
		err = panicOf(func() { asyncio.EnsureFuture(other.Context(), task) })
		wantErr(t, err, asyncio.ErrWrongLoop, "EnsureFuture of <Task pending")
		return nil
	})
}

// A015: WithEagerStart decides for one task, whatever the factory is, and wherever tasks are made.
func TestEagerStartOfOneTask(t *testing.T) {
	var log record
	fn := func(ctx context.Context) error { log.Add("runs"); return nil }
	valued := func(ctx context.Context) (int, error) { return 1, fn(ctx) }
	run(t, func(ctx context.Context) error {
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			makers := []func(o asyncio.TaskOption) asyncio.AnyTask{
				func(o asyncio.TaskOption) asyncio.AnyTask { return asyncio.Go(ctx, fn, o) },
				func(o asyncio.TaskOption) asyncio.AnyTask { return asyncio.CreateTask(ctx, valued, o) },
				func(o asyncio.TaskOption) asyncio.AnyTask { return tg.Go(fn, o) },
				func(o asyncio.TaskOption) asyncio.AnyTask { return asyncio.CreateTaskIn(tg, valued, o) },
			}
			for _, factory := range []asyncio.TaskFactory{nil, asyncio.EagerTaskFactory} {
				running(ctx).SetTaskFactory(factory)
				for _, create := range makers {
					log.Add("eager done=%v", create(asyncio.WithEagerStart(true)).Done())
					log.Add("lazy done=%v", create(asyncio.WithEagerStart(false)).Done())
					if err := asyncio.Yield(ctx); err != nil {
						return err
					}
				}
			}
			return nil
		})
	})
	var want []string
	for range 8 {
		want = append(want, "runs", "eager done=true", "lazy done=false", "runs")
	}
	log.Want(t, want...)
}
