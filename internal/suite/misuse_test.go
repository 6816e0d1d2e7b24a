package suite_test

import (
	"cmp"
	"context"
	"errors"
	"go/types"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
	"example.com/asyncio/internal/policy"
)

// A mistake that only a bug in the calling code can cause is reported at once, with an
// error that says how to fix it.

// outcome returns the error that f returns or panics with.
func outcome(f func() error) (err error) {
	if p := panicOf(func() { err = f() }); p != nil {
		return p
	}
	return err
}

// takesCtx has the functions and methods that need a certain ctx. Those that await need
// the ctx of the running task, the others one of a running loop. The call prepares what
// it needs under good, a correct ctx, and makes the call under ctx.
var takesCtx = []struct {
	name   string
	awaits bool
	call   func(good, ctx context.Context) error
}{
	{"AllTasks", false, func(_, ctx context.Context) error { asyncio.AllTasks(ctx); return nil }},
	{"CopyContextVars", false, func(_, ctx context.Context) error { asyncio.CopyContextVars(ctx); return nil }},
	{"CreateTask", false, func(_, ctx context.Context) error { asyncio.CreateTask(ctx, one); return nil }},
	{"CurrentTask", false, func(_, ctx context.Context) error { asyncio.CurrentTask(ctx); return nil }},
	{"EnsureFuture", false, func(_, ctx context.Context) error { asyncio.EnsureFuture[int](ctx, oneCoro); return nil }},
	{"Gather", false, func(_, ctx context.Context) error { asyncio.Gather(ctx, oneCoro); return nil }},
	{"GatherLimit", false, func(_, ctx context.Context) error { asyncio.GatherLimit(ctx, 1, oneCoro); return nil }},
	{"GatherResults", false, func(_, ctx context.Context) error { asyncio.GatherResults(ctx, oneCoro); return nil }},
	{"GatherAny", false, func(_, ctx context.Context) error { asyncio.GatherAny(ctx, oneCoro); return nil }},
	{"GatherAnyResults", false, func(_, ctx context.Context) error { asyncio.GatherAnyResults(ctx, oneCoro); return nil }},
	{"RunningLoop", false, func(_, ctx context.Context) error { _, err := asyncio.RunningLoop(ctx); return err }},
	{"Go", false, func(_, ctx context.Context) error { asyncio.Go(ctx, nothing); return nil }},
	{"NewFuture", false, func(_, ctx context.Context) error { asyncio.NewFuture[int](ctx); return nil }},
	{"RunInExecutor", false, func(_, ctx context.Context) error { asyncio.RunInExecutor(ctx, nil, one); return nil }},
	{"Shield", false, func(_, ctx context.Context) error { asyncio.Shield[int](ctx, oneCoro); return nil }},
	{"WrapFuture", false, func(_, ctx context.Context) error {
		c := asyncio.NewConcurrentFuture[int]()
		_ = c.SetResult(1)
		asyncio.WrapFuture(ctx, c)
		return nil
	}},
	{"ContextVars.Run", false, func(_, ctx context.Context) error { return new(asyncio.ContextVars).Run(ctx, callback) }},
	{"ContextVar.Reset", false, func(good, ctx context.Context) error { return aVar.Reset(ctx, aVar.Set(good, 1)) }},
	{"ContextVar.Set", false, func(_, ctx context.Context) error { aVar.Set(ctx, 1); return nil }},
	{"Coro.EnsureFuture", false, func(_, ctx context.Context) error { oneCoro.EnsureFuture(ctx); return nil }},
	{"Future.EnsureFuture", false, func(good, ctx context.Context) error { asyncio.NewFuture[int](good).EnsureFuture(ctx); return nil }},

	{"AsCompleted", true, func(good, ctx context.Context) error {
		for _, err := range asyncio.AsCompleted(ctx, []*asyncio.Future[int]{asyncio.NewFuture[int](good)}) {
			return err
		}
		return nil
	}},
	{"Map", true, func(_, ctx context.Context) error {
		for _, err := range asyncio.Map(ctx, 1, slices.Values([]int{1}), double) {
			return err
		}
		return nil
	}},
	{"MapUnordered", true, func(_, ctx context.Context) error {
		for _, err := range asyncio.MapUnordered(ctx, 1, slices.Values([]int{1}), double) {
			return err
		}
		return nil
	}},
	{"Sleep", true, func(_, ctx context.Context) error { return asyncio.Sleep(ctx, time.Second) }},
	{"Timeout", true, func(_, ctx context.Context) error { return asyncio.Timeout(ctx, time.Second, nothing) }},
	{"TimeoutAt", true, func(_, ctx context.Context) error { return asyncio.TimeoutAt(ctx, time.Second, nothing) }},
	{"ToThread", true, func(_, ctx context.Context) error { _, err := asyncio.ToThread(ctx, one); return err }},
	{"Wait", true, func(good, ctx context.Context) error {
		_, _, err := asyncio.Wait(ctx, []*asyncio.Future[int]{asyncio.NewFuture[int](good)})
		return err
	}},
	{"WaitFor", true, func(good, ctx context.Context) error {
		_, err := asyncio.WaitFor(ctx, asyncio.NewFuture[int](good), time.Second)
		return err
	}},
	{"WithTaskGroup", true, func(_, ctx context.Context) error { return asyncio.WithTaskGroup(ctx, groupOf(1)) }},
	{"Yield", true, func(_, ctx context.Context) error { return asyncio.Yield(ctx) }},
	{"Barrier.Wait", true, func(_, ctx context.Context) error { _, err := asyncio.NewBarrier(2).Wait(ctx); return err }},
	{"Barrier.With", true, func(_, ctx context.Context) error { return asyncio.NewBarrier(2).With(ctx, nothing) }},
	{"Condition.Acquire", true, func(good, ctx context.Context) error { return aCondition(good).Acquire(ctx) }},
	{"Condition.Wait", true, func(good, ctx context.Context) error { return aCondition(good).Wait(ctx) }},
	{"Condition.WaitFor", true, func(good, ctx context.Context) error {
		return aCondition(good).WaitFor(ctx, func() bool { return false })
	}},
	{"Condition.With", true, func(good, ctx context.Context) error { return aCondition(good).With(ctx, nothing) }},
	{"Event.Wait", true, func(_, ctx context.Context) error { return new(asyncio.Event).Wait(ctx) }},
	{"Future.AnyAwait", true, func(good, ctx context.Context) error {
		_, err := asyncio.NewFuture[int](good).AnyAwait(ctx)
		return err
	}},
	{"Future.Await", true, func(good, ctx context.Context) error { _, err := asyncio.NewFuture[int](good).Await(ctx); return err }},
	{"Lock.Acquire", true, func(good, ctx context.Context) error { return aLock(good).Acquire(ctx) }},
	{"Lock.With", true, func(good, ctx context.Context) error { return aLock(good).With(ctx, nothing) }},
	{"Loop.ShutdownDefaultExecutor", true, func(good, ctx context.Context) error { return running(good).ShutdownDefaultExecutor(ctx) }},
	{"LIFOQueue.All", true, func(_, ctx context.Context) error { return firstOf(new(asyncio.LIFOQueue[int]).All(ctx)) }},
	{"LIFOQueue.Get", true, func(_, ctx context.Context) error { _, err := new(asyncio.LIFOQueue[int]).Get(ctx); return err }},
	{"LIFOQueue.Put", true, func(_, ctx context.Context) error {
		q := asyncio.NewLIFOQueue[int](1)
		_ = q.TryPut(1)
		return q.Put(ctx, 2)
	}},
	{"PriorityQueue.All", true, func(_, ctx context.Context) error {
		return firstOf(asyncio.NewPriorityQueue(0, cmp.Less[int]).All(ctx))
	}},
	{"PriorityQueue.Get", true, func(_, ctx context.Context) error {
		_, err := asyncio.NewPriorityQueue(0, cmp.Less[int]).Get(ctx)
		return err
	}},
	{"PriorityQueue.Put", true, func(_, ctx context.Context) error {
		q := asyncio.NewPriorityQueue(1, cmp.Less[int])
		_ = q.TryPut(1)
		return q.Put(ctx, 2)
	}},
	{"Queue.All", true, func(_, ctx context.Context) error { return firstOf(new(asyncio.Queue[int]).All(ctx)) }},
	{"Queue.Get", true, func(_, ctx context.Context) error { _, err := asyncio.NewQueue[int](1).Get(ctx); return err }},
	{"Queue.Join", true, func(_, ctx context.Context) error { return aQueue().Join(ctx) }},
	{"Queue.Put", true, func(_, ctx context.Context) error { return aQueue().Put(ctx, 2) }},
	{"Semaphore.Acquire", true, func(_, ctx context.Context) error { return asyncio.NewSemaphore(0).Acquire(ctx) }},
	{"Semaphore.With", true, func(_, ctx context.Context) error { return asyncio.NewSemaphore(0).With(ctx, nothing) }},
	{"TaskGroup.Run", true, func(_, ctx context.Context) error { return new(asyncio.TaskGroup).Run(ctx, groupOf(1)) }},
	{"TimeoutScope.Run", true, func(_, ctx context.Context) error { return asyncio.NewTimeout(time.Second).Run(ctx, nothing) }},
}

