package introspect_test

import (
	"bytes"
	"context"
	"runtime/trace"
	"testing"

	"example.com/asyncio"
	"example.com/asyncio/inspect"
	"example.com/asyncio/introspect"
)

// The cost of each Observer for a step (two tasks take turns) and for a task (created and
// awaited).
func BenchmarkObservers(b *testing.B) {
	for _, o := range []struct {
		name string
		make func() inspect.Observer
	}{
		{"none", func() inspect.Observer { return nil }},
		{"labels", introspect.ProfileLabels},
		{"metrics", func() inspect.Observer { return new(introspect.Metrics) }},
		{"trace, off", introspect.TraceTasks},
		{"trace, on", introspect.TraceTasks},
	} {
		measure := func(b *testing.B, f func(ctx context.Context)) {
			b.ReportAllocs()
			under(b, o.make(), func(ctx context.Context) error {
				if o.name == "trace, on" {
					var taken bytes.Buffer
					if err := trace.Start(&taken); err != nil {
						b.Skip(err)
					}
					defer trace.Stop()
				}
				asyncio.Go(ctx, func(ctx context.Context) error {
					for asyncio.Yield(ctx) == nil {
					}
					return nil
				})
				for b.Loop() {
					f(ctx)
				}
				return nil
			})
		}
		b.Run("step/"+o.name, func(b *testing.B) {
			measure(b, func(ctx context.Context) { _ = asyncio.Yield(ctx) })
		})
		b.Run("task/"+o.name, func(b *testing.B) {
			measure(b, func(ctx context.Context) {
				_, _ = asyncio.Go(ctx, func(context.Context) error { return nil }, asyncio.WithName("t")).Await(ctx)
			})
		})
	}
}
