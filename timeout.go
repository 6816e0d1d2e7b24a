package asyncio

import (
	"context"
	"fmt"
	"time"

	"example.com/asyncio/inspect"
)

// A TimeoutScope is a block with a time limit that can be moved.
//
//   - A TimeoutScope is used for one block. The zero value has no limit until
//     [TimeoutScope.Reschedule] sets one.
//   - All methods belong to the goroutine of the loop.
//
// See asyncio.Timeout.
type TimeoutScope struct {
	state timeoutState
	kind  limitKind
	after time.Duration // the limit from the start of Run on, for limitAfter
	at    time.Duration // the limit in loop time; set by Run for limitAfter

	// Set by Run.
	ctx     *cancelScope
	atEntry int                   // how many cancel requests the task had then
	timer   interface{ Cancel() } // nil: no limit, or it has fired
}

type timeoutState uint8

const (
	timeoutCreated timeoutState = iota
	timeoutActive
	timeoutExpiring
	timeoutExpired
	timeoutFinished
)

var timeoutStates = [...]string{"created", "active", "expiring", "expired", "finished"}

type limitKind uint8

const (
	noLimit limitKind = iota
	limitAfter
	limitAt
)

// Timeout calls fn, and cancels it if it has not returned after d.
//
//   - The time begins with the call. Never means no limit.
//   - fn must use its own ctx. It receives the expiry as a [CancelledError]. Timeout
//     waits until fn has returned.
//   - After the expiry Timeout returns a [TimeoutError]. If fn returns another error
//     after the expiry, Timeout returns a [CleanupError] of both. If fn returns nil, so
//     does Timeout.
//   - A cancel from outside that is pending at the expiry takes precedence: Timeout then
//     returns the CancelledError.
//
// See asyncio.timeout.
func Timeout(ctx context.Context, d time.Duration, fn func(ctx context.Context) error) error {
	return NewTimeout(d).Run(ctx, fn)
}

// TimeoutAt is [Timeout] with a point in time, in the time of [Loop.Time]. See
// asyncio.timeout_at.
func TimeoutAt(ctx context.Context, when time.Duration, fn func(ctx context.Context) error) error {
	return NewTimeoutAt(when).Run(ctx, fn)
}

// NewTimeout returns a block with a limit of d, counted from the start of its Run. Never
// means no limit. See asyncio.timeout.
func NewTimeout(d time.Duration) *TimeoutScope {
	return &TimeoutScope{kind: limitAfter, after: d}
}

// NewTimeoutAt returns a block whose limit is a point in time, in the time of
// [Loop.Time]. Never means no limit. See asyncio.timeout_at.
func NewTimeoutAt(when time.Duration) *TimeoutScope {
	return &TimeoutScope{kind: limitAt, at: when}
}

// Run is [Timeout] for t. A second Run returns an error ([ErrMisuse]) and does not call
// fn.
func (t *TimeoutScope) Run(ctx context.Context, fn func(ctx context.Context) error) error {
	if t.state != timeoutCreated {
		return misuse(ErrMisuse, "Run of %v, which has already been entered; use a new TimeoutScope for each block", t)
	}
	if fn == nil {
		return misuse(ErrInvalidArgument, "Run of %v with a nil function; pass a func(ctx context.Context) error", t)
	}
	scope, err := newScope(ctx, t)
	if err != nil {
		return err
	}
	defer scope.Close()
	t.ctx, t.state = scope, timeoutActive
	t.atEntry = scope.Task().Cancelling()
	if t.kind == limitAfter {
		t.at = Never
		if now := scope.loop.Time(); t.after < Never-now {
			t.at = now + t.after
		}
	}
	t.schedule()
	returned := false
	defer func() {
		if !returned { // a panic or Goexit continues, and the task is as before the block
			t.exit(nil)
		}
	}()
	err = fn(scope)
	returned = true
	return t.exit(err)
}

func (t *TimeoutScope) schedule() {
	l := t.ctx.loop
	switch when := t.When(); {
	case when == Never:
	case when <= l.Time():
		t.timer = l.CallSoon(t.expire)
	default:
		t.timer = l.CallAt(when, t.expire)
	}
}

func (t *TimeoutScope) stopTimer() {
	if t.timer != nil {
		t.timer.Cancel()
		t.timer = nil
	}
}

func (t *TimeoutScope) expire(context.Context) {
	t.timer = nil
	if t.ctx.Cancelling() {
		// CPython takes a request that was pending when the block began for one that has
		// been handled, and replaces it with a TimeoutError. The cancel is lost
		// (cpython#134471).
		t.atEntry = min(t.atEntry, t.ctx.Task().Cancelling()-1)
	}
	t.state = timeoutExpiring
	t.ctx.Cancel(t)
}

