package asyncio

import (
	"context"
	"fmt"
	"sync/atomic"
)

// A Context holds values of context variables. Every task and every callback
// runs in one: its own copy of its creator's, unless it was given one. It is
// not a [context.Context], but found through it.
//
// It belongs to its loop, as a Future does. See contextvars.Context.
type ContextVars struct {
	list *binding
}

// bindings is a persistent list, the last set first: a copy of it is a copy of
// the pointer. A program has a few variables and reads them more often
// than it sets them; a hash trie as CPython's pays from about thirty variables on.
type binding struct {
	v     variable
	value any
	next  *binding
}

type variable interface{ name() string }

func (b *binding) find(v variable) (any, bool) {
	for ; b != nil; b = b.next {
		if b.v == v {
			return b.value, true
		}
	}
	return nil, false
}

// without returns b without v's binding. What stands behind it is shared.
func (b *binding) without(v variable) *binding {
	switch {
	case b == nil:
		return nil
	case b.v == v:
		return b.next
	}
	rest := b.next.without(v)
	if rest == b.next {
		return b
	}
	return &binding{b.v, b.value, rest}
}

// A ContextVar is a variable whose value depends on the Context in which it is
// asked for: a request's id, say. Unlike a value of a context.Context it can be set
// in a function for those who called it. A ContextVar itself may be used from
// any goroutine. See contextvars.ContextVar.
type ContextVar[T any] struct {
	label      string
	value      T
	hasDefault bool
}

// NewContextVar returns a variable without a value. The name is for messages. See contextvars.ContextVar.
func NewContextVar[T any](name string) *ContextVar[T] {
	return &ContextVar[T]{label: name}
}

// NewContextVarDefault returns a variable that has the value def where none was set. See contextvars.ContextVar(default=).
func NewContextVarDefault[T any](name string, def T) *ContextVar[T] {
	return &ContextVar[T]{label: name, value: def, hasDefault: true}
}

func (v *ContextVar[T]) name() string { return v.label }

// Name returns the name given at creation. See ContextVar.name.
func (v *ContextVar[T]) Name() string { return v.label }

// String describes v.
func (v *ContextVar[T]) String() string { return fmt.Sprintf("<ContextVar name=%s>", v.label) }

// Get returns the variable's value in ctx's Context, or else its default;
// false if there is neither. Outside of a loop no value is set. See ContextVar.get.
func (v *ContextVar[T]) Get(ctx context.Context) (T, bool) {
	if c := contextVarsOf(ctx); c != nil {
		if value, ok := c.list.find(v); ok {
			return value.(T), true
		}
	}
	return v.value, v.hasDefault
}

// Set gives the variable a value in ctx's Context: for the running task and all
// that it calls, and for the tasks that it makes from now on. The token takes it
// back with [ContextVar.Reset]. Set panics outside of a loop, where there is no
// Context. See ContextVar.set.
func (v *ContextVar[T]) Set(ctx context.Context, value T) *Token[T] {
	c := mustContextVarsOf(ctx, "Set of %v", v)
	t := &Token[T]{v: v, in: c}
	old, ok := c.list.find(v)
	if ok {
		t.old, t.hadOld = old.(T), true
	}
	c.list = &binding{v, value, c.list.without(v)}
	return t
}

// Reset makes the variable what it was before the Set that gave the token. It
// returns an error, and changes nothing, if the token was used before
// ([ErrMisuse]), or is of another variable or Context ([ErrInvalidArgument]). See ContextVar.reset.
func (v *ContextVar[T]) Reset(ctx context.Context, t *Token[T]) error {
	c := mustContextVarsOf(ctx, "Reset of %v", v)
	switch {
	case t == nil || t.v != v:
		return misuse(ErrInvalidArgument, "Reset of %v with %v, which a Set of another variable gave", v, t)
	case t.used.Load():
		return misuse(ErrMisuse, "Reset of %v with %v, which was used once already", v, t)
	case t.in != c:
		return misuse(ErrInvalidArgument, "Reset of %v with %v, which was given in a different Context", v, t)
	}
	t.used.Store(true)
	c.list = c.list.without(v)
	if t.hadOld {
		c.list = &binding{v, t.old, c.list}
	}
	return nil
}

// A Token is what Set returns, for one Reset. See contextvars.Token.
type Token[T any] struct {
	v      *ContextVar[T]
	in     *ContextVars
	old    T
	hadOld bool
	used   atomic.Bool
}

// OldValue returns the value that the variable had before the Set; false if it
// had none. See Token.old_value.
func (t *Token[T]) OldValue() (T, bool) { return t.old, t.hadOld }

// Var returns the variable. See Token.var.
func (t *Token[T]) Var() *ContextVar[T] { return t.v }

// String describes t.
func (t *Token[T]) String() string {
	switch {
	case t == nil:
		return "<no Token>"
	case t.used.Load():
		return fmt.Sprintf("<Token used var=%v>", t.v)
	}
	return fmt.Sprintf("<Token var=%v>", t.v)
}

// NewContextVars returns a Context in which no variable is set. See contextvars.Context().
func NewContextVars() *ContextVars { return &ContextVars{} }

// CopyContextVars returns a copy of ctx's Context. See contextvars.copy_context.
func CopyContextVars(ctx context.Context) *ContextVars {
	return mustContextVarsOf(ctx, "CopyContext").Copy()
}

// Copy returns a copy of c, at a cost that does not depend on its size. See Context.copy.
func (c *ContextVars) Copy() *ContextVars { return &ContextVars{list: c.list} }

// Len returns how many variables are set. See Context.__len__.
func (c *ContextVars) Len() int {
	n := 0
	for b := c.list; b != nil; b = b.next {
		n++
	}
	return n
}

// String describes c.
func (c *ContextVars) String() string {
	return fmt.Sprintf("<Context %d variables>", c.Len())
}

// act and of say what it is for, as for [fmt.Sprintf]: they are put together only if they are needed.
func mustContextVarsOf(ctx context.Context, act string, of ...any) *ContextVars {
	c := contextVarsOf(ctx)
	if c == nil {
		panic(misuse(ErrNoRunningLoop, act+": ctx comes from no task, callback or ToThread, and so has no variables; pass the ctx that the task was given", of...))
	}
	return c
}

// contextKey is the key under which a ctx of a loop's holds its *Context.
type contextVarsKey struct{}

func contextVarsOf(ctx context.Context) *ContextVars {
	if ctx == nil {
		return nil
	}
	c, _ := ctx.Value(contextVarsKey{}).(*ContextVars)
	return c
}
