package asyncio_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// eachKind runs a test on a future and on a task, which differ only in name sets the
// outcome. end sets the outcome of f and yields as often as f needs to receive it.
func eachKind(t *testing.T, test func(t *testing.T, ctx context.Context, f asyncio.AnyFuture, end func(value int, err error))) {
	t.Run("Future", func(t *testing.T) {
		run(t, func(ctx context.Context) error {
			f := asyncio.NewFuture[int](ctx)
			test(t, ctx, f, func(value int, err error) {
				if err != nil {
					_ = f.SetException(err)
				} else {
					_ = f.SetResult(value)
				}
			})
			return nil
		})
	})
	t.Run("Task", func(t *testing.T) {
		run(t, func(ctx context.Context) error {
			outcome := asyncio.NewFuture[int](ctx)
			task := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) { return outcome.Await(ctx) })
			test(t, ctx, task, func(value int, err error) {
				// The task ends in this turn, and its callbacks run in the next.
				if err != nil {
					_ = outcome.SetException(err)
				} else {
					_ = outcome.SetResult(value)
				}
				_ = asyncio.Yield(ctx)
			})
			return nil
		})
	})
}

// A016, A039: a new future or task is neither done nor cancelled, and reading its outcome
// returns ErrInvalidState.
func TestNewFuture(t *testing.T) {
	eachKind(t, func(t *testing.T, ctx context.Context, f asyncio.AnyFuture, end func(int, error)) {
		if f.Done() || f.Cancelled() {
			t.Errorf("Done is %v and Cancelled is %v; want false and false", f.Done(), f.Cancelled())
		}
		wantErr(t, f.Exception(), asyncio.ErrInvalidState, "Exception of <", "pending", "await it")
		_, err := f.(interface{ Result() (int, error) }).Result()
		wantErr(t, err, asyncio.ErrInvalidState, "Result of <", "pending", "await it")
		f.Cancel()
		yields(ctx, 1)
	})
}

// A040: a future belongs to the loop of the ctx it was created with, even if that loop is
// not running yet.
func TestFutureLoop(t *testing.T) {
	l := asyncio.NewLoop(driver.NewVirtual())
	defer l.Close()
	if f := asyncio.NewFuture[int](l.Context()); f.Loop() != l {
		t.Error("a future created before the loop runs has a different loop")
	}
	run(t, func(ctx context.Context) error {
		if f := asyncio.NewFuture[int](ctx); f.Loop() != running(ctx) {
			t.Error("a future created in a task has a different loop")
		}
		return nil
	})
}

// A040: futures can be created with the ctx of a loop that is not running yet.
func TestFuturesCreatedBeforeLoopRuns(t *testing.T) {
	noLeaks(t)
	l := asyncio.NewLoop(driver.NewVirtual())
	ctx := l.Context()
	source := asyncio.NewConcurrentFuture[int]()
	f, shield, wrapped := asyncio.NewFuture[int](ctx), asyncio.Shield(ctx, asyncio.Coro[int](one)), asyncio.WrapFuture(ctx, source)
	g := asyncio.Gather(ctx, f, shield, wrapped)
	nothing := asyncio.Gather[int, *asyncio.Task[int]](ctx)
	for _, f := range []asyncio.AnyFuture{f, shield, wrapped, g, nothing} {
		if f.Loop() != l {
			t.Errorf("%v has a different loop", f)
		}
	}
	l.CallSoon(func(context.Context) { _ = f.SetResult(7) })
	_ = source.SetResult(8)
	got, err := asyncio.RunUntilComplete(l, g)
	equal(t, "the result", got, "[7 1 8]")
	none, noErr := asyncio.RunUntilComplete(l, nothing)
	equal(t, "the result without arguments", none, "[]")
	if err := errors.Join(err, noErr, l.Close()); err != nil {
		t.Error(err)
	}
}

