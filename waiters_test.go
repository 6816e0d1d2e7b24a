package asyncio_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// A waitable is an object that a task can wait for.
type waitable struct {
	name string
	of   fmt.Stringer
	wait func(ctx context.Context) error
	wake func(ctx context.Context) // wakes one waiter
	idle string                    // its text without waiters
}

// waitables returns a waitable of each kind. Waiting for any of them suspends.
func waitables(ctx context.Context) []waitable {
	var l asyncio.Lock
	_ = l.Acquire(ctx)
	var e asyncio.Event
	c := asyncio.NewCondition(nil)
	s := asyncio.NewSemaphore(0)
	bs := asyncio.NewBoundedSemaphore(1)
	_ = bs.Acquire(ctx)
	b := asyncio.NewBarrier(3)
	atBarrier := func(ctx context.Context) error { _, err := b.Wait(ctx); return err }
	empty := asyncio.NewQueue[int](0)
	full := asyncio.NewQueue[int](1)
	_ = full.TryPut(1)
	busy := asyncio.NewQueue[int](0)
	_ = busy.TryPut(1)
	return []waitable{
		{"Lock", &l, l.Acquire, func(context.Context) { l.Release() }, "<Lock locked>"},
		{"Event", &e, e.Wait, func(context.Context) { e.Set() }, "<Event unset>"},
		{"Condition", c, func(ctx context.Context) error { return c.With(ctx, c.Wait) }, func(ctx context.Context) {
			_ = c.With(ctx, func(context.Context) error { c.Notify(1); return nil })
		}, "<Condition unlocked>"},
		{"Semaphore", s, s.Acquire, func(context.Context) { s.Release() }, "<Semaphore locked>"},
		{"BoundedSemaphore", bs, bs.Acquire, func(context.Context) { bs.Release() }, "<BoundedSemaphore locked>"},
		{"Barrier", b, atBarrier, func(ctx context.Context) {
			asyncio.Go(ctx, atBarrier)
			asyncio.Go(ctx, atBarrier)
		}, "<Barrier filling waiters=0/3>"},
		{"Queue Get", empty, func(ctx context.Context) error { _, err := empty.Get(ctx); return err }, func(context.Context) {
			_ = empty.TryPut(1)
		}, "<Queue maxsize=0 size=0>"},
		{"Queue Put", full, func(ctx context.Context) error { return full.Put(ctx, 2) }, func(context.Context) {
			_, _ = full.TryGet()
		}, "<Queue maxsize=1 size=1 unfinished=1>"},
		{"Queue Join", busy, busy.Join, func(context.Context) { busy.TaskDone() }, "<Queue maxsize=0 size=1 unfinished=1>"},
	}
}

// eachWaitable runs test on a loop, once for each waitable.
func eachWaitable(t *testing.T, test func(t *testing.T, ctx context.Context, w waitable)) {
	for i, w := range waitables(context.Background()) {
		t.Run(w.name, func(t *testing.T) {
			run(t, func(ctx context.Context) error {
				test(t, ctx, waitables(ctx)[i])
				return nil
			})
		})
	}
}

// waitOf describes what task waits for.
func waitOf(ctx context.Context, task asyncio.AnyTask) string {
	for _, info := range running(ctx).Snapshot().Tasks {
		if info.ID == task.ID() && info.Waits != nil {
			return info.Waits.String()
		}
	}
	return "nothing"
}

