package asyncio_test

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
)

// intQueue contains the common methods of the three kinds of queue.
type intQueue interface {
	Put(ctx context.Context, item int) error
	TryPut(item int) error
	Get(ctx context.Context) (int, error)
	TryGet() (int, error)
	All(ctx context.Context) iter.Seq2[int, error]
	TaskDone()
	Join(ctx context.Context) error
	Shutdown(immediate bool)
	Len() int
	Cap() int
	Empty() bool
	Full() bool
	String() string
}

// eachQueue runs test on a loop for a queue of each kind with the given maxsize.
func eachQueue(t *testing.T, maxsize int, test func(t *testing.T, ctx context.Context, q intQueue)) {
	for _, q := range []intQueue{
		asyncio.NewQueue[int](maxsize),
		asyncio.NewPriorityQueue(maxsize, cmp.Less[int]),
		asyncio.NewLIFOQueue[int](maxsize),
	} {
		t.Run(kindOf(q), func(t *testing.T) {
			run(t, func(ctx context.Context) error {
				test(t, ctx, q)
				return nil
			})
		})
	}
}

// kindOf returns the type name of q as String shows it.
func kindOf(q intQueue) string {
	return strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", q), "*asyncio."), "[int]")
}

// putter starts a task that puts item into q and logs the result.
func putter(ctx context.Context, log *record, q intQueue, item int) *asyncio.Task[asyncio.None] {
	return asyncio.Go(ctx, func(ctx context.Context) error {
		err := q.Put(ctx, item)
		log.Add("put %d: %s", item, brief(err))
		return nil
	})
}

// getter starts a task that gets an item from q and logs the result.
func getter(ctx context.Context, log *record, name string, q intQueue) *asyncio.Task[int] {
	return asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
		item, err := q.Get(ctx)
		log.Add("%s gets %d, %s", name, item, brief(err))
		return item, nil
	})
}

// A315: a Queue removes the first item first, a LIFOQueue the last, a PriorityQueue the
// smallest.
func TestQueueOrder(t *testing.T) {
	eachQueue(t, 0, func(t *testing.T, ctx context.Context, q intQueue) {
		for _, item := range []int{1, 3, 2} {
			equal(t, "the error", q.Put(ctx, item), nil)
		}
		equal(t, "Len()", q.Len(), 3)
		var items []int
		for !q.Empty() {
			item, err := q.Get(ctx)
			equal(t, "the error", err, nil)
			items = append(items, item)
		}
		want := map[string]string{"Queue": "[1 3 2]", "LIFOQueue": "[2 3 1]", "PriorityQueue": "[1 2 3]"}
		equal(t, "the order", items, want[kindOf(q)])
	})
}

// A315: a PriorityQueue removes equal items in the order in which they were put, whatever
// else is put and removed. asyncio does not guarantee that.
func TestPriorityQueueIsStable(t *testing.T) {
	type item struct{ priority, nth int }
	q := asyncio.NewPriorityQueue(0, func(a, b item) bool { return a.priority < b.priority })
	random := rand.New(rand.NewPCG(1, 2))
	var model []item
	for nth := range 2000 {
		// First only puts, then more gets than puts.
		if nth < 1000 || random.IntN(3) == 0 {
			i := item{random.IntN(10), nth}
			_ = q.TryPut(i)
			model = append(model, i)
			continue
		}
		slices.SortStableFunc(model, func(a, b item) int { return a.priority - b.priority })
		if got, err := q.TryGet(); err != nil || got != model[0] {
			t.Fatalf("got %v, %v, wanted %v", got, err, model[0])
		}
		model = model[1:]
	}
	wantErr(t, panicOf(func() { asyncio.NewPriorityQueue[int](0, nil) }), asyncio.ErrInvalidArgument, "NewPriorityQueue: less is nil")
}

