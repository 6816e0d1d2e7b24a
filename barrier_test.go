package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"example.com/asyncio"
)

// together runs a task for each of 0 to n-1, in that order, and waits for all.
func together(ctx context.Context, n int, fn func(ctx context.Context, i int) error) error {
	return asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
		for i := range n {
			tg.Go(func(ctx context.Context) error { return fn(ctx, i) })
		}
		return nil
	})
}

// A308: those who come wait for each other. The last goes on first; each has a number of its own.
func TestBarrier(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		b := asyncio.NewBarrier(3)
		for i := range 3 {
			equal(t, "the barrier", b, fmt.Sprintf("<Barrier filling waiters=%d/3>", i))
			equal(t, "the waiting", b.Waiting(), i)
			asyncio.Go(ctx, func(ctx context.Context) error {
				n, err := b.Wait(ctx)
				log.Add("%d: %d, %s, %v", i, n, brief(err), b)
				return err
			})
			yields(ctx, 1)
		}
		log.Want(t, "2: 2, ok, <Barrier draining waiters=0/3>")
		yields(ctx, 5)
		log.Want(t,
			"0: 0, ok, <Barrier draining waiters=0/3>",
			"1: 1, ok, <Barrier filling waiters=0/3>",
		)
		equal(t, "the parties", b.Parties(), 3)
		equal(t, "the waiting", b.Waiting(), 0)
		return nil
	})
}

// A308: a barrier for nobody is a mistake. At one for a single task nobody waits.
func TestBarrierParties(t *testing.T) {
	wantErr(t, panicOf(func() { asyncio.NewBarrier(0) }), asyncio.ErrInvalidArgument, "NewBarrier(0): a barrier is for 1 task or more")
	wantErr(t, panicOf(func() { asyncio.NewBarrier(-4) }), asyncio.ErrInvalidArgument, "NewBarrier(-4)")
	run(t, func(ctx context.Context) error {
		b := asyncio.NewBarrier(1)
		for range 2 {
			n, err := b.Wait(ctx)
			equal(t, "number and error", fmt.Sprint(n, err), "0 <nil>")
			equal(t, "the barrier", b, "<Barrier filling waiters=0/1>")
		}
		return nil
	})
}

// A309: who comes for the next round, while the last is leaving, waits until all have left. No round mixes with another.
func TestBarrierRounds(t *testing.T) {
	const parties, rounds = 5, 3
	run(t, func(ctx context.Context) error {
		b := asyncio.NewBarrier(parties)
		var passed [parties]int
		var numbers [rounds][parties]bool
		err := together(ctx, parties, func(ctx context.Context, i int) error {
			for round := range rounds {
				n, err := b.Wait(ctx)
				if err != nil {
					return err
				}
				passed[i]++
				numbers[round][n] = true
				for _, p := range passed {
					if p < round || p > round+1 {
						t.Errorf("in round %d: passed %v", round, passed)
					}
				}
			}
			return nil
		})
		equal(t, "the numbers", numbers, [rounds][parties]bool{{true, true, true, true, true}, {true, true, true, true, true}, {true, true, true, true, true}})
		equal(t, "the barrier", b, "<Barrier filling waiters=0/5>")
		return err
	})
}

// A309: newcomers wait until the round has left, and then count for the next one.
func TestBarrierDraining(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		b := asyncio.NewBarrier(2)
		wait := func(name string) {
			asyncio.Go(ctx, func(ctx context.Context) error {
				n, err := b.Wait(ctx)
				log.Add("%s: %d, %s, %v", name, n, brief(err), b)
				return err
			})
		}
		wait("a")
		wait("b")
		wait("early")
		yields(ctx, 1)
		log.Want(t, "b: 1, ok, <Barrier draining waiters=0/2>")
		yields(ctx, 5)
		log.Want(t, "a: 0, ok, <Barrier filling waiters=0/2>")
		equal(t, "the barrier", b, "<Barrier filling waiters=1/2>")
		wait("late")
		yields(ctx, 5)
		log.Want(t,
			"late: 1, ok, <Barrier draining waiters=0/2>",
			"early: 0, ok, <Barrier filling waiters=0/2>")
		return nil
	})
}

