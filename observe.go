package asyncio

import (
	"context"

	"example.com/asyncio/inspect"
)

// SetObserver makes o receive every event on the loop from now on. A nil o ends that. A
// [Loop.Snapshot] has the state before that.
func (l *Loop) SetObserver(o inspect.Observer) {
	l.observer = o
	l.MuteObserver(false)
	l.updateFlags()
}

// Observer returns the observer that SetObserver set; nil if there is none. A lock or
// queue that is implemented elsewhere reports its events to it.
func (l *Loop) Observer() inspect.Observer { return l.observer }

// MuteObserver makes the loop count events instead of reporting them while on is true. It
// is for an observer whose events are not read fast enough: counting takes a tenth of the
// time. Queues still report their growth. Any goroutine may call it.
func (l *Loop) MuteObserver(on bool) { l.muted.Store(on) }

// MutedEvents returns the number of events that were counted while the observer was
// muted. Only the loop's goroutine may call it.
func (l *Loop) MutedEvents() uint64 { return l.mutedEvents }

// Load returns the number of ready calls and tasks, of timers, and of pieces of outside
// work, mostly jobs, whose results the loop expects. It is cheap enough for an observer
// to call per event.
func (l *Loop) Load() (ready, timers, outside int) {
	return l.ready.Len(), l.timers.Len() - l.cancelledTimers, l.outside
}

// TaskCount returns the number of unfinished tasks. It is as cheap as Load.
func (l *Loop) TaskCount() int { return l.alive }

// SetRecord selects what the loop records about its tasks from now on.
func (l *Loop) SetRecord(r inspect.Record) {
	if r&inspect.RecordSteps != 0 {
		l.stepBegan = l.Time()
	}
	l.record = r
	l.updateFlags()
}

// Record returns what SetRecord set.
func (l *Loop) Record() inspect.Record { return l.record }

// wantsEvent reports whether the observer receives events. If it is muted, wantsEvent
// counts the event.
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

// countsOnly counts an event and returns true if nothing else is needed. Steps call it
// first: while the observer is muted, it is their whole cost.
func (l *Loop) countsOnly() bool {
	if l.record != 0 || !l.muted.Load() {
		return false
	}
	l.mutedEvents++
	return true
}

func recordOf(t *taskBase) *taskRecord {
	if t.future.extraOrNil() == nil { // allocate both together
		both := &struct {
			futureExtra
			taskRecord
		}{}
		both.record = &both.taskRecord
		t.future.setExtra(&both.futureExtra)
	}
	x := t.future.extraOrNil()
	if x.record == nil {
		x.record = &taskRecord{}
	}
	return x.record
}

// notify passes l.event to the observer. The caller has set the fields of the kind;
// notify sets the others. t may be nil.
func (l *Loop) notify(kind inspect.EventKind, t *taskBase) {
	e := &l.event
	e.Kind, e.Loop = kind, l
	if t != nil {
		e.Task = t.future.self.(inspect.Task) // not public: one assertion, not two
		if e.Ctx == nil {
			e.Ctx = t.ctx()
		}
	}
	l.observer.Observe(e)
	*e = inspect.Event{}
}

// notifyCreated is notify for a new task, whose values the observer may extend.
func (l *Loop) notifyCreated(t *taskBase) {
	before := context.Background()
	if t.inherited != nil {
		before = t.inherited
	}
	e := &l.event
	e.Kind, e.Loop, e.Task = inspect.TaskCreated, l, t.future.self.(inspect.Task)
	e.By, e.Ctx = l.requester(), before
	l.observer.Observe(e)
	if e.Ctx != before {
		t.inherited = &inheritedValues{Context: e.Ctx, added: true, plain: t.inherited}
	}
	*e = inspect.Event{}
}

func (l *Loop) noteCreated(t *taskBase) {
	if l.record != 0 && l.current != nil {
		recordOf(t).parent = l.current.future.seq
	}
	if l.record&inspect.RecordPlaces != 0 {
		recordOf(t).created = l.Time()
		if x := t.future.extraOrNil(); x.made == nil { // debug mode has set it otherwise
			x.made = callers()
		}
	}
	if l.wantsEvent() {
		l.notifyCreated(t)
	}
}

// noteStep notes that a step of t begins.
func (l *Loop) noteStep(kind inspect.EventKind, t *taskBase) {
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

// stepGoesOn starts the clock of the current step.
func (l *Loop) stepGoesOn() {
	if l.record&inspect.RecordSteps != 0 {
		l.stepBegan = l.Time()
	}
}

// stepPauses stops the clock of t's step and adds the time.
func (l *Loop) stepPauses(t *taskBase) {
	if l.record&inspect.RecordSteps != 0 {
		r := recordOf(t)
		r.since = l.Time()
		r.ran += r.since - l.stepBegan
	}
}

func (l *Loop) noteSuspend(t *taskBase) {
	l.stepPauses(t)
	if !l.wantsEvent() {
		return
	}
	if f := t.waits; f != nil && f.state == pending {
		l.event.On = f.self
	}
	l.notify(inspect.TaskSuspended, t)
}

func (l *Loop) noteEnd(t *taskBase) {
	if t.stack != nil {
		l.stepPauses(t)
	}
	if l.wantsEvent() {
		l.event.Err = t.future.err
		l.notify(inspect.TaskEnded, t)
	}
}

func (l *Loop) noteCall(kind inspect.EventKind, h *Handle) {
	if l.wantsEvent() {
		l.event.Handle = h
		l.notify(kind, nil)
	}
}

// noteCancel reports to the observer that a cancel of t was requested, and forwarded to
// last.
func (l *Loop) noteCancel(t, last *taskBase, by, message any) {
	if !l.wantsEvent() {
		return
	}
	e := &l.event
	e.By, e.Message = by, message
	if o, ok := by.(*cancelOrigin); ok {
		e.By = o.by
	}
	for at := t; at != last; {
		at = at.waits.self.task()
		e.Through = append(e.Through, at.future.self.(inspect.Task))
	}
	l.notify(inspect.TaskCancelAsked, t)
}
