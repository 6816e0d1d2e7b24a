package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

var errWorse = errors.New("worse")

// failInCleanup returns a task's function that sleeps until it is cancelled, and then
// fails with err.
func failInCleanup(err error) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		_ = asyncio.Sleep(ctx, time.Hour)
		return err
	}
}

// wantGroup fails the test unless err is a GroupError of exactly errs, in this order.
func wantGroup(t testing.TB, err error, errs ...error) {
	t.Helper()
	var group *asyncio.GroupError
	if !errors.As(err, &group) || fmt.Sprint(group.Errors) != fmt.Sprint(errs) {
		t.Errorf("the error is\n%v\nwant a group of %v", err, errs)
	}
}

// A085, A086: a group ends after its last task, even if that was added late. The tasks
// hold the results.
func TestGroupWaitsForItsTasks(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var first, second *asyncio.Task[int]
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			first = asyncio.CreateTaskIn(tg, sleepThen(2*time.Second, 42))
			if err := asyncio.Sleep(ctx, time.Second); err != nil {
				return err
			}
			second = asyncio.CreateTaskIn(tg, sleepThen(3*time.Second, 11))
			return nil
		})
		equal(t, "the time", running(ctx).Time(), "4s")
		a, _ := first.Result()
		b, _ := second.Result()
		equal(t, "the results", []int{a, b}, "[42 11]")
		return err
	})
}

// A group without tasks ends with its body.
func TestGroupWithoutTasks(t *testing.T) {
	run(t, func(ctx context.Context) error {
		return asyncio.WithTaskGroup(ctx, func(context.Context, *asyncio.TaskGroup) error { return nil })
	})
}

// A087: a cancelled task has not failed. The group continues.
func TestGroupContinuesWhenATaskIsCancelled(t *testing.T) {
	run(t, func(ctx context.Context) error {
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			first := tg.Go(sleep(time.Hour))
			yields(ctx, 1)
			first.Cancel()
			second := asyncio.CreateTaskIn(tg, sleepThen(time.Second, 11))
			got, err := second.Await(ctx)
			equal(t, "first cancelled, second's result", []any{first.Cancelled(), got}, "[true 11]")
			return err
		})
	})
}

// A082, A088: the first task that fails cancels the others, in the order of their
// creation. The group waits for them and then fails.
func TestGroupFailsWithATask(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(log.Recorded("a", sleep(time.Hour)))
			tg.Go(log.Recorded("b", func(ctx context.Context) error {
				err := asyncio.Sleep(ctx, time.Hour)
				_ = asyncio.Sleep(ctx, time.Second) // cleanup
				return err
			}))
			tg.Go(log.Recorded("fails", failAfter(time.Second, errBoom)))
			tg.Go(log.Recorded("c", sleep(time.Hour)))
			tg.Go(log.Recorded("ended before", sleep(0)))
			return nil
		})
		wantGroup(t, err, errBoom)
		wantErr(t, err, errBoom, "asyncio: unhandled error in a TaskGroup: boom")
		equal(t, "the time", running(ctx).Time(), "2s")
		return nil
	})
	log.Want(t, "ended before: ok", "fails: boom", "a: cancelled", "c: cancelled", "b: cancelled")
}

// A089, A119: if the body still runs, the group cancels it too, in its own name. The
// error contains all failures until then. Afterwards the task is as it was before.
func TestGroupCancelsItsBodyWhenATaskFails(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			for range 3 {
				tg.Go(failAfter(time.Second, errBoom))
			}
			tg.Go(log.Recorded("sibling", sleep(time.Hour)))
			err := asyncio.Sleep(ctx, time.Hour)
			wantErr(t, err, asyncio.ErrCancelled, "cancelled by a group, since task ", " failed: boom")
			log.Add("body: %s, cancelling: %d", brief(err), asyncio.CurrentTask(ctx).Cancelling())
			return err
		})
		wantGroup(t, err, errBoom, errBoom, errBoom)
		log.Add("after: cancelling %d at %v", asyncio.CurrentTask(ctx).Cancelling(), running(ctx).Time())
		return asyncio.Yield(ctx)
	})
	log.Want(t, "sibling: cancelled", "body: cancelled, cancelling: 1", "after: cancelling 0 at 1s")
}

// A119: the same holds if the body has returned when the task fails. The group then
// cancels the wait for the tasks.
func TestGroupLeavesNoCancelBehind(t *testing.T) {
	run(t, func(ctx context.Context) error {
		for _, d := range []time.Duration{0, time.Second} {
			err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				tg.Go(failAfter(d, errBoom))
				return nil
			})
			wantGroup(t, err, errBoom)
			equal(t, "cancelling", asyncio.CurrentTask(ctx).Cancelling(), 0)
		}
		return asyncio.Yield(ctx)
	})
}

// A090: a cancel from outside while the group waits cancels all its tasks. The group then
// ends cancelled.
func TestGroupCancelledWhileItWaits(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		task, err := cancelLater(ctx, func(ctx context.Context) error {
			return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				for i := range 5 {
					tg.Go(log.Recorded(fmt.Sprint(i), sleep(5*time.Second)))
				}
				return nil
			})
		})
		equal(t, "the error", brief(err), "cancelled: enough")
		equal(t, "cancelled, cancelling", []any{task.Cancelled(), task.Cancelling()}, "[true 1]")
		return nil
	})
	log.Want(t, "0: cancelled", "1: cancelled", "2: cancelled", "3: cancelled", "4: cancelled")
}

// A091: while the body runs, it sees the cancel first.
func TestGroupCancelledInItsBody(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		_, err := cancelLater(ctx, func(ctx context.Context) error {
			return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				tg.Go(log.Recorded("a", sleep(time.Hour)))
				tg.Go(log.Recorded("b", sleep(time.Hour)))
				return log.Recorded("body", sleep(time.Hour))(ctx)
			})
		})
		equal(t, "the error", brief(err), "cancelled: enough")
		return nil
	})
	log.Want(t, "body: cancelled: enough", "a: cancelled", "b: cancelled")
}

// A092: if tasks fail in their cleanup after a cancel from outside, the group fails
// instead of being cancelled.
func TestGroupCancelledAndItsTasksFail(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task, err := cancelLater(ctx, func(ctx context.Context) error {
			return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				for range 5 {
					tg.Go(failInCleanup(errBoom))
				}
				return asyncio.Sleep(ctx, time.Hour)
			})
		})
		wantGroup(t, err, errBoom, errBoom, errBoom, errBoom, errBoom)
		equal(t, "cancelled, cancelling", []any{task.Cancelled(), task.Cancelling()}, "[false 1]")
		return nil
	})
}

// A093, A094: an error of the body cancels the tasks and is part of the group's error.
// Tasks that have not begun never begin.
func TestGroupFailsWithItsBody(t *testing.T) {
	for _, wait := range []time.Duration{time.Second, -1} {
		var log record
		run(t, func(ctx context.Context) error {
			var tasks [2]*asyncio.Task[asyncio.None]
			err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				for i := range tasks {
					tasks[i] = tg.Go(log.Recorded("task", sleep(time.Hour)))
				}
				if wait > 0 {
					_ = asyncio.Sleep(ctx, wait)
				}
				return errBoom
			})
			wantGroup(t, err, errBoom)
			equal(t, "cancelled", []any{tasks[0].Cancelled(), tasks[1].Cancelled()}, "[true true]")
			equal(t, "cancelling", asyncio.CurrentTask(ctx).Cancelling(), 0)
			return nil
		})
		if wait > 0 {
			log.Want(t, "task: cancelled", "task: cancelled")
		} else {
			log.Want(t)
		}
	}
}

