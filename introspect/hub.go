package introspect

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/inspect"
)

const (
	// ringSize is how many events are kept for readers: at 50,000 a second they may be a third of a second late.
	ringSize = 1 << 14
	// perRead is how many are kept from one time that they are read to the next, if there is no room left from before. That is done twenty times a
	// second: so where more happens than can be read, 50,000 events a second are kept. Each takes time from the loop, and much more from who reads.
	perRead = 2_500
)

// A hub is the observer of a loop for all who look. It keeps events in a ring; each reader has its place in it.
//
// The reader that is ahead decides how far the ring is filled. When it is full, the loop does not tell of events any more, and
// only counts them, until that reader has read what there is: what nobody would read costs next to nothing then. A reader
// that is far behind is overtaken by the others, and has lost what lies between. So no reader can hold up the loop, nor another reader.
type hub struct {
	loop *asyncio.Loop

	// Owned by the goroutine that runs the loop.
	users     int              // who want to be told of events
	installed bool             // the loop has it for its observer, or one above it
	before    inspect.Observer // that it was set on top of
	call      event            // a call that has begun, of which it is not known yet whether it is our own
	callMore  *eventMore
	hidden    bool   // the call that runs is our own
	untold    uint64 // what the loop's Untold was when that was looked at
	watch     *watch // nil: nobody watches

	limit atomic.Uint64 // how many events may be put into the ring; changed under mu

	mu   sync.Mutex // guards the fields below
	ring []event    // nil: no events are kept
	more []*eventMore
	kept uint64 // how many were put into the ring
	next uint64 // the number of the next event, as far as is known; the first has 1
}

// A place is where a reader is.
type place struct {
	kept uint64 // the next event in the ring, as hub.kept counts
	next uint64 // its number, if none is missing before it
}

// An event is what is kept of a LoopEvent: as little as can be, for there are many. Nothing in it belongs to the loop, and it has
// no pointers: else the garbage collector would go through the ring each time.
type event struct {
	number uint64
	kind   inspect.EventKind
	waits  inspect.WaitKind
	time   time.Duration
	task   uint64
	byTask uint64
	on     uint64        // the task that is waited for
	until  time.Duration // the timer that is
}

// An eventMore is what few events have, beside them.
type eventMore struct {
	name, by, message, outcome, err, object string
	through                                 []uint64
	size                                    int
}

// hold begins to observe, and drop ends it again. They are called on the loop.
func (h *hub) hold() {
	if h.users++; h.users > 1 {
		return
	}
	if !h.installed {
		h.installed = true
		h.before = h.loop.Observer()
		h.loop.SetObserver(h)
	}
	h.untold = h.loop.MutedEvents()
}

func (h *hub) drop() {
	if h.users--; h.users > 0 {
		return
	}
	h.call, h.callMore, h.hidden = event{}, nil, false
	h.mu.Lock()
	h.ring, h.more = nil, nil
	h.loop.MuteObserver(false)
	h.mu.Unlock()
	// Who was set above us passes on what happens, and would go on to do so: then it stays, and does nothing.
	if h.loop.Observer() == inspect.Observer(h) {
		h.installed = false
		h.loop.SetObserver(h.before)
		h.before = nil
	}
}

// keep has the ring kept from now on, and returns the place of the next event. It is called on the loop, by one who holds.
func (h *hub) keep() place {
	h.count()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ring == nil {
		h.ring, h.more = make([]event, ringSize), make([]*eventMore, ringSize)
		h.next = max(h.next, 1)
	}
	h.makeRoom(h.kept + ringSize)
	return place{h.kept, h.next}
}

// count notes how many events there were of which the loop has not told. It is called on the loop.
func (h *hub) count() {
	now := h.loop.MutedEvents()
	h.mu.Lock()
	h.next += now - h.untold
	h.mu.Unlock()
	h.untold = now
}

// hide leaves out of the events the call in which it is called.
func (h *hub) hide() {
	if h.call.kind != 0 {
		h.call, h.callMore, h.hidden = event{}, nil, true
	}
}

// Observe is called on the loop.
func (h *hub) Observe(e *inspect.Event) {
	if h.before != nil {
		h.before.Observe(e)
	}
	if h.users == 0 {
		return
	}
	if h.watch != nil {
		h.watch.observe(e)
	}
	if h.ring == nil {
		return
	}
	if h.call.kind != 0 {
		h.push(&h.call, h.callMore)
		h.call, h.callMore = event{}, nil
	}
	if e.Kind == inspect.CallEnded && h.hidden {
		h.hidden = false
		return
	}
	if h.loop.MutedEvents() != h.untold {
		h.count()
	}
	if h.kept >= h.limit.Load() {
		h.isFull()
		return
	}
	n, more := eventOf(e)
	if e.Kind == inspect.CallBegun {
		h.call, h.callMore = n, more
	} else {
		h.push(&n, more)
	}
}

