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

// valueOf is v's value in ctx as a text; "nothing" if there is none.
func valueOf(ctx context.Context, v *asyncio.ContextVar[string]) string {
	if value, ok := v.Get(ctx); ok {
		return value
	}
	return "nothing"
}

// A223: a hundred tasks that set one variable never see each other's value.
func TestContextVarIsEachTasksOwn(t *testing.T) {
	v := asyncio.NewContextVarDefault("v", -1)
	run(t, func(ctx context.Context) error {
		err := asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
			for i := range 100 {
				tg.Go(func(ctx context.Context) error {
					if got, _ := v.Get(ctx); got != -1 {
						return fmt.Errorf("task %d begins with %d", i, got)
					}
					for step := range 10 {
						v.Set(ctx, i*step)
						if err := asyncio.Sleep(ctx, time.Duration(i%7)*time.Millisecond); err != nil {
							return err
						}
						if got, _ := v.Get(ctx); got != i*step {
							return fmt.Errorf("task %d finds %d in step %d", i, got, step)
						}
					}
					return nil
				})
			}
			return nil
		})
		if got, _ := v.Get(ctx); got != -1 {
			t.Errorf("their creator finds %d", got)
		}
		return err
	})
}

// A224: what a function sets those who called it see when it has returned, and the
// task in each of its later steps. A context.Context cannot do that.
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
		// A block of a timeout or a group is the same task.
		return asyncio.Timeout(ctx, time.Second, func(ctx context.Context) error {
			v.Set(ctx, "set in a block")
			return nil
		})
	})
	log.Want(t, "before: nothing", "after: from below", "later: from below", "later: from below")
}

type placeholder struct{}

// A225: every kind of callback runs in a Context: a copy of the present one, taken when it
// is registered, or the one given. What comes from another goroutine, which has none, begins with an empty one.
func TestContextOfCallbacks(t *testing.T) {
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
		{"AddDoneCallback of what is done", func(ctx context.Context, fn func(context.Context), opts ...option) {
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
				given := asyncio.NewContextVars()
				v.Set(ctx, "at registration")
				for _, opts := range [][]option{nil, {asyncio.WithContextVars(given)}} {
					test.register(ctx, func(ctx context.Context) {
						log.Add("it finds %s", valueOf(ctx, v))
						v.Set(ctx, "set by the callback")
					}, opts...)
				}
				v.Set(ctx, "set later")
				if err := asyncio.Sleep(ctx, 2*time.Second); err != nil {
					return err
				}
				log.Add("the task finds %s", valueOf(ctx, v))
				return given.Run(ctx, func(ctx context.Context) { log.Add("in the one given is %s", valueOf(ctx, v)) })
			})
			log.Want(t,
				"it finds "+test.without,
				"it finds nothing",
				"the task finds set later",
				"in the one given is set by the callback",
			)
		})
	}
}

// A226: the exception handler runs in the Context of the task or the callback that failed.
func TestContextOfTheExceptionHandler(t *testing.T) {
	v := asyncio.NewContextVarDefault("v", "main's")
	var log record
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		l.SetExceptionHandler(func(ctx context.Context, e *asyncio.ExceptionContext) {
			kind, _, _ := strings.Cut(e.Message, " (")
			kind, _, _ = strings.Cut(kind, " asyncio_test")
			log.Add("%s: %s", kind, valueOf(ctx, v))
		})

		asyncio.Go(ctx, func(ctx context.Context) error { v.Set(ctx, "of one that panics"); panic("boom") }, asyncio.WithName("a"))
		yields(ctx, 1)

		func() {
			asyncio.Go(ctx, func(ctx context.Context) error { v.Set(ctx, "of one that nobody reads"); return errBoom }, asyncio.WithName("b"))
		}()
		collect(ctx, func() bool { return len(log.Lines) > 1 })

		l.CallSoon(func(ctx context.Context) { v.Set(ctx, "of a callback"); panic("boom") })
		yields(ctx, 1)

		f := asyncio.NewFuture[int](ctx)
		f.AddDoneCallback(func(ctx context.Context, _ asyncio.AnyFuture) { v.Set(ctx, "of a done callback"); panic("boom") })
		_ = f.SetResult(1)
		yields(ctx, 1)

		// What a program reports itself.
		task := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) { v.Set(ctx, "of a task that is named"); return 1, nil })
		given := asyncio.NewContextVars()
		_ = given.Run(ctx, func(ctx context.Context) { v.Set(ctx, "of a handle that is named") })
		handle := l.CallSoon(func(context.Context) {}, asyncio.WithContextVars(given))
		yields(ctx, 1)
		l.CallExceptionHandler(&asyncio.ExceptionContext{Message: "with a task", Future: task})
		l.CallExceptionHandler(&asyncio.ExceptionContext{Message: "with a handle", Handle: handle})
		l.CallExceptionHandler(&asyncio.ExceptionContext{Message: "with a future", Future: f})
		return nil
	})
	log.Want(t,
		"panic in task a: of one that panics",
		"task b failed and its error was never read: of one that nobody reads",
		"panic in callback: of a callback",
		"panic in callback: of a done callback",
		"with a task: of a task that is named",
		"with a handle: of a handle that is named",
		"with a future: main's",
	)
}

