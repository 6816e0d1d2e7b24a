package asyncio

import (
	"context"
	"fmt"
	"iter"

	"example.com/asyncio/inspect"
	"example.com/asyncio/internal/ring"
)

// A Queue is a FIFO queue of items that tasks put and get. It may have a capacity; Put
// then waits while the queue is full.
//
//   - [NewQueue] makes one with a capacity. The zero Queue is empty, has no limit and is
//     ready to use. A Queue must not be copied.
//   - Waiting tasks are woken in FIFO order. A call of Get or Put before a woken task
//     runs may overtake it, as in asyncio. That task then waits again, behind all others.
//   - It belongs to the loop of the first task that waits for it. Waiting on another loop
//     returns [ErrWrongLoop].
//
// See asyncio.Queue.
type Queue[T any] struct {
	kind     string         // the name of the type in String; empty: Queue
	fifo     ring.Buffer[T] // the items, unless other is set
	other    store[T]       // the items of a queue that is not FIFO; nil: fifo
	size     int            // the number of items
	capacity int            // 0 or less: no limit
	shutdown bool

	getters, putters, joiners waiters

	unfinished int // items that were put and not yet reported by TaskDone
	grown      int // a size above this is reported to the observer
}

// A store contains the items of a queue and defines their order.
type store[T any] interface {
	Push(item T)
	Pop() T
}

// NewQueue returns an empty queue for at most maxsize items. If maxsize is 0 or less, the
// queue has no limit.
func NewQueue[T any](maxsize int) *Queue[T] { return &Queue[T]{capacity: maxsize} }

// minReported is the smallest size that is reported to the observer as growth.
const minReported = 64

// grows reports a new maximum size n to the observer and sets the size of the next
// report.
func (q *Queue[T]) grows(n int) {
	if n < minReported {
		q.grown = minReported - 1
		return
	}
	q.grown = 2*n - 1
	if l := q.getters.loop; l != nil && l.Observer() != nil { // the first wait sets the loop
		l.Observer().Observe(&inspect.Event{Kind: inspect.QueueGrew, Loop: l, Object: q, Size: n})
	}
}

// Put puts an item into the queue and wakes the first waiting getter.
//
//   - It suspends while the queue is full.
//   - It returns [ErrQueueShutDown] after a Shutdown, even if that happens during the
//     wait.
//   - Its other errors are a [CancelledError] or another error of [Future.Await].
//   - After an error the item is not in the queue.
//
// See asyncio.Queue.put.
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

// TryPut is [Queue.Put] without waiting: if the queue is full, it returns [ErrQueueFull].
// After a Shutdown it returns [ErrQueueShutDown]. See asyncio.Queue.put_nowait.
func (q *Queue[T]) TryPut(item T) error {
	switch {
	case q.shutdown:
		return ErrQueueShutDown
	case q.Full():
		return ErrQueueFull
	}
	if q.other == nil {
		q.fifo.Push(item)
	} else {
		q.other.Push(item)
	}
	if q.size++; q.size > q.grown {
		q.grows(q.size)
	}
	q.unfinished++
	q.getters.wakeNext()
	return nil
}

// Get removes the next item and wakes the first waiting putter.
//
//   - It suspends while the queue is empty.
//   - It returns [ErrQueueShutDown] if the queue is empty after a Shutdown, even if that
//     happens during the wait.
//   - Its other errors are a [CancelledError] or another error of [Future.Await].
//   - After an error no item was removed.
//
// See asyncio.Queue.get.
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

// TryGet is [Queue.Get] without waiting: if the queue is empty, it returns
// [ErrQueueEmpty], or [ErrQueueShutDown] after a Shutdown. See asyncio.Queue.get_nowait.
func (q *Queue[T]) TryGet() (item T, err error) {
	switch {
	case !q.Empty():
		item = q.pop()
		q.putters.wakeNext()
		return item, nil
	case q.shutdown:
		return item, ErrQueueShutDown
	}
	return item, ErrQueueEmpty
}

// All returns an iterator that removes items with [Queue.Get] and yields them.
//
//   - The loop ends without an error when the queue is shut down and empty.
//   - If Get fails otherwise, it yields the zero item and the error, and ends.
//   - It removes an item only when the loop asks for the next one: after break, the other
//     items are still in the queue.
//   - Several tasks may iterate over one queue. Each item goes to one of them.
//   - It does not call [Queue.TaskDone]. If a task uses [Queue.Join], call TaskDone once
//     for each item, when its processing is complete.
func (q *Queue[T]) All(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			item, err := q.Get(ctx)
			if err == ErrQueueShutDown || !yield(item, err) || err != nil {
				return
			}
		}
	}
}

