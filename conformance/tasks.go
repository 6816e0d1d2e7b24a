package main

import (
	"context"

	"example.com/asyncio"
)

// taskOperations contains the statements that create and inspect tasks.
var taskOperations = map[string]*operation{
	"sleep":       waiting("i", (*call).sleep),
	"spawn":       plain("lBo", (*call).spawn),
	"group_spawn": plain("llBo", (*call).groupSpawn),
	"uncancel": plain("l", func(c *call) error {
		return with(c, func(t asyncio.AnyTask) error { return c.emitOK(nil, "uncancel", t.Uncancel()) })
	}),
	"cancelling": plain("l", func(c *call) error {
		return with(c, func(t asyncio.AnyTask) error { return c.emitOK(nil, "cancelling", t.Cancelling()) })
	}),
	"set_name": plain("ll", func(c *call) error {
		return with(c, func(t asyncio.AnyTask) error { t.SetName(c.text(1)); return nil })
	}),
	"current": plain("", (*call).currentTask),
	"all_tasks": plain("", func(c *call) error {
		c.emit("all tasks", sorted(taskNames(asyncio.AllTasks(c.ctx))))
		return nil
	}),
}

func (c *call) sleep() error {
	err := asyncio.Sleep(c.ctx, c.delay(0))
	if err == nil {
		c.emit("slept", c.args[0])
	}
	return err
}

func (c *call) spawn() error {
	opts, err := c.taskOptions(2, c.text(0))
	if err != nil {
		return err
	}
	c.put(asyncio.CreateTask(c.ctx, c.coroutine(c.body(1), c.text(0)), opts...))
	return nil
}

func (c *call) groupSpawn() error {
	tg, err := get[*asyncio.TaskGroup](c, 0)
	if err != nil {
		return err
	}
	label := c.text(1)
	opts, err := c.taskOptions(3, label)
	if err != nil {
		return err
	}
	started, coro := false, c.coroutine(c.body(2), label)
	t := asyncio.CreateTaskIn(tg, func(ctx context.Context) (any, error) {
		started = true
		return coro(ctx)
	}, opts...)
	if t.Done() && !started { // the group is shutting down
		return raised("RuntimeError")
	}
	c.player.put(label, t)
	return nil
}

// taskOptions returns the options in argument i. A task without a name option has the
// label for its name.
func (c *call) taskOptions(i int, label string) ([]asyncio.TaskOption, error) {
	given := c.args[i].(spawnOptions)
	if name, ok := given.name.(string); ok {
		label = name
	}
	opts := []asyncio.TaskOption{asyncio.WithName(label)}
	if context, ok := given.context.(string); ok {
		vars, err := labelled[*asyncio.ContextVars](c, context)
		if err != nil {
			return nil, err
		}
		opts = append(opts, asyncio.WithContextVars(vars))
	}
	if eager, ok := given.eager.(bool); ok {
		opts = append(opts, asyncio.WithEagerStart(eager))
	}
	return opts, nil
}

func (c *call) currentTask() error {
	if t := asyncio.CurrentTask(c.ctx); t != nil {
		c.emit("current", t.Name())
	} else {
		c.emit("current", nil)
	}
	return nil
}
