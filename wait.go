package asyncio

import (
	"context"
	"fmt"
	"time"

	"example.com/asyncio/inspect"
)

// A WaitOption is an option of [Wait]: a [ReturnWhen] or a [TimeoutOption].
type WaitOption interface{ configureWait(waitConfig) waitConfig }

type waitConfig struct {
	when  ReturnWhen
	limit time.Duration
}

func waitConfigOf(opts []WaitOption) waitConfig {
	c := waitConfig{AllCompleted, Never}
	for _, o := range opts {
		c = o.configureWait(c)
	}
	return c
}

// ReturnWhen is the condition on which [Wait] returns. It is a [WaitOption].
type ReturnWhen uint8

const (
	AllCompleted   ReturnWhen = iota // all futures are done; the default
	FirstCompleted                   // a future is done
	FirstException                   // a future has failed, or all are done; cancelled is not failed
)

var returnWhens = [...]string{"all completed", "first completed", "first exception"}

// String returns w as text: first completed.
func (w ReturnWhen) String() string {
	if int(w) < len(returnWhens) {
		return returnWhens[w]
	}
	return fmt.Sprintf("ReturnWhen(%d)", uint8(w))
}

func (w ReturnWhen) configureWait(c waitConfig) waitConfig { c.when = w; return c }

// A TimeoutOption limits the time of [Wait] or [AsCompleted]. [WithTimeout] returns it.
type TimeoutOption struct{ limit time.Duration }

func (o TimeoutOption) configureWait(c waitConfig) waitConfig {
	c.limit = o.limit
	return c
}

// WithTimeout limits the time of a [Wait] or an [AsCompleted] to d. Never means no limit.
// See asyncio.wait(timeout=).
func WithTimeout(d time.Duration) TimeoutOption { return TimeoutOption{d} }

// Wait suspends until fs satisfy a condition, and returns which of fs are done and which
// are not.
//
//   - The condition is a [ReturnWhen] among opts. With [WithTimeout], Wait also returns
//     after that time, without an error.
//   - Both results are in the order of fs, without duplicates.
//   - Wait cancels nothing, and does not return the errors of fs.
//   - Its errors are a [CancelledError] if the calling task is cancelled, or another
//     error of [Future.Await]; and [ErrInvalidArgument] if fs is empty.
//   - Wait panics if fs contains a nil ([ErrInvalidArgument]).
//
// See asyncio.wait.
func Wait[F AnyFuture](ctx context.Context, fs []F, opts ...WaitOption) (done, unfinished []F, err error) {
	c := waitConfigOf(opts)
	switch {
	case len(fs) == 0:
		return nil, nil, misuse(ErrInvalidArgument, "Wait for no futures; pass at least one")
	case int(c.when) >= len(returnWhens):
		return nil, nil, misuse(ErrInvalidArgument, "Wait with %v; use AllCompleted, FirstCompleted or FirstException", c.when)
	}
	l, err := loopToAwaitOn(ctx)
	if err != nil {
		return nil, nil, err
	}
	all := distinct(fs) // fs itself would have to be on the heap
	enough := &someOf[F]{kind: inspect.ForWait, fs: all}
	initFuture(ctx, &enough.Future, enough)
	release := func() {
		if !enough.Done() {
			_ = enough.SetResult(None{})
		}
	}
	if c.limit < Never-l.Time() {
		timer := l.CallLater(c.limit, func(context.Context) { release() })
		defer timer.Cancel()
	}
	left := len(all)
	completed := func(_ context.Context, f AnyFuture) {
		left--
		if left <= 0 || c.when == FirstCompleted ||
			c.when == FirstException && !f.Cancelled() && f.Exception() != nil {
			release()
		}
	}
	for _, f := range all {
		f.AddDoneCallback(completed)
	}
	_, err = enough.Await(ctx)
	for _, f := range all {
		f.RemoveDoneCallback(completed)
	}
	if err != nil {
		return nil, nil, err
	}
	for _, f := range all {
		if f.Done() {
			done = append(done, f)
		} else {
			unfinished = append(unfinished, f)
		}
	}
	return done, unfinished, nil
}

// A someOf is the future awaited by a task that waits for some of fs.
type someOf[F AnyFuture] struct {
	Future[None]
	kind inspect.WaitKind
	fs   []F
}

func (s *someOf[F]) waitReason() inspect.WaitReason {
	r := inspect.WaitReason{Kind: s.kind}
	for _, f := range s.fs {
		r.Futures = append(r.Futures, f)
	}
	return r
}

// distinct returns fs without duplicates: each future at its first position.
func distinct[F AnyFuture](fs []F) []F {
	seen := make(map[*futureBase]bool, len(fs))
	once := make([]F, 0, len(fs))
	for _, f := range fs {
		if any(f) == nil {
			panic(misuse(ErrInvalidArgument, "a nil among the futures to wait for; pass only futures and tasks"))
		}
		if b := f.base(); !seen[b] {
			seen[b] = true
			once = append(once, f)
		}
	}
	return once
}
