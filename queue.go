package asyncio

import (
	"context"
	"fmt"

	"example.com/asyncio/inspect"
	"example.com/asyncio/internal/ring"
)

// A Queue hands items from tasks to tasks, first in, first out. It can be bounded: who puts
// something into a full one then waits. Those who wait to put, and those who
// wait to get, are woken in the order of asking. One that asks between that and the moment in
// which the woken one runs may be faster, as in asyncio; the other then waits again, behind all.
//
// It is made by [NewQueue]. It belongs to the loop on which a task first had to
// wait for it, as a [Future] does; to wait for it on another one is an error ([ErrWrongLoop]).
// It must not be copied. See asyncio.Queue.
type Queue[T any] struct {
	kind     string
	items    store[T]
	capacity int
	shutdown bool

	getters, putters, joiners waiters

	unfinished int // put, and not reported by TaskDone
	grown      int // with more items than these it is told that it has grown
}

// firstTold is with how many items a queue is told to have grown for the first time.
const firstTold = 64

// grows tells the observer that the queue has n items, more than ever.
func (q *Queue[T]) grows(n int) {
	if n < firstTold {
		q.grown = firstTold - 1
		return
	}
	q.grown = 2*n - 1
	if l := q.getters.loop; l != nil && l.Observer() != nil { // it has a loop once somebody has waited
		l.Observer().Observe(&inspect.Event{Kind: inspect.QueueGrew, Loop: l, Object: q, Size: n})
	}
}

// A store is what a queue has its items in; it tells in which order they leave.
type store[T any] interface {
	Len() int
	Push(item T)
	Pop() T
}

// NewQueue returns an empty queue that is full with maxsize items; with a maxsize of 0 or less, never.
func NewQueue[T any](maxsize int) *Queue[T] {
	return &Queue[T]{kind: "Queue", items: &ring.Buffer[T]{}, capacity: maxsize}
}

// Put adds an item, and has the first of those who wait for one run soon.
//
// It suspends while the queue is full. In case of an error the item is not in the queue:
// [ErrQueueShutDown], also if the shutdown comes while it waits; a [CancelledError], or
// another one of [Future.Await]. See asyncio.Queue.put.
func (q *Queue[T]) Put(ctx context.Context, item T) error {
	for q.Full() && !q.shutdown {
		if woken, err := q.wait(ctx, inspect.ForRoom, &q.putters); err != nil {
			if woken && !q.Full() {
				q.putters.wakeNext()
			}
			return err
		}
	}
	return q.TryPut(item)
}

// TryPut is [Queue.Put] that never suspends: if the queue is full it returns [ErrQueueFull], after a Shutdown [ErrQueueShutDown].
// See asyncio.Queue.put_nowait.
func (q *Queue[T]) TryPut(item T) error {
	switch {
	case q.shutdown:
		return ErrQueueShutDown
	case q.Full():
		return ErrQueueFull
	}
	q.items.Push(item)
	if n := q.items.Len(); n > q.grown {
		q.grows(n)
	}
	q.unfinished++
	q.getters.wakeNext()
	return nil
}

// Get takes the item out that is next, and has the first of those who wait for room run soon.
//
// It suspends while the queue is empty. In case of an error nothing was taken out:
// [ErrQueueShutDown], also if the shutdown comes while it waits; a [CancelledError], or
// another one of [Future.Await]. See asyncio.Queue.get.
func (q *Queue[T]) Get(ctx context.Context) (T, error) {
	for q.Empty() && !q.shutdown {
		if woken, err := q.wait(ctx, inspect.ForItem, &q.getters); err != nil {
			if woken && !q.Empty() {
				q.getters.wakeNext()
			}
			var none T
			return none, err
		}
	}
	return q.TryGet()
}

// TryGet is [Queue.Get] that never suspends: if the queue is empty it returns [ErrQueueEmpty], after a Shutdown [ErrQueueShutDown].
// See asyncio.Queue.get_nowait.
func (q *Queue[T]) TryGet() (item T, err error) {
	switch {
	case !q.Empty():
		item = q.items.Pop()
		q.putters.wakeNext()
		return item, nil
	case q.shutdown:
		return item, ErrQueueShutDown
	}
	return item, ErrQueueEmpty
}

// wait waits among ws, of which a queue has three; but it belongs to one loop.
func (q *Queue[T]) wait(ctx context.Context, kind inspect.WaitKind, ws *waiters) (woken bool, err error) {
	if err := q.getters.bind(ctx, q); err != nil {
		return false, err
	}
	return ws.wait(ctx, kind, q)
}

// TaskDone tells that the work on an item that was taken out is done. Once that is so for all
// that were ever put, those in Join go on. It never suspends, and panics ([ErrInvalidArgument]) if it is
// called more often than items were put. See asyncio.Queue.task_done.
func (q *Queue[T]) TaskDone() {
	if q.unfinished == 0 {
		panic(misuse(ErrInvalidArgument, "TaskDone on %v, with no work unfinished; call it once for each item", q))
	}
	q.unfinished--
	if q.unfinished == 0 {
		q.joiners.wakeAll()
	}
}

// Join suspends until TaskDone was called for each item that was put; if so, it returns at once. It does not
// look again: what is put between the last TaskDone and its return it does not
// wait for. Its errors: a [CancelledError], or another one of [Future.Await]. See asyncio.Queue.join.
func (q *Queue[T]) Join(ctx context.Context) error {
	if q.unfinished == 0 {
		return nil
	}
	_, err := q.wait(ctx, inspect.ForJoin, &q.joiners)
	return err
}

