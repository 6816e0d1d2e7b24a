package introspect

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/inspect"
)

// An Option is given to [Serve] or [Handler].
type Option func(s *server)

// Watch has the loop observed all the time, and a watchdog look at it from outside, so that all rules can tell
// what is wrong: a step of a task or a callback that takes as long as warn is told of, with its stack taken while it blocks,
// and as long as stuck is severe. 0 is 200 ms and 2 s. It costs a fraction of a microsecond a step.
func Watch(warn, stuck time.Duration) Option {
	if warn == 0 {
		warn = defaultWarn
	}
	if stuck == 0 {
		stuck = max(defaultStuck, warn)
	}
	return func(s *server) { s.hub.watch = newWatch(warn, stuck) }
}

// AllowCancel lets whoever has the token cancel tasks from outside. The token must not be empty.
func AllowCancel(token string) Option {
	if token == "" {
		panic(fmt.Errorf("%w: AllowCancel: the token is empty; pass a random token", asyncio.ErrInvalidArgument))
	}
	return func(s *server) { s.token = token }
}

// Serve opens a socket where the processes of this user, and nobody else, can look at the loop of ctx. It serves until stop is
// called, which waits until all is over, or the loop is closed. The end of ctx ends it not: a program that was cancelled
// and does not come to an end is one to look at. Several loops of a process have a socket each.
//
// It never suspends. Its errors: ctx has no loop; the folder cannot be made, or is not to be trusted.
func Serve(ctx context.Context, opts ...Option) (stop func(), err error) {
	loop, err := asyncio.RunningLoop(ctx)
	if err != nil {
		return nil, err
	}
	ln, name, closeIt, err := listen()
	if err != nil {
		return nil, err
	}
	s := newServer(loop, opts)
	s.name = name
	loops.Add(1)
	// Now, and not in the next turn: it may be long until that comes.
	s.begin(func(hold func(context.Context)) { hold(ctx) })

	base, cancel := context.WithCancel(context.Background())
	web := &http.Server{
		Handler:           s,
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: 10 * time.Second,
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = web.Serve(ln)
	}()
	var once sync.Once
	end := func() {
		once.Do(func() {
			closeIt() // first: nobody is to find it any more
			s.end()
			cancel()
			// Requests that are under way see that the server has ended, and say so to who asked.
			limited, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			if web.Shutdown(limited) != nil {
				_ = web.Close()
			}
			<-over
			loops.Add(-1)
		})
	}
	forget := loop.OnClose(end)
	return func() {
		forget()
		end()
	}, nil
}

// loops is how many this process serves.
var loops atomic.Int32

// Handler returns the same as an http.Handler for any server, to be mounted at a path that is then stripped:
//
//	mux.Handle("/debug/asyncio/", http.StripPrefix("/debug/asyncio", introspect.Handler(loop)))
//
// Whoever reaches it sees what the tasks of the program are called, where they are in its code, and what they fail with:
// it belongs where net/http/pprof does. It serves until the loop is closed.
func Handler(loop *asyncio.Loop, opts ...Option) http.Handler {
	s := newServer(loop, opts)
	s.name = strconv.Itoa(os.Getpid())
	s.begin(func(hold func(context.Context)) { _, _ = loop.CallSoonThreadsafe(hold) })
	loop.OnClose(s.end)
	return s
}

// A server answers for one loop.
type server struct {
	http.ServeMux
	loop    *asyncio.Loop
	hub     *hub
	token   string // for cancels; "" allows none
	name    string
	started time.Time
	readers atomic.Int32
	ended   chan struct{} // closed at the end
	dog     sync.WaitGroup

	// What tests do otherwise.
	tick   func(time.Duration) (at <-chan time.Time, stop func())
	stacks func() string
}

func newServer(loop *asyncio.Loop, opts []Option) *server {
	s := &server{loop: loop, hub: &hub{loop: loop}, started: time.Now(), ended: make(chan struct{}), stacks: loopStack}
	s.tick = func(d time.Duration) (<-chan time.Time, func()) {
		t := time.NewTicker(d)
		return t.C, t.Stop
	}
	for _, o := range opts {
		o(s)
	}
	s.HandleFunc("GET /{$}", s.text(PS))
	s.HandleFunc("GET /tree", s.text(PSTree))
	s.HandleFunc("GET /snapshot", s.serveSnapshot)
	s.HandleFunc("GET /events", s.serveEvents)
	s.HandleFunc("GET /findings", s.serveFindings)
	s.HandleFunc("GET /tasks/{id}", s.serveTask)
	s.HandleFunc("GET /tasks/{id}/stack", s.serveStack)
	s.HandleFunc("POST /tasks/{id}/cancel", s.serveCancel)
	return s
}

// begin starts what goes on all the time; onLoop is to call something on the loop.
func (s *server) begin(onLoop func(func(ctx context.Context))) {
	w := s.hub.watch
	if w == nil {
		return
	}
	onLoop(func(ctx context.Context) {
		s.hub.hold()
		w.runsAlready(asyncio.CurrentTask(ctx))
	})
	s.dog.Go(func() {
		at, stop := s.tick(max(w.warn/4, time.Millisecond))
		defer stop()
		for {
			select {
			case now := <-at:
				w.look(now, s.stacks)
			case <-s.ended:
				return
			}
		}
	})
}

