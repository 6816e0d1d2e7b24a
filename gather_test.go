package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// sleepThen returns a task's function that sleeps for d and returns value.
func sleepThen[T any](d time.Duration, value T) func(ctx context.Context) (T, error) {
	return func(ctx context.Context) (T, error) { return value, asyncio.Sleep(ctx, d) }
}

// sleepThenFail returns a task's function that sleeps for d and fails with err.
func sleepThenFail(d time.Duration, err error) func(ctx context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		if cancelled := asyncio.Sleep(ctx, d); cancelled != nil {
			return 0, cancelled
		}
		return 0, err
	}
}

// spawn creates a task for each function.
func spawn[T any](ctx context.Context, fns ...func(ctx context.Context) (T, error)) []*asyncio.Task[T] {
	var tasks []*asyncio.Task[T]
	for _, fn := range fns {
		tasks = append(tasks, asyncio.CreateTask(ctx, fn))
	}
	return tasks
}

// A127: the results are in the order of the arguments, not of completion.
func TestGatherResultsFollowTheArguments(t *testing.T) {
	run(t, func(ctx context.Context) error {
		got, err := asyncio.Gather(ctx, spawn(ctx,
			sleepThen(3*time.Second, "slow"),
			sleepThen(1*time.Second, "fast"),
			sleepThen(2*time.Second, "middling"),
		)...).Await(ctx)
		equal(t, "the result", got, "[slow fast middling]")
		equal(t, "the time", running(ctx).Time(), "3s")
		return err
	})
}

// A128: Gather does not suspend. It creates the tasks and returns a future; none of the
// tasks has begun.
func TestGatherSchedulesAtOnceAndReturnsAFuture(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		child := func(name string) asyncio.Coro[string] {
			return func(context.Context) (string, error) { r.Add("%s runs", name); return name, nil }
		}
		g := asyncio.Gather(ctx, child("a"), child("b"))
		r.Add("tasks: %d, done: %v", len(asyncio.AllTasks(ctx)), g.Done())
		got, err := g.Await(ctx)
		r.Add("%v", got)
		return err
	})
	r.Want(t, "tasks: 3, done: false", "a runs", "b runs", "[a b]")
}

// A128: the arguments may be futures, tasks and coroutines.
func TestGatherOfAMixture(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		g := asyncio.Gather[int, asyncio.Awaitable[int]](ctx,
			f,
			asyncio.CreateTask(ctx, sleepThen(time.Second, 2)),
			asyncio.Coro[int](sleepThen(time.Minute, 3)),
		)
		running(ctx).CallLater(time.Hour, func(context.Context) { _ = f.SetResult(1) })
		got, err := g.Await(ctx)
		equal(t, "the result", got, "[1 2 3]")
		return err
	})
}

// A129: without arguments the future is done, with an empty result.
func TestGatherOfNothingIsDone(t *testing.T) {
	run(t, func(ctx context.Context) error {
		g := asyncio.Gather[int, *asyncio.Task[int]](ctx)
		if got, err := g.Result(); err != nil || got == nil || len(got) != 0 {
			t.Errorf("Gather of nothing has %v, %v", got, err)
		}
		if got, err := asyncio.GatherResults[int, *asyncio.Task[int]](ctx).Result(); err != nil || len(got) != 0 {
			t.Errorf("GatherResults of nothing has %v, %v", got, err)
		}
		return nil
	})
}

// A130: the first error is the error of the gather, unwrapped and at once. The other
// children continue.
func TestGatherFailsWithTheFirstErrorWhileTheOthersContinue(t *testing.T) {
	run(t, func(ctx context.Context) error {
		boom := errors.New("boom")
		tasks := spawn(ctx,
			sleepThen(3*time.Second, 1),
			sleepThenFail(time.Second, boom),
		)
		_, err := asyncio.Gather(ctx, tasks...).Await(ctx)
		if err != boom {
			t.Errorf("the error is %v, want that of the task", err)
		}
		equal(t, "the time", running(ctx).Time(), "1s")
		if tasks[0].Done() {
			t.Error("the other task has ended")
		}
		got, err := tasks[0].Await(ctx)
		equal(t, "the other's result", got, 1)
		equal(t, "the time", running(ctx).Time(), "3s")
		return err
	})
}

