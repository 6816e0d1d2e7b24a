package executortest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/asyncio/executor"
)

var faults = []struct {
	name  string
	fault fault
	found []string // clauses that must find the fault; others may
}{
	{"no fault", fault{}, nil},
	{
		"an error discards the value",
		fault{done: func(_ *broken, w executor.Work, value any, err error) {
			if err != nil {
				value = nil
			}
			w.Done(value, err)
		}},
		[]string{"the outcome is the result of f"},
	},
	{
		"done is called twice",
		fault{done: func(_ *broken, w executor.Work, value any, err error) { w.Done(value, err); w.Done(value, err) }},
		[]string{"the outcome is the result of f"},
	},
	{
		"done is never called",
		fault{done: func(*broken, executor.Work, any, error) {}},
		[]string{"the outcome is the result of f", "Cancel withdraws a waiting job"},
	},
	{
		"a panic loses value and stack",
		fault{run: func(_ *broken, w executor.Work, ctx context.Context) (_ any, err error) {
			defer func() {
				if p := recover(); p != nil {
					err = &executor.PanicError{Value: fmt.Sprint(p)}
				}
			}()
			return w.Run(ctx)
		}},
		[]string{"a panic becomes the outcome", "a PanicError unwraps to the error given to panic"},
	},
	{
		"Goexit gives a nil error",
		fault{done: func(_ *broken, w executor.Work, value any, err error) {
			if err == executor.ErrExited {
				err = nil
			}
			w.Done(value, err)
		}},
		[]string{"Goexit becomes the outcome, and the next job runs"},
	},
	{
		"Goexit ends the only worker",
		fault{run: func(b *broken, w executor.Work, ctx context.Context) (any, error) {
			exits := true
			defer func() {
				if exits {
					<-b.over
				}
			}()
			value, err := w.Run(ctx)
			exits = false
			return value, err
		}},
		[]string{"Goexit becomes the outcome, and the next job runs"},
	},
	{
		"Submit runs the job",
		fault{submit: func(b *broken, ctx context.Context, w executor.Work) (executor.Job, error) {
			if w != nil && w.Name() == "" {
				w.Done(w.Run(ctx))
				return nil, nil
			}
			return b.pass(ctx, w)
		}},
		[]string{"Submit does not call done"},
	},
	{
		"done is called under a lock that Submit acquires",
		fault{
			submit: func(b *broken, ctx context.Context, w executor.Work) (j executor.Job, err error) {
				b.hold(func() { j, err = b.pass(ctx, w) })
				return j, err
			},
			done: func(b *broken, w executor.Work, value any, err error) { b.hold(func() { w.Done(value, err) }) },
		},
		[]string{"f and done may call Submit"},
	},
	{
		"Submit waits for a free worker",
		fault{
			submit: func(b *broken, ctx context.Context, w executor.Work) (executor.Job, error) {
				select {
				case b.lock <- struct{}{}:
				case <-b.over:
				}
				return b.pass(ctx, w)
			},
			done: func(b *broken, w executor.Work, value any, err error) {
				w.Done(value, err)
				select {
				case <-b.lock:
				case <-b.over:
				}
			},
		},
		[]string{"Cancel withdraws a waiting job"},
	},
	{
		"nil arguments are accepted",
		fault{submit: func(b *broken, ctx context.Context, w executor.Work) (executor.Job, error) {
			if ctx == nil {
				ctx = context.Background()
			}
			if w == nil {
				return nil, nil
			}
			return b.pass(ctx, w)
		}},
		[]string{"Submit with a nil argument panics"},
	},
	{
		"f gets the ctx of Submit",
		fault{run: func(_ *broken, w executor.Work, ctx context.Context) (any, error) {
			return w.Run(ctx.(*runContext).submit)
		}},
		[]string{"f gets the values of ctx, but not its cancellation and deadline"},
	},
	{
		"f gets no values",
		fault{submit: func(b *broken, _ context.Context, w executor.Work) (executor.Job, error) {
			return b.pass(context.Background(), w)
		}},
		[]string{"f gets the values of ctx, but not its cancellation and deadline"},
	},
	{
		"ctx is never done",
		fault{run: func(_ *broken, w executor.Work, ctx context.Context) (any, error) {
			return w.Run(context.WithoutCancel(ctx))
		}},
		[]string{
			"ctx is done after f has ended",
			"ctx is done before done is called",
			"Cancel of a running job cancels its ctx with the cause",
			"Cancel without a cause means context.Canceled",
			"Shutdown with a limit withdraws waiting jobs, and cancels and names running ones",
		},
	},
	{
		"ctx is done after done",
		fault{
			run: func(b *broken, w executor.Work, ctx context.Context) (any, error) {
				ctx, b.end = context.WithCancel(context.WithoutCancel(ctx))
				return w.Run(ctx)
			},
			done: func(b *broken, w executor.Work, value any, err error) {
				w.Done(value, err)
				if err != executor.ErrWithdrawn { // it has run, and no other job runs
					b.end()
				}
			},
		},
		[]string{"ctx is done before done is called"},
	},
	{
		"a waiting job is not withdrawn",
		fault{cancel: func(*brokenJob, error) bool { return false }},
		[]string{"Cancel withdraws a waiting job", "Cancel of a running job cancels its ctx with the cause"},
	},
	{
		"Cancel always returns true",
		fault{cancel: func(j *brokenJob, cause error) bool { j.Job.Cancel(cause); return true }},
		[]string{
			"Cancel withdraws a waiting job",
			"Cancel of a running job cancels its ctx with the cause",
			"Cancel of an ended job does nothing",
		},
	},
	{
		"a withdrawn job runs",
		fault{cancel: func(j *brokenJob, cause error) bool {
			j.w.Done(nil, executor.ErrWithdrawn)
			return true
		}},
		[]string{"Cancel withdraws a waiting job", "a cancelled job is withdrawn or runs, not both"},
	},
	{
		"the cause is lost",
		fault{cancel: func(j *brokenJob, _ error) bool { return j.Job.Cancel(nil) }},
		[]string{"Cancel of a running job cancels its ctx with the cause", "Shutdown keeps the cause of an earlier Cancel"},
	},
	{
		"a nil cause is replaced by another error",
		fault{cancel: func(j *brokenJob, cause error) bool {
			if cause == nil {
				cause = errors.New("cancelled")
			}
			return j.Job.Cancel(cause)
		}},
		[]string{"Cancel without a cause means context.Canceled"},
	},
	{
		"Shutdown of an idle executor returns the error of its ctx",
		fault{shutdown: func(b *broken, ctx context.Context) error {
			if err := b.Pool.Shutdown(ctx); err != nil {
				return err
			}
			return ctx.Err()
		}},
		[]string{"Shutdown of an idle executor returns nil"},
	},
	{
		"Shutdown does not wait",
		fault{shutdown: func(b *broken, ctx context.Context) error {
			go b.Pool.Shutdown(ctx)
			return nil
		}},
		[]string{
			"Shutdown rejects new jobs and waits for accepted ones",
			"Shutdown waits until done has returned",
			"Shutdown with a limit withdraws waiting jobs, and cancels and names running ones",
			"Shutdown may be called concurrently",
		},
	},
	{
		"Shutdown does not wait for done",
		fault{done: func(_ *broken, w executor.Work, value any, err error) { go w.Done(value, err) }},
		[]string{"Shutdown waits until done has returned"},
	},
	{
		"a second Shutdown does not wait",
		fault{shutdown: func(b *broken, ctx context.Context) error {
			if b.first() {
				return b.Pool.Shutdown(ctx)
			}
			return nil
		}},
		[]string{"Shutdown may be called concurrently", "Shutdown with a limit withdraws waiting jobs, and cancels and names running ones"},
	},
	{
		"a second Shutdown returns an error",
		fault{shutdown: func(b *broken, ctx context.Context) error {
			if b.first() {
				return b.Pool.Shutdown(ctx)
			}
			return errors.New("shut down already")
		}},
		[]string{"Shutdown may be called concurrently", "Shutdown of an idle executor returns nil"},
	},
	{
		"Shutdown accepts jobs while it waits",
		fault{shutdown: func(b *broken, ctx context.Context) error {
			for len(b.Pool.Jobs()) > 0 && ctx.Err() == nil {
				select {
				case <-time.After(time.Second):
				case <-b.over:
					return nil
				}
			}
			return b.Pool.Shutdown(ctx)
		}},
		[]string{"Shutdown rejects new jobs and waits for accepted ones"},
	},
	{
		"a rejected job runs",
		fault{submit: func(b *broken, ctx context.Context, w executor.Work) (executor.Job, error) {
			j, err := b.pass(ctx, w)
			if err != nil {
				w.Run(ctx)
			}
			return j, err
		}},
		[]string{"Shutdown of an idle executor returns nil"},
	},
	{
		"Submit after Shutdown returns another error",
		fault{submit: func(b *broken, ctx context.Context, w executor.Work) (executor.Job, error) {
			j, err := b.pass(ctx, w)
			if err != nil {
				err = errors.New("no")
			}
			return j, err
		}},
		[]string{"Shutdown of an idle executor returns nil"},
	},
	{
		"BusyError has no names",
		fault{shutdown: func(b *broken, ctx context.Context) error {
			err := b.Pool.Shutdown(ctx)
			if busy := (*executor.BusyError)(nil); errors.As(err, &busy) {
				busy.Jobs = nil
			}
			return err
		}},
		[]string{"Shutdown with a limit withdraws waiting jobs, and cancels and names running ones"},
	},
	{
		"a Shutdown with a limit does not cancel jobs",
		fault{shutdown: func(b *broken, ctx context.Context) error {
			ended := make(chan error, 1)
			go func() { ended <- b.Pool.Shutdown(context.Background()) }()
			select {
			case err := <-ended:
				return err
			case <-ctx.Done():
				return &executor.BusyError{Jobs: []string{"first"}}
			}
		}},
		[]string{"Shutdown with a limit withdraws waiting jobs, and cancels and names running ones"},
	},
	{
		"a Shutdown with a limit replaces the cause of a Cancel",
		fault{run: func(_ *broken, w executor.Work, ctx context.Context) (any, error) {
			value, err := w.Run(ctx)
			if err != nil && err == context.Cause(ctx) && err != context.Canceled {
				err = executor.ErrShutdown
			}
			return value, err
		}},
		[]string{"Shutdown keeps the cause of an earlier Cancel"},
	},
}
