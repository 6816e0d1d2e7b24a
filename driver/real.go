package driver

import "time"

// Real is the driver of ordinary programs. It sleeps, and uses the monotonic clock. Use
// [NewReal] to make one. Inside a testing/synctest bubble it uses the bubble's clock.
type Real struct {
	origin time.Time // Now is 0
	token  token
	timer  *time.Timer // for the current Park; reused, so that Park does not allocate
}

var _ Driver = (*Real)(nil)

// NewReal returns a driver whose Now starts at zero.
func NewReal() *Real {
	timer := time.NewTimer(Never)
	timer.Stop()
	return &Real{origin: time.Now(), token: newToken(), timer: timer}
}

// Now returns the time since NewReal. It may be called from any goroutine.
func (r *Real) Now() time.Duration {
	r.check()
	return time.Since(r.origin)
}

// Park sleeps until the time or until Unpark; see [Driver]. It always returns true,
// because any goroutine of the process may still call Unpark.
func (r *Real) Park(until time.Duration, _ bool) bool {
	r.check()
	if until == Never {
		r.token.wait()
		return true
	}
	now := r.Now()
	if until <= now { // compare before subtracting: until may be far below zero
		r.token.take()
		return true
	}
	r.timer.Reset(until - now)
	select {
	case <-r.token.c:
		r.token.took()
		r.timer.Stop() // and discards a tick: see time.NewTimer about Go 1.23
	case <-r.timer.C:
	}
	return true
}

// Unpark ends the current Park, or the next one if no Park is in progress. It may be
// called from any goroutine, and never blocks.
func (r *Real) Unpark() {
	r.check()
	r.token.put()
}

func (r *Real) check() {
	if r == nil || r.timer == nil {
		panic("driver: use of a nil or zero Real; make it with NewReal")
	}
}
