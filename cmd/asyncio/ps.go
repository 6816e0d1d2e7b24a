package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

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
	p, findings, err := take(ctx, c.PID)
	if err != nil {
		return err
	}
	return printTasks(t, p, findings)
}

// tasksJSON is a picture, and what is wrong in it.
type tasksJSON struct {
	*introspect.Picture
	Findings []introspect.Finding `json:"findings"`
}

func printTasks(t *terminal, p *introspect.Picture, f *introspect.Findings) error {
	if t.json {
		return t.writeJSON(tasksJSON{p, append([]introspect.Finding{}, f.Findings...)}) // not null
	}
	return view.Tasks(t.stdout, p, f.Findings)
}

// take returns a picture of a process, and what is wrong there.
func take(ctx context.Context, pid string) (*introspect.Picture, *introspect.Findings, error) {
	c, err := introspect.Dial(ctx, pid)
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	p, err := c.Picture(ctx)
	if err != nil {
		return nil, nil, blamed(ctx, c, err)
	}
	f, err := c.Findings(ctx)
	return p, f, err
}

// blamed says in place of err what blocks the loop, if something does.
func blamed(ctx context.Context, c *introspect.Client, err error) error {
	if errors.Is(err, introspect.ErrNoProcess) {
		return err
	}
	if f, err := c.Findings(ctx); err == nil && f.Process.Blocked != "" {
		return fmt.Errorf("process %s: its loop is blocked: %s", c.Process().Name, view.Clean(f.Process.Blocked))
	}
	return err
}

// listProcesses leaves out what ends while it looks.
func listProcesses(ctx context.Context, t *terminal) error {
	found, err := introspect.Processes()
	if err != nil {
		return err
	}
	infos := make([]introspect.ProcessInfo, len(found))
	errs := make([]error, len(found))
	var asked sync.WaitGroup // at once: one whose loop is blocked answers late
	for i, p := range found {
		asked.Go(func() { infos[i], errs[i] = identify(ctx, p.Name) })
	}
	asked.Wait()
	all := []introspect.ProcessInfo{} // not null in JSON
	for i, err := range errs {
		switch {
		case err == nil:
			all = append(all, infos[i])
		case !errors.Is(err, introspect.ErrNoProcess):
			t.complain(err)
		}
	}
	if t.json {
		return t.writeJSON(all)
	}
	return view.Processes(t.stdout, all)
}

// identify returns what a process says of itself. While its loop is blocked, what
// looks at it from outside answers in its place.
func identify(ctx context.Context, name string) (introspect.ProcessInfo, error) {
	c, err := introspect.Dial(ctx, name)
	if err != nil {
		return introspect.ProcessInfo{}, err
	}
	defer c.Close()
	p, err := c.Picture(ctx)
	if err == nil {
		return p.Process, nil
	}
	if f, err := c.Findings(ctx); err == nil {
		return f.Process, nil
	}
	return introspect.ProcessInfo{}, err
}
