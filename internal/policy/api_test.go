package policy_test

import (
	"flag"
	"fmt"
	"go/build"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/asyncio/internal/policy"
)

// newGo is the Go version that some declarations require. Their lines in api.txt end with
// its name. An older Go cannot see these declarations and keeps their lines.
const newGo = "go1.27"

var update = flag.Bool("update", false, "rewrite api.txt")

// TestAPI compares api.txt with the exported declarations of all packages.
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
	if !slices.Contains(build.Default.ReleaseTags, newGo) { // keep the lines of a newer Go
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
		t.Log("if the change is intended, run: go test -run TestAPI ./internal/policy -update")
	}
}

// declarations calls add for each exported declaration of pkg, with its line of text.
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
		if _, ok := obj.(*types.TypeName); !ok || named == nil || named.Obj() != obj { // not a type, or an alias
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
				inValues := set == pointers && values.Lookup(pkg, m.Obj().Name()) != nil
				// The lines of an exported embedded type have its methods.
				inEmbedded := len(m.Index()) > 1 && fields.Field(m.Index()[0]).Exported()
				if m.Obj().Exported() && !inValues && !inEmbedded {
					add(m.Obj(), types.SelectionString(m, names))
				}
			}
		}
	}
}
