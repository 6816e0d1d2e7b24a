package asyncio_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"example.com/asyncio"
)

// blocks are the kinds of blocks whose function receives a new ctx. Calling end cancels
// the block.
var blocks = map[string]func(ctx context.Context, body func(ctx context.Context, end func()) error) error{
	"Timeout": func(ctx context.Context, body func(ctx context.Context, end func()) error) error {
		tm := asyncio.NewTimeout(asyncio.Never)
		return tm.Run(ctx, func(ctx context.Context) error {
			return body(ctx, func() { _ = tm.Reschedule(0) })
		})
	},
	"TaskGroup": func(ctx context.Context, body func(ctx context.Context, end func()) error) error {
		return asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
			return body(ctx, func() { tg.Go(func(context.Context) error { return errBoom }) })
		})
	},
}

// When a block cancels itself, its ctx and derived ones are done during the cleanup and
// stay done. The outer ctx is not done.
func TestCancelledBlockEndsOnlyItsOwnCtx(t *testing.T) {
	for name, block := range blocks {
		t.Run(name, func(t *testing.T) {
			run(t, func(outside context.Context) error {
				var inside, derived context.Context
				err := block(outside, func(ctx context.Context, end func()) error {
					inside = ctx
					var stop context.CancelFunc
					derived, stop = context.WithCancel(ctx)
					defer stop()
					equal(t, "before the cancel: inside, outside", []any{isDone(t, ctx), isDone(t, outside)}, "[false false]")
					end()
					err := asyncio.Sleep(ctx, time.Hour)
					wantErr(t, err, asyncio.ErrCancelled)
					equal(t, "in the cleanup: inside, derived, outside",
						[]any{isDone(t, ctx), isDone(t, derived), isDone(t, outside)}, "[true true false]")
					if err := asyncio.Sleep(ctx, time.Second); err != nil {
						t.Errorf("Sleep in the cleanup returned %v; want nil", err)
					}
					return err
				})
				if err == nil || errors.Is(err, asyncio.ErrCancelled) {
					t.Errorf("the block returned %v; want its own error", err)
				}
				equal(t, "after the block: inside, derived, outside",
					[]any{isDone(t, inside), isDone(t, derived), isDone(t, outside)}, "[true true false]")
				return asyncio.Yield(outside)
			})
		})
	}
}

// The ctx of a block is done after the block has ended, even without any cancellation.
func TestCtxOfFinishedBlockIsDone(t *testing.T) {
	for name, block := range blocks {
		t.Run(name, func(t *testing.T) {
			run(t, func(outside context.Context) error {
				for _, observe := range []bool{true, false} {
					var inside context.Context
					err := block(outside, func(ctx context.Context, _ func()) error {
						inside = ctx
						if observe {
							equal(t, "in the block", isDone(t, ctx), false)
						}
						return nil
					})
					if err != nil {
						return err
					}
					equal(t, "after the block: inside, outside", []any{isDone(t, inside), isDone(t, outside)}, "[true false]")
				}
				return nil
			})
		})
	}
}

// Cancelling a task ends the ctx of each of its blocks. A block that cancels itself ends
// the ctx of inner blocks but not of outer ones.
func TestCtxOfNestedBlocks(t *testing.T) {
	for name, block := range blocks {
		t.Run(name, func(t *testing.T) {
			run(t, func(task context.Context) error {
				return block(task, func(outer context.Context, _ func()) error {
					err := block(outer, func(middle context.Context, end func()) error {
						return block(middle, func(inner context.Context, _ func()) error {
							end()
							err := asyncio.Sleep(inner, time.Hour)
							equal(t, "the inner, middle, outer block, the task",
								[]any{isDone(t, inner), isDone(t, middle), isDone(t, outer), isDone(t, task)}, "[true true false false]")
							return err
						})
					})
					if err == nil {
						t.Error("the block returned nil; want an error")
					}
					asyncio.CurrentTask(outer).Cancel()
					equal(t, "the block, the task", []any{isDone(t, outer), isDone(t, task)}, "[true true]")
					wantErr(t, asyncio.Yield(outer), asyncio.ErrCancelled)
					asyncio.CurrentTask(outer).Uncancel()
					return nil
				})
			})
		})
	}
}

