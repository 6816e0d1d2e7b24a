package main

import (
	"context"
	"slices"
	"time"

	"example.com/asyncio"
)

// futureOperations contains the statements on futures, which include tasks.
var futureOperations = map[string]*operation{
	"future":       plain("l", func(c *call) error { c.put(asyncio.NewFuture[any](c.ctx)); return nil }),
	"await":        waiting("l", (*call).await),
	"wait":         waiting("Li?r", (*call).wait),
	"as_completed": waiting("Li?", (*call).asCompleted),
	"wait_for":     waiting("wi?", (*call).waitFor),
	"gather":       plain("lWb", (*call).gather),
	"shield":       plain("ll", (*call).shield),
	"cancel": plain("ll?", func(c *call) error {
		return with(c, func(f asyncio.AnyFuture) error {
			return c.emitOK(nil, "cancel", f.CancelWith(c.args[1]))
		})
	}),
	"state": plain("l", func(c *call) error {
		return with(c, func(f asyncio.AnyFuture) error { return c.emitOK(nil, "state", c.state(f)) })
	}),
	"result": plain("l", func(c *call) error {
		return with(c, func(f asyncio.AnyFuture) error {
			value, err := f.AnyResult()
			return c.emitOK(err, "result", c.plain(value))
		})
	}),
	"exception": plain("l", (*call).exception),
	"set_result": plain("lv", func(c *call) error {
		return with(c, func(f interface{ SetResult(value any) error }) error { return f.SetResult(c.args[1]) })
	}),
	"set_exception": plain("le", func(c *call) error {
		return with(c, func(f interface{ SetException(err error) error }) error {
			return f.SetException(newError(c.text(1)))
		})
	}),
}

func (c *call) await() error {
	f, err := get[asyncio.AnyFuture](c, 0)
	if err != nil {
		return err
	}
	value, err := f.AnyAwait(c.ctx)
	if err == nil {
		c.emit("got", c.text(0), c.plain(value))
	}
	return err
}

// returnWhens contains the conditions of Wait by their names in asyncio.
var returnWhens = map[string]asyncio.ReturnWhen{
	"FIRST_COMPLETED": asyncio.FirstCompleted,
	"FIRST_EXCEPTION": asyncio.FirstException,
	"ALL_COMPLETED":   asyncio.AllCompleted,
}

func (c *call) wait() error {
	fs, err := c.futures()
	if err != nil {
		return err
	}
	labels := map[asyncio.AnyFuture]string{} // the last label of each future
	for i, label := range c.args[0].([]string) {
		labels[fs[i]] = label
	}
	done, unfinished, err := asyncio.Wait(c.ctx, fs, asyncio.WithTimeout(c.delay(1)), returnWhens[c.text(2)])
	if err == nil {
		c.emit("waited", sortedLabels(done, labels), sortedLabels(unfinished, labels))
	}
	return err
}

func (c *call) asCompleted() error {
	fs, err := c.futures()
	if err != nil {
		return err
	}
	nth := 0
	for f, err := range asyncio.AsCompleted(c.ctx, fs, asyncio.WithTimeout(c.delay(1))) {
		var value any
		if err == nil {
			value, err = f.AnyResult()
		}
		switch {
		case err == nil:
			c.emit("completed", nth, c.plain(value))
		case !isA(err, "Exception"):
			return err
		default:
			c.emit("completed", nth, describe(err))
		}
		if err != nil && isA(err, "TimeoutError") {
			break
		}
		nth++
	}
	return nil
}

func (c *call) waitFor() error {
	a, timeout := c.args[0].(awaited), c.delay(1)
	f, known := c.objects[a.label].(asyncio.AnyFuture)
	var value any
	var err error
	switch {
	case a.isCoroutine && timeout > 0:
		value, err = asyncio.WaitFor(c.ctx, c.coroutine(a.body, a.label), timeout)
	case a.isCoroutine:
		value, err = waitForAny(c.ctx, namedCoroutine{a, c.player}.EnsureFuture(c.ctx), timeout)
	case !known:
		return errSkip
	default:
		value, err = waitForAny(c.ctx, f, timeout)
	}
	if err == nil {
		c.emit("got", a.label, c.plain(value))
	}
	return err
}

func (c *call) gather() error {
	var parts []asyncio.AnyAwaitable
	for _, a := range c.args[1].([]awaited) {
		if a.isCoroutine {
			parts = append(parts, namedCoroutine{a, c.player})
			continue
		}
		if f, err := labelled[asyncio.AnyFuture](c, a.label); err == nil {
			parts = append(parts, f)
		}
	}
	if errorsAsResults, _ := c.args[2].(bool); errorsAsResults {
		c.put(asyncio.GatherAnyResults(c.ctx, parts...))
	} else {
		c.put(asyncio.GatherAny(c.ctx, parts...))
	}
	return nil
}

func (c *call) shield() error {
	f, err := get[asyncio.AnyFuture](c, 1)
	if err == nil {
		c.put(shieldAny(c.ctx, f))
	}
	return err
}

func (c *call) exception() error {
	return with(c, func(f asyncio.AnyFuture) error {
		// In Python, exception() raises if the future is unfinished or cancelled.
		// Otherwise it returns the future's error.
		if !f.Done() || f.Cancelled() {
			return f.Exception()
		}
		if err := f.Exception(); err != nil {
			return c.emitOK(nil, "exception", describe(err))
		}
		return c.emitOK(nil, "exception", nil)
	})
}

// futures returns the futures whose labels are the first argument.
func (c *call) futures() ([]asyncio.AnyFuture, error) {
	labels := c.args[0].([]string)
	fs := make([]asyncio.AnyFuture, len(labels))
	for i, label := range labels {
		f, err := labelled[asyncio.AnyFuture](c, label)
		if err != nil {
			return nil, err
		}
		fs[i] = f
	}
	return fs, nil
}

// A namedCoroutine becomes a task named after its label.
type namedCoroutine struct {
	awaited
	player *player
}

func (n namedCoroutine) EnsureFuture(ctx context.Context) asyncio.AnyFuture {
	return asyncio.CreateTask(ctx, n.player.coroutine(n.body, n.label), asyncio.WithName(n.label))
}

// shieldAny and waitForAny accept the types of futures that a program creates.
func shieldAny(ctx context.Context, f asyncio.AnyFuture) asyncio.AnyFuture {
	switch f := f.(type) {
	case *asyncio.Task[any]:
		return asyncio.Shield(ctx, f)
	case *asyncio.Future[any]:
		return asyncio.Shield(ctx, f)
	case *asyncio.Future[[]any]:
		return asyncio.Shield(ctx, f)
	}
	return asyncio.Shield(ctx, f.(*asyncio.Future[[]asyncio.Result[any]]))
}

func waitForAny(ctx context.Context, f asyncio.AnyFuture, timeout time.Duration) (any, error) {
	switch f := f.(type) {
	case *asyncio.Task[any]:
		return asyncio.WaitFor(ctx, f, timeout)
	case *asyncio.Future[any]:
		return asyncio.WaitFor(ctx, f, timeout)
	case *asyncio.Future[[]any]:
		return asyncio.WaitFor(ctx, f, timeout)
	}
	return asyncio.WaitFor(ctx, f.(*asyncio.Future[[]asyncio.Result[any]]), timeout)
}

func sortedLabels(fs []asyncio.AnyFuture, labels map[asyncio.AnyFuture]string) []string {
	names := make([]string, len(fs))
	for i, f := range fs {
		names[i] = labels[f]
	}
	return sorted(names)
}

func sorted(names []string) []string { slices.Sort(names); return names }
