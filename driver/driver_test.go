package driver_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"example.com/asyncio/driver"
	"example.com/asyncio/driver/drivertest"
)

// drivers are all drivers of this package.
var drivers = []struct {
	name string
	new  func() driver.Driver
}{
	{"real", func() driver.Driver { return driver.NewReal() }},
	{"virtual", func() driver.Driver { return driver.NewVirtual() }},
}

func TestConformance(t *testing.T) {
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) { drivertest.Test(t, d.new) })
	}
}

func TestNowStartsAtZero(t *testing.T) {
	for _, d := range drivers {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Hour)
			if now := d.new().Now(); now != 0 {
				t.Errorf("%s: Now = %v for a new driver, want 0", d.name, now)
			}
		})
	}
}

func TestParkAndUnparkAllocateNothing(t *testing.T) {
	for _, d := range drivers {
		synctest.Test(t, func(t *testing.T) {
			d, name := d.new(), d.name
			check := func(what string, f func()) {
				t.Helper()
				if allocs := testing.AllocsPerRun(100, f); allocs != 0 {
					t.Errorf("%s: %s: %v allocations, want 0", name, what, allocs)
				}
			}
			check("Park until a time", func() { d.Park(d.Now()+time.Hour, false) })
			check("Park until a time in the past", func() { d.Park(d.Now(), false) })
			check("Park with an Unpark kept", func() { d.Unpark(); d.Park(d.Now()+time.Hour, false) })

			calls := make(chan bool)
			go func() {
				for range calls {
					d.Unpark()
				}
			}()
			check("Park that is unparked", func() { calls <- true; d.Park(driver.Never, true) })
			check("Park until a time that is unparked", func() { calls <- true; d.Park(d.Now()+time.Hour, true) })
			close(calls)
		})
	}
}

func ExampleVirtual() {
	d := driver.NewVirtual()
	fmt.Println(d.Park(3*time.Hour, false), d.Now())

	go d.Unpark() // the end of a job
	fmt.Println(d.Park(5*time.Hour, true), d.Now())

	fmt.Println(d.Park(driver.Never, false), d.Now())
	// Output:
	// true 3h0m0s
	// true 3h0m0s
	// false 3h0m0s
}

func BenchmarkPark(b *testing.B) {
	for _, d := range drivers {
		d, name := d.new(), d.name
		b.Run(name+"/Now", func(b *testing.B) {
			for b.Loop() {
				d.Now()
			}
		})
		b.Run(name+"/past", func(b *testing.B) {
			for b.Loop() {
				d.Park(0, false)
			}
		})
		b.Run(name+"/kept", func(b *testing.B) {
			for b.Loop() {
				d.Unpark()
				d.Park(driver.Never, true)
			}
		})
		b.Run(name+"/Unpark again", func(b *testing.B) {
			for b.Loop() {
				d.Unpark()
			}
		})
		b.Run(name+"/round trip", func(b *testing.B) { // between two goroutines
			back := d
			there := drivers[0].new()
			done := make(chan bool)
			go func() {
				defer close(done)
				for range b.N {
					there.Park(driver.Never, true)
					back.Unpark()
				}
			}()
			d.Park(0, false) // takes the kept Unpark
			for range b.N {
				there.Unpark()
				back.Park(driver.Never, true)
			}
			<-done
		})
	}
}