// A095, A096: two nested groups are cancelled from outside, and the tasks of the inner
// one fail: the error contains an error group. A task of the outer group is cancelled too
// and changes nothing.
func TestNestedGroupsCancelled(t *testing.T) {
	for _, alive := range []bool{false, true} {
		var log record
		run(t, func(ctx context.Context) error {
			_, err := cancelLater(ctx, func(ctx context.Context) error {
				return asyncio.WithTaskGroup(ctx, func(ctx context.Context, outer *asyncio.TaskGroup) error {
					if alive {
						outer.Go(log.Recorded("outer's", sleep(time.Hour)))
					}
					return asyncio.WithTaskGroup(ctx, func(ctx context.Context, inner *asyncio.TaskGroup) error {
						inner.Go(failInCleanup(errBoom))
						inner.Go(failInCleanup(errWorse))
						return asyncio.Sleep(ctx, time.Hour)
					})
				})
			})
			var outer *asyncio.GroupError
			if !errors.As(err, &outer) || len(outer.Errors) != 1 {
				t.Fatalf("it ended with %v", err)
			}
			wantGroup(t, outer.Errors[0], errBoom, errWorse)
			wantErr(t, err, errWorse, "asyncio: unhandled error in a TaskGroup: unhandled errors in a TaskGroup (2), first: boom\n  boom\n  worse")
			return nil
		})
		if alive {
			log.Want(t, "outer's: cancelled")
		}
	}
}

// A097: a task of the outer group fails. The inner group is cancelled with the body
// around it, and adds no error.
func TestNestedGroupsWhenAnOuterTaskFails(t *testing.T) {
	run(t, func(ctx context.Context) error {
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, outer *asyncio.TaskGroup) error {
			outer.Go(failAfter(time.Second, errBoom))
			err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, inner *asyncio.TaskGroup) error {
				inner.Go(failAfter(time.Minute, errWorse))
				return nil
			})
			equal(t, "the inner error", brief(err), "cancelled")
			return err
		})
		wantGroup(t, err, errBoom)
		return nil
	})
}

// A098: a task of the inner group fails. The error of the inner group is the error of the
// outer body.
func TestNestedGroupsWhenAnInnerTaskFails(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var inside error
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, outer *asyncio.TaskGroup) error {
			outer.Go(failAfter(time.Minute, errBoom))
			inside = asyncio.WithTaskGroup(ctx, func(ctx context.Context, inner *asyncio.TaskGroup) error {
				inner.Go(failAfter(time.Second, errWorse))
				return nil
			})
			return inside
		})
		wantGroup(t, inside, errWorse)
		wantGroup(t, err, inside)
		equal(t, "the time", running(ctx).Time(), "1s")
		return nil
	})
}

// A099, A100: a task fails while the body cleans up after a cancel from outside: the
// group fails. The same holds if the cancel comes through a task that awaits the one with
// the group.
func TestGroupCancelledWhileATaskFails(t *testing.T) {
	for _, through := range []bool{false, true} {
		run(t, func(ctx context.Context) error {
			group := func(ctx context.Context) error {
				return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
					tg.Go(failAfter(3*time.Second, errBoom))
					err := asyncio.Sleep(ctx, time.Hour)
					wantErr(t, err, asyncio.ErrCancelled)
					wantErr(t, asyncio.Sleep(ctx, 5*time.Second), asyncio.ErrCancelled) // cleanup, which the group ends
					return err
				})
			}
			work := group
			if through {
				work = func(ctx context.Context) error {
					_, err := asyncio.Go(ctx, group).Await(ctx)
					return err
				}
			}
			task, err := cancelLater(ctx, work)
			wantGroup(t, err, errBoom)
			equal(t, "cancelled, time", []any{task.Cancelled(), running(ctx).Time()}, "[false 3s]")
			return nil
		})
	}
}

// A101, A102: without tasks a cancel passes through unchanged. A body that replaces it
// with another error fails the group.
func TestGroupCancelledWithoutTasks(t *testing.T) {
	for _, replace := range []error{nil, errBoom} {
		run(t, func(ctx context.Context) error {
			var seen error
			_, err := cancelLater(ctx, func(ctx context.Context) error {
				return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
					if seen = asyncio.Sleep(ctx, time.Hour); replace != nil {
						return replace
					}
					return seen
				})
			})
			equal(t, "what the body saw", brief(seen), "cancelled: enough")
			if replace != nil {
				wantGroup(t, err, errBoom)
			} else if err != seen {
				t.Errorf("it ended with %v", err)
			}
			return nil
		})
	}
}

// A103, A105: a task fails, and then the body in its cleanup. The group's error has both
// errors, that of the body last. Go has only one kind of error, so that there are no
// exceptions.
func TestGroupTaskFailsAndThenTheBody(t *testing.T) {
	for _, last := range []error{errWorse, asyncio.ErrInterrupted, context.DeadlineExceeded, &asyncio.TimeoutError{}} {
		run(t, func(ctx context.Context) error {
			err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				tg.Go(failAfter(time.Second, errBoom))
				return failInCleanup(last)(ctx)
			})
			wantGroup(t, err, errBoom, last)
			return nil
		})
	}
}

// A104: a panic or runtime.Goexit of the body leaves the block unwrapped, after all tasks
// have ended, as KeyboardInterrupt does in Python. Errors of the tasks are reported.
func TestGroupWhoseBodyPanics(t *testing.T) {
	var log record
	for _, end := range []func(){func() { panic(errWorse) }, runtime.Goexit} {
		var out error
		exited := inGoroutine(func() {
			out = panicOf(func() {
				run(t, func(ctx context.Context) error {
					running(ctx).SetExceptionHandler(log.Handle)
					return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
						tg.Go(failAfter(time.Second, errBoom))
						tg.Go(func(ctx context.Context) error {
							_ = asyncio.Sleep(ctx, time.Hour)
							err := asyncio.Sleep(ctx, time.Minute)
							log.Add("sibling has cleaned up at %v", running(ctx).Time())
							return err
						})
						log.Add("body: %s", brief(asyncio.Sleep(ctx, time.Hour)))
						end()
						return nil
					})
				})
			})
		})
		if !exited {
			wantErr(t, out, errWorse)
			if group := (*asyncio.GroupError)(nil); errors.As(out, &group) {
				t.Error("the panic is wrapped in a GroupError")
			}
			log.Add("a panic")
		} else {
			log.Add("a Goexit")
		}
	}
	for i, line := range log.Lines { // remove the name of the task
		if strings.HasPrefix(line, "reported: panic in task ") {
			log.Lines[i] = "reported: main's panic"
		}
	}
	const failed = "reported: a task failed in a group whose body ended with a panic or Goexit: boom"
	log.Want(t,
		"body: cancelled", "sibling has cleaned up at 1m1s", failed, "reported: main's panic", "a panic",
		"body: cancelled", "sibling has cleaned up at 1m1s", failed, "a Goexit",
	)
}

