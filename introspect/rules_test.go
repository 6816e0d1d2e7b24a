package introspect_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/inspect"
	"example.com/asyncio/introspect"
)

// waiting is a task, called by a letter of its number: #1 is a.
func waiting(id uint64, w inspect.WaitInfo) inspect.TaskInfo {
	return inspect.TaskInfo{ID: id, Name: string(rune('a' + id - 1)), State: inspect.TaskWaiting, Waits: &w}
}

func onTasks(kind inspect.WaitKind, ids ...uint64) inspect.WaitInfo {
	return inspect.WaitInfo{Kind: kind, Tasks: ids}
}

func onLock(holder uint64) inspect.WaitInfo {
	return inspect.WaitInfo{Kind: inspect.ForLock, What: "<Lock locked waiters=1>", Holder: holder}
}

func within(t inspect.TaskInfo, b inspect.BlockInfo) inspect.TaskInfo {
	t.Blocks = append(t.Blocks, b)
	return t
}

// What Check says, and does not say, of small graphs.
func TestCheck(t *testing.T) {
	const (
		deadlock = "Deadlock: "
		noneCan  = ". None of them can go on."
	)
	for _, test := range []struct {
		name  string
		tasks []inspect.TaskInfo
		loop  inspect.LoopInfo
		want  []string
	}{
		{
			name:  "two that await each other",
			tasks: []inspect.TaskInfo{waiting(1, onTasks(inspect.ForTask, 2)), waiting(2, onTasks(inspect.ForTask, 1))},
			want:  []string{deadlock + "task a (#1) awaits task b (#2), which awaits task a (#1)" + noneCan},
		},
		{
			name:  "one that awaits itself",
			tasks: []inspect.TaskInfo{waiting(1, onTasks(inspect.ForGather, 1))},
			want:  []string{deadlock + "task a (#1) awaits task a (#1) in a gather" + noneCan},
		},
		{
			name: "three, told from the one made first, and one that waits for them and is not in the circle",
			tasks: []inspect.TaskInfo{
				waiting(1, onTasks(inspect.ForTask, 3)), waiting(2, onTasks(inspect.ForTask, 4)),
				waiting(3, onTasks(inspect.ForShield, 2)), waiting(4, onTasks(inspect.ForGroup, 3)),
			},
			want: []string{deadlock + "task b (#2) awaits task d (#4), which awaits task c (#3) in a group, which awaits task b (#2) in a shield" + noneCan},
		},
		{
			name:  "two locks",
			tasks: []inspect.TaskInfo{waiting(1, onLock(2)), waiting(2, onLock(1))},
			want: []string{deadlock + "task a (#1) waits for <Lock locked waiters=1>, held by task b (#2), " +
				"which waits for <Lock locked waiters=1>, held by task a (#1)" + noneCan},
		},
		{
			name:  "a lock, and a task that needs it",
			tasks: []inspect.TaskInfo{waiting(1, onTasks(inspect.ForTask, 2)), waiting(2, onLock(1))},
			want:  []string{deadlock + "task a (#1) awaits task b (#2), which waits for <Lock locked waiters=1>, held by task a (#1)" + noneCan},
		},
		{
			name: "two circles",
			tasks: []inspect.TaskInfo{
				waiting(1, onTasks(inspect.ForTask, 3)), waiting(2, onTasks(inspect.ForTask, 4)),
				waiting(3, onTasks(inspect.ForTask, 1)), waiting(4, onTasks(inspect.ForTask, 2)),
			},
			want: []string{
				deadlock + "task a (#1) awaits task c (#3), which awaits task a (#1)" + noneCan,
				deadlock + "task b (#2) awaits task d (#4), which awaits task b (#2)" + noneCan,
			},
		},
		{
			name:  "all of several, of which one waits for it",
			tasks: []inspect.TaskInfo{waiting(1, onTasks(inspect.ForGather, 2, 3)), waiting(2, inspect.WaitInfo{Kind: inspect.ForTimer}), waiting(3, onTasks(inspect.ForTask, 1))},
			want:  []string{deadlock + "task a (#1) awaits task c (#3) in a gather, which awaits task a (#1)" + noneCan},
		},
		{
			name:  "the first of several, of which another may come",
			tasks: []inspect.TaskInfo{waiting(1, onTasks(inspect.ForWait, 2, 3)), waiting(2, inspect.WaitInfo{Kind: inspect.ForTimer}), waiting(3, onTasks(inspect.ForTask, 1))},
		},
		{
			name:  "the first of several, all of which wait for it",
			tasks: []inspect.TaskInfo{waiting(1, onTasks(inspect.ForWait, 2, 3)), waiting(2, onTasks(inspect.ForTask, 1)), waiting(3, onTasks(inspect.ForTask, 1))},
			want:  []string{deadlock + "task a (#1) awaits task b (#2) in a wait, which awaits task a (#1)" + noneCan},
		},
		{
			name: "a circle with a timeout in it",
			tasks: []inspect.TaskInfo{
				waiting(1, onTasks(inspect.ForTask, 2)),
				within(waiting(2, onTasks(inspect.ForTask, 1)), inspect.BlockInfo{Kind: "timeout", Until: time.Second}),
			},
		},
		{
			name: "a block without a limit frees nobody",
			tasks: []inspect.TaskInfo{
				waiting(1, onTasks(inspect.ForTask, 2)),
				within(waiting(2, onTasks(inspect.ForTask, 1)), inspect.BlockInfo{Kind: "group"}),
			},
			want: []string{deadlock + "task a (#1) awaits task b (#2), which awaits task a (#1)" + noneCan},
		},
		{
			name:  "a circle of which one was asked to cancel",
			tasks: []inspect.TaskInfo{waiting(1, onTasks(inspect.ForTask, 2)), func() inspect.TaskInfo { t := waiting(2, onTasks(inspect.ForTask, 1)); t.Cancels = 1; return t }()},
		},
		{
			name:  "a chain",
			tasks: []inspect.TaskInfo{waiting(1, onTasks(inspect.ForTask, 2)), waiting(2, onLock(3)), {ID: 3, Name: "c", State: inspect.TaskReady}},
		},
		{
			name:  "a lock whose holder has ended",
			tasks: []inspect.TaskInfo{waiting(1, onLock(9))},
		},
		{
			name:  "a name of two lines",
			tasks: []inspect.TaskInfo{{ID: 1, Name: "two\nlines", State: inspect.TaskWaiting, Waits: &inspect.WaitInfo{Kind: inspect.ForTask, Tasks: []uint64{1}}}},
			want:  []string{deadlock + `task two lines (#1) awaits task two lines (#1)` + noneCan},
		},
		{
			name: "lost wake-ups",
			tasks: []inspect.TaskInfo{
				waiting(1, inspect.WaitInfo{Kind: inspect.ForCondition, What: "<Condition>", Missed: 1}),
				waiting(2, inspect.WaitInfo{Kind: inspect.ForEvent, Missed: 3}),
				waiting(3, inspect.WaitInfo{Kind: inspect.ForEvent}),
			},
			want: []string{
				"task a (#1) waits for <Condition>, which was notified once while nobody waited; nobody is left to do it again.",
				"task b (#2) waits for event, which was set and cleared 3 times while nobody waited; nobody is left to set it again.",
			},
		},
		{
			name:  "a wake-up that a timer may send",
			tasks: []inspect.TaskInfo{waiting(1, inspect.WaitInfo{Kind: inspect.ForEvent, Missed: 1})},
			loop:  inspect.LoopInfo{Timers: 1},
		},
		{
			name:  "a wake-up that may come from outside",
			tasks: []inspect.TaskInfo{waiting(1, inspect.WaitInfo{Kind: inspect.ForEvent, Missed: 1})},
			loop:  inspect.LoopInfo{Outside: 1},
		},
		{
			name:  "a wake-up that a task may send that can run",
			tasks: []inspect.TaskInfo{waiting(1, inspect.WaitInfo{Kind: inspect.ForEvent, Missed: 1}), {ID: 2, State: inspect.TaskReady}},
		},
		{
			name:  "a wake-up that a task may send whose future anybody may set",
			tasks: []inspect.TaskInfo{waiting(1, inspect.WaitInfo{Kind: inspect.ForEvent, Missed: 1}), waiting(2, inspect.WaitInfo{Kind: inspect.ForFuture})},
		},
		{
			name:  "a queue that is waited for is no lost wake-up",
			tasks: []inspect.TaskInfo{waiting(1, inspect.WaitInfo{Kind: inspect.ForItem, Missed: 1})},
		},
		{name: "nothing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var said lines
			for _, f := range introspect.Check(&inspect.Snapshot{Loop: test.loop, Tasks: test.tasks}) {
				said.add("%s", f.Text)
				if f.Advice == "" || !f.Severe || len(f.Tasks) == 0 {
					t.Errorf("it has no advice, or is not severe, or of no tasks: %+v", f)
				}
			}
			said.want(t, test.want...)
		})
	}
}

