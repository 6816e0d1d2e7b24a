package asyncio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/inspect"
)

// wantReasons runs main, and fails the test unless the calls of report record the lines
// in want.
func wantReasons(t *testing.T, main func(ctx context.Context, report func(ctx context.Context, err error) error) error, want ...string) {
	t.Helper()
	var r record
	report := func(ctx context.Context, err error) error {
		r.Add("%s: %v", asyncio.CurrentTask(ctx).Name(), err)
		return err
	}
	run(t, func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		return main(ctx, report)
	})
	r.Want(t, want...)
}

// reporting returns a task function that waits until it is cancelled, and reports the
// error.
func reporting(report func(context.Context, error) error) func(context.Context) error {
	return func(ctx context.Context) error { return report(ctx, never(ctx)) }
}

// The text of a CancelledError has the requester, the message, and the awaits through
// which the request arrived.
func TestReasonTask(t *testing.T) {
	wantReasons(t, func(ctx context.Context, report func(context.Context, error) error) error {
		direct := start(ctx, "direct", reporting(report))
		inner := start(ctx, "inner", reporting(report))
		middle := start(ctx, "middle", func(ctx context.Context) error { _, err := inner.Await(ctx); return report(ctx, err) })
		outer := start(ctx, "outer", func(ctx context.Context) error { _, err := middle.Await(ctx); return report(ctx, err) })
		start(ctx, "killer", func(context.Context) error { direct.CancelWith("enough"); outer.Cancel(); return nil })
		running(ctx).CallLater(time.Second, func(context.Context) { outer.Cancel() })
		return asyncio.Sleep(ctx, time.Second)
	},
		"direct: asyncio: cancelled by killer: enough",
		"inner: asyncio: cancelled by killer, through the await of outer, middle",
		"middle: asyncio: cancelled by killer, through the await of outer, middle",
		"outer: asyncio: cancelled by killer, through the await of outer, middle",
	)
}

// A Gather, also a nested one, passes the origin of a request on to its tasks. The origin
// may be a timer.
func TestReasonThroughGather(t *testing.T) {
	wantReasons(t, func(ctx context.Context, report func(context.Context, error) error) error {
		a, b := start(ctx, "a", reporting(report)), start(ctx, "b", reporting(report))
		err := asyncio.Timeout(ctx, time.Second, func(ctx context.Context) error {
			_, err := asyncio.Gather(ctx, asyncio.Gather(ctx, a), asyncio.Gather(ctx, b)).Await(ctx)
			return report(ctx, err)
		})
		return expect(err, asyncio.ErrTimeout)
	},
		"a: asyncio: cancelled by a timeout of 1s, through the await of main",
		"b: asyncio: cancelled by a timeout of 1s, through the await of main",
		"main: asyncio: cancelled by a timeout of 1s, through the await of main",
	)
}

// expect returns nil if err matches kind.
func expect(err, kind error) error {
	if errors.Is(err, kind) {
		return nil
	}
	return fmt.Errorf("error %w; want %w", err, kind)
}

// A group has a reason for the cancel of its tasks and its body: a task failed, the body
// failed, the body was cancelled, or the Cancel of the group was called.
func TestReasonGroup(t *testing.T) {
	in := func(report func(context.Context, error) error, name string, body func(ctx context.Context, tg *asyncio.TaskGroup) error) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				tg.Go(reporting(report), asyncio.WithName("child of "+name))
				_ = asyncio.Yield(ctx)
				return body(ctx, tg)
			})
		}
	}
	wantReasons(t, func(ctx context.Context, report func(context.Context, error) error) error {
		for _, scene := range []struct {
			name string
			body func(ctx context.Context, tg *asyncio.TaskGroup) error
		}{
			{"a failing task", func(ctx context.Context, tg *asyncio.TaskGroup) error {
				tg.Go(func(context.Context) error { return errors.New("boom\nwith details") }, asyncio.WithName("failing"))
				return report(ctx, never(ctx))
			}},
			{"a body that fails", func(context.Context, *asyncio.TaskGroup) error { return errors.New("oh") }},
			{"a body that is cancelled", func(ctx context.Context, _ *asyncio.TaskGroup) error {
				return asyncio.Sleep(ctx, time.Hour)
			}},
			{"a group cancelled at its end", func(context.Context, *asyncio.TaskGroup) error { return nil }},
			{"a group that is cancelled", func(ctx context.Context, tg *asyncio.TaskGroup) error {
				tg.Cancel()
				return report(ctx, never(ctx))
			}},
		} {
			task := start(ctx, scene.name, in(report, scene.name, scene.body))
			_ = asyncio.Sleep(ctx, time.Second)
			task.CancelWith("stop")
			_, _, _ = asyncio.Wait(ctx, []asyncio.AnyTask{task})
			_ = task.Exception()
		}
		return nil
	},
		"child of a failing task: asyncio: cancelled by a group, since task failing failed: boom",
		"a failing task: asyncio: cancelled by a group, since task failing failed: boom",
		"child of a body that fails: asyncio: cancelled by a group, whose body failed: oh",
		"child of a body that is cancelled: asyncio: cancelled by a group, whose body was cancelled by main: stop",
		"child of a group cancelled at its end: asyncio: cancelled by a group, whose body was cancelled by main: stop",
		"child of a group that is cancelled: asyncio: cancelled by a group, which was cancelled",
		"a group that is cancelled: asyncio: cancelled by a group, which was cancelled",
	)
}

