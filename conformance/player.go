package main

import (
	"context"
	"errors"
	"strings"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

const (
	maxEvents = 20_000  // of a trace
	maxSteps  = 200_000 // statements executed; some emit no event
	maxRounds = 10      // of cancelling the remaining tasks after main has ended
)

// A player plays one program. It uses only the exported API of the library.
type player struct {
	loop       *asyncio.Loop
	objects    map[string]any // by label
	awaitables []string       // the labels of tasks and futures, in order of creation
	trace      []byte         // the events in JSON, separated by commas
	events     int            // in trace
	steps      int            // statements executed
	limited    bool           // true if the program exceeded a limit and was given up
}

// play returns the trace of a program as JSON, without a newline.
func play(prog *program) []byte {
	p := &player{loop: asyncio.NewLoop(driver.NewVirtual()), objects: map[string]any{}}
	defer p.loop.Close()
	p.loop.SetExceptionHandler(p.handleException)
	if prog.eager {
		p.loop.SetTaskFactory(asyncio.EagerTaskFactory)
	}
	p.main(prog)
	for _, label := range p.awaitables {
		p.emit("final", label, p.state(p.objects[label].(asyncio.AnyFuture)))
	}
	line := appendJSON([]byte(`{"id":`), prog.id, ",")
	if p.limited {
		return append(line, `,"limit":true}`...)
	}
	line = append(line, `,"trace":[`...)
	line = append(line, p.trace...)
	p.limited = true // the trace does not contain the events of Close
	return append(line, `]}`...)
}

// main runs the program as asyncio.Run would and emits how main ended.
func (p *player) main(prog *program) {
	main := asyncio.CreateTask(p.loop.Context(), p.coroutine(prog.main, "main"), asyncio.WithName("main"))
	p.put("main", main)
	runUntil(p, main)
	p.emit("loop", "main ended", p.state(main))
	for range maxRounds {
		remaining := p.loop.AllTasks()
		if len(remaining) == 0 || p.limited {
			return
		}
		p.emit("loop", "cancels the rest", taskNames(remaining))
		all := make([]asyncio.AnyAwaitable, len(remaining))
		for i, t := range remaining {
			t.Cancel()
			all[i] = t
		}
		if !runUntil(p, asyncio.GatherAnyResults(p.loop.Context(), all...)) {
			return
		}
	}
}

// runUntil runs the loop until f is done. It returns false after a deadlock or if the
// program was given up.
func runUntil[T any](p *player, f asyncio.Awaitable[T]) bool {
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

// handleException is the loop's exception handler.
func (p *player) handleException(_ context.Context, e *asyncio.ExceptionContext) {
	switch {
	case e.Handle != nil:
		p.emit("loop", "callback raised", describe(e.Exception))
	case strings.Contains(e.Message, "whose parent"):
		p.emit("loop", "orphan error", describe(e.Exception))
	}
}

// giveUp ends the program, which exceeded a limit.
func (p *player) giveUp() {
	p.limited = true
	p.loop.Stop()
}

// put stores f under a label.
func (p *player) put(label string, f asyncio.AnyFuture) {
	if _, ok := p.objects[label].(asyncio.AnyFuture); !ok {
		p.awaitables = append(p.awaitables, label)
	}
	// Shield returns its argument if that is done, so f may be a Task behind a Future.
	p.objects[label] = f.EnsureFuture(p.loop.Context())
}

// coroutine returns a function that runs a body; its events have the label.
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

// A returned is the result of a body that a return statement ended.
type returned struct{ value any }

var (
	errSkip  = errors.New("skipped")  // of a statement with an unknown label
	errLimit = errors.New("given up") // ends the bodies of a program that was given up
)

// run runs a body. It returns nil, nil if the body reaches its end.
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

// runPlain runs the body of a callback, whose statements do not suspend. It emits no
// event for an error that it returns.
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

// callback returns a callback that runs a body; its events have the label.
func (p *player) callback(b body, label string) func(ctx context.Context) {
	return func(ctx context.Context) {
		p.emit(label, "called")
		if err := p.runPlain(ctx, b, label); err != nil {
			panic(err)
		}
	}
}

// A call is one execution of a statement.
type call struct {
	*player
	ctx  context.Context
	who  string // the label of the acting task or callback
	args []any
}

func (c *call) emit(event ...any)       { c.player.emit(c.who, event...) }
func (c *call) text(i int) string       { s, _ := c.args[i].(string); return s }
func (c *call) number(i int) int        { n, _ := c.args[i].(int); return n }
func (c *call) body(i int) body         { b, _ := c.args[i].(body); return b }
func (c *call) put(f asyncio.AnyFuture) { c.player.put(c.text(0), f) }

// do executes a statement without bodies. It returns the error of a panic: where only a
// bug causes an error, this library panics and Python raises an exception.
func (c *call) do(op *operation) (err error) {
	defer recoverError(&err)
	if op.do != nil {
		return op.do(c)
	}
	return op.wait(c)
}

// block executes a statement with bodies, and treats panics like do.
func (c *call) block(op *operation) (_ *returned, err error) {
	defer recoverError(&err)
	return op.block(c)
}

func recoverError(err *error) {
	switch p := recover().(type) {
	case nil:
	case error:
		if class(p) == "Exception" { // a bug in this library or in the player
			panic(p)
		}
		*err = p
	default:
		panic(p)
	}
}

// get returns the object whose label is argument i.
func get[T any](c *call, i int) (T, error) { return labelled[T](c, c.text(i)) }

// labelled returns the object with a label. An object of another type is an
// AttributeError, as in Python.
func labelled[T any](c *call, label string) (T, error) {
	object, found := c.objects[label]
	t, ok := object.(T)
	switch {
	case !found:
		return t, errSkip
	case !ok:
		return t, raised("AttributeError")
	}
	return t, nil
}
