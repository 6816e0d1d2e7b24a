// Neveryields has a task that computes from its begin to its end, and lets nothing else run.
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

// Each piece is short; but nothing else runs until the last is done.
func sick(piece func()) pathology.Program {
	return func(context.Context) error {
		for range pieces {
			piece()
		}
		return nil
	}
}

// clean lets others run after each piece.
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