// A131: errors after the gather has failed count as read.
func TestGatherLaterErrorsAreNotReported(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(r.Handle)
		g := asyncio.Gather(ctx, spawn(ctx,
			sleepThenFail(1*time.Second, errors.New("first")),
			sleepThenFail(2*time.Second, errors.New("second")),
			sleepThenFail(3*time.Second, errors.New("third")),
		)...)
		_, err := g.Await(ctx)
		r.Add("gather: %v", err)
		return asyncio.Sleep(ctx, time.Minute)
	})
	r.Want(t, "gather: first")
}

// A131: the error of the gather is reported if it is never read.
func TestGatherReportsItsUnreadError(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(r.Handle)
		asyncio.Gather(ctx, spawn(ctx,
			sleepThenFail(time.Second, errors.New("first")),
			sleepThenFail(time.Second, errors.New("second")),
		)...)
		return asyncio.Sleep(ctx, time.Minute)
	})
	r.Want(t, "reported: a future failed and its error was never read: first")
}

// A132: GatherResults waits for all children, and has their errors among the results.
func TestGatherResultsHasErrorsAtTheirPositions(t *testing.T) {
	run(t, func(ctx context.Context) error {
		boom := errors.New("boom")
		got, err := asyncio.GatherResults(ctx, spawn(ctx,
			sleepThenFail(time.Second, boom),
			sleepThen(time.Minute, 2),
		)...).Await(ctx)
		if len(got) != 2 || got[0].Err != boom || got[1] != (asyncio.Result[int]{Value: 2}) {
			t.Errorf("the results are %v", got)
		}
		equal(t, "the time", running(ctx).Time(), "1m0s")
		return err
	})
}

// A133: a cancelled child counts as one that failed with a CancelledError. The gather
// fails; it is not cancelled, and the siblings continue.
func TestGatherFailsWhenAChildIsCancelled(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tasks := spawn(ctx, sleepThen(time.Second, 1), sleepThen(time.Second, 2))
		g := asyncio.Gather(ctx, tasks...)
		yields(ctx, 1)
		tasks[0].CancelWith("enough")
		_, err := g.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled, "enough")
		if g.Cancelled() {
			t.Error("the gather is cancelled, want failed")
		}
		if asyncio.CurrentTask(ctx).Cancelling() != 0 {
			t.Error("the cancel of the child reached the awaiter of the gather")
		}
		got, err := tasks[1].Await(ctx)
		equal(t, "the sibling's result", got, 2)
		return err
	})
}

// A134: GatherResults has a CancelledError at the position of a cancelled child.
func TestGatherResultsHasACancelAtItsPosition(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tasks := spawn(ctx, sleepThen(time.Second, 1), sleepThen(time.Second, 2))
		g := asyncio.GatherResults(ctx, tasks...)
		yields(ctx, 1)
		tasks[0].Cancel()
		got, err := g.Await(ctx)
		if len(got) != 2 || got[1] != (asyncio.Result[int]{Value: 2}) {
			t.Fatalf("the results are %v, %v", got, err)
		}
		wantErr(t, got[0].Err, asyncio.ErrCancelled)
		return err
	})
}

// A135: a cancel of the gather cancels each child that is not done, with the message.
func TestGatherCancelReachesEveryUnfinishedChild(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		child := func(name string, d time.Duration) *asyncio.Task[string] {
			return asyncio.CreateTask(ctx, func(ctx context.Context) (string, error) {
				err := asyncio.Sleep(ctx, d)
				r.Add("%s: %s", name, brief(err))
				return name, err
			})
		}
		g := asyncio.Gather(ctx, child("a", 0), child("b", time.Hour), child("c", time.Hour))
		yields(ctx, 3)
		r.Add("accepted: %v, done: %v", g.CancelWith("enough"), g.Done())
		_, err := g.Await(ctx)
		r.Add("gather: %s, is cancelled: %v", brief(err), g.Cancelled())
		return nil
	})
	r.Want(t,
		"a: ok",
		"accepted: true, done: false",
		"b: cancelled: enough",
		"c: cancelled: enough",
		"gather: cancelled: enough, is cancelled: false",
	)
}