// The methods of a zero Future that would change it panic and name NewFuture.
func TestZeroFuture(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f := new(asyncio.Future[int])
		for act, fn := range map[string]func(){
			"SetResult":       func() { _ = f.SetResult(1) },
			"SetException":    func() { _ = f.SetException(errBoom) },
			"Cancel":          func() { f.Cancel() },
			"AddDoneCallback": func() { f.AddDoneCallback(callbackA) },
			"Loop":            func() { f.Loop() },
		} {
			wantErr(t, panicOf(fn), asyncio.ErrMisuse, act+" of a zero Future", "NewFuture")
		}
		_, err := f.Result()
		wantErr(t, err, asyncio.ErrInvalidState)
		wantErr(t, f.Exception(), asyncio.ErrInvalidState)
		_, err = f.Await(ctx)
		wantErr(t, err, asyncio.ErrWrongLoop)
		if f.Done() || f.Cancelled() || f.RemoveDoneCallback(callbackA) != 0 {
			t.Error("a zero Future is done or cancelled, or has a callback")
		}
		equal(t, "a zero Future", f, "<Future of no loop>")
		return nil
	})
}

// A041: the first outcome of a future is final. Setting another returns an error and has
// no effect.
func TestFutureOutcomeIsFinal(t *testing.T) {
	run(t, func(ctx context.Context) error {
		result, failure, stopped := asyncio.NewFuture[int](ctx), asyncio.NewFuture[int](ctx), asyncio.NewFuture[int](ctx)
		if err := result.SetResult(1); err != nil {
			t.Error(err)
		}
		if err := failure.SetException(errBoom); err != nil {
			t.Error(err)
		}
		if !stopped.Cancel() {
			t.Error("Cancel of a pending future returned false; want true")
		}
		for _, f := range []*asyncio.Future[int]{result, failure, stopped} {
			before := f.String()
			wantErr(t, f.SetResult(2), asyncio.ErrInvalidState, "SetResult on "+before)
			wantErr(t, f.SetException(errors.New("other")), asyncio.ErrInvalidState, "SetException on "+before)
			if f.Cancel() {
				t.Errorf("Cancel of %v returned true; want false", f)
			}
			if f.String() != before {
				t.Errorf("%s became %v", before, f)
			}
		}
		if v, err := result.Result(); v != 1 || err != nil {
			t.Errorf("Result returned %v, %v; want 1, nil", v, err)
		}
		wantErr(t, asyncio.NewFuture[int](ctx).SetException(nil), asyncio.ErrInvalidArgument, "SetException(nil)", "SetResult")
		return nil
	})
}

// A042: cancelling a pending future schedules its callbacks and passes the message to
// every reader of the outcome.
func TestFutureCancel(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		for _, msg := range [][]any{nil, {"bye"}, {42}} {
			f := asyncio.NewFuture[int](ctx)
			f.AddDoneCallback(func(context.Context, asyncio.AnyFuture) { log.Add("callback") })
			log.Add("%v, cancelled=%v", cancelWith(f, msg...), f.Cancelled())
			_, awaited := f.Await(ctx)
			_, result := f.Result()
			for _, err := range []error{awaited, result, f.Exception()} {
				var c *asyncio.CancelledError
				if !errors.As(err, &c) {
					t.Fatalf("the error is %v; want a CancelledError", err)
				}
				log.Add("message %v", c.Message)
			}
			yields(ctx, 1)
		}
		return nil
	})
	log.Want(t,
		"true, cancelled=true", "message <nil>", "message <nil>", "message <nil>", "callback",
		"true, cancelled=true", "message bye", "message bye", "message bye", "callback",
		"true, cancelled=true", "message 42", "message 42", "message 42", "callback",
	)
}

