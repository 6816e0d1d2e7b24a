package asyncio_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
)

// A164: the result and the error of what is shielded are the shield's.
func TestShieldPassesTheOutcomeOn(t *testing.T) {
	run(t, func(ctx context.Context) error {
		boom := errors.New("boom")
		got, err := asyncio.Shield(ctx, asyncio.Coro[int](sleepThen(time.Second, 1))).Await(ctx)
		equal(t, "the result", got, 1)
		if err != nil {
			return err
		}
		if _, err := asyncio.Shield(ctx, asyncio.Coro[int](sleepThenFail(time.Second, boom))).Await(ctx); err != boom {
			t.Errorf("the error is %v, not that of the task", err)
		}
		return nil
	})
}

// A165: a cancel of what is shielded cancels the shield.
func TestShieldIsCancelledWithTheInner(t *testing.T) {
	run(t, func(ctx context.Context) error {
		inner := asyncio.CreateTask(ctx, sleepThen(time.Hour, 1))
		shield := asyncio.Shield(ctx, inner)
		yields(ctx, 1)
		inner.Cancel()
		_, err := shield.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled)
		if !shield.Cancelled() || asyncio.CurrentTask(ctx).Cancelling() != 0 {
			t.Errorf("the shield is %v, and its awaiter was asked %d times to cancel", shield, asyncio.CurrentTask(ctx).Cancelling())
		}
		return nil
	})
}

// A166: a cancel of the shield is none of what it protects, and cuts the two apart.
func TestShieldCancelledIsCutOffFromTheInner(t *testing.T) {
	run(t, func(ctx context.Context) error {
		inner := asyncio.CreateTask(ctx, sleepThen(time.Second, 1))
		shield := asyncio.Shield(ctx, inner)
		if !strings.Contains(inner.String(), " cb=[asyncio.Shield") {
			t.Errorf("shielded, the inner prints as %v", inner)
		}
		if !shield.Cancel() || !shield.Cancelled() {
			t.Errorf("after its cancel the shield is %v", shield)
		}
		yields(ctx, 1)
		if strings.Contains(inner.String(), "cb=") || inner.Cancelling() != 0 {
			t.Errorf("cut off, the inner prints as %v", inner)
		}
		got, err := inner.Await(ctx)
		equal(t, "the inner's result", got, 1)
		return err
	})
}

// A167: the shield of what is done is that itself.
func TestShieldOfADoneFutureIsTheFuture(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		_ = f.SetResult(1)
		if shield := asyncio.Shield(ctx, f); shield != f {
			t.Errorf("the shield is another: %v", shield)
		}
		task := asyncio.CreateTask(ctx, sleepThen(0, 1))
		_, err := task.Await(ctx)
		if shield := asyncio.Shield(ctx, task); shield != &task.Future {
			t.Errorf("the shield of a task is another: %v", shield)
		}
		return err
	})
}

// A168: behind a shield a gather and its children feel no cancel.
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

// A169: whoever awaits the shield is cancelled at once, and does not wait for the inner.
func TestShieldDoesNotShieldItsAwaiter(t *testing.T) {
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

// A170: when the shield was cancelled an error of the inner is one that nobody read, and reported as such.
func TestShieldCancelledTheInnersErrorIsReported(t *testing.T) {
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

// A170: an error that the shield passed on is the shield's to report: once.
func TestShieldAnUnreadErrorIsReportedOnce(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(r.Handle)
		asyncio.Shield(ctx, named(ctx, "inner", sleepThenFail(time.Second, errors.New("boom"))))
		return asyncio.Sleep(ctx, time.Minute)
	})
	r.Want(t, "reported: a future failed and its error was never read: boom")
}
