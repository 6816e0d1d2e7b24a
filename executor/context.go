package executor

import (
	"context"
	"sync"
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
	values context.Context // set once, before the job is seen

	mu       sync.Mutex // guards the fields below
	made     context.Context
	stop     context.CancelCauseFunc // of made; both nil until somebody looks
	canceled bool
	cause    error // the first one given to cancel
}

func (c *jobContext) open() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == nil {
		c.made, c.stop = context.WithCancelCause(context.WithoutCancel(c.values))
		if c.canceled {
			c.stop(c.cause)
		}
	}
	return c.made
}

// cancel ends the context; only the first call counts.
func (c *jobContext) cancel(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.canceled {
		return
	}
	c.canceled, c.cause = true, cause
	if c.stop != nil {
		c.stop(cause)
	}
}

func (c *jobContext) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }
func (c *jobContext) Done() <-chan struct{}                   { return c.open().Done() }
func (c *jobContext) Err() error                              { return c.open().Err() }
func (c *jobContext) Value(key any) any                       { return c.open().Value(key) }

// String keeps fmt from reading the fields without the lock.
func (c *jobContext) String() string { return "executor.jobContext" }
