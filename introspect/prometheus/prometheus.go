// Package prometheus exports metrics of a loop to Prometheus: tasks by state and outcome,
// the duration of steps, the lag of the loop, and the lengths of its queues.
//
//	metrics := asyncioprom.New()
//	prometheus.MustRegister(metrics)
//	r := asyncio.Runner{Observer: metrics}
//
// It is a separate module, since it requires github.com/prometheus/client_golang. Import
// it as asyncioprom, beside that package.
package prometheus

import (
	"example.com/asyncio/inspect"
	"example.com/asyncio/introspect"
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts the events of a loop. It is an [inspect.Observer] and a
// [prometheus.Collector]; [New] returns one. Each loop needs its own. A program with
// several loops distinguishes them by a label:
//
//	labels := prometheus.Labels{"loop": "main"}
//	r := prometheus.WrapRegistererWith(labels, prometheus.DefaultRegisterer)
//	r.MustRegister(metrics)
//
// Collecting does not involve the loop, and works while the loop is blocked.
type Metrics struct {
	counts introspect.Metrics
}

var (
	_ inspect.Observer     = (*Metrics)(nil)
	_ prometheus.Collector = (*Metrics)(nil)
)

// New returns Metrics. Set it as the Observer of a loop or a Runner; it counts from then
// on.
func New() *Metrics { return &Metrics{} }

// Observe counts e.
func (m *Metrics) Observe(e *inspect.Event) { m.counts.Observe(e) }

var (
	created = prometheus.NewDesc("asyncio_tasks_created_total", "Tasks created.", nil, nil)
	ended   = prometheus.NewDesc("asyncio_tasks_ended_total", "Tasks ended, by outcome: result, error, cancelled.", []string{"outcome"}, nil)
	cancels = prometheus.NewDesc("asyncio_cancel_requests_total", "Cancel requests of tasks.", nil, nil)
	tasks   = prometheus.NewDesc("asyncio_tasks", "Unfinished tasks, by state: new (not started), running, suspended.", []string{"state"}, nil)
	ready   = prometheus.NewDesc("asyncio_ready_queue_length", "Calls and tasks that are ready to run.", nil, nil)
	timers  = prometheus.NewDesc("asyncio_timers", "Timers set.", nil, nil)
	jobs    = prometheus.NewDesc("asyncio_executor_jobs", "Jobs in executors, and other work outside the loop.", nil, nil)
	steps   = prometheus.NewDesc("asyncio_step_duration_seconds", "Duration of the steps of tasks and callbacks.", nil, nil)
	lag     = prometheus.NewDesc("asyncio_loop_lag_seconds", "Time that ready tasks waited for their turn.", nil, nil)
)

// Describe sends the descriptions of the metrics that Collect sends.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{created, ended, cancels, tasks, ready, timers, jobs, steps, lag} {
		ch <- d
	}
}

// Collect sends the current values. Any goroutine may call it.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	now := m.counts.Read()
	send := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}
	send(created, prometheus.CounterValue, float64(now.Created))
	send(ended, prometheus.CounterValue, float64(now.Results), "result")
	send(ended, prometheus.CounterValue, float64(now.Failed), "error")
	send(ended, prometheus.CounterValue, float64(now.Cancelled), "cancelled")
	send(cancels, prometheus.CounterValue, float64(now.Cancels))
	send(tasks, prometheus.GaugeValue, float64(now.New), "new")
	send(tasks, prometheus.GaugeValue, float64(now.Running), "running")
	send(tasks, prometheus.GaugeValue, float64(now.Suspended), "suspended")
	send(ready, prometheus.GaugeValue, float64(now.Ready))
	send(timers, prometheus.GaugeValue, float64(now.Timers))
	send(jobs, prometheus.GaugeValue, float64(now.Jobs))
	ch <- histogram(steps, now.Steps)
	ch <- histogram(lag, now.Lag)
}

func histogram(d *prometheus.Desc, h introspect.HistogramInfo) prometheus.Metric {
	buckets := map[float64]uint64{}
	for _, b := range h.Buckets {
		buckets[b.UpTo.Seconds()] = b.Count
	}
	return prometheus.MustNewConstHistogram(d, h.Count, h.Sum.Seconds(), buckets)
}
