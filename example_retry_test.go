package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

var errHangs = errors.New("this one hangs")

// A permanentError is one that another attempt would not help.
type permanentError struct{ error }

// A retrier calls again what fails, with a pause that doubles up to a limit.
type retrier struct {
	attempt      time.Duration // limit for one
	pause, limit time.Duration
}

// do calls f until it succeeds, fails for good, or the calling task is cancelled, by a timeout around it say.
func (r retrier) do(ctx context.Context, f func(ctx context.Context) error) error {
	for n, pause := 1, r.pause; ; n, pause = n+1, min(2*pause, r.limit) {
		err := asyncio.Timeout(ctx, r.attempt, f)
		permanent := permanentError{}
		switch {
		case err == nil:
			return nil
		case errors.Is(err, asyncio.ErrCancelled), errors.As(err, &permanent):
			return err // nobody waits any more, or it is of no use
		}
		fmt.Printf("  attempt %d: %v; again in %v\n", n, err, pause)
		if err := asyncio.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// What fails is tried again, after longer and longer pauses, until all the time there is has passed. One
// attempt that hangs is cut off too. Which timeout it was is never in doubt: each cancels only what is inside.
func Example_retry() {
	flaky := errors.New("connection refused")
	// answers makes a function that on each call does what the next of answers says.
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
		{"in the end it works", answers(flaky, errHangs, flaky, nil)},
		{"it is of no use", answers(flaky, permanentError{errors.New("401 unauthorized")})},
		{"it never works", answers(flaky)},
	}
	r := asyncio.Runner{Driver: driver.NewVirtual()} // nobody waits: the clock jumps
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
	// in the end it works
	//   attempt 1: connection refused; again in 1s
	//   attempt 2: asyncio: timed out after 3s; again in 2s
	//   attempt 3: connection refused; again in 4s
	//   after 10s: <nil>
	// it is of no use
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
