package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

var errHangs = errors.New("the call hangs")

// A permanentError is an error that another attempt does not resolve.
type permanentError struct{ error }

// A retrier repeats calls that fail, with a pause that doubles up to a limit.
type retrier struct {
	attempt      time.Duration // the time limit for one call
	pause, limit time.Duration // the first and the longest pause
}

// do calls f until it succeeds, fails with a permanentError, or the calling task is
// cancelled, for example by a timeout around it.
func (r retrier) do(ctx context.Context, f func(ctx context.Context) error) error {
	for n, pause := 1, r.pause; ; n, pause = n+1, min(2*pause, r.limit) {
		err := asyncio.Timeout(ctx, r.attempt, f)
		permanent := permanentError{}
		switch {
		case err == nil:
			return nil
		case errors.Is(err, asyncio.ErrCancelled), errors.As(err, &permanent):
			return err
		}
		fmt.Printf("  attempt %d: %v; again in %v\n", n, err, pause)
		if err := asyncio.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// Failing calls are repeated after increasing pauses, until the overall time limit. A
// call that hangs is cancelled by a timeout of its own. The two timeouts are never
// confused: each cancels only what is inside it.
func Example_retry() {
	flaky := errors.New("connection refused")
	// answers returns a function that returns the next of answers on each call.
	answers := func(answers ...error) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			answer := answers[0]
			answers = append(answers[1:], answer)
			if answer == errHangs {
				return asyncio.Sleep(ctx, time.Hour)
			}
			return answer
		}
	}
	cases := []struct {
		name string
		call func(ctx context.Context) error
	}{
		{"it works in the end", answers(flaky, errHangs, flaky, nil)},
		{"it cannot work", answers(flaky, permanentError{errors.New("401 unauthorized")})},
		{"it never works", answers(flaky)},
	}
	r := asyncio.Runner{Driver: driver.NewVirtual()} // the clock jumps to the next timer
	defer r.Close()
	policy := retrier{attempt: 3 * time.Second, pause: time.Second, limit: 4 * time.Second}
	for _, c := range cases {
		fmt.Println(c.name)
		began := r.Loop().Time()
		err := r.Run(context.Background(), func(ctx context.Context) error {
			return asyncio.Timeout(ctx, 12*time.Second, func(ctx context.Context) error { return policy.do(ctx, c.call) })
		})
		fmt.Printf("  after %v: %v\n", r.Loop().Time()-began, err)
	}
	// Output:
	// it works in the end
	//   attempt 1: connection refused; again in 1s
	//   attempt 2: asyncio: timed out after 3s; again in 2s
	//   attempt 3: connection refused; again in 4s
	//   after 10s: <nil>
	// it cannot work
	//   attempt 1: connection refused; again in 1s
	//   after 1s: 401 unauthorized
	// it never works
	//   attempt 1: connection refused; again in 1s
	//   attempt 2: connection refused; again in 2s
	//   attempt 3: connection refused; again in 4s
	//   attempt 4: connection refused; again in 4s
	//   attempt 5: connection refused; again in 4s
	//   after 12s: asyncio: timed out after 12s
}
