package main

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"example.com/asyncio"
)

// An operation is what a statement does. It has one of three functions.
type operation struct {
	args     []argument
	required int
	do       func(c *call) error              // does not wait
	wait     func(c *call) error              // may wait
	block    func(c *call) (*returned, error) // runs a body
}

type argument struct {
	kind     rune // a key of readers
	nullable bool
}

// plain, waiting and block make an operation. Its signature has a letter for each
// argument, with a "?" behind it where null may stand; the letters are those of readers.
// What is behind a "." may be left out.
func plain(signature string, do func(c *call) error) *operation {
	op := signed(signature)
	op.do = do
	return op
}

func waiting(signature string, wait func(c *call) error) *operation {
	op := signed(signature)
	op.wait = wait
	return op
}

func block(signature string, block func(c *call) (*returned, error)) *operation {
	op := signed(signature)
	op.block = block
	return op
}

func signed(signature string) *operation {
	op := &operation{required: -1}
	for _, r := range signature {
		switch r {
		case '.':
			op.required = len(op.args)
		case '?':
			op.args[len(op.args)-1].nullable = true
		default:
			op.args = append(op.args, argument{kind: r})
		}
	}
	if op.required < 0 {
		op.required = len(op.args)
	}
	return op
}

// What the things under labels have in common.
type (
	acquirer interface {
		Acquire(ctx context.Context) error
		Release()
		Locked() bool
		With(ctx context.Context, fn func(ctx context.Context) error) error
	}
	queue interface {
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
	handle interface {
		Cancel()
		Cancelled() bool
	}
	doneCallback func(ctx context.Context, f asyncio.AnyFuture)
	token        struct {
		of  *asyncio.ContextVar[any]
		set *asyncio.Token[any]
	}
)

// operations has them all, by name, in the order of the oracle's README.
var operations = map[string]*operation{
	"try": block("BC.B?", func(c *call) (ret *returned, err error) {
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
	}),
	"repeat": block("iB", func(c *call) (*returned, error) {
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
	}),
	"timeout": block("li?B", func(c *call) (ret *returned, err error) {
		scope := asyncio.NewTimeout(c.delay(1))
		err = scope.Run(c.ctx, func(ctx context.Context) (err error) {
			c.things[c.text(0)] = scope
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
	}),
	"group": block("lB", func(c *call) (ret *returned, err error) {
		err = asyncio.WithTaskGroup(c.ctx, func(ctx context.Context, tg *asyncio.TaskGroup) (err error) {
			c.things[c.text(0)] = tg
			ret, err = c.run(ctx, c.body(1), c.who)
			return err
		})
		if err != nil {
			return nil, err
		}
		c.emit("group ends", c.text(0))
		return ret, nil
	}),
	"with": block("lB", func(c *call) (ret *returned, err error) {
		thing, err := get[acquirer](c, 0)
		if err == errSkip {
			c.emit("skips", "with")
			return nil, nil
		}
		if err == nil {
			err = thing.With(c.ctx, func(ctx context.Context) (err error) {
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
	}),
	"return": block("v", func(c *call) (*returned, error) { return &returned{c.args[0]}, nil }),

	"sleep": waiting("i", func(c *call) error {
		err := asyncio.Sleep(c.ctx, c.delay(0))
		if err == nil {
			c.emit("slept", c.args[0])
		}
		return err
	}),
	"await": waiting("l", func(c *call) error {
		f, err := get[asyncio.AnyFuture](c, 0)
		if err != nil {
			return err
		}
		value, err := f.AnyAwait(c.ctx)
		if err == nil {
			c.emit("got", c.text(0), c.plain(value))
		}
		return err
	}),
	"wait": waiting("Li?r", func(c *call) error {
		fs, err := c.futures()
		if err != nil {
			return err
		}
		labels := map[asyncio.AnyFuture]string{} // of two labels for one future the last
		for i, label := range c.args[0].([]string) {
			labels[fs[i]] = label
		}
		done, unfinished, err := asyncio.Wait(c.ctx, fs, asyncio.WithTimeout(c.delay(1)), returnWhens[c.text(2)])
		if err == nil {
			c.emit("waited", sortedLabels(done, labels), sortedLabels(unfinished, labels))
		}
		return err
	}),
	"as_completed": waiting("Li?", func(c *call) error {
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
	}),
	"wait_for": waiting("wi?", func(c *call) error {
		w, limit := c.args[0].(what), c.delay(1)
		f, known := c.things[w.label].(asyncio.AnyFuture)
		var value any
		var err error
		switch {
		case w.coro && limit > 0:
			value, err = asyncio.WaitFor(c.ctx, c.coroutine(w.body, w.label), limit)
		case w.coro:
			value, err = waitForAny(c.ctx, named{w, c.player}.EnsureFuture(c.ctx), limit)
		case !known:
			return errSkip
		default:
			value, err = waitForAny(c.ctx, f, limit)
		}
		if err == nil {
			c.emit("got", w.label, c.plain(value))
		}
		return err
	}),
	"acquire": waiting("l", func(c *call) error {
		return with(c, func(thing acquirer) error {
			return c.tell(thing.Acquire(c.ctx), "acquired")
		})
	}),
	"event_wait": waiting("l", func(c *call) error {
		return with(c, func(e *asyncio.Event) error { return c.tell(e.Wait(c.ctx), "saw") })
	}),
	"condition_wait": waiting("l", func(c *call) error {
		return with(c, func(o *asyncio.Condition) error { return c.tell(o.Wait(c.ctx), "notified") })
	}),
	"barrier_wait": waiting("l", func(c *call) error {
		return with(c, func(b *asyncio.Barrier) error {
			index, err := b.Wait(c.ctx)
			return c.tell(err, "passed", index)
		})
	}),
	"barrier_reset": waiting("l", func(c *call) error {
		return with(c, func(b *asyncio.Barrier) error { return b.Reset(c.ctx) })
	}),
	"barrier_abort": waiting("l", func(c *call) error {
		return with(c, func(b *asyncio.Barrier) error { return b.Abort(c.ctx) })
	}),
	"queue_put": waiting("lv", func(c *call) error {
		return with(c, func(q queue) error { return c.tell(q.Put(c.ctx, c.args[1]), "put", c.args[1]) })
	}),
	"queue_get": waiting("l", func(c *call) error {
		return with(c, func(q queue) error {
			item, err := q.Get(c.ctx)
			return c.tell(err, "got from", item)
		})
	}),
	"queue_join": waiting("l", func(c *call) error {
		return with(c, func(q queue) error { return c.tell(q.Join(c.ctx), "joined") })
	}),

	"log":   plain("v", func(c *call) error { c.emit("log", c.args[0]); return nil }),
	"raise": plain("e", func(c *call) error { return newError(c.text(0)) }),
	"spawn": plain("lBo", func(c *call) error {
		opts, err := c.options(2, c.text(0))
		if err != nil {
			return err
		}
		c.put(asyncio.CreateTask(c.ctx, c.coroutine(c.body(1), c.text(0)), opts...))
		return nil
	}),
	"group_spawn": plain("llBo", func(c *call) error {
		tg, err := get[*asyncio.TaskGroup](c, 0)
		if err != nil {
			return err
		}
		label := c.text(1)
		opts, err := c.options(3, label)
		if err != nil {
			return err
		}
		began, coro := false, c.coroutine(c.body(2), label)
		t := asyncio.CreateTaskIn(tg, func(ctx context.Context) (any, error) {
			began = true
			return coro(ctx)
		}, opts...)
		if t.Done() && !began { // the group is shutting down
			return raised("RuntimeError")
		}
		c.player.put(label, t)
		return nil
	}),
	"gather": plain("lWb", func(c *call) error {
		var parts []asyncio.AnyAwaitable
		for _, w := range c.args[1].([]what) {
			if w.coro {
				parts = append(parts, named{w, c.player})
				continue
			}
			if f, err := labelled[asyncio.AnyFuture](c, w.label); err == nil {
				parts = append(parts, f)
			}
		}
		if errorsAsResults, _ := c.args[2].(bool); errorsAsResults {
			c.put(asyncio.GatherAnyResults(c.ctx, parts...))
		} else {
			c.put(asyncio.GatherAny(c.ctx, parts...))
		}
		return nil
	}),
	"shield": plain("ll", func(c *call) error {
		f, err := get[asyncio.AnyFuture](c, 1)
		if err == nil {
			c.put(shieldAny(c.ctx, f))
		}
		return err
	}),
	"cancel": plain("ll?", func(c *call) error {
		return with(c, func(f asyncio.AnyFuture) error {
			return c.tell(nil, "cancel", f.CancelWith(c.args[1]))
		})
	}),
	"uncancel": plain("l", func(c *call) error {
		return with(c, func(t asyncio.AnyTask) error { return c.tell(nil, "uncancel", t.Uncancel()) })
	}),
	"cancelling": plain("l", func(c *call) error {
		return with(c, func(t asyncio.AnyTask) error { return c.tell(nil, "cancelling", t.Cancelling()) })
	}),
	"state": plain("l", func(c *call) error {
		return with(c, func(f asyncio.AnyFuture) error { return c.tell(nil, "state", c.state(f)) })
	}),
	"result": plain("l", func(c *call) error {
		return with(c, func(f asyncio.AnyFuture) error {
			value, err := f.AnyResult()
			return c.tell(err, "result", c.plain(value))
		})
	}),
	"exception": plain("l", func(c *call) error {
		return with(c, func(f asyncio.AnyFuture) error {
			// One that is cancelled or has not ended raises, one that failed has the
			// error for a value.
			if !f.Done() || f.Cancelled() {
				return f.Exception()
			}
			if err := f.Exception(); err != nil {
				return c.tell(nil, "exception", describe(err))
			}
			return c.tell(nil, "exception", nil)
		})
	}),
	"set_name": plain("ll", func(c *call) error {
		return with(c, func(t asyncio.AnyTask) error { t.SetName(c.text(1)); return nil })
	}),
	"current": plain("", func(c *call) error {
		if t := asyncio.CurrentTask(c.ctx); t != nil {
			c.emit("current", t.Name())
		} else {
			c.emit("current", nil)
		}
		return nil
	}),
	"all_tasks": plain("", func(c *call) error {
		c.emit("all tasks", sorted(taskNames(asyncio.AllTasks(c.ctx))))
		return nil
	}),
	"on_done": plain("llO", func(c *call) error {
		label := c.text(1)
		if c.things[label] == nil {
			p, ops := c.player, c.body(2)
			c.things[label] = doneCallback(func(ctx context.Context, f asyncio.AnyFuture) {
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
	}),
	"off_done": plain("ll", func(c *call) error {
		return with(c, func(f asyncio.AnyFuture) error {
			fn, err := get[doneCallback](c, 1)
			if err != nil {
				return err
			}
			return c.tell(nil, "removed", f.RemoveDoneCallback(fn))
		})
	}),
	"future": plain("l", func(c *call) error { c.put(asyncio.NewFuture[any](c.ctx)); return nil }),
	"set_result": plain("lv", func(c *call) error {
		return with(c, func(f interface{ SetResult(value any) error }) error { return f.SetResult(c.args[1]) })
	}),
	"set_exception": plain("le", func(c *call) error {
		return with(c, func(f interface{ SetException(err error) error }) error {
			return f.SetException(newError(c.text(1)))
		})
	}),
	"soon": plain("lO", func(c *call) error {
		c.things[c.text(0)] = c.loop.CallSoon(c.callback(c.body(1), c.text(0)))
		return nil
	}),
	"later": plain("liO", func(c *call) error {
		c.things[c.text(0)] = c.loop.CallLater(c.delay(1), c.callback(c.body(2), c.text(0)))
		return nil
	}),
	"at": plain("liO", func(c *call) error {
		c.things[c.text(0)] = c.loop.CallAt(c.delay(1), c.callback(c.body(2), c.text(0)))
		return nil
	}),
	"cancel_call": plain("l", func(c *call) error {
		return with(c, func(h handle) error {
			h.Cancel()
			return c.tell(nil, "call cancelled", h.Cancelled())
		})
	}),
	"reschedule": plain("li?", func(c *call) error {
		return with(c, func(s *asyncio.TimeoutScope) error {
			when := c.delay(1)
			if when != asyncio.Never {
				when += c.loop.Time()
			}
			return s.Reschedule(when)
		})
	}),
	"expired": plain("l", func(c *call) error {
		return with(c, func(s *asyncio.TimeoutScope) error {
			if s.When() == asyncio.Never {
				return c.tell(nil, "expired", s.Expired(), nil)
			}
			return c.tell(nil, "expired", s.Expired(), int(s.When()/tick))
		})
	}),
	"lock":  plain("l", func(c *call) error { c.things[c.text(0)] = new(asyncio.Lock); return nil }),
	"event": plain("l", func(c *call) error { c.things[c.text(0)] = new(asyncio.Event); return nil }),
	"condition": plain("ll?", func(c *call) error {
		var lock *asyncio.Lock
		if c.args[1] != nil {
			var err error
			if lock, err = get[*asyncio.Lock](c, 1); err != nil {
				return err
			}
		}
		c.things[c.text(0)] = asyncio.NewCondition(lock)
		return nil
	}),
	"semaphore": plain("lib", func(c *call) error {
		if c.args[2].(bool) {
			c.things[c.text(0)] = asyncio.NewBoundedSemaphore(c.number(1))
		} else {
			c.things[c.text(0)] = asyncio.NewSemaphore(c.number(1))
		}
		return nil
	}),
	"barrier": plain("li", func(c *call) error {
		c.things[c.text(0)] = asyncio.NewBarrier(c.number(1))
		return nil
	}),
	"release": plain("l", func(c *call) error {
		return with(c, func(thing acquirer) error { thing.Release(); return c.tell(nil, "released") })
	}),
	"locked": plain("l", func(c *call) error {
		return with(c, func(thing acquirer) error { return c.tell(nil, "locked", thing.Locked()) })
	}),
	"event_set": plain("l", func(c *call) error {
		return with(c, func(e *asyncio.Event) error { e.Set(); return nil })
	}),
	"event_clear": plain("l", func(c *call) error {
		return with(c, func(e *asyncio.Event) error { e.Clear(); return nil })
	}),
	"event_is_set": plain("l", func(c *call) error {
		return with(c, func(e *asyncio.Event) error { return c.tell(nil, "is set", e.IsSet()) })
	}),
	"notify": plain("li?", func(c *call) error {
		return with(c, func(o *asyncio.Condition) error {
			if c.args[1] == nil {
				o.NotifyAll()
			} else {
				o.Notify(c.number(1))
			}
			return nil
		})
	}),
	"barrier_state": plain("l", func(c *call) error {
		return with(c, func(b *asyncio.Barrier) error { return c.tell(nil, "barrier", b.Waiting(), b.Broken()) })
	}),
	"queue": plain("liq", func(c *call) error {
		switch size := c.number(1); c.text(2) {
		case "fifo":
			c.things[c.text(0)] = asyncio.NewQueue[any](size)
		case "lifo":
			c.things[c.text(0)] = asyncio.NewLIFOQueue[any](size)
		default:
			c.things[c.text(0)] = asyncio.NewPriorityQueue(size, func(a, b any) bool { return order(a) < order(b) })
		}
		return nil
	}),
	"put_nowait": plain("lv", func(c *call) error {
		return with(c, func(q queue) error { return q.TryPut(c.args[1]) })
	}),
	"get_nowait": plain("l", func(c *call) error {
		return with(c, func(q queue) error {
			item, err := q.TryGet()
			return c.tell(err, "got from", item)
		})
	}),
	"task_done": plain("l", func(c *call) error {
		return with(c, func(q queue) error { q.TaskDone(); return nil })
	}),
	"queue_shutdown": plain("lb", func(c *call) error {
		return with(c, func(q queue) error { q.Shutdown(c.args[1].(bool)); return nil })
	}),
	"queue_state": plain("l", func(c *call) error {
		return with(c, func(q queue) error { return c.tell(nil, "queue", q.Len(), q.Empty(), q.Full()) })
	}),
	"var": plain("lv", func(c *call) error {
		if c.args[1] == nil {
			c.things[c.text(0)] = asyncio.NewContextVar[any](c.text(0))
		} else {
			c.things[c.text(0)] = asyncio.NewContextVarDefault(c.text(0), c.args[1])
		}
		return nil
	}),
	"var_set": plain("lvl?", func(c *call) error {
		return with(c, func(v *asyncio.ContextVar[any]) error {
			set := v.Set(c.ctx, c.args[1])
			if c.args[2] != nil {
				c.things[c.text(2)] = token{v, set}
			}
			return nil
		})
	}),
	"var_get": plain("l", func(c *call) error {
		return with(c, func(v *asyncio.ContextVar[any]) error {
			value, ok := v.Get(c.ctx)
			if !ok {
				return raised("LookupError")
			}
			return c.tell(nil, "var", value)
		})
	}),
	"var_reset": plain("l", func(c *call) error {
		return with(c, func(t token) error { return t.of.Reset(c.ctx, t.set) })
	}),
	"copy_context": plain("l", func(c *call) error {
		c.things[c.text(0)] = asyncio.CopyContextVars(c.ctx)
		return nil
	}),
	"run_in_context": plain("lO", func(c *call) error {
		return with(c, func(in *asyncio.ContextVars) (err error) {
			busy := in.Run(c.ctx, func(ctx context.Context) { err = c.runPlain(ctx, c.body(1), c.who) })
			if busy != nil {
				return busy
			}
			return err
		})
	}),
}

// with calls do with what stands under the first argument.
func with[T any](c *call, do func(T) error) error {
	thing, err := get[T](c, 0)
	if err != nil {
		return err
	}
	return do(thing)
}

// tell says what was done to the first argument, if there is no error.
func (c *call) tell(err error, what string, more ...any) error {
	if err == nil {
		c.emit(append([]any{what, c.args[0]}, more...)...)
	}
	return err
}

// delay is argument i as a time; Never for null.
func (c *call) delay(i int) time.Duration {
	if c.args[i] == nil {
		return asyncio.Never
	}
	return time.Duration(c.number(i)) * tick
}

// handle runs the handler of a try for err.
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

func (c *call) options(i int, label string) ([]asyncio.TaskOption, error) {
	given := c.args[i].(spawnOptions)
	if name, ok := given.name.(string); ok {
		label = name
	}
	opts := []asyncio.TaskOption{asyncio.WithName(label)}
	if of, ok := given.context.(string); ok {
		in, err := labelled[*asyncio.ContextVars](c, of)
		if err != nil {
			return nil, err
		}
		opts = append(opts, asyncio.WithContextVars(in))
	}
	if eager, ok := given.eager.(bool); ok {
		opts = append(opts, asyncio.WithEagerStart(eager))
	}
	return opts, nil
}

// futures are those under the labels that are the first argument.
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

// A named is a coroutine that becomes a task of its name when somebody awaits it as a
// future.
type named struct {
	what
	player *player
}

func (n named) EnsureFuture(ctx context.Context) asyncio.AnyFuture {
	return asyncio.CreateTask(ctx, n.player.coroutine(n.body, n.label), asyncio.WithName(n.label))
}

// shieldAny and waitForAny are for a future of one of the types that the player has.
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

func waitForAny(ctx context.Context, f asyncio.AnyFuture, limit time.Duration) (any, error) {
	switch f := f.(type) {
	case *asyncio.Task[any]:
		return asyncio.WaitFor(ctx, f, limit)
	case *asyncio.Future[any]:
		return asyncio.WaitFor(ctx, f, limit)
	case *asyncio.Future[[]any]:
		return asyncio.WaitFor(ctx, f, limit)
	}
	return asyncio.WaitFor(ctx, f.(*asyncio.Future[[]asyncio.Result[any]]), limit)
}

func sortedLabels(fs []asyncio.AnyFuture, labels map[asyncio.AnyFuture]string) []string {
	names := make([]string, len(fs))
	for i, f := range fs {
		names[i] = labels[f]
	}
	return sorted(names)
}

func sorted(names []string) []string { slices.Sort(names); return names }

// order is the place of a value among those of a priority queue: numbers, and before them
// all else.
func order(v any) float64 {
	n, ok := v.(json.Number)
	if !ok {
		return -maxNumber
	}
	f, _ := n.Float64()
	return f
}

// returnWhens are asyncio's names of the conditions of asyncio.wait.
var returnWhens = map[string]asyncio.ReturnWhen{
	"FIRST_COMPLETED": asyncio.FirstCompleted,
	"FIRST_EXCEPTION": asyncio.FirstException,
	"ALL_COMPLETED":   asyncio.AllCompleted,
}