// A106: a task that panics has failed like any other, even if the body fails too. Its
// error, with the stack, is part of the group's error.
func TestGroupWithATaskThatPanics(t *testing.T) {
	for _, last := range []error{nil, errWorse} {
		var log record
		run(t, func(ctx context.Context) error {
			running(ctx).SetExceptionHandler(log.Handle)
			err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				tg.Go(func(context.Context) error { panic(errBoom) }, asyncio.WithName("bad"))
				if err := asyncio.Sleep(ctx, time.Hour); last == nil {
					return err
				}
				return last
			})
			var group *asyncio.GroupError
			if !errors.As(err, &group) {
				t.Fatalf("it ended with %v", err)
			}
			var p *asyncio.PanicError
			if !errors.As(group.Errors[0], &p) || p.Value != errBoom || len(p.Stack) == 0 {
				t.Errorf("the first error is %v", group.Errors[0])
			}
			if want := []error{group.Errors[0], last}; last != nil {
				wantGroup(t, err, want...)
			} else {
				wantGroup(t, err, want[0])
			}
			return nil
		})
		equal(t, "the reports", len(log.Lines), 1) // a panic is reported at once
	}
}

// A113: the same holds if the body is itself a block whose end fails.
func TestGroupTaskFailsAndThenABlockInTheBody(t *testing.T) {
	run(t, func(ctx context.Context) error {
		database := func(ctx context.Context, fn func(ctx context.Context) error) error {
			return errors.Join(fn(ctx), errWorse) // not a cancellation: one part is another error
		}
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			return database(ctx, func(ctx context.Context) error {
				tg.Go(failAfter(0, errBoom))
				return asyncio.Sleep(ctx, time.Second)
			})
		})
		var group *asyncio.GroupError
		if !errors.As(err, &group) || len(group.Errors) != 2 || group.Errors[0] != errBoom || !errors.Is(group.Errors[1], errWorse) {
			t.Errorf("it ended with %v", err)
		}
		equal(t, "cancelling", asyncio.CurrentTask(ctx).Cancelling(), 0)
		return nil
	})
}

// A107: a group releases tasks that have ended. It may live as long as the program.
func TestGroupReleasesEndedTasks(t *testing.T) {
	run(t, func(ctx context.Context) error {
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			var ended []weak.Pointer[asyncio.Task[asyncio.None]]
			tg.Go(sleep(time.Hour))
			for range 1000 {
				ended = append(ended, weak.Make(tg.Go(sleep(0))))
				yields(ctx, 3)
				equal(t, "the group", tg, "<TaskGroup tasks=1 entered>")
			}
			runtime.GC()
			kept := 0
			for _, p := range ended {
				if p.Value() != nil {
					kept++
				}
			}
			if kept > 20 {
				t.Errorf("the group keeps %d of %d ended tasks", kept, len(ended))
			}
			before := heapInUse()
			for range 20_000 {
				tg.Go(func(context.Context) error { return nil })
				yields(ctx, 2)
			}
			if grown := heapInUse() - before; grown > 20_000 {
				t.Errorf("the heap grew by %d bytes with 20,000 ended tasks", grown)
			}
			return nil
		})
	})
}

// A108: tasks of the group may add other tasks, even while the group waits for its end.
func TestGroupTasksAddTasks(t *testing.T) {
	run(t, func(ctx context.Context) error {
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(func(ctx context.Context) error {
				err := asyncio.Sleep(ctx, time.Second)
				tg.Go(sleep(time.Second))
				tg.Go(sleep(2 * time.Second))
				return err
			})
			return nil
		})
		equal(t, "the time", running(ctx).Time(), "3s")
		return err
	})
}

// A109, A112: after a task has failed no other task begins. A new task is cancelled from
// the start, with the reason. So a group whose tasks multiply ends.
func TestGroupTakesNoTasksWhileItShutsDown(t *testing.T) {
	heads, refused := 0, 0
	run(t, func(ctx context.Context) error {
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			var hydra func(ctx context.Context) error
			hydra = func(ctx context.Context) error {
				heads++
				err := asyncio.Sleep(ctx, 10*time.Millisecond)
				for range 2 {
					if head := tg.Go(hydra); head.Done() {
						refused++
						wantErr(t, head.Exception(), asyncio.ErrCancelled)
						wantErr(t, head.Exception(), asyncio.ErrMisuse)
					}
				}
				return err
			}
			tg.Go(hydra)
			tg.Go(func(ctx context.Context) error { // hercules
				for heads < 10 {
					if err := asyncio.Sleep(ctx, 15*time.Millisecond); err != nil {
						return err
					}
				}
				return errBoom
			})
			return nil
		})
		wantGroup(t, err, errBoom)
		return nil
	})
	if heads < 10 || refused < 10 {
		t.Errorf("%d heads, %d of them refused, want at least 10 of each", heads, refused)
	}
}

// A112: a refused task does not run, keeps its name, and its error contains the reason.
func TestGroupRefusedTask(t *testing.T) {
	run(t, func(ctx context.Context) error {
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(failAfter(0, errBoom))
			err := asyncio.Sleep(ctx, time.Hour)
			late := asyncio.CreateTaskIn(tg, func(context.Context) (int, error) { t.Error("a refused task ran"); return 1, nil }, asyncio.WithName("late"))
			equal(t, "name, cancelled", []any{late.Name(), late.Cancelled()}, "[late true]")
			_, why := late.Await(ctx)
			wantErr(t, why, asyncio.ErrCancelled)
			wantErr(t, errors.Unwrap(why), asyncio.ErrMisuse, "a task in <TaskGroup errors=1 cancelling>, which is shutting down")
			return err
		})
		wantGroup(t, err, errBoom)
		equal(t, "the tasks", len(asyncio.AllTasks(ctx)), 1)
		return nil
	})
}

// A110, A111: tasks of a group take the options of CreateTask. By default, a task has a
// copy of the creator's context variables, and the values of the group's ctx.
func TestGroupTaskOptions(t *testing.T) {
	v := asyncio.NewContextVarDefault("v", 0)
	type key struct{}
	run(t, func(ctx context.Context) error {
		ctx = context.WithValue(ctx, key{}, "value")
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			given := asyncio.CopyContextVars(ctx)
			set := func(n int) func(ctx context.Context) error {
				return func(ctx context.Context) error { v.Set(ctx, n); return asyncio.Yield(ctx) }
			}
			for n := 1; n <= 2; n++ {
				task := tg.Go(set(n), asyncio.WithContextVars(given), asyncio.WithName("yolo"))
				equal(t, "the name", task.Name(), "yolo")
				if _, err := task.Await(ctx); err != nil {
					return err
				}
				err := given.Run(ctx, func(ctx context.Context) {
					got, _ := v.Get(ctx)
					equal(t, "what it set", got, n)
				})
				if err != nil {
					return err
				}
			}
			v.Set(ctx, 7)
			tg.Go(func(ctx context.Context) error {
				got, _ := v.Get(ctx)
				equal(t, "variable, value", []any{got, ctx.Value(key{})}, "[7 value]")
				return nil
			})
			return nil
		})
	})
}

// A114, A115: a group is for one block. Another Run, inside or afterwards, is an error
// and has no effect.
func TestGroupIsUsedOnce(t *testing.T) {
	run(t, func(ctx context.Context) error {
		again := func(context.Context, *asyncio.TaskGroup) error { t.Error("a second block ran"); return nil }
		tg := new(asyncio.TaskGroup)
		err := tg.Run(ctx, func(ctx context.Context, same *asyncio.TaskGroup) error {
			if same != tg {
				t.Error("the body got another group")
			}
			wantErr(t, tg.Run(ctx, again), asyncio.ErrMisuse, "Run of <TaskGroup entered>", "already been entered")
			return nil
		})
		wantErr(t, tg.Run(ctx, again), asyncio.ErrMisuse, "Run of <TaskGroup entered>", "already been entered")
		return err
	})
}

