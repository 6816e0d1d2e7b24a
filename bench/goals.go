package main

import (
	"fmt"
	"io"
	"math"
)

// The goals of package asyncio, as ratios ours / theirs within one run. A workload that
// is not listed has no goal.
var (
	// For goroutines and the libraries that manage groups of them.
	goGoals = map[string]float64{
		"spawn_await": 0.9, "spawn_gather": 0.9, "spawn_million": 0.9, "yield_one": 0.9, "wake_pingpong": 0.9,
		"timers": 0.9, "cancel": 0.9, "lock": 0.9, "taskgroup_tree": 0.9, "timeout_wrap": 0.9,
		"yield_ring": 1.1, "queue": 1.1, "threadsafe": 1.1, "to_thread": 1.1,
	}
	// For the event loops of Python, instead of pythonGoal. These workloads are cheap for
	// them because C code or a lock does most of the work.
	pythonGoals = map[string]float64{"queue": 0.1, "threadsafe": 0.2}
)

const (
	nodeGoal     = 0.9
	pythonGoal   = 0.05
	tokioGoal    = 2.0      // for each workload
	tokioMean    = 1.0      // for the geometric mean of all workloads
	bytesGoal    = 1.1      // bytes of a waiting task / bytes of a parked goroutine
	notBegunGoal = 256      // bytes of a task that has not started
	retainedGoal = 16 << 20 // bytes still in use after a million tasks
)

// goal returns the maximum of ours / theirs, or 0 if there is no goal.
func goal(peer, workload string) float64 {
	switch peer {
	case "goroutines", "errgroup", "conc", "pond", "ants":
		return goGoals[workload]
	case "tokio-current":
		return tokioGoal
	case "node":
		return nodeGoal
	case "cpython", "cpython-eager", "uvloop", "trio":
		if g := pythonGoals[workload]; g > 0 {
			return g
		}
		return pythonGoal
	}
	return 0
}

// printGoals prints the goals that are missed and the number of goals that are met.
func printGoals(w io.Writer, results []result) {
	fmt.Fprintln(w)
	missed, met := 0, 0
	check := func(what string, is, limit float64) {
		if is <= limit {
			met++
			return
		}
		missed++
		fmt.Fprintf(w, "missed: %s is %.3g, want at most %.3g\n", what, is, limit)
	}
	logs, rows := 0.0, 0
	for _, work := range workloads {
		of := byPeer(results, work.name)
		our, ok := of["ours"]
		if !ok {
			continue
		}
		for _, name := range peerNames {
			r, ok := of[name]
			if !ok {
				continue
			}
			if g := goal(name, work.name); g > 0 {
				check(work.name+", ours / "+name, our.NS/r.NS, g)
			}
			if name == "tokio-current" {
				logs += math.Log(our.NS / r.NS)
				rows++
			}
		}
		switch work.name {
		case "spawn_million":
			check("bytes of a task that has not started", our.Bytes, notBegunGoal)
			check("MiB retained after spawn_million", our.Retained/(1<<20), retainedGoal>>20)
		case "suspended_million":
			if r, ok := of["goroutines"]; ok {
				check("bytes of a waiting task, ours / goroutines", our.Bytes/r.Bytes, bytesGoal)
				// Go never frees its descriptor of a goroutine, about 500 bytes, in
				// either case.
				check("MiB retained after suspended_million, ours - goroutines", (our.Retained-r.Retained)/(1<<20), retainedGoal>>20)
			}
		}
	}
	if rows > 0 {
		check("geometric mean of ours / tokio-current", math.Exp(logs/float64(rows)), tokioMean)
	}
	fmt.Fprintf(w, "%d goals met, %d missed\n", met, missed)
}
