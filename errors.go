package asyncio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"example.com/asyncio/executor"
)

// What can be asked of an error with [errors.Is]. What only a bug in the caller
// can cause is a panic; its value is an error that wraps one of these too.
var (
	// ErrCancelled is what every [CancelledError] is. See asyncio.CancelledError.
	ErrCancelled = errors.New("asyncio: cancelled")
	// ErrTimeout is what every [TimeoutError] is. See TimeoutError.
	ErrTimeout = errors.New("asyncio: timed out")
	// ErrInvalidState: a result is asked of a future that has none yet, or given
	// to one that has one. See asyncio.InvalidStateError.
	ErrInvalidState = errors.New("invalid state")
	// ErrNoRunningLoop: the ctx does not come from a running loop.
	ErrNoRunningLoop = errors.New("no running loop")
	// ErrLoopClosed: the loop is closed.
	ErrLoopClosed = errors.New("the loop is closed")
	// ErrWrongLoop: an object of one loop was used on another.
	ErrWrongLoop = errors.New("attached to a different loop")
	// ErrWrongContext: an await was given a ctx that is not that of the running task.
	ErrWrongContext = errors.New("not the ctx of the running task")
	// ErrMisuse: an operation in a wrong state or order. See RuntimeError.
	ErrMisuse = errors.New("wrong use")
	// ErrInvalidArgument: an argument that makes no sense. See ValueError.
	ErrInvalidArgument = errors.New("invalid argument")
	// ErrExited: the task called runtime.Goexit, as t.FailNow of a test does.
	ErrExited = errors.New("asyncio: the task called runtime.Goexit")
	// ErrInterrupted: Run was ended by an interrupt from the keyboard. See KeyboardInterrupt.
	ErrInterrupted = errors.New("asyncio: interrupted")
)

// A CancelledError is what an await returns once its task was asked to cancel,
// and what a cancelled future or task has for a result. It is [ErrCancelled]
// and [context.Canceled]. Its text, and its attributes in package slog, say all that is known of why. See asyncio.CancelledError.
type CancelledError struct {
	Message   any   // what was given to Cancel, or nil
	Cause     error // the error that brought the cancellation here, where that is another one
	by        any   // see By; what prints is found out only when it is asked for
	forwarded bool  // the request of a task that passed it on to what it waited for
}

// An asker is what knows more of a request to cancel than who asked.
type originDescriber interface {
	askedBy() any
	through() []string
	place() string
}

// origin returns the CancelledError that knows who asked.
func (e *CancelledError) origin() *CancelledError {
	for e.by == nil {
		var cause *CancelledError
		if !errors.As(e.Cause, &cause) {
			return e
		}
		e = cause
	}
	if of, ok := e.by.(*CancelledError); ok { // asked for again, in the name of the first who did
		return of.origin()
	}
	return e
}

// By tells who asked: the name of the task whose code called Cancel, or what it was whose
// doing it was: a timeout, a group and why that ends, the shutdown of the loop. It is empty if that is unknown, as it is
// in a callback.
func (e *CancelledError) By() string {
	by := e.origin().by
	if a, ok := by.(originDescriber); ok {
		by = a.askedBy()
	}
	switch by := by.(type) {
	case nil:
		return ""
	case interface{ Name() string }:
		return by.Name()
	default:
		return fmt.Sprint(by)
	}
}

// Through tells by which awaits the request came: the names of the tasks that each awaited the next, the one that
// was asked first. It is empty where the task, or the future, was itself asked.
func (e *CancelledError) Through() []string {
	if a, ok := e.origin().by.(originDescriber); ok {
		return a.through()
	}
	return nil
}

// Place tells where in the code Cancel was called, as file:line. That is known in debug mode and with [inspect.RecordPlaces], and
// empty otherwise.
func (e *CancelledError) Place() string {
	if a, ok := e.origin().by.(originDescriber); ok {
		return a.place()
	}
	return ""
}

// Error tells all that is known of why: asyncio: cancelled by main at main.go:12, through the await of a, b: supper.
func (e *CancelledError) Error() string { return "asyncio: " + e.reason() }

func (e *CancelledError) reason() string {
	var b strings.Builder
	b.WriteString("cancelled")
	if by := e.By(); by != "" {
		b.WriteString(" by " + by)
	}
	if place := e.Place(); place != "" {
		b.WriteString(" at " + place)
	}
	if through := e.Through(); len(through) > 0 {
		b.WriteString(", through the await of " + strings.Join(through, ", "))
	}
	if e.Message != nil {
		fmt.Fprintf(&b, ": %v", e.Message)
	}
	return b.String()
}

// LogValue is what package slog logs: what the text has, in attributes.
func (e *CancelledError) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Bool("cancelled", true)}
	if by := e.By(); by != "" {
		attrs = append(attrs, slog.String("by", by))
	}
	if e.Message != nil {
		attrs = append(attrs, slog.Any("message", e.Message))
	}
	if through := e.Through(); len(through) > 0 {
		attrs = append(attrs, slog.Any("through", through))
	}
	if place := e.Place(); place != "" {
		attrs = append(attrs, slog.String("place", place))
	}
	return slog.GroupValue(attrs...)
}

// Is tells that e is ErrCancelled and context.Canceled.
func (e *CancelledError) Is(target error) bool {
	return target == ErrCancelled || target == context.Canceled
}

// Unwrap returns Cause.
func (e *CancelledError) Unwrap() error { return e.Cause }

