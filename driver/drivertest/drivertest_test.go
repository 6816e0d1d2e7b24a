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

// broken is a driver with a fault. The real one underneath waits and wakes.
type broken struct {
	*driver.Real
	fault
	count atomic.Int64  // for the use of the fault
	calls chan struct{} // likewise; has room for many
	over  chan struct{} // closed when the clause is over, so that what hangs ends
}

// fault is what a broken driver does instead, where it is not nil.
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

// parkCounting is a Park that takes one of the calls.
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

// Each fault, and clauses that must find it.
var faults = []struct {
	name  string
	fault fault
	found []string
}{
	{"nothing is broken", fault{}, nil},
	{
		"an Unpark with nobody parked is lost",
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
			"an Unpark with nobody parked is kept",
			"a kept Unpark counts though nothing else can happen",
			"any goroutine may Park, one after the other",
		},
	},
	{
		"Unpark does nothing",
		fault{unpark: func(*broken) {}},
		[]string{
			"Unpark ends a Park",
			"Unpark ends a Park until Never",
			"an Unpark with nobody parked is kept",
			"a kept Unpark counts though nothing else can happen",
			"no Unpark is lost",
			"Park until Never ends with false at once, or with Unpark",
			"any goroutine may Park, one after the other",
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
		[]string{"Unpark ends a Park", "Unpark does nothing when the loop has ended"},
	},
	{
		"a Park until a time in the past leaves the Unpark",
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
				until = driver.Never // as an overflow of until-now would have it
			}
			return b.Real.Park(until, outside)
		}},
		[]string{"Park until a time in the past returns at once"},
	},
	{
		"Park does not wait",
		fault{park: func(*broken, time.Duration, bool) bool { return true }},
		[]string{"Park waits until its time and no longer"},
	},
	{
		"Park sleeps too long",
		fault{park: func(b *broken, until time.Duration, outside bool) bool {
			return b.Real.Park(max(until, until+2*slack), outside)
		}},
		[]string{"Park waits until its time and no longer"},
	},
	{
		"Park does not hear of Unpark",
		fault{park: func(b *broken, until time.Duration, _ bool) bool {
			time.Sleep(min(until-b.Real.Now(), 10*stuck))
			return true
		}},
		[]string{"Unpark ends a Park", "Unpark ends a Park until Never", "an Unpark with nobody parked is kept"},
	},
	{
		"Park until Never is false in spite of all",
		fault{park: func(b *broken, until time.Duration, outside bool) bool {
			return until != driver.Never && b.Real.Park(until, outside)
		}},
		[]string{
			"Unpark ends a Park until Never",
			"a kept Unpark counts though nothing else can happen",
			"no Unpark is lost",
			"Park until Never ends with false at once, or with Unpark",
		},
	},
	{
		"Park is false when its time has come",
		fault{park: func(b *broken, until time.Duration, outside bool) bool {
			return b.Real.Park(until, outside) && b.Real.Now() < until
		}},
		[]string{"Park waits until its time and no longer", "Park until a time in the past returns at once"},
	},
	{
		"Park until Never does not know its mind",
		fault{park: func(b *broken, until time.Duration, outside bool) bool {
			if until == driver.Never && !outside {
				return b.count.Add(1)%2 == 0
			}
			return b.Real.Park(until, outside)
		}},
		[]string{"Park until Never ends with false at once, or with Unpark"},
	},
	{
		"Now goes back",
		fault{now: func(b *broken) time.Duration {
			return b.Real.Now() - time.Duration(b.count.Add(1))
		}},
		[]string{"Now does not go back", "Now may be called from any goroutine"},
	},
}

// forRaceDetector is the clause that cannot be tried on faults: what the race
// detector has to say would be said against this test.
const forRaceDetector = "what was done before Unpark is seen after Park"

// Each fault is found, and each clause finds one.
func TestFaultsAreFound(t *testing.T) {
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
				t.Errorf("fault found by %q, want none", found)
			}
			for _, want := range f.found {
				if !slices.Contains(found, want) {
					t.Errorf("no fault found by %q", want)
				}
			}
		})
	}
	for _, clause := range clauses {
		if !useful[clause.name] && clause.name != forRaceDetector {
			t.Errorf("%q finds no fault", clause.name)
		}
	}
}

// judge returns what a clause says against a driver with the fault, and ends what
// hangs of it.
func judge(t *testing.T, check func(*kit), f fault) (text []string) {
	synctest.Test(t, func(t *testing.T) {
		d := &broken{Real: driver.NewReal(), fault: f, calls: make(chan struct{}, 10*maxSpurious), over: make(chan struct{})}
		r := &recorder{}
		checked := make(chan struct{})
		go func() { // for Fatalf ends it
			defer close(checked)
			check(&kit{reporter: r, d: d})
		}()
		<-checked
		close(d.over)
		for range 10 { // what is parked for good, and what does so when that ends
			d.Real.Unpark()
			time.Sleep(100 * stuck)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		text = r.text
	})
	return text
}

// recorder is a [testing.T] that does not fail the test.
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
