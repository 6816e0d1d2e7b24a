package introspect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/inspect"
)

// An Option is an option of [Serve] and [Handler].
type Option func(s *server)

// Watch enables all rules. It observes the loop all the time, and starts a watchdog that
// checks the loop from outside.
//
//   - A step of a task or a callback is reported if it takes as long as warn; 0 is 200
//     ms. The finding contains the stack, taken during the step.
//   - The finding is severe if the step takes as long as stuck; 0 is 2 s.
//   - It costs a fraction of a microsecond per step.
func Watch(warn, stuck time.Duration) Option {
	if warn == 0 {
		warn = defaultWarn
	}
	if stuck == 0 {
		stuck = max(defaultStuck, warn)
	}
	return func(s *server) { s.hub.watch = newWatch(warn, stuck) }
}

// AllowCancel allows holders of the token to cancel tasks from outside. It panics if the
// token is empty.
func AllowCancel(token string) Option {
	if token == "" {
		panic(fmt.Errorf("%w: AllowCancel: the token is empty; use one that cannot be guessed", asyncio.ErrInvalidArgument))
	}
	return func(s *server) { s.token = token }
}

// Serve opens a socket through which this user's processes can inspect the loop of ctx.
// Other users cannot connect.
//
//   - It serves until stop is called or the loop is closed. stop waits until serving has
//     ended.
//   - It continues after the end of ctx, so that a program that hangs after a cancel can
//     be inspected.
//   - Each loop of a process has its own socket.
//   - It never suspends.
//   - It returns an error if ctx has no loop, or if the folder of the sockets cannot be
//     created or trusted.
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
	// Start immediately; a blocked loop has no next turn.
	s.start(func(attach func(context.Context)) { attach(ctx) })

	base, cancel := context.WithCancel(context.Background())
	web := &http.Server{
		Handler:           s,
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: 10 * time.Second,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = web.Serve(ln)
	}()
	var once sync.Once
	end := func() {
		once.Do(func() {
			closeIt() // first, so that no new client connects
			s.end()
			cancel()
			// Running requests notice the end and respond with an error.
			limited, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			if web.Shutdown(limited) != nil {
				_ = web.Close()
			}
			<-done
			loops.Add(-1)
		})
	}
	forget := loop.OnClose(end)
	return func() {
		forget()
		end()
	}, nil
}

// loops is the number of loops that [Serve] serves in this process.
var loops atomic.Int32

// Handler returns an http.Handler that serves the same as [Serve]. Mount it at a path
// that is stripped:
//
//	const path = "/debug/asyncio"
//	mux.Handle(path+"/", http.StripPrefix(path, introspect.Handler(loop)))
//
// Its clients see the names, code positions and errors of the program's tasks. Protect it
// like net/http/pprof. It serves until the loop is closed.
func Handler(loop *asyncio.Loop, opts ...Option) http.Handler {
	s := newServer(loop, opts)
	s.name = strconv.Itoa(os.Getpid())
	s.start(func(attach func(context.Context)) { _, _ = loop.CallSoonThreadsafe(attach) })
	loop.OnClose(s.end)
	return s
}

// A server serves one loop.
type server struct {
	http.ServeMux
	loop     *asyncio.Loop
	hub      *hub
	token    string         // set by the option AllowCancel; "": cancelling is off
	name     string         // see ProcessInfo.Name
	started  time.Time      // see ProcessInfo.Started
	readers  atomic.Int32   // the current number of streams
	ended    chan struct{}  // closed by end
	watchdog sync.WaitGroup // the goroutine of the watchdog, if it is on

	// Tests replace these.
	tick   func(time.Duration) (at <-chan time.Time, stop func()) // a ticker
	stacks func() string                                          // loopStack
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

// start starts the watchdog, if it is on. onLoop calls a function on the loop.
func (s *server) start(onLoop func(func(ctx context.Context))) {
	w := s.hub.watch
	if w == nil {
		return
	}
	onLoop(func(ctx context.Context) {
		s.hub.attach()
		w.startIn(asyncio.CurrentTask(ctx))
	})
	s.watchdog.Go(func() {
		at, stop := s.tick(max(w.warn/4, time.Millisecond))
		defer stop()
		for {
			select {
			case now := <-at:
				w.check(now, s.stacks)
			case <-s.ended:
				return
			}
		}
	})
}

// end stops the server. Any goroutine may call it, once.
func (s *server) end() {
	close(s.ended)
	s.watchdog.Wait()
	if s.hub.watch != nil {
		_, _ = s.loop.CallSoonThreadsafe(func(context.Context) { s.hub.detach() })
	}
}

var (
	errBlocked = errors.New("asyncio: the loop does not respond: it is blocked or not running; GET /findings may show the reason")
	errStopped = errors.New("asyncio: the loop has ended")
)

// onLoop calls fn on the loop and waits for its return. If ctx ends first it returns an
// error, and fn is still called later.
func (s *server) onLoop(ctx context.Context, fn func()) error {
	done := make(chan struct{})
	_, err := s.loop.CallSoonThreadsafe(func(context.Context) {
		defer close(done)
		s.hub.hideCall()
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

// loopContext returns the ctx for a request's wait for the loop.
func loopContext(r *http.Request) (context.Context, context.CancelFunc) {
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
		p.Watched, p.Blocked = true, w.blockedBy()
	}
	return p
}
