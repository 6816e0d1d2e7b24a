package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"

	"example.com/asyncio"
	"example.com/asyncio/introspect"
)

// The test binary is a program to look into, where this is set: to "calm", or to "deadlock".
const beShop = "ASYNCIO_TEST_BE_SHOP"

func TestMain(m *testing.M) {
	if kind := os.Getenv(beShop); kind != "" {
		s := &shop{asyncio.NewLock(), asyncio.NewLock(), asyncio.NewEvent(), kind == "deadlock"}
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
}

// run says in a line when all tasks have come to where they wait. It ends when standard input does.
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
	_, err = asyncio.ToThread(ctx, untilEnd)
	return err
}

func untilEnd(context.Context) (int64, error) {
	fmt.Println("open")
	return io.Copy(io.Discard, os.Stdin)
}

func (s *shop) day(ctx context.Context) error {
	return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
		tg.Go(s.left, asyncio.WithName("left"))
		tg.Go(s.right, asyncio.WithName("right"))
		tg.Go(s.guest, asyncio.WithName("guest"))
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
