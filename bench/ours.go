package main

import (
	"context"
	"math/rand/v2"
	"time"

	"example.com/asyncio"
)

// ours has the programs that use package asyncio.
var ours = map[string]program{
	"spawn_await":       onLoop(oursSpawnAwait),
	"spawn_gather":      onLoop(oursSpawnGather),
	"spawn_million":     onLoop(oursSpawnGather),
	"yield_one":         onLoop(oursYieldOne),
	"yield_ring":        onLoop(oursYieldRing),
	"wake_pingpong":     onLoop(oursWakePingpong),
	"suspended_million": onLoop(oursSuspended),
	"timers":            onLoop(oursTimers),
	"cancel":            onLoop(oursCancel),
	"queue":             onLoop(oursQueue),
	"lock":              onLoop(oursLock),
	"taskgroup_tree":    onLoop(oursTree),
	"to_thread":         onLoop(oursToThread),
	"threadsafe":        onLoop(oursThreadsafe),
	"timeout_wrap":      onLoop(oursTimeout),
}

// onLoop runs p on a loop. It does not measure the creation and closing of the loop.
func onLoop(p program) program {
	return func(ctx context.Context, m *meter) error {
		return asyncio.Run(ctx, func(ctx context.Context) error {
			m.start()
			err := p(ctx, m)
			m.stop()
			m.release()
			return err
		})
	}
}

func noop(context.Context) error { op(); return nil }

func oursSpawnAwait(ctx context.Context, m *meter) error {
	for range m.n {
		if _, err := asyncio.Go(ctx, noop).Await(ctx); err != nil {
			return err
		}
	}
	return nil
}

func oursSpawnGather(ctx context.Context, m *meter) error {
	tasks := make([]*asyncio.Task[asyncio.None], m.batch)
	for range m.n / m.batch {
		for i := range tasks {
			tasks[i] = asyncio.Go(ctx, noop)
		}
		m.hold()
		if _, err := asyncio.Gather(ctx, tasks...).Await(ctx); err != nil {
			return err
		}
	}
	return nil
}

func oursYieldOne(ctx context.Context, m *meter) error {
	for range m.n {
		if err := asyncio.Yield(ctx); err != nil {
			return err
		}
		op()
	}
	return nil
}

func oursYieldRing(ctx context.Context, m *meter) error {
	return asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
		for range ringSize {
			tg.Go(func(ctx context.Context) error {
				for range m.n / ringSize {
					if err := asyncio.Yield(ctx); err != nil {
						return err
					}
					op()
				}
				return nil
			})
		}
		return nil
	})
}

// A ball carries the future to which the receiver sends it back. A nil future ends the
// game.
type ball struct {
	back *asyncio.Future[ball]
}

func oursWakePingpong(ctx context.Context, m *meter) error {
	there := asyncio.NewFuture[ball](ctx)
	other := asyncio.Go(ctx, func(ctx context.Context) error {
		here := there
		for {
			b, err := here.Await(ctx)
			if err != nil || b.back == nil {
				return err
			}
			here = asyncio.NewFuture[ball](ctx)
			if err := b.back.SetResult(ball{here}); err != nil {
				return err
			}
		}
	})
	to := there
	for range m.n {
		back := asyncio.NewFuture[ball](ctx)
		if err := to.SetResult(ball{back}); err != nil {
			return err
		}
		b, err := back.Await(ctx)
		if err != nil {
			return err
		}
		to = b.back
		op()
	}
	if err := to.SetResult(ball{}); err != nil {
		return err
	}
	_, err := other.Await(ctx)
	return err
}

func oursSuspended(ctx context.Context, m *meter) error {
	event := new(asyncio.Event)
	tasks := make([]*asyncio.Task[asyncio.None], m.n)
	for i := range tasks {
		tasks[i] = asyncio.Go(ctx, func(ctx context.Context) error {
			defer op()
			return event.Wait(ctx)
		})
	}
	if err := asyncio.Yield(ctx); err != nil { // all tasks start and wait
		return err
	}
	m.hold()
	m.start()
	event.Set()
	for _, t := range tasks {
		if _, err := t.Await(ctx); err != nil {
			return err
		}
	}
	m.stop()
	return nil
}