// A116, A117, A118: creating a task in a group that has ended or has not begun is a bug,
// and the panic reports which. A Run without a task to cancel does not begin the group.
// It can still begin later.
func TestGroupOutsideOfItsBlock(t *testing.T) {
	run(t, func(ctx context.Context) error {
		mustRefuse := func(tg *asyncio.TaskGroup, why string) {
			wantErr(t, panicOf(func() { tg.Go(sleep(0)) }), asyncio.ErrMisuse, "a task in "+tg.String(), why)
			wantErr(t, panicOf(func() { asyncio.CreateTaskIn(tg, one) }), asyncio.ErrMisuse, why)
		}
		body := func(context.Context, *asyncio.TaskGroup) error { return nil }
		tg := new(asyncio.TaskGroup)
		mustRefuse(tg, "not been entered")
		wantErr(t, tg.Run(context.Background(), body), asyncio.ErrNoRunningLoop)
		running(ctx).CallSoon(func(ctx context.Context) {
			wantErr(t, tg.Run(ctx, body), asyncio.ErrWrongContext, "await in a callback")
		})
		yields(ctx, 1)
		wantErr(t, tg.Run(ctx, nil), asyncio.ErrInvalidArgument, "nil function")
		mustRefuse(tg, "not been entered")
		err := tg.Run(ctx, body)
		mustRefuse(tg, "has ended")
		equal(t, "the tasks", len(asyncio.AllTasks(ctx)), 1)
		return err
	})
}

// A120: a task of the inner and a task of the outer group fail in the same turn. The
// inner block fails with its own error. The cancel by the outer group stays pending until
// the next await. Then the outer block fails with its own error.
func TestNestedGroupsFailTogether(t *testing.T) {
	run(t, func(ctx context.Context) error {
		self := asyncio.CurrentTask(ctx)
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, outer *asyncio.TaskGroup) error {
			err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, inner *asyncio.TaskGroup) error {
				inner.Go(failAfter(0, errBoom))
				outer.Go(failAfter(0, errWorse))
				return nil
			})
			wantGroup(t, err, errBoom)
			equal(t, "cancelling, inside", self.Cancelling(), 1)
			err = asyncio.Yield(ctx)
			wantErr(t, err, asyncio.ErrCancelled)
			return err
		})
		wantGroup(t, err, errWorse)
		equal(t, "cancelling, outside", self.Cancelling(), 0)
		return nil
	})
}

// A121: a task fails, and a cancel comes from outside at the same time. The block fails
// with the error, and the next await delivers the cancel.
func TestGroupFailsAndIsCancelled(t *testing.T) {
	run(t, func(ctx context.Context) error {
		begun := asyncio.NewFuture[int](ctx)
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			self := asyncio.CurrentTask(ctx)
			err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				tg.Go(func(ctx context.Context) error {
					_ = begun.SetResult(1)
					return failAfter(0, errBoom)(ctx)
				})
				return asyncio.Sleep(ctx, time.Second)
			})
			wantGroup(t, err, errBoom)
			equal(t, "cancelling", self.Cancelling(), 1)
			err = asyncio.Sleep(ctx, time.Second)
			wantErr(t, err, asyncio.ErrCancelled)
			return err
		})
		if _, err := begun.Await(ctx); err != nil {
			return err
		}
		equal(t, "cancelling, before", task.Cancelling(), 0)
		task.Cancel()
		equal(t, "cancelling, after", task.Cancelling(), 1)
		_, err := task.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled)
		equal(t, "cancelled, time", []any{task.Cancelled(), running(ctx).Time()}, "[true 0s]")
		return nil
	})
}

// A122: the group waits for its tasks however often it is cancelled.
func TestGroupCancelledRepeatedly(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				tg.Go(func(ctx context.Context) error {
					err := asyncio.Sleep(ctx, time.Hour)
					log.Add("child: %s", brief(err))
					_ = asyncio.Sleep(ctx, time.Minute) // cleanup; further cancels do not interrupt it
					log.Add("child: has cleaned up at %v", running(ctx).Time())
					return err
				})
				return nil
			})
		})
		for i := range 5 {
			if err := asyncio.Sleep(ctx, time.Second); err != nil {
				return err
			}
			task.CancelWith(i)
		}
		_, err := task.Await(ctx)
		log.Add("group: %s, cancelling: %d", brief(err), task.Cancelling())
		return nil
	})
	log.Want(t, "child: cancelled", "child: has cleaned up at 1m1s", "group: cancelled: 0, cancelling: 5")
}

// A123: an error that wraps a CancelledError counts as one, in the body and in a task. It
// corresponds to a subclass in Python.
func TestGroupErrorsThatWrapACancel(t *testing.T) {
	wrapped := func(ctx context.Context) error {
		return fmt.Errorf("while working: %w", asyncio.Sleep(ctx, time.Hour))
	}
	run(t, func(ctx context.Context) error {
		task, err := cancelLater(ctx, func(ctx context.Context) error {
			return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				tg.Go(wrapped)
				return wrapped(ctx)
			})
		})
		equal(t, "the error", err, "while working: asyncio: cancelled: enough")
		equal(t, "cancelled", task.Cancelled(), true)
		return nil
	})
}

// A124: a group prints the number of its tasks and errors, and whether it is entered or
// shutting down.
func TestGroupString(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		tg := new(asyncio.TaskGroup)
		show := func() { log.Add("%v", tg) }
		show()
		_ = tg.Run(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			show()
			tg.Go(failAfter(0, errBoom))
			tg.Go(sleep(time.Hour))
			show()
			err := asyncio.Sleep(ctx, time.Hour)
			show()
			return err
		})
		show()
		return nil
	})
	log.Want(t,
		"<TaskGroup>",
		"<TaskGroup entered>",
		"<TaskGroup tasks=2 entered>",
		"<TaskGroup tasks=1 errors=1 cancelling>", // the sibling has ended, the group has not processed it
		"<TaskGroup cancelling>",
	)
}

// A125: tasks that end in their eager start are like others. If one fails there, the
// group cancels nothing before the creator suspends (3.13.0 cancels the creator within
// create_task).
func TestGroupOfEagerTasks(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		running(ctx).SetTaskFactory(asyncio.EagerTaskFactory)
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			ok := asyncio.CreateTaskIn(tg, one)
			log.Add("ended at once: %v", ok.Done())
			bad := tg.Go(func(context.Context) error { return errBoom })
			log.Add("failed at once: %v, cancelling: %d", bad.Done(), asyncio.CurrentTask(ctx).Cancelling())
			tg.Go(log.Recorded("sibling", sleep(time.Hour)))
			err := asyncio.Yield(ctx)
			log.Add("body: %s", brief(err))
			return err
		})
		wantGroup(t, err, errBoom)
		return nil
	})
	log.Want(t,
		"ended at once: true",
		"failed at once: true, cancelling: 0",
		"body: cancelled",
		"sibling: cancelled",
	)
}

