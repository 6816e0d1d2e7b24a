package introspect_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/introspect"
)

// runtimeFolder gives the test its own runtime folder. Its path is short enough for a
// socket.
func runtimeFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Setenv("XDG_RUNTIME_DIR", dir)
	return filepath.Join(dir, "asyncio")
}

// A handler serves the snapshot with the process, also as text, the tree, and single
// tasks. It reports an error for what does not exist.
func TestHandler(t *testing.T) {
	run(t, func(ctx context.Context) error {
		h := introspect.Handler(running(ctx))
		spawn(ctx, "fetch", func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Hour) })
		_ = asyncio.Yield(ctx)
		p := answer[introspect.Picture](t, ctx, h, "/snapshot")
		if p.Process.PID != os.Getpid() || len(p.Tasks) != 2 || p.Tasks[1].Name != "fetch" || p.Loop.Observed || p.Process.Cancel {
			t.Errorf("%+v", p)
		}
		text := get(ctx, h, "/").Body.String()
		if !strings.Contains(text, "2   fetch  waiting  a timer until 1h0m0s") || text != get(ctx, h, "/snapshot?text=1").Body.String() {
			t.Error(text)
		}
		if tree := get(ctx, h, "/tree").Body.String(); !strings.Contains(tree, "\nfetch #2 waiting: a timer until 1h0m0s\n") {
			t.Error(tree)
		}
		if page := answer[introspect.TaskPage](t, ctx, h, "/tasks/2"); page.Task.Name != "fetch" || page.Stack.Task != 2 {
			t.Errorf("%+v", page)
		}
		for path, want := range map[string]int{"/tasks/99": 404, "/tasks/99/stack": 404, "/tasks/x": 400, "/nothing": 404} {
			if w := get(ctx, h, path); w.Code != want {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
		return nil
	})
}

// Cancelling a task from outside requires AllowCancel and the token.
func TestCancelFromOutside(t *testing.T) {
	run(t, func(ctx context.Context) error {
		var err error
		victim := spawn(ctx, "victim", func(ctx context.Context) error {
			err = asyncio.Sleep(ctx, time.Hour)
			return err
		})
		_ = asyncio.Yield(ctx)
		cancel := func(h http.Handler, token, body string) int {
			r := httptest.NewRequest(http.MethodPost, "/tasks/2/cancel", strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+token)
			return request(ctx, h, r).Code
		}
		off := introspect.Handler(running(ctx))
		on := introspect.Handler(running(ctx), introspect.AllowCancel("secret"))
		for _, token := range []string{"", "secret"} {
			if code := cancel(off, token, ""); code != http.StatusForbidden {
				t.Errorf("off, with token %q: %d", token, code)
			}
		}
		for _, token := range []string{"", "secre", "secrets"} {
			if code := cancel(on, token, ""); code != http.StatusUnauthorized {
				t.Errorf("with token %q: %d", token, code)
			}
		}
		if code := cancel(on, "secret", "{"); code != http.StatusBadRequest {
			t.Errorf("with an incomplete body: %d", code)
		}
		if victim.Cancelling() != 0 {
			t.Error("the task was asked to cancel")
		}
		if code := cancel(on, "secret", `{"message":"enough"}`); code != http.StatusOK {
			t.Errorf("with the token: %d", code)
		}
		_, _ = victim.Await(ctx)
		if c := (*asyncio.CancelledError)(nil); !errors.As(err, &c) || c.Message != "enough" {
			t.Errorf("the task received %v", err)
		}
		return nil
	})
}

// AllowCancel panics with an empty token.
func TestAllowCancelRequiresAToken(t *testing.T) {
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, asyncio.ErrInvalidArgument) {
			t.Errorf("got %v", err)
		}
	}()
	introspect.AllowCancel("")
}