// takesAnyCtx has the functions and methods that accept any ctx, each with the reason.
var takesAnyCtx = map[string]string{
	"DefaultExceptionHandler": "only formats a text",
	"TaskOf":                  "returns nil",
	"CaptureCallGraph":        "needs none if it is given a future",
	"Loop.StackThreadsafe":    "as SnapshotThreadsafe",
	"Loop.SnapshotThreadsafe": "is for other goroutines than the loop's",
	"Run":                     "starts a loop",
	"RunResult":               "as Run",
	"Runner.Run":              "as Run",
	"ConcurrentFuture.Result": "is for other goroutines than the loop's",
	"Coro.Await":              "passes the ctx to a function",
	"ContextVar.Get":          "returns the default outside a loop",
	"TaskGroup.WaitSlot":      "needs a group that has been entered: see TestWaitSlotErrors",
	"Barrier.Abort":           "waits only if its lock is held",
	"Barrier.Reset":           "as Abort",
}

var (
	oneCoro = asyncio.Coro[int](one)
	aVar    = asyncio.NewContextVar[int]("a variable")
)

// The following objects make the caller wait.

func aLock(ctx context.Context) *asyncio.Lock {
	l := new(asyncio.Lock)
	_ = l.Acquire(ctx)
	return l
}

func aCondition(ctx context.Context) *asyncio.Condition { return asyncio.NewCondition(aLock(ctx)) }