// A125: groups in eager tasks in groups, all of which end in their eager start.
func TestNestedGroupsOfEagerTasks(t *testing.T) {
	run(t, func(ctx context.Context) error {
		running(ctx).SetTaskFactory(asyncio.EagerTaskFactory)
		leaves := 0
		var tree func(depth int) func(ctx context.Context) error
		tree = func(depth int) func(ctx context.Context) error {
			return func(ctx context.Context) error {
				if depth == 0 {
					leaves++
					return nil
				}
				return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
					tg.Go(tree(depth - 1))
					tg.Go(tree(depth - 1))
					return nil
				})
			}
		}
		err := tree(5)(ctx)
		equal(t, "leaves", leaves, 32)
		return err
	})
}

// A126: Cancel ends the body and the tasks. The block ends without an error, and the task
// is as it was before.
func TestGroupCancel(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(log.Recorded("a", sleep(time.Hour)))
			tg.Go(func(ctx context.Context) error {
				err := asyncio.Sleep(ctx, time.Second)
				tg.Cancel()
				tg.Cancel() // no effect
				return err
			})
			tg.Go(log.Recorded("b", sleep(time.Hour)))
			return log.Recorded("body", sleep(time.Hour))(ctx)
		})
		log.Add("group: %v, cancelling: %d, at %v", err, asyncio.CurrentTask(ctx).Cancelling(), running(ctx).Time())
		return asyncio.Yield(ctx)
	})
	log.Want(t, "a: cancelled", "b: cancelled", "body: cancelled", "group: <nil>, cancelling: 0, at 1s")
}

// A126: the body may call Cancel and need not await afterwards. Cancel may also be called
// while the group waits for its tasks, or before Run.
func TestGroupCancelFromTheBodyAndAfterIt(t *testing.T) {
	for name, end := range map[string]func(ctx context.Context, tg *asyncio.TaskGroup) error{
		"the body, which then returns": func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.Cancel()
			return nil
		},
		"the body, which then awaits": func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.Cancel()
			return asyncio.Sleep(ctx, time.Hour)
		},
		"a call, after the body": func(ctx context.Context, tg *asyncio.TaskGroup) error {
			running(ctx).CallLater(time.Second, func(context.Context) { tg.Cancel() })
			return nil
		},
		"a call, before the body": func(ctx context.Context, tg *asyncio.TaskGroup) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(ctx context.Context) error {
				tg := new(asyncio.TaskGroup)
				if name == "a call, before the body" {
					tg.Cancel()
				}
				err := tg.Run(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
					tg.Go(sleep(time.Hour))
					return end(ctx, tg)
				})
				equal(t, "the error", err, "<nil>")
				equal(t, "cancelling", asyncio.CurrentTask(ctx).Cancelling(), 0)
				if running(ctx).Time() > time.Second {
					t.Errorf("it ended at %v", running(ctx).Time())
				}
				tg.Cancel() // no effect after the end
				return asyncio.Yield(ctx)
			})
		})
	}
}

// A126: a Cancel before Run makes the first await of the body fail, and the group creates
// no task.
func TestGroupCancelBeforeItBegins(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		tg := new(asyncio.TaskGroup)
		tg.Cancel()
		err := tg.Run(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			log.Add("task taken: %v, ctx open: %v", !tg.Go(sleep(0)).Done(), ctx.Err() == nil)
			return log.Recorded("body", sleep(time.Hour))(ctx)
		})
		log.Add("group: %v", err)
		return nil
	})
	log.Want(t, "task taken: false, ctx open: false", "body: cancelled", "group: <nil>")
}

// A126: errors before or after a Cancel are part of the group's error.
func TestGroupCancelKeepsErrors(t *testing.T) {
	run(t, func(ctx context.Context) error {
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(failInCleanup(errBoom))
			yields(ctx, 1)
			tg.Cancel()
			return errWorse
		})
		wantGroup(t, err, errBoom, errWorse)

		err = asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(failAfter(0, errBoom))
			err := asyncio.Sleep(ctx, time.Hour)
			tg.Cancel() // too late
			return err
		})
		wantGroup(t, err, errBoom)
		equal(t, "cancelling", asyncio.CurrentTask(ctx).Cancelling(), 0)
		return nil
	})
}

// A126: a cancel from outside, before or after a Cancel, is not lost: the block ends
// cancelled (cpython#155433).
func TestGroupCancelAndOuterCancel(t *testing.T) {
	slow := func(ctx context.Context) error { // with a slow cleanup
		err := asyncio.Sleep(ctx, time.Hour)
		_ = asyncio.Sleep(ctx, time.Minute)
		return err
	}
	for name, body := range map[string]func(ctx context.Context, tg *asyncio.TaskGroup) error{
		"while the group waits": func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(slow)
			yields(ctx, 1)
			tg.Cancel()
			return nil
		},
		"while the body cleans up": func(ctx context.Context, tg *asyncio.TaskGroup) error {
			running(ctx).CallSoon(func(context.Context) { tg.Cancel() })
			return slow(ctx)
		},
		"before": func(ctx context.Context, tg *asyncio.TaskGroup) error {
			running(ctx).CallLater(2*time.Second, func(context.Context) { tg.Cancel() })
			return slow(ctx)
		},
		"at the same time": func(ctx context.Context, tg *asyncio.TaskGroup) error {
			running(ctx).CallLater(time.Second, func(context.Context) { tg.Cancel() })
			return asyncio.Sleep(ctx, time.Hour)
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(ctx context.Context) error {
				task, err := cancelLater(ctx, func(ctx context.Context) error {
					return asyncio.WithTaskGroup(ctx, body)
				})
				wantErr(t, err, asyncio.ErrCancelled)
				equal(t, "cancelled, cancelling", []any{task.Cancelled(), task.Cancelling()}, "[true 1]")
				return nil
			})
		})
	}
}

// A126: an error of the body is not lost if a cancel comes from outside while the group
// waits. The next await delivers the cancel.
func TestGroupCancelWithErrorAndOuterCancel(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task, err := cancelLater(ctx, func(ctx context.Context) error {
			err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				asyncio.CreateTaskIn(tg, stubborn(2*time.Second))
				yields(ctx, 1)
				tg.Cancel()
				return errBoom
			})
			wantGroup(t, err, errBoom)
			return asyncio.Sleep(ctx, time.Hour)
		})
		wantErr(t, err, asyncio.ErrCancelled)
		equal(t, "cancelled, cancelling, time", []any{task.Cancelled(), task.Cancelling(), running(ctx).Time()}, "[true 1 2s]")
		return nil
	})
}

// A126: a task that cancels its group in its eager start is cancelled too
// (cpython#155418).
func TestGroupCancelFromAnEagerTask(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var eager *asyncio.Task[asyncio.None]
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			eager = tg.Go(func(ctx context.Context) error {
				tg.Cancel()
				return asyncio.Sleep(ctx, time.Hour)
			}, asyncio.WithEagerStart(true))
			return asyncio.Sleep(ctx, time.Hour)
		})
		equal(t, "the task cancelled, the time", []any{eager.Cancelled(), running(ctx).Time()}, "[true 0s]")
		return err
	})
}

// timed returns a task's function that takes d, and records when it begins and ends.
func timed(log *record, name string, d time.Duration) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		log.Add("%v: %s begins", running(ctx).Time(), name)
		err := asyncio.Sleep(ctx, d)
		log.Add("%v: %s ends: %s", running(ctx).Time(), name, brief(err))
		return err
	}
}

