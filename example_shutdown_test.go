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

// A server answers requests, each in a task.
type server struct {
	loop     *asyncio.Loop
	requests []asyncio.AnyFuture // that are under way
}

// accept makes a task for a request that takes d.
func (s *server) accept(ctx context.Context, name string, d time.Duration) {
	t := asyncio.Go(ctx, func(ctx context.Context) (err error) {
		defer func() { // as finally: it runs in any case, and may await
			if err != nil {
				s.log("%s: rolls back", name)
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

// drain waits until no request is under way. Those that are after limit it cancels, and waits for what they have
// to do in that case.
func (s *server) drain(ctx context.Context, limit time.Duration) error {
	if len(s.requests) == 0 {
		return nil
	}
	_, left, err := asyncio.Wait(ctx, slices.Clone(s.requests), asyncio.WithTimeout(limit))
	if err != nil || len(left) == 0 {
		return err
	}
	s.log("the time is up for %d", len(left))
	for _, t := range left {
		t.CancelWith("shutting down")
	}
	_, _, err = asyncio.Wait(ctx, left)
	return err
}

func (s *server) log(format string, args ...any) {
	fmt.Printf("%-5v  %s\n", s.loop.Time(), fmt.Sprintf(format, args...))
}

// An orderly end. When the signal comes nothing new is taken on; what is under way has time to end by itself; what
// takes longer is cancelled, and has its cleanup awaited.
func Example_shutdown() {
	r := asyncio.Runner{Driver: driver.NewVirtual()} // nobody waits: the clock jumps
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		s := &server{loop: r.Loop()}

		// Stands for a goroutine with os/signal.Notify that does so by CallSoonThreadsafe.
		main := asyncio.CurrentTask(ctx)
		s.loop.CallLater(2*time.Second, func(context.Context) { main.CancelWith("SIGTERM") })

		s.accept(ctx, "quick", 500*time.Millisecond)
		s.accept(ctx, "slow", 3*time.Second)
		s.accept(ctx, "endless", time.Hour)
		err := new(asyncio.Event).Wait(ctx) // for more requests
		s.log("main: %v", err)
		if !errors.Is(err, asyncio.ErrCancelled) {
			return err
		}
		// The cancel was delivered, and does not come again: main awaits as before.
		if err := s.drain(ctx, 5*time.Second); err != nil {
			return err
		}
		s.log("main: %d requests left", len(s.requests))
		main.Uncancel() // what it asked for is done
		return nil
	}, asyncio.WithName("main"))
	fmt.Println(err)
	// Output:
	// 500ms  quick: ends with <nil>
	// 2s     main: asyncio: cancelled: SIGTERM
	// 3s     slow: ends with <nil>
	// 7s     the time is up for 1
	// 7s     endless: rolls back
	// 7.3s   endless: ends with asyncio: cancelled by main: shutting down
	// 7.3s   main: 0 requests left
	// <nil>
}
