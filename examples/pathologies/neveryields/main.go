// Neveryields has a task that computes from its begin to its end, and lets nothing else run.
package main

import (
	"context"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/examples/pathologies/pathology"
)

func main() {
	pathology.Main(sick(func() { spin(10 * time.Second) }), clean(func() { spin(10 * time.Millisecond) }))
}

func spin(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}

func sick(work func()) pathology.Program {
	return func(context.Context) error {
		work()
		return nil
	}
}

// clean has pieces of work, and lets others run in between.
func clean(piece func()) pathology.Program {
	return func(ctx context.Context) error {
		for range 1000 {
			piece()
			if err := asyncio.Yield(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}
