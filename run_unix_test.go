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

// An interrupt that nobody catches ends the process: each of these scenes is played in one of its own. It
// prints what happens, and ends by itself or of a signal.
var scenes = []struct {
	name  string
	play  func()
	print string
	dies  bool
}{
	{
		// A277: the first interrupt wakes the loop and cancels main, and what that waits for.
		name: "main waits",
		play: func() {
			var f *asyncio.Future[int]
			err := asyncio.Run(context.Background(), func(ctx context.Context) error {
				f = asyncio.NewFuture[int](ctx)
				running(ctx).CallSoon(func(context.Context) { interrupt() })
				_, err := f.Await(ctx)
				fmt.Println("main is told:", err)
				return err
			})
			fmt.Println("the future is cancelled:", f.Cancelled())
			ends(err)
		},
		print: "main is told: asyncio: cancelled: asyncio: interrupted\n" +
			"the future is cancelled: true\n" +
			"Run returns ErrInterrupted\n",
	},
	{
		// A277: also a main that never waits for anything but its turn.
		name: "main yields",
		play: func() {
			ends(asyncio.Run(context.Background(), func(ctx context.Context) error {
				interrupt()
				for {
					if err := asyncio.Yield(ctx); err != nil {
						fmt.Println("main is told:", err)
						return err
					}
				}
			}))
		},
		print: "main is told: asyncio: cancelled: asyncio: interrupted\nRun returns ErrInterrupted\n",
	},
	{
		// A277: Run then ends as ever: the other tasks are cancelled and clean up.
		name: "others clean up",
		play: func() {
			ends(asyncio.Run(context.Background(), func(ctx context.Context) error {
				asyncio.Go(ctx, func(ctx context.Context) error {
					err := anHour(ctx)
					fmt.Println("task is told:", err)
					fmt.Println("task cleans up:", asyncio.Sleep(ctx, time.Millisecond))
					return err
				})
				running(ctx).CallSoon(func(context.Context) { interrupt() })
				return anHour(ctx)
			}))
		},
		print: "task is told: asyncio: cancelled by the shutdown of the loop\ntask cleans up: <nil>\nRun returns ErrInterrupted\n",
	},
	{
		// A277: a main that goes on in spite of it has its own outcome.
		name: "main goes on",
		play: func() {
			for _, outcome := range []error{nil, errBoom} {
				ends(asyncio.Run(context.Background(), func(ctx context.Context) error {
					interrupt()
					fmt.Println("main is told:", anHour(ctx))
					return outcome
				}))
			}
		},
		print: "main is told: asyncio: cancelled: asyncio: interrupted\nRun returns <nil>\n" +
			"main is told: asyncio: cancelled: asyncio: interrupted\nRun returns boom\n",
	},
	{
		// A278: a main that somebody else has cancelled too ends cancelled, and not interrupted.
		name: "main is cancelled already",
		play: func() {
			err := asyncio.Run(context.Background(), func(ctx context.Context) error {
				main := asyncio.CurrentTask(ctx)
				asyncio.Go(ctx, func(ctx context.Context) error {
					main.CancelWith("by a task")
					interrupt()
					return nil
				})
				err := anHour(ctx)
				for main.Cancelling() < 2 { // until the interrupt has come too
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
		// A279: the second interrupt ends the process at once, whatever it does.
		name: "second interrupt",
		play: func() {
			ends(asyncio.Run(context.Background(), func(ctx context.Context) error {
				defer fmt.Println("deferred call")
				interrupt()
				fmt.Println("main is told:", anHour(ctx))
				interrupt()
				select {} // as code would that computes for hours
			}))
		},
		print: "main is told: asyncio: cancelled: asyncio: interrupted\n",
		dies:  true,
	},
	{
		// A280: after a run the signal does what it did before: here, it ends the process.
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
		// A280: so it is between the runs of a Runner, each of which can be interrupted.
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
		// A280: others who listen are not disturbed, neither during a run nor after it.
		name: "somebody else listens",
		play: func() {
			heard := make(chan os.Signal, 1)
			signal.Notify(heard, os.Interrupt)
			ends(asyncio.Run(context.Background(), func(ctx context.Context) error { interrupt(); return anHour(ctx) }))
			fmt.Println("heard:", <-heard)
			interrupt()
			fmt.Println("heard:", <-heard)
		},
		print: "Run returns ErrInterrupted\nheard: interrupt\nheard: interrupt\n",
	},
	{
		// A280: a program that ignores the signal goes on doing so.
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
			heard := make(chan os.Signal, 1)
			signal.Notify(heard, os.Interrupt)
			r := &asyncio.Runner{NoInterrupt: true}
			ends(r.Run(context.Background(), func(ctx context.Context) error {
				interrupt()
				fmt.Println("heard:", <-heard)
				return asyncio.Sleep(ctx, time.Millisecond)
			}))
			signal.Stop(heard)
			ends(r.Run(context.Background(), func(ctx context.Context) error {
				interrupt()
				select {}
			}))
		},
		print: "heard: interrupt\nRun returns <nil>\n",
		dies:  true,
	},
	{
		// A280: in Go any goroutine may run a loop and is interrupted, not only a main thread. So are all who do.
		name: "two at once",
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
		// The clock that a loop has makes no difference.
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

// anHour is longer than any scene. A main that waits for what nobody does would end in a deadlock.
func anHour(ctx context.Context) error { return asyncio.Sleep(ctx, time.Hour) }

func interrupt() {
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
		panic(err)
	}
}

// ends prints what Run has returned.
func ends(err error) {
	if err == asyncio.ErrInterrupted {
		fmt.Println("Run returns ErrInterrupted")
	} else {
		fmt.Println("Run returns", err)
	}
}

// A277, A278, A279, A280: the first interrupt cancels main, the second ends the program, and who else listens to the
// signal, or ignores it, is not disturbed. The scenes tell which of them is which.
func TestInterrupts(t *testing.T) {
	if signal.Ignored(os.Interrupt) {
		t.Skip("interrupts are ignored here, as in a shell's background jobs")
	}
	for _, scene := range scenes {
		t.Run(scene.name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestInterruptsChild$")
			cmd.Env = append(os.Environ(), "ASYNCIO_SCENE="+scene.name, "GORACE=atexit_sleep_ms=0")
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if string(out) != scene.print || stderr.Len() > 0 {
				t.Errorf("it prints\n%s%s\nwanted\n%s", out, &stderr, scene.print)
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
				t.Errorf("it ends with %s, wanted %s", end, want)
			}
		})
	}
}

// TestInterruptsChild is what TestInterrupts runs in a process of its own.
func TestInterruptsChild(t *testing.T) {
	name := os.Getenv("ASYNCIO_SCENE")
	if name == "" {
		t.Skip("only for TestInterrupts")
	}
	for _, scene := range scenes {
		if scene.name == name {
			scene.play()
			os.Exit(0)
		}
	}
	t.Errorf("there is no scene %q", name)
}
