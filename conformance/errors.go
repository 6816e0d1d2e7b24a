package main

import (
	"errors"
	"strings"

	"example.com/asyncio"
)

// raised is an error that has only a class: an error of the program, or an exception of
// Python that has no counterpart in this library.
type raised string

func (e raised) Error() string { return string(e) }

// parents maps each error class to its base class.
var parents = map[string]string{
	"BaseException": "", "Exception": "BaseException", "CancelledError": "BaseException",
	"E0": "Exception", "E1": "Exception", "E2": "Exception", "E3": "Exception",
	"TimeoutError": "Exception", "InvalidStateError": "Exception", "RuntimeError": "Exception",
	"ValueError": "Exception", "TypeError": "Exception", "AttributeError": "Exception",
	"LookupError": "Exception", "ExceptionGroup": "Exception", "BrokenBarrierError": "RuntimeError",
	"QueueEmpty": "Exception", "QueueFull": "Exception", "QueueShutDown": "Exception",
}

// classes maps the library's errors to their classes. The first match counts.
var classes = []struct {
	sentinel error
	name     string
}{
	{asyncio.ErrCancelled, "CancelledError"},
	{asyncio.ErrTimeout, "TimeoutError"},
	{asyncio.ErrInvalidState, "InvalidStateError"},
	{asyncio.ErrBrokenBarrier, "BrokenBarrierError"},
	{asyncio.ErrQueueEmpty, "QueueEmpty"},
	{asyncio.ErrQueueFull, "QueueFull"},
	{asyncio.ErrQueueShutDown, "QueueShutDown"},
	{asyncio.ErrInvalidArgument, "ValueError"},
	{asyncio.ErrMisuse, "RuntimeError"},
}

// class returns the name of the Python class of an error.
func class(err error) string {
	switch e := err.(type) {
	case raised:
		return string(e)
	case *asyncio.GroupError:
		return "ExceptionGroup"
	case *asyncio.CleanupError: // in Python, the error's __context__ is the other error
		return class(e.Err)
	case *asyncio.PanicError:
		if err := e.Unwrap(); err != nil {
			return class(err)
		}
	}
	for _, c := range classes {
		if errors.Is(err, c.sentinel) {
			return c.name
		}
	}
	return "Exception"
}

// isA reports whether an error belongs to a class or a subclass of it.
func isA(err error, base string) bool {
	for c := class(err); c != ""; c = parents[c] {
		if c == base {
			return true
		}
	}
	return false
}

// newError returns the error that a call of the class without arguments creates in
// Python.
func newError(class string) error {
	switch class {
	case "CancelledError":
		return &asyncio.CancelledError{}
	case "TimeoutError":
		return &asyncio.TimeoutError{}
	case "ExceptionGroup":
		return raised("TypeError") // the class requires arguments
	}
	return raised(class)
}

// describe returns the text of an error in traces.
func describe(err error) string {
	switch e := err.(type) {
	case *asyncio.GroupError:
		parts := make([]string, len(e.Errors))
		for i, err := range e.Errors {
			parts[i] = describe(err)
		}
		return "ExceptionGroup[" + strings.Join(parts, ", ") + "]"
	case *asyncio.CleanupError:
		return describe(e.Err)
	case *asyncio.CancelledError:
		if message, ok := e.Message.(string); ok {
			return "CancelledError:" + message
		}
	}
	return class(err)
}
