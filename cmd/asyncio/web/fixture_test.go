package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/asyncio/inspect"
	"example.com/asyncio/introspect"
)

// A fakeProgram speaks the protocol of introspect. A test controls its data.
type fakeProgram struct {
	mu       sync.Mutex
	began    time.Time
	tasks    []inspect.TaskInfo
	findings []finding
	first    []inspect.EventInfo             // the first events of the stream
	lost     uint64                          // how many events are missing before every 20th batch
	batch    func(n int) []inspect.EventInfo // the events that follow, 20 times per second
}

type finding struct {
	Rule   string   `json:"rule"`
	Severe bool     `json:"severe"`
	Text   string   `json:"text"`
	Advice string   `json:"advice"`
	Tasks  []uint64 `json:"tasks"`
	Cycle  []uint64 `json:"cycle"`
}

type object = map[string]any

func (p *fakeProgram) now() time.Duration { return time.Since(p.began) }

func (p *fakeProgram) snapshot() object {
	return object{
		"process": object{"pid": 4711, "name": "4711", "command": []string{"/usr/bin/shop", "-listen"}, "go": "go1.26"},
		"loop":    inspect.LoopInfo{Time: p.now(), Taken: time.Now(), State: "running", Steps: true},
		"tasks":   p.tasks,
	}
}

func (p *fakeProgram) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	reply := func(v any) { json.NewEncoder(w).Encode(v) }
	switch {
	case r.URL.Path == "/snapshot":
		reply(p.snapshot())
	case r.URL.Path == "/findings":
		reply(object{"findings": p.findings})
	case r.URL.Path == "/events":
		p.stream(w, r)
	case strings.HasPrefix(r.URL.Path, "/tasks/"):
		id, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/tasks/"))
		for _, t := range p.tasks {
			if t.ID == uint64(id) {
				reply(object{"task": t, "stack": object{"frames": []inspect.Frame{
					{Func: "example.com/asyncio.(*Lock).Acquire", File: "/src/asyncio/lock.go", Line: 61},
					{Func: t.Func, File: t.File, Line: t.Line + 4},
				}}})
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
		reply(object{"error": fmt.Sprintf("no task %d: it ended or never existed", id)})
	default:
		http.NotFound(w, r)
	}
}

func (p *fakeProgram) stream(w http.ResponseWriter, r *http.Request) {
	lines := json.NewEncoder(w)
	send := func(v any) {
		lines.Encode(v)
		w.(http.Flusher).Flush()
	}
	send(object{"kind": "hello", "hello": p.snapshot(), "seq": 1})
	seq, dropped := uint64(1), uint64(0)
	events := func(es []inspect.EventInfo) {
		if len(es) > 0 {
			// Encoded as by introspect: the page recognizes the line by its first bytes.
			send(introspect.Message{Kind: introspect.KindEvents, Seq: seq, Events: es})
			seq += uint64(len(es))
		}
	}
	events(p.first)
	p.mu.Unlock()
	defer p.mu.Lock()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
		if n%20 == 19 {
			seq += p.lost
			dropped += p.lost
		}
		events(p.batch(n))
		if n%20 == 1 {
			lag := time.Duration(20+n%7*13) * time.Microsecond
			send(object{"kind": "sample", "sample": object{"taken": time.Now(), "time": p.now(), "lag": lag, "tasks": len(p.tasks), "events": seq, "dropped": dropped}})
		}
	}
}

func (p *fakeProgram) add(name, fn string, state inspect.TaskState, waits *inspect.WaitInfo, by ...uint64) *inspect.TaskInfo {
	id := uint64(len(p.tasks) + 1)
	t := inspect.TaskInfo{ID: id, Name: name, State: state, Func: "main." + fn, File: "/src/shop/main.go", Line: 20 + int(id)%90, Waits: waits, Steps: id * 7 % 50, Ran: time.Duration(id*777) * time.Microsecond}
	for _, by := range by {
		t.AwaitedBy = append(t.AwaitedBy, inspect.AwaitInfo{Task: by})
	}
	p.tasks = append(p.tasks, t)
	return &p.tasks[len(p.tasks)-1]
}

