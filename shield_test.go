package asyncio_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
)

// A164: the shield has the result or the error of the inner future.
func TestShieldForwardsTheOutcome(t *testing.T) {
	run(t, func(ctx context.Context) error {
		boom := errors.New("boom")
		got, err := asyncio.Shield(ctx, asyncio.Coro[int](sleepThen(time.Second, 1))).Await(ctx)
		equal(t, "the result", got, 1)
		if err != nil {
			return err
		}
		if _, err := asyncio.Shield(ctx, asyncio.Coro[int](sleepThenFail(time.Second, boom))).Await(ctx); err != boom {
			t.Errorf("the error is %v, want that of the task", err)
		}
		return nil
	})
}

// A165: a cancel of the inner future cancels the shield.
func TestShieldIsCancelledWithTheInner(t *testing.T) {
	run(t, func(ctx context.Context) error {
		inner := asyncio.CreateTask(ctx, sleepThen(time.Hour, 1))
		shield := asyncio.Shield(ctx, inner)
		yields(ctx, 1)
		inner.Cancel()
		_, err := shield.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled)
		if !shield.Cancelled() || asyncio.CurrentTask(ctx).Cancelling() != 0 {
			t.Errorf("the shield is %v, its awaiter has %d cancel requests", shield, asyncio.CurrentTask(ctx).Cancelling())
		}
		return nil
	})
}

// A166: a cancel of the shield does not reach the inner future, and disconnects the two.
func TestShieldCancelledIsDisconnectedFromTheInner(t *testing.T) {
	run(t, func(ctx context.Context) error {
		inner := asyncio.CreateTask(ctx, sleepThen(time.Second, 1))
		shield := asyncio.Shield(ctx, inner)
		if !strings.Contains(inner.String(), " cb=[asyncio.Shield") {
			t.Errorf("behind the shield the inner task prints as %v", inner)
		}
		if !shield.Cancel() || !shield.Cancelled() {
			t.Errorf("after its cancel the shield is %v", shield)
		}
		yields(ctx, 1)
		if strings.Contains(inner.String(), "cb=") || inner.Cancelling() != 0 {
			t.Errorf("after the cancel the inner task prints as %v", inner)
		}
		got, err := inner.Await(ctx)
		equal(t, "the inner result", got, 1)
		return err
	})
}

// A167: the shield of a done future is that future.
func TestShieldOfADoneFutureIsTheFuture(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		_ = f.SetResult(1)
		if shield := asyncio.Shield(ctx, f); shield != f {
			t.Errorf("the shield of a done future is %v, want the future", shield)
		}
		task := asyncio.CreateTask(ctx, sleepThen(0, 1))
		_, err := task.Await(ctx)
		if shield := asyncio.Shield(ctx, task); shield != &task.Future {
			t.Errorf("the shield of a done task is %v, want its future", shield)
		}
		return err
	})
}

// A168: a shield protects a gather and its children.
func TestShieldOfAGather(t *testing.T) {
	run(t, func(ctx context.Context) error {
		children := spawn(ctx, sleepThen(time.Second, 1), sleepThen(time.Minute, 2))
		g := asyncio.Gather(ctx, children...)
		shield := asyncio.Shield(ctx, g)
		shield.Cancel()
		if g.Done() || children[0].Cancelling()+children[1].Cancelling() != 0 {
			t.Errorf("after a cancel of the shield the gather is %v", g)
		}
		got, err := g.Await(ctx)
		equal(t, "the gather's result", got, "[1 2]")
		return err
	})
}

// A169: the awaiter of a shield is cancelled at once, without waiting for the inner task.
func TestShieldDoesNotProtectItsAwaiter(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		inner := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
			err := asyncio.Sleep(ctx, time.Minute)
			r.Add("%v: inner ends: %s", running(ctx).Time(), brief(err))
			return 1, err
		})
		outer := asyncio.Go(ctx, func(ctx context.Context) error {
			_, err := asyncio.Shield(ctx, inner).Await(ctx)
			r.Add("%v: outer ends: %s", running(ctx).Time(), brief(err))
			return err
		})
		running(ctx).CallLater(time.Second, func(context.Context) { outer.CancelWith("enough") })
		_, _, err := asyncio.Wait(ctx, []asyncio.AnyFuture{inner, outer})
		r.Add("inner is cancelled: %v, outer is: %v", inner.Cancelled(), outer.Cancelled())
		return err
	})
	r.Want(t,
		"1s: outer ends: cancelled: enough",
		"1m0s: inner ends: ok",
		"inner is cancelled: false, outer is: true",
	)
}

// A170: after a cancel of the shield, an error of the inner task is reported as never
// read.
func TestShieldCancelledReportsTheInnerError(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(r.Handle)
		inner := named(ctx, "inner", sleepThenFail(time.Second, errors.New("boom")))
		shield := asyncio.Shield(ctx, inner)
		yields(ctx, 1)
		shield.Cancel()
		return asyncio.Sleep(ctx, time.Minute)
	})
	r.Want(t, "reported: task inner failed and its error was never read: boom")
}

// A170: an error that the shield has passed on is reported once, for the shield.
func TestShieldReportsUnreadErrorOnce(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(r.Handle)
		asyncio.Shield(ctx, named(ctx, "inner", sleepThenFail(time.Second, errors.New("boom"))))
		return asyncio.Sleep(ctx, time.Minute)
	})
	r.Want(t, "reported: a future failed and its error was never read: boom")
}
