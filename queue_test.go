package asyncio_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
)

// intQueue is what the three kinds of queue have in common.
type intQueue interface {
	Put(ctx context.Context, item int) error
	TryPut(item int) error
	Get(ctx context.Context) (int, error)
	TryGet() (int, error)
	TaskDone()
	Join(ctx context.Context) error
	Shutdown(immediate bool)
	Len() int
	Cap() int
	Empty() bool
	Full() bool
	String() string
}

// eachQueue runs test, on a loop, for each kind of queue, each with room for maxsize.
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

// kindOf is the name with which q prints.
func kindOf(q intQueue) string {
	return strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", q), "*asyncio."), "[int]")
}

// putter makes a task that puts item into q and records how that went.
func putter(ctx context.Context, log *record, q intQueue, item int) *asyncio.Task[asyncio.None] {
	return asyncio.Go(ctx, func(ctx context.Context) error {
		err := q.Put(ctx, item)
		log.Add("put %d: %s", item, brief(err))
		return nil
	})
}

// getter makes a task that gets an item out of q and records how that went.
func getter(ctx context.Context, log *record, name string, q intQueue) *asyncio.Task[int] {
	return asyncio.CreateTask(ctx, func(ctx context.Context) (int, error) {
		item, err := q.Get(ctx)
		log.Add("%s gets %d, %s", name, item, brief(err))
		return item, nil
	})
}

// A315: a Queue gives out first what was put first, a LIFOQueue what was put last, a PriorityQueue what is least.
func TestQueueOrder(t *testing.T) {
	eachQueue(t, 0, func(t *testing.T, ctx context.Context, q intQueue) {
		for _, item := range []int{1, 3, 2} {
			equal(t, "the error", q.Put(ctx, item), nil)
		}
		equal(t, "size", q.Len(), 3)
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

// A315: of equal items a PriorityQueue gives out first what was put first, however many come and go. asyncio promises no order there.
func TestPriorityQueueIsStable(t *testing.T) {
	type item struct{ priority, nth int }
	q := asyncio.NewPriorityQueue(0, func(a, b item) bool { return a.priority < b.priority })
	random := rand.New(rand.NewPCG(1, 2))
	var model []item
	for nth := range 2000 {
		// First they come, and then more go than come.
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
	wantErr(t, panicOf(func() { asyncio.NewPriorityQueue[int](0, nil) }), asyncio.ErrInvalidArgument, "NewPriorityQueue with a nil less")
}

// A316: a maxsize of 0 or less is none.
func TestQueueWithoutMaxsize(t *testing.T) {
	for _, maxsize := range []int{0, -1} {
		eachQueue(t, maxsize, func(t *testing.T, ctx context.Context, q intQueue) {
			equal(t, "it is full", q.Full(), false)
			for range 10_000 {
				equal(t, "the error", q.Put(ctx, 1), nil)
			}
			equal(t, "it is full", q.Full(), false)
			equal(t, "size and maxsize", fmt.Sprint(q.Len(), q.Cap()), fmt.Sprint(10_000, maxsize))
		})
	}
}

// A316: into a full queue Put puts nothing until there is room.
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
		equal(t, "maxsize, size, full", fmt.Sprint(q.Cap(), q.Len(), q.Full()), "2 2 true")
		_, _ = q.Get(ctx)
		equal(t, "size, full", fmt.Sprint(q.Len(), q.Full()), "1 false") // though one is woken
		yields(ctx, 1)
		log.Want(t, "2: ok")
		equal(t, "size", q.Len(), 2)
	})
}

// A316: those who wait for room go in the order in which they came, when there is room again.
func TestQueuePuttersGoInOrder(t *testing.T) {
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

// A317: the Try methods never wait: where Put or Get would, there is an error, and nothing changes.
func TestQueueTry(t *testing.T) {
	eachQueue(t, 1, func(t *testing.T, _ context.Context, q intQueue) {
		_, err := q.TryGet()
		wantErr(t, err, asyncio.ErrQueueEmpty)
		equal(t, "the error", q.TryPut(1), nil)
		wantErr(t, q.TryPut(2), asyncio.ErrQueueFull)
		item, err := q.TryGet()
		equal(t, "item and error", fmt.Sprint(item, err), "1 <nil>")
		equal(t, "it is empty", q.Empty(), true)
	})
}

// A318: Get waits until there is an item, of a Put or a TryPut, now or later.
func TestQueueGetWaits(t *testing.T) {
	eachQueue(t, 0, func(t *testing.T, ctx context.Context, q intQueue) {
		l := running(ctx)
		l.CallLater(time.Second, func(context.Context) { _ = q.TryPut(1) })
		item, err := q.Get(ctx)
		equal(t, "item, error, time", fmt.Sprint(item, err, l.Time()), "1 <nil> 1s")
		asyncio.Go(ctx, func(ctx context.Context) error { return q.Put(ctx, 2) })
		item, err = q.Get(ctx)
		equal(t, "item, error", fmt.Sprint(item, err), "2 <nil>")
	})
}

// A318: the first who waited gets the first item. Several items in one turn go to as many.
func TestQueueGettersGoInOrder(t *testing.T) {
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

// A318: who asks before the one that was woken runs takes the item, as in asyncio. The other goes on waiting, now behind those
// who wait.
func TestQueueGetByAnotherThanTheWoken(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		q := asyncio.NewQueue[int](0)
		getter(ctx, &log, "a", q)
		getter(ctx, &log, "b", q)
		yields(ctx, 1)
		_ = q.TryPut(1)
		item, err := q.TryGet()
		log.Add("another gets %d, %s", item, brief(err))
		yields(ctx, 1)
		_ = q.TryPut(2)
		_ = q.TryPut(3)
		yields(ctx, 1)
		return nil
	})
	log.Want(t, "another gets 1, ok", "b gets 2, ok", "a gets 3, ok")
}

// A318: what putters wait with comes out in their order.
func TestQueueGetLetsPuttersIn(t *testing.T) {
	var log record
	run(t, func(ctx context.Context) error {
		q := asyncio.NewQueue[int](1)
		putter(ctx, &log, q, 1)
		putter(ctx, &log, q, 2)
		for want := 1; want <= 2; want++ {
			item, err := q.Get(ctx)
			equal(t, "item, error", fmt.Sprint(item, err), fmt.Sprint(want, " <nil>"))
		}
		return nil
	})
	log.Want(t, "put 1: ok", "put 2: ok")
}

// A319: a getter that is cancelled takes nothing, and leaves the queue of those who wait.
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

// A319: a getter that is cancelled when it was woken leaves the item to the next who waits, or in the queue.
func TestQueueCancelledGetterDropsNoItem(t *testing.T) {
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
		log.Add("another gets %d, %s", item, brief(err))
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
		"a gets 0, cancelled", "another gets 1, ok",
		"b gets 0, cancelled", "c gets 3, ok", "d gets 4, ok",
	)
}

