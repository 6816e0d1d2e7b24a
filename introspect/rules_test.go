package introspect_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/introspect"
)

// findings returns the findings of h, one per line, without the advice.
func findings(t *testing.T, ctx context.Context, h http.Handler) *lines {
	t.Helper()
	var all lines
	for _, f := range answer[introspect.Findings](t, ctx, h, "/findings").Findings {
		severe, over := "", ""
		if f.Severe {
			severe = "severe "
		}
		if f.Over {
			over = " (over)"
		}
		all.add("%s%s: %s%s", severe, f.Rule, f.Text, over)
	}
	return &all
}

// watched runs main with a handler with the option Watch. The test triggers the
// watchdog's checks.
func watched(t *testing.T, main func(ctx context.Context, h http.Handler) error) {
	t.Helper()
	run(t, func(ctx context.Context) error {
		h := introspect.Handler(running(ctx), introspect.Watch(100*time.Millisecond, time.Second), introspect.Tick(make(chan time.Time)))
		_ = asyncio.Yield(ctx)
		_ = asyncio.Yield(ctx) // the watch begins in the first turn
		return main(ctx, h)
	})
}

// A task that continues after a cancel is reported after twenty awaits and ten seconds,
// and if it ends normally. A task that withdraws the request or cleans up slowly is not
// reported.
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
		findings(t, ctx, h).want(t, "severe swallowed cancel: task deaf (#2) was asked to cancel by task main 25.5s ago. It has continued, and has awaited 26 times since.")
		for _, task := range all {
			_ = waitFor(ctx, task)
		}
		findings(t, ctx, h).want(t, "swallowed cancel: task deaf (#2) was asked to cancel by task main, and ended normally 30s later. (over)")
		return nil
	})
}

// A queue is reported if it has doubled three times, over five seconds, to a thousand
// items. A burst, a smaller queue, and a queue that is being emptied are not reported.
func TestGrowingQueue(t *testing.T) {
	watched(t, func(ctx context.Context, h http.Handler) error {
		queues := map[string]*asyncio.Queue[int]{}
		for _, name := range []string{"grows", "burst", "small", "emptied"} {
			q := asyncio.NewQueue[int](0)
			queues[name] = q
			getter := spawn(ctx, name, func(ctx context.Context) error { _, err := q.Get(ctx); return err }) // binds the queue to the loop
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
		findings(t, ctx, h).want(t, "severe growing queue: <Queue maxsize=0 size=1024 unfinished=1025> keeps growing: from 64 items to 1024 in 8s. More items are put in than are taken out.")
		for range 100 {
			_, _ = queues["grows"].TryGet()
		}
		findings(t, ctx, h).want(t)
		return nil
	})
}

// An unread error is reported from ten seconds on, until it is read.
func TestUnreadError(t *testing.T) {
	watched(t, func(ctx context.Context, h http.Handler) error {
		failed := spawn(ctx, "fetch", func(context.Context) error { return errors.New("no such host") })
		_ = asyncio.Sleep(ctx, 10*time.Second-time.Millisecond)
		findings(t, ctx, h).want(t)
		_ = asyncio.Sleep(ctx, time.Millisecond)
		findings(t, ctx, h).want(t, "unread error: task fetch (#2) failed 10s ago, and its error was never read: no such host")
		_ = failed.Exception()
		findings(t, ctx, h).want(t)
		return nil
	})
}
