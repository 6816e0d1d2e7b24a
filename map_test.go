package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// naturals yields 1, 2, 3 and so on, without an end. It counts in *pulled.
func naturals(pulled *int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for n := 1; ; n++ {
			*pulled = n
			if !yield(n) {
				return
			}
		}
	}
}

// sleeps is a function for Map. It sleeps for n seconds and returns n, or a negative n as
// an error.
func sleeps(ctx context.Context, n int) (string, error) {
	if err := asyncio.Sleep(ctx, time.Duration(max(n, -n))*time.Second); err != nil {
		return "lost", err
	}
	if n < 0 {
		return "lost", fmt.Errorf("%d failed", n)
	}
	return fmt.Sprint(n), nil
}

type mapFunc func(context.Context, int, iter.Seq[int], func(context.Context, int) (string, error)) iter.Seq2[string, error]

// bothMaps lists both functions, for what they have in common.
var bothMaps = map[string]mapFunc{
	"Map":          asyncio.Map[int, string],
	"MapUnordered": asyncio.MapUnordered[int, string],
}

func forMaps(t *testing.T, test func(t *testing.T, mapped mapFunc)) {
	for name, mapped := range bothMaps {
		t.Run(name, func(t *testing.T) { test(t, mapped) })
	}
}

// onlyMain fails the test if a task other than the main task is left.
func onlyMain(ctx context.Context, t *testing.T) {
	t.Helper()
	if all := asyncio.AllTasks(ctx); len(all) != 1 {
		t.Errorf("the tasks are %v", all)
	}
}

// The results come in the order of the items. An error comes at the position of its item.
func TestMapOrder(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		for got, err := range asyncio.Map(ctx, 2, slices.Values([]int{3, 1, -2, 4, 0}), sleeps) {
			log.Add("%v: %q, %s", running(ctx).Time(), got, brief(err))
		}
		onlyMain(ctx, t)
		return nil
	})
	log.Want(t,
		`3s: "3", ok`,
		`3s: "1", ok`,
		`5s: "", -2 failed`,
		`7s: "4", ok`,
		`7s: "0", ok`,
	)
}

// The results come in the order of completion. Items that end in the same turn keep their
// order.
func TestMapUnorderedOrder(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		for got, err := range asyncio.MapUnordered(ctx, 2, slices.Values([]int{3, 1, -2, 4, 0, 0}), sleeps) {
			log.Add("%v: %q, %s", running(ctx).Time(), got, brief(err))
		}
		onlyMain(ctx, t)
		return nil
	})
	log.Want(t,
		`1s: "1", ok`,
		`3s: "3", ok`,
		`3s: "", -2 failed`,
		`3s: "0", ok`,
		`3s: "0", ok`,
		`7s: "4", ok`,
	)
}

// At most limit calls run at the same time, and Map is at most limit items ahead of the
// yielded results, also for a sequence without an end.
func TestMapLimit(t *testing.T) {
	forMaps(t, func(t *testing.T, mapped mapFunc) {
		for _, limit := range []int{1, 2, 7} {
			run(t, func(ctx context.Context) error {
				pulled, yielded, active, most := 0, 0, 0, 0
				fn := func(ctx context.Context, n int) (string, error) {
					active++
					most = max(most, active)
					defer func() { active-- }()
					if ahead := n - yielded; ahead > limit {
						t.Errorf("limit %d: item %d starts when %d results have been yielded", limit, n, yielded)
					}
					return fmt.Sprint(n), asyncio.Sleep(ctx, time.Second)
				}
				for _, err := range mapped(ctx, limit, naturals(&pulled), fn) {
					if err != nil {
						return err
					}
					if yielded++; pulled-yielded > limit {
						t.Errorf("limit %d: %d items pulled, %d results yielded", limit, pulled, yielded)
					}
					if yielded == 20 {
						break
					}
					if yielded%5 == 0 { // a slow consumer
						if err := asyncio.Sleep(ctx, 10*time.Second); err != nil {
							return err
						}
					}
				}
				equal(t, "the most calls at a time", most, limit)
				equal(t, "the calls after the break", active, 0)
				onlyMain(ctx, t)
				return nil
			})
		}
	})
}

