package suite_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
)

// A fault is a panic or a call of runtime.Goexit in user code.
//
// A faultPlace runs user code that calls fault. A task that waits for the code returns
// what it sees. The lines are what is recorded for each kind of fault.
type faultPlace struct {
	name  string
	run   func(ctx context.Context, fault func()) error
	panic []string
	exit  []string
}

// Lines that several places have in common.
var (
	mainPanics = []string{"reported: panic in task main: boom", "Run panics"}
	mainExits  = []string{"Run exits"}

	callbackPanics = []string{"reported: panic in callback: boom", "seen: <nil>", "Run returns <nil>"}
	callbackExits  = []string{"seen: asyncio: cancelled by the shutdown of the loop", "Run exits"}
)

var faultPlaces = []faultPlace{
	{"a task", func(ctx context.Context, fault func()) error {
		_, err := asyncio.Go(ctx, func(context.Context) error { fault(); return nil }, asyncio.WithName("faulty")).Await(ctx)
		return err
	},
		[]string{"reported: panic in task faulty: boom", "seen: asyncio: panic in task faulty: boom", "Run panics"},
		[]string{"Run exits"}}, // its awaiter exits too: the task began on the awaiter's stack
	{"main", func(_ context.Context, fault func()) error { fault(); return nil },
		mainPanics, mainExits},
	{"a callback", func(ctx context.Context, fault func()) error {
		running(ctx).CallSoon(func(context.Context) { fault() })
		return asyncio.Sleep(ctx, time.Second)
	},
		callbackPanics, callbackExits},
	{"a done callback", func(ctx context.Context, fault func()) error {
		f := asyncio.NewFuture[int](ctx)
		f.AddDoneCallback(func(context.Context, asyncio.AnyFuture) { fault() })
		_ = f.SetResult(1)
		return asyncio.Sleep(ctx, time.Second)
	},
		callbackPanics, callbackExits},
	{"a job", func(ctx context.Context, fault func()) error {
		_, err := asyncio.ToThread(ctx, func(context.Context) (int, error) { fault(); return 1, nil })
		return err
	},
		[]string{"seen: executor: job panicked: boom", "Run returns executor: job panicked: boom"},
		[]string{"seen: executor: job called runtime.Goexit", "Run returns executor: job called runtime.Goexit"}},
	{"a task of a group", func(ctx context.Context, fault func()) error {
		return asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(func(context.Context) error { fault(); return nil }, asyncio.WithName("faulty"))
			return nil
		})
	},
		[]string{"reported: panic in task faulty: boom", "seen: asyncio: unhandled error in a TaskGroup: panic in task faulty: boom", "Run panics"},
		// Main fails during the shutdown of the loop, so that Run does not return its
		// error.
		[]string{"seen: asyncio: unhandled error in a TaskGroup: the task called runtime.Goexit", "reported: task main failed during shutdown", "Run exits"}},
	{"the body of a group", func(ctx context.Context, fault func()) error {
		return asyncio.WithTaskGroup(ctx, func(context.Context, *asyncio.TaskGroup) error { fault(); return nil })
	},
		mainPanics, mainExits},
	{"the body of a timeout", func(ctx context.Context, fault func()) error {
		return asyncio.Timeout(ctx, time.Second, func(context.Context) error { fault(); return nil })
	},
		mainPanics, mainExits},
	{"an eager start", func(ctx context.Context, fault func()) error {
		task := asyncio.Go(ctx, func(context.Context) error { fault(); return nil },
			asyncio.WithName("faulty"), asyncio.WithEagerStart(true))
		_, err := task.Await(ctx)
		return err
	},
		[]string{"reported: panic in task faulty: boom", "seen: asyncio: panic in task faulty: boom", "Run panics"},
		[]string{"seen: asyncio: the task called runtime.Goexit", "Run exits"}},
	{"a function with a lock", func(ctx context.Context, fault func()) error {
		return new(asyncio.Lock).With(ctx, func(context.Context) error { fault(); return nil })
	},
		mainPanics, mainExits},
}

// TestPanicAndGoexit checks a fault in each place where user code runs. It does not stop
// the loop or end other tasks, and it is reported or returned.
func TestPanicAndGoexit(t *testing.T) {
	for _, place := range faultPlaces {
		t.Run(place.name+", panic", func(t *testing.T) {
			log, p := runFault(t, place, func() { panic("boom") })
			log.Want(t, place.panic...)
			if p != nil {
				wantErr(t, p, p, "boom", "fault_test.go")
			}
		})
		t.Run(place.name+", Goexit", func(t *testing.T) {
			log, _ := runFault(t, place, runtime.Goexit)
			log.Want(t, place.exit...)
		})
	}
}

// runFault runs the code of the place as main. It returns a record of what happens, and
// the error that Run panics with.
func runFault(t *testing.T, place faultPlace, fault func()) (log record, panicked error) {
	main := func(ctx context.Context) error {
		asyncio.CurrentTask(ctx).SetName("main")
		running(ctx).SetExceptionHandler(func(_ context.Context, e *asyncio.ExceptionContext) {
			var p *asyncio.PanicError
			if errors.As(e.Exception, &p) {
				log.Add("reported: %s: %v", firstLine(e.Message), p.Value)
			} else {
				log.Add("reported: %s", firstLine(e.Message))
			}
		})
		err := place.run(ctx, fault)
		log.Add("seen: %s", firstLine(err))
		return err
	}
	exited := inGoroutine(func() {
		panicked = panicOf(func() { log.Add("Run returns %s", firstLine(runErr(t, main))) })
		if panicked != nil {
			log.Add("Run panics")
		}
	})
	if exited {
		log.Add("Run exits")
	}
	return log, panicked
}

// ourFunction matches the description of a function of this package.
var ourFunction = regexp.MustCompile(` \(?suite_test\.\S+ at \w+\.go:\d+\)?`)

// firstLine returns the first line of a message or an error without the names of
// functions.
func firstLine(message any) string {
	line, _, _ := strings.Cut(fmt.Sprint(message), "\n")
	return ourFunction.ReplaceAllString(line, "")
}
