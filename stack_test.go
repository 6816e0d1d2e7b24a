package asyncio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
	"example.com/asyncio/inspect"
)

// calls returns the names of the functions of a stack without their package.
func calls(frames []inspect.Frame) string {
	var names []string
	for _, f := range frames {
		names = append(names, strings.TrimPrefix(f.Func, "asyncio_test."))
	}
	return strings.Join(names, " > ")
}

// Three functions that call each other. The last one suspends.

func outermost(ctx context.Context) error { return middle(ctx) }

func middle(ctx context.Context) error {
	err := innermost(ctx)
	return err
}

func innermost(ctx context.Context) error {
	err := never(ctx)
	return err
}

// A330: Stack returns the calls of a waiting, ready or running task, and the function of
// a new one. A finished task has no stack.
func TestStack(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		waits := asyncio.Go(ctx, outermost)
		sleeps := asyncio.Go(ctx, func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Hour) })
		yields := asyncio.Go(ctx, func(ctx context.Context) error {
			for {
				if err := asyncio.Yield(ctx); err != nil {
					return err
				}
			}
		})
		inGroup := asyncio.Go(ctx, func(ctx context.Context) error {
			return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				return asyncio.Timeout(ctx, time.Hour, innermost)
			})
		})
		_ = asyncio.Yield(ctx)
		fresh := asyncio.Go(ctx, outermost)
		ended := asyncio.Go(ctx, nothing)
		r.Add("runs: %s", calls(asyncio.CurrentTask(ctx).Stack(0)))
		r.Add("waits: %s", calls(waits.Stack(0)))
		r.Add("sleeps: %s", calls(sleeps.Stack(0)))
		r.Add("yields: %s", calls(yields.Stack(0)))
		r.Add("in blocks: %s", calls(inGroup.Stack(0)))
		r.Add("new: %s", calls(fresh.Stack(0)))
		_, _ = ended.Await(ctx)
		failed := asyncio.Go(ctx, failing)
		_, _ = failed.Await(ctx)
		waits.Cancel()
		_, _ = waits.Await(ctx)
		for _, task := range []asyncio.AnyTask{ended, failed, waits} {
			r.Add("ended: %q", calls(task.Stack(0)))
		}
		return nil
	})
	r.Want(t,
		"runs: TestStack.func1",
		"waits: outermost > middle > innermost > never",
		"sleeps: TestStack.func1.1",
		"yields: TestStack.func1.2",
		"in blocks: TestStack.func1.3 > TestStack.func1.3.1 > innermost > never",
		"new: outermost",
		`ended: ""`,
		`ended: ""`,
		`ended: ""`,
	)
}

// The positions in a stack are those of the calls.
func TestStackPlaces(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task := asyncio.Go(ctx, outermost)
		_ = asyncio.Yield(ctx)
		frames := task.Stack(0)
		for i, want := range []string{"stack_test.go:29", "stack_test.go:32", "stack_test.go:37", "helpers_test.go:"} {
			got := fmt.Sprintf("%s:%d", filepath.Base(frames[i].File), frames[i].Line)
			if file, _, _ := strings.Cut(want, ":"); !strings.HasPrefix(got, file) || i < 3 && got != want {
				t.Errorf("%s is at %s; want %s", frames[i].Func, got, want)
			}
		}
		return nil
	})
}

// A330: a limit keeps the innermost calls, or the outermost of a panic's stack.
func TestStackLimit(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) {})
		waits := asyncio.Go(ctx, outermost)
		panics := asyncio.Go(ctx, func(context.Context) error { return panicOuter() })
		_ = asyncio.Yield(ctx)
		for _, limit := range []int{0, 2, 9, -1} {
			r.Add("%d: %s; %s", limit, calls(waits.Stack(limit)), calls(panics.Stack(limit)))
		}
		return nil
	})
	const whole, wholePanic = "outermost > middle > innermost > never", "TestStackLimit.func1.2 > panicOuter > panicInner"
	r.Want(t,
		"0: "+whole+"; "+wholePanic,
		"2: innermost > never; TestStackLimit.func1.2 > panicOuter",
		"9: "+whole+"; "+wholePanic,
		"-1: "+whole+"; "+wholePanic,
	)
}

