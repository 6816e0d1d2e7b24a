package introspect

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"example.com/asyncio"
	"example.com/asyncio/inspect"
)

func wantsText(r *http.Request) bool { return r.URL.Query().Get("text") != "" }

func writeText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write([]byte(text)) // the client may have disconnected
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func writeError(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(Failure{Error: err.Error()})
}

func (s *server) text(of func(*inspect.Snapshot) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if snap := s.take(w, r); snap != nil {
			writeText(w, of(snap))
		}
	}
}

// take returns a snapshot for r. If that fails, it writes an error response and returns
// nil.
func (s *server) take(w http.ResponseWriter, r *http.Request) *inspect.Snapshot {
	ctx, cancel := loopContext(r)
	defer cancel()
	snap, err := s.snapshot(ctx)
	if err != nil {
		writeError(w, http.StatusServiceUnavailable, err)
		return nil
	}
	return snap
}

func (s *server) serveSnapshot(w http.ResponseWriter, r *http.Request) {
	snap := s.take(w, r)
	switch {
	case snap == nil:
	case wantsText(r):
		writeText(w, PS(snap))
	default:
		writeJSON(w, Picture{s.process(), *snap})
	}
}

func (s *server) serveFindings(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := loopContext(r)
	defer cancel()
	answer := Findings{Findings: []Finding{}}
	watch := s.hub.watch
	if watch != nil && watch.blockedBy() != "" {
		ctx, cancel = context.WithTimeout(ctx, watch.warn) // do not wait long for a blocked loop
		defer cancel()
	}
	var snap *inspect.Snapshot
	err := s.onLoop(ctx, func() {
		if watch != nil {
			watch.updateQueues()
		}
	})
	if err == nil {
		snap, err = s.snapshot(ctx)
	}
	if err == nil {
		answer.Findings = append(answer.Findings, Check(snap)...)
	} else {
		answer.Partial = err.Error()
	}
	if watch != nil {
		answer.Findings = append(answer.Findings, watch.findings(snap)...)
	} else if err == nil {
		answer.Partial = "some rules were not checked: they need introspect.Watch"
	}
	answer.Process = s.process()
	sortFindings(answer.Findings)
	if !wantsText(r) {
		writeJSON(w, answer)
		return
	}
	var b strings.Builder
	for _, f := range answer.Findings {
		fmt.Fprintf(&b, "%s: %s %s\n", f.Rule, f.Text, f.Advice)
	}
	writeText(w, b.String())
}

// withTask calls do, on the loop, with the task that r names. If that fails, it writes an
// error response and returns false.
func (s *server) withTask(w http.ResponseWriter, r *http.Request, do func(t asyncio.AnyTask)) bool {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil {
		writeError(w, http.StatusBadRequest, fmt.Errorf("asyncio: %q is not the ID of a task", r.PathValue("id")))
		return false
	}
	ctx, cancel := loopContext(r)
	defer cancel()
	found := false
	err = s.onLoop(ctx, func() {
		if ctx.Err() != nil { // the error response was already written
			return
		}
		for _, t := range s.loop.AllTasks() {
			if t.ID() == id {
				found = true
				do(t)
				return
			}
		}
	})
	if err != nil {
		writeError(w, http.StatusServiceUnavailable, err)
		return false
	}
	if !found {
		writeError(w, http.StatusNotFound, fmt.Errorf("asyncio: task %d does not exist or has ended", id))
	}
	return found
}

func (s *server) serveTask(w http.ResponseWriter, r *http.Request) {
	page := TaskPage{}
	if !s.withTask(w, r, func(t asyncio.AnyTask) { page.Stack = stackOf(t) }) {
		return
	}
	snap := s.take(w, r)
	if snap == nil {
		return
	}
	page.Process, page.Loop = s.process(), snap.Loop
	for _, t := range snap.Tasks {
		if t.ID == page.Stack.Task {
			page.Task = t
			writeJSON(w, page)
			return
		}
	}
	writeError(w, http.StatusNotFound, fmt.Errorf("asyncio: task %d has ended", page.Stack.Task))
}

func (s *server) serveStack(w http.ResponseWriter, r *http.Request) {
	var stack Stack
	switch {
	case !s.withTask(w, r, func(t asyncio.AnyTask) { stack = stackOf(t) }):
	case wantsText(r):
		writeText(w, stack.Text)
	default:
		writeJSON(w, stack)
	}
}

// stackOf returns the stack of a task. Only the loop calls it.
func stackOf(t asyncio.AnyTask) Stack {
	s := Stack{Task: t.ID(), Frames: t.Stack(0)}
	slices.Reverse(s.Frames)
	var b strings.Builder
	for _, f := range s.Frames {
		fmt.Fprintf(&b, "%s\n\t%s:%d\n", f.Func, f.File, f.Line)
	}
	s.Text = b.String()
	return s
}

func (s *server) serveCancel(w http.ResponseWriter, r *http.Request) {
	if s.token == "" {
		writeError(w, http.StatusForbidden, errors.New("asyncio: this process does not allow cancelling tasks from outside; it must use introspect.AllowCancel"))
		return
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	// Compare hashes, which have equal lengths: the time then does not reveal the token's
	// length.
	want, got := sha256.Sum256([]byte(s.token)), sha256.Sum256([]byte(token))
	if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		writeError(w, http.StatusUnauthorized, errors.New("asyncio: the token is missing or wrong; send it as Authorization: Bearer TOKEN"))
		return
	}
	var request CancelRequest
	if r.ContentLength != 0 {
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&request); err != nil {
			writeError(w, http.StatusBadRequest, fmt.Errorf("asyncio: the body is not a CancelRequest: %w", err))
			return
		}
	}
	if request.Message == "" {
		request.Message = "from outside"
	}
	var reply CancelReply
	if s.withTask(w, r, func(t asyncio.AnyTask) { reply.Asked = t.CancelWith(request.Message) }) {
		writeJSON(w, reply)
	}
}
