// Package driver is how a loop meets the world: a clock, and a way to sleep until
// something is due or somebody calls.
//
// A [Driver] is the seam. [Real] sleeps; [Virtual] owns its clock and jumps, so
// that a program of hours runs in no time and alike each time. Package drivertest
// checks that a Driver keeps the contract written here.
//
// The package knows nothing of loops and tasks, and serves any event loop:
//
//	for {
//		runWhatIsReady()
//		if !d.Park(nextDeadline(), jobsOutside > 0) {
//			return errDeadlock
//		}
//	}
//
// Files in reading order: driver.go (the contract), real.go, virtual.go.
package driver

import (
	"math"
	"sync/atomic"
	"time"
)

// Never is the time that does not come: what to Park until when nothing is due.
const Never time.Duration = math.MaxInt64

// Driver is time, and sleeping until something is due or a stray call comes in.
//
// Park belongs to whoever runs the loop, one goroutine at a time; which one may
// change. Now and Unpark may be called from any goroutine at any time.
type Driver interface {
	// Now returns the time since an origin of the driver's own, which is the
	// same for its whole life. It never goes back.
	Now() time.Duration

	// Park waits until Now has reached until, with [Never] for no limit, or
	// until Unpark. It may return early without a reason; the caller looks what
	// is due and parks again.
	//
	// An Unpark that finds nobody parked is kept for the next Park, which then
	// returns at once. One is kept, not a count of them: the loop looks at all
	// that came in each time it wakes. If until has passed already, Park returns
	// at once, and takes the kept Unpark with it.
	//
	// outside tells whether work is under way outside of the loop, a job of an
	// executor say, whose end will call Unpark. A driver that owns time needs to
	// know: it must not jump over that end, nor take the silence for a deadlock.
	//
	// Park returns false, and at once, if it knows that nothing can ever happen:
	// nothing is due, nothing is outside, and no Unpark is kept. A driver that
	// does not own time cannot know that, and waits. Otherwise Park returns true.
	Park(until time.Duration, outside bool) bool

	// Unpark ends the Park that is under way, or else the next one.
	//
	// What the caller did before Unpark is visible to the loop after that Park.
	// Unpark never blocks and may come when the loop has long ended, since
	// whoever calls it cannot know; it then does nothing.
	Unpark()
}

// token holds an Unpark until a Park takes it.
//
// The channel alone would do, were it not for the Unpark that finds it full: it
// would synchronize with nothing, and a weakly ordered machine may let the loop
// take the token, find no news and park, before that caller's news reach it. The
// swaps of pending put the two in order.
type token struct {
	pending atomic.Bool
	c       chan struct{} // has room for the one that pending tells of, so that put never blocks
}

func newToken() token { return token{c: make(chan struct{}, 1)} }

func (t *token) put() {
	if !t.pending.Swap(true) {
		t.c <- struct{}{}
	}
}

// took is to be called after each receive from c.
func (t *token) took() { t.pending.Swap(false) }

// wait takes the token when it comes.
func (t *token) wait() {
	<-t.c
	t.took()
}

// take takes the token if it is there.
func (t *token) take() bool {
	if !t.pending.Load() {
		return false
	}
	t.wait() // not for long: put sends at once
	return true
}
