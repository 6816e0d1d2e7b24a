package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"example.com/asyncio/cmd/asyncio/model"
	"example.com/asyncio/introspect"
)

type recordCommand struct {
	PID   string        `arg:"" name:"PID" help:"A process id; 4711.2 is the second loop of process 4711."`
	File  string        `arg:"" name:"FILE" help:"The file to write: a picture a line, in JSON. It must not be there yet, unless with --force."`
	Every time.Duration `default:"1s" help:"The time between two pictures."`
	Count int           `help:"Stop after so many pictures."`
	Force bool          `help:"Write over a file that is there."`
}

// Validate is called when the command line is read.
func (c *recordCommand) Validate() error { return positive(c.Every) }

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
	n, err := copyPictures(ctx, client, c.Every, c.Count, file)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if t.json {
		return t.writeJSON(struct {
			File     string `json:"file"`
			Pictures int    `json:"pictures"`
		}{c.File, n})
	}
	_, err = fmt.Fprintf(t.stdout, "%d pictures in %s\n", n, c.File)
	return err
}

// pictures writes a picture a line until ctx is cancelled or the process ends.
func pictures(ctx context.Context, client *introspect.Client, every time.Duration, w io.Writer) error {
	_, err := copyPictures(ctx, client, every, 0, w)
	return err
}

// copyPictures writes up to limit pictures, or without end where that is 0. Each stands on a line of its own, so that
// what was written before a hard end can be read.
func copyPictures(ctx context.Context, client *introspect.Client, every time.Duration, limit int, w io.Writer) (n int, err error) {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for {
		p, err := client.Picture(ctx)
		switch {
		case ctx.Err() != nil && n > 0, errors.Is(err, introspect.ErrNoProcess) && n > 0:
			return n, nil
		case err != nil:
			return n, err
		}
		if err := json.NewEncoder(w).Encode(p); err != nil {
			return n, err
		}
		if n++; n == limit {
			return n, nil
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return n, nil
		}
	}
}

type replayCommand struct {
	File   string        `arg:"" name:"FILE" help:"What asyncio record has written."`
	At     time.Duration `help:"Begin with the picture at this time after the first; with --ps and --pstree, show that one and not the last."`
	Ps     bool          `help:"Print the tasks, as asyncio ps." xor:"how"`
	Pstree bool          `help:"Print the tree of awaits, as asyncio pstree." xor:"how"`
}

// Run shows a recording.
func (c *replayCommand) Run(ctx context.Context, t *terminal) error {
	r, err := readRecording(c.File)
	if err != nil {
		return err
	}
	printed := c.Ps || c.Pstree || t.json
	switch {
	case c.At > 0:
		r.seek(c.At)
	case printed:
		r.at = len(r.pictures) - 1
	}
	switch {
	case c.Pstree:
		return printTree(t, r.pictures[r.at])
	case printed:
		return printTasks(t, r.pictures[r.at], r.findings())
	}
	return show(ctx, t, r)
}

// A recording is a source for top: its [ and ] go from picture to picture.
type recording struct {
	pictures []*introspect.Picture // one or more
	at       int
}

// readRecording reads a file. A last line that is cut off is left out: whoever recorded was ended hard.
func readRecording(path string) (*recording, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r := &recording{}
	for d := json.NewDecoder(bufio.NewReader(file)); ; {
		p := new(introspect.Picture)
		switch err := d.Decode(p); {
		case err == nil && p.Loop.Taken.IsZero():
			return nil, fmt.Errorf("%s is no recording", path)
		case err == nil:
			r.pictures = append(r.pictures, p)
		case len(r.pictures) > 0 && (err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF)):
			return r, nil
		case err == io.EOF:
			return nil, fmt.Errorf("%s is empty", path)
		default:
			return nil, fmt.Errorf("%s is no recording: %w", path, err)
		}
	}
}

// seek goes to the last picture that was taken no later than this after the first.
func (r *recording) seek(after time.Duration) {
	for r.at = 0; r.at+1 < len(r.pictures) && r.since(r.at+1) <= after; r.at++ {
	}
}

func (r *recording) since(i int) time.Duration {
	return r.pictures[i].Loop.Taken.Sub(r.pictures[0].Loop.Taken)
}

func (r *recording) Picture(_ context.Context, a model.Action) (*introspect.Picture, string, error) {
	switch a {
	case model.Back:
		r.at = max(0, r.at-1)
	case model.Forward:
		r.at = min(r.at+1, len(r.pictures)-1)
	}
	where := fmt.Sprintf("[picture %d of %d, at %v]", r.at+1, len(r.pictures), r.since(r.at).Round(time.Millisecond))
	return r.pictures[r.at], where, nil
}

// Task returns no page: stacks are not in a recording, since to take them all would hold the loop up.
func (r *recording) Task(context.Context, uint64) (*introspect.TaskPage, error) {
	return nil, errors.New("a recording has no stacks")
}

func (r *recording) Findings(context.Context) (*introspect.Findings, error) { return r.findings(), nil }

func (r *recording) findings() *introspect.Findings {
	p := r.pictures[r.at]
	return &introspect.Findings{Process: p.Process, Findings: introspect.Check(&p.Snapshot)}
}

func (r *recording) Events(context.Context) iter.Seq2[*introspect.Message, error] {
	return func(func(*introspect.Message, error) bool) {}
}

func (r *recording) Every() time.Duration { return 0 }
