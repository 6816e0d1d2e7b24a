package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// A017, A018: a task gets its outcome from its function, and from nowhere else: to force one
// is an error, so that a step that is queued never finds its task done.
func TestTaskTakesNoOutcomeFromOutside(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task := asyncio.CreateTask(ctx, one)
		wantErr(t, task.SetResult(2), asyncio.ErrMisuse, "SetResult on <Task pending", "use a Future")
		wantErr(t, task.SetException(errBoom), asyncio.ErrMisuse, "SetException on <Task pending")
		got, err := task.Await(ctx)
		if got != 1 {
			t.Errorf("it ended with %v", got)
		}
		wantErr(t, task.SetResult(2), asyncio.ErrMisuse)
		return err
	})
}

// A019: a task's name may be changed at any time, also when it has ended.
func TestSetName(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task := asyncio.CreateTask(ctx, one, asyncio.WithName("first"))
		task.SetName("second")
		if got := task.Name(); got != "second" {
			t.Errorf("it is called %q", got)
		}
		if _, err := task.Await(ctx); err != nil {
			return err
		}
		task.SetName("third")
		if got := task.Name(); got != "third" {
			t.Errorf("after its end it is called %q", got)
		}
		return nil
	})
}

// lines takes line numbers out of a text, so that a test need not know its own.
func lines(s fmt.Stringer) string {
	return regexp.MustCompile(`(\w+\.go):\d+`).ReplaceAllString(s.String(), "$1:N")
}

// A020, A028: a task prints its state, its name, and its function and where that
// stands, and in the end its outcome. Go has no coroutine object to ask for; the function
// is known also of a task that ended in its eager start.
func TestTaskString(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		show := func(task fmt.Stringer) { log.Add("%s", lines(task)) }

		ok := asyncio.CreateTask(ctx, one, asyncio.WithName("ok"))
		show(ok)
		if _, err := ok.Await(ctx); err != nil {
			return err
		}
		show(ok)

		bad := asyncio.Go(ctx, func(context.Context) error { return errBoom }, asyncio.WithName("bad"))
		if _, err := bad.Await(ctx); err != errBoom {
			t.Errorf("got %v", err)
		}
		show(bad)

		stopped := asyncio.Go(ctx, func(ctx context.Context) error { return asyncio.Yield(ctx) }, asyncio.WithName("stopped"))
		stopped.Cancel()
		show(stopped)
		_, _ = stopped.Await(ctx)
		show(stopped)

		show(asyncio.CreateTask(ctx, one, asyncio.WithName("eager"), asyncio.WithEagerStart(true)))
		return nil
	})
	log.Want(t,
		"<Task pending name=ok fn=asyncio_test.one() at bench_test.go:N>",
		"<Task finished name=ok fn=asyncio_test.one() at bench_test.go:N result=1>",
		`<Task finished name=bad fn=asyncio_test.TestTaskString.func1.2() at task_test.go:N error="boom">`,
		"<Task cancelling name=stopped fn=asyncio_test.TestTaskString.func1.3() at task_test.go:N>",
		"<Task cancelled name=stopped fn=asyncio_test.TestTaskString.func1.3() at task_test.go:N>",
		"<Task finished name=eager fn=asyncio_test.one() at bench_test.go:N result=1>",
	)
}

// A021: a task tells the Context in which it runs: the one given, or a copy of its own.
func TestTaskContext(t *testing.T) {
	run(t, func(ctx context.Context) error {
		given := new(asyncio.ContextVars)
		in := asyncio.CreateTask(ctx, one, asyncio.WithContextVars(given))
		own := asyncio.CreateTask(ctx, one)
		other := asyncio.CreateTask(ctx, one)
		if in.ContextVars() != given {
			t.Error("the Context given is not the task's")
		}
		if c := own.ContextVars(); c == nil || c == other.ContextVars() || c == asyncio.CurrentTask(ctx).ContextVars() {
			t.Error("without one, a task has no Context of its own")
		}
		return nil
	})
}

