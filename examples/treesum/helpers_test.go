package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// With this environment variable the test binary runs treesum, so that tests can start it
// as a process.
const beTreesum = "TREESUM_TEST_BE_TREESUM"

func TestMain(m *testing.M) {
	if os.Getenv(beTreesum) != "" {
		main()
	}
	os.Exit(m.Run())
}

// command returns a command that runs treesum in a directory.
func command(t testing.TB, dir string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Dir = dir
	// By default, a program with the race detector waits for a second before it exits.
	cmd.Env = append(os.Environ(), beTreesum+"=1", "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	return cmd
}

// treesum runs treesum in a directory with the given standard input and waits for its
// end.
func treesum(t *testing.T, dir, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	cmd := command(t, dir, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// want reports an error for each result of a program that differs from the wanted one.
func want(t *testing.T, status int, stdout, stderr string, wantStatus int, wantStdout, wantStderr string) {
	t.Helper()
	if status != wantStatus {
		t.Errorf("got exit status %d, want %d", status, wantStatus)
	}
	if stdout != wantStdout {
		t.Errorf("got standard output\n%s\nwant\n%s", stdout, wantStdout)
	}
	if stderr != wantStderr {
		t.Errorf("got standard error\n%s\nwant\n%s", stderr, wantStderr)
	}
}

// makeTree creates files with these contents in a new directory and returns the
// directory.
func makeTree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// fileNames is a work that lists files by name. The files need not exist.
type fileNames struct {
	listing
	names []string
}

func (f *fileNames) next(context.Context) (item, error) {
	if len(f.names) == 0 {
		return item{}, io.EOF
	}
	name := f.names[0]
	f.names = f.names[1:]
	return item{path: name}, nil
}

// A hookedFile calls a function before each Read.
type hookedFile struct {
	fs.File
	onRead func()
}

func (f *hookedFile) Read(b []byte) (int, error) {
	f.onRead()
	return f.File.Read(b)
}

// An endless file never reaches its end.
type endless struct{ fs.File }

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// sha256Summers returns a function that creates summers, which open files with open.
func sha256Summers(open func(path string) (fs.File, error)) func(m *meter) *summer {
	return func(m *meter) *summer {
		s := (&options{algorithm: algorithms[0]}).newSummer(m, nil)
		s.open = open
		return s
	}
}

// runMain runs main in virtual time.
func runMain(main func(ctx context.Context) error) error {
	r := &asyncio.Runner{Driver: driver.NewVirtual(), NoInterrupt: true}
	err := r.Run(context.Background(), main)
	return errors.Join(err, r.Close())
}
