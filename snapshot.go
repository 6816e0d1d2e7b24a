package asyncio

import "time"

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