func (t *TimeoutScope) exit(err error) error {
	t.stopTimer()
	if t.state == timeoutActive {
		t.state = timeoutFinished
		return err
	}
	t.state = timeoutExpired
	if t.ctx.Task().Uncancel() > t.atEntry || err == nil {
		return err
	}
	expiry := &TimeoutError{After: t.after}
	if isCancelled(err, true) {
		expiry.Cause = err
		return expiry
	}
	return &CleanupError{Err: err, During: expiry}
}

// When returns the limit as a point in time. It is Never if there is no limit, and before
// the Run of a [NewTimeout]. See Timeout.when.
func (t *TimeoutScope) When() time.Duration {
	if t.kind == noLimit || t.kind == limitAfter && t.state == timeoutCreated {
		return Never
	}
	return t.at
}

// Expired reports whether the limit was reached while the block ran. See Timeout.expired.
func (t *TimeoutScope) Expired() bool {
	return t.state == timeoutExpiring || t.state == timeoutExpired
}

// Reschedule moves the limit to a point in time, or to Never.
//
// It returns an error ([ErrMisuse]) before the block has begun, after its expiry and
// after its end. The limit then stays as it was. See Timeout.reschedule.
func (t *TimeoutScope) Reschedule(when time.Duration) error {
	switch t.state {
	case timeoutCreated:
		return misuse(ErrMisuse, "Reschedule of %v, which has not been entered; call it inside the function passed to Run, or use NewTimeoutAt", t)
	case timeoutActive:
	default:
		return misuse(ErrMisuse, "Reschedule of %v, which is too late; call it before the limit and the end of the block", t)
	}
	t.stopTimer()
	t.kind, t.after, t.at = limitAt, 0, when
	t.schedule()
	return nil
}

// String describes t: <Timeout active when=5s>. See Timeout.__repr__.
func (t *TimeoutScope) String() string {
	switch {
	case t.state != timeoutActive:
		return fmt.Sprintf("<Timeout %s>", timeoutStates[t.state])
	case t.When() == Never:
		return "<Timeout active when=never>"
	}
	return fmt.Sprintf("<Timeout active when=%v>", t.at)
}

// waitReason reports the limit of the block.
func (t *TimeoutScope) waitReason() inspect.WaitReason {
	return inspect.WaitReason{Kind: inspect.ForTimeout, Object: t, Until: t.When()}
}

// Name returns the text for the block in a [CancelledError].
func (t *TimeoutScope) Name() string {
	if t.kind == limitAfter {
		return fmt.Sprintf("a timeout of %v", t.after)
	}
	return fmt.Sprintf("a timeout at %v", t.When())
}

// WaitFor awaits aw for at most d, and returns its outcome.
//
//   - After d it cancels aw, waits until aw has ended, and returns a [TimeoutError]. If
//     aw ends with a result or another error nevertheless, WaitFor returns that. [Shield]
//     protects aw from the cancel.
//   - If d is 0 or less, aw must already be done. A [Coro] is then not started.
//   - Never means no limit.
//   - Other errors are those of [Future.Await].
//
// See asyncio.wait_for.
func WaitFor[T any](ctx context.Context, aw Awaitable[T], d time.Duration) (result T, err error) {
	if d > 0 {
		if aw == nil {
			return result, misuse(ErrInvalidArgument, "WaitFor of nil; pass a Future, a Task, a Coro or another Awaitable")
		}
		err = Timeout(ctx, d, func(ctx context.Context) (err error) {
			result, err = aw.Await(ctx)
			return err
		})
		return result, err
	}
	if _, err := loopToAwaitOn(ctx); err != nil {
		return result, err
	}
	f := EnsureFuture(ctx, aw)
	if f.Done() {
		return f.Result()
	}
	if err := cancelAndWait(ctx, f); err != nil {
		return result, err
	}
	result, err = f.Result()
	if isCancelled(err, false) {
		err = &TimeoutError{Cause: err}
	}
	return result, err
}

// cancelAndWait cancels f and waits until it has ended. It does not await f directly:
// that could not distinguish a cancel of the caller from that of f.
func cancelAndWait(ctx context.Context, f AnyFuture) error {
	ended := &someOf[AnyFuture]{kind: inspect.ForTimeout, fs: []AnyFuture{f}}
	initFuture(ctx, &ended.Future, ended)
	release := func(context.Context, AnyFuture) {
		if !ended.Done() {
			_ = ended.SetResult(None{})
		}
	}
	f.AddDoneCallback(release)
	defer f.RemoveDoneCallback(release)
	f.Cancel()
	_, err := ended.Await(ctx)
	return err
}
