package main_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Three files check the three tables that README.md describes: names_test.go
// (parity.tsv), behaviours_test.go (behaviours.tsv) and this one (cpython.tsv).

// shared may contain lists that are not part of the repository.
const shared = "../../shared"

// A line is a line of a table with tab-separated columns.
type line struct {
	at      string // file:line
	columns []string
}

// table reads a table. Lines that begin with # are comments. The first other line is the
// heading. Columns missing at the end of a line are empty.
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
			t.Errorf("%s: got %d columns, want %d as in the heading", l.at, len(l.columns), width)
		}
		for len(l.columns) < width {
			l.columns = append(l.columns, "")
		}
		lines = append(lines, l)
	}
	return lines
}

// checkReason fails the test unless the reason has the length of a sentence.
func checkReason(t *testing.T, at, reason string) {
	t.Helper()
	if len(strings.Fields(reason)) < 5 {
		t.Errorf("%s: the reason is %q; explain in a sentence why the line has no Go name or test", at, reason)
	}
}

// TestCPythonTests checks cpython.tsv. Each of CPython's own tests of the task system
// needs existing Go tests that cover it, or a reason why it does not apply to a Go
// library. Each reason must be unique.
func TestCPythonTests(t *testing.T) {
	ours := goTests(t)
	var accounted []string
	reasons := map[string]string{}
	for _, l := range table(t, "cpython.tsv") {
		test, covered, note := strings.Join(l.columns[:3], " "), l.columns[3], l.columns[4]
		if slices.Contains(accounted, test) {
			t.Errorf("%s: duplicate line for %s", l.at, test)
		}
		accounted = append(accounted, test)
		if covered == "-" {
			checkReason(t, l.at, note)
			if other := reasons[note]; other != "" {
				t.Errorf("%s: the reason is the same as in %s; write a reason specific to this test", l.at, other)
			}
			reasons[note] = l.at
			continue
		}
		for name := range strings.SplitSeq(covered, ", ") {
			if _, ok := ours[name]; !ok {
				t.Errorf("%s: %s is covered by %s, which does not exist; write the file's path from the root, a colon and the name of the test", l.at, test, name)
			}
		}
	}

	if _, err := os.Stat(shared); err != nil {
		t.Skipf("SKIPPED: missing lines are not detected: %v", err)
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
			t.Errorf("cpython.tsv has %s, which is not a test of CPython", test)
		}
	}
}

// goTests returns the doc comments of the tests and examples of the repository. The keys
// have the form file:name, with the file's path from the root.
func goTests(t *testing.T) map[string]string {
	t.Helper()
	tests := map[string]string{}
	eachTestFile(t, func(name string, _ *token.FileSet, file *ast.File) {
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if ok && f.Recv == nil && isTest.MatchString(f.Name.Name) {
				tests[name+":"+f.Name.Name] = f.Doc.Text()
			}
		}
	})
	return tests
}

// eachTestFile calls visit for every _test.go file of the repository, in all of its
// modules. The name is the file's path from the root, with slashes.
func eachTestFile(t *testing.T, visit func(name string, fset *token.FileSet, file *ast.File)) {
	t.Helper()
	fset := token.NewFileSet()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			skipped := d.Name() == "testdata" || d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".")
			if path != ".." && skipped {
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
		name, err := filepath.Rel("..", path)
		if err != nil {
			return err
		}
		visit(filepath.ToSlash(name), fset, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

var isTest = regexp.MustCompile(`^(Test|Example)($|[^a-z])`)
