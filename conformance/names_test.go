package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestNames checks parity.tsv. Each name that names.py prints needs existing Go names, or
// a reason why it has none.
func TestNames(t *testing.T) {
	ours := exported(t)
	versionsOf := map[string][]string{}
	for _, l := range table(t, "parity.tsv") {
		name, versions, names, note := l.columns[0], strings.Fields(l.columns[1]), l.columns[2], l.columns[3]
		if versionsOf[name] != nil {
			t.Errorf("%s: duplicate line for %s", l.at, name)
		}
		versionsOf[name] = versions
		if names == "-" {
			checkReason(t, l.at, note)
			continue
		}
		for goName := range strings.SplitSeq(names, ", ") {
			if !ours[goName] {
				t.Errorf("%s: the Go name of %s is %q, which api.txt does not contain", l.at, name, goName)
			}
		}
	}

	for _, version := range []string{"3.13", "3.14"} {
		want := slices.Concat(committedNames(t, version), strings.Fields(namesOnWindows[version]))
		for name, versions := range versionsOf {
			if slices.Contains(versions, version) && !slices.Contains(want, name) {
				t.Errorf("parity.tsv has %s, which is not in asyncio %s", name, version)
			}
		}
		for _, name := range want {
			if !slices.Contains(versionsOf[name], version) {
				t.Errorf("%s of asyncio %s is not in parity.tsv", name, version)
			}
		}
	}
}

// namesOnWindows contains the names that names.py prints only on Windows.
var namesOnWindows = map[string]string{
	"3.13": "ProactorEventLoop IocpProactor WindowsSelectorEventLoopPolicy WindowsProactorEventLoopPolicy",
	"3.14": "ProactorEventLoop IocpProactor _WindowsSelectorEventLoopPolicy _WindowsProactorEventLoopPolicy",
}

// committedNames returns the recorded output of names.py.
func committedNames(t *testing.T, version string) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/names-" + version + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

// TestNamesOfCPython compares the recorded names with the installed versions of CPython.
func TestNamesOfCPython(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: names.py prints additional names on Windows")
	}
	for _, version := range []string{"3.13", "3.14"} {
		t.Run(version, func(t *testing.T) {
			python := findPython(version)
			if python == "" {
				t.Skipf("SKIPPED: CPython %s is not installed (or set ORACLE_PYTHON)", version)
			}
			out, err := exec.Command(python, "testdata/names.py").Output()
			if err != nil {
				t.Fatal(err)
			}
			if got, want := strings.Fields(string(out)), committedNames(t, version); !slices.Equal(got, want) {
				t.Errorf("testdata/names-%s.txt contains\n%s\nbut %s prints\n%s", version, want, python, got)
			}
		})
	}
}

// findPython returns the path of a CPython of the version, or "".
func findPython(version string) string {
	home, _ := os.UserHomeDir()
	candidates, _ := filepath.Glob(filepath.Join(home, ".pyenv/versions", version+"*/bin/python"+version))
	for _, c := range append([]string{os.Getenv("ORACLE_PYTHON"), "python" + version}, candidates...) {
		if c == "" {
			continue
		}
		out, err := exec.Command(c, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").Output()
		if err == nil && strings.TrimSpace(string(out)) == version {
			return c
		}
	}
	return ""
}

// exported returns the exported names of packages asyncio and inspect in api.txt, for
// example Run, Queue.Get, Runner.Debug and inspect.Event.
func exported(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../api.txt")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^asyncio: (?:const|func|type|var) (\w+)`)
	for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
		names[m[1]] = true
	}
	member := regexp.MustCompile(`(?m)^asyncio: (?:field|method) \(\*?(\w+)[^)]*\) (\w+)`)
	for _, m := range member.FindAllStringSubmatch(string(text), -1) {
		names[m[1]+"."+m[2]] = true
	}
	data := regexp.MustCompile(`(?m)^inspect: (?:type (\w+)|method \(\*?(\w+)\) (\w+))`)
	for _, m := range data.FindAllStringSubmatch(string(text), -1) {
		if m[1] != "" {
			names["inspect."+m[1]] = true
		} else {
			names["inspect."+m[2]+"."+m[3]] = true
		}
	}
	return names
}
