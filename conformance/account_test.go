package main_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// This file checks three tables: asyncio's names (parity.tsv), CPython's own tests
// (cpython.tsv), and the behaviours that tests claim (behaviours.tsv). README.md
// describes them.

// The lists that are not part of the repository, where they stand beside it.
const shared = "../../shared"

// A line is one of a table of tab-separated columns.
type line struct {
	at      string // file:line
	columns []string
}

// table reads a table. Lines that begin with # are remarks, the first other is the
// heading. A column that is left out at the end is empty.
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

// TestNames checks parity.tsv: each name of asyncio's, and of the classes that a program
// holds, has a Go name that exists, or a reason why it has none.
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

// TestNamesOfCPython compares the lists of names in testdata with a CPython, where there
// is one.
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

// exported returns what package asyncio exports, as api.txt has it: Run, Queue,
// Queue.Get, Runner.Debug.
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

// TestCPythonTests checks cpython.tsv: each of CPython's own tests of the task system is
// covered by Go tests that exist, or there is a reason why it says nothing about a Go
// library.
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
				t.Errorf("%s: %s is covered by %s, which does not exist; write the file's path from the root, a colon and the name of the test", l.at, test, name)
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

// TestBehaviours checks behaviours.tsv against the tests of the whole repository. A test
// claims the rows whose ids begin its doc comment.
//
//   - The ids are unique and sorted.
//   - Every id that a comment of a _test.go file cites has a row.
//   - A row without a state is claimed by at least one test.
//   - A row with a state ("planned" or "not applicable") has a note and is not claimed.
func TestBehaviours(t *testing.T) {
	rows := table(t, "behaviours.tsv")
	for _, problem := range behaviourProblems(rows, claims(t), citations(t)) {
		t.Error(problem)
	}
}

