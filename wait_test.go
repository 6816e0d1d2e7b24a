package asyncio_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// names returns the names of tasks, in order.
func names[T asyncio.AnyTask](tasks []T) string {
	var all []string
	for _, t := range tasks {
		all = append(all, t.Name())
	}
	return strings.Join(all, " ")
}

// named creates a task with a name.
func named(ctx context.Context, name string, fn func(ctx context.Context) (int, error)) *asyncio.Task[int] {
	return asyncio.CreateTask(ctx, fn, asyncio.WithName(name))
}

// A144: both results are in the order of the arguments. Wait does not return the errors
// of the children.
func TestWaitReturnsDoneAndUnfinished(t *testing.T) {
	run(t, func(ctx context.Context) error {
		boom := errors.New("boom")
		tasks := []*asyncio.Task[int]{
			named(ctx, "a", sleepThen(3*time.Second, 1)),
			named(ctx, "b", sleepThenFail(1*time.Second, boom)),
			named(ctx, "c", sleepThen(5*time.Second, 3)),
			named(ctx, "d", sleepThen(2*time.Second, 4)),
		}
		done, unfinished, err := asyncio.Wait(ctx, tasks, asyncio.WithTimeout(4*time.Second))
		equal(t, "done", names(done), "a b d")
		equal(t, "unfinished", names(unfinished), "c")
		if done[1].Exception() != boom {
			t.Errorf("the error of b is %v", done[1].Exception())
		}
		return err
	})
}

// A144: without options it waits for all, whatever their outcome.
func TestWaitForAll(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tasks := []*asyncio.Task[int]{
			named(ctx, "a", sleepThenFail(time.Second, errors.New("boom"))),
			named(ctx, "b", sleepThen(time.Hour, 2)),
			named(ctx, "c", sleepThen(time.Minute, 3)),
		}
		running(ctx).CallLater(time.Second, func(context.Context) { tasks[1].Cancel() })
		done, unfinished, err := asyncio.Wait(ctx, tasks)
		equal(t, "done", names(done), "a b c")
		equal(t, "unfinished", len(unfinished), 0)
		equal(t, "the time", running(ctx).Time(), "1m0s")
		_ = done[0].Exception()
		return err
	})
}

// A145: a wait for a done future takes one turn and no time.
func TestWaitForDoneFutureTakesOneTurn(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		_ = f.SetResult(1)
		running(ctx).CallSoon(func(context.Context) {
			r.Add("turn 1") // the callback of f runs
			running(ctx).CallSoon(func(context.Context) {
				r.Add("turn 2") // the waiting task continues
				running(ctx).CallSoon(func(context.Context) { r.Add("turn 3") })
			})
		})
		done, unfinished, err := asyncio.Wait(ctx, []*asyncio.Future[int]{f})
		r.Add("done %d, unfinished %d, time %v", len(done), len(unfinished), running(ctx).Time())
		return err
	})
	r.Want(t, "turn 1", "turn 2", "done 1, unfinished 0, time 0s", "turn 3")
}

// A146: a duplicate is returned once, at its first position.
func TestWaitReturnsDuplicatesOnce(t *testing.T) {
	run(t, func(ctx context.Context) error {
		a, b := named(ctx, "a", sleepThen(time.Second, 1)), named(ctx, "b", sleepThen(time.Minute, 2))
		done, unfinished, err := asyncio.Wait(ctx, []*asyncio.Task[int]{a, b, a, b, a}, asyncio.FirstCompleted)
		equal(t, "done", names(done), "a")
		equal(t, "unfinished", names(unfinished), "b")
		return err
	})
}

// A147: no futures and an unknown condition are errors.
func TestWaitBadArguments(t *testing.T) {
	run(t, func(ctx context.Context) error {
		_, _, err := asyncio.Wait(ctx, []*asyncio.Task[int]{})
		wantErr(t, err, asyncio.ErrInvalidArgument, "no futures")
		f := asyncio.NewFuture[int](ctx)
		_, _, err = asyncio.Wait(ctx, []*asyncio.Future[int]{f}, asyncio.ReturnWhen(7))
		wantErr(t, err, asyncio.ErrInvalidArgument, "ReturnWhen(7)", "FirstCompleted", "FirstException", "AllCompleted")
		wantErr(t, panicOf(func() { _, _, _ = asyncio.Wait(ctx, []asyncio.AnyFuture{f, nil}) }), asyncio.ErrInvalidArgument, "nil")
		_, _, err = asyncio.Wait(context.Background(), []*asyncio.Future[int]{f})
		wantErr(t, err, asyncio.ErrNoRunningLoop)
		return nil
	})
}