// A deadlock's advice depends on how many locks are in it.
func TestAdviceOfDeadlocks(t *testing.T) {
	var said lines
	for _, tasks := range [][]inspect.TaskInfo{
		{waiting(1, onTasks(inspect.ForTask, 1))},
		{waiting(1, onTasks(inspect.ForTask, 2)), waiting(2, onLock(1))},
		{waiting(1, onLock(2)), waiting(2, onLock(1))},
	} {
		for _, f := range introspect.Check(&inspect.Snapshot{Tasks: tasks}) {
			said.add("%s", f.Advice)
		}
	}
	said.want(t,
		"One of them must not wait for the others: let it go on without the result, or cancel it.",
		"Release the lock before waiting for a task that needs it.",
		"Take several locks in the same order everywhere, or hold none while waiting for another task.",
	)
}

// findings returns what h says is wrong, without the advice.
func findings(t *testing.T, ctx context.Context, h http.Handler) *lines {
	t.Helper()
	var said lines
	for _, f := range answer[introspect.Findings](t, ctx, h, "/findings").Findings {
		severe, over := "", ""
		if f.Severe {
			severe = "severe "
		}
		if f.Over {
			over = " (over)"
		}
		said.add("%s%s: %s%s", severe, f.Rule, f.Text, over)
	}
	return &said
}