// A cancel that a failed group defers until its tasks have ended keeps its origin.
func TestReasonDeferredByGroup(t *testing.T) {
	wantReasons(t, func(ctx context.Context, report func(context.Context, error) error) error {
		task := start(ctx, "parent", func(ctx context.Context) error {
			_ = asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
				tg.Go(func(ctx context.Context) error { _ = never(ctx); return errors.New("boom") })
				return nil
			})
			return report(ctx, never(ctx))
		})
		_ = asyncio.Yield(ctx)
		_ = asyncio.Yield(ctx)
		task.CancelWith("stop")
		_, _, err := asyncio.Wait(ctx, []asyncio.AnyTask{task})
		return err
	}, "parent: asyncio: cancelled by main") // without the message, as in asyncio
}

// Every awaiter of a cancelled task receives the requester. Only the first receives the
// message.
func TestReasonForLaterAwaiter(t *testing.T) {
	wantReasons(t, func(ctx context.Context, report func(context.Context, error) error) error {
		task := start(ctx, "task", never)
		_ = asyncio.Yield(ctx)
		task.CancelWith("enough")
		for range 2 {
			_, err := task.Await(ctx)
			_ = report(ctx, err)
		}
		return nil
	},
		"main: asyncio: cancelled by main: enough",
		"main: asyncio: cancelled by main", // without the message: see decisions/0004
	)
}

// The reason of a cancel by Run: the shutdown, or the end of its ctx.
func TestReasonRun(t *testing.T) {
	var r record
	ctx, cancel := context.WithCancel(context.Background())
	_ = runOnReal(t, ctx, func(ctx context.Context) error {
		cancel()
		r.Add("%v", never(ctx))
		return nil
	})
	run(t, func(ctx context.Context) error {
		start(ctx, "left behind", func(ctx context.Context) error { err := never(ctx); r.Add("%v", err); return err })
		return asyncio.Yield(ctx)
	})
	r.Want(t,
		"asyncio: cancelled by the ctx of Run: context canceled",
		"asyncio: cancelled by the shutdown of the loop",
	)
}

func runOnReal(t *testing.T, ctx context.Context, main func(ctx context.Context) error) error {
	t.Helper()
	noLeaks(t)
	r := &asyncio.Runner{NoInterrupt: true}
	err := r.Run(ctx, main)
	return errors.Join(err, r.Close())
}

// In debug mode and with RecordPlaces, the error has the place of the call of Cancel. A
// forwarded request keeps the place of the first call.
func TestReasonPlace(t *testing.T) {
	for _, set := range []func(l *asyncio.Loop){
		func(l *asyncio.Loop) { l.SetDebug(true) },
		func(l *asyncio.Loop) { l.SetRecord(inspect.RecordPlaces) },
	} {
		run(t, func(ctx context.Context) error {
			asyncio.CurrentTask(ctx).SetName("main")
			set(running(ctx))
			_ = asyncio.Yield(ctx)
			var err error
			child := start(ctx, "child", func(ctx context.Context) error { err = never(ctx); return err })
			task := start(ctx, "task", func(ctx context.Context) error {
				_, err := asyncio.Gather(ctx, child).Await(ctx)
				return err
			})
			yields(ctx, 2)
			cancelHere(task)
			_, _, _ = asyncio.Wait(ctx, []asyncio.AnyTask{task})
			_ = task.Exception()
			var c *asyncio.CancelledError
			if !errors.As(err, &c) || !regexp.MustCompile(`/errors_test\.go:\d+$`).MatchString(c.Place()) {
				t.Errorf("Place() = %q of %v; want a line of errors_test.go", c.Place(), err)
			}
			text := strings.ReplaceAll(err.Error(), c.Place(), "PLACE")
			if text != "asyncio: cancelled by main at PLACE, through the await of task: enough" {
				t.Error(text)
			}
			return nil
		})
	}
}

