package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"example.com/asyncio/introspect"
)

type recordCommand struct {
	PID      string        `arg:"" name:"PID" help:"A process ID; 4711.2 is the second loop of process 4711."`
	File     string        `arg:"" name:"FILE" help:"The file to write, one JSON value per line. It must not exist, unless --force is given."`
	Every    time.Duration `default:"1s" help:"The time between two snapshots. It does not affect events."`
	Count    int           `help:"Stop after this number of snapshots."`
	NoEvents bool          `help:"Record only snapshots. The loop is then not observed."`
	Force    bool          `help:"Overwrite an existing file."`
}

// Validate is called by the command-line parser.
func (c *recordCommand) Validate() error { return checkEvery(c.Every) }

// Run records until ctx is cancelled, the process ends, or the requested number of
// snapshots is recorded.
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
	file, err := os.OpenFile(c.File, flags, 0o600) // like the socket: names and errors may be secret
	if err != nil {
		return err
	}
	got, err := client.Record(ctx, file, introspect.Recording{Every: c.Every, Pictures: c.Count, NoEvents: c.NoEvents})
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if t.json {
		return t.writeJSON(struct {
			File string `json:"file"`
			introspect.Recorded
		}{c.File, got})
	}
	s := fmt.Sprintf("%d snapshots and %d events in %s", got.Pictures, got.Events, c.File)
	if got.Dropped > 0 {
		s += fmt.Sprintf("; %d more events are missing", got.Dropped)
	}
	_, err = fmt.Fprintln(t.stdout, s)
	return err
}

// printPictures writes one snapshot per line until ctx is cancelled or the process ends.
// The end of the process is an error only before the first snapshot.
func printPictures(ctx context.Context, client *introspect.Client, every time.Duration, w io.Writer) error {
	lines := json.NewEncoder(w)
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for first := true; ; first = false {
		p, err := client.Picture(ctx)
		switch {
		case !first && (ctx.Err() != nil || errors.Is(err, introspect.ErrNoProcess)):
			return nil
		case err != nil:
			return err
		}
		if err := lines.Encode(p); err != nil {
			return err
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return nil
		}
	}
}
