package main

import (
	"context"

	"example.com/asyncio"
)

// A token is a variable's Token and the variable, whose Reset accepts it.
type token struct {
	variable *asyncio.ContextVar[any]
	set      *asyncio.Token[any]
}

// contextOperations contains the statements on context variables.
var contextOperations = map[string]*operation{
	"var":     plain("lv", (*call).newVar),
	"var_set": plain("lvl?", (*call).setVar),
	"var_get": plain("l", (*call).getVar),
	"var_reset": plain("l", func(c *call) error {
		return with(c, func(t token) error { return t.variable.Reset(c.ctx, t.set) })
	}),
	"copy_context": plain("l", func(c *call) error {
		c.objects[c.text(0)] = asyncio.CopyContextVars(c.ctx)
		return nil
	}),
	"run_in_context": plain("lO", (*call).runInContext),
}

func (c *call) newVar() error {
	if c.args[1] == nil {
		c.objects[c.text(0)] = asyncio.NewContextVar[any](c.text(0))
	} else {
		c.objects[c.text(0)] = asyncio.NewContextVarDefault(c.text(0), c.args[1])
	}
	return nil
}

func (c *call) setVar() error {
	return with(c, func(v *asyncio.ContextVar[any]) error {
		set := v.Set(c.ctx, c.args[1])
		if c.args[2] != nil {
			c.objects[c.text(2)] = token{v, set}
		}
		return nil
	})
}

func (c *call) getVar() error {
	return with(c, func(v *asyncio.ContextVar[any]) error {
		value, ok := v.Get(c.ctx)
		if !ok {
			return raised("LookupError")
		}
		return c.emitOK(nil, "var", value)
	})
}

func (c *call) runInContext() error {
	return with(c, func(vars *asyncio.ContextVars) (err error) {
		busy := vars.Run(c.ctx, func(ctx context.Context) { err = c.runPlain(ctx, c.body(1), c.who) })
		if busy != nil {
			return busy
		}
		return err
	})
}
