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

// A308: the tasks of a round wait for each other. The last to arrive proceeds first. Each
// gets a distinct index.
func TestBarrier(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		b := asyncio.NewBarrier(3)
		for i := range 3 {
			equal(t, "the barrier", b, fmt.Sprintf("<Barrier filling waiters=%d/3>", i))
			equal(t, "Waiting()", b.Waiting(), i)
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
		equal(t, "Parties()", b.Parties(), 3)
		equal(t, "Waiting()", b.Waiting(), 0)
		return nil
	})
}

// A308: a barrier needs at least one party. With a single party, Wait does not wait.
func TestBarrierParties(t *testing.T) {
	wantErr(t, panicOf(func() { asyncio.NewBarrier(0) }), asyncio.ErrInvalidArgument, "NewBarrier(0): there are no parties; use 1 task or more")
	wantErr(t, panicOf(func() { asyncio.NewBarrier(-4) }), asyncio.ErrInvalidArgument, "NewBarrier(-4)")
	run(t, func(ctx context.Context) error {
		b := asyncio.NewBarrier(1)
		for range 2 {
			n, err := b.Wait(ctx)
			equal(t, "index and error", fmt.Sprint(n, err), "0 <nil>")
			equal(t, "the barrier", b, "<Barrier filling waiters=0/1>")
		}
		return nil
	})
}

// A309: a task that arrives for the next round while the previous one is leaving waits
// until it has left. Rounds do not mix.
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
		equal(t, "the indexes", numbers, [rounds][parties]bool{{true, true, true, true, true}, {true, true, true, true, true}, {true, true, true, true, true}})
		equal(t, "the barrier", b, "<Barrier filling waiters=0/5>")
		return err
	})
}

// A309: newcomers wait until the round has left and then count for the next round.
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

// A309: some tasks of a round return to the barrier immediately and some later. All pass.
func TestBarrierStaggeredReturn(t *testing.T) {
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

// A310: a cancelled task leaves, and the barrier waits for another. That one may get an
// index that was already given out.
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
		equal(t, "Waiting()", b.Waiting(), 2)
		first.Cancel()
		yields(ctx, 1)
		log.Want(t, "a: 0, cancelled")
		equal(t, "the barrier", b, "<Barrier filling waiters=1/3>")
		equal(t, "Broken()", b.Broken(), false)
		wait("c")
		yields(ctx, 1)
		equal(t, "Waiting()", b.Waiting(), 2)
		wait("d")
		yields(ctx, 5)
		log.Want(t, "d: 2, ok", "b: 1, ok", "c: 1, ok")
		return nil
	})
}

// A311: Reset returns an error to the waiting tasks. The barrier is then ready for a new
// round.
func TestBarrierReset(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		b := asyncio.NewBarrier(3)
		tasks := make([]*asyncio.Task[asyncio.None], 2)
		for i := range tasks {
			tasks[i] = asyncio.Go(ctx, func(ctx context.Context) error {
				_, err := b.Wait(ctx)
				wantErr(t, err, asyncio.ErrBrokenBarrier, "asyncio: broken barrier: Wait on <Barrier resetting waiters=0/3>")
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

// A311: Reset without waiting tasks changes nothing, also just after a round has left.
func TestBarrierResetWhenEmpty(t *testing.T) {
	run(t, func(ctx context.Context) error {
		b := asyncio.NewBarrier(1)
		err := b.Reset(ctx)
		equal(t, "the barrier", b, "<Barrier filling waiters=0/1>")
		_, waitErr := b.Wait(ctx)
		return also(err, waitErr, b.Reset(ctx))
	})
}

// A311: a Reset or Abort while a round is leaving breaks it for the tasks that have not
// left yet.
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
				equal(t, "left and broken", fmt.Sprint(left, broken), "3 2")
				equal(t, "the barrier", b, c.after)
				return err
			})
		})
	}
}

// A311: Reset does not affect tasks that wait for a round to leave, because they do not
// wait at the barrier yet. Abort does.
func TestBarrierResetOrAbortAndNewcomers(t *testing.T) {
	const parties = 5
	for _, c := range []struct {
		name string
		act  func(b *asyncio.Barrier, ctx context.Context) error
		// The tasks whose first Wait failed, whose second Wait failed, and whose second
		// Wait succeeded.
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

// A311: a Reset by the last task to leave a round does not affect the next round: the
// others have returned and wait for that task to leave.
func TestBarrierResetByLastToLeave(t *testing.T) {
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

// A311: Wait fails at an aborted barrier until Reset.
func TestBarrierAbort(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		b := asyncio.NewBarrier(2)
		waits := asyncio.Go(ctx, func(ctx context.Context) error {
			_, err := b.Wait(ctx)
			wantErr(t, err, asyncio.ErrBrokenBarrier, "Wait on <Barrier broken>")
			return nil
		})
		yields(ctx, 1)
		if err := b.Abort(ctx); err != nil {
			return err
		}
		equal(t, "Broken()", b.Broken(), true)
		if _, err := waits.Await(ctx); err != nil {
			return err
		}
		_, err := b.Wait(ctx)
		wantErr(t, err, asyncio.ErrBrokenBarrier, "Wait on <Barrier broken>: the barrier was aborted; Reset it")
		equal(t, "Waiting()", b.Waiting(), 0)

		if err := b.Reset(ctx); err != nil {
			return err
		}
		equal(t, "Broken()", b.Broken(), false)
		return together(ctx, 2, func(ctx context.Context, i int) error {
			_, err := b.Wait(ctx)
			log.Add("%d: %s", i, brief(err))
			return err
		})
	})
	log.Want(t, "1: ok", "0: ok")
}

// A311: one task of a round fails and aborts the barrier. The others, which wait for the
// next round, get an error. After all have met at another barrier, one task resets the
// first.
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
				return fmt.Errorf("the task proceeded with %v", err)
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

// A312: With waits at the barrier and then calls its function, unless the wait failed.
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
		wantErr(t, b.With(ctx, nil), asyncio.ErrInvalidArgument, "With on <Barrier filling waiters=0/2>: fn is nil")
		_ = b.Abort(ctx)
		wantErr(t, b.With(ctx, func(context.Context) error {
			t.Error("With called its function")
			return nil
		}), asyncio.ErrBrokenBarrier)
		one := asyncio.NewBarrier(1)
		equal(t, "the error", one.With(ctx, func(context.Context) error { return errBoom }), errBoom)
		return err
	})
}

// A314: String shows the state of a barrier, the number of waiting tasks, and its
// parties.
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
		"<Barrier filling waiters=2/5>", // the round has left
		"<Barrier resetting waiters=0/5>",
		"<Barrier filling waiters=2/5>",
		"<Barrier broken>",
	)
}

// A zero Barrier has no parties, so the methods that wait panic. The others work.
func TestBarrierZero(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var b asyncio.Barrier
		for act, call := range map[string]func(){
			"Wait":  func() { _, _ = b.Wait(ctx) },
			"With":  func() { _ = b.With(ctx, never) },
			"Reset": func() { _ = b.Reset(ctx) },
			"Abort": func() { _ = b.Abort(ctx) },
		} {
			wantErr(t, panicOf(call), asyncio.ErrMisuse,
				act+" on <Barrier filling waiters=0/0>: this is a zero Barrier; make it with NewBarrier")
		}
		equal(t, "Parties(), Waiting() and Broken()", fmt.Sprint(b.Parties(), b.Waiting(), b.Broken()), "0 0 false")
		return nil
	})
}
