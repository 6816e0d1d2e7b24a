package main

import (
	"context"
	"fmt"

	"example.com/asyncio/cmd/asyncio/model"
	"example.com/asyncio/cmd/asyncio/view"
	"example.com/asyncio/introspect"
)

type pstreeCommand struct {
	PID string `arg:"" name:"PID" help:"A process id; 4711.2 is the second loop of process 4711."`
}

// Run prints the tree of a process.
func (c *pstreeCommand) Run(ctx context.Context, t *terminal) error {
	p, _, err := take(ctx, c.PID)
	if err != nil {
		return err
	}
	return printTree(t, p)
}

// A treeJSON is a tree of awaits for programs: of each task the numbers of those that it waits for, to end or to give up a lock.
type treeJSON struct {
	Process introspect.ProcessInfo `json:"process"`
	Tasks   []treeTask             `json:"tasks"`            // in the order of their creation
	Cycles  [][]uint64             `json:"cycles,omitempty"` // each task waits for the next, and the last for the first
}

type treeTask struct {
	ID       uint64   `json:"id"`
	Name     string   `json:"name"`
	WaitsFor []uint64 `json:"waits_for,omitempty"`
}

// printTree prints the tree, and on standard error the cycles, which are an error.
func printTree(t *terminal, p *introspect.Picture) error {
	g := model.NewGraph(&p.Snapshot)
	if t.json {
		tree := treeJSON{Process: p.Process, Tasks: []treeTask{}, Cycles: g.Cycles}
		for i := range p.Tasks {
			task := &p.Tasks[i]
			tree.Tasks = append(tree.Tasks, treeTask{task.ID, task.Name, g.Needs(task.ID)})
		}
		if err := t.writeJSON(tree); err != nil {
			return err
		}
	} else if err := view.Tree(t.stdout, p); err != nil {
		return err
	}
	for _, cycle := range g.Cycles {
		fmt.Fprintln(t.stderr, "asyncio: a cycle of awaits:", view.Cycle(g, cycle))
	}
	if len(g.Cycles) > 0 {
		return errCycle
	}
	return nil
}
