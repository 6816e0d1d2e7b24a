//go:build unix

package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// Each scene runs in its own process, because an uncaught interrupt ends the process.
var scenes = []struct {
	name  string
	play  func()
	print string // the output of play
	dies  bool   // whether the signal ends the process
}{
	{
		// A277: the first interrupt wakes the loop and cancels main and the future it
		// awaits.
		name: "main waits",
		play: func() {
			var f *asyncio.Future[int]
			err := asyncio.Run(context.Background(), func(ctx context.Context) error {
				f = asyncio.NewFuture[int](ctx)
				running(ctx).CallSoon(func(context.Context) { interrupt() })
				_, err := f.Await(ctx)
				fmt.Println("main:", err)
				return err
			})
			fmt.Println("future cancelled:", f.Cancelled())
			ends(err)
		},
		print: "main: asyncio: cancelled: asyncio: interrupted\n" +
			"future cancelled: true\n" +
			"Run returns ErrInterrupted\n",
	},
	{
		// A277: it also cancels a main that only yields.
		name: "main yields",
		play: func() {
			ends(asyncio.Run(context.Background(), func(ctx context.Context) error {
				interrupt()
				for {
					if err := asyncio.Yield(ctx); err != nil {
						fmt.Println("main:", err)
						return err
					}
				}
			}))
		},
		print: "main: asyncio: cancelled: asyncio: interrupted\nRun returns ErrInterrupted\n",
	},
	{
		// A277: Run then shuts down as usual: the other tasks are cancelled and clean up.
		name: "others clean up",
		play: func() {
			ends(asyncio.Run(context.Background(), func(ctx context.Context) error {
				asyncio.Go(ctx, func(ctx context.Context) error {
					err := anHour(ctx)
					fmt.Println("task:", err)
					fmt.Println("cleanup:", asyncio.Sleep(ctx, time.Millisecond))
					return err
				})
				running(ctx).CallSoon(func(context.Context) { interrupt() })
				return anHour(ctx)
			}))
		},
		print: "task: asyncio: cancelled by the shutdown of the loop\ncleanup: <nil>\nRun returns ErrInterrupted\n",
	},
	{
		// A277: a main that ignores the interrupt has its own outcome.
		name: "main ignores it",
		play: func() {
			for _, outcome := range []error{nil, errBoom} {
				ends(asyncio.Run(context.Background(), func(ctx context.Context) error {
					interrupt()
					fmt.Println("main:", anHour(ctx))
					return outcome
				}))
			}
		},
		print: "main: asyncio: cancelled: asyncio: interrupted\nRun returns <nil>\n" +
			"main: asyncio: cancelled: asyncio: interrupted\nRun returns boom\n",
	},
	{
		// A278: a main that was also cancelled by a task ends cancelled, not interrupted.
		name: "main is also cancelled",
		play: func() {
			err := asyncio.Run(context.Background(), func(ctx context.Context) error {
				main := asyncio.CurrentTask(ctx)
				asyncio.Go(ctx, func(ctx context.Context) error {
					main.CancelWith("by a task")
					interrupt()
					return nil
				})
				err := anHour(ctx)
				for main.Cancelling() < 2 { // until the interrupt arrives, too
					_ = asyncio.Yield(ctx)
				}
				return err
			})
			fmt.Println("cancelled:", errors.Is(err, asyncio.ErrCancelled), "interrupted:", errors.Is(err, asyncio.ErrInterrupted))
			ends(err)
		},
		print: "cancelled: true interrupted: false\nRun returns asyncio: cancelled by Task-2: by a task\n",
	},
	{
		// A279: the second interrupt ends the process immediately.
		name: "second interrupt",
		play: func() {
			ends(asyncio.Run(context.Background(), func(ctx context.Context) error {
				defer fmt.Println("deferred call")
				interrupt()
				fmt.Println("main:", anHour(ctx))
				interrupt()
				select {} // stands for a long computation
			}))
		},
		print: "main: asyncio: cancelled: asyncio: interrupted\n",
		dies:  true,
	},
	{
		// A280: after Run the signal has its previous effect. Here it ends the process.
		name: "after Run",
		play: func() {
			ends(asyncio.Run(context.Background(), asyncio.Yield))
			interrupt()
			select {}
		},
		print: "Run returns <nil>\n",
		dies:  true,
	},
	{
		// A280: the same holds between the runs of a Runner. Each run can be interrupted.
		name: "between two runs",
		play: func() {
			r := &asyncio.Runner{}
			for range 2 {
				ends(r.Run(context.Background(), func(ctx context.Context) error { interrupt(); return anHour(ctx) }))
			}
			interrupt()
			select {}
		},
		print: "Run returns ErrInterrupted\nRun returns ErrInterrupted\n",
		dies:  true,
	},
	{
		// A280: other handlers of the signal receive it during a run and after it.
		name: "another handler",
		play: func() {
			received := make(chan os.Signal, 1)
			signal.Notify(received, os.Interrupt)
			ends(asyncio.Run(context.Background(), func(ctx context.Context) error { interrupt(); return anHour(ctx) }))
			fmt.Println("received:", <-received)
			interrupt()
			fmt.Println("received:", <-received)
		},
		print: "Run returns ErrInterrupted\nreceived: interrupt\nreceived: interrupt\n",
	},
	{
		// A280: a program that ignores the signal continues to ignore it.
		name: "ignored",
		play: func() {
			signal.Ignore(os.Interrupt)
			ends(asyncio.Run(context.Background(), func(ctx context.Context) error {
				interrupt()
				return asyncio.Sleep(ctx, time.Millisecond)
			}))
			interrupt()
			fmt.Println("still ignored:", signal.Ignored(os.Interrupt))
		},
		print: "Run returns <nil>\nstill ignored: true\n",
	},
	{
		// A280: with NoInterrupt a Runner leaves the signal alone.
		name: "NoInterrupt",
		play: func() {
			received := make(chan os.Signal, 1)
			signal.Notify(received, os.Interrupt)
			r := &asyncio.Runner{NoInterrupt: true}
			ends(r.Run(context.Background(), func(ctx context.Context) error {
				interrupt()
				fmt.Println("received:", <-received)
				return asyncio.Sleep(ctx, time.Millisecond)
			}))
			signal.Stop(received)
			ends(r.Run(context.Background(), func(ctx context.Context) error {
				interrupt()
				select {}
			}))
		},
		print: "received: interrupt\nRun returns <nil>\n",
		dies:  true,
	},
	{
		// A280: any goroutine can run a loop that is interrupted. The interrupt reaches
		// all loops.
		name: "two loops",
		play: func() {
			var ready, all sync.WaitGroup
			ready.Add(2)
			for range 2 {
				all.Go(func() {
					ends(asyncio.Run(context.Background(), func(ctx context.Context) error {
						ready.Done()
						return anHour(ctx)
					}))
				})
			}
			ready.Wait()
			interrupt()
			all.Wait()
		},
		print: "Run returns ErrInterrupted\nRun returns ErrInterrupted\n",
	},
	{
		// The driver of the loop makes no difference.
		name: "virtual time",
		play: func() {
			r := &asyncio.Runner{Driver: driver.NewVirtual()}
			ends(r.Run(context.Background(), func(ctx context.Context) error {
				interrupt()
				for {
					if err := asyncio.Sleep(ctx, time.Hour); err != nil {
						return err
					}
				}
			}))
		},
		print: "Run returns ErrInterrupted\n",
	},
}

