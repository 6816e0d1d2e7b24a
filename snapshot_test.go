package asyncio_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
	"example.com/asyncio/inspect"
)

// pictured returns a line for each task of a snapshot: name, state, wait, awaiters, group
// and blocks.
func pictured(s *inspect.Snapshot) (lines []string) {
	names := map[uint64]string{}
	for _, t := range s.Tasks {
		names[t.ID] = t.Name
	}
	for _, t := range s.Tasks {
		line := fmt.Sprintf("%s: %s", t.Name, t.State)
		if w := t.Waits; w != nil {
			line += " for " + w.String()
			for i, id := range w.Tasks {
				if w.Kind != inspect.ForTask {
					line += []string{", ", ": "}[min(1, max(0, 1-i))] + names[id]
				}
			}
		}
		for i, a := range t.AwaitedBy {
			line += []string{", ", "; awaited by "}[max(0, 1-i)] + names[a.Task]
			if a.Via != "" {
				line += " (" + a.Via + ")"
			}
		}
		if t.Group != 0 {
			line += "; in the group of " + names[t.Group]
		}
		for _, b := range t.Blocks {
			line += "; inside a " + b.Kind
			if b.Until != 0 {
				line += fmt.Sprintf(" until %v", b.Until)
			}
		}
		lines = append(lines, withoutPlaces(line))
	}
	return lines
}

// start starts fn as a task with the given name.
func start(ctx context.Context, name string, fn func(ctx context.Context) error) *asyncio.Task[asyncio.None] {
	return asyncio.Go(ctx, fn, asyncio.WithName(name))
}

// picture runs main as a task named main. It fails the test unless a snapshot, taken
// after all ready tasks have run, shows the wanted tasks.
func picture(t *testing.T, main func(ctx context.Context) error, want ...string) {
	t.Helper()
	var r record
	run(t, func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		if err := main(ctx); err != nil {
			return err
		}
		yields(ctx, 3)
		r.Lines = pictured(running(ctx).Snapshot())
		return nil
	})
	r.Want(t, want...)
}

// A snapshot shows what each task waits for, for every kind, or its state if it does not
// wait.
func TestSnapshotWaits(t *testing.T) {
	picture(t, func(ctx context.Context) error {
		lock, event, cond := new(asyncio.Lock), new(asyncio.Event), asyncio.NewCondition(nil)
		sem, barrier, queue := asyncio.NewSemaphore(0), asyncio.NewBarrier(3), asyncio.NewQueue[int](1)
		full := asyncio.NewQueue[int](1)
		_ = full.TryPut(1)
		_ = lock.Acquire(ctx)
		start(ctx, "ready", func(ctx context.Context) error {
			for {
				if err := asyncio.Yield(ctx); err != nil {
					return err
				}
			}
		})
		start(ctx, "future", never)
		start(ctx, "timer", func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Minute) })
		start(ctx, "lock", lock.Acquire)
		start(ctx, "lock too", lock.Acquire)
		start(ctx, "event", event.Wait)
		start(ctx, "condition", func(ctx context.Context) error { return cond.With(ctx, cond.Wait) })
		start(ctx, "semaphore", sem.Acquire)
		start(ctx, "barrier", func(ctx context.Context) error { _, err := barrier.Wait(ctx); return err })
		start(ctx, "getter", func(ctx context.Context) error { _, err := queue.Get(ctx); return err })
		start(ctx, "putter", func(ctx context.Context) error { return full.Put(ctx, 2) })
		start(ctx, "joiner", full.Join)
		return nil
	},
		"main: running",
		"ready: ready",
		"future: waiting for a future",
		"timer: waiting for a timer until 1m0s",
		"lock: waiting for lock <Lock locked waiters=2> held by task main",
		"lock too: waiting for lock <Lock locked waiters=2> held by task main",
		"event: waiting for event <Event unset waiters=1>",
		"condition: waiting for condition <Condition unlocked waiters=1>",
		"semaphore: waiting for semaphore <Semaphore locked waiters=1>",
		"barrier: waiting for barrier <Barrier filling waiters=1/3>",
		"getter: waiting for queue get <Queue maxsize=1 size=0 getters=1>",
		"putter: waiting for queue put <Queue maxsize=1 size=1 putters=1 unfinished=1>",
		"joiner: waiting for queue join <Queue maxsize=1 size=1 putters=1 unfinished=1>",
	)
}