// A022: a task tells its loop, for its whole life.
func TestTaskLoop(t *testing.T) {
	noLeaks(t)
	r := asyncio.Runner{Driver: driver.NewVirtual(), NoInterrupt: true}
	l := r.Loop()
	var task *asyncio.Task[int]
	err := r.Run(context.Background(), func(ctx context.Context) error {
		task = asyncio.CreateTask(ctx, one)
		if task.Loop() != l {
			t.Error("before it runs it is of another loop")
		}
		_, err := task.Await(ctx)
		return err
	})
	if err := errors.Join(err, r.Close()); err != nil {
		t.Error(err)
	}
	if task.Loop() != l {
		t.Error("after its end it is of another loop")
	}
}

// A023: Result and Exception give the outcome of a task that has one.
func TestTaskOutcome(t *testing.T) {
	run(t, func(ctx context.Context) error {
		ok := asyncio.CreateTask(ctx, one)
		bad := asyncio.CreateTask(ctx, func(context.Context) (int, error) { return 0, errBoom })
		stopped := asyncio.CreateTask(ctx, one)
		_, err := ok.Result()
		wantErr(t, err, asyncio.ErrInvalidState, "Result of <Task pending", "await it")
		wantErr(t, ok.Exception(), asyncio.ErrInvalidState, "Exception of <Task pending", "await it")
		stopped.Cancel()
		yields(ctx, 1)

		if v, err := ok.Result(); v != 1 || err != nil {
			t.Errorf("Result is %v, %v", v, err)
		}
		if err := ok.Exception(); err != nil {
			t.Errorf("Exception is %v", err)
		}
		if _, err := bad.Result(); err != errBoom || bad.Exception() != errBoom {
			t.Errorf("Result's error is %v, Exception %v", err, bad.Exception())
		}
		_, err = stopped.Result()
		wantErr(t, err, asyncio.ErrCancelled)
		wantErr(t, stopped.Exception(), asyncio.ErrCancelled)
		return nil
	})
}

// A024: however often one asks, the error of a task is one value. A panic's
// stack is taken once, and does not grow on its way up.
func TestTaskErrorIsOneValue(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(log.Handle)
		task := asyncio.Go(ctx, func(context.Context) error { panic("boom") })
		_, first := task.Await(ctx)
		p := &asyncio.PanicError{}
		if !errors.As(first, &p) {
			t.Fatalf("it ended with %v", first)
		}
		stack := string(p.Stack)
		outer := asyncio.Go(ctx, func(ctx context.Context) error {
			_, err := task.Await(ctx)
			return err
		})
		_, again := outer.Await(ctx)
		_, result := task.Result()
		if again != first || result != first || task.Exception() != first {
			t.Error("another error value on another question")
		}
		if string(p.Stack) != stack || strings.Count(stack, "TestTaskErrorIsOneValue") == 0 {
			t.Errorf("the stack is\n%s", p.Stack)
		}
		return nil
	})
}

// A025: an await of a task gives its result or its error, to each of several who wait.
func TestSeveralAwaitATask(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		for _, outcome := range []error{nil, errBoom} {
			task := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
				if err := asyncio.Sleep(ctx, time.Second); err != nil {
					return 0, err
				}
				return 7, outcome
			})
			var waiters []*asyncio.Task[asyncio.None]
			for _, who := range []string{"first", "second"} {
				waiters = append(waiters, asyncio.Go(ctx, func(ctx context.Context) error {
					v, err := task.Await(ctx)
					log.Add("%s gets %v, %v", who, v, err)
					return nil
				}))
			}
			if _, _, err := asyncio.Wait(ctx, waiters); err != nil {
				return err
			}
		}
		return nil
	})
	log.Want(t,
		"first gets 7, <nil>",
		"second gets 7, <nil>",
		"first gets 0, boom",
		"second gets 0, boom",
	)
}

// A025: a Coro is awaited where it stands, in the task that awaits it. It is a function: each
// await is a call of its own.
func TestAwaitOfACoro(t *testing.T) {
	var log record
	for _, debug := range []bool{false, true} {
		err := runOn(t, &asyncio.Runner{Debug: debug}, func(ctx context.Context) error {
			inner := asyncio.Coro[int](func(ctx context.Context) (int, error) {
				log.Add("inner, in the same task: %v", asyncio.CurrentTask(ctx) == asyncio.AllTasks(ctx)[0])
				return 42, asyncio.Yield(ctx)
			})
			outer := asyncio.Coro[int](func(ctx context.Context) (int, error) {
				a, err := inner.Await(ctx)
				if err != nil {
					return 0, err
				}
				b, err := inner.Await(ctx)
				return a + b, err
			})
			sum, err := outer.Await(ctx)
			log.Add("%d, tasks: %d", sum, len(asyncio.AllTasks(ctx)))
			return err
		})
		if err != nil {
			t.Error(err)
		}
		log.Want(t, "inner, in the same task: true", "inner, in the same task: true", "84, tasks: 1")
	}
}