// firstOf returns the error of the first iteration.
func firstOf(items iter.Seq2[int, error]) error {
	for _, err := range items {
		return err
	}
	return nil
}

func aQueue() *asyncio.Queue[int] {
	q := asyncio.NewQueue[int](1)
	_ = q.TryPut(1)
	return q
}

// A007: without a running loop, each function reports that, and which ctx it needs. The
// ctx is one from outside the loop, or nil.
func TestMisuseNoRunningLoop(t *testing.T) {
	for _, test := range takesCtx {
		t.Run(test.name, func(t *testing.T) {
			run(t, func(ctx context.Context) error {
				var none context.Context
				for _, outside := range []context.Context{context.Background(), none} {
					err := outcome(func() error { return test.call(ctx, outside) })
					wantErr(t, err, asyncio.ErrNoRunningLoop, "pass the ctx that the task was given")
				}
				return nil
			})
		})
	}
}

// In a callback, which cannot suspend, functions that await return an error. The others
// work.
func TestMisuseAwaitInACallback(t *testing.T) {
	for _, test := range takesCtx {
		t.Run(test.name, func(t *testing.T) {
			run(t, func(ctx context.Context) error {
				running(ctx).CallSoon(func(inCallback context.Context) {
					good := inCallback
					if test.awaits {
						good = ctx
					}
					err := outcome(func() error { return test.call(good, inCallback) })
					if test.awaits {
						wantErr(t, err, asyncio.ErrWrongContext, "await in a callback, which cannot suspend (no task runs)", "start a task for it with CreateTask")
					} else if err != nil {
						t.Error(err)
					}
				})
				yields(ctx, 3)
				return nil
			})
		})
	}
}

