package main

import "example.com/asyncio"

// syncOperations contains the statements on locks, events, conditions, semaphores and
// barriers.
var syncOperations = map[string]*operation{
	"lock":      plain("l", func(c *call) error { c.objects[c.text(0)] = new(asyncio.Lock); return nil }),
	"semaphore": plain("lib", (*call).semaphore),
	"acquire": waiting("l", func(c *call) error {
		return with(c, func(a acquirer) error { return c.emitOK(a.Acquire(c.ctx), "acquired") })
	}),
	"release": plain("l", func(c *call) error {
		return with(c, func(a acquirer) error { a.Release(); return c.emitOK(nil, "released") })
	}),
	"locked": plain("l", func(c *call) error {
		return with(c, func(a acquirer) error { return c.emitOK(nil, "locked", a.Locked()) })
	}),

	"event": plain("l", func(c *call) error { c.objects[c.text(0)] = new(asyncio.Event); return nil }),
	"event_wait": waiting("l", func(c *call) error {
		return with(c, func(e *asyncio.Event) error { return c.emitOK(e.Wait(c.ctx), "saw") })
	}),
	"event_set": plain("l", func(c *call) error {
		return with(c, func(e *asyncio.Event) error { e.Set(); return nil })
	}),
	"event_clear": plain("l", func(c *call) error {
		return with(c, func(e *asyncio.Event) error { e.Clear(); return nil })
	}),
	"event_is_set": plain("l", func(c *call) error {
		return with(c, func(e *asyncio.Event) error { return c.emitOK(nil, "is set", e.IsSet()) })
	}),

	"condition": plain("ll?", (*call).condition),
	"condition_wait": waiting("l", func(c *call) error {
		return with(c, func(o *asyncio.Condition) error { return c.emitOK(o.Wait(c.ctx), "notified") })
	}),
	"notify": plain("li?", (*call).notify),

	"barrier": plain("li", func(c *call) error {
		c.objects[c.text(0)] = asyncio.NewBarrier(c.number(1))
		return nil
	}),
	"barrier_wait": waiting("l", func(c *call) error {
		return with(c, func(b *asyncio.Barrier) error {
			index, err := b.Wait(c.ctx)
			return c.emitOK(err, "passed", index)
		})
	}),
	"barrier_reset": waiting("l", func(c *call) error {
		return with(c, func(b *asyncio.Barrier) error { return b.Reset(c.ctx) })
	}),
	"barrier_abort": waiting("l", func(c *call) error {
		return with(c, func(b *asyncio.Barrier) error { return b.Abort(c.ctx) })
	}),
	"barrier_state": plain("l", func(c *call) error {
		return with(c, func(b *asyncio.Barrier) error { return c.emitOK(nil, "barrier", b.Waiting(), b.Broken()) })
	}),
}

func (c *call) semaphore() error {
	if c.args[2].(bool) {
		c.objects[c.text(0)] = asyncio.NewBoundedSemaphore(c.number(1))
	} else {
		c.objects[c.text(0)] = asyncio.NewSemaphore(c.number(1))
	}
	return nil
}

func (c *call) condition() error {
	var lock *asyncio.Lock
	if c.args[1] != nil {
		var err error
		if lock, err = get[*asyncio.Lock](c, 1); err != nil {
			return err
		}
	}
	c.objects[c.text(0)] = asyncio.NewCondition(lock)
	return nil
}

func (c *call) notify() error {
	return with(c, func(o *asyncio.Condition) error {
		if c.args[1] == nil {
			o.NotifyAll()
		} else {
			o.Notify(c.number(1))
		}
		return nil
	})
}
