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
	PID string `arg:"" optional:"" name:"PID" help:"A process ID; 4711.2 is the second loop of process 4711."`
}

// Run prints the processes, or the tasks of a process.
func (c *psCommand) Run(ctx context.Context, t *terminal) error {
	if c.PID == "" {
		return listProcesses(ctx, t)
	}
	p, findings, err := inspectProcess(ctx, c.PID)
	if err != nil {
		return err
	}
	return printTasks(t, p, findings)
}

// tasksJSON is the output of ps --json.
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

// inspectProcess returns a snapshot and the findings of a process. It requests both at
// the same time. The findings arrive even if the loop is blocked; inspectProcess then
// does not wait for the snapshot.
func inspectProcess(ctx context.Context, pid string) (*introspect.Picture, *introspect.Findings, error) {
	c, err := introspect.Dial(ctx, pid)
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	snapshotCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	var p *introspect.Picture
	var snapshotErr error
	var requests sync.WaitGroup
	requests.Go(func() { p, snapshotErr = c.Picture(snapshotCtx) })
	f, err := c.Findings(ctx)
	blocked := err == nil && f.Process.Blocked != ""
	if blocked && slices.ContainsFunc(f.Findings, func(f introspect.Finding) bool { return f.Severe && !f.Over && f.Stack != "" }) {
		cancel() // it may take long
	}
	requests.Wait()
	switch {
	case snapshotErr == nil:
		return p, f, err
	case blocked && !errors.Is(snapshotErr, introspect.ErrNoProcess):
		return nil, nil, fmt.Errorf("process %s: the loop is blocked: %s", c.Process().Name, view.Clean(f.Process.Blocked))
	}
	return nil, nil, snapshotErr
}

// listProcesses prints the processes, without those that end meanwhile.
func listProcesses(ctx context.Context, t *terminal) error {
	found, err := introspect.Processes()
	if err != nil {
		return err
	}
	infos := make([]introspect.ProcessInfo, len(found))
	errs := make([]error, len(found))
	var requests sync.WaitGroup // concurrent, since a process with a blocked loop may respond late
	for i, p := range found {
		requests.Go(func() { infos[i], errs[i] = processInfo(ctx, p.Name) })
	}
	requests.Wait()
	all := []introspect.ProcessInfo{} // not null in JSON
	for i, err := range errs {
		switch {
		case err == nil:
			all = append(all, infos[i])
		case !errors.Is(err, introspect.ErrNoProcess):
			t.printError(err)
		}
	}
	if t.json {
		return t.writeJSON(all)
	}
	return view.Processes(t.stdout, all)
}

// processInfo returns the description of a process. It requests the findings, which also
// arrive while the loop is blocked.
func processInfo(ctx context.Context, name string) (introspect.ProcessInfo, error) {
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
