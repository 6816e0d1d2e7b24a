package asyncio

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The kinds of errors, for use with [errors.Is]. A bug that no caller can handle is a
// panic whose value is an error that wraps one of them.
var (
	// ErrCancelled matches every [CancelledError]. See asyncio.CancelledError.
	ErrCancelled = errors.New("asyncio: cancelled")
	// ErrTimeout matches every [TimeoutError]. See TimeoutError.
	ErrTimeout = errors.New("asyncio: timed out")
	// ErrInvalidState means that a future has no result yet, or already has an outcome.
	// See asyncio.InvalidStateError.
	ErrInvalidState = errors.New("asyncio: invalid state")
	// ErrNoRunningLoop means that the ctx does not come from a running loop.
	ErrNoRunningLoop = errors.New("asyncio: no running loop")
	// ErrLoopClosed means that the loop is closed.
	ErrLoopClosed = errors.New("asyncio: the loop is closed")
	// ErrWrongLoop means that an object of one loop was used on another loop.
	ErrWrongLoop = errors.New("asyncio: wrong loop")
	// ErrWrongContext means that the ctx of an await is not that of the running task.
	ErrWrongContext = errors.New("asyncio: wrong ctx")
	// ErrMisuse means that an operation was called in a wrong state or order. See
	// RuntimeError.
	ErrMisuse = errors.New("asyncio: misuse")
	// ErrInvalidArgument means that a function does not accept an argument. See
	// ValueError.
	ErrInvalidArgument = errors.New("asyncio: invalid argument")
	// ErrExited means that the task called runtime.Goexit, as FailNow of a test does.
	ErrExited = errors.New("asyncio: the task called runtime.Goexit")
	// ErrInterrupted means that an interrupt from the keyboard ended Run. See
	// KeyboardInterrupt.
	ErrInterrupted = errors.New("asyncio: interrupted")

	// ErrQueueFull is the error of [Queue.TryPut] if the queue is full. See
	// asyncio.QueueFull.
	ErrQueueFull = errors.New("asyncio: the queue is full")
	// ErrQueueEmpty is the error of [Queue.TryGet] if the queue is empty. See
	// asyncio.QueueEmpty.
	ErrQueueEmpty = errors.New("asyncio: the queue is empty")
	// ErrQueueShutDown means that [Queue.Shutdown] was called. Put fails from then on,
	// and Get fails once the queue is empty. See asyncio.QueueShutDown.
	ErrQueueShutDown = errors.New("asyncio: the queue is shut down")
	// ErrBrokenBarrier means that the [Barrier] was aborted, or was reset while tasks
	// waited at it. See asyncio.BrokenBarrierError.
	ErrBrokenBarrier = errors.New("asyncio: broken barrier")
)

// A TimeoutError is the error of a [Timeout] or [WaitFor] that ran out of time. It
// matches [ErrTimeout] and [context.DeadlineExceeded]. See TimeoutError.
type TimeoutError struct {
	// After is the time that was allowed; 0 if the limit was a point in time.
	After time.Duration
	// Cause is the CancelledError that ended the body. The TimeoutError does not unwrap
	// to it: a task that returns a TimeoutError has failed, and was not cancelled.
	Cause error
}

// Error returns the text with the allowed time: asyncio: timed out after 2s.
func (e *TimeoutError) Error() string {
	if e.After > 0 {
		return fmt.Sprintf("asyncio: timed out after %v", e.After)
	}
	return ErrTimeout.Error()
}

// Is reports whether target is ErrTimeout or context.DeadlineExceeded.
func (e *TimeoutError) Is(target error) bool {
	return target == ErrTimeout || target == context.DeadlineExceeded
}

// Timeout returns true, as net.Error requires of a timeout.
func (e *TimeoutError) Timeout() bool { return true }

// A GroupError contains the errors of a [TaskGroup]. See ExceptionGroup.
type GroupError struct {
	// Message is the beginning of the text: "unhandled errors in a TaskGroup", or
	// "unhandled error in a TaskGroup" if there is only one.
	Message string
	// Errors has the errors of the tasks in the order in which they occurred, followed by
	// the error of the body.
	Errors []error
}