// Requests to a blocked loop fail after a timeout.
func TestRequestsToABlockedLoop(t *testing.T) {
	run(t, func(ctx context.Context) error {
		h := introspect.Handler(running(ctx))
		for _, path := range []string{"/snapshot?wait=1ms", "/tasks/1?wait=1ms", "/events?wait=1ms"} { // the loop waits for the response
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "the loop does not respond") {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
		if err := asyncio.Yield(ctx); err != nil {
			return err
		}
		if running(ctx).Observer() != nil {
			t.Error("the failed stream has left its observer")
		}
		return nil
	})
}

// A process is found by its socket, which only its user can access. A second loop has its
// own socket. Stopping removes the sockets.
func TestServe(t *testing.T) {
	dir := runtimeFolder(t)
	run(t, func(ctx context.Context) error {
		stop, err := introspect.Serve(ctx)
		if err != nil {
			return err
		}
		stop2, err := introspect.Serve(ctx)
		if err != nil {
			return err
		}
		for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, pid()+".sock"): 0o600} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: mode %v, want %v (%v)", path, info.Mode(), want, err)
			}
		}
		all, err := introspect.Processes()
		if err != nil || len(all) != 2 || all[0].Name != pid() || all[1].Name != pid()+".2" || all[0].PID != os.Getpid() {
			t.Errorf("%+v %v", all, err)
		}
		_, err = asyncio.ToThread(ctx, func(ctx context.Context) (int, error) {
			c, err := introspect.Dial(ctx, pid())
			if err != nil {
				return 0, err
			}
			defer c.Close()
			p, err := c.Picture(ctx)
			if err == nil && (len(p.Tasks) != 1 || p.Process.LoopCount != 2) {
				t.Errorf("%+v", p)
			}
			if _, err := c.Task(ctx, 77); err == nil || !strings.Contains(err.Error(), "task 77 does not exist") {
				t.Errorf("a task that does not exist: %v", err)
			}
			return 0, err
		})
		stop2()
		stop()
		stop() // a second call does nothing
		return err
	})
	if all, err := introspect.Processes(); len(all) > 0 || err != nil {
		t.Error(all, err)
	}
	wantFiles(t, dir)
}

// Serving ends with the loop.
func TestServeEndsWithTheLoop(t *testing.T) {
	dir := runtimeFolder(t)
	run(t, func(ctx context.Context) error {
		_, err := introspect.Serve(ctx)
		wantFiles(t, dir, pid()+".sock")
		return err
	})
	wantFiles(t, dir)
}

// Server and client skip a folder whose path is too long for a socket, and use the next
// one.
func TestServeWithTooLongPaths(t *testing.T) {
	short := filepath.Dir(runtimeFolder(t))
	long := filepath.Join(short, strings.Repeat("x", 100))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	own := "asyncio-" + strconv.Itoa(os.Getuid())
	t.Setenv("XDG_RUNTIME_DIR", long)
	t.Setenv("TMPDIR", long)
	if dir := introspect.Folder(); dir != "/tmp/"+own {
		t.Errorf("with two folders that are too long: %s", dir)
	}
	t.Setenv("TMPDIR", short)
	if dir := introspect.Folder(); dir != filepath.Join(short, own) {
		t.Errorf("with one folder that is too long: %s", dir)
	}
	run(t, func(ctx context.Context) error {
		stop, err := introspect.Serve(ctx)
		if err != nil {
			return err
		}
		defer stop()
		wantFiles(t, filepath.Join(short, own), pid()+".sock")
		c, err := introspect.Dial(ctx, pid())
		if err == nil {
			c.Close()
		}
		return err
	})
}

func pid() string { return strconv.Itoa(os.Getpid()) }

func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("files in the folder: %q, want %q (%v)", got, want, err)
	}
}

// Server and client refuse a folder that others may write to, and a link.
func TestUntrustedFolder(t *testing.T) {
	for name, make := range map[string]func(dir string) error{
		"chmod 700":       func(dir string) error { return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o770)) },
		"is not a folder": func(dir string) error { return os.Symlink(os.TempDir(), dir) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := make(runtimeFolder(t)); err != nil {
				t.Fatal(err)
			}
			_, err1 := introspect.Processes()
			_, err2 := introspect.Dial(context.Background(), pid())
			run(t, func(ctx context.Context) error {
				_, err3 := introspect.Serve(ctx)
				for _, err := range []error{err1, err2, err3} {
					if !errors.Is(err, introspect.ErrNoPermission) || !strings.Contains(err.Error(), name) {
						t.Errorf("got %v", err)
					}
				}
				return nil
			})
		})
	}
}

