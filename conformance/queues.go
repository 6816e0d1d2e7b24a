package main

import (
	"context"
	"encoding/json"

	"example.com/asyncio"
)

// A queue is a queue of any of the three orders.
type queue interface {
	Put(ctx context.Context, item any) error
	Get(ctx context.Context) (any, error)
	Join(ctx context.Context) error
	TryPut(item any) error
	TryGet() (any, error)
	TaskDone()
	Shutdown(immediate bool)
	Len() int
	Empty() bool
	Full() bool
}

// queueOperations contains the statements on queues.
var queueOperations = map[string]*operation{
	"queue": plain("liq", (*call).newQueue),
	"queue_put": waiting("lv", func(c *call) error {
		return with(c, func(q queue) error { return c.emitOK(q.Put(c.ctx, c.args[1]), "put", c.args[1]) })
	}),
	"queue_get": waiting("l", func(c *call) error {
		return with(c, func(q queue) error {
			item, err := q.Get(c.ctx)
			return c.emitOK(err, "got from", item)
		})
	}),
	"queue_join": waiting("l", func(c *call) error {
		return with(c, func(q queue) error { return c.emitOK(q.Join(c.ctx), "joined") })
	}),
	"put_nowait": plain("lv", func(c *call) error {
		return with(c, func(q queue) error { return q.TryPut(c.args[1]) })
	}),
	"get_nowait": plain("l", func(c *call) error {
		return with(c, func(q queue) error {
			item, err := q.TryGet()
			return c.emitOK(err, "got from", item)
		})
	}),
	"task_done": plain("l", func(c *call) error {
		return with(c, func(q queue) error { q.TaskDone(); return nil })
	}),
	"queue_shutdown": plain("lb", func(c *call) error {
		return with(c, func(q queue) error { q.Shutdown(c.args[1].(bool)); return nil })
	}),
	"queue_state": plain("l", func(c *call) error {
		return with(c, func(q queue) error { return c.emitOK(nil, "queue", q.Len(), q.Empty(), q.Full()) })
	}),
}

func (c *call) newQueue() error {
	switch size := c.number(1); c.text(2) {
	case "fifo":
		c.objects[c.text(0)] = asyncio.NewQueue[any](size)
	case "lifo":
		c.objects[c.text(0)] = asyncio.NewLIFOQueue[any](size)
	default:
		less := func(a, b any) bool { return priority(a) < priority(b) }
		c.objects[c.text(0)] = asyncio.NewPriorityQueue(size, less)
	}
	return nil
}

// priority returns the sort key of an item in a priority queue. Items that are not
// numbers precede all numbers.
func priority(item any) float64 {
	n, ok := item.(json.Number)
	if !ok {
		return -maxNumber
	}
	f, _ := n.Float64()
	return f
}