// A327: an await under the ctx of another task fails, such as that of a parent which a
// closure has captured. The error names both tasks. The same is true for the ctx of a
// finished task, and of a block in another task.
func TestMisuseCtxOfAnotherTask(t *testing.T) {
	for _, test := range takesCtx {
		if !test.awaits {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			run(t, func(outer context.Context) error {
				asyncio.CurrentTask(outer).SetName("parent")
				wrong := map[string]context.Context{"task parent": outer}
				ended := asyncio.Go(outer, func(ctx context.Context) error { wrong["task ended"] = ctx; return nil }, asyncio.WithName("ended"))
				if _, err := ended.Await(outer); err != nil {
					return err
				}
				return asyncio.Timeout(outer, time.Hour, func(block context.Context) error {
					wrong["task parent, a block's"] = block
					task := asyncio.Go(block, func(ctx context.Context) error {
						for name, ctx2 := range wrong {
							name, _, _ = strings.Cut(name, ",")
							err := outcome(func() error { return test.call(ctx, ctx2) })
							wantErr(t, err, asyncio.ErrWrongContext, "await under the ctx of "+name+", but task child runs",
								"a task's function must use the ctx that it is given", "RunCoroutineThreadsafe")
						}
						return asyncio.Yield(ctx) // still works
					}, asyncio.WithName("child"))
					_, err := task.Await(block)
					return err
				})
			})
		})
	}
}