// A309: some of a round come back at once and some later. All are let through.
func TestBarrierSomeComeBackAtOnce(t *testing.T) {
	const parties, atOnce = 5, 2
	run(t, func(ctx context.Context) error {
		b, rest := asyncio.NewBarrier(parties), asyncio.NewBarrier(parties-atOnce)
		left := 0
		err := together(ctx, parties, func(ctx context.Context, _ int) error {
			if _, err := b.Wait(ctx); err != nil {
				return err
			}
			if left++; left > atOnce {
				if _, err := rest.Wait(ctx); err != nil {
					return err
				}
			}
			_, err := b.Wait(ctx)
			return err
		})
		equal(t, "the barriers", fmt.Sprint(b, rest), "<Barrier filling waiters=0/5> <Barrier filling waiters=0/3>")
		return err
	})
}

// A310: one that is cancelled leaves, and the barrier waits for another. The number of who comes then may be there already.
func TestBarrierCancel(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		b := asyncio.NewBarrier(3)
		wait := func(name string) *asyncio.Task[asyncio.None] {
			return asyncio.Go(ctx, func(ctx context.Context) error {
				n, err := b.Wait(ctx)
				log.Add("%s: %d, %s", name, n, brief(err))
				return err
			})
		}
		first := wait("a")
		wait("b")
		yields(ctx, 1)
		equal(t, "the waiting", b.Waiting(), 2)
		first.Cancel()
		yields(ctx, 1)
		log.Want(t, "a: 0, cancelled")
		equal(t, "the barrier", b, "<Barrier filling waiters=1/3>")
		equal(t, "it is broken", b.Broken(), false)
		wait("c")
		yields(ctx, 1)
		equal(t, "the waiting", b.Waiting(), 2)
		wait("d")
		yields(ctx, 5)
		log.Want(t, "d: 2, ok", "b: 1, ok", "c: 1, ok")
		return nil
	})
}

// A311: a Reset has those who wait get an error; the barrier is ready for a new round.
func TestBarrierReset(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		b := asyncio.NewBarrier(3)
		tasks := make([]*asyncio.Task[asyncio.None], 2)
		for i := range tasks {
			tasks[i] = asyncio.Go(ctx, func(ctx context.Context) error {
				_, err := b.Wait(ctx)
				wantErr(t, err, asyncio.ErrBrokenBarrier, "asyncio: broken barrier: Wait at <Barrier resetting waiters=0/3>")
				log.Add("%d: broken", i)
				_, err = b.Wait(ctx)
				log.Add("%d: %s", i, brief(err))
				return err
			})
		}
		yields(ctx, 1)
		if err := b.Reset(ctx); err != nil {
			return err
		}
		equal(t, "the barrier", b, "<Barrier resetting waiters=0/3>")
		yields(ctx, 5)
		log.Want(t, "0: broken", "1: broken")
		equal(t, "the barrier", b, "<Barrier filling waiters=2/3>")
		_, err := b.Wait(ctx)
		yields(ctx, 5)
		log.Want(t, "1: ok", "0: ok")
		return err
	})
}

// A311: a Reset where nobody waits changes nothing; also not in the state of those who have just left.
func TestBarrierResetWhenEmpty(t *testing.T) {
	run(t, func(ctx context.Context) error {
		b := asyncio.NewBarrier(1)
		err := b.Reset(ctx)
		equal(t, "the barrier", b, "<Barrier filling waiters=0/1>")
		_, waitErr := b.Wait(ctx)
		return also(err, waitErr, b.Reset(ctx))
	})
}

