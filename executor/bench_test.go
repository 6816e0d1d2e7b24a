package executor_test

import (
	"context"
	"sync"
	"testing"

	"example.com/asyncio/executor"
)

// One job from Submit to Done, compared with hand-written alternatives.
func BenchmarkRoundTrip(b *testing.B) {
	ended := make(chan struct{}, 1)
	b.Run("pool", func(b *testing.B) {
		p := executor.NewPool(0)
		defer shutdown(b, p)
		job := executor.Call("job", nothing, func(any, error) { ended <- struct{}{} })
		b.ReportAllocs()
		for b.Loop() {
			p.Submit(background, job)
			<-ended
		}
	})
	b.Run("pool, ctx used", func(b *testing.B) {
		p := executor.NewPool(0)
		defer shutdown(b, p)
		f := func(ctx context.Context) (any, error) { return nil, ctx.Err() }
		job := executor.Call("job", f, func(any, error) { ended <- struct{}{} })
		b.ReportAllocs()
		for b.Loop() {
			p.Submit(background, job)
			<-ended
		}
	})
	b.Run("go and channel", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			go func() {
				nothing(background)
				ended <- struct{}{}
			}()
			<-ended
		}
	})
	b.Run("fixed workers over a channel", func(b *testing.B) {
		jobs := make(chan executor.Func)
		defer close(jobs)
		for range executor.NewPool(0).Size() {
			go func() {
				for f := range jobs {
					f(background)
					ended <- struct{}{}
				}
			}()
		}
		b.ReportAllocs()
		for b.Loop() {
			jobs <- nothing
			<-ended
		}
	})
}

// A burst of 1000 jobs.
func BenchmarkBurst(b *testing.B) {
	const burst = 1000
	var all sync.WaitGroup
	b.Run("pool", func(b *testing.B) {
		p := executor.NewPool(0)
		defer shutdown(b, p)
		done := func(any, error) { all.Done() }
		for b.Loop() {
			all.Add(burst)
			for range burst {
				p.Submit(background, executor.Call("job", nothing, done))
			}
			all.Wait()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/burst, "ns/job")
	})
	b.Run("go", func(b *testing.B) {
		for b.Loop() {
			for range burst {
				all.Go(func() { nothing(background) })
			}
			all.Wait()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/burst, "ns/job")
	})
	b.Run("fixed workers over a channel", func(b *testing.B) {
		jobs := make(chan executor.Func, burst)
		defer close(jobs)
		for range executor.NewPool(0).Size() {
			go func() {
				for f := range jobs {
					f(background)
					all.Done()
				}
			}()
		}
		for b.Loop() {
			all.Add(burst)
			for range burst {
				jobs <- nothing
			}
			all.Wait()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/burst, "ns/job")
	})
}
