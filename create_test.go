package asyncio_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// A001: CreateTask returns before any code of the task function runs; the first step
// waits in the ready queue.
func TestCreateTaskReturnsBeforeFirstStep(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		task := asyncio.Go(ctx, func(context.Context) error { log.Add("task"); return nil })
		log.Add("created, done=%v", task.Done())
		if err := asyncio.Yield(ctx); err != nil {
			return err
		}
		log.Add("after Yield, done=%v", task.Done())
		return nil
	})
	log.Want(t,
		"created, done=false",
		"task",
		"after Yield, done=true",
	)
}

// A002: tasks take their first steps in creation order.
func TestTasksStartInCreationOrder(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		for _, name := range []string{"A", "B", "C"} {
			asyncio.Go(ctx, func(context.Context) error { log.Add("%s", name); return nil })
		}
		return asyncio.Yield(ctx)
	})
	log.Want(t, "A", "B", "C")
}

// A003: WithName sets the task's name.
func TestWithName(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			if got := asyncio.CurrentTask(ctx).Name(); got != "fetch" {
				t.Errorf("Name in the task returned %q; want fetch", got)
			}
			return nil
		}, asyncio.WithName("fetch"))
		if got := task.Name(); got != "fetch" {
			t.Errorf("Name returned %q; want fetch", got)
		}
		_, err := task.Await(ctx)
		return err
	})
}

// A004: an unnamed task is called Task-N, with increasing N, and no N repeats within a
// process, across all loops and goroutines.
func TestUnnamedTasksAreNumbered(t *testing.T) {
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
						t.Errorf("the task after Task-%[2]d is called %[1]s", task.Name(), last)
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
		t.Errorf("%d tasks have %d different names", loops*tasks, got)
	}
}

// A005: WithContextVars runs the task in the given ContextVars itself, so its changes are
// visible to every user of that ContextVars.
func TestTaskInGivenContextVars(t *testing.T) {
	v := asyncio.NewContextVarDefault("v", "unset")
	var log record
	run(t, func(ctx context.Context) error {
		shared := new(asyncio.ContextVars)
		step := func(name, set string) {
			task := asyncio.Go(ctx, func(ctx context.Context) error {
				got, _ := v.Get(ctx)
				log.Add("%s: %s", name, got)
				v.Set(ctx, set)
				return asyncio.Yield(ctx)
			}, asyncio.WithContextVars(shared))
			if task.ContextVars() != shared {
				t.Errorf("%s runs in other ContextVars", name)
			}
			if _, err := task.Await(ctx); err != nil {
				t.Error(err)
			}
		}
		step("first", "from first")
		step("second", "from second")
		_ = shared.Run(ctx, func(ctx context.Context) {
			got, _ := v.Get(ctx)
			log.Add("creator in the same ContextVars: %s", got)
		})
		got, _ := v.Get(ctx)
		log.Add("creator in its own: %s", got)
		return nil
	})
	log.Want(t,
		"first: unset",
		"second: from first",
		"creator in the same ContextVars: from second",
		"creator in its own: unset",
	)
}

// A006: without WithContextVars, a task runs in a copy of its creator's ContextVars, and
// later changes on either side stay private.
func TestTaskInCopyOfContextVars(t *testing.T) {
	v := asyncio.NewContextVar[string]("v")
	var log record
	run(t, func(ctx context.Context) error {
		v.Set(ctx, "before")
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			got, _ := v.Get(ctx)
			log.Add("task: %s", got)
			v.Set(ctx, "the task's")
			if err := asyncio.Yield(ctx); err != nil {
				return err
			}
			got, _ = v.Get(ctx)
			log.Add("task, later: %s", got)
			return nil
		})
		v.Set(ctx, "after")
		yields(ctx, 1)
		got, _ := v.Get(ctx)
		log.Add("creator: %s", got)
		v.Set(ctx, "later")
		_, err := task.Await(ctx)
		return err
	})
	log.Want(t,
		"task: before",
		"creator: after",
		"task, later: the task's",
	)
}

