package asyncio_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// A245: CallSoonThreadsafe queues calls in FIFO order, before later ones of CallSoon. It
// works from other goroutines and on the loop.
func TestCallSoonThreadsafe(t *testing.T) {
	for _, onLoop := range []bool{false, true} {
		var log record
		l := newLoop(t)
		calls := func() {
			for _, line := range []string{"first", "second"} {
				h, err := l.CallSoonThreadsafe(log.Adds(line))
				if h == nil || err != nil {
					t.Errorf("CallSoonThreadsafe returned %v, %v", h, err)
				}
			}
		}
		if onLoop {
			calls()
		} else {
			inGoroutine(calls)
		}
		l.CallSoon(func(context.Context) { log.Add("third"); l.Stop() })
		runForever(t, l)
		log.Want(t, "first", "second", "third")
	}
}

// A245: CallSoonThreadsafe wakes a sleeping loop, with and without a timer, in real time.
func TestCallSoonThreadsafeWakesTheLoop(t *testing.T) {
	noLeaks(t)
	for _, deadline := range []bool{false, true} {
		asleep := make(chan bool, 1)
		d := &sleepy{driver.NewReal(), asleep}
		l := asyncio.NewLoop(d)
		f := asyncio.NewFuture[string](l.Context())
		if deadline {
			l.CallLater(time.Hour, func(context.Context) { t.Error("the loop slept for an hour") })
		}
		go func() {
			<-asleep
			_, _ = l.CallSoonThreadsafe(func(context.Context) { _ = f.SetResult("awake") })
		}()
		if got, err := asyncio.RunUntilComplete(l, f); got != "awake" || err != nil {
			t.Errorf("RunUntilComplete returned %q, %v; want %q, nil", got, err, "awake")
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A sleepy driver reports when it is about to sleep.
type sleepy struct {
	driver.Driver
	asleep chan<- bool
}

func (s *sleepy) Park(until time.Duration, outside bool) bool {
	select {
	case s.asleep <- true:
	default:
	}
	return s.Driver.Park(until, outside)
}

// A245: goroutines may call while the loop closes. A call before Close is accepted or
// refused; a later call returns an error, and its function never runs.
func TestCallSoonThreadsafeRacesWithClose(t *testing.T) {
	noLeaks(t)
	const goroutines, calls = 8, 200
	for range 20 {
		l := asyncio.NewLoop(driver.NewReal())
		var accepted, refused atomic.Int32
		called := map[int]bool{} // on the loop only
		var all sync.WaitGroup
		start := make(chan bool)
		refusedFrom := make([]int, goroutines) // number of the first refused call, from 1; 0 if none
		for g := range goroutines {
			all.Go(func() {
				<-start
				for i := range calls {
					_, err := l.CallSoonThreadsafe(func(context.Context) {
						called[g*calls+i] = true
						if len(called) == goroutines*calls/2 {
							l.Stop()
						}
					})
					switch {
					case err == nil && refusedFrom[g] > 0:
						t.Error("a call was accepted after a refused one")
					case err == nil:
						accepted.Add(1)
					default:
						wantErr(t, err, asyncio.ErrLoopClosed, "CallSoonThreadsafe on <Loop closed>")
						refused.Add(1)
						if refusedFrom[g] == 0 {
							refusedFrom[g] = i + 1
						}
					}
				}
			})
		}
		close(start)
		runForever(t, l)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		n := len(called)
		all.Wait()
		if len(called) != n {
			t.Error("a function ran after Close")
		}
		if int(accepted.Load()) < n || accepted.Load()+refused.Load() != goroutines*calls {
			t.Errorf("%d functions ran; %d calls were accepted and %d refused", n, accepted.Load(), refused.Load())
		}
		for g, first := range refusedFrom {
			for i := range calls {
				if first > 0 && i >= first-1 && called[g*calls+i] {
					t.Errorf("call %d of goroutine %d was refused, but its function ran", i, g)
				}
			}
		}
	}
}

// A call that was accepted but did not run before Close is dropped.
func TestCallSoonThreadsafeBeforeClose(t *testing.T) {
	noLeaks(t)
	var log record
	l := asyncio.NewLoop(driver.NewVirtual())
	if _, err := l.CallSoonThreadsafe(log.Adds("called")); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	log.Want(t)
}

// Goroutines may call RunCoroutineThreadsafe while Run ends: each receives an outcome,
// and none waits forever.
func TestRunCoroutineThreadsafeRacesWithEndOfRun(t *testing.T) {
	noLeaks(t)
	for range 20 {
		var all sync.WaitGroup
		began := make(chan bool, 4)
		err := asyncio.Run(context.Background(), func(ctx context.Context) error {
			l := running(ctx)
			for range cap(began) {
				all.Go(func() {
					for {
						v, err := asyncio.RunCoroutineThreadsafe(l, one).Result(context.Background())
						select {
						case began <- true:
						default:
						}
						switch {
						case err == nil && v == 1:
						case errors.Is(err, asyncio.ErrCancelled):
						case errors.Is(err, asyncio.ErrLoopClosed):
							return
						default:
							t.Errorf("Result returned %v, %v", v, err)
							return
						}
					}
				})
			}
			for len(began) < cap(began) {
				if err := asyncio.Yield(ctx); err != nil {
					return err
				}
			}
			return nil
		})
		all.Wait()
		if err != nil {
			t.Error(err)
		}
	}
}

// OnClose functions run when the loop closes, after its tasks have ended, unless they
// were withdrawn. On a closed loop they run immediately.
func TestLoopOnClose(t *testing.T) {
	noLeaks(t)
	var r record
	l := asyncio.NewLoop(driver.NewVirtual())
	l.OnClose(func() { r.Add("closed") })
	withdraw := l.OnClose(func() { r.Add("withdrawn") })
	withdraw()
	asyncio.Go(l.Context(), func(ctx context.Context) error {
		defer r.Add("the task ends")
		return never(ctx)
	})
	l.CallSoon(func(context.Context) { l.Stop() })
	if err := l.RunForever(); err != nil {
		t.Error(err)
	}
	r.Add("not yet")
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	l.OnClose(func() { r.Add("at once") })()
	r.Want(t, "not yet", "the task ends", "closed", "at once")
	wantErr(t, panicOf(func() { l.OnClose(nil) }), asyncio.ErrInvalidArgument, "OnClose with a nil function")
}
