package main_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// This file holds the three accounts, so that nothing of asyncio can be forgotten or
// claimed without need: its names (parity.tsv), CPython's own tests (cpython.tsv), and the rows
// of the list of features. README.md says how to keep them.

// The lists that are not part of the repository, where they stand beside it.
const shared = "../../shared"

// A line is one of a table of tab-separated columns.
type line struct {
	at      string // file:line
	columns []string
}

// table reads a table. Lines that begin with # are remarks, the first other is the heading.
// A column that is left out at the end is empty.
func table(t *testing.T, file string) (lines []line) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	width := 0
	for n, s := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		if strings.HasPrefix(s, "#") {
			continue
		}
		l := line{fmt.Sprintf("%s:%d", file, n+1), strings.Split(s, "\t")}
		switch {
		case width == 0: // the heading
			width = len(l.columns)
			continue
		case len(l.columns) > width:
			t.Errorf("%s: %d columns, the heading has %d", l.at, len(l.columns), width)
		}
		for len(l.columns) < width {
			l.columns = append(l.columns, "")
		}
		lines = append(lines, l)
	}
	return lines
}

// aSentence fails the test unless text is one: a reason must say something.
func aSentence(t *testing.T, at, text string) {
	t.Helper()
	if len(strings.Fields(text)) < 5 {
		t.Errorf("%s: %q is no reason; say in a sentence why there is nothing", at, text)
	}
}

