package asyncio_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/asyncio"
)

// Each benchmark includes the equivalent with goroutines, channels and WaitGroups, for a
// comparison within one run.

// onLoop runs the body of a benchmark as the main task of a loop.
func onLoop(b *testing.B, body func(ctx context.Context)) {
	b.ReportAllocs()
	r := &asyncio.Runner{NoInterrupt: true}
	if err := r.Run(context.Background(), func(ctx context.Context) error { body(ctx); return nil }); err != nil {
		b.Fatal(err)
	}
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
}

// one is the function of a task. It captures no variables.
func one(context.Context) (int, error) { return 1, nil }

func BenchmarkCreateAndAwait(b *testing.B) {
	b.Run("asyncio", func(b *testing.B) {
		onLoop(b, func(ctx context.Context) {
			for b.Loop() {
				asyncio.CreateTask(ctx, one).Await(ctx)
			}
		})
	})
	b.Run("goroutines", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			result := make(chan int, 1)
			go func() { result <- 1 }()
			<-result
		}
	})
}

func BenchmarkGather1000(b *testing.B) {
	const n = 1000
	b.Run("asyncio", func(b *testing.B) {
		onLoop(b, func(ctx context.Context) {
			tasks := make([]*asyncio.Task[int], n)
			for b.Loop() {
				for i := range tasks {
					tasks[i] = asyncio.CreateTask(ctx, func(context.Context) (int, error) { return i, nil })
				}
				asyncio.Gather(ctx, tasks...).Await(ctx)
			}
		})
	})
	b.Run("goroutines", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			results := make([]int, n)
			var all sync.WaitGroup
			for i := range results {
				all.Go(func() { results[i] = i })
			}
			all.Wait()
		}
	})
}

func BenchmarkTaskGroup1000(b *testing.B) {
	const n = 1000
	b.Run("asyncio", func(b *testing.B) {
		onLoop(b, func(ctx context.Context) {
			for b.Loop() {
				results := make([]int, n)
				_ = asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
					for i := range results {
						tg.Go(func(context.Context) error { results[i] = i; return nil })
					}
					return nil
				})
			}
		})
	})
	b.Run("goroutines", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			results := make([]int, n)
			ctx, cancel := context.WithCancel(context.Background())
			var all sync.WaitGroup
			for i := range results {
				all.Go(func() {
					if ctx.Err() == nil {
						results[i] = i
					}
				})
			}
			all.Wait()
			cancel()
		}
	})
}

func BenchmarkYieldAlone(b *testing.B) {
	b.Run("asyncio", func(b *testing.B) {
		onLoop(b, func(ctx context.Context) {
			for b.Loop() {
				asyncio.Yield(ctx)
			}
		})
	})
	b.Run("goroutines", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			runtime.Gosched()
		}
	})
}

// 1000 tasks yield in turn. The result is per yield.
func BenchmarkYieldRing1000(b *testing.B) {
	const n = 1000
	b.Run("asyncio", func(b *testing.B) {
		onLoop(b, func(ctx context.Context) {
			stop := false
			for range n - 1 {
				asyncio.Go(ctx, func(ctx context.Context) error {
					for !stop {
						asyncio.Yield(ctx)
					}
					return nil
				})
			}
			b.ResetTimer()
			for i := 0; i < b.N; i += n {
				asyncio.Yield(ctx)
			}
			b.StopTimer()
			stop = true
		})
	})
	b.Run("goroutines", func(b *testing.B) {
		b.ReportAllocs()
		var all sync.WaitGroup
		for range n {
			all.Go(func() {
				for i := 0; i < b.N; i += n {
					runtime.Gosched()
				}
			})
		}
		all.Wait()
	})
}

