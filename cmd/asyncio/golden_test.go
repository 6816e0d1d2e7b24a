package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/asyncio/cmd/asyncio/internal/scene"
	"example.com/asyncio/introspect"
)

// asyncioIn runs the program with no terminal, and returns all that it has to say.
func asyncioIn(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), args, &terminal{stdin: strings.NewReader(""), stdout: &out, stderr: &errs})
	return status, out.String(), errs.String()
}

// recordingOf writes pictures as asyncio record does, and events between the first two.
func recordingOf(t *testing.T, pictures ...*introspect.Picture) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.jsonl")
	var lines bytes.Buffer
	lines.WriteString(`{"kind":"asyncio recording","version":1}` + "\n")
	write := func(m introspect.Message) {
		if err := json.NewEncoder(&lines).Encode(m); err != nil {
			t.Fatal(err)
		}
	}
	write(introspect.Message{Kind: introspect.KindHello, Hello: pictures[0], Seq: 1})
	for i, p := range pictures[1:] {
		if i == 0 {
			write(introspect.Message{Kind: introspect.KindEvents, Seq: 1, Events: scene.Events()})
			write(introspect.Message{Kind: introspect.KindSample, Sample: &introspect.Sample{Time: p.Loop.Time, Taken: p.Loop.Taken, Lag: 42_000, Tasks: 5}})
		}
		write(introspect.Message{Kind: introspect.KindPicture, Picture: p, Findings: scene.Findings().Findings})
	}
	if err := os.WriteFile(path, lines.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A336, A337: what ps and pstree print of two pictures that are always the same. A cycle is named on
// standard error, and is status 1.
func TestTextOfPictures(t *testing.T) {
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

// A338: a picture is taken by the loop itself, between two steps, and is consistent each time: there is no --retries.
func TestNothingToRetry(t *testing.T) {
	status, _, stderr := asyncioIn(t, "ps", "--retries", "3", "1")
	if status != exitUsage || !strings.Contains(stderr, "unknown flag --retries") {
		t.Errorf("status %d: %s", status, stderr)
	}
}

// What is wrong with a command line is told, with status 2; what cannot be read, with status 1.
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

// Each command has its help, with status 0.
func TestHelp(t *testing.T) {
	var s strings.Builder
	for _, args := range []string{"--help", "ps --help", "pstree --help", "top --help", "web --help", "record --help", "replay --help"} {
		status, stdout, stderr := asyncioIn(t, strings.Fields(args)...)
		fmt.Fprintf(&s, "$ asyncio %s\n%s%sstatus %d\n\n", args, stdout, stderr, status)
	}
	scene.Golden(t, "help", s.String())
}

// A recording whose writer was ended in the middle of a line has what came before.
func TestRecordingThatIsCutOff(t *testing.T) {
	file := recordingOf(t, scene.Calm(), scene.Deadlock())
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, whole[:len(whole)-10], 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := openRecording(file)
	if err != nil || len(r.pictures) != 1 {
		t.Fatal(r, err)
	}
	if got := r.pictures[0].Tasks[0].Name; got != "main" {
		t.Errorf("the first task is %q", got)
	}
	if got := r.eventsOf(t.Context(), scene.Fetch); len(got) != 3 {
		t.Errorf("%d events of fetch are left", len(got))
	}
}
