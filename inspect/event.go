package inspect

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// An Observer receives the events of a loop as they happen. All instrumentation uses it:
// introspection, tracing and metrics. Without an Observer, the cost per event is one
// comparison with nil.
//
// Observe is called on the loop's goroutine, inside the operation that the event
// describes.
//
//   - It must return soon and must not panic.
//   - It may read: names, states, the loop's time, a snapshot.
//   - It must not await and must not change anything on the loop.
//   - The event is valid only during the call; copy what you keep.
type Observer interface {
	Observe(e *Event)
}

// Tee returns an Observer that passes each event to all of os, in order. It ignores nil
// Observers and returns nil if none remains.
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

func (t tee) Observe(e *Event) {
	for _, o := range t {
		o.Observe(e)
	}
}

// An EventKind is the kind of an [Event]. Its text, also in JSON, is given beside each
// constant.
type EventKind uint8

// The kinds of events, and the fields of [Event] that they set besides Kind, Loop, Task
// and Ctx.
const (
	TaskCreated     EventKind = iota + 1 // "created": By is the task that created it, or nil; Ctx may be replaced
	TaskStarted                          // "started": the task's function is about to run
	TaskSuspended                        // "suspended": On is what the task waits for; nil if it is ready again, as after Yield
	TaskResumed                          // "resumed": the task's await is about to return
	TaskCancelAsked                      // "cancel asked": By requested it, with Message; Through are the tasks that the request was forwarded to
	TaskEnded                            // "ended": Err is the outcome
	CallBegun                            // "call begun": Handle is about to be called; Task is nil
	CallEnded                            // "call ended"; Task is nil
	QueueGrew                            // "queue grew": Object has Size items, at least 64 and twice as many as at its last such event; Task is nil
)

var eventKinds = [...]string{"", "created", "started", "suspended", "resumed", "cancel asked", "ended", "call begun", "call ended", "queue grew"}

// String returns the text of k.
func (k EventKind) String() string { return textAt(eventKinds[:], int(k)) }

// MarshalText returns the text of k.
func (k EventKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText sets k to the kind with this text. Any other text is an error.
func (k *EventKind) UnmarshalText(text []byte) error {
	i, err := indexOf(eventKinds[:], "event", text)
	*k = EventKind(i)
	return err
}

func textAt(texts []string, i int) string {
	if i < len(texts) {
		return texts[i]
	}
	return fmt.Sprint(i)
}

func indexOf(texts []string, what string, text []byte) (int, error) {
	i := slices.Index(texts, string(text))
	if i < 0 {
		return 0, fmt.Errorf("asyncio: unknown %s kind %q", what, text)
	}
	return i, nil
}

// A Future is a future or task of package asyncio.
type Future interface {
	// ID returns the future's number among the futures of its loop, in order of creation.
	ID() uint64
	// Done reports whether the future has an outcome.
	Done() bool
	// Cancelled reports whether the future was cancelled.
	Cancelled() bool
	// WaitReason reports why awaiters of the future are blocked.
	WaitReason() WaitReason
	// String describes the future.
	String() string
}

// A Task is a task of package asyncio. Assert asyncio.AnyTask to reach its other methods.
type Task interface {
	Future
	Name() string
	Cancelling() int
}

// A Loop is a loop of package asyncio. Assert *asyncio.Loop to reach its other methods.
type Loop interface {
	Time() time.Duration
	IsRunning() bool
	Load() (ready, timers, outside int)
	TaskCount() int
}

// A Call is a scheduled call, an asyncio.Handle.
type Call interface {
	Func() string
}

// An Event describes one thing that happened on a loop. It refers to the loop's own
// objects, so only the loop's goroutine may use it. [Event.Info] returns it as plain
// data.
type Event struct {
	Kind EventKind
	Loop Loop
	Task Task // the task that the event is about; nil: none
	// Ctx is the ctx that the task's function receives. For TaskCreated it is the ctx
	// from which that ctx takes its values. An Observer may then replace it by a derived
	// ctx, so that the task sees added values, such as the span of a trace. Tasks that
	// the new task creates do not inherit them.
	Ctx     context.Context
	By      any          // the cause: a Task, or a block such as a timeout
	Through []Task       // the tasks that a cancel was forwarded to along their awaits; the last one receives it
	On      Future       // what a task waits for
	Message any          // the message of a cancel
	Err     error        // the outcome of a task: nil, its error, or its CancelledError
	Handle  Call         // a callback
	Object  fmt.Stringer // the object that grew
	Size    int          // the size of Object
}

// EventInfo is an [Event] as plain data. Its JSON names are stable.
type EventInfo struct {
	Kind    EventKind     `json:"kind"`
	Time    time.Duration `json:"time"`              // the loop's time, in nanoseconds
	Task    uint64        `json:"task,omitempty"`    // see [TaskInfo.ID]; 0: none
	Name    string        `json:"name,omitempty"`    // the name of the task, or of the function that is called back
	By      string        `json:"by,omitempty"`      // the cause as text
	ByTask  uint64        `json:"by_task,omitempty"` // the cause, if it is a task
	Through []uint64      `json:"through,omitempty"` // the tasks that a cancel was forwarded to
	Waits   *WaitInfo     `json:"waits,omitempty"`   // what the task waits for
	Message string        `json:"message,omitempty"` // the message of a cancel
	Outcome string        `json:"outcome,omitempty"` // of a task that ended: result, error, cancelled
	Error   string        `json:"error,omitempty"`   // the first line of the task's error
	Object  string        `json:"object,omitempty"`  // the object that grew
	Size    int           `json:"size,omitempty"`    // the size of the object
}

// Info returns e as plain data. Only the loop's goroutine may call it.
func (e *Event) Info() EventInfo {
	i := EventInfo{Kind: e.Kind, Size: e.Size, By: CauseText(e.By)}
	if e.Loop != nil {
		i.Time = e.Loop.Time()
	}
	if e.Task != nil {
		i.Task, i.Name = e.Task.ID(), e.Task.Name()
	}
	if by, ok := e.By.(Task); ok {
		i.ByTask = by.ID()
	}
	for _, t := range e.Through {
		i.Through = append(i.Through, t.ID())
	}
	if e.Message != nil {
		i.Message = fmt.Sprint(e.Message)
	}
	if e.Kind == CallBegun {
		i.Name = e.Handle.Func()
	}
	if e.Object != nil {
		i.Object = e.Object.String()
	}
	if e.On != nil {
		i.Waits = waitInfoOf(e.On)
	}
	if e.Kind == TaskEnded {
		i.Outcome = "result"
		if e.Err != nil {
			i.Outcome = "error"
			i.Error, _, _ = strings.Cut(fmt.Sprint(e.Err), "\n")
			if e.Task.Cancelled() {
				i.Outcome = "cancelled"
			}
		}
	}
	return i
}

// CauseText describes the cause of an event, [Event.By]: a task or a block by its name,
// any other cause with fmt.Sprint. Without a cause it is empty.
func CauseText(by any) string {
	switch by := by.(type) {
	case nil:
		return ""
	case interface{ Name() string }:
		return by.Name()
	}
	return fmt.Sprint(by)
}
