package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// valueOf returns the value of v in ctx, or "nothing" if it has none.
func valueOf(ctx context.Context, v *asyncio.ContextVar[string]) string {
	if value, ok := v.Get(ctx); ok {
		return value
	}
	return "nothing"
}

// A223: of a hundred tasks that set the same variable, each sees only its own value.
func TestContextVarIsTaskLocal(t *testing.T) {
	v := asyncio.NewContextVarDefault("v", -1)
	run(t, func(ctx context.Context) error {
		err := asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
			for i := range 100 {
				tg.Go(func(ctx context.Context) error {
					if got, _ := v.Get(ctx); got != -1 {
						return fmt.Errorf("task %d begins with %d; want -1", i, got)
					}
					for step := range 10 {
						v.Set(ctx, i*step)
						if err := asyncio.Sleep(ctx, time.Duration(i%7)*time.Millisecond); err != nil {
							return err
						}
						if got, _ := v.Get(ctx); got != i*step {
							return fmt.Errorf("task %d has %d in step %d; want %d", i, got, step, i*step)
						}
					}
					return nil
				})
			}
			return nil
		})
		if got, _ := v.Get(ctx); got != -1 {
			t.Errorf("the creator of the tasks has %d; want -1", got)
		}
		return err
	})
}

// A224: the callers of a function see the value that it set, in later steps of the task,
// too. A value of a context.Context has no such effect.
func TestContextVarIsSetForTheCaller(t *testing.T) {
	v := asyncio.NewContextVar[string]("v")
	var log record
	run(t, func(ctx context.Context) error {
		deep := func(ctx context.Context) { v.Set(ctx, "from below") }
		middle := func(ctx context.Context) { deep(context.WithValue(ctx, placeholder{}, 1)) }
		log.Add("before: %s", valueOf(ctx, v))
		middle(ctx)
		log.Add("after: %s", valueOf(ctx, v))
		for range 2 {
			if err := asyncio.Sleep(ctx, time.Second); err != nil {
				return err
			}
			log.Add("later: %s", valueOf(ctx, v))
		}
		// The body of a timeout or a group runs in the same task.
		return asyncio.Timeout(ctx, time.Second, func(ctx context.Context) error {
			v.Set(ctx, "set in a block")
			return nil
		})
	})
	log.Want(t, "before: nothing", "after: from below", "later: from below", "later: from below")
}

type placeholder struct{}

// A225: every kind of callback runs in a copy of the ContextVars of the code that
// registers it, made at that time, or in the ContextVars given. A callback from another
// goroutine, which has none, begins with an empty one.
func TestContextVarsOfCallbacks(t *testing.T) {
	type option = asyncio.CallOption
	for _, test := range []struct {
		name     string
		register func(ctx context.Context, fn func(ctx context.Context), opts ...option)
		without  string
	}{
		{"CallSoon", func(ctx context.Context, fn func(context.Context), opts ...option) {
			running(ctx).CallSoon(fn, opts...)
		}, "at registration"},
		{"CallLater", func(ctx context.Context, fn func(context.Context), opts ...option) {
			running(ctx).CallLater(time.Second, fn, opts...)
		}, "at registration"},
		{"CallAt", func(ctx context.Context, fn func(context.Context), opts ...option) {
			running(ctx).CallAt(running(ctx).Time()+time.Second, fn, opts...)
		}, "at registration"},
		{"AddDoneCallback", func(ctx context.Context, fn func(context.Context), opts ...option) {
			f := asyncio.NewFuture[int](ctx)
			f.AddDoneCallback(func(ctx context.Context, _ asyncio.AnyFuture) { fn(ctx) }, opts...)
			running(ctx).CallLater(time.Second, func(context.Context) { _ = f.SetResult(1) })
		}, "at registration"},
		{"AddDoneCallback on a done future", func(ctx context.Context, fn func(context.Context), opts ...option) {
			f := asyncio.NewFuture[int](ctx)
			_ = f.SetResult(1)
			f.AddDoneCallback(func(ctx context.Context, _ asyncio.AnyFuture) { fn(ctx) }, opts...)
		}, "at registration"},
		{"CallSoonThreadsafe", func(ctx context.Context, fn func(context.Context), opts ...option) {
			l := running(ctx)
			inGoroutine(func() { _, _ = l.CallSoonThreadsafe(fn, opts...) })
		}, "nothing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := asyncio.NewContextVar[string]("v")
			var log record
			run(t, func(ctx context.Context) error {
				given := new(asyncio.ContextVars)
				v.Set(ctx, "at registration")
				for _, opts := range [][]option{nil, {asyncio.WithContextVars(given)}} {
					test.register(ctx, func(ctx context.Context) {
						log.Add("callback: %s", valueOf(ctx, v))
						v.Set(ctx, "set by the callback")
					}, opts...)
				}
				v.Set(ctx, "set later")
				if err := asyncio.Sleep(ctx, 2*time.Second); err != nil {
					return err
				}
				log.Add("task: %s", valueOf(ctx, v))
				return given.Run(ctx, func(ctx context.Context) { log.Add("given: %s", valueOf(ctx, v)) })
			})
			log.Want(t,
				"callback: "+test.without,
				"callback: nothing",
				"task: set later",
				"given: set by the callback",
			)
		})
	}
}

