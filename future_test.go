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

// eachKind runs a test on a future and on a task, since a task is a future but for
// who gives it its outcome. end gives f its outcome, and lets the turns pass
// that it takes.
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
				// A task is stepped to its end in this turn, its callbacks come in the next.
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

// A016, A039: a fresh future or task is not done, not cancelled, and has neither result nor error.
func TestFreshFuture(t *testing.T) {
	eachKind(t, func(t *testing.T, ctx context.Context, f asyncio.AnyFuture, end func(int, error)) {
		if f.Done() || f.Cancelled() {
			t.Errorf("done=%v cancelled=%v", f.Done(), f.Cancelled())
		}
		wantErr(t, f.Exception(), asyncio.ErrInvalidState, "Exception of <", "pending", "await it")
		_, err := f.(interface{ Result() (int, error) }).Result()
		wantErr(t, err, asyncio.ErrInvalidState, "Result of <", "pending", "await it")
		f.Cancel()
		yields(ctx, 1)
	})
}

// A040: a future belongs to the loop of the ctx that it was made with, be it running or not.
func TestFutureBelongsToALoop(t *testing.T) {
	l := asyncio.NewLoop(driver.NewVirtual())
	defer l.Close()
	if f := asyncio.NewFuture[int](l.Context()); f.Loop() != l {
		t.Error("made before the loop runs, it is of another")
	}
	run(t, func(ctx context.Context) error {
		if f := asyncio.NewFuture[int](ctx); f.Loop() != running(ctx) {
			t.Error("made in a task, it is of another loop")
		}
		return nil
	})
	err := panicOf(func() { asyncio.NewFuture[int](context.Background()) })
	wantErr(t, err, asyncio.ErrNoRunningLoop, "NewFuture", "start with asyncio.Run")
}

// A007, A040: what makes futures or tasks of others needs a loop too, and says so.
func TestFuturesWithoutALoop(t *testing.T) {
	ctx := context.Background()
	coro := asyncio.Coro[int](one)
	for _, fn := range []func(){
		func() { asyncio.EnsureFuture(ctx, coro) },
		func() { asyncio.Gather[int](ctx, coro) },
		func() { asyncio.Gather[int, *asyncio.Task[int]](ctx) }, // of nothing
		func() { asyncio.Shield(ctx, coro) },
		func() { asyncio.WrapFuture(ctx, asyncio.NewConcurrentFuture[int]()) },
	} {
		wantErr(t, panicOf(fn), asyncio.ErrNoRunningLoop, "start with asyncio.Run")
	}
}

// A040: with the ctx of a loop that does not run yet futures are made for later.
func TestFuturesMadeBeforeTheLoopRuns(t *testing.T) {
	noLeaks(t)
	l := asyncio.NewLoop(driver.NewVirtual())
	ctx := l.Context()
	source := asyncio.NewConcurrentFuture[int]()
	f, shield, wrapped := asyncio.NewFuture[int](ctx), asyncio.Shield(ctx, asyncio.Coro[int](one)), asyncio.WrapFuture(ctx, source)
	g := asyncio.Gather(ctx, f, shield, wrapped)
	nothing := asyncio.Gather[int, *asyncio.Task[int]](ctx)
	for _, f := range []asyncio.AnyFuture{f, shield, wrapped, g, nothing} {
		if f.Loop() != l {
			t.Errorf("%v is of another loop", f)
		}
	}
	l.CallSoon(func(context.Context) { _ = f.SetResult(7) })
	_ = source.SetResult(8)
	got, err := asyncio.RunUntilComplete(l, g)
	equal(t, "the result", got, "[7 1 8]")
	none, noErr := asyncio.RunUntilComplete(l, nothing)
	equal(t, "the result of nothing", none, "[]")
	if err := errors.Join(err, noErr, l.Close()); err != nil {
		t.Error(err)
	}
}

// A zero Future says that it was not made, to all that would change it.
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
			t.Error("it is in some state")
		}
		equal(t, "a zero Future", f, "<Future of no loop>")
		return nil
	})
}