// A135: a cancel of the awaiter cancels the gather and its children. The gather is done
// when the awaiter continues.
func TestGatherIsCancelledWithItsAwaiter(t *testing.T) {
	run(t, func(ctx context.Context) error {
		children := spawn(ctx, sleepThen(time.Hour, 1), sleepThen(time.Hour, 2))
		var g *asyncio.Future[[]int]
		outer := asyncio.Go(ctx, func(ctx context.Context) error {
			g = asyncio.Gather(ctx, children...)
			_, err := g.Await(ctx)
			return err
		})
		yields(ctx, 2)
		if !outer.Cancel() {
			t.Error("the awaiter refused the cancel")
		}
		_, err := outer.Await(ctx)
		equal(t, "the awaiter's error", brief(err), "cancelled")
		if !children[0].Cancelled() || !children[1].Cancelled() || !g.Done() {
			t.Errorf("after the cancel: %v, %v, %v", children[0], children[1], g)
		}
		if g.Cancel() {
			t.Error("the gather accepted a cancel after its end")
		}
		return nil
	})
}

// A136: if GatherResults itself is cancelled, it fails with a CancelledError, with the
// message of the cancel.
func TestGatherResultsCancelledIsCancelled(t *testing.T) {
	for _, c := range []struct {
		msg  []any
		want string
	}{
		{nil, "cancelled"},
		{[]any{nil}, "cancelled"},
		{[]any{"enough"}, "cancelled: enough"},
		{[]any{5}, "cancelled: 5"},
	} {
		run(t, func(ctx context.Context) error {
			work := asyncio.Go(ctx, func(ctx context.Context) error {
				for {
					got, err := asyncio.GatherResults(ctx, asyncio.Coro[int](sleepThen(time.Second, 1))).Await(ctx)
					if err != nil {
						return err
					}
					equal(t, "the result of a round", got, "[{1 <nil>}]")
				}
			})
			if err := asyncio.Sleep(ctx, 4500*time.Millisecond); err != nil {
				return err
			}
			cancelWith(work, c.msg...)
			_, err := work.Await(ctx)
			equal(t, "the error", brief(err), c.want)
			equal(t, "the time", running(ctx).Time(), "4.5s")
			return nil
		})
	}
}

// A136: it waits for a child that refuses the cancel, and is cancelled nevertheless.
func TestGatherResultsCancelledWaitsForAChildThatRefuses(t *testing.T) {
	run(t, func(ctx context.Context) error {
		g := asyncio.GatherResults(ctx, asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
			_ = asyncio.Sleep(ctx, time.Hour)
			return 1, asyncio.Sleep(ctx, time.Second)
		}))
		yields(ctx, 1)
		g.CancelWith("enough")
		_, err := g.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled)
		equal(t, "the time", running(ctx).Time(), "1s")
		return nil
	})
}

// A137: after all children are done a cancel is refused and the result stands, even if
// the gather has not processed the last one.
func TestGatherCancelAfterAllChildrenAreDoneIsRefused(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		child := asyncio.Coro[int](func(ctx context.Context) (int, error) { return f.Await(ctx) })
		g := asyncio.Gather(ctx, child)
		yields(ctx, 1) // the child waits
		asked := false
		f.AddDoneCallback(func(context.Context, asyncio.AnyFuture) {
			asked = true
			if g.Done() {
				t.Error("the gather is done before the callback; want it pending")
			}
			if g.Cancel() {
				t.Error("the gather accepted the cancel")
			}
		})
		_ = f.SetResult(42)
		got, err := g.Await(ctx)
		equal(t, "the result", got, "[42]")
		if !asked {
			t.Error("the callback did not run")
		}
		return err
	})
}

