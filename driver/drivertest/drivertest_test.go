package drivertest

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/asyncio/driver"
)

// broken is a driver with a fault. It embeds a Real that waits and wakes.
type broken struct {
	*driver.Real
	fault
	count atomic.Int64  // used by faults
	calls chan struct{} // used by faults; has a large buffer
	over  chan struct{} // closed when the clause has ended, to release blocked goroutines
}

// fault has the functions that replace those of a correct driver, where not nil.
type fault struct {
	now    func(b *broken) time.Duration
	park   func(b *broken, until time.Duration, outside bool) bool
	unpark func(b *broken)
}

func (b *broken) Now() time.Duration {
	if b.now != nil {
		return b.now(b)
	}
	return b.Real.Now()
}

func (b *broken) Park(until time.Duration, outside bool) bool {
	if b.park != nil {
		return b.park(b, until, outside)
	}
	return b.Real.Park(until, outside)
}

func (b *broken) Unpark() {
	if b.unpark != nil {
		b.unpark(b)
		return
	}
	b.Real.Unpark()
}

// parkCounting is a Park that takes one Unpark from calls.
func (b *broken) parkCounting(until time.Duration, _ bool) bool {
	select {
	case <-b.calls:
	case <-time.After(until - b.Real.Now()):
	case <-b.over:
	}
	return true
}

func (b *broken) unparkCounting() {
	select {
	case b.calls <- struct{}{}:
	case <-b.over:
	}
}

var faults = []struct {
	name  string
	fault fault
	found []string // clauses that must find the fault; others may
}{
	{"no fault", fault{}, nil},
	{
		"an Unpark without a Park is lost",
		fault{
			park: func(b *broken, until time.Duration, outside bool) bool {
				b.count.Store(1)
				defer b.count.Store(0)
				return b.Real.Park(until, outside)
			},
			unpark: func(b *broken) {
				if b.count.Load() == 1 {
					b.Real.Unpark()
				}
			},
		},
		[]string{
			"an Unpark without a Park is kept",
			"a kept Unpark ends a Park until Never",
			"Park may be called from different goroutines in turn",
		},
	},
	{
		"Unpark does nothing",
		fault{unpark: func(*broken) {}},
		[]string{
			"Unpark ends a Park",
			"Unpark ends a Park until Never",
			"an Unpark without a Park is kept",
			"a kept Unpark ends a Park until Never",
			"no concurrent Unpark is lost",
			"Park until Never returns false immediately or waits for Unpark",
			"Park may be called from different goroutines in turn",
		},
	},
	{
		"Unparks are counted",
		fault{park: (*broken).parkCounting, unpark: (*broken).unparkCounting},
		[]string{"many Unparks count as one"},
	},
	{
		"Unpark waits for a Park",
		fault{unpark: func(b *broken) {
			b.Real.Unpark()
			<-b.over
		}},
		[]string{"Unpark ends a Park", "Unpark after the last Park does nothing"},
	},
	{
		"a Park until a time in the past does not take the Unpark",
		fault{
			park: func(b *broken, until time.Duration, outside bool) bool {
				if until <= b.Real.Now() {
					return true
				}
				return b.parkCounting(until, outside)
			},
			unpark: (*broken).unparkCounting,
		},
		[]string{"Park until a time in the past takes the kept Unpark"},
	},
	{
		"a Park until a time in the past waits",
		fault{park: func(b *broken, until time.Duration, outside bool) bool {
			if until <= b.Real.Now() {
				until = driver.Never // as after an overflow of until-now
			}
			return b.Real.Park(until, outside)
		}},
		[]string{"Park until a time in the past returns immediately"},
	},
	{
		"Park does not wait",
		fault{park: func(*broken, time.Duration, bool) bool { return true }},
		[]string{"Park waits until the given time and no longer"},
	},
	{
		"Park sleeps too long",
		fault{park: func(b *broken, until time.Duration, outside bool) bool {
			return b.Real.Park(max(until, until+2*slack), outside)
		}},
		[]string{"Park waits until the given time and no longer"},
	},
	{
		"Park ignores Unpark",
		fault{park: func(b *broken, until time.Duration, _ bool) bool {
			time.Sleep(min(until-b.Real.Now(), 10*stuck))
			return true
		}},
		[]string{"Unpark ends a Park", "Unpark ends a Park until Never", "an Unpark without a Park is kept"},
	},
	{
		"Park until Never always returns false",
		fault{park: func(b *broken, until time.Duration, outside bool) bool {
			return until != driver.Never && b.Real.Park(until, outside)
		}},
		[]string{
			"Unpark ends a Park until Never",
			"a kept Unpark ends a Park until Never",
			"no concurrent Unpark is lost",
			"Park until Never returns false immediately or waits for Unpark",
		},
	},
	{
		"Park returns false when its time has passed",
		fault{park: func(b *broken, until time.Duration, outside bool) bool {
			return b.Real.Park(until, outside) && b.Real.Now() < until
		}},
		[]string{"Park waits until the given time and no longer", "Park until a time in the past returns immediately"},
	},
	{
		"Park until Never returns false and true in turn",
		fault{park: func(b *broken, until time.Duration, outside bool) bool {
			if until == driver.Never && !outside {
				return b.count.Add(1)%2 == 0
			}
			return b.Real.Park(until, outside)
		}},
		[]string{"Park until Never returns false immediately or waits for Unpark"},
	},
	{
		"Now goes back",
		fault{now: func(b *broken) time.Duration {
			return b.Real.Now() - time.Duration(b.count.Add(1))
		}},
		[]string{"Now does not go back", "Now may be called from any goroutine"},
	},
}

// forRaceDetector is the clause that cannot be tested with faults: the race detector
// would fail this test.
const forRaceDetector = "writes before Unpark are visible after Park"

// The required clauses find each fault, and each clause finds a fault.
func TestClausesFindFaults(t *testing.T) {
	useful := map[string]bool{}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			var found []string
			for _, clause := range clauses {
				if clause.name == forRaceDetector {
					continue
				}
				if text := judge(t, clause.check, f.fault); len(text) > 0 {
					found = append(found, clause.name)
					useful[clause.name] = true
					t.Logf("%s: %s", clause.name, text)
				}
			}
			if f.found == nil && found != nil {
				t.Errorf("%q fail without a fault", found)
			}
			for _, want := range f.found {
				if !slices.Contains(found, want) {
					t.Errorf("%q does not find the fault", want)
				}
			}
		})
	}
	for _, clause := range clauses {
		if !useful[clause.name] && clause.name != forRaceDetector {
			t.Errorf("%q does not find any fault", clause.name)
		}
	}
}

// judge checks one clause against a driver with the fault, and returns the failure
// messages. It ends all goroutines of the clause.
func judge(t *testing.T, check func(*kit), f fault) (text []string) {
	synctest.Test(t, func(t *testing.T) {
		d := &broken{Real: driver.NewReal(), fault: f, calls: make(chan struct{}, 10*maxSpurious), over: make(chan struct{})}
		r := &recorder{}
		checked := make(chan struct{})
		go func() { // Fatalf ends the goroutine
			defer close(checked)
			check(&kit{reporter: r, d: d})
		}()
		<-checked
		close(d.over)
		for range 10 { // goroutines that are parked, and those that park after them
			d.Real.Unpark()
			time.Sleep(100 * stuck)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		text = r.text
	})
	return text
}

// recorder implements the methods of [testing.T] that a clause needs, and records
// messages.
type recorder struct {
	mu   sync.Mutex // guards text
	text []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text = append(r.text, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}
