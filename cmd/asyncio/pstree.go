package main

import (
	"context"
	"fmt"

	"example.com/asyncio/cmd/asyncio/model"
	"example.com/asyncio/cmd/asyncio/view"
	"example.com/asyncio/introspect"
)

type pstreeCommand struct {
	PID string `arg:"" name:"PID" help:"A process ID; 4711.2 is the second loop of process 4711."`
}

// Run prints the tree of awaits of a process.
func (c *pstreeCommand) Run(ctx context.Context, t *terminal) error {
	p, _, err := inspectProcess(ctx, c.PID)
	if err != nil {
		return err
	}
	return printTree(t, p)
}

// treeJSON is the output of pstree --json.
type treeJSON struct {
	Process introspect.ProcessInfo `json:"process"`
	Tasks   []treeTask             `json:"tasks"`            // in order of creation
	Cycles  [][]uint64             `json:"cycles,omitempty"` // each task waits for the next, and the last for the first
}

type treeTask struct {
	ID       uint64   `json:"id"`
	Name     string   `json:"name"`
	WaitsFor []uint64 `json:"waits_for,omitempty"` // tasks whose end it waits for, and the holder of its lock
}

// printTree prints the tree, and the cycles to standard error. Its error is errCycle if
// there are any.
func printTree(t *terminal, p *introspect.Picture) error {
	g := model.NewGraph(&p.Snapshot)
	if t.json {
		tree := treeJSON{Process: p.Process, Tasks: []treeTask{}, Cycles: g.Cycles}
		for i := range p.Tasks {
			task := &p.Tasks[i]
			tree.Tasks = append(tree.Tasks, treeTask{task.ID, task.Name, g.WaitsFor(task.ID)})
		}
		if err := t.writeJSON(tree); err != nil {
			return err
		}
	} else if err := view.Tree(t.stdout, p); err != nil {
		return err
	}
	for _, cycle := range g.Cycles {
		fmt.Fprintln(t.stderr, "asyncio: cycle of awaits:", view.Cycle(g, cycle))
	}
	if len(g.Cycles) > 0 {
		return errCycle
	}
	return nil
}
