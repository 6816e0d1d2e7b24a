package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"example.com/asyncio/cmd/asyncio/internal/scene"
	"example.com/asyncio/cmd/asyncio/model"
	"example.com/asyncio/introspect"
)

// A child is a shop that runs.
type child struct {
	pid   string
	close func() // makes it cancel its guest
	end   func() // makes it end, and waits
}

func open(t *testing.T, kind string) child {
	t.Helper()
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	// With the race detector in it a program would wait for a second before it exits.
	cmd.Env = append(os.Environ(), beShop+"="+kind, "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	end := func() {
		if !ended {
			ended = true
			_ = stdin.Close()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(end)
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "open\n" {
		t.Fatalf("the child says %q: %v", line, err)
	}
	return child{strconv.Itoa(cmd.Process.Pid), func() { fmt.Fprintln(stdin, "close") }, end}
}

var differs = regexp.MustCompile(`(for) [0-9.a-zµ]+,|(process) \d+|asyncio\.test\S*,|shop_test.go:\d+`)

// constant takes out of a text what is another time another.
func constant(s string) string { return differs.ReplaceAllString(s, "$1$2 ...") }

// A336, A337: ps and pstree show the tasks of another process, which has not to do anything for it than to serve.
func TestLive(t *testing.T) {
	shop := open(t, "calm")
	for _, command := range []string{"ps", "pstree"} {
		status, stdout, stderr := asyncioIn(t, command, shop.pid)
		scene.Golden(t, "live-"+command, fmt.Sprintf("%s%sstatus %d\n", constant(stdout), stderr, status))
	}
	status, stdout, stderr := asyncioIn(t, "ps", "--json", shop.pid)
	var p introspect.Picture
	if err := json.Unmarshal([]byte(stdout), &p); err != nil || status != 0 || stderr != "" {
		t.Fatal(status, err, stderr)
	}
	if got := strconv.Itoa(p.Process.PID); got != shop.pid || len(p.Tasks) != 5 {
		t.Errorf("a picture of process %s with %d tasks", got, len(p.Tasks))
	}
}

// A337: where tasks wait for each other in a circle, pstree says so and its status is 1.
func TestLiveDeadlock(t *testing.T) {
	shop := open(t, "deadlock")
	status, stdout, stderr := asyncioIn(t, "pstree", shop.pid)
	scene.Golden(t, "live-pstree-deadlock", fmt.Sprintf("%s%sstatus %d\n", constant(stdout), stderr, status))
}

// A336: without a PID ps lists the processes that can be looked into.
func TestListOfProcesses(t *testing.T) {
	shop := open(t, "calm")
	status, stdout, _ := asyncioIn(t, "ps")
	if lines := strings.Split(stdout, "\n"); status != 0 || len(lines) != 3 || !strings.HasPrefix(lines[1], shop.pid+" ") {
		t.Errorf("status %d\n%s", status, stdout)
	}
	status, stdout, _ = asyncioIn(t, "ps", "--json")
	var all []introspect.ProcessInfo
	if err := json.Unmarshal([]byte(stdout), &all); err != nil || status != 0 || len(all) != 1 || all[0].Name != shop.pid {
		t.Errorf("status %d, %v\n%s", status, err, stdout)
	}
	shop.end()
	if status, stdout, stderr := asyncioIn(t, "ps", "--json"); status != 0 || stdout != "[]\n" || stderr != "" {
		t.Errorf("after its end: status %d\n%s%s", status, stdout, stderr)
	}
}

// A process whose loop is blocked is listed all the same; one that makes no sense is told of. This process plays both.
func TestListOfProcessesThatDoNotAnswer(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if err := os.Mkdir(introspect.Folder(), 0o700); err != nil {
		t.Fatal(err)
	}
	pid := strconv.Itoa(os.Getpid())
	play := func(name, findings string) (hangUp func()) {
		ln, err := net.Listen("unix", filepath.Join(introspect.Folder(), name+".sock"))
		if err != nil {
			t.Fatal(err)
		}
		ln.(*net.UnixListener).SetUnlinkOnClose(false)
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/findings" && findings != "" {
				_, _ = io.WriteString(w, findings)
			} else {
				w.WriteHeader(http.StatusServiceUnavailable)
				_, _ = io.WriteString(w, `{"error": "the loop is blocked"}`)
			}
		})}
		over := make(chan struct{})
		go func() {
			defer close(over)
			_ = server.Serve(ln)
		}()
		hangUp = sync.OnceFunc(func() {
			_ = server.Close()
			<-over
		})
		t.Cleanup(hangUp)
		return hangUp
	}
	hangUp := play(pid, `{"process": {"name": "`+pid+`", "command": ["mill"], "blocked": "task grind"},
		"findings": [{"rule": "blocked loop", "severe": true, "stack": "main.grind"}]}`)
	play(pid+".2", "")
	status, stdout, stderr := asyncioIn(t, "ps")
	if status != 0 || !strings.Contains(stdout, "  mill  BLOCKED: task grind\n") || stderr != "asyncio: process "+pid+".2: the loop is blocked\n" {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
	client, err := introspect.Dial(t.Context(), pid)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	status, _, stderr = asyncioIn(t, "ps", pid)
	if status != exitFailed || stderr != "asyncio: process "+pid+": its loop is blocked: task grind\n" {
		t.Errorf("status %d\n%s", status, stderr)
	}
	// It is ended hard, and leaves its socket.
	hangUp()
	if _, err := client.Findings(t.Context()); !errors.Is(err, introspect.ErrNoProcess) || !strings.Contains(err.Error(), "has ended or no longer serves") {
		t.Error(err)
	}
}

