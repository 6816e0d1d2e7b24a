package introspect

import (
	"cmp"
	"errors"
	"fmt"
	"sync"
	"time"

	"example.com/asyncio"
)

// ringSize is how many events are kept for readers. At 50,000 events a second they may be a third of a second late.
const ringSize = 1 << 14

// A hub is the observer of a loop for all who look. It keeps the last events in a ring; each reader has its place in it,
// and one that is overtaken has lost what lies between. So a reader costs the loop nothing.
type hub struct {
	loop *asyncio.Loop

	// Owned by the goroutine that runs the loop.
	users     int              // who want to be told of events
	installed bool             // the loop has it for its observer, or one above it
	before    asyncio.Observer // that it was set on top of
	call      event            // a call that has begun, of which it is not known yet whether it is our own
	hidden    bool             // the call that runs is our own
	tasks     int              // that have not ended; counted while there are users
	watch     *watch           // nil: nobody watches

	mu   sync.Mutex // guards the fields below
	ring []event    // nil: no events are kept
	next uint64     // the number of the next event; the first has 1
}

// An event is what is kept of a LoopEvent: as little as can be, for there are many. Nothing in it belongs to the loop.
type event struct {
	kind   asyncio.EventKind
	waits  asyncio.WaitKind
	time   time.Duration
	task   uint64
	byTask uint64
	on     uint64        // the task that is waited for
	until  time.Duration // the timer that is
	more   *eventMore    // what few have
}

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
	h.tasks = len(h.loop.AllTasks())
	if !h.installed {
		h.installed = true
		h.before = h.loop.Observer()
		h.loop.SetObserver(h)
	}
}

func (h *hub) drop() {
	if h.users--; h.users > 0 {
		return
	}
	h.call, h.hidden = event{}, false
	h.mu.Lock()
	h.ring = nil
	h.mu.Unlock()
	// Who was set above us passes on what happens, and would go on to do so: then it stays, and does nothing.
	if h.loop.Observer() == asyncio.Observer(h) {
		h.installed = false
		h.loop.SetObserver(h.before)
		h.before = nil
	}
}

// keep has the ring kept from now on, and returns the number of the next event. It is called on the loop, by one who holds.
func (h *hub) keep() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ring == nil {
		h.ring = make([]event, ringSize)
		h.next = max(h.next, 1)
	}
	return h.next
}

// hide leaves out of the events the call in which it is called.
func (h *hub) hide() {
	if h.call.kind != 0 {
		h.call, h.hidden = event{}, true
	}
}

// Observe is called on the loop.
func (h *hub) Observe(e *asyncio.LoopEvent) {
	if h.before != nil {
		h.before.Observe(e)
	}
	if h.users == 0 {
		return
	}
	if h.watch != nil {
		h.watch.observe(e)
	}
	switch e.Kind {
	case asyncio.TaskCreated:
		h.tasks++
	case asyncio.TaskEnded:
		h.tasks--
	}
	if h.ring == nil {
		return
	}
	if h.call.kind != 0 {
		h.push(h.call)
		h.call = event{}
	}
	switch {
	case e.Kind == asyncio.CallBegun:
		h.call = eventOf(e)
	case e.Kind == asyncio.CallEnded && h.hidden:
		h.hidden = false
	default:
		h.push(eventOf(e))
	}
}

func (h *hub) push(e event) {
	h.mu.Lock()
	h.ring[h.next%ringSize] = e
	h.next++
	h.mu.Unlock()
}

// read appends to batch the events from number at on, as many as there is room for, and returns the number of the first: it is
// greater than at if some are lost.
func (h *hub) read(at uint64, batch []event) (first uint64, _ []event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ring == nil {
		return at, batch
	}
	if h.next > ringSize {
		at = max(at, h.next-ringSize)
	}
	for n := at; n < h.next && len(batch) < cap(batch); n++ {
		batch = append(batch, h.ring[n%ringSize])
	}
	return at, batch
}

func eventOf(le *asyncio.LoopEvent) event {
	e := event{kind: le.Kind, time: le.Loop.Time()}
	if le.Task != nil {
		e.task = le.Task.ID()
	}
	switch le.Kind {
	case asyncio.TaskCreated:
		e.more = &eventMore{name: le.Task.Name()}
		e.byTask = idOf(le.By)
	case asyncio.TaskCancelAsked:
		m := &eventMore{by: nameOf(le.By)}
		e.byTask = idOf(le.By)
		if le.Message != nil {
			m.message = fmt.Sprint(le.Message)
		}
		for _, t := range le.Through {
			m.through = append(m.through, t.ID())
		}
		e.more = m
	case asyncio.TaskEnded:
		switch {
		case le.Err == nil:
			e.more = endedWell
		case errors.Is(le.Err, asyncio.ErrCancelled):
			e.more = &eventMore{outcome: "cancelled", err: le.Err.Error()}
		default:
			e.more = &eventMore{outcome: "error", err: le.Err.Error()}
		}
	case asyncio.TaskSuspended:
		e.waitFor(le.On)
	case asyncio.CallBegun:
		e.more = &eventMore{name: le.Handle.String()}
	case asyncio.QueueGrew:
		e.more = &eventMore{object: le.Object.String(), size: le.Size}
	}
	return e
}

var endedWell = &eventMore{outcome: "result"}

// waitFor notes what a task waits for. The text of a lock, say, is left out: to make it takes longer than all the rest.
func (e *event) waitFor(on asyncio.AnyFuture) {
	switch on := on.(type) {
	case nil:
	case asyncio.AnyTask:
		e.waits, e.on = asyncio.ForTask, on.ID()
	default:
		reason := asyncio.WaitReasonOf(on)
		e.waits, e.until = reason.Kind, reason.Until
		if reason.Job != "" {
			e.more = &eventMore{object: reason.Job}
		}
	}
}

func idOf(by any) uint64 {
	if t, ok := by.(asyncio.AnyTask); ok {
		return t.ID()
	}
	return 0
}

func nameOf(by any) string {
	switch by := by.(type) {
	case nil:
		return ""
	case asyncio.AnyTask:
		return "task " + by.Name()
	case interface{ Name() string }: // a block
		return by.Name()
	default:
		return fmt.Sprint(by)
	}
}

// info makes of e what is sent.
func (e *event) info() asyncio.EventInfo {
	m := cmp.Or(e.more, &eventMore{})
	i := asyncio.EventInfo{
		Kind: e.kind, Time: e.time, Task: e.task, ByTask: e.byTask,
		Name: m.name, By: m.by, Message: m.message, Outcome: m.outcome, Error: m.err, Through: m.through,
	}
	if e.kind == asyncio.QueueGrew {
		i.Object, i.Size = m.object, m.size
	}
	if e.waits != 0 {
		i.Waits = &asyncio.WaitInfo{Kind: e.waits, Until: e.until, What: m.object}
		if e.on != 0 {
			i.Waits.Tasks = []uint64{e.on}
		}
	}
	return i
}
