package asyncio_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"example.com/asyncio"
)

// Locks and queues, each beside what a program with goroutines would take for it.

// Several take a lock in turn and hold it while the others run; the figure is for one time that one holds it.
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

// A lock that nobody else wants.
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
			held++ // an empty section is what staticcheck takes for a mistake
			l.Unlock()
		}
	})
}

// One puts, one gets; the figure is for one item.
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

// Ten put, ten get, through a queue with room for ten.
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