// A138: a gather that has failed does not pass a cancel on to children that still run.
func TestGatherFailedDoesNotForwardCancel(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tasks := spawn(ctx, sleepThenFail(time.Second, errors.New("boom")), sleepThen(time.Minute, 2))
		g := asyncio.Gather(ctx, tasks...)
		_, err := g.Await(ctx)
		wantErr(t, err, err, "boom")
		if g.Cancel() {
			t.Error("the gather accepted the cancel")
		}
		got, err := tasks[1].Await(ctx)
		equal(t, "the other's result", got, 2)
		return err
	})
}

// A139: a task that is given twice runs once, and has its result at both positions. (In
// Go each call of a coroutine function is a new coroutine.)
func TestGatherOfTheSameTaskTwice(t *testing.T) {
	run(t, func(ctx context.Context) error {
		runs := 0
		once := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
			runs++
			return runs, asyncio.Yield(ctx)
		})
		other := asyncio.CreateTask(ctx, sleepThen(time.Second, 7))
		got, err := asyncio.Gather(ctx, once, other, once).Await(ctx)
		equal(t, "the result", got, "[1 7 1]")
		return err
	})
}

// A139: the same holds for a future that fails, or is done already.
func TestGatherOfTheSameFutureTwice(t *testing.T) {
	run(t, func(ctx context.Context) error {
		boom := errors.New("boom")
		f, done := asyncio.NewFuture[int](ctx), asyncio.NewFuture[int](ctx)
		_ = done.SetResult(1)
		g := asyncio.GatherResults(ctx, done, f, f, done)
		yields(ctx, 2)
		if g.Done() {
			t.Fatal("the gather did not wait")
		}
		_ = f.SetException(boom)
		got, err := g.Await(ctx)
		equal(t, "the result", got, "[{1 <nil>} {0 boom} {0 boom} {1 <nil>}]")
		return err
	})
}

// A140: a future of another loop panics.
func TestGatherAcrossLoopsPanics(t *testing.T) {
	other := asyncio.NewLoop(driver.NewVirtual())
	defer other.Close()
	run(t, func(ctx context.Context) error {
		here, there := asyncio.NewFuture[int](ctx), asyncio.NewFuture[int](other.Context())
		wantErr(t, panicOf(func() { asyncio.Gather(ctx, here, there) }), asyncio.ErrWrongLoop, "<Future pending>")
		return nil
	})
}

// A141: a nil panics. The tasks that were created before it continue, and cause no
// report.
func TestGatherOfNilPanicsAndLeavesNoReport(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(r.Handle)
		err := panicOf(func() {
			asyncio.Gather[int, asyncio.Awaitable[int]](ctx, asyncio.Coro[int](func(context.Context) (int, error) {
				r.Add("the first runs")
				return 0, errors.New("boom")
			}), nil)
		})
		wantErr(t, err, asyncio.ErrInvalidArgument, "nil")
		return asyncio.Sleep(ctx, time.Second)
	})
	r.Want(t, "the first runs")
}

// A142: if all arguments are done, so is the gather.
func TestGatherOfDoneFuturesIsDone(t *testing.T) {
	run(t, func(ctx context.Context) error {
		a, b := asyncio.NewFuture[int](ctx), asyncio.NewFuture[int](ctx)
		_, _ = a.SetResult(1), b.SetResult(2)
		got, err := asyncio.Gather(ctx, a, b).Result()
		equal(t, "the result", got, "[1 2]")
		return err
	})
}

// A142: this includes eager tasks that do not suspend.
func TestGatherOfEagerTasksIsDone(t *testing.T) {
	run(t, func(ctx context.Context) error {
		running(ctx).SetTaskFactory(asyncio.EagerTaskFactory)
		one := asyncio.Coro[int](func(context.Context) (int, error) { return 1, nil })
		got, err := asyncio.Gather(ctx, one, one, one).Result()
		equal(t, "the result", got, "[1 1 1]")
		return err
	})
}

