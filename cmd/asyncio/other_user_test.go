//go:build unix

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The processes of another user are looked into by nobody but that one: neither with a folder of one's own nor with
// that user's. Each is a line, and status 1.
func TestOtherUser(t *testing.T) {
	shop := open(t, "calm") // of this user
	theirs := os.Getenv("XDG_RUNTIME_DIR")
	ours, program := filepath.Join(t.TempDir(), "folder"), filepath.Join(t.TempDir(), "asyncio")
	if err := errors.Join(os.Mkdir(ours, 0o700), copyFile(program)); err != nil {
		t.Fatal(err)
	}
	pid, user := shop.pid, &syscall.Credential{Uid: 65534, Gid: 65534} // nobody
	if os.Getuid() == 0 {
		if err := errors.Join(os.Chown(ours, 65534, 65534), open4all(t, program), open4all(t, ours)); err != nil {
			t.Fatal(err)
		}
	} else { // then of root's
		pid, user, theirs = "1", nil, ""
	}
	for _, c := range []struct{ folder, want string }{
		{ours, "asyncio: process " + pid + " belongs to another user, and only that user can inspect it: no permission\n"},
		{theirs, "no permission\n"},
	} {
		if c.folder == "" {
			continue
		}
		for _, command := range []string{"ps", "pstree", "top", "web", "record"} {
			cmd := exec.Command(program, command, pid)
			if command == "record" {
				cmd.Args = append(cmd.Args, filepath.Join(ours, "file"))
			}
			cmd.Env = []string{beCommand + "=1", "XDG_RUNTIME_DIR=" + c.folder}
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user}
			var errs bytes.Buffer
			cmd.Stderr = &errs
			_ = cmd.Run()
			if status := cmd.ProcessState.ExitCode(); status != exitFailed || !strings.HasSuffix(errs.String(), c.want) || strings.Count(errs.String(), "\n") != 1 {
				t.Errorf("%s with %s: status %d\n%swanted\n%s", command, c.folder, status, errs.String(), c.want)
			}
		}
	}
}

// copyFile copies the test's binary, which others may not reach where it is.
func copyFile(to string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o755)
}

// open4all lets others go to path, below the folder of all tests.
func open4all(t *testing.T, path string) error {
	for dir := filepath.Dir(path); dir != filepath.Clean(os.TempDir()) && len(dir) > 1; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}