// A316: a maxsize of 0 or less means no limit.
func TestQueueWithoutMaxsize(t *testing.T) {
	for _, maxsize := range []int{0, -1} {
		eachQueue(t, maxsize, func(t *testing.T, ctx context.Context, q intQueue) {
			equal(t, "Full()", q.Full(), false)
			for range 10_000 {
				equal(t, "the error", q.Put(ctx, 1), nil)
			}
			equal(t, "Full()", q.Full(), false)
			equal(t, "Len() and Cap()", fmt.Sprint(q.Len(), q.Cap()), fmt.Sprint(10_000, maxsize))
		})
	}
}

// A316: Put on a full queue waits until there is room.
func TestQueuePutWaitsForRoom(t *testing.T) {
	eachQueue(t, 2, func(t *testing.T, ctx context.Context, q intQueue) {
		var log record
		asyncio.Go(ctx, func(ctx context.Context) error {
			for i := range 3 {
				err := q.Put(ctx, 1)
				log.Add("%d: %s", i, brief(err))
			}
			return nil
		})
		yields(ctx, 2)
		log.Want(t, "0: ok", "1: ok")
		equal(t, "Cap(), Len() and Full()", fmt.Sprint(q.Cap(), q.Len(), q.Full()), "2 2 true")
		_, _ = q.Get(ctx)
		equal(t, "Len() and Full()", fmt.Sprint(q.Len(), q.Full()), "1 false") // although a putter is woken
		yields(ctx, 1)
		log.Want(t, "2: ok")
		equal(t, "Len()", q.Len(), 2)
	})
}

// A316: waiting putters proceed in FIFO order when there is room.
func TestQueuePuttersFIFO(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		q := asyncio.NewQueue[int](1)
		_ = q.TryPut(0)
		for i := 1; i <= 3; i++ {
			putter(ctx, &log, q, i)
		}
		running(ctx).CallLater(time.Second, func(context.Context) { _, _ = q.TryGet() })
		_ = asyncio.Sleep(ctx, time.Minute)
		log.Want(t, "put 1: ok")
		var got []int
		for range 3 {
			item, err := q.Get(ctx)
			if err != nil {
				return err
			}
			got = append(got, item)
		}
		equal(t, "the order", got, "[1 2 3]")
		return nil
	})
	log.Want(t, "put 2: ok", "put 3: ok")
}

// A317: TryPut and TryGet never wait. Where Put or Get would wait, they return an error
// and change nothing.
func TestQueueTry(t *testing.T) {
	eachQueue(t, 1, func(t *testing.T, _ context.Context, q intQueue) {
		_, err := q.TryGet()
		wantErr(t, err, asyncio.ErrQueueEmpty)
		equal(t, "the error", q.TryPut(1), nil)
		wantErr(t, q.TryPut(2), asyncio.ErrQueueFull)
		item, err := q.TryGet()
		equal(t, "item and error", fmt.Sprint(item, err), "1 <nil>")
		equal(t, "Empty()", q.Empty(), true)
	})
}

// A318: Get waits for an item, from Put or TryPut.
func TestQueueGetWaits(t *testing.T) {
	eachQueue(t, 0, func(t *testing.T, ctx context.Context, q intQueue) {
		l := running(ctx)
		l.CallLater(time.Second, func(context.Context) { _ = q.TryPut(1) })
		item, err := q.Get(ctx)
		equal(t, "item, error and time", fmt.Sprint(item, err, l.Time()), "1 <nil> 1s")
		asyncio.Go(ctx, func(ctx context.Context) error { return q.Put(ctx, 2) })
		item, err = q.Get(ctx)
		equal(t, "item and error", fmt.Sprint(item, err), "2 <nil>")
	})
}

// A318: the first waiting getter gets the first item. Several items that are put in one
// turn go to as many getters.
func TestQueueGettersFIFO(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		q := asyncio.NewQueue[int](0)
		for _, name := range []string{"a", "b", "c"} {
			getter(ctx, &log, name, q)
		}
		yields(ctx, 1)
		_ = q.TryPut(1)
		_ = q.TryPut(2)
		yields(ctx, 5)
		log.Want(t, "a gets 1, ok", "b gets 2, ok")
		_ = q.Put(ctx, 3)
		yields(ctx, 1)
		log.Want(t, "c gets 3, ok")
		return nil
	})
}

