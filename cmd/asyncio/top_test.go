package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"example.com/asyncio/cmd/asyncio/internal/scene"
	"example.com/asyncio/cmd/asyncio/model"
	"example.com/asyncio/introspect"
)

// The end of a process ends its recording. In top it is an error, and the last snapshot
// remains visible.
func TestProcessEndsMeanwhile(t *testing.T) {
	shop := open(t, "calm")
	client, err := introspect.Dial(t.Context(), shop.pid)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	top := newTop(t, &live{client, time.Hour})
	var seen [3]bool // the hello, a snapshot, the end of a task
	got, err := client.Record(t.Context(), writerFunc(func(b []byte) (int, error) {
		for i, what := range []string{`"kind":"hello"`, `"kind":"picture"`, `"kind":"ended"`} {
			if bytes.Contains(b, []byte(what)) && !seen[i] {
				seen[i] = true
				if i == 0 {
					shop.close()
				} else if seen[1] && seen[2] {
					shop.end()
				}
			}
		}
		return len(b), nil
	}), introspect.Recording{Every: time.Millisecond})
	if got.Pictures < 2 || got.Events < 3 || err != nil {
		t.Errorf("recorded %+v, %v, want at least 2 snapshots and 3 events", got, err)
	}
	top.Update(top.picture(model.None, true))
	if !errors.Is(top.ended, introspect.ErrNoProcess) || !strings.Contains(top.View().Content, "has ended") ||
		!strings.Contains(top.View().Content, "guest") {
		t.Errorf("the error of top is %v, want %v and the last snapshot\n%s", top.ended, introspect.ErrNoProcess, top.View().Content)
	}
	if _, cmd := top.Update(tea.KeyPressMsg{Code: 'q', Text: "q"}); cmd == nil {
		t.Error("q does not quit")
	}
}

// newTop returns a top for s with its first snapshot, like show.
func newTop(t *testing.T, s source) *top {
	t.Helper()
	p, where, err := s.Picture(t.Context(), model.None)
	if err != nil {
		t.Fatal(err)
	}
	top := &top{ctx: t.Context(), source: s, model: &model.Top{Where: where}, width: 100, height: 30}
	top.model.SetPicture(p)
	return top
}

// play runs commands and the commands that follow from them. It stops at the hello of a
// stream, since the events of a process do not end.
func play(top *top, cmds ...tea.Cmd) {
	for _, cmd := range cmds {
		if cmd == nil {
			continue
		}
		switch msg := cmd().(type) {
		case tea.BatchMsg:
			play(top, msg...)
		default:
			_, next := top.Update(msg)
			if m, ok := msg.(eventsMsg); ok && m.Kind == introspect.KindHello {
				continue
			}
			play(top, next)
		}
	}
}

// The page of a task shows its stack, the tasks that await it, and its events since the
// page was opened.
func TestTopShowsTask(t *testing.T) {
	shop := open(t, "calm")
	client, err := introspect.Dial(t.Context(), shop.pid)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	top := newTop(t, &live{client, time.Hour})
	for top.model.SelectedTask().Name != "guest" {
		top.Update(tea.KeyPressMsg{Code: tea.KeyDown})
	}
	_, load := top.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	play(top, load)
	shows := func(all ...string) {
		t.Helper()
		for _, want := range all {
			if s := top.View().Content; !strings.Contains(s, want) {
				t.Errorf("want %q in\n%s", want, s)
			}
		}
	}
	shows("\x1b[1mguest #", "waits for   event <Event unset waiters=3>, number 1 of 3", "Awaited by\x1b[m\n  day #", "via group", "(*shop).guest ")
	events := top.events
	shop.close()
	for !strings.Contains(top.View().Content, "ended") {
		msg := events.next()
		if msg == nil {
			t.Fatal("the stream ended before the task")
		}
		top.Update(msg)
	}
	top.Update(top.picture(model.None, true))
	shows("state       ended; it was waiting", "ended: cancelled, asyncio: cancelled by Task-1: we close", "cancel asked by task Task-1: we close", "waiting for event")
	top.Update(tea.KeyPressMsg{Code: tea.KeyEscape})
	if top.events != nil || events.next() != nil {
		t.Error("the stream continues after the page was closed")
	}
}

// Findings are shown as sentences below the list, and with advice on their page.
func TestTopShowsFindings(t *testing.T) {
	shop := open(t, "deadlock")
	client, err := introspect.Dial(t.Context(), shop.pid)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	top := newTop(t, &live{client, time.Hour})
	top.Update(top.findings())
	if s := top.View().Content; !strings.Contains(s, "\x1b[31mDeadlock: task left (#") || strings.Contains(s, "cycle:") {
		t.Errorf("want the deadlock, and no cycle, below\n%s", s)
	}
	top.Update(tea.KeyPressMsg{Code: 'f', Text: "f"})
	if s := top.View().Content; !strings.Contains(s, "Acquire locks in the same order everywhere") {
		t.Errorf("want the advice in\n%s", s)
	}
}