// A142: a failed future among the arguments makes the gather fail at once.
func TestGatherOfAFailedFutureHasFailed(t *testing.T) {
	run(t, func(ctx context.Context) error {
		boom := errors.New("boom")
		a, b := asyncio.NewFuture[int](ctx), asyncio.NewFuture[int](ctx)
		_ = b.SetException(boom)
		if err := asyncio.Gather(ctx, a, b).Exception(); err != boom {
			t.Errorf("the gather has the error %v", err)
		}
		return nil
	})
}

// A143: a cancel of a gather of shields does not reach the tasks that they protect.
func TestGatherOfShieldsDoesNotCancelShieldedTasks(t *testing.T) {
	run(t, func(ctx context.Context) error {
		a, b := asyncio.CreateTask(ctx, sleepThen(time.Second, 1)), asyncio.CreateTask(ctx, sleepThen(time.Second, 2))
		g := asyncio.Gather(ctx, asyncio.Shield(ctx, a), asyncio.Shield(ctx, b))
		yields(ctx, 1)
		if !g.Cancel() {
			t.Error("the gather refused the cancel")
		}
		_, err := g.Await(ctx)
		equal(t, "the gather's error", brief(err), "cancelled")
		got, err := asyncio.Gather(ctx, a, b).Await(ctx)
		equal(t, "what the shields protect", got, "[1 2]")
		return err
	})
}

// GatherAny and GatherAnyResults take arguments of different types: coroutines, tasks,
// futures and gathers.
func TestGatherAnyOfDifferentTypes(t *testing.T) {
	run(t, func(ctx context.Context) error {
		number := asyncio.CreateTask(ctx, sleepThen(time.Second, 42))
		word := asyncio.Coro[string](sleepThen(2*time.Second, "word"))
		list := asyncio.Gather(ctx, asyncio.Coro[int](sleepThen(0, 1)), sleepThen(0, 2))
		results, err := asyncio.GatherAny(ctx, number, word, list).Await(ctx)
		equal(t, "GatherAny", fmt.Sprint(results, err), "[42 word [1 2]] <nil>")

		failing := asyncio.Coro[int](sleepThenFail(0, errors.New("broken")))
		cancelled := asyncio.CreateTask(ctx, sleepThen(time.Second, "late"))
		cancelled.Cancel()
		all, err := asyncio.GatherAnyResults(ctx, number, failing, cancelled).Await(ctx)
		equal(t, "GatherAnyResults", fmt.Sprint(all, err), "[{42 <nil>} {<nil> broken} {<nil> asyncio: cancelled: }] <nil>")

		_, err = asyncio.GatherAny(ctx, number, failing).Await(ctx)
		equal(t, "the first error", brief(err), "broken")
		return nil
	})
}

// GatherLimit runs at most limit coroutines at the same time, in the order of the
// arguments.
func TestGatherLimit(t *testing.T) {
	for limit, want := range map[int]string{1: "6s", 2: "3s", 3: "3s", 100: "3s"} {
		run(t, func(ctx context.Context) error {
			active, most := 0, 0
			var began []int
			coro := func(n int) asyncio.Coro[int] {
				return func(ctx context.Context) (int, error) {
					active++
					most = max(most, active)
					defer func() { active-- }()
					began = append(began, n)
					return n, asyncio.Sleep(ctx, time.Duration(n)*time.Second)
				}
			}
			got, err := asyncio.GatherLimit(ctx, limit, coro(1), coro(3), coro(2)).Await(ctx)
			equal(t, "the result", got, "[1 3 2]")
			equal(t, "the order of the starts", began, "[1 3 2]")
			equal(t, fmt.Sprint("the time with limit ", limit), running(ctx).Time(), want)
			equal(t, "the most at a time", most, min(limit, 3))
			return err
		})
	}
}

// Futures and tasks are not limited: they exist already. Any other awaitable is.
func TestGatherLimitOfAMixture(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		logged := func(name string) func(ctx context.Context) (string, error) {
			return func(ctx context.Context) (string, error) {
				log.Add("%v: %s", running(ctx).Time(), name)
				return name, asyncio.Sleep(ctx, time.Second)
			}
		}
		f := asyncio.NewFuture[string](ctx)
		_ = f.SetResult("future")
		got, err := asyncio.GatherLimit[string, asyncio.Awaitable[string]](ctx, 1,
			asyncio.Coro[string](logged("coro")),
			asyncio.CreateTask(ctx, logged("task")),
			f,
			awaitFunc(logged("awaitable")),
		).Await(ctx)
		log.Add("%v", got)
		return err
	})
	log.Want(t, "0s: task", "0s: coro", "1s: awaitable", "[coro task future awaitable]")
}

