package asyncio_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
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
internal/testkit        asyncio driver
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
// that wake them hold each other. offload, concurrent and run stand above the dashes: they
// are doors of the loop, as inbox is.
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

var update = flag.Bool("update", false, "rewrite api.txt")

func TestImports(t *testing.T) {
	rules := map[string][]string{}
	for line := range strings.Lines(imports) {
		if words := strings.Fields(line); len(words) > 0 {
			rules[words[0]] = words[1:]
		}
	}
	all := goList(t)
	for _, p := range all.own {
		may, known := rules[p.short()]
		if !known {
			t.Errorf("%s is not among the imports in policy_test.go: add a line that says what it may import", p.short())
			continue
		}
		for _, path := range p.Imports {
			switch imported := all.byPath[path]; {
			case imported == nil || imported.Module == nil && !imported.Standard:
				t.Errorf("%s imports %s, of which go list knows nothing", p.short(), path)
			case imported.Standard:
			case imported.Module.Path != p.Module.Path:
				t.Errorf("%s may not import %s: the module requires nothing but Go", p.short(), path)
			case !slices.Contains(may, imported.short()) && !slices.Contains(may, "*"):
				t.Errorf("%s may not import %s", p.short(), imported.short())
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

	all := goList(t)
	root, err := build.ImportDir(".", 0) // minds build tags, and go test learns which files matter here
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range root.GoFiles {
		if _, known := layerOf[name]; !known {
			t.Errorf("%s is not among the layers in policy_test.go: add it to the first layer that has all it needs above", name)
		}
		file, err := parser.ParseFile(all.fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	info := types.Info{Uses: map[*ast.Ident]types.Object{}}
	pkg, err := (&types.Config{Importer: all.importer}).Check("asyncio", all.fset, files, &info)
	if err != nil {
		t.Fatal(err)
	}

	var wrong []string
	needed := map[string]bool{} // of layerExceptions
	for id, obj := range info.Uses {
		from, to := all.fset.Position(id.Pos()).Filename, all.fset.Position(obj.Pos()).Filename
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
			wrong = append(wrong, fmt.Sprintf("%v may not use %s of %s: %s", all.fset.Position(id.Pos()), obj.Name(), to, why))
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
	all := goList(t)
	var got []string
	for _, p := range all.own {
		if p.Name == "main" || strings.Contains("/"+p.short(), "/internal/") || p.short() == "conformance" {
			continue
		}
		pkg, err := all.importer.Import(p.ImportPath)
		if err != nil {
			t.Fatal(err)
		}
		before := build.Default
		before.ReleaseTags = before.ReleaseTags[:slices.Index(append(before.ReleaseTags, newGo), newGo)]
		declarations(pkg, func(obj types.Object, text string) {
			file := filepath.Base(all.fset.Position(obj.Pos()).Filename)
			if old, err := before.MatchFile(p.Dir, file); err == nil && !old {
				text += " // " + newGo
			}
			got = append(got, p.short()+": "+text)
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
		t.Log("if that is meant: go test -run TestAPI -update")
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

// A listing is what the go command knows of this module's packages and of all they import.
type listing struct {
	own      []*listed
	byPath   map[string]*listed
	fset     *token.FileSet
	importer types.Importer
}

type listed struct {
	ImportPath, Name, Dir, Export string
	Imports                       []string
	Standard, DepOnly             bool
	Module                        *struct{ Path string }
}

// short is the path without the module's, and asyncio for the root.
func (p *listed) short() string {
	if short, ok := strings.CutPrefix(p.ImportPath, p.Module.Path+"/"); ok {
		return short
	}
	return "asyncio"
}

func goList(t *testing.T) *listing {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip(err)
	}
	all, err := listOnce()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The types come from the compiler's export data: a first run waits for it, and all others
// find it in the build cache, where checking the sources of the standard library again costs
// each of them a second or more.
var listOnce = sync.OnceValues(func() (*listing, error) {
	cmd := exec.Command("go", "list", "-buildvcs=false", "-export", "-deps", "-json=ImportPath,Name,Dir,Export,Imports,Standard,DepOnly,Module", "./...")
	cmd.Stderr = new(bytes.Buffer)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%v: %w\n%v", cmd, err, cmd.Stderr)
	}
	all := &listing{byPath: map[string]*listed{}, fset: token.NewFileSet()}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(listed)
		if err := dec.Decode(p); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		all.byPath[p.ImportPath] = p
		if !p.DepOnly {
			all.own = append(all.own, p)
			// go test keeps a result until a file changes that the test has opened. It does
			// not see what go list opens, and so would not run again when sim changes.
			if _, err := os.ReadDir(p.Dir); err != nil {
				return nil, err
			}
		}
	}
	all.importer = importer.ForCompiler(all.fset, "gc", func(path string) (io.ReadCloser, error) {
		if p := all.byPath[path]; p != nil && p.Export != "" {
			return os.Open(p.Export)
		}
		return nil, fmt.Errorf("go list has no export data of %s", path)
	})
	return all, nil
})
