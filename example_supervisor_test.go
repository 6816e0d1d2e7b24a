package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// A supervisor keeps services running. It restarts a service that ends with an error or a
// panic after a pause. A service that fails too often ends all services.
type supervisor struct {
	loop   *asyncio.Loop
	pause  time.Duration // before a restart
	within time.Duration
	most   int // the failures within that time that end all services
}

// keep runs service until it ends without an error, or fails too often.
func (s *supervisor) keep(tg *asyncio.TaskGroup, name string, service func(ctx context.Context) error) {
	tg.Go(func(ctx context.Context) error {
		var failures []time.Duration // their times
		for {
			// In its own task a panic is an error like any other. The await passes a
			// cancel on.
			_, err := asyncio.Go(ctx, service, asyncio.WithName(name)).Await(ctx)
			if err == nil || errors.Is(err, asyncio.ErrCancelled) {
				s.log("%s ends: %v", name, err)
				return err
			}
			now := s.loop.Time()
			failures = append(failures, now)
			if first := len(failures) - s.most; first >= 0 && now-failures[first] < s.within {
				return fmt.Errorf("%s has failed %d times within %v: %w", name, s.most, s.within, err)
			}
			s.log("%s will be restarted", name)
			if err := asyncio.Sleep(ctx, s.pause); err != nil {
				return err
			}
		}
	}, asyncio.WithName("keeper of "+name))
}

func (s *supervisor) log(format string, args ...any) {
	fmt.Printf("%-5v  %s\n", s.loop.Time(), fmt.Sprintf(format, args...))
}

// scripted returns a service whose n-th run is the n-th of lives.
func scripted(lives ...serviceLife) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		now := lives[0]
		lives = lives[1:]
		if err := asyncio.Sleep(ctx, now.lasts); err != nil {
			return err
		}
		if now.panics {
			panic(now.end)
		}
		return now.end
	}
}

type serviceLife struct {
	lasts  time.Duration
	panics bool  // with end
	end    error // nil: the service ends without an error
}

// Services that are restarted when they fail, each by a task of a group. When a service
// fails too often, the group ends the others, and its error contains the reason.
func Example_supervisor() {
	r := asyncio.Runner{Driver: driver.NewVirtual()} // the clock jumps to the next timer
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		s := &supervisor{loop: r.Loop(), pause: time.Second, within: time.Minute, most: 3}
		s.loop.SetExceptionHandler(func(_ context.Context, e *asyncio.ExceptionContext) {
			if p := (*asyncio.PanicError)(nil); errors.As(e.Exception, &p) { // p.Stack has the stack
				s.log("reported immediately: a panic: %v", p.Value)
			}
		})
		return asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
			s.keep(tg, "mail", scripted(serviceLife{lasts: 10 * time.Second, end: errDisk}, serviceLife{10 * time.Second, true, errIndex}, serviceLife{lasts: asyncio.Never}))
			s.keep(tg, "web", scripted(serviceLife{lasts: 90 * time.Second, end: errPort}, serviceLife{end: errPort}, serviceLife{end: errPort}))
			s.keep(tg, "clean up", scripted(serviceLife{lasts: 30 * time.Second}))
			return nil
		})
	})
	fmt.Println(err)
	// Output:
	// 10s    mail will be restarted
	// 21s    reported immediately: a panic: index out of range
	// 21s    mail will be restarted
	// 30s    clean up ends: <nil>
	// 1m30s  web will be restarted
	// 1m31s  web will be restarted
	// 1m32s  mail ends: asyncio: cancelled by a group, since task keeper of web failed: web has failed 3 times within 1m0s: the port is in use, through the await of keeper of mail
	// asyncio: unhandled error in a TaskGroup: web has failed 3 times within 1m0s: the port is in use
}

var (
	errDisk  = errors.New("the disk is full")
	errIndex = errors.New("index out of range")
	errPort  = errors.New("the port is in use")
)