// After Uncancel, the ctx of a block stays done, as that of the task does. Awaits work.
func TestUncancelLeavesCtxOfBlocksDone(t *testing.T) {
	for name, block := range blocks {
		t.Run(name, func(t *testing.T) {
			run(t, func(task context.Context) error {
				err := block(task, func(outer context.Context, _ func()) error {
					return block(outer, func(inner context.Context, end func()) error {
						self := asyncio.CurrentTask(inner)
						for range 2 {
							self.Cancel()
							wantErr(t, asyncio.Yield(inner), asyncio.ErrCancelled)
							self.Uncancel()
							equal(t, "withdrawn: the inner, the outer block, the task",
								[]any{isDone(t, inner), isDone(t, outer), isDone(t, task)}, "[true true true]")
							equal(t, "an await", asyncio.Yield(inner), nil)
						}
						end()
						err := asyncio.Sleep(inner, time.Hour)
						if err == nil {
							t.Error("Sleep returned nil; want an error")
						}
						return err
					})
				})
				if err == nil {
					t.Error("the block returned nil; want an error")
				}
				return nil
			})
		})
	}
}

// Goroutines may use the ctx of a block while the loop cancels and closes it.
func TestCtxOfBlockInGoroutines(t *testing.T) {
	for name, block := range blocks {
		t.Run(name, func(t *testing.T) {
			run(t, func(task context.Context) error {
				var ended sync.WaitGroup
				_ = block(task, func(ctx context.Context, end func()) error {
					for range 4 {
						ended.Go(func() {
							for ctx.Err() == nil {
								runtime.Gosched()
							}
							<-ctx.Done()
							_ = context.Cause(ctx)
						})
					}
					end()
					return asyncio.Sleep(ctx, time.Hour)
				})
				ended.Wait()
				return nil
			})
		})
	}
}

// race is a custom block made with NewScope. It calls body and runs the rivals as tasks.
// The first result wins, and the others are cancelled and awaited. Without any result,
// race joins the errors.
func race[T any](ctx context.Context, body func(ctx context.Context) (T, error), rivals ...func(ctx context.Context) (T, error)) (T, error) {
	var none T
	scope, err := asyncio.NewScope(ctx, nil)
	if err != nil {
		return none, err
	}
	defer scope.Close()
	self, before := scope.Task(), scope.Task().Cancelling()
	tasks := spawn(scope, rivals...)
	stop := func() {
		for _, task := range tasks {
			task.Cancel()
		}
	}
	var winner *asyncio.Task[T]
	inBody, asked := true, false
	for _, task := range tasks {
		task.AddDoneCallback(func(context.Context, asyncio.AnyFuture) {
			if winner == nil && task.Exception() == nil {
				winner = task
				stop()
				asked = inBody && scope.Cancel("a race")
			}
		})
	}

	value, err := body(scope)
	inBody = false
	bodyWon := err == nil && winner == nil
	if bodyWon || errors.Is(err, asyncio.ErrCancelled) {
		stop()
	}
	for len(tasks) > 0 {
		_, _, cancelled := asyncio.Wait(ctx, tasks)
		if cancelled == nil {
			break
		}
		err = cancelled
		stop()
	}

	if asked {
		self.Uncancel()
	}
	switch {
	case self.Cancelling() > before && err != nil: // from outside
		return none, err
	case bodyWon:
		return value, nil
	case winner != nil:
		return winner.Result()
	}
	for _, task := range tasks {
		err = errors.Join(err, task.Exception())
	}
	return none, err
}

