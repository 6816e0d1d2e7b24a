package asyncio

import (
	"context"
	"time"

	"example.com/asyncio/driver"
)

// A turn runs the entries that are ready at its beginning. Entries that become ready
// meanwhile are left to the next turn, so that timers and calls from other goroutines run
// in between.

// maxPark is the longest time that a loop sleeps before it checks the time again, since
// clocks drift over days. See MAXIMUM_SELECT_TIMEOUT.
const maxPark = 24 * time.Hour

// next takes the next entry, and begins a turn if necessary. It returns false if the loop
// must return.
func (l *Loop) next() (entry, bool) {
	for l.turnLeft == 0 {
		if !l.turn() {
			return nil, false
		}
	}
	l.turnLeft--
	if l.order != nil && l.ready.Len() > 1 {
		return l.nextInOrder(), true
	}
	return l.ready.Pop(), true
}

func (l *Loop) nextInOrder() entry {
	n := l.ready.Len()
	i := l.order(n)
	if i < 0 || i >= n {
		panic(misuse(ErrInvalidArgument, "the function given to SetOrder chose %d of %d; it must return 0 or more, and less than it was given", i, n))
	}
	return l.ready.Take(i)
}

// tryNext takes the next entry if that needs neither waiting nor a deep call: tasks call
// it on their own small stacks. It returns false if a bare stack must do it.
func (l *Loop) tryNext() (entry, bool) {
	if l.stepwise {
		return nil, false
	}
	if l.turnLeft == 0 {
		if l.stopping || l.ready.Len() == 0 || l.inbox.filled.Load() {
			return nil, false
		}
		if l.timers.Len() > 0 {
			if when, _ := l.timers.Min(); when <= l.driver.Now() {
				return nil, false
			}
		}
		l.turns++
		l.turnLeft = l.ready.Len()
	}
	l.turnLeft--
	return l.ready.Pop(), true
}

// turn begins a turn. It waits until an entry is ready. It returns false if the loop must
// return.
func (l *Loop) turn() bool {
	if l.stopping && !l.fresh || l.deadline != Never && l.driver.Now() >= l.deadline {
		return false
	}
	l.fresh = false
	l.takeInbox()
	l.dropCancelledTimers()
	if l.ready.Len() == 0 && !l.stopping && !l.park() {
		return false
	}
	if l.timers.Len() > 0 {
		l.takeTimers(l.driver.Now())
	}
	l.turns++
	l.turnLeft = l.ready.Len()
	return true
}

// takeTimers moves the timers that are due to the ready queue.
func (l *Loop) takeTimers(now time.Duration) {
	for l.timers.Len() > 0 {
		when, e := l.timers.Min()
		if when > now {
			return
		}
		l.timers.Pop()
		e.queued = false
		if e.cancelled {
			l.cancelledTimers--
			continue
		}
		l.ready.Push(e)
	}
}

// park sleeps until a timer is due or something arrives in the inbox. It returns false in
// a deadlock.
func (l *Loop) park() bool {
	until := Never
	if l.timers.Len() > 0 {
		until, _ = l.timers.Min()
		if until <= l.driver.Now() {
			return true
		}
	}
	outside := l.outside > 0 || until == Never && l.abandoned > 0 || l.waitsForCtx(until == Never)
	// A driver in real time detects no deadlock. The loop does, if it is certain that no
	// other goroutine can reach it.
	hopeless := until == Never && !outside && !l.wakeable && !l.escaped.Load() && !l.inbox.filled.Load()
	if until = min(until, l.deadline); until != Never {
		until = min(until, l.timeAfter(maxPark))
	}
	if hopeless || !l.driver.Park(until, outside) {
		l.deadlock = &DeadlockError{Waiting: l.describeAll()}
		return false
	}
	l.takeInbox()
	return true
}

// A waitUnder is an await under a foreign ctx, which may end by its own deadline or
// cancel: see awaitUnder.
type waitUnder struct {
	ctx   context.Context
	ended bool // ctx has ended the await
	over  bool // the await has ended for any reason
}

// waitsForCtx reports whether an idle loop waits for the end of a foreign ctx under which
// a task awaits. A virtual clock must not advance meanwhile. The two cases are:
//
//   - There is nothing else to wait for.
//   - The ctx has ended, and the call that ends the await is under way from another
//     goroutine.
//
// Otherwise the clock advances, since the ctx may never end.
func (l *Loop) waitsForCtx(nothingElse bool) bool {
	if nothingElse {
		return len(l.under) > 0
	}
	if _, ok := l.driver.(*driver.Real); ok {
		return false // its clock does not jump, and there may be many contexts to check
	}
	for w := range l.under {
		if w.ctx.Err() != nil {
			return true
		}
	}
	return false
}

func (l *Loop) takeInbox() {
	if l.inbox.filled.Load() {
		l.inbox.take(&l.ready)
	}
}

// timeAfter returns the time when d has passed; Never if time does not go that far.
func (l *Loop) timeAfter(d time.Duration) time.Duration {
	now := l.driver.Now()
	if d > Never-now {
		return Never
	}
	return now + d
}

func (l *Loop) addTimer(e entry, when time.Duration) {
	e.queued = true
	l.timers.Push(when, e)
}

// cancelTimer marks a timer as cancelled. It frees the cancelled timers once they are
// more than half of many. See _MIN_SCHEDULED_TIMER_HANDLES.
func (l *Loop) cancelTimer(e entry) {
	first := !e.cancelled
	e.cancelled = true
	if !first || !e.queued {
		return
	}
	l.cancelledTimers++
	if l.cancelledTimers > 100 && l.cancelledTimers > l.timers.Len()/2 {
		l.timers.Filter(func(e entry) bool {
			e.queued = !e.cancelled
			return e.queued
		})
		l.cancelledTimers = 0
	}
}

// dropCancelledTimers frees cancelled timers at the front, so that the loop does not wake
// for them.
func (l *Loop) dropCancelledTimers() {
	for l.cancelledTimers > 0 {
		_, e := l.timers.Min()
		if !e.cancelled {
			return
		}
		l.timers.Pop()
		e.queued = false
		l.cancelledTimers--
	}
}
