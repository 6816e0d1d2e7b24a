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
		shared := new(asyncio.ContextVars)
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

// runEager is run on a loop whose tasks all start eagerly.
func runEager(t *testing.T, main func(ctx context.Context) error) {
	t.Helper()
	run(t, func(ctx context.Context) error {
		running(ctx).SetTaskFactory(asyncio.EagerTaskFactory)
		return main(ctx)
	})
}

// runSteps is runOn in debug mode, with step called for each step of a task and
// each callback that the loop took from its queue: debug mode reports those that
// take too long, and here all do.
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

// A212, A219: with the eager factory a task's function runs inside of the call that makes the task,
// up to where it suspends; then the creator goes on, and the rest comes in its turn.
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

// A213: a function that never suspends leaves a task that is done, and nothing on
// the loop. One that does suspend comes back once.
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
		if name, _, isTask := strings.Cut(what, " ("); isTask && !strings.HasPrefix(name, "task Task-") { // which is main
			log.Add("the loop ran %s", name)
		}
	})
	log.Want(t, "quick done=true", "my message", "slow done=false", "the loop ran task slow")
}

// A213: so it is with what fails, and what panics or is cancelled on the way: the
// creator sees none of it unless it asks.
func TestEagerFailure(t *testing.T) {
	var log record
	runEager(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(log.Handle)
		for _, fn := range []func(ctx context.Context) error{
			func(context.Context) error { return errBoom },
			func(context.Context) error { panic("boom") },
			func(ctx context.Context) error {
				asyncio.CurrentTask(ctx).CancelWith("by myself")
				return asyncio.Yield(ctx)
			},
			func(ctx context.Context) error {
				asyncio.CurrentTask(ctx).CancelWith("by myself")
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
		"done=true cancelled=true: asyncio: cancelled by eager: by myself",
		"done=true cancelled=true: asyncio: cancelled by eager: by myself",
	)
}

// A214, A326, A327: inside of its eager part the new task is the current one, in what
// follows too; the creator is the current one again afterwards, or nobody if it is a callback.
func TestCurrentTaskOfAnEagerStart(t *testing.T) {
	var log record
	runEager(t, func(ctx context.Context) error {
		current := func(ctx context.Context) string {
			if task := asyncio.CurrentTask(ctx); task != nil {
				return task.Name()
			}
			return "nobody"
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
		"in a callback: nobody", "in inner: inner", "in a callback: nobody", "in main: main",
	)
}

// A215, A328: AllTasks has a task in its eager part, and afterwards only if it suspended.
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

// A216: the eager part runs in the task's own Context. What it sets its creator does not see.
func TestContextOfAnEagerStart(t *testing.T) {
	v := asyncio.NewContextVarDefault("v", 0)
	var log record
	runEager(t, func(ctx context.Context) error {
		find := func(ctx context.Context, who string) {
			got, _ := v.Get(ctx)
			log.Add("%s finds %d", who, got)
		}
		v.Set(ctx, 1)
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			find(ctx, "the task")
			v.Set(ctx, 2)
			err := asyncio.Sleep(ctx, time.Second)
			find(ctx, "the task, later,")
			v.Set(ctx, 3)
			find(ctx, "the task, later,")
			return err
		})
		find(ctx, "the creator")
		_, err := task.Await(ctx)
		find(ctx, "the creator, in the end,")
		return err
	})
	log.Want(t,
		"the task finds 1",
		"the creator finds 1",
		"the task, later, finds 2",
		"the task, later, finds 3",
		"the creator, in the end, finds 1",
	)
}

// A216: a Context is entered once at a time, so a task cannot start eagerly in that
// of its creator. It says so, and nothing is left of it.
func TestEagerStartInAContextThatIsInUse(t *testing.T) {
	runEager(t, func(ctx context.Context) error {
		own := asyncio.CurrentTask(ctx).ContextVars()
		ran := false
		fn := func(context.Context) error { ran = true; return nil }
		err := panicOf(func() { asyncio.Go(ctx, fn, asyncio.WithContextVars(own)) })
		wantErr(t, err, asyncio.ErrMisuse, "Go with an eager start", "something runs already", "give it a Copy")
		if n := len(asyncio.AllTasks(ctx)); n != 1 || ran {
			t.Errorf("%d tasks, of which one is main; the function ran: %v", n, ran)
		}
		asyncio.Go(ctx, fn, asyncio.WithContextVars(own), asyncio.WithEagerStart(false))
		yields(ctx, 1)
		if !ran {
			t.Error("a task that starts later cannot use its creator's Context")
		}
		return nil
	})
}

// A217: a cancel after the eager completion has no effect.
func TestCancelAfterEagerCompletion(t *testing.T) {
	runEager(t, func(ctx context.Context) error {
		task := asyncio.CreateTask(ctx, one)
		if task.Cancel() || task.Cancelling() != 0 {
			t.Error("a task that has ended was cancelled")
		}
		if v, err := task.Await(ctx); v != 1 || err != nil || task.Cancelled() {
			t.Errorf("it gave %v, %v, cancelled=%v", v, err, task.Cancelled())
		}
		return nil
	})
}

// A218: a cancel after the eager part has suspended works as for any task, message and all.
func TestCancelAfterEagerPart(t *testing.T) {
	var log record
	runEager(t, func(ctx context.Context) error {
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			err := asyncio.Sleep(ctx, time.Second)
			log.Add("it sees: %v", err)
			return err
		})
		asyncio.CurrentTask(ctx).SetName("main")
		log.Add("%v, %d asked", task.CancelWith("cancellation message"), task.Cancelling())
		_, err := task.Await(ctx)
		log.Add("after %v: %v", running(ctx).Time(), err)
		return nil
	})
	log.Want(t,
		"true, 1 asked",
		"it sees: asyncio: cancelled by main: cancellation message",
		"after 0s: asyncio: cancelled by main: cancellation message",
	)
}

