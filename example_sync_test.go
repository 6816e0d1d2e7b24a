package asyncio_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// Between two awaits no other task runs, so a task needs no lock. This lock protects an
// operation with an await in it, between reading the balance and changing it.
func ExampleLock() {
	r := asyncio.Runner{Driver: driver.NewVirtual()} // virtual time: the clock jumps
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		var lock asyncio.Lock
		balance := 100
		withdraw := func(name string, amount int) func(ctx context.Context) error {
			return func(ctx context.Context) error {
				return lock.With(ctx, func(ctx context.Context) error {
					if balance < amount {
						fmt.Printf("%s: cannot withdraw %d of %d\n", name, amount, balance)
						return nil
					}
					if err := asyncio.Sleep(ctx, time.Second); err != nil { // ask the bank
						return err
					}
					balance -= amount
					fmt.Printf("%s: withdrew %d\n", name, amount)
					return nil
				})
			}
		}
		return asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(withdraw("ann", 70))
			tg.Go(withdraw("bob", 50))
			tg.Go(withdraw("cid", 30))
			return nil
		})
	})
	fmt.Println(err)
	// Output:
	// ann: withdrew 70
	// bob: cannot withdraw 50 of 30
	// cid: withdrew 30
	// <nil>
}

// A periodic job skips its turn while its previous run still holds the lock.
func ExampleLock_TryAcquire() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		var lock asyncio.Lock
		refresh := func(ctx context.Context) error {
			if !lock.TryAcquire() {
				fmt.Println(r.Loop().Time(), "skipped")
				return nil
			}
			defer lock.Release()
			fmt.Println(r.Loop().Time(), "started")
			return asyncio.Sleep(ctx, 3*time.Second)
		}
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			for range 3 {
				tg.Go(refresh)
				if err := asyncio.Sleep(ctx, 2*time.Second); err != nil {
					return err
				}
			}
			return nil
		})
	})
	fmt.Println(err)
	// Output:
	// 0s started
	// 2s skipped
	// 4s started
	// <nil>
}

// All tasks wait for the same thing, which happens once.
func ExampleEvent() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		var ready asyncio.Event
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			for _, name := range []string{"ann", "bob"} {
				tg.Go(func(ctx context.Context) error {
					if err := ready.Wait(ctx); err != nil {
						return err
					}
					fmt.Println(name, "proceeds")
					return nil
				})
			}
			if err := asyncio.Sleep(ctx, time.Second); err != nil {
				return err
			}
			fmt.Println(&ready)
			ready.Set()
			return ready.Wait(ctx) // from now on it returns immediately
		})
	})
	fmt.Println(err)
	// Output:
	// <Event unset waiters=2>
	// ann proceeds
	// bob proceeds
	// <nil>
}

// Waiting tasks are notified of each change and check whether it is the one they need.
func ExampleCondition() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		c := asyncio.NewCondition(nil)
		level := 0
		reaches := func(ctx context.Context, want int) error {
			return c.With(ctx, func(ctx context.Context) error {
				if err := c.WaitFor(ctx, func() bool { return level >= want }); err != nil {
					return err
				}
				fmt.Printf("waited for %d: the level is %d\n", want, level)
				return nil
			})
		}
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(func(ctx context.Context) error { return reaches(ctx, 3) })
			tg.Go(func(ctx context.Context) error { return reaches(ctx, 1) })
			for level < 3 {
				if err := asyncio.Sleep(ctx, time.Minute); err != nil {
					return err
				}
				err := c.With(ctx, func(context.Context) error {
					level++
					fmt.Println("the level rises")
					c.NotifyAll()
					return nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
	fmt.Println(err)
	// Output:
	// the level rises
	// waited for 1: the level is 1
	// the level rises
	// the level rises
	// waited for 3: the level is 3
	// <nil>
}

// At most two tasks use a connection at the same time.
func ExampleSemaphore() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		connections := asyncio.NewSemaphore(2)
		return asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
			for _, page := range []string{"a", "b", "c", "d", "e"} {
				tg.Go(func(ctx context.Context) error {
					return connections.With(ctx, func(ctx context.Context) error {
						err := asyncio.Sleep(ctx, time.Second)
						fmt.Println(r.Loop().Time(), page)
						return err
					})
				})
			}
			return nil
		})
	})
	fmt.Println(err)
	// Output:
	// 1s a
	// 1s b
	// 2s c
	// 2s d
	// 3s e
	// <nil>
}

// A server rejects requests instead of queueing them when all its units are acquired.
func ExampleSemaphore_TryAcquire() {
	s := asyncio.NewSemaphore(2)
	for _, request := range []string{"a", "b", "c"} {
		if !s.TryAcquire() {
			fmt.Println(request, "rejected")
			continue
		}
		fmt.Println(request, "accepted")
	}
	fmt.Println(s)
	// Output:
	// a accepted
	// b accepted
	// c rejected
	// <Semaphore locked>
}

// A surplus Release panics. A Semaphore would accept it and have one unit more from then
// on.
func ExampleBoundedSemaphore() {
	s := asyncio.NewBoundedSemaphore(2)
	defer func() { fmt.Println(recover()) }()
	s.Release()
	// Output:
	// asyncio: invalid argument: Release of <BoundedSemaphore unlocked value=2>: no unit is acquired; call Release once for each Acquire that succeeded
}

