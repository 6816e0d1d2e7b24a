//go:build unix

package introspect_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/introspect"
)

// TestMain lets the test binary be the reader of BenchmarkStreamed. The reader is a
// separate process, as in practice, so that the observed process only pays for sending.
func TestMain(m *testing.M) {
	if name := os.Getenv("ASYNCIO_READ_EVENTS_OF"); name != "" {
		readEvents(name)
		return
	}
	os.Exit(m.Run())
}

// readEvents reads the events of a process until the stream ends. It prints a line when
// it has begun, and at the end the number of events.
func readEvents(name string) {
	ctx := context.Background()
	c, err := introspect.Dial(ctx, name)
	if err != nil {
		panic(err)
	}
	got := 0
	for m, err := range c.Events(ctx) {
		if err != nil {
			break // the process has ended
		}
		if m.Kind == introspect.KindHello {
			fmt.Println("ready")
		}
		got += len(m.Events)
	}
	fmt.Println(got)
}

// BenchmarkStreamed measures the cost of a reader of all events, and of Watch. The wall
// time is the cost for the loop if other work has its own core. cpu-ns is the CPU time of
// the whole process, without the reader.
//
//	go test -run '^$' -bench Streamed -count 5 ./introspect
func BenchmarkStreamed(b *testing.B) {
	for _, work := range []struct {
		name string
		run  func(ctx context.Context, again func() bool) error
	}{
		{"spawn_gather_1000", spawnGather},
		{"wake_pingpong", wakePingpong},
	} {
		for _, with := range []string{"plain", "streamed", "watched"} {
			b.Run(work.name+"/"+with, func(b *testing.B) {
				var opts []introspect.Option
				if with == "watched" {
					opts = append(opts, introspect.Watch(0, 0))
				}
				dir, err := os.MkdirTemp("", "rt")
				if err != nil {
					b.Fatal(err)
				}
				defer os.RemoveAll(dir)
				b.Setenv("XDG_RUNTIME_DIR", dir)
				events := func() int { return 0 }
				r := asyncio.Runner{NoInterrupt: true}
				defer r.Close()
				err = r.Run(context.Background(), func(ctx context.Context) error {
					if with != "plain" {
						stop, err := introspect.Serve(ctx, opts...)
						if err != nil {
							return err
						}
						defer stop()
					}
					if with == "streamed" {
						events, err = asyncio.ToThread(ctx, func(context.Context) (func() int, error) { return startReader(b) })
						if err != nil {
							return err
						}
					}
					_ = asyncio.Sleep(ctx, time.Millisecond) // wait for the end of the setup
					before := cpuTime()
					err := work.run(ctx, b.Loop)
					b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
					return err
				})
				if err != nil {
					b.Error(err)
				}
				_ = r.Close() // ends the stream
				if n := events(); n > 0 {
					b.ReportMetric(float64(n)/float64(b.N), "events-read/op")
				}
			})
		}
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// startReader starts a reader of this process and waits until it has begun. events waits
// for its end and returns the number of events.
func startReader(b *testing.B) (events func() int, err error) {
	reader := exec.Command(os.Args[0])
	reader.Env = append(os.Environ(), "ASYNCIO_READ_EVENTS_OF="+pid())
	reader.Stderr = os.Stderr
	out, err := reader.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := reader.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(out)
	if _, err := lines.ReadString('\n'); err != nil {
		return nil, err
	}
	return func() (n int) {
		rest, _ := io.ReadAll(lines)
		if err := reader.Wait(); err != nil {
			b.Error(err)
		}
		_, _ = fmt.Sscan(string(rest), &n)
		return n
	}, nil
}

// spawnGather creates and gathers a thousand tasks, repeatedly.
func spawnGather(ctx context.Context, again func() bool) error {
	tasks := make([]*asyncio.Task[asyncio.None], 1000)
	for again() {
		for i := range tasks {
			tasks[i] = asyncio.Go(ctx, func(context.Context) error { return nil })
		}
		if _, err := asyncio.Gather(ctx, tasks...).Await(ctx); err != nil {
			return err
		}
	}
	return nil
}

// wakePingpong lets two tasks wake each other, each time with a new future.
func wakePingpong(ctx context.Context, again func() bool) error {
	type ball struct{ back *asyncio.Future[any] }
	to := asyncio.NewFuture[any](ctx)
	here := to
	other := asyncio.Go(ctx, func(ctx context.Context) error {
		for {
			b, err := here.Await(ctx)
			if err != nil || b == nil {
				return err
			}
			here = asyncio.NewFuture[any](ctx)
			_ = b.(ball).back.SetResult(ball{here})
		}
	})
	for again() {
		back := asyncio.NewFuture[any](ctx)
		_ = to.SetResult(ball{back})
		b, err := back.Await(ctx)
		if err != nil {
			return err
		}
		to = b.(ball).back
	}
	_ = to.SetResult(nil)
	_, err := other.Await(ctx)
	return err
}
