package policy_test

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/asyncio/internal/policy"
)

// The rules of CONTRIBUTING.md that the compiler does not enforce.

// imports has a line for each package of the module: its name, and the packages of the
// module that it may import; * stands for all. Tests may import anything.
//
// A line is a decision. The commit that extends a line gives the reason. A line or a name
// that is no longer needed fails the test.
const imports = `
internal/shrink
internal/list
internal/zerovalue
internal/ring          internal/shrink
internal/timerheap     internal/shrink
internal/coro
internal/policy
internal/suite
internal/testkit       asyncio driver
driver
driver/drivertest      driver
executor               internal/list
executor/executortest  executor
inspect
asyncio                inspect internal/ring internal/timerheap internal/coro internal/list internal/shrink driver executor
introspect             asyncio inspect executor
conformance            asyncio driver
`

// layers has the files of package asyncio, a layer per line. A file uses its own layer
// and the layers above it.
//
// A file below the dashes uses only exported names of the layers above the dashes and of
// its neighbours in the layer. Users can therefore write a better queue or group outside
// the package with the same means.
//
// The files that make up the loop are one layer: a loop, its calls, its strands and the
// futures that wake them refer to each other. offload, concurrent and run are above the
// dashes: they are entries to the loop, like inbox.
//
// A name without a file fails the test.
const layers = `
errors
contextvar cancelsignal
layout funcname current task tasklist report handle inbox future callback loop describe cancellederror debug turn stack observe cancel scope control create await sleep offload concurrent run run_go127
snapshot collect render graph
---
waiters
wait lock
timeout group shield gather completed event condition semaphore barrier queue
methods_go127
`

// layerExceptions has uses that break the layers, each with the reason. The key is "file
// name", or "* name" for all files. An exception that is no longer needed fails the test.
var layerExceptions = map[string]string{
	"* misuse":         "formats an error, as fmt.Errorf does outside the package",
	"* isCancelled":    "inspects an error, as errors.Is does outside the package",
	"* loopToAwaitOn":  "RunningLoop marks the loop as known to other goroutines, which would hide deadlocks",
	"* mustLoop":       "as loopToAwaitOn",
	"* initFuture":     "a future of a type that reports its own wait reason",
	"* sharedCallback": "one callback for many futures",
	"* newScope":       "the ctx of a block that cancels its task",
	"* cancelScope":    "as newScope",
	"* cancelBy":       "a cancel request in the name of a block",
	"* loop":           "as loopToAwaitOn, for the loop of a scope",
	"* futureBase":     "identifies a Task and its Future as the same future",
	"* base":           "as futureBase",

	"barrier.go kind":   "tasks at a barrier wait for the barrier, not for its condition",
	"barrier.go object": "as kind",

	"group.go refusedTask": "a finished group returns a task that never runs, where CPython raises",
}

// TestMain runs the tests in the root directory of the repository.
func TestMain(m *testing.M) {
	root, err := policy.Root()
	if err == nil {
		err = os.Chdir(root)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	m.Run()
}

// report reports all problems in order.
func report(t *testing.T, problems []string) {
	t.Helper()
	slices.Sort(problems)
	for _, p := range slices.Compact(problems) {
		t.Error(p)
	}
}

func TestImports(t *testing.T) {
	all := policy.List(t)
	uses := map[string][]string{} // the imports of each package within the module
	for _, p := range all.Own {
		used := ownImports(t, p)
		for _, path := range p.Imports {
			switch imported := all.ByPath[path]; {
			case imported == nil || imported.Module == nil && !imported.Standard:
				t.Errorf("%s imports %s, which go list does not know", p.Short(), path)
			case imported.Standard:
			case imported.Module.Path != p.Module.Path:
				t.Errorf("%s must not import %s: the module requires nothing but Go", p.Short(), path)
			default:
				used = append(used, imported.Short())
			}
		}
		uses[p.Short()] = used
	}
	report(t, importProblems(imports, uses))
}

// ownImports returns the packages of p's module that files of p import. It includes files
// that are not built here: they may be for another system or another Go.
func ownImports(t *testing.T, p *policy.Package) (names []string) {
	for _, file := range parseDir(t, token.NewFileSet(), p.Dir, parser.ImportsOnly) {
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if path == p.Module.Path {
				names = append(names, "asyncio")
			} else if short, ok := strings.CutPrefix(path, p.Module.Path+"/"); ok {
				names = append(names, short)
			}
		}
	}
	return names
}