// A025: a future that is a task's result is a value as any other: nobody awaits it unasked.
func TestResultThatIsAFuture(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[string](ctx)
		task := asyncio.CreateTask(ctx, func(context.Context) (*asyncio.Future[string], error) { return f, nil })
		got, err := task.Await(ctx)
		if got != f || f.Done() {
			t.Errorf("the result is %v, the future %v", got, f)
		}
		return err
	})
}

// A326: CurrentTask is the task that runs; nil in a callback. Outside of a loop it panics, as all that needs one.
func TestCurrentTask(t *testing.T) {
	run(t, func(ctx context.Context) error {
		main := asyncio.CurrentTask(ctx)
		f, g := asyncio.NewFuture[int](ctx), asyncio.NewFuture[int](ctx)
		var a, b *asyncio.Task[asyncio.None]
		a = asyncio.Go(ctx, func(ctx context.Context) error {
			equal(t, "at its begin the current task", asyncio.CurrentTask(ctx), a)
			_, err := f.Await(ctx)
			equal(t, "after a wait the current task", asyncio.CurrentTask(ctx), a)
			_ = g.SetResult(1)
			return err
		})
		b = asyncio.Go(ctx, func(ctx context.Context) error {
			equal(t, "at its begin the current task", asyncio.CurrentTask(ctx), b)
			_ = f.SetResult(1)
			_, err := g.Await(ctx)
			equal(t, "after a wait the current task", asyncio.CurrentTask(ctx), b)
			return err
		})
		inCallback := false
		running(ctx).CallSoon(func(ctx context.Context) {
			inCallback = true
			equal(t, "in a callback the current task", asyncio.CurrentTask(ctx), nil)
		})
		_, _, err := asyncio.Wait(ctx, []asyncio.AnyTask{a, b})
		equal(t, "after all that the current task", asyncio.CurrentTask(ctx), main)
		equal(t, "that a callback asked", inCallback, true)
		return err
	})
	err := panicOf(func() { asyncio.CurrentTask(context.Background()) })
	wantErr(t, err, asyncio.ErrNoRunningLoop, "CurrentTask", "start with asyncio.Run")
	l := asyncio.NewLoop(driver.NewVirtual())
	defer l.Close()
	equal(t, "on a loop that does not run the current task", asyncio.CurrentTask(l.Context()), nil)
}

// A026: a task that awaits itself gets an error at that await, and goes on.
func TestTaskThatAwaitsItself(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var self *asyncio.Task[int]
		self = asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
			_, err := self.Await(ctx)
			wantErr(t, err, asyncio.ErrMisuse, "task me awaits itself")
			return 1, asyncio.Yield(ctx)
		}, asyncio.WithName("me"))
		_, err := self.Await(ctx)
		return err
	})
}

// A027: an await of another loop's future is an error in the task that tries, done or not.
func TestAwaitOfAnotherLoopsFuture(t *testing.T) {
	other := asyncio.NewLoop(driver.NewVirtual())
	defer other.Close()
	pending, done := asyncio.NewFuture[int](other.Context()), asyncio.NewFuture[int](other.Context())
	_ = done.SetResult(1)
	run(t, func(ctx context.Context) error {
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			for _, f := range []*asyncio.Future[int]{pending, done} {
				_, err := f.Await(ctx)
				wantErr(t, err, asyncio.ErrWrongLoop, "await of "+f.String()+" in task stranger")
			}
			return asyncio.Yield(ctx)
		}, asyncio.WithName("stranger"))
		_, err := task.Await(ctx)
		return err
	})
}

