// Package driver provides the clock of an event loop, and a way to sleep until something
// is due or another goroutine calls.
//
// [Driver] is the interface. [Real] sleeps. [Virtual] owns its clock and advances it, so
// that a program that takes hours runs in no time, and the same way each time. Package
// drivertest checks that a Driver keeps the contract.
//
// The package does not depend on loops and tasks, and works for any event loop:
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

// Never is the argument of Park when nothing is due.
const Never time.Duration = math.MaxInt64

// Driver is a clock and the means to sleep until a time or a call of Unpark.
//
// Only the goroutine that runs the loop may call Park. It may change, but calls must not
// overlap. Now and Unpark may be called from any goroutine at any time.
type Driver interface {
	// Now returns the time since the driver's origin, which never changes. It does not go
	// back.
	Now() time.Duration

	// Park waits until Now has reached until, or until Unpark. With [Never] there is no
	// time limit.
	//
	//   - It may return early without a reason. The caller checks what is due and parks
	//     again.
	//   - If no Park is in progress, the driver keeps an Unpark for the next Park, which
	//     returns immediately. It keeps one Unpark, not a count: the loop checks all
	//     events each time it wakes.
	//   - If until has passed, Park returns immediately and takes the kept Unpark.
	//   - outside is true if there is work outside the loop, for example a job of an
	//     executor, that calls Unpark when it ends. A driver that owns its clock must not
	//     advance it past that end, or report a deadlock.
	//   - It returns false immediately if nothing can ever happen: nothing is due, there
	//     is no outside work, and no Unpark is kept. A driver that does not own its clock
	//     cannot know this, and waits. In all other cases Park returns true.
	Park(until time.Duration, outside bool) bool

	// Unpark ends the current Park, or the next one if no Park is in progress.
	//
	// After that Park, the loop sees all writes made before Unpark. Unpark never blocks.
	// It may be called after the loop has ended, which its caller cannot know, and then
	// does nothing.
	Unpark()
}

// token holds an Unpark until a Park takes it.
//
// The channel alone would not be enough. An Unpark that finds it full would synchronize
// with nothing: on a weakly ordered machine the loop could take the token, not see the
// caller's writes, and park. The swaps of pending order the two.
type token struct {
	pending atomic.Bool   // an Unpark is kept
	c       chan struct{} // has a buffer of 1, so that put never blocks
}

func newToken() token { return token{c: make(chan struct{}, 1)} }

func (t *token) put() {
	if !t.pending.Swap(true) {
		t.c <- struct{}{}
	}
}

// took must be called after each receive from c.
func (t *token) took() { t.pending.Swap(false) }

// wait waits for the token and takes it.
func (t *token) wait() {
	<-t.c
	t.took()
}

// take takes the token if there is one, and reports whether there was.
func (t *token) take() bool {
	if !t.pending.Load() {
		return false
	}
	t.wait() // put sends immediately after setting pending
	return true
}