// A TimeoutError is what a [Timeout] or [WaitFor] ends with when the time was
// up. It is [ErrTimeout] and [context.DeadlineExceeded]. See TimeoutError.
type TimeoutError struct {
	After time.Duration // how much time was given; 0 where a point in time was
	// Cause is the CancelledError that ended the body. The TimeoutError does not
	// unwrap to it: a task that returns this error has failed, and was not cancelled.
	Cause error
}

// Error tells how much time was given: asyncio: timed out after 2s.
func (e *TimeoutError) Error() string {
	if e.After > 0 {
		return fmt.Sprintf("asyncio: timed out after %v", e.After)
	}
	return ErrTimeout.Error()
}

// Is tells that e is ErrTimeout and context.DeadlineExceeded.
func (e *TimeoutError) Is(target error) bool {
	return target == ErrTimeout || target == context.DeadlineExceeded
}

// Timeout tells that e is a timeout, as net.Error has it.
func (e *TimeoutError) Timeout() bool { return true }

// A GroupError holds what went wrong in a [TaskGroup]: the errors of the tasks
// in the order in which they came, and that of the body last. See ExceptionGroup.
type GroupError struct {
	Message string
	Errors  []error
}

// Error has a line for each error, indented; one with several lines keeps them.
func (e *GroupError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "asyncio: %s (%d)", e.Message, len(e.Errors))
	for _, err := range e.Errors {
		b.WriteString("\n  ")
		b.WriteString(strings.ReplaceAll(err.Error(), "\n", "\n  "))
	}
	return b.String()
}

// Unwrap returns the errors.
func (e *GroupError) Unwrap() []error { return e.Errors }

// A CleanupError is an error that came up while another was being dealt with:
// the cleanup of a block whose time was up failed, say. It unwraps to both. See
// __context__ of Python's exceptions.
type CleanupError struct {
	Err    error // what went wrong
	During error // what was being dealt with
}

// Error tells both, what went wrong first.
func (e *CleanupError) Error() string {
	return fmt.Sprintf("%v (while dealing with: %v)", e.Err, e.During)
}

// Unwrap returns both errors.
func (e *CleanupError) Unwrap() []error { return []error{e.Err, e.During} }

// A PanicError is what a task that panicked ends with, and what an exception
// handler is told of a callback that did. If the panic's value was an error, it
// unwraps to that.
type PanicError struct {
	Value any
	Stack []byte // of the goroutine that panicked
	Task  string // the task, as it prints, or the callback
}

// Error tells whose panic it was, its value, and the stack of its goroutine.
func (e *PanicError) Error() string {
	return fmt.Sprintf("asyncio: panic in %s: %v\n\n%s", e.Task, e.Value, e.Stack)
}

// Unwrap returns the panic's value, if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// A DeadlockError says that nothing can ever happen again on a loop, though
// somebody waits: no call is ready, none is scheduled, no work is under way elsewhere. asyncio waits for ever then.
type DeadlockError struct {
	Waiting []string // a line for each pending task: what it is, and what it waits for
}

// Error has a line for each of Waiting.
func (e *DeadlockError) Error() string {
	if len(e.Waiting) == 0 {
		return "asyncio: deadlock: nothing can ever happen on this loop, and no task is left; something must finish the future that is awaited, or call Stop"
	}
	return "asyncio: deadlock: nothing can ever happen on this loop, while these wait:\n  " + strings.Join(e.Waiting, "\n  ")
}

// A ShutdownError names what had not ended when a loop was shut down: it took longer
// than the limit, or could never have ended. The tasks were then killed; the
// jobs go on in their goroutines.
type ShutdownError struct {
	After time.Duration // the limit
	Tasks []string      // a line for each task: what it is, and what it waits for
	Jobs  []string      // functions in the default executor, by name
}

// Error has a line for each task and each job.
func (e *ShutdownError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "asyncio: not ended when the loop shut down (limit %v)", e.After)
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

// isCancelled reports whether err says that the task that returns it was
// cancelled. asked tells that a cancel is outstanding: then a context.Canceled counts, that of a
// net/http call which saw the ctx, say.
//
// An error that joins several is a cancellation only if all are: or else a
// task that failed while it was cancelled would hide its failure.
func isCancelled(err error, asked bool) bool {
	for err != nil {
		switch e := err.(type) {
		case *CancelledError:
			return true
		case *TimeoutError, *PanicError, *executor.PanicError:
			return false // whatever was the reason
		case interface{ Unwrap() []error }:
			errs := e.Unwrap()
			for _, err := range errs {
				if !isCancelled(err, asked) {
					return false
				}
			}
			return len(errs) > 0
		}
		if err == ErrCancelled || asked && err == context.Canceled {
			return true
		}
		err = errors.Unwrap(err)
	}
	return false
}

// misuse is the error of a mistake in the calling code. kind is the sentinel that it wraps.
func misuse(kind error, format string, args ...any) error {
	return fmt.Errorf("asyncio: "+format+": %w", append(args, kind)...)
}

// firstLine returns the first line of err's text. The stack of a panic and the parts of a GroupError
// follow it.
func firstLine(err error) string {
	line, _, _ := strings.Cut(fmt.Sprint(err), "\n")
	return line
}

// also joins two errors, of which most often one or both are nil.
func also(err, more error) error {
	switch {
	case more == nil:
		return err
	case err == nil:
		return more
	}
	return errors.Join(err, more)
}