// The errors of Dial report why it cannot connect. The socket of a process that has ended
// is removed.
func TestDialErrors(t *testing.T) {
	dir := runtimeFolder(t)
	dial := func(name string, kind error, text string) {
		t.Helper()
		if _, err := introspect.Dial(context.Background(), name); !errors.Is(err, kind) || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if all, err := introspect.Processes(); all != nil || err != nil {
		t.Error("without a folder:", all, err)
	}
	dial("x", introspect.ErrNoProcess, `"x" is not a process ID`)
	dial("../1", introspect.ErrNoProcess, "is not a process ID")
	dial(pid(), introspect.ErrNotServing, "call introspect.Serve(ctx) in it")

	const gone = "2147483646" // larger than any process ID
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{gone, pid()} {
		ln, err := net.Listen("unix", filepath.Join(dir, name+".sock"))
		if err != nil {
			t.Fatal(err)
		}
		ln.(*net.UnixListener).SetUnlinkOnClose(false)
		_ = ln.Close()
	}
	dial(pid(), introspect.ErrNotServing, "does not serve")
	if all, err := introspect.Processes(); len(all) != 0 || err != nil {
		t.Error(all, err)
	}
	wantFiles(t, dir, pid()+".sock")
	dial(gone, introspect.ErrNoProcess, "no such process")
}

// A stream begins with a snapshot, and continues with the events since then. The loop is
// observed only during the stream.
func TestEvents(t *testing.T) {
	tick := make(chan time.Time)
	served(t, func(ctx context.Context, stop func()) error {
		begin := new(asyncio.Event)
		worker := spawn(ctx, "worker", func(ctx context.Context) error {
			if err := begin.Wait(ctx); err != nil {
				return err
			}
			return errors.New("boom")
		})
		l := running(ctx)
		lines, err := asyncio.ToThread(ctx, func(ctx context.Context) ([]string, error) {
			return readEventsUntilSample(ctx, t, func() {
				done := make(chan bool)
				_, _ = l.CallSoonThreadsafe(func(context.Context) {
					worker.AddDoneCallback(func(context.Context, asyncio.AnyFuture) { close(done) })
					begin.Set()
				})
				<-done
				for range 20 { // the last tick produces a sample
					tick <- time.Time{}
				}
			})
		})
		if err != nil {
			return err
		}
		want := "task main; task worker; resumed; ended error boom"
		if got := strings.Join(lines, "; "); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		_ = worker.Exception() // reads the error
		stop()
		_ = asyncio.Yield(ctx)
		_ = asyncio.Yield(ctx) // the first turn accepts the calls from outside
		if l.Observer() != nil {
			t.Error("the loop is still observed")
		}
		return nil
	}, introspect.Tick(tick))
}

// readEventsUntilSample streams the events of this process until the first sample, and
// returns a line for each task of the hello and for each event of a task. It calls begin
// after the hello.
func readEventsUntilSample(ctx context.Context, t *testing.T, begin func()) (lines []string, err error) {
	c, err := introspect.Dial(ctx, pid())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	for m, err := range c.Events(ctx) {
		if err != nil {
			return nil, err
		}
		switch m.Kind {
		case introspect.KindHello:
			for _, task := range m.Hello.Tasks {
				lines = append(lines, "task "+task.Name)
			}
			if !m.Hello.Loop.Observed {
				lines = append(lines, "not observed")
			}
			begin()
		case introspect.KindEvents:
			for _, e := range m.Events {
				if e.Task != 0 {
					lines = append(lines, strings.TrimSpace(e.Kind.String()+" "+e.Outcome+" "+e.Error))
				}
			}
		case introspect.KindSample:
			if m.Sample.Dropped != 0 || m.Sample.Tasks != 1 {
				t.Errorf("%+v", m.Sample)
			}
			return lines, nil
		}
	}
	return lines, errors.New("the stream has ended")
}