// TestNames checks parity.tsv: each name of asyncio's, and of the classes that a program holds,
// has a Go name that exists, or a reason why it has none.
func TestNames(t *testing.T) {
	ours := exported(t)
	versionsOf := map[string][]string{}
	for _, l := range table(t, "parity.tsv") {
		name, versions, names, note := l.columns[0], strings.Fields(l.columns[1]), l.columns[2], l.columns[3]
		if versionsOf[name] != nil {
			t.Errorf("%s: %s stands there twice", l.at, name)
		}
		versionsOf[name] = versions
		if names == "-" {
			aSentence(t, l.at, note)
			continue
		}
		for goName := range strings.SplitSeq(names, ", ") {
			if !ours[goName] {
				t.Errorf("%s: %s is to be %q, which package asyncio does not export", l.at, name, goName)
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

// What names.py would print on Windows beside what it prints elsewhere.
var namesOnWindows = map[string]string{
	"3.13": "ProactorEventLoop IocpProactor WindowsSelectorEventLoopPolicy WindowsProactorEventLoopPolicy",
	"3.14": "ProactorEventLoop IocpProactor _WindowsSelectorEventLoopPolicy _WindowsProactorEventLoopPolicy",
}

// committedNames is what names.py printed.
func committedNames(t *testing.T, version string) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/names-" + version + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

// TestNamesOfCPython compares the lists of names in testdata with a CPython, where there is one.
func TestNamesOfCPython(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: the lists are those of the other systems")
	}
	for _, version := range []string{"3.13", "3.14"} {
		t.Run(version, func(t *testing.T) {
			python := findPython(version)
			if python == "" {
				t.Skipf("SKIPPED: no CPython %s (ORACLE_PYTHON names one)", version)
			}
			out, err := exec.Command(python, "testdata/names.py").Output()
			if err != nil {
				t.Fatal(err)
			}
			if got, want := strings.Fields(string(out)), committedNames(t, version); !slices.Equal(got, want) {
				t.Errorf("testdata/names-%s.txt is\n%s\nand %s prints\n%s", version, want, python, got)
			}
		})
	}
}

// findPython returns a CPython of the version, or "".
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

// exported returns what package asyncio exports, as api.txt has it: Run, Queue, Queue.Get, Runner.Debug.
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
	return names
}

// TestCPythonTests checks cpython.tsv: each of CPython's own tests of the task system is covered by Go
// tests that exist, or there is a reason why it says nothing about a Go library.
func TestCPythonTests(t *testing.T) {
	ours := goTests(t)
	var accounted []string
	reasons := map[string]string{}
	for _, l := range table(t, "cpython.tsv") {
		test, covered, note := strings.Join(l.columns[:3], " "), l.columns[3], l.columns[4]
		if slices.Contains(accounted, test) {
			t.Errorf("%s: %s stands there twice", l.at, test)
		}
		accounted = append(accounted, test)
		if covered == "-" {
			aSentence(t, l.at, note)
			if other := reasons[note]; other != "" {
				t.Errorf("%s: the reason is that of %s; say what it is about this very test", l.at, other)
			}
			reasons[note] = l.at
			continue
		}
		for name := range strings.SplitSeq(covered, ", ") {
			if _, ok := ours[name]; !ok {
				t.Errorf("%s: %s is to be covered by %s, and there is no such test", l.at, test, name)
			}
		}
	}

	if _, err := os.Stat(shared); err != nil {
		t.Skipf("SKIPPED: whether a test is missing: there is no %s with the lists of CPython's tests", shared)
	}
	var want []string
	for _, list := range []string{"cpython-core.tsv", "cpython-loop.tsv"} {
		for _, l := range table(t, filepath.Join(shared, "conformance", list)) {
			test := strings.Join(l.columns, " ")
			if want = append(want, test); !slices.Contains(accounted, test) {
				t.Errorf("%s is not in cpython.tsv", test)
			}
		}
	}
	for _, test := range accounted {
		if !slices.Contains(want, test) {
			t.Errorf("cpython.tsv has %s, which is not among CPython's tests", test)
		}
	}
}

// TestFeatureRows checks that the rows of the list of features that are for this library (P1 and P2 of A1
// to A18 and A20) are each claimed by a test, whose doc comment begins with their ids, and
// that there is no claim of a row that does not exist.
func TestFeatureRows(t *testing.T) {
	claimed := map[string]bool{}
	claim := regexp.MustCompile(`^(A\d{3}(?:, A\d{3})*): `)
	for name, doc := range goTests(t) {
		m := claim.FindStringSubmatch(doc)
		if m == nil {
			if startsWithID.MatchString(doc) {
				t.Errorf("%s: the ids that its comment begins with are not written as in \"A085, A086: leaving the block waits\"", name)
			}
			continue
		}
		for id := range strings.SplitSeq(m[1], ", ") {
			claimed[id] = true
		}
	}

	text, err := os.ReadFile(filepath.Join(shared, "features.md"))
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	exists := map[string]bool{}
	heading := regexp.MustCompile(`^## (A\d+)\. `)
	row := regexp.MustCompile(`^\| (A\d{3}) \| (\w) \| ([^|]*) \|`)
	section := ""
	for s := range strings.Lines(string(text)) {
		if m := heading.FindStringSubmatch(s); m != nil {
			section = m[1]
		}
		m := row.FindStringSubmatch(s)
		if m == nil {
			continue
		}
		id, priority := m[1], m[2]
		exists[id] = true
		wanted := (priority == "1" || priority == "2") && section != "A19" && section != "A21"
		if wanted && !claimed[id] {
			t.Errorf("no test claims %s of %s, %s", id, section, strings.TrimSpace(m[3]))
		}
	}
	for id := range claimed {
		if !exists[id] {
			t.Errorf("a test claims %s, which is no feature", id)
		}
	}
}

var startsWithID = regexp.MustCompile(`^A\d{3}`)

// goTests returns the tests and examples of the module as file:name, in file's path from the module's root,
// each with its comment.
func goTests(t *testing.T) map[string]string {
	t.Helper()
	tests := map[string]string{}
	fset := token.NewFileSet()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			_, err := os.Stat(filepath.Join(path, "go.mod"))
			another := err == nil // module
			if path != ".." && (another || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")) {
				return filepath.SkipDir
			}
			return nil
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		in, _ := filepath.Rel("..", path)
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if ok && f.Recv == nil && isTest.MatchString(f.Name.Name) {
				tests[filepath.ToSlash(in)+":"+f.Name.Name] = f.Doc.Text()
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}

var isTest = regexp.MustCompile(`^(Test|Example)($|[^a-z])`)
