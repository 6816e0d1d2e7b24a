package introspect_test

import (
	"bytes"
	"context"
	"regexp"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
	"example.com/asyncio/executor"
	"example.com/asyncio/executor/executortest"
	"example.com/asyncio/inspect"
	"example.com/asyncio/introspect"
)

// under runs main as the task main in virtual time, with the Observer o.
func under(t testing.TB, o inspect.Observer, main func(ctx context.Context) error) {
	t.Helper()
	if t, ok := t.(*testing.T); ok {
		noLeaks(t)
	}
	r := asyncio.Runner{Driver: driver.NewVirtual(), NoInterrupt: true, Observer: o}
	if err := r.Run(context.Background(), main, asyncio.WithName("main")); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// labelled returns the labels of the goroutine whose stack contains function, in the
// format of a dump: {"task":"a"}.
func labelled(t testing.TB, function string) string {
	t.Helper()
	var dump bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&dump, 1); err != nil {
		t.Fatal(err)
	}
	for stack := range strings.SplitSeq(dump.String(), "\n\n") {
		if strings.Contains(stack, function+"+0x") {
			if m := labelsLine.FindStringSubmatch(stack); m != nil {
				return m[1]
			}
			return "none"
		}
	}
	return "nowhere"
}

var labelsLine = regexp.MustCompile(`# labels: (.*)`)

func here(t *testing.T) string { return labelled(t, "introspect_test.here") }

func awaitFuture(ctx context.Context, f *asyncio.Future[int]) (int, error) { return f.Await(ctx) }

// A goroutine dump shows the task of each goroutine, running or suspended.
func TestProfileLabels(t *testing.T) {
	var r lines
	under(t, introspect.ProfileLabels(), func(ctx context.Context) error {
		r.add("main: %s", here(t))
		loop, _ := asyncio.RunningLoop(ctx)
		loop.CallSoon(func(context.Context) { r.add("a callback: %s", here(t)) })
		f := asyncio.NewFuture[int](ctx)
		waits := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) { return awaitFuture(ctx, f) }, asyncio.WithName("waits"))
		eager := asyncio.Go(ctx, func(ctx context.Context) error {
			r.add("eager: %s", here(t))
			return asyncio.Yield(ctx)
		}, asyncio.WithName("eager"), asyncio.WithEagerStart(true))
		r.add("main, after the eager start: %s", here(t))
		_ = asyncio.Yield(ctx)
		r.add("main, resumed: %s", here(t))
		r.add("suspended: %s", labelled(t, "introspect_test.awaitFuture"))
		_ = f.SetResult(1)
		_, err := eager.Await(ctx)
		_, _ = waits.Await(ctx)
		loop.CallSoon(func(context.Context) { r.add("a callback, after tasks have ended: %s", here(t)) })
		_ = asyncio.Yield(ctx)
		return err
	})
	r.want(t,
		`main: {"task":"main"}`,
		`eager: {"task":"eager"}`,
		`main, after the eager start: {"task":"main"}`,
		`a callback: none`,
		`main, resumed: {"task":"main"}`,
		`suspended: {"task":"waits"}`,
		`a callback, after tasks have ended: none`,
	)
}

func awaitChild(ctx context.Context, child *asyncio.Task[asyncio.None]) { _, _ = child.Await(ctx) }

// A task that starts on top of its waiter uses the waiter's goroutine. The goroutine has
// the label of the upper task until that ends, and then that of the lower task again.
func TestProfileLabelsOfTasksOnTop(t *testing.T) {
	var r lines
	under(t, introspect.ProfileLabels(), func(ctx context.Context) error {
		upper := asyncio.Go(ctx, func(ctx context.Context) error {
			r.add("the lower, covered: %s", labelled(t, "introspect_test.awaitChild"))
			_ = asyncio.Yield(ctx)
			r.add("upper, resumed: %s", here(t))
			return nil
		}, asyncio.WithName("upper"))
		awaitChild(ctx, upper)
		r.add("main: %s", here(t))
		return nil
	})
	r.want(t,
		`the lower, covered: {"task":"upper"}`,
		`upper, resumed: {"task":"upper"}`,
		`main: {"task":"main"}`,
	)
}

// pprof.Do in a task adds to its labels, also after an await, and restores them at its
// end. A task that is created in it inherits its labels.
func TestProfileLabelsAndDo(t *testing.T) {
	var r lines
	under(t, introspect.ProfileLabels(), func(ctx context.Context) error {
		pprof.Do(ctx, pprof.Labels("request", "7"), func(ctx context.Context) {
			r.add("at the start: %s", here(t))
			_ = asyncio.Yield(ctx)
			r.add("after an await: %s", here(t))
			child := asyncio.Go(ctx, func(context.Context) error {
				r.add("a child: %s", here(t))
				return nil
			}, asyncio.WithName("child"))
			_, _ = asyncio.Shield(ctx, child).Await(ctx)
		})
		r.add("afterwards: %s", here(t))
		return nil
	})
	r.want(t,
		`at the start: {"request":"7", "task":"main"}`,
		`after an await: {"request":"7", "task":"main"}`,
		`a child: {"request":"7", "task":"child"}`,
		`afterwards: {"task":"main"}`,
	)
}

