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

// elsewhere calls f in a goroutine outside the loop and returns its outcome.
func elsewhere[T any](ctx context.Context, f func() (T, error)) (T, error) {
	return asyncio.ToThread(ctx, func(context.Context) (T, error) { return f() })
}

// add returns a task function that yields, and returns a+b, or fails, or cancels itself.
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

// A289: RunCoroutineThreadsafe runs a function as a task of the loop. The calling
// goroutine receives its result, its error or its cancellation.
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

// A290: a timeout of Result cancels nothing, and Result can be called again. A Cancel of
// the future cancels the task. With an outcome it has no effect.
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
		log.Add("%v, %v; late cancel: %v", v, err, c.Cancel())

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
		log.Add("goroutine: %v", err)
		seen, err := ended.Await(ctx)
		log.Add("task: %v", seen)
		return err
	})
	log.Want(t,
		"context deadline exceeded",
		"7, <nil>; late cancel: false",
		"cancel: true, again: false",
		"goroutine: asyncio: cancelled",
		"task: asyncio: cancelled",
	)
}

// A290: after a cancel before the loop has made the task, the function never runs.
func TestRunCoroutineThreadsafeCancelledBeforeItBegins(t *testing.T) {
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		_, err := elsewhere(ctx, func() (int, error) {
			blocked, gate := make(chan bool), make(chan bool)
			_, _ = l.CallSoonThreadsafe(func(context.Context) { close(blocked); <-gate })
			<-blocked
			c := asyncio.RunCoroutineThreadsafe(l, func(context.Context) (int, error) { t.Error("the function ran"); return 1, nil })
			c.Cancel()
			close(gate)
			return c.Result(context.Background())
		})
		wantErr(t, err, asyncio.ErrCancelled)
		yields(ctx, 3)
		return nil
	})
}

// A291: the calling goroutine and the exception handler both receive a panic of the task
// factory.
func TestRunCoroutineThreadsafeTaskFactoryFails(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		l := running(ctx)
		l.SetExceptionHandler(func(_ context.Context, e *asyncio.ExceptionContext) {
			log.Add("reported, with errBoom: %v", errors.Is(e.Exception, errBoom))
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
			log.Add("goroutine: %s", text)
		}
		return nil
	})
	log.Want(t,
		"reported, with errBoom: true",
		"goroutine: boom",
		"reported, with errBoom: false",
		"goroutine: asyncio: panic in the creation of a task: no error",
	)
}

// A289: if the loop is closed, the future fails with ErrLoopClosed: before the call, with
// the call in the inbox, or during the task.
func TestRunCoroutineThreadsafeOnClosedLoop(t *testing.T) {
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
		t.Fatalf("%d tasks; want 1", n)
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

// A289: the end of Run cancels such a task like the others. The goroutine receives the
// cancellation.
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

// A289: in debug mode, Result in code of the loop is an error, because it would wait for
// itself.
func TestResultOnLoopGoroutine(t *testing.T) {
	err := runOn(t, &asyncio.Runner{Debug: true}, func(ctx context.Context) error {
		c := asyncio.RunCoroutineThreadsafe(running(ctx), one)
		_, err := c.Result(context.Background())
		wantErr(t, err, asyncio.ErrMisuse, "would wait for itself", "CreateTask")
		if _, err := asyncio.WrapFuture(ctx, c).Await(ctx); err != nil {
			return err
		}
		v, err := c.Result(context.Background()) // has an outcome now
		if v != 1 {
			t.Errorf("Result = %v; want 1", v)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A ConcurrentFuture has one outcome. Later attempts to set it are errors.
func TestConcurrentFuture(t *testing.T) {
	for _, end := range map[string]func(c *asyncio.ConcurrentFuture[int]) error{
		"SetResult":    func(c *asyncio.ConcurrentFuture[int]) error { return c.SetResult(1) },
		"SetException": func(c *asyncio.ConcurrentFuture[int]) error { return c.SetException(errBoom) },
		"Cancel": func(c *asyncio.ConcurrentFuture[int]) error {
			if !c.Cancel() {
				return errors.New("Cancel = false; want true")
			}
			return nil
		},
	} {
		c := asyncio.NewConcurrentFuture[int]()
		wantErr(t, c.SetException(nil), asyncio.ErrInvalidArgument, "SetException(nil)", "use SetResult")
		select {
		case <-c.DoneChan():
			t.Error("the future is done before its outcome is set")
		default:
		}
		if err := end(c); err != nil {
			t.Error(err)
		}
		<-c.DoneChan()
		v, err := c.Result(context.Background())
		wantErr(t, c.SetResult(2), asyncio.ErrInvalidState, "SetResult on a ConcurrentFuture that has an outcome")
		wantErr(t, c.SetException(errBoom), asyncio.ErrInvalidState, "SetException on a ConcurrentFuture that has an outcome")
		if c.Cancel() {
			t.Error("Cancel = true with an outcome; want false")
		}
		if again, err2 := c.Result(context.Background()); again != v || err2 != err {
			t.Errorf("the outcome changed from %v, %v to %v, %v", v, err, again, err2)
		}
	}
}

// Methods of a zero ConcurrentFuture panic and name NewConcurrentFuture. Done returns
// false.
func TestZeroConcurrentFuture(t *testing.T) {
	var c asyncio.ConcurrentFuture[int]
	if c.Done() {
		t.Error("Done = true; want false")
	}
	run(t, func(ctx context.Context) error {
		for name, call := range map[string]func(){
			"DoneChan":     func() { c.DoneChan() },
			"Result":       func() { _, _ = c.Result(context.Background()) },
			"Cancel":       func() { c.Cancel() },
			"SetResult":    func() { _ = c.SetResult(1) },
			"SetException": func() { _ = c.SetException(errBoom) },
			"WrapFuture":   func() { asyncio.WrapFuture(ctx, &c) },
		} {
			wantErr(t, panicOf(call), asyncio.ErrMisuse, "asyncio: misuse: "+name+" on a zero ConcurrentFuture; make it with NewConcurrentFuture")
		}
		return nil
	})
}

// A nil ctx is an error of Result, with and without an outcome.
func TestResultNilContext(t *testing.T) {
	var none context.Context
	c := asyncio.NewConcurrentFuture[int]()
	for range 2 {
		_, err := c.Result(none)
		wantErr(t, err, asyncio.ErrInvalidArgument, "Result on a ConcurrentFuture: ctx is nil")
		_ = c.SetResult(1)
	}
}

// A289, A328: many goroutines start tasks on a loop that lists its tasks meanwhile, and
// cancel some. Each goroutine receives the outcomes of its own tasks.
func TestManyGoroutinesStartTasks(t *testing.T) {
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
							t.Errorf("Result = %v, %v; cancelled=%v", v, err, cancelled)
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
			t.Errorf("%d tasks remain, with main; want 1; the maximum was %d, want 3 or more", n, most)
		}
		return err
	})
}