// A318: a task that calls TryGet before the woken getter runs takes the item, as in
// asyncio. The woken getter waits again, behind the others.
func TestQueueBarging(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		q := asyncio.NewQueue[int](0)
		getter(ctx, &log, "a", q)
		getter(ctx, &log, "b", q)
		yields(ctx, 1)
		_ = q.TryPut(1)
		item, err := q.TryGet()
		log.Add("newcomer gets %d, %s", item, brief(err))
		yields(ctx, 1)
		_ = q.TryPut(2)
		_ = q.TryPut(3)
		yields(ctx, 1)
		return nil
	})
	log.Want(t, "newcomer gets 1, ok", "b gets 2, ok", "a gets 3, ok")
}

// A318: the items of waiting putters are removed in FIFO order.
func TestQueueGetWakesPutters(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		q := asyncio.NewQueue[int](1)
		putter(ctx, &log, q, 1)
		putter(ctx, &log, q, 2)
		for want := 1; want <= 2; want++ {
			item, err := q.Get(ctx)
			equal(t, "item and error", fmt.Sprint(item, err), fmt.Sprint(want, " <nil>"))
		}
		return nil
	})
	log.Want(t, "put 1: ok", "put 2: ok")
}

// A319: a cancelled getter removes no item and leaves the queue of getters.
func TestQueueCancelledGetter(t *testing.T) {
	eachQueue(t, 0, func(t *testing.T, ctx context.Context, q intQueue) {
		var log record
		a := getter(ctx, &log, "a", q)
		getter(ctx, &log, "b", q)
		yields(ctx, 1)
		a.Cancel()
		equal(t, "the queue", q, "<"+kindOf(q)+" maxsize=0 size=0 getters=1>")
		yields(ctx, 1)
		_ = q.Put(ctx, 1)
		yields(ctx, 1)
		log.Want(t, "a gets 0, cancelled", "b gets 1, ok")

		_, err := asyncio.WaitFor(ctx, asyncio.Coro[int](q.Get), time.Second)
		wantErr(t, err, asyncio.ErrTimeout)
		equal(t, "the queue", q, "<"+kindOf(q)+" maxsize=0 size=0 unfinished=1>")
	})
}

// A319: a getter that is cancelled after it was woken leaves the item to the next getter,
// or in the queue.
func TestQueueCancelledGetterKeepsItem(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		q := asyncio.NewQueue[int](0)
		a := getter(ctx, &log, "a", q)
		yields(ctx, 1)
		_ = q.TryPut(1)
		_ = q.TryPut(2)
		a.Cancel()
		yields(ctx, 1)
		item, err := q.Get(ctx)
		log.Add("newcomer gets %d, %s", item, brief(err))
		_, _ = q.Get(ctx)

		b := getter(ctx, &log, "b", q)
		getter(ctx, &log, "c", q)
		getter(ctx, &log, "d", q)
		yields(ctx, 1)
		_ = q.TryPut(3)
		_ = q.TryPut(4)
		b.Cancel()
		yields(ctx, 5)
		return nil
	})
	log.Want(t,
		"a gets 0, cancelled", "newcomer gets 1, ok",
		"b gets 0, cancelled", "c gets 3, ok", "d gets 4, ok",
	)
}

// A320: a cancelled putter puts no item and leaves the queue of putters.
func TestQueueCancelledPutter(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		q := asyncio.NewQueue[int](1)
		putter(ctx, &log, q, 1)
		b := putter(ctx, &log, q, 2)
		putter(ctx, &log, q, 3)
		yields(ctx, 1)
		equal(t, "the queue", q, "<Queue maxsize=1 size=1 putters=2 unfinished=1>")
		b.Cancel()
		equal(t, "the queue", q, "<Queue maxsize=1 size=1 putters=1 unfinished=1>")
		yields(ctx, 1)
		_, _ = q.TryGet()
		yields(ctx, 1)
		item, err := q.TryGet()
		log.Add("the next is %d, %s", item, brief(err))
		equal(t, "the queue", q, "<Queue maxsize=1 size=0 unfinished=2>")
		return nil
	})
	log.Want(t, "put 1: ok", "put 2: cancelled", "put 3: ok", "the next is 3, ok")
}