// shop is a program of about 20 tasks: two tellers wait for each other's lock, a timeout
// has cancelled an order, and the pages of a catalogue are being fetched.
func shop() *fakeProgram {
	p := &fakeProgram{began: time.Now().Add(-20 * time.Second)}
	timer := func(d time.Duration) *inspect.WaitInfo {
		return &inspect.WaitInfo{Kind: inspect.ForTimer, Until: p.now() + d}
	}
	p.add("main", "main", inspect.TaskWaiting, &inspect.WaitInfo{Kind: inspect.ForGather, What: "<gather of 3>", Tasks: []uint64{2, 3, 4}})
	p.add("serve", "serve", inspect.TaskWaiting, &inspect.WaitInfo{Kind: inspect.ForItem, What: "<Queue orders size=0 getters=1>", Object: 9}, 1)
	p.add("bank", "bank", inspect.TaskWaiting, &inspect.WaitInfo{Kind: inspect.ForGroup, What: "<TaskGroup tasks=2>", Tasks: []uint64{5, 6}}, 1)
	p.add("catalogue", "catalogue", inspect.TaskWaiting, &inspect.WaitInfo{Kind: inspect.ForGather, What: "<gather of 12>"}, 1)
	lock := func(name string, holder uint64, holderName string) *inspect.WaitInfo {
		return &inspect.WaitInfo{Kind: inspect.ForLock, What: "<Lock " + name + " locked waiters=1>", Holder: holder, HolderName: holderName}
	}
	p.add("teller Ada", "teller", inspect.TaskWaiting, lock("vault", 6, "teller Bob"), 3)
	p.add("teller Bob", "teller", inspect.TaskWaiting, lock("ledger", 5, "teller Ada"), 3)
	for i := range 12 {
		t := p.add(fmt.Sprintf("fetch page-%d", i+1), "fetch", inspect.TaskWaiting, timer(time.Duration(i+1)*10*time.Second), 4)
		p.tasks[3].Waits.Tasks = append(p.tasks[3].Waits.Tasks, t.ID)
	}
	p.add("refund", "refund", inspect.TaskWaiting, &inspect.WaitInfo{Kind: inspect.ForJob, What: "main.charge"}).Cancel = &inspect.CancelInfo{
		By: "task serve", Reason: "cancelled by task serve, main.go:88: the customer left", Message: "the customer left", Pending: true}
	p.findings = []finding{{
		Rule: "deadlock", Severe: true, Tasks: []uint64{5, 6}, Cycle: []uint64{5, 6},
		Text:   "teller Ada waits for the lock vault, held by teller Bob. teller Bob waits for the lock ledger, held by teller Ada. Neither can continue.",
		Advice: "Take the locks in the same order everywhere, or hold one at a time.",
	}}
	event := func(ago time.Duration, e inspect.EventInfo) { e.Time = p.now() - ago; p.first = append(p.first, e) }
	for i, t := range p.tasks {
		event(9*time.Second-time.Duration(i)*20*time.Millisecond, inspect.EventInfo{Kind: inspect.TaskCreated, Task: t.ID, Name: t.Name})
		event(8500*time.Millisecond-time.Duration(i)*20*time.Millisecond, inspect.EventInfo{Kind: inspect.TaskStarted, Task: t.ID})
		event(8490*time.Millisecond-time.Duration(i)*20*time.Millisecond, inspect.EventInfo{Kind: inspect.TaskSuspended, Task: t.ID, Waits: t.Waits})
	}
	event(8*time.Second, inspect.EventInfo{Kind: inspect.TaskCreated, Task: 90, Name: "order 17", ByTask: 2})
	event(7900*time.Millisecond, inspect.EventInfo{Kind: inspect.TaskStarted, Task: 90})
	event(7800*time.Millisecond, inspect.EventInfo{Kind: inspect.TaskSuspended, Task: 90, Waits: &inspect.WaitInfo{Kind: inspect.ForJob, What: "main.charge"}})
	event(2*time.Second, inspect.EventInfo{Kind: inspect.TaskCancelAsked, Task: 90, By: "a timeout of 5s in task serve"})
	event(1990*time.Millisecond, inspect.EventInfo{Kind: inspect.TaskResumed, Task: 90})
	event(1980*time.Millisecond, inspect.EventInfo{Kind: inspect.TaskEnded, Task: 90, Outcome: "cancelled", Error: "asyncio: cancelled by a timeout of 5s in task serve"})
	p.batch = func(n int) (es []inspect.EventInfo) {
		id := uint64(7 + n%12)
		took := time.Duration(1<<(n%9)) * 30 * time.Microsecond
		now := p.now() - took
		return append(es,
			inspect.EventInfo{Kind: inspect.TaskResumed, Task: id, Time: now},
			inspect.EventInfo{Kind: inspect.TaskSuspended, Task: id, Time: now + took, Waits: p.tasks[id-1].Waits})
	}
	return p
}

// crowd is a program of n tasks with rate events per second. Its tasks run and wait.
func crowd(n, rate int) *fakeProgram {
	p := &fakeProgram{began: time.Now().Add(-20 * time.Second)}
	p.add("main", "main", inspect.TaskWaiting, &inspect.WaitInfo{Kind: inspect.ForGroup, What: "<TaskGroup>"})
	for i := 1; i < n; i++ {
		kinds := []inspect.WaitKind{inspect.ForTimer, inspect.ForLock, inspect.ForItem, inspect.ForJob}
		by := uint64(1)
		if i > 100 {
			by = uint64(2 + i%100)
		}
		t := p.add(fmt.Sprintf("worker %d", i), "work", inspect.TaskWaiting, &inspect.WaitInfo{Kind: kinds[i%4], What: fmt.Sprintf("<thing %d>", i%9)}, by)
		if above := &p.tasks[by-1]; len(above.Waits.Tasks) < 200 {
			above.Waits.Tasks = append(above.Waits.Tasks, t.ID)
		}
	}
	at := 0
	p.batch = func(int) (es []inspect.EventInfo) {
		now := p.now()
		each := rate / 20
		for i := range each / 2 {
			at = at%(n-1) + 1
			t := now - 50*time.Millisecond + time.Duration(i)*100*time.Millisecond/time.Duration(each)
			id := uint64(at + 1)
			es = append(es,
				inspect.EventInfo{Kind: inspect.TaskResumed, Task: id, Time: t},
				inspect.EventInfo{Kind: inspect.TaskSuspended, Task: id, Time: t + time.Duration(5+at%30)*time.Microsecond, Waits: p.tasks[at].Waits})
		}
		return es
	}
	return p
}