// A311: a Reset, and an Abort, that come when one of a round has left catch the rest of the round on its way out.
func TestBarrierResetOrAbortWhileDraining(t *testing.T) {
	const parties = 5
	for _, c := range []struct {
		name  string
		act   func(b *asyncio.Barrier, ctx context.Context) error
		after string
	}{
		{"reset", (*asyncio.Barrier).Reset, "<Barrier filling waiters=0/5>"},
		{"abort", (*asyncio.Barrier).Abort, "<Barrier broken>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(ctx context.Context) error {
				b := asyncio.NewBarrier(parties)
				left, broken := 0, 0
				err := together(ctx, parties, func(ctx context.Context, _ int) error {
					_, err := b.Wait(ctx)
					if errors.Is(err, asyncio.ErrBrokenBarrier) {
						broken++
						return nil
					}
					if left++; left == 3 {
						return also(err, c.act(b, ctx))
					}
					return err
				})
				equal(t, "left, and met a broken barrier", fmt.Sprint(left, broken), "3 2")
				equal(t, "the barrier", b, c.after)
				return err
			})
		})
	}
}

// A311: those who wait for a round to leave, and so do not wait at the barrier yet, are not hit by a Reset. They are by an Abort.
func TestBarrierResetOrAbortAndNewcomers(t *testing.T) {
	const parties = 5
	for _, c := range []struct {
		name string
		act  func(b *asyncio.Barrier, ctx context.Context) error
		// How many of the round did not leave in time, of those that came back wait in vain, and get through in the end.
		caught, blocked, ended int
	}{
		{"reset", (*asyncio.Barrier).Reset, 2, 0, 5},
		{"abort", (*asyncio.Barrier).Abort, 2, 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(ctx context.Context) error {
				b := asyncio.NewBarrier(parties)
				left, caught, blocked, ended := 0, 0, 0, 0
				err := together(ctx, parties, func(ctx context.Context, _ int) error {
					if _, err := b.Wait(ctx); err != nil {
						wantErr(t, err, asyncio.ErrBrokenBarrier)
						caught++
						if b.Broken() {
							return nil
						}
					} else if left++; left == 3 {
						if err := c.act(b, ctx); err != nil || b.Broken() {
							return err
						}
					}
					_, err := b.Wait(ctx)
					if errors.Is(err, asyncio.ErrBrokenBarrier) {
						blocked++
						return nil
					}
					ended++
					return err
				})
				equal(t, "caught, blocked, ended", fmt.Sprint(caught, blocked, ended), fmt.Sprint(c.caught, c.blocked, c.ended))
				return err
			})
		})
	}
}

// A311: a Reset by the last of a round to leave does not harm the next round: the others have come back for it, and
// wait for that one to leave.
func TestBarrierResetWhenTheRoundHasLeft(t *testing.T) {
	const parties = 5
	run(t, func(ctx context.Context) error {
		b := asyncio.NewBarrier(parties)
		left, passed := 0, 0
		err := together(ctx, parties, func(ctx context.Context, _ int) error {
			if _, err := b.Wait(ctx); err != nil {
				return err
			}
			if left++; left == parties {
				if err := b.Reset(ctx); err != nil {
					return err
				}
			}
			for range 2 {
				if _, err := b.Wait(ctx); err != nil {
					return err
				}
				passed++
			}
			return nil
		})
		equal(t, "passed", passed, 2*parties)
		return err
	})
}

// A311: an aborted barrier lets nobody wait, until a Reset.
func TestBarrierAbort(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		b := asyncio.NewBarrier(2)
		waits := asyncio.Go(ctx, func(ctx context.Context) error {
			_, err := b.Wait(ctx)
			wantErr(t, err, asyncio.ErrBrokenBarrier, "Wait at <Barrier broken>")
			return nil
		})
		yields(ctx, 1)
		if err := b.Abort(ctx); err != nil {
			return err
		}
		equal(t, "it is broken", b.Broken(), true)
		if _, err := waits.Await(ctx); err != nil {
			return err
		}
		_, err := b.Wait(ctx)
		wantErr(t, err, asyncio.ErrBrokenBarrier, "Wait at <Barrier broken>; Reset makes it usable again")
		equal(t, "the waiting", b.Waiting(), 0)

		if err := b.Reset(ctx); err != nil {
			return err
		}
		equal(t, "it is broken", b.Broken(), false)
		return together(ctx, 2, func(ctx context.Context, i int) error {
			_, err := b.Wait(ctx)
			log.Add("%d: %s", i, brief(err))
			return err
		})
	})
	log.Want(t, "1: ok", "0: ok")
}

