package asyncio_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// Python's plain iteration, which yields new awaitables, has no counterpart in Go: a
// range yields futures that are done. TestAsCompletedInOrderOfCompletion checks that the
// n-th step yields the n-th completion, and TestAsCompletedContinuesWhereItStopped that
// the steps may be spread over several ranges.

// A155, A157: futures are yielded as they end, including those that failed.
func TestAsCompletedInOrderOfCompletion(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		tasks := []*asyncio.Task[int]{
			named(ctx, "a", sleepThen(3*time.Second, 1)),
			named(ctx, "b", sleepThenFail(1*time.Second, errors.New("boom"))),
			named(ctx, "c", sleepThen(2*time.Second, 3)),
		}
		for task, err := range asyncio.AsCompleted(ctx, tasks) {
			if err != nil {
				return err
			}
			value, err := task.Result()
			r.Add("%v: %s has %v, %s", running(ctx).Time(), task.Name(), value, brief(err))
		}
		return nil
	})
	r.Want(t, "1s: b has 0, boom", "2s: c has 3, ok", "3s: a has 1, ok")
}

// A155: futures that are already done come first, in the order given.
func TestAsCompletedBeginsWithDoneFutures(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		a, b := named(ctx, "a", sleepThen(time.Second, 1)), named(ctx, "b", sleepThen(0, 2))
		c, d := named(ctx, "c", sleepThen(time.Minute, 3)), named(ctx, "d", sleepThen(0, 4))
		if err := asyncio.Sleep(ctx, 2*time.Second); err != nil {
			return err
		}
		for task, err := range asyncio.AsCompleted(ctx, []*asyncio.Task[int]{d, c, b, a}) {
			r.Add("%v: %s, %s", running(ctx).Time(), task.Name(), brief(err))
		}
		return nil
	})
	r.Want(t, "2s: d, ok", "2s: b, ok", "2s: a, ok", "1m0s: c, ok")
}

// A156: the range yields the objects that were given, when they are done.
func TestAsCompletedYieldsTheGivenFutures(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f, task := asyncio.NewFuture[string](ctx), asyncio.CreateTask(ctx, sleepThen(time.Second, 1))
		running(ctx).CallLater(time.Minute, func(context.Context) { _ = f.SetResult("late") })
		var out []asyncio.AnyFuture
		for f, err := range asyncio.AsCompleted(ctx, []asyncio.AnyFuture{f, task}) {
			if err != nil {
				return err
			}
			if !f.Done() {
				t.Errorf("%v is not done", f)
			}
			out = append(out, f)
		}
		if len(out) != 2 || out[0] != task || out[1] != f {
			t.Errorf("the range yielded %v", out)
		}
		return nil
	})
}

// A156: coroutines must become tasks first, with CreateTask or EnsureFuture. The range
// yields their futures.
func TestAsCompletedYieldsTheFuturesOfCoroutines(t *testing.T) {
	run(t, func(ctx context.Context) error {
		slow := asyncio.EnsureFuture(ctx, asyncio.Coro[int](sleepThen(time.Minute, 1)))
		fast := asyncio.EnsureFuture(ctx, asyncio.Coro[int](sleepThen(time.Second, 2)))
		var out []*asyncio.Future[int]
		for f, err := range asyncio.AsCompleted(ctx, []*asyncio.Future[int]{slow, fast}) {
			if err != nil {
				return err
			}
			out = append(out, f)
		}
		if len(out) != 2 || out[0] != fast || out[1] != slow {
			t.Errorf("the range yielded %v", out)
		}
		return nil
	})
}

// A158: the time begins with the call. When it has passed, the range yields the error and
// ends, and the remaining futures continue.
func TestAsCompletedTimeout(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		a, b := named(ctx, "a", sleepThen(1*time.Second, 1)), named(ctx, "b", sleepThen(time.Minute, 2))
		all := asyncio.AsCompleted(ctx, []*asyncio.Task[int]{a, b}, asyncio.WithTimeout(2*time.Second))
		for task, err := range all {
			if err != nil {
				r.Add("%v: %v", running(ctx).Time(), err)
				wantErr(t, err, asyncio.ErrTimeout)
				wantErr(t, err, context.DeadlineExceeded)
				continue
			}
			r.Add("%v: %s", running(ctx).Time(), task.Name())
		}
		if b.Cancelling() != 0 {
			t.Error("b was cancelled")
		}
		got, err := b.Await(ctx)
		r.Add("%v: b has %v", running(ctx).Time(), got)
		return err
	})
	r.Want(t, "1s: a", "2s: asyncio: timed out after 2s", "1m0s: b has 2")
}

// A158: futures that ended before the limit are yielded before the error.
func TestAsCompletedTimeoutWhileTheLoopBodyIsBusy(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		tasks := []*asyncio.Task[int]{
			named(ctx, "a", sleepThen(1*time.Second, 1)),
			named(ctx, "b", sleepThen(2*time.Second, 2)),
			named(ctx, "c", sleepThen(1*time.Hour, 3)),
		}
		for task, err := range asyncio.AsCompleted(ctx, tasks, asyncio.WithTimeout(3*time.Second)) {
			if err != nil {
				r.Add("%v", err)
				continue
			}
			r.Add("%s", task.Name())
			if err := asyncio.Sleep(ctx, time.Minute); err != nil {
				return err
			}
		}
		return nil
	})
	r.Want(t, "a", "b", "asyncio: timed out after 3s")
}