// A029: a suspended task prints what it waits for.
func TestTaskStringNamesWhatItWaitsFor(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		inner := asyncio.Go(ctx, func(ctx context.Context) error { _, err := f.Await(ctx); return err }, asyncio.WithName("inner"))
		outer := asyncio.Go(ctx, func(ctx context.Context) error { _, err := inner.Await(ctx); return err }, asyncio.WithName("outer"))
		yields(ctx, 1)
		log.Add("%s", lines(outer))
		_ = f.SetResult(1)
		_, err := outer.Await(ctx)
		log.Add("%s", lines(outer))
		return err
	})
	const fn = "fn=asyncio_test.TestTaskStringNamesWhatItWaitsFor.func1."
	log.Want(t,
		"<Task pending name=outer "+fn+"2() at task_test.go:N wait_for="+
			"<Task pending name=inner "+fn+"1() at task_test.go:N wait_for="+
			"<Future pending>>>",
		"<Task finished name=outer "+fn+"2() at task_test.go:N result={}>",
	)
}

// A030: a task whose result holds the task prints to an end, and so do two that
// wait for each other.
func TestTaskStringOfACircleEnds(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var task *asyncio.Task[any]
		task = asyncio.CreateTask(ctx, func(context.Context) (any, error) { return []any{task}, nil }, asyncio.WithName("snake"))
		_, err := task.Await(ctx)
		want := "<Task finished name=snake fn=asyncio_test.TestTaskStringOfACircleEnds.func1.1() at task_test.go:N result=[<Task ...>]>"
		if got := lines(task); got != want {
			t.Errorf("it prints as %s", got)
		}
		return err
	})
}

// A shy value must not be printed.
type shy struct{ t *testing.T }

func (s shy) String() string { s.t.Error("the result was printed"); return "shy" }

// A031: nothing prints a result that nobody asked to see.
func TestResultIsNotPrinted(t *testing.T) {
	for _, debug := range []bool{false, true} {
		r := &asyncio.Runner{Debug: debug}
		err := runOn(t, r, func(ctx context.Context) error {
			task := asyncio.CreateTask(ctx, func(ctx context.Context) (shy, error) { return shy{t}, asyncio.Yield(ctx) })
			task.AddDoneCallback(func(context.Context, asyncio.AnyFuture) {})
			_, err := task.Await(ctx)
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// A032: what is fatal ends the task, whose error it becomes, and goes up out of the
// loop: a panic that main passes on, and a Goexit of whatever task. (KeyboardInterrupt
// is an interrupt here, and not an error of the task that happens to run: see Run.)
func TestFatalLeavesTheLoop(t *testing.T) {
	var child *asyncio.Task[asyncio.None]
	err := panicOf(func() {
		_ = runErr(t, func(ctx context.Context) error {
			running(ctx).SetExceptionHandler(new(record).Handle)
			child = asyncio.Go(ctx, func(context.Context) error { panic(errBoom) })
			_, err := child.Await(ctx)
			return err
		})
	})
	wantErr(t, err, errBoom, "panic in task", "TestFatalLeavesTheLoop")
	wantErr(t, child.Exception(), errBoom)

	exited := inGoroutine(func() {
		_ = runErr(t, func(ctx context.Context) error {
			child = asyncio.Go(ctx, func(context.Context) error { runtime.Goexit(); return nil })
			_, err := child.Await(ctx)
			return err
		})
	})
	if !exited {
		t.Error("Run returned after a Goexit in a task")
	}
	wantErr(t, child.Exception(), asyncio.ErrExited)
}

// A032, A072: so it is in answer to a cancel: the task has failed, and was not cancelled.
func TestFatalInAnswerToACancel(t *testing.T) {
	var task *asyncio.Task[asyncio.None]
	err := panicOf(func() {
		_ = runErr(t, func(ctx context.Context) error {
			running(ctx).SetExceptionHandler(new(record).Handle)
			task = asyncio.Go(ctx, func(ctx context.Context) error {
				if err := asyncio.Sleep(ctx, time.Hour); err != nil {
					panic(errBoom)
				}
				return nil
			})
			yields(ctx, 1)
			task.Cancel()
			_, err := task.Await(ctx)
			return err
		})
	})
	wantErr(t, err, errBoom, "panic in task")
	if task.Cancelled() {
		t.Errorf("it is %v", task)
	}
	wantErr(t, task.Exception(), errBoom)
}

// A034: the error of a task that was dropped, and that nobody ever read, is reported
// once, when the task is collected.
func TestErrorThatNobodyReads(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(log.Handle)
		asyncio.Go(ctx, func(context.Context) error { return errBoom }, asyncio.WithName("dropped"))
		collect(ctx, func() bool { return len(log.Lines) > 0 })
		return nil
	})
	log.Want(t, "reported: task dropped failed and its error was never read: boom")
}

// collect has garbage collected until that has had the effect hoped for, or it is plain that it has none.
func collect(ctx context.Context, effect func() bool) {
	for end := time.Now().Add(10 * time.Second); !effect() && time.Now().Before(end); {
		runtime.GC()
		runtime.Gosched() // to the goroutine that cleans up
		_ = asyncio.Yield(ctx)
	}
}

// A035: who asks for the error, awaits the task or cancels it when it has ended has
// seen to it: there is no report, and none of a task that went well or was cancelled.
func TestErrorThatWasSeenTo(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(log.Handle)
		failing := func() *asyncio.Task[asyncio.None] {
			return asyncio.Go(ctx, func(context.Context) error { return errBoom })
		}
		result, exception, awaited, cancelled := failing(), failing(), failing(), failing()
		fine, stopped := asyncio.CreateTask(ctx, one), asyncio.CreateTask(ctx, one)
		stopped.Cancel()
		yields(ctx, 1)
		_, _ = result.Result()
		_ = exception.Exception()
		_, _ = awaited.Await(ctx)
		if cancelled.Cancel() || !fine.Done() || !stopped.Cancelled() {
			t.Error("not all ended as they should")
		}
		return nil
	})
	log.Want(t)
}

