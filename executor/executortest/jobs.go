package executortest

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"time"

	"example.com/asyncio/executor"
)

func outcome(k *kit) {
	boom := errors.New("boom")
	k.submit("value", func(context.Context) (any, error) { return 42, nil }).want(42, nil)
	k.submit("nothing", func(context.Context) (any, error) { return nil, nil }).want(nil, nil)
	k.submit("both", func(context.Context) (any, error) { return "half", boom }).want("half", boom)
}

func panics(k *kit) {
	out := k.submit("panics", func(context.Context) (any, error) { panic("boom") }).await()
	var p *executor.PanicError
	if !errors.As(out.err, &p) {
		k.Fatalf("outcome = %v, want a *PanicError", out)
	}
	if p.Value != "boom" || !bytes.Contains(p.Stack, []byte("executortest.panics")) {
		k.Errorf("PanicError has value %v and stack\n%s\nwant boom and the function that panicked", p.Value, p.Stack)
	}
	if text := p.Error(); !strings.Contains(text, "boom") || !strings.Contains(text, string(p.Stack)) {
		k.Errorf("Error() = %q, want a text with value and stack", text)
	}
	k.submit("next", nothing).want(nil, nil)
}

func panicsWithError(k *kit) {
	boom := errors.New("boom")
	out := k.submit("panics", func(context.Context) (any, error) { panic(boom) }).await()
	if !errors.Is(out.err, boom) {
		k.Errorf("outcome = %v, want an error that is boom", out)
	}
}

func exits(k *kit) {
	k.submit("exits", func(context.Context) (any, error) { runtime.Goexit(); return 1, nil }).want(nil, executor.ErrExited)
	k.submit("next", nothing).want(nil, nil)
}

func doneOutsideSubmit(k *kit) {
	here := goroutine()
	inside := false // in Submit; done reads it only on this goroutine
	for range 100 {
		ended := make(chan bool, 2) // room for an extra call
		inside = true
		_, err := k.ex.Submit(context.Background(), executor.Call("", nothing, func(any, error) {
			ended <- goroutine() == here && inside
		}))
		inside = false
		if err != nil {
			k.Fatalf("Submit = %v, want nil", err)
		}
		if receive(k, ended) {
			k.Fatalf("Submit called done")
		}
	}
}

func submitInside(k *kit) {
	inF, inDone := k.newRun("in f"), k.newRun("in done")
	ended := make(chan struct{}, 2) // room for an extra call
	f := func(context.Context) (any, error) {
		inF.submit(context.Background(), nothing)
		return nil, nil
	}
	done := func(any, error) {
		inDone.submit(context.Background(), nothing)
		ended <- struct{}{}
	}
	if _, err := k.ex.Submit(context.Background(), executor.Call("outer", f, done)); err != nil {
		k.Fatalf("Submit = %v, want nil", err)
	}
	receive(k, ended)
	inF.want(nil, nil)
	inDone.want(nil, nil)
}

func nilArguments(k *kit) {
	done := func(any, error) {}
	for name, submit := range map[string]func(){
		"ctx":  func() { var none context.Context; k.ex.Submit(none, executor.Call("", nothing, done)) },
		"Work": func() { k.ex.Submit(context.Background(), nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					k.Errorf("Submit with a nil %s did not panic", name)
				}
			}()
			submit()
		}()
	}
}

func contextOfSubmit(k *kit) {
	type key struct{}
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), key{}, "value"), time.Hour)
	cancel()
	r := k.newRun("")
	r.submit(ctx, func(ctx context.Context) (any, error) {
		if _, ok := ctx.Deadline(); ok {
			k.Errorf("f's ctx has a deadline")
		}
		select {
		case <-ctx.Done():
			k.Errorf("f's ctx is done")
		default:
		}
		if cause := context.Cause(ctx); cause != nil {
			k.Errorf("f's ctx has cause %v", cause)
		}
		return ctx.Value(key{}), ctx.Err()
	})
	r.want("value", nil)
}

func contextAfterEnd(k *kit) {
	var used, fresh, derived context.Context
	var stop context.CancelFunc
	k.submit("uses ctx", func(ctx context.Context) (any, error) {
		used = ctx
		derived, stop = context.WithTimeout(ctx, time.Hour)
		return nil, ctx.Err()
	}).want(nil, nil)
	defer stop()
	k.submit("ignores ctx", func(ctx context.Context) (any, error) {
		fresh = ctx
		return nil, nil
	}).want(nil, nil)
	for _, ctx := range []context.Context{used, derived, fresh} {
		receive(k, ctx.Done())
		if ctx.Err() != context.Canceled || context.Cause(ctx) != context.Canceled {
			k.Errorf("after the job Err() = %v and Cause = %v, want context.Canceled", ctx.Err(), context.Cause(ctx))
		}
	}
}

