package asyncio

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"example.com/asyncio/inspect"
)

// Map calls fn for each item of seq, at most limit calls at the same time, and yields the
// results in the order of the items.
//
//   - Each call of fn runs in a task of its own, with the ctx of that task.
//   - Map iterates over seq in the calling task, and is never more than limit items ahead
//     of the results that it has yielded. Hence seq may be endless, and may suspend.
//   - The range suspends until the next result is available.
//   - An error of fn is yielded at the position of its item, with the zero R, and the
//     range continues. A panic in fn is a [PanicError], which is also reported to the
//     exception handler of the loop.
//   - When the loop over the range ends, by a break, return or panic too, Map cancels the
//     tasks that still run, and waits for them. No task outlives the loop. Results that
//     were not yielded are dropped; their errors are reported as never read.
//   - If the calling task is cancelled in the range, Map cancels the tasks, waits for
//     them, yields the [CancelledError] once, and stops. It does the same with any other
//     error of [Future.Await]. A cancel during the wait after a break is delivered at the
//     next await.
//   - A second range calls fn for all items again, if seq can be iterated again.
//   - Map panics ([ErrInvalidArgument]) if limit is less than 1, or seq or fn is nil.
//
// ctx must be the ctx of the task that ranges over the results.
func Map[T, R any](ctx context.Context, limit int, seq iter.Seq[T], fn func(ctx context.Context, item T) (R, error)) iter.Seq2[R, error] {
	return mapOf(ctx, "Map", true, limit, seq, fn)
}

// MapUnordered is [Map] with the results in the order of completion. A slow call does not
// delay the results of the others.
func MapUnordered[T, R any](ctx context.Context, limit int, seq iter.Seq[T], fn func(ctx context.Context, item T) (R, error)) iter.Seq2[R, error] {
	return mapOf(ctx, "MapUnordered", false, limit, seq, fn)
}

func mapOf[T, R any](ctx context.Context, act string, ordered bool, limit int, seq iter.Seq[T], fn func(ctx context.Context, item T) (R, error)) iter.Seq2[R, error] {
	switch {
	case limit < 1:
		panic(misuse(ErrInvalidArgument, "%s with a limit of %d; pass at least 1", act, limit))
	case seq == nil:
		panic(misuse(ErrInvalidArgument, "%s of a nil sequence; pass an iter.Seq, for example slices.Values(items)", act))
	case fn == nil:
		panic(misuse(ErrInvalidArgument, "%s with a nil function; pass a func(ctx context.Context, item T) (R, error)", act))
	}
	code := codePointer(fn)
	return func(yield func(R, error) bool) {
		var zero R
		m := &mapping[R]{act: act, ordered: ordered, limit: limit}
		scope, err := newScope(ctx, m)
		if err != nil {
			yield(zero, err)
			return
		}
		defer scope.Close()
		m.ended.Func = m.taskEnded
		defer func() { m.stop(ctx, scope, nil) }()
		yieldNext := func() bool {
			t, err := m.next(ctx)
			if err != nil {
				m.stop(ctx, scope, err)
				yield(zero, err)
				return false
			}
			return yield(t.Result())
		}
		for item := range seq {
			m.add(createAs(ctx, act, func(ctx context.Context) (R, error) { return fn(ctx, item) }, nil, code, nil))
			if m.open == limit && !yieldNext() {
				return
			}
		}
		for m.open > 0 && yieldNext() {
		}
	}
}

// A mapping is the state of one range over a Map.
type mapping[R any] struct {
	act     string // Map or MapUnordered
	ordered bool
	limit   int

	open    int            // tasks whose results have not been yielded
	running int            // tasks whose end taskEnded has not processed
	ended   sharedCallback // calls taskEnded; it also lists the running tasks
	queue   []*Task[R]     // the next tasks to yield: all open ones if ordered, otherwise the ended ones
	wake    *mapWait[R]    // awaited by the range; nil if the range does not wait

	stopping bool  // the running tasks have been cancelled
	reason   error // why; nil: the loop over the range has ended
}

