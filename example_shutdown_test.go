package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// A server handles each request in a task.
type server struct {
	loop     *asyncio.Loop
	requests []asyncio.AnyFuture // the unfinished requests
}

// accept starts a task for a request that takes d.
func (s *server) accept(ctx context.Context, name string, d time.Duration) {
	t := asyncio.Go(ctx, func(ctx context.Context) (err error) {
		defer func() { // like finally: it always runs, and may await
			if err != nil {
				s.log("%s: rollback", name)
				_ = asyncio.Sleep(ctx, 300*time.Millisecond)
			}
			s.log("%s: ends with %v", name, err)
		}()
		return asyncio.Sleep(ctx, d)
	}, asyncio.WithName(name))
	s.requests = append(s.requests, t)
	t.AddDoneCallback(func(_ context.Context, f asyncio.AnyFuture) {
		s.requests = slices.DeleteFunc(s.requests, func(r asyncio.AnyFuture) bool { return r == f })
	})
}

// drain waits until all requests have ended. After limit it cancels the remaining
// requests and waits for their cleanup.
func (s *server) drain(ctx context.Context, limit time.Duration) error {
	if len(s.requests) == 0 {
		return nil
	}
	_, left, err := asyncio.Wait(ctx, slices.Clone(s.requests), asyncio.WithTimeout(limit))
	if err != nil || len(left) == 0 {
		return err
	}
	s.log("limit reached, requests cancelled: %d", len(left))
	for _, t := range left {
		t.CancelWith("shutting down")
	}
	_, _, err = asyncio.Wait(ctx, left)
	return err
}

func (s *server) log(format string, args ...any) {
	fmt.Printf("%-5v  %s\n", s.loop.Time(), fmt.Sprintf(format, args...))
}

// A graceful shutdown. After the signal, the server accepts no request. Running requests
// have time to end. The others are cancelled and their cleanup is awaited.
func Example_shutdown() {
	r := asyncio.Runner{Driver: driver.NewVirtual()} // takes no real time: the clock jumps
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		s := &server{loop: r.Loop()}

		// Stands for a goroutine that receives from os/signal.Notify and calls
		// CallSoonThreadsafe.
		main := asyncio.CurrentTask(ctx)
		s.loop.CallLater(2*time.Second, func(context.Context) { main.CancelWith("SIGTERM") })

		s.accept(ctx, "quick", 500*time.Millisecond)
		s.accept(ctx, "slow", 3*time.Second)
		s.accept(ctx, "endless", time.Hour)
		err := new(asyncio.Event).Wait(ctx) // stands for a loop that accepts requests
		s.log("main: %v", err)
		if !errors.Is(err, asyncio.ErrCancelled) {
			return err
		}
		// The cancel was delivered once. main can await again.
		if err := s.drain(ctx, 5*time.Second); err != nil {
			return err
		}
		s.log("main: unfinished requests: %d", len(s.requests))
		main.Uncancel() // the request was handled
		return nil
	}, asyncio.WithName("main"))
	fmt.Println(err)
	// Output:
	// 500ms  quick: ends with <nil>
	// 2s     main: asyncio: cancelled: SIGTERM
	// 3s     slow: ends with <nil>
	// 7s     limit reached, requests cancelled: 1
	// 7s     endless: rollback
	// 7.3s   endless: ends with asyncio: cancelled by main: shutting down
	// 7.3s   main: unfinished requests: 0
	// <nil>
}
