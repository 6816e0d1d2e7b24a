package inspect

import (
	"fmt"
	"strings"
	"time"
)

// A WaitKind is the kind of thing that a task waits for. Its text, also in JSON, is given
// beside each constant.
type WaitKind uint8

// The things that a task can wait for.
const (
	ForFuture      WaitKind = iota + 1 // "future": other code must set it
	ForTask                            // "task": its end
	ForTimer                           // "timer": Sleep
	ForJob                             // "job": a function in an executor
	ForLock                            // "lock"
	ForEvent                           // "event"
	ForCondition                       // "condition": a notification; waiting for the condition's lock is ForLock
	ForSemaphore                       // "semaphore"
	ForBarrier                         // "barrier": the other tasks must arrive, or leave
	ForItem                            // "queue get": an item
	ForRoom                            // "queue put": room for an item
	ForJoin                            // "queue join": all items must be processed
	ForGather                          // "gather"
	ForWait                            // "wait"
	ForAsCompleted                     // "as completed": the next future to complete
	ForShield                          // "shield": the shielded future
	ForGroup                           // "group": the group's tasks, at the end of the block
	ForTimeout                         // "timeout": the end of what the expired timeout cancelled
	ForOther                           // "other": a kind defined outside package asyncio
)

var waitKinds = [...]string{"", "future", "task", "timer", "job", "lock", "event", "condition", "semaphore", "barrier",
	"queue get", "queue put", "queue join", "gather", "wait", "as completed", "shield", "group", "timeout", "other"}

// String returns the text of k.
func (k WaitKind) String() string { return textAt(waitKinds[:], int(k)) }

// MarshalText returns the text of k.
func (k WaitKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText sets k to the kind with this text. Any other text is an error.
func (k *WaitKind) UnmarshalText(text []byte) error {
	i, err := indexOf(waitKinds[:], "wait", text)
	*k = WaitKind(i)
	return err
}

// A WaitReason reports why the awaiters of a future are blocked. It refers to the loop's
// own objects, so only the loop's goroutine may use it.
type WaitReason struct {
	Kind    WaitKind
	Object  fmt.Stringer  // the object that the future belongs to, such as a lock; nil: only the future
	Holder  Task          // the task that holds Object; nil: none or unknown
	Futures []Future      // the futures that must be done first, of a gather for example; read it at once
	Until   time.Duration // the deadline of a timer, in the loop's time
	Job     string        // the function of a job
	Since   time.Time     // when a job began to run; zero: not yet, or unknown
}

// String returns r as text: lock <Lock locked waiters=1> held by task b.
func (r WaitReason) String() string {
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
	s := r.Kind.String()
	if r.Object != nil {
		s += fmt.Sprintf(" %v", r.Object)
	}
	if r.Holder != nil {
		s += " held by task " + r.Holder.Name()
	}
	return s + namesOf(r.Futures)
}

// namesOf lists the futures among fs that are not done: " of a, b and 3 more".
func namesOf(fs []Future) string {
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

// nameOf returns the name of a task; for any other future, what its awaiters wait for.
func nameOf(f Future) string {
	if t, ok := f.(Task); ok {
		return t.Name()
	}
	return f.WaitReason().String()
}

// WaitInfo is a [WaitReason] as plain data.
type WaitInfo struct {
	Kind   WaitKind `json:"kind"`
	What   string   `json:"what,omitempty"`   // the object as it prints (<Lock locked waiters=2>), the name of a task, or the function of a job
	Object uint64   `json:"object,omitempty"` // a number that all waiters for the same object share within one snapshot
	Future uint64   `json:"future,omitempty"` // the number of the future: see [TaskInfo.ID]
	Tasks  []uint64 `json:"tasks,omitempty"`  // the tasks that must end first, directly or through gather, wait, shield, groups

	// Holder is the task that last acquired the lock, if the lock is held. Tasks do not
	// own locks: another task may release it.
	Holder     uint64 `json:"holder,omitempty"`
	HolderName string `json:"holder_name,omitempty"` // set even if that task has ended

	Until  time.Duration `json:"until,omitempty"`  // the deadline of a timer, in the loop's time
	Since  time.Time     `json:"since,omitzero"`   // when a job began to run, if it has and that is known
	Missed uint64        `json:"missed,omitempty"` // how often a condition was notified, or an event set and cleared, without a waiter
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

// waitInfoOf describes what the awaiters of f wait for.
func waitInfoOf(f Future) *WaitInfo {
	r := f.WaitReason()
	w := &WaitInfo{Kind: r.Kind, What: r.Job, Future: f.ID(), Until: r.Until, Since: r.Since, Missed: MissedBy(r.Object)}
	if r.Object != nil && r.Kind != ForFuture {
		w.What = fmt.Sprint(r.Object)
	}
	if r.Holder != nil {
		w.Holder, w.HolderName = r.Holder.ID(), r.Holder.Name()
	}
	if r.Kind == ForTask {
		w.What = nameOf(f)
	}
	for _, f := range r.Futures {
		if t, ok := f.(Task); ok && !t.Done() {
			w.Tasks = append(w.Tasks, t.ID())
		}
	}
	return w
}

// MissedBy returns how many wake-ups of an object found no waiter: the result of its
// method Missed, or 0.
func MissedBy(object fmt.Stringer) uint64 {
	if m, ok := object.(interface{ Missed() uint64 }); ok {
		return m.Missed()
	}
	return 0
}
