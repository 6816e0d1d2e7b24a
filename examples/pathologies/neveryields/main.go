// Neveryields has a task that computes from start to end without yielding.
package main

import (
	"context"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/examples/pathologies/pathology"
)

func main() {
	piece := func() { spin(10 * time.Millisecond) }
	pathology.Main(sick(piece), clean(piece))
}

func spin(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}

const pieces = 1000

// sick does not yield between its pieces of work, although each is short.
func sick(piece func()) pathology.Program {
	return func(context.Context) error {
		for range pieces {
			piece()
		}
		return nil
	}
}

// clean yields after each piece.
func clean(piece func()) pathology.Program {
	return func(ctx context.Context) error {
		for range pieces {
			piece()
			if err := asyncio.Yield(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}
