// Package zerovalue helps to test the zero values of the exported structs of a package.
package zerovalue

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
	"testing"
)

// A Use is one way to use a zero value or a nil pointer.
type Use struct {
	Name   string
	Call   func()
	Panics string // part of the text of the panic; empty if Call returns
}

// Test makes all calls, each in a subtest. The keys are the names of the exported struct
// types of the package in the current directory. Test fails if any of them is missing, so
// that a new struct needs a decision about its zero value.
func Test(t *testing.T, uses map[string][]Use) {
	structs, err := Structs(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range structs {
		if len(uses[name]) == 0 {
			t.Errorf("no test uses the zero value of %s", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(uses)) {
		if !slices.Contains(structs, name) {
			t.Errorf("%s is not an exported struct type", name)
		}
		for _, use := range uses[name] {
			t.Run(name+"/"+use.Name, func(t *testing.T) {
				defer func() {
					text := ""
					if p := recover(); p != nil {
						text = fmt.Sprint(p)
					}
					if (text == "") != (use.Panics == "") || !strings.Contains(text, use.Panics) {
						t.Errorf("the panic is %q, want %q", text, use.Panics)
					}
				}()
				use.Call()
			})
		}
	}
}

// Structs returns the names of the exported struct types of the package in dir, sorted.
func Structs(dir string) ([]string, error) {
	pkg, err := build.ImportDir(dir, 0)
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range pkg.GoFiles {
		file, err := parser.ParseFile(fset, dir+"/"+name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	// The types of imported packages do not matter, so errors about them are ignored.
	config := types.Config{Error: func(error) {}}
	checked, _ := config.Check(pkg.ImportPath, fset, files, nil)
	var structs []string
	for _, name := range checked.Scope().Names() {
		obj, ok := checked.Scope().Lookup(name).(*types.TypeName)
		if !ok || !obj.Exported() {
			continue
		}
		if _, ok := obj.Type().Underlying().(*types.Struct); ok {
			structs = append(structs, name)
		}
	}
	return structs, nil
}
