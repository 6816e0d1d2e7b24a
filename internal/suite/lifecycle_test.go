package suite_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
)

// A life is one course that a task can take: how it starts, when it is awaited, when it
// is cancelled, and what its function does after its only sleep.
type life struct {
	start, await, cancel, body string
	debug                      bool
}

var (
	starts  = []string{"lazy", "eager"}
	awaits  = []string{"before", "after", "never"}
	cancels = []string{"never", "at once", "suspended", "twice", "after done"}
	bodies  = []string{"returns", "fails", "panics", "swallows"}
)

// An ending is the final state of a task.
type ending struct {
	runs      int // calls of the function
	state     string
	requests  int // Cancelling
	callbacks int
	reports   int
}

// expect returns the ending that the life must have.
func (l life) expect() ending {
	requests := map[string]int{"never": 0, "at once": 1, "suspended": 1, "twice": 2, "after done": 0}[l.cancel]
	e := ending{runs: 1, requests: requests, callbacks: 1}
	requested := requests > 0
	switch {
	case l.start == "lazy" && l.cancel == "at once": // the function never starts
		e.runs, e.state = 0, "cancelled"
	case l.body == "returns" && requested:
		e.state = "cancelled"
	case l.body == "returns":
		e.state = "result"
	case l.body == "swallows":
		e.state = "result"
		if requested && l.debug {
			e.reports = 1
		}
	case l.body == "fails":
		e.state = "error"
		// A cancel of a failed task counts as reading its error.
		if l.await == "never" && l.cancel != "after done" {
			e.reports = 1
		}
	case l.body == "panics":
		e.state, e.reports = "panic", 1
	}
	return e
}

// play runs a task through l and returns its ending.
func (l life) play(t *testing.T) (e ending) {
	report := func(context.Context, *asyncio.ExceptionContext) { e.reports++ }
	r := &asyncio.Runner{Debug: l.debug, SlowCallback: time.Hour}
	err := runOn(t, r, func(ctx context.Context) error {
		running(ctx).SetExceptionHandler(report)
		task := asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
			e.runs++
			err := asyncio.Sleep(ctx, time.Second)
			switch l.body {
			case "returns":
				return 7, err
			case "fails":
				return 0, errBoom
			case "panics":
				panic(errBoom)
			}
			return 7, nil // swallows
		}, asyncio.WithEagerStart(l.start == "eager"))
		task.AddDoneCallback(func(_ context.Context, f asyncio.AnyFuture) {
			e.callbacks++
			if f != asyncio.AnyFuture(task) || !f.Done() {
				t.Errorf("the callback gets %v, want the task, done", f)
			}
		})
		mustBePending := func() {
			t.Helper()
			if task.Done() || task.Cancelled() || !errors.Is(task.Exception(), asyncio.ErrInvalidState) || e.callbacks > 0 {
				t.Errorf("the task must be pending but is %v", task)
			}
		}
		mustBePending()
		var outcomes []string
		if l.await == "before" {
			for range 2 {
				asyncio.Go(ctx, func(ctx context.Context) error {
					outcomes = append(outcomes, outcomeOf(task.Await(ctx)))
					return nil
				})
			}
		}
		if l.cancel == "at once" && !task.Cancel() {
			t.Error("a pending task refuses a cancel")
		}
		mustBePending()
		yields(ctx, 1)
		switch l.cancel {
		case "twice":
			task.Cancel()
			fallthrough
		case "suspended":
			mustBePending()
			if !task.Cancel() {
				t.Error("a suspended task refuses a cancel")
			}
			mustBePending()
		}
		if err := asyncio.Sleep(ctx, 2*time.Second); err != nil {
			return err
		}
		if l.cancel == "after done" && task.Cancel() {
			t.Error("a finished task accepts a cancel")
		}
		if !task.Done() || slices.ContainsFunc(asyncio.AllTasks(ctx), func(other asyncio.AnyTask) bool { return other == asyncio.AnyTask(task) }) {
			t.Errorf("the task is not done, or AllTasks has it: %v", task)
		}
		e.requests = task.Cancelling()
		if l.await == "after" {
			for range 2 {
				outcomes = append(outcomes, outcomeOf(task.Await(ctx)))
			}
		}
		e.state = printedOutcome(task) // String does not count as reading the error
		if task.Cancelled() != (e.state == "cancelled") {
			t.Errorf("Cancelled is %v, the outcome %s", task.Cancelled(), e.state)
		}
		if want := map[string]int{"before": 2, "after": 2, "never": 0}[l.await]; len(outcomes) != want {
			t.Errorf("%d awaits returned, want %d", len(outcomes), want)
		}
		for _, o := range outcomes {
			if o != e.state {
				t.Errorf("an await returns %s, but String has %s", o, e.state)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return e
}

// outcomeOf returns the name of an outcome.
func outcomeOf(value int, err error) string {
	var p *asyncio.PanicError
	switch {
	case err == nil && value == 7:
		return "result"
	case errors.As(err, &p) && p.Value == errBoom && value == 0:
		return "panic"
	case errors.Is(err, asyncio.ErrCancelled) && value == 0:
		return "cancelled"
	case err == errBoom && value == 0:
		return "error"
	}
	return fmt.Sprint(value, ", ", err)
}

// printedOutcome returns the name of the outcome in the String of a task.
func printedOutcome(task *asyncio.Task[int]) string {
	s := task.String()
	switch {
	case strings.HasPrefix(s, "<Task cancelled "):
		return "cancelled"
	case strings.Contains(s, " result=7"):
		return "result"
	case strings.Contains(s, ` error="asyncio: panic in task `):
		return "panic"
	case strings.Contains(s, ` error="boom"`):
		return "error"
	}
	return s
}

// TestTaskLifecycle runs a task through all lives:
//
//   - Its function runs once, or never if the task is cancelled before.
//   - Each await returns the same outcome.
//   - Its done callback is called once.
//   - An error that is never read is reported once. Nothing else is reported.
func TestTaskLifecycle(t *testing.T) {
	for _, start := range starts {
		for _, await := range awaits {
			for _, cancel := range cancels {
				for _, body := range bodies {
					for _, debug := range []bool{false, true} {
						l := life{start, await, cancel, body, debug}
						t.Run(fmt.Sprintf("%s start, awaited %s, cancelled %s, %s, debug %v", start, await, cancel, body, debug), func(t *testing.T) {
							if got, want := l.play(t), l.expect(); got != want {
								t.Errorf("got\n\t%+v\nwant\n\t%+v", got, want)
							}
						})
					}
				}
			}
		}
	}
}
