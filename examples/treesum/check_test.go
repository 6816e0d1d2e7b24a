package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	dir := makeTree(t, map[string]string{"a": "a", "b": "a"})
	list := strings.Join([]string{
		"# a comment",
		sumOfA + "  a",
		sumOfB + "  b",
		"not a line",
		sumOfA + "  gone",
		sumOfA + "  .",
		strings.ToUpper(sumOfA) + " *a",
		"neither is this",
	}, "\n") // no newline at the end
	stderr := `treesum: gone: no such file or directory
treesum: .: not a regular file
treesum: WARNING: 2 lines are improperly formatted
treesum: WARNING: 2 listed files could not be read
treesum: WARNING: 1 computed checksum did NOT match
`
	status, out, errs := treesum(t, dir, list, "-c")
	want(t, status, out, errs, 1,
		"a: OK\nb: FAILED\ngone: FAILED open or read\n.: FAILED open or read\na: OK\n", stderr)
	status, out, errs = treesum(t, dir, list, "--check", "--quiet", "-")
	want(t, status, out, errs, 1, "b: FAILED\ngone: FAILED open or read\n.: FAILED open or read\n", stderr)
}

// Malformed lines cause a warning, as in sha256sum. A list with only malformed lines is
// an error.
func TestMalformedLines(t *testing.T) {
	dir := makeTree(t, map[string]string{"a": "a", "good": "x\n" + sumOfA + "  a\n", "bad": "x\n", "empty": ""})
	status, stdout, stderr := treesum(t, dir, "", "-c", "good")
	want(t, status, stdout, stderr, 0, "a: OK\n", "treesum: WARNING: 1 line is improperly formatted\n")
	status, stdout, stderr = treesum(t, dir, "", "-c", "bad", "good", "empty")
	want(t, status, stdout, stderr, 1, "a: OK\n", `treesum: bad: no properly formatted checksum lines found
treesum: empty: no properly formatted checksum lines found
treesum: WARNING: 2 lines are improperly formatted
`)
}

// A large file without newlines is not a list, and is not read into memory as a whole.
func TestNotAList(t *testing.T) {
	dir := makeTree(t, map[string]string{"binary": strings.Repeat("x", 1<<20)})
	status, stdout, stderr := treesum(t, dir, "", "-c", "binary")
	want(t, status, stdout, stderr, 1, "", "treesum: binary: line too long for a checksum list\n")
}

// treesum -c accepts the list that treesum wrote, whatever the file names.
func TestCheckOfItsOwnList(t *testing.T) {
	files := map[string]string{"a\rb": ""}
	for _, name := range awkward {
		files[name] = "content of " + name
	}
	dir := makeTree(t, files)
	_, list, _ := treesum(t, dir, "", ".")
	status, stdout, stderr := treesum(t, dir, list, "-c")
	if n := strings.Count(stdout, ": OK\n"); status != 0 || n != len(files) || stderr != "" {
		t.Errorf("got exit status %d, %d of %d files OK\n%s%s", status, n, len(files), stdout, stderr)
	}
}

// treesum -c prints what sha256sum -c prints, except for its name and the case of
// letters.
func TestCheckAgreesWithSha256sum(t *testing.T) {
	if _, err := exec.LookPath("sha256sum"); err != nil {
		t.Skip("SKIPPED: sha256sum is not installed")
	}
	dir := makeTree(t, map[string]string{"a": "a", "b": "a", "new\nline": "a"})
	list := sumOfA + "  a\n" + sumOfB + "  b\n" + sumOfA + "  gone\n" + `\` + sumOfA + `  new\nline` + "\nnot a line\n"
	cmd := exec.Command("sha256sum", "-c")
	cmd.Dir, cmd.Stdin, cmd.Env = dir, strings.NewReader(list), append(os.Environ(), "LC_ALL=C")
	stderr := &strings.Builder{}
	cmd.Stderr = stderr
	theirs, _ := cmd.Output()
	status, stdout, errs := treesum(t, dir, list, "-c")
	alike := regexp.MustCompile(`(?m)^(sha256sum|treesum): `)
	want(t, status, stdout, strings.ToLower(alike.ReplaceAllString(errs, "")),
		cmd.ProcessState.ExitCode(), string(theirs), strings.ToLower(alike.ReplaceAllString(stderr.String(), "")))
}
