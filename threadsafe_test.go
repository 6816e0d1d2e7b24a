package asyncio_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// elsewhere awaits what f returns, which is called in a goroutine that is not the loop's.
func elsewhere[T any](ctx context.Context, f func() (T, error)) (T, error) {
	return asyncio.ToThread(ctx, func(context.Context) (T, error) { return f() })
}

// add takes a while, and may fail or cancel itself.
func add(a, b int, fail error, cancel bool) func(ctx context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		if err := asyncio.Yield(ctx); err != nil || fail != nil {
			return 0, errors.Join(err, fail)
		}
		if cancel {
			asyncio.CurrentTask(ctx).Cancel()
		}
		return a + b, asyncio.Yield(ctx)
	}
}

// A289: RunCoroutineThreadsafe has a function run as a task of the loop; the goroutine
// that asked waits for its result, its error, or hears that it was cancelled.
func TestRunCoroutineThreadsafe(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		for _, fn := range []func(ctx context.Context) (int, error){
			add(1, 2, nil, false),
			add(1, 2, errBoom, false),
			add(1, 2, nil, true),
		} {
			got, err := elsewhere(ctx, func() (int, error) {
				return asyncio.RunCoroutineThreadsafe(l, fn).Result(context.Background())
			})
			text, _, _ := strings.Cut(err2text(err), " by ")
			log.Add("%d, %s, cancelled=%v", got, text, errors.Is(err, asyncio.ErrCancelled))
		}
		return nil
	})
	log.Want(t,
		"3, no error, cancelled=false",
		"0, boom, cancelled=false",
		"0, asyncio: cancelled, cancelled=true",
	)
}

func err2text(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}

// A290: whose wait for the result times out has not cancelled anything, and can ask again. A Cancel of the
// future cancels the task; once there is an outcome it does nothing.
func TestRunCoroutineThreadsafeTimeoutAndCancel(t *testing.T) {
	var log record
	expired, cancel := context.WithDeadline(context.Background(), time.Now())
	defer cancel()
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		gate := asyncio.NewFuture[int](ctx)
		var c *asyncio.ConcurrentFuture[int]
		_, err := elsewhere(ctx, func() (int, error) {
			c = asyncio.RunCoroutineThreadsafe(l, gate.Await)
			return c.Result(expired)
		})
		log.Add("%v", err)
		_ = gate.SetResult(7)
		v, err := elsewhere(ctx, func() (int, error) { return c.Result(context.Background()) })
		log.Add("%v, %v; a late cancel: %v", v, err, c.Cancel())

		ended := asyncio.NewFuture[error](ctx)
		_, err = elsewhere(ctx, func() (int, error) {
			begun := make(chan bool)
			c = asyncio.RunCoroutineThreadsafe(l, func(ctx context.Context) (int, error) {
				close(begun)
				err := never(ctx)
				_ = ended.SetResult(err)
				return 0, err
			})
			<-begun
			log.Add("cancel: %v, again: %v", c.Cancel(), c.Cancel())
			return c.Result(context.Background())
		})
		log.Add("the goroutine: %v", err)
		seen, err := ended.Await(ctx)
		log.Add("the task: %v", seen)
		return err
	})
	log.Want(t,
		"context deadline exceeded",
		"7, <nil>; a late cancel: false",
		"cancel: true, again: false",
		"the goroutine: asyncio: cancelled",
		"the task: asyncio: cancelled",
	)
}

// A290: a cancel that comes before the loop has made the task keeps the function from ever running.
func TestRunCoroutineThreadsafeCancelledBeforeItBegins(t *testing.T) {
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		_, err := elsewhere(ctx, func() (int, error) {
			blocked, gate := make(chan bool), make(chan bool)
			_, _ = l.CallSoonThreadsafe(func(context.Context) { close(blocked); <-gate })
			<-blocked
			c := asyncio.RunCoroutineThreadsafe(l, func(context.Context) (int, error) { t.Error("it ran"); return 1, nil })
			c.Cancel()
			close(gate)
			return c.Result(context.Background())
		})
		wantErr(t, err, asyncio.ErrCancelled)
		yields(ctx, 3)
		return nil
	})
}

// A291: a task factory that fails reaches both the goroutine that asked and the exception handler.
func TestRunCoroutineThreadsafeTaskFactoryFails(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		l.SetExceptionHandler(func(_ context.Context, e *asyncio.ExceptionContext) {
			log.Add("reported, and it is the same: %v", errors.Is(e.Exception, errBoom))
		})
		for _, value := range []any{errBoom, "no error"} {
			_, err := elsewhere(ctx, func() (int, error) {
				_, _ = l.CallSoonThreadsafe(func(context.Context) {
					l.SetTaskFactory(func(*asyncio.Loop, asyncio.TaskConfig) asyncio.TaskConfig { panic(value) })
				})
				return asyncio.RunCoroutineThreadsafe(l, one).Result(context.Background())
			})
			l.SetTaskFactory(nil)
			text, _, _ := strings.Cut(err.Error(), "\n")
			log.Add("the goroutine: %s", text)
		}
		return nil
	})
	log.Want(t,
		"reported, and it is the same: true",
		"the goroutine: boom",
		"reported, and it is the same: false",
		"the goroutine: asyncio: panic in the making of a task: no error",
	)
}

