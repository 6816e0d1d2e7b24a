package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// A017, A018: SetResult and SetException on a Task return an error, so a queued step
// never finds its task already done.
func TestTaskOutcomeCannotBeSet(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task := asyncio.CreateTask(ctx, one)
		wantErr(t, task.SetResult(2), asyncio.ErrMisuse, "SetResult on <Task pending", "use a Future")
		wantErr(t, task.SetException(errBoom), asyncio.ErrMisuse, "SetException on <Task pending")
		got, err := task.Await(ctx)
		if got != 1 {
			t.Errorf("the task returned %v; want 1", got)
		}
		wantErr(t, task.SetResult(2), asyncio.ErrMisuse)
		return err
	})
}

// A019: SetName works at any time, including after the task has ended.
func TestSetName(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task := asyncio.CreateTask(ctx, one, asyncio.WithName("first"))
		task.SetName("second")
		if got := task.Name(); got != "second" {
			t.Errorf("Name returned %q; want second", got)
		}
		if _, err := task.Await(ctx); err != nil {
			return err
		}
		task.SetName("third")
		if got := task.Name(); got != "third" {
			t.Errorf("Name returned %q after the end; want third", got)
		}
		return nil
	})
}

// lines returns the text form of s without line numbers.
func lines(s fmt.Stringer) string {
	return lineNumber.ReplaceAllString(s.String(), "$1:N")
}

// A020, A028: a task's text form shows its state, name, function and source position, and
// finally its outcome, even for a task that completed during its eager start.
func TestTaskString(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		add := func(task fmt.Stringer) { log.Add("%s", lines(task)) }

		ok := asyncio.CreateTask(ctx, one, asyncio.WithName("ok"))
		add(ok)
		if _, err := ok.Await(ctx); err != nil {
			return err
		}
		add(ok)

		bad := asyncio.Go(ctx, func(context.Context) error { return errBoom }, asyncio.WithName("bad"))
		if _, err := bad.Await(ctx); err != errBoom {
			t.Errorf("Await returned %v; want boom", err)
		}
		add(bad)

		stopped := asyncio.Go(ctx, func(ctx context.Context) error { return asyncio.Yield(ctx) }, asyncio.WithName("stopped"))
		stopped.Cancel()
		add(stopped)
		_, _ = stopped.Await(ctx)
		add(stopped)

		add(asyncio.CreateTask(ctx, one, asyncio.WithName("eager"), asyncio.WithEagerStart(true)))
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

// A021: Task.ContextVars returns the ContextVars in which the task runs: those given, or
// its own copy.
func TestTaskContextVars(t *testing.T) {
	run(t, func(ctx context.Context) error {
		given := new(asyncio.ContextVars)
		in := asyncio.CreateTask(ctx, one, asyncio.WithContextVars(given))
		own := asyncio.CreateTask(ctx, one)
		other := asyncio.CreateTask(ctx, one)
		if in.ContextVars() != given {
			t.Error("ContextVars does not return the given ContextVars")
		}
		if c := own.ContextVars(); c == nil || c == other.ContextVars() || c == asyncio.CurrentTask(ctx).ContextVars() {
			t.Error("a task without WithContextVars shares its ContextVars")
		}
		return nil
	})
}

// A022: Task.Loop returns the same loop throughout the task's life.
func TestTaskLoop(t *testing.T) {
	noLeaks(t)
	r := asyncio.Runner{Driver: driver.NewVirtual(), NoInterrupt: true}
	l := r.Loop()
	var task *asyncio.Task[int]
	err := r.Run(context.Background(), func(ctx context.Context) error {
		task = asyncio.CreateTask(ctx, one)
		if task.Loop() != l {
			t.Error("a new task has a different loop")
		}
		_, err := task.Await(ctx)
		return err
	})
	if err := errors.Join(err, r.Close()); err != nil {
		t.Error(err)
	}
	if task.Loop() != l {
		t.Error("a finished task has a different loop")
	}
}

// A023: Result and Exception report a finished task's value, error or cancellation, and
// ErrInvalidState before that.
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
			t.Errorf("Result returned %v, %v; want 1, nil", v, err)
		}
		if err := ok.Exception(); err != nil {
			t.Errorf("Exception returned %v; want nil", err)
		}
		if _, err := bad.Result(); err != errBoom || bad.Exception() != errBoom {
			t.Errorf("Result returned the error %v and Exception %v; want boom", err, bad.Exception())
		}
		_, err = stopped.Result()
		wantErr(t, err, asyncio.ErrCancelled)
		wantErr(t, stopped.Exception(), asyncio.ErrCancelled)
		return nil
	})
}