// importProblems compares the rules, as text, with the imports of all packages.
func importProblems(rules string, uses map[string][]string) (problems []string) {
	listed := map[string]bool{}
	for line := range strings.Lines(rules) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		name, may := words[0], words[1:]
		listed[name] = true
		used, exists := uses[name]
		if !exists {
			problems = append(problems, fmt.Sprintf("imports: the package %s does not exist; remove its line", name))
			continue
		}
		for _, u := range used {
			if !slices.Contains(may, u) && !slices.Contains(may, "*") {
				problems = append(problems, fmt.Sprintf("imports: %s must not import %s", name, u))
			}
		}
		for _, m := range may {
			if m == "*" && len(used) > 0 {
				continue
			}
			if !slices.Contains(used, m) {
				problems = append(problems, fmt.Sprintf("imports: %s does not import %s; remove it from the line", name, m))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(uses)) {
		if !listed[name] {
			problems = append(problems, fmt.Sprintf("imports: no line for %s; add one with the packages that it may import", name))
		}
	}
	return problems
}

// TestImportProblems checks that TestImports detects each kind of mistake.
func TestImportProblems(t *testing.T) {
	for _, test := range []struct{ name, rules, want string }{
		{"correct", "a b\nb\n", ""},
		{"anything", "a *\nb\n", ""},
		{"forbidden import", "a\nb\n", "imports: a must not import b"},
		{"missing line", "a b\n", "imports: no line for b; add one with the packages that it may import"},
		{"missing package", "a b\nb\nc\n", "imports: the package c does not exist; remove its line"},
		{"unused import", "a b\nb a\n", "imports: b does not import a; remove it from the line"},
		{"unused star", "a b\nb *\n", "imports: b does not import *; remove it from the line"},
	} {
		got := strings.Join(importProblems(test.rules, map[string][]string{"a": {"b"}, "b": nil}), "\n")
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestFileLayers(t *testing.T) {
	all := policy.List(t)
	root, err := build.ImportDir(".", 0) // respects build tags
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range root.GoFiles {
		file, err := parser.ParseFile(all.Fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	info := types.Info{Uses: map[*ast.Ident]types.Object{}}
	pkg, err := (&types.Config{Importer: all.Importer}).Check("asyncio", all.Fset, files, &info)
	if err != nil {
		t.Fatal(err)
	}
	var uses []use
	for id, obj := range info.Uses {
		at := all.Fset.Position(id.Pos())
		if to := all.Fset.Position(obj.Pos()).Filename; obj.Pkg() == pkg && at.Filename != to {
			uses = append(uses, use{at.String(), at.Filename, to, obj.Name()})
		}
	}
	existing := slices.Concat(root.GoFiles, root.IgnoredGoFiles)
	report(t, layerProblems(layers, layerExceptions, existing, uses))
}

// A use is a use of a name in another file than that of its declaration.
type use struct{ at, from, to, name string }

// layerProblems compares the layers, as text, with the files that exist and with all
// uses.
func layerProblems(layers string, exceptions map[string]string, files []string, uses []use) (problems []string) {
	layerOf := map[string]int{"doc.go": 0}
	dashes := 0
	for n, line := range strings.Split(layers, "\n") {
		if line == "---" {
			dashes = n
			continue
		}
		for _, name := range strings.Fields(line) {
			layerOf[name+".go"] = n
			if !slices.Contains(files, name+".go") {
				problems = append(problems, fmt.Sprintf("layers: there is no %s.go; remove its name", name))
			}
		}
	}
	for _, file := range files {
		if _, known := layerOf[file]; !known && !strings.HasSuffix(file, "_test.go") {
			problems = append(problems, fmt.Sprintf("layers: %s has no layer; add it to the first layer below all that it uses", file))
		}
	}

	needed := map[string]bool{}
	for _, u := range uses {
		var why string
		switch user, used := layerOf[u.from], layerOf[u.to]; {
		case used > user:
			why = "its layer is below"
		case ast.IsExported(u.name) || user < dashes:
			continue
		case used < dashes:
			why = "it is not exported and above the dashes"
		case used == user:
			why = "it is not exported, and the files are neighbours"
		default:
			continue
		}
		inFile, inAll := u.from+" "+u.name, "* "+u.name
		needed[inFile], needed[inAll] = true, true
		if exceptions[inFile] == "" && exceptions[inAll] == "" {
			problems = append(problems, fmt.Sprintf("%s: must not use %s of %s: %s", u.at, u.name, u.to, why))
		}
	}
	for _, e := range slices.Sorted(maps.Keys(exceptions)) {
		if !needed[e] {
			problems = append(problems, fmt.Sprintf("layerExceptions: %q is not needed; remove it", e))
		}
	}
	return problems
}

// TestLayerProblems checks that TestFileLayers detects each kind of mistake.
func TestLayerProblems(t *testing.T) {
	const layers = "a b\nc\n---\nd e\nf\n"
	files := []string{"a.go", "b.go", "c.go", "d.go", "e.go", "f.go", "doc.go"}
	for _, test := range []struct {
		name, layers, exception string
		use                     use
		want                    string
	}{
		{"same layer", layers, "", use{"x", "a.go", "b.go", "n"}, ""},
		{"upwards", layers, "", use{"x", "c.go", "b.go", "n"}, ""},
		{"across the dashes", layers, "", use{"x", "d.go", "c.go", "N"}, ""},
		{"below the dashes", layers, "", use{"x", "f.go", "d.go", "n"}, ""},
		{"downwards", layers, "", use{"x", "b.go", "c.go", "N"},
			"x: must not use N of c.go: its layer is below"},
		{"unexported", layers, "", use{"x", "d.go", "c.go", "n"},
			"x: must not use n of c.go: it is not exported and above the dashes"},
		{"neighbour", layers, "", use{"x", "d.go", "e.go", "n"},
			"x: must not use n of e.go: it is not exported, and the files are neighbours"},
		{"exception", layers, "d.go n", use{"x", "d.go", "e.go", "n"}, ""},
		{"exception for all", layers, "* n", use{"x", "d.go", "e.go", "n"}, ""},
		{"unused exception", layers, "e.go n", use{"x", "a.go", "b.go", "n"},
			`layerExceptions: "e.go n" is not needed; remove it`},
		{"no file", "g\n" + layers, "", use{}, "layers: there is no g.go; remove its name"},
		{"no layer", strings.Replace(layers, "f", "", 1), "", use{},
			"layers: f.go has no layer; add it to the first layer below all that it uses"},
	} {
		exceptions := map[string]string{}
		if test.exception != "" {
			exceptions[test.exception] = "a reason"
		}
		got := strings.Join(layerProblems(test.layers, exceptions, files, []use{test.use}), "\n")
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// parseDir parses the files of a directory that are not tests, whatever they are built
// for.
func parseDir(t *testing.T, fset *token.FileSet, dir string, mode parser.Mode) (files []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, mode|parser.SkipObjectResolution)
		if file == nil {
			t.Fatal(err)
		}
		files = append(files, file) // an older Go cannot parse all of a file for a newer one
	}
	return files
}
