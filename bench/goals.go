package main

import (
	"fmt"
	"io"
	"math"
)

// What this library is to reach, as ratios ours / theirs in one run. A row that
// is not named here has no goal.
var (
	// What one would use instead: goroutines, and the libraries for groups of them.
	goGoals = map[string]float64{
		"spawn_await": 0.9, "spawn_gather": 0.9, "spawn_million": 0.9, "yield_one": 0.9, "wake_pingpong": 0.9,
		"timers": 0.9, "cancel": 0.9, "lock": 0.9, "taskgroup_tree": 0.9, "timeout_wrap": 0.9,
		"yield_ring": 1.1, "queue": 1.1, "threadsafe": 1.1, "to_thread": 1.1,
	}
	// The event loops of Python. Those rows cost them little that are done in C, or that a lock decides.
	pythonGoals = map[string]float64{"queue": 0.1, "threadsafe": 0.2}
)

const (
	nodeGoal     = 0.9
	pythonGoal   = 0.05
	tokioGoal    = 2.0 // no row above; their geometric mean:
	tokioMean    = 1.0
	bytesGoal    = 1.1      // of what waits, to a parked goroutine
	notBegunGoal = 256      // bytes
	retainedGoal = 16 << 20 // bytes, after a million
)

// goal returns what ours / theirs may be at most; 0: there is no goal.
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

// printGoals says which goals are missed, and by how much.
func printGoals(w io.Writer, results []result) {
	fmt.Fprintln(w)
	missed, met := 0, 0
	check := func(what string, is, limit float64) {
		if is <= limit {
			met++
			return
		}
		missed++
		fmt.Fprintf(w, "missed: %s is %.3g, wanted at most %.3g\n", what, is, limit)
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
			check("bytes of a task that has not begun", our.Bytes, notBegunGoal)
			check("MiB retained after spawn_million", our.Retained/(1<<20), retainedGoal>>20)
		case "suspended_million":
			if r, ok := of["goroutines"]; ok {
				check("bytes of a task that waits, ours / goroutines", our.Bytes/r.Bytes, bytesGoal)
				// Go itself never frees what it knows of a goroutine, some 500 bytes, ours or not.
				check("MiB retained after suspended_million beyond what goroutines leave", (our.Retained-r.Retained)/(1<<20), retainedGoal>>20)
			}
		}
	}
	if rows > 0 {
		check("geometric mean of ours / tokio-current", math.Exp(logs/float64(rows)), tokioMean)
	}
	fmt.Fprintf(w, "%d goals met, %d missed\n", met, missed)
}
