package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/asyncio/cmd/asyncio/internal/scene"
	"example.com/asyncio/introspect"
)

// recordingOf writes a recording of snapshots, with events between the first two.
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

// A recording can be replayed after the process has ended.
func TestRecordAndReplay(t *testing.T) {
	shop := open(t, "calm")
	file := filepath.Join(t.TempDir(), "shop.jsonl")
	status, stdout, stderr := asyncioIn(t, "record", "--every", "1ms", "--count", "3", shop.pid, file)
	if status != 0 || !regexp.MustCompile(`^3 snapshots and \d+ events in `+regexp.QuoteMeta(file)+"\n$").MatchString(stdout) || stderr != "" {
		t.Fatalf("record: status %d\n%s%s", status, stdout, stderr)
	}
	_, live, _ := asyncioIn(t, "pstree", shop.pid)
	shop.end()
	status, stdout, stderr = asyncioIn(t, "replay", "--pstree", file)
	if got, want := constant(stdout), constant(live); status != 0 || got != want || stderr != "" {
		t.Errorf("replay: status %d, got\n%s%swant\n%s", status, got, stderr, want)
	}
	status, _, stderr = asyncioIn(t, "record", shop.pid, file)
	if status != exitFailed || stderr == "" {
		t.Errorf("record of an ended process: status %d, want %d and an error\n%s", status, exitFailed, stderr)
	}
}

// A recording has the findings of each snapshot.
func TestRecordFindings(t *testing.T) {
	shop := open(t, "deadlock")
	file := filepath.Join(t.TempDir(), "shop.jsonl")
	if status, _, stderr := asyncioIn(t, "record", "--every", "1ms", "--count", "2", "--no-events", shop.pid, file); status != 0 {
		t.Fatal(stderr)
	}
	r, err := openRecording(file)
	if err != nil {
		t.Fatal(err)
	}
	if f := r.pictures[1].findings; len(f) != 1 || f[0].Rule != introspect.RuleDeadlock {
		t.Errorf("the recorded findings are %v, want a deadlock", f)
	}
}

// Record overwrites an existing file only with --force.
func TestRecordKeepsFiles(t *testing.T) {
	shop := open(t, "calm")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, _, stderr := asyncioIn(t, "record", "--count", "1", shop.pid, file)
	if text, err := os.ReadFile(file); status != exitFailed || stderr != "asyncio: open "+file+": file exists\n" || string(text) != "precious" {
		t.Errorf("record to an existing file: status %d, %v; the file contains %q\n%s", status, err, text, stderr)
	}
	if status, stdout, stderr := asyncioIn(t, "record", "--force", "--json", "--count", "1", shop.pid, file); status != 0 ||
		!strings.Contains(stdout, `"pictures": 1`) {
		t.Errorf("record --force: status %d\n%s%s", status, stdout, stderr)
	}
}

// A recording whose last line is truncated has the lines before it.
func TestTruncatedRecording(t *testing.T) {
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
		t.Fatalf("got %v, %v, want one snapshot", r, err)
	}
	if got := r.pictures[0].Tasks[0].Name; got != "main" {
		t.Errorf("the first task is %q, want main", got)
	}
	if got := r.eventsOf(t.Context(), scene.Fetch); len(got) != 3 {
		t.Errorf("got %d events of fetch, want 3", len(got))
	}
}
