// Package scene contains constant snapshots, findings and events of a program, for the
// tests of the commands.
package scene

import (
	"time"

	"example.com/asyncio/inspect"
	"example.com/asyncio/introspect"
)

// The IDs of the tasks.
const (
	Main  = 1
	Fetch = 3
	Left  = 4
	Right = 5
	Odd   = 7
)

// Calm returns a snapshot without a cycle:
//
//   - main waits for a group of fetch, left and right;
//   - fetch sleeps;
//   - left waits for a job;
//   - right waits for a lock that left holds.
func Calm() *introspect.Picture {
	p := shop(12*time.Second, 10)
	left, right := &p.Tasks[2], &p.Tasks[3]
	left.Waits = &inspect.WaitInfo{Kind: inspect.ForJob, What: "main.pack", Future: 9}
	right.Waits = &inspect.WaitInfo{Kind: inspect.ForLock, What: "<Lock locked waiters=1>", Object: 1, Future: 8, Holder: Left, HolderName: "left"}
	return p
}

// Deadlock returns a snapshot one second after Calm: left waits for a lock that right
// holds, and fetch was asked to cancel.
func Deadlock() *introspect.Picture {
	p := Calm()
	later := shop(13*time.Second, 14)
	later.Tasks[2].Waits = &inspect.WaitInfo{Kind: inspect.ForLock, What: "<Lock locked waiters=1>", Object: 2, Future: 12, Holder: Right, HolderName: "right"}
	later.Tasks[3].Waits = p.Tasks[3].Waits
	fetch := &later.Tasks[1]
	fetch.State, fetch.Waits, fetch.Cancels = inspect.TaskReady, nil, 1
	fetch.Cancel = &inspect.CancelInfo{By: "timeout of 13s of task main", Reason: "cancelled by timeout of 13s of task main", Pending: true,
		Place: []inspect.Frame{{Func: "main.shop", File: "/src/shop.go", Line: 31}}}
	later.Unread = []inspect.UnreadInfo{{ID: 6, What: "task audit", Error: "no ink"}}
	return later
}

func shop(now time.Duration, steps uint64) *introspect.Picture {
	inGroup := []inspect.AwaitInfo{{Task: Main, Via: "group"}}
	p := &introspect.Picture{Process: introspect.ProcessInfo{PID: 4711, Name: "4711", Command: []string{"/usr/bin/shop", "--open"}, Go: "go1.26.8", LoopCount: 1}}
	p.Loop = inspect.LoopInfo{Time: now, Taken: time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC).Add(now), State: "running",
		Ready: 1, Timers: 1, Outside: 1, Turns: 5 * steps, Steps: true}
	p.Tasks = []inspect.TaskInfo{
		{ID: Main, Name: "main", State: inspect.TaskWaiting, Func: "main.shop", File: "/src/shop.go", Line: 20, Steps: 2, Ran: time.Millisecond,
			Waits:  &inspect.WaitInfo{Kind: inspect.ForGroup, Tasks: []uint64{Fetch, Left, Right}},
			Blocks: []inspect.BlockInfo{{Kind: "group", Tasks: []uint64{Fetch, Left, Right}}}},
		{ID: Fetch, Name: "fetch", State: inspect.TaskWaiting, Func: "main.fetch", File: "/src/fetch.go", Line: 7, Steps: steps,
			Ran: now / 20, Waits: &inspect.WaitInfo{Kind: inspect.ForTimer, Until: 15 * time.Second}, AwaitedBy: inGroup, Group: Main, Parent: Main,
			Made: []inspect.Frame{{Func: "main.shop", File: "/src/shop.go", Line: 24}}},
		{ID: Left, Name: "left", State: inspect.TaskWaiting, Func: "main.hand", File: "/src/hand.go", Line: 3, Steps: 3, Ran: 2500 * time.Microsecond,
			AwaitedBy: inGroup, Group: Main, Parent: Main},
		{ID: Right, Name: "right", State: inspect.TaskWaiting, Func: "main.hand", File: "/src/hand.go", Line: 3, Steps: 4, Ran: 90 * time.Microsecond,
			AwaitedBy: inGroup, Group: Main, Parent: Main},
		{ID: Odd, Name: "od\x1bd\n名前", State: inspect.TaskRunning, Func: "main.odd", File: "/src/odd.go", Line: 1, Steps: 1, Ran: 30 * time.Nanosecond},
	}
	return p
}

// Findings returns the findings of Deadlock, with some that only a watchdog finds.
func Findings() *introspect.Findings {
	p := Deadlock()
	found := introspect.Check(&p.Snapshot)
	return &introspect.Findings{Process: p.Process, Partial: "the loop is blocked", Findings: append(found,
		introspect.Finding{Rule: introspect.RuleUnread, Tasks: []uint64{6}, Text: "task audit (#6) failed 11s ago, and its error was never read: no ink", Advice: "Await it, or start it in a TaskGroup."},
		introspect.Finding{Rule: introspect.RuleBlocked, Tasks: []uint64{Fetch}, Over: true, Text: "task fetch (#3) has blocked the loop for 300ms. Nothing else could run.",
			Advice: "Move long work to ToThread.", Stack: "goroutine 7 [sleep]:\ntime.Sleep(0x11e1a300)\n\t/go/src/runtime/time.go:363 +0x1\nmain.fetch()\n\t/src/fetch.go:9 +0x2\n"})}
}

// Events returns the events between Calm and Deadlock.
func Events() []inspect.EventInfo {
	ms := func(n int) time.Duration { return 12*time.Second + time.Duration(n)*time.Millisecond }
	return []inspect.EventInfo{
		{Kind: inspect.TaskResumed, Task: Fetch, Time: ms(100)},
		{Kind: inspect.TaskSuspended, Task: Fetch, Time: ms(150), Waits: &inspect.WaitInfo{Kind: inspect.ForTimer, Until: 15 * time.Second}},
		{Kind: inspect.TaskResumed, Task: Left, Time: ms(200)},
		{Kind: inspect.TaskSuspended, Task: Left, Time: ms(201), Waits: &inspect.WaitInfo{Kind: inspect.ForLock}},
		{Kind: inspect.TaskCreated, Task: 20, Name: "brief", ByTask: Main, By: "task main", Time: ms(300)},
		{Kind: inspect.TaskStarted, Task: 20, Time: ms(301)},
		{Kind: inspect.TaskEnded, Task: 20, Outcome: "error", Error: "no ink", Time: ms(302)},
		{Kind: inspect.TaskCancelAsked, Task: Fetch, By: "timeout of 13s of task main", Time: ms(900)},
	}
}