// A320: a putter that is cancelled after it was woken leaves the room to the next putter.
func TestQueueCancelledPutterKeepsRoom(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		q := asyncio.NewQueue[int](1)
		_ = q.TryPut(1)
		a := putter(ctx, &log, q, 2)
		putter(ctx, &log, q, 3)
		yields(ctx, 1)
		_, _ = q.TryGet()
		a.Cancel()
		yields(ctx, 2)
		log.Want(t, "put 2: cancelled", "put 3: ok")
		// It can try again, and no item is put twice.
		putter(ctx, &log, q, 2)
		for _, want := range []int{3, 2} {
			item, err := q.Get(ctx)
			equal(t, "item and error", fmt.Sprint(item, err), fmt.Sprint(want, " <nil>"))
		}
		equal(t, "Empty()", q.Empty(), true)
		return nil
	})
	log.Want(t, "put 2: ok")
}

// A321: a producer and a consumer that share a queue of capacity one both finish. So do
// several putters if a task removes several items in one turn.
func TestQueueNoDeadlock(t *testing.T) {
	eachQueue(t, 1, func(t *testing.T, ctx context.Context, q intQueue) {
		err := asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(func(ctx context.Context) (err error) {
				for i := 0; i < 5 && err == nil; i++ {
					err = q.Put(ctx, i)
				}
				return err
			})
			tg.Go(func(ctx context.Context) (err error) {
				for i := 0; i < 5 && err == nil; i++ {
					_, err = q.Get(ctx)
				}
				return err
			})
			return nil
		})
		equal(t, "the error", err, nil)
	})
	run(t, func(ctx context.Context) error {
		q := asyncio.NewQueue[int](2)
		return asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(func(ctx context.Context) error {
				err := asyncio.Yield(ctx)
				for range q.Len() {
					_, _ = q.TryGet()
				}
				return err
			})
			for i := range 4 {
				tg.Go(func(ctx context.Context) error { return q.Put(ctx, i) })
			}
			return nil
		})
	})
}

// A322: Join waits until TaskDone was called for all items, by any worker.
func TestQueueJoin(t *testing.T) {
	eachQueue(t, 0, func(t *testing.T, ctx context.Context, q intQueue) {
		const items = 100
		for i := range items {
			_ = q.TryPut(i)
		}
		sum, by := 0, [2]int{}
		for worker := range by {
			asyncio.Go(ctx, func(ctx context.Context) error {
				for {
					item, err := q.Get(ctx)
					if err != nil {
						return err
					}
					if err := asyncio.Sleep(ctx, time.Second); err != nil {
						return err
					}
					sum += item
					by[worker]++
					q.TaskDone()
				}
			})
		}
		equal(t, "the error", q.Join(ctx), nil)
		equal(t, "the sum", sum, items*(items-1)/2)
		equal(t, "the items of each worker", by, "[50 50]")
		equal(t, "the time", running(ctx).Time(), "50s")
	})
}

// A322: Join returns immediately if there are no unfinished items, also before the first
// Put. It does not wait for items that are put after the last TaskDone and before it
// resumes.
func TestQueueJoinFinished(t *testing.T) {
	eachQueue(t, 0, func(t *testing.T, ctx context.Context, q intQueue) {
		equal(t, "the errors", fmt.Sprint(q.Join(ctx), q.Join(ctx)), "<nil> <nil>")
		_ = q.TryPut(1)
		joins := asyncio.Go(ctx, q.Join)
		yields(ctx, 1)
		_, _ = q.TryGet()
		yields(ctx, 2)
		equal(t, "joins.Done()", joins.Done(), false)
		q.TaskDone()
		_ = q.TryPut(2)
		yields(ctx, 1)
		equal(t, "joins.Done()", joins.Done(), true)
		equal(t, "the queue", q, "<"+kindOf(q)+" maxsize=0 size=1 unfinished=1>")
	})
}