// A333: await edges remain visible through Gather, Wait, AsCompleted, Shield, timeouts
// and combinations of them. A task with several awaiters lists them all.
func TestSnapshotAwaitGraph(t *testing.T) {
	picture(t, func(ctx context.Context) error {
		shared := start(ctx, "shared", never)
		other := start(ctx, "other", never)
		both := []*asyncio.Task[asyncio.None]{shared, other}
		start(ctx, "await", func(ctx context.Context) error { _, err := shared.Await(ctx); return err })
		start(ctx, "gather", func(ctx context.Context) error { _, err := asyncio.Gather(ctx, both...).Await(ctx); return err })
		start(ctx, "wait", func(ctx context.Context) error { _, _, err := asyncio.Wait(ctx, both); return err })
		start(ctx, "completed", func(ctx context.Context) error {
			for _, err := range asyncio.AsCompleted(ctx, both) {
				return err
			}
			return nil
		})
		start(ctx, "shield", func(ctx context.Context) error { _, err := asyncio.Shield(ctx, shared).Await(ctx); return err })
		start(ctx, "timeout", func(ctx context.Context) error {
			return asyncio.Timeout(ctx, time.Minute, func(ctx context.Context) error { _, err := other.Await(ctx); return err })
		})
		start(ctx, "nested", func(ctx context.Context) error {
			shields := []*asyncio.Future[asyncio.None]{asyncio.Shield(ctx, shared), asyncio.Shield(ctx, other)}
			_, _, err := asyncio.Wait(ctx, []*asyncio.Future[[]asyncio.None]{asyncio.Gather(ctx, shields...)})
			return err
		})
		return nil
	},
		"main: running",
		"shared: waiting for a future; awaited by await, gather (gather), wait (wait), completed (as completed), shield (shield), nested (wait)",
		"other: waiting for a future; awaited by gather (gather), wait (wait), completed (as completed), timeout, nested (wait)",
		"await: waiting for task shared",
		"gather: waiting for gather of 2 tasks: shared, other",
		"wait: waiting for wait of 2 tasks: shared, other",
		"completed: waiting for as completed of 2 tasks: shared, other",
		"shield: waiting for shield of 1 tasks: shared",
		"timeout: waiting for task other; inside a timeout until 1m0s",
		"nested: waiting for wait of 2 tasks: shared, other",
	)
}

// A333: the tasks of a group are awaited by the task of its block, both while the block's
// function runs and at its end.
func TestSnapshotOfGroups(t *testing.T) {
	picture(t, func(ctx context.Context) error {
		start(ctx, "ending", func(ctx context.Context) error {
			return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				tg.Go(never, asyncio.WithName("a"))
				tg.Go(nothing, asyncio.WithName("ended"))
				tg.Go(never, asyncio.WithName("b"))
				return nil
			})
		})
		start(ctx, "in the block", func(ctx context.Context) error {
			return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				tg.Go(func(ctx context.Context) error {
					return asyncio.WithTaskGroup(ctx, func(ctx context.Context, inner *asyncio.TaskGroup) error {
						inner.Go(never, asyncio.WithName("grandchild"))
						return asyncio.Timeout(ctx, time.Minute, never)
					})
				}, asyncio.WithName("child"))
				return asyncio.Sleep(ctx, time.Hour)
			})
		})
		return nil
	},
		"main: running",
		"ending: waiting for group <TaskGroup tasks=2 entered> of 2 tasks: a, b; inside a group",
		"in the block: waiting for a timer until 1h0m0s; inside a group",
		"a: waiting for a future; awaited by ending (group); in the group of ending",
		"b: waiting for a future; awaited by ending (group); in the group of ending",
		"child: waiting for a future; awaited by in the block (group); in the group of in the block; inside a group; inside a timeout until 1m0s",
		"grandchild: waiting for a future; awaited by child (group); in the group of child",
	)
}

// A snapshot shows a new task, its running creator and the eager task inside it as
// running. In a callback, no task runs.
func TestSnapshotOfStates(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		take := func(ctx context.Context) { r.Lines = append(r.Lines, pictured(running(ctx).Snapshot())...) }
		start(ctx, "new", nothing)
		asyncio.Go(ctx, func(ctx context.Context) error { take(ctx); return nil }, asyncio.WithName("eager"), asyncio.WithEagerStart(true))
		r.Add("in a callback:")
		running(ctx).CallSoon(take)
		return asyncio.Sleep(ctx, time.Second)
	})
	r.Want(t,
		"main: running",
		"new: new",
		"eager: running",
		"in a callback:",
		"main: waiting for a timer until 1s",
	)
}

