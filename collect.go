package asyncio

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"example.com/asyncio/inspect"
)

// A snapshot is taken in two parts. collect records the state while the loop stands
// still, and does as little as possible. render makes texts and plain data of it, in any
// goroutine.

// A snapshotSize is the expected size of a snapshot.
type snapshotSize struct{ tasks, records, blocks int }

func (l *Loop) size() snapshotSize {
	s := snapshotSize{tasks: l.alive, blocks: l.scopes.Len()}
	if l.record != 0 || l.debug {
		s.records = s.tasks
	}
	return s
}

// room allocates a rawSnapshot of this size, with an eighth more for what is created
// meanwhile.
func (s snapshotSize) room() *rawSnapshot {
	more := func(n int) int { return n + n/8 }
	return &rawSnapshot{
		tasks: make([]rawTask, 0, more(s.tasks)), records: make([]rawRecord, 0, more(s.records)), blocks: make([]rawBlock, 0, more(s.blocks)),
		ends: make([]uint32, 0, more(s.tasks)), objects: make(map[fmt.Stringer]rawObject, min(s.tasks, maxObjects)), known: map[*futureBase]span{},
	}
}

// A rawSnapshot is the state that collect records. It refers to what does not change
// later.
type rawSnapshot struct {
	loop    inspect.LoopInfo
	tasks   []rawTask
	records []rawRecord
	more    []rawMore            // the data of few tasks
	ends    []uint32             // numbers of tasks that others wait for; see span
	known   map[*futureBase]span // the span of each future with several waiters
	blocks  []rawBlock           // last opened first
	objects map[fmt.Stringer]rawObject
	unread  []inspect.UnreadInfo
	last    fmt.Stringer // the object that addObject saw last
	holder  inspect.Task // the holder of last; nil: none
}

// A span is a part of rawSnapshot.ends.
type span struct{ from, to int32 }

// A rawTask has only what most tasks need: there are many, and clearing their memory
// takes time.
type rawTask struct {
	task   *taskBase
	name   *string
	object fmt.Stringer
	until  time.Duration
	ends   span
	waits  uint32 // the number of the awaited future; not a pointer, since futures are reused
	holder uint32 // the number of the task that holds the object; 0: none
	record int32  // the index in rawSnapshot.records, plus 1; 0: none
	more   int32  // the index in rawSnapshot.more, plus 1; 0: none
	state  uint8  // the index in taskStates
	kind   inspect.WaitKind
}

var taskStates = [...]inspect.TaskState{inspect.TaskNew, inspect.TaskReady, inspect.TaskRunning, inspect.TaskWaiting}

type rawRecord struct {
	taskRecord
	made *origin
}

type rawMore struct {
	edges   []rawEdge
	cancels int
	cancel  *inspect.CancelInfo
	job     string
	since   time.Time
}

// A rawEdge is a future that awaits a task by AddAwaiter.
type rawEdge struct {
	seq    uint32
	isTask bool
}

type rawBlock struct {
	task   *taskBase
	object fmt.Stringer
	until  time.Duration
	ends   span
	kind   inspect.WaitKind
}

// A rawObject is an object that tasks wait for.
type rawObject struct {
	text   string
	holder string // the name of the holder
	missed uint64
}

const (
	// maxObjects limits the objects with texts, which are made while the loop stands
	// still.
	maxObjects = 1_000
	// maxEnds limits rawSnapshot.ends. A thousand tasks that each wait for the same
	// thousand tasks are a million entries.
	maxEnds = 2_000_000
)

func (r *rawSnapshot) collect(l *Loop) {
	began := time.Now()
	r.loop = inspect.LoopInfo{
		Time: l.Time(), Taken: began, State: stateNames[l.state.Load()],
		Ready: l.ready.Len(), Timers: l.timers.Len() - l.cancelledTimers, Outside: l.outside, Turns: l.turns, Futures: l.futures,
		Debug: l.debug, Observed: l.observer != nil, Steps: l.record&inspect.RecordSteps != 0, Places: l.debug || l.record&inspect.RecordPlaces != 0,
	}
	if l.current != nil {
		r.loop.Current = l.current.future.ID()
	}
	for _, t := range l.all() {
		if t.future.state == pending {
			r.tasks = append(r.tasks, rawTask{})
			r.addTask(l, t, &r.tasks[len(r.tasks)-1])
		}
	}
	for s := range l.scopes.All() {
		r.addBlock(s)
	}
	for u := range l.unread.All() {
		if len(r.unread) == maxObjects {
			break
		}
		r.unread = append(r.unread, inspect.UnreadInfo{ID: uint64(u.seq), What: u.what, Error: firstLine(u.err), Source: u.madeAt})
	}
	r.loop.Stopped = time.Since(began)
}

