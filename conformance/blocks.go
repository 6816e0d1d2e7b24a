package main

import (
	"context"

	"example.com/asyncio"
)

// blockOperations contains the statements that run bodies, and those on timeout scopes.
var blockOperations = map[string]*operation{
	"try":        block("BC.B?", (*call).try),
	"repeat":     block("iB", (*call).repeat),
	"timeout":    block("li?B", (*call).timeout),
	"group":      block("lB", (*call).group),
	"with":       block("lB", (*call).withAcquired),
	"return":     block("v", func(c *call) (*returned, error) { return &returned{c.args[0]}, nil }),
	"raise":      plain("e", func(c *call) error { return newError(c.text(0)) }),
	"log":        plain("v", func(c *call) error { c.emit("log", c.args[0]); return nil }),
	"reschedule": plain("li?", (*call).reschedule),
	"expired":    plain("l", (*call).expired),
}

func (c *call) try() (ret *returned, err error) {
	ret, err = c.run(c.ctx, c.body(0), c.who)
	if err != nil && err != errLimit {
		ret, err = c.handle(err)
	}
	if c.args[2] == nil || err == errLimit {
		return ret, err
	}
	if _, failed := c.run(c.ctx, c.body(2), c.who); failed != nil {
		return nil, failed
	}
	return ret, err
}

// handle runs the first handler of a try that matches err.
func (c *call) handle(err error) (*returned, error) {
	for _, catch := range c.args[1].([]catch) {
		for _, class := range catch.classes {
			if !isA(err, class) {
				continue
			}
			c.emit("caught", describe(err))
			ret, failed := c.run(c.ctx, catch.handler, c.who)
			if failed != nil {
				return nil, failed
			}
			if catch.reraise && ret == nil {
				return nil, err
			}
			return ret, nil
		}
	}
	return nil, err
}

func (c *call) repeat() (*returned, error) {
	for range c.number(0) {
		if ret, err := c.run(c.ctx, c.body(1), c.who); ret != nil || err != nil {
			return ret, err
		}
		if c.steps++; c.steps > maxSteps { // the body may be empty
			c.giveUp()
			return nil, errLimit
		}
	}
	return nil, nil
}

func (c *call) timeout() (ret *returned, err error) {
	scope := asyncio.NewTimeout(c.delay(1))
	err = scope.Run(c.ctx, func(ctx context.Context) (err error) {
		c.objects[c.text(0)] = scope
		ret, err = c.run(ctx, c.body(2), c.who)
		return err
	})
	switch {
	case err == nil:
		c.emit("timeout ends", c.text(0), scope.Expired())
		return ret, nil
	case isA(err, "TimeoutError"):
		c.emit("timeout ends", c.text(0), scope.Expired(), describe(err))
	}
	return nil, err
}

func (c *call) reschedule() error {
	return with(c, func(s *asyncio.TimeoutScope) error {
		when := c.delay(1)
		if when != asyncio.Never {
			when += c.loop.Time()
		}
		return s.Reschedule(when)
	})
}

func (c *call) expired() error {
	return with(c, func(s *asyncio.TimeoutScope) error {
		if s.When() == asyncio.Never {
			return c.emitOK(nil, "expired", s.Expired(), nil)
		}
		return c.emitOK(nil, "expired", s.Expired(), int(s.When()/tick))
	})
}

func (c *call) group() (ret *returned, err error) {
	err = asyncio.WithTaskGroup(c.ctx, func(ctx context.Context, tg *asyncio.TaskGroup) (err error) {
		c.objects[c.text(0)] = tg
		ret, err = c.run(ctx, c.body(1), c.who)
		return err
	})
	if err != nil {
		return nil, err
	}
	c.emit("group ends", c.text(0))
	return ret, nil
}

func (c *call) withAcquired() (ret *returned, err error) {
	object, err := get[acquirer](c, 0)
	if err == errSkip {
		c.emit("skips", "with")
		return nil, nil
	}
	if err == nil {
		err = object.With(c.ctx, func(ctx context.Context) (err error) {
			c.emit("enters", c.text(0))
			ret, err = c.run(ctx, c.body(1), c.who)
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	c.emit("leaves", c.text(0))
	return ret, nil
}