// A007, A040: creating a task or future needs a loop. Without one, the call panics with
// an explanation and never runs the function.
func TestCreateWithoutLoop(t *testing.T) {
	ctx := context.Background()
	coro := asyncio.Coro[int](func(context.Context) (int, error) { t.Error("the function ran"); return 1, nil })
	for _, test := range []struct {
		act    string
		create func()
	}{
		{"Go", func() { asyncio.Go(ctx, func(ctx context.Context) error { _, err := coro(ctx); return err }) }},
		{"CreateTask", func() { asyncio.CreateTask(ctx, coro) }},
		{"NewFuture", func() { asyncio.NewFuture[int](ctx) }},
		{"", func() { asyncio.EnsureFuture(ctx, coro) }},
		{"", func() { asyncio.Gather[int](ctx, coro) }},
		{"", func() { asyncio.Gather[int, *asyncio.Task[int]](ctx) }},
		{"", func() { asyncio.Shield(ctx, coro) }},
		{"", func() { asyncio.WrapFuture(ctx, asyncio.NewConcurrentFuture[int]()) }},
	} {
		wantErr(t, panicOf(test.create), asyncio.ErrNoRunningLoop, test.act, "start with asyncio.Run")
	}
	run(t, func(ctx context.Context) error {
		yields(ctx, 3)
		if n := len(asyncio.AllTasks(ctx)); n != 1 {
			t.Errorf("AllTasks of the next loop has %d tasks; want 1", n)
		}
		return nil
	})
}

// A008: a nil task function is rejected by the call that receives it.
func TestCreateTaskWithNil(t *testing.T) {
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
			t.Errorf("AllTasks has %d tasks; want 1", n)
		}
		return err
	})
}

// A010, A221: the loop consults its TaskFactory for every new task and uses its result.
// SetTaskFactory(nil) restores the default.
func TestTaskFactory(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		if l.TaskFactory() != nil {
			t.Error("TaskFactory of a new loop is not nil")
		}
		l.SetTaskFactory(func(got *asyncio.Loop, c asyncio.TaskConfig) asyncio.TaskConfig {
			log.Add("called for %q with the loop: %v", c.Name, got == l)
			if c.Name == "" {
				c.Name = "named by the factory"
			}
			return c
		})
		if l.TaskFactory() == nil {
			t.Error("TaskFactory returned nil after SetTaskFactory")
		}
		log.Add("%s", asyncio.CreateTask(ctx, one).Name())
		err := asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
			log.Add("%s", asyncio.CreateTaskIn(tg, one, asyncio.WithName("in a group")).Name())
			return nil
		})
		_, _ = asyncio.Gather[int](ctx, asyncio.Coro[int](one)).Await(ctx)
		l.SetTaskFactory(nil)
		name := asyncio.CreateTask(ctx, one).Name()
		log.Add("numbered without the factory: %v", strings.HasPrefix(name, "Task-"))
		return err
	})
	log.Want(t,
		`called for "" with the loop: true`,
		"named by the factory",
		`called for "in a group" with the loop: true`,
		"in a group",
		`called for "" with the loop: true`,
		"numbered without the factory: true",
	)
}

// A010: a panic of the factory leaves the call that creates the task, and no task
// remains.
func TestTaskFactoryThatPanics(t *testing.T) {
	run(t, func(ctx context.Context) error {
		running(ctx).SetTaskFactory(func(*asyncio.Loop, asyncio.TaskConfig) asyncio.TaskConfig {
			panic(asyncio.ErrInvalidArgument)
		})
		wantErr(t, panicOf(func() { asyncio.CreateTask(ctx, one) }), asyncio.ErrInvalidArgument)
		if n := len(asyncio.AllTasks(ctx)); n != 1 {
			t.Errorf("AllTasks has %d tasks; want 1", n)
		}
		return nil
	})
}

