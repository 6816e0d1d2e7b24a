// Package drivertest checks that a [driver.Driver] keeps its contract.
package drivertest

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/asyncio/driver"
)

// Test runs a subtest for each clause of the contract of [driver.Driver].
//
//   - Each subtest calls newDriver for its own driver, in a [synctest] bubble with a fake
//     clock. A driver that sleeps with package time is tested to the nanosecond, and
//     without waiting. A driver that sleeps in a system call cannot be tested.
//   - Also run it under the race detector. One clause checks nothing without it.
func Test(t *testing.T, newDriver func() driver.Driver) {
	for _, clause := range clauses {
		t.Run(clause.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clause.check(&kit{reporter: t, d: newDriver()})
			})
		})
	}
}

var clauses = []struct {
	name  string
	check func(k *kit)
}{
	{"Now does not go back", nowIsMonotonic},
	{"Now may be called from any goroutine", nowFromAnywhere},
	{"Park waits until the given time and no longer", parkUntil},
	{"Park until a time in the past returns immediately", parkPast},
	{"Park until a time in the past takes the kept Unpark", parkPastTakesUnpark},
	{"Unpark ends a Park", unparkEndsPark},
	{"Unpark ends a Park until Never", unparkEndsParkForever},
	{"an Unpark without a Park is kept", unparkIsKept},
	{"a kept Unpark ends a Park until Never", unparkIsKeptForNever},
	{"many Unparks count as one", unparksDoNotAddUp},
	{"no concurrent Unpark is lost", unparkIsNotLost},
	{"writes before Unpark are visible after Park", unparkIsOrdered},
	{"Unpark after the last Park does nothing", unparkAfterEnd},
	{"Park until Never returns false immediately or waits for Unpark", parkForNothing},
	{"Park may be called from different goroutines in turn", parkFromOthers},
}

const (
	hour  = time.Hour
	slack = time.Minute     // maximum delay of a Park of an hour
	stuck = 100 * time.Hour // a call that takes longer does not return

	// maxSpurious is the maximum number of early returns of Park in a row. A driver with
	// more does not wait at all.
	maxSpurious = 1000
)

func nowIsMonotonic(k *kit) {
	last := k.d.Now()
	check := func() {
		k.Helper()
		now := k.d.Now()
		if now < last {
			k.Fatalf("Now = %v after %v", now, last)
		}
		last = now
	}
	for range 10 {
		check()
		k.sleepUntil(last + hour)
		check()
		k.unpark()
		k.park(last+hour, false)
		check()
		k.park(last-hour, false)
		check()
	}
}

func nowFromAnywhere(k *kit) {
	var done atomic.Bool
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for last := k.d.Now(); !done.Load(); time.Sleep(hour / 7) {
				now := k.d.Now()
				if now < last {
					k.Errorf("Now = %v after %v", now, last)
				}
				last = now
			}
		})
	}
	for range 100 {
		k.park(k.d.Now()+hour, false)
	}
	done.Store(true)
	readers.Wait()
}

func parkUntil(k *kit) {
	for range 10 {
		until := k.d.Now() + hour
		k.sleepUntil(until)
		if now := k.d.Now(); now > until+slack {
			k.Errorf("Park until %v ended at %v", until, now)
		}
	}
}

func parkPast(k *kit) {
	k.sleepUntil(k.d.Now() + hour)
	start := k.d.Now()
	for _, until := range []time.Duration{start, start - 1, start - hour, -1, math.MinInt64} {
		for _, outside := range []bool{false, true} {
			k.wantTrue(k.park(until, outside), until, outside)
			if now := k.d.Now(); now > start+slack {
				k.Fatalf("Park until %v at %v ended at %v", until, start, now)
			}
		}
	}
}

func parkPastTakesUnpark(k *kit) {
	for range maxSpurious + 1 { // more than sleepUntil tolerates
		k.unpark()
		k.wantTrue(k.park(k.d.Now(), false), k.d.Now(), false)
	}
	k.sleepUntil(k.d.Now() + hour)
}

func unparkEndsPark(k *kit) {
	for range 10 {
		start := k.d.Now()
		parked := k.parkAside(start+hour, true)
		synctest.Wait()
		k.unpark()
		k.wantTrue(k.await("Park", parked), start+hour, true)
		if now := k.d.Now(); now > start+slack {
			k.Fatalf("Park that was unparked at %v ended at %v", start, now)
		}
	}
}

