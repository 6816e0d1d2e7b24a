package executor

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// Pool is an [Executor] that runs jobs on goroutines of this process. It limits how many
// run at a time, and starts them in order of submission.
//
//   - A goroutine is started when a job is submitted and no goroutine is free. It is kept
//     for later jobs, and ends at Shutdown.
//   - The queue of waiting jobs has no bound. Hold a semaphore around Submit to add one.
//   - A panic in a job becomes its outcome, and so does runtime.Goexit. A goroutine that
//     ends by Goexit is replaced.
//
// All methods may be called from any goroutine. Use [NewPool] to choose the size; the
// zero Pool has the default size. See concurrent.futures.ThreadPoolExecutor.
type Pool struct {
	mu sync.Mutex // guards the fields below, and the fields of job that say so

	// Set by setUp, and constant afterwards.
	size  int           // the maximum of workers
	ended chan struct{} // closed when the pool is shut down and its last worker has ended

	work      sync.Cond          // a free worker waits for a job or for closed
	closed    bool               // Shutdown has begun
	workers   int                // goroutines, including those that have not begun or call Done
	running   int                // workers inside Run; the others are free
	waiting   int                // jobs that have not begun
	abandoned map[*job]time.Time // running jobs that were cancelled, and when

	// Jobs that have not ended, in order of submission. The list is written here: with
	// internal/list a Slot is 16 bytes larger, and a burst of jobs takes 12 % longer.
	first, last *job
	next        *job // first waiting job; all later ones are waiting too
}

// NewPool returns a pool that runs up to size jobs at a time. A size of zero or less
// means min(32, runtime.NumCPU()+4), as in ThreadPoolExecutor. NewPool starts no
// goroutine; [Pool.Shutdown] ends those that Submit starts.
func NewPool(size int) *Pool {
	p := &Pool{}
	p.setUp(size)
	return p
}

func (p *Pool) setUp(size int) {
	if size <= 0 {
		size = min(32, runtime.NumCPU()+4)
	}
	p.size, p.ended = size, make(chan struct{})
	p.work.L = &p.mu
}

// lock locks mu. It initializes a zero Pool. Code that runs only after a Submit locks mu
// directly.
func (p *Pool) lock() {
	if p == nil {
		panic("executor: use of a nil *Pool; make it with NewPool")
	}
	p.mu.Lock()
	if p.ended == nil {
		p.setUp(0)
	}
}

// job is a [Job] of a Pool and an element of its list.
type job struct {
	pool *Pool
	ctx  jobContext

	// Written under pool.mu; read without it by the worker while the job runs. Cleared at
	// the end, so that a Job that the caller keeps does not retain it.
	work Work

	// Guarded by pool.mu.
	state      JobState
	prev, next *job // in the list of the pool
}

// A Slot is memory for a job of a [Pool]; see [Pool.SubmitIn]. The zero value is ready
// for use. SubmitIn turns it into the [Job]; it cannot be used again.
type Slot struct{ job }

// JobState is the state of a job.
type JobState uint8

// The states of a job, in order. Pool.Jobs does not list ended jobs.
const (
	Waiting   JobState = iota // has not begun
	Running                   // Run has been called
	Abandoned                 // running, but cancelled or past the limit of a Shutdown
	ended
)

// String returns the name of the state in lower case.
func (s JobState) String() string {
	return [...]string{"waiting", "running", "abandoned", "ended"}[s]
}

// JobInfo describes a job that has not ended.
type JobInfo struct {
	Name  string // Work.Name
	State JobState
	Since time.Time // when the job was abandoned; zero if it was not
}

// Submit accepts w; see [Executor]. It allocates one object.
func (p *Pool) Submit(ctx context.Context, w Work) (Job, error) {
	s := &Slot{}
	if err := p.SubmitIn(s, ctx, w); err != nil {
		return nil, err
	}
	return s, nil
}

// SubmitIn is Submit without the allocation: s is the memory for the job. It is for
// callers that allocate an object for each job anyway, and embed a Slot in it. It panics
// if s was used before.
func (p *Pool) SubmitIn(s *Slot, ctx context.Context, w Work) error {
	if ctx == nil || w == nil {
		panic("executor: Submit with a nil ctx or Work; use context.Background() if there is no ctx")
	}
	if s == nil {
		panic("executor: SubmitIn with a nil Slot; use new(Slot), or Submit")
	}
	j := &s.job
	if j.pool != nil {
		panic("executor: SubmitIn with a Slot that was used before; use a new Slot for each job")
	}
	j.pool, j.work, j.ctx.values = p, w, ctx

	p.lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrShutdown
	}
	p.link(j)
	switch free := p.workers - p.running; {
	case p.waiting <= free:
		p.work.Signal()
	case p.workers < p.size:
		p.workers++
		go p.runJobs()
	}
	return nil
}

// Cancel withdraws the job, or cancels its ctx; see [Job].
func (j *job) Cancel(cause error) bool {
	p := j.pool
	if p == nil {
		panic("executor: Cancel of a Slot that was not submitted; call SubmitIn first")
	}
	p.mu.Lock()
	switch j.state {
	case Waiting:
		w := p.unlink(j)
		p.mu.Unlock()
		w.Done(nil, ErrWithdrawn)
		return true
	case Running:
		p.abandon(j)
		p.mu.Unlock()
		j.ctx.cancel(cause)
	default:
		p.mu.Unlock()
	}
	return false
}