// watched runs main with a handler that has Watch, and a watchdog that the test calls.
func watched(t *testing.T, main func(ctx context.Context, h http.Handler) error) {
	t.Helper()
	run(t, func(ctx context.Context) error {
		h := introspect.Handler(running(ctx), introspect.Watch(100*time.Millisecond, time.Second), introspect.Tick(make(chan time.Time)))
		_ = asyncio.Yield(ctx)
		_ = asyncio.Yield(ctx) // the first turn takes in that it is to be watched
		return main(ctx, h)
	})
}

// A task that goes on as if it was not asked to cancel is told of once it has awaited twenty times and ten seconds have passed; and so
// is one that has ended. One that withdraws the request, or takes its time to clean up, is not.
func TestSwallowedCancel(t *testing.T) {
	watched(t, func(ctx context.Context, h http.Handler) error {
		all := []*asyncio.Task[asyncio.None]{
			spawn(ctx, "deaf", func(ctx context.Context) error {
				_ = asyncio.Sleep(ctx, time.Hour)
				for range 30 {
					_ = asyncio.Sleep(ctx, time.Second)
				}
				return nil
			}),
			spawn(ctx, "cleans up", func(ctx context.Context) error {
				err := asyncio.Sleep(ctx, time.Hour)
				_ = asyncio.Sleep(ctx, 40*time.Second)
				return err
			}),
			spawn(ctx, "withdraws", func(ctx context.Context) error {
				_ = asyncio.Sleep(ctx, time.Hour)
				asyncio.CurrentTask(ctx).Uncancel()
				for range 30 {
					_ = asyncio.Sleep(ctx, time.Second)
				}
				return nil
			}),
		}
		_ = asyncio.Yield(ctx)
		for _, task := range all {
			task.Cancel()
		}
		_ = asyncio.Sleep(ctx, 10*time.Second)
		findings(t, ctx, h).want(t)
		_ = asyncio.Sleep(ctx, 15*time.Second+time.Second/2)
		findings(t, ctx, h).want(t, "severe swallowed cancel: task deaf (#2) was asked to cancel by task main 25.5s ago, and has gone on and awaited 26 times since.")
		for _, task := range all {
			_ = waitFor(ctx, task)
		}
		findings(t, ctx, h).want(t, "swallowed cancel: task deaf (#2) was asked to cancel by task main, and ended 30s later as if it was not. (over)")
		return nil
	})
}

