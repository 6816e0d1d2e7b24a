package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// A program is one line of the input: statements that create, await and cancel tasks. The
// oracle's README describes them.
type program struct {
	id    any
	eager bool // tasks start eagerly
	main  body
}

type body []statement

// A statement is an operation with its arguments. Their types are those of the
// operation's signature; null is nil.
type statement struct {
	name string
	op   *operation
	args []any
}

// An awaited is an operand of gather or wait_for: the label of a future, or a coroutine.
type awaited struct {
	label       string
	body        body // of the coroutine
	isCoroutine bool
}

// A catch is an error handler of a try.
type catch struct {
	classes []string
	handler body
	reraise bool
}

// spawnOptions are the options of a task. A missing option is nil.
type spawnOptions struct{ name, context, eager any }

// readers contains a function for each letter of a signature. It converts an argument
// from its JSON value.
var readers map[rune]func(p *parser, v any) (any, error)

func init() { // readers depend on readers: bodies contain statements with arguments
	readers = map[rune]func(p *parser, v any) (any, error){
		'l': func(_ *parser, v any) (any, error) { return as[string](v, "a string") },
		'b': func(_ *parser, v any) (any, error) { return as[bool](v, "true or false") },
		'i': func(_ *parser, v any) (any, error) { return number(v) },
		'L': func(p *parser, v any) (any, error) { return each(p, v, label) },
		'v': func(_ *parser, v any) (any, error) { return v, nil },
		'B': func(p *parser, v any) (any, error) { return p.body(v, true) },
		'O': func(p *parser, v any) (any, error) { return p.body(v, false) }, // statements that do not suspend
		'w': func(p *parser, v any) (any, error) { return p.awaited(v) },
		'W': func(p *parser, v any) (any, error) { return each(p, v, (*parser).awaited) },
		'C': func(p *parser, v any) (any, error) { return each(p, v, (*parser).catch) },
		'e': func(_ *parser, v any) (any, error) { return errorClass(v) },
		'o': func(_ *parser, v any) (any, error) { return options(v) },
		'r': oneOf("FIRST_COMPLETED", "FIRST_EXCEPTION", "ALL_COMPLETED"),
		'q': oneOf("fifo", "lifo", "priority"),
	}
}

// A parser reads one program.
type parser struct {
	path []int // indices from the body of main down to the current value; an error keeps it
	left int   // how many more statements the program may have
}

// maxStatements is the maximum length of a program. The oracle's programs have fewer than
// 100 statements.
const maxStatements = 1 << 16

// parse reads a program. Its error includes the position of the mistake in the line.
func parse(line []byte) (*program, error) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber() // traces contain numbers as written in the program
	var root any
	if err := decoder.Decode(&root); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("unexpected end of line")
		}
		return nil, fmt.Errorf("invalid JSON: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("unexpected data after the program")
	}
	object, err := as[map[string]any](root, "a program object")
	if err != nil {
		return nil, err
	}
	prog := &program{id: object["id"]}
	if eager, given := object["eager"]; given {
		if prog.eager, err = as[bool](eager, "true or false"); err != nil {
			return nil, fmt.Errorf("eager: %w", err)
		}
	}
	p := &parser{left: maxStatements}
	if prog.main, err = p.body(object["main"], true); err != nil {
		at := "main"
		for _, i := range p.path {
			at += fmt.Sprintf("[%d]", i)
		}
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	return prog, nil
}

// each converts a list with read.
func each[T any](p *parser, v any, read func(p *parser, v any) (T, error)) ([]T, error) {
	parts, err := as[[]any](v, "a list")
	if err != nil {
		return nil, err
	}
	all := make([]T, len(parts))
	depth := len(p.path)
	for i, part := range parts {
		p.path = append(p.path, i)
		if all[i], err = read(p, part); err != nil {
			return nil, err
		}
		p.path = p.path[:depth]
	}
	return all, nil
}

func (p *parser) body(v any, mayWait bool) (body, error) {
	return each(p, v, func(p *parser, v any) (statement, error) { return p.statement(v, mayWait) })
}

