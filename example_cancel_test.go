package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// A cancel makes the current await of the task return an error. The task cleans up, for
// which it may await, and returns the error.
func ExampleTask_Cancel() {
	r := asyncio.Runner{Driver: driver.NewVirtual()} // an hour takes no real time
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		download := asyncio.Go(ctx, func(ctx context.Context) error {
			fmt.Println("begin")
			err := asyncio.Sleep(ctx, time.Hour)
			if errors.Is(err, asyncio.ErrCancelled) {
				fmt.Println("remove the partial file")
				if err := asyncio.Sleep(ctx, time.Second); err != nil { // the cancel does not affect this await
					return err
				}
			}
			return err
		}, asyncio.WithName("download"))

		if err := asyncio.Sleep(ctx, time.Minute); err != nil {
			return err
		}
		fmt.Println("requested:", download.CancelWith("the disk is full"), "cancelled:", download.Cancelled())
		_, err := download.Await(ctx)
		fmt.Println("cancelled:", download.Cancelled())
		if cancel := (*asyncio.CancelledError)(nil); errors.As(err, &cancel) {
			fmt.Println("reason:", cancel.Message)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// begin
	// requested: true cancelled: false
	// remove the partial file
	// cancelled: true
	// reason: the disk is full
	// <nil>
}

// A task that handles a cancel and continues calls Uncancel. This task restarts on each
// one.
func ExampleTask_Uncancel() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		server := asyncio.Go(ctx, func(ctx context.Context) error {
			for range 3 {
				fmt.Println("read the configuration")
				err := asyncio.Sleep(ctx, time.Hour)
				if cancel := (*asyncio.CancelledError)(nil); !errors.As(err, &cancel) || cancel.Message != "reload" {
					return err
				}
				asyncio.CurrentTask(ctx).Uncancel()
			}
			return nil
		})
		for _, message := range []string{"reload", "stop"} {
			if err := asyncio.Sleep(ctx, time.Minute); err != nil {
				return err
			}
			server.CancelWith(message)
		}
		_, err := server.Await(ctx)
		fmt.Println("ended, cancelled:", errors.Is(err, asyncio.ErrCancelled))
		return nil
	})
	fmt.Println(err)
	// Output:
	// read the configuration
	// read the configuration
	// ended, cancelled: true
	// <nil>
}

// Go code that does not know tasks observes a cancel as the end of the ctx.
func ExampleTask_Cancel_ctx() {
	handle := func(ctx context.Context, part int) error { // stands for an http.Client or a sql.DB
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("part %d: %w", part, err)
		}
		return nil
	}
	err := asyncio.Run(context.Background(), func(ctx context.Context) error {
		task := asyncio.Go(ctx, func(ctx context.Context) error {
			for part := range 3 {
				if part == 2 {
					asyncio.CurrentTask(ctx).Cancel()
				}
				if err := handle(ctx, part); err != nil {
					return err
				}
			}
			return nil
		})
		_, err := task.Await(ctx)
		fmt.Println("cancelled:", task.Cancelled(), "-", errors.Unwrap(err))
		return nil
	})
	fmt.Println(err)
	// Output:
	// cancelled: true - part 2: context canceled
	// <nil>
}

func ExampleSleep() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	_ = r.Run(context.Background(), func(ctx context.Context) error {
		loop, err := asyncio.RunningLoop(ctx)
		if err != nil {
			return err
		}
		begin := loop.Time()
		err = asyncio.Sleep(ctx, 90*time.Minute)
		fmt.Println(loop.Time()-begin, err)
		return err
	})
	// Output: 1h30m0s <nil>
}

// The block ends after all its tasks. If a task fails, the others are cancelled, and the
// block returns all errors.
func ExampleWithTaskGroup() {
	fetch := func(name string, takes time.Duration, fails error) func(ctx context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			if err := asyncio.Sleep(ctx, takes); err != nil {
				fmt.Println(name, "is cancelled")
				return "", err
			}
			return "page of " + name, fails
		}
	}
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		var alpha, beta *asyncio.Task[string]
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			alpha = asyncio.CreateTaskIn(tg, fetch("alpha", 2*time.Second, nil))
			beta = asyncio.CreateTaskIn(tg, fetch("beta", time.Second, nil))
			return nil
		})
		if err != nil {
			return err
		}
		for _, t := range []*asyncio.Task[string]{alpha, beta} {
			page, _ := t.Result()
			fmt.Println(page)
		}

		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			asyncio.CreateTaskIn(tg, fetch("gamma", time.Hour, nil))
			asyncio.CreateTaskIn(tg, fetch("delta", time.Second, errors.New("no such page")))
			return nil
		})
	})
	fmt.Println(err)
	// Output:
	// page of alpha
	// page of beta
	// gamma is cancelled
	// asyncio: unhandled error in a TaskGroup: no such page
}

// Cancel ends a group early and without an error.
func ExampleTaskGroup_Cancel() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			for _, site := range []struct {
				name  string
				takes time.Duration
			}{{"slow.example", time.Hour}, {"fast.example", time.Second}} {
				tg.Go(func(ctx context.Context) error {
					if err := asyncio.Sleep(ctx, site.takes); err != nil {
						return err
					}
					fmt.Println(site.name, "was first")
					tg.Cancel()
					return nil
				})
			}
			return nil
		})
	})
	fmt.Println(err)
	// Output:
	// fast.example was first
	// <nil>
}

