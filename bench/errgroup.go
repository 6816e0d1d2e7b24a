package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// errgroups has the programs that use golang.org/x/sync/errgroup. The package adds
// nothing for yields, queues, locks and timeouts; the peer goroutines measures those.
var errgroups = map[string]program{
	"spawn_await":       errgroupSpawnAwait,
	"spawn_gather":      errgroupSpawnGather,
	"spawn_million":     errgroupSpawnGather,
	"suspended_million": errgroupSuspended,
	"timers":            errgroupTimers,
	"cancel":            errgroupCancel,
	"taskgroup_tree":    errgroupTree,
	"to_thread":         errgroupToThread,
}

func opErr() error { op(); return nil }

func errgroupSpawnAwait(_ context.Context, m *meter) error {
	var g errgroup.Group
	for range m.n {
		g.Go(opErr)
		if err := g.Wait(); err != nil {
			return err
		}
	}
	return nil
}

func errgroupSpawnGather(_ context.Context, m *meter) error {
	for range m.n / m.batch {
		var g errgroup.Group
		for range m.batch {
			g.Go(opErr)
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	return nil
}

func errgroupSuspended(_ context.Context, m *meter) error {
	event := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Add(m.n)
	var g errgroup.Group
	for range m.n {
		g.Go(func() error {
			waiting.Done()
			<-event
			op()
			return nil
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

func errgroupTimers(_ context.Context, m *meter) error {
	below := timersBelow(m.n)
	var g errgroup.Group
	for range m.n {
		g.Go(func() error {
			time.Sleep(rand.N(below))
			op()
			return nil
		})
	}
	return g.Wait()
}

// errgroupCancel cancels the group's ctx, which cancels all goroutines at once.
func errgroupCancel(ctx context.Context, m *meter) error {
	ctx, cancel := context.WithCancel(ctx)
	g, ctx := errgroup.WithContext(ctx)
	var asleep sync.WaitGroup
	asleep.Add(m.n)
	for range m.n {
		g.Go(func() error {
			defer op()
			asleep.Done()
			return sleep(ctx, time.Hour)
		})
	}
	asleep.Wait()
	m.start()
	cancel()
	_ = g.Wait() // context.Canceled
	m.stop()
	return nil
}

func errgroupTree(_ context.Context, m *meter) error {
	depth, tasks := tree(m.n)
	for range m.n / tasks {
		if err := errgroupBranch(depth); err != nil {
			return err
		}
	}
	return nil
}

func errgroupBranch(depth int) error {
	var g errgroup.Group
	for range treeWidth {
		g.Go(func() error {
			op()
			if depth == 1 {
				return nil
			}
			return errgroupBranch(depth - 1)
		})
	}
	return g.Wait()
}

func errgroupToThread(_ context.Context, m *meter) error {
	var g errgroup.Group
	g.SetLimit(contenders)
	for range m.n {
		g.Go(opErr)
	}
	return g.Wait()
}