// An awaitFunc is an Awaitable that is not a Coro.
type awaitFunc func(ctx context.Context) (string, error)

func (f awaitFunc) Await(ctx context.Context) (string, error) { return f(ctx) }

// A coroutine that fails, panics or is cancelled frees its slot. The others continue.
func TestGatherLimitFails(t *testing.T) {
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) {})
		done := 0
		last := func(context.Context) (int, error) { done++; return 1, nil }
		for _, bad := range []asyncio.Coro[int]{
			func(context.Context) (int, error) { return 0, errBoom },
			func(context.Context) (int, error) { panic(errBoom) },
		} {
			_, err := asyncio.GatherLimit(ctx, 1, bad, last, last).Await(ctx)
			wantErr(t, err, errBoom)
			yields(ctx, 5)
		}
		equal(t, "the others", done, 4)
		return nil
	})
}

// A cancel of the future ends all coroutines. Those that wait for a slot never begin.
func TestGatherLimitCancelled(t *testing.T) {
	for _, turns := range []int{0, 1, 3} {
		var log record
		run(t, func(ctx context.Context) error {
			coro := func(name string) asyncio.Coro[int] {
				return func(ctx context.Context) (int, error) {
					err := asyncio.Sleep(ctx, time.Hour)
					log.Add("%s: %s", name, brief(err))
					return 0, err
				}
			}
			g := asyncio.GatherLimit(ctx, 1, coro("a"), coro("b"), coro("c"))
			yields(ctx, turns)
			g.CancelWith("enough")
			_, err := g.Await(ctx)
			log.Add("%s, tasks: %d, time: %v", brief(err), len(asyncio.AllTasks(ctx)), running(ctx).Time())
			return nil
		})
		want := []string{"cancelled: enough, tasks: 1, time: 0s"}
		if turns > 0 {
			want = append([]string{"a: cancelled: enough"}, want...)
		}
		log.Want(t, want...)
	}
}

// A limit below 1 panics, and so does an argument that EnsureFuture refuses. A gather of
// nothing is done.
func TestGatherLimitMisuse(t *testing.T) {
	run(t, func(ctx context.Context) error {
		for _, limit := range []int{0, -1} {
			wantErr(t, panicOf(func() { asyncio.GatherLimit(ctx, limit, asyncio.Coro[int](one)) }), asyncio.ErrInvalidArgument,
				fmt.Sprintf("GatherLimit with a limit of %d; pass at least 1", limit))
		}
		wantErr(t, panicOf(func() { asyncio.GatherLimit[int, asyncio.Awaitable[int]](ctx, 1, nil) }), asyncio.ErrInvalidArgument, "EnsureFuture of nil")
		wantErr(t, panicOf(func() { asyncio.GatherLimit(ctx, 1, asyncio.Coro[int](nil)) }), asyncio.ErrInvalidArgument, "GatherLimit with a nil function")
		got, err := asyncio.GatherLimit[int, *asyncio.Task[int]](ctx, 1).Result()
		equal(t, "the result of nothing", []any{got, err}, "[[] <nil>]")
		return nil
	})
}

// The tasks show the coroutines' functions.
func TestGatherLimitShowsTheUsersFunction(t *testing.T) {
	run(t, func(ctx context.Context) error {
		g := asyncio.GatherLimit(ctx, 1, asyncio.Coro[int](one))
		for _, task := range asyncio.AllTasks(ctx)[1:] {
			if s := fmt.Sprint(task); !strings.Contains(s, "fn=asyncio_test.one()") {
				t.Errorf("the task prints as %s", s)
			}
		}
		_, err := g.Await(ctx)
		return err
	})
}