// A limit beyond the number of items starts all of them. Of no items there are no
// results.
func TestMapShortSequences(t *testing.T) {
	forMaps(t, func(t *testing.T, mapped mapFunc) {
		run(t, func(ctx context.Context) error {
			for n := range 4 {
				began, results := running(ctx).Time(), 0
				for got, err := range mapped(ctx, 100, slices.Values(slices.Repeat([]int{1}, n)), sleeps) {
					equal(t, "a result", []any{got, err}, "[1 <nil>]")
					results++
				}
				equal(t, "the number of results", results, n)
				equal(t, "the time", running(ctx).Time()-began, time.Duration(min(n, 1))*time.Second)
			}
			return nil
		})
	})
}

// A range that is left cancels the running calls in the name of the Map, and waits for
// their cleanup. This holds for a break, a return, a panic and runtime.Goexit.
func TestMapRangeEndsEarly(t *testing.T) {
	leave := map[string]func(){"break": func() {}, "panic": func() { panic(errBoom) }, "Goexit": runtime.Goexit}
	forMaps(t, func(t *testing.T, mapped mapFunc) {
		for name, end := range leave {
			var log record
			inGoroutine(func() {
				_ = panicOf(func() {
					_ = runErr(t, func(ctx context.Context) error {
						running(ctx).SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) {})
						defer func() {
							log.Add("%v: left, cancelling: %d", running(ctx).Time(), asyncio.CurrentTask(ctx).Cancelling())
							onlyMain(ctx, t)
						}()
						fn := func(ctx context.Context, n int) (string, error) {
							_, err := sleeps(ctx, n)
							if err != nil {
								_ = asyncio.Sleep(ctx, time.Minute) // cleanup
								log.Add("%v: %d: %s", running(ctx).Time(), n, err)
							}
							return "", err
						}
						for range mapped(ctx, 3, slices.Values([]int{1, 5, 6, 7}), fn) {
							end()
							break
						}
						return nil
					})
				})
			})
			act := t.Name()[len("TestMapRangeEndsEarly/"):]
			log.Want(t,
				"1m1s: 5: asyncio: cancelled by a "+act+", whose range has ended",
				"1m1s: 6: asyncio: cancelled by a "+act+", whose range has ended",
				"1m1s: left, cancelling: 0",
			)
			if t.Failed() {
				t.Fatal("after a ", name)
			}
		}
	})
}

// Tasks that have not begun before a break never begin. No further item is pulled.
func TestMapRangeEndsAtTheFirstResult(t *testing.T) {
	forMaps(t, func(t *testing.T, mapped mapFunc) {
		run(t, func(ctx context.Context) error {
			pulled, begun := 0, 0
			for range mapped(ctx, 1, naturals(&pulled), func(context.Context, int) (string, error) { begun++; return "", nil }) {
				break
			}
			equal(t, "pulled, begun", []int{pulled, begun}, "[1 1]")
			return nil
		})
	})
}

// If the caller is cancelled, the running calls are cancelled and waited for. Then the
// range yields the cancel, once.
func TestMapCancelled(t *testing.T) {
	forMaps(t, func(t *testing.T, mapped mapFunc) {
		var log record
		run(t, func(ctx context.Context) error {
			task, err := cancelLater(ctx, func(ctx context.Context) error {
				var last error
				for got, err := range mapped(ctx, 2, slices.Values([]int{0, 5, 6, 7}), func(ctx context.Context, n int) (string, error) {
					got, err := sleeps(ctx, n)
					if err != nil {
						_ = asyncio.Sleep(ctx, time.Minute) // cleanup
						log.Add("%v: %d: %s", running(ctx).Time(), n, err)
					}
					return got, err
				}) {
					log.Add("%v: %q, %s", running(ctx).Time(), got, brief(err))
					last = err
				}
				log.Add("%v: the end", running(ctx).Time())
				return last
			})
			log.Add("%s, cancelled: %v, cancelling: %d", brief(err), task.Cancelled(), task.Cancelling())
			onlyMain(ctx, t)
			return nil
		})
		act := t.Name()[len("TestMapCancelled/"):]
		log.Want(t,
			`0s: "0", ok`,
			"1m1s: 5: asyncio: cancelled by a "+act+", whose range was cancelled: enough",
			"1m1s: 6: asyncio: cancelled by a "+act+", whose range was cancelled: enough",
			`1m1s: "", cancelled: enough`,
			"1m1s: the end",
			"cancelled: enough, cancelled: true, cancelling: 1",
		)
	})
}

