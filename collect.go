package asyncio

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"example.com/asyncio/inspect"
)

// A snapshotSize is how much there is to be noted.
type snapshotSize struct{ tasks, records, blocks int }

func (l *Loop) size() snapshotSize {
	s := snapshotSize{tasks: l.alive, blocks: l.scopes.Len()}
	if l.record != 0 || l.debug {
		s.records = s.tasks
	}
	return s
}

// room makes room for it, and for what comes meanwhile.
func (s snapshotSize) room() *rawSnapshot {
	more := func(n int) int { return n + n/8 }
	return &rawSnapshot{
		tasks: make([]rawTask, 0, more(s.tasks)), records: make([]rawRecord, 0, more(s.records)), blocks: make([]rawBlock, 0, more(s.blocks)),
		ends: make([]uint32, 0, more(s.tasks)), objects: make(map[fmt.Stringer]rawObject, min(s.tasks, maxObjects)), known: map[*futureBase]span{},
	}
}

// A rawSnapshot is what is noted while the loop stands still: as little as can be, and of
// what does not change later only where it is. render makes texts and numbers of it, in whatever goroutine.
type rawSnapshot struct {
	loop    inspect.LoopInfo
	tasks   []rawTask
	records []rawRecord
	more    []rawMore            // what few tasks have
	ends    []uint32             // the numbers of tasks
	known   map[*futureBase]span // what it takes to end those that several wait for
	blocks  []rawBlock
	objects map[fmt.Stringer]rawObject
	unread  []inspect.UnreadInfo
	last    fmt.Stringer // the object that was looked at last, and who has it
	holder  inspect.Task
}

// A span is a part of rawSnapshot.ends.
type span struct{ from, to int32 }

// A rawTask has no more than what is needed of any task: there are many, and to clear the memory takes time too.
type rawTask struct {
	task   *taskBase
	name   *string
	object fmt.Stringer
	until  time.Duration
	ends   span
	waits  uint32 // the number of the future; not where it is, since it may be used again
	holder uint32 // the number of the task that has the object
	record int32  // in rawSnapshot.records, plus 1
	more   int32  // in rawSnapshot.more, plus 1
	state  uint8  // in taskStates
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

// A rawEdge is the number of a future that awaits a task by AddAwaiter.
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

// A rawObject is what is noted of an object for which tasks wait.
type rawObject struct {
	text   string
	holder string // its name
	missed uint64
}

const (
	// maxObjects is of how many objects a snapshot has the texts: they are made while the loop stands still.
	maxObjects = 1_000
	// maxEnds is for how many tasks all others together may be seen to wait. A thousand tasks that each wait for
	// the same thousand already are a million.
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
	for _, s := range l.all() {
		if s.future.state == pending {
			r.tasks = append(r.tasks, rawTask{})
			r.addTask(l, s, &r.tasks[len(r.tasks)-1])
		}
	}
	for s := range l.scopes.All() {
		r.addBlock(s)
	}
	for u := range l.reports.All() {
		if len(r.unread) == maxObjects {
			break
		}
		r.unread = append(r.unread, inspect.UnreadInfo{ID: uint64(u.seq), What: u.what, Error: firstLine(u.err), Source: u.source})
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

// addWait notes that the task waits for f.
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

// runs tells whether s runs, or waits for the first step of another that it starts eagerly.
func (l *Loop) runs(s *taskBase) bool {
	return s == l.current || slices.ContainsFunc(l.eager, func(e eagerStart) bool { return e.creator == s })
}

func (r *rawSnapshot) moreOf(raw *rawTask) *rawMore {
	if raw.more == 0 {
		r.more = append(r.more, rawMore{})
		raw.more = int32(len(r.more))
	}
	return &r.more[raw.more-1]
}

// addObject notes what is to be said of an object.
func (r *rawSnapshot) addObject(reason *inspect.WaitReason) {
	if reason.Object == r.last {
		return
	}
	r.last, r.holder = reason.Object, reason.Holder
	if len(r.objects) >= maxObjects {
		return
	}
	if _, known := r.objects[r.last]; !known {
		o := rawObject{text: fmt.Sprint(r.last), missed: inspect.MissedBy(r.last)} // Sprint withstands a String that panics
		if r.holder != nil {
			o.holder = r.holder.Name()
		}
		r.objects[r.last] = o
	}
}

// addEnds notes the tasks whose ends it takes to end the wait for f. way is how it came to f, through others.
func (r *rawSnapshot) addEnds(f *futureBase, of []inspect.Future, way []*futureBase) span {
	m := f.extraOrNil()
	several := m != nil && len(m.waiters) > 0
	if several {
		if s, ok := r.known[f]; ok {
			if way != nil { // it is part of a longer one
				r.ends = append(r.ends, r.ends[s.from:s.to]...)
			}
			return s
		}
	}
	s := span{from: int32(len(r.ends))}
	for _, g := range of {
		b := g.(AnyFuture).base()
		switch {
		case b.state != pending || len(r.ends) >= maxEnds || slices.Contains(way, b):
		case b.isTask:
			r.ends = append(r.ends, b.seq)
		default:
			r.addEnds(b, b.self.waitReason().Futures, append(way, f))
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
		r.addObject(&reason) // a timeout says no more than its limit does
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

// cancelInfo tells who has asked t to cancel.
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
	if a, ok := e.origin().by.(*cancelOrigin); ok {
		c.Place = framesOf(a.site)
	}
	return c
}
