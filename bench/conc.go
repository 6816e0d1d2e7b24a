package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/pool"
)

// concs has the programs that use sourcegraph/conc.
var concs = map[string]program{
	"spawn_await":       concSpawnAwait,
	"spawn_gather":      concSpawnGather,
	"spawn_million":     concSpawnGather,
	"suspended_million": concSuspended,
	"timers":            concTimers,
	"cancel":            concCancel,
	"taskgroup_tree":    concTree,
	"to_thread":         concToThread,
}

func concSpawnAwait(_ context.Context, m *meter) error {
	var wg conc.WaitGroup
	for range m.n {
		wg.Go(op)
		wg.Wait()
	}
	return nil
}

func concSpawnGather(_ context.Context, m *meter) error {
	for range m.n / m.batch {
		var wg conc.WaitGroup
		for range m.batch {
			wg.Go(op)
		}
		wg.Wait()
	}
	return nil
}

func concSuspended(_ context.Context, m *meter) error {
	event := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Add(m.n)
	var wg conc.WaitGroup
	for range m.n {
		wg.Go(func() {
			waiting.Done()
			<-event
			op()
		})
	}
	waiting.Wait()
	m.hold()
	m.start()
	close(event)
	wg.Wait()
	m.stop()
	return nil
}

func concTimers(_ context.Context, m *meter) error {
	below := timersBelow(m.n)
	var wg conc.WaitGroup
	for range m.n {
		wg.Go(func() {
			time.Sleep(rand.N(below))
			op()
		})
	}
	wg.Wait()
	return nil
}

// concCancel cancels the pool's ctx, which cancels all goroutines at once.
func concCancel(ctx context.Context, m *meter) error {
	ctx, cancel := context.WithCancel(ctx)
	p := pool.New().WithMaxGoroutines(m.n).WithContext(ctx)
	var asleep sync.WaitGroup
	asleep.Add(m.n)
	for range m.n {
		p.Go(func(ctx context.Context) error {
			defer op()
			asleep.Done()
			return sleep(ctx, time.Hour)
		})
	}
	asleep.Wait()
	m.start()
	cancel()
	_ = p.Wait() // context.Canceled, once for each goroutine
	m.stop()
	return nil
}

func concTree(_ context.Context, m *meter) error {
	depth, tasks := tree(m.n)
	for range m.n / tasks {
		concBranch(depth)
	}
	return nil
}

func concBranch(depth int) {
	var wg conc.WaitGroup
	for range treeWidth {
		wg.Go(func() {
			op()
			if depth > 1 {
				concBranch(depth - 1)
			}
		})
	}
	wg.Wait()
}

func concToThread(_ context.Context, m *meter) error {
	p := pool.New().WithMaxGoroutines(contenders)
	for range m.n {
		p.Go(op)
	}
	p.Wait()
	return nil
}
