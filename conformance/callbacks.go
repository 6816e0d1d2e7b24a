package main

import (
	"context"

	"example.com/asyncio"
)

// A doneCallback is added to futures by on_done and removed by off_done.
type doneCallback func(ctx context.Context, f asyncio.AnyFuture)

// A handle is a Handle or a TimerHandle.
type handle interface {
	Cancel()
	Cancelled() bool
}

// callbackOperations contains the statements on callbacks of futures and of the loop.
var callbackOperations = map[string]*operation{
	"on_done":  plain("llO", (*call).onDone),
	"off_done": plain("ll", (*call).offDone),
	"soon": plain("lO", func(c *call) error {
		c.objects[c.text(0)] = c.loop.CallSoon(c.callback(c.body(1), c.text(0)))
		return nil
	}),
	"later": plain("liO", func(c *call) error {
		c.objects[c.text(0)] = c.loop.CallLater(c.delay(1), c.callback(c.body(2), c.text(0)))
		return nil
	}),
	"at": plain("liO", func(c *call) error {
		c.objects[c.text(0)] = c.loop.CallAt(c.delay(1), c.callback(c.body(2), c.text(0)))
		return nil
	}),
	"cancel_call": plain("l", func(c *call) error {
		return with(c, func(h handle) error {
			h.Cancel()
			return c.emitOK(nil, "call cancelled", h.Cancelled())
		})
	}),
}

func (c *call) onDone() error {
	label := c.text(1)
	if c.objects[label] == nil {
		p, ops := c.player, c.body(2)
		c.objects[label] = doneCallback(func(ctx context.Context, f asyncio.AnyFuture) {
			p.emit(label, "called", p.state(f))
			if err := p.runPlain(ctx, ops, label); err != nil {
				panic(err)
			}
		})
	}
	return with(c, func(f asyncio.AnyFuture) error {
		fn, err := get[doneCallback](c, 1)
		if err == nil {
			f.AddDoneCallback(fn)
		}
		return err
	})
}

func (c *call) offDone() error {
	return with(c, func(f asyncio.AnyFuture) error {
		fn, err := get[doneCallback](c, 1)
		if err != nil {
			return err
		}
		return c.emitOK(nil, "removed", f.RemoveDoneCallback(fn))
	})
}