// wait waits in ws, one of the queue's three, and binds all of them to one loop.
func (q *Queue[T]) wait(ctx context.Context, kind inspect.WaitKind, ws *waiters) (woken bool, err error) {
	if err := q.getters.bind(ctx, q); err != nil {
		return false, err
	}
	return ws.wait(ctx, kind, q)
}

func (q *Queue[T]) pop() T {
	q.size--
	if q.other == nil {
		return q.fifo.Pop()
	}
	return q.other.Pop()
}

// TaskDone reports that an item was processed. Once it was called for each item that was
// ever put, the tasks in [Queue.Join] proceed.
//
//   - It never suspends.
//   - It panics with [ErrInvalidArgument] if it is called more often than items were put.
//
// See asyncio.Queue.task_done.
func (q *Queue[T]) TaskDone() {
	if q.unfinished == 0 {
		panic(misuse(ErrInvalidArgument, "TaskDone on %v: no unfinished items; call it once for each item", q))
	}
	q.unfinished--
	if q.unfinished == 0 {
		q.joiners.wakeAll()
	}
}

// Join waits until [Queue.TaskDone] was called for each item that was put.
//
//   - It does not check again after it was woken: it does not wait for items that are put
//     after the last TaskDone.
//   - Its errors are a [CancelledError] or another error of [Future.Await].
//
// See asyncio.Queue.join.
func (q *Queue[T]) Join(ctx context.Context) error {
	if q.unfinished == 0 {
		return nil
	}
	_, err := q.wait(ctx, inspect.ForJoin, &q.joiners)
	return err
}