// anHour waits longer than any scene takes. A wait without a timer would be a deadlock.
func anHour(ctx context.Context) error { return asyncio.Sleep(ctx, time.Hour) }

func interrupt() {
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
		panic(err)
	}
}

// ends prints the error of Run.
func ends(err error) {
	if err == asyncio.ErrInterrupted {
		fmt.Println("Run returns ErrInterrupted")
	} else {
		fmt.Println("Run returns", err)
	}
}

// A277, A278, A279, A280: the first interrupt cancels main. The second ends the program.
// Other handlers of the signal are not affected, and neither is a program that ignores
// it. Each scene has its id.
func TestInterrupts(t *testing.T) {
	if signal.Ignored(os.Interrupt) {
		t.Skip("interrupts are ignored here, as in a background job of a shell")
	}
	for _, scene := range scenes {
		t.Run(scene.name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestInterruptsChild$")
			cmd.Env = append(os.Environ(), "ASYNCIO_SCENE="+scene.name, "GORACE=atexit_sleep_ms=0")
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if string(out) != scene.print || stderr.Len() > 0 {
				t.Errorf("output:\n%s%s\nwant:\n%s", out, &stderr, scene.print)
			}
			end := "exit status 0"
			if err != nil {
				end = err.Error()
			}
			want := "exit status 0"
			if scene.dies {
				want = "signal: interrupt"
			}
			if end != want {
				t.Errorf("the process ended with %s; want %s", end, want)
			}
		})
	}
}

// TestInterruptsChild plays one scene in a child process of TestInterrupts.
func TestInterruptsChild(t *testing.T) {
	name := os.Getenv("ASYNCIO_SCENE")
	if name == "" {
		t.Skip("runs only as a child process of TestInterrupts")
	}
	for _, scene := range scenes {
		if scene.name == name {
			scene.play()
			os.Exit(0)
		}
	}
	t.Errorf("unknown scene %q", name)
}
