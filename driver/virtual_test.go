package driver_test

import (
	"testing"
	"testing/synctest"
	"time"

	"example.com/asyncio/driver"
)

// A sequence of Park calls and the clock after each. No other goroutine runs, so a Park
// that waits is a deadlock of the bubble.
func TestParkSetsTheVirtualClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := driver.NewVirtual()
		for i, step := range []struct {
			unpark  bool
			until   time.Duration
			outside bool
			want    bool
			now     time.Duration
		}{
			{until: 5, want: true, now: 5},
			{until: 5, want: true, now: 5},
			{until: 3, want: true, now: 5},
			{until: 3, outside: true, want: true, now: 5},
			{unpark: true, until: 9, want: true, now: 5},
			{unpark: true, until: 9, outside: true, want: true, now: 5},
			{unpark: true, until: 4, want: true, now: 5},
			{until: driver.Never, want: false, now: 5},
			{unpark: true, until: driver.Never, want: true, now: 5},
			{until: driver.Never, want: false, now: 5},
			{until: driver.Never - 1, want: true, now: driver.Never - 1},
		} {
			if step.unpark {
				d.Unpark()
			}
			if got := d.Park(step.until, step.outside); got != step.want || d.Now() != step.now {
				t.Errorf("step %d: Park(%d, %v) = %v and Now = %d, want %v and %d",
					i, step.until, step.outside, got, d.Now(), step.want, step.now)
			}
		}
	})
}

func TestVirtualClockStopsForOutsideWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := driver.NewVirtual()
		time.AfterFunc(time.Hour, d.Unpark) // on the bubble's clock
		start := time.Now()
		if got := d.Park(time.Second, true); !got || d.Now() != 0 {
			t.Errorf("Park = %v and Now = %v, want true and 0", got, d.Now())
		}
		if waited := time.Since(start); waited != time.Hour {
			t.Errorf("Park waited %v for the outside work, want 1h", waited)
		}
	})
}
