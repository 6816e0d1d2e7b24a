package inspect

import (
	"fmt"
	"time"
)

// A Snapshot is the state of a loop and its tasks at one moment. It is plain data and
// belongs to its receiver. Its JSON is stable: fields may be added, and none changes its
// meaning. Durations are nanoseconds in JSON; zero values are omitted where they are the
// usual case.
type Snapshot struct {
	Loop   LoopInfo     `json:"loop"`
	Tasks  []TaskInfo   `json:"tasks"`            // the unfinished tasks, in order of creation
	Unread []UnreadInfo `json:"unread,omitempty"` // the errors that were never read, in order of failure
}

// LoopInfo is the part of a [Snapshot] about the loop.
type LoopInfo struct {
	Time     time.Duration `json:"time"`              // the loop's time
	Taken    time.Time     `json:"taken"`             // the time of day
	Stopped  time.Duration `json:"stopped"`           // how long the snapshot stopped the loop, in real time
	State    string        `json:"state"`             // idle, running, closing
	Ready    int           `json:"ready"`             // calls and tasks that can run
	Timers   int           `json:"timers"`            // timers that are set
	Outside  int           `json:"outside"`           // work elsewhere that the loop expects a result from, mostly jobs
	Turns    uint64        `json:"turns"`             // turns since the loop was created
	Futures  uint64        `json:"futures"`           // futures and tasks created since then
	Current  uint64        `json:"current,omitempty"` // the running task
	Debug    bool          `json:"debug"`             // debug mode is on
	Observed bool          `json:"observed"`          // the loop has an [Observer]
	Steps    bool          `json:"steps"`             // steps are counted: see [RecordSteps]
	Places   bool          `json:"places"`            // source positions are recorded: see [RecordPlaces]
}

// A TaskState is what a task does at the moment.
type TaskState string

const (
	TaskNew     TaskState = "new"     // it has not started
	TaskReady   TaskState = "ready"   // it is in the ready queue
	TaskRunning TaskState = "running" // it runs, or waits for the first step of a task that it starts eagerly
	TaskWaiting TaskState = "waiting" // see [TaskInfo.Waits]
)

// TaskInfo is the part of a [Snapshot] about one task.
type TaskInfo struct {
	// ID is the task's number among the futures of its loop, in order of creation. A
	// program that repeats the same actions, as in virtual time, repeats the IDs. No task
	// has 0.
	ID    uint64    `json:"id"`
	Name  string    `json:"name"`
	State TaskState `json:"state"`
	Func  string    `json:"func"` // the task's function, such as main.fetch
	File  string    `json:"file"` // where the function is declared
	Line  int       `json:"line"`

	Waits     *WaitInfo   `json:"waits,omitempty"`      // what the task waits for, if it does
	AwaitedBy []AwaitInfo `json:"awaited_by,omitempty"` // the tasks that wait for it, in order of creation
	Blocks    []BlockInfo `json:"blocks,omitempty"`     // the timeouts and groups around it, innermost last
	Group     uint64      `json:"group,omitempty"`      // the task whose group it belongs to
	Parent    uint64      `json:"parent,omitempty"`     // the task that created it, if that is unfinished

	Cancels int         `json:"cancels,omitempty"` // cancel requests that were not withdrawn
	Cancel  *CancelInfo `json:"cancel,omitempty"`  // the last of these requests

	MadeAt time.Duration `json:"made_at,omitempty"` // when it was created, in the loop's time; only with [RecordPlaces]
	Made   []Frame       `json:"made,omitempty"`    // where it was created, innermost call first; only with [RecordPlaces] or in debug mode
	Steps  uint64        `json:"steps,omitempty"`   // how often it was resumed; only with [RecordSteps]
	Ran    time.Duration `json:"ran,omitempty"`     // how long it ran in total; only with [RecordSteps]
	Since  time.Duration `json:"since,omitempty"`   // when its last step ended, or its current one began; only with [RecordSteps]
}

// AwaitInfo is a task that waits for another task.
type AwaitInfo struct {
	Task uint64 `json:"task"`
	Via  string `json:"via,omitempty"` // "": a direct await; a [WaitKind]; or "edge", added by asyncio.AddAwaiter
}

// BlockInfo is a block around a task.
type BlockInfo struct {
	Kind  string        `json:"kind"`            // timeout, group, scope
	What  string        `json:"what,omitempty"`  // the block as it prints
	Until time.Duration `json:"until,omitempty"` // the deadline of a timeout, in the loop's time
	Tasks []uint64      `json:"tasks,omitempty"` // the unfinished tasks of a group
}

// CancelInfo describes a cancel request of a task.
type CancelInfo struct {
	By      string   `json:"by,omitempty"`      // who requested it: see asyncio.CancelledError.By
	Message string   `json:"message,omitempty"` // the message of the request
	Reason  string   `json:"reason"`            // everything that is known, in one line
	Through []string `json:"through,omitempty"` // the tasks that forwarded the request along their awaits, first one first
	Place   []Frame  `json:"place,omitempty"`   // where it was requested, innermost call first; only with [RecordPlaces] or in debug mode
	Pending bool     `json:"pending,omitempty"` // the task has not received it yet
}

// UnreadInfo is an error that was never read.
type UnreadInfo struct {
	ID     uint64 `json:"id"`             // the number of the future or task
	What   string `json:"what"`           // "task fetch", "a future"
	Error  string `json:"error"`          // the first line of the error
	Source string `json:"made,omitempty"` // where the future was created, as far as it is known
}

// A Record selects what a loop records about its tasks for snapshots. All of it has a
// cost.
type Record uint8

const (
	// RecordSteps counts the steps of each task and measures their time. It reads the
	// clock once or twice per step.
	RecordSteps Record = 1 << iota
	// RecordPlaces records when and where each task was created, and where each cancel
	// was requested. Debug mode records the latter two for all objects.
	RecordPlaces
)

// A Frame is a call on a task's stack.
type Frame struct {
	Func string `json:"func"` // such as main.fetch
	File string `json:"file"`
	Line int    `json:"line"`
}

// String returns f as one line: main.fetch at /src/main.go:12.
func (f Frame) String() string { return fmt.Sprintf("%s at %s:%d", f.Func, f.File, f.Line) }
