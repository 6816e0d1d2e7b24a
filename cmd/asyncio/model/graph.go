// Package model holds what the commands know about a program, independent of a terminal:
// the graph of its waits, and the state of top.
package model

import (
	"slices"

	"example.com/asyncio/inspect"
)

// A Graph holds which task waits for which in a snapshot.
type Graph struct {
	Tasks  map[uint64]*inspect.TaskInfo
	Cycles [][]uint64 // each task waits for the next, and the last for the first; begins with the smallest ID
}

// NewGraph returns the graph of s. The graph refers to s.
func NewGraph(s *inspect.Snapshot) *Graph {
	g := &Graph{Tasks: make(map[uint64]*inspect.TaskInfo, len(s.Tasks))}
	for i := range s.Tasks {
		g.Tasks[s.Tasks[i].ID] = &s.Tasks[i]
	}
	g.findCycles(s)
	return g
}

// WaitsFor returns the tasks that block the task id: those whose end it waits for, and
// the holder of the lock that it waits for.
func (g *Graph) WaitsFor(id uint64) []uint64 {
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

// findCycles is a depth-first search. A task that is reached again on the current path
// closes a cycle. Each task is visited once, so only one of several cycles that share an
// edge is found. That suffices to report that a cycle exists.
func (g *Graph) findCycles(s *inspect.Snapshot) {
	const onPath, visited = 1, 2
	state := map[uint64]int{}
	var path []uint64
	var visit func(id uint64)
	visit = func(id uint64) {
		state[id] = onPath
		path = append(path, id)
		for _, next := range g.WaitsFor(id) {
			switch state[next] {
			case onPath:
				g.Cycles = append(g.Cycles, smallestFirst(path[slices.Index(path, next):]))
			case visited:
			default:
				visit(next)
			}
		}
		path = path[:len(path)-1]
		state[id] = visited
	}
	for i := range s.Tasks {
		if id := s.Tasks[i].ID; state[id] == 0 {
			visit(id)
		}
	}
}

func smallestFirst(cycle []uint64) []uint64 {
	i := slices.Index(cycle, slices.Min(cycle))
	return slices.Concat(cycle[i:], cycle[:i])
}