// A011: a name passed with WithName overrides the name that a TaskFactory chooses.
func TestWithNameOverridesFactory(t *testing.T) {
	run(t, func(ctx context.Context) error {
		running(ctx).SetTaskFactory(func(_ *asyncio.Loop, c asyncio.TaskConfig) asyncio.TaskConfig {
			c.Name = "the factory's"
			return c
		})
		if got := asyncio.CreateTask(ctx, one, asyncio.WithName("the caller's")).Name(); got != "the caller's" {
			t.Errorf("Name returned %q; want that of WithName", got)
		}
		return nil
	})
}

// An oddAwaitable is an Awaitable other than a Future, Task or Coro.
type oddAwaitable struct{ value string }

func (o oddAwaitable) Await(ctx context.Context) (string, error) {
	return o.value, asyncio.Yield(ctx)
}

// A012: EnsureFuture returns a Future unchanged, the embedded Future of a Task, and a new
// task for any other Awaitable; nil is rejected.
func TestEnsureFuture(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[string](ctx)
		if asyncio.EnsureFuture(ctx, f) != f {
			t.Error("EnsureFuture returned a different future")
		}
		task := asyncio.CreateTask(ctx, func(context.Context) (string, error) { return "task", nil })
		if asyncio.EnsureFuture(ctx, task) != &task.Future {
			t.Error("EnsureFuture did not return the embedded Future of the task")
		}
		coro := func(ctx context.Context) (string, error) { return "coro", asyncio.Yield(ctx) }
		for want, aw := range map[string]asyncio.Awaitable[string]{
			"coro": asyncio.Coro[string](coro),
			"odd":  oddAwaitable{"odd"},
		} {
			before := len(asyncio.AllTasks(ctx))
			made := asyncio.EnsureFuture(ctx, aw)
			if n := len(asyncio.AllTasks(ctx)) - before; n != 1 {
				t.Errorf("EnsureFuture created %[2]d tasks for %[1]s; want 1", want, n)
			}
			if got, err := made.Await(ctx); got != want || err != nil {
				t.Errorf("Await returned %q, %v; want %q", got, err, want)
			}
		}
		err := panicOf(func() { asyncio.EnsureFuture[string](ctx, nil) })
		wantErr(t, err, asyncio.ErrInvalidArgument, "EnsureFuture of nil", "pass a Future")
		return nil
	})
}

// A013: EnsureFuture rejects a future or task whose loop differs from the loop in ctx.
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

// A015: WithEagerStart selects eager or scheduled start for a single task, in CreateTask
// and in groups, whatever the TaskFactory prefers.
func TestWithEagerStart(t *testing.T) {
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

// runEager is like run on a loop whose tasks all start eagerly.
func runEager(t *testing.T, main func(ctx context.Context) error) {
	t.Helper()
	run(t, func(ctx context.Context) error {
		running(ctx).SetTaskFactory(asyncio.EagerTaskFactory)
		return main(ctx)
	})
}

// runSteps is like run in debug mode. It calls step for each task step and callback that
// the loop takes from its queue. To see them, it sets a limit that makes debug mode
// report them all.
func runSteps(t *testing.T, main func(ctx context.Context) error, step func(what string)) {
	t.Helper()
	err := runOn(t, &asyncio.Runner{Debug: true, SlowCallback: -1}, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(func(_ context.Context, e *asyncio.ExceptionContext) {
			if what, _, slow := strings.Cut(e.Message, " took "); slow {
				step(what)
			}
		})
		return main(ctx)
	})
	if err != nil {
		t.Error(err)
	}
}

// A212, A219: with EagerTaskFactory, a task's function runs inside the call that creates
// the task, up to its first suspension. The creator then continues, and the rest runs in
// its turn.
func TestEagerStart(t *testing.T) {
	for _, factory := range []asyncio.TaskFactory{asyncio.EagerTaskFactory, nil} {
		var log record
		run(t, func(ctx context.Context) error {
			running(ctx).SetTaskFactory(factory)
			log.Add("m1")
			task := asyncio.CreateTask(ctx, func(ctx context.Context) (string, error) {
				log.Add("f1")
				err := asyncio.Sleep(ctx, time.Second)
				log.Add("f2")
				return "slept", err
			})
			log.Add("m2, done=%v", task.Done())
			slept, err := task.Await(ctx)
			log.Add("%s", slept)
			return err
		})
		if factory != nil {
			log.Want(t, "m1", "f1", "m2, done=false", "f2", "slept")
		} else {
			log.Want(t, "m1", "m2, done=false", "f1", "f2", "slept")
		}
	}
}