// Error returns the message with the errors.
//
//   - A single error follows the message on the same line.
//   - Otherwise the first line has the count and the first error. One indented line for
//     each error follows; an error of several lines keeps them.
func (e *GroupError) Error() string {
	if len(e.Errors) == 0 {
		return "asyncio: " + e.Message
	}
	first := strings.TrimPrefix(e.Errors[0].Error(), "asyncio: ")
	if len(e.Errors) == 1 {
		return "asyncio: " + e.Message + ": " + first
	}
	first, _, _ = strings.Cut(first, "\n")
	var b strings.Builder
	fmt.Fprintf(&b, "asyncio: %s (%d), first: %s", e.Message, len(e.Errors), first)
	for _, err := range e.Errors {
		b.WriteString("\n  ")
		b.WriteString(strings.ReplaceAll(err.Error(), "\n", "\n  "))
	}
	return b.String()
}

// Unwrap returns the errors.
func (e *GroupError) Unwrap() []error { return e.Errors }

// A CleanupError is an error that occurred while another error was being handled, for
// example in the cleanup of a block that timed out. It unwraps to both. See __context__
// of Python's exceptions.
type CleanupError struct {
	Err    error // the later error
	During error // the error that was being handled
}

// Error returns both texts, that of Err first.
func (e *CleanupError) Error() string {
	return fmt.Sprintf("%v (while handling: %v)", e.Err, e.During)
}

// Unwrap returns both errors.
func (e *CleanupError) Unwrap() []error { return []error{e.Err, e.During} }

// A PanicError is the outcome of a task that panicked. An exception handler also receives
// it for a callback that panicked. If the value of the panic is an error, it unwraps to
// that.
type PanicError struct {
	Value any
	Stack []byte // of the goroutine that panicked
	Task  string // the description of the task or of the callback
}

// Error returns the task, the value, and the stack of the goroutine.
func (e *PanicError) Error() string {
	return fmt.Sprintf("asyncio: panic in %s: %v\n\n%s", e.Task, e.Value, e.Stack)
}

// Unwrap returns the value of the panic if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// A DeadlockError reports that nothing can wake a loop although its caller or its tasks
// wait: no call is ready or scheduled, and no work runs elsewhere. In this state asyncio
// waits forever.
type DeadlockError struct {
	// Waiting has a line for each pending task: its description and its wait reason.
	Waiting []string
}

// Error returns the lines of Waiting after a heading.
func (e *DeadlockError) Error() string {
	if len(e.Waiting) == 0 {
		return "asyncio: deadlock: nothing can wake this loop and it has no pending tasks; complete the awaited future or call Stop"
	}
	return "asyncio: deadlock: nothing can wake this loop; pending tasks:\n  " + strings.Join(e.Waiting, "\n  ")
}

// A ShutdownError lists the tasks and jobs that did not end when a loop was shut down:
// they took longer than the limit, or could never end. The tasks were then killed. The
// jobs continue in their goroutines.
type ShutdownError struct {
	After time.Duration // the limit
	Tasks []string      // a line for each task: its description and its wait reason
	Jobs  []string      // the names of functions in the default executor
}

// Error returns a line for each task and each job after a heading.
func (e *ShutdownError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "asyncio: shutdown incomplete after %v:", e.After)
	for _, t := range e.Tasks {
		b.WriteString("\n  ")
		b.WriteString(t)
	}
	for _, j := range e.Jobs {
		b.WriteString("\n  job ")
		b.WriteString(j)
	}
	return b.String()
}

// misuse returns the error for a mistake in the calling code. It wraps kind, whose text
// is its beginning: "asyncio: KIND: act on object: what is wrong; how to fix it".
func misuse(kind error, format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{kind}, args...)...)
}

// firstLine returns the first line of err's text. The stack of a panic and the parts of a
// GroupError follow it.
func firstLine(err error) string {
	line, _, _ := strings.Cut(fmt.Sprint(err), "\n")
	return line
}

// also joins two errors. Usually at least one of them is nil.
func also(err, more error) error {
	switch {
	case more == nil:
		return err
	case err == nil:
		return more
	}
	return errors.Join(err, more)
}
