package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"
)

// The functions below are literally in docs/from-goroutines.md. They are here because the
// root module must not require their packages.

func copyAll(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2)
	for n := range 1000 {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error { // blocks while two goroutines run
			select {
			case <-time.After(time.Duration(n+1) * 10 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
			if n == 2 {
				return errors.New("no space left")
			}
			return nil
		})
	}
	return g.Wait() // no space left
}

func Example_errgroup() {
	fmt.Println(copyAll(context.Background()))
	// Output:
	// no space left
}

func getThreeTimes() {
	var group singleflight.Group
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			v, err, _ := group.Do("a", func() (any, error) {
				time.Sleep(10 * time.Millisecond)
				return "value of a", nil
			})
			fmt.Println(v, err) // value of a <nil>, three times
		})
	}
	wg.Wait()
}

func Example_singleflight() {
	getThreeTimes()
	// Output:
	// value of a <nil>
	// value of a <nil>
	// value of a <nil>
}