// A311: one of a round fails and aborts the barrier: the others, who wait for the next round, hear of it. Once all have met at
// another barrier, one makes the first usable again.
func TestBarrierAbortAndReset(t *testing.T) {
	const parties = 5
	run(t, func(ctx context.Context) error {
		b, meeting := asyncio.NewBarrier(parties), asyncio.NewBarrier(parties)
		broken, ended := 0, 0
		err := together(ctx, parties, func(ctx context.Context, _ int) error {
			n, err := b.Wait(ctx)
			if err == nil && n == parties/2 {
				err = b.Abort(ctx)
			} else if err == nil {
				_, err = b.Wait(ctx)
			}
			if errors.Is(err, asyncio.ErrBrokenBarrier) {
				broken++
			} else if err != nil || n != parties/2 {
				return fmt.Errorf("it went on with %v", err)
			}
			n, err = meeting.Wait(ctx)
			if err == nil && n == parties/2 {
				err = b.Reset(ctx)
			}
			if err != nil {
				return err
			}
			if _, err := meeting.Wait(ctx); err != nil {
				return err
			}
			_, err = b.Wait(ctx)
			ended++
			return err
		})
		equal(t, "broken, ended", fmt.Sprint(broken, ended), "4 5")
		equal(t, "the barrier", b, "<Barrier filling waiters=0/5>")
		return err
	})
}

// A312: With waits at the barrier, and calls its function when that went well.
func TestBarrierWith(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		b := asyncio.NewBarrier(2)
		err := together(ctx, 2, func(ctx context.Context, i int) error {
			return b.With(ctx, func(context.Context) error {
				log.Add("%d: %v", i, b)
				return nil
			})
		})
		log.Want(t, "1: <Barrier draining waiters=0/2>", "0: <Barrier filling waiters=0/2>")
		wantErr(t, b.With(ctx, nil), asyncio.ErrInvalidArgument, "With of <Barrier filling waiters=0/2> and a nil function")
		_ = b.Abort(ctx)
		wantErr(t, b.With(ctx, func(context.Context) error {
			t.Error("it was called")
			return nil
		}), asyncio.ErrBrokenBarrier)
		one := asyncio.NewBarrier(1)
		equal(t, "the error", one.With(ctx, func(context.Context) error { return errBoom }), errBoom)
		return err
	})
}

// A314: a barrier prints its state, how many wait, and for how many it is.
func TestBarrierString(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		b := asyncio.NewBarrier(5)
		show := func() { log.Add("%v", b) }
		wait := func(n int) {
			for range n {
				asyncio.Go(ctx, func(ctx context.Context) error {
					_, err := b.Wait(ctx)
					if errors.Is(err, asyncio.ErrBrokenBarrier) {
						return nil
					}
					return err
				})
			}
			yields(ctx, 1)
			show()
		}
		show()
		wait(2)
		wait(3)
		wait(2)
		err := b.Reset(ctx)
		show()
		wait(2)
		err = also(err, b.Abort(ctx))
		show()
		return err
	})
	log.Want(t,
		"<Barrier filling waiters=0/5>",
		"<Barrier filling waiters=2/5>",
		"<Barrier draining waiters=0/5>",
		"<Barrier filling waiters=2/5>", // the round has left meanwhile
		"<Barrier resetting waiters=0/5>",
		"<Barrier filling waiters=2/5>",
		"<Barrier broken>",
	)
}
