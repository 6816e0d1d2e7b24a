package asyncio_test

import (
	"context"
	"testing"
	"time"

	"example.com/asyncio"
)

// What is ready runs in the order that SetOrder's function chooses. That is asked where there is a choice, and
// never again after SetOrder(nil).
func TestSetOrder(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		scene := func() {
			for _, name := range []string{"a", "b"} {
				asyncio.Go(ctx, func(ctx context.Context) error {
					log.add("%s begins", name)
					yields(ctx, 1)
					log.add("%s ends", name)
					return nil
				})
			}
			l.CallSoon(func(context.Context) { log.add("call") })
			_ = asyncio.Sleep(ctx, time.Second)
		}
		l.SetOrder(func(ready int) int {
			log.add("last of %d:", ready)
			return ready - 1
		})
		scene()
		l.SetOrder(nil)
		log.add("in their order:")
		scene()
		return nil
	})
	log.want(t,
		"last of 3:", "call",
		"last of 2:", "b begins",
		"last of 2:", "b ends",
		"a begins",
		"a ends",
		"in their order:",
		"a begins", "b begins", "call", "a ends", "b ends",
	)
}