func panicOuter() error { return panicInner() }
func panicInner() error { panic("oh") }

// A331: PrintStack writes the stack of a waiting task, the panic of one that panicked,
// and no stack for one that failed.
func TestPrintStack(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) {})
		waits := start(ctx, "waits", outermost)
		panics := start(ctx, "panics", func(context.Context) error { return panicInner() })
		failed := start(ctx, "failed", failing)
		_ = asyncio.Yield(ctx)
		for _, task := range []asyncio.AnyTask{waits, panics, failed} {
			var out bytes.Buffer
			if err := task.PrintStack(&out, 2); err != nil {
				t.Error(err)
			}
			for line := range strings.Lines(out.String()) {
				r.Add("%s", withoutPlaces(strings.TrimSuffix(line, "\n")))
			}
		}
		_ = failed.Exception()
		if err := waits.PrintStack(brokenWriter{}, 0); err != errBoom {
			t.Errorf("PrintStack to a broken writer returned %v; want boom", err)
		}
		return nil
	})
	r.Want(t,
		"Stack for <Task pending name=waits fn=asyncio_test.outermost() at PLACE wait_for=<Future pending>> (most recent call last):",
		"  asyncio_test.innermost at PLACE",
		"  asyncio_test.never at PLACE",
		`Panic of <Task finished name=panics fn=asyncio_test.TestPrintStack.func1.2() at PLACE error="asyncio: panic in task panics (asyncio_test.TestPrintStack.func1.2() at PLACE): oh"> (most recent call last):`,
		"  asyncio_test.TestPrintStack.func1.2 at PLACE",
		"  asyncio_test.panicInner at PLACE",
		"asyncio: panic in task panics (asyncio_test.TestPrintStack.func1.2() at PLACE): oh",
		`No stack for <Task finished name=failed fn=asyncio_test.failing() at PLACE error="boom">`,
		"boom",
	)
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBoom }

// Stack works from any code on the loop: a callback, an eager start, a task on top of
// another, an exception handler, an observer. The loop then continues normally.
func TestStackFromAnywhere(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		main := asyncio.CurrentTask(ctx)
		task := asyncio.Go(ctx, outermost)
		_ = asyncio.Yield(ctx)
		add := func(from string) { r.Add("%s: %s; main: %s", from, calls(task.Stack(0)), calls(main.Stack(0))) }
		l.CallSoon(func(context.Context) { add("callback") })
		l.CallSoon(func(ctx context.Context) {
			asyncio.Go(ctx, func(ctx context.Context) error { add("eager part of a callback"); return nil }, asyncio.WithEagerStart(true))
			add("callback, after an eager part")
		})
		_ = asyncio.Sleep(ctx, time.Second)
		asyncio.Go(ctx, func(ctx context.Context) error {
			add("eager part")
			_ = asyncio.Yield(ctx)
			add("eager part, later")
			return nil
		}, asyncio.WithEagerStart(true))
		_ = asyncio.Sleep(ctx, time.Second)
		top := asyncio.Go(ctx, func(ctx context.Context) error {
			add("on top")
			_ = asyncio.Sleep(ctx, time.Second)
			add("on top, later")
			return nil
		})
		_, _ = top.Await(ctx)
		l.SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) { add("exception handler") })
		l.CallSoon(func(context.Context) { panic("oh") })
		_ = asyncio.Yield(ctx)
		l.SetObserver(observerFunc(func(e *inspect.Event) { r.Add("observer, %v: %s", e.Kind, calls(task.Stack(0))) }))
		_, _ = asyncio.Go(ctx, nothing).Await(ctx)
		l.SetObserver(nil)
		task.CancelWith("enough")
		_, err := task.Await(ctx)
		return expect(err, asyncio.ErrCancelled)
	})
	const whole = ": outermost > middle > innermost > never"
	const body = "; main: TestStackFromAnywhere.func1"
	r.Want(t,
		"callback"+whole+body,
		"eager part of a callback"+whole+body,
		"callback, after an eager part"+whole+body,
		"eager part"+whole+body,
		"eager part, later"+whole+body,
		"on top"+whole+body,
		"on top, later"+whole+body,
		"exception handler"+whole+body,
		"observer, created"+whole,
		"observer, suspended"+whole,
		"observer, started"+whole,
		"observer, ended"+whole,
		"observer, resumed"+whole,
	)
}