// Close preserves the labels of its caller, even if it kills tasks that have not started.
func TestProfileLabelsOfTheCaller(t *testing.T) {
	var r lines
	pprof.Do(context.Background(), pprof.Labels("caller", "me"), func(context.Context) {
		l := asyncio.NewLoop(driver.NewVirtual())
		l.SetObserver(introspect.ProfileLabels())
		asyncio.Go(l.Context(), func(context.Context) error { return nil })
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		r.add("the caller: %s", here(t))
	})
	r.want(t, `the caller: {"caller":"me"}`)
}

// A job has the labels of its task, and the name of its function. This also applies to a
// later job on the same goroutine.
func TestLabelJobs(t *testing.T) {
	var r lines
	job := func(context.Context) (string, error) { return here(t), nil }
	under(t, introspect.ProfileLabels(), func(ctx context.Context) error {
		loop, _ := asyncio.RunningLoop(ctx)
		loop.SetDefaultExecutor(introspect.LabelJobs(executor.NewPool(1)))
		for _, name := range []string{"a", "b"} {
			task := asyncio.CreateTask(ctx, func(ctx context.Context) (string, error) {
				return asyncio.ToThread(ctx, job)
			}, asyncio.WithName(name))
			labels, err := task.Await(ctx)
			if err != nil {
				return err
			}
			r.add("%s", fileLine.ReplaceAllString(labels, "FILE:LINE"))
		}
		return nil
	})
	r.want(t,
		`{"job":"introspect_test.TestLabelJobs.func1() at FILE:LINE", "task":"a"}`,
		`{"job":"introspect_test.TestLabelJobs.func1() at FILE:LINE", "task":"b"}`,
	)
}

var fileLine = regexp.MustCompile(`\w+\.go:\d+`)

// LabelJobs returns an executor that satisfies the contract.
func TestLabelJobsIsAnExecutor(t *testing.T) {
	executortest.Test(t, func(*testing.T) executor.Executor { return introspect.LabelJobs(executor.NewPool(2)) })
}

// Labels cost no allocation per step.
func TestProfileLabelsAllocateNothingPerStep(t *testing.T) {
	under(t, introspect.ProfileLabels(), func(ctx context.Context) error {
		asyncio.Go(ctx, func(ctx context.Context) error {
			for asyncio.Yield(ctx) == nil {
			}
			return nil
		})
		if n := testing.AllocsPerRun(100, func() { _ = asyncio.Yield(ctx) }); n != 0 {
			t.Errorf("a step makes %v allocations", n)
		}
		return nil
	})
}

// After tasks have ended, no goroutine keeps their labels, including goroutines that wait
// for new tasks.
func TestProfileLabelsEndWithTheirTasks(t *testing.T) {
	var chain func(ctx context.Context, n int) error
	chain = func(ctx context.Context, n int) error { // each task awaits the next one; some run on top of others
		if n%3 == 0 {
			_ = asyncio.Yield(ctx)
		}
		if n == 0 {
			return nil
		}
		_, err := asyncio.Go(ctx, func(ctx context.Context) error { return chain(ctx, n-1) }, asyncio.WithEagerStart(n%7 == 0)).Await(ctx)
		return err
	}
	observed := 0
	under(t, introspect.ProfileLabels(), func(ctx context.Context) error {
		loop, _ := asyncio.RunningLoop(ctx)
		for range 3 {
			err := asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
				for i := range 20 {
					tg.Go(func(ctx context.Context) error {
						loop.CallSoon(func(ctx context.Context) {
							asyncio.Go(ctx, func(ctx context.Context) error { return chain(ctx, 2) }, asyncio.WithEagerStart(true))
						})
						return chain(ctx, i)
					})
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		_ = asyncio.Sleep(ctx, time.Second)
		var dump bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&dump, 1); err != nil {
			return err
		}
		for _, m := range labelsLine.FindAllStringSubmatch(dump.String(), -1) {
			observed++
			if m[1] != `{"task":"main"}` {
				t.Errorf("a goroutine has the labels %s", m[1])
			}
		}
		return nil
	})
	if observed != 1 {
		t.Errorf("%d kinds of goroutines have labels, want only that of main", observed)
	}
}
