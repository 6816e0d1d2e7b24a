package asyncio_test

import (
	"context"

	"example.com/asyncio"
	"example.com/asyncio/internal/testkit"
)

// Helpers of the tests.

type record = testkit.Record

var (
	run          = testkit.Run
	runErr       = testkit.RunErr
	runOn        = testkit.RunOn
	running      = testkit.Running
	yields       = testkit.Yields
	wantErr      = testkit.WantErr
	panicOf      = testkit.PanicOf
	inGoroutine  = testkit.InGoroutine
	noLeaks      = testkit.NoLeaks
	goroutines   = testkit.Goroutines
	raceDetector = testkit.RaceDetector
	cancelWith   = testkit.CancelWith
	brief        = testkit.Brief
	lineNumber   = testkit.LineNumber
	equal        = testkit.Equal
	errBoom      = testkit.ErrBoom
	failAfter    = testkit.FailAfter
	cancelLater  = testkit.CancelLater
)

// never awaits a future that nothing completes, so only a cancellation ends it. It is in
// this package because stacks show it.
func never(ctx context.Context) error {
	_, err := asyncio.NewFuture[int](ctx).Await(ctx)
	return err
}
