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
	// ringSize is the number of events in the ring: a third of a second at 50,000 events
	// per second.
	ringSize = 1 << 14
	// perRead is the number of events that the loop may add to a full ring after each
	// read. Readers read 20 times per second, so that 50,000 events per second are kept
	// if more occur. Each event costs the loop time, and the reader much more.
	perRead = 2_500
)

// A hub is the Observer of a loop on behalf of all readers of events. It keeps events in
// a ring; each reader has a cursor into the ring.
//
//   - The most advanced reader determines how far the loop may fill the ring. At that
//     limit the loop stops reporting events and only counts them, until that reader has
//     caught up. Events without a reader therefore cost almost nothing.
//   - A slower reader loses the events that are overwritten before it reads them. No
//     reader delays the loop or another reader.
type hub struct {
	loop *asyncio.Loop

	// Owned by the goroutine that runs the loop.
	users     int              // users of events: the watchdog and the streams; with 0 the hub ignores events
	installed bool             // the loop's Observer is the hub, or an Observer that was set above the hub
	before    inspect.Observer // the Observer that the hub replaced; it still receives all events; nil: none
	call      event            // a "call begun" held back until it is known whether the call is our own; kind 0: none
	callMore  *eventMore       // the rest of call
	hidden    bool             // the running call is our own; readers do not receive its events
	muted     uint64           // Loop.MutedEvents at the last check
	watch     *watch           // set by the option Watch; nil: off

	limit atomic.Uint64 // the value of kept at which the ring is full; written under mu

	mu   sync.Mutex   // guards the fields below; the loop's goroutine, their only writer, reads them without it
	ring []event      // nil: no events are kept
	more []*eventMore // the rest of each event in ring
	kept uint64       // how many events were put into the ring
	next uint64       // the number of the next event, as far as known; the first event has 1
}

// A cursor is the position of a reader.
type cursor struct {
	kept uint64 // the position in the ring of the next event, counted like hub.kept
	next uint64 // the number of that event unless events are missing before it
}

// An event is the part of an inspect.Event that is kept. It is small, since there are
// many. It refers to nothing of the loop, and has no pointers, so that the garbage
// collector does not scan the ring.
type event struct {
	number uint64
	kind   inspect.EventKind
	waits  inspect.WaitKind
	time   time.Duration // the loop's time
	task   uint64        // 0: none
	byTask uint64        // the task that caused the event; 0: none
	on     uint64        // the awaited task; 0: none
	until  time.Duration // the deadline of the awaited timer, in the loop's time; 0: none
}

// An eventMore is the part of an event that only few events have.
type eventMore struct {
	name, by, message, outcome, err, object string
	through                                 []uint64
	size                                    int
}

// attach registers a user of events. The first one installs the hub. Only the loop calls
// it.
func (h *hub) attach() {
	if h.users++; h.users > 1 {
		return
	}
	if !h.installed {
		h.installed = true
		h.before = h.loop.Observer()
		h.loop.SetObserver(h)
	}
	h.muted = h.loop.MutedEvents()
}

// detach ends what attach began. Only the loop calls it.
func (h *hub) detach() {
	if h.users--; h.users > 0 {
		return
	}
	h.call, h.callMore, h.hidden = event{}, nil, false
	h.mu.Lock()
	h.ring, h.more = nil, nil
	h.loop.MuteObserver(false)
	h.mu.Unlock()
	// An Observer above the hub keeps passing events on. Then the hub stays, and ignores
	// them.
	if h.loop.Observer() == inspect.Observer(h) {
		h.installed = false
		h.loop.SetObserver(h.before)
		h.before = nil
	}
}

// subscribe makes sure that events are put into the ring, and returns the cursor of the
// next event. Only the loop calls it, after attach.
func (h *hub) subscribe() cursor {
	h.countMuted()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ring == nil {
		h.ring, h.more = make([]event, ringSize), make([]*eventMore, ringSize)
		h.next = max(h.next, 1)
	}
	h.raiseLimit(h.kept + ringSize)
	return cursor{h.kept, h.next}
}

