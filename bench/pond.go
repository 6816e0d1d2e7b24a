package main

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/alitto/pond/v2"
)

// ponds has the programs that use alitto/pond.
var ponds = map[string]program{
	"spawn_await":       pondSpawnAwait,
	"spawn_gather":      pondSpawnGather,
	"spawn_million":     pondSpawnGather,
	"suspended_million": pondSuspended,
	"timers":            pondTimers,
	"cancel":            pondCancel,
	"taskgroup_tree":    pondTree,
	"to_thread":         pondToThread,
}

func pondSpawnAwait(_ context.Context, m *meter) error {
	p := pond.NewPool(runtime.GOMAXPROCS(0))
	defer p.StopAndWait()
	for range m.n {
		if err := p.Submit(op).Wait(); err != nil {
			return err
		}
	}
	return nil
}

func pondSpawnGather(_ context.Context, m *meter) error {
	p := pond.NewPool(runtime.GOMAXPROCS(0))
	defer p.StopAndWait()
	for range m.n / m.batch {
		g := p.NewGroup()
		for range m.batch {
			g.Submit(op)
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	return nil
}

func pondSuspended(_ context.Context, m *meter) error {
	p := pond.NewPool(pond.Unbounded)
	defer p.StopAndWait()
	event := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Add(m.n)
	g := p.NewGroup()
	for range m.n {
		g.Submit(func() {
			waiting.Done()
			<-event
			op()
		})
	}
	waiting.Wait()
	m.hold()
	m.start()
	close(event)
	err := g.Wait()
	m.stop()
	return err
}

func pondTimers(_ context.Context, m *meter) error {
	p := pond.NewPool(pond.Unbounded)
	defer p.StopAndWait()
	below := timersBelow(m.n)
	g := p.NewGroup()
	for range m.n {
		g.Submit(func() {
			time.Sleep(rand.N(below))
			op()
		})
	}
	return g.Wait()
}

// pondCancel cancels one ctx, which cancels all goroutines at once.
func pondCancel(ctx context.Context, m *meter) error {
	p := pond.NewPool(pond.Unbounded)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var asleep sync.WaitGroup
	asleep.Add(m.n)
	g := p.NewGroup()
	for range m.n {
		g.SubmitErr(func() error {
			defer op()
			asleep.Done()
			return sleep(ctx, time.Hour)
		})
	}
	asleep.Wait()
	m.start()
	cancel()
	_ = g.Wait()    // context.Canceled, as soon as the first goroutine returns
	p.StopAndWait() // waits for the other goroutines
	m.stop()
	return nil
}

func pondTree(_ context.Context, m *meter) error {
	p := pond.NewPool(pond.Unbounded)
	defer p.StopAndWait()
	depth, tasks := tree(m.n)
	for range m.n / tasks {
		if err := pondBranch(p, depth); err != nil {
			return err
		}
	}
	return nil
}

func pondBranch(p pond.Pool, depth int) error {
	g := p.NewGroup()
	for range treeWidth {
		g.SubmitErr(func() error {
			op()
			if depth == 1 {
				return nil
			}
			return pondBranch(p, depth-1)
		})
	}
	return g.Wait()
}

func pondToThread(_ context.Context, m *meter) error {
	p := pond.NewPool(contenders)
	for range m.n {
		p.Submit(op)
	}
	p.StopAndWait()
	return nil
}