// A042, A074: CancelMessage returns the message before any caller has received the error.
// A request that a task passed on is not its own.
func TestCancelMessage(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		fresh, waiting := asyncio.CreateTask(ctx, one), asyncio.Go(ctx, func(ctx context.Context) error {
			_, err := f.Await(ctx)
			return err
		})
		log.Add("%v %v", f.CancelMessage(), fresh.CancelMessage())
		fresh.CancelWith("mine")
		log.Add("fresh task: %v", fresh.CancelMessage())
		yields(ctx, 1)
		waiting.CancelWith("for you")
		log.Add("waiting task: %v, its future: %v", waiting.CancelMessage(), f.CancelMessage())
		_, err := fresh.Await(ctx)
		log.Add("%s", brief(err))
		_, err = waiting.Await(ctx)
		log.Add("%s", brief(err))

		further := asyncio.NewFuture[int](ctx)
		stubborn := asyncio.Go(ctx, func(ctx context.Context) error {
			_, _ = asyncio.NewFuture[int](ctx).Await(ctx)
			_, err := further.Await(ctx)
			return err
		})
		above := asyncio.Go(ctx, func(ctx context.Context) error {
			_, err := stubborn.Await(ctx)
			return err
		})
		yields(ctx, 2)
		stubborn.CancelWith("passed on")
		stubborn.CancelWith("taken")
		yields(ctx, 1)
		above.CancelWith("passed on twice")
		log.Add("above: %v, stubborn: %v, its future: %v", above.CancelMessage(), stubborn.CancelMessage(), further.CancelMessage())
		return nil
	})
	log.Want(t,
		"<nil> <nil>",
		"fresh task: mine",
		"waiting task: <nil>, its future: for you",
		"cancelled: mine",
		"cancelled: for you",
		"above: <nil>, stubborn: taken, its future: passed on twice",
	)
}

// A016, A044: completing a future, or adding a callback to a finished one, never runs a
// callback before the call returns.
func TestCallbackNeverRunsDuringCall(t *testing.T) {
	eachKind(t, func(t *testing.T, ctx context.Context, f asyncio.AnyFuture, end func(int, error)) {
		var log record
		f.AddDoneCallback(func(context.Context, asyncio.AnyFuture) { log.Add("before") })
		yields(ctx, 1)
		end(1, nil)
		f.AddDoneCallback(func(context.Context, asyncio.AnyFuture) { log.Add("after") })
		log.Add("done=%v", f.Done())
		yields(ctx, 1)
		log.Want(t, "done=true", "before", "after")
	})
}

// A016, A045: callbacks run once each, in the order they were added, with the future as
// argument.
func TestCallbackOrder(t *testing.T) {
	for _, outcome := range []error{nil, errBoom} {
		eachKind(t, func(t *testing.T, ctx context.Context, f asyncio.AnyFuture, end func(int, error)) {
			var log record
			callback := func(name string) func(context.Context, asyncio.AnyFuture) {
				return func(_ context.Context, got asyncio.AnyFuture) {
					log.Add("%s, with the future: %v, error %v", name, got == f, got.Exception())
				}
			}
			f.AddDoneCallback(callback("first"))
			f.AddDoneCallback(callback("second"))
			f.AddDoneCallback(callback("third"))
			yields(ctx, 1)
			end(1, outcome)
			yields(ctx, 3)
			suffix := ", with the future: true, error <nil>"
			if outcome != nil {
				suffix = ", with the future: true, error boom"
			}
			log.Want(t, "first"+suffix, "second"+suffix, "third"+suffix)
		})
	}
}