// A213: a function that never suspends results in a finished task and no work for the
// loop. One that suspends is resumed once.
func TestEagerCompletion(t *testing.T) {
	var log record
	runSteps(t, func(ctx context.Context) error {
		running(ctx).SetTaskFactory(asyncio.EagerTaskFactory)
		f := asyncio.NewFuture[string](ctx)
		quick := asyncio.Go(ctx, func(context.Context) error { return f.SetResult("my message") }, asyncio.WithName("quick"))
		log.Add("quick done=%v", quick.Done())
		got, err := f.Await(ctx)
		log.Add("%s", got)
		slow := asyncio.Go(ctx, func(ctx context.Context) error { return asyncio.Yield(ctx) }, asyncio.WithName("slow"))
		log.Add("slow done=%v", slow.Done())
		_, slowErr := slow.Await(ctx)
		return errors.Join(err, slowErr)
	}, func(what string) {
		if name, _, isTask := strings.Cut(what, " ("); isTask && !strings.HasPrefix(name, "task Task-") { // the numbered task is main
			log.Add("the loop ran %s", name)
		}
	})
	log.Want(t, "quick done=true", "my message", "slow done=false", "the loop ran task slow")
}

// A213: errors, panics and cancellations during the eager start stay in the task unless
// its creator reads them.
func TestEagerFailure(t *testing.T) {
	var log record
	runEager(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(log.Handle)
		for _, fn := range []func(ctx context.Context) error{
			func(context.Context) error { return errBoom },
			func(context.Context) error { panic("boom") },
			func(ctx context.Context) error {
				asyncio.CurrentTask(ctx).CancelWith("by itself")
				return asyncio.Yield(ctx)
			},
			func(ctx context.Context) error {
				asyncio.CurrentTask(ctx).CancelWith("by itself")
				return nil
			},
		} {
			task := asyncio.Go(ctx, fn, asyncio.WithName("eager"))
			_, err := task.Await(ctx)
			text, _, _ := strings.Cut(err.Error(), "\n")
			text, _, _ = strings.Cut(text, " (")
			log.Add("done=%v cancelled=%v: %s", task.Done(), task.Cancelled(), text)
		}
		return nil
	})
	const reported = "reported: panic in task eager (asyncio_test.TestEagerFailure.func1.2() at "
	for i, line := range log.Lines {
		if strings.HasPrefix(line, reported) {
			log.Lines[i] = "reported: panic in task eager"
		}
	}
	log.Want(t,
		"done=true cancelled=false: boom",
		"reported: panic in task eager",
		"done=true cancelled=false: asyncio: panic in task eager",
		"done=true cancelled=true: asyncio: cancelled by eager: by itself",
		"done=true cancelled=true: asyncio: cancelled by eager: by itself",
	)
}

// A214, A326, A327: during its eager start, the new task is the current one, and it is
// again after each suspension. Afterwards the creator is current again, or no task in a
// callback.
func TestCurrentTaskDuringEagerStart(t *testing.T) {
	var log record
	runEager(t, func(ctx context.Context) error {
		current := func(ctx context.Context) string {
			if task := asyncio.CurrentTask(ctx); task != nil {
				return task.Name()
			}
			return "no task"
		}
		nested := func(ctx context.Context) error {
			log.Add("in inner: %s", current(ctx))
			return asyncio.Yield(ctx)
		}
		fn := func(ctx context.Context) error {
			log.Add("in outer: %s", current(ctx))
			inner := asyncio.Go(ctx, nested, asyncio.WithName("inner"))
			log.Add("in outer: %s", current(ctx))
			_, err := inner.Await(ctx)
			log.Add("in outer, later: %s", current(ctx))
			return err
		}
		asyncio.CurrentTask(ctx).SetName("main")
		outer := asyncio.Go(ctx, fn, asyncio.WithName("outer"))
		log.Add("in main: %s", current(ctx))
		if _, err := outer.Await(ctx); err != nil {
			return err
		}
		running(ctx).CallSoon(func(ctx context.Context) {
			log.Add("in a callback: %s", current(ctx))
			asyncio.Go(ctx, nested, asyncio.WithName("inner"))
			log.Add("in a callback: %s", current(ctx))
		})
		yields(ctx, 3)
		log.Add("in main: %s", current(ctx))
		return nil
	})
	log.Want(t,
		"in outer: outer", "in inner: inner", "in outer: outer", "in main: main", "in outer, later: outer",
		"in a callback: no task", "in inner: inner", "in a callback: no task", "in main: main",
	)
}

