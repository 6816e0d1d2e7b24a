package main

import (
	"bufio"
	"slices"
	"strconv"
	"testing"

	"example.com/asyncio/inspect"
	"example.com/asyncio/introspect"
)

// With --introspect, other processes can inspect the tasks. Here treesum waits for the
// end of a list.
func TestIntrospect(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	cmd := command(t, t.TempDir(), "--introspect", "-c", "-")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer stdin.Close()
	pid := strconv.Itoa(cmd.Process.Pid)
	if line, err := bufio.NewReader(stderr).ReadString('\n'); line != "treesum: process "+pid+" can be inspected\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	c, err := introspect.Dial(t.Context(), pid)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p, err := c.Picture(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(p.Tasks, func(task inspect.TaskInfo) bool { return task.Name == "walk" }) || !p.Loop.Steps {
		t.Errorf("got %+v, want a task walk and steps recorded", p.Snapshot)
	}
}