// Shutdown closes the queue for good. From then on, and for those who wait, Put returns
// [ErrQueueShutDown], and so does Get once the queue is empty. If immediate, the items in it
// are dropped, and count as done for Join. It never suspends. See asyncio.Queue.shutdown.
func (q *Queue[T]) Shutdown(immediate bool) {
	q.shutdown = true
	if immediate {
		for !q.Empty() {
			q.items.Pop()
			q.unfinished = max(q.unfinished-1, 0)
		}
		if q.unfinished == 0 {
			q.joiners.wakeAll()
		}
	}
	q.getters.wakeAll()
	q.putters.wakeAll()
}

// Len returns the number of items in the queue. See asyncio.Queue.qsize.
func (q *Queue[T]) Len() int { return q.items.Len() }

// Cap returns the number of items at which the queue is full; 0 or less: never. See asyncio.Queue.maxsize.
func (q *Queue[T]) Cap() int { return q.capacity }

// Empty tells whether there is no item in the queue. See asyncio.Queue.empty.
func (q *Queue[T]) Empty() bool { return q.items.Len() == 0 }

// Full tells whether there is no room in the queue. See asyncio.Queue.full.
func (q *Queue[T]) Full() bool { return q.capacity > 0 && q.items.Len() >= q.capacity }

// String describes q: <Queue maxsize=3 size=3 putters=1 unfinished=4>, where getters and putters
// are those who wait. See Queue.__repr__.
func (q *Queue[T]) String() string {
	s := fmt.Sprintf("<%s maxsize=%d size=%d", q.kind, q.capacity, q.items.Len())
	s += describeCount(" getters", q.getters.pending())
	s += describeCount(" putters", q.putters.pending())
	s += describeCount(" unfinished", q.unfinished)
	if q.shutdown {
		s += " shutdown"
	}
	return s + ">"
}

// A PriorityQueue is a [Queue] that gives out the least of its items first; of equal ones that
// which was put first, which asyncio's does not promise. See asyncio.PriorityQueue.
type PriorityQueue[T any] struct{ Queue[T] }

// NewPriorityQueue returns an empty queue in the order of less, which tells whether a goes before b. It is full
// with maxsize items; with a maxsize of 0 or less, never. It panics if less is nil ([ErrInvalidArgument]).
func NewPriorityQueue[T any](maxsize int, less func(a, b T) bool) *PriorityQueue[T] {
	if less == nil {
		panic(misuse(ErrInvalidArgument, "NewPriorityQueue with a nil less; cmp.Less will do for numbers and strings"))
	}
	return &PriorityQueue[T]{Queue[T]{kind: "PriorityQueue", items: &heap[T]{less: less}, capacity: maxsize}}
}

// A LIFOQueue is a [Queue] that gives out last what was put first. See asyncio.LifoQueue.
type LIFOQueue[T any] struct{ Queue[T] }

// NewLIFOQueue returns an empty queue that is full with maxsize items; with a maxsize of 0 or less, never.
func NewLIFOQueue[T any](maxsize int) *LIFOQueue[T] {
	return &LIFOQueue[T]{Queue[T]{kind: "LIFOQueue", items: &stack[T]{}, capacity: maxsize}}
}

// A stack is a store where the last goes first.
type stack[T any] []T

func (s *stack[T]) Len() int    { return len(*s) }
func (s *stack[T]) Push(item T) { *s = append(*s, item) }

func (s *stack[T]) Pop() T {
	item := (*s)[len(*s)-1]
	*s = dropLast(*s)
	return item
}

// A heap is a store where the least goes first. Neither item of node i is less than that
// of its parent, (i-1)/2. (container/heap would allocate for each item.)
type heap[T any] struct {
	less  func(a, b T) bool
	nodes []heapNode[T]
	count uint64 // of all that were ever pushed
}

type heapNode[T any] struct {
	item T
	seq  uint64
}

func (h *heap[T]) Len() int { return len(h.nodes) }

func (h *heap[T]) Push(item T) {
	h.count++
	h.nodes = append(h.nodes, heapNode[T]{item, h.count})
	for i := len(h.nodes) - 1; i > 0 && h.before(i, (i-1)/2); i = (i - 1) / 2 {
		h.swap(i, (i-1)/2)
	}
}

func (h *heap[T]) Pop() T {
	last := len(h.nodes) - 1
	h.swap(0, last)
	item := h.nodes[last].item
	h.nodes = dropLast(h.nodes)
	for i := 0; ; {
		child := 2*i + 1
		if child+1 < last && h.before(child+1, child) {
			child++
		}
		if child >= last || !h.before(child, i) {
			return item
		}
		h.swap(i, child)
		i = child
	}
}

func (h *heap[T]) before(i, j int) bool {
	a, b := &h.nodes[i], &h.nodes[j]
	return h.less(a.item, b.item) || !h.less(b.item, a.item) && a.seq < b.seq
}

func (h *heap[T]) swap(i, j int) { h.nodes[i], h.nodes[j] = h.nodes[j], h.nodes[i] }

// dropLast cuts off the last of s, and gives memory back after a burst, as [ring.Buffer] does.
func dropLast[E any](s []E) []E {
	const roomy = 4096
	clear(s[len(s)-1:])
	s = s[:len(s)-1]
	if cap(s) > roomy && len(s) < cap(s)/8 {
		s = append(make([]E, 0, cap(s)/4), s...)
	}
	return s
}
