package main

import (
	"context"
	"runtime"
	"syscall"
	"time"
)

// A program does a workload m.n times. What comes before m.start and after m.stop is not
// measured; a program that calls neither is measured as a whole.
type program func(ctx context.Context, m *meter) error

// A meter is what a program is told, and what is measured of it.
type meter struct {
	n     int // operations to do
	batch int // tasks at a time, where it is n or less
	weigh bool

	wall, cpu time.Duration // as readings of clocks, and from stop on what passed
	stopped   bool
	before    int64 // bytes in use
	held      int64 // by what the workload holds; 0 if not weighed
	retained  int64 // when all is done; 0 if not weighed
}

// A reading is what one run of a program came to. It is also what the programs of peers
// that are not written in Go print.
type reading struct {
	N        int     `json:"n"` // operations; 0 if the peer does not have the workload
	NS       float64 `json:"ns"`
	CPU      float64 `json:"cpu"`                // ns, of all threads
	Bytes    float64 `json:"bytes,omitempty"`    // for each of n
	Retained float64 `json:"retained,omitempty"` // bytes in all that are left when all is done, after a garbage collection
}

// run runs p once. A weighed run is not for its times: memory is counted in it, and nothing ran before.
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

// hold is called while the tasks of the workload exist.
func (m *meter) hold() {
	if m.weigh {
		m.held = inUse() - m.before
	}
}

// release is called when no task is left; for a loop that is kept, before it ends.
func (m *meter) release() {
	if m.weigh && m.retained == 0 {
		m.retained = inUse() - m.before
	}
}

// inUse returns the bytes of heap and stacks that are in use.
func inUse() int64 {
	runtime.GC()
	runtime.GC() // what the first one only found to be garbage
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapInuse + s.StackInuse)
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
