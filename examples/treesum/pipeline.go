package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"example.com/asyncio"
)

// A pipeline hashes files and reports on each in order. It has three kinds of tasks:
//
//	walk   gets files from the work and passes them on in batches
//	hash   hashes a batch; there is one task per batch, and hashing limits how many run
//	print  writes the output of each batch, in the order of the batches
//
// If there is a progress bar, there are two more: count and show.
//
// Blocking calls run in threads, so that the loop can handle a cancel request. The queue
// from walk to print is bounded. Walk waits while the queue is full, so that memory is
// bounded for trees of any size.
type pipeline struct {
	work           work
	summers        sync.Pool
	stdout, stderr io.Writer
	meter          meter
	bar            *bar // nil if there is no progress bar
	uncounted      work // a second instance of work for meter to count; nil if there is none

	// Owned by the loop's tasks. No lock is needed, since only one of them runs at a
	// time.
	hashing *asyncio.Semaphore     // limits concurrent hash tasks
	batches *asyncio.Queue[*batch] // batches from walk to print
	printed *batch                 // batch being printed
	free    []*batch               // batches to reuse
	total   tally                  // tallies of the printed batches
}

// A work supplies the files of a pipeline and formats the results.
type work interface {
	// next returns the next file, or io.EOF if there are no more. It is called by one
	// thread at a time.
	next(ctx context.Context) (item, error)
	// tell adds the result for a file to the batch: its checksum or an error. It is
	// called by one thread at a time for each batch.
	tell(b *batch, it item, sum []byte, err error)
}

// An item is a file to hash, or an error to report.
type item struct {
	path string
	size int64  // approximate size, used to form batches and for progress
	want string // expected checksum in hex, if known
	err  error  // if not nil, the item is not hashed
}

// A batch has files that are hashed by one thread in one call. Most files are so small
// that a call for each would cost more than the hashing.
type batch struct {
	items []item
	task  *asyncio.Task[asyncio.None]
	busy  atomic.Bool // a thread uses the batch

	out, errs bytes.Buffer // for standard output and standard error
	tally     tally
}

// A batch ends when it reaches one of these limits. The limit in bytes ends it after a
// large file, so that two large files are not hashed one after the other.
const (
	batchFiles = 128
	batchBytes = 1 << 20
	window     = 64 // capacity of the queue of batches
)

// A tally counts results.
type tally struct {
	done       int // files that were hashed
	unread     int // files or directories that could not be read
	mismatched int // checksums that differ from the list
	malformed  int // malformed lines of lists
	failed     int // other errors
}

func (t *tally) add(u tally) {
	t.done += u.done
	t.unread += u.unread
	t.mismatched += u.mismatched
	t.malformed += u.malformed
	t.failed += u.failed
}

func newPipeline(w work, jobs int, newSummer func(m *meter) *summer, stdout, stderr io.Writer) *pipeline {
	p := &pipeline{
		work:    w,
		stdout:  stdout,
		stderr:  stderr,
		hashing: asyncio.NewSemaphore(jobs),
		batches: asyncio.NewQueue[*batch](window),
	}
	p.summers.New = func() any { return newSummer(&p.meter) }
	return p
}

// run runs the pipeline until all files are printed or the task of ctx is cancelled.
// After a cancel, threads may still run for a moment; see rest.
func (p *pipeline) run(ctx context.Context) error {
	return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
		tg.Go(func(ctx context.Context) error { return p.walk(ctx, tg) }, asyncio.WithName("walk"))
		if p.uncounted != nil {
			defer tg.Go(p.count, asyncio.WithName("count")).Cancel()
		}
		if p.bar != nil {
			defer p.bar.stop()
			defer tg.Go(p.bar.show, asyncio.WithName("show")).Cancel()
		}
		return p.print(ctx)
	})
}

