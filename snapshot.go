package asyncio

import (
	"context"
	"fmt"
	"time"
)

// A Snapshot is a picture of a loop and of its tasks at one moment: plain data, which
// belongs to whoever has it. Its JSON is stable: fields may be added, and none changes its
// meaning. Durations are nanoseconds there; 0, false and "" are left out where that is what one expects.
type Snapshot struct {
	Loop   LoopInfo     `json:"loop"`
	Tasks  []TaskInfo   `json:"tasks"`            // that have not ended, in the order of their creation
	Unread []UnreadInfo `json:"unread,omitempty"` // errors that nobody has read, in the order of failing
}

// LoopInfo is what a [Snapshot] says of the loop.
type LoopInfo struct {
	Time     time.Duration `json:"time"`              // as [Loop.Time] counts
	Taken    time.Time     `json:"taken"`             // the time of day
	Stopped  time.Duration `json:"stopped"`           // for how long the loop did nothing else than this snapshot, in real time
	State    string        `json:"state"`             // idle, running, closing
	Ready    int           `json:"ready"`             // calls and tasks that can run
	Timers   int           `json:"timers"`            // that are set
	Outside  int           `json:"outside"`           // pieces of work elsewhere whose end will come in: jobs, mostly
	Turns    uint64        `json:"turns"`             // of the loop since it was made
	Futures  uint64        `json:"futures"`           // made since then, tasks among them
	Current  uint64        `json:"current,omitempty"` // the task that runs
	Debug    bool          `json:"debug"`             // see [Loop.SetDebug]
	Observed bool          `json:"observed"`          // there is an [Observer]
	Steps    bool          `json:"steps"`             // steps are counted: see [RecordSteps]
	Places   bool          `json:"places"`            // places are noted: see [RecordPlaces]
}

// A TaskState says what a task does.
type TaskState string

const (
	TaskNew     TaskState = "new"     // it has not begun
	TaskReady   TaskState = "ready"   // it will run as soon as its turn comes
	TaskRunning TaskState = "running" // it runs, or waits for the first step of a task that it starts eagerly
	TaskWaiting TaskState = "waiting" // see [TaskInfo.Waits]
)

// TaskInfo is what a [Snapshot] says of a task.
type TaskInfo struct {
	// ID is the number of the task among the futures of its loop, in the order of creation. In a program that
	// does the same each time, as in virtual time, it is the same each time. No task has 0.
	ID    uint64    `json:"id"`
	Name  string    `json:"name"`
	State TaskState `json:"state"`
	Func  string    `json:"func"` // its function, as main.fetch
	File  string    `json:"file"` // where that stands
	Line  int       `json:"line"`

	Waits     *WaitInfo   `json:"waits,omitempty"`      // what it waits for, if it does
	AwaitedBy []AwaitInfo `json:"awaited_by,omitempty"` // who waits for it, in the order of creation
	Blocks    []BlockInfo `json:"blocks,omitempty"`     // the timeouts and groups that it is inside of, the innermost last
	Group     uint64      `json:"group,omitempty"`      // the task whose group it is in
	Parent    uint64      `json:"parent,omitempty"`     // the task that made it, if that has not ended

	Cancels int         `json:"cancels,omitempty"` // asked for and not withdrawn
	Cancel  *CancelInfo `json:"cancel,omitempty"`  // the last that was asked for and that nobody withdrew

	MadeAt time.Duration `json:"made_at,omitempty"` // when, as [Loop.Time] counts; only with [RecordPlaces]
	Made   []Frame       `json:"made,omitempty"`    // where, the innermost first; only with [RecordPlaces] or in debug mode
	Steps  uint64        `json:"steps,omitempty"`   // how often it went on; only with [RecordSteps]
	Ran    time.Duration `json:"ran,omitempty"`     // for how long; only with [RecordSteps]
	Since  time.Duration `json:"since,omitempty"`   // when its last step ended, or its present one began; only with [RecordSteps]
}

