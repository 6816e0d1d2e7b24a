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

// A program is what a line of the input holds: statements that make, await and cancel
// tasks. The oracle's README describes them.
type program struct {
	id    any
	eager bool // the loop's tasks start eagerly
	main  body
}

type body []statement

// A statement is an operation with its arguments, each of the type that the operation's
// signature says; nil for null.
type statement struct {
	name string
	op   *operation
	args []any
}

// A what is something to await: what stands under a label, or a body that a coroutine of
// that name is to run.
type what struct {
	label string
	body  body
	coro  bool
}

// A catch is a handler of a try.
type catch struct {
	classes []string
	handler body
	reraise bool
}

// spawnOptions are the options of a task; nil where one is not given.
type spawnOptions struct{ name, context, eager any }

// readers has a function for each letter of a signature. It makes an argument of what the
// JSON holds.
var readers map[rune]func(p *parser, v any) (any, error)

func init() { // not where it is declared, since bodies hold statements and those have arguments
	readers = map[rune]func(p *parser, v any) (any, error){
		'l': func(_ *parser, v any) (any, error) { return as[string](v, "a string") },
		'b': func(_ *parser, v any) (any, error) { return as[bool](v, "true or false") },
		'i': func(_ *parser, v any) (any, error) { return number(v) },
		'L': func(p *parser, v any) (any, error) { return each(p, v, label) },
		'v': func(_ *parser, v any) (any, error) { return v, nil },
		'B': func(p *parser, v any) (any, error) { return p.body(v, true) },
		'O': func(p *parser, v any) (any, error) { return p.body(v, false) }, // of statements that do not wait
		'w': func(p *parser, v any) (any, error) { return p.what(v) },        // a label or [label, body]
		'W': func(p *parser, v any) (any, error) { return each(p, v, (*parser).what) },
		'C': func(p *parser, v any) (any, error) { return each(p, v, (*parser).catch) },
		'e': func(_ *parser, v any) (any, error) { return errorClass(v) },
		'o': func(_ *parser, v any) (any, error) { return options(v) },
		'r': oneOf("FIRST_COMPLETED", "FIRST_EXCEPTION", "ALL_COMPLETED"),
		'q': oneOf("fifo", "lifo", "priority"),
	}
}

// A parser reads one program. When it has failed, path is the way to the fault.
type parser struct {
	path []int // indices, from the body of main down
	left int   // statements that the program may still have
}

// maxStatements is the greatest length of a program. The oracle's have less than a
// hundred statements.
const maxStatements = 1 << 16

// parse reads a program. Its error tells where in the line the fault is.
func parse(line []byte) (*program, error) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber() // a value is printed as it was written
	var root any
	if err := decoder.Decode(&root); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the line ends too early")
		}
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("something stands behind the program")
	}
	object, err := as[map[string]any](root, "an object with a program")
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

// each reads the parts of a list.
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
	parts, err := as[[]any](v, "a statement, which is a list")
	if err != nil {
		return s, err
	}
	if len(parts) == 0 {
		return s, errors.New("an empty statement")
	}
	if s.name, err = as[string](parts[0], "the name of an operation"); err != nil {
		return s, err
	}
	if p.left--; p.left < 0 {
		return s, fmt.Errorf("more than %d statements", maxStatements)
	}
	switch s.op = operations[s.name]; {
	case s.op == nil:
		return s, fmt.Errorf("there is no operation %q", s.name)
	case !mayWait && s.op.do == nil:
		return s, fmt.Errorf("%q holds a body or may wait, and this is in a callback", s.name)
	}
	args := parts[1:]
	if len(args) < s.op.required || len(args) > len(s.op.args) {
		return s, fmt.Errorf("%q takes %d arguments, and here are %d", s.name, s.op.required, len(args))
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

func (p *parser) what(v any) (w what, err error) {
	if label, ok := v.(string); ok {
		return what{label: label}, nil
	}
	pair, _ := v.([]any)
	if len(pair) != 2 {
		return w, errors.New("what is awaited is a label or [label, body]")
	}
	if w.label, err = as[string](pair[0], "a label"); err != nil {
		return w, err
	}
	w.coro = true
	w.body, err = p.body(pair[1], true)
	return w, err
}

func (p *parser) catch(v any) (c catch, err error) {
	parts, _ := v.([]any)
	if len(parts) != 3 {
		return c, errors.New("a catch is [classes, handler, reraise]")
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
	object, err := as[map[string]any](v, "an object with options")
	for key, value := range object {
		switch key {
		case "name":
			o.name, err = as[string](value, "a name")
		case "context":
			o.context, err = as[string](value, "a label")
		case "eager":
			o.eager, err = as[bool](value, "true or false")
		default:
			err = errors.New("there is no such option")
		}
		if err != nil {
			return o, fmt.Errorf("option %q: %w", key, err)
		}
	}
	return o, err
}

func label(_ *parser, v any) (string, error) { return as[string](v, "a label") }

func errorClass(v any) (string, error) {
	class, err := as[string](v, "the name of a class of errors")
	if _, known := parents[class]; err == nil && !known {
		err = fmt.Errorf("there is no class %q of errors", class)
	}
	return class, err
}

// maxNumber bounds delays and sizes: the loop's time must not overflow.
const maxNumber = 1_000_000_000

func number(v any) (int, error) {
	n, err := as[json.Number](v, "a number")
	if err != nil {
		return 0, err
	}
	i, err := strconv.Atoi(n.String())
	if err != nil || i < -maxNumber || i > maxNumber {
		return 0, fmt.Errorf("%v is not a whole number of at most %d", n, maxNumber)
	}
	return i, nil
}

func oneOf(words ...string) func(*parser, any) (any, error) {
	return func(_ *parser, v any) (any, error) {
		if word, ok := v.(string); ok && slices.Contains(words, word) {
			return word, nil
		}
		return nil, fmt.Errorf("one of %s is needed here", strings.Join(words, ", "))
	}
}

func as[T any](v any, what string) (T, error) {
	t, ok := v.(T)
	if !ok {
		text, _ := json.Marshal(v)
		if len(text) > 40 {
			text = append(text[:40], "..."...)
		}
		return t, fmt.Errorf("%s is needed here, not %s", what, text)
	}
	return t, nil
}
