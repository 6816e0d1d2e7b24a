package driver

import (
	"sync/atomic"
	"time"
)

// Virtual is a driver whose clock stops while code runs, and advances to the next
// deadline when the loop has nothing else to do. Hours pass in no time, deadlines are
// exact to the nanosecond, and each run is the same. Use [NewVirtual] to make one.
//
//   - The clock also stops while there is outside work. This work takes no virtual time,
//     so the load of the machine does not decide whether it ends before a timer.
//   - An Unpark by work that was not announced as outside may come at any virtual time,
//     or after the loop has reported a deadlock.
type Virtual struct {
	now   atomic.Int64 // time since NewVirtual in nanoseconds; only Park writes it
	token token
}

var _ Driver = (*Virtual)(nil)

// NewVirtual returns a driver whose clock is at zero.
func NewVirtual() *Virtual { return &Virtual{token: newToken()} }

// Now returns the virtual time. It may be called from any goroutine.
func (v *Virtual) Now() time.Duration {
	return time.Duration(v.now.Load())
}

// Park sets the clock to until, unless until has passed or an Unpark is kept. With
// outside work it waits for Unpark instead. It returns false if until is [Never], there
// is no outside work and no Unpark is kept.
func (v *Virtual) Park(until time.Duration, outside bool) bool {
	v.check()
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

// Unpark ends the current Park, or the next one if no Park is in progress. It may be
// called from any goroutine, and never blocks.
func (v *Virtual) Unpark() {
	v.check()
	v.token.put()
}

func (v *Virtual) check() {
	if v == nil || v.token.c == nil {
		panic("driver: use of a nil or zero Virtual; make it with NewVirtual")
	}
}
