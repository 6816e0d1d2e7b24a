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

// A walker finds the regular files of some trees. It returns each path once, in the order
// of LC_ALL=C sort. It keeps in memory only a limited number of names for each directory
// from the root to the current one.
//
// To get this order, the walker compares the path of a directory with a slash at its end,
// as in the paths of the files below it. So a.txt precedes a/b, and a0 follows it.
//
// Like find -type f, the walker neither returns nor follows symbolic links. A root may be
// a symbolic link.
type walker struct {
	trees []*tree // sorted by root
	last  string  // last path returned
}

// A tree is a walk through one directory.
type tree struct {
	root string
	next string // next path; a directory if it ends with a slash
	dirs []dir  // open directories, from the root down
}

// A dir is a directory with its remaining names.
type dir struct {
	path  string
	names []string
	last  string // last name taken from names
	more  bool   // the directory has names after those in names
	err   error  // read error that is not reported yet
}

// newWalker returns a walker of the trees with these roots, which must be directories or
// regular files.
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

// next returns the next file. For a directory that cannot be read, it returns an item
// with an error.
func (w *walker) next(ctx context.Context) (item, error) {
	for len(w.trees) > 0 {
		t := w.first()
		path, isDir := t.next, strings.HasSuffix(t.next, "/")
		var err error
		if isDir {
			err = t.enter(path)
		}
		if !t.advance(ctx) {
			w.trees = slices.DeleteFunc(w.trees, func(other *tree) bool { return other == t })
		}
		switch {
		case err != nil:
			return item{path: path, err: err}, nil
		case isDir || path == w.last:
			continue
		}
		w.last = path
		it := item{path: path}
		if info, err := os.Lstat(path); err == nil { // an error is reported when the file is opened
			it.size = info.Size()
		}
		return it, nil
	}
	return item{}, io.EOF
}

// first returns the tree with the smallest next path. This is the first tree unless the
// root of another one is inside it.
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

// enter enters the directory path. If that is already the current directory, enter
// returns its pending read error.
func (t *tree) enter(path string) error {
	if n := len(t.dirs); n > 0 && t.dirs[n-1].err != nil {
		d := &t.dirs[n-1]
		err := d.err
		d.err = nil
		return err
	}
	t.dirs = append(t.dirs, dir{path: path, more: true})
	return nil
}

// advance moves to the next path. It returns false if there is none.
func (t *tree) advance(ctx context.Context) bool {
	for len(t.dirs) > 0 {
		d := &t.dirs[len(t.dirs)-1]
		if len(d.names) == 0 && d.more {
			d.names = nil // free the old names before reading the new ones
			d.names, d.more, d.err = list(ctx, d.path, d.last, listLimit)
		}
		switch {
		case d.err != nil:
			t.next = d.path
			return true
		case len(d.names) > 0:
			d.last = d.names[0]
			d.names = d.names[1:]
			t.next = d.path + d.last
			return true
		}
		t.dirs = t.dirs[:len(t.dirs)-1]
	}
	return false
}

// listLimit is the maximum number of names of a directory in memory. A larger directory
// is read again for every listLimit names, which trades time for memory.
const listLimit = 1 << 16

// list returns the sorted names of the regular files and directories in a directory.
// Names of directories end with a slash. It returns at most limit names that follow
// after, and whether there are more. If it returns an error, names has some of the names
// found before.
func list(ctx context.Context, path, after string, limit int) (names []string, more bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	last := "" // largest name that can be among the first limit names
	cut := func() {
		slices.Sort(names)
		if len(names) > limit {
			clear(names[limit:])
			names, more = names[:limit], true
			last = names[limit-1]
		}
	}
	for err == nil {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		var entries []fs.DirEntry
		entries, err = f.ReadDir(256)
		for _, e := range entries {
			name := e.Name()
			switch {
			case e.IsDir():
				name += "/"
			case !e.Type().IsRegular():
				continue
			}
			if name > after && (!more || name < last) {
				names = append(names, name)
			}
		}
		if len(names) >= 2*limit {
			cut()
		}
	}
	cut()
	if err != io.EOF {
		return names, false, err
	}
	return names, more, nil
}
