package introspect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/introspect"
)

// A program mounts the handler in its own HTTP server, beside net/http/pprof. The
// snapshot is available as JSON and as text.
func Example() {
	_ = asyncio.Run(context.Background(), func(ctx context.Context) error {
		loop, err := asyncio.RunningLoop(ctx)
		if err != nil {
			return err
		}
		mux := http.NewServeMux()
		mux.Handle("/debug/asyncio/", http.StripPrefix("/debug/asyncio", introspect.Handler(loop)))
		server := httptest.NewServer(mux)
		defer server.Close()

		lock := new(asyncio.Lock)
		asyncio.Go(ctx, func(ctx context.Context) error {
			if err := lock.Acquire(ctx); err != nil {
				return err
			}
			defer lock.Release()
			return asyncio.Sleep(ctx, time.Hour)
		}, asyncio.WithName("refresh"))
		asyncio.Go(ctx, lock.Acquire, asyncio.WithName("report"))

		// The client is outside the loop, which keeps running.
		_, err = asyncio.ToThread(ctx, func(context.Context) (asyncio.None, error) {
			answer, err := http.Get(server.URL + "/debug/asyncio/snapshot")
			if err != nil {
				return asyncio.None{}, err
			}
			defer answer.Body.Close()
			var picture introspect.Picture
			if err := json.NewDecoder(answer.Body).Decode(&picture); err != nil {
				return asyncio.None{}, err
			}
			for _, t := range picture.Tasks[1:] {
				fmt.Print(t.Name, " is ", t.State, " for a ", t.Waits.Kind)
				if t.Waits.HolderName != "" {
					fmt.Print(" held by ", t.Waits.HolderName)
				}
				fmt.Println()
			}
			return asyncio.None{}, nil
		})
		return err
	})
	// Output:
	// refresh is waiting for a timer
	// report is waiting for a lock held by refresh
}

// Check finds problems in a snapshot. GET /findings returns them too.
func ExampleCheck() {
	_ = asyncio.Run(context.Background(), func(ctx context.Context) error {
		loop, err := asyncio.RunningLoop(ctx)
		if err != nil {
			return err
		}
		var invoice, order *asyncio.Task[asyncio.None]
		order = asyncio.Go(ctx, func(ctx context.Context) error {
			_, err := invoice.Await(ctx)
			return err
		}, asyncio.WithName("order"))
		invoice = asyncio.Go(ctx, func(ctx context.Context) error {
			_, err := order.Await(ctx)
			return err
		}, asyncio.WithName("invoice"))
		_ = asyncio.Yield(ctx)
		for _, finding := range introspect.Check(loop.Snapshot()) {
			fmt.Println(strings.Replace(finding.Text, ", which", ",\nwhich", 1))
			fmt.Println(finding.Advice)
		}
		return nil
	})
	// Output:
	// Deadlock: task order (#2) awaits task invoice (#3),
	// which awaits task order (#2). None of them can continue.
	// Break the cycle: cancel one of the tasks, or let it continue without the result.
}
