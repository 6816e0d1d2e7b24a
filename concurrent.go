package asyncio

import (
	"context"
	"errors"
	"sync"
)

// A ConcurrentFuture is a future for goroutines outside the loop.
//
//   - [RunCoroutineThreadsafe] or [NewConcurrentFuture] makes it. Methods of the zero
//     value panic with [ErrMisuse].
//   - Any goroutine may use it.
//
// See concurrent.futures.Future.
type ConcurrentFuture[T any] struct {
	// done is closed after the outcome is set; nil in the zero value.
	done chan struct{}
	// loop is the loop that computes the outcome; nil if there is none or it is unknown.
	loop *Loop

	mu sync.Mutex // guards the fields below, until done is closed

	value    T
	err      error
	finished bool     // whether value and err are set
	then     []func() // called after done is closed; nil after that
}

// NewConcurrentFuture returns a pending ConcurrentFuture. See concurrent.futures.Future.
func NewConcurrentFuture[T any]() *ConcurrentFuture[T] {
	return &ConcurrentFuture[T]{done: make(chan struct{})}
}

// mustBeMade panics for a zero ConcurrentFuture.
func (c *ConcurrentFuture[T]) mustBeMade(act string) {
	if c.done == nil {
		panic(misuse(ErrMisuse, "%s on a zero ConcurrentFuture; make it with NewConcurrentFuture", act))
	}
}

// DoneChan returns a channel that is closed when c has an outcome.
func (c *ConcurrentFuture[T]) DoneChan() <-chan struct{} {
	c.mustBeMade("DoneChan")
	return c.done
}

// Done reports whether c has an outcome. See concurrent.futures.Future.done.
func (c *ConcurrentFuture[T]) Done() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.finished
}

// Result returns the outcome.
//
//   - It blocks until c has an outcome or ctx is done. In the latter case it returns the
//     error of ctx, and the work continues.
//   - Code on the loop that computes the outcome must not call it, because it would wait
//     for itself. In debug mode this is [ErrMisuse].
//   - Its error is [ErrInvalidArgument] if ctx is nil.
//
// See concurrent.futures.Future.result.
func (c *ConcurrentFuture[T]) Result(ctx context.Context) (T, error) {
	var zero T
	c.mustBeMade("Result")
	if ctx == nil {
		return zero, misuse(ErrInvalidArgument, "Result on a ConcurrentFuture: ctx is nil; pass context.Background()")
	}
	if c.loop != nil && c.loop.isHere() && !c.Done() {
		return zero, misuse(ErrMisuse, "Result on a ConcurrentFuture: code of its own loop would wait for itself; await the function, or a task made with CreateTask")
	}
	select {
	case <-c.done:
		return c.value, c.err
	case <-ctx.Done():
		return zero, ctx.Err()
	}
}

// Cancel cancels c, and requests the cancellation of the task behind it. It returns false
// if c has an outcome. See concurrent.futures.Future.cancel, which cannot cancel a
// running call.
func (c *ConcurrentFuture[T]) Cancel() bool {
	c.mustBeMade("Cancel")
	var zero T
	return c.finish(zero, &CancelledError{})
}

// SetResult sets the result of c. Its error is [ErrInvalidState] if c has an outcome. See
// concurrent.futures.Future.set_result.
func (c *ConcurrentFuture[T]) SetResult(value T) error {
	c.mustBeMade("SetResult")
	if !c.finish(value, nil) {
		return misuse(ErrInvalidState, "SetResult on a ConcurrentFuture that has an outcome")
	}
	return nil
}

// SetException sets the error of c.
//
// Its own errors are [ErrInvalidArgument] if err is nil, and [ErrInvalidState] if c has
// an outcome. See concurrent.futures.Future.set_exception.
func (c *ConcurrentFuture[T]) SetException(err error) error {
	c.mustBeMade("SetException")
	if err == nil {
		return misuse(ErrInvalidArgument, "SetException(nil) on a ConcurrentFuture; use SetResult for success")
	}
	var zero T
	if !c.finish(zero, err) {
		return misuse(ErrInvalidState, "SetException on a ConcurrentFuture that has an outcome")
	}
	return nil
}

// finish sets the outcome of c, unless c has one, and calls the functions of whenDone.
func (c *ConcurrentFuture[T]) finish(value T, err error) bool {
	c.mu.Lock()
	if c.finished {
		c.mu.Unlock()
		return false
	}
	c.finished, c.value, c.err = true, value, err
	then := c.then
	c.then = nil
	c.mu.Unlock()
	close(c.done)
	for _, f := range then {
		f()
	}
	return true
}

// whenDone calls f when c has an outcome: now, or in the goroutine that sets it.
func (c *ConcurrentFuture[T]) whenDone(f func()) {
	c.mu.Lock()
	if !c.finished {
		c.then = append(c.then, f)
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	f()
}

// RunCoroutineThreadsafe runs fn as a task of l and returns a future for its outcome.
//
//   - Any goroutine may call it. Only goroutines other than that of the loop may block in
//     [ConcurrentFuture.Result].
//   - The future fails if the loop is closed before the task ends ([ErrLoopClosed]), or
//     if the task cannot be created.
//   - It panics with [ErrInvalidArgument] if fn is nil.
//
// See asyncio.run_coroutine_threadsafe.
func RunCoroutineThreadsafe[T any](l *Loop, fn func(ctx context.Context) (T, error)) *ConcurrentFuture[T] {
	if fn == nil {
		panic(misuse(ErrInvalidArgument, "RunCoroutineThreadsafe: fn is nil; pass a func(ctx context.Context) (T, error)"))
	}
	c := NewConcurrentFuture[T]()
	c.loop = l
	l.inbox.owe(c)
	c.whenDone(func() { l.inbox.paid(c) })
	_, err := l.CallSoonThreadsafe(func(ctx context.Context) { startFor(ctx, c, fn) })
	if err != nil {
		var zero T
		c.finish(zero, err)
	}
	return c
}

// startFor starts fn as a task whose outcome is that of c, unless c was cancelled.
func startFor[T any](ctx context.Context, c *ConcurrentFuture[T], fn func(ctx context.Context) (T, error)) {
	defer func() {
		if p := recover(); p != nil { // for example of a task factory
			err, ok := p.(error)
			if !ok {
				err = newPanicError(p, "the creation of a task")
			}
			var zero T
			c.finish(zero, err)
			panic(p)
		}
	}()
	if c.Done() {
		return
	}
	t := CreateTask(ctx, fn)
	t.AddDoneCallback(func(context.Context, AnyFuture) {
		value, err := t.Result()
		c.finish(value, err)
	})
	c.whenDone(func() {
		if errors.Is(c.err, ErrCancelled) {
			_, _ = c.loop.CallSoonThreadsafe(func(context.Context) { t.Cancel() })
		}
	})
}

// WrapFuture returns a future on the loop of ctx that has the outcome of c.
//
//   - A cancel of either future cancels the other.
//   - It panics with [ErrNoRunningLoop] if ctx comes from no loop.
//
// See asyncio.wrap_future.
func WrapFuture[T any](ctx context.Context, c *ConcurrentFuture[T]) *Future[T] {
	l := mustLoop(ctx, "WrapFuture")
	c.mustBeMade("WrapFuture")
	f := NewFuture[T](ctx)
	f.AddDoneCallback(func(context.Context, AnyFuture) {
		if f.Cancelled() {
			c.Cancel()
		}
	})
	l.outside++
	c.whenDone(func() {
		l.doneOutside(func(context.Context) { finishFromOutside(f, c.value, c.err) })
	})
	return f
}
