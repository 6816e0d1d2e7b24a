package inspect_test

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asyncio/inspect"
)

// A kind is an EventKind or a WaitKind.
type kind interface {
	comparable
	fmt.Stringer
	encoding.TextMarshaler
}

// testKinds checks that the kinds are strings in JSON. unknown is the error for another
// string.
func testKinds[K kind](t *testing.T, kinds []K, unknown string) {
	t.Helper()
	for _, k := range kinds {
		text, err := json.Marshal(k)
		var back K
		if err2 := json.Unmarshal(text, &back); err != nil || err2 != nil || back != k || string(text) != `"`+k.String()+`"` {
			t.Errorf("%v became %s and then %v (%v, %v)", k, text, back, err, err2)
		}
	}
	var k K
	if err := json.Unmarshal([]byte(`"tea"`), &k); fmt.Sprint(err) != unknown {
		t.Errorf("got error %v, want %s", err, unknown)
	}
}

// The kinds of events and waits are strings in JSON. Other strings are an error.
func TestKindsInJSON(t *testing.T) {
	var events []inspect.EventKind
	for k := inspect.TaskCreated; k <= inspect.QueueGrew; k++ {
		events = append(events, k)
	}
	testKinds(t, events, `asyncio: unknown event kind "tea"`)
	var waits []inspect.WaitKind
	for k := inspect.ForFuture; k <= inspect.ForOther; k++ {
		waits = append(waits, k)
	}
	testKinds(t, waits, `asyncio: unknown wait kind "tea"`)
	if got := inspect.EventKind(99).String() + " " + inspect.WaitKind(98).String(); got != "99 98" {
		t.Errorf("undefined kinds print as %q", got)
	}
}

// An observerFunc is a function that is an Observer.
type observerFunc func(e *inspect.Event)

func (f observerFunc) Observe(e *inspect.Event) { f(e) }

