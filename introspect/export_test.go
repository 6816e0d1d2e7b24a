package introspect

import (
	"net/http"
	"time"
)

// Tick makes the watchdog and the streams wait for at instead of a ticker.
func Tick(at <-chan time.Time) Option {
	return func(s *server) { s.tick = func(time.Duration) (<-chan time.Time, func()) { return at, func() {} } }
}

// CheckWatchdog performs a check of the watchdog of h at the time now.
func CheckWatchdog(h http.Handler, now time.Time) {
	s := h.(*server)
	s.hub.watch.check(now, s.stacks)
}

// Blocked returns what blocks the loop of h, as far as the watchdog knows.
func Blocked(h http.Handler) string { return h.(*server).hub.watch.blockedBy() }

// Idle reports whether no step runs on the loop of h, as far as the watchdog knows.
func Idle(h http.Handler) bool {
	w := h.(*server).hub.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.steps) == 0
}

// Installed reports whether the hub of h observes the loop. Only the loop calls it.
func Installed(h http.Handler) bool { return h.(*server).hub.installed }

const RingSize = ringSize
