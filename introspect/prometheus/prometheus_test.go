package prometheus_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
	asyncioprom "example.com/asyncio/introspect/prometheus"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// A registry exposes the metrics of a running loop, with tasks in each state and of each
// outcome. In virtual time steps take no time.
func TestExposition(t *testing.T) {
	metrics := asyncioprom.New()
	registry := prometheus.NewPedanticRegistry() // checks that the metrics match their descriptions
	registry.MustRegister(metrics)
	r := asyncio.Runner{Driver: driver.NewVirtual(), NoInterrupt: true, Observer: metrics}
	err := r.Run(context.Background(), func(ctx context.Context) error {
		failing := asyncio.Go(ctx, func(context.Context) error { return errors.New("boom") })
		cancelled := asyncio.Go(ctx, func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Hour) })
		asyncio.Go(ctx, func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Hour) })
		_ = asyncio.Yield(ctx)
		cancelled.Cancel()
		_, _ = cancelled.Await(ctx)
		_ = failing.Exception()
		asyncio.Go(ctx, func(context.Context) error { return nil })
		return testutil.GatherAndCompare(registry, strings.NewReader(exposed))
	})
	if err := errors.Join(err, r.Close()); err != nil {
		t.Error(err)
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint of the names and help texts: %v, %v", problems, err)
	}
}

const exposed = `# HELP asyncio_cancel_requests_total Cancel requests of tasks.
# TYPE asyncio_cancel_requests_total counter
asyncio_cancel_requests_total 1
# HELP asyncio_executor_jobs Jobs in executors, and other work outside the loop.
# TYPE asyncio_executor_jobs gauge
asyncio_executor_jobs 0
# HELP asyncio_loop_lag_seconds Time that ready tasks waited for their turn.
# TYPE asyncio_loop_lag_seconds histogram
asyncio_loop_lag_seconds_bucket{le="1e-05"} 5
asyncio_loop_lag_seconds_bucket{le="5e-05"} 5
asyncio_loop_lag_seconds_bucket{le="0.0001"} 5
asyncio_loop_lag_seconds_bucket{le="0.0005"} 5
asyncio_loop_lag_seconds_bucket{le="0.001"} 5
asyncio_loop_lag_seconds_bucket{le="0.005"} 5
asyncio_loop_lag_seconds_bucket{le="0.01"} 5
asyncio_loop_lag_seconds_bucket{le="0.05"} 5
asyncio_loop_lag_seconds_bucket{le="0.1"} 5
asyncio_loop_lag_seconds_bucket{le="0.5"} 5
asyncio_loop_lag_seconds_bucket{le="1"} 5
asyncio_loop_lag_seconds_bucket{le="5"} 5
asyncio_loop_lag_seconds_bucket{le="+Inf"} 5
asyncio_loop_lag_seconds_sum 0
asyncio_loop_lag_seconds_count 5
# HELP asyncio_ready_queue_length Calls and tasks that are ready to run.
# TYPE asyncio_ready_queue_length gauge
asyncio_ready_queue_length 0
# HELP asyncio_step_duration_seconds Duration of the steps of tasks and callbacks.
# TYPE asyncio_step_duration_seconds histogram
asyncio_step_duration_seconds_bucket{le="1e-05"} 6
asyncio_step_duration_seconds_bucket{le="5e-05"} 6
asyncio_step_duration_seconds_bucket{le="0.0001"} 6
asyncio_step_duration_seconds_bucket{le="0.0005"} 6
asyncio_step_duration_seconds_bucket{le="0.001"} 6
asyncio_step_duration_seconds_bucket{le="0.005"} 6
asyncio_step_duration_seconds_bucket{le="0.01"} 6
asyncio_step_duration_seconds_bucket{le="0.05"} 6
asyncio_step_duration_seconds_bucket{le="0.1"} 6
asyncio_step_duration_seconds_bucket{le="0.5"} 6
asyncio_step_duration_seconds_bucket{le="1"} 6
asyncio_step_duration_seconds_bucket{le="5"} 6
asyncio_step_duration_seconds_bucket{le="+Inf"} 6
asyncio_step_duration_seconds_sum 0
asyncio_step_duration_seconds_count 6
# HELP asyncio_tasks Unfinished tasks, by state: new (not started), running, suspended.
# TYPE asyncio_tasks gauge
asyncio_tasks{state="new"} 1
asyncio_tasks{state="running"} 1
asyncio_tasks{state="suspended"} 1
# HELP asyncio_tasks_created_total Tasks created.
# TYPE asyncio_tasks_created_total counter
asyncio_tasks_created_total 5
# HELP asyncio_tasks_ended_total Tasks ended, by outcome: result, error, cancelled.
# TYPE asyncio_tasks_ended_total counter
asyncio_tasks_ended_total{outcome="cancelled"} 1
asyncio_tasks_ended_total{outcome="error"} 1
asyncio_tasks_ended_total{outcome="result"} 0
# HELP asyncio_timers Timers set.
# TYPE asyncio_timers gauge
asyncio_timers 1
`

// Two loops in one registry are distinguished by a label.
func TestTwoLoops(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	for _, name := range []string{"a", "b"} {
		metrics := asyncioprom.New()
		prometheus.WrapRegistererWith(prometheus.Labels{"loop": name}, registry).MustRegister(metrics)
		r := asyncio.Runner{Driver: driver.NewVirtual(), NoInterrupt: true, Observer: metrics}
		err := r.Run(context.Background(), func(ctx context.Context) error {
			if name == "b" {
				asyncio.Go(ctx, asyncio.Yield)
			}
			return nil
		})
		if err := errors.Join(err, r.Close()); err != nil {
			t.Error(err)
		}
	}
	want := `
		# HELP asyncio_tasks_created_total Tasks created.
		# TYPE asyncio_tasks_created_total counter
		asyncio_tasks_created_total{loop="a"} 1
		asyncio_tasks_created_total{loop="b"} 2
	`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "asyncio_tasks_created_total"); err != nil {
		t.Error(err)
	}
}
