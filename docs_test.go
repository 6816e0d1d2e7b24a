package asyncio_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// block is a fenced block of a page: its language and its text.
var block = regexp.MustCompile("(?ms)^```(go|python|text)\n(.*?)^```$")

// The programs in the documentation print what it says they do: a Go program, and a Python one beside it,
// print the text block that follows.
func TestDocumentationPrograms(t *testing.T) {
	python := findPython()
	for _, page := range []string{"README.md", "docs/from-python.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		var programs [][]string // command and text, of those whose output has not come yet
		ran := 0
		for _, m := range block.FindAllStringSubmatch(string(text), -1) {
			switch language, text := m[1], m[2]; {
			case language == "go" && strings.HasPrefix(text, "package main\n"):
				programs = append(programs, []string{"go", "run", "main.go", text})
			case language == "python" && strings.Contains(text, "\nasyncio.run("):
				programs = append(programs, []string{python, "main.py", text})
			case language == "text":
				for _, p := range programs {
					ran++
					t.Run(page, func(t *testing.T) { prints(t, p[:len(p)-1], p[len(p)-1], text) })
				}
				programs = nil
			}
		}
		if len(programs) > 0 || ran == 0 {
			t.Errorf("%s: %d programs without their output after them, and %d with", page, len(programs), ran)
		}
	}
}

// prints fails the test unless program, run by command, prints want.
func prints(t *testing.T, command []string, program, want string) {
	t.Parallel()
	if command[0] == "" {
		t.Skip("SKIPPED: no CPython 3.13 for the Python program (ORACLE_PYTHON names one)")
	}
	last := len(command) - 1
	file := filepath.Join(t.TempDir(), command[last])
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(command[0], append(command[1:last:last], file)...).CombinedOutput()
	if err != nil || string(out) != want {
		t.Errorf("%s: %v, and printed\n%s\nwanted\n%s", strings.Join(command, " "), err, out, want)
	}
}

// findPython returns a CPython 3.13, or "".
func findPython() string {
	home, _ := os.UserHomeDir()
	candidates, _ := filepath.Glob(filepath.Join(home, ".pyenv/versions/3.13*/bin/python3.13"))
	for _, c := range append([]string{os.Getenv("ORACLE_PYTHON"), "python3.13"}, candidates...) {
		if c != "" && exec.Command(c, "-c", "import sys; sys.exit(sys.version_info[:2] != (3, 13))").Run() == nil {
			return c
		}
	}
	return ""
}