// The stacks of tasks that run on top of each other are distinct, whichever task or
// callback asks.
func TestStackOfTasksOnTopOfEachOther(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		var tasks []asyncio.AnyTask
		add := func(from string) {
			for i, task := range tasks {
				r.Add("%s, task %d: %s", from, i, calls(task.Stack(0)))
			}
		}
		tasks = append(tasks, asyncio.CurrentTask(ctx))
		middle := asyncio.Go(ctx, func(ctx context.Context) error {
			top := asyncio.Go(ctx, func(ctx context.Context) error {
				add("from the top")
				_ = asyncio.Sleep(ctx, time.Second)
				return nil
			})
			tasks = append(tasks, top)
			_, _ = top.Await(ctx)
			return nil
		})
		tasks = append(tasks, middle)
		running(ctx).CallLater(time.Millisecond, func(context.Context) { add("from a callback") })
		_, err := middle.Await(ctx)
		return err
	})
	const body = "TestStackOfTasksOnTopOfEachOther.func1"
	r.Want(t,
		"from the top, task 0: "+body,
		"from the top, task 1: "+body+".2",
		"from the top, task 2: "+body+".2.1 > "+body+".1",
		"from a callback, task 0: "+body,
		"from a callback, task 1: "+body+".2",
		"from a callback, task 2: "+body+".2.1",
	)
}

// Stack returns all calls of a deep stack.
func TestStackIsComplete(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task := asyncio.Go(ctx, func(ctx context.Context) error { return dig(ctx, 1000) })
		_ = asyncio.Yield(ctx)
		if n := len(task.Stack(0)); n != 1003 {
			t.Errorf("the stack has %d calls; want 1003", n)
		}
		return nil
	})
}

//go:noinline
func dig(ctx context.Context, deeper int) error {
	if deeper == 0 {
		return never(ctx)
	}
	err := dig(ctx, deeper-1)
	return err
}

// Stack works while the loop does not run, and in a deferred call of a task that Close
// ends.
func TestStackOfIdleLoop(t *testing.T) {
	noLeaks(t)
	var r record
	l := asyncio.NewLoop(driver.NewVirtual())
	var last asyncio.AnyTask
	asyncio.Go(l.Context(), func(ctx context.Context) error {
		defer func() { r.Add("killed: %s", calls(last.Stack(0))) }()
		return never(ctx)
	})
	last = asyncio.Go(l.Context(), outermost)
	r.Add("before: %s", calls(last.Stack(0)))
	l.CallSoon(func(context.Context) { l.Stop() })
	if err := l.RunForever(); err != nil {
		t.Error(err)
	}
	r.Add("stopped: %s", calls(last.Stack(0)))
	r.Add("again: %s", calls(last.Stack(1)))
	last.Cancel()
	if _, err := asyncio.RunUntilComplete(l, last.(*asyncio.Task[asyncio.None])); !errors.Is(err, asyncio.ErrCancelled) {
		t.Error(err)
	}
	last = asyncio.Go(l.Context(), middle)
	l.CallSoon(func(context.Context) { l.Stop() })
	_ = l.RunForever()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	r.Add("closed: %s", calls(last.Stack(0)))
	r.Want(t,
		"before: outermost",
		"stopped: outermost > middle > innermost > never",
		"again: never",
		"killed: middle > innermost > never",
		"closed: ",
	)
}

// Any goroutine can read the stack of a task of a running loop by the task's ID.
func TestStackThreadsafe(t *testing.T) {
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		task := asyncio.Go(ctx, outermost)
		_ = asyncio.Yield(ctx)
		ask := func(id uint64) ([]inspect.Frame, error) {
			return asyncio.ToThread(ctx, func(ctx context.Context) ([]inspect.Frame, error) { return l.StackThreadsafe(ctx, id) })
		}
		frames, err := ask(task.ID())
		if got := calls(frames); got != "outermost > middle > innermost > never" || err != nil {
			t.Errorf("StackThreadsafe returned %s, %v", got, err)
		}
		_, err = ask(99)
		wantErr(t, err, asyncio.ErrInvalidArgument, "StackThreadsafe of task 99", "it may have ended")
		return nil
	})
}
