package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// walkAll returns the paths and the errors that a walker of roots returns.
func walkAll(t *testing.T, roots ...string) (paths []string, errs []error) {
	t.Helper()
	w, err := newWalker(roots)
	if err != nil {
		t.Fatal(err)
	}
	return walkOn(t, w)
}

func walkOn(t *testing.T, w *walker) (paths []string, errs []error) {
	t.Helper()
	for {
		it, err := w.next(t.Context())
		switch {
		case err == io.EOF:
			return paths, errs
		case err != nil:
			t.Fatal(err)
		case it.err != nil:
			errs = append(errs, it.err)
		default:
			paths = append(paths, it.path)
		}
	}
}

// The paths are sorted bytewise, as by LC_ALL=C sort. A slash has no special order.
func TestOrderOfPaths(t *testing.T) {
	t.Chdir(makeTree(t, map[string]string{
		"a/b": "", "a/c/d": "", "a/c.d": "", "a/c0": "", "a/c-d": "",
		"a.txt": "", "a-b": "", "a b/c": "", "a0": "", "a!": "", "ab": "", "a\x01": "", "A": "", "ä/x": "", "ä0": "", "\xff": "",
		"b/deep/er/and/deeper/x": "", "b/deep/er/x": "", "b/deep.er/x": "", "b/.hidden": "",
	}))
	paths, errs := walkAll(t, ".")
	if len(errs) > 0 {
		t.Error(errs)
	}
	var all []string
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			all = append(all, "./"+path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	if !slices.Equal(paths, all) {
		t.Errorf("got\n\t%q\nwant\n\t%q", paths, all)
	}
}

// Even if a root is inside another one, the paths are sorted and none is repeated.
func TestNestedRoots(t *testing.T) {
	t.Chdir(makeTree(t, map[string]string{"a/0": "", "a/b/x": "", "a/b/y": "", "a/c": "", "a.txt": "", "z/q": ""}))
	for _, c := range []struct{ roots, paths string }{
		{"z a a.txt", "a.txt a/0 a/b/x a/b/y a/c z/q"},
		{"a a", "a/0 a/b/x a/b/y a/c"},
		{"a a/b", "a/0 a/b/x a/b/y a/c"},
		{"a/b/y a", "a/0 a/b/x a/b/y a/c"},
		{"a a/../z", "a/../z/q a/0 a/b/x a/b/y a/c"},
		{"z a/b/../0 a/b", "a/b/../0 a/b/x a/b/y z/q"},
	} {
		paths, errs := walkAll(t, strings.Fields(c.roots)...)
		if got := strings.Join(paths, " "); got != c.paths || len(errs) > 0 {
			t.Errorf("%s: got %s, want %s; errors %v", c.roots, got, c.paths, errs)
		}
	}
}

// Symbolic links in a tree are omitted, as by find -type f. Roots are followed.
func TestSymbolicLinks(t *testing.T) {
	t.Chdir(makeTree(t, map[string]string{"real/file": "", "real/dir/file": ""}))
	for link, target := range map[string]string{
		"real/to-file": "file", "real/to-dir": "dir", "real/nowhere": "none", "real/circle": "..", "root": "real",
	} {
		if err := os.Symlink(target, link); err != nil {
			t.Skip("SKIPPED: cannot create symbolic links:", err)
		}
	}
	paths, errs := walkAll(t, "real", "root")
	want := []string{"real/dir/file", "real/file", "root/dir/file", "root/file"}
	if !slices.Equal(paths, want) || len(errs) > 0 {
		t.Errorf("got %q, want %q; errors %v", paths, want, errs)
	}
}

// A directory that is removed before it is read is an error. The walk continues.
func TestRemovedDirectory(t *testing.T) {
	t.Chdir(makeTree(t, map[string]string{"a": "", "b/gone": "", "c": ""}))
	w, err := newWalker([]string{"."})
	if err != nil {
		t.Fatal(err)
	}
	if it, err := w.next(t.Context()); err != nil || it.path != "./a" {
		t.Fatal(it, err)
	}
	if err := os.RemoveAll("b"); err != nil {
		t.Fatal(err)
	}
	paths, errs := walkOn(t, w)
	if !slices.Equal(paths, []string{"./c"}) || len(errs) != 1 || !os.IsNotExist(errs[0]) {
		t.Errorf("got %q, errors %v", paths, errs)
	}
}

// A directory with too many names for memory is read several times.
func TestLargeDirectory(t *testing.T) {
	files := map[string]string{}
	var all []string
	for i := range 1000 {
		name := strconv.Itoa(i)
		if i%3 == 0 {
			files[name+"/x"] = ""
			name += "/"
		} else {
			files[name] = ""
		}
		all = append(all, name)
	}
	slices.Sort(all)
	dir := makeTree(t, files)
	for _, limit := range []int{1, 7, 100, 499, 500, 999, 1000, 1001} {
		var names []string
		reads := 0
		for more, last := true, ""; more; reads++ {
			var part []string
			var err error
			if part, more, err = list(t.Context(), dir, last, limit); err != nil {
				t.Fatal(err)
			}
			if len(part) == 0 || len(part) > limit {
				t.Fatalf("got %d names at a time, want 1 to %d", len(part), limit)
			}
			names, last = append(names, part...), part[len(part)-1]
		}
		if !slices.Equal(names, all) || reads != (len(all)+limit-1)/limit {
			t.Errorf("limit %d: got %d reads and\n%q", limit, reads, names)
		}
	}
}

// A cancel takes effect while a directory is being read.
func TestWalkIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	names, more, err := list(ctx, makeTree(t, map[string]string{"a": ""}), "", 10)
	if len(names) > 0 || more || err != context.Canceled {
		t.Errorf("got %q, %v, %v; want context.Canceled", names, more, err)
	}
}
