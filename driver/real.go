package driver

import "time"

// Real is the driver of ordinary programs: it sleeps, by the monotonic clock.
//
// Made inside a testing/synctest bubble it follows the bubble's clock.
type Real struct {
	origin time.Time
	token  token
	timer  *time.Timer // of the Park that is under way; kept, so that Park does not allocate
}

var _ Driver = (*Real)(nil)

// NewReal returns a driver whose time begins now, at zero.
func NewReal() *Real {
	timer := time.NewTimer(Never)
	timer.Stop()
	return &Real{origin: time.Now(), token: newToken(), timer: timer}
}

// Now returns the time since NewReal. It may be called from any goroutine.
func (r *Real) Now() time.Duration { return time.Since(r.origin) }

// Park sleeps until then, or until Unpark. It always returns true: it cannot know
// which other goroutine of the process may yet call Unpark.
func (r *Real) Park(until time.Duration, _ bool) bool {
	if until == Never {
		r.token.wait()
		return true
	}
	now := r.Now()
	if until <= now { // compared before subtracted, for until may be far below zero
		r.token.take()
		return true
	}
	r.timer.Reset(until - now)
	select {
	case <-r.token.c:
		r.token.took()
		r.timer.Stop() // no old tick stays for the next Park: see time.NewTimer on Go 1.23
	case <-r.timer.C:
	}
	return true
}

// Unpark ends the Park that is under way, or else the next one. It may be called
// from any goroutine, and never blocks.
func (r *Real) Unpark() { r.token.put() }
