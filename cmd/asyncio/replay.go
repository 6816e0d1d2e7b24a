package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/asyncio/cmd/asyncio/model"
	"example.com/asyncio/inspect"
	"example.com/asyncio/introspect"
)

type replayCommand struct {
	File   string        `arg:"" name:"FILE" help:"A file written by asyncio record."`
	At     time.Duration `help:"Begin with the snapshot at this time after the first. --ps and --pstree print this one instead of the last."`
	Ps     bool          `help:"Print the tasks, like asyncio ps." xor:"how"`
	Pstree bool          `help:"Print the tree of awaits, like asyncio pstree." xor:"how"`
	Web    bool          `help:"Show the recording in the browser, like asyncio web." xor:"how"`
	Port   int           `help:"With --web: the port on 127.0.0.1; by default any free port."`
	Stay   bool          `help:"With --web: do not open the browser."`
}

// Run shows a recording.
func (c *replayCommand) Run(ctx context.Context, t *terminal) error {
	r, err := openRecording(c.File)
	if err != nil {
		return err
	}
	printed := c.Ps || c.Pstree || t.json && !c.Web
	switch {
	case c.At > 0:
		r.seek(c.At)
	case printed:
		r.at = len(r.pictures) - 1
	}
	switch {
	case c.Pstree:
		return printTree(t, r.pictures[r.at].Picture)
	case printed:
		return printTasks(t, r.pictures[r.at].Picture, r.findings(r.at))
	case c.Web:
		return serveWeb(ctx, t, r.handler(), c.Port, c.Stay)
	}
	return show(ctx, t, r)
}

// A recording is a source for top, where [ and ] go from snapshot to snapshot, and for
// the page.
type recording struct {
	path     string
	pictures []recorded // at least one
	seq      uint64     // the sequence number of the first event
	at       int        // the index of the current snapshot
}

// recorded is a snapshot, with the findings of that time.
type recorded struct {
	*introspect.Picture
	findings []introspect.Finding // nil: none were recorded
}

// openRecording reads a file. It ignores a truncated last line, which a killed recorder
// leaves.
func openRecording(path string) (*recording, error) {
	r := &recording{path: path}
	for m, err := range r.messages() {
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF) && len(r.pictures) > 0:
		case errors.Is(err, introspect.ErrNoRecording) || errors.Is(err, io.ErrUnexpectedEOF):
			return nil, fmt.Errorf("%s: %s", path, strings.TrimPrefix(err.Error(), "asyncio: "))
		case err != nil:
			return nil, err
		case m.Kind == introspect.KindHello:
			r.pictures, r.seq = append(r.pictures, recorded{m.Hello, m.Findings}), m.Seq
		case m.Kind == introspect.KindPicture:
			r.pictures = append(r.pictures, recorded{m.Picture, m.Findings})
		}
	}
	if len(r.pictures) == 0 {
		return nil, fmt.Errorf("%s has no snapshot", path)
	}
	return r, nil
}