// A036: a task that is pending is never collected, since its loop holds it: there
// is nothing to report as destroyed. It ends when the loop does.
func TestPendingTaskIsHeldByItsLoop(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		asyncio.Go(ctx, func(ctx context.Context) error {
			_, err := asyncio.NewFuture[int](ctx).Await(ctx)
			log.Add("forgotten task: %v", err)
			return err
		})
		yields(ctx, 1)
		for range 3 {
			runtime.GC()
			yields(ctx, 1)
		}
		log.Add("it is pending: %v", len(asyncio.AllTasks(ctx)) == 2)
		return nil
	})
	log.Want(t,
		"it is pending: true",
		"forgotten task: asyncio: cancelled by the shutdown of the loop",
	)
}

// A037: in debug mode a task remembers where it was made, from the caller's code on.
func TestTaskRemembersItsMakerInDebugMode(t *testing.T) {
	for _, debug := range []bool{false, true} {
		var source string
		err := runOn(t, &asyncio.Runner{Debug: debug}, func(ctx context.Context) error {
			running(ctx).SetExceptionHandler(func(_ context.Context, e *asyncio.ExceptionContext) { source = e.Source })
			task := maker(ctx)
			if got := strings.Contains(task.String(), " made at "); got != debug {
				t.Errorf("debug=%v: it prints as %v", debug, task)
			}
			return asyncio.Yield(ctx)
		})
		if err != nil {
			t.Error(err)
		}
		if debug {
			first, rest, _ := strings.Cut(source, "\n")
			if first != "example.com/asyncio_test.maker" || !strings.Contains(rest, "TestTaskRemembersItsMakerInDebugMode") {
				t.Errorf("it was made at\n%s", source)
			}
		} else if strings.Contains(source, "\n") {
			t.Errorf("without debug mode it was made at\n%s", source)
		}
	}
}

func maker(ctx context.Context) *asyncio.Task[asyncio.None] {
	return asyncio.Go(ctx, func(context.Context) error { return errBoom })
}

// A038: a task's callbacks are called after its end, by way of the ready queue, with the task.
func TestTaskCallbacks(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		task := asyncio.Go(ctx, func(ctx context.Context) error { log.Add("task ends"); return nil })
		task.AddDoneCallback(func(_ context.Context, f asyncio.AnyFuture) {
			log.Add("callback with the task: %v, done=%v", f == asyncio.AnyFuture(task), f.Done())
		})
		asyncio.Go(ctx, func(ctx context.Context) error { log.Add("another task"); return nil })
		yields(ctx, 2)
		return nil
	})
	log.Want(t,
		"task ends",
		"another task",
		"callback with the task: true, done=true",
	)
}