// A289: no goroutine waits for ever for a loop that is gone: the outcome is that it was closed, be it
// before the call, or with the call still in the inbox, or in the middle of the task.
func TestRunCoroutineThreadsafeOnALoopThatCloses(t *testing.T) {
	noLeaks(t)
	closes := func(c *asyncio.ConcurrentFuture[int]) {
		t.Helper()
		<-c.DoneChan()
		_, err := c.Result(context.Background())
		wantErr(t, err, asyncio.ErrLoopClosed, "<Loop closed>")
	}
	l := asyncio.NewLoop(driver.NewVirtual())
	begun := asyncio.RunCoroutineThreadsafe(l, func(ctx context.Context) (int, error) { return 0, never(ctx) })
	l.Stop()
	if err := l.RunForever(); err != nil { // two turns: one makes the task, one runs it
		t.Error(err)
	}
	l.Stop()
	if err := l.RunForever(); err != nil {
		t.Error(err)
	}
	if n := len(l.AllTasks()); n != 1 {
		t.Fatalf("there are %d tasks", n)
	}
	inInbox := asyncio.RunCoroutineThreadsafe(l, one)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	closes(begun)
	closes(inInbox)
	closes(asyncio.RunCoroutineThreadsafe(l, one))
	_, err := l.CallSoonThreadsafe(func(context.Context) {})
	wantErr(t, err, asyncio.ErrLoopClosed, "CallSoonThreadsafe on <Loop closed>")
}

// A289: a Runner that closes cancels such a task as any other, and the goroutine hears of it.
func TestRunCoroutineThreadsafeAtTheEndOfRun(t *testing.T) {
	outcome := make(chan error, 1)
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		_, err := elsewhere(ctx, func() (int, error) {
			begun := make(chan bool)
			c := asyncio.RunCoroutineThreadsafe(l, func(ctx context.Context) (int, error) { close(begun); return 0, never(ctx) })
			<-begun
			go func() {
				_, err := c.Result(context.Background())
				outcome <- err
			}()
			return 0, nil
		})
		return err
	})
	wantErr(t, <-outcome, asyncio.ErrCancelled)
}

// A289: the loop's own code, which would wait for itself, is told so in debug mode.
func TestResultOnTheLoopsGoroutine(t *testing.T) {
	err := runOn(t, &asyncio.Runner{Debug: true}, func(ctx context.Context) error {
		c := asyncio.RunCoroutineThreadsafe(running(ctx), one)
		_, err := c.Result(context.Background())
		wantErr(t, err, asyncio.ErrMisuse, "would wait for itself", "CreateTask")
		if _, err := asyncio.WrapFuture(ctx, c).Await(ctx); err != nil {
			return err
		}
		v, err := c.Result(context.Background()) // there is one now
		if v != 1 {
			t.Errorf("it gave %v", v)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A ConcurrentFuture gets its outcome once, from any goroutine; the others are told.
func TestConcurrentFuture(t *testing.T) {
	for _, end := range map[string]func(c *asyncio.ConcurrentFuture[int]) error{
		"SetResult":    func(c *asyncio.ConcurrentFuture[int]) error { return c.SetResult(1) },
		"SetException": func(c *asyncio.ConcurrentFuture[int]) error { return c.SetException(errBoom) },
		"Cancel": func(c *asyncio.ConcurrentFuture[int]) error {
			if !c.Cancel() {
				return errors.New("Cancel is false")
			}
			return nil
		},
	} {
		c := asyncio.NewConcurrentFuture[int]()
		wantErr(t, c.SetException(nil), asyncio.ErrInvalidArgument, "SetException(nil)", "SetResult")
		select {
		case <-c.DoneChan():
			t.Error("it is done")
		default:
		}
		if err := end(c); err != nil {
			t.Error(err)
		}
		<-c.DoneChan()
		v, err := c.Result(context.Background())
		wantErr(t, c.SetResult(2), asyncio.ErrInvalidState, "SetResult on a ConcurrentFuture that is done")
		wantErr(t, c.SetException(errBoom), asyncio.ErrInvalidState, "SetException on a ConcurrentFuture that is done")
		if c.Cancel() {
			t.Error("it was cancelled when it was done")
		}
		if again, err2 := c.Result(context.Background()); again != v || err2 != err {
			t.Errorf("the outcome was %v, %v and is %v, %v", v, err, again, err2)
		}
	}
}

// A289, A328: many goroutines have tasks made, cancel some, and give up on others; the loop lists its
// tasks meanwhile. Each hears what became of its own.
func TestManyGoroutinesAskForTasks(t *testing.T) {
	run(t, func(ctx context.Context) error {
		const goroutines, each = 8, 50
		l := running(ctx)
		most := 0
		lister := asyncio.Go(ctx, func(ctx context.Context) error {
			for {
				most = max(most, len(asyncio.AllTasks(ctx)))
				if err := asyncio.Yield(ctx); err != nil {
					return err
				}
			}
		})
		_, err := elsewhere(ctx, func() (int, error) {
			var all sync.WaitGroup
			for range goroutines {
				all.Go(func() {
					for i := range each {
						c := asyncio.RunCoroutineThreadsafe(l, add(i, 1, nil, false))
						cancelled := i%3 == 0 && c.Cancel()
						v, err := c.Result(context.Background())
						if cancelled != errors.Is(err, asyncio.ErrCancelled) || !cancelled && (v != i+1 || err != nil) {
							t.Errorf("it came to %v, %v; cancelled=%v", v, err, cancelled)
						}
					}
				})
			}
			all.Wait()
			return 0, nil
		})
		lister.Cancel()
		yields(ctx, 3)
		if n := len(asyncio.AllTasks(ctx)); n != 1 || most < 3 {
			t.Errorf("%d tasks are left, of which one is main; there were %d at most", n, most)
		}
		return err
	})
}
