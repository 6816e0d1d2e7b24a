package asyncio

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// An Observer is told what happens on a loop, as it happens: it is the one seam for all that looks on, be it
// introspection, tracing or metrics. [Loop.SetObserver] sets it, or a [Runner]'s field. A loop without one pays a
// comparison with nil for each event, and nothing else.
//
// Observe is called on the loop's goroutine, in the middle of things: in a task's await, in the call that makes a
// task. It must return soon and must not panic. It may read (names, states, [Loop.Time], [Loop.Snapshot]) and must not
// change anything on the loop, nor await. The LoopEvent is its to look at during the call; what it keeps it must copy.
type Observer interface {
	Observe(e *LoopEvent)
}

// Tee returns an Observer that passes each event on to all of os, in their order. It
// leaves out those that are nil, and is nil itself where none is left.
func Tee(os ...Observer) Observer {
	os = slices.DeleteFunc(slices.Clone(os), func(o Observer) bool { return o == nil })
	switch len(os) {
	case 0:
		return nil
	case 1:
		return os[0]
	}
	return tee(os)
}

type tee []Observer

func (t tee) Observe(e *LoopEvent) {
	for _, o := range t {
		o.Observe(e)
	}
}

// An EventKind says what has happened. It prints, and is in JSON, as the text beside it.
type EventKind uint8

// The kinds of events, and which fields of [LoopEvent] they use beside Kind, Loop, Task and Ctx.
const (
	TaskCreated     EventKind = iota + 1 // "created": By is the task that made it, or nil; Ctx may be replaced
	TaskStarted                          // "started": its function is about to run
	TaskSuspended                        // "suspended": On is what it waits for; nil if it is ready again, as after Yield
	TaskResumed                          // "resumed": its await is about to return
	TaskCancelAsked                      // "cancel asked": By asked, with Message; Task is who was asked, Through whom it is passed on to
	TaskEnded                            // "ended": Err is its outcome
	CallBegun                            // "call begun": Handle is about to be called; Task is nil
	CallEnded                            // "call ended"; Task is nil
	QueueGrew                            // "queue grew": Object has Size items, twice as many as when this was last told, and 64 at least; Task is nil
)

var eventKinds = [...]string{"", "created", "started", "suspended", "resumed", "cancel asked", "ended", "call begun", "call ended", "queue grew"}

// String returns the text of k.
func (k EventKind) String() string { return nameIn(eventKinds[:], int(k)) }