// end ends it. It may be called from any goroutine, once.
func (s *server) end() {
	close(s.ended)
	s.dog.Wait()
	if s.hub.watch != nil {
		_, _ = s.loop.CallSoonThreadsafe(func(context.Context) { s.hub.drop() })
	}
}

var (
	errBlocked = errors.New("asyncio: the loop is blocked, or does not run, and cannot be asked; GET /findings may know why")
	errStopped = errors.New("asyncio: the loop has ended")
)

// onLoop calls fn on the loop, and waits until it has. Where that takes too long it returns an error, and fn is still called later.
func (s *server) onLoop(ctx context.Context, fn func()) error {
	done := make(chan struct{})
	_, err := s.loop.CallSoonThreadsafe(func(context.Context) {
		defer close(done)
		s.hub.hide()
		fn()
	})
	if err != nil {
		return errStopped
	}
	select {
	case <-done:
		return nil
	case <-s.ended:
		return errStopped
	case <-ctx.Done():
		return errBlocked
	}
}

func (s *server) snapshot(ctx context.Context) (*inspect.Snapshot, error) {
	snap, err := s.loop.SnapshotThreadsafe(ctx)
	switch {
	case errors.Is(err, asyncio.ErrLoopClosed):
		return nil, errStopped
	case err != nil:
		return nil, errBlocked
	}
	return snap, nil
}

// defaultWait is how long a request waits for the loop.
const defaultWait = 5 * time.Second

// patience is the ctx of a request for as long as it waits for the loop.
func patience(r *http.Request) (context.Context, context.CancelFunc) {
	wait, err := time.ParseDuration(r.URL.Query().Get("wait"))
	if err != nil || wait <= 0 {
		wait = defaultWait
	}
	return context.WithTimeout(r.Context(), wait)
}

func (s *server) process() ProcessInfo {
	p := ProcessInfo{
		PID: os.Getpid(), Name: s.name, Command: os.Args, Started: s.started, Go: runtime.Version(),
		Cancel: s.token != "", Readers: int(s.readers.Load()), LoopCount: max(1, int(loops.Load())),
	}
	p.Hostname, _ = os.Hostname()
	if w := s.hub.watch; w != nil {
		p.Watched, p.Blocked = true, w.runs()
	}
	return p
}

func wantsText(r *http.Request) bool { return r.URL.Query().Get("text") != "" }

func writeText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write([]byte(text)) // who asked may be gone
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

// take takes a snapshot for r; nil if that cannot be, and r has been told.
func (s *server) take(w http.ResponseWriter, r *http.Request) *inspect.Snapshot {
	ctx, cancel := patience(r)
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
	ctx, cancel := patience(r)
	defer cancel()
	answer := Findings{Findings: []Finding{}}
	watch := s.hub.watch
	if watch != nil && watch.runs() != "" {
		ctx, cancel = context.WithTimeout(ctx, watch.warn) // it is not to be waited for
		defer cancel()
	}
	var snap *inspect.Snapshot
	err := s.onLoop(ctx, func() {
		if watch != nil {
			watch.settle()
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
		answer.Partial = "nobody watches the loop: with introspect.Watch all rules can tell"
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

// task finds the task that r names, in a snapshot and on the loop; nil if there is none, and r has been told.
func (s *server) task(w http.ResponseWriter, r *http.Request, do func(t asyncio.AnyTask)) bool {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil {
		writeError(w, http.StatusBadRequest, fmt.Errorf("asyncio: %q is no number of a task", r.PathValue("id")))
		return false
	}
	ctx, cancel := patience(r)
	defer cancel()
	found := false
	err = s.onLoop(ctx, func() {
		if ctx.Err() != nil { // it has waited too long, and was told so
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
		writeError(w, http.StatusNotFound, fmt.Errorf("asyncio: there is no task %d, or it has ended", id))
	}
	return found
}

func (s *server) serveTask(w http.ResponseWriter, r *http.Request) {
	page := TaskPage{}
	if !s.task(w, r, func(t asyncio.AnyTask) { page.Stack = stackOf(t) }) {
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
	writeError(w, http.StatusNotFound, fmt.Errorf("asyncio: task %d has just ended", page.Stack.Task))
}

func (s *server) serveStack(w http.ResponseWriter, r *http.Request) {
	var stack Stack
	switch {
	case !s.task(w, r, func(t asyncio.AnyTask) { stack = stackOf(t) }):
	case wantsText(r):
		writeText(w, stack.Text)
	default:
		writeJSON(w, stack)
	}
}

// stackOf returns where a task stands. It is called on the loop.
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
		writeError(w, http.StatusForbidden, errors.New("asyncio: this process lets nobody cancel tasks from outside; see introspect.AllowCancel"))
		return
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	// Of hashes, which have one length, so that not even that of the token can be told from the time it takes.
	want, got := sha256.Sum256([]byte(s.token)), sha256.Sum256([]byte(token))
	if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		writeError(w, http.StatusUnauthorized, errors.New("asyncio: that is not the token; send it as Authorization: Bearer TOKEN"))
		return
	}
	var request CancelRequest
	if r.ContentLength != 0 {
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&request); err != nil {
			writeError(w, http.StatusBadRequest, fmt.Errorf("asyncio: the body is no CancelRequest: %w", err))
			return
		}
	}
	if request.Message == "" {
		request.Message = "from outside"
	}
	var reply CancelReply
	if s.task(w, r, func(t asyncio.AnyTask) { reply.Asked = t.CancelWith(request.Message) }) {
		writeJSON(w, reply)
	}
}
