package policy_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/asyncio/internal/policy"
)

// This file holds the rules of CONTRIBUTING.md that a compiler does not know.

// A line for each package of the module, and what it may import of the module.
// Tests may import anything. A line is a decision: whoever lengthens one says why in the commit.
const imports = `
internal/ring          internal/shrink
internal/list
internal/shrink
internal/zerovalue
internal/timerheap     internal/shrink
internal/coro
internal/testkit       asyncio driver
internal/policy
internal/suite
driver
driver/drivertest      driver
executor               internal/list
executor/executortest  executor
executor/process       executor
inspect
asyncio                inspect internal/ring internal/timerheap internal/coro internal/list internal/shrink driver executor
asynciotest            asyncio driver executor
sim                    asyncio driver executor
introspect             asyncio inspect driver executor
conformance            *
`

// The files of package asyncio, in layers: a file uses its own and those above. Below the
// dashes a file uses only exported names of what stands above them, as any user could, so
// that a better queue or group can be written outside with the same means; and only
// exported names of its neighbours in the layer.
//
// What makes up the loop is one layer, since a loop, its calls, its strands and the futures
// that wake them hold each other. offload and run stand above the dashes: they are doors of the loop, as inbox is.
const layers = `
errors
contextvar cancelsignal
layout funcname current task tasklist report handle inbox future callback loop describe cancelorigin debug turn stack observe cancel scope control create await sleep offload run
snapshot collect render graph
---
waiters
wait lock
timeout group shield gather completed event condition semaphore barrier queue
methods_go127
`

// "file name" where the layers do not hold, and why; "* name" for all files. One that
// nothing needs any more fails the test.
var layerExceptions = map[string]string{

	"* misuse":         "writes an error's text, as fmt.Errorf does outside",
	"* isCancelled":    "reads an error, as errors.Is does outside",
	"* loopToAwaitOn":  "RunningLoop without its mark that other goroutines may have the loop, which would hide deadlocks",
	"* mustLoop":       "as loopToAwaitOn",
	"* initFuture":     "a future of a type that reports its own wait reason",
	"* sharedCallback": "one callback for many futures",
	"* newScope":       "the ctx of a block that cancels its task",
	"* cancelScope":    "as newScope",
	"* cancelBy":       "a cancel in the name of a block",
	"* loop":           "as runningLoop, for the loop of a Scope",
	"* futureBase":     "tells that a Task and its Future are one",
	"* base":           "as futureBase",

	"barrier.go kind":   "who waits at a barrier is not to read of its condition",
	"barrier.go object": "as kind",

	"group.go refusedTask": "what a group that is over returns in place of CPython's exception: a task that never runs",
}

// What only this Go and later ones compile; such lines of api.txt end with its name.
const newGo = "go1.27"

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

var update = flag.Bool("update", false, "rewrite api.txt")

func TestImports(t *testing.T) {
	rules := map[string][]string{}
	for line := range strings.Lines(imports) {
		if words := strings.Fields(line); len(words) > 0 {
			rules[words[0]] = words[1:]
		}
	}
	all := policy.List(t)
	for _, p := range all.Own {
		may, known := rules[p.Short()]
		if !known {
			t.Errorf("%s is not among the imports in policy_test.go: add a line that says what it may import", p.Short())
			continue
		}
		for _, path := range p.Imports {
			switch imported := all.ByPath[path]; {
			case imported == nil || imported.Module == nil && !imported.Standard:
				t.Errorf("%s imports %s, of which go list knows nothing", p.Short(), path)
			case imported.Standard:
			case imported.Module.Path != p.Module.Path:
				t.Errorf("%s may not import %s: the module requires nothing but Go", p.Short(), path)
			case !slices.Contains(may, imported.Short()) && !slices.Contains(may, "*"):
				t.Errorf("%s may not import %s", p.Short(), imported.Short())
			}
		}
	}
}

