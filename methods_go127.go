//go:build go1.27

package asyncio

import (
	"context"

	"example.com/asyncio/executor"
)

// Since Go 1.27 methods can have type parameters. Each method in this file calls the
// function that older versions of Go have in its place.

// CreateTask is [CreateTaskIn]. See TaskGroup.create_task.
func (tg *TaskGroup) CreateTask[T any](fn func(ctx context.Context) (T, error), opts ...TaskOption) *Task[T] {
	return CreateTaskIn(tg, fn, opts...)
}

// CreateTask is the function [CreateTask] for code that has a loop but no ctx. The task
// inherits the current context variables, and no values of a ctx. See loop.create_task.
func (l *Loop) CreateTask[T any](fn func(ctx context.Context) (T, error), opts ...TaskOption) *Task[T] {
	return CreateTask(l.Context(), fn, opts...)
}

// CreateFuture is [NewFuture]. See loop.create_future.
func (l *Loop) CreateFuture[T any](opts ...FutureOption) *Future[T] {
	return NewFuture[T](l.Context(), opts...)
}

// RunInExecutor is the function [RunInExecutor] for code that has a loop but no ctx. See
// loop.run_in_executor.
func (l *Loop) RunInExecutor[T any](ex executor.Executor, fn func(ctx context.Context) (T, error)) *Future[T] {
	return RunInExecutor(l.Context(), ex, fn)
}

// RunUntilComplete is the function [RunUntilComplete]. See loop.run_until_complete.
func (l *Loop) RunUntilComplete[T any](aw Awaitable[T]) (T, error) {
	return RunUntilComplete(l, aw)
}