// A041: a future gets its outcome once. A second one is an error, and changes nothing.
func TestFutureGetsItsOutcomeOnce(t *testing.T) {
	run(t, func(ctx context.Context) error {
		result, failure, stopped := asyncio.NewFuture[int](ctx), asyncio.NewFuture[int](ctx), asyncio.NewFuture[int](ctx)
		if err := result.SetResult(1); err != nil {
			t.Error(err)
		}
		if err := failure.SetException(errBoom); err != nil {
			t.Error(err)
		}
		if !stopped.Cancel() {
			t.Error("a pending future is not cancelled")
		}
		for _, f := range []*asyncio.Future[int]{result, failure, stopped} {
			before := f.String()
			wantErr(t, f.SetResult(2), asyncio.ErrInvalidState, "SetResult on "+before)
			wantErr(t, f.SetException(errors.New("other")), asyncio.ErrInvalidState, "SetException on "+before)
			if f.Cancel() {
				t.Errorf("%v was cancelled", f)
			}
			if f.String() != before {
				t.Errorf("%s became %v", before, f)
			}
		}
		if v, err := result.Result(); v != 1 || err != nil {
			t.Errorf("Result is %v, %v", v, err)
		}
		wantErr(t, asyncio.NewFuture[int](ctx).SetException(nil), asyncio.ErrInvalidArgument, "SetException(nil)", "SetResult")
		return nil
	})
}

// A042: Cancel makes a pending future cancelled, has its callbacks called, and
// gives its message to all who ask.
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
					t.Fatalf("the error is %v", err)
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

// A042, A074: the message of a cancel can be asked for, before anybody has got the error too. A
// request that a task has passed on is not its own.
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

