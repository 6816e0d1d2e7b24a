package driver

import (
	"sync/atomic"
	"time"
)

// Virtual is a driver whose clock stands still while code runs, and jumps to what
// is due next when there is nothing else to do. Hours pass in no time, a deadline
// is met to the nanosecond, and each run is like the last.
//
// While work is under way outside the clock stands still too: that work takes no
// virtual time, so that whether its result beats a timer does not depend on how
// busy the machine is.
//
// What calls Unpark without having been announced as outside may come at any
// virtual time, or find that the loop has given up.
type Virtual struct {
	now   atomic.Int64 // written by Park only
	token token
}

var _ Driver = (*Virtual)(nil)

// NewVirtual returns a driver whose clock stands at zero.
func NewVirtual() *Virtual { return &Virtual{token: newToken()} }

// Now returns the virtual time. It may be called from any goroutine.
func (v *Virtual) Now() time.Duration { return time.Duration(v.now.Load()) }

// Park sets the clock to until, unless that is past or an Unpark is kept. With
// work outside it waits for Unpark instead. It returns false if until is [Never],
// nothing is outside and no Unpark is kept.
func (v *Virtual) Park(until time.Duration, outside bool) bool {
	switch {
	case v.token.take():
	case until <= v.Now():
	case outside:
		v.token.wait()
	case until == Never:
		return false
	default:
		v.now.Store(int64(until))
	}
	return true
}

// Unpark ends the Park that is under way, or else the next one. It may be called
// from any goroutine, and never blocks.
func (v *Virtual) Unpark() { v.token.put() }
