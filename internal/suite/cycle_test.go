package suite_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"example.com/asyncio"
)

// cycle makes n tasks that wait in a cycle: each for the next, the last for the first.
// link waits for a task.
func cycle(ctx context.Context, n int, link func(ctx context.Context, next asyncio.AnyFuture) error) []*asyncio.Task[asyncio.None] {
	running(ctx).SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) {}) // the errors of the gathers are never read
	tasks := make([]*asyncio.Task[asyncio.None], n)
	for i := range tasks {
		tasks[i] = asyncio.Go(ctx, func(ctx context.Context) error {
			return link(ctx, tasks[(i+1)%n])
		}, asyncio.WithName(fmt.Sprint("t", i)))
	}
	return tasks
}

// links are the ways in which a task can wait for another.
var links = []struct {
	how  string
	link func(ctx context.Context, next asyncio.AnyFuture) error
}{
	{"await", func(ctx context.Context, next asyncio.AnyFuture) error {
		_, err := next.AnyAwait(ctx)
		return err
	}},
	{"gather", func(ctx context.Context, next asyncio.AnyFuture) error {
		_, err := asyncio.GatherAny(ctx, next).Await(ctx)
		return err
	}},
	{"gather with others, twice", func(ctx context.Context, next asyncio.AnyFuture) error {
		other := asyncio.NewFuture[int](ctx)
		runnable := asyncio.Go(ctx, func(ctx context.Context) error { // always runnable
			for {
				if err := asyncio.Yield(ctx); err != nil {
					return err
				}
			}
		})
		_, err := asyncio.GatherAnyResults(ctx, next, other, runnable, next).Await(ctx)
		return err
	}},
	{"await in a timeout", func(ctx context.Context, next asyncio.AnyFuture) error {
		return asyncio.Timeout(ctx, time.Hour, func(ctx context.Context) error {
			_, err := next.AnyAwait(ctx)
			return err
		})
	}},
}

// TestCancelInACycle checks that a cancel of any task in a cycle of awaits ends all
// tasks. CPython overflows its stack.
func TestCancelInACycle(t *testing.T) {
	for _, l := range links {
		for n := 1; n <= 4; n++ {
			if n == 1 && l.how != links[1].how && l.how != links[2].how {
				continue // a task that awaits itself is refused
			}
			for first := range n {
				t.Run(fmt.Sprintf("%s/%d tasks/from %d", l.how, n, first), func(t *testing.T) {
					run(t, func(ctx context.Context) error {
						tasks := cycle(ctx, n, l.link)
						yields(ctx, 2)
						if !tasks[first].CancelWith("enough") {
							t.Error("CancelWith returned false")
						}
						done, unfinished, err := asyncio.Wait(ctx, tasks)
						for _, task := range done {
							if !task.Cancelled() {
								t.Errorf("%v is not cancelled", task)
							}
						}
						equal(t, "unfinished tasks", len(unfinished), 0)
						return err
					})
				})
			}
		}
	}
}

// TestCancelBeforeTheCycleCloses checks a task that is cancelled before it closes the
// cycle.
func TestCancelBeforeTheCycleCloses(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var rec record
		running(ctx).SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) {})
		var snake *asyncio.Task[asyncio.None]
		snake = asyncio.Go(ctx, func(ctx context.Context) error {
			snake.CancelWith("enough")
			_, err := asyncio.GatherAny(ctx, snake).Await(ctx)
			rec.Add("%v", err)
			return err
		}, asyncio.WithName("snake"))
		if err := asyncio.Timeout(ctx, time.Second, func(ctx context.Context) error {
			_, _, err := asyncio.Wait(ctx, []asyncio.AnyFuture{snake})
			return err
		}); err != nil {
			return err
		}
		rec.Want(t, "asyncio: cancelled by snake: enough")
		return nil
	})
}

// TestRepeatedCancelInACycle checks that repeated cancels wake no task twice.
func TestRepeatedCancelInACycle(t *testing.T) {
	for _, l := range links {
		t.Run(l.how, func(t *testing.T) {
			run(t, func(ctx context.Context) error {
				tasks := cycle(ctx, 3, l.link)
				yields(ctx, 2)
				for range 3 {
					for _, task := range tasks {
						task.Cancel()
					}
				}
				_, unfinished, err := asyncio.Wait(ctx, tasks)
				equal(t, "unfinished tasks", len(unfinished), 0)
				return err
			})
		})
	}
}
