package otel_test

import (
	"context"
	"fmt"

	"example.com/asyncio"
	asynciootel "example.com/asyncio/introspect/otel"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// Each task has a span with its name.
func Example() {
	exporter := tracetest.NewInMemoryExporter() // a program would use an exporter that sends them
	provider := sdk.NewTracerProvider(sdk.WithSyncer(exporter))

	r := asyncio.Runner{Observer: asynciootel.Tasks(provider)}
	_ = r.Run(context.Background(), func(ctx context.Context) error {
		_, err := asyncio.Go(ctx, asyncio.Yield, asyncio.WithName("fetch")).Await(ctx)
		return err
	}, asyncio.WithName("main"))
	_ = r.Close()

	for _, span := range exporter.GetSpans() {
		fmt.Println(span.Name, "in trace", span.SpanContext.TraceID() == exporter.GetSpans()[0].SpanContext.TraceID())
	}
	// Output:
	// fetch in trace true
	// main in trace true
}