func (p *parser) statement(v any, mayWait bool) (s statement, err error) {
	parts, err := as[[]any](v, "a statement (a list)")
	if err != nil {
		return s, err
	}
	if len(parts) == 0 {
		return s, errors.New("empty statement")
	}
	if s.name, err = as[string](parts[0], "the name of an operation"); err != nil {
		return s, err
	}
	if p.left--; p.left < 0 {
		return s, fmt.Errorf("more than %d statements; shorten the program", maxStatements)
	}
	switch s.op = operations[s.name]; {
	case s.op == nil:
		return s, fmt.Errorf("unknown operation %q", s.name)
	case !mayWait && s.op.do == nil:
		return s, fmt.Errorf("%q is not allowed in a callback: it may suspend or run a body", s.name)
	}
	args := parts[1:]
	if want := min(max(len(args), s.op.required), len(s.op.args)); len(args) != want {
		return s, fmt.Errorf("%q: got %d arguments, want %d", s.name, len(args), want)
	}
	s.args = make([]any, len(s.op.args))
	depth := len(p.path)
	for i, v := range args {
		if v == nil && s.op.args[i].nullable {
			continue
		}
		p.path = append(p.path, i+1)
		if s.args[i], err = readers[s.op.args[i].kind](p, v); err != nil {
			return s, err
		}
		p.path = p.path[:depth]
	}
	return s, nil
}

func (p *parser) awaited(v any) (a awaited, err error) {
	if label, ok := v.(string); ok {
		return awaited{label: label}, nil
	}
	pair, _ := v.([]any)
	if len(pair) != 2 {
		return a, mismatch(v, "a label or [label, body]")
	}
	if a.label, err = as[string](pair[0], "a label"); err != nil {
		return a, err
	}
	a.isCoroutine = true
	a.body, err = p.body(pair[1], true)
	return a, err
}

func (p *parser) catch(v any) (c catch, err error) {
	parts, _ := v.([]any)
	if len(parts) != 3 {
		return c, mismatch(v, "[classes, handler, reraise]")
	}
	if c.classes, err = each(p, parts[0], func(_ *parser, v any) (string, error) { return errorClass(v) }); err != nil {
		return c, err
	}
	if c.handler, err = p.body(parts[1], true); err != nil {
		return c, err
	}
	c.reraise, err = as[bool](parts[2], "true or false")
	return c, err
}

func options(v any) (o spawnOptions, err error) {
	object, err := as[map[string]any](v, "an object of options")
	for key, value := range object {
		switch key {
		case "name":
			o.name, err = as[string](value, "a name")
		case "context":
			o.context, err = as[string](value, "a label")
		case "eager":
			o.eager, err = as[bool](value, "true or false")
		default:
			err = errors.New("unknown option; use name, context or eager")
		}
		if err != nil {
			return o, fmt.Errorf("option %q: %w", key, err)
		}
	}
	return o, err
}

func label(_ *parser, v any) (string, error) { return as[string](v, "a label") }

func errorClass(v any) (string, error) {
	class, err := as[string](v, "the name of an error class")
	if _, known := parents[class]; err == nil && !known {
		err = fmt.Errorf("unknown error class %q", class)
	}
	return class, err
}

// maxNumber limits delays and sizes, so that the loop's time cannot overflow.
const maxNumber = 1_000_000_000

func number(v any) (int, error) {
	n, err := as[json.Number](v, "a number")
	if err != nil {
		return 0, err
	}
	i, err := strconv.Atoi(n.String())
	if err != nil || i < -maxNumber || i > maxNumber {
		return 0, mismatch(v, fmt.Sprintf("an integer from %d to %d", -maxNumber, maxNumber))
	}
	return i, nil
}

func oneOf(words ...string) func(*parser, any) (any, error) {
	return func(_ *parser, v any) (any, error) {
		if word, ok := v.(string); ok && slices.Contains(words, word) {
			return word, nil
		}
		return nil, mismatch(v, "one of "+strings.Join(words, ", "))
	}
}

// as returns v as a T. want describes a T for the error.
func as[T any](v any, want string) (T, error) {
	t, ok := v.(T)
	if !ok {
		return t, mismatch(v, want)
	}
	return t, nil
}

// mismatch returns the error of a value of the wrong type.
func mismatch(v any, want string) error {
	got, _ := json.Marshal(v)
	if len(got) > 40 {
		got = append(got[:40], "..."...)
	}
	return fmt.Errorf("got %s, want %s", got, want)
}