// A cancel is not lost wherever it comes: at each await of the caller and of the calls,
// the task ends cancelled and nothing is left.
func TestMapCancelledAtEveryAwait(t *testing.T) {
	forMaps(t, func(t *testing.T, mapped mapFunc) {
		for breaks := range 2 {
			for turn := range 25 {
				run(t, func(ctx context.Context) error {
					fn := func(ctx context.Context, n int) (string, error) {
						err := asyncio.Yield(ctx)
						_ = asyncio.Yield(ctx) // cleanup
						return "", err
					}
					ended := false
					task := asyncio.Go(ctx, func(ctx context.Context) error {
						results := 0
						for _, err := range mapped(ctx, 3, slices.Values(slices.Repeat([]int{1}, 7)), fn) {
							if err != nil {
								return err
							}
							if err := asyncio.Yield(ctx); err != nil {
								return err
							}
							if results++; results == 3 && breaks == 1 {
								break
							}
						}
						ended = true
						return asyncio.Yield(ctx)
					})
					yields(ctx, turn)
					asked := task.Cancel()
					_, err := task.Await(ctx)
					if task.Cancelled() != asked || asked != errors.Is(err, asyncio.ErrCancelled) {
						t.Errorf("break: %v, cancelled in turn %d: %v, ended: %v, %v", breaks == 1, turn, asked, ended, err)
					}
					onlyMain(ctx, t)
					return nil
				})
			}
		}
	})
}

// A cancel during the wait after a break is delivered at the next await.
func TestMapCancelledAfterABreak(t *testing.T) {
	forMaps(t, func(t *testing.T, mapped mapFunc) {
		run(t, func(ctx context.Context) error {
			task, err := cancelLater(ctx, func(ctx context.Context) error {
				for range mapped(ctx, 2, slices.Values([]int{0, 5}), func(ctx context.Context, n int) (string, error) {
					if _, err := sleeps(ctx, n); err != nil {
						return "", asyncio.Sleep(ctx, time.Minute) // cleanup
					}
					return "", nil
				}) {
					break
				}
				equal(t, "time, cancelling", []any{running(ctx).Time(), asyncio.CurrentTask(ctx).Cancelling()}, "[1m0s 1]")
				return asyncio.Sleep(ctx, time.Hour)
			})
			equal(t, "the error", brief(err), "cancelled: enough")
			equal(t, "cancelled, cancelling, time", []any{task.Cancelled(), task.Cancelling(), running(ctx).Time()}, "[true 1 1m0s]")
			return nil
		})
	})
}

// A deadline of the ctx ends the range like a cancel. The calls are waited for.
func TestMapUnderADeadline(t *testing.T) {
	forMaps(t, func(t *testing.T, mapped mapFunc) {
		var log record
		run(t, func(ctx context.Context) error {
			short, stop := context.WithCancel(ctx)
			defer stop()
			running(ctx).CallLater(time.Second, func(context.Context) { stop() })
			for got, err := range mapped(short, 2, slices.Values([]int{5, 6, 7}), func(ctx context.Context, n int) (string, error) {
				_, err := sleeps(ctx, n)
				_ = asyncio.Sleep(ctx, time.Minute) // cleanup
				log.Add("%d: %v", n, err)
				return "", err
			}) {
				log.Add("%q, %v", got, err)
			}
			onlyMain(ctx, t)
			return nil
		})
		act := t.Name()[len("TestMapUnderADeadline/"):]
		log.Want(t,
			"5: asyncio: cancelled by a "+act+", whose range failed: context canceled",
			"6: asyncio: cancelled by a "+act+", whose range failed: context canceled",
			`"", context canceled`,
		)
	})
}