// messages reads the file again for each use, since the events may not fit into memory.
func (r *recording) messages() iter.Seq2[*introspect.Message, error] {
	return func(yield func(*introspect.Message, error) bool) {
		file, err := os.Open(r.path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer file.Close()
		introspect.ReadRecording(file)(yield)
	}
}

// seek selects the last snapshot that was taken at most this long after the first.
func (r *recording) seek(after time.Duration) {
	for r.at = 0; r.at+1 < len(r.pictures) && r.since(r.at+1) <= after; r.at++ {
	}
}

func (r *recording) since(i int) time.Duration {
	return r.pictures[i].Loop.Taken.Sub(r.pictures[0].Loop.Taken)
}

// Picture returns the current snapshot, which Back and Forward change.
func (r *recording) Picture(_ context.Context, a model.Action) (*introspect.Picture, string, error) {
	switch a {
	case model.Back:
		r.at = max(0, r.at-1)
	case model.Forward:
		r.at = min(r.at+1, len(r.pictures)-1)
	}
	where := fmt.Sprintf("[snapshot %d of %d, at %v]", r.at+1, len(r.pictures), r.since(r.at).Round(time.Millisecond))
	return r.pictures[r.at].Picture, where, nil
}

var errNoStacks = errors.New("a recording has no stacks") // taking them all would block the loop

// Task returns errNoStacks.
func (r *recording) Task(context.Context, uint64) (*introspect.TaskPage, error) {
	return nil, errNoStacks
}

// Findings returns the findings of the current snapshot.
func (r *recording) Findings(context.Context) (*introspect.Findings, error) {
	return r.findings(r.at), nil
}

func (r *recording) findings(at int) *introspect.Findings {
	p := r.pictures[at]
	if p.findings == nil {
		p.findings = introspect.Check(&p.Snapshot)
	}
	return &introspect.Findings{Process: p.Process, Findings: p.findings}
}

// Events yields all events and samples.
func (r *recording) Events(ctx context.Context) iter.Seq2[*introspect.Message, error] {
	return func(yield func(*introspect.Message, error) bool) {
		for m, err := range r.messages() {
			if err != nil || ctx.Err() != nil { // openRecording has reported the error
				return
			}
			if (m.Kind == introspect.KindEvents || m.Kind == introspect.KindSample) && !yield(m, nil) {
				return
			}
		}
	}
}

// Every returns 0: a recording does not change by itself.
func (r *recording) Every() time.Duration { return 0 }

// recordingHello is the first message of the stream of a recording. It lists the
// snapshots for the page.
type recordingHello struct {
	introspect.Message
	Recording struct {
		Times []time.Duration `json:"times"` // of the snapshots, in the loop's time; ?at=N selects one
		At    int             `json:"at"`    // the index of the snapshot to begin with
	} `json:"recording"`
}

// handler responds like a process. The query ?at=N selects the snapshot.
func (r *recording) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /snapshot", func(w http.ResponseWriter, req *http.Request) { reply(w, r.pictures[r.requested(req)].Picture) })
	mux.HandleFunc("GET /findings", func(w http.ResponseWriter, req *http.Request) { reply(w, r.findings(r.requested(req))) })
	mux.HandleFunc("GET /events", r.serveEvents)
	mux.HandleFunc("GET /tasks/{id}", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		reply(w, introspect.Failure{Error: errNoStacks.Error()})
	})
	mux.HandleFunc("GET /tasks/{id}/events", func(w http.ResponseWriter, req *http.Request) {
		id, _ := strconv.ParseUint(req.PathValue("id"), 10, 64)
		reply(w, r.eventsOf(req.Context(), id))
	})
	return mux
}

func reply(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

// requested returns the index of the snapshot that a request selects.
func (r *recording) requested(req *http.Request) int {
	at, _ := strconv.Atoi(req.URL.Query().Get("at"))
	return min(max(0, at), len(r.pictures)-1)
}

func (r *recording) serveEvents(w http.ResponseWriter, req *http.Request) {
	hello := &recordingHello{}
	hello.Kind, hello.Seq, hello.Hello, hello.Recording.At = introspect.KindHello, r.seq, r.pictures[0].Picture, r.at
	for _, p := range r.pictures {
		hello.Recording.Times = append(hello.Recording.Times, p.Loop.Time)
	}
	reply(w, hello)
	for m := range r.Events(req.Context()) {
		reply(w, m)
	}
	reply(w, introspect.Message{Kind: introspect.KindEnd, Reason: "the end of the recording"})
}

func (r *recording) eventsOf(ctx context.Context, id uint64) []inspect.EventInfo {
	found := []inspect.EventInfo{} // not null in JSON
	for m := range r.Events(ctx) {
		for _, e := range m.Events {
			if e.Task == id || slices.Contains(e.Through, id) {
				found = append(found, e)
			}
		}
	}
	return found
}