// countMuted counts the events that the loop did not report. Only the loop calls it.
func (h *hub) countMuted() {
	now := h.loop.MutedEvents()
	h.mu.Lock()
	h.next += now - h.muted
	h.mu.Unlock()
	h.muted = now
}

// hideCall excludes the running call from the events. That call calls it.
func (h *hub) hideCall() {
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
	if h.loop.MutedEvents() != h.muted {
		h.countMuted()
	}
	if h.kept >= h.limit.Load() {
		h.countDropped()
		return
	}
	n, more := eventOf(e)
	if e.Kind == inspect.CallBegun {
		h.call, h.callMore = n, more
	} else {
		h.push(&n, more)
	}
}

// countDropped counts an event that does not fit into the ring.
func (h *hub) countDropped() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next++
	// The watchdog and other Observers need all events. Without them the loop can be
	// muted.
	if h.kept >= h.limit.Load() && h.watch == nil && h.before == nil && h.loop.Observer() == inspect.Observer(h) {
		h.loop.MuteObserver(true) // until raiseLimit
	}
}

func (h *hub) push(e *event, more *eventMore) {
	h.mu.Lock()
	e.number = h.next
	at := h.kept % ringSize
	h.ring[at] = *e
	if h.more[at] != more { // usually both are nil
		h.more[at] = more
	}
	h.kept++
	h.next++
	h.mu.Unlock()
}

// A batch is consecutive events: none is missing between them.
type batch struct {
	events []event
	more   []*eventMore // the rest of each event; nil: none
}

// read fills b with the events from c on, up to maxBatch events or the next missing
// event, and moves c behind them. It returns how many events are missing before the
// first.
func (h *hub) read(c *cursor, b *batch) (missing uint64) {
	b.events, b.more = b.events[:0], b.more[:0]
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ring == nil {
		return 0
	}
	if h.kept > ringSize {
		c.kept = max(c.kept, h.kept-ringSize)
	}
	for ; c.kept < h.kept && len(b.events) < maxBatch; c.kept++ {
		at := c.kept % ringSize
		e := &h.ring[at]
		if e.number != c.next {
			if len(b.events) > 0 {
				return missing
			}
			missing = e.number - c.next
		}
		b.events, b.more = append(b.events, *e), append(b.more, h.more[at])
		c.next = e.number + 1
	}
	if len(b.events) == 0 && c.next < h.next { // no event follows the missing ones
		missing, c.next = h.next-c.next, h.next
	}
	return missing
}

// hasRead reports to the hub that a reader has read all events before c.
func (h *hub) hasRead(c cursor) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.raiseLimit(min(h.limit.Load()+perRead, c.kept+ringSize))
}

func (h *hub) raiseLimit(limit uint64) {
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
		e.byTask = taskID(le.By)
	case inspect.TaskCancelAsked:
		m := &eventMore{by: causeOf(le.By)}
		e.byTask = taskID(le.By)
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
			more = endedWithResult
		case errors.Is(le.Err, asyncio.ErrCancelled):
			more = &eventMore{outcome: "cancelled", err: le.Err.Error()}
		default:
			more = &eventMore{outcome: "error", err: le.Err.Error()}
		}
	case inspect.TaskSuspended:
		more = e.setWait(le.On)
	case inspect.CallBegun:
		more = &eventMore{name: le.Handle.Func()}
	case inspect.QueueGrew:
		more = &eventMore{object: le.Object.String(), size: le.Size}
	}
	return e, more
}

var endedWithResult = &eventMore{outcome: "result"}

// setWait sets what the task waits for. It omits the text of the object, for example of a
// lock, since formatting it takes longer than all the rest.
func (e *event) setWait(on inspect.Future) *eventMore {
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

// taskID returns the ID of the task that caused an event; 0 if the cause is not a task.
func taskID(by any) uint64 {
	if t, ok := by.(inspect.Task); ok {
		return t.ID()
	}
	return 0
}

// causeOf describes the cause of an event: "task a", "a timeout of 1s".
func causeOf(by any) string {
	if t, ok := by.(inspect.Task); ok {
		return "task " + t.Name()
	}
	return inspect.CauseText(by)
}