// A timeout around the range ends it.
func TestMapInATimeout(t *testing.T) {
	forMaps(t, func(t *testing.T, mapped mapFunc) {
		run(t, func(ctx context.Context) error {
			pulled := 0
			err := asyncio.Timeout(ctx, 10*time.Second, func(ctx context.Context) error {
				for _, err := range mapped(ctx, 3, naturals(&pulled), func(ctx context.Context, n int) (string, error) {
					return "", asyncio.Sleep(ctx, 3*time.Second)
				}) {
					if err != nil {
						return err
					}
				}
				return nil
			})
			wantErr(t, err, asyncio.ErrTimeout)
			onlyMain(ctx, t)
			return nil
		})
	})
}

// A panic in a call is a PanicError at the position of the item, and is reported. A call
// that ends cancelled has a CancelledError there. The range continues after both.
func TestMapPanicAndCancelInACall(t *testing.T) {
	forMaps(t, func(t *testing.T, mapped mapFunc) {
		var log record
		run(t, func(ctx context.Context) error {
			reports := 0
			running(ctx).SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) { reports++ })
			for got, err := range mapped(ctx, 2, slices.Values([]int{1, 2, 3, 4}), func(ctx context.Context, n int) (string, error) {
				switch n {
				case 2:
					panic(errBoom)
				case 3:
					asyncio.CurrentTask(ctx).CancelWith("myself")
				}
				return "done", asyncio.Yield(ctx)
			}) {
				var p *asyncio.PanicError
				switch {
				case errors.As(err, &p):
					log.Add("%q, panic: %v", got, p.Value)
				default:
					log.Add("%q, %s", got, brief(err))
				}
			}
			equal(t, "the reports", reports, 1)
			return nil
		})
		slices.Sort(log.Lines)
		log.Want(t, `"", cancelled: myself`, `"", panic: boom`, `"done", ok`, `"done", ok`)
	})
}

// An error that was not yielded is reported, as that of any task.
func TestMapReportsDroppedErrors(t *testing.T) {
	forMaps(t, func(t *testing.T, mapped mapFunc) {
		var log record
		run(t, func(ctx context.Context) error {
			running(ctx).SetExceptionHandler(func(_ context.Context, e *asyncio.ExceptionContext) { log.Add("reported: %v", e.Exception) })
			for range mapped(ctx, 2, slices.Values([]int{1, -1}), sleeps) {
				break
			}
			return asyncio.Sleep(ctx, time.Second)
		})
		log.Want(t, "reported: -1 failed")
	})
}

// The sequence may suspend: it is iterated by the calling task. So the items may come
// from a queue, or from another Map.
func TestMapOfASequenceThatSuspends(t *testing.T) {
	forMaps(t, func(t *testing.T, mapped mapFunc) {
		var log record
		run(t, func(ctx context.Context) error {
			ticks := func(yield func(int) bool) {
				for n := range 3 {
					if asyncio.Sleep(ctx, 10*time.Second) != nil || !yield(n) {
						return
					}
				}
			}
			sums := func(yield func(int) bool) {
				for n, err := range asyncio.Map(ctx, 2, ticks, func(_ context.Context, n int) (int, error) { return n + 1, nil }) {
					if err != nil || !yield(n) {
						return
					}
				}
			}
			for got, err := range mapped(ctx, 1, sums, sleeps) {
				log.Add("%v: %q, %v", running(ctx).Time(), got, err)
			}
			onlyMain(ctx, t)
			return nil
		})
		log.Want(t,
			`21s: "1", <nil>`, // the inner Map is two items ahead
			`33s: "2", <nil>`,
			`36s: "3", <nil>`,
		)
	})
}

// A second range calls the function again.
func TestMapRangedTwice(t *testing.T) {
	forMaps(t, func(t *testing.T, mapped mapFunc) {
		run(t, func(ctx context.Context) error {
			calls := 0
			all := mapped(ctx, 2, slices.Values([]int{1, 2, 3}), func(context.Context, int) (string, error) { calls++; return "", nil })
			for range 2 {
				for _, err := range all {
					if err != nil {
						return err
					}
				}
			}
			equal(t, "the calls", calls, 6)
			return nil
		})
	})
}