// Whom one cannot look into: who has ended, who does not serve. Each is a line, and status 1.
func TestNobodyThere(t *testing.T) {
	shop := open(t, "calm")
	shop.end()
	self := strconv.Itoa(os.Getpid())
	for pid, why := range map[string]string{
		shop.pid: "no such process",
		self:     "the process does not serve; call introspect.Serve(ctx) in it",
	} {
		for _, command := range []string{"ps", "pstree", "top", "top --json", "web", "record"} {
			args := append(strings.Fields(command), pid)
			if command == "record" {
				args = append(args, filepath.Join(t.TempDir(), "file"))
			}
			status, stdout, stderr := asyncioIn(t, args...)
			if want := "asyncio: process " + pid + ": " + why + "\n"; status != exitFailed || stdout != "" || stderr != want {
				t.Errorf("%s: status %d\n%s%swanted\n%s", command, status, stdout, stderr, want)
			}
		}
	}
}

// What is recorded can be looked at after the process has ended.
func TestRecordAndReplay(t *testing.T) {
	shop := open(t, "calm")
	file := filepath.Join(t.TempDir(), "shop.jsonl")
	status, stdout, stderr := asyncioIn(t, "record", "--every", "1ms", "--count", "3", shop.pid, file)
	if status != 0 || !regexp.MustCompile(`^3 pictures and \d+ events in `+regexp.QuoteMeta(file)+"\n$").MatchString(stdout) || stderr != "" {
		t.Fatalf("status %d\n%s%s", status, stdout, stderr)
	}
	_, live, _ := asyncioIn(t, "pstree", shop.pid)
	shop.end()
	status, stdout, stderr = asyncioIn(t, "replay", "--pstree", file)
	if got, want := constant(stdout), constant(live); status != 0 || got != want || stderr != "" {
		t.Errorf("status %d\n%s%swanted\n%s", status, got, stderr, want)
	}
	status, _, stderr = asyncioIn(t, "record", shop.pid, file)
	if status != exitFailed || stderr == "" {
		t.Errorf("of no process: status %d\n%s", status, stderr)
	}
}

// A recording has what was wrong at each picture.
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
		t.Errorf("recorded were %v", f)
	}
}

// A file that is there is not written over.
func TestRecordKeepsFiles(t *testing.T) {
	shop := open(t, "calm")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, _, stderr := asyncioIn(t, "record", "--count", "1", shop.pid, file)
	if text, err := os.ReadFile(file); status != exitFailed || stderr != "asyncio: open "+file+": file exists\n" || string(text) != "precious" {
		t.Errorf("status %d, %v, %q\n%s", status, err, text, stderr)
	}
	if status, stdout, stderr := asyncioIn(t, "record", "--force", "--json", "--count", "1", shop.pid, file); status != 0 ||
		!strings.Contains(stdout, `"pictures": 1`) {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
}

// A writerFunc is called with what is written.
type writerFunc func(b []byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// The end of a process is the end of its recording; for top it is an error, and the last picture stays.
func TestProcessEndsMeanwhile(t *testing.T) {
	shop := open(t, "calm")
	client, err := introspect.Dial(t.Context(), shop.pid)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	top := newTop(t, &live{client, time.Hour})
	var seen [3]bool // the stream's beginning, a picture, the end of a task
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
		t.Errorf("%+v, %v", got, err)
	}
	top.Update(top.picture(model.None, true))
	if !errors.Is(top.ended, introspect.ErrNoProcess) || !strings.Contains(top.View().Content, "has ended") ||
		!strings.Contains(top.View().Content, "guest") {
		t.Errorf("%v\n%s", top.ended, top.View().Content)
	}
	if _, cmd := top.Update(tea.KeyPressMsg{Code: 'q', Text: "q"}); cmd == nil {
		t.Error("q does not quit")
	}
}

// newTop returns the top of a source, as show makes it.
func newTop(t *testing.T, s source) *top {
	t.Helper()
	p, where, err := s.Picture(t.Context(), model.None)
	if err != nil {
		t.Fatal(err)
	}
	top := &top{ctx: t.Context(), source: s, model: &model.Top{Where: where}, width: 100, height: 30}
	top.model.See(p)
	return top
}

// play does what commands ask for, and what follows from that, but for what waits for a time to pass.
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
			if m, ok := msg.(eventsMsg); ok && m.Kind == introspect.KindHello { // the first of many
				continue
			}
			play(top, next)
		}
	}
}