// A016, A046: a callback runs in the ContextVars passed to AddDoneCallback, or in a copy
// made at that call.
func TestCallbackContext(t *testing.T) {
	v := asyncio.NewContextVar[string]("v")
	eachKind(t, func(t *testing.T, ctx context.Context, f asyncio.AnyFuture, end func(int, error)) {
		var log record
		callback := func(name string) func(context.Context, asyncio.AnyFuture) {
			return func(ctx context.Context, _ asyncio.AnyFuture) {
				got, _ := v.Get(ctx)
				log.Add("%s: %q", name, got)
				v.Set(ctx, "set by "+name)
			}
		}
		given := new(asyncio.ContextVars)
		v.Set(ctx, "at registration")
		f.AddDoneCallback(callback("callback with a copy"))
		f.AddDoneCallback(callback("callback with the given ContextVars"), asyncio.WithContextVars(given))
		v.Set(ctx, "later")
		yields(ctx, 1)
		end(1, nil)
		f.AddDoneCallback(callback("late callback"))
		v.Set(ctx, "last")
		yields(ctx, 1)
		got, _ := v.Get(ctx)
		log.Add("task: %q", got)
		_ = given.Run(ctx, func(ctx context.Context) { got, _ = v.Get(ctx) })
		log.Add("given ContextVars: %q", got)
		log.Want(t,
			`callback with a copy: "at registration"`,
			`callback with the given ContextVars: ""`,
			`late callback: "later"`,
			`task: "last"`,
			`given ContextVars: "set by callback with the given ContextVars"`,
		)
	})
}

// A016, A047: RemoveDoneCallback removes all registrations of a function and returns
// their number. The comparison of function values runs no user code.
func TestRemoveDoneCallback(t *testing.T) {
	eachKind(t, func(t *testing.T, ctx context.Context, f asyncio.AnyFuture, end func(int, error)) {
		var log record
		callback := func(name string) func(context.Context, asyncio.AnyFuture) {
			return func(context.Context, asyncio.AnyFuture) { log.Add("%s", name) }
		}
		a, b, c := callback("a"), callback("b"), callback("c") // closures of one func literal
		for _, fn := range []func(context.Context, asyncio.AnyFuture){a, b, a, c, a, b} {
			f.AddDoneCallback(fn)
		}
		log.Add("removed %d, %d, %d", f.RemoveDoneCallback(a), f.RemoveDoneCallback(a), f.RemoveDoneCallback(callback("other")))
		yields(ctx, 1)
		end(1, nil)
		log.Add("removed %d after the end", f.RemoveDoneCallback(b))
		yields(ctx, 1)
		log.Want(t, "removed 3, 0, 0", "removed 0 after the end", "b", "c", "b")
	})
}

// A047: RemoveDoneCallback removes exactly its function, wherever that is in the list.
func TestRemoveDoneCallbackAtEachPosition(t *testing.T) {
	run(t, func(ctx context.Context) error {
		const all = 4
		for gone := range 1 << all { // a set bit for each removed callback
			var log record
			var want []string
			f := asyncio.NewFuture[int](ctx)
			var callbacks []func(context.Context, asyncio.AnyFuture)
			for i := range all {
				fn := func(context.Context, asyncio.AnyFuture) { log.Add("%d", i) }
				callbacks = append(callbacks, fn)
				f.AddDoneCallback(fn)
			}
			for i, fn := range callbacks {
				if gone&(1<<i) == 0 {
					want = append(want, strconv.Itoa(i))
					continue
				}
				if n := f.RemoveDoneCallback(fn); n != 1 {
					t.Errorf("RemoveDoneCallback returned %d; want 1", n)
				}
			}
			_ = f.SetResult(1)
			yields(ctx, 1)
			log.Want(t, want...)
		}
		return nil
	})
}

// A048: callbacks may add and remove callbacks. Those already scheduled still run, and
// new ones run after them.
func TestCallbacksThatAddAndRemoveCallbacks(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		last := func(context.Context, asyncio.AnyFuture) { log.Add("last") }
		f.AddDoneCallback(func(_ context.Context, f asyncio.AnyFuture) {
			log.Add("first removes %d", f.RemoveDoneCallback(last))
			f.AddDoneCallback(func(context.Context, asyncio.AnyFuture) { log.Add("new") })
		})
		f.AddDoneCallback(last)
		_ = f.SetResult(1)
		yields(ctx, 3)
		return nil
	})
	log.Want(t, "first removes 0", "last", "new")
}

