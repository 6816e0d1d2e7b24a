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
// LC_ALL=C sort would put them, each once. What it has in memory are names in the directories from
// the root to where it is, and not too many of each.
//
// The order comes from one rule: the path of a directory is compared with a slash at its end, as
// it stands in the paths of all that is below it. So a.txt comes before a/b, and a0 after.
//
// A symbolic link is neither a file nor followed, as find -type f has it; but a root may be one.
type walker struct {
	trees []*tree // by root
	last  string  // given out
}

// A tree is a walk through one directory.
type tree struct {
	root string
	next string // the path to come; a directory if it ends with a slash
	dirs []dir  // that it is in, from the root down
}

// A dir is a directory and names in it that are still to come.
type dir struct {
	path  string
	names []string
	last  string // of the names so far
	more  bool   // after the last
	err   error  // of reading it, which nobody was told
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
		if info, err := os.Lstat(path); err == nil { // or else it is missed when it is opened
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

// enter goes down into a directory. If it is in there already, this is about an error.
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

// advance goes to the next path; false if there is none.
func (t *tree) advance(ctx context.Context) bool {
	for len(t.dirs) > 0 {
		d := &t.dirs[len(t.dirs)-1]
		if len(d.names) == 0 && d.more {
			d.names = nil // or else the old ones stay until the new ones are there
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

// listLimit is how many names of a directory are in memory at a time. One that has more is read again
// for each so many of them: that takes time, which can be had, and not memory.
const listLimit = 1 << 16

// list returns the names of the regular files in a directory and of the directories, which have a slash, sorted. It
// returns the first limit of those after a name, and whether there are more.
// With an error it returns some of those that were found before.
func list(ctx context.Context, path, after string, limit int) (names []string, more bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	last := "" // of those that can be among the first
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
