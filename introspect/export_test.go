package introspect

import (
	"net/http"
	"time"
)

// Tick has the watchdog and the streams of h go on when something comes from at, instead of as time passes.
func Tick(at <-chan time.Time) Option {
	return func(s *server) { s.tick = func(time.Duration) (<-chan time.Time, func()) { return at, func() {} } }
}

// Look has the watchdog of h look, as if it was now.
func Look(h http.Handler, now time.Time) {
	s := h.(*server)
	s.hub.watch.look(now, s.stacks)
}

// Blocked returns what blocks the loop of h, as far as the watchdog has seen.
func Blocked(h http.Handler) string { return h.(*server).hub.watch.runs() }

// Idle tells whether no step runs on the loop of h, as far as the watchdog knows.
func Idle(h http.Handler) bool {
	w := h.(*server).hub.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.steps) == 0
}

// Installed tells whether the loop of h has an observer of ours. It is called on the loop.
func Installed(h http.Handler) bool { return h.(*server).hub.installed }

const RingSize = ringSize
