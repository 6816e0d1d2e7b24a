package asyncio_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// A207: a sleep ends exactly on time in virtual time. A function in Go returns the value
// itself that sleep(d, result) returns in Python.
func TestSleep(t *testing.T) {
	run(t, func(ctx context.Context) error {
		task := asyncio.CreateTask(ctx, func(ctx context.Context) (string, error) {
			if err := asyncio.Sleep(ctx, 1500*time.Millisecond); err != nil {
				return "", err
			}
			equal(t, "the time between the sleeps", running(ctx).Time(), "1.5s")
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

// A208, A209: a sleep of zero or less suspends for one turn, like Yield. It ends after
// everything that was ready, and before what that makes ready.
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
				log.Add("main continues at %v", l.Time())
				return pause(ctx)
			})
			log.Want(t,
				"main pauses",
				"call",
				"task begins",
				"main continues at 0s",
				"call of the call",
				"task ends",
			)
		})
	}
}

// A208: it needs no timer and no allocation.
func TestSleepZeroAllocatesNothing(t *testing.T) {
	if raceDetector() {
		t.Skip("SKIPPED: the race detector allocates")
	}
	run(t, func(ctx context.Context) error {
		if n := testing.AllocsPerRun(100, func() { _ = asyncio.Sleep(ctx, 0) }); n != 0 {
			t.Errorf("%v allocations, want 0", n)
		}
		return nil
	})
}

// A210 (a sleep of NaN) has no counterpart: a Duration is a number.

// A081, A211: a sleep leaves no timer, however it ends: the clock does not advance for
// it.
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
		"a cancelled context.WithCancel": func(ctx context.Context, sleep func(ctx context.Context) error) error {
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
					t.Error("the sleep returned nil")
				}
				asyncio.CurrentTask(ctx).Uncancel()
				return never(ctx)
			})
			var deadlock *asyncio.DeadlockError
			if !errors.As(err, &deadlock) {
				t.Errorf("Run ended with %v, want a DeadlockError", err)
			}
			if clock.Now() != 0 {
				t.Errorf("the clock advanced to %v", clock.Now())
			}
		})
	}
}

// T::test_task_cancel_sleeping_task: a cancelled sleep ends at the time of the cancel.
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

// Sleep outside of a task is an error.
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