// In a group with a limit, no more children than that run their functions at the same
// time. The others get their slots in the order of their creation, and Go does not
// suspend.
func TestGroupLimit(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.SetLimit(2)
			tg.Go(timed(&log, "a", 3*time.Second))
			tg.Go(timed(&log, "b", time.Second))
			tg.Go(timed(&log, "c", time.Second))
			asyncio.CreateTaskIn(tg, func(ctx context.Context) (int, error) {
				return 1, timed(&log, "d", 2*time.Second)(ctx)
			})
			tg.Go(timed(&log, "e", 0))
			log.Add("%v", tg)
			return nil
		})
	})
	log.Want(t,
		"<TaskGroup tasks=5 limit=2 entered>",
		"0s: a begins",
		"0s: b begins",
		"1s: b ends: ok",
		"1s: c begins",
		"2s: c ends: ok",
		"2s: d begins",
		"3s: a ends: ok",
		"3s: e begins",
		"3s: e ends: ok",
		"4s: d ends: ok",
	)
}

// With a limit of 1 the children run one after the other. Without a limit all run at
// once.
func TestGroupLimitOfOneAndNone(t *testing.T) {
	for limit, want := range map[int]string{1: "10s", 3: "4s", 10: "1s", 100: "1s", -1: "1s"} {
		run(t, func(ctx context.Context) error {
			active, most := 0, 0
			err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				tg.SetLimit(limit)
				for range 10 {
					tg.Go(func(ctx context.Context) error {
						active++
						defer func() { active-- }()
						most = max(most, active)
						return asyncio.Sleep(ctx, time.Second)
					})
				}
				return nil
			})
			equal(t, fmt.Sprint("the time with limit ", limit), running(ctx).Time(), want)
			if limit > 0 && most > limit {
				t.Errorf("%d children ran at the same time, the limit is %d", most, limit)
			}
			return err
		})
	}
}

// A child that is created in a free turn does not overtake an earlier child that waits,
// not even if it starts eagerly.
func TestGroupLimitIsFIFO(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.SetLimit(1)
			tg.Go(timed(&log, "a", 0))
			tg.Go(timed(&log, "b", 0))
			tg.Go(timed(&log, "c", 0), asyncio.WithEagerStart(true))
			for i := range 6 {
				yields(ctx, 1)
				tg.Go(timed(&log, fmt.Sprint(i), 0), asyncio.WithEagerStart(i%2 == 0))
			}
			return nil
		})
	})
	var want []string
	for _, name := range strings.Fields("a b c 0 1 2 3 4 5") {
		want = append(want, "0s: "+name+" begins", "0s: "+name+" ends: ok")
	}
	log.Want(t, want...)
}

// An eager child with a slot begins in the call that creates it. Without a slot it waits.
func TestGroupLimitOfEagerTasks(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		running(ctx).SetTaskFactory(asyncio.EagerTaskFactory)
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.SetLimit(1)
			tg.Go(func(ctx context.Context) error {
				tg.Go(timed(&log, "nested", 0))
				return timed(&log, "first", time.Second)(ctx)
			})
			tg.Go(timed(&log, "second", time.Second))
			log.Add("body")
			return nil
		})
	})
	log.Want(t,
		"0s: first begins",
		"body",
		"1s: first ends: ok",
		"1s: nested begins",
		"1s: nested ends: ok",
		"1s: second begins",
		"2s: second ends: ok",
	)
}

// A cancel of a child that waits for a slot ends the wait at once. Its function is not
// called, and the slot is for the next child. This holds before and after the first step
// of the child, and in the turn in which it gets the slot.
func TestGroupLimitCancelOfAWaitingChild(t *testing.T) {
	for name, cancel := range map[string]func(ctx context.Context, b *asyncio.Task[asyncio.None]){
		"before its first step": func(_ context.Context, b *asyncio.Task[asyncio.None]) { b.Cancel() },
		"while it waits": func(ctx context.Context, b *asyncio.Task[asyncio.None]) {
			yields(ctx, 1)
			b.Cancel()
			if _, err := b.Await(ctx); !errors.Is(err, asyncio.ErrCancelled) {
				t.Errorf("b ended with %v", err)
			}
			equal(t, "the time", running(ctx).Time(), "0s")
		},
		"when it has the slot": func(ctx context.Context, b *asyncio.Task[asyncio.None]) {
			_ = asyncio.Sleep(ctx, time.Second)
			yields(ctx, 1) // a has ended, and b has the slot and has not run
			b.Cancel()
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log record
			run(t, func(ctx context.Context) error {
				return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
					tg.SetLimit(1)
					tg.Go(timed(&log, "a", time.Second))
					b := tg.Go(timed(&log, "b", time.Second))
					tg.Go(timed(&log, "c", time.Second))
					cancel(ctx, b)
					return nil
				})
			})
			log.Want(t, "0s: a begins", "1s: a ends: ok", "1s: c begins", "2s: c ends: ok")
		})
	}
}

// The slot of a child that fails, panics or is cancelled before its first step is freed
// too.
func TestGroupLimitFreesEverySlot(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) {})
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.SetLimit(1)
			tg.Go(timed(&log, "cancelled", 0)).Cancel()
			tg.Go(timed(&log, "next", 0))
			return nil
		})
		log.Add("%s", brief(err))
		for _, end := range []func(){func() {}, func() { panic(errBoom) }} {
			err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				tg.SetLimit(1)
				tg.Go(func(ctx context.Context) error { end(); return errBoom })
				tg.Go(timed(&log, "sibling", 0))
				return nil
			})
			wantErr(t, err, errBoom)
		}
		return nil
	})
	log.Want(t, "0s: next begins", "0s: next ends: ok", "ok")
}

// A creation that panics does not use up a slot.
func TestGroupLimitAndACreationThatPanics(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.SetLimit(1)
			for range 3 {
				wantErr(t, panicOf(func() { tg.Go(nil) }), asyncio.ErrInvalidArgument, "TaskGroup.Go with a nil function")
				wantErr(t, panicOf(func() { asyncio.CreateTaskIn[int](tg, nil) }), asyncio.ErrInvalidArgument, "CreateTaskIn with a nil function")
			}
			tg.Go(timed(&log, "a", 0))
			return nil
		})
	})
	log.Want(t, "0s: a begins", "0s: a ends: ok")
}

// When the group shuts down, children that wait for a slot are cancelled, and never call
// their functions.
func TestGroupLimitWhenTheGroupShutsDown(t *testing.T) {
	for name, end := range map[string]func(ctx context.Context, tg *asyncio.TaskGroup) error{
		"a child fails": func(_ context.Context, tg *asyncio.TaskGroup) error { return nil },
		"the body fails": func(ctx context.Context, tg *asyncio.TaskGroup) error {
			yields(ctx, 1)
			return errBoom
		},
		"the body fails at once": func(context.Context, *asyncio.TaskGroup) error { return errBoom },
	} {
		t.Run(name, func(t *testing.T) {
			var log record
			run(t, func(ctx context.Context) error {
				err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
					tg.SetLimit(1)
					tg.Go(failAfter(time.Second, errBoom))
					for range 3 {
						tg.Go(timed(&log, "waiting", 0))
					}
					return end(ctx, tg)
				})
				wantGroup(t, err, errBoom)
				return nil
			})
			log.Want(t)
		})
	}
}