// At most two of the children run at the same time. WaitSlot suspends the loop while both
// slots are taken, so that it creates no more children than that.
func ExampleTaskGroup_SetLimit() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.SetLimit(2)
			for n := range 4 {
				if err := tg.WaitSlot(ctx); err != nil {
					return err
				}
				tg.Go(func(ctx context.Context) error {
					fmt.Printf("%v: copies file %d\n", r.Loop().Time(), n)
					return asyncio.Sleep(ctx, time.Second)
				})
			}
			fmt.Printf("%v: all created\n", r.Loop().Time())
			return nil
		})
	})
	fmt.Println(err)
	// Output:
	// 0s: copies file 0
	// 0s: copies file 1
	// 1s: all created
	// 1s: copies file 2
	// 1s: copies file 3
	// <nil>
}

// A GroupError unwraps to all its errors: errors.Is and errors.As search them, as except*
// does.
func ExampleGroupError() {
	errBusy := errors.New("busy")
	err := asyncio.Run(context.Background(), func(ctx context.Context) error {
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(func(context.Context) error { return fmt.Errorf("alpha: %w", errBusy) })
			tg.Go(func(context.Context) error { return errors.New("beta: gone") })
			return nil
		})
	})
	if group := (*asyncio.GroupError)(nil); errors.As(err, &group) {
		for _, err := range group.Errors {
			fmt.Println(err, "- busy:", errors.Is(err, errBusy))
		}
	}
	fmt.Println(errors.Is(err, errBusy))
	// Output:
	// alpha: busy - busy: true
	// beta: gone - busy: false
	// true
}

func ExampleTimeout() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		err := asyncio.Timeout(ctx, time.Hour, func(ctx context.Context) error {
			err := asyncio.Sleep(ctx, 2*time.Hour)
			fmt.Println("inside:", err)
			return err
		})
		fmt.Println("outside:", err)
		fmt.Println(errors.Is(err, asyncio.ErrTimeout), errors.Is(err, context.DeadlineExceeded))
		return asyncio.Sleep(ctx, time.Second) // the task was not cancelled
	})
	fmt.Println(err)
	// Output:
	// inside: asyncio: cancelled by a timeout of 1h0m0s
	// outside: asyncio: timed out after 1h0m0s
	// true true
	// <nil>
}

// Each message moves the deadline, so that the timeout limits the silence and not the
// total time.
func ExampleTimeoutScope_Reschedule() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		loop, err := asyncio.RunningLoop(ctx)
		if err != nil {
			return err
		}
		silence := asyncio.NewTimeout(10 * time.Second)
		return silence.Run(ctx, func(ctx context.Context) error {
			for _, pause := range []time.Duration{8, 9, 7, 20} {
				if err := asyncio.Sleep(ctx, pause*time.Second); err != nil {
					return err
				}
				fmt.Println("a message at", loop.Time())
				if err := silence.Reschedule(loop.Time() + 10*time.Second); err != nil {
					return err
				}
			}
			return nil
		})
	})
	fmt.Println(err)
	// Output:
	// a message at 8s
	// a message at 17s
	// a message at 24s
	// asyncio: timed out
}

func ExampleWaitFor() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		answer := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
			return 42, asyncio.Sleep(ctx, 250*365*24*time.Hour) // 250 years
		})
		_, err := asyncio.WaitFor(ctx, answer, time.Minute)
		fmt.Println(err)
		fmt.Println("cancelled:", answer.Cancelled())
		return nil
	})
	fmt.Println(err)
	// Output:
	// asyncio: timed out after 1m0s
	// cancelled: true
	// <nil>
}

// A cancel or timeout of the wait does not cancel the shielded task.
func ExampleShield() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		save := asyncio.CreateTask(ctx, func(ctx context.Context) (string, error) {
			return "saved", asyncio.Sleep(ctx, time.Minute)
		})
		_, err := asyncio.WaitFor(ctx, asyncio.Shield(ctx, save), time.Second)
		fmt.Println(err)
		result, err := save.Await(ctx)
		fmt.Println(result)
		return err
	})
	fmt.Println(err)
	// Output:
	// asyncio: timed out after 1s
	// saved
	// <nil>
}

// The end of a ctx derived with package context ends an await with the error of that ctx.
// It cancels nothing.
func ExampleFuture_Await_ctx() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		patient, giveUp := context.WithCancel(ctx)
		asyncio.Go(ctx, func(ctx context.Context) error {
			defer giveUp()
			return asyncio.Sleep(ctx, time.Minute)
		})
		reply := asyncio.NewFuture[string](ctx)
		_, err := reply.Await(patient)
		fmt.Println(err, "-", reply, "-", asyncio.CurrentTask(ctx).Cancelling())
		return nil
	})
	fmt.Println(err)
	// Output:
	// context canceled - <Future pending> - 0
	// <nil>
}
