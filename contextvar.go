package asyncio

import (
	"context"
	"fmt"
	"sync/atomic"
)

// ContextVars holds the values of context variables.
//
//   - The zero value is empty and ready to use.
//   - Every task and every callback has its own: a copy of that of its creator, unless
//     [WithContextVars] gives it another. A [context.Context] of the loop leads to it.
//   - It belongs to its loop, as a Future does.
//
// See contextvars.Context.
type ContextVars struct {
	list *binding // nil if it is empty
}

// A binding is a node of a persistent list, the most recent Set first. A copy of the list
// is a copy of the pointer. A program has few variables and reads them more often than it
// sets them. A hash trie, as in CPython, is faster from about thirty variables on.
type binding struct {
	v     variable
	value any
	next  *binding
}

// A variable is a *ContextVar[T] of any T.
type variable interface{ name() string }

func (b *binding) find(v variable) (any, bool) {
	for ; b != nil; b = b.next {
		if b.v == v {
			return b.value, true
		}
	}
	return nil, false
}

// without returns b without the binding of v. The nodes behind that binding are shared.
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

// A ContextVar is a variable that has a value in each [ContextVars], for example the ID
// of a request.
//
//   - Unlike a value of a context.Context, a function can set it for its callers.
//   - The zero value is a variable without a name and a default. A ContextVar must not be
//     copied after the first use.
//   - Any goroutine may use it. Its values belong to the loops.
//
// See contextvars.ContextVar.
type ContextVar[T any] struct {
	label      string
	value      T    // the default
	hasDefault bool // whether value is set
}

// NewContextVar returns a variable without a default. Messages contain the name. See
// contextvars.ContextVar.
func NewContextVar[T any](name string) *ContextVar[T] {
	return &ContextVar[T]{label: name}
}

// NewContextVarDefault returns a variable with the default def. See
// contextvars.ContextVar(default=).
func NewContextVarDefault[T any](name string, def T) *ContextVar[T] {
	return &ContextVar[T]{label: name, value: def, hasDefault: true}
}

func (v *ContextVar[T]) name() string { return v.label }

// Name returns the name given at creation. See ContextVar.name.
func (v *ContextVar[T]) Name() string { return v.label }

// String describes v.
func (v *ContextVar[T]) String() string { return fmt.Sprintf("<ContextVar name=%s>", v.label) }

// Get returns the value in the context variables of ctx, or the default if none is set
// there. It returns false if there is neither. A ctx that comes from no loop has no
// values. See ContextVar.get.
func (v *ContextVar[T]) Get(ctx context.Context) (T, bool) {
	if c := contextVarsOf(ctx); c != nil {
		if value, ok := c.list.find(v); ok {
			return value.(T), true
		}
	}
	return v.value, v.hasDefault
}

// Set sets the variable in the context variables of ctx: for the running task with all
// functions on its stack, and for the tasks that it creates from then on.
//
//   - [ContextVar.Reset] undoes it, with the token.
//   - It panics with [ErrNoRunningLoop] if ctx comes from no task, callback or ToThread.
//
// See ContextVar.set.
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

// Reset restores the value that the variable had before the Set that returned t.
//
//   - Its error is [ErrMisuse] if t was used before, and [ErrInvalidArgument] if t is nil
//     or zero, or belongs to another variable or to other context variables. The variable
//     is then unchanged.
//   - It panics with [ErrNoRunningLoop] if ctx comes from no task, callback or ToThread.
//
// See ContextVar.reset.
func (v *ContextVar[T]) Reset(ctx context.Context, t *Token[T]) error {
	c := mustContextVarsOf(ctx, "Reset of %v", v)
	switch {
	case t == nil || t.v != v:
		return misuse(ErrInvalidArgument, "Reset of %v with %v: the token is not from a Set of this variable", v, t)
	case t.used.Load():
		return misuse(ErrMisuse, "Reset of %v with %v: the token was used before", v, t)
	case t.in != c:
		return misuse(ErrInvalidArgument, "Reset of %v with %v: the token is from a Set in other context variables", v, t)
	}
	t.used.Store(true)
	c.list = c.list.without(v)
	if t.hadOld {
		c.list = &binding{v, t.old, c.list}
	}
	return nil
}

// A Token is the result of a Set, and allows one Reset. Set makes it; Reset does not
// accept the zero value. See contextvars.Token.
type Token[T any] struct {
	v      *ContextVar[T]
	in     *ContextVars // in which v was set
	old    T            // the value before the Set
	hadOld bool         // whether v was set before
	used   atomic.Bool  // set by Reset
}

// OldValue returns the value before the Set, and false if the variable was not set. See
// Token.old_value.
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

// CopyContextVars returns a copy of the context variables of ctx. It panics with
// [ErrNoRunningLoop] if ctx comes from no task, callback or ToThread. See
// contextvars.copy_context.
func CopyContextVars(ctx context.Context) *ContextVars {
	return mustContextVarsOf(ctx, "CopyContextVars").Copy()
}

// Copy returns a copy of c in constant time. See Context.copy.
func (c *ContextVars) Copy() *ContextVars { return &ContextVars{list: c.list} }

// Len returns the number of variables that are set. See Context.__len__.
func (c *ContextVars) Len() int {
	n := 0
	for b := c.list; b != nil; b = b.next {
		n++
	}
	return n
}

// String describes c.
func (c *ContextVars) String() string {
	return fmt.Sprintf("<ContextVars %d variables>", c.Len())
}

// mustContextVarsOf returns the context variables of ctx, or panics. act and of name the
// operation as for [fmt.Sprintf], which is called only for the panic.
func mustContextVarsOf(ctx context.Context, act string, of ...any) *ContextVars {
	c := contextVarsOf(ctx)
	if c == nil {
		panic(misuse(ErrNoRunningLoop, act+": ctx comes from no task, callback or ToThread; pass the ctx that the task was given", of...))
	}
	return c
}

// contextVarsKey is the key of the *ContextVars among the values of a ctx.
type contextVarsKey struct{}

// contextVarsOf returns the context variables of ctx, or nil.
func contextVarsOf(ctx context.Context) *ContextVars {
	if ctx == nil {
		return nil
	}
	c, _ := ctx.Value(contextVarsKey{}).(*ContextVars)
	return c
}