// behaviourProblems returns what is wrong with the rows of behaviours.tsv. The maps hold
// the ids that tests claim and cite, each with a place in a test file.
func behaviourProblems(rows []line, claimed, cited map[string]string) (problems []string) {
	problem := func(format string, args ...any) {
		problems = append(problems, fmt.Sprintf(format, args...))
	}
	listed := map[string]bool{}
	previous := ""
	for _, row := range rows {
		id, priority, behaviour := row.columns[0], row.columns[1], row.columns[2]
		state, note := row.columns[3], row.columns[4]
		if !isID.MatchString(id) {
			problem("%s: the id is %q; use A and three digits", row.at, id)
		}
		if id <= previous {
			problem("%s: %s follows %s; sort the rows by id, one row per id", row.at, id, previous)
		}
		previous = id
		listed[id] = true
		if !slices.Contains([]string{"P1", "P2", "P3", "N"}, priority) {
			problem("%s: the priority of %s is %q; use P1, P2, P3 or N", row.at, id, priority)
		}
		if behaviour == "" {
			problem("%s: %s has no behaviour", row.at, id)
		}
		switch state {
		case "":
			if claimed[id] == "" {
				problem("%s: no test claims %s; begin a doc comment with \"%s: \"", row.at, id, id)
			}
		case "planned", "not applicable":
			if note == "" {
				problem("%s: %s is %s and has no note that explains why", row.at, id, state)
			}
			if claimed[id] != "" {
				problem("%s: %s is %s, but %s claims it", row.at, id, state, claimed[id])
			}
		default:
			problem("%s: the state of %s is %q; use \"planned\", \"not applicable\" or nothing", row.at, id, state)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(cited)) {
		if !listed[id] {
			problem("%s: cites %s, which is not in behaviours.tsv", cited[id], id)
		}
	}
	return problems
}

// TestBehaviourProblems checks that TestBehaviours detects each kind of mistake.
func TestBehaviourProblems(t *testing.T) {
	row := func(id, priority, behaviour, state, note string) line {
		return line{"list:1", []string{id, priority, behaviour, state, note}}
	}
	first := row("A001", "P1", "It works.", "", "")
	second := row("A002", "P2", "It works.", "", "")
	planned := row("A002", "P3", "It works.", "planned", "It comes later.")
	for _, test := range []struct {
		name string
		rows []line
		// The ids that tests claim, and those that comments cite otherwise.
		claimed, cited []string
		want           string // the only problem, or "" for none
	}{
		{"correct", []line{first, planned}, []string{"A001"}, []string{"A002"}, ""},
		{"unknown id", []line{first}, []string{"A001"}, []string{"A999"},
			"a_test.go:1: cites A999, which is not in behaviours.tsv"},
		{"unclaimed row", []line{first, second}, []string{"A001"}, []string{"A002"},
			`list:1: no test claims A002; begin a doc comment with "A002: "`},
		{"claimed plan", []line{first, planned}, []string{"A001", "A002"}, nil,
			"list:1: A002 is planned, but a_test.go:1 claims it"},
		{"duplicate", []line{first, first}, []string{"A001"}, nil,
			"list:1: A001 follows A001; sort the rows by id, one row per id"},
		{"unsorted", []line{second, first}, []string{"A001", "A002"}, nil,
			"list:1: A001 follows A002; sort the rows by id, one row per id"},
		{"no note", []line{row("A001", "N", "It works.", "not applicable", "")}, nil, nil,
			"list:1: A001 is not applicable and has no note that explains why"},
		{"unknown state", []line{row("A001", "P1", "It works.", "later", "")}, nil, nil,
			`list:1: the state of A001 is "later"; use "planned", "not applicable" or nothing`},
		{"unknown priority", []line{row("A001", "P4", "It works.", "", "")}, []string{"A001"}, nil,
			`list:1: the priority of A001 is "P4"; use P1, P2, P3 or N`},
		{"malformed id", []line{row("B1", "P1", "It works.", "", "")}, []string{"B1"}, nil,
			`list:1: the id is "B1"; use A and three digits`},
		{"no behaviour", []line{row("A001", "P1", "", "", "")}, []string{"A001"}, nil,
			"list:1: A001 has no behaviour"},
	} {
		t.Run(test.name, func(t *testing.T) {
			claimed, cited := map[string]string{}, map[string]string{}
			for _, id := range test.claimed {
				claimed[id], cited[id] = "a_test.go:1", "a_test.go:1"
			}
			for _, id := range test.cited {
				cited[id] = "a_test.go:1"
			}
			got := strings.Join(behaviourProblems(test.rows, claimed, cited), "\n")
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestBehavioursMatchFeatures checks that behaviours.tsv has the same ids as the list of
// features from which it was written, which is not part of the repository.
func TestBehavioursMatchFeatures(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(shared, "features.md"))
	if err != nil {
		t.Skipf("SKIPPED: behaviours.tsv is not compared with the list of features: %v", err)
	}
	var features, behaviours []string
	for _, m := range regexp.MustCompile(`(?m)^\| (A\d{3}) \|`).FindAllStringSubmatch(string(text), -1) {
		features = append(features, m[1])
	}
	for _, row := range table(t, "behaviours.tsv") {
		behaviours = append(behaviours, row.columns[0])
	}
	for _, id := range features {
		if !slices.Contains(behaviours, id) {
			t.Errorf("%s is in the list of features and not in behaviours.tsv", id)
		}
	}
	for _, id := range behaviours {
		if !slices.Contains(features, id) {
			t.Errorf("%s is in behaviours.tsv and not in the list of features", id)
		}
	}
}

// claims returns the ids that begin the doc comments of tests, each with one of these
// tests.
func claims(t *testing.T) map[string]string {
	t.Helper()
	claimed := map[string]string{}
	claim := regexp.MustCompile(`^(A\d{3}(?:, A\d{3})*): `)
	for name, doc := range goTests(t) {
		m := claim.FindStringSubmatch(doc)
		if m == nil {
			if startsWithID.MatchString(doc) {
				t.Errorf("%s: malformed ids at the start of its comment; write them as in \"A085, A086: text\"", name)
			}
			continue
		}
		for id := range strings.SplitSeq(m[1], ", ") {
			claimed[id] = name
		}
	}
	return claimed
}

// citations returns the ids in the comments of all test files, each with the place of one
// comment.
func citations(t *testing.T) map[string]string {
	t.Helper()
	cited := map[string]string{}
	anID := regexp.MustCompile(`\bA\d{3}\b`)
	eachTestFile(t, func(name string, fset *token.FileSet, file *ast.File) {
		for _, group := range file.Comments {
			for _, comment := range group.List {
				for _, id := range anID.FindAllString(comment.Text, -1) {
					cited[id] = fmt.Sprintf("%s:%d", name, fset.Position(comment.Pos()).Line)
				}
			}
		}
	})
	return cited
}

var (
	isID         = regexp.MustCompile(`^A\d{3}$`)
	startsWithID = regexp.MustCompile(`^A\d{3}`)
)

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