// WaitInfo is what a task waits for.
type WaitInfo struct {
	Kind   WaitKind `json:"kind"`
	What   string   `json:"what,omitempty"`   // what it is, as it prints: <Lock locked waiters=2>; of a task its name, of a job its function
	Object uint64   `json:"object,omitempty"` // of a lock, a queue, ...: a number that is the same for all who wait for the same one, in one snapshot
	Future uint64   `json:"future,omitempty"` // the number of the future: see [TaskInfo.ID]
	Tasks  []uint64 `json:"tasks,omitempty"`  // the tasks whose end it takes, directly or through gather, wait, shield, groups

	// Holder is the task that took the lock last, if it is locked. Locks are not owned by tasks: it is who took it,
	// and most times the one who will release it.
	Holder     uint64 `json:"holder,omitempty"`
	HolderName string `json:"holder_name,omitempty"` // also where that task has ended

	Until  time.Duration `json:"until,omitempty"`  // of a timer: when it is due, as [Loop.Time] counts
	Since  time.Time     `json:"since,omitzero"`   // of a job: when it began to run, if it has and that is known
	Missed uint64        `json:"missed,omitempty"` // of a condition or an event: how often it was notified or set and cleared while nobody waited
}

// AwaitInfo is a task that waits for another, and how.
type AwaitInfo struct {
	Task uint64 `json:"task"`
	Via  string `json:"via,omitempty"` // what is between the two: a [WaitKind], or "edge" for what [FutureAddToAwaitedBy] added; "" for an await
}

// BlockInfo is a block that a task is inside of.
type BlockInfo struct {
	Kind  string        `json:"kind"`            // timeout, group, scope
	What  string        `json:"what,omitempty"`  // as it prints
	Until time.Duration `json:"until,omitempty"` // of a timeout: its limit, as [Loop.Time] counts
	Tasks []uint64      `json:"tasks,omitempty"` // of a group: those that have not ended
}

// CancelInfo is a request to cancel a task.
type CancelInfo struct {
	By      string   `json:"by,omitempty"`      // who asked, in words: see [CancelledError.By]
	Message string   `json:"message,omitempty"` // what was given to Cancel
	Reason  string   `json:"reason"`            // all that is known, in one line
	Through []string `json:"through,omitempty"` // the tasks by whose awaits it came to this one, the one that was asked first
	Place   []Frame  `json:"place,omitempty"`   // where it was asked for, the innermost first; only with [RecordPlaces] or in debug mode
	Pending bool     `json:"pending,omitempty"` // the task has not heard of it
}

// UnreadInfo is an error that nobody has read.
type UnreadInfo struct {
	ID     uint64 `json:"id"`             // of the future or task
	What   string `json:"what"`           // "task fetch", "a future"
	Error  string `json:"error"`          // its first line
	Source string `json:"made,omitempty"` // where it was made, as far as it is known
}

// EventInfo is a [LoopEvent] as plain data, with stable names in JSON.
type EventInfo struct {
	Kind    EventKind     `json:"kind"`
	Time    time.Duration `json:"time"`              // as [Loop.Time] counts, in nanoseconds
	Task    uint64        `json:"task,omitempty"`    // see [TaskInfo.ID]; 0: none
	Name    string        `json:"name,omitempty"`    // of the task, or of what a callback calls
	By      string        `json:"by,omitempty"`      // who did it, in words
	ByTask  uint64        `json:"by_task,omitempty"` // who did it, if that is a task
	Through []uint64      `json:"through,omitempty"` // the tasks that a cancel was passed on to
	Waits   *WaitInfo     `json:"waits,omitempty"`   // what it waits for
	Message string        `json:"message,omitempty"` // of a cancel
	Outcome string        `json:"outcome,omitempty"` // of a task that ended: result, error, cancelled
	Error   string        `json:"error,omitempty"`   // what it failed with or was cancelled by
	Object  string        `json:"object,omitempty"`  // what grew
	Size    int           `json:"size,omitempty"`    // of the object
}

