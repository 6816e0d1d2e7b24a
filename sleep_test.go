package asyncio_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// A207: a sleep ends when its time is up: in virtual time not a nanosecond later. What
// sleep(d, result) returns in Python, a function in Go returns itself.
func TestSleep(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task := asyncio.CreateTask(ctx, func(ctx context.Context) (string, error) {
			if err := asyncio.Sleep(ctx, 1500*time.Millisecond); err != nil {
				return "", err
			}
			equal(t, "the time in between", running(ctx).Time(), "1.5s")
			return "yeah", asyncio.Sleep(ctx, 1)
		})
		got, err := task.Await(ctx)
		equal(t, "the result", got, "yeah")
		equal(t, "the time", running(ctx).Time(), "1.500000001s")
		return err
	})
}

// Sleeps that end at the same time end in the order in which they began.
func TestSleepsEndInOrder(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			for _, s := range []struct {
				name string
				d    time.Duration
			}{{"a", 2}, {"b", 1}, {"c", 2}, {"d", 0}, {"e", 1}} {
				tg.Go(func(ctx context.Context) error {
					err := asyncio.Sleep(ctx, s.d*time.Second)
					log.Add("%v %s", running(ctx).Time(), s.name)
					return err
				})
			}
			return nil
		})
	})
	log.Want(t, "0s d", "1s b", "1s e", "2s a", "2s c")
}

// A208, A209: a sleep of nothing, or of less, lets one turn pass. What is ready runs before it ends; what
// that makes ready does not. So does Yield.
func TestSleepZeroIsOneTurn(t *testing.T) {
	for name, pause := range map[string]func(ctx context.Context) error{
		"Sleep(0)":  func(ctx context.Context) error { return asyncio.Sleep(ctx, 0) },
		"Sleep(-1)": func(ctx context.Context) error { return asyncio.Sleep(ctx, -time.Second) },
		"Yield":     asyncio.Yield,
	} {
		t.Run(name, func(t *testing.T) {
			var log record
			run(t, func(ctx context.Context) error {
				l := running(ctx)
				l.CallSoon(func(context.Context) {
					log.Add("call")
					l.CallSoon(func(context.Context) { log.Add("call of the call") })
				})
				asyncio.Go(ctx, func(ctx context.Context) error {
					log.Add("task begins")
					err := asyncio.Yield(ctx)
					log.Add("task ends")
					return err
				})
				log.Add("main pauses")
				if err := pause(ctx); err != nil {
					return err
				}
				log.Add("main goes on at %v", l.Time())
				return pause(ctx)
			})
			log.Want(t,
				"main pauses",
				"call",
				"task begins",
				"main goes on at 0s",
				"call of the call",
				"task ends",
			)
		})
	}
}

// A208: and it needs no timer, nor anything else that would have to be allocated.
func TestSleepZeroAllocatesNothing(t *testing.T) {
	if raceDetector() {
		t.Skip("the race detector allocates")
	}
	run(t, func(ctx context.Context) error {
		if n := testing.AllocsPerRun(100, func() { _ = asyncio.Sleep(ctx, 0) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
		return nil
	})
}

// A210 (a sleep of NaN) is not there: a Duration is a number.

// A081, A211: however one leaves a sleep, its timer is gone: nothing is left for which the clock would move.
func TestSleepLeavesNoTimer(t *testing.T) {
	for name, leave := range map[string]func(ctx context.Context, sleep func(ctx context.Context) error) error{
		"cancel": func(ctx context.Context, sleep func(ctx context.Context) error) error {
			task := asyncio.Go(ctx, sleep)
			yields(ctx, 1)
			task.Cancel()
			_, err := task.Await(ctx)
			return err
		},
		"cancel before it begins": func(ctx context.Context, sleep func(ctx context.Context) error) error {
			asyncio.CurrentTask(ctx).Cancel()
			return sleep(ctx)
		},
		"timeout": func(ctx context.Context, sleep func(ctx context.Context) error) error {
			return asyncio.Timeout(ctx, 0, sleep)
		},
		"a ctx of Go's that ends": func(ctx context.Context, sleep func(ctx context.Context) error) error {
			ctx, stop := context.WithCancel(ctx)
			running(ctx).CallSoon(func(context.Context) { stop() })
			return sleep(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			clock := driver.NewVirtual()
			err := runOn(t, &asyncio.Runner{Driver: clock}, func(ctx context.Context) error {
				err := leave(ctx, func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Hour) })
				if err == nil {
					t.Error("the sleep came to its end")
				}
				asyncio.CurrentTask(ctx).Uncancel()
				return never(ctx)
			})
			var deadlock *asyncio.DeadlockError
			if !errors.As(err, &deadlock) {
				t.Errorf("with nothing left to do, Run ended with %v", err)
			}
			if clock.Now() != 0 {
				t.Errorf("the clock went on to %v", clock.Now())
			}
		})
	}
}

// T::test_task_cancel_sleeping_task: a sleep that is cancelled ends at the time of the cancel.
func TestSleepEndsWithTheCancel(t *testing.T) {
	run(t, func(ctx context.Context) error {
		sleeper := asyncio.Go(ctx, func(ctx context.Context) error { return asyncio.Sleep(ctx, 5000*time.Second) })
		running(ctx).CallLater(100*time.Millisecond, func(context.Context) { sleeper.Cancel() })
		_, err := sleeper.Await(ctx)
		wantErr(t, err, asyncio.ErrCancelled)
		equal(t, "the time", running(ctx).Time(), "100ms")
		return nil
	})
}

// Outside of a task there is nothing that could sleep.
func TestSleepNeedsATask(t *testing.T) {
	run(t, func(ctx context.Context) error {
		for _, d := range []time.Duration{0, time.Second} {
			wantErr(t, asyncio.Sleep(context.Background(), d), asyncio.ErrNoRunningLoop)
			running(ctx).CallSoon(func(ctx context.Context) {
				wantErr(t, asyncio.Sleep(ctx, d), asyncio.ErrWrongContext, "await in a callback")
			})
		}
		return asyncio.Yield(ctx)
	})
}
