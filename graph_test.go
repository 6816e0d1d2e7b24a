package asyncio_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/inspect"
)

// graphed returns a call graph as one line: name [calls] <- (awaiter, ...).
func graphed(g *inspect.CallGraph) string { return graphedWith(g, true) }

// graphedNames is like graphed without the calls.
func graphedNames(g *inspect.CallGraph) string { return graphedWith(g, false) }

func graphedWith(g *inspect.CallGraph, stacks bool) string {
	if g == nil {
		return "none"
	}
	return graphedOnce(g, stacks, map[*inspect.CallGraph]bool{})
}

func graphedOnce(g *inspect.CallGraph, stacks bool, before map[*inspect.CallGraph]bool) string {
	line := "future"
	if g.Task {
		line = g.Name
	}
	if before[g] {
		return line + " again"
	}
	before[g] = true
	if stacks && len(g.Stack) > 0 {
		line += " [" + calls(g.Stack) + "]"
	}
	var by []string
	for _, b := range g.AwaitedBy {
		by = append(by, graphedOnce(b, stacks, before))
	}
	if len(by) > 0 {
		line += " <- (" + strings.Join(by, ", ") + ")"
	}
	return line
}

// graphOf runs main as a task named main and fails the test unless main captures these
// graphs.
func graphOf(t *testing.T, main func(ctx context.Context, capture func(ctx context.Context, f asyncio.AnyFuture)) error, want ...string) {
	t.Helper()
	var r record
	run(t, func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		return main(ctx, func(ctx context.Context, f asyncio.AnyFuture) {
			r.Add("%s", graphedNames(asyncio.CaptureCallGraph(ctx, f)))
		})
	})
	r.Want(t, want...)
}

// A332: the graph of the running task has its calls and its awaiters, recursively.
func TestCallGraphOfCurrentTask(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		inner := start(ctx, "inner", func(ctx context.Context) error {
			_ = asyncio.Yield(ctx) // outer and main suspend
			r.Add("%s", graphed(asyncio.CaptureCallGraph(ctx, nil)))
			return nil
		})
		outer := start(ctx, "outer", func(ctx context.Context) error { return joinIt(ctx, inner) })
		_, err := outer.Await(ctx)
		return err
	})
	r.Want(t, "inner [TestCallGraphOfCurrentTask.func1.1] <- (outer [joinIt > TestCallGraphOfCurrentTask.func1.2] <- (main [TestCallGraphOfCurrentTask.func1]))")
}

func joinIt(ctx context.Context, t *asyncio.Task[asyncio.None]) error {
	_, err := t.Await(ctx)
	return err
}

// A332: the graph of another task, of a future with several awaiters, of a future without
// awaiters, and of a finished future.
func TestCallGraphOfOtherTasksAndFutures(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		wait := func(ctx context.Context) error { _, err := f.Await(ctx); return err }
		a := start(ctx, "a", wait)
		start(ctx, "b", wait)
		start(ctx, "c", func(ctx context.Context) error { _, err := a.Await(ctx); return err })
		_ = asyncio.Yield(ctx)
		for _, of := range []asyncio.AnyFuture{f, a, asyncio.NewFuture[int](ctx)} {
			g := asyncio.CaptureCallGraph(ctx, of)
			r.Add("%v %s", g.ID == of.ID(), graphed(g))
		}
		_ = f.SetResult(1)
		r.Add("%s", graphed(asyncio.CaptureCallGraph(ctx, f)))
		return nil
	})
	const a = "a [TestCallGraphOfOtherTasksAndFutures.func1.1] <- (c [TestCallGraphOfOtherTasksAndFutures.func1.2])"
	r.Want(t,
		"true future <- ("+a+", b [TestCallGraphOfOtherTasksAndFutures.func1.1])",
		"true "+a,
		"true future",
		"future",
	)
}