// MarshalText returns the text of k.
func (k EventKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText finds the kind that has this text.
func (k *EventKind) UnmarshalText(text []byte) error {
	i, err := indexIn(eventKinds[:], "event", text)
	*k = EventKind(i)
	return err
}

func nameIn(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprint(i)
}

func indexIn(names []string, what string, text []byte) (int, error) {
	i := slices.Index(names, string(text))
	if i < 0 {
		return 0, misuse(ErrValue, "no kind of %s is %q", what, text)
	}
	return i, nil
}

// A LoopEvent is what an [Observer] is told. It holds what is on the loop itself: only the loop's goroutine may look
// at it. [LoopEvent.Info] makes plain data of it.
type LoopEvent struct {
	Kind EventKind
	Loop *Loop
	Task AnyTask // to whom it happened
	// Ctx is the ctx that the task's function is given. Of a task that is being created it is where that takes its values
	// from: an Observer may replace it by one derived from it, and so have the task see values of its own, a span of a trace
	// say. The tasks that this one makes do not have them.
	Ctx     context.Context
	By      any          // who did it: a task, or a block such as a timeout; see [CancelledError.By]
	Through []AnyTask    // whom a cancel was passed on to, along their awaits; the last is who gets it
	On      AnyFuture    // what a task waits for
	Message any          // of a cancel
	Err     error        // a task's outcome: nil, or what it failed with or was cancelled by
	Handle  *Handle      // a callback
	Object  fmt.Stringer // that grew
	Size    int          // of Object
}

// A WaitKind says what a task waits for. It prints, and is in JSON, as the text beside it.
type WaitKind uint8

// What a task can wait for.
const (
	ForFuture      WaitKind = iota + 1 // "future": whoever has it may set it
	ForTask                            // "task": its end
	ForTimer                           // "timer": Sleep
	ForJob                             // "job": a function in an executor
	ForLock                            // "lock"
	ForEvent                           // "event"
	ForCondition                       // "condition": to be notified; not for its lock, which is a lock
	ForSemaphore                       // "semaphore"
	ForBarrier                         // "barrier": for the others to come, or to leave
	ForItem                            // "queue get": for something to take out
	ForRoom                            // "queue put": for room
	ForJoin                            // "queue join": for all work to be done
	ForGather                          // "gather"
	ForWait                            // "wait"
	ForAsCompleted                     // "as completed": for the next to be done
	ForShield                          // "shield": for what is shielded
	ForGroup                           // "group": at its end, for its tasks
	ForTimeout                         // "timeout": for the end of what was cancelled since the time was up
	ForOther                           // "other": what somebody else has made
)

var waitKinds = [...]string{"", "future", "task", "timer", "job", "lock", "event", "condition", "semaphore", "barrier",
	"queue get", "queue put", "queue join", "gather", "wait", "as completed", "shield", "group", "timeout", "other"}

// String returns the text of k.
func (k WaitKind) String() string { return nameIn(waitKinds[:], int(k)) }

// MarshalText returns the text of k.
func (k WaitKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText finds the kind that has this text.
func (k *WaitKind) UnmarshalText(text []byte) error {
	i, err := indexIn(waitKinds[:], "wait", text)
	*k = WaitKind(i)
	return err
}

// A WaitReasoner says what those wait for who await it. It is a future of a type that
// has a [Future] embedded, made by [InitFuture]: so it costs nothing to say it. Or it is a block, given to [NewScope].
// WaitReason is called on the loop, when somebody looks.
type WaitReasoner interface {
	WaitReason() WaitReason
}

// A WaitReason is what a task waits for, as the one tells who made the future.
type WaitReason struct {
	Kind WaitKind
	// Object is what the future belongs to, a lock say; nil if there is nothing but the
	// future. If it has a method Holder() AnyTask, that is who has it.
	Object fmt.Stringer
	// Futures are those whose ends it takes: of a gather, say. They are looked at at once.
	Futures []AnyFuture
	Until   time.Duration // of a timer: when it is due, as [Loop.Time] counts
	Job     string        // of a job: its function
	Since   time.Time     // of a job: when it began to run, if that is known
}

// WaitReasonOf returns what those wait for who await f. A future that does not say what it is for is a [ForFuture], and itself the Object.
func WaitReasonOf(f AnyFuture) WaitReason { return f.base().reason() }

// reason is WaitReasonOf.
func (f *futureBase) reason() WaitReason {
	if f.isTask {
		return WaitReason{Kind: ForTask, Futures: []AnyFuture{f.self}}
	}
	w, ok := f.self.(WaitReasoner)
	if !ok {
		w, ok = f.from().(WaitReasoner)
	}
	if !ok {
		return WaitReason{Kind: ForFuture, Object: f.self}
	}
	return w.WaitReason()
}

// holder returns the task that has what is waited for, nil if that is unknown.
func (r *WaitReason) holder() AnyTask {
	if h, ok := r.Object.(interface{ Holder() AnyTask }); ok {
		return h.Holder()
	}
	return nil
}

// String returns r as a text: lock <Lock locked waiters=1> held by task b.
func (r WaitReason) String() string {
	var b strings.Builder
	switch {
	case r.Kind == ForTask && len(r.Futures) > 0:
		return "task " + nameOf(r.Futures[0])
	case r.Kind == ForFuture && r.Object != nil:
		return fmt.Sprint(r.Object)
	case r.Kind == ForTimer:
		return fmt.Sprintf("a timer until %v", r.Until)
	case r.Kind == ForJob:
		return "job " + r.Job
	}
	b.WriteString(r.Kind.String())
	if r.Object != nil {
		fmt.Fprintf(&b, " %v", r.Object)
	}
	if h := r.holder(); h != nil {
		b.WriteString(" held by task " + nameOf(h))
	}
	b.WriteString(namesOf(r.Futures))
	return b.String()
}

// namesOf returns which of fs are not done, as text: " of a, b and 3 more".
func namesOf(fs []AnyFuture) string {
	const most = 3
	var names []string
	more := 0
	for _, f := range fs {
		switch {
		case f.Done():
		case len(names) == most:
			more++
		default:
			names = append(names, nameOf(f))
		}
	}
	switch {
	case more > 0:
		return fmt.Sprintf(" of %s and %d more", strings.Join(names, ", "), more)
	case len(names) > 1:
		last := len(names) - 1
		return " of " + strings.Join(names[:last], ", ") + " and " + names[last]
	case len(names) == 1:
		return " of " + names[0]
	}
	return ""
}

// nameOf returns the name of f if it is a task, or else what it waits for.
func nameOf(f AnyFuture) string {
	b := f.base()
	if n, ok := b.self.(interface{ Name() string }); ok {
		return n.Name()
	}
	return b.reason().String()
}

// A Record is what a loop remembers of its tasks for those who look; nothing of it is free. See [Loop.SetRecord].
type Record uint8

const (
	// RecordSteps counts the steps of each task and the time that they take. It reads the clock once or twice a step.
	RecordSteps Record = 1 << iota
	// RecordPlaces notes when and where in the code a task was made, and where a cancel was asked for. Debug mode does so for all
	// that there is.
	RecordPlaces
)

// SetObserver has o told of all that happens on the loop from now on; nil ends that. Those that happened
// before are in a [Snapshot].
func (l *Loop) SetObserver(o Observer) {
	l.observer = o
	l.MuteObserver(false)
	l.watch()
}

// MuteObserver has the loop only count what happens, and not tell its observer of it, until it is called with false. It is for one that keeps
// more than is read of it: to be told takes ten times as long as to be counted. What a queue tells is told still. Any goroutine may call it.
func (l *Loop) MuteObserver(on bool) { l.muted.Store(on) }

// Untold returns how many events no observer was told of while it was muted. It is for the loop's goroutine.
func (l *Loop) Untold() uint64 { return l.untold }

// tells tells whether there is somebody to be told of an event, which the caller then does.
func (l *Loop) tells() bool {
	if l.observer == nil {
		return false
	}
	if l.muted.Load() {
		l.untold++
		return false
	}
	return true
}

// onlyCounts counts an event of which that is all that is to be done. A step asks it first: while nobody can read more than there is, it
// is all that a step costs.
func (l *Loop) onlyCounts() bool {
	if l.record != 0 || !l.muted.Load() {
		return false
	}
	l.untold++
	return true
}

// Observer returns what SetObserver set, or nil. Who makes a lock or a queue of another kind tells it of events of that.
func (l *Loop) Observer() Observer { return l.observer }

// Load returns how much there is on the loop: the calls and tasks that can run, the timers that are set, and the pieces of
// work elsewhere whose end will come in: jobs, mostly. It costs nothing, so that an [Observer] can ask at each event.
func (l *Loop) Load() (ready, timers, outside int) {
	return l.ready.Len(), l.timers.Len() - l.cancelledTimers, l.outside
}

// TaskCount returns how many tasks there are that have not ended. It costs nothing, as Load does not.
func (l *Loop) TaskCount() int { return l.alive }

// SetRecord has the loop remember what r says, from now on.
func (l *Loop) SetRecord(r Record) {
	if r&RecordSteps != 0 {
		l.stepBegan = l.Time()
	}
	l.record = r
	l.watch()
}

// Record returns what SetRecord set.
func (l *Loop) Record() Record { return l.record }

func (l *Loop) watch() {
	l.watched = l.observer != nil || l.record != 0
	l.odd = l.watched || l.debug || l.probe != nil || l.ends()
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
	if t.future().more() == nil { // both in one
		m := &struct {
			futureMore
			taskRecord
		}{}
		t.future().setMore(&m.futureMore)
		m.record = &m.taskRecord
	}
	m := t.future().more()
	if m.record == nil {
		m.record = &taskRecord{}
	}
	return m.record
}

// tell tells the observer of l.event, of which the caller has set what the kind uses beside the task.
func (l *Loop) tell(kind EventKind, t *strand) {
	e := &l.event
	e.Kind, e.Loop = kind, l
	if t != nil {
		e.Task = t.future().self.(AnyTask)
		if e.Ctx == nil {
			e.Ctx = t.task().ctx()
		}
	}
	l.observer.Observe(e)
	*e = LoopEvent{}
}

// tellCreated is tell for a task that is being created, which may get values so.
func (l *Loop) tellCreated(t *strand) {
	from := &t.task().from
	before := context.Background()
	if *from != nil {
		before = *from
	}
	e := &l.event
	e.By, e.Ctx = l.asker(), before
	e.Kind, e.Loop, e.Task = TaskCreated, l, t.future().self.(AnyTask)
	l.observer.Observe(e)
	if e.Ctx != before {
		*from = &values{Context: e.Ctx, added: true, plain: *from}
	}
	*e = LoopEvent{}
}

func (l *Loop) noteCreated(t *strand) {
	if l.record != 0 && l.current != nil {
		recordOf(t).parent = l.current.future().nth
	}
	if l.record&RecordPlaces != 0 {
		recordOf(t).made = l.Time()
		if t.future().more().made == nil { // which debug mode has found
			t.future().more().made = callers()
		}
	}
	if l.tells() {
		l.tellCreated(t)
	}
}

// noteStep notes that a step of t begins.
func (l *Loop) noteStep(kind EventKind, t *strand) {
	if l.record&RecordSteps != 0 {
		r := recordOf(t)
		r.steps++
		l.stepGoesOn()
		r.since = l.stepBegan
	}
	if l.tells() {
		l.tell(kind, t)
	}
}

func (l *Loop) stepGoesOn() {
	if l.record&RecordSteps != 0 {
		l.stepBegan = l.Time()
	}
}

// stepPauses adds up for how long t has run since its step began, or went on.
func (l *Loop) stepPauses(t *strand) {
	if l.record&RecordSteps != 0 {
		r := recordOf(t)
		r.since = l.Time()
		r.ran += r.since - l.stepBegan
	}
}

func (l *Loop) noteSuspend(t *strand) {
	l.stepPauses(t)
	if !l.tells() {
		return
	}
	if f := t.task().waits; f != nil && f.state == pending {
		l.event.On = f.self
	}
	l.tell(TaskSuspended, t)
}

func (l *Loop) noteEnd(t *strand) {
	if t.stack != nil {
		l.stepPauses(t)
	}
	if l.tells() {
		l.event.Err = t.future().err
		l.tell(TaskEnded, t)
	}
}

func (l *Loop) noteCall(kind EventKind, h *Handle) {
	if l.tells() {
		l.event.Handle = h
		l.tell(kind, nil)
	}
}
