//go:build go1.27

package asyncio

import (
	"context"

	"example.com/asyncio/executor"
)

// From Go 1.27 on a method may have type parameters of its own. These are what
// reads as in Python then; each is a function under another name.

// CreateTask is [CreateTaskIn]. See TaskGroup.create_task.
func (tg *TaskGroup) CreateTask[T any](fn func(ctx context.Context) (T, error), opts ...TaskOption) *Task[T] {
	return CreateTaskIn(tg, fn, opts...)
}

// CreateTask is the function [CreateTask] for who has a loop and no ctx: the task has no values but those of
// the present Context. See loop.create_task.
func (l *Loop) CreateTask[T any](fn func(ctx context.Context) (T, error), opts ...TaskOption) *Task[T] {
	return CreateTask(l.Context(), fn, opts...)
}

// CreateFuture is [NewFuture]. See loop.create_future.
func (l *Loop) CreateFuture[T any](opts ...FutureOption) *Future[T] {
	return NewFuture[T](l.Context(), opts...)
}

// RunInExecutor is the function [RunInExecutor] for who has a loop and no ctx. See loop.run_in_executor.
func (l *Loop) RunInExecutor[T any](ex executor.Executor, fn func(ctx context.Context) (T, error)) *Future[T] {
	return RunInExecutor(l.Context(), ex, fn)
}

// RunUntilComplete is the function [RunUntilComplete]. See loop.run_until_complete.
func (l *Loop) RunUntilComplete[T any](aw Awaitable[T]) (T, error) {
	return RunUntilComplete(l, aw)
}

// RunResult is [Runner.Run] for a function with a result. See Runner.run.
func (r *Runner) RunResult[T any](ctx context.Context, main func(ctx context.Context) (T, error), opts ...TaskOption) (T, error) {
	return runMain(ctx, r, &Task[T]{fn: main}, codePointer(main), opts)
}
