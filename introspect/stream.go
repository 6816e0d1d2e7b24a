package introspect

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"example.com/asyncio"
)

const (
	batchEvery  = 50 * time.Millisecond
	sampleEvery = 20               // batches
	maxBatch    = 1000             // events: while they are copied the loop waits
	writeLimit  = 30 * time.Second // for a reader that takes nothing
)

// serveEvents is the stream. Whatever the reader does, this goroutine waits for it and not the loop.
func (s *server) serveEvents(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := patience(r)
	defer cancel()
	st := &stream{server: s, out: http.NewResponseController(w), lines: json.NewEncoder(w)}
	// From the first event on that is not in the snapshot, and some before, which the snapshot has already.
	err := s.onLoop(ctx, func() {
		s.hub.hold()
		st.at = s.hub.keep()
	})
	// Also where it took too long: it is then held later, and dropped behind that.
	defer func() { _, _ = s.loop.CallSoonThreadsafe(func(context.Context) { s.hub.hide(); s.hub.drop() }) }()
	var snap *asyncio.Snapshot
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
	st.began = st.at
	if st.write(&Message{Kind: KindHello, Seq: st.at, Hello: &Picture{s.process(), *snap}}) == nil {
		st.run(r.Context())
	}
}

// A stream is one reader.
type stream struct {
	*server
	out     *http.ResponseController
	lines   *json.Encoder
	at      uint64 // the next event
	began   uint64 // what at was in the hello
	dropped uint64
	batch   []event
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
		first, batch := st.hub.read(st.at, make([]event, 0, maxBatch))
		if len(batch) == 0 {
			return
		}
		for _, e := range batch {
			if e.time >= t {
				return
			}
			first++
			st.at = first
		}
	}
}

// flush sends the events that have come.
func (st *stream) flush() error {
	for {
		if st.batch == nil {
			st.batch = make([]event, 0, maxBatch)
		}
		first, batch := st.hub.read(st.at, st.batch[:0])
		if len(batch) == 0 {
			return nil
		}
		m := &Message{Kind: KindEvents, Seq: first, Dropped: first - st.at}
		for i := range batch {
			m.Events = append(m.Events, batch[i].info())
		}
		clear(batch) // what they hold is not to be kept
		st.dropped += m.Dropped
		st.at = first + uint64(len(batch))
		if err := st.write(m); err != nil {
			return err
		}
	}
}

// takeSample asks the loop how it does, for a second at most: what it does not answer stays as it was.
func (st *stream) takeSample(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	asked := time.Now()
	var got Sample
	err := st.onLoop(ctx, func() {
		got.Lag, got.Time, got.Tasks = time.Since(asked), st.loop.Time(), st.hub.tasks
		got.Ready, got.Timers, got.Outside = st.loop.Load()
	})
	if err == nil {
		st.sample = got
	} else {
		st.sample.Lag = time.Since(asked)
	}
	st.sample.Taken, st.sample.Events, st.sample.Dropped, st.sample.Blocked = time.Now(), st.at-st.began, st.dropped, ""
	if st.hub.watch != nil {
		st.sample.Blocked = st.hub.watch.runs()
	}
}

func (st *stream) write(m *Message) error {
	_ = st.out.SetWriteDeadline(time.Now().Add(writeLimit)) // not all that is written to has one
	if err := st.lines.Encode(m); err != nil {
		return err
	}
	return st.out.Flush()
}