// A016, A044: no callback is called from within what makes a future done, or from
// within AddDoneCallback.
func TestCallbackIsNeverCalledAtOnce(t *testing.T) {
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

// A016, A045: callbacks are called in the order of registration, each once, with the future.
func TestCallbackOrder(t *testing.T) {
	for _, outcome := range []error{nil, errBoom} {
		eachKind(t, func(t *testing.T, ctx context.Context, f asyncio.AnyFuture, end func(int, error)) {
			var log record
			callback := func(who string) func(context.Context, asyncio.AnyFuture) {
				return func(_ context.Context, got asyncio.AnyFuture) {
					log.Add("%s, with the future: %v, error %v", who, got == f, got.Exception())
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

// A016, A046: a callback runs in the Context given, or else in a copy of the one
// it was registered in, as that was then.
func TestCallbackContext(t *testing.T) {
	v := asyncio.NewContextVar[string]("v")
	eachKind(t, func(t *testing.T, ctx context.Context, f asyncio.AnyFuture, end func(int, error)) {
		var log record
		callback := func(who string) func(context.Context, asyncio.AnyFuture) {
			return func(ctx context.Context, _ asyncio.AnyFuture) {
				got, _ := v.Get(ctx)
				log.Add("%s finds %q", who, got)
				v.Set(ctx, "set by "+who)
			}
		}
		given := new(asyncio.ContextVars)
		v.Set(ctx, "at registration")
		f.AddDoneCallback(callback("the one with a copy"))
		f.AddDoneCallback(callback("the one with a Context"), asyncio.WithContextVars(given))
		v.Set(ctx, "later")
		yields(ctx, 1)
		end(1, nil)
		f.AddDoneCallback(callback("the late one"))
		v.Set(ctx, "last")
		yields(ctx, 1)
		got, _ := v.Get(ctx)
		log.Add("the task finds %q", got)
		_ = given.Run(ctx, func(ctx context.Context) { got, _ = v.Get(ctx) })
		log.Add("and in the Context given %q", got)
		log.Want(t,
			`the one with a copy finds "at registration"`,
			`the one with a Context finds ""`,
			`the late one finds "later"`,
			`the task finds "last"`,
			`and in the Context given "set by the one with a Context"`,
		)
	})
}

// A016, A047: RemoveDoneCallback takes all registrations of a function out and
// returns how many. Function values are told apart without running anybody's code,
// which could change the list meanwhile, as it can in Python.
func TestRemoveDoneCallback(t *testing.T) {
	eachKind(t, func(t *testing.T, ctx context.Context, f asyncio.AnyFuture, end func(int, error)) {
		var log record
		callback := func(who string) func(context.Context, asyncio.AnyFuture) {
			return func(context.Context, asyncio.AnyFuture) { log.Add("%s", who) }
		}
		a, b, c := callback("a"), callback("b"), callback("c") // closures of one func literal
		for _, fn := range []func(context.Context, asyncio.AnyFuture){a, b, a, c, a, b} {
			f.AddDoneCallback(fn)
		}
		log.Add("removed %d, %d, %d", f.RemoveDoneCallback(a), f.RemoveDoneCallback(a), f.RemoveDoneCallback(callback("other")))
		yields(ctx, 1)
		end(1, nil)
		log.Add("removed %d once it is done", f.RemoveDoneCallback(b))
		yields(ctx, 1)
		log.Want(t, "removed 3, 0, 0", "removed 0 once it is done", "b", "c", "b")
	})
}

// A047: wherever among the others a callback stands, first or last, it is taken out, and only it.
func TestRemoveDoneCallbackAtEachPlace(t *testing.T) {
	run(t, func(ctx context.Context) error {
		const all = 4
		for gone := range 1 << all { // which are taken out, a bit each
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
					t.Errorf("%d were taken out", n)
				}
			}
			_ = f.SetResult(1)
			yields(ctx, 1)
			log.Want(t, want...)
		}
		return nil
	})
}

// A048: a callback may register others, and remove some: those that were on their
// way are called all the same, the new ones after them.
func TestCallbacksThatChangeTheCallbacks(t *testing.T) {
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

// A049: a callback that panics is reported, with its handle; the others are called.
func TestCallbackThatPanics(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(func(_ context.Context, e *asyncio.ExceptionContext) {
			p := &asyncio.PanicError{}
			log.Add("reported: panic in a callback=%v handle=%v value=%v",
				strings.HasPrefix(e.Message, "panic in callback"), e.Handle != nil, errors.As(e.Exception, &p) && p.Value == "boom")
		})
		f := asyncio.NewFuture[int](ctx)
		f.AddDoneCallback(func(context.Context, asyncio.AnyFuture) { log.Add("first"); panic("boom") })
		f.AddDoneCallback(func(context.Context, asyncio.AnyFuture) { log.Add("second") })
		_ = f.SetResult(1)
		_, err := f.Await(ctx)
		yields(ctx, 1)
		return err
	})
	log.Want(t, "first", "reported: panic in a callback=true handle=true value=true", "second")
}

// A025: an await of a future suspends until it is done, and gives that very result, in the next turn.
func TestAwaitOfAFuture(t *testing.T) {
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[*int](ctx)
		var got *int
		task := asyncio.Go(ctx, func(ctx context.Context) (err error) {
			got, err = f.Await(ctx)
			return err
		})
		yields(ctx, 3)
		if task.Done() {
			t.Error("it did not wait")
		}
		want := new(int)
		_ = f.SetResult(want)
		yields(ctx, 1)
		if got != want || !task.Done() {
			t.Errorf("it has %p, wanted %p; the task is %v", got, want, task)
		}
		return task.Exception()
	})
}

// A016, A050: an await of what is done does not suspend: nothing else runs meanwhile.
func TestAwaitOfADoneFutureDoesNotSuspend(t *testing.T) {
	eachKind(t, func(t *testing.T, ctx context.Context, f asyncio.AnyFuture, end func(int, error)) {
		yields(ctx, 1)
		end(1, nil)
		other := asyncio.CreateTask(ctx, one)
		v, err := f.(asyncio.Awaitable[int]).Await(ctx)
		if v != 1 || err != nil || other.Done() {
			t.Errorf("got %v, %v; another task ran meanwhile: %v", v, err, other.Done())
		}
	})
}

// A051: a timer that finds its future cancelled leaves it alone: here the sleeper
// is cancelled in the turn in which its time is up, a moment before.
func TestTimerFindsItsFutureCancelled(t *testing.T) {
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

// A052: WrapFuture makes a future of the loop's out of one of the world of goroutines, and
// copies its outcome over when there is one. (A future of the loop's is none that
// one could give it: see internal/policy/compile_test.go.)
func TestWrapFuture(t *testing.T) {
	run(t, func(ctx context.Context) error {
		source := asyncio.NewConcurrentFuture[int]()
		f := asyncio.WrapFuture(ctx, source)
		go func() { _ = source.SetResult(7) }()
		if v, err := f.Await(ctx); v != 7 || err != nil {
			t.Errorf("it gave %v, %v", v, err)
		}
		return nil
	})
}

// A053: a cancel of the wrapper cancels the source, and a cancel of the source the wrapper.
func TestWrapFutureCancel(t *testing.T) {
	run(t, func(ctx context.Context) error {
		source := asyncio.NewConcurrentFuture[int]()
		f := asyncio.WrapFuture(ctx, source)
		f.Cancel()
		yields(ctx, 1)
		if _, err := source.Result(context.Background()); !errors.Is(err, asyncio.ErrCancelled) {
			t.Errorf("the source ended with %v", err)
		}

		source = asyncio.NewConcurrentFuture[int]()
		f = asyncio.WrapFuture(ctx, source)
		go source.Cancel()
		_, err := f.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled)
		if !f.Cancelled() {
			t.Errorf("the wrapper is %v", f)
		}
		return nil
	})
}

// A054: result, error and cancellation are each copied as they are; a wrapper that is
// cancelled already is left alone.
func TestWrapFutureCopiesTheOutcome(t *testing.T) {
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
			log.Add("the cancelled one: %v", stopped.Exception())
		}
		return nil
	})
	const mine = "the cancelled one: asyncio: cancelled by Task-N: mine"
	for i, line := range log.Lines {
		if strings.HasPrefix(line, "the cancelled one: asyncio: cancelled by Task-") && strings.HasSuffix(line, ": mine") {
			log.Lines[i] = mine
		}
	}
	log.Want(t,
		"7, <nil>, cancelled=false", mine,
		"0, boom, cancelled=false", mine,
		"0, asyncio: cancelled, cancelled=true", mine,
	)
}

