// Package policy tests the rules of CONTRIBUTING.md that the compiler does not enforce,
// and the documentation. Its own code loads the packages of the repository for these and
// other tests.
package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Root returns the root directory of the repository, the first with a go.mod at or above
// the working directory.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod in the working directory or above it")
		}
		dir = parent
	}
}

// A Listing has the packages of this module and all packages that they import.
type Listing struct {
	Own      []*Package // the packages of this module
	ByPath   map[string]*Package
	Fset     *token.FileSet // for parsing and for Importer
	Importer types.Importer // reads the compiler's export data
}

// A Package is part of the output of go list.
type Package struct {
	ImportPath, Name, Dir, Export string
	Imports                       []string
	Standard, DepOnly             bool
	Module                        *struct{ Path string }
}

// Short returns the import path without the module's path; asyncio for the root package.
func (p *Package) Short() string {
	if short, ok := strings.CutPrefix(p.ImportPath, p.Module.Path+"/"); ok {
		return short
	}
	return "asyncio"
}

// List returns the listing of the module. It skips the test if the machine has no go
// command.
func List(t testing.TB) *Listing {
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

// listOnce calls go list. The types come from the compiler's export data, which later
// runs find in the build cache. To check the sources of the standard library instead
// would cost each run a second or more.
var listOnce = sync.OnceValues(func() (*Listing, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "list", "-buildvcs=false", "-export", "-deps",
		"-json=ImportPath,Name,Dir,Export,Imports,Standard,DepOnly,Module", "./...")
	cmd.Dir = root
	cmd.Stderr = new(bytes.Buffer)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%v: %w\n%v", cmd, err, cmd.Stderr)
	}
	all := &Listing{ByPath: map[string]*Package{}, Fset: token.NewFileSet()}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(Package)
		if err := dec.Decode(p); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		all.ByPath[p.ImportPath] = p
		if !p.DepOnly {
			all.Own = append(all.Own, p)
			// The test cache keys on the files that the test opens. It does not see what
			// go list opens, so open each directory here.
			if _, err := os.ReadDir(p.Dir); err != nil {
				return nil, err
			}
		}
	}
	all.Importer = importer.ForCompiler(all.Fset, "gc", func(path string) (io.ReadCloser, error) {
		if p := all.ByPath[path]; p != nil && p.Export != "" {
			return os.Open(p.Export)
		}
		return nil, fmt.Errorf("go list has no export data of %s", path)
	})
	return all, nil
})
