package asyncio

import (
	"context"
	"fmt"
	"time"

	"example.com/asyncio/inspect"
)

// A TimeoutScope is a block with a limit of time that can be moved. It is used
// once. See asyncio.Timeout.
type TimeoutScope struct {
	state   timeoutState
	given   bool          // after, rather than when
	after   time.Duration // from Run on
	when    time.Duration
	ctx     *cancelScope
	atEntry int // requests to cancel the task that were there before
	timer   interface{ Cancel() }
}

type timeoutState string

const (
	timeoutCreated  timeoutState = "created"
	timeoutActive   timeoutState = "active"
	timeoutExpiring timeoutState = "expiring"
	timeoutExpired  timeoutState = "expired"
	timeoutFinished timeoutState = "finished"
)

// Timeout calls fn and, if it has not returned after d, cancels it. fn must use the
// ctx that it is given, and sees the expiry as a [CancelledError]; Timeout
// then returns a [TimeoutError]. If fn returns another error after the time was up, that is
// returned, in a [CleanupError]; if it returns nil in spite of all, so does
// Timeout. A cancel from outside that is still on its way when the time is up
// wins: a CancelledError is returned. The time begins with the call; Never is no limit.
// See asyncio.timeout.
func Timeout(ctx context.Context, d time.Duration, fn func(ctx context.Context) error) error {
	return NewTimeout(d).Run(ctx, fn)
}

// TimeoutAt is [Timeout] with a point in time, as [Loop.Time] counts. See asyncio.timeout_at.
func TimeoutAt(ctx context.Context, when time.Duration, fn func(ctx context.Context) error) error {
	return NewTimeoutAt(when).Run(ctx, fn)
}

// NewTimeout returns a block with a limit of d from its Run on; Never is no limit. See asyncio.timeout.
func NewTimeout(d time.Duration) *TimeoutScope {
	return &TimeoutScope{state: timeoutCreated, given: true, after: d, when: Never}
}

// NewTimeoutAt returns a block with a point in time, as [Loop.Time] counts, for its limit. See asyncio.timeout_at.
func NewTimeoutAt(when time.Duration) *TimeoutScope {
	return &TimeoutScope{state: timeoutCreated, when: when}
}

// Run is [Timeout] on t. A second Run is an error ([ErrMisuse]).
func (t *TimeoutScope) Run(ctx context.Context, fn func(ctx context.Context) error) error {
	if t.state != timeoutCreated {
		return misuse(ErrMisuse, "Run of %v, which has been entered already; make one for each block", t)
	}
	if fn == nil {
		return misuse(ErrInvalidArgument, "a timeout with a nil function; give it a func(ctx context.Context) error")
	}
	scope, err := newScope(ctx, t)
	if err != nil {
		return err
	}
	defer scope.Close()
	t.ctx, t.state = scope, timeoutActive
	t.atEntry = scope.Task().Cancelling()
	if now := scope.loop.Time(); t.given && t.after < Never-now {
		t.when = now + t.after
	}
	t.schedule()
	returned := false
	defer func() {
		if !returned { // a panic, or Goexit: it goes on, and leaves the task as it was
			t.exit(nil)
		}
	}()
	err = fn(scope)
	returned = true
	return t.exit(err)
}

func (t *TimeoutScope) schedule() {
	l := t.ctx.loop
	switch {
	case t.when == Never:
	case t.when <= l.Time():
		t.timer = l.CallSoon(t.expire)
	default:
		t.timer = l.CallAt(t.when, t.expire)
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
		// CPython takes a request that was on its way when the block began for one that
		// was dealt with, and a TimeoutError for it: the cancel is lost (cpython#134471).
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

// When returns the limit as a point in time; Never if there is none. See Timeout.when.
func (t *TimeoutScope) When() time.Duration { return t.when }

// Expired tells whether the time was up while the block ran. See Timeout.expired.
func (t *TimeoutScope) Expired() bool {
	return t.state == timeoutExpiring || t.state == timeoutExpired
}

// Reschedule moves the limit to a point in time, or to Never. It is an error
// ([ErrMisuse]) before the block has begun and when its time is up or it has ended. See Timeout.reschedule.
func (t *TimeoutScope) Reschedule(when time.Duration) error {
	switch t.state {
	case timeoutCreated:
		return misuse(ErrMisuse, "Reschedule of %v, which has not been entered; NewTimeoutAt takes the time", t)
	case timeoutActive:
	default:
		return misuse(ErrMisuse, "Reschedule of %v: too late to change it", t)
	}
	t.stopTimer()
	t.when, t.given, t.after = when, false, 0
	t.schedule()
	return nil
}

// String describes t: <Timeout active when=5s>. See Timeout.__repr__.
func (t *TimeoutScope) String() string {
	switch {
	case t.state != timeoutActive:
		return fmt.Sprintf("<Timeout %s>", t.state)
	case t.when == Never:
		return "<Timeout active when=never>"
	}
	return fmt.Sprintf("<Timeout active when=%v>", t.when)
}

// WaitReason tells of the block's limit.
func (t *TimeoutScope) waitReason() inspect.WaitReason {
	return inspect.WaitReason{Kind: inspect.ForTimeout, Object: t, Until: t.when}
}

// Name is how a CancelledError names the block.
func (t *TimeoutScope) Name() string {
	if t.given {
		return fmt.Sprintf("a timeout of %v", t.after)
	}
	return fmt.Sprintf("a timeout at %v", t.when)
}

// WaitFor awaits aw for at most d. When the time is up it cancels aw, waits until that has
// ended, and returns a [TimeoutError]; [Shield] keeps aw from it. If aw in
// spite of that has a result or fails, that is what WaitFor returns. With d of 0 or less, aw must
// be done already; a [Coro] is then not started. Never is no limit. See asyncio.wait_for.
func WaitFor[T any](ctx context.Context, aw Awaitable[T], d time.Duration) (result T, err error) {
	if d > 0 {
		if aw == nil {
			return result, misuse(ErrInvalidArgument, "WaitFor of nil; give it a Future, a Task, a Coro or another Awaitable")
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

// cancelAndWait does not await f itself, so that a cancel of its own caller is not taken for f's.
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