// A mapWait is the future that a range over a Map waits for.
type mapWait[R any] struct {
	Future[None]
	m *mapping[R]
}

func (w *mapWait[R]) waitReason() inspect.WaitReason {
	m := w.m
	switch {
	case m.stopping:
		return m.waitReason()
	case m.ordered:
		return inspect.WaitReason{Kind: inspect.ForAsCompleted, Futures: []inspect.Future{m.queue[0]}}
	}
	return inspect.WaitReason{Kind: inspect.ForAsCompleted, Futures: m.waitReason().Futures}
}

// waitReason reports what the end of the block requires: the end of the running tasks.
func (m *mapping[R]) waitReason() inspect.WaitReason {
	r := inspect.WaitReason{Kind: inspect.ForGroup, Object: m}
	for t := range m.ended.Pending() {
		r.Futures = append(r.Futures, t)
	}
	return r
}

func (m *mapping[R]) add(t *Task[R]) {
	m.open++
	m.running++
	m.ended.AddTo(t)
	if m.ordered {
		m.queue = append(m.queue, t)
	}
}

func (m *mapping[R]) taskEnded(_ context.Context, f AnyFuture) {
	m.running--
	if !m.ordered {
		m.queue = append(m.queue, f.(*Task[R]))
	}
	if m.wake == nil || m.wake.Done() {
		return
	}
	if m.running == 0 || !m.stopping && m.queue[0].Done() {
		_ = m.wake.SetResult(None{})
	}
}

// next waits for the task whose result is yielded next, and removes it.
func (m *mapping[R]) next(ctx context.Context) (*Task[R], error) {
	for len(m.queue) == 0 || !m.queue[0].Done() {
		if err := m.wait(ctx); err != nil {
			return nil, err
		}
	}
	t := m.queue[0]
	m.queue[0] = nil
	m.queue = m.queue[1:]
	m.open--
	return t, nil
}

// wait suspends until taskEnded wakes it.
func (m *mapping[R]) wait(ctx context.Context) error {
	m.wake = &mapWait[R]{m: m}
	initFuture(ctx, &m.wake.Future, m.wake)
	_, err := m.wake.Await(ctx)
	m.wake = nil
	return err
}

// stop cancels the running tasks and waits until all have ended. reason is the error that
// ends the range; nil if the loop over it has ended.
func (m *mapping[R]) stop(ctx context.Context, scope *cancelScope, reason error) {
	if m.running == 0 {
		return
	}
	m.stopping, m.reason = true, reason
	for t := range m.ended.Pending() {
		if !t.Done() {
			cancelBy(m, t, nil)
		}
	}
	var cancel *CancelledError // of the calling task, during the wait
	for m.running > 0 {
		switch err := m.wait(ctx); {
		case err == nil, errors.As(err, &cancel):
		case err == ctx.Err():
			ctx = context.WithoutCancel(ctx) // the deadline of ctx does not end the wait
		default:
			return // for example, the loop is closed
		}
	}
	if cancel != nil && !errors.Is(reason, ErrCancelled) {
		// The range does not return it: the next await delivers it.
		scope.Redeliver(cancel, cancel.Message)
	}
}

// String describes m: <Map running=2 limit=3>.
func (m *mapping[R]) String() string {
	return fmt.Sprintf("<%s running=%d limit=%d>", m.act, m.running, m.limit)
}

// Name returns the text for the Map in a [CancelledError], with the reason of the cancel.
func (m *mapping[R]) Name() string {
	if m.reason == nil {
		return "a " + m.act + ", whose range has ended"
	}
	text, _, _ := strings.Cut(m.reason.Error(), "\n")
	if errors.Is(m.reason, ErrCancelled) {
		return "a " + m.act + ", whose range was " + strings.TrimPrefix(text, "asyncio: ")
	}
	return "a " + m.act + ", whose range failed: " + text
}