// A215, A328: AllTasks includes a task during its eager start, and afterwards only if it
// suspended.
func TestAllTasksWithEagerStart(t *testing.T) {
	var log record
	runEager(t, func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		all := func(when string) {
			var names []string
			for _, task := range asyncio.AllTasks(ctx) {
				names = append(names, task.Name())
			}
			log.Add("%s: %s", when, strings.Join(names, " "))
		}
		gate := asyncio.NewFuture[int](ctx)
		asyncio.Go(ctx, func(context.Context) error { all("inside quick"); return nil }, asyncio.WithName("quick"))
		all("after quick")
		slow := asyncio.Go(ctx, func(ctx context.Context) error {
			all("inside slow")
			_, err := gate.Await(ctx)
			return err
		}, asyncio.WithName("slow"))
		all("slow has suspended")
		_ = gate.SetResult(1)
		_, err := slow.Await(ctx)
		all("slow has ended")
		return err
	})
	log.Want(t,
		"inside quick: main quick",
		"after quick: main",
		"inside slow: main slow",
		"slow has suspended: main slow",
		"slow has ended: main",
	)
}

// A216: an eager start runs in the task's own ContextVars. Its creator does not see
// changes there.
func TestEagerStartContextVars(t *testing.T) {
	v := asyncio.NewContextVarDefault("v", 0)
	var log record
	runEager(t, func(ctx context.Context) error {
		add := func(ctx context.Context, name string) {
			got, _ := v.Get(ctx)
			log.Add("%s: %d", name, got)
		}
		v.Set(ctx, 1)
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			add(ctx, "task")
			v.Set(ctx, 2)
			err := asyncio.Sleep(ctx, time.Second)
			add(ctx, "task, later")
			v.Set(ctx, 3)
			add(ctx, "task, later")
			return err
		})
		add(ctx, "creator")
		_, err := task.Await(ctx)
		add(ctx, "creator, at the end")
		return err
	})
	log.Want(t,
		"task: 1",
		"creator: 1",
		"task, later: 2",
		"task, later: 3",
		"creator, at the end: 1",
	)
}

// A216: ContextVars can be entered only once at a time, so a task cannot start eagerly in
// those of its creator. The call panics and leaves no task.
func TestEagerStartInContextVarsInUse(t *testing.T) {
	runEager(t, func(ctx context.Context) error {
		own := asyncio.CurrentTask(ctx).ContextVars()
		ran := false
		fn := func(context.Context) error { ran = true; return nil }
		err := panicOf(func() { asyncio.Go(ctx, fn, asyncio.WithContextVars(own)) })
		wantErr(t, err, asyncio.ErrMisuse, "Go with an eager start", "something runs already", "pass a Copy of it")
		if n := len(asyncio.AllTasks(ctx)); n != 1 || ran {
			t.Errorf("AllTasks has %d tasks, and the function ran: %v; want 1, false", n, ran)
		}
		asyncio.Go(ctx, fn, asyncio.WithContextVars(own), asyncio.WithEagerStart(false))
		yields(ctx, 1)
		if !ran {
			t.Error("a scheduled start in the creator's ContextVars did not run")
		}
		return nil
	})
}

