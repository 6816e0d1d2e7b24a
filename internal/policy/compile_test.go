package policy_test

import (
	"go/ast"
	"go/parser"
	"go/types"
	"strings"
	"testing"

	"example.com/asyncio/internal/policy"
)

// refused has statements that CPython rejects with a TypeError at run time, and part of
// the compiler's error for each.
var refused = []struct{ statement, says string }{
	{`asyncio.Go(ctx, func(context.Context) error { return nil })`, ""}, // no error: the code around the statements compiles

	// Neither a function nor an awaitable.
	{`asyncio.Go(ctx, 123)`, "cannot use 123"},
	{`asyncio.CreateTask[int](ctx, 123)`, "cannot use 123"},
	{`asyncio.EnsureFuture[string](ctx, "ok")`, "missing method Await"},
	{`asyncio.Gather[int, asyncio.Awaitable[int]](ctx, coro, map[string]int{})`, "missing method Await"},
	{`_ = asyncio.Run(ctx, 123)`, "cannot use 123"},
	{`_ = asyncio.Run(ctx, f)`, "cannot use f"},
	{`_ = new(asyncio.Runner).Run(ctx, 123)`, "cannot use 123"},
	{`_, _ = asyncio.RunUntilComplete[int](l, "blah")`, "missing method Await"},
	{`asyncio.RunInExecutor[int](ctx, nil, "a function")`, `cannot use "a function"`},

	// A single future, or coroutines, instead of futures.
	{`_, _, _ = asyncio.Wait(ctx, f)`, "does not match"},
	{`_, _, _ = asyncio.Wait(ctx, coro)`, "does not match"},
	{`_, _, _ = asyncio.Wait(ctx, []asyncio.Coro[int]{coro})`, "does not satisfy asyncio.AnyFuture"},
	{`_ = asyncio.AsCompleted(ctx, f)`, "does not match"},
	{`_ = asyncio.AsCompleted(ctx, coro)`, "does not match"},
	{`_ = asyncio.AsCompleted(ctx, []asyncio.Coro[int]{coro})`, "does not satisfy asyncio.AnyFuture"},

	// A future of the loop instead of a concurrent future, and a type that only resembles
	// a future.
	{`asyncio.WrapFuture(ctx, f)`, "does not match"},
	{`var _ asyncio.AnyFuture = looksLikeAFuture{}`, "does not implement asyncio.AnyFuture"},

	// A lock has Acquire and With instead of Await. It takes no loop.
	{`asyncio.EnsureFuture[asyncio.None](ctx, new(asyncio.Lock))`, "missing method Await"},
	{`asyncio.EnsureFuture[asyncio.None](ctx, asyncio.NewSemaphore(1))`, "missing method Await"},
	{`asyncio.EnsureFuture[asyncio.None](ctx, asyncio.NewBarrier(1))`, "missing method Await"},
	{`asyncio.NewCondition(l)`, "cannot use l"},
	{`asyncio.NewSemaphore(1, l)`, "too many arguments"},
	{`asyncio.NewBoundedSemaphore(1, l)`, "too many arguments"},

	// An option or an argument that the function would ignore.
	{`_ = asyncio.AsCompleted(ctx, []*asyncio.Future[int]{f}, asyncio.FirstCompleted)`, "cannot use asyncio.FirstCompleted"},
	{`f.Cancel("why")`, "too many arguments"},
	{`f.CancelWith("why", "twice")`, "too many arguments"},
	{`l.CallSoon(func(context.Context) {}, asyncio.WithName("x"))`, "as asyncio.CallOption"},
	{`_, _, _ = asyncio.Wait(ctx, []*asyncio.Future[int]{f}, asyncio.WithName("x"))`, "as asyncio.WaitOption"},

	// A coroutine or another value instead of a callback.
	{`l.CallSoon(coro)`, "cannot use coro"},
	{`l.CallSoon(123)`, "cannot use 123"},
	{`l.CallLater(time.Second, coro)`, "cannot use coro"},
	{`l.CallAt(time.Second, coro)`, "cannot use coro"},
	{`_, _ = l.CallSoonThreadsafe(coro)`, "cannot use coro"},
	{`f.AddDoneCallback(coro)`, "cannot use coro"},
	{`l.SetTaskFactory(123)`, "cannot use 123"},
	{`l.SetExceptionHandler("spam")`, `cannot use "spam"`},
	{`l.SetDefaultExecutor("threads")`, "does not implement executor.Executor"},

	// Other wrong types.
	{`asyncio.Go(ctx, nil, asyncio.WithName(6))`, "cannot use 6"},
	{`asyncio.NewQueue[int](1.3)`, "cannot use 1.3"},
	{`asyncio.NewFuture[int](ctx, 42)`, "cannot use 42"},
	{`l.CallLater("soon", func(context.Context) {})`, `cannot use "soon"`},
	{`l.CallAt(nil, func(context.Context) {})`, "cannot use nil"},
	{`_ = asyncio.Sleep(ctx, math.NaN())`, "cannot use math.NaN()"},
	{`_ = f.SetException("not an error")`, "missing method Error"},
}

// refusedIn is the file around a statement.
const refusedIn = `package p

import (
	"context"
	"math"
	"time"

	"example.com/asyncio"
)

var _, _ = math.Pi, time.Second

type looksLikeAFuture struct{ f *asyncio.Future[int] }

func (looksLikeAFuture) Done() bool { return false }
func (looksLikeAFuture) Cancelled() bool { return false }
func (looksLikeAFuture) Cancel(...any) bool { return false }
func (looksLikeAFuture) Exception() error { return nil }
func (l looksLikeAFuture) Loop() *asyncio.Loop { return l.f.Loop() }
func (looksLikeAFuture) AddDoneCallback(func(context.Context, asyncio.AnyFuture), ...asyncio.CallOption) {}
func (looksLikeAFuture) RemoveDoneCallback(func(context.Context, asyncio.AnyFuture)) int { return 0 }
func (looksLikeAFuture) String() string { return "" }

func _(ctx context.Context, l *asyncio.Loop, f *asyncio.Future[int], coro asyncio.Coro[int]) {
	STATEMENT
}
`

// A008, A012, A147, A148, A162, A261, A267: an argument of a wrong type does not compile.
func TestDoesNotCompile(t *testing.T) {
	all := policy.List(t)
	for _, r := range refused {
		file, err := parser.ParseFile(all.Fset, "p.go", strings.Replace(refusedIn, "STATEMENT", r.statement, 1), 0)
		if err != nil {
			t.Fatalf("%s: %v", r.statement, err)
		}
		_, err = (&types.Config{Importer: all.Importer}).Check("p", all.Fset, []*ast.File{file}, nil)
		switch {
		case err == nil && r.says != "":
			t.Errorf("%s compiles", r.statement)
		case err != nil && (r.says == "" || !strings.Contains(err.Error(), r.says)):
			t.Errorf("%s: got the error %v, want %q", r.statement, err, r.says)
		}
	}
}