func cancelHere(t asyncio.AnyTask) { t.CancelWith("enough") }

// Package slog logs the reason of a cancel as attributes.
func TestReasonInSlog(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case "time", "level":
			return slog.Attr{}
		case "place":
			a.Value = slog.StringValue(aPlace.ReplaceAllString(" at "+a.Value.String(), "PLACE"))
		}
		return a
	}}))
	run(t, func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		running(ctx).SetRecord(inspect.RecordPlaces)
		inner := start(ctx, "inner", never)
		outer := start(ctx, "outer", func(ctx context.Context) error { _, err := inner.Await(ctx); return err })
		_ = asyncio.Yield(ctx)
		outer.CancelWith("enough")
		_, err := outer.Await(ctx)
		log.Info("ended", "error", err)
		log.Info("bare", "error", &asyncio.CancelledError{})
		return nil
	})
	const want = `msg=ended error.cancelled=true error.by=main error.message=enough error.through=[outer] error.place=PLACE
msg=bare error.cancelled=true
`
	if out.String() != want {
		t.Errorf("log:\n%swant:\n%s", out.String(), want)
	}
}

// CancelBy accepts any requester: a value with a Name, or another value, which is
// printed.
func TestCancelBy(t *testing.T) {
	wantReasons(t, func(ctx context.Context, report func(context.Context, error) error) error {
		for i, by := range []any{start(ctx, "requester", nothing), "a manager", 7, nil} {
			task := start(ctx, fmt.Sprint("task ", i), reporting(report))
			_ = asyncio.Yield(ctx)
			if !asyncio.CancelBy(by, task, "sorry") {
				t.Error("CancelBy = false for a waiting task; want true")
			}
			_, _, _ = asyncio.Wait(ctx, []asyncio.AnyTask{task})
			if asyncio.CancelBy(by, task, nil) {
				t.Error("CancelBy = true for a task that has ended; want false")
			}
		}
		f := asyncio.NewFuture[int](ctx)
		asyncio.CancelBy("a manager", f, nil)
		return expect(report(ctx, f.Exception()), asyncio.ErrCancelled)
	},
		"task 0: asyncio: cancelled by requester: sorry",
		"task 1: asyncio: cancelled by a manager: sorry",
		"task 2: asyncio: cancelled by 7: sorry",
		"task 3: asyncio: cancelled: sorry",
		"main: asyncio: cancelled by a manager",
	)
}

// A snapshot has the cancel request of a task, and whether it is pending: before it is
// delivered, during the cleanup of the task, and not after the request is withdrawn.
func TestSnapshotOfCancels(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		snapshot := func(when string) {
			for _, info := range running(ctx).Snapshot().Tasks {
				if c := info.Cancel; c != nil {
					r.Add("%s: %s: %d requests, pending %v, by %q, message %q, through %q: %s", when, info.Name, info.Cancels, c.Pending, c.By, c.Message, c.Through, c.Reason)
				}
			}
		}
		cleanup := func(ctx context.Context, err error) error {
			_ = asyncio.Sleep(ctx, time.Second)
			asyncio.CurrentTask(ctx).Uncancel()
			return errors.Join(err, never(ctx))
		}
		inner := start(ctx, "inner", func(ctx context.Context) error { return cleanup(ctx, never(ctx)) })
		outer := start(ctx, "outer", func(ctx context.Context) error { _, err := inner.Await(ctx); return err })
		gathers := start(ctx, "gathers", func(ctx context.Context) error {
			_, err := asyncio.Gather(ctx, start(ctx, "gathered", func(ctx context.Context) error { return cleanup(ctx, never(ctx)) })).Await(ctx)
			return err
		})
		yields(ctx, 2)
		outer.CancelWith("enough")
		gathers.Cancel()
		snapshot("requested")
		_ = asyncio.Yield(ctx)
		snapshot("in cleanup")
		_ = asyncio.Sleep(ctx, time.Second)
		snapshot("withdrawn")
		return nil
	})
	r.Want(t,
		`requested: inner: 1 requests, pending true, by "main", message "enough", through ["outer"]: cancelled by main, through the await of outer: enough`,
		`requested: outer: 1 requests, pending false, by "main", message "enough", through ["outer"]: cancelled by main, through the await of outer: enough`,
		`requested: gathers: 1 requests, pending false, by "main", message "", through []: cancelled by main`,
		`requested: gathered: 1 requests, pending true, by "main", message "", through ["gathers"]: cancelled by main, through the await of gathers`,
		`in cleanup: inner: 1 requests, pending false, by "main", message "enough", through ["outer"]: cancelled by main, through the await of outer: enough`,
		`in cleanup: outer: 1 requests, pending false, by "main", message "enough", through ["outer"]: cancelled by main, through the await of outer: enough`,
		`in cleanup: gathers: 1 requests, pending false, by "main", message "", through []: cancelled by main`,
		`in cleanup: gathered: 1 requests, pending false, by "main", message "", through ["gathers"]: cancelled by main, through the await of gathers`,
		`withdrawn: outer: 1 requests, pending false, by "main", message "enough", through ["outer"]: cancelled by main, through the await of outer: enough`,
		`withdrawn: gathers: 1 requests, pending false, by "main", message "", through []: cancelled by main`,
	)
}