// Three tasks compute in steps. No task begins a step before all have finished the
// previous one.
func ExampleBarrier() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		b := asyncio.NewBarrier(3)
		return asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
			for worker := range 3 {
				tg.Go(func(ctx context.Context) error {
					for step := range 2 {
						if err := asyncio.Sleep(ctx, time.Duration(worker+1)*time.Second); err != nil {
							return err
						}
						fmt.Printf("%v: %d finished step %d\n", r.Loop().Time(), worker, step)
						if _, err := b.Wait(ctx); err != nil {
							return err
						}
					}
					return nil
				})
			}
			return nil
		})
	})
	fmt.Println(err)
	// Output:
	// 1s: 0 finished step 0
	// 2s: 1 finished step 0
	// 3s: 2 finished step 0
	// 4s: 0 finished step 1
	// 5s: 1 finished step 1
	// 6s: 2 finished step 1
	// <nil>
}

// A task that cannot continue aborts the barrier, so that the others do not wait for it.
func ExampleBarrier_Abort() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		b := asyncio.NewBarrier(2)
		waits := asyncio.Go(ctx, func(ctx context.Context) error {
			_, err := b.Wait(ctx)
			return err
		})
		if err := asyncio.Sleep(ctx, time.Second); err != nil {
			return err
		}
		if err := b.Abort(ctx); err != nil {
			return err
		}
		_, err := waits.Await(ctx)
		fmt.Println(errors.Is(err, asyncio.ErrBrokenBarrier), b)
		return nil
	})
	fmt.Println(err)
	// Output:
	// true <Barrier broken>
	// <nil>
}

// Two workers share a queue of capacity two. Put waits while they are behind, and Join
// waits until all work is done.
func ExampleQueue() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		q := asyncio.NewQueue[string](2)
		var workers []*asyncio.Task[asyncio.None]
		for id := range 2 {
			workers = append(workers, asyncio.Go(ctx, func(ctx context.Context) error {
				for {
					work, err := q.Get(ctx)
					if err != nil {
						return err
					}
					err = asyncio.Sleep(ctx, time.Second)
					fmt.Printf("%v: worker %d finished %s\n", r.Loop().Time(), id, work)
					q.TaskDone()
					if err != nil {
						return err
					}
				}
			}))
		}
		for _, work := range []string{"a", "b", "c", "d", "e"} {
			if err := q.Put(ctx, work); err != nil {
				return err
			}
		}
		fmt.Println(q)
		if err := q.Join(ctx); err != nil {
			return err
		}
		fmt.Println(q)
		for _, w := range workers {
			w.Cancel()
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// 1s: worker 0 finished a
	// 1s: worker 1 finished b
	// <Queue maxsize=2 size=1 unfinished=3>
	// 2s: worker 0 finished c
	// 2s: worker 1 finished d
	// 3s: worker 0 finished e
	// <Queue maxsize=2 size=0 getters=2>
	// <nil>
}

// Shutdown ends the workers without cancelling them: they process the remaining items,
// and then Get returns ErrQueueShutDown.
func ExampleQueue_Shutdown() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		q := asyncio.NewQueue[string](0)
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			for id := range 2 {
				tg.Go(func(ctx context.Context) error {
					for {
						work, err := q.Get(ctx)
						if errors.Is(err, asyncio.ErrQueueShutDown) {
							fmt.Printf("worker %d ends\n", id)
							return nil
						}
						if err != nil {
							return err
						}
						fmt.Printf("worker %d does %s\n", id, work)
						if err := asyncio.Sleep(ctx, time.Second); err != nil {
							return err
						}
					}
				})
			}
			for _, work := range []string{"a", "b", "c"} {
				if err := q.Put(ctx, work); err != nil {
					return err
				}
			}
			q.Shutdown(false)
			fmt.Println(q.Put(ctx, "d"))
			return nil
		})
	})
	fmt.Println(err)
	// Output:
	// asyncio: the queue is shut down
	// worker 0 does a
	// worker 1 does b
	// worker 0 does c
	// worker 1 ends
	// worker 0 ends
	// <nil>
}

// The loop ends when the queue is shut down and empty. Any other error ends it too.
func ExampleQueue_All() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		var q asyncio.Queue[string]
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(func(ctx context.Context) error {
				for work, err := range q.All(ctx) {
					if err != nil {
						return err
					}
					fmt.Println(r.Loop().Time(), work)
				}
				fmt.Println("the queue is shut down")
				return nil
			})
			for _, work := range []string{"a", "b"} {
				if err := asyncio.Sleep(ctx, time.Second); err != nil {
					return err
				}
				if err := q.Put(ctx, work); err != nil {
					return err
				}
			}
			q.Shutdown(false)
			return nil
		})
	})
	fmt.Println(err)
	// Output:
	// 1s a
	// 2s b
	// the queue is shut down
	// <nil>
}

// The queue returns the most urgent job first, and equally urgent jobs in FIFO order.
func ExamplePriorityQueue() {
	type job struct {
		urgency int
		what    string
	}
	q := asyncio.NewPriorityQueue(0, func(a, b job) bool { return cmp.Less(b.urgency, a.urgency) })
	for _, j := range []job{{1, "sweep"}, {9, "put the fire out"}, {5, "cook"}, {5, "eat"}} {
		if err := q.TryPut(j); err != nil {
			fmt.Println(err)
		}
	}
	for !q.Empty() {
		j, err := q.TryGet()
		fmt.Println(j.what, err)
	}
	_, err := q.TryGet()
	fmt.Println(err)
	// Output:
	// put the fire out <nil>
	// cook <nil>
	// eat <nil>
	// sweep <nil>
	// asyncio: the queue is empty
}
