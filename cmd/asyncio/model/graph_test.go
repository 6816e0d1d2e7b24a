package model

import (
	"fmt"
	"testing"

	"example.com/asyncio/cmd/asyncio/internal/scene"
	"example.com/asyncio/inspect"
)

// graphOf makes tasks 1, 2, ... of which each waits for those that are given.
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
		{graphOf([]uint64{2, 3}, []uint64{4}, []uint64{4}, nil), "[]"}, // a diamond is none
		{graphOf([]uint64{1}), "[[1]]"},
		{graphOf([]uint64{3}, []uint64{1}, []uint64{2}), "[[1 3 2]]"},
		{graphOf([]uint64{2}, []uint64{3}, []uint64{2}), "[[2 3]]"}, // one leads into it
		{graphOf([]uint64{2}, []uint64{1}, []uint64{4}, []uint64{3}), "[[1 2] [3 4]]"},
		{graphOf([]uint64{99, 2}, nil), "[]"}, // 99 has ended
		{NewGraph(&scene.Calm().Snapshot), "[]"},
		{NewGraph(&scene.Deadlock().Snapshot), "[[4 5]]"}, // by locks
	} {
		if got := fmt.Sprint(c.graph.Cycles); got != c.want {
			t.Errorf("got %s, wanted %s", got, c.want)
		}
	}
}

// A chain of many thousand tasks is walked through as any other.
func TestLongChain(t *testing.T) {
	chain := make([][]uint64, 20_000)
	for i := range chain {
		chain[i] = []uint64{uint64(i + 2)}
	}
	chain[len(chain)-1] = []uint64{1}
	if g := graphOf(chain...); len(g.Cycles) != 1 || len(g.Cycles[0]) != len(chain) {
		t.Errorf("%d cycles", len(g.Cycles))
	}
}
