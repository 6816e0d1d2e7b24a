package driver_test

import (
	"testing"
	"time"

	"example.com/asyncio/driver"
	"example.com/asyncio/internal/zerovalue"
)

func TestZeroAndNilDriversPanicWithAdvice(t *testing.T) {
	uses := func(zero, null driver.Driver, advice string) (uses []zerovalue.Use) {
		for kind, d := range map[string]driver.Driver{"zero": zero, "nil": null} {
			uses = append(uses,
				zerovalue.Use{Name: kind + "/Unpark", Call: func() { d.Unpark() }, Panics: advice})
			// Virtual.Now only reads the clock: a check would make it 20 % slower.
			if _, virtual := d.(*driver.Virtual); !virtual {
				uses = append(uses, zerovalue.Use{Name: kind + "/Now", Call: func() { d.Now() }, Panics: advice})
			}
			for _, until := range []time.Duration{0, time.Hour, driver.Never} {
				name := kind + "/Park until " + until.String()
				uses = append(uses,
					zerovalue.Use{Name: name, Call: func() { d.Park(until, true) }, Panics: advice})
			}
		}
		return uses
	}
	zerovalue.Test(t, map[string][]zerovalue.Use{
		"Real":    uses(&driver.Real{}, (*driver.Real)(nil), "make it with NewReal"),
		"Virtual": uses(&driver.Virtual{}, (*driver.Virtual)(nil), "make it with NewVirtual"),
	})
}