// The LoopInfo and unread errors of a snapshot.
func TestSnapshotLoopInfo(t *testing.T) {
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		_ = asyncio.Sleep(ctx, time.Second)
		l.CallLater(time.Second, callback)
		l.CallLater(time.Second, callback).Cancel()
		l.CallSoon(callback)
		f := asyncio.NewFuture[int](ctx)
		_ = f.SetException(fmt.Errorf("boom\nand more"))
		s := l.Snapshot()
		want := inspect.LoopInfo{
			Time: time.Second, Taken: s.Loop.Taken, Stopped: s.Loop.Stopped, State: "running",
			Ready: 1, Timers: 1, Turns: 3, Futures: 3, Current: 1,
		}
		if s.Loop != want {
			t.Errorf("the snapshot has %+v; want %+v", s.Loop, want)
		}
		if got := fmt.Sprint(s.Unread); got != "[{3 a future boom }]" {
			t.Errorf("the unread errors are %s; want that of the future", got)
		}
		_ = f.Exception()
		if got := l.Snapshot().Unread; got != nil {
			t.Errorf("the snapshot has a read error: %v", got)
		}
		return nil
	})
}

// A snapshot in JSON has the field names on which readers rely, and can be decoded again.
func TestSnapshotInJSON(t *testing.T) {
	var s *inspect.Snapshot
	run(t, func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		lock := new(asyncio.Lock)
		_ = lock.Acquire(ctx)
		start(ctx, "waits", lock.Acquire)
		_ = asyncio.Yield(ctx)
		s = running(ctx).Snapshot()
		return nil
	})
	s.Loop.Taken, s.Loop.Stopped = time.Time{}, 0
	for i := range s.Tasks {
		s.Tasks[i].File, s.Tasks[i].Line = "snapshot_test.go", 1
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
  "loop": {
    "time": 0,
    "taken": "0001-01-01T00:00:00Z",
    "stopped": 0,
    "state": "running",
    "ready": 0,
    "timers": 0,
    "outside": 0,
    "turns": 2,
    "futures": 3,
    "current": 1,
    "debug": false,
    "observed": false,
    "steps": false,
    "places": false
  },
  "tasks": [
    {
      "id": 1,
      "name": "main",
      "state": "running",
      "func": "asyncio_test.TestSnapshotInJSON.func1",
      "file": "snapshot_test.go",
      "line": 1
    },
    {
      "id": 2,
      "name": "waits",
      "state": "waiting",
      "func": "asyncio.(*Lock).Acquire-fm",
      "file": "snapshot_test.go",
      "line": 1,
      "waits": {
        "kind": "lock",
        "what": "\u003cLock locked waiters=1\u003e",
        "object": 1,
        "future": 3,
        "holder": 1,
        "holder_name": "main"
      }
    }
  ]
}`
	if string(text) != want {
		t.Errorf("the JSON is\n%s\nwant\n%s", text, want)
	}
	var back inspect.Snapshot
	if err := json.Unmarshal(text, &back); err != nil || strings.Join(pictured(&back), "\n") != strings.Join(pictured(s), "\n") {
		t.Errorf("the decoded snapshot is %v, %v", pictured(&back), err)
	}
}

// RecordSteps counts and times the steps of each task. RecordPlaces records who created
// it, when, and where.
func TestSnapshotRecords(t *testing.T) {
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		l.SetRecord(inspect.RecordSteps | inspect.RecordPlaces)
		_ = asyncio.Sleep(ctx, time.Second)
		task := start(ctx, "busy", func(ctx context.Context) error {
			yields(ctx, 2)
			return asyncio.Sleep(ctx, time.Minute)
		})
		yields(ctx, 5)
		info := l.Snapshot().Tasks[1]
		if info.ID != task.ID() || info.Steps != 3 || info.Parent != 1 || info.MadeAt != time.Second || info.Since != time.Second {
			t.Errorf("the task is %+v", info)
		}
		if len(info.Made) == 0 || !strings.HasSuffix(info.Made[0].Func, "asyncio_test.start") {
			t.Errorf("the task was created at %v", info.Made)
		}
		l.SetRecord(0)
		if info := l.Snapshot().Tasks[1]; info.Steps != 3 {
			t.Errorf("the count was lost: %+v", info)
		}
		start(ctx, "later", never)
		_ = asyncio.Yield(ctx)
		if info := l.Snapshot().Tasks[2]; info.Steps != 0 || info.Parent != 0 || info.Made != nil {
			t.Errorf("the task has records without SetRecord: %+v", info)
		}
		return nil
	})
}

// Ran measures real time. It excludes the time of a nested eager start.
func TestSnapshotRunTime(t *testing.T) {
	clock := &tickingDriver{Driver: driver.NewVirtual()}
	err := runOn(t, &asyncio.Runner{Driver: clock, Record: inspect.RecordSteps}, func(ctx context.Context) error {
		clock.passes(time.Second)
		child := asyncio.Go(ctx, func(ctx context.Context) error {
			clock.passes(10 * time.Second)
			return never(ctx)
		}, asyncio.WithEagerStart(true))
		clock.passes(2 * time.Second)
		_ = asyncio.Yield(ctx)
		tasks := running(ctx).Snapshot().Tasks
		if got := fmt.Sprint(tasks[0].Ran, tasks[1].Ran, tasks[1].Since, child.ID() == tasks[1].ID); got != "3s 10s 11s true" {
			t.Errorf("the times are %s; want 3s 10s 11s true", got)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A tickingDriver is a driver whose time can advance during a step.
type tickingDriver struct {
	driver.Driver
	extra time.Duration
}

func (d *tickingDriver) passes(t time.Duration) { d.extra += t }
func (d *tickingDriver) Now() time.Duration     { return d.Driver.Now() + d.extra }

// Any goroutine may take a snapshot of a running loop. SnapshotThreadsafe returns an
// error if the loop is closed or ctx ends.
func TestSnapshotThreadsafe(t *testing.T) {
	var l *asyncio.Loop
	run(t, func(ctx context.Context) error {
		l = running(ctx)
		asyncio.CurrentTask(ctx).SetName("main")
		s, err := asyncio.ToThread(ctx, func(ctx context.Context) (*inspect.Snapshot, error) { return l.SnapshotThreadsafe(ctx) })
		if err != nil || len(s.Tasks) != 1 {
			t.Fatalf("SnapshotThreadsafe returned %v, %v; want one task", s, err)
		}
		if got := withoutPlaces(pictured(s)[0]); got != "main: waiting for job asyncio_test.TestSnapshotThreadsafe.func1.1() at PLACE" {
			t.Errorf("the task is %q", got)
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		_, err = asyncio.ToThread(ctx, func(context.Context) (*inspect.Snapshot, error) { return l.SnapshotThreadsafe(ended) })
		wantErr(t, err, context.Canceled)
		l.SetDebug(true)
		_ = asyncio.Yield(ctx)
		_, err = l.SnapshotThreadsafe(ctx) // hangs without debug mode
		wantErr(t, err, asyncio.ErrMisuse, "would wait for itself")
		return nil
	})
	_, err := l.SnapshotThreadsafe(context.Background())
	wantErr(t, err, asyncio.ErrLoopClosed)
}

// Event.Info returns an event as plain data; this is its JSON for each kind.
func TestEventInfo(t *testing.T) {
	var r record
	place := regexp.MustCompile(` at \S+:\d+`)
	run(t, func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		l := running(ctx)
		inner := start(ctx, "inner", never)
		outer := start(ctx, "outer", func(ctx context.Context) error { _, err := inner.Await(ctx); return err })
		lock := new(asyncio.Lock)
		_ = lock.Acquire(ctx)
		_ = asyncio.Sleep(ctx, time.Second)
		l.SetObserver(observerFunc(func(e *inspect.Event) {
			var text strings.Builder
			enc := json.NewEncoder(&text)
			enc.SetEscapeHTML(false)
			if err := enc.Encode(e.Info()); err != nil {
				t.Error(err)
			}
			if e.Kind != inspect.TaskStarted && e.Kind != inspect.TaskResumed { // which have no further fields
				r.Add("%s", place.ReplaceAllString(strings.TrimSpace(text.String()), " at PLACE"))
			}
		}))
		child := start(ctx, "child", lock.Acquire)
		failed := start(ctx, "failing", failing)
		l.CallSoon(callback)
		outer.CancelWith("enough")
		_ = asyncio.Sleep(ctx, time.Second)
		q := asyncio.NewQueue[int](0)
		_ = asyncio.Timeout(ctx, time.Second, func(ctx context.Context) error { _, err := q.Get(ctx); return err })
		l.SetObserver(nil)
		child.Cancel()
		_ = failed.Exception()
		return nil
	})
	r.Want(t,
		`{"kind":"created","time":1000000000,"task":6,"name":"child","by":"main","by_task":1}`,
		`{"kind":"created","time":1000000000,"task":7,"name":"failing","by":"main","by_task":1}`,
		`{"kind":"cancel asked","time":1000000000,"task":3,"name":"outer","by":"main","by_task":1,"through":[2],"message":"enough"}`,
		`{"kind":"suspended","time":1000000000,"task":1,"name":"main","waits":{"kind":"timer","future":8,"until":2000000000}}`,
		`{"kind":"suspended","time":1000000000,"task":6,"name":"child","waits":{"kind":"lock","what":"<Lock locked waiters=1>","future":9,"holder":1,"holder_name":"main"}}`,
		`{"kind":"ended","time":1000000000,"task":7,"name":"failing","outcome":"error","error":"boom"}`,
		`{"kind":"call begun","time":1000000000,"name":"asyncio_test.callback() at PLACE"}`,
		`{"kind":"call ended","time":1000000000}`,
		`{"kind":"ended","time":1000000000,"task":2,"name":"inner","outcome":"cancelled","error":"asyncio: cancelled by main, through the await of outer: enough"}`,
		`{"kind":"ended","time":1000000000,"task":3,"name":"outer","outcome":"cancelled","error":"asyncio: cancelled by main, through the await of outer: enough"}`,
		`{"kind":"suspended","time":2000000000,"task":1,"name":"main","waits":{"kind":"queue get","what":"<Queue maxsize=0 size=0 getters=1>","future":10}}`,
		`{"kind":"call begun","time":3000000000,"name":"asyncio.(*TimeoutScope).expire-fm() at PLACE"}`,
		`{"kind":"cancel asked","time":3000000000,"task":1,"name":"main","by":"a timeout of 1s"}`,
		`{"kind":"call ended","time":3000000000}`,
	)
}

// Holder returns the task that holds a Lock, even if the Lock was passed to a waiter.
func TestLockHolder(t *testing.T) {
	var r record
	run(t, func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		lock := new(asyncio.Lock)
		add := func() {
			if h := lock.Holder(); h != nil {
				r.Add("%s", h.Name())
			} else {
				r.Add("no holder")
			}
		}
		add()
		_ = lock.Acquire(ctx)
		add()
		start(ctx, "next", lock.Acquire)
		_ = asyncio.Yield(ctx)
		lock.Release()
		add()
		_ = asyncio.Yield(ctx)
		add()
		lock.Release()
		add()
		return nil
	})
	r.Want(t, "no holder", "main", "no holder", "next", "no holder")
}

// BenchmarkSnapshot100000 measures the time of a snapshot of 100,000 waiting tasks, taken
// by another goroutine, and how long it stops the loop.
func BenchmarkSnapshot100000(b *testing.B) {
	for _, kind := range []string{"mixed", "timers", "locks", "timeouts", "group"} {
		b.Run(kind, func(b *testing.B) { benchmarkSnapshot(b, kind) })
	}
}

func benchmarkSnapshot(b *testing.B, kind string) {
	const n = 100_000
	r := &asyncio.Runner{NoInterrupt: true, ShutdownTimeout: time.Minute}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		l := running(ctx)
		queue, lock, last := asyncio.NewQueue[int](0), new(asyncio.Lock), asyncio.Go(ctx, never)
		_ = lock.Acquire(ctx)
		waits := map[string]func(ctx context.Context, i int) error{
			"timers": func(ctx context.Context, _ int) error { return asyncio.Sleep(ctx, time.Hour) },
			"locks": func(ctx context.Context, _ int) error { // a separate lock for each task
				l := new(asyncio.Lock)
				_ = l.Acquire(ctx)
				return l.Acquire(ctx)
			},
			"timeouts": func(ctx context.Context, _ int) error { return asyncio.Timeout(ctx, time.Hour, never) },
			"group":    func(ctx context.Context, _ int) error { return never(ctx) },
			"mixed": func(ctx context.Context, i int) error {
				switch i % 5 {
				case 0:
					_, err := queue.Get(ctx)
					return err
				case 1:
					return lock.Acquire(ctx)
				case 2:
					return asyncio.Sleep(ctx, time.Hour)
				case 3:
					_, err := asyncio.Shield(ctx, last).Await(ctx)
					return err
				}
				return never(ctx)
			},
		}
		return asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
			for i := range n {
				task := func(ctx context.Context) error { return waits[kind](ctx, i) }
				if kind == "group" {
					tg.Go(task)
				} else {
					asyncio.Go(ctx, task)
				}
			}
			_ = asyncio.Sleep(ctx, 100*time.Millisecond)
			_, err := asyncio.ToThread(ctx, func(ctx context.Context) (asyncio.None, error) {
				stopped := time.Hour
				for b.Loop() {
					s, err := l.SnapshotThreadsafe(ctx)
					if err != nil || len(s.Tasks) < n {
						b.Errorf("the snapshot has too few tasks: %v", err)
						break
					}
					stopped = min(stopped, s.Loop.Stopped)
				}
				b.ReportMetric(float64(stopped)/1e6, "ms-stopped-at-least")
				return asyncio.None{}, nil
			})
			tg.Cancel()
			return err
		})
	})
	if err != nil {
		b.Error(err)
	}
}