// A task's page has the stack of a task of another process, who waits for it, and what happens to it while one looks.
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
				t.Errorf("wanted %q in\n%s", want, s)
			}
		}
	}
	// The stack is the task's own, down to the await in which it stands.
	shows("\x1b[1mguest #", "waits for   event <Event unset waiters=3>, number 1 of 3", "Waited for by\x1b[m\n  day #", "by group", "(*shop).guest ")
	events := top.events
	shop.close()
	for !strings.Contains(top.View().Content, "ended") {
		msg := events.next()
		if msg == nil {
			t.Fatal("the events have ended")
		}
		top.Update(msg)
	}
	top.Update(top.picture(model.None, true))
	shows("state       ended; it was waiting", "ended: cancelled, asyncio: cancelled by Task-1: we close", "cancel asked by task Task-1: we close", "waiting for event")
	top.Update(tea.KeyPressMsg{Code: tea.KeyEscape})
	if top.events != nil || events.next() != nil {
		t.Error("it listens on after the page was left")
	}
}

// What is wrong stands below the list in sentences, and in full on a page of its own.
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
		t.Errorf("no deadlock below\n%s", s)
	}
	top.Update(tea.KeyPressMsg{Code: 'f', Text: "f"})
	if s := top.View().Content; !strings.Contains(s, "Acquire locks in the same order everywhere") {
		t.Errorf("no advice in\n%s", s)
	}
}

// Top on a recording: its pictures are leafed through.
func TestReplayOnATerminal(t *testing.T) {
	r, err := openRecording(recordingOf(t, scene.Calm(), scene.Deadlock()))
	if err != nil {
		t.Fatal(err)
	}
	top := newTop(t, r)
	play(top, top.Init())
	if s := top.View().Content; !strings.HasPrefix(s, "[picture 1 of 2, at 0s]") {
		t.Errorf("it begins with\n%s", s)
	}
	press := func(key rune, want string) {
		t.Helper()
		_, cmd := top.Update(tea.KeyPressMsg{Code: key, Text: string(key)})
		play(top, cmd)
		if s := top.View().Content; !strings.HasPrefix(s, want) {
			t.Errorf("wanted %q before\n%s", want, s)
		}
	}
	press(']', "[picture 2 of 2, at 1s]  shop, process 4711: loop running for 13s")
	press(']', "[picture 2 of 2, at 1s]")
	press('[', "[picture 1 of 2, at 0s]")
	press('[', "[picture 1 of 2, at 0s]")
}

// A task's page on a recording: its history ends with the picture that is shown, and there is no stack.
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
		t.Errorf("at first\n%s", s)
	}
	s := press(tea.KeyPressMsg{Code: ']', Text: "]"})
	for _, want := range []string{"12.900000 s  cancel asked by timeout of 13s of task main", "12.150000 s  waiting for timer", "12.100000 s  running", "Deadlock: task left (#4)"} {
		if !strings.Contains(s, want) {
			t.Errorf("wanted %q in\n%s", want, s)
		}
	}
}

// While it is paused, top takes no new picture; it asks for the next one all the same.
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
		t.Errorf("the picture is of %v", got)
	}
	top.Update(tea.KeyPressMsg{Code: 'p', Text: "p"})
	top.Update(tick)
	if got := top.model.Picture.Loop.Time; got != 13*time.Second {
		t.Errorf("the picture is of %v", got)
	}
	top.Update(pictureMsg{err: errors.New("asyncio: the loop is blocked"), tick: true})
	if s := top.View().Content; !strings.Contains(s, "\n\x1b[31mthe loop is blocked\x1b[m\n") {
		t.Errorf("no error in\n%s", s)
	}
}

// Where its output goes elsewhere, top says what else there is.
func TestTopTakesATerminal(t *testing.T) {
	shop := open(t, "calm")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"top", shop.pid}, {"replay", recordingOf(t, scene.Calm())}} {
		cmd := exec.Command(self, args...)
		cmd.Env = append(os.Environ(), beCommand+"=1")
		out, _ := cmd.CombinedOutput()
		if got := string(out); cmd.ProcessState.ExitCode() != exitFailed || got != "asyncio: top takes a terminal; --json prints pictures without one\n" {
			t.Errorf("%s: status %d\n%s", args[0], cmd.ProcessState.ExitCode(), got)
		}
	}
}

// The whole of top, without a terminal: it ends by a key, and by an interrupt.
func TestTopEnds(t *testing.T) {
	shop := open(t, "calm")
	var out, errs bytes.Buffer
	status := run(t.Context(), []string{"top", shop.pid}, &terminal{stdin: strings.NewReader("q"), stdout: &out, stderr: &errs})
	if status != 0 || errs.Len() > 0 {
		t.Errorf("status %d: %s", status, errs.String())
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
		t.Errorf("status %d, %d pictures: %s", status, n, errs.String())
	}
}