// blowUpWith panics. It is on top of the stack of the panic.
func blowUpWith(value any) { panic(value) }

// The text of a PanicError has the task with its function, the value, and the stack from
// the panicking function on. The stack has no frames of the recovery or of other tasks.
// The PanicError unwraps to a value that is an error.
func TestPanicErrorText(t *testing.T) {
	for _, c := range []struct {
		value any
		text  string
		kind  error
	}{
		{"boom", "boom", nil},
		{errBoom, "boom", errBoom},
		{42, "42", nil},
		{nil, (&runtime.PanicNilError{}).Error(), nil},
	} {
		run(t, func(ctx context.Context) error {
			running(ctx).SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) {})
			task := asyncio.Go(ctx, func(ctx context.Context) error {
				if err := asyncio.Yield(ctx); err != nil {
					return err
				}
				blowUpWith(c.value)
				return nil
			}, asyncio.WithName("bad"))
			_, err := task.Await(ctx)
			var p *asyncio.PanicError
			if !errors.As(err, &p) {
				t.Fatalf("the task ended with %v; want a PanicError", err)
			}
			first, stack, _ := strings.Cut(lineNumber.ReplaceAllString(err.Error(), "$1:N"), "\n\n")
			equal(t, "the text", first, "asyncio: panic in task bad (asyncio_test.TestPanicErrorText.func1.2() at errors_test.go:N): "+c.text)
			if stack != lineNumber.ReplaceAllString(string(p.Stack), "$1:N") || !strings.HasPrefix(stack, "example.com/asyncio_test.blowUpWith(") {
				t.Errorf("the stack is not that of the panic:\n%s", stack)
			}
			if !strings.Contains(stack, "\nexample.com/asyncio_test.TestPanicErrorText.func1.2(") || strings.Contains(stack, "\nexample.com/asyncio_test.TestPanicErrorText.func1(") {
				t.Errorf("the stack has more than the frames of the task:\n%s", stack)
			}
			inner := errors.Unwrap(err)
			if _, none := inner.(*runtime.PanicNilError); !none || c.value != nil {
				equal(t, "Unwrap", inner, c.kind)
			}
			return nil
		})
	}
}

// A panic in a task of a nested group cancels the other tasks. Each group waits for its
// tasks. Then Run panics with the stack of the task.
func TestPanicPropagatesThroughGroups(t *testing.T) {
	var log record
	p := panicOf(func() {
		run(t, func(ctx context.Context) error {
			running(ctx).SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) { log.Add("reported") })
			slow := func(name string) func(ctx context.Context) error {
				return func(ctx context.Context) error {
					err := asyncio.Sleep(ctx, time.Hour)
					_ = asyncio.Sleep(ctx, time.Second)
					log.Add("%s has cleaned up", name)
					return err
				}
			}
			return asyncio.WithTaskGroup(ctx, func(_ context.Context, outer *asyncio.TaskGroup) error {
				outer.Go(slow("uncle"))
				outer.Go(func(ctx context.Context) error {
					return asyncio.WithTaskGroup(ctx, func(_ context.Context, inner *asyncio.TaskGroup) error {
						inner.Go(slow("sibling"))
						inner.Go(func(ctx context.Context) error {
							_ = asyncio.Sleep(ctx, time.Second)
							blowUpWith("boom")
							return nil
						})
						return nil
					})
				})
				return nil
			})
		})
	})
	log.Want(t, "reported", "sibling has cleaned up", "uncle has cleaned up")
	var group *asyncio.GroupError
	if !errors.As(p, &group) {
		t.Fatalf("Run panicked with %v; want a GroupError", p)
	}
	wantErr(t, p, p, "asyncio: unhandled error in a TaskGroup: unhandled error in a TaskGroup: panic in task ", "boom", "asyncio_test.blowUpWith(", "TestPanicPropagatesThroughGroups")
}