// A queue is told of that has doubled three times, over five seconds, to a thousand items; not one that grew in a burst, is smaller, or that
// somebody empties.
func TestGrowingQueue(t *testing.T) {
	watched(t, func(ctx context.Context, h http.Handler) error {
		queues := map[string]*asyncio.Queue[int]{}
		for _, name := range []string{"grows", "burst", "small", "emptied"} {
			q := asyncio.NewQueue[int](0)
			queues[name] = q
			getter := spawn(ctx, name, func(ctx context.Context) error { _, err := q.Get(ctx); return err }) // which gives it a loop
			_ = asyncio.Yield(ctx)
			_ = q.TryPut(0)
			_ = waitFor(ctx, getter)
		}
		fill := func(name string, n int) {
			for queues[name].Len() < n {
				_ = queues[name].TryPut(0)
			}
		}
		for n := range 5 {
			fill("grows", 64<<n)
			fill("small", 16<<n)
			fill("emptied", 64<<n)
			_ = asyncio.Sleep(ctx, 2*time.Second)
		}
		fill("burst", 1024)
		for range 100 {
			_, _ = queues["emptied"].TryGet()
		}
		findings(t, ctx, h).want(t, "severe growing queue: <Queue maxsize=0 size=1024 unfinished=1025> grows and grows: from 64 items to 1024 in 8s. More is put in than is taken out.")
		for range 100 {
			_, _ = queues["grows"].TryGet()
		}
		findings(t, ctx, h).want(t)
		return nil
	})
}

// An error that nobody has read is told of after ten seconds, until somebody does.
func TestUnreadError(t *testing.T) {
	watched(t, func(ctx context.Context, h http.Handler) error {
		failed := spawn(ctx, "fetch", func(context.Context) error { return errors.New("no such host") })
		_ = asyncio.Sleep(ctx, 10*time.Second-time.Millisecond)
		findings(t, ctx, h).want(t)
		_ = asyncio.Sleep(ctx, time.Millisecond)
		findings(t, ctx, h).want(t, "unread error: task fetch (#2) failed 10s ago, and nobody has read its error: no such host")
		_ = failed.Exception()
		findings(t, ctx, h).want(t)
		return nil
	})
}

// The watchdog tells of a step that takes as long as the first limit, and as long as the second it is severe; it has the stack, taken while the
// step blocks. What it has seen stays, as over.
func TestWatchdog(t *testing.T) {
	watched(t, func(ctx context.Context, h http.Handler) error {
		start := time.Now()
		look := func(after time.Duration) { introspect.Look(h, start.Add(after)) }
		worker := func(ctx context.Context) error {
			_ = asyncio.Yield(ctx) // so it is not its first step
			busy(func() {
				look(0)
				look(99 * time.Millisecond)
				wantBlocked(t, h, "")
				look(150 * time.Millisecond)
				wantBlocked(t, h, "task worker (#2) kept the loop for 150ms, and nothing else could run meanwhile.")
				look(1500 * time.Millisecond)
				wantBlocked(t, h, "task worker (#2) kept the loop for 1.5s, and nothing else could run meanwhile.")
			})
			return nil
		}
		_ = waitFor(ctx, spawn(ctx, "worker", worker))
		wantBlocked(t, h, "task worker (#2) kept the loop for 1.5s, and nothing else could run meanwhile.") // until it looks again
		look(1501 * time.Millisecond)
		wantBlocked(t, h, "")
		f := answer[introspect.Findings](t, ctx, h, "/findings").Findings
		if len(f) != 1 || !f[0].Over || !f[0].Severe || f[0].Rule != introspect.RuleBlocked || f[0].For != 1500*time.Millisecond || len(f[0].Tasks) != 1 || f[0].Tasks[0] != 2 {
			t.Errorf("%+v", f)
		}
		if !strings.Contains(f[0].Stack, "introspect_test.busy(") {
			t.Errorf("the stack is not the one that blocks:\n%s", f[0].Stack)
		}
		return nil
	})
}

