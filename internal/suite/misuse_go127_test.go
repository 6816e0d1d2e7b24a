//go:build go1.27

package suite_test

import (
	"context"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// init adds the generic methods to the lists of misuse_test.go.
func init() {
	takesAnyCtx["Runner.RunResult"] = "as Run"
	takesFunc["Runner.RunResult"] = func(context.Context) error {
		_, err := (&asyncio.Runner{}).RunResult[int](context.Background(), nil)
		return err
	}
	takesFunc["TaskGroup.CreateTask"] = func(ctx context.Context) error {
		return inGroup(ctx, func(tg *asyncio.TaskGroup) { tg.CreateTask[int](nil) })
	}
	takesFunc["Loop.CreateTask"] = func(ctx context.Context) error { running(ctx).CreateTask[int](nil); return nil }
	takesFunc["Loop.RunInExecutor"] = func(ctx context.Context) error { running(ctx).RunInExecutor[int](nil, nil); return nil }
	takesFunc["Loop.RunUntilComplete"] = func(context.Context) error {
		l := asyncio.NewLoop(driver.NewVirtual())
		defer l.Close()
		_, err := l.RunUntilComplete[int](nil)
		return err
	}
}