// isFull counts an event for which there is no room.
func (h *hub) isFull() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next++
	// Others may look on too, and need all events; the next that comes is counted here then.
	if h.kept >= h.limit.Load() && h.watch == nil && h.before == nil && h.loop.Observer() == inspect.Observer(h) {
		h.loop.MuteObserver(true) // until makeRoom
	}
}

func (h *hub) push(e *event, more *eventMore) {
	h.mu.Lock()
	e.number = h.next
	at := h.kept % ringSize
	h.ring[at] = *e
	if h.more[at] != more { // most are nil
		h.more[at] = more
	}
	h.kept++
	h.next++
	h.mu.Unlock()
}

// A batch is events that follow each other, with none missing.
type batch struct {
	events []event
	more   []*eventMore // of each
}

// read fills b with the events at p, as many as there is room for and up to the next that is missing, and moves p behind them. It
// returns how many are missing before the first.
func (h *hub) read(p *place, b *batch) (missing uint64) {
	b.events, b.more = b.events[:0], b.more[:0]
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ring == nil {
		return 0
	}
	if h.kept > ringSize {
		p.kept = max(p.kept, h.kept-ringSize)
	}
	for ; p.kept < h.kept && len(b.events) < maxBatch; p.kept++ {
		at := p.kept % ringSize
		e := &h.ring[at]
		if e.number != p.next {
			if len(b.events) > 0 {
				return missing
			}
			missing = e.number - p.next
		}
		b.events, b.more = append(b.events, *e), append(b.more, h.more[at])
		p.next = e.number + 1
	}
	if len(b.events) == 0 && p.next < h.next { // there are none behind those that are missing
		missing, p.next = h.next-p.next, h.next
	}
	return missing
}

// hasRead tells h that a reader has read all up to p.
func (h *hub) hasRead(p place) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.makeRoom(min(h.limit.Load()+perRead, p.kept+ringSize))
}

func (h *hub) makeRoom(limit uint64) {
	if limit > h.limit.Load() {
		h.limit.Store(limit)
	}
	if h.kept < h.limit.Load() {
		h.loop.MuteObserver(false)
	}
}

func eventOf(le *inspect.Event) (e event, more *eventMore) {
	e.kind, e.time = le.Kind, le.Loop.Time()
	if le.Task != nil {
		e.task = le.Task.ID()
	}
	switch le.Kind {
	case inspect.TaskCreated:
		more = &eventMore{name: le.Task.Name()}
		e.byTask = idOf(le.By)
	case inspect.TaskCancelAsked:
		m := &eventMore{by: nameOf(le.By)}
		e.byTask = idOf(le.By)
		if le.Message != nil {
			m.message = fmt.Sprint(le.Message)
		}
		for _, t := range le.Through {
			m.through = append(m.through, t.ID())
		}
		more = m
	case inspect.TaskEnded:
		switch {
		case le.Err == nil:
			more = endedWell
		case errors.Is(le.Err, asyncio.ErrCancelled):
			more = &eventMore{outcome: "cancelled", err: le.Err.Error()}
		default:
			more = &eventMore{outcome: "error", err: le.Err.Error()}
		}
	case inspect.TaskSuspended:
		more = e.waitFor(le.On)
	case inspect.CallBegun:
		more = &eventMore{name: le.Handle.Func()}
	case inspect.QueueGrew:
		more = &eventMore{object: le.Object.String(), size: le.Size}
	}
	return e, more
}

var endedWell = &eventMore{outcome: "result"}

// waitFor notes what a task waits for. The text of a lock, say, is left out: to make it takes longer than all the rest.
func (e *event) waitFor(on inspect.Future) *eventMore {
	switch on := on.(type) {
	case nil:
	case inspect.Task:
		e.waits, e.on = inspect.ForTask, on.ID()
	default:
		reason := on.WaitReason()
		e.waits, e.until = reason.Kind, reason.Until
		if reason.Job != "" {
			return &eventMore{object: reason.Job}
		}
	}
	return nil
}

func idOf(by any) uint64 {
	if t, ok := by.(inspect.Task); ok {
		return t.ID()
	}
	return 0
}

func nameOf(by any) string {
	switch by := by.(type) {
	case nil:
		return ""
	case inspect.Task:
		return "task " + by.Name()
	case interface{ Name() string }: // a block
		return by.Name()
	default:
		return fmt.Sprint(by)
	}
}
