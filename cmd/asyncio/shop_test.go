package main

import (
	"context"
	"fmt"
	"os"
	"testing"

	"example.com/asyncio"
	"example.com/asyncio/introspect"
)

// The test binary is a program to look into, where this is set: to "calm", or to "deadlock".
const beShop = "ASYNCIO_TEST_BE_SHOP"

// It is the program asyncio itself, where this is set: for what another user or a terminal is needed for.
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

// A shop has a few tasks, each with a function that has a name, so that it is called the same by all versions of Go.
type shop struct {
	scissors, glue *asyncio.Lock
	door           *asyncio.Event
	deadlock       bool
	visit          *asyncio.Task[asyncio.None] // of the guest
}

// run says in a line when all tasks have come to where they wait. At a line of standard input it cancels the guest, and it
// ends when standard input does.
func (s *shop) run(ctx context.Context) error {
	stop, err := introspect.Serve(ctx)
	if err != nil {
		return err
	}
	defer stop()
	asyncio.Go(ctx, s.day, asyncio.WithName("day"))
	for range 5 { // more than they need
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