// A217: cancelling a task that completed during its eager start has no effect.
func TestCancelAfterEagerCompletion(t *testing.T) {
	runEager(t, func(ctx context.Context) error {
		task := asyncio.CreateTask(ctx, one)
		if task.Cancel() || task.Cancelling() != 0 {
			t.Error("Cancel of a finished task had an effect")
		}
		if v, err := task.Await(ctx); v != 1 || err != nil || task.Cancelled() {
			t.Errorf("Await returned %v, %v, and Cancelled %v; want 1, nil, false", v, err, task.Cancelled())
		}
		return nil
	})
}

// A218: cancelling a task that suspended during its eager start works as for any task,
// including the message.
func TestCancelAfterEagerStart(t *testing.T) {
	var log record
	runEager(t, func(ctx context.Context) error {
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			err := asyncio.Sleep(ctx, time.Second)
			log.Add("task: %v", err)
			return err
		})
		asyncio.CurrentTask(ctx).SetName("main")
		log.Add("%v, cancelling %d", task.CancelWith("cancellation message"), task.Cancelling())
		_, err := task.Await(ctx)
		log.Add("after %v: %v", running(ctx).Time(), err)
		return nil
	})
	log.Want(t,
		"true, cancelling 1",
		"task: asyncio: cancelled by main: cancellation message",
		"after 0s: asyncio: cancelled by main: cancellation message",
	)
}

// A220: on an idle loop, a task starts when the loop runs, as without the eager factory.
func TestEagerFactoryOnIdleLoop(t *testing.T) {
	noLeaks(t)
	var log record
	l := asyncio.NewLoop(driver.NewVirtual())
	defer l.Close()
	l.SetTaskFactory(asyncio.EagerTaskFactory)
	fn := func(context.Context) (int, error) { log.Add("runs"); return 1, nil }
	task := asyncio.CreateTask(l.Context(), fn)
	asked := asyncio.CreateTask(l.Context(), fn, asyncio.WithEagerStart(true))
	log.Add("created, done=%v %v", task.Done(), asked.Done())
	if _, err := asyncio.RunUntilComplete(l, asked); err != nil {
		t.Error(err)
	}
	log.Add("done=%v %v", task.Done(), asked.Done())
	log.Want(t, "created, done=false false", "runs", "runs", "done=true true")
}

// Three shapes of nested work. chain returns its depth, and the others their number of
// leaves.

func chain(ctx context.Context, depth int) (int, error) {
	if depth == 0 {
		return 0, nil
	}
	n, err := chain(ctx, depth-1)
	return n + 1, err
}

func gatherTree(ctx context.Context, width, depth int) (leaves int, err error) {
	if depth == 0 {
		return 1, nil
	}
	branches := make([]asyncio.Coro[int], width)
	for i := range branches {
		branches[i] = func(ctx context.Context) (int, error) { return gatherTree(ctx, width, depth-1) }
	}
	sums, err := asyncio.Gather(ctx, branches...).Await(ctx)
	for _, n := range sums {
		leaves += n
	}
	return leaves, err
}

func groupTree(ctx context.Context, width, depth int) (leaves int, err error) {
	if depth == 0 {
		return 1, nil
	}
	err = asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
		for range width {
			tg.Go(func(ctx context.Context) error {
				n, err := groupTree(ctx, width, depth-1)
				leaves += n
				return err
			})
		}
		return nil
	})
	return leaves, err
}

