package asyncio

import (
	"context"
	"time"

	"example.com/asyncio/inspect"
)

// SetObserver has o told of all that happens on the loop from now on; nil ends that. Those that happened
// before are in a [inspect.Snapshot].
func (l *Loop) SetObserver(o inspect.Observer) {
	l.observer = o
	l.MuteObserver(false)
	l.watch()
}

// MuteObserver has the loop only count what happens, and not tell its observer of it, until it is called with false. It is for one that keeps
// more than is read of it: to be told takes ten times as long as to be counted. What a queue tells is told still. Any goroutine may call it.
func (l *Loop) MuteObserver(on bool) { l.muted.Store(on) }

// MutedEvents returns how many events no observer was told of while it was muted. It is for the loop's goroutine.
func (l *Loop) MutedEvents() uint64 { return l.mutedEvents }

// tells tells whether there is somebody to be told of an event, which the caller then does.
func (l *Loop) wantsEvent() bool {
	if l.observer == nil {
		return false
	}
	if l.muted.Load() {
		l.mutedEvents++
		return false
	}
	return true
}

// onlyCounts counts an event of which that is all that is to be done. A step asks it first: while nobody can read more than there is, it
// is all that a step costs.
func (l *Loop) countsOnly() bool {
	if l.record != 0 || !l.muted.Load() {
		return false
	}
	l.mutedEvents++
	return true
}

// Observer returns what SetObserver set, or nil. Who makes a lock or a queue of another kind tells it of events of that.
func (l *Loop) Observer() inspect.Observer { return l.observer }

// Load returns how much there is on the loop: the calls and tasks that can run, the timers that are set, and the pieces of
// work elsewhere whose end will come in: jobs, mostly. It costs nothing, so that an [inspect.Observer] can ask at each event.
func (l *Loop) Load() (ready, timers, outside int) {
	return l.ready.Len(), l.timers.Len() - l.cancelledTimers, l.outside
}

// TaskCount returns how many tasks there are that have not ended. It costs nothing, as Load does not.
func (l *Loop) TaskCount() int { return l.alive }

// SetRecord has the loop remember what r says, from now on.
func (l *Loop) SetRecord(r inspect.Record) {
	if r&inspect.RecordSteps != 0 {
		l.stepBegan = l.Time()
	}
	l.record = r
	l.watch()
}

// Record returns what SetRecord set.
func (l *Loop) Record() inspect.Record { return l.record }

func (l *Loop) watch() {
	l.watched = l.observer != nil || l.record != 0
	l.slowPath = l.watched || l.debug || l.probe != nil || l.ends()
}

// A taskRecord is what a loop remembers of a task for those who look.
type taskRecord struct {
	parent uint32        // the number of the task that made it, or 0
	made   time.Duration // only with RecordPlaces
	steps  uint64
	ran    time.Duration
	since  time.Duration // when the last step ended or the present one began
}

func recordOf(t *strand) *taskRecord {
	if t.future().extraOrNil() == nil { // both in one
		m := &struct {
			futureExtra
			taskRecord
		}{}
		t.future().setExtra(&m.futureExtra)
		m.record = &m.taskRecord
	}
	m := t.future().extraOrNil()
	if m.record == nil {
		m.record = &taskRecord{}
	}
	return m.record
}

// tell tells the observer of l.event, of which the caller has set what the kind uses beside the task.
func (l *Loop) notify(kind inspect.EventKind, t *strand) {
	e := &l.event
	e.Kind, e.Loop = kind, l
	if t != nil {
		e.Task = t.future().self.(AnyTask)
		if e.Ctx == nil {
			e.Ctx = t.task().ctx()
		}
	}
	l.observer.Observe(e)
	*e = inspect.Event{}
}

// tellCreated is tell for a task that is being created, which may get values so.
func (l *Loop) notifyCreated(t *strand) {
	from := &t.task().inherited
	before := context.Background()
	if *from != nil {
		before = *from
	}
	e := &l.event
	e.By, e.Ctx = l.canceller(), before
	e.Kind, e.Loop, e.Task = inspect.TaskCreated, l, t.future().self.(AnyTask)
	l.observer.Observe(e)
	if e.Ctx != before {
		*from = &inheritedValues{Context: e.Ctx, added: true, plain: *from}
	}
	*e = inspect.Event{}
}

func (l *Loop) noteCreated(t *strand) {
	if l.record != 0 && l.current != nil {
		recordOf(t).parent = l.current.future().seq
	}
	if l.record&inspect.RecordPlaces != 0 {
		recordOf(t).made = l.Time()
		if t.future().extraOrNil().made == nil { // which debug mode has found
			t.future().extraOrNil().made = callers()
		}
	}
	if l.wantsEvent() {
		l.notifyCreated(t)
	}
}

// noteStep notes that a step of t begins.
func (l *Loop) noteStep(kind inspect.EventKind, t *strand) {
	if l.record&inspect.RecordSteps != 0 {
		r := recordOf(t)
		r.steps++
		l.stepGoesOn()
		r.since = l.stepBegan
	}
	if l.wantsEvent() {
		l.notify(kind, t)
	}
}

func (l *Loop) stepGoesOn() {
	if l.record&inspect.RecordSteps != 0 {
		l.stepBegan = l.Time()
	}
}

// stepPauses adds up for how long t has run since its step began, or went on.
func (l *Loop) stepPauses(t *strand) {
	if l.record&inspect.RecordSteps != 0 {
		r := recordOf(t)
		r.since = l.Time()
		r.ran += r.since - l.stepBegan
	}
}

func (l *Loop) noteSuspend(t *strand) {
	l.stepPauses(t)
	if !l.wantsEvent() {
		return
	}
	if f := t.task().waits; f != nil && f.state == pending {
		l.event.On = f.self
	}
	l.notify(inspect.TaskSuspended, t)
}

func (l *Loop) noteEnd(t *strand) {
	if t.stack != nil {
		l.stepPauses(t)
	}
	if l.wantsEvent() {
		l.event.Err = t.future().err
		l.notify(inspect.TaskEnded, t)
	}
}

func (l *Loop) noteCall(kind inspect.EventKind, h *Handle) {
	if l.wantsEvent() {
		l.event.Handle = h
		l.notify(kind, nil)
	}
}
