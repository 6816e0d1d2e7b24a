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
executor
executor/executortest  executor
inspect
asyncio                inspect internal/ring internal/timerheap internal/coro internal/list internal/shrink driver executor
introspect             asyncio inspect executor
conformance            asyncio driver
docs/diagrams
`

// layers has the files of package asyncio in their order, lowest first. A file uses files
// that come before it. A use of a file that comes after it is a back reference, which
// needs a line in backReferences.
//
//   - errors ... contextvar: values, and the words that all objects begin with
//   - current ... callback: what a ctx carries; tasks, calls and futures
//   - loop ... control: the loop, turns, and how control passes
//   - await ... run: what programs call to run, wait and stop
//   - snapshot ... graph: plain data for observers
//
// A file below the dashes uses only exported names of files above them, and exported
// names of its neighbours in the line, except those in sharedNames. So the locks, queues
// and groups need almost nothing that users do not have.
//
// A name without a file fails the test.
const layers = `
errors layout place cancellederror cancelsignal contextvar
current task tasklist report handle inbox future callback
loop describe debug turn stack observe cancel scope control
await create sleep offload concurrent run run_go127
graph collect render snapshot
---
waiters
wait lock slots
timeout group shield completed event condition semaphore gather barrier queue map
methods_go127
`

// backReferences has the pairs of files of which each needs the other, with the reason. A
// line that is no longer needed fails the test. There must be fewer than
// maxBackReferences.
var backReferences = map[string]string{
	"layout callback": "an entry is one word, and layout.go knows the types that begin with it",
	"layout future":   "as layout callback",
	"layout handle":   "as layout callback",
	"layout task":     "as layout callback",

	"current future": "the ctx of a task finds its loop through the task's future, without an interface",
	"current loop":   "a ctx names its loop, and context variables are those of the running code",
	"current task":   "most ctxs are a task's, and asserting one type is faster than an interface",
	"current debug":  "debug mode checks each await",

	"task future":   "a Task embeds its Future",
	"task loop":     "a task belongs to its loop",
	"task report":   "a panic is reported at once",
	"task describe": "a task describes what it waits for",
	"task control":  "AllTasks of a loop",

	"handle future": "a callback delivers the outcome of a future",
	"handle loop":   "a call belongs to its loop",
	"handle debug":  "debug mode checks the goroutine",
	"handle turn":   "Cancel of a timer removes it from the heap",

	"report future": "a report names the future and the task",
	"report handle": "a report names the call",
	"report loop":   "the loop has the exception handler",

	"inbox loop":    "an inbox wakes its loop, and calls belong to it",
	"future loop":   "a future belongs to its loop, whose ready queue takes its waiters",
	"future debug":  "debug mode checks the goroutine",
	"callback loop": "a callback of a future that is done goes to the ready queue",

	"loop control": "the loop has stacks and eager starts",
	"loop create":  "the loop has a TaskFactory",
	"loop debug":   "the loop has a debug mode",
	"loop scope":   "the loop lists the open scopes for observers",
	"loop stack":   "the loop has the probe that a stack answers",
	"loop turn":    "calls take the inbox first, and timers go to the heap",
	"turn control": "a deadlock report lists all tasks",
	"scope await":  "a scope belongs to the task that may await",
}

const maxBackReferences = 40

// sharedNames has the unexported names that files below the dashes use, and why no user
// needs them. The key is "file name", or "* name" for all files. A line that is no longer
// needed fails the test.
var sharedNames = map[string]string{
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
	"* createAs":       "a task with a wrapper around the user's function; stacks and snapshots show that function",
	"* codePointer":    "like createAs",
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
	report(t, layerProblems(layers, backReferences, sharedNames, existing, uses))
}

// A use is a use of a name in another file than that of its declaration.
type use struct{ at, from, to, name string }

// layerProblems compares the layers, as text, with the files that exist and with all
// uses.
func layerProblems(layers string, back, shared map[string]string, files []string, uses []use) (problems []string) {
	type position struct{ line, index int }
	positions := map[string]position{"doc.go": {}}
	dashes := 0
	for n, line := range strings.Split(layers, "\n") {
		if line == "---" {
			dashes = n
			continue
		}
		for _, name := range strings.Fields(line) {
			positions[name+".go"] = position{n, len(positions)}
			if !slices.Contains(files, name+".go") {
				problems = append(problems, fmt.Sprintf("layers: there is no %s.go; remove its name", name))
			}
		}
	}
	for _, file := range files {
		if _, known := positions[file]; !known && !strings.HasSuffix(file, "_test.go") {
			problems = append(problems, fmt.Sprintf("layers: %s has no layer; add it after all files that it uses", file))
		}
	}

	needed := map[string]bool{}
	for _, u := range uses {
		user, used := positions[u.from], positions[u.to]
		if used.index > user.index {
			pair := strings.TrimSuffix(u.from, ".go") + " " + strings.TrimSuffix(u.to, ".go")
			needed["back "+pair] = true
			if back[pair] == "" {
				problems = append(problems, fmt.Sprintf("%s: must not use %s of %s, which comes after it", u.at, u.name, u.to))
			}
			continue
		}
		if ast.IsExported(u.name) || user.line < dashes || used.line > dashes && used.line != user.line {
			continue
		}
		inFile, inAll := u.from+" "+u.name, "* "+u.name
		needed["shared "+inFile], needed["shared "+inAll] = true, true
		if shared[inFile] == "" && shared[inAll] == "" {
			problems = append(problems, fmt.Sprintf("%s: must not use %s of %s, which is not exported", u.at, u.name, u.to))
		}
	}
	for _, pair := range slices.Sorted(maps.Keys(back)) {
		if !needed["back "+pair] {
			problems = append(problems, fmt.Sprintf("backReferences: %q is not needed; remove it", pair))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(shared)) {
		if !needed["shared "+name] {
			problems = append(problems, fmt.Sprintf("sharedNames: %q is not needed; remove it", name))
		}
	}
	if len(back) >= maxBackReferences {
		problems = append(problems, fmt.Sprintf("backReferences: %d pairs of files need each other; there must be fewer than %d", len(back), maxBackReferences))
	}
	return problems
}

// TestLayerProblems checks that TestFileLayers detects each kind of mistake.
func TestLayerProblems(t *testing.T) {
	const layers = "a b\nc\n---\nd e\nf\n"
	files := []string{"a.go", "b.go", "c.go", "d.go", "e.go", "f.go", "doc.go"}
	for _, test := range []struct {
		name, layers, back, shared string
		use                        use
		want                       string
	}{
		{"earlier file", layers, "", "", use{"x", "c.go", "b.go", "n"}, ""},
		{"earlier file of the line", layers, "", "", use{"x", "b.go", "a.go", "n"}, ""},
		{"across the dashes", layers, "", "", use{"x", "d.go", "c.go", "N"}, ""},
		{"below the dashes", layers, "", "", use{"x", "f.go", "d.go", "n"}, ""},
		{"later file", layers, "", "", use{"x", "b.go", "c.go", "N"},
			"x: must not use N of c.go, which comes after it"},
		{"later file of the line", layers, "", "", use{"x", "a.go", "b.go", "N"},
			"x: must not use N of b.go, which comes after it"},
		{"back reference", layers, "b c", "", use{"x", "b.go", "c.go", "N"}, ""},
		{"unused back reference", layers, "b c", "", use{"x", "c.go", "b.go", "N"},
			`backReferences: "b c" is not needed; remove it`},
		{"unexported", layers, "", "", use{"x", "d.go", "c.go", "n"},
			"x: must not use n of c.go, which is not exported"},
		{"neighbour", layers, "", "", use{"x", "e.go", "d.go", "n"},
			"x: must not use n of d.go, which is not exported"},
		{"shared name", layers, "", "e.go n", use{"x", "e.go", "d.go", "n"}, ""},
		{"shared name for all", layers, "", "* n", use{"x", "e.go", "d.go", "n"}, ""},
		{"unused shared name", layers, "", "e.go n", use{"x", "b.go", "a.go", "n"},
			`sharedNames: "e.go n" is not needed; remove it`},
		{"no file", "g\n" + layers, "", "", use{}, "layers: there is no g.go; remove its name"},
		{"no layer", strings.Replace(layers, "f", "", 1), "", "", use{},
			"layers: f.go has no layer; add it after all files that it uses"},
	} {
		reasons := func(key string) map[string]string {
			if key == "" {
				return nil
			}
			return map[string]string{key: "a reason"}
		}
		got := strings.Join(layerProblems(test.layers, reasons(test.back), reasons(test.shared), files, []use{test.use}), "\n")
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
