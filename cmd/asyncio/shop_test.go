package main

import (
	"context"
	"fmt"
	"os"
	"testing"

	"example.com/asyncio"
	"example.com/asyncio/introspect"
)

// If this variable is "calm" or "deadlock", the test binary runs a shop of that kind.
const beShop = "ASYNCIO_TEST_BE_SHOP"

// If this variable is set, the test binary is the program asyncio. Tests use it to run
// asyncio as another user, or with its own standard output.
const beCommand = "ASYNCIO_TEST_BE_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(beCommand) != "" {
		main()
	}
	if kind := os.Getenv(beShop); kind != "" {
		s := &shop{scissors: new(asyncio.Lock), glue: new(asyncio.Lock), door: new(asyncio.Event), deadlock: kind == "deadlock"}
		if err := asyncio.Run(context.Background(), s.run); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A shop is a program with a few tasks. Their functions are named, because the names of
// function literals differ between versions of Go.
type shop struct {
	scissors, glue *asyncio.Lock
	door           *asyncio.Event
	deadlock       bool
	visit          *asyncio.Task[asyncio.None] // of the guest
}

// run prints "open" when all tasks wait. It cancels the guest at each line of standard
// input, and returns at its end.
func (s *shop) run(ctx context.Context) error {
	stop, err := introspect.Serve(ctx)
	if err != nil {
		return err
	}
	defer stop()
	asyncio.Go(ctx, s.day, asyncio.WithName("day"))
	for range 5 { // more than the tasks need
		if err := asyncio.Yield(ctx); err != nil {
			return err
		}
	}
	fmt.Println("open")
	for {
		if _, err := asyncio.ToThread(ctx, readLine); err != nil {
			return nil
		}
		s.visit.CancelWith("we close")
	}
}

func readLine(context.Context) (int, error) { return os.Stdin.Read(make([]byte, 100)) }

func (s *shop) day(ctx context.Context) error {
	return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
		tg.Go(s.left, asyncio.WithName("left"))
		tg.Go(s.right, asyncio.WithName("right"))
		s.visit = tg.Go(s.guest, asyncio.WithName("guest"))
		return nil
	})
}

func (s *shop) left(ctx context.Context) error { return s.use(ctx, s.scissors, s.glue) }

func (s *shop) right(ctx context.Context) error { return s.use(ctx, s.glue, s.scissors) }

func (s *shop) guest(ctx context.Context) error { return s.door.Wait(ctx) }

func (s *shop) use(ctx context.Context, first, second *asyncio.Lock) error {
	if err := first.Acquire(ctx); err != nil {
		return err
	}
	if err := asyncio.Yield(ctx); err != nil {
		return err
	}
	if s.deadlock {
		return second.Acquire(ctx)
	}
	return s.door.Wait(ctx)
}
