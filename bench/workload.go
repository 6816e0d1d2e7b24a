package main

import (
	"sync/atomic"
)

// A workload is something that programs do frequently. Its operation is the same for all
// peers. A peer's program for a workload is one function. A peer without the necessary
// features does not implement the workload.
type workload struct {
	name  string
	n     int    // fixed number of operations; 0 means that calibrate chooses it
	step  int    // the number of operations is a multiple of step
	cpu   bool   // compare the CPU time of all threads, since the program mostly sleeps
	bytes bool   // measure memory per operation too
	about string // what the program does, and what one operation is
}

const (
	batchSize  = 1_000 // concurrent tasks in spawn_gather
	ringSize   = 1_000 // tasks in yield_ring
	contenders = 100   // tasks in lock, concurrent calls in to_thread
	queueSize  = 128   // capacity in queue
	treeWidth  = 10    // tasks per group in taskgroup_tree
)

// timerSpacing is the mean time between two timers in the workload timers: 200,000 timers
// are due within a second.
const timerSpacing = 5_000 // ns

var workloads = []workload{
	{name: "spawn_await", step: 1,
		about: "Create an empty task and await it, again and again. One operation is one task."},
	{name: "spawn_gather", step: batchSize,
		about: "Create 1,000 empty tasks and await them together, again and again. One operation is one task."},
	{name: "spawn_million", n: 1_000_000, step: 1_000, bytes: true,
		about: "Create a million empty tasks, then await them together. One operation is one task. Its bytes are those of a task that has not started, with peers where a task does not start before its creator suspends."},
	{name: "yield_one", step: 1,
		about: "A single task yields, with no other task to run. One operation is one yield."},
	{name: "yield_ring", step: ringSize,
		about: "1,000 tasks yield in turn. One operation is one yield."},
	{name: "wake_pingpong", step: 1,
		about: "Two tasks wake each other through futures; each message carries the future for the reply. One operation is a round trip: two new futures, two wake-ups."},
	{name: "suspended_million", n: 1_000_000, step: 1_000, bytes: true,
		about: "A million tasks wait for one event. Set it and await all tasks. One operation is to wake one task and await its end. Its bytes are those of a waiting task, with its stack."},
	{name: "timers", n: 200_000, step: 100, cpu: true,
		about: "Create 200,000 tasks that sleep for a random time of less than a second. One operation is one task, from its creation to its end. CPU time is measured, not wall time."},
	{name: "cancel", n: 200_000, step: 100,
		about: "200,000 tasks sleep. Cancel each one and await all. One operation is one task, from the cancel request to its end."},
	{name: "queue", step: 1,
		about: "One task puts items into a queue of capacity 128, another gets them. One operation is one put and one get."},
	{name: "lock", step: contenders,
		about: "100 tasks contend for one lock. One operation is to acquire it, yield, and release it."},
	{name: "taskgroup_tree", step: 111_110,
		about: "A group of 10 tasks, each with a group of 10 tasks, and so on, 5 levels deep: 111,110 tasks. One operation is one task."},
	{name: "to_thread", step: contenders,
		about: "Run empty functions on other threads and await them, at most 100 concurrently. One operation is one function call."},
	{name: "threadsafe", step: 1,
		about: "Another thread or goroutine schedules calls on the loop as fast as it can. One operation is one call on the loop."},
	{name: "timeout_wrap", step: 1,
		about: "Yield with a timeout of a minute, which does not expire. One operation is to set the timeout, yield, and cancel the timeout."},
}

func workloadNamed(name string) *workload {
	for i := range workloads {
		if workloads[i].name == name {
			return &workloads[i]
		}
	}
	return nil
}

// tree returns the depth of the largest tree of at most n tasks and 5 levels, and its
// number of tasks.
func tree(n int) (depth, tasks int) {
	for level := treeWidth; depth < 5 && tasks+level <= n; level *= treeWidth {
		depth++
		tasks += level
	}
	return depth, tasks
}

// op is called once in each operation of the peers in Go, so that the compiler cannot
// remove the operation and tests can count it. If counting is false, op only tests a
// variable.
func op() {
	if counting {
		counted.Add(1)
	}
}

var (
	counting bool
	counted  atomic.Int64
)
