package main

import (
	"context"
	"errors"
	"strings"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

const (
	maxEvents = 20_000  // in a trace
	maxSteps  = 200_000 // statements that are run; there are events without end that no trace shows
	maxRounds = 10      // of cancelling what is left when main has ended
)

// A player plays one program: it is a user of the library, and a plain one.
type player struct {
	loop       *asyncio.Loop
	things     map[string]any // what stands under each label
	awaitables []string       // the labels of tasks and futures, in the order of their making
	trace      []byte         // JSON
	events     int
	steps      int
	limited    bool // the program is too long, and given up
}

// play returns the trace of a program, a line of JSON.
func play(prog *program) []byte {
	p := &player{loop: asyncio.NewLoop(driver.NewVirtual()), things: map[string]any{}}
	defer p.loop.Close()
	p.loop.SetExceptionHandler(p.reported)
	if prog.eager {
		p.loop.SetTaskFactory(asyncio.EagerTaskFactory)
	}
	p.main(prog)
	for _, label := range p.awaitables {
		p.emit("final", label, p.state(p.things[label].(asyncio.AnyFuture)))
	}
	line := appendJSON([]byte(`{"id":`), prog.id, ",")
	if p.limited {
		return append(line, `,"limit":true}`...)
	}
	line = append(line, `,"trace":[`...)
	line = append(line, p.trace...)
	p.limited = true // what the tasks do that Close ends is no part of it
	return append(line, `]}`...)
}

// main does what asyncio.Run does, and tells what comes of it.
func (p *player) main(prog *program) {
	main := asyncio.CreateTask(p.loop.Context(), p.coroutine(prog.main, "main"), asyncio.WithName("main"))
	p.put("main", main)
	until(p, main)
	p.emit("loop", "main ended", p.state(main))
	for range maxRounds {
		rest := p.loop.AllTasks()
		if len(rest) == 0 || p.limited {
			return
		}
		p.emit("loop", "cancels the rest", taskNames(rest))
		all := make([]asyncio.AnyAwaitable, len(rest))
		for i, t := range rest {
			t.Cancel()
			all[i] = t
		}
		if !until(p, asyncio.GatherAnyResults(p.loop.Context(), all...)) {
			return
		}
	}
}

// until runs the loop until f is done; false if that will never be.
func until[T any](p *player, f asyncio.Awaitable[T]) bool {
	_, err := asyncio.RunUntilComplete(p.loop, f)
	if deadlock := (*asyncio.DeadlockError)(nil); errors.As(err, &deadlock) {
		p.emit("loop", "deadlock", sorted(taskNames(p.loop.AllTasks())))
		return false
	}
	return !p.limited
}

func taskNames(tasks []asyncio.AnyTask) []string {
	names := make([]string, len(tasks))
	for i, t := range tasks {
		names[i] = t.Name()
	}
	return names
}

// reported is the loop's exception handler.
func (p *player) reported(_ context.Context, e *asyncio.ExceptionContext) {
	switch {
	case e.Handle != nil:
		p.emit("loop", "callback raised", describe(e.Exception))
	case strings.Contains(e.Message, "whose parent"):
		p.emit("loop", "orphan error", describe(e.Exception))
	}
}

func (p *player) giveUp() {
	p.limited = true
	p.loop.Stop()
}

// put has f stand under a label.
func (p *player) put(label string, f asyncio.AnyFuture) {
	if _, ok := p.things[label].(asyncio.AnyFuture); !ok {
		p.awaitables = append(p.awaitables, label)
	}
	p.things[label] = f.EnsureFuture(p.loop.Context()) // a shield of what was done is that, and may be a task
}

// coroutine is a function that runs a body under a label.
func (p *player) coroutine(b body, label string) asyncio.Coro[any] {
	return func(ctx context.Context) (any, error) {
		p.emit(label, "starts")
		returned, err := p.run(ctx, b, label)
		if err != nil {
			p.emit(label, "ends", describe(err))
			return nil, err
		}
		var value any
		if returned != nil {
			value = returned.value
		}
		p.emit(label, "returns", value)
		return value, nil
	}
}

// A returned says that a return statement has ended a body.
type returned struct{ value any }

// errSkip: a statement names what does not stand.
var errSkip = errors.New("skipped")

// errLimit ends the bodies of a program that was given up.
var errLimit = errors.New("given up")

func (p *player) run(ctx context.Context, b body, who string) (*returned, error) {
	for i := range b {
		s := &b[i]
		if p.steps++; p.steps > maxSteps {
			p.giveUp()
		}
		if p.limited {
			return nil, errLimit
		}
		c := &call{player: p, ctx: ctx, who: who, args: s.args}
		switch {
		case s.op.block != nil:
			if returned, err := c.block(s.op); returned != nil || err != nil {
				return returned, err
			}
		default:
			if err := c.do(s.op); err == errSkip {
				p.emit(who, "skips", s.name)
			} else if err != nil {
				p.emit(who, "raised", s.name, describe(err))
				return nil, err
			}
		}
	}
	return nil, nil
}

// runPlain runs statements that do not wait, as a callback does. What they raise is its
// own.
func (p *player) runPlain(ctx context.Context, b body, who string) error {
	for i := range b {
		s := &b[i]
		if p.limited {
			return nil
		}
		c := &call{player: p, ctx: ctx, who: who, args: s.args}
		if err := c.do(s.op); err == errSkip {
			p.emit(who, "skips", s.name)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// callback is a function that runs plain statements under a label.
func (p *player) callback(b body, label string) func(ctx context.Context) {
	return func(ctx context.Context) {
		p.emit(label, "called")
		if err := p.runPlain(ctx, b, label); err != nil {
			panic(err)
		}
	}
}

// A call is a statement that is being run.
type call struct {
	*player
	ctx  context.Context
	who  string
	args []any
}

func (c *call) emit(what ...any)        { c.player.emit(c.who, what...) }
func (c *call) text(i int) string       { s, _ := c.args[i].(string); return s }
func (c *call) number(i int) int        { n, _ := c.args[i].(int); return n }
func (c *call) body(i int) body         { b, _ := c.args[i].(body); return b }
func (c *call) put(f asyncio.AnyFuture) { c.player.put(c.text(0), f) }

// do runs a statement that holds no body. What the library panics with, since in Go only
// a bug can cause it, Python raises.
func (c *call) do(op *operation) (err error) {
	defer recovered(&err)
	if op.do != nil {
		return op.do(c)
	}
	return op.wait(c)
}

func (c *call) block(op *operation) (_ *returned, err error) {
	defer recovered(&err)
	return op.block(c)
}

func recovered(err *error) {
	switch p := recover().(type) {
	case nil:
	case error:
		if class(p) == "Exception" { // a bug of ours
			panic(p)
		}
		*err = p
	default:
		panic(p)
	}
}

// get returns what stands under the label that is argument i.
func get[T any](c *call, i int) (T, error) { return labelled[T](c, c.text(i)) }

func labelled[T any](c *call, label string) (T, error) {
	thing, ok := c.things[label]
	t, fits := thing.(T)
	switch {
	case !ok:
		return t, errSkip
	case !fits:
		return t, raised("AttributeError")
	}
	return t, nil
}