// Snapshot returns a picture of the loop. It is for the code that runs on it, or who holds the loop while it
// does not run; [Loop.SnapshotThreadsafe] is for all others.
func (l *Loop) Snapshot() *Snapshot {
	if l.debug {
		l.mustBeHere("Snapshot")
	}
	r := l.size().room()
	r.collect(l)
	return r.render()
}

// SnapshotThreadsafe returns a picture of the loop, which runs. Any goroutine but the loop's may call it, and waits until
// the loop has come to it. The loop only notes what there is, which takes it some milliseconds for 100,000 tasks; the texts
// are made on the caller's time. Its errors: that of ctx, if that ends before, as it may with a loop that
// is blocked or does not run; [ErrLoopClosed].
func (l *Loop) SnapshotThreadsafe(ctx context.Context) (*Snapshot, error) {
	// To get the memory takes as long as to fill it; so the loop is first asked for how much.
	size, err := onLoop(ctx, l, func() (snapshotSize, error) { return l.size(), nil })
	if err != nil {
		return nil, err
	}
	r := size.room()
	if _, err := onLoop(ctx, l, func() (None, error) { r.collect(l); return None{}, nil }); err != nil {
		return nil, err
	}
	return r.render(), nil
}

// String returns w as text: lock <Lock locked waiters=1> held by task b.
func (w *WaitInfo) String() string {
	s := w.Kind.String()
	switch {
	case w.Kind == ForFuture:
		s = "a future"
	case w.Kind == ForTimer:
		s = fmt.Sprintf("a timer until %v", w.Until)
	case w.What != "":
		s += " " + w.What
	}
	if w.HolderName != "" {
		s += " held by task " + w.HolderName
	}
	if w.Kind != ForTask && len(w.Tasks) > 0 {
		s += fmt.Sprintf(" of %d tasks", len(w.Tasks))
	}
	return s
}

// Info returns e as plain data. It is for the loop's goroutine, as e is.
func (e *LoopEvent) Info() EventInfo {
	i := EventInfo{Kind: e.Kind, Time: e.Loop.Time(), Size: e.Size}
	if e.Task != nil {
		i.Task, i.Name = e.Task.ID(), e.Task.Name()
	}
	if by, ok := e.By.(AnyTask); ok {
		i.ByTask = by.ID()
	}
	if e.By != nil {
		i.By = (&CancelledError{by: e.By}).By()
	}
	for _, t := range e.Through {
		i.Through = append(i.Through, t.ID())
	}
	if e.Message != nil {
		i.Message = fmt.Sprint(e.Message)
	}
	if e.Kind == CallBegun {
		i.Name = e.Handle.what()
	}
	if e.Object != nil {
		i.Object = e.Object.String()
	}
	if e.On != nil {
		i.Waits = waitInfo(e.On.base())
	}
	if e.Kind == TaskEnded {
		i.Outcome = "result"
		if e.Err != nil {
			i.Outcome, i.Error = "error", firstLine(e.Err)
			if e.Task.Cancelled() {
				i.Outcome = "cancelled"
			}
		}
	}
	return i
}

// waitInfo says what those wait for who await f.
func waitInfo(f *futureBase) *WaitInfo {
	r := f.reason()
	w := &WaitInfo{Kind: r.Kind, What: r.Job, Future: uint64(f.nth), Until: r.Until, Since: r.Since, Missed: missedBy(r.Object)}
	if r.Object != nil && r.Kind != ForFuture {
		w.What = fmt.Sprint(r.Object)
	}
	if h := r.holder(); h != nil {
		w.Holder, w.HolderName = h.ID(), h.Name()
	}
	if r.Kind == ForTask {
		w.What = nameOf(f.self)
	}
	for _, of := range r.Futures {
		if b := of.base(); b.isTask && b.state == pending {
			w.Tasks = append(w.Tasks, uint64(b.nth))
		}
	}
	return w
}
