package executor

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrShutdown is the error of Submit after Shutdown has begun. It is also the cause
	// of the ctx of running jobs when the ctx of a Shutdown ends.
	ErrShutdown = errors.New("executor: shut down")

	// ErrWithdrawn is the outcome of a job that never ran: it was cancelled before it
	// began, or had not begun when the ctx of a Shutdown ended.
	ErrWithdrawn = errors.New("executor: job withdrawn before it began")

	// ErrExited is the outcome of a job that called runtime.Goexit, as t.FailNow does.
	ErrExited = errors.New("executor: job called runtime.Goexit")
)

// PanicError is the outcome of a job that panicked.
type PanicError struct {
	Value any    // argument of panic
	Stack []byte // stack of the job's goroutine, in the format of debug.Stack
}

// Error returns a message with the value and the stack.
func (e *PanicError) Error() string {
	return fmt.Sprintf("executor: job panicked: %v\n\n%s", e.Value, e.Stack)
}

// Unwrap returns the value if it is an error, and nil otherwise.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// BusyError is the error of a Shutdown whose ctx ended while jobs were running.
type BusyError struct {
	Jobs []string // names of the running jobs, in order of submission
}

// Error returns a message with the number of running jobs and their names.
func (e *BusyError) Error() string {
	return fmt.Sprintf("executor: shutdown: %d still running: %s", len(e.Jobs), strings.Join(e.Jobs, ", "))
}
