package introspect_test

import (
	"bytes"
	"context"
	"expvar"
	"fmt"
	"log/slog"
	"os"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
	"example.com/asyncio/executor"
	"example.com/asyncio/inspect"
	"example.com/asyncio/introspect"
)

// Tee combines several Observers, for a Runner or for a loop that is already running.
func Example_observers() {
	var metrics introspect.Metrics
	r := asyncio.Runner{Observer: inspect.Tee(introspect.ProfileLabels(), &metrics)}
	defer r.Close()
	_ = r.Run(context.Background(), func(ctx context.Context) error {
		loop, err := asyncio.RunningLoop(ctx)
		if err != nil {
			return err
		}
		loop.SetObserver(inspect.Tee(loop.Observer(), introspect.TraceTasks())) // from now on
		_, err = asyncio.Go(ctx, asyncio.Yield).Await(ctx)
		return err
	})
	fmt.Println(metrics.Read().Created, "tasks were created")
	// Output: 2 tasks were created
}

// A goroutine dump or a profile of net/http/pprof shows the task of each goroutine.
func ExampleProfileLabels() {
	r := asyncio.Runner{Observer: introspect.ProfileLabels()}
	defer r.Close()
	_ = r.Run(context.Background(), func(ctx context.Context) error {
		asyncio.Go(ctx, func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Hour) }, asyncio.WithName("refresh"))
		_ = asyncio.Yield(ctx)
		var dump bytes.Buffer
		_ = pprof.Lookup("goroutine").WriteTo(&dump, 1)
		for line := range strings.Lines(dump.String()) {
			if strings.HasPrefix(line, "# labels") {
				fmt.Print(line)
			}
		}
		return nil
	}, asyncio.WithName("main"))
	// Unordered output:
	// # labels: {"task":"main"}
	// # labels: {"task":"refresh"}
}

// The goroutines of jobs have the label of the task, and a label of the job.
func ExampleLabelJobs() {
	r := asyncio.Runner{Observer: introspect.ProfileLabels()}
	defer r.Close()
	loop := r.Loop()
	loop.SetDefaultExecutor(introspect.LabelJobs(executor.NewPool(0)))
	_ = r.Run(context.Background(), func(ctx context.Context) error {
		task, err := asyncio.ToThread(ctx, func(ctx context.Context) (string, error) {
			task, _ := pprof.Label(ctx, "task")
			return task, nil
		})
		fmt.Println("a job of", task)
		return err
	}, asyncio.WithName("main"))
	// Output: a job of main
}

// The trace for "go tool trace" contains each task.
func ExampleTraceTasks() {
	r := asyncio.Runner{Observer: introspect.TraceTasks()}
	defer r.Close()
	var file bytes.Buffer
	if err := trace.Start(&file); err != nil {
		fmt.Println(err)
	}
	_ = r.Run(context.Background(), asyncio.Yield, asyncio.WithName("fetch"))
	trace.Stop()
	fmt.Println(bytes.Contains(file.Bytes(), []byte("fetch")))
	// Output: true
}

// Each line names the task that has logged it.
func ExampleSlogHandler() {
	h := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime})
	log := slog.New(introspect.SlogHandler(h))
	_ = asyncio.Run(context.Background(), func(ctx context.Context) error {
		fetch := func(ctx context.Context) error {
			log.InfoContext(ctx, "fetched", "bytes", 512)
			return nil
		}
		return asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(fetch, asyncio.WithName("fetch a"))
			tg.Go(fetch, asyncio.WithName("fetch b"))
			return nil
		})
	})
	// Output:
	// level=INFO msg=fetched bytes=512 task="fetch a"
	// level=INFO msg=fetched bytes=512 task="fetch b"
}

func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// Package expvar serves the metrics of a loop.
func ExampleMetrics() {
	var metrics introspect.Metrics
	expvar.Publish("asyncio", &metrics)
	r := asyncio.Runner{Driver: driver.NewVirtual(), Observer: &metrics}
	_ = r.Run(context.Background(), func(ctx context.Context) error {
		failing := asyncio.Go(ctx, func(context.Context) error { return fmt.Errorf("no such host") })
		_ = asyncio.Sleep(ctx, time.Second)
		return failing.Exception()
	})
	_ = r.Close()
	text := expvar.Get("asyncio").String()
	fmt.Println(text[:strings.Index(text, `,"cancels"`)])
	// Output: {"created":2,"results":0,"failed":2,"cancelled":0
}
