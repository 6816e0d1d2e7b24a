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

// A waitable is something that a task can wait for, and for which it waits here.
type waitable struct {
	name string
	of   fmt.Stringer
	wait func(ctx context.Context) error
	wake func(ctx context.Context) // for one that waits
	idle string                    // how it prints when nobody waits
}

// waitables makes one of each kind. At all of them one would have to wait.
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

// eachWaitable runs test, on a loop, for each of the waitables.
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

// A312: With holds the lock, or a unit, for its function, and gives it back whatever becomes of that: a result, an error, a
// cancel, a panic, a Goexit.
func TestBlocks(t *testing.T) {
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
							equal(t, "it is locked", l.Locked(), true)
							return end(ctx)
						})
					}, asyncio.WithName("inside"))
					yields(ctx, 1)
					task.Cancel()
					_, err := task.Await(ctx)
					equal(t, "it is locked", l.Locked(), false)
					return err
				}
				equal(t, "the error", inside(func(context.Context) error { return nil }), nil)
				equal(t, "the error", inside(func(context.Context) error { return errBoom }), errBoom)
				wantErr(t, inside(never), asyncio.ErrCancelled)
				wantErr(t, inside(func(context.Context) error { panic(errBoom) }), errBoom, "panic in task inside")
				wantErr(t, l.With(ctx, nil), asyncio.ErrInvalidArgument, "With of "+l.String()+" and a nil function")

				// Who does not get it is not let in, and gives nothing back.
				_ = l.Acquire(ctx)
				wantErr(t, asyncio.Timeout(ctx, time.Second, func(ctx context.Context) error {
					return l.With(ctx, func(context.Context) error {
						t.Error("it was let in")
						return nil
					})
				}), asyncio.ErrTimeout)
				equal(t, "it is locked", l.Locked(), true)
				l.Release()
				return nil
			})
			equal(t, "the reports", len(log.Lines), 1)

			exited := inGoroutine(func() {
				_ = runErr(t, func(ctx context.Context) error {
					return l.With(ctx, func(context.Context) error { runtime.Goexit(); return nil })
				})
			})
			equal(t, "exited, and locked", fmt.Sprint(exited, l.Locked()), "true false")
		})
	}
}

// A313: what tasks wait for belongs to the loop on which the first did. To wait for it on another loop is an error, and changes
// nothing; what need not wait works everywhere.
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
		equal(t, "it", w.of, before)
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

// A wait needs the ctx of the task that runs. With another one it is an error, and changes nothing.
func TestWaitUnderTheWrongCtx(t *testing.T) {
	eachWaitable(t, func(t *testing.T, ctx context.Context, w waitable) {
		_, err := asyncio.Go(ctx, func(context.Context) error { return w.wait(ctx) }).Await(ctx)
		wantErr(t, err, asyncio.ErrWrongContext)
		equal(t, "it", w.of, w.idle)
		wantErr(t, w.wait(context.Background()), asyncio.ErrNoRunningLoop)
		equal(t, "it", w.of, w.idle)
	})
}

// A wait under a ctx with a deadline or cancel of its own ends with the error of that, and leaves the queue.
func TestWaitUnderACtxWithAnEndOfItsOwn(t *testing.T) {
	eachWaitable(t, func(t *testing.T, ctx context.Context, w waitable) {
		short, cancel := context.WithCancel(ctx)
		l := running(ctx)
		l.CallLater(time.Second, func(context.Context) { cancel() })
		equal(t, "error and time", fmt.Sprint(w.wait(short), l.Time()), fmt.Sprint(context.Canceled, time.Second))
		equal(t, "it", w.of, w.idle)
		equal(t, "the error", w.wait(short), context.Canceled) // at once
		equal(t, "it", w.of, w.idle)

		waits := asyncio.Go(ctx, w.wait)
		yields(ctx, 1)
		w.wake(ctx)
		_, err := waits.Await(ctx)
		equal(t, "the error", err, nil)
	})
}

// Whether such a ctx ends before or after the task was woken is decided between goroutines. In no case is what it was woken
// with lost: this task has it, or the next.
func TestWaitEndsAsItIsWoken(t *testing.T) {
	for turns := range 10 {
		eachWaitable(t, func(t *testing.T, ctx context.Context, w waitable) {
			if w.name == "Barrier" {
				t.Skip("there is nothing that one would leave to the next")
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
				equal(t, "the error of the next", err, nil)
			}
		})
	}
}

// The loop is closed while tasks wait: they end, and leave the queue.
func TestWaitOnALoopThatIsClosed(t *testing.T) {
	for i, w := range waitables(context.Background()) {
		t.Run(w.name, func(t *testing.T) {
			noLeaks(t)
			var log record
			l := asyncio.NewLoop(driver.NewVirtual())
			l.SetExceptionHandler(log.Handle)
			w := waitables(l.Context())[i]
			for range 2 {
				asyncio.Go(l.Context(), func(ctx context.Context) error {
					defer log.Add("it ends")
					return w.wait(ctx)
				})
			}
			l.CallSoon(func(context.Context) { l.Stop() })
			equal(t, "the error of RunForever", l.RunForever(), nil)
			equal(t, "the error of Close", l.Close(), nil)
			log.Want(t, "it ends", "it ends")
			if w.name == "Condition" {
				w.idle = "<Condition locked>" // they could not take the lock back, and so nobody shall have it
			}
			equal(t, "it", w.of, w.idle)
		})
	}
}

// In debug mode a wake-up from a goroutine that is not the loop's is a panic there.
func TestWakeFromAnotherGoroutine(t *testing.T) {
	if raceDetector() {
		t.Skip("SKIPPED: it is a race, and the race detector says so before we do")
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
