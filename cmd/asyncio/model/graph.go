// Package model is what the commands know of a program, without a terminal: the graph of its waits, and what top shows.
package model

import (
	"slices"

	"example.com/asyncio/inspect"
)

// A Graph is who waits for whom, in a snapshot.
type Graph struct {
	Tasks  map[uint64]*inspect.TaskInfo
	Cycles [][]uint64 // in each, every task waits for the next, and the last for the first; its least number comes first
}

// NewGraph returns the graph of s, which it refers to.
func NewGraph(s *inspect.Snapshot) *Graph {
	g := &Graph{Tasks: make(map[uint64]*inspect.TaskInfo, len(s.Tasks))}
	for i := range s.Tasks {
		g.Tasks[s.Tasks[i].ID] = &s.Tasks[i]
	}
	g.findCycles(s)
	return g
}

// Needs returns the tasks that have to do something before this one goes on: those whose end it
// waits for, and who has the lock that it wants.
func (g *Graph) Needs(id uint64) []uint64 {
	t := g.Tasks[id]
	if t == nil || t.Waits == nil {
		return nil
	}
	return g.known(append(slices.Clone(t.Waits.Tasks), t.Waits.Holder))
}

func (g *Graph) known(ids []uint64) (known []uint64) {
	for _, id := range ids {
		if g.Tasks[id] != nil {
			known = append(known, id)
		}
	}
	return known
}

// findCycles walks along the needs of each task, depth first. A task that is met again on the way to it closes
// a cycle. One that was left for good is not entered again, so that each task is walked through once, and of
// cycles that share an edge one is found: enough to say that there is one.
func (g *Graph) findCycles(s *inspect.Snapshot) {
	const onPath, left = 1, 2
	state := map[uint64]int{}
	var path []uint64
	var walk func(id uint64)
	walk = func(id uint64) {
		state[id] = onPath
		path = append(path, id)
		for _, next := range g.Needs(id) {
			switch state[next] {
			case onPath:
				g.Cycles = append(g.Cycles, leastFirst(path[slices.Index(path, next):]))
			case left:
			default:
				walk(next)
			}
		}
		path = path[:len(path)-1]
		state[id] = left
	}
	for i := range s.Tasks {
		if id := s.Tasks[i].ID; state[id] == 0 {
			walk(id)
		}
	}
}

func leastFirst(cycle []uint64) []uint64 {
	i := slices.Index(cycle, slices.Min(cycle))
	return slices.Concat(cycle[i:], cycle[:i])
}