func unparkEndsParkForever(k *kit) {
	for range 10 {
		parked := k.parkAside(driver.Never, true)
		synctest.Wait()
		k.unpark()
		k.wantTrue(k.await("Park", parked), driver.Never, true)
	}
}

func unparkIsKept(k *kit) {
	for _, outside := range []bool{false, true} {
		start := k.d.Now()
		k.unpark()
		k.wantTrue(k.park(start+hour, outside), start+hour, outside)
		if now := k.d.Now(); now > start+slack {
			k.Errorf("Park at %v, after Unpark, ended at %v", start, now)
		}
	}
}

func unparkIsKeptForNever(k *kit) {
	for _, outside := range []bool{false, true} {
		k.unpark()
		k.wantTrue(k.park(driver.Never, outside), driver.Never, outside)
	}
}

func unparksDoNotAddUp(k *kit) {
	for range 2 * maxSpurious { // a driver that counts them does not sleep
		k.unpark()
	}
	k.sleepUntil(k.d.Now() + hour)
}

func unparkIsNotLost(k *kit) {
	const callers, calls = 4, 1000
	var sent atomic.Int64
	for range callers {
		go func() {
			for range calls {
				sent.Add(1)
				k.d.Unpark()
			}
		}()
	}
	for sent.Load() < callers*calls {
		k.wantTrue(k.park(driver.Never, true), driver.Never, true)
	}
}

// The race detector finds the fault: for it, a sleep in the bubble does not order
// anything.
func unparkIsOrdered(k *kit) {
	news := make([]int, 3)
	for i := range news {
		go func() {
			time.Sleep(time.Duration(i)) // the last two find a kept Unpark
			news[i] = i + 1
			k.d.Unpark()
		}()
	}
	time.Sleep(hour)
	k.d.Park(k.d.Now(), false) // on this goroutine: k.park would synchronize
	for i, got := range news {
		if got != i+1 {
			k.Errorf("news %d = %d after Park, want %d", i, got, i+1)
		}
	}
}

func unparkAfterEnd(k *kit) {
	k.park(k.d.Now()+hour, false)
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for range 100 {
				k.unpark()
			}
		})
	}
	callers.Wait()
}

func parkForNothing(k *kit) {
	parked := k.parkAside(driver.Never, false)
	synctest.Wait()
	select {
	case ok := <-parked:
		if !ok { // it owns its clock, so it must return false each time
			if k.park(driver.Never, false) {
				k.Errorf("Park(Never, false) = true directly after false")
			}
			k.unpark()
			k.wantTrue(k.park(driver.Never, false), driver.Never, false)
		}
	default:
		k.unpark()
		k.wantTrue(k.await("Park", parked), driver.Never, false)
	}
}

func parkFromOthers(k *kit) {
	for range 100 {
		k.wantTrue(k.park(k.d.Now()+hour, false), hour, false) // each on a new goroutine
		k.unpark()
		k.wantTrue(k.park(driver.Never, true), driver.Never, true)
	}
}

// kit is the state of one subtest.
type kit struct {
	reporter
	d driver.Driver
}

// reporter has the methods of [testing.T] that a clause needs. The tests of this package
// replace it, to check that the clauses find faults.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// park parks on another goroutine. It fails the test if Park does not return.
func (k *kit) park(until time.Duration, outside bool) bool {
	k.Helper()
	return k.await("Park", k.parkAside(until, outside))
}

func (k *kit) parkAside(until time.Duration, outside bool) <-chan bool {
	parked := make(chan bool, 1)
	go func() { parked <- k.d.Park(until, outside) }()
	return parked
}

func (k *kit) unpark() {
	k.Helper()
	unparked := make(chan bool, 1)
	go func() { k.d.Unpark(); unparked <- true }()
	k.await("Unpark", unparked)
}

func (k *kit) await(call string, returned <-chan bool) bool {
	k.Helper()
	select {
	case answer := <-returned:
		return answer
	case <-time.After(stuck):
		k.Fatalf("%s does not return", call)
		return false
	}
}

// sleepUntil parks again after each early return, as a loop does.
func (k *kit) sleepUntil(until time.Duration) {
	k.Helper()
	for range maxSpurious {
		if k.d.Now() >= until {
			return
		}
		k.wantTrue(k.park(until, false), until, false)
	}
	k.Fatalf("Now = %[3]v after %[1]d calls of Park until %[2]v", maxSpurious, until, k.d.Now())
}

func (k *kit) wantTrue(got bool, until time.Duration, outside bool) {
	k.Helper()
	if !got {
		k.Errorf("Park(%v, %v) = false, want true", until, outside)
	}
}