// A149: Python takes any iterable; in Go slices.Collect makes a slice of an iterator.
func TestWaitForTasksOfAnIterator(t *testing.T) {
	run(t, func(ctx context.Context) error {
		byName := map[string]*asyncio.Task[int]{}
		for _, name := range []string{"a", "b", "c"} {
			byName[name] = named(ctx, name, sleepThen(time.Second, 1))
		}
		done, unfinished, err := asyncio.Wait(ctx, slices.Collect(maps.Values(byName)))
		equal(t, "done", len(done), 3)
		equal(t, "unfinished", len(unfinished), 0)
		return err
	})
}

// A149: futures and tasks of several types are waited for as AnyFuture.
func TestWaitForFuturesOfSeveralTypes(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[string](ctx)
		all := []asyncio.AnyFuture{f, asyncio.CreateTask(ctx, sleepThen(time.Second, 1)), asyncio.Go(ctx, never)}
		done, unfinished, err := asyncio.Wait(ctx, all, asyncio.FirstCompleted)
		equal(t, "done", len(done), 1)
		if done[0] != all[1] || !slices.Equal(unfinished, []asyncio.AnyFuture{all[0], all[2]}) {
			t.Errorf("done are %v, unfinished %v", done, unfinished)
		}
		return err
	})
}

// A150: FirstCompleted returns when a future is done.
func TestWaitFirstCompleted(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tasks := []*asyncio.Task[int]{
			named(ctx, "a", sleepThen(3*time.Second, 1)),
			named(ctx, "b", sleepThen(1*time.Second, 2)),
			named(ctx, "c", sleepThen(2*time.Second, 3)),
		}
		done, unfinished, err := asyncio.Wait(ctx, tasks, asyncio.FirstCompleted)
		equal(t, "done", names(done), "b")
		equal(t, "unfinished", names(unfinished), "a c")
		equal(t, "the time", running(ctx).Time(), "1s")
		return err
	})
}

// A151: a future that ends in the same turn, after the condition was met, is among the
// done ones.
func TestWaitCountsFuturesOfTheSameTurn(t *testing.T) {
	run(t, func(ctx context.Context) error {
		a := named(ctx, "a", func(ctx context.Context) (int, error) { yields(ctx, 1); return 1, nil })
		b := named(ctx, "b", func(ctx context.Context) (int, error) { yields(ctx, 2); return 2, nil })
		done, unfinished, err := asyncio.Wait(ctx, []*asyncio.Task[int]{b, a}, asyncio.FirstCompleted)
		equal(t, "done", names(done), "b a")
		equal(t, "unfinished", names(unfinished), "")
		return err
	})
}

// A152: FirstException returns at the first error, even if it exists already.
func TestWaitFirstException(t *testing.T) {
	for _, when := range []time.Duration{0, time.Second} {
		run(t, func(ctx context.Context) error {
			tasks := []*asyncio.Task[int]{
				named(ctx, "a", sleepThenFail(when, errors.New("boom"))),
				named(ctx, "b", sleepThen(10*time.Second, 2)),
			}
			done, unfinished, err := asyncio.Wait(ctx, tasks, asyncio.FirstException)
			equal(t, "done", names(done), "a")
			equal(t, "unfinished", names(unfinished), "b")
			equal(t, "the time", running(ctx).Time(), when)
			return err
		})
	}
}

// A152: a cancelled child does not count as an error.
func TestWaitFirstExceptionIgnoresCancels(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tasks := []*asyncio.Task[int]{
			named(ctx, "a", sleepThen(10*time.Second, 1)),
			named(ctx, "b", sleepThen(1*time.Second, 2)),
			named(ctx, "c", sleepThenFail(5*time.Second, errors.New("boom"))),
		}
		running(ctx).CallLater(2*time.Second, func(context.Context) { tasks[0].Cancel() })
		done, unfinished, err := asyncio.Wait(ctx, tasks, asyncio.FirstException)
		equal(t, "done", names(done), "a b c")
		equal(t, "unfinished", names(unfinished), "")
		equal(t, "the time", running(ctx).Time(), "5s")
		equal(t, "c's error", done[2].Exception(), "boom")
		return err
	})
}

