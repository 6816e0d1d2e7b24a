package main

import (
	"errors"
	"strings"

	"example.com/asyncio"
)

// raised is an error that has nothing but a class: one of the program's own, or one that
// Python raises where Go has another way.
type raised string

func (e raised) Error() string { return string(e) }

// parents has the class above each class of errors.
var parents = map[string]string{
	"BaseException": "", "Exception": "BaseException", "CancelledError": "BaseException",
	"E0": "Exception", "E1": "Exception", "E2": "Exception", "E3": "Exception",
	"TimeoutError": "Exception", "InvalidStateError": "Exception", "RuntimeError": "Exception",
	"ValueError": "Exception", "TypeError": "Exception", "AttributeError": "Exception",
	"LookupError": "Exception", "ExceptionGroup": "Exception", "BrokenBarrierError": "RuntimeError",
	"QueueEmpty": "Exception", "QueueFull": "Exception", "QueueShutDown": "Exception",
}

// classes has the classes of the library's errors: the first that fits is the one.
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

// class returns the class of an error in Python.
func class(err error) string {
	switch e := err.(type) {
	case raised:
		return string(e)
	case *asyncio.GroupError:
		return "ExceptionGroup"
	case *asyncio.CleanupError: // Python's error has the other one as its __context__
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

// isA tells whether an error is of a class or one below it.
func isA(err error, of string) bool {
	for c := class(err); c != ""; c = parents[c] {
		if c == of {
			return true
		}
	}
	return false
}

// newError makes an error as the class's name does when Python calls it.
func newError(class string) error {
	switch class {
	case "CancelledError":
		return &asyncio.CancelledError{}
	case "TimeoutError":
		return &asyncio.TimeoutError{}
	case "ExceptionGroup":
		return raised("TypeError") // it needs arguments
	}
	return raised(class)
}

// describe is how a trace spells an error.
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
