package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const (
	sumOfA = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" // sha256 of the letter a
	sumOfB = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"
)

// awkward has file names that are difficult to list.
var awkward = []string{"a b", " a", "a ", "*a", `a\b`, `\a`, `a\n`, "a\nb", "\n", "#a", "-", "-c", "ä", "a\xffb", "'", `"`}

func TestLineOfAFile(t *testing.T) {
	sum := bytes.Repeat([]byte{0xab}, 2)
	for _, c := range []struct{ path, line string }{
		{"dir/a.txt", "abab  dir/a.txt\n"},
		{"two  blanks ", "abab  two  blanks \n"},
		{"new\nline", `\abab  new\nline` + "\n"},
		{"a\rreturn", `\abab  a\rreturn` + "\n"},
		{`back\slash`, `\abab  back\\slash` + "\n"},
		{`no\newline`, `\abab  no\\newline` + "\n"},
	} {
		line := string(appendLine(nil, sum, c.path))
		if line != c.line {
			t.Errorf("line of %q: got %q, want %q", c.path, line, c.line)
		}
		got, path, ok := parseLine(strings.TrimSuffix(line, "\n"), len(sum))
		if !ok || got != "abab" || path != c.path {
			t.Errorf("%q: got %q of %q, %v", line, got, path, ok)
		}
	}
}

func TestParseLine(t *testing.T) {
	for _, c := range []struct{ line, path string }{
		{"abab *binary", "binary"},
		{"ABAB  capitals", "capitals"},
		{"abab  windows\r", "windows"},
		{"abab   blank", " blank"},
	} {
		if sum, path, ok := parseLine(c.line, 2); !ok || sum != "abab" || path != c.path {
			t.Errorf("%q: got %q of %q, %v", c.line, sum, path, ok)
		}
	}
	for _, line := range []string{
		"", "abab", "abab  ", "abab x", "abab  ", "aba  short", "ababab  long", "abxb  no hex", "abab\t\ttabs",
		`\abab  ends with \`, `\abab  bad \escape`,
	} {
		if sum, path, ok := parseLine(line, 2); ok {
			t.Errorf("%q: got %q of %q, want an error", line, sum, path)
		}
	}
}

func TestListOfATree(t *testing.T) {
	dir := makeTree(t, map[string]string{"a": "a", "d/b": "b", "d/e/a": "a"})
	status, stdout, stderr := treesum(t, dir, "", ".")
	want(t, status, stdout, stderr, 0, sumOfA+"  ./a\n"+sumOfB+"  ./d/b\n"+sumOfA+"  ./d/e/a\n", "")

	// The paths are those that find prints: the root as given, with a slash added if
	// missing.
	status, stdout, stderr = treesum(t, dir, "", "d/", "a")
	want(t, status, stdout, stderr, 0, sumOfA+"  a\n"+sumOfB+"  d/b\n"+sumOfA+"  d/e/a\n", "")
}

// The list of a tree has the lines that sha256sum prints, and sha256sum -c accepts it.
func TestSha256sumAgrees(t *testing.T) {
	if _, err := exec.LookPath("sha256sum"); err != nil {
		t.Skip("SKIPPED: sha256sum is not installed")
	}
	files := map[string]string{"empty": ""}
	for _, name := range awkward {
		files[name] = "content of " + name
		files["dir/"+name] = ""
	}
	dir := makeTree(t, files)
	status, list, stderr := treesum(t, dir, "", ".")
	if status != 0 || stderr != "" || strings.Count(list, "\n") != len(files) {
		t.Fatalf("got exit status %d, %d lines, want %d lines; %s", status, strings.Count(list, "\n"), len(files), stderr)
	}

	check := exec.Command("sha256sum", "-c", "--strict", "--quiet")
	check.Dir, check.Stdin = dir, strings.NewReader(list)
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("sha256sum -c: %v\n%s", err, out)
	}

	// Each line is equal to that of sha256sum.
	for line := range strings.Lines(list) {
		_, path, ok := parseLine(strings.TrimSuffix(line, "\n"), sha256.Size)
		if !ok {
			t.Fatalf("line %q is malformed", line)
		}
		sum := exec.Command("sha256sum", path)
		sum.Dir = dir
		if theirs, err := sum.Output(); err != nil || string(theirs) != line {
			t.Errorf("%v, sha256sum prints\n%s\ntreesum prints\n%s", err, theirs, line)
		}
	}
}

func TestAlgorithms(t *testing.T) {
	for _, c := range []struct{ name, sum string }{
		{"sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"sha512", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
		{"blake3", "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"},
	} {
		dir := makeTree(t, map[string]string{"abc": "abc"})
		list := c.sum + "  ./abc\n"
		status, stdout, stderr := treesum(t, dir, "", "--algorithm", c.name, ".")
		want(t, status, stdout, stderr, 0, list, "")
		status, stdout, stderr = treesum(t, dir, list, "-c", "-a", c.name)
		want(t, status, stdout, stderr, 0, "./abc: OK\n", "")
	}
}

// A file of several blocks is hashed as a whole, even if its last block is not full.
func TestLargeFile(t *testing.T) {
	content := strings.Repeat("0123456789", 3*blockSize/10)
	sum := sha256.Sum256([]byte(content))
	dir := makeTree(t, map[string]string{"large": content})
	status, stdout, stderr := treesum(t, dir, "", "large")
	want(t, status, stdout, stderr, 0, hex.EncodeToString(sum[:])+"  large\n", "")
}

// The list does not contain its own file, whose checksum would be wrong at the end.
func TestListInsideTheTree(t *testing.T) {
	dir := makeTree(t, map[string]string{"a": "a", "b": "b"})
	list, err := os.Create(dir + "/SUMS")
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	cmd := command(t, dir, ".")
	cmd.Stdout = list
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
	stdout, err := os.ReadFile(list.Name())
	if err != nil {
		t.Fatal(err)
	}
	want(t, cmd.ProcessState.ExitCode(), string(stdout), errs.String(),
		0, sumOfA+"  ./a\n"+sumOfB+"  ./b\n", "treesum: ./SUMS: omitted, because the list is written to it\n")
}

// A failure to write the list is an error.
func TestWriteError(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("SKIPPED: there is no /dev/full")
	}
	defer full.Close()
	cmd := command(t, makeTree(t, map[string]string{"a": "a"}), ".")
	cmd.Stdout = full
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stderr, _ := io.ReadAll(pipe)
	_ = cmd.Wait()
	want(t, cmd.ProcessState.ExitCode(), "", string(stderr),
		1, "", "treesum: standard output: no space left on device\n")
}
