package suite_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"example.com/asyncio"
)

// TestStress runs many tasks with random actions, and cancels some of them. At the end
// each task has ended, each function that started has returned, and no task is left. It
// runs a million tasks under the race detector, fewer otherwise. The random numbers come
// from a seed, and time is virtual: set ASYNCIO_STRESS_SEED to repeat a run.
func TestStress(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("ASYNCIO_STRESS_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Printf("TestStress: seed %d\n", seed) // go test shows it if the test fails, even by a crash
	s := &stress{rand: rand.New(rand.NewPCG(seed, 0)), want: 200_000}
	switch {
	case testing.Short():
		s.want = 50_000
	case raceDetector():
		s.want = 1_000_000
	}

	var l *asyncio.Loop
	err := runErr(t, func(ctx context.Context) error {
		l = running(ctx)
		l.SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) { s.reports++ })
		s.lock = new(asyncio.Lock)
		return s.main(ctx)
	})
	if err != nil {
		t.Error(err)
	}
	if n := len(l.AllTasks()); n > 0 {
		t.Errorf("%d tasks are left", n)
	}
	if s.created != s.ended || s.begun != s.unwound || s.begun > s.created {
		t.Errorf("%d tasks were created and %d ended; %d functions started and %d returned", s.created, s.ended, s.begun, s.unwound)
	}
	// Each kind of outcome is frequent.
	for what, n := range map[string]int{"cancelled": s.cancelled, "failed": s.failed, "reports": s.reports, "had a result": s.ended - s.cancelled - s.failed} {
		if n < s.want/100 {
			t.Errorf("%s: only %d", what, n)
		}
	}
}

// A stress is the state that the tasks of TestStress share. It needs no lock.
type stress struct {
	rand  *rand.Rand
	want  int                    // tasks to create
	tasks []numbered             // tasks to cancel or await
	waits []*asyncio.Future[int] // futures to finish
	lock  *asyncio.Lock

	created, ended, begun, unwound, cancelled, failed, reports int
}

// A numbered task knows its position in the order of creation.
type numbered struct {
	*asyncio.Task[int]
	nth int
}

func (s *stress) main(ctx context.Context) error {
	for s.created < s.want {
		switch s.rand.IntN(8) {
		case 0, 1, 2:
			s.create(ctx)
		case 3:
			if len(s.tasks) > 0 {
				s.tasks[s.rand.IntN(len(s.tasks))].Task.Cancel()
			}
		case 4, 5:
			if n := len(s.waits); n > 0 {
				f := s.waits[n-1]
				s.waits = s.waits[:n-1]
				if s.rand.IntN(4) > 0 {
					_ = f.SetResult(n) // it may be cancelled
				} else {
					_ = f.SetException(errBoom)
				}
			}
		default:
			if err := asyncio.Sleep(ctx, time.Duration(s.rand.IntN(2))); err != nil {
				return err
			}
		}
	}
	return nil // Run cancels the remaining tasks and waits for them
}

// create makes a task and adds it to tasks, where it may replace another.
func (s *stress) create(ctx context.Context, opts ...asyncio.TaskOption) *asyncio.Task[int] {
	s.created++
	nth := s.created
	t := asyncio.CreateTask(ctx, s.begin, opts...)
	t.AddDoneCallback(s.end)
	known := numbered{t, nth}
	if len(s.tasks) < 500 {
		s.tasks = append(s.tasks, known)
	} else {
		s.tasks[s.rand.IntN(len(s.tasks))] = known
	}
	return t
}

func (s *stress) end(_ context.Context, f asyncio.AnyFuture) {
	s.ended++
	switch {
	case f.Cancelled():
		s.cancelled++
	case s.rand.IntN(2) == 0:
		// Its error is never read.
	case f.Exception() != nil:
		s.failed++
	}
}

// begin is the function of each task.
func (s *stress) begin(ctx context.Context) (int, error) {
	s.begun++
	defer func() { s.unwound++ }()
	before := s.created
	switch s.rand.IntN(16) {
	case 0:
		return 1, nil
	case 1:
		return 0, errBoom
	case 2:
		if s.rand.IntN(4) == 0 {
			panic(errBoom)
		}
		return 0, errBoom
	case 3:
		for range s.rand.IntN(4) {
			if err := asyncio.Yield(ctx); err != nil {
				return 0, err
			}
		}
		return 1, nil
	case 4, 5:
		return 1, asyncio.Sleep(ctx, time.Duration(s.rand.IntN(100)))
	case 6, 7:
		f := asyncio.NewFuture[int](ctx)
		s.waits = append(s.waits, f)
		return f.Await(ctx)
	case 8:
		other := s.tasks[s.rand.IntN(len(s.tasks))]
		if other.nth > before {
			return other.Await(ctx)
		}
		// The other task may in turn wait for this one, and both for a group that they
		// belong to. Such a cycle does not end when it is cancelled. The shield breaks
		// it.
		return asyncio.Shield(ctx, other.Task).Await(ctx)
	case 9:
		return s.create(ctx).Await(ctx)
	case 10:
		return s.create(ctx, asyncio.WithEagerStart(true)).Await(ctx)
	case 11:
		err := asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			for range s.rand.IntN(4) {
				s.created++
				asyncio.CreateTaskIn(tg, s.begin).AddDoneCallback(s.end)
			}
			return asyncio.Sleep(ctx, time.Duration(s.rand.IntN(10)))
		})
		return 1, err
	case 12:
		err := asyncio.Timeout(ctx, time.Duration(s.rand.IntN(20)), func(ctx context.Context) error {
			return asyncio.Sleep(ctx, time.Duration(s.rand.IntN(20)))
		})
		return 1, err
	case 13:
		err := s.lock.With(ctx, asyncio.Yield)
		return 1, err
	case 14:
		if err := asyncio.Sleep(ctx, 10); errors.Is(err, asyncio.ErrCancelled) {
			asyncio.CurrentTask(ctx).Uncancel() // swallows the cancel
		}
		return 1, nil
	default:
		_, err := asyncio.Gather(ctx, asyncio.Shield(ctx, s.create(ctx)), &s.create(ctx).Future).Await(ctx)
		return 1, err
	}
}