// With a limit of 0 no child runs. A cancel still ends the children.
func TestGroupLimitOfZero(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		_, err := cancelLater(ctx, func(ctx context.Context) error {
			return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				tg.SetLimit(0)
				tg.Go(timed(&log, "a", 0))
				tg.Go(timed(&log, "b", 0))
				return log.Recorded("WaitSlot", tg.WaitSlot)(ctx)
			})
		})
		log.Add("%v: %s", running(ctx).Time(), brief(err))
		return nil
	})
	log.Want(t, "WaitSlot: cancelled: enough", "1s: cancelled: enough")
}

// SetLimit is a bug while children are unfinished. Between children it may change the
// limit, and wakes the tasks in WaitSlot.
func TestGroupSetLimitAgain(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		tg := new(asyncio.TaskGroup)
		tg.SetLimit(3)
		tg.SetLimit(1)
		log.Add("%v", tg)
		return tg.Run(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			for _, d := range []time.Duration{0, time.Second} {
				child := tg.Go(sleep(d))
				wantErr(t, panicOf(func() { tg.SetLimit(2) }), asyncio.ErrMisuse, "SetLimit(2) of <TaskGroup tasks=1 limit=1 entered>", "unfinished children")
				if _, err := child.Await(ctx); err != nil {
					return err
				}
				yields(ctx, 1)
			}
			for _, limit := range []int{1, -1} {
				tg.SetLimit(0)
				for range 2 {
					asyncio.Go(ctx, func(ctx context.Context) error {
						err := tg.WaitSlot(ctx)
						log.Add("limit %d, WaitSlot: %s", limit, brief(err))
						return err
					})
				}
				yields(ctx, 2)
				log.Add("limit 0")
				tg.SetLimit(limit)
				yields(ctx, 4)
			}
			log.Add("%v", tg)
			return nil
		})
	})
	log.Want(t,
		"<TaskGroup limit=1>",
		"limit 0",
		"limit 1, WaitSlot: ok",
		"limit 1, WaitSlot: ok", // the first created no child: the slot is for the second
		"limit 0",
		"limit -1, WaitSlot: ok",
		"limit -1, WaitSlot: ok",
		"<TaskGroup entered>",
	)
}

// A child whose eager start calls SetLimit is not yet among the unfinished children. It
// then takes a slot.
func TestGroupSetLimitInAnEagerStart(t *testing.T) {
	for _, limits := range [][]int{{1}, {3, 1}, {3, -1, 1}, {2, -1}} {
		run(t, func(ctx context.Context) error {
			return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				if len(limits) > 1 {
					tg.SetLimit(limits[0])
				}
				active, most := 0, 0
				work := func(ctx context.Context) error {
					active++
					most = max(most, active)
					defer func() { active-- }()
					return asyncio.Sleep(ctx, time.Second)
				}
				tg.Go(func(ctx context.Context) error {
					for _, n := range limits[min(1, len(limits)-1):] {
						tg.SetLimit(n)
					}
					return work(ctx)
				}, asyncio.WithEagerStart(true))
				for range 5 {
					tg.Go(work)
				}
				err := asyncio.Sleep(ctx, 10*time.Second)
				want := 1
				if limits[len(limits)-1] < 0 {
					want = 6
				}
				equal(t, fmt.Sprintf("with the limits %v, the most children at a time", limits), most, want)
				return err
			})
		})
	}
}

// WaitSlot keeps a loop over an endless sequence from creating more children than the
// limit.
func TestWaitSlot(t *testing.T) {
	for _, limit := range []int{1, 3} {
		run(t, func(ctx context.Context) error {
			most, created, began, done := 0, 0, 0, 0
			err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				tg.SetLimit(limit)
				for done < 10 {
					if err := tg.WaitSlot(ctx); err != nil {
						return err
					}
					created++
					tg.Go(func(ctx context.Context) error {
						began++
						err := asyncio.Sleep(ctx, time.Second)
						done++
						return err
					}, asyncio.WithEagerStart(true))
					most = max(most, len(asyncio.AllTasks(ctx))-1)
					if began != created {
						t.Errorf("%d of %d children have begun", began, created)
					}
				}
				return nil
			})
			equal(t, "the most children", most, limit)
			return err
		})
	}
}

// WaitSlot and children wait in one queue. A slot that is not used before the caller
// suspends is for the next in the queue.
func TestWaitSlotIsFIFO(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.SetLimit(1)
			tg.Go(timed(&log, "a", time.Second))
			tg.Go(timed(&log, "b", time.Second))
			var creators []asyncio.AnyTask
			creates := func(name string, n int) {
				creators = append(creators, asyncio.Go(ctx, func(ctx context.Context) error {
					if err := tg.WaitSlot(ctx); err != nil {
						return err
					}
					log.Add("%v: slot for %s", running(ctx).Time(), name)
					for i := range n {
						if i > 0 && tg.WaitSlot(ctx) != nil {
							t.Error("the second WaitSlot failed")
						}
						tg.Go(timed(&log, fmt.Sprint(name, i), time.Second))
					}
					return nil
				}))
			}
			creates("c", 2)
			creates("unused", 0)
			creates("d", 1)
			yields(ctx, 1)
			tg.Go(timed(&log, "e", time.Second))
			_, _, err := asyncio.Wait(ctx, creators)
			return err
		})
	})
	log.Want(t,
		"0s: a begins", "1s: a ends: ok",
		"1s: b begins", "2s: b ends: ok",
		"2s: slot for c", "2s: c0 begins", "3s: c0 ends: ok",
		"3s: slot for unused",
		"3s: slot for d", "3s: d0 begins", "4s: d0 ends: ok",
		"4s: e begins", "5s: e ends: ok",
		"5s: c1 begins", "6s: c1 ends: ok",
	)
}

// The slot that a WaitSlot has found is for the caller only, until it suspends.
func TestWaitSlotOffersTheSlotToItsCallerOnly(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.SetLimit(1)
			tg.Go(timed(&log, "a", time.Second))
			yields(ctx, 1)
			asyncio.Go(ctx, func(ctx context.Context) error {
				if err := tg.WaitSlot(ctx); err != nil {
					return err
				}
				if err := tg.WaitSlot(ctx); err != nil { // still free
					return err
				}
				tg.Go(timed(&log, "c", 0))
				tg.Go(timed(&log, "d", 0)) // behind b
				return nil
			})
			yields(ctx, 1)
			tg.Go(timed(&log, "b", 0))
			return nil
		})
	})
	log.Want(t,
		"0s: a begins", "1s: a ends: ok",
		"1s: c begins", "1s: c ends: ok",
		"1s: b begins", "1s: b ends: ok",
		"1s: d begins", "1s: d ends: ok",
	)
}

