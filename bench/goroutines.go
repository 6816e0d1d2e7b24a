package main

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"
)

// goroutines has the programs that use goroutines, channels and WaitGroups only.
var goroutines = map[string]program{
	"spawn_await":       goSpawnAwait,
	"spawn_gather":      goSpawnGather,
	"spawn_million":     goSpawnGather,
	"yield_one":         goYieldOne,
	"yield_ring":        goYieldRing,
	"wake_pingpong":     goWakePingpong,
	"suspended_million": goSuspended,
	"timers":            goTimers,
	"cancel":            goCancel,
	"queue":             goQueue,
	"lock":              goLock,
	"taskgroup_tree":    goTree,
	"to_thread":         goToThread,
	"threadsafe":        goThreadsafe,
	"timeout_wrap":      goTimeout,
}

func goSpawnAwait(_ context.Context, m *meter) error {
	var wg sync.WaitGroup
	for range m.n {
		wg.Go(op)
		wg.Wait()
	}
	return nil
}

func goSpawnGather(_ context.Context, m *meter) error {
	for range m.n / m.batch {
		var wg sync.WaitGroup
		for range m.batch {
			wg.Go(op)
		}
		wg.Wait()
	}
	return nil
}

func goYieldOne(_ context.Context, m *meter) error {
	for range m.n {
		runtime.Gosched()
		op()
	}
	return nil
}

func goYieldRing(_ context.Context, m *meter) error {
	var wg sync.WaitGroup
	for range ringSize {
		wg.Go(func() {
			for range m.n / ringSize {
				runtime.Gosched()
				op()
			}
		})
	}
	wg.Wait()
	return nil
}

// A goBall carries the channel to which the receiver sends it back. A nil channel ends
// the game.
type goBall struct {
	back chan goBall
}

func goWakePingpong(_ context.Context, m *meter) error {
	there := make(chan goBall, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		here := there
		for b := <-here; b.back != nil; b = <-here {
			here = make(chan goBall, 1)
			b.back <- goBall{here}
		}
	})
	to := there
	for range m.n {
		back := make(chan goBall, 1)
		to <- goBall{back}
		to = (<-back).back
		op()
	}
	to <- goBall{}
	wg.Wait()
	return nil
}

func goSuspended(_ context.Context, m *meter) error {
	event := make(chan struct{})
	var waiting, ended sync.WaitGroup
	waiting.Add(m.n)
	for range m.n {
		ended.Go(func() {
			waiting.Done()
			<-event
			op()
		})
	}
	waiting.Wait()
	m.hold()
	m.start()
	close(event)
	ended.Wait()
	m.stop()
	return nil
}

func goTimers(_ context.Context, m *meter) error {
	below := timersBelow(m.n)
	var wg sync.WaitGroup
	for range m.n {
		wg.Go(func() {
			time.Sleep(rand.N(below))
			op()
		})
	}
	wg.Wait()
	return nil
}

// goCancel gives each goroutine its own ctx, so that each can be cancelled separately.
func goCancel(ctx context.Context, m *meter) error {
	cancels := make([]context.CancelFunc, m.n)
	var asleep, ended sync.WaitGroup
	asleep.Add(m.n)
	for i := range cancels {
		ctx, cancel := context.WithCancel(ctx)
		cancels[i] = cancel
		ended.Go(func() {
			asleep.Done()
			_ = sleep(ctx, time.Hour)
			op()
		})
	}
	asleep.Wait()
	m.start()
	for _, cancel := range cancels {
		cancel()
	}
	ended.Wait()
	m.stop()
	return nil
}

// sleep is like time.Sleep, but returns early when ctx is done.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func goQueue(_ context.Context, m *meter) error {
	q := make(chan int, queueSize)
	go func() {
		defer close(q)
		for i := range m.n {
			q <- i
		}
	}()
	for range q {
		op()
	}
	return nil
}

func goLock(_ context.Context, m *meter) error {
	var lock sync.Mutex
	var wg sync.WaitGroup
	for range contenders {
		wg.Go(func() {
			for range m.n / contenders {
				lock.Lock()
				runtime.Gosched()
				lock.Unlock()
				op()
			}
		})
	}
	wg.Wait()
	return nil
}

func goTree(_ context.Context, m *meter) error {
	depth, tasks := tree(m.n)
	for range m.n / tasks {
		goBranch(depth)
	}
	return nil
}

func goBranch(depth int) {
	var wg sync.WaitGroup
	for range treeWidth {
		wg.Go(func() {
			op()
			if depth > 1 {
				goBranch(depth - 1)
			}
		})
	}
	wg.Wait()
}

func goToThread(_ context.Context, m *meter) error {
	slots := make(chan struct{}, contenders)
	var wg sync.WaitGroup
	for range m.n {
		slots <- struct{}{}
		wg.Go(func() {
			op()
			<-slots
		})
	}
	wg.Wait()
	return nil
}

func goThreadsafe(_ context.Context, m *meter) error {
	calls := make(chan func(), 1024)
	go func() {
		defer close(calls)
		for range m.n {
			calls <- op
		}
	}()
	for call := range calls {
		call()
	}
	return nil
}

func goTimeout(ctx context.Context, m *meter) error {
	for range m.n {
		if err := goWithTimeout(ctx); err != nil {
			return err
		}
		op()
	}
	return nil
}

func goWithTimeout(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	runtime.Gosched()
	return ctx.Err()
}