// A024: every reader of a failed task receives the same error value. The stack of a panic
// is captured once and does not grow.
func TestTaskErrorIsOneValue(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(log.Handle)
		task := asyncio.Go(ctx, func(context.Context) error { panic("boom") })
		_, first := task.Await(ctx)
		p := &asyncio.PanicError{}
		if !errors.As(first, &p) {
			t.Fatalf("the task ended with %v; want a PanicError", first)
		}
		stack := string(p.Stack)
		outer := asyncio.Go(ctx, func(ctx context.Context) error {
			_, err := task.Await(ctx)
			return err
		})
		_, again := outer.Await(ctx)
		_, result := task.Result()
		if again != first || result != first || task.Exception() != first {
			t.Error("the readers received different error values")
		}
		if string(p.Stack) != stack || strings.Count(stack, "TestTaskErrorIsOneValue") == 0 {
			t.Errorf("the stack is\n%s", p.Stack)
		}
		return nil
	})
}

// A025: Await returns the task's result or error to each of its awaiters.
func TestTaskWithSeveralAwaiters(t *testing.T) {
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
			for _, name := range []string{"first", "second"} {
				waiters = append(waiters, asyncio.Go(ctx, func(ctx context.Context) error {
					v, err := task.Await(ctx)
					log.Add("%s: %v, %v", name, v, err)
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
		"first: 7, <nil>",
		"second: 7, <nil>",
		"first: 0, boom",
		"second: 0, boom",
	)
}

// A025: a Coro runs in the task that awaits it. Each Await is a separate call.
func TestCoroAwait(t *testing.T) {
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

// A025: a future that is a task's result is an ordinary value and is not awaited.
func TestResultThatIsFuture(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[string](ctx)
		task := asyncio.CreateTask(ctx, func(context.Context) (*asyncio.Future[string], error) { return f, nil })
		got, err := task.Await(ctx)
		if got != f || f.Done() {
			t.Errorf("the task returned %v; want the pending future %v", got, f)
		}
		return err
	})
}

// A026: a task that awaits itself receives an error from that Await and keeps running.
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

// A027: Await returns an error for a future that belongs to a different loop, done or
// not.
func TestAwaitOfFutureOfAnotherLoop(t *testing.T) {
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

// A029: the text form of a suspended task names the object on which it is blocked.
func TestTaskStringNamesAwaitedObject(t *testing.T) {
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
	const fn = "fn=asyncio_test.TestTaskStringNamesAwaitedObject.func1."
	log.Want(t,
		"<Task pending name=outer "+fn+"2() at task_test.go:N wait_for="+
			"<Task pending name=inner "+fn+"1() at task_test.go:N wait_for="+
			"<Future pending>>>",
		"<Task finished name=outer "+fn+"2() at task_test.go:N result={}>",
	)
}

// A030: formatting a task whose result contains the task terminates.
func TestTaskStringOfCycleTerminates(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var task *asyncio.Task[any]
		task = asyncio.CreateTask(ctx, func(context.Context) (any, error) { return []any{task}, nil }, asyncio.WithName("snake"))
		_, err := task.Await(ctx)
		want := "<Task finished name=snake fn=asyncio_test.TestTaskStringOfCycleTerminates.func1.1() at task_test.go:N result=[<Task ...>]>"
		if got := lines(task); got != want {
			t.Errorf("the text form is %s; want %s", got, want)
		}
		return err
	})
}

// A shy value fails the test if it is formatted.
type shy struct{ t *testing.T }

func (s shy) String() string { s.t.Error("the result was formatted"); return "shy" }

// A031: the library never formats a task's result unless the caller prints it.
func TestResultIsNotFormatted(t *testing.T) {
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

// A032: a panic that leaves main, and runtime.Goexit in any task, end that task and
// propagate out of the loop's run.
func TestPanicAndGoexitLeaveRun(t *testing.T) {
	var child *asyncio.Task[asyncio.None]
	err := panicOf(func() {
		_ = runErr(t, func(ctx context.Context) error {
			running(ctx).SetExceptionHandler(new(record).Handle)
			child = asyncio.Go(ctx, func(context.Context) error { panic(errBoom) })
			_, err := child.Await(ctx)
			return err
		})
	})
	wantErr(t, err, errBoom, "panic in task", "TestPanicAndGoexitLeaveRun")
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

// A032, A072: a task that panics while handling a cancellation has failed and is not
// cancelled.
func TestPanicWhileHandlingCancel(t *testing.T) {
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
		t.Errorf("the task is %v; want it failed", task)
	}
	wantErr(t, task.Exception(), errBoom)
}

// collect runs the garbage collector until effect returns true, for at most 10 seconds.
func collect(ctx context.Context, effect func() bool) {
	for end := time.Now().Add(10 * time.Second); !effect() && time.Now().Before(end); {
		runtime.GC()
		runtime.Gosched() // lets the goroutine of cleanups run
		_ = asyncio.Yield(ctx)
	}
}

// A035: reading the error, awaiting the task, or cancelling it after it failed suppresses
// the report. A task that succeeded or was cancelled has none.
func TestReadErrorIsNotReported(t *testing.T) {
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
			t.Errorf("the tasks ended as %v, %v and %v; want a failure, a result and a cancellation", cancelled, fine, stopped)
		}
		return nil
	})
	log.Want(t)
}

