package introspect

import (
	"encoding/json"
	"sync"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/inspect"
)

// Metrics counts the events of a loop, from the time when it is set as the Observer. It
// is also a variable of package expvar. Each loop needs its own. The zero value is ready
// to use:
//
//	var metrics introspect.Metrics
//	expvar.Publish("asyncio", &metrics)
//	asyncio.Runner{Observer: &metrics}
//
// Any goroutine may read it at any time, even while the loop is blocked. For Prometheus
// see [example.com/asyncio/introspect/prometheus].
type Metrics struct {
	mu    sync.Mutex // guards all fields; held only while they are updated or copied
	now   MetricsInfo
	steps histogram
	lag   histogram

	started bool                  // the first event was observed
	before  uint64                // the number of tasks that existed before the first event
	began   []time.Duration       // when each current step began, in the loop's time; several if a task starts another eagerly
	turns   map[inspect.Task]turn // the tasks that are known to be ready, and those that sleep
}

// A turn is the wait of a task from the time when it can run until it runs.
type turn struct {
	from  time.Duration // when the task became ready or will be, in the loop's time
	first bool          // the task has not started
}

// MetricsInfo is a reading of [Metrics]. Its JSON is stable. Durations are nanoseconds.
type MetricsInfo struct {
	Created   uint64 `json:"created"`   // tasks created
	Results   uint64 `json:"results"`   // tasks that ended without an error
	Failed    uint64 `json:"failed"`    // tasks that ended with an error
	Cancelled uint64 `json:"cancelled"` // tasks that ended cancelled
	Cancels   uint64 `json:"cancels"`   // cancel requests of tasks

	New       int `json:"new"`       // tasks that have not started
	Running   int `json:"running"`   // tasks in a step: usually one, more if a task starts another eagerly
	Suspended int `json:"suspended"` // tasks that wait, or that were woken and wait for their turn

	// The result of [asyncio.Loop.Load] at the last event.
	Ready  int `json:"ready"`  // calls and tasks that can run
	Timers int `json:"timers"` // timers that are set
	Jobs   int `json:"jobs"`   // jobs in executors, and other work outside the loop

	// Steps is how long the steps of tasks and callbacks took. The step of a task
	// includes the first steps of the tasks that it starts eagerly.
	Steps HistogramInfo `json:"steps"`
	// Lag is how long ready tasks waited for their turn: after their creation, after a
	// Yield, or after the deadline of a Sleep.
	Lag HistogramInfo `json:"lag"`
}

// HistogramInfo is a distribution of durations.
type HistogramInfo struct {
	Count   uint64        `json:"count"`
	Sum     time.Duration `json:"sum"`
	Buckets []Bucket      `json:"buckets"`
}

// A Bucket counts the durations of at most UpTo, including those of the smaller buckets.
type Bucket struct {
	UpTo  time.Duration `json:"up_to"`
	Count uint64        `json:"count"`
}

var bounds = [...]time.Duration{
	10 * time.Microsecond, 50 * time.Microsecond, 100 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 5 * time.Second,
}

type histogram struct {
	counts [len(bounds) + 1]uint64 // the durations up to each bound and above the previous one; the last count: above all bounds
	sum    time.Duration
}

func (h *histogram) add(d time.Duration) {
	i := 0
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	h.counts[i]++
	h.sum += d
}

func (h *histogram) info() HistogramInfo {
	info := HistogramInfo{Sum: h.sum, Buckets: make([]Bucket, len(bounds))}
	for i, n := range h.counts {
		info.Count += n
		if i < len(bounds) {
			info.Buckets[i] = Bucket{bounds[i], info.Count}
		}
	}
	return info
}

// Observe counts e.
func (m *Metrics) Observe(e *inspect.Event) {
	if e == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.started {
		m.start(e)
	}
	switch e.Kind {
	case inspect.TaskCreated:
		m.now.Created++
		m.now.New++
		m.turns[e.Task] = turn{e.Loop.Time(), true}
	case inspect.TaskStarted, inspect.TaskResumed:
		m.now.Running++
		m.begin(e)
		m.turnCame(e)
	case inspect.TaskSuspended:
		now := m.end(e)
		switch on := e.On.(type) {
		case nil:
			m.turns[e.Task] = turn{from: now}
		case interface{ When() time.Duration }: // a Sleep
			m.turns[e.Task] = turn{from: on.When()}
		}
	case inspect.TaskCancelAsked:
		m.now.Cancels++
	case inspect.TaskEnded:
		switch {
		case e.Err == nil:
			m.now.Results++
		case e.Task.Cancelled():
			m.now.Cancelled++
		default:
			m.now.Failed++
		}
		if e.Loop.IsRunning() {
			m.end(e)
		} else { // the closing loop killed the task, perhaps before it started
			m.forget(e.Task)
			m.now.Ready, m.now.Timers, m.now.Jobs = 0, 0, 0
			return
		}
	case inspect.CallBegun:
		m.begin(e)
	case inspect.CallEnded:
		m.end(e)
	}
	m.now.Ready, m.now.Timers, m.now.Jobs = e.Loop.Load()
}

// start counts the tasks that existed before the first event, e.
func (m *Metrics) start(e *inspect.Event) {
	m.started = true
	m.turns = map[inspect.Task]turn{}
	for _, t := range e.Loop.(*asyncio.Loop).AllTasks() {
		if e.Kind != inspect.TaskCreated || inspect.Task(t) != e.Task {
			m.before++
		}
	}
	if e.Kind == inspect.TaskEnded { // AllTasks no longer includes the task
		m.before++
	}
}

func (m *Metrics) begin(e *inspect.Event) { m.began = append(m.began, e.Loop.Time()) }

// end ends the step that began last, unless it began before the first event.
func (m *Metrics) end(e *inspect.Event) (now time.Duration) {
	now = e.Loop.Time()
	last := len(m.began) - 1
	if last < 0 {
		return now
	}
	if e.Task != nil {
		m.now.Running--
	}
	m.steps.add(now - m.began[last])
	m.began = m.began[:last]
	return now
}

// turnCame records how long a ready task waited for its turn.
func (m *Metrics) turnCame(e *inspect.Event) {
	t, ok := m.turns[e.Task]
	if !ok {
		return
	}
	m.forget(e.Task)
	if lag := m.began[len(m.began)-1] - t.from; lag >= 0 { // negative: a cancel woke the task from its Sleep
		m.lag.add(lag)
	}
}

func (m *Metrics) forget(t inspect.Task) {
	if m.turns[t].first {
		m.now.New--
	}
	delete(m.turns, t)
}

// Read returns the current values. Any goroutine may call it.
func (m *Metrics) Read() MetricsInfo {
	m.mu.Lock()
	defer m.mu.Unlock()
	info := m.now
	live := m.before + info.Created - info.Results - info.Failed - info.Cancelled
	info.Suspended = int(live) - info.New - info.Running
	info.Steps, info.Lag = m.steps.info(), m.lag.info()
	return info
}

// String returns the current values as JSON, for package expvar. Any goroutine may call
// it.
func (m *Metrics) String() string {
	text, _ := json.Marshal(m.Read()) // numbers always marshal
	return string(text)
}