func (r *rawSnapshot) addTask(l *Loop, t *taskBase, raw *rawTask) {
	raw.task, raw.name = t, t.name.Load()
	f := t.waits
	switch {
	case t.stack == nil:
		raw.state = 0
	case l.runs(t):
		raw.state = 2
	case f == nil || f.state != pending:
		raw.state = 1
	default:
		raw.state = 3
		r.addWait(f, raw)
	}
	if m := t.future.extraOrNil(); m != nil && (m.record != nil || m.made != nil) {
		r.records = append(r.records, rawRecord{made: m.made})
		raw.record = int32(len(r.records))
		if m.record != nil {
			r.records[raw.record-1].taskRecord = *m.record
		}
	}
	if m := t.future.extraOrNil(); m != nil && len(m.edges) > 0 {
		more := r.moreOf(raw)
		for _, f := range m.edges {
			more.edges = append(more.edges, rawEdge{f.seq, f.isTask})
		}
	}
	if t.cancels > 0 {
		m := r.moreOf(raw)
		m.cancels, m.cancel = int(t.cancels), t.cancelInfo()
	}
}

// addWait records that the task waits for f.
func (r *rawSnapshot) addWait(f *futureBase, raw *rawTask) {
	raw.waits = f.seq
	if f.isTask {
		raw.kind = inspect.ForTask
		return
	}
	reason := f.self.waitReason()
	raw.kind, raw.until = reason.Kind, reason.Until
	if raw.kind != inspect.ForFuture && reason.Object != nil && reflect.TypeOf(reason.Object).Comparable() {
		raw.object = reason.Object
		r.addObject(&reason)
		if r.holder != nil {
			raw.holder = uint32(r.holder.ID())
		}
	}
	if len(reason.Futures) > 0 {
		raw.ends = r.addEnds(f, reason.Futures, nil)
	}
	if reason.Job != "" {
		m := r.moreOf(raw)
		m.job, m.since = reason.Job, reason.Since
	}
}

// runs reports whether t runs, or waits for the first step of a task that it starts
// eagerly.
func (l *Loop) runs(t *taskBase) bool {
	return t == l.current || slices.ContainsFunc(l.eager, func(e eagerStart) bool { return e.creator == t })
}

func (r *rawSnapshot) moreOf(raw *rawTask) *rawMore {
	if raw.more == 0 {
		r.more = append(r.more, rawMore{})
		raw.more = int32(len(r.more))
	}
	return &r.more[raw.more-1]
}

// addObject records the object of reason.
func (r *rawSnapshot) addObject(reason *inspect.WaitReason) {
	if reason.Object == r.last {
		return
	}
	r.last, r.holder = reason.Object, reason.Holder
	if len(r.objects) >= maxObjects {
		return
	}
	if _, known := r.objects[r.last]; !known {
		o := rawObject{text: fmt.Sprint(r.last), missed: inspect.MissedBy(r.last)} // Sprint recovers from a panic in String
		if r.holder != nil {
			o.holder = r.holder.Name()
		}
		r.objects[r.last] = o
	}
}

// addEnds records the tasks that must end before f is done. path is the chain of futures
// that led to f; it ends cycles.
func (r *rawSnapshot) addEnds(f *futureBase, of []inspect.Future, path []*futureBase) span {
	m := f.extraOrNil()
	several := m != nil && len(m.waiters) > 0
	if several {
		if s, ok := r.known[f]; ok {
			if path != nil { // it is part of a longer span
				r.ends = append(r.ends, r.ends[s.from:s.to]...)
			}
			return s
		}
	}
	s := span{from: int32(len(r.ends))}
	for _, g := range of {
		b := g.(AnyFuture).base()
		switch {
		case b.state != pending || len(r.ends) >= maxEnds || slices.Contains(path, b):
		case b.isTask:
			r.ends = append(r.ends, b.seq)
		default:
			r.addEnds(b, b.self.waitReason().Futures, append(path, f))
		}
	}
	s.to = int32(len(r.ends))
	if several {
		r.known[f] = s
	}
	return s
}

func (r *rawSnapshot) addBlock(s *cancelScope) {
	reason := s.block.waitReason()
	if reason.Kind != inspect.ForTimeout && reason.Object != nil && reflect.TypeOf(reason.Object).Comparable() {
		r.addObject(&reason) // the text of a timeout adds nothing to its deadline
	}
	r.blocks = append(r.blocks, rawBlock{
		task: s.task, kind: reason.Kind, object: reason.Object, until: reason.Until,
		ends: r.addBlockEnds(reason.Futures),
	})
}

func (r *rawSnapshot) addBlockEnds(of []inspect.Future) span {
	s := span{from: int32(len(r.ends))}
	for _, g := range of {
		if b := g.(AnyFuture).base(); b.isTask && b.state == pending && len(r.ends) < maxEnds {
			r.ends = append(r.ends, b.seq)
		}
	}
	s.to = int32(len(r.ends))
	return s
}

// cancelInfo describes the last cancel request of t.
func (t *taskBase) cancelInfo() *inspect.CancelInfo {
	c := &inspect.CancelInfo{Reason: "cancelled", Pending: t.mustCancel || t.waits != nil && t.waits.state == cancelled}
	e := t.request
	if e == nil {
		return c
	}
	c.By, c.Through, c.Reason = e.By(), e.Through(), e.reason()
	if e.Message != nil {
		c.Message = fmt.Sprint(e.Message)
	}
	if o, ok := e.original().by.(*cancelOrigin); ok {
		c.Place = framesOf(o.site)
	}
	return c
}
