package asyncio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"example.com/asyncio/executor"
	"example.com/asyncio/inspect"
)

// A CancelledError is the outcome of a cancelled future or task. An await returns it
// after its task was asked to cancel.
//
//   - It matches [ErrCancelled] and [context.Canceled].
//   - Its text, and its attributes in package slog, contain all that is known about the
//     request.
//
// See asyncio.CancelledError.
type CancelledError struct {
	// Message is the argument of CancelWith, or nil.
	Message any
	// Cause is the error that led to this one, or nil: the CancelledError of an awaited
	// future, or the cause of the end of the ctx given to Run.
	Cause error

	by        any  // the requester, or a *cancelOrigin with more; nil: unknown
	forwarded bool // of taskBase.request: the task forwarded it to what it awaited
}

// original returns the error that knows the requester: e, or a CancelledError in its
// chain of causes.
func (e *CancelledError) original() *CancelledError {
	for e.by == nil {
		var cause *CancelledError
		if !errors.As(e.Cause, &cause) {
			return e
		}
		e = cause
	}
	if of, ok := e.by.(*CancelledError); ok { // a request repeated for the first requester
		return of.original()
	}
	return e
}

// By returns the requester:
//
//   - the name of the task whose code called Cancel
//   - or a description of the block or event: a timeout, a group with its reason, the
//     shutdown of the loop
//   - or "" if it is unknown, as for a Cancel in a callback
func (e *CancelledError) By() string {
	by := e.original().by
	if o, ok := by.(*cancelOrigin); ok {
		by = o.by
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

// Through returns the names of the tasks through whose awaits the request arrived. The
// task that was asked first is the first, and each awaited the next. It is empty if the
// request was made for this task or future itself.
func (e *CancelledError) Through() []string {
	if o, ok := e.original().by.(*cancelOrigin); ok {
		return o.through()
	}
	return nil
}

// Place returns where Cancel was called, as file:line. It is known in debug mode and with
// [inspect.RecordPlaces], and empty otherwise.
func (e *CancelledError) Place() string {
	if o, ok := e.original().by.(*cancelOrigin); ok {
		return o.place()
	}
	return ""
}

// Error returns all that is known about the request. Example: asyncio: cancelled by main
// at main.go:12, through the await of a, b: supper.
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

// LogValue returns the parts of the text as attributes for package slog.
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

// Is reports whether target is ErrCancelled or context.Canceled.
func (e *CancelledError) Is(target error) bool {
	return target == ErrCancelled || target == context.Canceled
}

// Unwrap returns Cause.
func (e *CancelledError) Unwrap() error { return e.Cause }

// A cancelOrigin describes where a cancel request came from. It is [CancelledError.by] of
// requests about which more is known than the requester.
type cancelOrigin struct {
	by   any            // the requester: a task, a block, or another CancelledError; nil: unknown
	via  []inspect.Task // the tasks that forwarded it along their awaits, in this order
	site *origin        // where Cancel was called; nil without debug mode and RecordPlaces
	// ownMessage is for a task that has forwarded this request: the message of the last
	// one that the task received itself.
	ownMessage any
}

func (o *cancelOrigin) through() (names []string) {
	for _, t := range o.via {
		names = append(names, t.Name())
	}
	return names
}

func (o *cancelOrigin) place() string { return strings.TrimPrefix(o.site.where(), " made at ") }

func newCancelledError(by, message any) *CancelledError {
	return &CancelledError{by: by, Message: message}
}

// ownMessage returns the message of the last request that a task received itself. e is
// the last request of the task, forwarded or not.
func (e *CancelledError) ownMessage() any {
	switch {
	case e == nil:
		return nil
	case !e.forwarded:
		return e.Message
	}
	if o, ok := e.by.(*cancelOrigin); ok {
		return o.ownMessage
	}
	return nil
}

// isCancelled reports whether a task that returns err was cancelled. asked means that a
// cancel request is outstanding: then a context.Canceled counts, too, for example that of
// a net/http call under the ctx of the task.
//
// An error that joins several is a cancellation only if all of them are. Otherwise a task
// that failed while it was being cancelled would hide its failure.
func isCancelled(err error, asked bool) bool {
	for err != nil {
		switch e := err.(type) {
		case *CancelledError:
			return true
		case *TimeoutError, *PanicError, *executor.PanicError:
			return false // whatever the reason
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