// A058: a goroutine that a task starts with a go statement is outside the loop. Debug
// mode detects it by its goroutine id, whatever it awaits and whichever task runs.
func TestMisuseCtxInAnotherGoroutine(t *testing.T) {
	for _, test := range takesCtx {
		if !test.awaits {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			err := runOn(t, &asyncio.Runner{Debug: true}, func(ctx context.Context) error {
				inGoroutine(func() {
					err := outcome(func() error { return test.call(ctx, ctx) })
					wantErr(t, err, asyncio.ErrMisuse, "from a goroutine that is not the loop's", "use CallSoonThreadsafe or RunCoroutineThreadsafe")
				})
				return asyncio.Yield(ctx)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// Without debug mode, such a goroutine is detected if the task of its ctx does not run.
func TestMisuseCtxInAnotherGoroutineWithoutDebugMode(t *testing.T) {
	run(t, func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		task := asyncio.Go(ctx, func(context.Context) error {
			inGoroutine(func() {
				wantErr(t, asyncio.Yield(ctx), asyncio.ErrWrongContext, "await under the ctx of task main, but task other runs", "another goroutine RunCoroutineThreadsafe")
			})
			return nil
		}, asyncio.WithName("other"))
		running(ctx).CallSoon(func(context.Context) {
			inGoroutine(func() {
				wantErr(t, asyncio.Yield(ctx), asyncio.ErrWrongContext, "await under the ctx of task main, but no task runs")
			})
		})
		_, err := task.Await(ctx)
		return err
	})
}

// A058: debug mode detects each use of the loop's objects by another goroutine before the
// use has an effect. The race detector finds nothing either.
func TestMisuseFromAnotherGoroutineInDebugMode(t *testing.T) {
	err := runOn(t, &asyncio.Runner{Debug: true}, func(ctx context.Context) error {
		l := running(ctx)
		f := asyncio.NewFuture[int](ctx)
		task := asyncio.Go(ctx, never)
		yields(ctx, 1)
		ended := make(chan bool)
		go func() { // runs in parallel with the loop below
			defer close(ended)
			for act, touch := range map[string]func() error{
				"SetResult":       func() error { return f.SetResult(1) },
				"SetException":    func() error { return f.SetException(errBoom) },
				"Cancel":          func() error { f.Cancel(); return nil },
				"AddDoneCallback": func() error { f.AddDoneCallback(doneCallback); return nil },
				"await":           func() error { _, err := task.Await(ctx); return err },
				"CallSoon":        func() error { l.CallSoon(callback); return nil },
				"CallLater":       func() error { l.CallLater(time.Second, callback); return nil },
				"CallAt":          func() error { l.CallAt(time.Second, callback); return nil },
				"CreateTask":      func() error { asyncio.CreateTask(ctx, one); return nil },
				"Go":              func() error { asyncio.Go(ctx, nothing); return nil },
				"RunInExecutor":   func() error { asyncio.RunInExecutor(ctx, nil, one); return nil },
			} {
				for range 20 {
					wantErr(t, outcome(touch), asyncio.ErrMisuse, act+" from a goroutine that is not the loop's", "use CallSoonThreadsafe")
				}
			}
		}()
		for busy := true; busy; {
			select {
			case <-ended:
				busy = false
			default:
				_ = asyncio.Yield(ctx)
			}
		}
		if f.Done() || task.Done() || task.Cancelling() > 0 || len(asyncio.AllTasks(ctx)) != 2 {
			t.Errorf("the calls had an effect: %v, %v, %d tasks", f, task, len(asyncio.AllTasks(ctx)))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// takesFunc has the functions and methods that take a function, and a call of each with
// nil.
var takesFunc = map[string]func(ctx context.Context) error{
	"CreateTask":       func(ctx context.Context) error { asyncio.CreateTask[int](ctx, nil); return nil },
	"EnsureFuture":     func(ctx context.Context) error { asyncio.EnsureFuture[int](ctx, nil); return nil },
	"Go":               func(ctx context.Context) error { asyncio.Go(ctx, nil); return nil },
	"NewPriorityQueue": func(context.Context) error { asyncio.NewPriorityQueue[int](0, nil); return nil },
	"Run":              func(context.Context) error { return asyncio.Run(context.Background(), nil) },
	"RunResult": func(context.Context) error {
		_, err := asyncio.RunResult[int](context.Background(), nil)
		return err
	},
	"RunCoroutineThreadsafe": func(ctx context.Context) error {
		asyncio.RunCoroutineThreadsafe[int](running(ctx), nil)
		return nil
	},
	"RunInExecutor": func(ctx context.Context) error { asyncio.RunInExecutor[int](ctx, nil, nil); return nil },
	"RunUntilComplete": func(context.Context) error {
		l := asyncio.NewLoop(driver.NewVirtual())
		defer l.Close()
		_, err := asyncio.RunUntilComplete[int](l, nil)
		return err
	},
	"Shield":     func(ctx context.Context) error { asyncio.Shield[int](ctx, nil); return nil },
	"Timeout":    func(ctx context.Context) error { return asyncio.Timeout(ctx, time.Second, nil) },
	"TimeoutAt":  func(ctx context.Context) error { return asyncio.TimeoutAt(ctx, time.Second, nil) },
	"ToThread":   func(ctx context.Context) error { _, err := asyncio.ToThread[int](ctx, nil); return err },
	"WaitFor":    func(ctx context.Context) error { _, err := asyncio.WaitFor[int](ctx, nil, time.Second); return err },
	"WithCancel": func(context.Context) error { asyncio.WithCancel(nil); return nil },
	"Map": func(ctx context.Context) error {
		asyncio.Map[int, int](ctx, 1, slices.Values([]int{1}), nil)
		return nil
	},
	"MapUnordered": func(ctx context.Context) error {
		asyncio.MapUnordered[int, int](ctx, 1, slices.Values([]int{1}), nil)
		return nil
	},
	"WithTaskGroup": func(ctx context.Context) error { return asyncio.WithTaskGroup(ctx, nil) },

	"Barrier.With":      func(ctx context.Context) error { return asyncio.NewBarrier(1).With(ctx, nil) },
	"Condition.WaitFor": func(ctx context.Context) error { return aCondition(ctx).WaitFor(ctx, nil) },
	"Condition.With":    func(ctx context.Context) error { return asyncio.NewCondition(nil).With(ctx, nil) },
	"ContextVars.Run":   func(ctx context.Context) error { return new(asyncio.ContextVars).Run(ctx, nil) },
	"Coro.Await":        func(ctx context.Context) error { _, err := asyncio.Coro[int](nil).Await(ctx); return err },
	"Coro.EnsureFuture": func(ctx context.Context) error { asyncio.Coro[int](nil).EnsureFuture(ctx); return nil },
	"CreateTaskIn": func(ctx context.Context) error {
		return inGroup(ctx, func(tg *asyncio.TaskGroup) { asyncio.CreateTaskIn[int](tg, nil) })
	},
	"TaskGroup.Go":            func(ctx context.Context) error { return inGroup(ctx, func(tg *asyncio.TaskGroup) { tg.Go(nil) }) },
	"TaskGroup.Run":           func(ctx context.Context) error { return new(asyncio.TaskGroup).Run(ctx, nil) },
	"Future.AddDoneCallback":  func(ctx context.Context) error { asyncio.NewFuture[int](ctx).AddDoneCallback(nil); return nil },
	"Gather":                  func(ctx context.Context) error { asyncio.Gather(ctx, asyncio.Coro[int](nil)); return nil },
	"Lock.With":               func(ctx context.Context) error { return new(asyncio.Lock).With(ctx, nil) },
	"Loop.CallAt":             func(ctx context.Context) error { running(ctx).CallAt(0, nil); return nil },
	"Loop.CallLater":          func(ctx context.Context) error { running(ctx).CallLater(0, nil); return nil },
	"Loop.CallSoon":           func(ctx context.Context) error { running(ctx).CallSoon(nil); return nil },
	"Loop.CallSoonThreadsafe": func(ctx context.Context) error { _, err := running(ctx).CallSoonThreadsafe(nil); return err },
	"Loop.SetDefaultExecutor": func(ctx context.Context) error { running(ctx).SetDefaultExecutor(nil); return nil },
	"Runner.Run":              func(context.Context) error { return (&asyncio.Runner{}).Run(context.Background(), nil) },
	"Semaphore.With":          func(ctx context.Context) error { return asyncio.NewSemaphore(1).With(ctx, nil) },
	"TimeoutScope.Run":        func(ctx context.Context) error { return asyncio.NewTimeout(0).Run(ctx, nil) },
	"Loop.OnClose":            func(ctx context.Context) error { running(ctx).OnClose(nil); return nil },
}

// inGroup calls make in a task group and returns the error it panics with, joined with
// that of the group.
func inGroup(ctx context.Context, make func(tg *asyncio.TaskGroup)) (err error) {
	joined := asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
		err = panicOf(func() { make(tg) })
		return nil
	})
	return errors.Join(err, joined)
}

// takesNilFunc has the functions and methods that accept a nil function, each with its
// meaning.
var takesNilFunc = map[string]string{
	"Future.RemoveDoneCallback": "removes nothing",
	"Loop.SetExceptionHandler":  "the default handler",
	"Loop.SetTaskFactory":       "no factory",
	"Loop.SetOrder":             "the default order",
}

// A008: a nil function is an error where it is passed, not where it is called. The error
// says what to pass.
func TestMisuseNilFunction(t *testing.T) {
	for name, call := range takesFunc {
		t.Run(name, func(t *testing.T) {
			run(t, func(ctx context.Context) error {
				err := outcome(func() error { return call(ctx) })
				wantErr(t, err, asyncio.ErrInvalidArgument, "nil")
				if err != nil && !strings.Contains(err.Error(), "; ") {
					t.Errorf("%v does not say what to do", err)
				}
				if n := len(asyncio.AllTasks(ctx)); n != 1 {
					t.Errorf("there are %d tasks, want only main", n)
				}
				return nil
			})
		})
	}
	run(t, func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		f.AddDoneCallback(doneCallback)
		if n := f.RemoveDoneCallback(nil); n != 0 {
			t.Errorf("RemoveDoneCallback(nil) removed %d callbacks, want 0", n)
		}
		return nil
	})
}

// Each exported function or method that takes a ctx or a function is in one of the lists
// above.
func TestMisuseListsAreComplete(t *testing.T) {
	all := policy.List(t)
	pkg, err := all.Importer.Import("example.com/asyncio")
	if err != nil {
		t.Fatal(err)
	}
	ctxs, funcs := maps.Clone(takesAnyCtx), maps.Clone(takesNilFunc)
	for _, test := range takesCtx {
		ctxs[test.name] = "tested"
	}
	for name := range takesFunc {
		funcs[name] = "tested"
	}
	exists := map[string]bool{}
	check := func(name string, sig *types.Signature) {
		exists[name] = true
		for p := range sig.Params().Variables() {
			_, isFunc := p.Type().Underlying().(*types.Signature)
			switch {
			case p.Type().String() == "context.Context" && ctxs[name] == "":
				t.Errorf("%s takes a ctx; add it to takesCtx or takesAnyCtx", name)
			case isFunc && funcs[name] == "":
				t.Errorf("%s takes a function; add it to takesFunc or takesNilFunc", name)
			}
		}
	}
	for _, name := range pkg.Scope().Names() {
		obj := pkg.Scope().Lookup(name)
		if !obj.Exported() {
			continue
		}
		switch obj := obj.(type) {
		case *types.Func:
			check(name, obj.Signature())
		case *types.TypeName:
			if types.IsInterface(obj.Type()) { // its implementations have the methods
				continue
			}
			for m := range types.NewMethodSet(types.NewPointer(obj.Type())).Methods() {
				fields, _ := obj.Type().Underlying().(*types.Struct)
				if m.Obj().Exported() && (len(m.Index()) == 1 || !fields.Field(m.Index()[0]).Exported()) {
					check(name+"."+m.Obj().Name(), m.Obj().(*types.Func).Signature())
				}
			}
		}
	}
	for name := range maps.Keys(ctxs) {
		if !exists[name] {
			t.Errorf("%s does not exist; remove it from takesCtx or takesAnyCtx", name)
		}
	}
	for name := range maps.Keys(funcs) {
		if !exists[name] {
			t.Errorf("%s does not exist; remove it from takesFunc or takesNilFunc", name)
		}
	}
}

// Other mistakes, and the texts of their errors.
func TestMisuse(t *testing.T) {
	run(t, func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		other := asyncio.NewLoop(driver.NewVirtual())
		defer other.Close()
		foreign := asyncio.NewFuture[int](other.Context())
		isSet := asyncio.NewFuture[int](ctx)
		_ = isSet.SetResult(3)
		made := func() *asyncio.Task[int] { return asyncio.CreateTask(ctx, one, asyncio.WithName("made")) }
		used := asyncio.NewTimeout(time.Hour)
		_ = used.Run(ctx, nothing)
		var spent *asyncio.TaskGroup
		_ = asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error { spent = tg; return nil })
		closed := asyncio.NewLoop(driver.NewVirtual())
		_ = closed.Close()
		isDone := &asyncio.Runner{}
		_ = isDone.Close()

		for _, test := range []struct {
			what string
			act  func() error
			kind error
			text []string
		}{
			{"await of a future of another loop", func() error { _, err := foreign.Await(ctx); return err },
				asyncio.ErrWrongLoop, []string{"await of <Future pending> in task main of <Loop running>"}},
			{"Gather of a future of another loop", func() error { asyncio.Gather(ctx, foreign); return nil },
				asyncio.ErrWrongLoop, []string{"EnsureFuture of <Future pending> on <Loop running>"}},
			{"await of the running task", func() error {
				var self *asyncio.Task[int]
				self = asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) { return self.Await(ctx) }, asyncio.WithName("self"))
				_, err := self.Await(ctx)
				return err
			}, asyncio.ErrMisuse, []string{"task self awaits itself"}},

			{"SetResult twice", func() error { return isSet.SetResult(4) },
				asyncio.ErrInvalidState, []string{"SetResult on <Future finished result=3>"}},
			{"SetException after a result", func() error { return isSet.SetException(errBoom) },
				asyncio.ErrInvalidState, []string{"SetException on <Future finished result=3>"}},
			{"SetResult on a task", func() error { return made().SetResult(1) },
				asyncio.ErrMisuse, []string{"SetResult on <Task pending name=made", "gets its outcome from its function", "use a Future"}},
			{"Result of a pending task", func() error { _, err := made().Result(); return err },
				asyncio.ErrInvalidState, []string{"Result of <Task pending name=made", "await it"}},

			{"a task in a group that has not begun", func() error { new(asyncio.TaskGroup).Go(nothing); return nil },
				asyncio.ErrMisuse, []string{"a task in <TaskGroup>, which has not been entered", "create it inside the function passed to Run"}},
			{"a task in a group that has ended", func() error { spent.Go(nothing); return nil },
				asyncio.ErrMisuse, []string{"a task in <TaskGroup entered>, which has ended", "create it before the block ends"}},
			{"a task in a group that shuts down", func() error {
				var late *asyncio.Task[asyncio.None]
				_ = asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
					tg.Cancel()
					late = tg.Go(func(context.Context) error { t.Error("it ran"); return nil })
					return nil
				})
				return late.Exception()
			}, asyncio.ErrMisuse, nil},
			{"Run of a group again", func() error { return spent.Run(ctx, groupOf(1)) },
				asyncio.ErrMisuse, []string{"Run of <TaskGroup entered>, which has already been entered", "for each block"}},
			{"Run of a timeout again", func() error { return used.Run(ctx, nothing) },
				asyncio.ErrMisuse, []string{"Run of <Timeout finished>, which has already been entered", "for each block"}},
			{"Reschedule of a timeout that has ended", func() error { return used.Reschedule(0) },
				asyncio.ErrMisuse, []string{"Reschedule of <Timeout finished>, which is too late"}},

			{"RunForever inside the loop", func() error { return running(ctx).RunForever() },
				asyncio.ErrMisuse, []string{"RunForever of <Loop running>, which runs already", "await the other task"}},
			{"Close inside the loop", func() error { return running(ctx).Close() },
				asyncio.ErrMisuse, []string{"Close of <Loop running>, which is running", "call Stop"}},
			{"Run inside Run", func() error { return asyncio.Run(ctx, nothing) },
				asyncio.ErrMisuse, []string{"Run: ctx belongs to a running loop", "await the function, or start it with Go"}},
			{"RunForever of a closed loop", func() error { return closed.RunForever() },
				asyncio.ErrLoopClosed, []string{"RunForever on <Loop closed>", "make a new one"}},
			{"a call on a closed loop", func() error { closed.CallSoon(callback); return nil },
				asyncio.ErrLoopClosed, []string{"CallSoon on <Loop closed>", "make a new one"}},
			{"a thread-safe call on a closed loop", func() error { _, err := closed.CallSoonThreadsafe(callback); return err },
				asyncio.ErrLoopClosed, []string{"CallSoonThreadsafe on <Loop closed>", "end its callers before the loop"}},
			{"a job of a closed loop", func() error { asyncio.RunInExecutor(closed.Context(), nil, one); return nil },
				asyncio.ErrLoopClosed, []string{"RunInExecutor on <Loop closed>"}},
			{"Run of a closed Runner", func() error { return isDone.Run(context.Background(), nothing) },
				asyncio.ErrLoopClosed, []string{"Run: the Runner is closed", "make a new one"}},

			{"Release of a free lock", func() error { new(asyncio.Lock).Release(); return nil },
				asyncio.ErrMisuse, []string{"Release of <Lock unlocked>: the lock is not held", "once for each Acquire"}},
			{"Notify without the lock", func() error { asyncio.NewCondition(nil).Notify(1); return nil },
				asyncio.ErrMisuse, []string{"Notify on <Condition unlocked>: its lock is not held", "Acquire it before"}},
			{"Release of a bounded semaphore too often", func() error { asyncio.NewBoundedSemaphore(1).Release(); return nil },
				asyncio.ErrInvalidArgument, []string{"Release of <BoundedSemaphore", "once for each Acquire"}},
			{"a negative semaphore", func() error { asyncio.NewSemaphore(-1); return nil },
				asyncio.ErrInvalidArgument, []string{"NewSemaphore(-1)", "0 units or more"}},
			{"a barrier for no tasks", func() error { asyncio.NewBarrier(0); return nil },
				asyncio.ErrInvalidArgument, []string{"NewBarrier(0)", "1 task or more"}},
			{"TaskDone too often", func() error { asyncio.NewQueue[int](0).TaskDone(); return nil },
				asyncio.ErrInvalidArgument, []string{"TaskDone on <Queue", "once for each item"}},
			{"Wait for no futures", func() error { _, _, err := asyncio.Wait(ctx, []asyncio.AnyFuture{}); return err },
				asyncio.ErrInvalidArgument, []string{"Wait for no futures"}},
		} {
			err := outcome(test.act) // t.Run calls its function in another goroutine
			t.Run(test.what, func(t *testing.T) { wantErr(t, err, test.kind, test.text...) })
		}
		wantNil(t, "a second Close", closed.Close())
		return nil
	})
}

func wantNil(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
}
