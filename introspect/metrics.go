package introspect

import (
	"encoding/json"
	"sync"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/inspect"
)

// Metrics counts what happens on a loop. It is an Observer, which counts from where it is set on, and a variable of
// package expvar, as JSON. Each loop needs one of its own. The zero Metrics is ready for use:
//
//	var metrics introspect.Metrics
//	expvar.Publish("asyncio", &metrics)
//	asyncio.Runner{Observer: &metrics}
//
// [example.com/asyncio/introspect/prometheus] has the same for Prometheus. Any goroutine may read it, at any time: also while
// the loop is blocked.
type Metrics struct {
	mu    sync.Mutex // guards all fields; nobody has it for longer than it takes to copy them
	now   MetricsInfo
	steps histogram
	lag   histogram

	// Of the loop.
	looked bool
	before uint64                // tasks that there were before the first event
	began  []time.Duration       // when the steps began that are under way: more than one where a task starts eagerly in another
	turns  map[inspect.Task]turn // of the tasks that can run, as far as that is known, and of those that sleep
}

// A turn is what a task waits for that can run.
type turn struct {
	from  time.Duration // since when; or from when on
	first bool          // it has not begun
}

// MetricsInfo is what [Metrics] has counted. Its JSON is stable, as that of a [inspect.Snapshot]; durations are nanoseconds.
type MetricsInfo struct {
	Created   uint64 `json:"created"`   // tasks
	Results   uint64 `json:"results"`   // tasks that have ended without an error
	Failed    uint64 `json:"failed"`    // tasks that have ended with an error
	Cancelled uint64 `json:"cancelled"` // tasks that have ended cancelled
	Cancels   uint64 `json:"cancels"`   // requests to cancel a task

	New       int `json:"new"`       // tasks that have not begun
	Running   int `json:"running"`   // tasks in a step: one, or more where one starts another eagerly
	Suspended int `json:"suspended"` // tasks that wait, or that have been woken and wait for their turn

	Ready  int `json:"ready"`  // what can run: see [asyncio.Loop.Load], as of the last event
	Timers int `json:"timers"` // that are set
	Jobs   int `json:"jobs"`   // in executors, and other work whose end comes in from outside

	// Steps is how long tasks and callbacks run until they let others. What a task starts eagerly is part of its step.
	Steps HistogramInfo `json:"steps"`
	// Lag is how long tasks that could run had to wait: from their creation, from a Yield, or from where the time of a
	// Sleep was up.
	Lag HistogramInfo `json:"lag"`
}

// HistogramInfo is a distribution of durations.
type HistogramInfo struct {
	Count   uint64        `json:"count"`
	Sum     time.Duration `json:"sum"`
	Buckets []Bucket      `json:"buckets"`
}

// A Bucket is how many durations there were up to one; those of the buckets before it are among them.
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
	counts [len(bounds) + 1]uint64 // of those up to a bound and above the one before
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
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.looked {
		m.look(e)
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
		} else { // it is killed where it stands, perhaps before it has begun
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

// look finds out what there is as the first event comes.
func (m *Metrics) look(e *inspect.Event) {
	m.looked = true
	m.turns = map[inspect.Task]turn{}
	for _, t := range e.Loop.(*asyncio.Loop).AllTasks() {
		if e.Kind != inspect.TaskCreated || inspect.Task(t) != e.Task {
			m.before++
		}
	}
	if e.Kind == inspect.TaskEnded { // AllTasks has no longer the one
		m.before++
	}
}

func (m *Metrics) begin(e *inspect.Event) { m.began = append(m.began, e.Loop.Time()) }

// end ends the step that began last, unless that was before the first event.
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

// turnCame notes how long the task has waited for its turn, if it did nothing else.
func (m *Metrics) turnCame(e *inspect.Event) {
	t, ok := m.turns[e.Task]
	if !ok {
		return
	}
	m.forget(e.Task)
	if lag := m.began[len(m.began)-1] - t.from; lag >= 0 { // else it was woken from its Sleep by a cancel
		m.lag.add(lag)
	}
}

func (m *Metrics) forget(t inspect.Task) {
	if m.turns[t].first {
		m.now.New--
	}
	delete(m.turns, t)
}

// Read returns what was counted. Any goroutine may call it.
func (m *Metrics) Read() MetricsInfo {
	m.mu.Lock()
	defer m.mu.Unlock()
	info := m.now
	live := m.before + info.Created - info.Results - info.Failed - info.Cancelled
	info.Suspended = int(live) - info.New - info.Running
	info.Steps, info.Lag = m.steps.info(), m.lag.info()
	return info
}

// String returns what was counted as JSON, as package expvar wants it. Any goroutine may call it.
func (m *Metrics) String() string {
	text, _ := json.Marshal(m.Read()) // of numbers only
	return string(text)
}