// In a recording, [ and ] go from snapshot to snapshot.
func TestReplayOnATerminal(t *testing.T) {
	r, err := openRecording(recordingOf(t, scene.Calm(), scene.Deadlock()))
	if err != nil {
		t.Fatal(err)
	}
	top := newTop(t, r)
	play(top, top.Init())
	if s := top.View().Content; !strings.HasPrefix(s, "[snapshot 1 of 2, at 0s]") {
		t.Errorf("want snapshot 1 first, got\n%s", s)
	}
	press := func(key rune, want string) {
		t.Helper()
		_, cmd := top.Update(tea.KeyPressMsg{Code: key, Text: string(key)})
		play(top, cmd)
		if s := top.View().Content; !strings.HasPrefix(s, want) {
			t.Errorf("want %q at the beginning of\n%s", want, s)
		}
	}
	press(']', "[snapshot 2 of 2, at 1s]  shop, process 4711: loop running for 13s")
	press(']', "[snapshot 2 of 2, at 1s]")
	press('[', "[snapshot 1 of 2, at 0s]")
	press('[', "[snapshot 1 of 2, at 0s]")
}

// The page of a task in a recording has no stack. Its history ends at the time of the
// snapshot.
func TestReplayOfATask(t *testing.T) {
	r, err := openRecording(recordingOf(t, scene.Calm(), scene.Deadlock()))
	if err != nil {
		t.Fatal(err)
	}
	top := newTop(t, r)
	press := func(key tea.KeyPressMsg) string {
		_, cmd := top.Update(key)
		play(top, cmd)
		return top.View().Content
	}
	press(tea.KeyPressMsg{Code: tea.KeyDown})
	if s := press(tea.KeyPressMsg{Code: tea.KeyEnter}); !strings.Contains(s, "fetch #3") || !strings.Contains(s, "a recording has no stacks") || strings.Contains(s, "running\n") {
		t.Errorf("want fetch without a stack and without later events, got\n%s", s)
	}
	s := press(tea.KeyPressMsg{Code: ']', Text: "]"})
	for _, want := range []string{"12.900000 s  cancel asked by timeout of 13s of task main", "12.150000 s  waiting for timer", "12.100000 s  running", "Deadlock: task left (#4)"} {
		if !strings.Contains(s, want) {
			t.Errorf("want %q in\n%s", want, s)
		}
	}
}

// A paused top ignores new snapshots, but continues to request them.
func TestPausedTop(t *testing.T) {
	r, err := openRecording(recordingOf(t, scene.Calm(), scene.Deadlock()))
	if err != nil {
		t.Fatal(err)
	}
	top := newTop(t, r)
	tick := pictureMsg{Picture: scene.Deadlock(), tick: true}
	top.Update(tea.KeyPressMsg{Code: 'p', Text: "p"})
	top.Update(tick)
	if got := top.model.Picture.Loop.Time; got != 12*time.Second {
		t.Errorf("while paused the snapshot is of %v, want 12s", got)
	}
	top.Update(tea.KeyPressMsg{Code: 'p', Text: "p"})
	top.Update(tick)
	if got := top.model.Picture.Loop.Time; got != 13*time.Second {
		t.Errorf("after the pause the snapshot is of %v, want 13s", got)
	}
	top.Update(pictureMsg{err: errors.New("asyncio: the loop is blocked"), tick: true})
	if s := top.View().Content; !strings.Contains(s, "\n\x1b[31mthe loop is blocked\x1b[m\n") {
		t.Errorf("want the error in\n%s", s)
	}
}

// Without a terminal, top fails and mentions --json.
func TestTopNeedsATerminal(t *testing.T) {
	shop := open(t, "calm")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"top", shop.pid}, {"replay", recordingOf(t, scene.Calm())}} {
		cmd := exec.Command(self, args...)
		cmd.Env = append(os.Environ(), beCommand+"=1")
		out, _ := cmd.CombinedOutput()
		if got := string(out); cmd.ProcessState.ExitCode() != exitFailed || got != "asyncio: top needs a terminal; --json prints snapshots without one\n" {
			t.Errorf("%s: status %d, got\n%s", args[0], cmd.ProcessState.ExitCode(), got)
		}
	}
}

// top ends on q, and on an interrupt.
func TestTopEnds(t *testing.T) {
	shop := open(t, "calm")
	var out, errs bytes.Buffer
	status := run(t.Context(), []string{"top", shop.pid}, &terminal{stdin: strings.NewReader("q"), stdout: &out, stderr: &errs})
	if status != 0 || errs.Len() > 0 {
		t.Errorf("top ended by q: status %d: %s", status, errs.String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	out.Reset()
	lines := 0
	status = run(ctx, []string{"top", "--json", "--every", "1ms", shop.pid}, &terminal{stderr: &errs, stdout: writerFunc(func(b []byte) (int, error) {
		if lines++; lines == 3 {
			cancel()
		}
		return out.Write(b)
	})})
	if n := strings.Count(out.String(), "\n"); status != 0 || n != 3 || errs.Len() > 0 {
		t.Errorf("interrupted top --json: status %d, %d snapshots, want 3: %s", status, n, errs.String())
	}
}