// A320: a putter that is cancelled puts nothing, and leaves the queue of those who wait.
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
		log.Add("then comes %d, %s", item, brief(err))
		equal(t, "the queue", q, "<Queue maxsize=1 size=0 unfinished=2>")
		return nil
	})
	log.Want(t, "put 1: ok", "put 2: cancelled", "put 3: ok", "then comes 3, ok")
}

// A320: a putter that is cancelled when there was room for it leaves the room to the next.
func TestQueueCancelledPutterLeavesItsRoom(t *testing.T) {
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
		// It can try again, and nothing is there twice.
		putter(ctx, &log, q, 2)
		for _, want := range []int{3, 2} {
			item, err := q.Get(ctx)
			equal(t, "item, error", fmt.Sprint(item, err), fmt.Sprint(want, " <nil>"))
		}
		equal(t, "it is empty", q.Empty(), true)
		return nil
	})
	log.Want(t, "put 2: ok")
}

// A321: a producer and a consumer over a queue with room for one both come to their end, and so do many putters if items
// are taken out several at a time.
func TestQueueNobodyWaitsWithoutNeed(t *testing.T) {
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

// A322: Join waits until the work on all that was put is reported done, by whichever worker.
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
		equal(t, "the work of each", by, "[50 50]")
		equal(t, "the time", running(ctx).Time(), "50s")
	})
}

// A322: of a queue without work Join returns at once, before anything was put too. What is put after the last TaskDone,
// and before those in Join run, does not keep them.
func TestQueueJoinOfADoneQueue(t *testing.T) {
	eachQueue(t, 0, func(t *testing.T, ctx context.Context, q intQueue) {
		equal(t, "the errors", fmt.Sprint(q.Join(ctx), q.Join(ctx)), "<nil> <nil>")
		_ = q.TryPut(1)
		joins := asyncio.Go(ctx, q.Join)
		yields(ctx, 1)
		_, _ = q.TryGet()
		yields(ctx, 2)
		equal(t, "it is joined", joins.Done(), false)
		q.TaskDone()
		_ = q.TryPut(2)
		yields(ctx, 1)
		equal(t, "it is joined", joins.Done(), true)
		equal(t, "the queue", q, "<"+kindOf(q)+" maxsize=0 size=1 unfinished=1>")
	})
}

