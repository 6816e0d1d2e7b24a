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
	sampleEvery = 20               // the number of batches between two samples
	maxBatch    = 1000             // events; the loop's next event waits while a batch is copied
	writeLimit  = 30 * time.Second // a reader that accepts nothing for this long is disconnected
)

// serveEvents serves the stream. A slow reader blocks this goroutine, not the loop.
func (s *server) serveEvents(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := loopContext(r)
	defer cancel()
	st := &stream{server: s, out: w, control: http.NewResponseController(w)}
	// Subscribe before the snapshot is taken, so that no event is lost between the two.
	// skipTo removes the events that the snapshot already includes.
	err := s.onLoop(ctx, func() {
		s.hub.attach()
		st.cursor = s.hub.subscribe()
	})
	// After a timeout too: the loop then attaches later, and detaches after that.
	defer func() { _, _ = s.loop.CallSoonThreadsafe(func(context.Context) { s.hub.hideCall(); s.hub.detach() }) }()
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
	st.first = st.cursor.next
	if st.write(&Message{Kind: KindHello, Seq: st.cursor.next, Hello: &Picture{s.process(), *snap}}) == nil {
		st.run(r.Context())
	}
}

// A stream is one reader of events.
type stream struct {
	*server
	out     http.ResponseWriter
	control *http.ResponseController
	cursor  cursor
	first   uint64 // the number of the first event after the hello
	dropped uint64 // how many events are missing since then
	batch   batch  // reused
	line    []byte // reused
	sample  Sample // the last sample
}

func (st *stream) run(ctx context.Context) {
	at, stop := st.tick(batchEvery)
	defer stop()
	for n := 1; ; n++ {
		select {
		case <-at:
		case <-ctx.Done(): // the reader or the server has ended
			_ = st.flush()
			_ = st.write(&Message{Kind: KindEnd, Reason: "stopped"})
			return
		case <-st.ended:
			_ = st.flush()
			_ = st.write(&Message{Kind: KindEnd, Reason: "the loop has ended or is no longer served"})
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

// skipTo skips the events before a time, which a snapshot of that time includes.
func (st *stream) skipTo(t time.Duration) {
	for {
		before := st.cursor
		_ = st.hub.read(&st.cursor, &st.batch)
		for _, e := range st.batch.events {
			if e.time >= t {
				st.cursor = before
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

// flush sends the available events, at most ringSize of them. A loop that produces events
// as fast as they are written could otherwise keep it busy forever.
func (st *stream) flush() error {
	for sent := 0; sent < ringSize; {
		missing := st.hub.read(&st.cursor, &st.batch)
		n := len(st.batch.events)
		if n == 0 && missing == 0 {
			break
		}
		st.line = appendEvents(st.line[:0], st.cursor.next-uint64(n), missing, &st.batch)
		clear(st.batch.more) // allow garbage collection
		st.dropped += missing
		sent += n
		if err := st.send(st.line); err != nil {
			return err
		}
	}
	st.hub.hasRead(st.cursor)
	return nil
}

// takeSample asks the loop for its state and waits at most a second. If the loop does not
// respond, its state remains that of the last sample.
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
	st.sample.Taken, st.sample.Events, st.sample.Dropped, st.sample.Blocked = time.Now(), st.cursor.next-st.first, st.dropped, ""
	if st.hub.watch != nil {
		st.sample.Blocked = st.hub.watch.blockedBy()
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
	_ = st.control.SetWriteDeadline(time.Now().Add(writeLimit)) // not every writer supports it
	if _, err := st.out.Write(line); err != nil {
		return err
	}
	return st.control.Flush()
}
