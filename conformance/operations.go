package main

import (
	"context"
	"fmt"
	"time"

	"example.com/asyncio"
)

// An operation executes the statements of one name. Exactly one of its functions is set.
type operation struct {
	args     []argument
	required int                              // how many of args must be present
	do       func(c *call) error              // does not suspend
	wait     func(c *call) error              // may suspend
	block    func(c *call) (*returned, error) // runs a body
}

type argument struct {
	kind     rune // a key of readers
	nullable bool
}

// plain, waiting and block make an operation.
//
// A signature has one letter for each argument, a key of readers. A "?" after a letter
// allows null. The arguments after a "." are optional.
func plain(signature string, do func(c *call) error) *operation {
	op := newOperation(signature)
	op.do = do
	return op
}

func waiting(signature string, wait func(c *call) error) *operation {
	op := newOperation(signature)
	op.wait = wait
	return op
}

func block(signature string, block func(c *call) (*returned, error)) *operation {
	op := newOperation(signature)
	op.block = block
	return op
}

func newOperation(signature string) *operation {
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

// operations contains all operations by name.
var operations = merge(blockOperations, taskOperations, futureOperations, callbackOperations,
	syncOperations, queueOperations, contextOperations)

func merge(tables ...map[string]*operation) map[string]*operation {
	all := map[string]*operation{}
	for _, table := range tables {
		for name, op := range table {
			if all[name] != nil {
				panic(fmt.Sprintf("conformance: operation %q is defined twice", name))
			}
			all[name] = op
		}
	}
	return all
}

// An acquirer is a lock, condition or semaphore.
type acquirer interface {
	Acquire(ctx context.Context) error
	Release()
	Locked() bool
	With(ctx context.Context, fn func(ctx context.Context) error) error
}

// with calls do with the object whose label is the first argument.
func with[T any](c *call, do func(T) error) error {
	object, err := get[T](c, 0)
	if err != nil {
		return err
	}
	return do(object)
}

// emitOK emits an event about the first argument, unless err is an error. It returns err.
func (c *call) emitOK(err error, event string, more ...any) error {
	if err == nil {
		c.emit(append([]any{event, c.args[0]}, more...)...)
	}
	return err
}

// delay returns argument i as a duration, or Never for null.
func (c *call) delay(i int) time.Duration {
	if c.args[i] == nil {
		return asyncio.Never
	}
	return time.Duration(c.number(i)) * tick
}
