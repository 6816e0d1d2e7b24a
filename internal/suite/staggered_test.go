package suite_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"example.com/asyncio"
)

// staggered starts attempts in sequence: the next one when the previous one has failed,
// or after delay. The first attempt that succeeds wins, and the others are cancelled.
// staggered returns the index of the winner or -1, its value, and the error of each
// attempt that was started.
//
// It corresponds to asyncio.staggered, which create_connection of CPython uses for Happy
// Eyeballs. A task group with Cancel is sufficient for it.
func staggered(ctx context.Context, delay time.Duration, attempts ...asyncio.Coro[string]) (winner int, value string, errs []error, err error) {
	winner = -1
	err = asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
		for i, attempt := range attempts {
			failed := new(asyncio.Event)
			errs = append(errs, nil)
			tg.Go(func(ctx context.Context) error {
				got, err := attempt(ctx)
				if errs[i] = err; err != nil {
					failed.Set()
					return nil
				}
				winner, value = i, got
				tg.Cancel()
				return nil
			})
			err := asyncio.Timeout(ctx, delay, failed.Wait)
			if err != nil && !errors.Is(err, asyncio.ErrTimeout) {
				return err
			}
		}
		return nil
	})
	return winner, value, errs, err
}

// TestStaggeredRace checks the winner, the errors and the duration of races.
func TestStaggeredRace(t *testing.T) {
	succeeds := func(d time.Duration) asyncio.Coro[string] { return sleepThen(d, fmt.Sprintf("after %v", d)) }
	fails := func(d time.Duration) asyncio.Coro[string] {
		return func(ctx context.Context) (string, error) { return "", failAfter(d, errBoom)(ctx) }
	}
	for _, race := range []struct {
		name     string
		delay    time.Duration
		attempts []asyncio.Coro[string]
		want     string
	}{
		{"no attempts", asyncio.Never, nil,
			"-1  [] after 0s"},
		{"the first succeeds, and no other starts", asyncio.Never, []asyncio.Coro[string]{succeeds(0), succeeds(0)},
			"0 after 0s [ok] after 0s"},
		{"the second succeeds after the first has failed", asyncio.Never, []asyncio.Coro[string]{fails(time.Second), succeeds(0)},
			"1 after 0s [boom ok] after 1s"},
		{"the second succeeds while the first runs", 100 * time.Millisecond, []asyncio.Coro[string]{succeeds(10 * time.Second), succeeds(time.Second)},
			"1 after 1s [cancelled ok] after 1.1s"},
		{"the first succeeds late", 100 * time.Millisecond, []asyncio.Coro[string]{succeeds(time.Second), succeeds(time.Hour), fails(0)},
			"0 after 1s [ok cancelled boom] after 1s"},
		{"none succeeds", asyncio.Never, []asyncio.Coro[string]{fails(time.Second), fails(time.Minute)},
			"-1  [boom boom] after 1m1s"},
	} {
		t.Run(race.name, func(t *testing.T) {
			run(t, func(ctx context.Context) error {
				winner, value, errs, err := staggered(ctx, race.delay, race.attempts...)
				ends := []string{}
				for _, err := range errs {
					ends = append(ends, brief(err))
				}
				equal(t, "the outcome", fmt.Sprint(winner, " ", value, " ", ends, " after ", running(ctx).Time()), race.want)
				equal(t, "cancelling, tasks", []int{asyncio.CurrentTask(ctx).Cancelling(), len(asyncio.AllTasks(ctx))}, "[0 1]")
				return err
			})
		})
	}
}

// TestStaggeredRaceCancelled checks that a cancel of the caller ends all attempts.
func TestStaggeredRaceCancelled(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		attempt := func(ctx context.Context) (string, error) {
			err := asyncio.Sleep(ctx, time.Hour)
			log.Add("attempt: %s", brief(err))
			return "", err
		}
		_, err := cancelLater(ctx, func(ctx context.Context) error {
			_, _, _, err := staggered(ctx, 400*time.Millisecond, attempt, attempt, attempt, attempt)
			return err
		})
		log.Add("race: %s", brief(err))
		return nil
	})
	log.Want(t, "attempt: cancelled", "attempt: cancelled", "attempt: cancelled", "race: cancelled: enough")
}
