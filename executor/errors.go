package executor

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrShutdown is the error of Submit after Shutdown has begun, and the
	// cause with which a Shutdown whose limit has passed cancels what runs.
	ErrShutdown = errors.New("executor: shut down")

	// ErrWithdrawn is the outcome of a job that was cancelled before it began,
	// or had not begun when the limit of a Shutdown passed. It never ran.
	ErrWithdrawn = errors.New("executor: job withdrawn before it began")

	// ErrExited is the outcome of a job that called runtime.Goexit,
	// as t.FailNow does.
	ErrExited = errors.New("executor: job called runtime.Goexit")
)

// PanicError is the outcome of a job that panicked.
type PanicError struct {
	Value any    // given to panic
	Stack []byte // of the job's goroutine, as debug.Stack writes it
}

// Error returns the value and the stack.
func (e *PanicError) Error() string {
	return fmt.Sprintf("executor: job panicked: %v\n\n%s", e.Value, e.Stack)
}

// Unwrap returns the value, if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// BusyError is the answer of a Shutdown whose limit passed while jobs ran.
type BusyError struct {
	Jobs []string // the names of the jobs that run, in order of submission
}

// Error says how many jobs still run, and which.
func (e *BusyError) Error() string {
	return fmt.Sprintf("executor: shutdown: %d still running: %s", len(e.Jobs), strings.Join(e.Jobs, ", "))
}