// A226: the exception handler runs in the ContextVars of the task or callback that
// failed.
func TestContextVarsOfExceptionHandler(t *testing.T) {
	v := asyncio.NewContextVarDefault("v", "main")
	var log record
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		l.SetExceptionHandler(func(ctx context.Context, e *asyncio.ExceptionContext) {
			kind, _, _ := strings.Cut(e.Message, " (")
			kind, _, _ = strings.Cut(kind, " asyncio_test")
			log.Add("%s: %s", kind, valueOf(ctx, v))
		})

		asyncio.Go(ctx, func(ctx context.Context) error { v.Set(ctx, "panicking task"); panic("boom") }, asyncio.WithName("a"))
		yields(ctx, 1)

		func() {
			asyncio.Go(ctx, func(ctx context.Context) error { v.Set(ctx, "failed task"); return errBoom }, asyncio.WithName("b"))
		}()
		collect(ctx, func() bool { return len(log.Lines) > 1 })

		l.CallSoon(func(ctx context.Context) { v.Set(ctx, "callback"); panic("boom") })
		yields(ctx, 1)

		f := asyncio.NewFuture[int](ctx)
		f.AddDoneCallback(func(ctx context.Context, _ asyncio.AnyFuture) { v.Set(ctx, "done callback"); panic("boom") })
		_ = f.SetResult(1)
		yields(ctx, 1)

		// Reports by the program itself.
		task := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) { v.Set(ctx, "task"); return 1, nil })
		given := new(asyncio.ContextVars)
		_ = given.Run(ctx, func(ctx context.Context) { v.Set(ctx, "handle") })
		handle := l.CallSoon(func(context.Context) {}, asyncio.WithContextVars(given))
		yields(ctx, 1)
		l.CallExceptionHandler(&asyncio.ExceptionContext{Message: "with a task", Future: task})
		l.CallExceptionHandler(&asyncio.ExceptionContext{Message: "with a handle", Handle: handle})
		l.CallExceptionHandler(&asyncio.ExceptionContext{Message: "with a future", Future: f})
		return nil
	})
	log.Want(t,
		"panic in task a: panicking task",
		"task b failed and its error was never read: failed task",
		"panic in callback: callback",
		"panic in callback: done callback",
		"with a task: task",
		"with a handle: handle",
		"with a future: main",
	)
}

// A227: Handle.ContextVars returns the ContextVars in which its call runs.
func TestHandleContextVars(t *testing.T) {
	v := asyncio.NewContextVar[string]("v")
	run(t, func(ctx context.Context) error {
		given := new(asyncio.ContextVars)
		l := running(ctx)
		nothing := func(context.Context) {}
		if got := l.CallSoon(nothing, asyncio.WithContextVars(given)).ContextVars(); got != given {
			t.Error("CallSoon: ContextVars is not the one given")
		}
		if got := l.CallLater(time.Second, nothing, asyncio.WithContextVars(given)).ContextVars(); got != given {
			t.Error("CallLater: ContextVars is not the one given")
		}
		v.Set(ctx, "task")
		h := l.CallSoon(func(ctx context.Context) { v.Set(ctx, "call") })
		yields(ctx, 1)
		if h.ContextVars() == asyncio.CurrentTask(ctx).ContextVars() {
			t.Error("ContextVars is that of the task; want a copy")
		}
		return h.ContextVars().Run(ctx, func(ctx context.Context) {
			if got := valueOf(ctx, v); got != "call" {
				t.Errorf("value %s; want call", got)
			}
		})
	})
}