// Tee passes each event to all Observers in order, and ignores nil.
func TestTee(t *testing.T) {
	var got []string
	observer := func(name string) inspect.Observer {
		return observerFunc(func(e *inspect.Event) { got = append(got, fmt.Sprint(name, " ", e.Kind)) })
	}
	a, b := observer("a"), observer("b")
	if inspect.Tee(nil, nil) != nil {
		t.Error("Tee without Observers is not nil")
	}
	inspect.Tee(nil, a).Observe(&inspect.Event{Kind: inspect.TaskCreated})
	inspect.Tee(b, nil, inspect.Tee(a, b)).Observe(&inspect.Event{Kind: inspect.TaskEnded})
	if want := []string{"a created", "b ended", "a ended", "b ended"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A task is an [inspect.Task].
type task struct {
	id     uint64
	name   string
	done   bool
	reason inspect.WaitReason
}

func (t *task) ID() uint64                     { return t.id }
func (t *task) Name() string                   { return t.name }
func (t *task) Done() bool                     { return t.done }
func (t *task) Cancelled() bool                { return false }
func (t *task) Cancelling() int                { return 0 }
func (t *task) String() string                 { return "<Task " + t.name + ">" }
func (t *task) WaitReason() inspect.WaitReason { return t.reason }

// CauseText is the name of a task or block, or the text of anything else.
func TestCauseText(t *testing.T) {
	for want, cause := range map[string]any{"": nil, "fetch": &task{name: "fetch"}, "boom": errors.New("boom"), "7": 7} {
		if got := inspect.CauseText(cause); got != want {
			t.Errorf("CauseText(%v) is %q, want %q", cause, got, want)
		}
	}
}

// An object is a [fmt.Stringer].
type object string

func (o object) String() string { return string(o) }

func tasks(names ...string) (all []inspect.Future) {
	for i, name := range names {
		all = append(all, &task{id: uint64(i + 1), name: name, done: name == "done"})
	}
	return all
}

// The text of a WaitReason names the object, its holder, and the unfinished tasks.
func TestWaitReasonString(t *testing.T) {
	for want, r := range map[string]inspect.WaitReason{
		"future":                      {Kind: inspect.ForFuture},
		"a reply":                     {Kind: inspect.ForFuture, Object: object("a reply")},
		"task a":                      {Kind: inspect.ForTask, Futures: tasks("a")},
		"a timer until 1s":            {Kind: inspect.ForTimer, Until: time.Second},
		"job main.f()":                {Kind: inspect.ForJob, Job: "main.f()"},
		"lock <Lock> held by task a":  {Kind: inspect.ForLock, Object: object("<Lock>"), Holder: &task{name: "a"}},
		"gather":                      {Kind: inspect.ForGather, Futures: tasks("done")},
		"gather of a":                 {Kind: inspect.ForGather, Futures: tasks("done", "a")},
		"wait of a and b":             {Kind: inspect.ForWait, Futures: tasks("a", "b")},
		"group of a, b, c and 2 more": {Kind: inspect.ForGroup, Futures: tasks("a", "b", "c", "d", "e")},
		"shield of a timer until 1m0s": {Kind: inspect.ForShield, Futures: []inspect.Future{
			future{&task{reason: inspect.WaitReason{Kind: inspect.ForTimer, Until: time.Minute}}}}},
	} {
		if got := r.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A future is an [inspect.Future] that is not a task.
type future struct{ inspect.Future }

// The text of a WaitInfo names the object, its holder, and the number of tasks.
func TestWaitInfoString(t *testing.T) {
	for want, w := range map[string]inspect.WaitInfo{
		"a future":                   {Kind: inspect.ForFuture},
		"a timer until 1s":           {Kind: inspect.ForTimer, Until: time.Second},
		"task a":                     {Kind: inspect.ForTask, What: "a", Tasks: []uint64{2}},
		"lock <Lock> held by task a": {Kind: inspect.ForLock, What: "<Lock>", HolderName: "a"},
		"gather of 2 tasks":          {Kind: inspect.ForGather, Tasks: []uint64{2, 3}},
	} {
		if got := w.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A graph with a cycle. A future that occurs again is only named; the limit shortens
// stacks.
func TestCallGraphFormat(t *testing.T) {
	main := &inspect.CallGraph{ID: 1, Task: true, Name: "main", Stack: []inspect.Frame{
		{Func: "main.wait", File: "/src/main.go", Line: 9}, {Func: "main.run", File: "/src/main.go", Line: 4}}}
	f := &inspect.CallGraph{ID: 2, AwaitedBy: []*inspect.CallGraph{main}}
	main.AwaitedBy = []*inspect.CallGraph{f}
	want := `* Future(id=2)
  + Awaited by:
    * Task(name="main", id=1)
      + Call stack:
      |   File "/src/main.go", line 9, in main.wait()
      |   File "/src/main.go", line 4, in main.run()
      + Awaited by:
        * Future(id=2) as above`
	if got := f.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if got := strings.Count(f.Format(1), "File"); got != 1 {
		t.Errorf("with limit 1 the graph has %d calls", got)
	}
	if got := f.Format(0); strings.Contains(got, "stack") {
		t.Errorf("with limit 0 the graph has a stack:\n%s", got)
	}
	if got := (*inspect.CallGraph)(nil).String(); got != "" {
		t.Errorf("a nil graph prints as %q", got)
	}
}

// A snapshot in JSON has stable names, omits the usual zero values, and can be read back.
func TestSnapshotInJSON(t *testing.T) {
	s := inspect.Snapshot{
		Loop: inspect.LoopInfo{State: "running", Current: 1, Time: time.Second},
		Tasks: []inspect.TaskInfo{
			{ID: 1, Name: "main", State: inspect.TaskRunning, Func: "main.run", File: "main.go", Line: 4},
			{ID: 2, Name: "b", State: inspect.TaskWaiting, Waits: &inspect.WaitInfo{Kind: inspect.ForLock, What: "lock", Holder: 1}},
		},
		Unread: []inspect.UnreadInfo{{ID: 3, What: "a future", Error: "boom"}},
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		`{"loop":{"time":1000000000,"taken":"0001-01-01T00:00:00Z","stopped":0,"state":"running",`,
		`{"id":1,"name":"main","state":"running","func":"main.run","file":"main.go","line":4},`,
		`"waits":{"kind":"lock","what":"lock","holder":1}}`,
		`"unread":[{"id":3,"what":"a future","error":"boom"}]}`,
	} {
		if !strings.Contains(string(text), part) {
			t.Errorf("%s is missing in %s", part, text)
		}
	}
	var back inspect.Snapshot
	if err := json.Unmarshal(text, &back); err != nil || fmt.Sprint(back.Tasks[0], *back.Tasks[1].Waits, back.Unread) != fmt.Sprint(s.Tasks[0], *s.Tasks[1].Waits, s.Unread) {
		t.Errorf("read back %+v (%v)", back, err)
	}
}
