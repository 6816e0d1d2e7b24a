package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"example.com/asyncio/cmd/asyncio/internal/scene"
)

// asyncioIn runs the program without a terminal and returns its status and output.
func asyncioIn(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), args, &terminal{stdin: strings.NewReader(""), stdout: &out, stderr: &errs})
	return status, out.String(), errs.String()
}

// A336, A337: the output of ps and pstree for two constant snapshots. A cycle is reported
// on standard error, with status 1.
func TestTextOfSnapshots(t *testing.T) {
	file := recordingOf(t, scene.Calm(), scene.Deadlock())
	for _, c := range []struct{ name, args string }{
		{"ps", "--ps --at 500ms"},
		{"ps-deadlock", "--ps"},
		{"ps-json", "--ps --at 500ms --json"},
		{"pstree", "--pstree --at 500ms"},
		{"pstree-deadlock", "--pstree"},
		{"pstree-deadlock-json", "--pstree --json"},
	} {
		status, stdout, stderr := asyncioIn(t, append([]string{"replay", file}, strings.Fields(c.args)...)...)
		scene.Golden(t, c.name, fmt.Sprintf("%s%sstatus %d\n", stdout, stderr, status))
	}
}

// A338: the loop takes snapshots itself, so each is consistent and --retries is not
// needed.
func TestNoRetries(t *testing.T) {
	status, _, stderr := asyncioIn(t, "ps", "--retries", "3", "1")
	if status != exitUsage || !strings.Contains(stderr, "unknown flag --retries") {
		t.Errorf("ps --retries: status %d, want %d and an unknown flag: %s", status, exitUsage, stderr)
	}
}

// A wrong command line has status 2, a process or file that cannot be read status 1.
func TestErrors(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	var s strings.Builder
	for _, args := range []string{
		"", "pst", "pstree", "ps 1 2", "top --every x 1", "replay file --ps --pstree",
		"ps nobody", "top nobody", "web nobody", "pstree nobody", "record nobody file", "ps ../1",
		"top --every 0s 1", "record --every 0s 1 file",
		"replay testdata/recordings/gone", "replay testdata/recordings/empty", "replay testdata/recordings/text", "replay testdata/recordings/other",
	} {
		status, stdout, stderr := asyncioIn(t, strings.Fields(args)...)
		fmt.Fprintf(&s, "$ asyncio %s\n%s%sstatus %d\n", args, stdout, stderr, status)
	}
	scene.Golden(t, "errors", s.String())
}

// Each command has a help text, with status 0.
func TestHelp(t *testing.T) {
	var s strings.Builder
	for _, args := range []string{"--help", "ps --help", "pstree --help", "top --help", "web --help", "record --help", "replay --help"} {
		status, stdout, stderr := asyncioIn(t, strings.Fields(args)...)
		fmt.Fprintf(&s, "$ asyncio %s\n%s%sstatus %d\n\n", args, stdout, stderr, status)
	}
	scene.Golden(t, "help", s.String())
}