// A312: With holds the lock, or a unit, while its function runs, and releases it however
// the function ends: with a result, an error, a cancellation, a panic or Goexit.
func TestWith(t *testing.T) {
	for _, l := range []lockLike{
		&asyncio.Lock{}, asyncio.NewCondition(nil), asyncio.NewSemaphore(1), asyncio.NewBoundedSemaphore(1),
	} {
		t.Run(fmt.Sprintf("%T", l), func(t *testing.T) {
			var log record
			run(t, func(ctx context.Context) error {
				running(ctx).SetExceptionHandler(log.Handle)
				inside := func(end func(ctx context.Context) error) error {
					task := asyncio.Go(ctx, func(ctx context.Context) error {
						return l.With(ctx, func(ctx context.Context) error {
							equal(t, "Locked()", l.Locked(), true)
							return end(ctx)
						})
					}, asyncio.WithName("inside"))
					yields(ctx, 1)
					task.Cancel()
					_, err := task.Await(ctx)
					equal(t, "Locked()", l.Locked(), false)
					return err
				}
				equal(t, "the error", inside(func(context.Context) error { return nil }), nil)
				equal(t, "the error", inside(func(context.Context) error { return errBoom }), errBoom)
				wantErr(t, inside(never), asyncio.ErrCancelled)
				wantErr(t, inside(func(context.Context) error { panic(errBoom) }), errBoom, "panic in task inside")
				wantErr(t, l.With(ctx, nil), asyncio.ErrInvalidArgument, "With on "+l.String()+": fn is nil")

				// If Acquire fails, With neither calls its function nor releases.
				_ = l.Acquire(ctx)
				wantErr(t, asyncio.Timeout(ctx, time.Second, func(ctx context.Context) error {
					return l.With(ctx, func(context.Context) error {
						t.Error("With called its function")
						return nil
					})
				}), asyncio.ErrTimeout)
				equal(t, "Locked()", l.Locked(), true)
				l.Release()
				return nil
			})
			equal(t, "the number of reports", len(log.Lines), 1)

			exited := inGoroutine(func() {
				_ = runErr(t, func(ctx context.Context) error {
					return l.With(ctx, func(context.Context) error { runtime.Goexit(); return nil })
				})
			})
			equal(t, "exited and Locked()", fmt.Sprint(exited, l.Locked()), "true false")
		})
	}
}

// A313: an object belongs to the loop of its first waiter. Waiting on another loop
// returns an error and changes nothing. Operations that do not wait work on any loop.
func TestWaitOnAnotherLoop(t *testing.T) {
	eachWaitable(t, func(t *testing.T, ctx context.Context, w waitable) {
		waits := asyncio.Go(ctx, w.wait)
		yields(ctx, 1)
		before := w.of.String()

		other := asyncio.NewLoop(driver.NewVirtual())
		onOther := func(fn func(ctx context.Context) error) error {
			_, err := asyncio.RunUntilComplete(other, asyncio.Coro[asyncio.None](func(ctx context.Context) (asyncio.None, error) {
				return asyncio.None{}, fn(ctx)
			}))
			return err
		}
		wantErr(t, onOther(w.wait), asyncio.ErrWrongLoop, "bound to another loop", "make one for each loop")
		equal(t, "the object", w.of, before)
		if e, ok := w.of.(*asyncio.Event); ok {
			e.Set()
			equal(t, "the error", onOther(w.wait), nil)
		}
		equal(t, "the error of Close", other.Close(), nil)

		w.wake(ctx)
		_, err := waits.Await(ctx)
		equal(t, "the error", err, nil)
	})
}

// Waiting with the ctx of another task returns an error and changes nothing.
func TestWaitWithWrongCtx(t *testing.T) {
	eachWaitable(t, func(t *testing.T, ctx context.Context, w waitable) {
		_, err := asyncio.Go(ctx, func(context.Context) error { return w.wait(ctx) }).Await(ctx)
		wantErr(t, err, asyncio.ErrWrongContext)
		equal(t, "the object", w.of, w.idle)
		wantErr(t, w.wait(context.Background()), asyncio.ErrNoRunningLoop)
		equal(t, "the object", w.of, w.idle)
	})
}

