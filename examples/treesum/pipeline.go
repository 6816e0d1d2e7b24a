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

// A pipeline hashes files and tells of each, in their order. It is three kinds of tasks:
//
//	walk   asks the work for files, and hands them on in batches
//	hash   hashes a batch; there is one task for each, and so many at a time as there are to be jobs
//	print  writes what is to be said of each batch, in the order in which they came
//
// and, where a bar is shown, two more: count and show.
//
// What blocks runs in threads, so that the loop is free to hear of a cancel. The queue
// from walk to print is bounded, and walk waits where it is full: however large the tree
// is, no more than the queue holds is in memory.
type pipeline struct {
	work           work
	summers        sync.Pool
	stdout, stderr io.Writer
	meter          meter
	bar            *bar // nil: none
	uncounted      work // the same work, for the meter to count; nil: it cannot be had twice

	// Owned by the tasks of the loop, of which one runs at a time: no locks.
	hashing *asyncio.Semaphore
	batches *asyncio.Queue[*batch] // begun, and to be printed
	printed *batch                 // being printed
	free    []*batch               // to be used again
	total   tally
}

// A work is what a pipeline is for.
type work interface {
	// next returns the next file, and io.EOF when there are no more. It is called in one thread at a time.
	next(ctx context.Context) (item, error)
	// tell notes in the batch what is to be said of a file: its checksum, or an error. It is
	// called in one thread for each batch.
	tell(b *batch, it item, sum []byte, err error)
}

// An item is a file that is to be hashed.
type item struct {
	path string
	size int64  // about: how much work it will be
	want string // the checksum that it should have, if known
	err  error  // it cannot be hashed, or is no file at all
}

// A batch is some files that are hashed in one go: most files are so small that
// to hand over each for itself would cost more than to hash it.
type batch struct {
	items []item
	task  *asyncio.Task[asyncio.None]
	busy  atomic.Bool // a thread is at work on it

	out, errs bytes.Buffer // for standard output, and standard error
	tally     tally
}

// A batch ends with the file that makes it as large as this: small files by number, large
// ones by bytes, so that two of these are not hashed one after the other.
const (
	batchFiles = 128
	batchBytes = 1 << 20
	window     = 64 // batches that the queue holds
)

// A tally counts what came of the files.
type tally struct {
	done       int // have a checksum
	unread     int // could not be read
	mismatched int
	malformed  int // lines of a list
	failed     int // other things that went wrong
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

// run returns when all is done, or ctx's task is cancelled. In that case threads
// may go on for a moment; see rest.
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
		// print cannot have looked at b yet: no other task runs before this one awaits something.
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

// rest prints what was done and not printed when run was cancelled. It is to be called when the loop
// has ended, and so have the threads; a batch in which one hangs on is left out.
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

// write writes what there is to be said of a batch. After an error or a cancel it can be called again for the rest.
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

// fill makes b a batch of new files; false if there are no more after them.
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

// hash hashes the files. If ctx ends before, that is its error, and what was done is done.
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

// say adds a line for standard error.
func (b *batch) say(path string, err error) {
	fmt.Fprintf(&b.errs, "treesum: %s: %v\n", printable(path), reason(err))
}

// inThread is asyncio.ToThread for a function without a result.
func inThread(ctx context.Context, f func(ctx context.Context) error) error {
	_, err := asyncio.ToThread(ctx, func(ctx context.Context) (asyncio.None, error) { return asyncio.None{}, f(ctx) })
	return err
}
