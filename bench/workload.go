package main

import (
	"sync/atomic"
)

// A workload is one thing that a program does all the time. It says what it
// does, and what one operation is, the same for all peers. A peer's program for it is one
// function; what the peer has no means for, it leaves out.
type workload struct {
	name  string
	n     int  // operations, where the number is part of what is measured; 0: as many as it takes to measure them
	step  int  // the number is a multiple of it
	cpu   bool // CPU time is measured, of all cores, since the program mostly sleeps
	bytes bool // memory is measured too, for each of n
	about string
}

// batchSize is how many tasks spawn_gather has at a time; ring and contenders
// are those of yield_ring, lock and to_thread.
const (
	batchSize  = 1_000
	ringSize   = 1_000
	contenders = 100
	queueSize  = 128
	treeWidth  = 10
)

// timerSpacing is the mean time between two timers that are due in a run of timers.
// 200,000 are due within a second.
const timerSpacing = 5_000 // ns

var workloads = []workload{
	{name: "spawn_await", step: 1,
		about: "a task that does nothing is made and awaited, one after the other. One operation is one task."},
	{name: "spawn_gather", step: batchSize,
		about: "1,000 tasks that do nothing are made and awaited together, again and again. One operation is one task."},
	{name: "spawn_million", n: 1_000_000, step: 1_000, bytes: true,
		about: "A million tasks that do nothing are made, and then awaited together. One operation is one task; its bytes are those of a task that has not begun, where a task waits for its maker."},
	{name: "yield_one", step: 1,
		about: "A lone task lets others go first, of which there are none. One operation is one yield."},
	{name: "yield_ring", step: ringSize,
		about: "1,000 tasks yield in turn. One operation is one yield."},
	{name: "wake_pingpong", step: 1,
		about: "Two tasks wake each other through futures, each time a fresh one, which is sent along. One operation is there and back: two futures made, two tasks woken."},
	{name: "suspended_million", n: 1_000_000, step: 1_000, bytes: true,
		about: "A million tasks wait for one event. Then it happens, and all are awaited: one operation is one task woken and ended. Its bytes are those of a task that waits, with its stack."},
	{name: "timers", n: 200_000, step: 100, cpu: true,
		about: "200,000 tasks are made, and each sleeps for a random time below one second. One operation is one task, from its making to its end. What is measured is CPU time, not the second."},
	{name: "cancel", n: 200_000, step: 100,
		about: "200,000 tasks sleep. Each is cancelled, and all are awaited. One operation is one task, from the cancel on."},
	{name: "queue", step: 1,
		about: "One task puts, one gets; between them is a queue that holds 128. One operation is one item put and got."},
	{name: "lock", step: contenders,
		about: "100 tasks want one lock, and who has it yields before it gives it back. One operation is taking it, a yield, and giving it back."},
	{name: "taskgroup_tree", step: 111_110,
		about: "A group of 10 tasks, each of which is a group of 10 tasks, and so on, 5 deep: 111,110 tasks. One operation is one task."},
	{name: "to_thread", step: contenders,
		about: "Work that does nothing is done on other threads, and its end awaited; at most 100 are out at once. One operation is one piece of work."},
	{name: "threadsafe", step: 1,
		about: "A second thread (goroutine) has the loop call a function, as fast as it can. One operation is one call on the loop."},
	{name: "timeout_wrap", step: 1,
		about: "A yield with a limit of a minute, which it does not reach. One operation is a timeout set, a yield, and the timeout taken back."},
}

func workloadNamed(name string) *workload {
	for i := range workloads {
		if workloads[i].name == name {
			return &workloads[i]
		}
	}
	return nil
}

// tree returns how deep a tree of at most n tasks is, and how many tasks it has.
// The full one has 5 levels.
func tree(n int) (depth, tasks int) {
	for level := treeWidth; depth < 5 && tasks+level <= n; level *= treeWidth {
		depth++
		tasks += level
	}
	return depth, tasks
}

// Each operation of the peers that are written in Go calls op once, at the place where it
// happens. So nothing is optimised away, and a test can count. When nobody counts it is a read and a branch.
func op() {
	if counting {
		counted.Add(1)
	}
}

var (
	counting bool
	counted  atomic.Int64
)
