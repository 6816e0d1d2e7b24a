package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// take returns a picture of a process, and what is wrong there. It asks for both at once: what is wrong is known also of a loop
// that is blocked, and then there is no need to wait for the picture.
func take(ctx context.Context, pid string) (*introspect.Picture, *introspect.Findings, error) {
	c, err := introspect.Dial(ctx, pid)
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	waiting, giveUp := context.WithCancel(ctx)
	defer giveUp()
	var p *introspect.Picture
	var noPicture error
	var asked sync.WaitGroup
	asked.Go(func() { p, noPicture = c.Picture(waiting) })
	f, err := c.Findings(ctx)
	blocked := err == nil && f.Process.Blocked != ""
	if blocked && slices.ContainsFunc(f.Findings, func(f introspect.Finding) bool { return f.Severe && !f.Over && f.Stack != "" }) {
		giveUp() // it may take long
	}
	asked.Wait()
	switch {
	case noPicture == nil:
		return p, f, err
	case blocked && !errors.Is(noPicture, introspect.ErrNoProcess):
		return nil, nil, fmt.Errorf("process %s: its loop is blocked: %s", c.Process().Name, view.Clean(f.Process.Blocked))
	}
	return nil, nil, noPicture
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

// identify returns what a process says of itself, with what is wrong: that it tells also while its loop is blocked.
func identify(ctx context.Context, name string) (introspect.ProcessInfo, error) {
	c, err := introspect.Dial(ctx, name)
	if err != nil {
		return introspect.ProcessInfo{}, err
	}
	defer c.Close()
	f, err := c.Findings(ctx)
	if err != nil {
		return introspect.ProcessInfo{}, err
	}
	return f.Process, nil
}