// A159: a limit that was not reached leaves no timer.
func TestAsCompletedUnusedTimeoutLeavesNoTimer(t *testing.T) {
	clock := driver.NewVirtual()
	err := runOn(t, &asyncio.Runner{Driver: clock}, func(ctx context.Context) error {
		tasks := spawn(ctx, sleepThen(time.Second, 1))
		for _, err := range asyncio.AsCompleted(ctx, tasks, asyncio.WithTimeout(time.Hour)) {
			if err != nil {
				return err
			}
		}
		return never(ctx) // only a timer that was left could end this wait
	})
	if deadlock := (*asyncio.DeadlockError)(nil); !errors.As(err, &deadlock) {
		t.Errorf("the last await ended with %v, want a DeadlockError", err)
	}
	equal(t, "the time", clock.Now(), "1s")
}

// A160, A157: after a break, another range continues where the first stopped.
func TestAsCompletedContinuesWhereItStopped(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		var tasks []*asyncio.Task[int]
		for i, name := range []string{"d", "c", "b", "a"} {
			tasks = append(tasks, named(ctx, name, sleepThen(time.Duration(4-i)*time.Second, i)))
		}
		all := asyncio.AsCompleted(ctx, tasks)
		for range 3 {
			n := 0
			for task, err := range all {
				r.Add("%s %s", task.Name(), brief(err))
				if n++; n == 2 {
					break
				}
			}
			r.Add("stop")
		}
		return nil
	})
	r.Want(t, "a ok", "b ok", "stop", "c ok", "d ok", "stop", "stop")
}

// A161: a duplicate is yielded once.
func TestAsCompletedYieldsDuplicatesOnce(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		a, b := named(ctx, "a", sleepThen(2*time.Second, 1)), named(ctx, "b", sleepThen(time.Second, 2))
		for task, err := range asyncio.AsCompleted(ctx, []*asyncio.Task[int]{a, b, a, b}) {
			r.Add("%s %s", task.Name(), brief(err))
		}
		return nil
	})
	r.Want(t, "b ok", "a ok")
}

// A162: a nil panics. An empty list is not an error.
func TestAsCompletedOfNilAndOfNothing(t *testing.T) {
	run(t, func(ctx context.Context) error {
		wantErr(t, panicOf(func() { asyncio.AsCompleted(ctx, []asyncio.AnyFuture{nil}) }), asyncio.ErrInvalidArgument, "nil")
		for f, err := range asyncio.AsCompleted(ctx, []asyncio.AnyFuture{}, asyncio.WithTimeout(time.Second)) {
			t.Errorf("without futures the range yielded %v, %v", f, err)
		}
		return nil
	})
	wantErr(t, panicOf(func() {
		asyncio.AsCompleted(context.Background(), []asyncio.AnyFuture{})
	}), asyncio.ErrNoRunningLoop)
}

// A163: AsCompleted does not limit concurrency. All tasks have begun when the first has
// ended.
func TestAsCompletedDoesNotLimitConcurrency(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		begun := 0
		var tasks []*asyncio.Task[int]
		for i := range 100 {
			tasks = append(tasks, asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
				begun++
				return i, asyncio.Sleep(ctx, time.Duration(100-i)*time.Second)
			}))
		}
		for task, err := range asyncio.AsCompleted(ctx, tasks) {
			value, _ := task.Result()
			r.Add("first: %d, %s; %d have begun", value, brief(err), begun)
			break
		}
		return nil
	})
	r.Want(t, "first: 99, ok; 100 have begun")
}

// A cancel of the task that ranges ends the range with that error. The children continue.
func TestAsCompletedCancelled(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		child := named(ctx, "child", sleepThen(time.Minute, 1))
		outer := asyncio.Go(ctx, func(ctx context.Context) error {
			for f, err := range asyncio.AsCompleted(ctx, []*asyncio.Task[int]{child}) {
				r.Add("%v, %s", f, brief(err))
				if err != nil {
					return err
				}
			}
			return nil
		})
		yields(ctx, 1)
		outer.CancelWith("enough")
		_, err := outer.Await(ctx)
		r.Add("outer: %s", brief(err))
		got, err := child.Await(ctx)
		r.Add("child: %d", got)
		return err
	})
	r.Want(t, "<nil>, cancelled: enough", "outer: cancelled: enough", "child: 1")
}

// A158: a future that is done in the turn of the expiry is too late.
func TestAsCompletedTimeoutInTheTurnOfACompletion(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var rec record
		future := asyncio.NewFuture[int](ctx)
		running(ctx).CallLater(time.Second, func(context.Context) { future.Cancel() })
		for f, err := range asyncio.AsCompleted(ctx, []*asyncio.Future[int]{future}, asyncio.WithTimeout(time.Second)) {
			rec.Add("%v, %v", f, err)
		}
		rec.Want(t, "<nil>, asyncio: timed out after 1s")
		return nil
	})
}