// A322: more calls of TaskDone than items panic.
func TestQueueTaskDoneTooOften(t *testing.T) {
	eachQueue(t, 3, func(t *testing.T, _ context.Context, q intQueue) {
		wantErr(t, panicOf(q.TaskDone), asyncio.ErrInvalidArgument, "TaskDone on <"+kindOf(q)+" maxsize=3 size=0>: no unfinished items; call it once for each item")
		_ = q.TryPut(1)
		q.TaskDone()
		wantErr(t, panicOf(q.TaskDone), asyncio.ErrInvalidArgument, "TaskDone on <"+kindOf(q)+" maxsize=3 size=1>: no unfinished items")
	})
}

// wantShutDown fails the test unless q rejects Put and Get after a shutdown.
func wantShutDown(t *testing.T, ctx context.Context, q intQueue) {
	t.Helper()
	_, getErr := q.Get(ctx)
	_, tryGetErr := q.TryGet()
	for _, err := range []error{q.Put(ctx, 1), q.TryPut(1), getErr, tryGetErr} {
		wantErr(t, err, asyncio.ErrQueueShutDown)
	}
}

// A323: after Shutdown of an empty queue, waiting getters and later callers get an error.
func TestQueueShutdownEmpty(t *testing.T) {
	eachQueue(t, 0, func(t *testing.T, ctx context.Context, q intQueue) {
		var log record
		getter(ctx, &log, "a", q)
		getter(ctx, &log, "b", q)
		yields(ctx, 1)
		q.Shutdown(false)
		equal(t, "Len() and the error of Join", fmt.Sprint(q.Len(), q.Join(ctx)), "0 <nil>")
		yields(ctx, 1)
		log.Want(t, "a gets 0, "+asyncio.ErrQueueShutDown.Error(), "b gets 0, "+asyncio.ErrQueueShutDown.Error())
		wantShutDown(t, ctx, q)
		q.Shutdown(false)
		q.Shutdown(true)
		wantShutDown(t, ctx, q)
	})
}

// A323: after Shutdown of a queue with items, waiting putters get an error. The items can
// still be removed, and Join waits for them.
func TestQueueShutdown(t *testing.T) {
	eachQueue(t, 1, func(t *testing.T, ctx context.Context, q intQueue) {
		var log record
		_ = q.TryPut(1)
		joins := asyncio.Go(ctx, q.Join)
		putter(ctx, &log, q, 2)
		yields(ctx, 1)
		log.Want(t)

		q.Shutdown(false)
		equal(t, "the queue", q, "<"+kindOf(q)+" maxsize=1 size=1 unfinished=1 shutdown>")
		yields(ctx, 1)
		log.Want(t, "put 2: "+asyncio.ErrQueueShutDown.Error())
		wantErr(t, q.TryPut(2), asyncio.ErrQueueShutDown)
		item, err := q.Get(ctx)
		equal(t, "item and error", fmt.Sprint(item, err), "1 <nil>")
		yields(ctx, 1)
		equal(t, "joins.Done()", joins.Done(), false)
		wantShutDown(t, ctx, q)

		q.TaskDone()
		yields(ctx, 1)
		equal(t, "joins.Done()", joins.Done(), true)
		wantErr(t, panicOf(q.TaskDone), asyncio.ErrInvalidArgument)
	})
}

// A324: an immediate Shutdown discards the items and counts them as done.
func TestQueueShutdownImmediate(t *testing.T) {
	eachQueue(t, 1, func(t *testing.T, ctx context.Context, q intQueue) {
		var log record
		_ = q.TryPut(1)
		putter(ctx, &log, q, 2)
		joins := asyncio.Go(ctx, q.Join)
		yields(ctx, 1)
		q.Shutdown(true)
		equal(t, "the queue", q, "<"+kindOf(q)+" maxsize=1 size=0 shutdown>")
		yields(ctx, 1)
		equal(t, "joins.Done()", joins.Done(), true)
		log.Want(t, "put 2: "+asyncio.ErrQueueShutDown.Error())
		wantShutDown(t, ctx, q)
		wantErr(t, panicOf(q.TaskDone), asyncio.ErrInvalidArgument, "shutdown>: no unfinished items")
	})
}