// A228: in ToThread the function has a copy of the context variables, and can set them
// there. In RunInExecutor it has none. In both it has the values of ctx.
func TestContextVarsInExecutor(t *testing.T) {
	v := asyncio.NewContextVar[string]("v")
	var log record
	run(t, func(ctx context.Context) error {
		v.Set(ctx, "parrot")
		ctx = context.WithValue(ctx, placeholder{}, "a value")
		value := func(ctx context.Context) string { s, _ := ctx.Value(placeholder{}).(string); return s }
		got, err := asyncio.ToThread(ctx, func(ctx context.Context) (string, error) {
			found := valueOf(ctx, v)
			token := v.Set(ctx, "jackdaw")
			inner := asyncio.CopyContextVars(ctx)
			found += ", sets " + valueOf(ctx, v)
			err := v.Reset(ctx, token)
			return fmt.Sprintf("%s, resets to %s, variables: %d; %s", found, valueOf(ctx, v), inner.Len(), value(ctx)), err
		})
		log.Add("ToThread: %s", got)
		if err != nil {
			return err
		}
		got, err = asyncio.RunInExecutor(ctx, nil, func(ctx context.Context) (string, error) {
			wantErr(t, panicOf(func() { v.Set(ctx, "jackdaw") }), asyncio.ErrNoRunningLoop, "Set of <ContextVar name=v>", "ToThread")
			return valueOf(ctx, v) + "; " + value(ctx), nil
		}).Await(ctx)
		log.Add("RunInExecutor: %s", got)
		log.Add("task: %s", valueOf(ctx, v))
		return err
	})
	log.Want(t,
		"ToThread: parrot, sets jackdaw, resets to parrot, variables: 1; a value",
		"RunInExecutor: nothing; a value",
		"task: parrot",
	)
}

