package main

import (
	"context"
	"runtime"
	"time"
)

// A program performs m.n operations of a workload. Only the part between m.start and
// m.stop is measured. A program that calls neither is measured as a whole.
type program func(ctx context.Context, m *meter) error

// A meter holds the parameters of one run of a program and its measurements.
type meter struct {
	n     int  // operations to perform
	batch int  // concurrent tasks, at most n
	weigh bool // measure memory

	wall, cpu time.Duration // clock readings from start; elapsed time after stop
	stopped   bool          // stop was called after the last start
	before    int64         // bytes in use before the run
	held      int64         // bytes that the workload's tasks hold; 0 if not weighed
	retained  int64         // bytes still in use after the run; 0 if not weighed
}

// A reading is the result of one run of a program. Peers in other languages print it as
// JSON.
type reading struct {
	N        int     `json:"n"`                  // operations; 0 if the peer does not implement the workload
	NS       float64 `json:"ns"`                 // wall time
	CPU      float64 `json:"cpu"`                // CPU time of all threads, in ns
	Bytes    float64 `json:"bytes,omitempty"`    // per operation
	Retained float64 `json:"retained,omitempty"` // total after the run and a garbage collection
}

// run runs p once. If weigh is set, it measures memory; the times are then not
// meaningful. A weighed run must be the first of the process.
func run(p program, n, batch int, weigh bool) (reading, error) {
	m := &meter{n: n, batch: batch, weigh: weigh}
	runtime.GC()
	if weigh {
		m.before = inUse()
	}
	m.start()
	if err := p(context.Background(), m); err != nil {
		return reading{}, err
	}
	m.stop()
	r := reading{N: n, NS: float64(m.wall), CPU: float64(m.cpu), Bytes: float64(m.held) / float64(n)}
	m.release()
	r.Retained = float64(m.retained)
	return r, nil
}

func (m *meter) start() {
	m.stopped = false
	m.wall, m.cpu = time.Duration(time.Now().UnixNano()), cpuTime()
}

func (m *meter) stop() {
	if !m.stopped {
		m.wall, m.cpu = time.Duration(time.Now().UnixNano())-m.wall, cpuTime()-m.cpu
		m.stopped = true
	}
}

// hold measures the memory in use. A program calls it while the workload's tasks exist.
func (m *meter) hold() {
	if m.weigh {
		m.held = inUse() - m.before
	}
}

// release measures the memory still in use. It is called when no task is left; a program
// with a loop calls it before the loop closes.
func (m *meter) release() {
	if m.weigh && m.retained == 0 {
		m.retained = inUse() - m.before
	}
}

// inUse returns the bytes of heap and stacks in use.
func inUse() int64 {
	runtime.GC()
	runtime.GC() // frees what the first collection only identified as garbage
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapInuse + s.StackInuse)
}
