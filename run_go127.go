//go:build go1.27

package asyncio

import "context"

// RunResult is [Runner.Run] for a function with a result. See Runner.run.
func (r *Runner) RunResult[T any](ctx context.Context, main func(ctx context.Context) (T, error), opts ...TaskOption) (T, error) {
	return runMain(ctx, r, &Task[T]{fn: main}, codePointer(main), opts)
}