// A324: items that were removed before an immediate Shutdown stay unfinished until
// TaskDone.
func TestQueueShutdownImmediateWithUnfinishedWork(t *testing.T) {
	eachQueue(t, 0, func(t *testing.T, ctx context.Context, q intQueue) {
		_ = q.TryPut(1)
		_ = q.TryPut(2)
		joins := asyncio.Go(ctx, q.Join)
		_, _ = q.Get(ctx)
		q.Shutdown(true)
		equal(t, "the queue", q, "<"+kindOf(q)+" maxsize=0 size=0 unfinished=1 shutdown>")
		yields(ctx, 1)
		equal(t, "joins.Done()", joins.Done(), false)
		wantShutDown(t, ctx, q)
		q.TaskDone()
		wantErr(t, panicOf(q.TaskDone), asyncio.ErrInvalidArgument)
		yields(ctx, 1)
		equal(t, "joins.Done()", joins.Done(), true)
	})
}

// A324: if TaskDone was called before items were removed, an immediate Shutdown does not
// make the count negative.
func TestQueueShutdownImmediateAfterEarlyTaskDone(t *testing.T) {
	eachQueue(t, 0, func(t *testing.T, ctx context.Context, q intQueue) {
		_ = q.TryPut(1)
		_ = q.TryPut(2)
		q.TaskDone()
		q.Shutdown(true)
		equal(t, "the queue", q, "<"+kindOf(q)+" maxsize=0 size=0 shutdown>")
		equal(t, "the error of Join", q.Join(ctx), nil)
	})
}

// A325: String shows a queue's kind, capacity, size, waiting getters and putters,
// unfinished items, and whether it is shut down. It does not show the items.
func TestQueueString(t *testing.T) {
	var log, ignored record
	run(t, func(ctx context.Context) error {
		q := asyncio.NewQueue[int](2)
		log.Add("%v", q)
		getter(ctx, &ignored, "a", q)
		getter(ctx, &ignored, "b", q)
		yields(ctx, 1)
		log.Add("%v", q)
		_ = q.TryPut(1)
		log.Add("%v", q)
		_ = q.TryPut(2)
		yields(ctx, 1)
		log.Add("%v", q)
		q.TaskDone()
		for i := range 5 {
			putter(ctx, &ignored, q, i)
		}
		yields(ctx, 1)
		log.Add("%v", q)
		q.Shutdown(false)
		log.Add("%v", q)
		log.Add("%v", asyncio.NewLIFOQueue[string](0))
		log.Add("%v", asyncio.NewPriorityQueue(-1, cmp.Less[string]))
		return nil
	})
	log.Want(t,
		"<Queue maxsize=2 size=0>",
		"<Queue maxsize=2 size=0 getters=2>",
		"<Queue maxsize=2 size=1 getters=1 unfinished=1>",
		"<Queue maxsize=2 size=0 unfinished=2>",
		"<Queue maxsize=2 size=2 putters=3 unfinished=3>",
		"<Queue maxsize=2 size=2 unfinished=3 shutdown>",
		"<LIFOQueue maxsize=0 size=0>",
		"<PriorityQueue maxsize=-1 size=0>",
	)
}