// Shutdown closes the queue permanently and wakes all waiting getters and putters.
//
//   - Afterwards Put returns [ErrQueueShutDown], and so does Get once the queue is empty.
//   - If immediate is true, it removes the items in the queue and counts them as done for
//     Join.
//   - It never suspends.
//
// See asyncio.Queue.shutdown.
func (q *Queue[T]) Shutdown(immediate bool) {
	q.shutdown = true
	if immediate {
		for !q.Empty() {
			q.pop()
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
func (q *Queue[T]) Len() int { return q.size }

// Cap returns the number of items at which the queue is full. 0 or less means no limit.
// See asyncio.Queue.maxsize.
func (q *Queue[T]) Cap() int { return q.capacity }

// Empty reports whether the queue has no items. See asyncio.Queue.empty.
func (q *Queue[T]) Empty() bool { return q.size == 0 }

// Full reports whether the queue has no room for another item. See asyncio.Queue.full.
func (q *Queue[T]) Full() bool { return q.capacity > 0 && q.size >= q.capacity }

// String describes the queue: <Queue maxsize=3 size=3 putters=1 unfinished=4>. getters
// and putters count waiting tasks. See Queue.__repr__.
func (q *Queue[T]) String() string {
	kind := q.kind
	if kind == "" {
		kind = "Queue"
	}
	s := fmt.Sprintf("<%s maxsize=%d size=%d", kind, q.capacity, q.size)
	s += describeCount(" getters", q.getters.pending())
	s += describeCount(" putters", q.putters.pending())
	s += describeCount(" unfinished", q.unfinished)
	if q.shutdown {
		s += " shutdown"
	}
	return s + ">"
}

// A PriorityQueue is a [Queue] that removes its smallest item first. Equal items leave in
// the order in which they were put, which asyncio does not guarantee.
//
// [NewPriorityQueue] makes one. The methods of a zero PriorityQueue that put or get items
// panic with [ErrMisuse]. See asyncio.PriorityQueue.
type PriorityQueue[T any] struct{ Queue[T] }

// NewPriorityQueue returns an empty queue that orders its items by less, which reports
// whether a leaves before b. It holds at most maxsize items; if maxsize is 0 or less, it
// has no limit. NewPriorityQueue panics with [ErrInvalidArgument] if less is nil.
func NewPriorityQueue[T any](maxsize int, less func(a, b T) bool) *PriorityQueue[T] {
	if less == nil {
		panic(misuse(ErrInvalidArgument, "NewPriorityQueue: less is nil; pass cmp.Less for numbers and strings, or a func(a, b T) bool"))
	}
	return &PriorityQueue[T]{Queue[T]{kind: "PriorityQueue", other: &heap[T]{less: less}, capacity: maxsize}}
}

// errZeroPriorityQueue is the panic of the methods below. They replace those of Queue,
// which would use a zero PriorityQueue as a FIFO. The error has no arguments so that they
// can be inlined.
var errZeroPriorityQueue = misuse(ErrMisuse, "use of a zero PriorityQueue: it has no order; make it with NewPriorityQueue")

// Put puts an item into the queue. See [Queue.Put].
func (q *PriorityQueue[T]) Put(ctx context.Context, item T) error {
	if q.other == nil {
		panic(errZeroPriorityQueue)
	}
	return q.Queue.Put(ctx, item)
}

// TryPut puts an item into the queue without waiting. See [Queue.TryPut].
func (q *PriorityQueue[T]) TryPut(item T) error {
	if q.other == nil {
		panic(errZeroPriorityQueue)
	}
	return q.Queue.TryPut(item)
}

// Get removes the smallest item. See [Queue.Get].
func (q *PriorityQueue[T]) Get(ctx context.Context) (T, error) {
	if q.other == nil {
		panic(errZeroPriorityQueue)
	}
	return q.Queue.Get(ctx)
}

// TryGet removes the smallest item without waiting. See [Queue.TryGet].
func (q *PriorityQueue[T]) TryGet() (T, error) {
	if q.other == nil {
		panic(errZeroPriorityQueue)
	}
	return q.Queue.TryGet()
}

// All returns an iterator that removes items, the smallest first. See [Queue.All].
func (q *PriorityQueue[T]) All(ctx context.Context) iter.Seq2[T, error] {
	if q.other == nil {
		panic(errZeroPriorityQueue)
	}
	return q.Queue.All(ctx)
}

// String describes the queue. See [Queue.String].
func (q *PriorityQueue[T]) String() string {
	q.kind = "PriorityQueue" // also of a zero PriorityQueue
	return q.Queue.String()
}

// A LIFOQueue is a [Queue] that removes the item that was put last. The zero LIFOQueue is
// empty, has no limit and is ready to use. See asyncio.LifoQueue.
type LIFOQueue[T any] struct{ Queue[T] }

// NewLIFOQueue returns an empty queue for at most maxsize items. If maxsize is 0 or less,
// the queue has no limit.
func NewLIFOQueue[T any](maxsize int) *LIFOQueue[T] {
	return &LIFOQueue[T]{Queue[T]{kind: "LIFOQueue", other: &stack[T]{}, capacity: maxsize}}
}

// init makes a zero LIFOQueue a LIFO. Its items were put through the embedded Queue.
func (q *LIFOQueue[T]) init() {
	if q.other == nil {
		q.kind, q.other = "LIFOQueue", &stack[T]{}
		for range q.size {
			q.other.Push(q.fifo.Pop())
		}
	}
}

// Put puts an item into the queue. See [Queue.Put].
func (q *LIFOQueue[T]) Put(ctx context.Context, item T) error {
	q.init()
	return q.Queue.Put(ctx, item)
}

// TryPut puts an item into the queue without waiting. See [Queue.TryPut].
func (q *LIFOQueue[T]) TryPut(item T) error {
	q.init()
	return q.Queue.TryPut(item)
}

// Get removes the item that was put last. See [Queue.Get].
func (q *LIFOQueue[T]) Get(ctx context.Context) (T, error) {
	q.init()
	return q.Queue.Get(ctx)
}

// All returns an iterator that removes items, the last first. See [Queue.All].
func (q *LIFOQueue[T]) All(ctx context.Context) iter.Seq2[T, error] {
	q.init()
	return q.Queue.All(ctx)
}

// String describes the queue. See [Queue.String].
func (q *LIFOQueue[T]) String() string {
	q.init()
	return q.Queue.String()
}

// A stack is a store in LIFO order.
type stack[T any] []T

func (s *stack[T]) Push(item T) { *s = append(*s, item) }

func (s *stack[T]) Pop() T {
	item := (*s)[len(*s)-1]
	*s = dropLast(*s)
	return item
}

// A heap is a store that returns its smallest item first: a binary heap, in which no item
// is less than that of its parent, node (i-1)/2 of node i. container/heap would allocate
// for each item.
type heap[T any] struct {
	less  func(a, b T) bool
	nodes []heapNode[T]
	count uint64 // items ever pushed; the seq of the last
}

type heapNode[T any] struct {
	item T
	seq  uint64 // orders equal items
}

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

// dropLast removes the last element of s. Like [ring.Buffer], it releases memory after a
// burst.
func dropLast[E any](s []E) []E {
	const roomy = 4096
	clear(s[len(s)-1:])
	s = s[:len(s)-1]
	if cap(s) > roomy && len(s) < cap(s)/8 {
		s = append(make([]E, 0, cap(s)/4), s...)
	}
	return s
}
