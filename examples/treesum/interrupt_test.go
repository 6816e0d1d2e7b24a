//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
)

// A longTree is a directory with many small files, and one that takes hours to hash.
// Its list begins with those of whole batches.
func longTree(t *testing.T) (dir string, lines []string) {
	t.Helper()
	files := map[string]string{}
	for i := range 3 * batchFiles / 2 {
		name := fmt.Sprintf("%03d", i)
		files[name] = "a"
		lines = append(lines, sumOfA+"  ./"+name+"\n")
	}
	dir = makeTree(t, files)
	endless, err := os.Create(dir + "/endless")
	if err != nil {
		t.Fatal(err)
	}
	defer endless.Close()
	if err := endless.Truncate(1 << 40); err != nil { // of holes: on the disk it is nothing
		t.Skip("SKIPPED: no file with holes can be made here:", err)
	}
	return dir, lines
}

// started starts a command whose interrupts are not ignored, as they are where the tests run in the background
// of a script.
func started(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, os.Interrupt) // what a process handles is back to normal in its children
	defer signal.Stop(caught)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // has ended long since, unless the test fails
}

// A pipe that nobody writes to is left out of a list, and named if it stands in one. Nobody waits for it.
func TestNamedPipe(t *testing.T) {
	dir := makeTree(t, map[string]string{"a": "a"})
	if err := syscall.Mkfifo(dir+"/pipe", 0o600); err != nil {
		t.Skip("SKIPPED: no named pipes here:", err)
	}
	status, stdout, stderr := treesum(t, dir, "", ".")
	want(t, status, stdout, stderr, 0, sumOfA+"  ./a\n", "")
	status, stdout, stderr = treesum(t, dir, sumOfA+"  pipe\n", "-c")
	want(t, status, stdout, stderr, 1, "pipe: FAILED open or read\n",
		"treesum: pipe: not a regular file\ntreesum: WARNING: 1 listed file could not be read\n")
}

// Ctrl-C: what is done is printed, it says so, and exits with 130.
func TestInterrupt(t *testing.T) {
	dir, lines := longTree(t)
	cmd := command(t, dir, ".")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr := &strings.Builder{}
	cmd.Stderr = stderr
	started(t, cmd)
	out := bufio.NewReader(stdout)
	printed := ""
	for range batchFiles { // so it is under way
		line, err := out.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		printed += line
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(out)
	if err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
	printed += string(rest)
	n := strings.Count(printed, "\n")
	want(t, cmd.ProcessState.ExitCode(), printed, stderr.String(), 130, strings.Join(lines[:n], ""),
		"treesum: interrupted; Ctrl-C again ends the program at once\ntreesum: stopped with "+count(n, "file", "files")+" done\n")
}

// The time is up: as an interrupt, with status 124.
func TestTimeout(t *testing.T) {
	dir, lines := longTree(t)
	status, stdout, stderr := treesum(t, dir, "", "--timeout", "200ms", ".")
	n := strings.Count(stdout, "\n")
	want(t, status, stdout, stderr, 124, strings.Join(lines[:n], ""),
		"treesum: timed out after 200ms with "+count(n, "file", "files")+" done\n")
}

// A second Ctrl-C ends the program where the first one is not enough: here its output is stuck.
func TestSecondInterrupt(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	fill(t, w)
	cmd := command(t, t.TempDir(), "-c")
	cmd.Stdin, cmd.Stdout = strings.NewReader(sumOfA+"  gone\n"), w
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	started(t, cmd)
	errs := bufio.NewReader(stderr)
	for _, wanted := range []string{
		"treesum: gone: no such file or directory\n", // what comes next is the line on standard output
		"treesum: interrupted; Ctrl-C again ends the program at once\n",
	} {
		if line, err := errs.ReadString('\n'); line != wanted {
			t.Fatalf("%q, wanted %q; %v", line, wanted, err)
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
	}
	_ = cmd.Wait()
	if how := cmd.ProcessState.Sys().(syscall.WaitStatus); !how.Signaled() || how.Signal() != syscall.SIGINT {
		t.Errorf("it ended with %v, wanted by the signal", cmd.ProcessState)
	}
}

// fill writes to a pipe until nothing more goes into it.
func fill(t *testing.T, w *os.File) {
	t.Helper()
	fd := int(w.Fd())
	if err := syscall.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for err := error(nil); err != syscall.EAGAIN; _, err = syscall.Write(fd, []byte{'.'}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.SetNonblock(fd, false); err != nil { // it is shared with the program
		t.Fatal(err)
	}
}