// A queue releases memory after a burst and does not retain removed items.
func TestQueueMemory(t *testing.T) {
	for name, q := range map[string]*asyncio.Queue[*[1000]int]{
		"Queue":         asyncio.NewQueue[*[1000]int](0),
		"PriorityQueue": &asyncio.NewPriorityQueue(0, func(a, b *[1000]int) bool { return a[0] < b[0] }).Queue,
		"LIFOQueue":     &asyncio.NewLIFOQueue[*[1000]int](0).Queue,
	} {
		t.Run(name, func(t *testing.T) {
			const items = 10_000 // 80 MB
			before := heapInUse()
			for i := range items {
				_ = q.TryPut(&[1000]int{i})
			}
			for range items {
				_, _ = q.TryGet()
			}
			if grown := heapInUse() - before; grown > 1<<20 {
				t.Errorf("an empty queue retains %d bytes", grown)
			}
			equal(t, "Len()", q.Len(), 0)
		})
	}
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// All yields the items that are in the queue and those that are put later, and ends when
// the queue is shut down and empty.
func TestQueueAll(t *testing.T) {
	eachQueue(t, 2, func(t *testing.T, ctx context.Context, q intQueue) {
		var log record
		producer := asyncio.Go(ctx, func(ctx context.Context) error {
			for _, item := range []int{2, 1, 3, 4} {
				if err := also(q.Put(ctx, item), asyncio.Sleep(ctx, time.Second)); err != nil {
					return err
				}
			}
			_ = q.TryPut(6)
			_ = q.TryPut(5)
			q.Shutdown(false)
			return nil
		})
		for item, err := range q.All(ctx) {
			log.Add("%v: %d, %s", running(ctx).Time(), item, brief(err))
			q.TaskDone()
		}
		last := map[string][]string{
			"Queue":         {"4s: 6, ok", "4s: 5, ok"},
			"LIFOQueue":     {"4s: 5, ok", "4s: 6, ok"},
			"PriorityQueue": {"4s: 5, ok", "4s: 6, ok"},
		}[kindOf(q)]
		log.Want(t, append([]string{"0s: 2, ok", "1s: 1, ok", "2s: 3, ok", "3s: 4, ok"}, last...)...)
		equal(t, "the error of Join", q.Join(ctx), nil)
		for range q.All(ctx) {
			t.Error("All of a queue that is shut down and empty yields something")
		}
		_, err := producer.Await(ctx)
		equal(t, "the error of the producer", err, nil)
	})
}

// After break, the other items are still in the queue.
func TestQueueAllBreak(t *testing.T) {
	eachQueue(t, 0, func(t *testing.T, ctx context.Context, q intQueue) {
		for range 3 {
			_ = q.TryPut(1)
		}
		for range q.All(ctx) {
			break
		}
		equal(t, "the queue", q, "<"+kindOf(q)+" maxsize=0 size=2 unfinished=3>")
		_ = q.All(ctx) // removes nothing before the loop
		equal(t, "Len()", q.Len(), 2)
	})
}

// If Get fails, All yields its error once and ends. The loop leaves the queue of getters.
func TestQueueAllError(t *testing.T) {
	eachQueue(t, 0, func(t *testing.T, ctx context.Context, q intQueue) {
		var log record
		consume := func(ctx context.Context) error {
			for item, err := range q.All(ctx) {
				log.Add("%d, %s", item, brief(err))
			}
			return nil
		}
		_ = q.TryPut(1)
		task := asyncio.Go(ctx, consume)
		yields(ctx, 1)
		task.Cancel()
		yields(ctx, 1)
		log.Want(t, "1, ok", "0, cancelled")

		short, cancel := context.WithCancel(ctx)
		running(ctx).CallLater(time.Second, func(context.Context) { cancel() })
		_ = q.TryPut(2)
		equal(t, "the error", consume(short), nil)
		log.Want(t, "2, ok", "0, context canceled")
		equal(t, "the queue", q, "<"+kindOf(q)+" maxsize=0 size=0 unfinished=2>")

		q.Shutdown(true)
		equal(t, "the error", consume(ctx), nil)
		log.Want(t)
	})
}

// Several tasks that iterate over one queue share its items, and all end after Shutdown.
func TestQueueAllShared(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		var q asyncio.Queue[int]
		for i := range 5 {
			_ = q.TryPut(i)
		}
		q.Shutdown(false)
		return together(ctx, 2, func(ctx context.Context, worker int) error {
			for item, err := range q.All(ctx) {
				if err := also(err, asyncio.Sleep(ctx, time.Second)); err != nil {
					return err
				}
				log.Add("%v: %d by %d", running(ctx).Time(), item, worker)
			}
			return nil
		})
	})
	log.Want(t, "1s: 0 by 0", "1s: 1 by 1", "2s: 2 by 0", "2s: 3 by 1", "3s: 4 by 0")
}