// A wait whose ctx has a deadline or cancellation of its own ends with the ctx's error
// and leaves the queue.
func TestWaitWithCtxThatEnds(t *testing.T) {
	eachWaitable(t, func(t *testing.T, ctx context.Context, w waitable) {
		short, cancel := context.WithCancel(ctx)
		l := running(ctx)
		l.CallLater(time.Second, func(context.Context) { cancel() })
		equal(t, "error and time", fmt.Sprint(w.wait(short), l.Time()), fmt.Sprint(context.Canceled, time.Second))
		equal(t, "the object", w.of, w.idle)
		equal(t, "the error", w.wait(short), context.Canceled) // immediately
		equal(t, "the object", w.of, w.idle)

		waits := asyncio.Go(ctx, w.wait)
		yields(ctx, 1)
		w.wake(ctx)
		_, err := waits.Await(ctx)
		equal(t, "the error", err, nil)
	})
}

// Goroutines race to end such a ctx and to wake the task. In no case is the wake-up lost:
// this task gets it, or the next waiter.
func TestWaitCtxEndsWhileWoken(t *testing.T) {
	for turns := range 10 {
		eachWaitable(t, func(t *testing.T, ctx context.Context, w waitable) {
			if w.name == "Barrier" {
				t.Skip("a barrier has no wake-up to pass on")
			}
			var end func()
			first := asyncio.Go(ctx, func(ctx context.Context) error {
				ctx, end = context.WithCancel(ctx)
				return w.wait(ctx)
			})
			second := asyncio.Go(ctx, w.wait)
			yields(ctx, 1)
			end()
			yields(ctx, turns)
			w.wake(ctx)
			if _, err := first.Await(ctx); err != nil {
				equal(t, "the error", err, context.Canceled)
				_, err := second.Await(ctx)
				equal(t, "the error of the next waiter", err, nil)
			}
		})
	}
}

// The loop is closed while tasks wait: they end and leave the queue.
func TestWaitOnClosedLoop(t *testing.T) {
	for i, w := range waitables(context.Background()) {
		t.Run(w.name, func(t *testing.T) {
			noLeaks(t)
			var log record
			l := asyncio.NewLoop(driver.NewVirtual())
			l.SetExceptionHandler(log.Handle)
			w := waitables(l.Context())[i]
			for range 2 {
				asyncio.Go(l.Context(), func(ctx context.Context) error {
					defer log.Add("the task ends")
					return w.wait(ctx)
				})
			}
			l.CallSoon(func(context.Context) { l.Stop() })
			equal(t, "the error of RunForever", l.RunForever(), nil)
			equal(t, "the error of Close", l.Close(), nil)
			log.Want(t, "the task ends", "the task ends")
			if w.name == "Condition" {
				w.idle = "<Condition locked>" // they could not take the lock back, so no task can acquire it
			}
			equal(t, "the object", w.of, w.idle)
		})
	}
}

// In debug mode, a wake-up from another goroutine panics there.
func TestWakeFromAnotherGoroutine(t *testing.T) {
	if raceDetector() {
		t.Skip("SKIPPED: the race detector reports this race first")
	}
	err := runOn(t, &asyncio.Runner{Debug: true}, func(ctx context.Context) error {
		var e asyncio.Event
		asyncio.Go(ctx, e.Wait)
		yields(ctx, 1)
		err, _ := asyncio.ToThread(ctx, func(context.Context) (error, error) { return panicOf(e.Set), nil })
		wantErr(t, err, asyncio.ErrMisuse, "CallSoonThreadsafe")
		return nil
	})
	equal(t, "the error", err, nil)
}

// String of a nil pointer panics, which package fmt handles.
func TestStringOfNil(t *testing.T) {
	for _, s := range []fmt.Stringer{
		(*asyncio.Lock)(nil), (*asyncio.Event)(nil), (*asyncio.Condition)(nil), (*asyncio.Semaphore)(nil),
		(*asyncio.BoundedSemaphore)(nil), (*asyncio.Barrier)(nil), (*asyncio.Queue[int])(nil),
		(*asyncio.PriorityQueue[int])(nil), (*asyncio.LIFOQueue[int])(nil),
	} {
		equal(t, fmt.Sprintf("%T", s), fmt.Sprintf("%v %s", s, s), "<nil> <nil>")
	}
}