func oursTimers(ctx context.Context, m *meter) error {
	below := timersBelow(m.n)
	return asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
		for range m.n {
			tg.Go(func(ctx context.Context) error {
				defer op()
				return asyncio.Sleep(ctx, rand.N(below))
			})
		}
		return nil
	})
}

// timersBelow returns the exclusive limit of the sleep times of n timers.
func timersBelow(n int) time.Duration { return time.Duration(n * timerSpacing) }

func oursCancel(ctx context.Context, m *meter) error {
	tasks := make([]*asyncio.Task[asyncio.None], m.n)
	for i := range tasks {
		tasks[i] = asyncio.Go(ctx, func(ctx context.Context) error {
			defer op()
			return asyncio.Sleep(ctx, time.Hour)
		})
	}
	if err := asyncio.Yield(ctx); err != nil { // all tasks start and sleep
		return err
	}
	m.start()
	for _, t := range tasks {
		t.Cancel()
	}
	for _, t := range tasks {
		if _, err := t.Await(ctx); !t.Cancelled() {
			return err
		}
	}
	m.stop()
	return nil
}

func oursQueue(ctx context.Context, m *meter) error {
	q := asyncio.NewQueue[int](queueSize)
	producer := asyncio.Go(ctx, func(ctx context.Context) error {
		for i := range m.n {
			if err := q.Put(ctx, i); err != nil {
				return err
			}
		}
		return nil
	})
	for range m.n {
		if _, err := q.Get(ctx); err != nil {
			return err
		}
		op()
	}
	_, err := producer.Await(ctx)
	return err
}

func oursLock(ctx context.Context, m *meter) error {
	lock := new(asyncio.Lock)
	return asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
		for range contenders {
			tg.Go(func(ctx context.Context) error {
				for range m.n / contenders {
					if err := lock.Acquire(ctx); err != nil {
						return err
					}
					err := asyncio.Yield(ctx)
					lock.Release()
					if err != nil {
						return err
					}
					op()
				}
				return nil
			})
		}
		return nil
	})
}

func oursTree(ctx context.Context, m *meter) error {
	depth, tasks := tree(m.n)
	for range m.n / tasks {
		if err := oursBranch(ctx, depth); err != nil {
			return err
		}
	}
	return nil
}

func oursBranch(ctx context.Context, depth int) error {
	return asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
		for range treeWidth {
			tg.Go(func(ctx context.Context) error {
				op()
				if depth == 1 {
					return nil
				}
				return oursBranch(ctx, depth-1)
			})
		}
		return nil
	})
}

func oursToThread(ctx context.Context, m *meter) error {
	work := func(context.Context) (asyncio.None, error) { op(); return asyncio.None{}, nil }
	return asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
		for range contenders {
			tg.Go(func(ctx context.Context) error {
				for range m.n / contenders {
					if _, err := asyncio.ToThread(ctx, work); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return nil
	})
}

func oursThreadsafe(ctx context.Context, m *meter) error {
	loop, err := asyncio.RunningLoop(ctx)
	if err != nil {
		return err
	}
	called := 0
	all := asyncio.NewFuture[asyncio.None](ctx)
	call := func(context.Context) {
		op()
		if called++; called == m.n {
			_ = all.SetResult(asyncio.None{})
		}
	}
	go func() {
		for range m.n {
			_, _ = loop.CallSoonThreadsafe(call)
		}
	}()
	_, err = all.Await(ctx)
	return err
}

func oursTimeout(ctx context.Context, m *meter) error {
	for range m.n {
		if err := asyncio.Timeout(ctx, time.Minute, asyncio.Yield); err != nil {
			return err
		}
		op()
	}
	return nil
}