func TestFileLayers(t *testing.T) {
	layerOf := map[string]int{"doc.go": 0}
	line := 0 // where the dashes are
	for n, files := range strings.Split(layers, "\n") {
		for _, file := range strings.Fields(files) {
			layerOf[file+".go"] = n
		}
		if files == "---" {
			line = n
		}
	}

	all := policy.List(t)
	root, err := build.ImportDir(".", 0) // minds build tags, and go test learns which files matter here
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range root.GoFiles {
		if _, known := layerOf[name]; !known {
			t.Errorf("%s is not among the layers in policy_test.go: add it to the first layer that has all it needs above", name)
		}
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

	var wrong []string
	needed := map[string]bool{} // of layerExceptions
	for id, obj := range info.Uses {
		from, to := all.Fset.Position(id.Pos()).Filename, all.Fset.Position(obj.Pos()).Filename
		if obj.Pkg() != pkg || from == to {
			continue
		}
		var why string
		switch user, used := layerOf[from], layerOf[to]; {
		case used > user:
			why = to + " comes after it"
		case obj.Exported() || user < line:
		case used < line:
			why = "it is not exported, and stands above the line"
		case used == user:
			why = "it is not exported, and the two are neighbours"
		}
		exceptions := []string{from + " " + obj.Name(), "* " + obj.Name()}
		for _, e := range exceptions {
			needed[e] = needed[e] || why != ""
		}
		if why != "" && layerExceptions[exceptions[0]] == "" && layerExceptions[exceptions[1]] == "" {
			wrong = append(wrong, fmt.Sprintf("%v may not use %s of %s: %s", all.Fset.Position(id.Pos()), obj.Name(), to, why))
		}
	}
	for e := range layerExceptions {
		if !needed[e] {
			wrong = append(wrong, fmt.Sprintf("layerExceptions: nothing needs %q any more; take it out", e))
		}
	}
	slices.Sort(wrong)
	for _, text := range wrong {
		t.Error(text)
	}
}

func TestAPI(t *testing.T) {
	all := policy.List(t)
	var got []string
	for _, p := range all.Own {
		if p.Name == "main" || strings.Contains("/"+p.Short(), "/internal/") || p.Short() == "conformance" {
			continue
		}
		pkg, err := all.Importer.Import(p.ImportPath)
		if err != nil {
			t.Fatal(err)
		}
		before := build.Default
		before.ReleaseTags = before.ReleaseTags[:slices.Index(append(before.ReleaseTags, newGo), newGo)]
		declarations(pkg, func(obj types.Object, text string) {
			file := filepath.Base(all.Fset.Position(obj.Pos()).Filename)
			if old, err := before.MatchFile(p.Dir, file); err == nil && !old {
				text += " // " + newGo
			}
			got = append(got, p.Short()+": "+text)
		})
	}

	text, err := os.ReadFile("api.txt")
	if err != nil && !*update {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if !slices.Contains(build.Default.ReleaseTags, newGo) { // take its word for what we cannot see
		for _, line := range want {
			if strings.HasSuffix(line, " // "+newGo) {
				got = append(got, line)
			}
		}
	}
	slices.Sort(got)
	if *update {
		if err := os.WriteFile("api.txt", []byte(strings.Join(got, "\n")+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("not in api.txt: %s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("only in api.txt: %s", line)
		}
	}
	if t.Failed() {
		t.Log("if that is meant: go test -run TestAPI -update ./internal/policy")
	}
}

// declarations calls add for everything that pkg exports, each with its line of text.
func declarations(pkg *types.Package, add func(types.Object, string)) {
	names := func(p *types.Package) string {
		if p == pkg {
			return ""
		}
		return p.Name()
	}
	for _, name := range pkg.Scope().Names() {
		obj := pkg.Scope().Lookup(name)
		if !obj.Exported() {
			continue
		}
		text := types.ObjectString(obj, names)
		if c, ok := obj.(*types.Const); ok {
			text += " = " + c.Val().ExactString()
		}
		named, _ := obj.Type().(*types.Named)
		if _, ok := obj.(*types.TypeName); !ok || named == nil || named.Obj() != obj { // no type, or an alias
			add(obj, text)
			continue
		}

		fields := types.NewStruct(nil, nil)
		switch under := named.Underlying().(type) {
		case *types.Struct:
			fields = under
			text = "type " + types.TypeString(named, names) + " struct"
		case *types.Interface:
			if under.IsMethodSet() {
				text = "type " + types.TypeString(named, names) + " interface"
			}
			for m := range under.Methods() {
				if !m.Exported() {
					text += ", sealed"
					break
				}
			}
		}
		add(obj, text)
		for f := range fields.Fields() {
			if f.Exported() {
				add(f, fmt.Sprintf("field (%s) %s %s", types.TypeString(named, names), f.Name(), types.TypeString(f.Type(), names)))
			}
		}
		values, pointers := types.NewMethodSet(named), types.NewMethodSet(types.NewPointer(named))
		for _, set := range []*types.MethodSet{values, pointers} {
			for m := range set.Methods() {
				seen := set == pointers && values.Lookup(pkg, m.Obj().Name()) != nil
				told := len(m.Index()) > 1 && fields.Field(m.Index()[0]).Exported() // by the embedded type's lines
				if m.Obj().Exported() && !seen && !told {
					add(m.Obj(), types.SelectionString(m, names))
				}
			}
		}
	}
}