// After a recovered panic in the body of a block, nothing of the block remains: no timer,
// no task, no cancel request. This also holds if the block had timed out, or a task had
// failed, before the panic.
func TestRecoveredPanicInBlock(t *testing.T) {
	recovered := func(block func() error) (value any) {
		defer func() { value = recover() }()
		_ = block()
		return nil
	}
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) {})
		for name, block := range blocks {
			for _, over := range []bool{false, true} {
				got := recovered(func() error {
					return block(ctx, func(ctx context.Context, end func()) error {
						if over {
							end()
							wantErr(t, asyncio.Sleep(ctx, time.Hour), asyncio.ErrCancelled)
						}
						panic("boom")
					})
				})
				equal(t, name+": the panic", got, "boom")
				equal(t, name+": cancelling, ctx done", []any{asyncio.CurrentTask(ctx).Cancelling(), isDone(t, ctx)}, "[0 false]")
				if err := asyncio.Yield(ctx); err != nil {
					t.Errorf("%s: the next await: %v", name, err)
				}
			}
		}
		got := recovered(func() error {
			return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				asyncio.CreateTaskIn(tg, stubborn(time.Second))
				yields(ctx, 1)
				panic("boom")
			})
		})
		equal(t, "panic, tasks, time", []any{got, len(asyncio.AllTasks(ctx)), running(ctx).Time()}, "[boom 1 1s]")
		return nil
	})
}

// After a Goexit in a task, as in t.FailNow, its deferred calls run and the task ends
// with ErrExited. The other tasks are cancelled and can clean up. Then the goroutine that
// called Run ends, and nothing is left.
func TestGoexitInTask(t *testing.T) {
	var log record
	exited := inGoroutine(func() {
		run(t, func(ctx context.Context) error {
			running(ctx).SetExceptionHandler(log.Handle)
			bad := asyncio.Go(ctx, func(ctx context.Context) error {
				defer log.Add("deferred")
				_ = asyncio.Sleep(ctx, time.Second)
				runtime.Goexit()
				return nil
			})
			asyncio.Go(ctx, func(ctx context.Context) error {
				err := asyncio.Sleep(ctx, time.Hour)
				_ = asyncio.Sleep(ctx, time.Minute)
				log.Add("another: %s, at %v", brief(err), running(ctx).Time())
				return err
			})
			err := asyncio.Sleep(ctx, time.Hour)
			log.Add("main: %s, the task: %v", brief(err), bad.Exception())
			return err
		})
		log.Add("Run returned")
	})
	equal(t, "the goroutine of Run exited", exited, true)
	log.Want(t,
		"deferred",
		"main: cancelled, the task: asyncio: the task called runtime.Goexit",
		"another: cancelled, at 1m1s",
	)
}

// A panic is a failure whatever its value. A panic with a CancelledError is not a
// cancellation: in a task, in a job, and for a WaitFor that requested a cancel.
func TestPanicWithCancelledError(t *testing.T) {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	run(t, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) {})
		var panicked interface{ Unwrap() error }
		task := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) { must(never(ctx)); return 0, nil })
		yields(ctx, 1)
		_, err := asyncio.WaitFor(ctx, task, 0)
		if task.Cancelled() || errors.Is(err, asyncio.ErrTimeout) || !errors.As(err, &panicked) {
			t.Errorf("task: Cancelled = %v, error %v; want a failure with the panic", task.Cancelled(), err)
		}
		f := asyncio.RunInExecutor(ctx, nil, func(context.Context) (int, error) { must(&asyncio.CancelledError{}); return 0, nil })
		_, err = f.Await(ctx)
		if f.Cancelled() || !errors.As(err, &panicked) {
			t.Errorf("job: Cancelled = %v, error %v; want a failure with the panic", f.Cancelled(), err)
		}
		return nil
	})
}
