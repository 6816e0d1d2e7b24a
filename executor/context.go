package executor

import (
	"context"
	"sync/atomic"
	"time"
)

// jobContext is the ctx of one job: the values of Submit's ctx, with its own
// cancellation.
//
// It stands for context.WithCancelCause(context.WithoutCancel(values)). That takes three
// allocations and many functions never use their ctx, so it is made on first use. All
// methods forward to it. A Context written from scratch would be as short, but
// [context.Cause] could not get its cause, and a derived context would need an AfterFunc.
type jobContext struct {
	values context.Context             // set by Submit
	seen   atomic.Pointer[openContext] // nil until the first use or the end
}

// An openContext is the context behind a jobContext, or a record that the jobContext
// ended before its first use.
type openContext struct {
	context.Context // nil in a record
	stop            context.CancelCauseFunc
	cause           error // in a record
}

// jobValues is context.WithoutCancel(values) without the allocation.
type jobValues jobContext

func (*jobValues) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }
func (*jobValues) Done() <-chan struct{}                   { return nil }
func (*jobValues) Err() error                              { return nil }
func (c *jobValues) Value(key any) any                     { return c.values.Value(key) }

// endedUnseen is the most frequent record: ended without a use and without a cause.
var endedUnseen = &openContext{}

func (c *jobContext) open() *openContext {
	for {
		seen := c.seen.Load()
		if seen != nil && seen.Context != nil {
			return seen
		}
		made := &openContext{}
		made.Context, made.stop = context.WithCancelCause((*jobValues)(c))
		if seen != nil {
			made.stop(seen.cause)
		}
		if c.seen.CompareAndSwap(seen, made) {
			return made
		}
		made.stop(nil) // another goroutine was faster
	}
}

// cancel ends the context. Only the first call has an effect.
func (c *jobContext) cancel(cause error) {
	record := endedUnseen
	if cause != nil {
		record = &openContext{cause: cause}
	}
	if c.seen.CompareAndSwap(nil, record) {
		return
	}
	if seen := c.seen.Load(); seen.Context != nil {
		seen.stop(cause)
	}
}

func (c *jobContext) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }
func (c *jobContext) Done() <-chan struct{}                   { return c.open().Done() }
func (c *jobContext) Err() error                              { return c.open().Err() }
func (c *jobContext) Value(key any) any                       { return c.open().Value(key) }

// String prevents fmt from reading fields that other goroutines write.
func (c *jobContext) String() string { return "executor.jobContext" }
