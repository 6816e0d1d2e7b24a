package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// A walker finds the regular files of some trees and gives out their paths in the order in which
// LC_ALL=C sort would put them, each once. What it has in memory are the names in the directories
// from the root to where it is, not the tree.
//
// The order comes from one rule: where a path that ends in a directory is compared, it has a
// slash at its end, as the paths of all that is below it. So a.txt comes before a/b, and a0 after.
//
// A symbolic link is neither a file nor followed, as find -type f has it; but one
// that a root goes through is.
type walker struct {
	trees []*tree // by root
	last  string  // given out
}

// A tree is a walk through one directory.
type tree struct {
	root string
	next string // the path to come; a directory, which was not looked into, if it ends with a slash
	dirs []dir  // that it is in, from the root down
}

// A dir is a directory and the names in it that are still to come.
type dir struct {
	path  string
	names []string
}

// newWalker returns a walker of the trees with these roots, which must be
// directories or regular files.
func newWalker(roots []string) (*walker, error) {
	w := &walker{}
	for _, root := range roots {
		info, err := os.Stat(root)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", printable(root), reason(err))
		case info.IsDir():
			root = strings.TrimSuffix(root, "/") + "/"
		case !info.Mode().IsRegular():
			return nil, fmt.Errorf("%s: neither a directory nor a regular file", printable(root))
		}
		w.trees = append(w.trees, &tree{root: root, next: root})
	}
	slices.SortStableFunc(w.trees, func(a, b *tree) int { return strings.Compare(a.root, b.root) })
	return w, nil
}

// next returns the next file. A directory that cannot be read is an item with an error.
func (w *walker) next(ctx context.Context) (item, error) {
	for len(w.trees) > 0 {
		t := w.first()
		path := t.next
		var err error
		if strings.HasSuffix(path, "/") {
			err = t.enter(ctx, path)
		}
		if !t.advance() {
			w.trees = slices.DeleteFunc(w.trees, func(other *tree) bool { return other == t })
		}
		switch {
		case err != nil:
			return item{path: path, err: err}, nil
		case strings.HasSuffix(path, "/") || path == w.last:
			continue
		}
		w.last = path
		it := item{path: path}
		if info, err := os.Lstat(path); err == nil { // or else its time to be missed comes later
			it.size = info.Size()
		}
		return it, nil
	}
	return item{}, io.EOF
}

// first returns the tree whose next path is the least. Most often that is the first of them: only where
// a root is inside of another tree are there two to choose from.
func (w *walker) first() *tree {
	first := w.trees[0]
	for _, t := range w.trees[1:] {
		if t.root > first.next {
			break
		}
		if t.next < first.next {
			first = t
		}
	}
	return first
}

// enter looks into a directory.
func (t *tree) enter(ctx context.Context, path string) error {
	names, err := list(ctx, path)
	t.dirs = append(t.dirs, dir{path, names})
	return err
}

// advance goes to the next path; false if there is none.
func (t *tree) advance() bool {
	for len(t.dirs) > 0 {
		d := &t.dirs[len(t.dirs)-1]
		if len(d.names) > 0 {
			t.next = d.path + d.names[0]
			d.names = d.names[1:]
			return true
		}
		t.dirs = t.dirs[:len(t.dirs)-1]
	}
	return false
}

// list returns the names of the regular files in a directory and of the directories, which have a
// slash, sorted. With an error it returns those that were found before.
func list(ctx context.Context, path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var names []string
	for err == nil {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var entries []fs.DirEntry
		entries, err = f.ReadDir(256)
		for _, e := range entries {
			switch {
			case e.IsDir():
				names = append(names, e.Name()+"/")
			case e.Type().IsRegular():
				names = append(names, e.Name())
			}
		}
	}
	if err == io.EOF {
		err = nil
	}
	slices.Sort(names)
	return names, err
}
