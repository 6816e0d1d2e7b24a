package introspect_test

import (
	"context"
	"encoding/json"
	"errors"
	"expvar"
	"fmt"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
	"example.com/asyncio/introspect"
)

// clock is virtual time in which steps can take time: they add it to extra.
type clock struct {
	driver.Driver
	extra time.Duration
}

func (c *clock) Now() time.Duration { return c.Driver.Now() + c.extra }

func (c *clock) Park(until time.Duration, outside bool) bool {
	return c.Driver.Park(until-c.extra, outside)
}

// counts returns the numbers of tasks and calls of m.
func counts(m introspect.MetricsInfo) string {
	return fmt.Sprintf("created %d results %d failed %d cancelled %d, new %d running %d suspended %d, ready %d timers %d jobs %d",
		m.Created, m.Results, m.Failed, m.Cancelled, m.New, m.Running, m.Suspended, m.Ready, m.Timers, m.Jobs)
}

// buckets returns the buckets of h that are not empty.
func buckets(h introspect.HistogramInfo) string {
	s, before := fmt.Sprintf("%d, total %v:", h.Count, h.Sum), uint64(0)
	for _, b := range h.Buckets {
		if b.Count > before {
			s += fmt.Sprintf(" %d to %v", b.Count-before, b.UpTo)
		}
		before = b.Count
	}
	if h.Count > before {
		s += fmt.Sprintf(" %d above", h.Count-before)
	}
	return s
}

// Metrics counts tasks by state and outcome, and the work of the loop.
func TestMetricsCount(t *testing.T) {
	var m introspect.Metrics
	var r lines
	under(t, &m, func(ctx context.Context) error {
		r.add("%s", counts(m.Read()))
		goOn := make(chan struct{})
		job := asyncio.RunInExecutor(ctx, nil, func(context.Context) (int, error) { <-goOn; return 0, nil })
		fails := asyncio.Go(ctx, func(context.Context) error { return errors.New("boom") })
		sleeps := asyncio.Go(ctx, func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Hour) })
		r.add("%s", counts(m.Read()))
		_ = asyncio.Yield(ctx)
		r.add("%s", counts(m.Read()))
		asyncio.Go(ctx, func(context.Context) error {
			r.add("eager: %s", counts(m.Read()))
			return nil
		}, asyncio.WithEagerStart(true))
		sleeps.Cancel()
		_, _ = sleeps.Await(ctx)
		close(goOn)
		_, err := job.Await(ctx)
		r.add("%s", counts(m.Read()))
		_ = fails.Exception()
		return err
	})
	r.add("%s", counts(m.Read()))
	r.want(t,
		"created 1 results 0 failed 0 cancelled 0, new 0 running 1 suspended 0, ready 0 timers 0 jobs 0",
		"created 3 results 0 failed 0 cancelled 0, new 2 running 1 suspended 0, ready 1 timers 0 jobs 1",
		"created 3 results 0 failed 1 cancelled 0, new 0 running 1 suspended 1, ready 0 timers 1 jobs 1",
		"eager: created 4 results 0 failed 1 cancelled 0, new 0 running 2 suspended 1, ready 0 timers 1 jobs 1",
		"created 4 results 1 failed 1 cancelled 1, new 0 running 1 suspended 0, ready 0 timers 0 jobs 0",
		"created 4 results 2 failed 1 cancelled 1, new 0 running 0 suspended 0, ready 0 timers 0 jobs 0",
	)
}

// A step of 20 ms is counted as such, and as the lag of the tasks that were ready
// meanwhile. A Sleep that a cancel ends causes no lag.
func TestMetricsOfTime(t *testing.T) {
	var m introspect.Metrics
	c := &clock{Driver: driver.NewVirtual()}
	r := asyncio.Runner{Driver: c, NoInterrupt: true, Observer: &m}
	err := r.Run(context.Background(), func(ctx context.Context) error {
		sleeper := asyncio.Go(ctx, func(ctx context.Context) error { return asyncio.Sleep(ctx, 5*time.Millisecond) })
		cancelled := asyncio.Go(ctx, func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Hour) })
		_ = asyncio.Yield(ctx)
		cancelled.Cancel()
		c.extra += 20 * time.Millisecond // a step of 20 ms: the sleeper wakes 15 ms late
		_, err := sleeper.Await(ctx)
		return err
	})
	if err := errors.Join(err, r.Close()); err != nil {
		t.Error(err)
	}
	var got lines
	got.add("steps: %s", buckets(m.Read().Steps))
	got.add("lag: %s", buckets(m.Read().Lag))
	got.want(t,
		"steps: 8, total 20ms: 7 to 10µs 1 to 50ms",
		"lag: 5, total 15ms: 4 to 10µs 1 to 50ms",
	)
}

// Metrics may be set while tasks exist, and then counts correctly. After the loop is
// closed it counts no unfinished tasks.
func TestMetricsSetLate(t *testing.T) {
	var r lines
	for _, late := range []bool{false, true} {
		var m introspect.Metrics
		l := asyncio.NewLoop(driver.NewVirtual())
		if !late {
			l.SetObserver(&m)
		}
		asyncio.Go(l.Context(), waits)
		l.CallSoon(func(context.Context) { l.Stop() })
		if err := l.RunForever(); err != nil {
			t.Error(err)
		}
		l.SetObserver(&m)
		asyncio.Go(l.Context(), waits)
		r.add("%s", counts(m.Read()))
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		r.add("%s", counts(m.Read()))
	}
	r.want(t,
		"created 2 results 0 failed 0 cancelled 0, new 1 running 0 suspended 1, ready 0 timers 1 jobs 0",
		"created 2 results 0 failed 2 cancelled 0, new 0 running 0 suspended 0, ready 0 timers 0 jobs 0",
		"created 1 results 0 failed 0 cancelled 0, new 1 running 0 suspended 1, ready 0 timers 1 jobs 0", // the other task existed before
		"created 1 results 0 failed 2 cancelled 0, new 0 running 0 suspended 0, ready 0 timers 0 jobs 0",
	)
}

// Metrics is a variable of expvar. Its text is the JSON of what Read returns.
func TestMetricsAsExpvar(t *testing.T) {
	var m introspect.Metrics
	name := fmt.Sprintf("asyncio %p", &m) // a name cannot be reused, and the test may run twice
	expvar.Publish(name, &m)
	under(t, &m, func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Second) })
	var got introspect.MetricsInfo
	if err := json.Unmarshal([]byte(expvar.Get(name).String()), &got); err != nil {
		t.Fatal(err)
	}
	if counts(got) != counts(m.Read()) || buckets(got.Lag) != buckets(m.Read().Lag) || got.Created != 1 {
		t.Errorf("the JSON is %+v, Read returns %+v", got, m.Read())
	}
}