// A222: chains of calls, nested groups and nested gathers give the same results with an
// eager start and take fewer steps. Work that never waits schedules no task. (The parent
// of a group still waits for the callbacks of its tasks: a failure must not interrupt the
// block's function.)
func TestEagerStartTakesFewerSteps(t *testing.T) {
	for _, test := range []struct {
		name        string
		work        func(ctx context.Context) (int, error)
		want        int
		lazy, eager int // number of task steps, including those of main
	}{
		{"chain", func(ctx context.Context) (int, error) { return chain(ctx, 100) }, 100, 1, 1},
		// 1+5+25+125 tasks with children take two steps each, 625 without children one.
		{"gather", func(ctx context.Context) (int, error) { return gatherTree(ctx, 5, 4) }, 625, 937, 1},
		// Eager tasks take their first step during their creation.
		{"group", func(ctx context.Context) (int, error) { return groupTree(ctx, 5, 4) }, 625, 937, 157},
	} {
		for factory, want := range map[string]int{"lazy": test.lazy, "eager": test.eager} {
			steps := 0
			runSteps(t, func(ctx context.Context) error {
				if factory == "eager" {
					running(ctx).SetTaskFactory(asyncio.EagerTaskFactory)
				}
				got, err := test.work(ctx)
				if got != test.want {
					t.Errorf("%s %s: the result is %d; want %d", factory, test.name, got, test.want)
				}
				return err
			}, func(what string) {
				if strings.HasPrefix(what, "task ") {
					steps++
				}
			})
			if steps != want {
				t.Errorf("%s %s: the work took %d steps; want %d", factory, test.name, steps, want)
			}
		}
	}
}

// A222: tasks can start each other eagerly to a depth of one thousand.
func TestNestedEagerStarts(t *testing.T) {
	runEager(t, func(ctx context.Context) error {
		var down func(ctx context.Context, depth int) (int, error)
		down = func(ctx context.Context, depth int) (int, error) {
			if depth == 0 {
				return 0, asyncio.Yield(ctx)
			}
			n, err := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) { return down(ctx, depth-1) }).Await(ctx)
			return n + 1, err
		}
		n, err := down(ctx, 1000)
		if n != 1000 {
			t.Errorf("the depth is %d; want 1000", n)
		}
		return err
	})
}

// A212: a task that cancels its creator during an eager start does not interrupt it; the
// creator receives the cancellation at its next Await.
func TestEagerStartCancelsCreator(t *testing.T) {
	var log record
	runEager(t, func(ctx context.Context) error {
		creator := asyncio.Go(ctx, func(ctx context.Context) error {
			self := asyncio.CurrentTask(ctx)
			child := asyncio.Go(ctx, func(ctx context.Context) error {
				log.Add("%v", self.Cancel())
				return asyncio.Yield(ctx)
			}, asyncio.WithName("child"))
			log.Add("creator continues, child done=%v", child.Done())
			err := asyncio.Yield(ctx)
			log.Add("%v", err)
			return err
		})
		_, err := creator.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled)
		return nil
	})
	log.Want(t, "true", "creator continues, child done=false", "asyncio: cancelled by child")
}

// A212: a task may await its creator during an eager start, and the creator continues
// then.
func TestEagerStartAwaitsCreator(t *testing.T) {
	var log record
	runEager(t, func(ctx context.Context) error {
		var creator *asyncio.Task[int]
		creator = asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
			_ = asyncio.Yield(ctx) // CreateTask returns first and sets creator
			asyncio.Go(ctx, func(ctx context.Context) error {
				v, err := creator.Await(ctx)
				log.Add("child: %v, %v", v, err)
				return err
			})
			log.Add("creator continues")
			return 7, nil
		})
		_, err := creator.Await(ctx)
		yields(ctx, 1)
		return err
	})
	log.Want(t, "creator continues", "child: 7, <nil>")
}

// A212: runtime.Goexit during an eager start ends that task and not its creator. The
// remaining tasks are cancelled, and Run ends by Goexit too.
func TestGoexitDuringEagerStart(t *testing.T) {
	var log record
	exited := inGoroutine(func() {
		runEager(t, func(ctx context.Context) error {
			child := asyncio.Go(ctx, func(context.Context) error { runtime.Goexit(); return nil })
			log.Add("creator continues, child's error: %v", child.Exception())
			err := asyncio.Sleep(ctx, time.Second)
			log.Add("creator ends with: %v", err)
			return err
		})
	})
	log.Add("Run exits: %v", exited)
	log.Want(t,
		"creator continues, child's error: asyncio: the task called runtime.Goexit",
		"creator ends with: asyncio: cancelled by the shutdown of the loop",
		"Run exits: true",
	)
}
