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

// Between two awaits a task is alone, and needs no lock. This one is for what takes an await in its middle: the balance is
// read, and changed only after that.
func ExampleLock() {
	r := asyncio.Runner{Driver: driver.NewVirtual()} // nobody waits: the clock jumps
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		var lock asyncio.Lock
		balance := 100
		withdraw := func(name string, amount int) func(ctx context.Context) error {
			return func(ctx context.Context) error {
				return lock.With(ctx, func(ctx context.Context) error {
					if balance < amount {
						fmt.Printf("%s: %d is too much, there are %d\n", name, amount, balance)
						return nil
					}
					if err := asyncio.Sleep(ctx, time.Second); err != nil { // asks the bank
						return err
					}
					balance -= amount
					fmt.Printf("%s: has %d\n", name, amount)
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
	// ann: has 70
	// bob: 50 is too much, there are 30
	// cid: has 30
	// <nil>
}

// All wait for one thing to have happened, once and for all.
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
					fmt.Println(name, "goes on")
					return nil
				})
			}
			if err := asyncio.Sleep(ctx, time.Second); err != nil {
				return err
			}
			fmt.Println(&ready)
			ready.Set()
			return ready.Wait(ctx) // at once, from now on
		})
	})
	fmt.Println(err)
	// Output:
	// <Event unset waiters=2>
	// ann goes on
	// bob goes on
	// <nil>
}

// Those who wait are told that something has changed, and look whether it is what they wait for.
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
				fmt.Printf("%d is reached: the level is %d\n", want, level)
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
					fmt.Println("it rises")
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
	// it rises
	// 1 is reached: the level is 1
	// it rises
	// it rises
	// 3 is reached: the level is 3
	// <nil>
}

// No more than two at a time.
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

// A Release too many is a mistake that a plain Semaphore would not notice: it would let one more in from then on.
func ExampleBoundedSemaphore() {
	s := asyncio.NewBoundedSemaphore(2)
	defer func() { fmt.Println(recover()) }()
	s.Release()
	// Output:
	// asyncio: invalid argument: Release of <BoundedSemaphore unlocked value=2>, of which nothing is taken; call it once for each Acquire that returned nil
}

// Three compute in steps, and none begins a step before all have ended the one before.
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
						fmt.Printf("%v: %d has done step %d\n", r.Loop().Time(), worker, step)
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
	// 1s: 0 has done step 0
	// 2s: 1 has done step 0
	// 3s: 2 has done step 0
	// 4s: 0 has done step 1
	// 5s: 1 has done step 1
	// 6s: 2 has done step 1
	// <nil>
}

// One that cannot go on aborts the barrier, so that the others do not wait for it.
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

// Two workers, and a queue with room for two: whoever brings work waits when they are behind. Join waits until all is done.
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
					fmt.Printf("%v: worker %d has done %s\n", r.Loop().Time(), id, work)
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
	// 1s: worker 0 has done a
	// 1s: worker 1 has done b
	// <Queue maxsize=2 size=1 unfinished=3>
	// 2s: worker 0 has done c
	// 2s: worker 1 has done d
	// 3s: worker 0 has done e
	// <Queue maxsize=2 size=0 getters=2>
	// <nil>
}

// Shutdown is how the end of the work is told, and needs no worker to be cancelled: each does what is left, and then
// Get returns ErrQueueShutDown.
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
							fmt.Printf("worker %d goes home\n", id)
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
	// worker 1 goes home
	// worker 0 goes home
	// <nil>
}

// The most urgent first, and of equally urgent ones the first that came.
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
