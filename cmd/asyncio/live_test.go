package main

import (
	"bufio"
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

	"example.com/asyncio/cmd/asyncio/internal/scene"
	"example.com/asyncio/introspect"
)

// A child is a process that runs a shop.
type child struct {
	pid   string
	close func() // cancels the guest
	end   func() // ends the process and waits for its end
}

// open starts a child of a kind, "calm" or "deadlock".
func open(t *testing.T, kind string) child {
	t.Helper()
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	// A program with the race detector otherwise sleeps for a second before it exits.
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
		t.Fatalf("the child prints %q, %v, want open", line, err)
	}
	return child{strconv.Itoa(cmd.Process.Pid), func() { fmt.Fprintln(stdin, "close") }, end}
}

var differs = regexp.MustCompile(`(for) [0-9.a-zµ]+,|(process) \d+|asyncio\.test\S*,|shop_test.go:\d+`)

// constant removes the parts of a text that differ between runs.
func constant(s string) string { return differs.ReplaceAllString(s, "$1$2 ...") }

// A336, A337: ps and pstree show the tasks of another process that only calls Serve.
func TestLive(t *testing.T) {
	shop := open(t, "calm")
	for _, command := range []string{"ps", "pstree"} {
		status, stdout, stderr := asyncioIn(t, command, shop.pid)
		scene.Golden(t, "live-"+command, fmt.Sprintf("%s%sstatus %d\n", constant(stdout), stderr, status))
	}
	status, stdout, stderr := asyncioIn(t, "ps", "--json", shop.pid)
	var p introspect.Picture
	if err := json.Unmarshal([]byte(stdout), &p); err != nil || status != 0 || stderr != "" {
		t.Fatalf("ps --json: status %d, %v\n%s", status, err, stderr)
	}
	if got := strconv.Itoa(p.Process.PID); got != shop.pid || len(p.Tasks) != 5 {
		t.Errorf("ps --json shows process %s with %d tasks, want %s with 5", got, len(p.Tasks), shop.pid)
	}
}

// A337: pstree reports a cycle, with status 1.
func TestLiveDeadlock(t *testing.T) {
	shop := open(t, "deadlock")
	status, stdout, stderr := asyncioIn(t, "pstree", shop.pid)
	scene.Golden(t, "live-pstree-deadlock", fmt.Sprintf("%s%sstatus %d\n", constant(stdout), stderr, status))
}

// A336: without a PID, ps lists the processes that can be inspected.
func TestProcessList(t *testing.T) {
	shop := open(t, "calm")
	status, stdout, _ := asyncioIn(t, "ps")
	if lines := strings.Split(stdout, "\n"); status != 0 || len(lines) != 3 || !strings.HasPrefix(lines[1], shop.pid+" ") {
		t.Errorf("ps: status %d, want process %s only\n%s", status, shop.pid, stdout)
	}
	status, stdout, _ = asyncioIn(t, "ps", "--json")
	var all []introspect.ProcessInfo
	if err := json.Unmarshal([]byte(stdout), &all); err != nil || status != 0 || len(all) != 1 || all[0].Name != shop.pid {
		t.Errorf("ps --json: status %d, %v, want process %s only\n%s", status, err, shop.pid, stdout)
	}
	shop.end()
	if status, stdout, stderr := asyncioIn(t, "ps", "--json"); status != 0 || stdout != "[]\n" || stderr != "" {
		t.Errorf("ps --json after the end of the process: status %d, want []\n%s%s", status, stdout, stderr)
	}
}

// ps lists a process whose loop is blocked, and reports a process that does not respond.
// This test serves the sockets of both.
func TestProcessListWithoutResponses(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if err := os.Mkdir(introspect.Folder(), 0o700); err != nil {
		t.Fatal(err)
	}
	pid := strconv.Itoa(os.Getpid())
	serve := func(name, findings string) (stop func()) {
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
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = server.Serve(ln)
		}()
		stop = sync.OnceFunc(func() {
			_ = server.Close()
			<-done
		})
		t.Cleanup(stop)
		return stop
	}
	stop := serve(pid, `{"process": {"name": "`+pid+`", "command": ["mill"], "blocked": "task grind"},
		"findings": [{"rule": "blocked loop", "severe": true, "stack": "main.grind"}]}`)
	serve(pid+".2", "")
	status, stdout, stderr := asyncioIn(t, "ps")
	if status != 0 || !strings.Contains(stdout, "  mill  BLOCKED: task grind\n") || stderr != "asyncio: process "+pid+".2: the loop is blocked\n" {
		t.Errorf("ps: status %d\n%s%s", status, stdout, stderr)
	}
	client, err := introspect.Dial(t.Context(), pid)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	status, _, stderr = asyncioIn(t, "ps", pid)
	if status != exitFailed || stderr != "asyncio: process "+pid+": the loop is blocked: task grind\n" {
		t.Errorf("ps of a blocked process: status %d\n%s", status, stderr)
	}
	// A killed process leaves its socket.
	stop()
	if _, err := client.Findings(t.Context()); !errors.Is(err, introspect.ErrNoProcess) || !strings.Contains(err.Error(), "has ended or no longer serves") {
		t.Errorf("findings of a killed process: got %v, want %v", err, introspect.ErrNoProcess)
	}
}

// A process that has ended, or does not serve, is an error of one line with status 1.
func TestNotInspectable(t *testing.T) {
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
				t.Errorf("%s: status %d, got\n%s%swant\n%s", command, status, stdout, stderr, want)
			}
		}
	}
}

// A writerFunc is a function used as an io.Writer.
type writerFunc func(b []byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
