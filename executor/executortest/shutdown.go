package executortest

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync/atomic"

	"example.com/asyncio/executor"
)

func shutdownIdle(k *kit) {
	k.submit("before", nothing).want(nil, nil)
	if err := k.ex.Shutdown(expired()); err != nil {
		k.Errorf("Shutdown = %v, want nil: no job was running", err)
	}
	k.wantShutdown()
}

func shutdownWaits(k *kit) {
	first, gate := k.block("first")
	second := k.submit("second", nothing)
	shutdown := make(chan error, 1)
	go func() { shutdown <- k.ex.Shutdown(context.Background()) }()
	for tries := 0; ; tries++ { // until Shutdown has begun
		if k.newRun("meanwhile").submit(context.Background(), nothing) == nil {
			break
		}
		if tries == maxTries {
			close(gate)
			k.Fatalf("%d calls of Submit during a Shutdown were accepted", tries)
		}
		runtime.Gosched()
	}
	select {
	case err := <-shutdown:
		k.Errorf("Shutdown = %v while a job was running", err)
		shutdown <- nil
	default:
	}
	close(gate)
	if err := receive(k, shutdown); err != nil {
		k.Errorf("Shutdown = %v, want nil", err)
	}
	for _, r := range k.runs {
		r.mu.Lock()
		if len(r.outcomes) != r.accepted {
			k.Errorf("Shutdown returned before done of %q had returned", r.name)
		}
		r.mu.Unlock()
	}
	first.want("first", nil)
	second.want(nil, nil)
	k.wantShutdown()
}

func shutdownWaitsForDone(k *kit) {
	var returned atomic.Bool
	calling := make(chan struct{}, 2)
	done := func(any, error) {
		calling <- struct{}{}
		for range 1000 { // time for a wrong Shutdown to return
			runtime.Gosched()
		}
		returned.Store(true)
	}
	if _, err := k.ex.Submit(context.Background(), executor.Call("job", nothing, done)); err != nil {
		k.Fatalf("Submit = %v, want nil", err)
	}
	receive(k, calling)
	if err := k.ex.Shutdown(context.Background()); err != nil {
		k.Errorf("Shutdown = %v, want nil", err)
	}
	if !returned.Load() {
		k.Errorf("Shutdown returned before done had returned")
	}
}

func shutdownLimit(k *kit) {
	began, gate := make(chan struct{}), make(chan struct{})
	first := k.submit("first", func(ctx context.Context) (any, error) {
		close(began)
		receive(k, ctx.Done())
		receive(k, gate)
		return nil, context.Cause(ctx)
	})
	receive(k, began)
	second := k.submit("second", nothing)
	for range 2 {
		var busy *executor.BusyError
		if err := k.ex.Shutdown(expired()); !errors.As(err, &busy) || !slices.Equal(busy.Jobs, []string{"first"}) {
			k.Errorf("Shutdown = %v, want a *BusyError with the name first", err)
		}
		second.want(nil, executor.ErrWithdrawn)
	}
	if second.began.Load() {
		k.Errorf("a withdrawn job ran")
	}
	k.wantShutdown()
	close(gate)
	if err := k.ex.Shutdown(context.Background()); err != nil {
		k.Errorf("Shutdown = %v, want nil: the job has ended", err)
	}
	first.want(nil, executor.ErrShutdown)
}

func shutdownAfterCancel(k *kit) {
	why := errors.New("why")
	r, began, gate := k.newRun("r"), make(chan struct{}), make(chan struct{})
	job := r.submit(context.Background(), func(ctx context.Context) (any, error) {
		close(began)
		receive(k, gate)
		return nil, context.Cause(ctx) // the first use of ctx
	})
	receive(k, began)
	job.Cancel(why)
	if err := k.ex.Shutdown(expired()); err == nil {
		k.Errorf("Shutdown = nil while a job was running")
	}
	close(gate)
	r.want(nil, why)
}

func shutdownMany(k *kit) {
	first, gate := k.block("first")
	answers := make(chan error, 4)
	for range 4 {
		go func() {
			err := k.ex.Shutdown(context.Background())
			select {
			case <-gate:
			default:
				err = errors.New("it returned while a job was running")
			}
			answers <- err
		}()
	}
	for range 1000 { // time for a wrong Shutdown to return
		runtime.Gosched()
	}
	close(gate)
	for range 4 {
		if err := receive(k, answers); err != nil {
			k.Errorf("Shutdown = %v, want nil", err)
		}
	}
	first.want("first", nil)
}
