package main

import (
	"os"
	"runtime"
	"strings"
	"testing"
)

// A usage error prints one clear line and exits with status 2.
func TestUsageErrors(t *testing.T) {
	dir := makeTree(t, map[string]string{"a": "a", "dir/b": "b"})
	const hint = "Try 'treesum --help'.\n"
	for _, c := range []struct{ args, stderr string }{
		{"", "treesum: no DIR given\n" + hint},
		{"--nix .", "treesum: unknown flag: --nix\n" + hint},
		{"-x .", "treesum: unknown shorthand flag: 'x' in -x\n" + hint},
		{"--algorithm md5 .", "treesum: --algorithm md5: unknown; use one of sha256, sha512, blake3\n" + hint},
		{"--jobs 0 .", "treesum: --jobs 0: must be at least 1\n" + hint},
		{"--timeout -1s .", "treesum: --timeout -1s: must not be negative\n" + hint},
		{"--quiet .", "treesum: --quiet requires --check\n" + hint},
		{"a nowhere dir", "treesum: nowhere: no such file or directory\n"},
		{"/dev/null", "treesum: /dev/null: neither a directory nor a regular file\n"},
		{"-c nowhere", "treesum: nowhere: no such file or directory\n"},
		{"-c dir", "treesum: dir: is a directory, not a checksum list\n"},
	} {
		t.Run("treesum "+c.args, func(t *testing.T) {
			status, stdout, stderr := treesum(t, dir, "", strings.Fields(c.args)...)
			want(t, status, stdout, stderr, 2, "", c.stderr)
		})
	}
}

func TestInvalidFlagValues(t *testing.T) {
	for _, args := range []string{"--jobs two .", "--timeout 5 .", "--algorithm"} {
		status, stdout, stderr := treesum(t, t.TempDir(), "", strings.Fields(args)...)
		flag, _, _ := strings.Cut(args, " ")
		if status != 2 || stdout != "" || strings.Count(stderr, "\n") != 2 || !strings.Contains(stderr, flag) {
			t.Errorf("treesum %s: got exit status %d\n%s%s", args, status, stdout, stderr)
		}
	}
}

func TestHelp(t *testing.T) {
	status, stdout, stderr := treesum(t, t.TempDir(), "", "--help")
	for _, part := range []string{"treesum [flags] DIR...", "--algorithm", "-c, --check", "--jobs", "--timeout", "exit status"} {
		if !strings.Contains(stdout, part) {
			t.Errorf("got no %q in the help:\n%s", part, stdout)
		}
	}
	if status != 0 || stderr != "" {
		t.Errorf("got exit status %d; %s", status, stderr)
	}
}

func TestEmptyTree(t *testing.T) {
	status, stdout, stderr := treesum(t, t.TempDir(), "", ".")
	want(t, status, stdout, stderr, 0, "", "")
}

// A file that cannot be read is reported, the others are hashed, and the status is 1.
func TestUnreadableFile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: only Linux has a file that even root cannot read")
	}
	const unreadable = "/proc/self/mem" // nothing is mapped at its start
	dir := makeTree(t, map[string]string{"a": "a", "z": "b"})
	status, stdout, stderr := treesum(t, dir, "", unreadable, "a", "z")
	want(t, status, stdout, stderr, 1, sumOfA+"  a\n"+sumOfB+"  z\n", "treesum: "+unreadable+
		": input/output error\ntreesum: WARNING: 1 file or directory could not be read\n")
}

func TestPermissions(t *testing.T) {
	dir := makeTree(t, map[string]string{"a": "a", "closed": "", "closed.dir/x": "", "z": "b"})
	for _, name := range []string{"/closed", "/closed.dir"} {
		if err := os.Chmod(dir+name, 0); err != nil {
			t.Fatal(err)
		}
	}
	defer os.Chmod(dir+"/closed.dir", 0o700)
	if f, err := os.Open(dir + "/closed"); err == nil {
		f.Close()
		t.Skip("SKIPPED: permissions have no effect for this user, who may be root")
	}
	status, stdout, stderr := treesum(t, dir, "", ".")
	want(t, status, stdout, stderr, 1, sumOfA+"  ./a\n"+sumOfB+"  ./z\n", `treesum: ./closed: permission denied
treesum: ./closed.dir/: permission denied
treesum: WARNING: 2 files or directories could not be read
`)
}