func BenchmarkPingPong(b *testing.B) {
	b.Run("asyncio", func(b *testing.B) {
		onLoop(b, func(ctx context.Context) {
			ping, pong := asyncio.NewFuture[int](ctx), asyncio.NewFuture[int](ctx)
			done := asyncio.Go(ctx, func(ctx context.Context) error {
				for {
					v, err := ping.Await(ctx)
					if err != nil || v < 0 {
						return err
					}
					ping = asyncio.NewFuture[int](ctx)
					pong.SetResult(v)
				}
			})
			for b.Loop() {
				ping.SetResult(1)
				pong.Await(ctx)
				pong = asyncio.NewFuture[int](ctx)
			}
			ping.SetResult(-1)
			done.Await(ctx)
		})
	})
	b.Run("goroutines", func(b *testing.B) {
		b.ReportAllocs()
		ping, pong := make(chan int), make(chan int)
		go func() {
			for v := range ping {
				pong <- v
			}
			close(pong)
		}()
		for b.Loop() {
			ping <- 1
			<-pong
		}
		close(ping)
		<-pong
	})
}

// A timer is scheduled and cancelled, as by a timeout that does not expire.
func BenchmarkTimerSetAndStop(b *testing.B) {
	b.Run("asyncio", func(b *testing.B) {
		onLoop(b, func(ctx context.Context) {
			l, _ := asyncio.RunningLoop(ctx)
			for b.Loop() {
				l.CallLater(time.Hour, func(context.Context) {}).Cancel()
				asyncio.Yield(ctx)
			}
		})
	})
	b.Run("goroutines", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			time.AfterFunc(time.Hour, func() {}).Stop()
			runtime.Gosched()
		}
	})
}

// 1000 tasks sleep for 1 µs each, concurrently.
func BenchmarkSleep1000(b *testing.B) {
	const n = 1000
	b.Run("asyncio", func(b *testing.B) {
		onLoop(b, func(ctx context.Context) {
			for b.Loop() {
				tasks := make([]*asyncio.Task[asyncio.None], n)
				for i := range tasks {
					tasks[i] = asyncio.Go(ctx, func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Microsecond) })
				}
				for _, t := range tasks {
					t.Await(ctx)
				}
			}
		})
	})
	b.Run("goroutines", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var all sync.WaitGroup
			for range n {
				all.Go(func() { time.Sleep(time.Microsecond) })
			}
			all.Wait()
		}
	})
}

// A task starts, suspends, is cancelled and awaited.
func BenchmarkCancel(b *testing.B) {
	b.Run("asyncio", func(b *testing.B) {
		onLoop(b, func(ctx context.Context) {
			for b.Loop() {
				t := asyncio.Go(ctx, func(ctx context.Context) error {
					_, err := asyncio.NewFuture[int](ctx).Await(ctx)
					return err
				})
				asyncio.Yield(ctx)
				t.Cancel()
				t.Await(ctx)
			}
		})
	})
	b.Run("goroutines", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() {
				<-ctx.Done()
				ended <- ctx.Err()
			}()
			runtime.Gosched()
			cancel()
			<-ended
		}
	})
}

func BenchmarkToThread(b *testing.B) {
	b.Run("asyncio", func(b *testing.B) {
		onLoop(b, func(ctx context.Context) {
			for b.Loop() {
				asyncio.ToThread(ctx, one)
			}
		})
	})
	b.Run("goroutines", func(b *testing.B) {
		b.ReportAllocs()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		slots := make(chan struct{}, runtime.NumCPU()+4)
		for b.Loop() {
			_, _ = offloadByHand(ctx, slots, one)
		}
	})
}