// A227: a Handle tells the Context in which its call will run.
func TestHandleContext(t *testing.T) {
	v := asyncio.NewContextVar[string]("v")
	run(t, func(ctx context.Context) error {
		given := asyncio.NewContextVars()
		l := running(ctx)
		nothing := func(context.Context) {}
		if got := l.CallSoon(nothing, asyncio.WithContextVars(given)).ContextVars(); got != given {
			t.Error("it is not the one given")
		}
		if got := l.CallLater(time.Second, nothing, asyncio.WithContextVars(given)).ContextVars(); got != given {
			t.Error("a timer's is not the one given")
		}
		v.Set(ctx, "mine")
		h := l.CallSoon(func(ctx context.Context) { v.Set(ctx, "the call's") })
		yields(ctx, 1)
		if h.ContextVars() == asyncio.CurrentTask(ctx).ContextVars() {
			t.Error("it is the task's own")
		}
		return h.ContextVars().Run(ctx, func(ctx context.Context) {
			if got := valueOf(ctx, v); got != "the call's" {
				t.Errorf("it holds %s", got)
			}
		})
	})
}

// A228: ToThread carries a copy of the Context into the goroutine, in which the function may set
// what it likes; RunInExecutor carries none. The values of ctx itself come with both.
func TestContextInAnExecutor(t *testing.T) {
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
			return fmt.Sprintf("%s, finds %s again, of %d variables; %s", found, valueOf(ctx, v), inner.Len(), value(ctx)), err
		})
		log.Add("ToThread finds %s", got)
		if err != nil {
			return err
		}
		got, err = asyncio.RunInExecutor(ctx, nil, func(ctx context.Context) (string, error) {
			wantErr(t, panicOf(func() { v.Set(ctx, "jackdaw") }), asyncio.ErrNoRunningLoop, "Set of <ContextVar name=v>", "ToThread")
			return valueOf(ctx, v) + "; " + value(ctx), nil
		}).Await(ctx)
		log.Add("RunInExecutor finds %s", got)
		log.Add("the task finds %s", valueOf(ctx, v))
		return err
	})
	log.Want(t,
		"ToThread finds parrot, sets jackdaw, finds parrot again, of 1 variables; a value",
		"RunInExecutor finds nothing; a value",
		"the task finds parrot",
	)
}

// A229: a Runner has one Context for all its runs, but for a run that is given one.
func TestContextOfARunner(t *testing.T) {
	noLeaks(t)
	v := asyncio.NewContextVarDefault("v", "nothing")
	var log record
	r := asyncio.Runner{Driver: driver.NewVirtual(), NoInterrupt: true}
	given := asyncio.NewContextVars()
	for _, step := range []struct {
		set  string
		opts []asyncio.TaskOption
	}{
		{"set by the first", nil},
		{"set by the second", nil},
		{"set in a Context of its own", []asyncio.TaskOption{asyncio.WithContextVars(given)}},
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

// precision is what a library keeps in a variable of its own: how many digits it writes.
var precision = asyncio.NewContextVarDefault("precision", 3)

func divide(ctx context.Context, x, y float64) string {
	digits, _ := precision.Get(ctx)
	return fmt.Sprintf("%.*f", digits, math.Floor(x/y*math.Pow10(digits))/math.Pow10(digits))
}

// A230: a library's state in a variable follows each task that uses the library.
func TestLibraryStateFollowsTasks(t *testing.T) {
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
			t.Errorf("it came to %s", text)
		}
		return err
	})
}