// Eager tasks that do not suspend work too.
func TestMapOfEagerTasks(t *testing.T) {
	forMaps(t, func(t *testing.T, mapped mapFunc) {
		run(t, func(ctx context.Context) error {
			running(ctx).SetTaskFactory(asyncio.EagerTaskFactory)
			var all []string
			for got, err := range mapped(ctx, 2, slices.Values([]int{1, 2, 3}), func(_ context.Context, n int) (string, error) { return fmt.Sprint(n), nil }) {
				if err != nil {
					return err
				}
				all = append(all, got)
			}
			equal(t, "the results", all, "[1 2 3]")
			return nil
		})
	})
}

// Invalid arguments panic at the call. With the ctx of no task, the range yields an
// error.
func TestMapMisuse(t *testing.T) {
	forMaps(t, func(t *testing.T, mapped mapFunc) {
		seq := slices.Values([]int{1})
		for _, limit := range []int{0, -1} {
			wantErr(t, panicOf(func() { mapped(context.Background(), limit, seq, sleeps) }), asyncio.ErrInvalidArgument,
				fmt.Sprintf("with a limit of %d; pass at least 1", limit))
		}
		wantErr(t, panicOf(func() { mapped(context.Background(), 1, nil, sleeps) }), asyncio.ErrInvalidArgument, "of a nil sequence")
		wantErr(t, panicOf(func() { mapped(context.Background(), 1, seq, nil) }), asyncio.ErrInvalidArgument, "with a nil function")
		for _, err := range mapped(context.Background(), 1, seq, sleeps) {
			wantErr(t, err, asyncio.ErrNoRunningLoop)
		}
	})
}

// The loop is stopped while a Map waits: nothing is left.
func TestMapOnALoopThatIsClosed(t *testing.T) {
	forMaps(t, func(t *testing.T, mapped mapFunc) {
		noLeaks(t)
		l := asyncio.NewLoop(driver.NewVirtual())
		asyncio.Go(l.Context(), func(ctx context.Context) error {
			for range mapped(ctx, 2, slices.Values([]int{1, 2, 3}), sleeps) {
			}
			return nil
		})
		l.CallLater(time.Second/2, func(context.Context) { l.Stop() })
		if err := l.RunForever(); err != nil {
			t.Error(err)
		}
		_ = l.Close()
	})
}

// A snapshot shows the user's function, and the tasks as those of a block of the caller.
func TestMapInASnapshot(t *testing.T) {
	forMaps(t, func(t *testing.T, mapped mapFunc) {
		var log record
		run(t, func(ctx context.Context) error {
			asyncio.CurrentTask(ctx).SetName("main")
			shown := false
			for range mapped(ctx, 2, slices.Values([]int{1, 1, 1}), func(ctx context.Context, n int) (string, error) {
				if !shown {
					shown = true
					for _, task := range running(ctx).Snapshot().Tasks {
						if task.Name != "main" {
							log.Add("%s", task.Func)
							continue
						}
						for _, b := range task.Blocks {
							log.Add("main waits for %v in %s %s of %d", task.Waits, b.Kind, b.What, len(b.Tasks))
						}
					}
				}
				return sleeps(ctx, n)
			}) {
			}
			return nil
		})
		const fn = "asyncio_test.TestMapInASnapshot.func1.1.1"
		want := map[string]string{
			"Map":          "main waits for as completed of 1 tasks in group <Map running=2 limit=2> of 2",
			"MapUnordered": "main waits for as completed of 2 tasks in group <MapUnordered running=2 limit=2> of 2",
		}
		log.Want(t, want[t.Name()[len("TestMapInASnapshot/"):]], fn, fn)
	})
}

// Tasks and results that have been yielded are released: the memory of a long range is
// bounded.
func TestMapReleasesYieldedResults(t *testing.T) {
	forMaps(t, func(t *testing.T, mapped mapFunc) {
		run(t, func(ctx context.Context) error {
			pulled, results := 0, 0
			var before int64
			for range mapped(ctx, 4, naturals(&pulled), func(context.Context, int) (string, error) { return "", nil }) {
				switch results++; results {
				case 1_000:
					before = heapInUse()
				case 50_000:
					if grown := heapInUse() - before; grown > 50_000 {
						t.Errorf("it grows by %d bytes with 49,000 results", grown)
					}
					return nil
				}
			}
			return nil
		})
	})
}
