package policy_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/asyncio"
)

// Limits of the code that is not a test, in all modules of the repository.

const (
	maxFunction   = 60  // lines of a function
	maxFile       = 450 // lines of a file in the root
	maxLoopFields = 12  // direct fields of asyncio.Loop
)

// mayUseUnsafe has the files that import unsafe, each with the reason. A file that does
// not import it fails the test.
var mayUseUnsafe = map[string]string{
	"layout.go": "its comment has the reasons",
}

// mayBeLong has the functions ("file name") and the root files that exceed the limits,
// each with the reason. An entry that is within the limits fails the test.
var mayBeLong = map[string]string{}

func TestUnsafe(t *testing.T) {
	importing := map[string]bool{}
	for name, file := range sources(t) {
		for _, spec := range file.Imports {
			if spec.Path.Value == `"unsafe"` {
				importing[name] = true
			}
		}
	}
	report(t, listProblems("mayUseUnsafe", mayUseUnsafe, importing, "imports unsafe"))
}

func TestSizes(t *testing.T) {
	long := map[string]bool{}
	for name, file := range sources(t) {
		lines := func(n ast.Node) int {
			return file.fset.Position(n.End()).Line - file.fset.Position(n.Pos()).Line + 1
		}
		if !strings.Contains(name, "/") && file.lines > maxFile {
			long[name] = true
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && lines(f) > maxFunction {
				long[name+" "+f.Name.Name] = true
			}
		}
	}
	tooLong := fmt.Sprintf("is too long: a function has at most %d lines, a file in the root at most %d", maxFunction, maxFile)
	report(t, listProblems("mayBeLong", mayBeLong, long, tooLong))
}

// listProblems compares the exceptions to a rule with the names that break it.
func listProblems(list string, exceptions map[string]string, breaking map[string]bool, what string) (problems []string) {
	for name := range breaking {
		if exceptions[name] == "" {
			problems = append(problems, fmt.Sprintf("%s %s; change it or add it to %s with a reason", name, what, list))
		}
	}
	for name := range exceptions {
		if !breaking[name] {
			problems = append(problems, fmt.Sprintf("%s: %q is not needed; remove it", list, name))
		}
	}
	slices.Sort(problems)
	return problems
}

// TestListProblems checks that TestUnsafe and TestSizes detect each kind of mistake.
func TestListProblems(t *testing.T) {
	exceptions, breaking := map[string]string{"a": "a reason", "b": "a reason"}, map[string]bool{"a": true, "c": true}
	got := listProblems("list", exceptions, breaking, "is wrong")
	want := []string{
		"c is wrong; change it or add it to list with a reason",
		`list: "b" is not needed; remove it`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A Loop is made of parts: a new field goes into one of them.
func TestLoopFields(t *testing.T) {
	if n := reflect.TypeFor[asyncio.Loop]().NumField(); n > maxLoopFields {
		t.Errorf("Loop has %d direct fields; move some into a struct, so that it has at most %d", n, maxLoopFields)
	}
}

// glossary defines terms, each in a list item.
const glossary = "docs/glossary.md"

// isTerm matches the beginning of an item of the glossary.
var isTerm = regexp.MustCompile(`(?m)^[-*] \*\*([^*]+)\*\*`)

func TestGlossary(t *testing.T) {
	text, err := os.ReadFile(glossary)
	if err != nil {
		t.Skipf("SKIPPED: the terms of the glossary: %v", err)
	}
	terms := isTerm.FindAllStringSubmatch(string(text), -1)
	if len(terms) == 0 {
		t.Errorf("%s defines no term; write each as \"- **term**: sentence\"", glossary)
	}
	identifiers, comments := map[string]bool{}, new(strings.Builder)
	for _, file := range sources(t) {
		ast.Inspect(file.File, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				identifiers[strings.ToLower(id.Name)] = true
			}
			return true
		})
		for _, group := range file.Comments {
			comments.WriteString(group.Text() + "\n")
		}
	}
	for _, m := range terms {
		if !usesTerm(m[1], identifiers, comments.String()) {
			t.Errorf("%s defines %q, which is neither an identifier nor in a comment of the Go code; remove it", glossary, m[1])
		}
	}
}

// usesTerm reports whether the term, in any case, is one of the lower-case identifiers or
// occurs in the text. An identifier has no spaces and hyphens. The text may have the
// plural and line breaks.
func usesTerm(term string, identifiers map[string]bool, text string) bool {
	words := strings.Fields(strings.ToLower(strings.Trim(term, "`:")))
	if identifiers[strings.ReplaceAll(strings.Join(words, ""), "-", "")] {
		return true
	}
	for i, w := range words {
		words[i] = regexp.QuoteMeta(w)
	}
	return regexp.MustCompile(`(?i)\b` + strings.Join(words, `\s+`) + `s?\b`).MatchString(text)
}

// TestUsesTerm checks that TestGlossary finds terms as code and prose have them.
func TestUsesTerm(t *testing.T) {
	identifiers := map[string]bool{"barestack": true, "loop": true}
	const text = "The slow\npath wakes two waiters."
	for term, want := range map[string]bool{
		"`Loop`": true, "bare stack": true, "Bare-stack": true, "slow path": true, "waiter": true,
		"wait": false, "slow": true, "fast path": false, "stack": false,
	} {
		if got := usesTerm(term, identifiers, text); got != want {
			t.Errorf("usesTerm(%q) is %v, want %v", term, got, want)
		}
	}
}

// A source is a Go file that is not a test.
type source struct {
	*ast.File
	fset  *token.FileSet
	lines int
}

// sources returns the Go files of all modules of the repository by their path from the
// root, with slashes. It leaves out tests.
func sources(t *testing.T) map[string]source {
	t.Helper()
	all := map[string]source{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			skipped := d.Name() == "testdata" || d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".")
			if path != "." && skipped {
				return filepath.SkipDir
			}
			return nil
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, text, parser.ParseComments|parser.SkipObjectResolution)
		if file == nil { // an older Go cannot parse all of a file for a newer one
			return err
		}
		all[filepath.ToSlash(path)] = source{file, fset, strings.Count(string(text), "\n")}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
