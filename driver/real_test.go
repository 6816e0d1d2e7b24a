package driver_test

import (
	"testing"
	"testing/synctest"
	"time"

	"example.com/asyncio/driver"
)

func TestRealSleepsUntilTheGivenTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, start := driver.NewReal(), time.Now()
		for _, outside := range []bool{false, true} { // no difference for Real
			d.Park(d.Now()+time.Hour, outside)
		}
		if now, slept := d.Now(), time.Since(start); now != 2*time.Hour || slept != now {
			t.Errorf("Now = %v after %v, want 2h for both", now, slept)
		}
	})
}

// The timer of a Park that Unpark ended does not end the next Park.
func TestRealDiscardsTheTickOfAnEndedPark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := driver.NewReal()
		time.AfterFunc(time.Hour, d.Unpark) // at the same time as the timer
		d.Park(time.Hour, false)
		time.Sleep(time.Second)
		d.Park(d.Now(), false) // takes the Unpark if the timer was first
		d.Park(5*time.Hour, false)
		if now := d.Now(); now != 5*time.Hour {
			t.Errorf("Park until 5h ended at %v", now)
		}
	})
}

// The only test that runs outside a bubble and sleeps.
func TestRealOnTheWallClock(t *testing.T) {
	d := driver.NewReal()
	until := d.Now() + time.Millisecond
	for d.Now() < until {
		if !d.Park(until, false) {
			t.Fatal("Park = false, want true")
		}
	}
	go d.Unpark()
	if !d.Park(driver.Never, false) {
		t.Error("Park = false, want true")
	}
}