func (p *pipeline) walk(ctx context.Context, tg *asyncio.TaskGroup) error {
	for more := true; more; {
		b := p.newBatch()
		var err error
		more, err = asyncio.ToThread(ctx, func(ctx context.Context) (bool, error) { return b.fill(ctx, p.work) })
		if err != nil {
			return err
		}
		if err := p.batches.Put(ctx, b); err != nil {
			return err
		}
		// print has not received b yet: no other task runs until this one awaits
		// something.
		b.task = tg.Go(func(ctx context.Context) error { return p.hash(ctx, b) }, asyncio.WithName("hash"))
	}
	p.batches.Shutdown(false)
	return nil
}

func (p *pipeline) hash(ctx context.Context, b *batch) error {
	return p.hashing.With(ctx, func(ctx context.Context) error {
		return inThread(ctx, func(ctx context.Context) error {
			s := p.summers.Get().(*summer)
			defer p.summers.Put(s)
			return b.hash(ctx, s, p.work)
		})
	})
}

func (p *pipeline) print(ctx context.Context) error {
	for {
		b, err := p.batches.Get(ctx)
		if errors.Is(err, asyncio.ErrQueueShutDown) {
			return nil
		}
		if err != nil {
			return err
		}
		p.printed = b
		if _, err := b.task.Await(ctx); err != nil {
			return err
		}
		if err := inThread(ctx, func(context.Context) error { return p.write(b) }); err != nil {
			return err
		}
		p.printed = nil
		p.total.add(b.tally)
		p.free = append(p.free, b)
	}
}

// rest prints the results that were not printed when run was cancelled. It must be called
// after the loop is closed. It omits batches that a blocked thread still uses.
func (p *pipeline) rest() error {
	for b, err := p.printed, error(nil); err == nil; b, err = p.batches.TryGet() {
		if b == nil || b.busy.Load() {
			continue
		}
		if err := p.write(b); err != nil {
			return err
		}
		p.total.add(b.tally)
	}
	return nil
}

// write writes the output of a batch. After an error or a cancel it can be called again
// to write the rest.
func (p *pipeline) write(b *batch) error {
	b.busy.Store(true)
	defer b.busy.Store(false)
	if _, err := b.errs.WriteTo(p.stderr); err != nil {
		return fmt.Errorf("standard error: %w", reason(err))
	}
	if _, err := b.out.WriteTo(p.stdout); err != nil {
		return fmt.Errorf("standard output: %w", reason(err))
	}
	return nil
}

func (p *pipeline) count(ctx context.Context) error {
	return inThread(ctx, func(ctx context.Context) error { return p.meter.count(ctx, p.uncounted) })
}

func (p *pipeline) newBatch() *batch {
	n := len(p.free)
	if n == 0 {
		return &batch{}
	}
	b := p.free[n-1]
	p.free = p.free[:n-1]
	return b
}

// fill replaces the items of b with new files. It returns false if no more files follow.
func (b *batch) fill(ctx context.Context, w work) (more bool, err error) {
	clear(b.items)
	b.items, b.tally = b.items[:0], tally{}
	for bytes := int64(0); len(b.items) < batchFiles && bytes < batchBytes; {
		it, err := w.next(ctx)
		if err == io.EOF {
			return false, nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return false, err
		}
		b.items = append(b.items, it)
		bytes += it.size
	}
	return true, nil
}

// hash hashes the files of b. If ctx is done first, hash returns its error; the results
// so far remain in b.
func (b *batch) hash(ctx context.Context, s *summer, w work) error {
	b.busy.Store(true)
	defer b.busy.Store(false)
	for _, it := range b.items {
		sum, err := []byte(nil), it.err
		if err == nil {
			sum, err = s.file(ctx, it.path)
		}
		if ctx.Err() != nil && err != nil {
			return ctx.Err()
		}
		w.tell(b, it, sum, err)
	}
	return nil
}

// say adds a line to the output for standard error.
func (b *batch) say(path string, err error) {
	fmt.Fprintf(&b.errs, "treesum: %s: %v\n", printable(path), reason(err))
}

// inThread is like asyncio.ToThread, for a function without a result.
func inThread(ctx context.Context, f func(ctx context.Context) error) error {
	_, err := asyncio.ToThread(ctx, func(ctx context.Context) (asyncio.None, error) { return asyncio.None{}, f(ctx) })
	return err
}
