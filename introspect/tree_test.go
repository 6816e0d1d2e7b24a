package introspect_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/inspect"
	"example.com/asyncio/introspect"
)

// scene starts tasks that wait for different things. It calls check when all of them
// wait.
func scene(ctx context.Context, check func()) error {
	lock := new(asyncio.Lock)
	spawn(ctx, "holder", func(ctx context.Context) error {
		if err := lock.Acquire(ctx); err != nil {
			return err
		}
		defer lock.Release()
		return asyncio.Sleep(ctx, time.Minute)
	})
	spawn(ctx, "hung\nry", func(ctx context.Context) error {
		if err := lock.Acquire(ctx); err != nil {
			return err
		}
		lock.Release()
		return nil
	})
	sleep := func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Hour) }
	spawn(ctx, "reader", func(ctx context.Context) error {
		_, err := asyncio.Gather(ctx, spawn(ctx, "left", sleep), spawn(ctx, "right", sleep)).Await(ctx)
		return err
	})
	if err := asyncio.Sleep(ctx, time.Second); err != nil {
		return err
	}
	check()
	return nil
}

func TestPS(t *testing.T) {
	run(t, func(ctx context.Context) error {
		return scene(ctx, func() {
			wantText(t, introspect.PS(running(ctx).Snapshot()), `
loop running for 1s, 6 tasks: 1 running, 5 waiting; 3 timers, 0 jobs outside

ID  NAME     STATE    WAITS FOR                                         AWAITED BY  FUNCTION
1   main     running  -                                                 -           introspect_test.TestPS.func1
2   holder   waiting  a timer until 1m0s                                -           introspect_test.scene.func1
3   hung ry  waiting  lock <Lock locked waiters=1> held by task holder  -           introspect_test.scene.func2
4   reader   waiting  gather of 2 tasks                                 -           introspect_test.scene.func4
8   left     waiting  a timer until 1h0m0s                              reader      introspect_test.scene.func3
9   right    waiting  a timer until 1h0m0s                              reader      introspect_test.scene.func3
`)
		})
	})
}

func TestPSTree(t *testing.T) {
	run(t, func(ctx context.Context) error {
		return scene(ctx, func() {
			wantText(t, introspect.PSTree(running(ctx).Snapshot()), `
loop running for 1s, 6 tasks: 1 running, 5 waiting; 3 timers, 0 jobs outside
main #1 running
hung ry #3 waiting: lock <Lock locked waiters=1> held by task holder
└─ holder #2 [holds lock] waiting: a timer until 1m0s
reader #4 waiting: gather of 2 tasks
├─ left #8 [gather] waiting: a timer until 1h0m0s
└─ right #9 [gather] waiting: a timer until 1h0m0s
`)
		})
	})
}

// Two tasks wait for each other, and a third one waits for them. The cycle is marked
// where it closes, and printed once.
func TestPSTreeOfACycle(t *testing.T) {
	run(t, func(ctx context.Context) error {
		spawnCycle(ctx)
		if err := asyncio.Yield(ctx); err != nil {
			return err
		}
		wantText(t, introspect.PSTree(running(ctx).Snapshot()), `
loop running for 0s, 4 tasks: 1 running, 3 waiting; 0 timers, 0 jobs outside
main #1 running
c #4 waiting: task a
└─ a #2 waiting: task b
   └─ b #3 waiting: task a
      └─ a #2 <- cycle: it waits for itself
`)
		return nil
	})
}

// A parent may wait for a child in two ways: as the owner of its group, and by an await
// or for a lock that the child holds. The child is then listed once, with both ways.
func TestPSOfTwoWays(t *testing.T) {
	run(t, func(ctx context.Context) error {
		lock := new(asyncio.Lock)
		child := func(ctx context.Context) error {
			return lock.With(ctx, func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Hour) })
		}
		parent := func(wait func(ctx context.Context, child *asyncio.Task[asyncio.None]) error) func(context.Context) error {
			return func(ctx context.Context) error {
				return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
					c := tg.Go(child, asyncio.WithName("child"))
					if err := asyncio.Yield(ctx); err != nil {
						return err
					}
					return wait(ctx, c)
				})
			}
		}
		spawn(ctx, "locked", parent(func(ctx context.Context, _ *asyncio.Task[asyncio.None]) error { return lock.Acquire(ctx) }))
		spawn(ctx, "awaiting", parent(waitFor))
		if err := asyncio.Sleep(ctx, time.Second); err != nil {
			return err
		}
		s := running(ctx).Snapshot()
		wantText(t, introspect.PSTree(s), `
loop running for 1s, 5 tasks: 1 running, 4 waiting; 1 timer, 0 jobs outside
main #1 running
locked #2 waiting: lock <Lock locked waiters=2> held by task child
└─ child #5 [holds lock, group] waiting: a timer until 1h0m0s
awaiting #3 waiting: task child
└─ child #6 [await, group] waiting: lock <Lock locked waiters=2> held by task child
   └─ child #5 [holds lock] (see above)
`)
		if ps := introspect.PS(s); strings.Contains(ps, "awaiting, awaiting") || !strings.Contains(ps, "  awaiting  ") {
			t.Errorf("AWAITED BY of child does not contain awaiting exactly once:\n%s", ps)
		}
		return nil
	})
}

// spawnCycle starts two tasks that await each other, and a third one that awaits the
// first.
func spawnCycle(ctx context.Context) {
	var b *asyncio.Task[asyncio.None]
	a := spawn(ctx, "a", func(ctx context.Context) error { return waitFor(ctx, b) })
	b = spawn(ctx, "b", func(ctx context.Context) error { return waitFor(ctx, a) })
	spawn(ctx, "c", func(ctx context.Context) error { return waitFor(ctx, a) })
}

func waitFor(ctx context.Context, t *asyncio.Task[asyncio.None]) error {
	_, err := t.Await(ctx)
	return err
}

// A loop without tasks, with an unread error.
func TestPSWithoutTasks(t *testing.T) {
	s := &inspect.Snapshot{Loop: inspect.LoopInfo{State: "idle"}, Unread: []inspect.UnreadInfo{{What: "task fetch", Error: errors.ErrUnsupported.Error()}}}
	const want = "loop idle for 0s, 0 tasks; 0 timers, 0 jobs outside; 1 unread error\n"
	wantText(t, introspect.PS(s), want)
	wantText(t, introspect.PSTree(s), want)
}