// Scope allows custom blocks. The cancellation of its own block is visible only inside
// the block.
func TestScopeRace(t *testing.T) {
	var log record
	runner := func(name string, takes time.Duration, err error) func(ctx context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			cancel := asyncio.Sleep(ctx, takes)
			if cancel != nil {
				log.Add("%s: %s, ctx done: %v", name, brief(cancel), isDone(t, ctx))
				return "", cancel
			}
			return name, err
		}
	}
	const slow, fast = 2 * time.Second, time.Second
	for _, c := range []struct {
		name   string
		race   func(ctx context.Context) (string, error)
		result string
		log    []string
	}{
		{"the body wins", func(ctx context.Context) (string, error) {
			return race(ctx, runner("body", fast, nil), runner("rival", slow, nil))
		}, "body ok", []string{"rival: cancelled, ctx done: true"}},
		{"a rival wins", func(ctx context.Context) (string, error) {
			return race(ctx, runner("body", slow, nil), runner("lame", slow, nil), runner("rival", fast, nil))
		}, "rival ok", []string{"lame: cancelled, ctx done: true", "body: cancelled, ctx done: true"}},
		{"a rival fails", func(ctx context.Context) (string, error) {
			return race(ctx, runner("body", slow, nil), runner("rival", fast, errBoom))
		}, "body ok", nil},
		{"the body fails", func(ctx context.Context) (string, error) {
			return race(ctx, runner("body", fast, errBoom), runner("rival", slow, nil))
		}, "rival ok", nil},
		{"all fail", func(ctx context.Context) (string, error) {
			return race(ctx, runner("body", fast, errBoom), runner("rival", slow, errWorse))
		}, " boom\nworse", nil},
		{"a rival wins after the body failed", func(ctx context.Context) (string, error) {
			return race(ctx, runner("body", 0, errBoom), runner("rival", fast, nil), runner("lame", slow, nil))
		}, "rival ok", []string{"lame: cancelled, ctx done: true"}},
		{"a race in a race", func(ctx context.Context) (string, error) {
			return race(ctx, func(ctx context.Context) (string, error) {
				return race(ctx, runner("body", slow, nil), runner("inner rival", slow, nil))
			}, runner("rival", fast, nil))
		}, "rival ok", []string{"body: cancelled, ctx done: true", "inner rival: cancelled, ctx done: true"}},
		{"too slow", func(ctx context.Context) (name string, err error) {
			err = asyncio.Timeout(ctx, fast/2, func(ctx context.Context) error {
				name, err = race(ctx, runner("body", slow, nil), runner("rival", fast, nil))
				return err
			})
			return name, err
		}, " asyncio: timed out after 500ms", []string{"body: cancelled, ctx done: true", "rival: cancelled, ctx done: true"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(ctx context.Context) error {
				name, err := c.race(ctx)
				equal(t, "the result", name+" "+brief(err), c.result)
				equal(t, "cancelling, ctx done", []any{asyncio.CurrentTask(ctx).Cancelling(), isDone(t, ctx)}, "[0 false]")
				equal(t, "tasks left", len(asyncio.AllTasks(ctx)), 1)
				return asyncio.Yield(ctx)
			})
			log.Want(t, c.log...)
		})
	}
}

// A race that is cancelled from outside, before or after it has a winner, ends cancelled.
func TestScopeCancelledFromOutside(t *testing.T) {
	run(t, func(ctx context.Context) error {
		for _, rival := range []time.Duration{time.Second, time.Hour} {
			task, err := cancelLater(ctx, func(ctx context.Context) error {
				_, err := race(ctx, sleepThen(time.Hour, 1), sleepThen(rival, 2))
				return err
			})
			wantErr(t, err, asyncio.ErrCancelled)
			equal(t, "cancelled, cancelling", []any{task.Cancelled(), task.Cancelling()}, "[true 1]")
		}
		return nil
	})
}

