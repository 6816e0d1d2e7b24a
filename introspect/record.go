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
)

// A recording is text: a JSON object a line. The first line says so, and the version; the others are [Message]s, as they came.
// Each line is written at once, so that what was written before a hard end can be read.

const (
	kindRecording    = "asyncio recording"
	recordingVersion = 1
)

type recordingHead struct {
	Kind    string `json:"kind"`
	Version int    `json:"version"`
}

// ErrNoRecording is what [ReadRecording] fails with if it is given something else; errors.Is finds it.
var ErrNoRecording = errors.New("no recording of package introspect")

// A Recording says what [Client.Record] is to record; the zero value is all, and a picture a second.
type Recording struct {
	Every    time.Duration // the time between two pictures; 0 is a second
	Pictures int           // ends it after so many; 0 does not
	NoEvents bool          // pictures only: then the loop is not observed, and pays for nothing but those
}

// Recorded is how much [Client.Record] has written.
type Recorded struct {
	Pictures int    `json:"pictures"` // that of the hello is one
	Events   uint64 `json:"events"`
	Dropped  uint64 `json:"dropped"` // events that are missing, since nobody could write them as fast
}

// Record writes to w what happens in the process until ctx ends, the process does, or there are as many pictures as were asked for: all of
// these are good ends, of which the last line tells, a message "end". While the loop is blocked there are no pictures; the events
// go on behind that. [ReadRecording] reads it.
//
// Its errors: w cannot be written to; the process cannot be asked, and nothing was recorded.
func (c *Client) Record(ctx context.Context, w io.Writer, what Recording) (Recorded, error) {
	type result struct {
		m   *Message
		err error
	}
	results := make(chan result)
	asked := ctx
	ctx, cancel := context.WithCancel(asked)
	var askers sync.WaitGroup
	defer askers.Wait()
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
		askers.Go(func() {
			for m, err := range c.Events(ctx) {
				if !send(m, err) {
					return
				}
			}
		})
	}
	askers.Go(func() {
		c.sendPictures(ctx, what, send)
	})

	r := recorder{lines: json.NewEncoder(w)}
	for {
		var got result
		select {
		case got = <-results:
		case <-asked.Done():
			got.err = asked.Err()
		}
		switch {
		case got.err != nil && !r.begun:
			return r.Recorded, got.err
		case got.err != nil && asked.Err() != nil:
			return r.end("the recording was stopped")
		case got.err != nil:
			return r.end(got.err.Error())
		}
		if err := r.write(got.m); err != nil || got.m.Kind == KindEnd {
			return r.Recorded, err
		}
		if r.Pictures == what.Pictures {
			return r.end("there are as many pictures as were asked for")
		}
	}
}

// sendPictures sends a picture now and then. The first is that of the hello, where there are events. Those that fail are left out, unless
// nobody else would tell of it.
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

// ReadRecording yields the messages of what [Client.Record] has written: a "hello" or a "picture" first. An error is the last that it yields, and says
// in which line: r is something else, or of a newer version ([ErrNoRecording]); the last line is cut off, since who
// wrote it was ended hard ([io.ErrUnexpectedEOF]; what was yielded before is good); or it is one of r's own.
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
				err = fmt.Errorf("asyncio: it is empty: %w", ErrNoRecording)
			case err != nil && err != io.EOF:
			case n == 1:
				err = checkHead(line)
			case err == io.EOF:
				err = fmt.Errorf("asyncio: the recording is cut off in line %d: %w", n, io.ErrUnexpectedEOF)
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
		return fmt.Errorf("asyncio: the recording has version %d, and this program reads up to %d; read it with a newer one: %w", head.Version, recordingVersion, ErrNoRecording)
	case whole && head.Kind == kindRecording:
		return nil
	case bytes.HasPrefix(start, line): // and no more
		return fmt.Errorf("asyncio: the recording is cut off in line 1: %w", io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("asyncio: it does not begin with %s: %w", start, ErrNoRecording)
}

func messageOf(line []byte, n int) (*Message, error) {
	m := new(Message)
	err := json.Unmarshal(line, m)
	if err == nil && (m.Kind == "" || m.Kind == KindHello && m.Hello == nil || m.Kind == KindPicture && m.Picture == nil) {
		err = errors.New("its kind is missing, or what belongs to it")
	}
	if err != nil {
		return nil, fmt.Errorf("asyncio: line %d is no message: %w: %w", n, err, ErrNoRecording)
	}
	return m, nil
}
