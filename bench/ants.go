package main

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/panjf2000/ants/v2"
)

// antses has the programs that use panjf2000/ants. Its pools cannot wait for submitted
// work, so the programs use a WaitGroup.
var antses = map[string]program{
	"spawn_await":       antsSpawnAwait,
	"spawn_gather":      antsSpawnGather,
	"spawn_million":     antsSpawnGather,
	"suspended_million": antsSuspended,
	"timers":            antsTimers,
	"cancel":            antsCancel,
	"taskgroup_tree":    antsTree,
	"to_thread":         antsToThread,
}

// antsPool returns a pool of at most size goroutines; -1 means no limit.
func antsPool(size int) *ants.Pool {
	p, err := ants.NewPool(size)
	if err != nil {
		panic(err)
	}
	return p
}

func antsSpawnAwait(_ context.Context, m *meter) error {
	p := antsPool(runtime.GOMAXPROCS(0))
	defer p.Release()
	var wg sync.WaitGroup
	work := func() { op(); wg.Done() }
	for range m.n {
		wg.Add(1)
		if err := p.Submit(work); err != nil {
			return err
		}
		wg.Wait()
	}
	return nil
}

func antsSpawnGather(_ context.Context, m *meter) error {
	p := antsPool(runtime.GOMAXPROCS(0))
	defer p.Release()
	var wg sync.WaitGroup
	work := func() { op(); wg.Done() }
	for range m.n / m.batch {
		for range m.batch {
			wg.Add(1)
			if err := p.Submit(work); err != nil {
				return err
			}
		}
		wg.Wait()
	}
	return nil
}

func antsSuspended(_ context.Context, m *meter) error {
	p := antsPool(-1)
	defer p.Release()
	event := make(chan struct{})
	var waiting, ended sync.WaitGroup
	waiting.Add(m.n)
	ended.Add(m.n)
	work := func() {
		waiting.Done()
		<-event
		op()
		ended.Done()
	}
	for range m.n {
		if err := p.Submit(work); err != nil {
			return err
		}
	}
	waiting.Wait()
	m.hold()
	m.start()
	close(event)
	ended.Wait()
	m.stop()
	return nil
}

func antsTimers(_ context.Context, m *meter) error {
	p := antsPool(-1)
	defer p.Release()
	below := timersBelow(m.n)
	var wg sync.WaitGroup
	work := func() {
		time.Sleep(rand.N(below))
		op()
		wg.Done()
	}
	for range m.n {
		wg.Add(1)
		if err := p.Submit(work); err != nil {
			return err
		}
	}
	wg.Wait()
	return nil
}

// antsCancel cancels one ctx, which cancels all goroutines at once.
func antsCancel(ctx context.Context, m *meter) error {
	p := antsPool(-1)
	defer p.Release()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var asleep, ended sync.WaitGroup
	asleep.Add(m.n)
	ended.Add(m.n)
	work := func() {
		asleep.Done()
		_ = sleep(ctx, time.Hour)
		op()
		ended.Done()
	}
	for range m.n {
		if err := p.Submit(work); err != nil {
			return err
		}
	}
	asleep.Wait()
	m.start()
	cancel()
	ended.Wait()
	m.stop()
	return nil
}

func antsTree(_ context.Context, m *meter) error {
	p := antsPool(-1)
	defer p.Release()
	depth, tasks := tree(m.n)
	for range m.n / tasks {
		if err := antsBranch(p, depth); err != nil {
			return err
		}
	}
	return nil
}

func antsBranch(p *ants.Pool, depth int) error {
	var wg sync.WaitGroup
	work := func() {
		defer wg.Done()
		op()
		if depth > 1 {
			_ = antsBranch(p, depth-1)
		}
	}
	for range treeWidth {
		wg.Add(1)
		if err := p.Submit(work); err != nil {
			return err
		}
	}
	wg.Wait()
	return nil
}

func antsToThread(_ context.Context, m *meter) error {
	p := antsPool(contenders)
	defer p.Release()
	var wg sync.WaitGroup
	work := func() { op(); wg.Done() }
	for range m.n {
		wg.Add(1)
		if err := p.Submit(work); err != nil {
			return err
		}
	}
	wg.Wait()
	return nil
}
