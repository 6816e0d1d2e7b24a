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

// longTree creates a directory with many small files and a last one that takes hours to
// hash. It returns the lines of the small files.
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
	if err := endless.Truncate(1 << 40); err != nil { // sparse, takes no space on the disk
		t.Skip("SKIPPED: cannot create a sparse file:", err)
	}
	return dir, lines
}

// started starts a command that does not ignore interrupts, as it otherwise does if a
// script runs the tests in the background.
func started(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, os.Interrupt) // a signal that a process handles has its default action in its children
	defer signal.Stop(caught)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // has no effect unless the test fails
}

// A named pipe without a writer never blocks treesum. It is not listed, and -c reports
// it.
func TestNamedPipe(t *testing.T) {
	dir := makeTree(t, map[string]string{"a": "a"})
	if err := syscall.Mkfifo(dir+"/pipe", 0o600); err != nil {
		t.Skip("SKIPPED: cannot create a named pipe:", err)
	}
	status, stdout, stderr := treesum(t, dir, "", ".")
	want(t, status, stdout, stderr, 0, sumOfA+"  ./a\n", "")
	status, stdout, stderr = treesum(t, dir, sumOfA+"  pipe\n", "-c")
	want(t, status, stdout, stderr, 1, "pipe: FAILED open or read\n",
		"treesum: pipe: not a regular file\ntreesum: WARNING: 1 listed file could not be read\n")
}

// After Ctrl-C, treesum prints the completed lines and a message, and exits with
// status 130.
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
	for range batchFiles { // wait until it is running
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
		"treesum: interrupted; press Ctrl-C again to exit immediately\ntreesum: stopped with "+count(n, "file", "files")+" done\n")
}

// After a timeout, treesum behaves as after Ctrl-C, but exits with status 124.
func TestTimeout(t *testing.T) {
	dir, lines := longTree(t)
	status, stdout, stderr := treesum(t, dir, "", "--timeout", "200ms", ".")
	n := strings.Count(stdout, "\n")
	want(t, status, stdout, stderr, 124, strings.Join(lines[:n], ""),
		"treesum: timed out after 200ms with "+count(n, "file", "files")+" done\n")
}

// A second Ctrl-C ends the program immediately, for example if its output blocks.
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
		"treesum: gone: no such file or directory\n", // the line on standard output follows
		"treesum: interrupted; press Ctrl-C again to exit immediately\n",
	} {
		if line, err := errs.ReadString('\n'); line != wanted {
			t.Fatalf("got %q, %v; want %q", line, err, wanted)
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
	}
	_ = cmd.Wait()
	if how := cmd.ProcessState.Sys().(syscall.WaitStatus); !how.Signaled() || how.Signal() != syscall.SIGINT {
		t.Errorf("got %v, want end by SIGINT", cmd.ProcessState)
	}
}

// fill writes to a pipe until it is full.
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
	if err := syscall.SetNonblock(fd, false); err != nil { // the program shares the file description
		t.Fatal(err)
	}
}