// Shutdown shuts down the pool and ends its goroutines; see [Executor]. When it returns
// nil, they have nothing left to do.
func (p *Pool) Shutdown(ctx context.Context) error {
	if ctx == nil {
		panic("executor: Shutdown with a nil ctx; use context.Background() to wait without a limit")
	}
	p.lock()
	if !p.closed {
		p.closed = true
		p.work.Broadcast()
		if p.workers == 0 {
			close(p.ended)
		}
	}
	p.mu.Unlock()

	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
	}

	var withdrawn []Work
	var busy []*job
	p.mu.Lock()
	for p.next != nil {
		withdrawn = append(withdrawn, p.unlink(p.next))
	}
	var names []string
	for j := p.first; j != nil; j = j.next {
		busy = append(busy, j)
		names = append(names, j.work.Name())
		p.abandon(j)
	}
	p.mu.Unlock()

	for _, w := range withdrawn {
		w.Done(nil, ErrWithdrawn)
	}
	if len(busy) == 0 {
		<-p.ended // at most a Done is still running
		return nil
	}
	for _, j := range busy {
		j.ctx.cancel(ErrShutdown)
	}
	return &BusyError{Jobs: names}
}

// Jobs returns the jobs that have not ended, in order of submission.
func (p *Pool) Jobs() []JobInfo {
	p.lock()
	defer p.mu.Unlock()
	infos := make([]JobInfo, 0, p.waiting+p.running)
	for j := p.first; j != nil; j = j.next {
		infos = append(infos, JobInfo{Name: j.work.Name(), State: j.state, Since: p.abandoned[j]})
	}
	return infos
}

// Abandoned returns the number of jobs that continue to run after they were cancelled.
// Each occupies one of the [Pool.Size] goroutines of the pool. When all are occupied, no
// other job begins.
func (p *Pool) Abandoned() int {
	p.lock()
	defer p.mu.Unlock()
	return len(p.abandoned)
}

// Size returns the number of jobs that can run at a time.
func (p *Pool) Size() int {
	p.lock()
	defer p.mu.Unlock()
	return p.size
}

// String returns the size of the pool and the number of its jobs in each state.
func (p *Pool) String() string {
	p.lock()
	defer p.mu.Unlock()
	state := ""
	if p.closed {
		state = " shut down"
	}
	return fmt.Sprintf("<Pool%s size=%d running=%d abandoned=%d waiting=%d>", state, p.size, p.running, len(p.abandoned), p.waiting)
}

// runJobs is a worker: it runs jobs until the pool is shut down and no job is waiting.
func (p *Pool) runJobs() {
	exiting := true
	defer func() {
		if exiting { // by runtime.Goexit in Run or Done
			go p.runJobs()
		}
	}()
	for {
		j := p.begin()
		if j == nil {
			exiting = false
			return
		}
		p.run(j)
	}
}

// begin waits for a job and marks it as running. If it returns nil, the worker is no
// longer counted and must end.
func (p *Pool) begin() *job {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.next == nil {
		if p.closed {
			p.workers--
			if p.workers == 0 {
				close(p.ended)
			}
			return nil
		}
		p.work.Wait()
	}
	j := p.next
	p.next = j.next
	p.waiting--
	p.running++
	j.state = Running
	return j
}

// run calls Run and passes the outcome to Done.
func (p *Pool) run(j *job) {
	var value any
	err := ErrExited // unless Run returns or panics
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
		j.ctx.cancel(nil)
		p.mu.Lock()
		w := p.unlink(j)
		p.mu.Unlock()
		// The worker is already counted as free. Otherwise a Submit in Done would start
		// another goroutine, and a chain of such jobs would fill the pool.
		w.Done(value, err)
	}()
	value, err = j.work.Run(&j.ctx)
}

// link adds a new job to the list. The caller holds mu.
func (p *Pool) link(j *job) {
	if j.prev = p.last; j.prev == nil {
		p.first = j
	} else {
		j.prev.next = j
	}
	p.last = j
	if p.next == nil {
		p.next = j
	}
	p.waiting++
}

// unlink removes an ending job from the list. The caller holds mu, and calls Done of the
// returned Work after releasing it.
func (p *Pool) unlink(j *job) (w Work) {
	switch j.state {
	case Waiting:
		p.waiting--
	case Abandoned:
		delete(p.abandoned, j)
		fallthrough
	case Running:
		p.running--
	}
	if j == p.next {
		p.next = j.next
	}
	if j.prev == nil {
		p.first = j.next
	} else {
		j.prev.next = j.next
	}
	if j.next == nil {
		p.last = j.prev
	} else {
		j.next.prev = j.prev
	}
	w = j.work
	j.state, j.prev, j.next, j.work = ended, nil, nil, nil
	return w
}

// abandon marks a running job as abandoned. The caller holds mu.
func (p *Pool) abandon(j *job) {
	if j.state == Running {
		if p.abandoned == nil {
			p.abandoned = map[*job]time.Time{}
		}
		j.state, p.abandoned[j] = Abandoned, time.Now()
	}
}
