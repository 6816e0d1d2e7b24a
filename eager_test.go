package asyncio_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

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
