package model

import (
	"fmt"
	"testing"

	"example.com/asyncio/cmd/asyncio/internal/scene"
	"example.com/asyncio/inspect"
)

// graphOf returns a graph of tasks 1, 2, ...; each waits for the tasks in waitsFor.
func graphOf(waitsFor ...[]uint64) *Graph {
	s := &inspect.Snapshot{}
	for i, ids := range waitsFor {
		t := inspect.TaskInfo{ID: uint64(i + 1), State: inspect.TaskWaiting}
		if ids != nil {
			t.Waits = &inspect.WaitInfo{Kind: inspect.ForGather, Tasks: ids}
		}
		s.Tasks = append(s.Tasks, t)
	}
	return NewGraph(s)
}

func TestCycles(t *testing.T) {
	for _, c := range []struct {
		graph *Graph
		want  string
	}{
		{graphOf(), "[]"},
		{graphOf([]uint64{2}, []uint64{3}, nil), "[]"},
		{graphOf([]uint64{2, 3}, []uint64{4}, []uint64{4}, nil), "[]"}, // a diamond
		{graphOf([]uint64{1}), "[[1]]"},
		{graphOf([]uint64{3}, []uint64{1}, []uint64{2}), "[[1 3 2]]"},
		{graphOf([]uint64{2}, []uint64{3}, []uint64{2}), "[[2 3]]"}, // task 1 is outside the cycle
		{graphOf([]uint64{2}, []uint64{1}, []uint64{4}, []uint64{3}), "[[1 2] [3 4]]"},
		{graphOf([]uint64{99, 2}, nil), "[]"}, // 99 has ended
		{NewGraph(&scene.Calm().Snapshot), "[]"},
		{NewGraph(&scene.Deadlock().Snapshot), "[[4 5]]"}, // by locks
	} {
		if got := fmt.Sprint(c.graph.Cycles); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

// A long cycle does not exhaust the stack.
func TestLongChain(t *testing.T) {
	chain := make([][]uint64, 20_000)
	for i := range chain {
		chain[i] = []uint64{uint64(i + 2)}
	}
	chain[len(chain)-1] = []uint64{1}
	if g := graphOf(chain...); len(g.Cycles) != 1 || len(g.Cycles[0]) != len(chain) {
		t.Errorf("got %d cycles, want 1 with %d tasks", len(g.Cycles), len(chain))
	}
}
