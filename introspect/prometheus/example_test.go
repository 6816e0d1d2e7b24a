package prometheus_test

import (
	"context"
	"fmt"

	"example.com/asyncio"
	asyncioprom "example.com/asyncio/introspect/prometheus"
	"github.com/prometheus/client_golang/prometheus"
)

// The metrics of a loop in the default registry: promhttp.Handler serves them.
func Example() {
	metrics := asyncioprom.New()
	prometheus.MustRegister(metrics)

	r := asyncio.Runner{Observer: metrics}
	defer r.Close()
	_ = r.Run(context.Background(), func(ctx context.Context) error {
		return asyncio.Yield(ctx)
	})

	families, err := prometheus.DefaultGatherer.Gather()
	for _, f := range families {
		if f.GetName() == "asyncio_tasks_created_total" {
			fmt.Println(f.GetHelp(), f.GetMetric()[0].GetCounter().GetValue(), err)
		}
	}
	// Output: Tasks created. 1 <nil>
}
