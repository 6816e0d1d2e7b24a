package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// A pipeline is a sequence of stages. Each stage is a task, with a bounded queue to the
// next one.
type pipeline struct {
	tg   *asyncio.TaskGroup
	loop *asyncio.Loop
}

// stage adds a stage that calls work for each item of in, takes d for each, and puts the
// results into the queue that it returns. The stage ends when in is shut down and empty,
// and then shuts down its own queue. So the end of the input follows the last item
// through all stages.
func (p *pipeline) stage(name string, d time.Duration, in *asyncio.Queue[string], work func(string) string) *asyncio.Queue[string] {
	out := asyncio.NewQueue[string](2)
	p.tg.Go(func(ctx context.Context) error {
		defer out.Shutdown(false)
		for {
			item, err := in.Get(ctx)
			switch {
			case errors.Is(err, asyncio.ErrQueueShutDown):
				return nil
			case err != nil:
				return err
			}
			if err := asyncio.Sleep(ctx, d); err != nil {
				return err
			}
			made := work(item)
			p.log("%s made %s", name, made)
			if err := out.Put(ctx, made); err != nil { // suspends while the queue is full
				return err
			}
		}
	}, asyncio.WithName(name))
	return out
}

func (p *pipeline) log(format string, args ...any) {
	fmt.Printf("%-3v  %s\n", p.loop.Time(), fmt.Sprintf(format, args...))
}

// A pipeline with bounded queues. A slow stage slows the stages before it, so that memory
// stays bounded. The end of the input ends the stages one after the other.
func Example_pipeline() {
	r := asyncio.Runner{Driver: driver.NewVirtual()} // the clock jumps to the next timer
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			p := &pipeline{tg, r.Loop()}
			files := asyncio.NewQueue[string](1)
			packed := p.stage("pack", time.Second, files, func(s string) string { return s + ".gz" })
			stored := p.stage("store", 3*time.Second, packed, func(s string) string { return "disk:" + s })
			tg.Go(func(ctx context.Context) error {
				defer files.Shutdown(false)
				for n := range 6 {
					if err := files.Put(ctx, fmt.Sprint("f", n)); err != nil {
						return err
					}
					p.log("f%d is queued", n)
				}
				return nil
			}, asyncio.WithName("read"))

			count := 0
			for {
				_, err := stored.Get(ctx)
				if errors.Is(err, asyncio.ErrQueueShutDown) {
					p.log("%d stored", count)
					return nil
				}
				if err != nil {
					return err
				}
				count++
			}
		})
	})
	fmt.Println(err)
	// Output:
	// 0s   f0 is queued
	// 0s   f1 is queued
	// 1s   pack made f0.gz
	// 1s   f2 is queued
	// 2s   pack made f1.gz
	// 2s   f3 is queued
	// 3s   pack made f2.gz
	// 3s   f4 is queued
	// 4s   store made disk:f0.gz
	// 4s   pack made f3.gz
	// 4s   f5 is queued
	// 5s   pack made f4.gz
	// 7s   store made disk:f1.gz
	// 8s   pack made f5.gz
	// 10s  store made disk:f2.gz
	// 13s  store made disk:f3.gz
	// 16s  store made disk:f4.gz
	// 19s  store made disk:f5.gz
	// 19s  6 stored
	// <nil>
}