// A322: more TaskDone than items is a mistake.
func TestQueueTaskDoneTooOften(t *testing.T) {
	eachQueue(t, 3, func(t *testing.T, _ context.Context, q intQueue) {
		wantErr(t, panicOf(q.TaskDone), asyncio.ErrInvalidArgument, "TaskDone on <"+kindOf(q)+" maxsize=3 size=0>, with no work unfinished; call it once for each item")
		_ = q.TryPut(1)
		q.TaskDone()
		wantErr(t, panicOf(q.TaskDone), asyncio.ErrInvalidArgument, "TaskDone on <"+kindOf(q)+" maxsize=3 size=1>, with no work unfinished")
	})
}

// wantShutDown fails the test unless one can neither put into q nor get from it.
func wantShutDown(t *testing.T, ctx context.Context, q intQueue) {
	t.Helper()
	_, getErr := q.Get(ctx)
	_, tryGetErr := q.TryGet()
	for _, err := range []error{q.Put(ctx, 1), q.TryPut(1), getErr, tryGetErr} {
		wantErr(t, err, asyncio.ErrQueueShutDown)
	}
}

// A323: after Shutdown of an empty queue, those who wait for an item get an error, and so does whoever comes.
func TestQueueShutdownOfAnEmptyQueue(t *testing.T) {
	eachQueue(t, 0, func(t *testing.T, ctx context.Context, q intQueue) {
		var log record
		getter(ctx, &log, "a", q)
		getter(ctx, &log, "b", q)
		yields(ctx, 1)
		q.Shutdown(false)
		equal(t, "size, error of Join", fmt.Sprint(q.Len(), q.Join(ctx)), "0 <nil>")
		yields(ctx, 1)
		log.Want(t, "a gets 0, "+asyncio.ErrQueueShutDown.Error(), "b gets 0, "+asyncio.ErrQueueShutDown.Error())
		wantShutDown(t, ctx, q)
		q.Shutdown(false)
		q.Shutdown(true)
		wantShutDown(t, ctx, q)
	})
}

// A323: after Shutdown of a queue with items, those who wait to put get an error. The items can be taken out, and are to be done.
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
		equal(t, "item, error", fmt.Sprint(item, err), "1 <nil>")
		yields(ctx, 1)
		equal(t, "it is joined", joins.Done(), false)
		wantShutDown(t, ctx, q)

		q.TaskDone()
		yields(ctx, 1)
		equal(t, "it is joined", joins.Done(), true)
		wantErr(t, panicOf(q.TaskDone), asyncio.ErrInvalidArgument)
	})
}

// A324: an immediate Shutdown drops the items, and counts them as done.
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
		equal(t, "it is joined", joins.Done(), true)
		log.Want(t, "put 2: "+asyncio.ErrQueueShutDown.Error())
		wantShutDown(t, ctx, q)
		wantErr(t, panicOf(q.TaskDone), asyncio.ErrInvalidArgument, "shutdown>, with no work unfinished")
	})
}

// A324: what was taken out before is still to be done.
func TestQueueShutdownImmediateWithUnfinishedWork(t *testing.T) {
	eachQueue(t, 0, func(t *testing.T, ctx context.Context, q intQueue) {
		_ = q.TryPut(1)
		_ = q.TryPut(2)
		joins := asyncio.Go(ctx, q.Join)
		_, _ = q.Get(ctx)
		q.Shutdown(true)
		equal(t, "the queue", q, "<"+kindOf(q)+" maxsize=0 size=0 unfinished=1 shutdown>")
		yields(ctx, 1)
		equal(t, "it is joined", joins.Done(), false)
		wantShutDown(t, ctx, q)
		q.TaskDone()
		wantErr(t, panicOf(q.TaskDone), asyncio.ErrInvalidArgument)
		yields(ctx, 1)
		equal(t, "it is joined", joins.Done(), true)
	})
}

// A324: work reported done before its item was taken out does not make the count negative.
func TestQueueShutdownImmediateWithMoreDoneThanTakenOut(t *testing.T) {
	eachQueue(t, 0, func(t *testing.T, ctx context.Context, q intQueue) {
		_ = q.TryPut(1)
		_ = q.TryPut(2)
		q.TaskDone()
		q.Shutdown(true)
		equal(t, "the queue", q, "<"+kindOf(q)+" maxsize=0 size=0 shutdown>")
		equal(t, "the error of Join", q.Join(ctx), nil)
	})
}

// A325: a queue prints its kind, room and size, how many wait at either end, how many items are not done, and whether it is
// shut down. Its items it does not print.
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

// A queue gives memory back after a burst, and does not hold on to what was taken out.
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
				t.Errorf("%d bytes are held by an empty queue", grown)
			}
			equal(t, "size", q.Len(), 0)
		})
	}
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