// offloadByHand is the equivalent of ToThread with goroutines and channels:
//
//   - The number of goroutines is limited.
//   - Cancelling the ctx of the caller ends the wait and cancels the ctx of fn.
//   - A panic does not end the program.
func offloadByHand(ctx context.Context, slots chan struct{}, fn func(context.Context) (int, error)) (int, error) {
	type outcome struct {
		value int
		err   error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	ended := make(chan outcome, 1)
	go func() {
		defer func() { <-slots }()
		defer func() {
			if p := recover(); p != nil {
				ended <- outcome{err: fmt.Errorf("panic: %v", p)}
			}
		}()
		value, err := fn(ctx)
		ended <- outcome{value, err}
	}()
	select {
	case o := <-ended:
		return o.value, o.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// 100 functions run concurrently.
func BenchmarkToThread100(b *testing.B) {
	const n = 100
	b.Run("asyncio", func(b *testing.B) {
		onLoop(b, func(ctx context.Context) {
			for b.Loop() {
				results := make([]*asyncio.Future[int], n)
				for i := range results {
					results[i] = asyncio.RunInExecutor(ctx, nil, one)
				}
				for _, f := range results {
					f.Await(ctx)
				}
			}
		})
	})
	b.Run("goroutines", func(b *testing.B) {
		b.ReportAllocs()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		slots := make(chan struct{}, runtime.NumCPU()+4)
		for b.Loop() {
			var all sync.WaitGroup
			for range n {
				all.Go(func() { _, _ = offloadByHand(ctx, slots, one) })
			}
			all.Wait()
		}
	})
}

// BenchmarkMemory reports the memory of each of 1,000,000 blocked tasks or goroutines.
// Each sub-benchmark has its own process, because the runtime reuses goroutines.
func BenchmarkMemory(b *testing.B) {
	for _, who := range []string{"asyncio", "goroutines"} {
		b.Run(who, func(b *testing.B) {
			for b.Loop() {
				cmd := exec.Command(os.Args[0], "-test.run=^TestMemoryChild$", "-test.v")
				cmd.Env = append(os.Environ(), "ASYNCIO_MEMORY="+who)
				out, err := cmd.CombinedOutput()
				if err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
				_, text, _ := strings.Cut(string(out), "bytes each: ")
				var bytes float64
				if _, err := fmt.Sscan(text, &bytes); err != nil {
					b.Fatalf("%v in %q", err, out)
				}
				b.ReportMetric(bytes, "B/each")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// TestMemoryChild is the process that BenchmarkMemory starts.
func TestMemoryChild(t *testing.T) {
	who := os.Getenv("ASYNCIO_MEMORY")
	if who == "" {
		t.Skip("SKIPPED: runs only in BenchmarkMemory")
	}
	const n = 1_000_000
	inUse := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.StackInuse + m.HeapInuse
	}
	before := inUse()
	if who == "goroutines" {
		ch, ready := make(chan int), make(chan int)
		for range n {
			go func() { ready <- 1; <-ch }()
		}
		for range n {
			<-ready
		}
		fmt.Println("bytes each:", float64(inUse()-before)/n)
		return
	}
	r := &asyncio.Runner{NoInterrupt: true}
	_ = r.Run(context.Background(), func(ctx context.Context) error {
		f := asyncio.NewFuture[int](ctx)
		for range n {
			asyncio.Go(ctx, func(ctx context.Context) error { _, err := f.Await(ctx); return err })
		}
		asyncio.Yield(ctx)
		fmt.Println("bytes each:", float64(inUse()-before)/n)
		return f.SetResult(1)
	})
}

// Several tasks hold a lock in turn and yield while they hold it. The result is per
// acquisition.
func BenchmarkLockContended(b *testing.B) {
	for _, contenders := range []int{2, 10, 100} {
		b.Run(fmt.Sprint(contenders), func(b *testing.B) {
			b.Run("asyncio", func(b *testing.B) {
				onLoop(b, func(ctx context.Context) {
					var l asyncio.Lock
					left := b.N
					_ = together(ctx, contenders, func(ctx context.Context, _ int) error {
						for ; left > 0; left-- {
							_ = l.Acquire(ctx)
							asyncio.Yield(ctx)
							l.Release()
						}
						return nil
					})
				})
			})
			b.Run("goroutines", func(b *testing.B) {
				b.ReportAllocs()
				var l sync.Mutex
				var all sync.WaitGroup
				for i := range contenders {
					all.Go(func() {
						for n := i; n < b.N; n += contenders {
							l.Lock()
							runtime.Gosched()
							l.Unlock()
						}
					})
				}
				all.Wait()
			})
		})
	}
}

// A single task acquires and releases a lock.
func BenchmarkLockAlone(b *testing.B) {
	b.Run("asyncio", func(b *testing.B) {
		onLoop(b, func(ctx context.Context) {
			var l asyncio.Lock
			for b.Loop() {
				_ = l.Acquire(ctx)
				l.Release()
			}
		})
	})
	b.Run("goroutines", func(b *testing.B) {
		b.ReportAllocs()
		var l sync.Mutex
		held := 0
		for b.Loop() {
			l.Lock()
			held++ // staticcheck reports an empty critical section
			l.Unlock()
		}
	})
}

// One task puts and one gets. The result is per item.
func BenchmarkQueue(b *testing.B) {
	for _, size := range []int{1, 128} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.Run("asyncio", func(b *testing.B) {
				onLoop(b, func(ctx context.Context) {
					q := asyncio.NewQueue[int](size)
					asyncio.Go(ctx, func(ctx context.Context) error {
						for i := range b.N {
							_ = q.Put(ctx, i)
						}
						return nil
					})
					for range b.N {
						_, _ = q.Get(ctx)
					}
				})
			})
			b.Run("goroutines", func(b *testing.B) {
				b.ReportAllocs()
				q := make(chan int, size)
				go func() {
					for i := range b.N {
						q <- i
					}
				}()
				for range b.N {
					<-q
				}
			})
		})
	}
}

// 10 tasks put and 10 get, through a queue with 10 slots.
func BenchmarkQueueOfMany(b *testing.B) {
	const many = 10
	b.Run("asyncio", func(b *testing.B) {
		onLoop(b, func(ctx context.Context) {
			q := asyncio.NewQueue[int](many)
			_ = together(ctx, 2*many, func(ctx context.Context, i int) error {
				for range b.N/many + 1 {
					if i < many {
						_ = q.Put(ctx, i)
					} else {
						_, _ = q.Get(ctx)
					}
				}
				return nil
			})
		})
	})
	b.Run("goroutines", func(b *testing.B) {
		b.ReportAllocs()
		q := make(chan int, many)
		var all sync.WaitGroup
		for i := range 2 * many {
			all.Go(func() {
				for range b.N/many + 1 {
					if i < many {
						q <- i
					} else {
						<-q
					}
				}
			})
		}
		all.Wait()
	})
}

// A function maps a sequence with 8 concurrent calls. The result is per item.
func BenchmarkMap(b *testing.B) {
	const limit = 8
	items := func(n int) iter.Seq[int] {
		return func(yield func(int) bool) {
			for i := 0; i < n && yield(i); i++ {
			}
		}
	}
	type mapFunc func(context.Context, int, iter.Seq[int], func(context.Context, int) (int, error)) iter.Seq2[int, error]
	for name, mapped := range map[string]mapFunc{"asyncio": asyncio.Map[int, int], "asyncio-unordered": asyncio.MapUnordered[int, int]} {
		b.Run(name, func(b *testing.B) {
			onLoop(b, func(ctx context.Context) {
				sum := 0
				for v, err := range mapped(ctx, limit, items(b.N), func(_ context.Context, n int) (int, error) { return n + 1, nil }) {
					if err != nil {
						b.Error(err)
					}
					sum += v
				}
			})
		})
	}
	b.Run("goroutines", func(b *testing.B) {
		b.ReportAllocs()
		jobs, results := make(chan int, limit), make(chan int, limit)
		var workers sync.WaitGroup
		for range limit {
			workers.Go(func() {
				for n := range jobs {
					results <- n + 1
				}
			})
		}
		go func() {
			for n := range items(b.N) {
				jobs <- n
			}
			close(jobs)
			workers.Wait()
			close(results)
		}()
		sum := 0
		for v := range results {
			sum += v
		}
	})
}

// 1000 tasks run in a group with limit 8. The goroutines use a semaphore.
func BenchmarkTaskGroupLimit1000(b *testing.B) {
	const n, limit = 1000, 8
	b.Run("asyncio", func(b *testing.B) {
		onLoop(b, func(ctx context.Context) {
			for b.Loop() {
				_ = asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
					tg.SetLimit(limit)
					for range n {
						if err := tg.WaitSlot(ctx); err != nil {
							return err
						}
						tg.Go(nothing)
					}
					return nil
				})
			}
		})
	})
	b.Run("goroutines", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			slots := make(chan struct{}, limit)
			var all sync.WaitGroup
			for range n {
				slots <- struct{}{}
				all.Go(func() { <-slots })
			}
			all.Wait()
		}
	})
}