// A332: without a current task there is no graph. Without a loop, CaptureCallGraph panics
// unless it gets a future.
func TestCallGraphWithoutTask(t *testing.T) {
	var r record
	l := asyncio.NewLoop(nil)
	defer l.Close()
	f := asyncio.NewFuture[int](l.Context())
	r.Add("outside a loop: %s", graphed(asyncio.CaptureCallGraph(context.Background(), f)))
	wantErr(t, panicOf(func() { asyncio.CaptureCallGraph(context.Background(), nil) }), asyncio.ErrNoRunningLoop)
	run(t, func(ctx context.Context) error {
		running(ctx).CallSoon(func(ctx context.Context) {
			r.Add("in a callback: %s, %q", graphed(asyncio.CaptureCallGraph(ctx, nil)), asyncio.CaptureCallGraph(ctx, nil).String())
		})
		wantErr(t, panicOf(func() { asyncio.CaptureCallGraph(ctx, f) }), asyncio.ErrWrongLoop, "CaptureCallGraph of <Future pending>")
		return asyncio.Yield(ctx)
	})
	r.Want(t, "outside a loop: future", `in a callback: none, ""`)
}

// A333: await edges remain visible through Gather, Wait, Shield, timeouts, AsCompleted
// and combinations of them.
func TestCallGraphThroughControlFlow(t *testing.T) {
	graphOf(t, func(ctx context.Context, capture func(context.Context, asyncio.AnyFuture)) error {
		shared := start(ctx, "shared", never)
		both := []*asyncio.Task[asyncio.None]{shared, start(ctx, "other", never)}
		start(ctx, "gather", func(ctx context.Context) error { _, err := asyncio.Gather(ctx, both...).Await(ctx); return err })
		start(ctx, "wait", func(ctx context.Context) error { _, _, err := asyncio.Wait(ctx, both); return err })
		start(ctx, "shield", func(ctx context.Context) error { _, err := asyncio.Shield(ctx, shared).Await(ctx); return err })
		start(ctx, "completed", func(ctx context.Context) error {
			for _, err := range asyncio.AsCompleted(ctx, both) {
				return err
			}
			return nil
		})
		start(ctx, "timeout", func(ctx context.Context) error { _, err := asyncio.WaitFor(ctx, shared, time.Hour); return err })
		start(ctx, "nested", func(ctx context.Context) error {
			_, err := asyncio.Gather(ctx, asyncio.Shield(ctx, shared), asyncio.Shield(ctx, asyncio.Shield(ctx, both[1]))).Await(ctx)
			return err
		})
		yields(ctx, 2)
		capture(ctx, both[0])
		capture(ctx, both[1])
		return nil
	},
		"shared <- (gather, wait, shield, completed, timeout, nested)",
		"other <- (gather, wait, completed, nested)",
	)
}

// A333: the tasks of a group are awaited by the task of its block, both while the block's
// function runs and at its end. The same holds for nested groups.
func TestCallGraphThroughGroups(t *testing.T) {
	graphOf(t, func(ctx context.Context, capture func(context.Context, asyncio.AnyFuture)) error {
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(func(ctx context.Context) error {
				return asyncio.WithTaskGroup(ctx, func(_ context.Context, inner *asyncio.TaskGroup) error {
					inner.Go(func(ctx context.Context) error {
						capture(ctx, nil) // child waits at the end of its block, and main for a timer
						_ = asyncio.Sleep(ctx, 2*time.Second)
						capture(ctx, nil) // both wait at the ends of their blocks
						return nil
					}, asyncio.WithName("grandchild"))
					return nil
				})
			}, asyncio.WithName("child"))
			return asyncio.Sleep(ctx, time.Second)
		})
	},
		"grandchild <- (child <- (main))",
		"grandchild <- (child <- (main))",
	)
}

// A task that awaits in several ways appears in full once, and a cycle of awaits ends.
func TestCallGraphWithCycles(t *testing.T) {
	graphOf(t, func(ctx context.Context, capture func(context.Context, asyncio.AnyFuture)) error {
		running(ctx).SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) {}) // the shutdown cancels the cycle
		var a, b *asyncio.Task[asyncio.None]
		a = start(ctx, "a", func(ctx context.Context) error { _, err := b.Await(ctx); return err })
		b = start(ctx, "b", func(ctx context.Context) error { _, err := asyncio.Gather(ctx, a).Await(ctx); return err })
		base := start(ctx, "base", never)
		left := start(ctx, "left", func(ctx context.Context) error { _, err := base.Await(ctx); return err })
		right := start(ctx, "right", func(ctx context.Context) error { _, err := base.Await(ctx); return err })
		start(ctx, "top", func(ctx context.Context) error { _, err := asyncio.Gather(ctx, left, right).Await(ctx); return err })
		yields(ctx, 2)
		capture(ctx, a)
		capture(ctx, base)
		return nil
	},
		"a <- (b <- (a again))",
		"base <- (left <- (top), right <- (top again))",
	)
}