// A036: a loop keeps its pending tasks alive, so a pending task is never collected. It
// ends with the loop.
func TestPendingTaskIsKeptByLoop(t *testing.T) {
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
		log.Add("pending: %v", len(asyncio.AllTasks(ctx)) == 2)
		return nil
	})
	log.Want(t,
		"pending: true",
		"forgotten task: asyncio: cancelled by the shutdown of the loop",
	)
}

// A037, A056, A057: in debug mode, the text form of a task or future and the report of
// its unread error show where it was created, starting at the caller's code.
func TestOriginInTextAndReport(t *testing.T) {
	for _, debug := range []bool{false, true} {
		for name, create := range map[string]func(ctx context.Context) fmt.Stringer{
			"failingTask": failingTask, "failingFuture": failingFuture,
		} {
			var source string
			err := runOn(t, &asyncio.Runner{Debug: debug}, func(ctx context.Context) error {
				running(ctx).SetExceptionHandler(func(_ context.Context, e *asyncio.ExceptionContext) { source = e.Source })
				_, at, found := strings.Cut(create(ctx).String(), " made at ")
				if found != debug || debug && !strings.Contains(at, "task_test.go:") {
					t.Errorf("debug=%v: the text form of %s has the origin %q", debug, name, at)
				}
				return asyncio.Yield(ctx)
			})
			if err != nil {
				t.Error(err)
			}
			first, rest, _ := strings.Cut(source, "\n")
			if debug && (first != "example.com/asyncio_test."+name || !strings.Contains(rest, "TestOriginInTextAndReport")) || !debug && rest != "" {
				t.Errorf("debug=%v: the report of %s has the origin\n%s", debug, name, source)
			}
		}
	}
}

func failingTask(ctx context.Context) fmt.Stringer {
	return asyncio.Go(ctx, func(context.Context) error { return errBoom })
}

func failingFuture(ctx context.Context) fmt.Stringer {
	f := asyncio.NewFuture[int](ctx)
	_ = f.SetException(errBoom)
	return f
}

// A038: done callbacks of a task run from the ready queue after the task ends, and
// receive the task.
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
