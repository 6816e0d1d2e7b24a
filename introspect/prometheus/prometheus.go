// Package prometheus has Prometheus collect what happens on a loop: tasks by state and by outcome, how long steps take, how far the
// loop lags behind, what is queued on it.
//
//	metrics := asyncioprom.New()
//	prometheus.MustRegister(metrics)
//	r := asyncio.Runner{Observer: metrics}
//
// It is a module of its own, since it requires github.com/prometheus/client_golang. Import it as asyncioprom, beside that.
package prometheus

import (
	"example.com/asyncio/inspect"
	"example.com/asyncio/introspect"
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what happens on a loop: it is an [inspect.Observer] and a [prometheus.Collector]. [New] makes one. Each loop needs one of its
// own; a program with several tells them apart by a label:
//
//	prometheus.WrapRegistererWith(prometheus.Labels{"loop": "main"}, prometheus.DefaultRegisterer).MustRegister(metrics)
//
// Collecting does not ask the loop, and does not wait for one that is blocked.
type Metrics struct {
	counts introspect.Metrics // which says what each is
}

var (
	_ inspect.Observer     = (*Metrics)(nil)
	_ prometheus.Collector = (*Metrics)(nil)
)

// New returns Metrics that count from where they are set on, as the Observer of a loop or of a Runner.
func New() *Metrics { return &Metrics{} }

// Observe counts e.
func (m *Metrics) Observe(e *inspect.Event) { m.counts.Observe(e) }

var (
	created = prometheus.NewDesc("asyncio_tasks_created_total", "Tasks made.", nil, nil)
	ended   = prometheus.NewDesc("asyncio_tasks_ended_total", "Tasks that have ended, by outcome: result, error, cancelled.", []string{"outcome"}, nil)
	cancels = prometheus.NewDesc("asyncio_cancel_requests_total", "Requests to cancel a task.", nil, nil)
	tasks   = prometheus.NewDesc("asyncio_tasks", "Tasks that have not ended, by state: new (not begun), running, suspended.", []string{"state"}, nil)
	ready   = prometheus.NewDesc("asyncio_ready_queue_length", "Calls and tasks that can run.", nil, nil)
	timers  = prometheus.NewDesc("asyncio_timers", "Timers that are set.", nil, nil)
	jobs    = prometheus.NewDesc("asyncio_executor_jobs", "Jobs in executors, and other work whose end comes in from outside of the loop.", nil, nil)
	steps   = prometheus.NewDesc("asyncio_step_duration_seconds", "How long tasks and callbacks run until they let others.", nil, nil)
	lag     = prometheus.NewDesc("asyncio_loop_lag_seconds", "How long tasks that could run had to wait for their turn.", nil, nil)
)

// Describe sends the descriptions of all that Collect sends.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{created, ended, cancels, tasks, ready, timers, jobs, steps, lag} {
		ch <- d
	}
}

// Collect sends what was counted. Any goroutine may call it.
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
