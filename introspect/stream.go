package introspect

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"example.com/asyncio/inspect"
)

const (
	batchEvery  = 50 * time.Millisecond
	sampleEvery = 20               // batches
	maxBatch    = 1000             // events: while they are copied the loop waits, if it has one to tell of
	writeLimit  = 30 * time.Second // for a reader that takes nothing
)

// serveEvents is the stream. Whatever the reader does, this goroutine waits for it and not the loop.
func (s *server) serveEvents(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := patience(r)
	defer cancel()
	st := &stream{server: s, out: w, control: http.NewResponseController(w)}
	// From the first event on that is not in the snapshot, and some before, which the snapshot has already.
	err := s.onLoop(ctx, func() {
		s.hub.hold()
		st.at = s.hub.keep()
	})
	// Also where it took too long: it is then held later, and dropped behind that.
	defer func() { _, _ = s.loop.CallSoonThreadsafe(func(context.Context) { s.hub.hide(); s.hub.drop() }) }()
	var snap *inspect.Snapshot
	if err == nil {
		snap, err = s.snapshot(ctx)
	}
	if err != nil {
		writeError(w, http.StatusServiceUnavailable, err)
		return
	}
	s.readers.Add(1)
	defer s.readers.Add(-1)
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("X-Accel-Buffering", "no")
	st.skipTo(snap.Loop.Time)
	st.began = st.at.next
	if st.write(&Message{Kind: KindHello, Seq: st.at.next, Hello: &Picture{s.process(), *snap}}) == nil {
		st.run(r.Context())
	}
}

// A stream is one reader.
type stream struct {
	*server
	out     http.ResponseWriter
	control *http.ResponseController
	at      place
	began   uint64 // the number of the first event behind the hello
	dropped uint64
	batch   batch
	line    []byte
	sample  Sample
}

func (st *stream) run(ctx context.Context) {
	at, stop := st.tick(batchEvery)
	defer stop()
	for n := 1; ; n++ {
		select {
		case <-at:
		case <-ctx.Done(): // the reader, or the server
			_ = st.flush()
			_ = st.write(&Message{Kind: KindEnd, Reason: "stopped"})
			return
		case <-st.ended:
			_ = st.flush()
			_ = st.write(&Message{Kind: KindEnd, Reason: "the loop has ended, or serves no more"})
			return
		}
		if st.flush() != nil {
			return
		}
		if n%sampleEvery == 0 {
			st.takeSample(ctx)
			if st.write(&Message{Kind: KindSample, Sample: &st.sample}) != nil {
				return
			}
		}
	}
}

// skipTo passes over the events before a time: a snapshot of that time has them in it.
func (st *stream) skipTo(t time.Duration) {
	for {
		before := st.at
		_ = st.hub.read(&st.at, &st.batch)
		for _, e := range st.batch.events {
			if e.time >= t {
				st.at = before
				return
			}
			before.kept++
			before.next = e.number + 1
		}
		if len(st.batch.events) == 0 {
			return
		}
	}
}

// flush sends the events that have come. That is once round the ring at most: a loop that makes events as fast as they are written would
// keep this goroutine busy for good.
func (st *stream) flush() error {
	for sent := 0; sent < ringSize; {
		missing := st.hub.read(&st.at, &st.batch)
		n := len(st.batch.events)
		if n == 0 && missing == 0 {
			break
		}
		st.line = appendEvents(st.line[:0], st.at.next-uint64(n), missing, &st.batch)
		clear(st.batch.more) // it is not to be kept
		st.dropped += missing
		sent += n
		if err := st.send(st.line); err != nil {
			return err
		}
	}
	st.hub.hasRead(st.at)
	return nil
}

// takeSample asks the loop how it does, for a second at most: what it does not answer stays as it was.
func (st *stream) takeSample(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	asked := time.Now()
	var got Sample
	err := st.onLoop(ctx, func() {
		got.Lag, got.Time, got.Tasks = time.Since(asked), st.loop.Time(), st.loop.TaskCount()
		got.Ready, got.Timers, got.Outside = st.loop.Load()
	})
	if err == nil {
		st.sample = got
	} else {
		st.sample.Lag = time.Since(asked)
	}
	st.sample.Taken, st.sample.Events, st.sample.Dropped, st.sample.Blocked = time.Now(), st.at.next-st.began, st.dropped, ""
	if st.hub.watch != nil {
		st.sample.Blocked = st.hub.watch.runs()
	}
}

func (st *stream) write(m *Message) error {
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return st.send(append(line, '\n'))
}

func (st *stream) send(line []byte) error {
	_ = st.control.SetWriteDeadline(time.Now().Add(writeLimit)) // not all that is written to has one
	if _, err := st.out.Write(line); err != nil {
		return err
	}
	return st.control.Flush()
}