// A229: all runs of a Runner share one ContextVars, except runs with WithContextVars.
func TestContextVarsOfRunner(t *testing.T) {
	noLeaks(t)
	v := asyncio.NewContextVarDefault("v", "nothing")
	var log record
	r := asyncio.Runner{Driver: driver.NewVirtual(), NoInterrupt: true}
	given := new(asyncio.ContextVars)
	for _, step := range []struct {
		set  string
		opts []asyncio.TaskOption
	}{
		{"set by the first", nil},
		{"set by the second", nil},
		{"set in its own ContextVars", []asyncio.TaskOption{asyncio.WithContextVars(given)}},
		{"set by the last", nil},
	} {
		err := r.Run(context.Background(), func(ctx context.Context) error {
			log.Add("%s", valueOf(ctx, v))
			v.Set(ctx, step.set)
			return nil
		}, step.opts...)
		if err != nil {
			t.Error(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	log.Want(t, "nothing", "set by the first", "nothing", "set by the second")
}

// precision is the state of a library: the number of digits in its output.
var precision = asyncio.NewContextVarDefault("precision", 3)

func divide(ctx context.Context, x, y float64) string {
	digits, _ := precision.Get(ctx)
	return fmt.Sprintf("%.*f", digits, math.Floor(x/y*math.Pow10(digits))/math.Pow10(digits))
}

// A230: the state of a library in a context variable belongs to the task that uses the
// library.
func TestLibraryStateIsTaskLocal(t *testing.T) {
	run(t, func(ctx context.Context) error {
		fractions := func(d time.Duration, digits int) asyncio.Coro[[]string] {
			return func(ctx context.Context) ([]string, error) {
				defer precision.Reset(ctx, precision.Set(ctx, digits))
				a := divide(ctx, 1, 3)
				err := asyncio.Sleep(ctx, d)
				return []string{a, divide(ctx, 1, 9)}, err
			}
		}
		got, err := asyncio.Gather(ctx, fractions(time.Second, 3), fractions(2*time.Second, 6)).Await(ctx)
		if text := fmt.Sprint(got, " ", divide(ctx, 1, 3)); text != "[[0.333 0.111] [0.333333 0.111111]] 0.333" {
			t.Errorf("results %s", text)
		}
		return err
	})
}

// A token undoes its Set, once, in the same ContextVars. Otherwise Reset is an error that
// describes the token, and the variable is unchanged.
func TestTokens(t *testing.T) {
	v, other := asyncio.NewContextVar[string]("v"), asyncio.NewContextVar[string]("other")
	var log record
	run(t, func(ctx context.Context) error {
		old := func(token *asyncio.Token[string]) string {
			value, ok := token.OldValue()
			return fmt.Sprintf("%q %v", value, ok)
		}
		first := v.Set(ctx, "first")
		second := v.Set(ctx, "second")
		log.Add("%v %v, old %s and %s", first, first.Var() == v, old(first), old(second))
		unchanged := func(when string) {
			if got := valueOf(ctx, v); got != "second" {
				t.Errorf("%s: value %s; want second", when, got)
			}
		}

		wantErr(t, other.Reset(ctx, first), asyncio.ErrInvalidArgument, "Reset of <ContextVar name=other> with <Token var=<ContextVar name=v>>", "the token is not from a Set of this variable")
		wantErr(t, v.Reset(ctx, nil), asyncio.ErrInvalidArgument, "Reset of <ContextVar name=v> with <no Token>")
		wantErr(t, v.Reset(ctx, new(asyncio.Token[string])), asyncio.ErrInvalidArgument, "Reset of <ContextVar name=v> with <Token var=<nil>>")
		_ = asyncio.CopyContextVars(ctx).Run(ctx, func(ctx context.Context) {
			wantErr(t, v.Reset(ctx, second), asyncio.ErrInvalidArgument, "Reset of <ContextVar name=v> with <Token var=<ContextVar name=v>>", "the token is from a Set in other context variables")
		})
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			wantErr(t, v.Reset(ctx, second), asyncio.ErrInvalidArgument, "the token is from a Set in other context variables")
			return nil
		})
		if _, err := task.Await(ctx); err != nil {
			return err
		}
		unchanged("after failed resets")

		log.Add("%v, now %s", v.Reset(ctx, second), valueOf(ctx, v))
		wantErr(t, v.Reset(ctx, second), asyncio.ErrMisuse, "Reset of <ContextVar name=v> with <Token used var=<ContextVar name=v>>", "the token was used before")
		v.Set(ctx, "second")
		wantErr(t, v.Reset(ctx, second), asyncio.ErrMisuse, "the token was used before")
		unchanged("after a second reset")
		log.Add("%v, now %s", v.Reset(ctx, first), valueOf(ctx, v))
		return nil
	})
	log.Want(t,
		`<Token var=<ContextVar name=v>> true, old "" false and "first" true`,
		"<nil>, now first",
		"<nil>, now nothing",
	)
}

// A ContextVars is entered once at a time: neither Run nor an eager task can begin while
// other code runs in it. After that code has returned or panicked, they can.
func TestContextVarsEnteredTwice(t *testing.T) {
	v := asyncio.NewContextVar[string]("v")
	run(t, func(ctx context.Context) error {
		c := new(asyncio.ContextVars)
		never := func(context.Context) { t.Error("the function was called") }
		refused := func(ctx context.Context, in *asyncio.ContextVars) {
			t.Helper()
			wantErr(t, in.Run(ctx, never), asyncio.ErrMisuse, "Run of <ContextVars ", "in which something runs already", "use a Copy of it")
		}
		own := asyncio.CurrentTask(ctx).ContextVars()
		refused(ctx, own)
		err := c.Run(ctx, func(ctx context.Context) {
			v.Set(ctx, "inside")
			refused(ctx, c)
			refused(ctx, own)
			_ = c.Copy().Run(ctx, func(ctx context.Context) {
				refused(ctx, c)
				v.Set(ctx, "further inside")
			})
			if got := valueOf(ctx, v); got != "inside" {
				t.Errorf("after Run of a copy: value %s; want inside", got)
			}
		})
		running(ctx).CallSoon(func(ctx context.Context) { refused(ctx, c) }, asyncio.WithContextVars(c))
		asyncio.Go(ctx, func(ctx context.Context) error { refused(ctx, c); return nil }, asyncio.WithContextVars(c))
		yields(ctx, 1)

		wantErr(t, panicOf(func() { _ = c.Run(ctx, func(context.Context) { panic(errBoom) }) }), errBoom)
		if got := valueOf(ctx, v); got != "nothing" {
			t.Errorf("after a panic in Run: value %s; want nothing", got)
		}
		return errors.Join(err, c.Run(ctx, func(context.Context) {}))
	})
}

// Inside ContextVars.Run nothing can suspend, because the task is not in its own
// ContextVars. A task created there inherits the entered ContextVars.
func TestAwaitInContextVarsRun(t *testing.T) {
	v := asyncio.NewContextVar[string]("v")
	run(t, func(ctx context.Context) error {
		c := new(asyncio.ContextVars)
		var task *asyncio.Task[string]
		err := c.Run(ctx, func(inside context.Context) {
			v.Set(inside, "inside")
			wantErr(t, asyncio.Yield(inside), asyncio.ErrMisuse, "await inside ContextVars.Run", "create a task with WithContextVars")
			wantErr(t, asyncio.Yield(ctx), asyncio.ErrMisuse, "await inside ContextVars.Run")
			task = asyncio.CreateTask(inside, func(ctx context.Context) (string, error) { return valueOf(ctx, v), asyncio.Yield(ctx) })
		})
		if err != nil {
			return err
		}
		got, err := task.Await(ctx)
		if got != "inside" {
			t.Errorf("task created inside: value %s; want inside", got)
		}
		return err
	})
	err := new(asyncio.ContextVars).Run(context.Background(), func(context.Context) { t.Error("the function was called") })
	wantErr(t, err, asyncio.ErrNoRunningLoop, "Run of <ContextVars ", "pass the ctx that the task was given")
}

// A variable may have a default. A ContextVars has the variables that were set in it. A
// copy of it is independent.
func TestContextVarsCopy(t *testing.T) {
	plain, def := asyncio.NewContextVar[string]("plain"), asyncio.NewContextVarDefault("def", "default")
	var log record
	show := func(ctx context.Context, name string) {
		log.Add("%s: %s %s", name, valueOf(ctx, plain), valueOf(ctx, def))
	}
	show(context.Background(), "outside")
	run(t, func(ctx context.Context) error {
		show(ctx, "fresh")
		token := def.Set(ctx, "set")
		plain.Set(ctx, "set")
		plain.Set(ctx, "again")
		c := asyncio.CopyContextVars(ctx)
		log.Add("%s %v, %v, %d", plain.Name(), plain, c, c.Len())
		_ = c.Run(ctx, func(ctx context.Context) { plain.Set(ctx, "in the copy"); show(ctx, "copy") })
		err := def.Reset(ctx, token)
		show(ctx, "original")
		log.Add("%v and %v", asyncio.CopyContextVars(ctx), c)
		return err
	})
	wantErr(t, panicOf(func() { plain.Set(context.Background(), "") }), asyncio.ErrNoRunningLoop, "Set of <ContextVar name=plain>")
	wantErr(t, panicOf(func() { _ = plain.Reset(context.Background(), nil) }), asyncio.ErrNoRunningLoop, "Reset of <ContextVar name=plain>")
	wantErr(t, panicOf(func() { asyncio.CopyContextVars(context.Background()) }), asyncio.ErrNoRunningLoop, "CopyContextVars: ctx comes from no task")
	log.Want(t,
		"outside: nothing default",
		"fresh: nothing default",
		"plain <ContextVar name=plain>, <ContextVars 2 variables>, 2",
		"copy: in the copy set",
		"original: again default",
		"<ContextVars 1 variables> and <ContextVars 2 variables>",
	)
}

// The zero ContextVars and the zero ContextVar are ready to use.
func TestZeroContextVars(t *testing.T) {
	var v asyncio.ContextVar[string]
	var c asyncio.ContextVars
	var log record
	run(t, func(ctx context.Context) error {
		log.Add("%q %v: %s", v.Name(), &v, valueOf(ctx, &v))
		err := c.Run(ctx, func(ctx context.Context) {
			token := v.Set(ctx, "set")
			log.Add("%s, %d", valueOf(ctx, &v), c.Len())
			log.Add("%v, %s", v.Reset(ctx, token), valueOf(ctx, &v))
		})
		return err
	})
	log.Want(t, `"" <ContextVar name=>: nothing`, "set, 1", "<nil>, nothing")
}