// A152: without errors it waits for all.
func TestWaitFirstExceptionWithoutErrors(t *testing.T) {
	run(t, func(ctx context.Context) error {
		done, _, err := asyncio.Wait(ctx, spawn(ctx, sleepThen(time.Second, 1), sleepThen(time.Minute, 2)), asyncio.FirstException)
		equal(t, "done", len(done), 2)
		equal(t, "the time", running(ctx).Time(), "1m0s")
		return err
	})
}

// A153: the time limit causes no error and cancels nothing.
func TestWaitTimeoutCancelsNothing(t *testing.T) {
	run(t, func(ctx context.Context) error {
		tasks := []*asyncio.Task[int]{
			named(ctx, "a", sleepThen(1*time.Second, 1)),
			named(ctx, "b", sleepThen(1*time.Minute, 2)),
		}
		done, unfinished, err := asyncio.Wait(ctx, tasks, asyncio.WithTimeout(2*time.Second))
		if err != nil {
			return err
		}
		equal(t, "done", names(done), "a")
		equal(t, "unfinished", names(unfinished), "b")
		equal(t, "the time", running(ctx).Time(), "2s")
		if unfinished[0].Cancelling() != 0 {
			t.Error("b was cancelled")
		}
		got, err := unfinished[0].Await(ctx)
		equal(t, "b's result", got, 2)
		return err
	})
}

// A153: a child that ends exactly at the limit is done if its timer is older than that of
// the wait.
func TestWaitTimeoutAtTheTimeOfCompletion(t *testing.T) {
	run(t, func(ctx context.Context) error {
		older := named(ctx, "older", sleepThen(time.Second, 1))
		yields(ctx, 1)
		younger := named(ctx, "younger", sleepThen(time.Second, 1))
		done, unfinished, err := asyncio.Wait(ctx, []*asyncio.Task[int]{younger, older}, asyncio.WithTimeout(time.Second))
		equal(t, "done", names(done), "older")
		equal(t, "unfinished", names(unfinished), "younger")
		return err
	})
}

// A153: with a limit of zero Wait returns what is done. A limit that was not reached
// leaves no timer.
func TestWaitTimeoutOfZeroAndUnused(t *testing.T) {
	clock := driver.NewVirtual()
	err := runOn(t, &asyncio.Runner{Driver: clock}, func(ctx context.Context) error {
		a, b := named(ctx, "a", sleepThen(0, 1)), named(ctx, "b", sleepThen(time.Second, 2))
		yields(ctx, 2)
		done, unfinished, err := asyncio.Wait(ctx, []*asyncio.Task[int]{a, b}, asyncio.WithTimeout(0))
		equal(t, "done", names(done), "a")
		equal(t, "unfinished", names(unfinished), "b")
		equal(t, "the time", clock.Now(), "0s")
		if err != nil {
			return err
		}
		_, _, err = asyncio.Wait(ctx, unfinished, asyncio.WithTimeout(time.Hour))
		if err != nil {
			return err
		}
		// Only a timer that was left could end this wait.
		_, err = asyncio.NewFuture[int](ctx).Await(ctx)
		return err
	})
	if deadlock := (*asyncio.DeadlockError)(nil); !errors.As(err, &deadlock) {
		t.Errorf("the last await ended with %v, want a DeadlockError", err)
	}
	equal(t, "the time", clock.Now(), "1s")
}

// A154: if the waiting task is cancelled, the children continue, and no callback is left
// on them.
func TestWaitCancelledDoesNotCancelChildren(t *testing.T) {
	run(t, func(ctx context.Context) error {
		child := named(ctx, "child", sleepThen(time.Second, 1))
		before := child.String()
		waiter := asyncio.Go(ctx, func(ctx context.Context) error {
			_, _, err := asyncio.Wait(ctx, []*asyncio.Task[int]{child})
			return err
		})
		yields(ctx, 1)
		if !strings.Contains(child.String(), " cb=[asyncio.Wait") {
			t.Errorf("during the wait the child prints as %v", child)
		}
		waiter.CancelWith("enough")
		_, err := waiter.Await(ctx)
		equal(t, "the waiter's error", brief(err), "cancelled: enough")
		if s := child.String(); strings.Contains(s, "cb=") || child.Cancelling() != 0 {
			t.Errorf("before the wait the child was %s, after it %s", before, s)
		}
		got, err := child.Await(ctx)
		equal(t, "the child's result", got, 1)
		return err
	})
}
