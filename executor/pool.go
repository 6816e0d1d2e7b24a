package executor

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"example.com/asyncio/internal/list"
)

// Pool is an [Executor] that runs its jobs on goroutines of this process, a
// bounded number at a time, and starts them in order of submission.
//
// A goroutine is started when work comes and none is free; it is kept for later
// work, and ends at Shutdown. The queue of jobs that wait for one has no bound:
// a caller that wants one holds a semaphore around Submit.
//
// A panic in a job becomes its outcome. So does runtime.Goexit, which takes the
// goroutine with it; another takes its place.
//
// All methods may be called from any goroutine. Make one with [NewPool].
// See concurrent.futures.ThreadPoolExecutor.
type Pool struct {
	size  int           // set once, as the one below
	ended chan struct{} // closed when the pool is shut down and its last worker has ended

	mu        sync.Mutex         // guards the fields below, and those of each job that say so
	work      sync.Cond          // a free worker waits here for a job, or for closed
	closed    bool               // Shutdown has begun
	workers   int                // goroutines; those that have not begun and those that call done included
	running   int                // workers inside a job's function: the others are free
	waiting   int                // jobs that have not begun
	abandoned map[*job]time.Time // jobs that run on after they were cancelled, and since when

	// The jobs that have not ended, in order of submission. As they begin in
	// that order, those that wait are the end of the list: next is the first.
	jobs list.List[job]
	next *job
}

// NewPool makes a pool that runs up to size jobs at a time. A size of zero or
// less means min(32, runtime.NumCPU()+4), as in ThreadPoolExecutor.
// It starts no goroutine; [Pool.Shutdown] ends those that Submit starts.
func NewPool(size int) *Pool {
	if size <= 0 {
		size = min(32, runtime.NumCPU()+4)
	}
	p := &Pool{size: size, ended: make(chan struct{})}
	p.work.L = &p.mu
	return p
}

// job is a [Job] of a Pool, and its place in the pool's list.
type job struct {
	pool *Pool
	ctx  jobContext

	// Written under pool.mu, and cleared when the job has ended: a Job that
	// the caller keeps shall not keep it. While the job runs, its worker reads
	// it without the lock.
	work Work

	// Guarded by pool.mu.
	state JobState
	links list.Links[job] // in pool.jobs
}

// A Slot is room for a job of a [Pool]: see [Pool.SubmitIn]. It is that Job, from then on, and cannot be used again.
// The zero value is ready for use.
type Slot struct{ job }

// JobState is where a job stands in its life.
type JobState uint8

// The states of a job, in order. The last is seen in no listing.
const (
	Waiting   JobState = iota // has not begun
	Running                   // its function has been called
	Abandoned                 // as Running, after it was cancelled or the limit of a Shutdown passed
	ended
)

// String is the state's name in lower case.
func (s JobState) String() string {
	return [...]string{"waiting", "running", "abandoned", "ended"}[s]
}

// JobInfo describes a job that has not ended.
type JobInfo struct {
	Name  string // that of its Work
	State JobState
	Since time.Time // when it was abandoned; zero before
}

// Submit takes w on; see [Executor]. Of its own it allocates one object.
func (p *Pool) Submit(ctx context.Context, w Work) (Job, error) {
	s := &Slot{}
	if err := p.SubmitIn(s, ctx, w); err != nil {
		return nil, err
	}
	return s, nil
}

// SubmitIn is Submit for who makes an object for each job anyway, and has a Slot in it: it allocates nothing.
// It panics if s was used before.
func (p *Pool) SubmitIn(s *Slot, ctx context.Context, w Work) error {
	if ctx == nil || w == nil {
		panic("executor: Submit with a nil ctx or Work: give both, context.Background() if need be")
	}
	j := &s.job
	if j.pool != nil {
		panic("executor: SubmitIn with a Slot that was used before; each job has its own")
	}
	j.pool, j.work, j.ctx.values = p, w, ctx

	p.mu.Lock()
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

// Cancel withdraws the job or cancels its ctx; see [Job].
func (j *job) Cancel(cause error) bool {
	p := j.pool
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

// Shutdown ends the pool and its goroutines; see [Executor]. When it returns
// nil, none of them has anything left to do.
func (p *Pool) Shutdown(ctx context.Context) error {
	p.mu.Lock()
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
	for j := range p.jobs.All() {
		busy = append(busy, j)
		names = append(names, j.work.Name())
		p.abandon(j)
	}
	p.mu.Unlock()

	for _, w := range withdrawn {
		w.Done(nil, ErrWithdrawn)
	}
	if len(busy) == 0 {
		<-p.ended // at most a done is still under way
		return nil
	}
	for _, j := range busy {
		j.ctx.cancel(ErrShutdown)
	}
	return &BusyError{Jobs: names}
}

// Jobs lists the jobs that have not ended, in order of submission.
func (p *Pool) Jobs() []JobInfo {
	p.mu.Lock()
	defer p.mu.Unlock()
	infos := make([]JobInfo, 0, p.jobs.Len())
	for j := range p.jobs.All() {
		infos = append(infos, JobInfo{Name: j.work.Name(), State: j.state, Since: p.abandoned[j]})
	}
	return infos
}

// Abandoned returns how many jobs run on although nobody awaits them. Each
// takes up a place in the pool: as many as [Pool.Size], and nothing else runs.
func (p *Pool) Abandoned() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.abandoned)
}

// Size returns how many jobs can run at a time.
func (p *Pool) Size() int { return p.size }

// String tells the size of the pool and how many jobs are in it.
func (p *Pool) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	state := ""
	if p.closed {
		state = " shut down"
	}
	return fmt.Sprintf("<Pool%s size=%d running=%d abandoned=%d waiting=%d>", state, p.size, p.running, len(p.abandoned), p.waiting)
}

// runJobs is a worker: it runs jobs until the pool is shut down and none waits.
func (p *Pool) runJobs() {
	exiting := true
	defer func() {
		if exiting { // by runtime.Goexit, in f or in done
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

// begin waits for a job and marks it as running. Nil says that the worker,
// which is no longer counted, must end.
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
	p.next = j.links.Next()
	p.waiting--
	p.running++
	j.state = Running
	return j
}

// run calls the job's function, and its done with the outcome.
func (p *Pool) run(j *job) {
	var value any
	err := ErrExited // stays if f neither returns nor panics
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
		j.ctx.cancel(nil)
		p.mu.Lock()
		w := p.unlink(j)
		p.mu.Unlock()
		// The worker counts as free already. Were it not so, a Submit which this
		// call provokes would find it busy and start another goroutine, and one
		// job after another would be enough to fill the pool.
		w.Done(value, err)
	}()
	value, err = j.work.Run(&j.ctx)
}

// link adds a new job to the list. The caller holds mu, as for the two below.
func (p *Pool) link(j *job) {
	p.jobs.PushBack(j, &j.links)
	if p.next == nil {
		p.next = j
	}
	p.waiting++
}

// unlink takes a job that ends out of the list, and returns its work, whose Done the
// caller calls when it has let go of mu.
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
		p.next = j.links.Next()
	}
	p.jobs.Remove(&j.links)
	w = j.work
	j.state, j.work = ended, nil
	return w
}

// abandon marks a running job, unless it is marked.
func (p *Pool) abandon(j *job) {
	if j.state == Running {
		if p.abandoned == nil {
			p.abandoned = map[*job]time.Time{}
		}
		j.state, p.abandoned[j] = Abandoned, time.Now()
	}
}