// Serve watches from the moment on when it returns: a task that then blocks the loop, in the same step or as the first one that is awaited, is
// told of.
func TestWatchdogFromTheStart(t *testing.T) {
	runtimeFolder(t)
	run(t, func(ctx context.Context) error {
		tick := make(chan time.Time)
		stop, err := introspect.Serve(ctx, introspect.Watch(100*time.Millisecond, time.Second), introspect.Tick(tick))
		if err != nil {
			return err
		}
		defer stop()
		c, err := introspect.Dial(context.Background(), pid())
		if err != nil {
			return err
		}
		defer c.Close()
		now := time.Now()
		wantFound := func(want string) {
			t.Helper()
			start := now
			for _, after := range []time.Duration{0, 600, 600} { // the last one is taken when the one before has been looked at
				now = start.Add(after * time.Millisecond)
				tick <- now
			}
			f, err := c.Findings(context.Background()) // which blocks the loop
			if err != nil || f.Process.Blocked != want {
				t.Errorf("the loop is blocked by %q, wanted %q: %v", f.Process.Blocked, want, err)
			}
		}
		wantFound("task main (#1) kept the loop for 600ms, and nothing else could run meanwhile.")
		return waitFor(ctx, spawn(ctx, "hog", func(context.Context) error {
			wantFound("task hog (#2) kept the loop for 600ms, and nothing else could run meanwhile.")
			return nil
		}))
	})
}

// busy is what blocks the loop.
//
//go:noinline
func busy(f func()) { f() }

func wantBlocked(t *testing.T, h http.Handler, want string) {
	t.Helper()
	if got := introspect.Blocked(h); got != want {
		t.Errorf("what blocks the loop: %q, wanted %q", got, want)
	}
}

// A step that is short is none that blocks, however often the watchdog looks while another runs, nor is a loop that sleeps.
func TestWatchdogIsSilent(t *testing.T) {
	watched(t, func(ctx context.Context, h http.Handler) error {
		start := time.Now()
		now := time.Duration(0)
		look := func() {
			now += 99 * time.Millisecond
			introspect.Look(h, start.Add(now))
			wantBlocked(t, h, "")
		}
		for range 5 { // each in a step of its own
			look()
			_ = asyncio.Yield(ctx)
		}
		// The loop has nothing to do but to wait for this.
		_, err := asyncio.ToThread(ctx, func(context.Context) (int, error) {
			for !introspect.Idle(h) { // this may begin before main has suspended
				runtime.Gosched()
			}
			for range 50 {
				look()
			}
			return 0, nil
		})
		findings(t, ctx, h).want(t)
		return err
	})
}

// A callback that blocks is told of by its function; and a task that has run since it began is one that never yields.
func TestWatchdogTellsWhatBlocks(t *testing.T) {
	watched(t, func(ctx context.Context, h http.Handler) error {
		start := time.Now()
		block := func(d time.Duration) {
			introspect.Look(h, start)
			start = start.Add(d)
			introspect.Look(h, start)
		}
		running(ctx).CallSoon(func(context.Context) {
			block(time.Second / 2)
			got := introspect.Blocked(h)
			if !strings.HasPrefix(got, "callback introspect_test.TestWatchdogTellsWhatBlocks.") || !strings.HasSuffix(got, " kept the loop for 500ms, and nothing else could run meanwhile.") {
				t.Errorf("it says %q", got)
			}
		})
		_ = asyncio.Yield(ctx)
		for _, d := range []time.Duration{time.Second / 2, 2 * time.Second} {
			_ = waitFor(ctx, spawn(ctx, "hog", func(context.Context) error { block(d); return nil }))
		}
		introspect.Look(h, start)
		all := (*findings(t, ctx, h))[1:] // without the callback
		all.want(t,
			"blocked loop: task hog (#2) kept the loop for 500ms, and nothing else could run meanwhile. (over)",
			"severe never yields: task hog (#3) has run for 2s since it began, and never let anything else run. (over)",
		)
		return nil
	})
}
