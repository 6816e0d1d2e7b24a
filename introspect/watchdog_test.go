package introspect_test

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/introspect"
)

// The watchdog reports a step that takes as long as the first limit. From the second
// limit on the finding is severe. It contains the stack of the blocking step. Afterwards
// it remains, marked as over.
func TestWatchdog(t *testing.T) {
	watched(t, func(ctx context.Context, h http.Handler) error {
		start := time.Now()
		check := func(after time.Duration) { introspect.CheckWatchdog(h, start.Add(after)) }
		worker := func(ctx context.Context) error {
			_ = asyncio.Yield(ctx) // the next step is not its first
			busy(func() {
				check(0)
				check(99 * time.Millisecond)
				wantBlocked(t, h, "")
				check(150 * time.Millisecond)
				wantBlocked(t, h, "task worker (#2) has blocked the loop for 150ms. Nothing else could run.")
				check(1500 * time.Millisecond)
				wantBlocked(t, h, "task worker (#2) has blocked the loop for 1.5s. Nothing else could run.")
			})
			return nil
		}
		_ = waitFor(ctx, spawn(ctx, "worker", worker))
		wantBlocked(t, h, "task worker (#2) has blocked the loop for 1.5s. Nothing else could run.") // until the next check
		check(1501 * time.Millisecond)
		wantBlocked(t, h, "")
		f := answer[introspect.Findings](t, ctx, h, "/findings").Findings
		if len(f) != 1 || !f[0].Over || !f[0].Severe || f[0].Rule != introspect.RuleBlocked || f[0].For != 1500*time.Millisecond || len(f[0].Tasks) != 1 || f[0].Tasks[0] != 2 {
			t.Errorf("%+v", f)
		}
		if !strings.Contains(f[0].Stack, "introspect_test.busy(") {
			t.Errorf("the stack is not that of the blocking step:\n%s", f[0].Stack)
		}
		return nil
	})
}

// The watch begins before Serve returns: the watchdog reports a block in the same step,
// and a block by the next task.
func TestWatchdogFromTheStart(t *testing.T) {
	tick := make(chan time.Time)
	served(t, func(ctx context.Context, _ func()) error {
		c, err := introspect.Dial(context.Background(), pid())
		if err != nil {
			return err
		}
		defer c.Close()
		now := time.Now()
		wantFound := func(want string) {
			t.Helper()
			start := now
			for _, after := range []time.Duration{0, 600, 600} { // the last tick is received after the previous check
				now = start.Add(after * time.Millisecond)
				tick <- now
			}
			f, err := c.Findings(context.Background()) // blocks the loop
			if err != nil || f.Process.Blocked != want {
				t.Errorf("the loop is blocked by %q, want %q: %v", f.Process.Blocked, want, err)
			}
		}
		wantFound("task main (#1) has blocked the loop for 600ms. Nothing else could run.")
		return waitFor(ctx, spawn(ctx, "hog", func(context.Context) error {
			wantFound("task hog (#2) has blocked the loop for 600ms. Nothing else could run.")
			return nil
		}))
	}, introspect.Watch(100*time.Millisecond, time.Second), introspect.Tick(tick))
}

// busy appears on the stack of the blocking step.
//
//go:noinline
func busy(f func()) { f() }

func wantBlocked(t *testing.T, h http.Handler, want string) {
	t.Helper()
	if got := introspect.Blocked(h); got != want {
		t.Errorf("the loop is blocked by %q, want %q", got, want)
	}
}

// The watchdog does not report short steps, even if every check finds one running, and
// not an idle loop.
func TestWatchdogIsSilent(t *testing.T) {
	watched(t, func(ctx context.Context, h http.Handler) error {
		start := time.Now()
		now := time.Duration(0)
		check := func() {
			now += 99 * time.Millisecond
			introspect.CheckWatchdog(h, start.Add(now))
			wantBlocked(t, h, "")
		}
		for range 5 { // each time in a new step
			check()
			_ = asyncio.Yield(ctx)
		}
		// The loop is idle until this job ends.
		_, err := asyncio.ToThread(ctx, func(context.Context) (int, error) {
			for !introspect.Idle(h) { // the job may begin before main has suspended
				runtime.Gosched()
			}
			for range 50 {
				check()
			}
			return 0, nil
		})
		findings(t, ctx, h).want(t)
		return err
	})
}

// A blocking callback is reported with its function. A task that blocks in its first step
// never yields.
func TestWatchdogNamesTheBlocker(t *testing.T) {
	watched(t, func(ctx context.Context, h http.Handler) error {
		start := time.Now()
		block := func(d time.Duration) {
			introspect.CheckWatchdog(h, start)
			start = start.Add(d)
			introspect.CheckWatchdog(h, start)
		}
		running(ctx).CallSoon(func(context.Context) {
			block(time.Second / 2)
			got := introspect.Blocked(h)
			if !strings.HasPrefix(got, "callback introspect_test.TestWatchdogNamesTheBlocker.") || !strings.HasSuffix(got, " has blocked the loop for 500ms. Nothing else could run.") {
				t.Errorf("the loop is blocked by %q", got)
			}
		})
		_ = asyncio.Yield(ctx)
		for _, d := range []time.Duration{time.Second / 2, 2 * time.Second} {
			_ = waitFor(ctx, spawn(ctx, "hog", func(context.Context) error { block(d); return nil }))
		}
		introspect.CheckWatchdog(h, start)
		all := (*findings(t, ctx, h))[1:] // without the callback
		all.want(t,
			"blocked loop: task hog (#2) has blocked the loop for 500ms. Nothing else could run. (over)",
			"severe never yields: task hog (#3) has run for 2s since it started and has never suspended. Nothing else could run. (over)",
		)
		return nil
	})
}