// A025: Await of a future suspends until it is done, and returns its result in the next
// turn.
func TestFutureAwait(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[*int](ctx)
		var got *int
		task := asyncio.Go(ctx, func(ctx context.Context) (err error) {
			got, err = f.Await(ctx)
			return err
		})
		yields(ctx, 3)
		if task.Done() {
			t.Error("the task is done before its future")
		}
		want := new(int)
		_ = f.SetResult(want)
		yields(ctx, 1)
		if got != want || !task.Done() {
			t.Errorf("Await returned %p; want %p; the task is %v", got, want, task)
		}
		return task.Exception()
	})
}

// A016, A050: Await on a finished future returns without suspending.
func TestAwaitOfFinishedFutureDoesNotSuspend(t *testing.T) {
	eachKind(t, func(t *testing.T, ctx context.Context, f asyncio.AnyFuture, end func(int, error)) {
		yields(ctx, 1)
		end(1, nil)
		other := asyncio.CreateTask(ctx, one)
		v, err := f.(asyncio.Awaitable[int]).Await(ctx)
		if v != 1 || err != nil || other.Done() {
			t.Errorf("Await returned %v, %v; another task ran: %v", v, err, other.Done())
		}
	})
}

// A051: a timer that expires for an already cancelled future has no effect. Here the
// sleeper is cancelled just before, in the same turn.
func TestTimerOfCancelledFuture(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(log.Handle)
		var sleeper *asyncio.Task[asyncio.None]
		running(ctx).CallLater(time.Second, func(context.Context) { sleeper.Cancel() })
		sleeper = asyncio.Go(ctx, func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Second) })
		_, err := sleeper.Await(ctx)
		log.Add("after %v: %v", running(ctx).Time(), err)
		return nil
	})
	log.Want(t, "after 1s: asyncio: cancelled")
}

// A052: WrapFuture returns a loop-bound future that receives the outcome of a
// ConcurrentFuture. It accepts no other future: see internal/policy/compile_test.go.
func TestWrapFuture(t *testing.T) {
	run(t, func(ctx context.Context) error {
		source := asyncio.NewConcurrentFuture[int]()
		f := asyncio.WrapFuture(ctx, source)
		go func() { _ = source.SetResult(7) }()
		if v, err := f.Await(ctx); v != 7 || err != nil {
			t.Errorf("Await returned %v, %v; want 7, nil", v, err)
		}
		return nil
	})
}

// A053: cancellation passes between the wrapper and its source in both directions.
func TestWrapFutureCancel(t *testing.T) {
	run(t, func(ctx context.Context) error {
		source := asyncio.NewConcurrentFuture[int]()
		f := asyncio.WrapFuture(ctx, source)
		f.Cancel()
		yields(ctx, 1)
		if _, err := source.Result(context.Background()); !errors.Is(err, asyncio.ErrCancelled) {
			t.Errorf("the source ended with %v; want ErrCancelled", err)
		}

		source = asyncio.NewConcurrentFuture[int]()
		f = asyncio.WrapFuture(ctx, source)
		go source.Cancel()
		_, err := f.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled)
		if !f.Cancelled() {
			t.Errorf("the wrapper is %v; want it cancelled", f)
		}
		return nil
	})
}

// A054: a result, an error and a cancellation are transferred unchanged. A wrapper that
// is already cancelled stays as it is.
func TestWrapFutureTransfersOutcome(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(log.Handle)
		for _, end := range []func(c *asyncio.ConcurrentFuture[int]){
			func(c *asyncio.ConcurrentFuture[int]) { _ = c.SetResult(7) },
			func(c *asyncio.ConcurrentFuture[int]) { _ = c.SetException(errBoom) },
			func(c *asyncio.ConcurrentFuture[int]) { c.Cancel() },
		} {
			source := asyncio.NewConcurrentFuture[int]()
			f, stopped := asyncio.WrapFuture(ctx, source), asyncio.WrapFuture(ctx, source)
			end(source)
			stopped.CancelWith("mine")
			v, err := f.Await(ctx)
			log.Add("%v, %v, cancelled=%v", v, err, f.Cancelled())
			log.Add("cancelled wrapper: %v", stopped.Exception())
		}
		return nil
	})
	const mine = "cancelled wrapper: asyncio: cancelled by Task-N: mine"
	for i, line := range log.Lines {
		if strings.HasPrefix(line, "cancelled wrapper: asyncio: cancelled by Task-") && strings.HasSuffix(line, ": mine") {
			log.Lines[i] = mine
		}
	}
	log.Want(t,
		"7, <nil>, cancelled=false", mine,
		"0, boom, cancelled=false", mine,
		"0, asyncio: cancelled, cancelled=true", mine,
	)
}