// A055: what is a future is a matter of an interface, AnyFuture. Futures and tasks
// of all types are; what merely can be awaited is not, nor what looks alike.
func TestAnyFuture(t *testing.T) {
	is := reflect.TypeFor[asyncio.AnyFuture]()
	for _, of := range []reflect.Type{
		reflect.TypeFor[*asyncio.Future[int]](),
		reflect.TypeFor[*asyncio.Task[string]](),
		reflect.TypeFor[asyncio.AnyTask](),
	} {
		if !of.Implements(is) {
			t.Errorf("%v is no AnyFuture", of)
		}
	}
	for _, of := range []reflect.Type{
		reflect.TypeFor[asyncio.Coro[int]](),
		reflect.TypeFor[oddAwaitable](),
		reflect.TypeFor[*asyncio.ConcurrentFuture[int]](),
	} {
		if of.Implements(is) {
			t.Errorf("%v is an AnyFuture", of)
		}
	}
}

func callbackA(context.Context, asyncio.AnyFuture) {}
func callbackB(context.Context, asyncio.AnyFuture) {}

// A056: a future prints its state, up to two callbacks and how many more, its result or error.
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

// A056, A057: in debug mode a future remembers where it was made, prints it, and has it
// in the report of an error that nobody read.
func TestFutureRemembersItsMakerInDebugMode(t *testing.T) {
	var source, text string
	err := runOn(t, &asyncio.Runner{Debug: true}, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(func(_ context.Context, e *asyncio.ExceptionContext) { source = e.Source })
		f := futureMaker(ctx)
		text = f.String()
		return f.SetException(errBoom)
	})
	if err != nil {
		t.Error(err)
	}
	if !strings.Contains(text, "made at ") || !strings.Contains(text, "future_test.go:") {
		t.Errorf("it prints as %s", text)
	}
	first, rest, _ := strings.Cut(source, "\n")
	if first != "example.com/asyncio_test.futureMaker" || !strings.Contains(rest, "TestFutureRemembersItsMakerInDebugMode") {
		t.Errorf("it was made at\n%s", source)
	}
}

func futureMaker(ctx context.Context) *asyncio.Future[int] { return asyncio.NewFuture[int](ctx) }

// A034, A057: a future that failed, and whose error nobody read, is reported when it is collected too.
func TestFutureErrorThatNobodyReads(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(log.Handle)
		_ = asyncio.NewFuture[int](ctx).SetException(errBoom)
		collect(ctx, func() bool { return len(log.Lines) > 0 })
		log.Add("before the end")
		return nil
	})
	log.Want(t, "reported: a future failed and its error was never read: boom", "before the end")
}

// A035: a future that is pending for ever, or has a result, read or not, is no case for a report; nor
// is one whose error somebody asked for, or that was cancelled after it had failed.
func TestFutureWithoutAnErrorIsNotReported(t *testing.T) {
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
			t.Errorf("the result is %v, %v", v, err)
		}
		if err := failed().Exception(); err != errBoom {
			t.Errorf("the error is %v", err)
		}
		if _, err := failed().Result(); err != errBoom {
			t.Errorf("the error of the result is %v", err)
		}
		if failed().Cancel() {
			t.Error("a failed future was cancelled")
		}
		return nil
	})
	log.Want(t) // also none at the loop's close, where what is unread is told
}

// A058, A084: a future and a task belong to what runs on the loop. Another goroutine
// that touches one is told so in debug mode; it must go through the inbox.
func TestDebugModeFindsForeignGoroutines(t *testing.T) {
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
			t.Error("something happened all the same")
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

// A045: a SharedCallback is called for each future as a callback of its own, in the order in which they are
// done, and is taken out by its function.
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
		equal(t, "taken out", futures[7].RemoveDoneCallback(shared.Func), 1)
		for i := range 3 {
			_ = futures[7-i].SetResult(7 - i)
		}
		_ = futures[99].SetResult(99)
		equal(t, "pending", len(slices.Collect(shared.Pending())), 99)
		yields(ctx, 1)
		rec.Want(t, "6", "5", "99")
		pending := slices.Collect(shared.Pending())
		equal(t, "pending", len(pending), 96)
		equal(t, "the sixth of them", pending[5], asyncio.AnyFuture(futures[8]))
		wantErr(t, panicOf(func() { new(asyncio.SharedCallback).AddTo(futures[0]) }), asyncio.ErrInvalidArgument, "SharedCallback.AddTo with a nil function")
		return nil
	})
}
