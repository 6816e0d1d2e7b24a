package introspect

import (
	"time"

	"example.com/asyncio/inspect"
)

// ProcessInfo describes a process and how it is served.
type ProcessInfo struct {
	PID       int       `json:"pid"`
	Name      string    `json:"name"`               // the name of the socket without .sock: 4711, or 4711.2 for the second loop
	Command   []string  `json:"command"`            // the command with its arguments
	Started   time.Time `json:"started"`            // when the process began to serve, usually soon after it started
	Go        string    `json:"go"`                 // the version of Go
	Watched   bool      `json:"watched"`            // the option [Watch] is on: all rules are checked
	Cancel    bool      `json:"cancel"`             // the option [AllowCancel] is on: holders of the token may cancel tasks
	Readers   int       `json:"readers"`            // the current number of readers of events
	Blocked   string    `json:"blocked,omitempty"`  // what blocks the loop now, as far as the watchdog knows; "": nothing
	LoopCount int       `json:"loops"`              // how many loops the process serves
	Hostname  string    `json:"hostname,omitempty"` // the name of the machine
}

// A Picture is a snapshot together with the process that it was taken in. It is the
// response to GET /snapshot: a JSON object with process, loop, tasks and unread.
type Picture struct {
	Process ProcessInfo `json:"process"`
	inspect.Snapshot
}

// The kinds of a [Message], and the fields that they set.
const (
	KindHello   = "hello"   // the first message of a stream: Hello, and Seq, the number of the next event
	KindEvents  = "events"  // Events, Seq, Dropped
	KindSample  = "sample"  // Sample
	KindPicture = "picture" // Picture, and the Findings at that time; only in a recording: see [Client.Record]
	KindEnd     = "end"     // the last message: Reason
)

// A Message is a line of GET /events, or of a recording.
type Message struct {
	Kind    string   `json:"kind"`
	Hello   *Picture `json:"hello,omitempty"`
	Picture *Picture `json:"picture,omitempty"`

	Findings []Finding `json:"findings,omitempty"`

	Seq     uint64              `json:"seq,omitempty"`     // the number of the first of Events; the others follow without a gap
	Dropped uint64              `json:"dropped,omitempty"` // how many events are missing between the previous batch and this one; Events may then be empty
	Events  []inspect.EventInfo `json:"events,omitempty"`  // only a "created" event has the name of its task; the hello has the names of older tasks

	Sample *Sample `json:"sample,omitempty"`
	Reason string  `json:"reason,omitempty"` // why the stream or recording ends, in words
}

// A Sample is the state of the loop at one moment. A stream contains one per second.
type Sample struct {
	Taken   time.Time     `json:"taken"`             // the time of day
	Time    time.Duration `json:"time"`              // the loop's time
	Lag     time.Duration `json:"lag"`               // how long a ready call waited for its turn
	Tasks   int           `json:"tasks"`             // unfinished tasks
	Ready   int           `json:"ready"`             // calls and tasks that can run
	Timers  int           `json:"timers"`            // timers that are set
	Outside int           `json:"outside"`           // work elsewhere that the loop expects a result from, mostly jobs
	Events  uint64        `json:"events"`            // events since the stream began
	Dropped uint64        `json:"dropped"`           // how many of these are missing in this stream
	Blocked string        `json:"blocked,omitempty"` // what blocks the loop now; Time, Tasks, Ready, Timers and Outside are then those of the last sample
}

// The rules. docs/debugging.md lists their conditions.
const (
	RuleDeadlock   = "deadlock"         // tasks wait for each other in a cycle
	RuleBlocked    = "blocked loop"     // a step or a callback takes long; nothing else can run
	RuleNeverYield = "never yields"     // a task has run for long since it started and has never suspended
	RuleLostWakeup = "lost wake-up"     // a task missed a wake-up, and no task is left to repeat it
	RuleUnread     = "unread error"     // a task failed, and its outcome was never read
	RuleSwallowed  = "swallowed cancel" // a task was asked to cancel, and continued or ended normally
	RuleGrowing    = "growing queue"    // a queue keeps growing
)

// A Finding describes a problem.
type Finding struct {
	Rule   string        `json:"rule"`             // one of the rules
	Severe bool          `json:"severe,omitempty"` // the problem does not resolve itself
	Text   string        `json:"text"`             // a sentence with names and numbers
	Advice string        `json:"advice"`           // how to fix it
	Tasks  []uint64      `json:"tasks,omitempty"`  // the tasks that it concerns
	Cycle  []uint64      `json:"cycle,omitempty"`  // only of a deadlock: each task waits for the next, and the last for the first
	Stack  string        `json:"stack,omitempty"`  // the stack of the task or callback while it blocked the loop; "": unknown
	Since  time.Duration `json:"since,omitempty"`  // when the problem began, in the loop's time; 0: unknown
	For    time.Duration `json:"for,omitempty"`    // how long the loop has been blocked, in real time; 0: it was not
	Over   bool          `json:"over,omitempty"`   // the problem no longer exists
}

// Findings is the response to GET /findings.
type Findings struct {
	Process  ProcessInfo `json:"process"`
	Findings []Finding   `json:"findings"`          // the severe ones first
	Partial  string      `json:"partial,omitempty"` // why some rules were not checked: the loop is blocked, or [Watch] is off
}

// A TaskPage is the response to GET /tasks/{id}.
type TaskPage struct {
	Process ProcessInfo      `json:"process"`
	Loop    inspect.LoopInfo `json:"loop"`
	Task    inspect.TaskInfo `json:"task"`
	Stack   Stack            `json:"stack"`
}

// A Stack is the response to GET /tasks/{id}/stack.
type Stack struct {
	Task   uint64          `json:"task"`
	Frames []inspect.Frame `json:"frames"` // innermost call first; of a task that has not started, its function
	Text   string          `json:"text"`   // the same as text
}

// A CancelRequest is the body of POST /tasks/{id}/cancel.
type CancelRequest struct {
	Message string `json:"message,omitempty"` // the message of the CancelledError
}

// A CancelReply is the response to POST /tasks/{id}/cancel.
type CancelReply struct {
	Asked bool `json:"asked"` // false: the task had already ended
}

// A Failure is the response if the status is 4xx or 5xx.
type Failure struct {
	Error string `json:"error"`
}