// A cancel ends a WaitSlot, also in the turn in which it gets the slot. The slot is then
// for the next in the queue. The same holds for a timeout and for a ctx with its own
// deadline.
func TestWaitSlotCancelled(t *testing.T) {
	for _, at := range []time.Duration{0, time.Second} {
		var log record
		run(t, func(ctx context.Context) error {
			return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				tg.SetLimit(1)
				tg.Go(timed(&log, "a", time.Second))
				wait := asyncio.Go(ctx, tg.WaitSlot)
				yields(ctx, 2)
				tg.Go(timed(&log, "b", time.Second))
				if err := asyncio.Sleep(ctx, at); err != nil {
					return err
				}
				if at > 0 {
					yields(ctx, 1)
				}
				wait.CancelWith("enough")
				_, err := wait.Await(ctx)
				log.Add("%v: WaitSlot: %s", running(ctx).Time(), brief(err))
				return nil
			})
		})
		if at == 0 {
			log.Want(t, "0s: a begins", "0s: WaitSlot: cancelled: enough", "1s: a ends: ok", "1s: b begins", "2s: b ends: ok")
		} else {
			log.Want(t, "0s: a begins", "1s: a ends: ok", "1s: b begins", "1s: WaitSlot: cancelled: enough", "2s: b ends: ok")
		}
	}
	run(t, func(ctx context.Context) error {
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.SetLimit(1)
			tg.Go(sleep(time.Minute))
			for range 100 {
				wantErr(t, asyncio.Timeout(ctx, time.Millisecond, tg.WaitSlot), asyncio.ErrTimeout)
				short, stop := context.WithTimeout(ctx, 0)
				wantErr(t, tg.WaitSlot(short), context.DeadlineExceeded)
				stop()
			}
			err := tg.WaitSlot(ctx)
			equal(t, "the time", running(ctx).Time(), "1m0s")
			return err
		})
	})
}

// The errors of WaitSlot. Without a limit it does not suspend.
func TestWaitSlotErrors(t *testing.T) {
	other := asyncio.NewLoop(driver.NewVirtual())
	defer other.Close()
	run(t, func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		tg := new(asyncio.TaskGroup)
		wantErr(t, tg.WaitSlot(ctx), asyncio.ErrMisuse, "WaitSlot of <TaskGroup>, which has not been entered", "inside the function passed to Run")
		err := tg.Run(ctx, func(inside context.Context, tg *asyncio.TaskGroup) error {
			for range 3 {
				if err := tg.WaitSlot(inside); err != nil {
					return err
				}
			}
			tg.SetLimit(0)
			wantErr(t, tg.WaitSlot(context.Background()), asyncio.ErrNoRunningLoop)
			wantErr(t, tg.WaitSlot(other.Context()), asyncio.ErrWrongLoop, "WaitSlot of <TaskGroup limit=0 entered>")
			running(ctx).CallSoon(func(ctx context.Context) {
				wantErr(t, tg.WaitSlot(ctx), asyncio.ErrWrongContext, "await in a callback")
			})
			_, err := asyncio.Go(ctx, func(context.Context) error { return tg.WaitSlot(ctx) }).Await(ctx)
			wantErr(t, err, asyncio.ErrWrongContext, "task main")
			tg.SetLimit(1)
			return tg.WaitSlot(inside)
		})
		wantErr(t, tg.WaitSlot(ctx), asyncio.ErrMisuse, "WaitSlot of <TaskGroup limit=1 entered>, which has ended")
		return err
	})
	run(t, func(ctx context.Context) error {
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.SetLimit(1)
			tg.Cancel()
			err := tg.WaitSlot(ctx)
			wantErr(t, err, asyncio.ErrCancelled)
			wantErr(t, errors.Unwrap(err), asyncio.ErrMisuse, "WaitSlot of <TaskGroup limit=1 cancelling>, which is shutting down")
			return err
		})
	})
	err := runOn(t, &asyncio.Runner{Debug: true}, func(ctx context.Context) error {
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.SetLimit(0)
			inGoroutine(func() {
				wantErr(t, tg.WaitSlot(ctx), asyncio.ErrMisuse, "from a goroutine that is not the loop's")
			})
			return nil
		})
	})
	equal(t, "the error", err, "<nil>")
}

// A task outside of the group that waits for a slot when the group ends learns that it
// has ended.
func TestWaitSlotWhenTheGroupEnds(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var wait *asyncio.Task[asyncio.None]
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.SetLimit(1)
			tg.Go(sleep(time.Second))
			wait = asyncio.Go(ctx, tg.WaitSlot)
			return nil
		})
		_, waited := wait.Await(ctx)
		wantErr(t, waited, asyncio.ErrMisuse, "which has ended")
		return err
	})
}

// Names, stacks and snapshots show the function of a child that waits for a slot.
func TestGroupLimitShowsTheUsersFunction(t *testing.T) {
	run(t, func(ctx context.Context) error {
		_, err := cancelLater(ctx, func(ctx context.Context) error {
			return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				tg.SetLimit(1)
				tg.Go(never)
				waits := tg.Go(never, asyncio.WithName("waits"))
				yields(ctx, 1)
				if s := waits.String(); !strings.Contains(s, "fn=asyncio_test.never()") {
					t.Errorf("the child prints as %s", s)
				}
				if stack := waits.Stack(0); len(stack) != 1 || stack[0].Func != "asyncio_test.never" {
					t.Errorf("the stack is %v", stack)
				}
				info := running(ctx).Snapshot()
				for _, task := range info.Tasks {
					if task.Name == "waits" {
						equal(t, "the function", task.Func, "asyncio_test.never")
						equal(t, "the wait", task.Waits, "semaphore <TaskGroup tasks=2 limit=1 entered>")
					}
				}
				return never(ctx)
			})
		})
		wantErr(t, err, asyncio.ErrCancelled)
		return nil
	})
}

// Random children, cancels and timeouts: the limit holds, children get slots in the order
// of their creation unless their creator has waited for a slot before, and no slot is
// lost.
func TestGroupLimitRandom(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		limit := 1 + rnd.IntN(4)
		run(t, func(ctx context.Context) error {
			active, created := 0, 0
			last, lastAt := -1, time.Duration(0)
			spawn := func(tg *asyncio.TaskGroup, inOrder bool) *asyncio.Task[asyncio.None] {
				n := created
				created++
				d := time.Duration(rnd.IntN(4)) * time.Second
				return tg.Go(func(ctx context.Context) error {
					if active++; active > limit {
						t.Errorf("seed %d: %d children run, the limit is %d", seed, active, limit)
					}
					defer func() { active-- }()
					// Two that get their slots in the same turn may begin in either
					// order.
					now := running(ctx).Time()
					if inOrder && n < last && now > lastAt {
						t.Errorf("seed %d: child %d begins after child %d", seed, n, last)
					}
					if inOrder && n > last {
						last, lastAt = n, now
					}
					return asyncio.Sleep(ctx, d)
				})
			}
			err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				tg.SetLimit(limit)
				var creators []asyncio.AnyTask
				for range 4 {
					creators = append(creators, asyncio.Go(ctx, func(ctx context.Context) error {
						for range 10 {
							switch rnd.IntN(6) {
							case 0, 1:
								_ = asyncio.Timeout(ctx, time.Duration(rnd.IntN(3))*time.Second, tg.WaitSlot)
								yields(ctx, 1) // gives up the slot
							case 2:
								if err := tg.WaitSlot(ctx); err != nil {
									t.Errorf("seed %d: %v", seed, err)
								}
								spawn(tg, false)
							case 3:
								child := spawn(tg, true)
								yields(ctx, rnd.IntN(3))
								child.Cancel()
							case 4:
								spawn(tg, true)
							case 5:
								_ = asyncio.Sleep(ctx, time.Duration(rnd.IntN(3))*time.Second)
							}
						}
						return nil
					}))
				}
				_, _, err := asyncio.Wait(ctx, creators)
				if err != nil {
					return err
				}
				for range limit { // as many children as the limit begin at once: no slot is lost
					if err := tg.WaitSlot(ctx); err != nil {
						return err
					}
					tg.Go(never)
				}
				tg.Cancel()
				return nil
			})
			equal(t, "the children that still run", active, 0)
			return err
		})
	}
}