// A token takes a Set back, once, where it was made. Else it is an error, whose text tells the token's
// state, and nothing changes.
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
				t.Errorf("%s: it is %s", when, got)
			}
		}

		wantErr(t, other.Reset(ctx, first), asyncio.ErrInvalidArgument, "Reset of <ContextVar name=other> with <Token var=<ContextVar name=v>>", "another variable")
		wantErr(t, v.Reset(ctx, nil), asyncio.ErrInvalidArgument, "Reset of <ContextVar name=v> with <no Token>")
		_ = asyncio.CopyContextVars(ctx).Run(ctx, func(ctx context.Context) {
			wantErr(t, v.Reset(ctx, second), asyncio.ErrInvalidArgument, "Reset of <ContextVar name=v> with <Token var=<ContextVar name=v>>", "a different Context")
		})
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			wantErr(t, v.Reset(ctx, second), asyncio.ErrInvalidArgument, "a different Context")
			return nil
		})
		if _, err := task.Await(ctx); err != nil {
			return err
		}
		unchanged("after resets that failed")

		log.Add("%v, now %s", v.Reset(ctx, second), valueOf(ctx, v))
		wantErr(t, v.Reset(ctx, second), asyncio.ErrMisuse, "Reset of <ContextVar name=v> with <Token used var=<ContextVar name=v>>", "used once already")
		v.Set(ctx, "second")
		wantErr(t, v.Reset(ctx, second), asyncio.ErrMisuse, "used once already")
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

// One Context is entered once at a time: where something runs in it, neither Run nor
// an eager task can begin. When that has returned, or has panicked, they can.
func TestContextEnteredTwice(t *testing.T) {
	v := asyncio.NewContextVar[string]("v")
	run(t, func(ctx context.Context) error {
		c := asyncio.NewContextVars()
		never := func(context.Context) { t.Error("it was called") }
		refused := func(ctx context.Context, in *asyncio.ContextVars) {
			t.Helper()
			wantErr(t, in.Run(ctx, never), asyncio.ErrMisuse, "Run of <Context ", "in which something runs already", "give it a Copy")
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
				t.Errorf("after a Run of a copy it is %s", got)
			}
		})
		running(ctx).CallSoon(func(ctx context.Context) { refused(ctx, c) }, asyncio.WithContextVars(c))
		asyncio.Go(ctx, func(ctx context.Context) error { refused(ctx, c); return nil }, asyncio.WithContextVars(c))
		yields(ctx, 1)

		wantErr(t, panicOf(func() { _ = c.Run(ctx, func(context.Context) { panic(errBoom) }) }), errBoom)
		if got := valueOf(ctx, v); got != "nothing" {
			t.Errorf("after a panic in Run the task finds %s", got)
		}
		return errors.Join(err, c.Run(ctx, func(context.Context) {}))
	})
}

// In Run of a Context nothing can suspend: the task is not in its own. What is made in there inherits the other.
func TestAwaitInRunOfAContext(t *testing.T) {
	v := asyncio.NewContextVar[string]("v")
	run(t, func(ctx context.Context) error {
		c := asyncio.NewContextVars()
		var task *asyncio.Task[string]
		err := c.Run(ctx, func(inside context.Context) {
			v.Set(inside, "inside")
			wantErr(t, asyncio.Yield(inside), asyncio.ErrMisuse, "await inside of ContextVars.Run", "make a task WithContext")
			wantErr(t, asyncio.Yield(ctx), asyncio.ErrMisuse, "await inside of ContextVars.Run")
			task = asyncio.CreateTask(inside, func(ctx context.Context) (string, error) { return valueOf(ctx, v), asyncio.Yield(ctx) })
		})
		if err != nil {
			return err
		}
		got, err := task.Await(ctx)
		if got != "inside" {
			t.Errorf("a task that was made inside finds %s", got)
		}
		return err
	})
	err := asyncio.NewContextVars().Run(context.Background(), func(context.Context) { t.Error("it was called") })
	wantErr(t, err, asyncio.ErrNoRunningLoop, "Run of <Context ", "pass the ctx that the task was given")
}

// A variable has a default or none, a Context as many variables as were set in it, and
// a copy of it goes its own way.
func TestContextVarAndContext(t *testing.T) {
	plain, def := asyncio.NewContextVar[string]("plain"), asyncio.NewContextVarDefault("def", "default")
	var log record
	show := func(ctx context.Context, who string) {
		log.Add("%s: %s %s", who, valueOf(ctx, plain), valueOf(ctx, def))
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
	wantErr(t, panicOf(func() { asyncio.CopyContextVars(context.Background()) }), asyncio.ErrNoRunningLoop, "CopyContext")
	log.Want(t,
		"outside: nothing default",
		"fresh: nothing default",
		"plain <ContextVar name=plain>, <Context 2 variables>, 2",
		"copy: in the copy set",
		"original: again default",
		"<Context 1 variables> and <Context 2 variables>",
	)
}