// Scope.Cancelling reports whether any cancel request of the task is undelivered.
func TestScopeCancelling(t *testing.T) {
	run(t, func(ctx context.Context) error {
		for _, when := range []string{"running", "ready", "suspended"} {
			var scope *asyncio.Scope
			task := asyncio.Go(ctx, func(ctx context.Context) (err error) {
				if scope, err = asyncio.NewScope(ctx, nil); err != nil {
					return err
				}
				defer scope.Close()
				equal(t, "the task", scope.Task(), asyncio.CurrentTask(ctx))
				switch when {
				case "running":
					scope.Cancel("me")
					equal(t, "undelivered", scope.Cancelling(), true)
					err = asyncio.Yield(scope)
				case "ready":
					err = asyncio.Yield(scope)
				case "suspended":
					err = asyncio.Sleep(scope, time.Hour)
				}
				wantErr(t, err, asyncio.ErrCancelled)
				equal(t, "after delivery: undelivered, Task.Cancelling", []any{scope.Cancelling(), scope.Task().Cancelling()}, "[false 1]")
				return err
			})
			yields(ctx, 1)
			if when != "running" {
				equal(t, when+": before", scope.Cancelling(), false)
				task.Cancel()
				equal(t, when+": undelivered", scope.Cancelling(), true)
			}
			_, err := task.Await(ctx)
			wantErr(t, err, asyncio.ErrCancelled)
		}
		return nil
	})
}

// NewScope requires the ctx of the running task. The Scope has the deadline and values of
// that ctx.
func TestScopeCtx(t *testing.T) {
	type key struct{}
	_, err := asyncio.NewScope(context.Background(), nil)
	wantErr(t, err, asyncio.ErrNoRunningLoop)
	run(t, func(ctx context.Context) error {
		running(ctx).CallSoon(func(ctx context.Context) {
			_, err := asyncio.NewScope(ctx, nil)
			wantErr(t, err, asyncio.ErrWrongContext)
		})
		yields(ctx, 1)
		end := time.Now().Add(time.Hour)
		above, stop := context.WithDeadline(context.WithValue(ctx, key{}, "value"), end)
		defer stop()
		scope, err := asyncio.NewScope(above, nil)
		if err != nil {
			return err
		}
		defer scope.Close()
		deadline, ok := scope.Deadline()
		equal(t, "value, deadline", []any{scope.Value(key{}), ok, deadline.Equal(end)}, "[value true true]")
		equal(t, "done", isDone(t, scope), false)
		equal(t, "value, after Done was called", []any{scope.Value(key{}), asyncio.CurrentTask(scope) == scope.Task()}, "[value true]")
		stop()
		equal(t, "done, after its parent", isDone(t, scope), true)
		return nil
	})
}

// A block that receives the cancel of a timeout around it, and ends otherwise, leaves the
// cancel to the next await. The ctx outside of the timeout stays open.
func TestScopeThatIsRedelivered(t *testing.T) {
	slow := func(ctx context.Context) error { // does not end at once when it is cancelled
		_ = asyncio.Sleep(ctx, 10*time.Second)
		return errBoom
	}
	for name, block := range map[string]func(ctx context.Context){
		"group": func(ctx context.Context) {
			wantGroup(t, asyncio.WithTaskGroup(ctx, func(ctx context.Context, tg *asyncio.TaskGroup) error {
				tg.Go(slow)
				return nil
			}), errBoom)
		},
		"Map": func(ctx context.Context) {
			for range asyncio.Map(ctx, 2, slices.Values([]int{0, 1}), func(ctx context.Context, n int) (int, error) {
				if n == 0 {
					return 0, nil
				}
				_ = asyncio.Sleep(ctx, 10*time.Second)
				return 0, asyncio.Sleep(ctx, 10*time.Second)
			}) {
				break
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(ctx context.Context) error {
				outside, stop := context.WithCancel(ctx)
				defer stop()
				err := asyncio.Timeout(ctx, time.Second, func(ctx context.Context) error {
					block(ctx)
					return asyncio.Sleep(ctx, time.Hour)
				})
				wantErr(t, err, asyncio.ErrTimeout)
				equal(t, "the errors of the ctx outside", []any{ctx.Err(), outside.Err()}, "[<nil> <nil>]")
				equal(t, "cancelling", asyncio.CurrentTask(ctx).Cancelling(), 0)
				return asyncio.Sleep(outside, time.Second)
			})
		})
	}
}