// The zero Queue and the zero LIFOQueue have no limit and work.
func TestQueueZero(t *testing.T) {
	for _, q := range []intQueue{new(asyncio.Queue[int]), new(asyncio.LIFOQueue[int])} {
		t.Run(kindOf(q), func(t *testing.T) {
			run(t, func(ctx context.Context) error {
				equal(t, "the queue", q, "<"+kindOf(q)+" maxsize=0 size=0>")
				equal(t, "Len(), Cap(), Empty() and Full()", fmt.Sprint(q.Len(), q.Cap(), q.Empty(), q.Full()), "0 0 true false")
				_, err := q.TryGet()
				wantErr(t, err, asyncio.ErrQueueEmpty)
				equal(t, "the error of Join", q.Join(ctx), nil)
				wantErr(t, panicOf(q.TaskDone), asyncio.ErrInvalidArgument)
				for i := range 3 {
					equal(t, "the error", q.Put(ctx, i), nil)
				}
				q.Shutdown(false)
				var items []int
				for item, err := range q.All(ctx) {
					equal(t, "the error", err, nil)
					items = append(items, item)
				}
				equal(t, "the order", items, map[string]string{"Queue": "[0 1 2]", "LIFOQueue": "[2 1 0]"}[kindOf(q)])
				return nil
			})
		})
	}
}

// Whichever method comes first makes a zero LIFOQueue a LIFO.
func TestLIFOQueueZero(t *testing.T) {
	for name, first := range map[string]func(ctx context.Context, q *asyncio.LIFOQueue[int]) error{
		"Put":    func(ctx context.Context, q *asyncio.LIFOQueue[int]) error { return q.Put(ctx, 0) },
		"TryPut": func(_ context.Context, q *asyncio.LIFOQueue[int]) error { return q.TryPut(0) },
		"Get": func(ctx context.Context, q *asyncio.LIFOQueue[int]) error {
			getter := asyncio.CreateTask(ctx, q.Get)
			yields(ctx, 1)
			equal(t, "the getter waits for", waitOf(ctx, getter), "queue get <LIFOQueue maxsize=0 size=0 getters=1>")
			return also(q.TryPut(0), q.TryPut(0), asyncio.Yield(ctx))
		},
		"All": func(ctx context.Context, q *asyncio.LIFOQueue[int]) error {
			items := q.All(ctx)
			err := q.TryPut(0)
			_ = items
			return err
		},
		"TryPut of the embedded Queue": func(_ context.Context, q *asyncio.LIFOQueue[int]) error {
			return q.Queue.TryPut(0)
		},
		"TryGet and Shutdown": func(_ context.Context, q *asyncio.LIFOQueue[int]) error {
			_, err := q.TryGet()
			wantErr(t, err, asyncio.ErrQueueEmpty)
			return q.TryPut(0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(ctx context.Context) error {
				var q asyncio.LIFOQueue[int]
				err := also(first(ctx, &q), q.TryPut(1), q.TryPut(2))
				var items []int
				for !q.Empty() {
					item, _ := q.TryGet()
					items = append(items, item)
				}
				equal(t, "the order", items, "[2 1 0]")
				return err
			})
		})
	}
}

// A zero PriorityQueue has no order, so the methods that put or get items panic. The
// others work.
func TestPriorityQueueZero(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var q asyncio.PriorityQueue[int]
		for name, call := range map[string]func(){
			"Put":    func() { _ = q.Put(ctx, 1) },
			"TryPut": func() { _ = q.TryPut(1) },
			"Get":    func() { _, _ = q.Get(ctx) },
			"TryGet": func() { _, _ = q.TryGet() },
			"All":    func() { q.All(ctx) },
		} {
			t.Run(name, func(t *testing.T) {
				wantErr(t, panicOf(call), asyncio.ErrMisuse, "use of a zero PriorityQueue", "make it with NewPriorityQueue")
			})
		}
		equal(t, "the queue", &q, "<PriorityQueue maxsize=0 size=0>")
		equal(t, "Len(), Cap(), Empty() and Full()", fmt.Sprint(q.Len(), q.Cap(), q.Empty(), q.Full()), "0 0 true false")
		equal(t, "the error of Join", q.Join(ctx), nil)
		q.Shutdown(true)
		return nil
	})
}
