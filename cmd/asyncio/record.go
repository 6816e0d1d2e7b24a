package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"example.com/asyncio/introspect"
)

type recordCommand struct {
	PID   string        `arg:"" name:"PID" help:"A process id; 4711.2 is the second loop of process 4711."`
	File  string        `arg:"" name:"FILE" help:"The file to write, in lines of JSON. It must not be there yet, unless with --force."`
	Every time.Duration `default:"1s" help:"The time between two pictures. Events are all recorded, as they come."`
	Count int           `help:"Stop after so many pictures."`
	Force bool          `help:"Write over a file that is there."`
}

// Validate is called when the command line is read.
func (c *recordCommand) Validate() error { return positive(c.Every) }

// A line is a line of a recording: a message of the stream of events as it came, or a picture, and what was wrong then.
type line struct {
	introspect.Message
	Picture  *introspect.Picture  `json:"picture,omitempty"`
	Findings []introspect.Finding `json:"findings,omitempty"`
}

const kindPicture = "picture" // of a line, beside those of a Message

// Run records until ctx is cancelled, the process ends, or there are as many pictures as were asked for. A process that
// ends is a good end of a recording that has begun.
func (c *recordCommand) Run(ctx context.Context, t *terminal) (err error) {
	client, err := introspect.Dial(ctx, c.PID)
	if err != nil {
		return err
	}
	defer client.Close()
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if !c.Force {
		flags |= os.O_EXCL
	}
	file, err := os.OpenFile(c.File, flags, 0o600) // as the socket: names and errors can be secrets
	if err != nil {
		return err
	}
	r := &recorder{client: client, lines: json.NewEncoder(file)}
	if err := errors.Join(r.record(ctx, c.Every, c.Count), file.Close()); err != nil {
		return err
	}
	if t.json {
		return t.writeJSON(struct {
			File     string `json:"file"`
			Pictures int    `json:"pictures"`
			Events   uint64 `json:"events"`
			Dropped  uint64 `json:"dropped"` // events that came faster than they could be told
		}{c.File, r.pictures, r.events, r.dropped})
	}
	s := fmt.Sprintf("%d pictures and %d events in %s", r.pictures, r.events, c.File)
	if r.dropped > 0 {
		s += fmt.Sprintf("; %d more events were lost", r.dropped)
	}
	_, err = fmt.Fprintln(t.stdout, s)
	return err
}

// A recorder writes what it hears of a process. Each line is written at once, so that what was written before a hard end
// can be read.
type recorder struct {
	client *introspect.Client

	mu              sync.Mutex // guards the fields below
	lines           *json.Encoder
	pictures        int
	events, dropped uint64
	err             error // of writing
}

// record takes pictures, and beside them events.
func (r *recorder) record(ctx context.Context, every time.Duration, limit int) error {
	ctx, stop := context.WithCancel(ctx)
	var listening sync.WaitGroup
	listening.Go(func() { r.listen(ctx) })
	err := r.takePictures(ctx, every, limit)
	if err == nil && limit == 0 { // until the process ends: then the stream does, or ctx: then it does too
		listening.Wait()
	}
	stop()
	listening.Wait()
	return errors.Join(err, r.err)
}

func (r *recorder) takePictures(ctx context.Context, every time.Duration, limit int) error {
	return eachPicture(ctx, r.client, every, limit, func(p *introspect.Picture) error {
		l := &line{Picture: p}
		l.Kind = kindPicture
		if f, err := r.client.Findings(ctx); err == nil {
			l.Findings = f.Findings
		}
		return r.write(l)
	})
}

// listen writes events until there are no more. A loop that is blocked now may tell of them later. That there are none is not
// told: pictures fail too then, and say why.
func (r *recorder) listen(ctx context.Context) {
	for ctx.Err() == nil {
		for m, err := range r.client.Events(ctx) {
			switch {
			case errors.Is(err, introspect.ErrNoProcess):
				return
			case err != nil:
			case r.write(&line{Message: *m}) != nil || m.Kind == introspect.KindEnd:
				return
			}
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

func (r *recorder) write(l *line) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = r.lines.Encode(l)
	}
	if l.Kind == kindPicture {
		r.pictures++
	}
	r.events += uint64(len(l.Events))
	r.dropped += l.Dropped
	return r.err
}

// eachPicture takes pictures until ctx is cancelled, the process ends, or there are as many as limit says, if that is
// not 0. That a process has ended after its first picture is no error.
func eachPicture(ctx context.Context, client *introspect.Client, every time.Duration, limit int, do func(p *introspect.Picture) error) error {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for n := 1; ; n++ {
		p, err := client.Picture(ctx)
		switch {
		case n > 1 && (ctx.Err() != nil || errors.Is(err, introspect.ErrNoProcess)):
			return nil
		case err != nil:
			return err
		}
		if err := do(p); err != nil || n == limit {
			return err
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// printPictures writes a picture a line until ctx is cancelled or the process ends.
func printPictures(ctx context.Context, client *introspect.Client, every time.Duration, w io.Writer) error {
	lines := json.NewEncoder(w)
	return eachPicture(ctx, client, every, 0, func(p *introspect.Picture) error { return lines.Encode(p) })
}