// A055: exactly the types that implement the sealed interface AnyFuture are futures:
// futures and tasks of all types, but not other awaitables or types with similar methods.
func TestAnyFuture(t *testing.T) {
	is := reflect.TypeFor[asyncio.AnyFuture]()
	for _, of := range []reflect.Type{
		reflect.TypeFor[*asyncio.Future[int]](),
		reflect.TypeFor[*asyncio.Task[string]](),
		reflect.TypeFor[asyncio.AnyTask](),
	} {
		if !of.Implements(is) {
			t.Errorf("%v does not implement AnyFuture", of)
		}
	}
	for _, of := range []reflect.Type{
		reflect.TypeFor[asyncio.Coro[int]](),
		reflect.TypeFor[oddAwaitable](),
		reflect.TypeFor[*asyncio.ConcurrentFuture[int]](),
	} {
		if of.Implements(is) {
			t.Errorf("%v implements AnyFuture", of)
		}
	}
}

func callbackA(context.Context, asyncio.AnyFuture) {}
func callbackB(context.Context, asyncio.AnyFuture) {}

// A056: a future's text form shows its state, its first two callbacks, the number of
// others, and its outcome.
func TestFutureString(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		log.Add("%s", lines(f))
		f.AddDoneCallback(callbackA)
		log.Add("%s", lines(f))
		f.AddDoneCallback(callbackB)
		log.Add("%s", lines(f))
		f.AddDoneCallback(callbackB)
		f.AddDoneCallback(callbackA)
		log.Add("%s", lines(f))
		_ = f.SetResult(7)
		log.Add("%s", lines(f))
		f = asyncio.NewFuture[int](ctx)
		_ = f.SetException(errBoom)
		log.Add("%s", lines(f))
		_ = f.Exception()
		f = asyncio.NewFuture[int](ctx)
		f.Cancel()
		log.Add("%s", lines(f))
		return nil
	})
	const a, b = "asyncio_test.callbackA() at future_test.go:N", "asyncio_test.callbackB() at future_test.go:N"
	log.Want(t,
		"<Future pending>",
		"<Future pending cb=["+a+"]>",
		"<Future pending cb=["+a+", "+b+"]>",
		"<Future pending cb=["+a+", "+b+", and 2 more]>",
		"<Future finished result=7>",
		`<Future finished error="boom">`,
		"<Future cancelled>",
	)
}

// A035: a future is not reported if it is pending, has a result, had its error read, or
// was cancelled after it failed.
func TestFutureWithoutUnreadErrorIsNotReported(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(log.Handle)
		failed := func() *asyncio.Future[int] {
			f := asyncio.NewFuture[int](ctx)
			_ = f.SetException(errBoom)
			return f
		}
		asyncio.NewFuture[int](ctx)
		_ = asyncio.NewFuture[int](ctx).SetResult(1)
		read := asyncio.NewFuture[int](ctx)
		_ = read.SetResult(2)
		if v, err := read.Result(); v != 2 || err != nil {
			t.Errorf("Result returned %v, %v; want 2, nil", v, err)
		}
		if err := failed().Exception(); err != errBoom {
			t.Errorf("Exception returned %v; want boom", err)
		}
		if _, err := failed().Result(); err != errBoom {
			t.Errorf("Result returned the error %v; want boom", err)
		}
		if failed().Cancel() {
			t.Error("Cancel of a failed future returned true; want false")
		}
		return nil
	})
	log.Want(t) // and the close of the loop reports none
}

