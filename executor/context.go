package executor

import (
	"context"
	"sync/atomic"
	"time"
)

// jobContext is the ctx of one job: the values of Submit's ctx, and a cancel of
// its own.
//
// It stands for context.WithCancelCause(context.WithoutCancel(values)), which it
// makes when somebody first looks: that is three allocations, and many functions
// never look. All that it answers comes from there. A Context written from
// scratch would be as short, but [context.Cause] cannot ask one for its cause,
// and what is derived from it would need an AfterFunc each.
type jobContext struct {
	values context.Context             // set once, before the job is seen
	seen   atomic.Pointer[openContext] // nil: nobody has looked, and it has not ended
}

// An openContext is what a jobContext stands for, or a note that it ended before somebody looked.
type openContext struct {
	context.Context // nil in a note
	stop            context.CancelCauseFunc
	cause           error // in a note
}

// jobValues is context.WithoutCancel(values), but for the allocation.
type jobValues jobContext

func (*jobValues) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }
func (*jobValues) Done() <-chan struct{}                   { return nil }
func (*jobValues) Err() error                              { return nil }
func (c *jobValues) Value(key any) any                     { return c.values.Value(key) }

// endedUnseen is the note of most: nobody looked, and there is no cause.
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
		made.stop(nil) // another was faster
	}
}

// cancel ends the context; only the first call counts.
func (c *jobContext) cancel(cause error) {
	note := endedUnseen
	if cause != nil {
		note = &openContext{cause: cause}
	}
	if c.seen.CompareAndSwap(nil, note) {
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

// String keeps fmt from reading what belongs to others.
func (c *jobContext) String() string { return "executor.jobContext" }
