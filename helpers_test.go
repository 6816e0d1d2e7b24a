package asyncio_test

import (
	"context"

	"example.com/asyncio"
	"example.com/asyncio/internal/testkit"
)

// The vocabulary of the tests.

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

// never waits for a future that is never set. Only a cancel ends it. Stacks show it, so
// it is not part of an internal package.
func never(ctx context.Context) error {
	_, err := asyncio.NewFuture[int](ctx).Await(ctx)
	return err
}
