package introspect

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	"example.com/asyncio"
)

// A recording is text with one JSON object per line. The first line has the format and
// its version; the others are [Message]s. Each line is written immediately, so that a
// recording that was killed can be read up to there.

const (
	kindRecording    = "asyncio recording"
	recordingVersion = 1
)

type recordingHead struct {
	Kind    string `json:"kind"`
	Version int    `json:"version"`
}

// ErrNoRecording is wrapped by the errors of [ReadRecording] for anything but a
// recording.
var ErrNoRecording = errors.New("not a recording of package introspect")

// A Recording selects what [Client.Record] records. The zero value records all events and
// a picture per second.
type Recording struct {
	Every    time.Duration // the time between two pictures; 0: a second
	Pictures int           // the number of pictures after which the recording ends; 0: no limit
	NoEvents bool          // record only pictures; the loop is then not observed
}

// Recorded is how much [Client.Record] has written.
type Recorded struct {
	Pictures int    `json:"pictures"` // pictures, including the one of the hello
	Events   uint64 `json:"events"`   // events
	Dropped  uint64 `json:"dropped"`  // events that are missing, since they came too fast
}

// Record writes to w what happens in the process. [ReadRecording] reads it.
//
//   - It returns when ctx ends, when the process ends, or after the requested number of
//     pictures. None of these is an error. The last line is a message "end" with the
//     reason.
//   - While the loop is blocked it takes no pictures. The events continue afterwards.
//   - Its errors are those of w; and if nothing was recorded yet, those of the process.
func (c *Client) Record(ctx context.Context, w io.Writer, what Recording) (Recorded, error) {
	if ctx == nil || w == nil {
		return Recorded{}, fmt.Errorf("%w: Record with a nil ctx or writer; pass both", asyncio.ErrInvalidArgument)
	}
	type result struct {
		m   *Message
		err error
	}
	results := make(chan result)
	outer := ctx
	ctx, cancel := context.WithCancel(outer)
	var senders sync.WaitGroup
	defer senders.Wait()
	defer cancel()
	send := func(m *Message, err error) bool {
		select {
		case results <- result{m, err}:
			return true
		case <-ctx.Done():
			return false
		}
	}
	if !what.NoEvents {
		senders.Go(func() {
			for m, err := range c.Events(ctx) {
				if !send(m, err) {
					return
				}
			}
		})
	}
	senders.Go(func() {
		c.sendPictures(ctx, what, send)
	})

	r := recorder{lines: json.NewEncoder(w)}
	for {
		var got result
		select {
		case got = <-results:
		case <-outer.Done():
			got.err = outer.Err()
		}
		switch {
		case got.err != nil && !r.begun:
			return r.Recorded, got.err
		case got.err != nil && outer.Err() != nil:
			return r.end("the recording was stopped")
		case got.err != nil:
			return r.end(got.err.Error())
		}
		if err := r.write(got.m); err != nil || got.m.Kind == KindEnd {
			return r.Recorded, err
		}
		if r.Pictures == what.Pictures {
			return r.end("the requested number of pictures was recorded")
		}
	}
}

// sendPictures sends pictures at regular intervals. With events, the hello has the first
// one. Errors are ignored if the stream of events reports them too.
func (c *Client) sendPictures(ctx context.Context, what Recording, send func(*Message, error) bool) {
	every := what.Every
	if every <= 0 {
		every = time.Second
	}
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for first := what.NoEvents; ; first = false {
		if !first {
			select {
			case <-ticks.C:
			case <-ctx.Done():
				return
			}
		}
		m := &Message{Kind: KindPicture}
		var err error
		m.Picture, err = c.Picture(ctx)
		if err == nil {
			if f, err := c.Findings(ctx); err == nil {
				m.Findings = f.Findings
			}
		}
		matters := err == nil || what.NoEvents && (first || errors.Is(err, ErrNoProcess))
		if matters && !send(m, err) {
			return
		}
	}
}

// A recorder writes the lines of a recording.
type recorder struct {
	lines *json.Encoder
	begun bool
	Recorded
}

func (r *recorder) write(m *Message) error {
	if !r.begun {
		r.begun = true
		if err := r.lines.Encode(recordingHead{kindRecording, recordingVersion}); err != nil {
			return err
		}
	}
	if m.Kind == KindHello || m.Kind == KindPicture {
		r.Pictures++
	}
	r.Events += uint64(len(m.Events))
	r.Dropped += m.Dropped
	return r.lines.Encode(m)
}

func (r *recorder) end(reason string) (Recorded, error) {
	return r.Recorded, r.write(&Message{Kind: KindEnd, Reason: reason})
}

// ReadRecording yields the messages that [Client.Record] has written. The first one is a
// "hello" or a "picture". It ends after an error, which names the line:
//
//   - [ErrNoRecording]: r is not a recording, or has a newer version.
//   - [io.ErrUnexpectedEOF]: the last line is incomplete, since the recorder was killed.
//     The messages before it are valid.
//   - Other errors come from r.
func ReadRecording(r io.Reader) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		lines := bufio.NewReader(r)
		for n := 1; ; n++ {
			line, err := lines.ReadBytes('\n')
			var m *Message
			switch {
			case err == io.EOF && n > 2 && len(line) == 0:
				return
			case err == io.EOF && n == 1 && len(line) == 0:
				err = fmt.Errorf("asyncio: read recording: the file is empty: %w", ErrNoRecording)
			case err != nil && err != io.EOF:
			case n == 1:
				err = checkHead(line)
			case err == io.EOF:
				err = fmt.Errorf("asyncio: read recording: line %d is incomplete: %w", n, io.ErrUnexpectedEOF)
			default:
				m, err = messageOf(line, n)
			}
			if n == 1 && err == nil {
				continue
			}
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

func checkHead(line []byte) error {
	var head recordingHead
	whole := json.Unmarshal(line, &head) == nil
	start, _ := json.Marshal(recordingHead{kindRecording, recordingVersion})
	switch {
	case whole && head.Kind == kindRecording && head.Version > recordingVersion:
		return fmt.Errorf("asyncio: read recording: its version is %d, this program reads up to %d; use a newer program: %w", head.Version, recordingVersion, ErrNoRecording)
	case whole && head.Kind == kindRecording:
		return nil
	case bytes.HasPrefix(start, line): // a part of the first line
		return fmt.Errorf("asyncio: read recording: line 1 is incomplete: %w", io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("asyncio: read recording: it does not begin with %s: %w", start, ErrNoRecording)
}

func messageOf(line []byte, n int) (*Message, error) {
	m := new(Message)
	err := json.Unmarshal(line, m)
	if err == nil && (m.Kind == "" || m.Kind == KindHello && m.Hello == nil || m.Kind == KindPicture && m.Picture == nil) {
		err = errors.New("the kind or its data is missing")
	}
	if err != nil {
		return nil, fmt.Errorf("asyncio: read recording: line %d is not a message: %w: %w", n, err, ErrNoRecording)
	}
	return m, nil
}