// A220: where the loop does not run the task starts with the loop, as it would without the factory.
func TestEagerFactoryOnALoopThatDoesNotRun(t *testing.T) {
	noLeaks(t)
	var log record
	l := asyncio.NewLoop(driver.NewVirtual())
	defer l.Close()
	l.SetTaskFactory(asyncio.EagerTaskFactory)
	fn := func(context.Context) (int, error) { log.Add("runs"); return 1, nil }
	task := asyncio.CreateTask(l.Context(), fn)
	asked := asyncio.CreateTask(l.Context(), fn, asyncio.WithEagerStart(true))
	log.Add("made, done=%v %v", task.Done(), asked.Done())
	if _, err := asyncio.RunUntilComplete(l, asked); err != nil {
		t.Error(err)
	}
	log.Add("done=%v %v", task.Done(), asked.Done())
	log.Want(t, "made, done=false false", "runs", "runs", "done=true true")
}

// The three shapes of work in which tasks make tasks. Each tells how many leaves it has.

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

// A222: a chain of calls, groups in groups and gathers in gathers come to the
// same under an eager start, with less work for the loop: where nothing has to wait, no
// task is scheduled. (A task of a group waits for the others' callbacks: a failure must not
// cancel the body in the middle of its work.)
func TestEagerStartSchedulesLess(t *testing.T) {
	for _, test := range []struct {
		name        string
		work        func(ctx context.Context) (int, error)
		want        int
		lazy, eager int // steps of tasks that the loop took, main's included
	}{
		{"chain", func(ctx context.Context) (int, error) { return chain(ctx, 100) }, 100, 1, 1},
		// 1+5+25+125 tasks with children take two steps, 625 without take one.
		{"gather", func(ctx context.Context) (int, error) { return gatherTree(ctx, 5, 4) }, 625, 937, 1},
		// The eager ones take their first step at once.
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
					t.Errorf("%s %s: it came to %d, wanted %d", factory, test.name, got, test.want)
				}
				return err
			}, func(what string) {
				if strings.HasPrefix(what, "task ") {
					steps++
				}
			})
			if steps != want {
				t.Errorf("%s %s: %d steps, wanted %d", factory, test.name, steps, want)
			}
		}
	}
}

// A222: tasks that start each other a thousand deep need no more than a stack each.
func TestEagerStartsNest(t *testing.T) {
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
			t.Errorf("it came to %d", n)
		}
		return err
	})
}

// A212: what an eager part does to its creator, who waits for it, is seen when that goes on: a cancel
// at its next await.
func TestEagerPartThatCancelsItsCreator(t *testing.T) {
	var log record
	runEager(t, func(ctx context.Context) error {
		creator := asyncio.Go(ctx, func(ctx context.Context) error {
			me := asyncio.CurrentTask(ctx)
			child := asyncio.Go(ctx, func(ctx context.Context) error {
				log.Add("%v", me.Cancel())
				return asyncio.Yield(ctx)
			}, asyncio.WithName("child"))
			log.Add("goes on, child done=%v", child.Done())
			err := asyncio.Yield(ctx)
			log.Add("%v", err)
			return err
		})
		_, err := creator.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled)
		return nil
	})
	log.Want(t, "true", "goes on, child done=false", "asyncio: cancelled by child")
}

// A212: an eager part may await its creator, which goes on when it does.
func TestEagerPartThatAwaitsItsCreator(t *testing.T) {
	var log record
	runEager(t, func(ctx context.Context) error {
		var creator *asyncio.Task[int]
		creator = asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
			_ = asyncio.Yield(ctx) // for creator to be known
			asyncio.Go(ctx, func(ctx context.Context) error {
				v, err := creator.Await(ctx)
				log.Add("child: %v, %v", v, err)
				return err
			})
			log.Add("creator goes on")
			return 7, nil
		})
		_, err := creator.Await(ctx)
		yields(ctx, 1)
		return err
	})
	log.Want(t, "creator goes on", "child: 7, <nil>")
}

// A212: runtime.Goexit in an eager part ends that task, and not its creator; the
// rest is cancelled, and Run ends by Goexit too.
func TestGoexitInAnEagerPart(t *testing.T) {
	var log record
	exited := inGoroutine(func() {
		runEager(t, func(ctx context.Context) error {
			child := asyncio.Go(ctx, func(context.Context) error { runtime.Goexit(); return nil })
			log.Add("creator goes on, child's error: %v", child.Exception())
			err := asyncio.Sleep(ctx, time.Second)
			log.Add("and ends with: %v", err)
			return err
		})
	})
	log.Add("Run exits: %v", exited)
	log.Want(t,
		"creator goes on, child's error: asyncio: the task called runtime.Goexit",
		"and ends with: asyncio: cancelled by the shutdown of the loop",
		"Run exits: true",
	)
}
