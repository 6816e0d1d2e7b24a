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

// The processes of another user cannot be inspected, neither through the caller's folder
// nor through the folder of that user. The error is one line, with status 1.
func TestOtherUser(t *testing.T) {
	shop := open(t, "calm") // owned by this user
	otherFolder := os.Getenv("XDG_RUNTIME_DIR")
	folder, program := filepath.Join(t.TempDir(), "folder"), filepath.Join(t.TempDir(), "asyncio")
	if err := errors.Join(os.Mkdir(folder, 0o700), copyTestBinary(program)); err != nil {
		t.Fatal(err)
	}
	pid, user := shop.pid, &syscall.Credential{Uid: 65534, Gid: 65534} // nobody
	if os.Getuid() == 0 {
		if err := errors.Join(os.Chown(folder, 65534, 65534), allowAll(t, program), allowAll(t, folder)); err != nil {
			t.Fatal(err)
		}
	} else { // inspect a process of root
		pid, user, otherFolder = "1", nil, ""
	}
	for _, c := range []struct{ folder, want string }{
		{folder, "asyncio: process " + pid + " belongs to another user, and only that user can inspect it: no permission\n"},
		{otherFolder, "no permission\n"},
	} {
		if c.folder == "" {
			continue
		}
		for _, command := range []string{"ps", "pstree", "top", "web", "record"} {
			cmd := exec.Command(program, command, pid)
			if command == "record" {
				cmd.Args = append(cmd.Args, filepath.Join(folder, "file"))
			}
			cmd.Env = []string{beCommand + "=1", "XDG_RUNTIME_DIR=" + c.folder}
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user}
			var errs bytes.Buffer
			cmd.Stderr = &errs
			_ = cmd.Run()
			if status := cmd.ProcessState.ExitCode(); status != exitFailed || !strings.HasSuffix(errs.String(), c.want) || strings.Count(errs.String(), "\n") != 1 {
				t.Errorf("%s with %s: status %d\n%swant\n%s", command, c.folder, status, errs.String(), c.want)
			}
		}
	}
}

// copyTestBinary copies the binary of the test, whose folder other users may not be able
// to read.
func copyTestBinary(to string) error {
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

// allowAll lets all users reach path, which is below the folder for temporary files.
func allowAll(t *testing.T, path string) error {
	for dir := filepath.Dir(path); dir != filepath.Clean(os.TempDir()) && len(dir) > 1; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}