// A334: the text form of a graph. A limit of 0 leaves the stacks out.
func TestCallGraphFormat(t *testing.T) {
	place := regexp.MustCompile(`File ".*/(\w+\.go)", line \d+`)
	number := regexp.MustCompile(`id=\d+`)
	var r record
	run(t, func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		f := asyncio.NewFuture[int](ctx)
		waits := func(ctx context.Context) error { _, err := f.Await(ctx); return err }
		add := func(text string) {
			for line := range strings.SplitSeq(text, "\n") {
				r.Add("%s", number.ReplaceAllString(place.ReplaceAllString(line, "File $1, line N"), "id=N"))
			}
		}
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(waits, asyncio.WithName("first"))
			tg.Go(waits, asyncio.WithName("second"))
			_ = asyncio.Yield(ctx)
			add(asyncio.CaptureCallGraph(ctx, f).String())
			add(asyncio.CaptureCallGraph(ctx, f).Format(0))
			add(asyncio.CaptureCallGraph(ctx, nil).Format(1))
			return f.SetResult(1)
		})
	})
	r.Want(t,
		`* Future(id=N)`,
		`  + Awaited by:`,
		`    * Task(name="first", id=N)`,
		`      + Call stack:`,
		`      |   File graph_test.go, line N, in asyncio_test.TestCallGraphFormat.func1.1()`,
		`      + Awaited by:`,
		`        * Task(name="main", id=N)`,
		`          + Call stack:`,
		`          |   File graph_test.go, line N, in asyncio_test.TestCallGraphFormat.func1.3()`,
		`          |   File graph_test.go, line N, in asyncio_test.TestCallGraphFormat.func1()`,
		`    * Task(name="second", id=N)`,
		`      + Call stack:`,
		`      |   File graph_test.go, line N, in asyncio_test.TestCallGraphFormat.func1.1()`,
		`      + Awaited by:`,
		`        * Task(name="main", id=N) as above`,

		`* Future(id=N)`,
		`  + Awaited by:`,
		`    * Task(name="first", id=N)`,
		`      + Awaited by:`,
		`        * Task(name="main", id=N)`,
		`    * Task(name="second", id=N)`,
		`      + Awaited by:`,
		`        * Task(name="main", id=N) as above`,

		`* Task(name="main", id=N)`,
		`  + Call stack:`,
		`  |   File graph_test.go, line N, in asyncio_test.TestCallGraphFormat.func1.3()`,
	)
}

// A335: custom code can add an await edge for a task or a future, which the call graph
// and snapshots show once until it is removed. A nil future has no effect.
func TestAddAwaiter(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		task := start(ctx, "task", never)
		waiter := start(ctx, "waiter", never)
		f := asyncio.NewFuture[int](ctx)
		start(ctx, "behind", func(ctx context.Context) error { _, err := f.Await(ctx); return err })
		_ = asyncio.Yield(ctx)
		add := func() {
			r.Add("%s; snapshot: %v", graphedNames(asyncio.CaptureCallGraph(ctx, task)), running(ctx).Snapshot().Tasks[1].AwaitedBy)
		}
		asyncio.AddAwaiter(task, f)
		asyncio.AddAwaiter(task, waiter)
		asyncio.AddAwaiter(task, waiter)
		add()
		asyncio.RemoveAwaiter(task, waiter)
		asyncio.RemoveAwaiter(task, f)
		add()
		asyncio.RemoveAwaiter(task, f)
		asyncio.RemoveAwaiter(waiter, f)
		asyncio.AddAwaiter(nil, task)
		asyncio.AddAwaiter(task, nil)
		asyncio.RemoveAwaiter(nil, task)
		asyncio.RemoveAwaiter(task, nil)
		add()
		return nil
	})
	r.Want(t,
		fmt.Sprintf("task <- (waiter, future <- (behind)); snapshot: %v", []inspect.AwaitInfo{{Task: 3, Via: "edge"}, {Task: 5, Via: "edge"}}),
		"task; snapshot: []",
		"task; snapshot: []",
	)
}