// A058, A084: debug mode detects futures and tasks that another goroutine uses directly.
// It must use CallSoonThreadsafe.
func TestDebugModeChecksGoroutineOfFutures(t *testing.T) {
	err := runOn(t, &asyncio.Runner{Debug: true}, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		task := asyncio.Go(ctx, never)
		yields(ctx, 1)
		const text = "from a goroutine that is not the loop's; use CallSoonThreadsafe"
		inGoroutine(func() {
			wantErr(t, f.SetResult(1), asyncio.ErrMisuse, "SetResult "+text)
			wantErr(t, f.SetException(errBoom), asyncio.ErrMisuse, "SetException "+text)
			wantErr(t, panicOf(func() { f.Cancel() }), asyncio.ErrMisuse, "Cancel "+text)
			wantErr(t, panicOf(func() { task.Cancel() }), asyncio.ErrMisuse, "Cancel "+text)
			wantErr(t, panicOf(func() { f.AddDoneCallback(callbackA) }), asyncio.ErrMisuse, "AddDoneCallback "+text)
		})
		if f.Done() || task.Cancelling() != 0 {
			t.Errorf("the rejected calls changed %v or %v", f, task)
		}
		l := running(ctx)
		inGoroutine(func() {
			_, _ = l.CallSoonThreadsafe(func(context.Context) { task.CancelWith("from outside") })
		})
		_, err := task.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled, "from outside")
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A045: a sharedCallback is called separately for each of its futures, in the order of
// their completion. RemoveDoneCallback finds it by its function.
func TestSharedCallback(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var rec record
		shared := asyncio.SharedCallback{Func: func(_ context.Context, f asyncio.AnyFuture) {
			v, _ := f.AnyResult()
			rec.Add("%v", v)
		}}
		var futures []*asyncio.Future[int]
		for range 100 {
			f := asyncio.NewFuture[int](ctx)
			shared.AddTo(f)
			futures = append(futures, f)
		}
		equal(t, "removed", futures[7].RemoveDoneCallback(shared.Func), 1)
		for i := range 3 {
			_ = futures[7-i].SetResult(7 - i)
		}
		_ = futures[99].SetResult(99)
		equal(t, "pending", len(slices.Collect(shared.Pending())), 99)
		yields(ctx, 1)
		rec.Want(t, "6", "5", "99")
		pending := slices.Collect(shared.Pending())
		equal(t, "pending", len(pending), 96)
		equal(t, "the sixth pending future", pending[5], asyncio.AnyFuture(futures[8]))
		wantErr(t, panicOf(func() { new(asyncio.SharedCallback).AddTo(futures[0]) }), asyncio.ErrInvalidArgument, "sharedCallback.AddTo with a nil function")
		return nil
	})
}

// A panic in a function of WithCancel passes through Cancel. The tasks can be cancelled
// again afterwards.
func TestWithCancelPanics(t *testing.T) {
	run(t, func(ctx context.Context) error {
		asked := 0
		f := asyncio.NewFuture[int](ctx, asyncio.WithCancel(func(any) bool {
			if asked++; asked == 1 {
				panic(errBoom)
			}
			return false
		}))
		inner := asyncio.Go(ctx, func(ctx context.Context) error { _, err := f.Await(ctx); return err })
		outer := asyncio.Go(ctx, func(ctx context.Context) error { _, err := inner.Await(ctx); return err })
		yields(ctx, 2)
		wantErr(t, panicOf(func() { outer.Cancel() }), errBoom)
		equal(t, "the second Cancel", outer.Cancel(), true)
		equal(t, "cancelling", []int{inner.Cancelling(), outer.Cancelling()}, "[2 2]")
		_ = f.SetResult(1)
		_, err := outer.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled)
		return nil
	})
}
