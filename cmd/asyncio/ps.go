package main

import (
	"context"

	"example.com/asyncio/cmd/asyncio/view"
	"example.com/asyncio/introspect"
)

type psCommand struct {
	PID string `arg:"" optional:"" name:"PID" help:"A process id; 4711.2 is the second loop of process 4711."`
}

// Run prints the processes, or the tasks of one.
func (c *psCommand) Run(ctx context.Context, t *terminal) error {
	if c.PID == "" {
		return listProcesses(ctx, t)
	}
	p, err := take(ctx, c.PID)
	if err != nil {
		return err
	}
	return printTasks(t, p)
}

func printTasks(t *terminal, p *introspect.Picture) error {
	if t.json {
		return t.writeJSON(p)
	}
	return view.Tasks(t.stdout, p)
}

// take returns a picture of a process.
func take(ctx context.Context, pid string) (*introspect.Picture, error) {
	c, err := introspect.Dial(ctx, pid)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Picture(ctx)
}

// listProcesses leaves out what ends while it looks.
func listProcesses(ctx context.Context, t *terminal) error {
	found, err := introspect.Processes()
	if err != nil {
		return err
	}
	all := []introspect.ProcessInfo{} // not null in JSON
	for _, p := range found {
		if picture, err := take(ctx, p.Name); err == nil {
			all = append(all, picture.Process)
		} else if ctx.Err() != nil {
			return err
		}
	}
	if t.json {
		return t.writeJSON(all)
	}
	return view.Processes(t.stdout, all)
}
