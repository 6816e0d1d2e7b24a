//go:build go1.27

package asyncio_test

import (
	"context"
	"testing"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// The methods do the same as the functions.
func TestMethods(t *testing.T) {
	noLeaks(t)
	v := asyncio.NewContextVar[string]("v")
	r := asyncio.Runner{Driver: driver.NewVirtual(), NoInterrupt: true}
	sum, err := r.RunResult(context.Background(), func(ctx context.Context) (int, error) {
		l := running(ctx)
		v.Set(ctx, "inherited")
		task := l.CreateTask(func(ctx context.Context) (string, error) { return valueOf(ctx, v), asyncio.Yield(ctx) }, asyncio.WithName("t"))
		job := l.RunInExecutor(nil, one)
		f := l.CreateFuture[int]()
		f.AddDoneCallback(callbackA)
		var inGroup *asyncio.Task[int]
		err := asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
			inGroup = tg.CreateTask(one, asyncio.WithName("g"))
			return f.SetResult(40)
		})
		if err != nil {
			return 0, err
		}
		if got, err := task.Await(ctx); got != "inherited" || task.Name() != "t" || err != nil {
			t.Errorf("task %s = %s, %v; want t = inherited, nil", task.Name(), got, err)
		}
		a, err := job.Await(ctx)
		if err != nil {
			return 0, err
		}
		b, err := inGroup.Result()
		if err != nil {
			return 0, err
		}
		c, err := f.Result()
		return a + b + c, err
	}, asyncio.WithName("main"))
	if sum != 42 || err != nil {
		t.Errorf("RunResult = %v, %v; want 42, nil", sum, err)
	}
	if got, err := r.Loop().RunUntilComplete(asyncio.Coro[int](one)); got != 1 || err != nil {
		t.Errorf("RunUntilComplete = %v, %v; want 1, nil", got, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
