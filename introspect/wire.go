package introspect

import (
	"time"

	"example.com/asyncio/inspect"
)

// ProcessInfo is what a process says of itself.
type ProcessInfo struct {
	PID       int       `json:"pid"`
	Name      string    `json:"name"`               // of the socket, without .sock: 4711, or 4711.2 for its second loop
	Command   []string  `json:"command"`            // with its arguments
	Started   time.Time `json:"started"`            // when the process began to serve; close to when it started
	Go        string    `json:"go"`                 // the version
	Watched   bool      `json:"watched"`            // see [Watch]: rules that need to look on all the time do so
	Cancel    bool      `json:"cancel"`             // tasks may be cancelled from outside, by who has the token
	Readers   int       `json:"readers"`            // of events, at the moment
	Blocked   string    `json:"blocked,omitempty"`  // what blocks the loop now, as far as the watchdog knows
	LoopCount int       `json:"loops"`              // how many loops this process serves
	Hostname  string    `json:"hostname,omitempty"` // of the machine
}

// A Picture is the answer of GET /snapshot: in JSON an object with process, loop, tasks and unread.
type Picture struct {
	Process ProcessInfo `json:"process"`
	inspect.Snapshot
}

// The kinds of a [Message].
const (
	KindHello   = "hello"   // the first: Hello, and Seq, the number that the first event will have
	KindEvents  = "events"  // Events, Seq, Dropped
	KindSample  = "sample"  // Sample
	KindPicture = "picture" // Picture, and Findings, what was wrong then; only in a recording, see [Client.Record]
	KindEnd     = "end"     // the last: Reason
)

// A Message is a line of GET /events, or of a recording.
type Message struct {
	Kind    string   `json:"kind"`
	Hello   *Picture `json:"hello,omitempty"`
	Picture *Picture `json:"picture,omitempty"`

	Findings []Finding `json:"findings,omitempty"`

	Seq     uint64              `json:"seq,omitempty"`     // the number of the first of Events; the others follow without a gap
	Dropped uint64              `json:"dropped,omitempty"` // how many are missing between the batch before and this one, in which there may be none
	Events  []inspect.EventInfo `json:"events,omitempty"`  // the name of a task is not in all: it is in the hello or in the task's "created"

	Sample *Sample `json:"sample,omitempty"`
	Reason string  `json:"reason,omitempty"` // why it ends: "the loop has ended", "stopped"
}

// A Sample is how the loop does. There is one a second while somebody streams.
type Sample struct {
	Taken   time.Time     `json:"taken"`             // the time of day
	Time    time.Duration `json:"time"`              // as [asyncio.Loop.Time] counts
	Lag     time.Duration `json:"lag"`               // how long a call that became ready had to wait for its turn
	Tasks   int           `json:"tasks"`             // that have not ended
	Ready   int           `json:"ready"`             // calls and tasks that can run
	Timers  int           `json:"timers"`            // that are set
	Outside int           `json:"outside"`           // jobs, mostly
	Events  uint64        `json:"events"`            // since the stream began
	Dropped uint64        `json:"dropped"`           // of these, in this stream
	Blocked string        `json:"blocked,omitempty"` // what blocks the loop now; the fields above are then those of the sample before
}

// The rules. docs/debugging.md says what each asks for.
const (
	RuleDeadlock   = "deadlock"         // tasks wait for each other in a circle
	RuleBlocked    = "blocked loop"     // a step or a callback takes long; nothing else can run meanwhile
	RuleNeverYield = "never yields"     // a task has run for long since it began, and never suspended
	RuleLostWakeup = "lost wake-up"     // a task waits to be woken, was not there when it was, and nobody is left to do it again
	RuleUnread     = "unread error"     // a task failed, and nobody has asked for its outcome
	RuleSwallowed  = "swallowed cancel" // a task was asked to cancel, and went on or ended as if it was not
	RuleGrowing    = "growing queue"    // a queue that grows and grows
)

// A Finding is something that is wrong.
type Finding struct {
	Rule   string        `json:"rule"`             // one of the rules
	Severe bool          `json:"severe,omitempty"` // it will not get better by itself
	Text   string        `json:"text"`             // a sentence, with names and numbers
	Advice string        `json:"advice"`           // what to do about it
	Tasks  []uint64      `json:"tasks,omitempty"`  // that it concerns
	Cycle  []uint64      `json:"cycle,omitempty"`  // of a deadlock: each waits for the next, and the last for the first
	Stack  string        `json:"stack,omitempty"`  // where a task or callback stood while it blocked the loop
	Since  time.Duration `json:"since,omitempty"`  // since when, as [asyncio.Loop.Time] counts; 0: unknown
	For    time.Duration `json:"for,omitempty"`    // for how long it blocks, or has blocked
	Over   bool          `json:"over,omitempty"`   // it was so, and is no more
}

// Findings is the answer of GET /findings.
type Findings struct {
	Process  ProcessInfo `json:"process"`
	Findings []Finding   `json:"findings"`          // the severe ones first
	Partial  string      `json:"partial,omitempty"` // why not all rules could be asked: the loop is blocked, nobody watches
}

// A TaskPage is the answer of GET /tasks/{id}.
type TaskPage struct {
	Process ProcessInfo      `json:"process"`
	Loop    inspect.LoopInfo `json:"loop"`
	Task    inspect.TaskInfo `json:"task"`
	Stack   Stack            `json:"stack"`
}

// A Stack is the answer of GET /tasks/{id}/stack.
type Stack struct {
	Task   uint64          `json:"task"`
	Frames []inspect.Frame `json:"frames"` // the innermost first; of a task that has not begun its function
	Text   string          `json:"text"`   // the same as text
}

// A CancelRequest is the body of POST /tasks/{id}/cancel.
type CancelRequest struct {
	Message string `json:"message,omitempty"` // for the task, which finds it in its CancelledError
}

// A CancelReply is the answer of POST /tasks/{id}/cancel.
type CancelReply struct {
	Asked bool `json:"asked"` // false: the task had ended
}

// A Failure is the answer where the status is 4xx or 5xx.
type Failure struct {
	Error string `json:"error"`
}