func contextBeforeDone(k *kit) {
	ends := map[string]executor.Func{
		"returns": nothing,
		"panics":  func(context.Context) (any, error) { panic("boom") },
		"exits":   func(context.Context) (any, error) { runtime.Goexit(); return nil, nil },
	}
	for name, f := range ends {
		var ctx context.Context
		ended := make(chan error, 2)
		run := func(c context.Context) (any, error) { ctx = c; return f(c) }
		done := func(any, error) { ended <- ctx.Err() }
		if _, err := k.ex.Submit(context.Background(), executor.Call(name, run, done)); err != nil {
			k.Fatalf("Submit = %v, want nil", err)
		}
		if err := receive(k, ended); err != context.Canceled {
			k.Errorf("job that %s: Err() = %v when done is called, want context.Canceled", name, err)
		}
	}
}

func cancelWaiting(k *kit) {
	first, gate := k.block("first")
	var jobs []executor.Job
	var runs []*run
	for _, name := range []string{"a", "b", "c"} {
		r := k.newRun(name)
		jobs = append(jobs, r.submit(context.Background(), nothing))
		runs = append(runs, r)
	}
	for _, i := range []int{1, 2} {
		if !jobs[i].Cancel(errors.New("changed my mind")) {
			k.Errorf("Cancel of the waiting job %q = false, want true", runs[i].name)
		}
		if jobs[i].Cancel(nil) {
			k.Errorf("second Cancel of %q = true, want false", runs[i].name)
		}
		runs[i].want(nil, executor.ErrWithdrawn)
	}
	d := k.submit("d", nothing)
	close(gate)
	first.want("first", nil)
	runs[0].want(nil, nil)
	d.want(nil, nil)
	if runs[1].began.Load() || runs[2].began.Load() {
		k.Errorf("a withdrawn job ran")
	}
}

func cancelRunning(k *kit) {
	why := errors.New("why")
	r, began, gate := k.newRun("r"), make(chan struct{}), make(chan struct{})
	job := r.submit(context.Background(), func(ctx context.Context) (any, error) {
		derived, stop := context.WithTimeout(ctx, time.Hour)
		defer stop()
		close(began)
		receive(k, ctx.Done())
		receive(k, derived.Done())
		for _, ctx := range []context.Context{ctx, derived} {
			if ctx.Err() != context.Canceled || context.Cause(ctx) != why {
				k.Errorf("Err() = %v and Cause = %v, want context.Canceled and why", ctx.Err(), context.Cause(ctx))
			}
		}
		receive(k, gate)
		return "went on", context.Cause(ctx)
	})
	receive(k, began)
	if job.Cancel(why) {
		k.Errorf("Cancel of a running job = true, want false")
	}
	if job.Cancel(errors.New("again")) {
		k.Errorf("second Cancel of a running job = true, want false")
	}
	close(gate)
	r.want("went on", why)
}

func cancelNil(k *kit) {
	r, began, gate := k.newRun("r"), make(chan struct{}), make(chan struct{})
	job := r.submit(context.Background(), func(ctx context.Context) (any, error) {
		close(began)
		receive(k, gate)
		return ctx.Err(), context.Cause(ctx) // the first use of ctx
	})
	receive(k, began)
	job.Cancel(nil)
	close(gate)
	r.want(context.Canceled, context.Canceled)
}

func cancelEnded(k *kit) {
	r := k.newRun("r")
	job := r.submit(context.Background(), nothing)
	r.want(nil, nil)
	if job.Cancel(errors.New("too late")) {
		k.Errorf("Cancel of an ended job = true, want false")
	}
}

// A job that is cancelled while it may begin runs or is withdrawn. Cancel reports which.
func cancelRace(k *kit) {
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				r := k.newRun("r")
				withdrawn := r.submit(context.Background(), nothing).Cancel(nil)
				out := r.await()
				if withdrawn != (out.err == executor.ErrWithdrawn) || withdrawn == r.began.Load() {
					k.Errorf("Cancel = %v, outcome = %v, and f was called: %v", withdrawn, out, r.began.Load())
				}
			}
		})
	}
	all.Wait()
}
