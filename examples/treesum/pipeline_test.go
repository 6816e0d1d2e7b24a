package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"example.com/asyncio"
)

// The lines have the order of the files for any number of jobs.
func TestOrderOfLines(t *testing.T) {
	files, names, wanted := fstest.MapFS{}, []string{}, ""
	for i := range 5 * batchFiles / 2 {
		name := strconv.Itoa(i)
		files[name] = &fstest.MapFile{Data: []byte("a")}
		names = append(names, name)
		wanted += sumOfA + "  " + name + "\n"
	}
	for _, jobs := range []int{1, 2, 50} {
		var stdout, stderr bytes.Buffer
		p := newPipeline(&fileNames{names: names}, jobs, sha256Summers(files.Open), &stdout, &stderr)
		if err := runMain(p.run); err != nil {
			t.Error(err)
		}
		if stdout.String() != wanted || stderr.Len() > 0 {
			t.Errorf("with %d jobs: got\n%s%s", jobs, &stdout, &stderr)
		}
	}
}

// The pipeline opens as many files concurrently as there are jobs, and not more.
func TestJobs(t *testing.T) {
	const jobs = 3
	var open, most atomic.Int32
	all := make(chan bool)
	allOpen := sync.OnceFunc(func() { close(all) })
	names := slices.Repeat([]string{"f"}, 2*jobs*batchFiles)
	opener := func(string) (fs.File, error) {
		n := open.Add(1)
		defer open.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == jobs {
			allOpen()
		}
		<-all // wait until jobs files are open
		return nil, fs.ErrNotExist
	}
	p := newPipeline(&fileNames{names: names}, jobs, sha256Summers(opener), &bytes.Buffer{}, &bytes.Buffer{})
	if err := runMain(p.run); err != nil {
		t.Error(err)
	}
	if most.Load() != jobs || p.total.unread != len(names) {
		t.Errorf("got %d concurrent files, want %d; opened %d of %d", most.Load(), jobs, p.total.unread, len(names))
	}
}

// If the output is slow, the only batches in memory are those in the queue, one being
// printed and one waiting for space in the queue.
func TestMemoryIsBounded(t *testing.T) {
	const batches = window + 2
	work := &counted{fileNames: fileNames{names: slices.Repeat([]string{"f"}, 3*batches*batchFiles)}}
	files := fstest.MapFS{"f": {Data: []byte("a")}}
	stdout := writerFunc(func(b []byte) (int, error) {
		for work.given.Load() < batches*batchFiles { // print nothing until walk is blocked
			runtime.Gosched()
		}
		return len(b), nil
	})
	p := newPipeline(work, 2, sha256Summers(files.Open), stdout, &bytes.Buffer{})
	if err := runMain(p.run); err != nil {
		t.Error(err)
	}
	if len(p.free) != batches || p.total.done != 3*batches*batchFiles {
		t.Errorf("got %d batches in memory, want %d; %d files hashed", len(p.free), batches, p.total.done)
	}
}

type counted struct {
	fileNames
	given atomic.Int64
}

func (c *counted) next(ctx context.Context) (item, error) {
	c.given.Add(1)
	return c.fileNames.next(ctx)
}

type writerFunc func(b []byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// A large file ends a batch, so that small files do not wait for it.
func TestLargeFileEndsBatch(t *testing.T) {
	t.Chdir(makeTree(t, map[string]string{"a": "", "b": strings.Repeat("b", batchBytes), "c": "", "d": ""}))
	w, err := newListing([]string{"."})
	if err != nil {
		t.Fatal(err)
	}
	var batches [][]string
	for more := true; more; {
		b := &batch{}
		if more, err = b.fill(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		var paths []string
		for _, it := range b.items {
			paths = append(paths, it.path)
		}
		batches = append(batches, paths)
	}
	if got := fmt.Sprint(batches); got != "[[./a ./b] [./c ./d]]" {
		t.Error("got batches", got)
	}
}

// Files that cannot be read or that change meanwhile are reported, and the others are
// hashed.
func TestFailingFiles(t *testing.T) {
	past := time.Unix(1_000_000_000, 0)
	t.Chdir(makeTree(t, map[string]string{"a": "a", "grows": "a", "shrinks": "a", "touched": "a", "gone": "a", "b": "b", "no\nread": "a"}))
	open := func(path string) (fs.File, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		onRead := map[string]func() error{
			"./grows":   func() error { return os.WriteFile(path, []byte("aaa"), 0) },
			"./shrinks": func() error { return os.Truncate(path, 0) },
			"./touched": func() error { return os.Chtimes(path, past, past) },
		}[path]
		switch {
		case path == "./gone":
			return nil, errors.Join(f.Close(), &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist})
		case path == "./no\nread":
			err := f.Close() // reading from it fails
			return f, err
		case onRead == nil:
			return f, nil
		}
		return &hookedFile{f, func() {
			if err := onRead(); err != nil {
				t.Error(err)
			}
		}}, nil
	}
	w, err := newListing([]string{"."})
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	p := newPipeline(w, 1, sha256Summers(open), &stdout, &stderr)
	if err := runMain(p.run); err != nil {
		t.Error(err)
	}
	want(t, 0, stdout.String(), stderr.String(), 0, sumOfA+"  ./a\n"+sumOfB+"  ./b\n", `treesum: ./gone: file does not exist
treesum: ./grows: changed while being read
treesum: \./no\nread: file already closed
treesum: ./shrinks: changed while being read
treesum: ./touched: changed while being read
`)
	o := &options{}
	if !o.warn(p.total, &stderr) || !strings.HasSuffix(stderr.String(), "WARNING: 5 files or directories could not be read\n") {
		t.Errorf("got %q at the end of standard error", stderr.String())
	}
}

// A cancel takes effect between two blocks of a file. The earlier results of the same
// batch are not lost.
func TestCancelInLargeFile(t *testing.T) {
	var stdout, stderr bytes.Buffer
	var main asyncio.AnyTask
	reads := 0
	files := fstest.MapFS{"a": {Data: []byte("a")}, "b": {Data: []byte("b")}, "endless": {}, "c": {Data: []byte("c")}}
	open := func(path string) (fs.File, error) {
		f, err := files.Open(path)
		if path != "endless" || err != nil {
			return f, err
		}
		return &hookedFile{endless{f}, func() {
			if reads++; reads == 3 {
				if _, err := main.Loop().CallSoonThreadsafe(func(context.Context) { main.Cancel() }); err != nil {
					t.Error(err)
				}
			}
		}}, nil
	}
	p := newPipeline(&fileNames{names: []string{"a", "b", "endless", "c"}}, 1, sha256Summers(open), &stdout, &stderr)
	err := runMain(func(ctx context.Context) error {
		main = asyncio.CurrentTask(ctx)
		return p.run(ctx)
	})
	if !errors.Is(err, asyncio.ErrCancelled) || reads < 3 {
		t.Errorf("after %d reads: got %v, want a CancelledError", reads, err)
	}
	if stdout.Len() > 0 {
		t.Errorf("got output before the end of the batch:\n%s", &stdout)
	}
	if err := p.rest(); err != nil {
		t.Error(err)
	}
	want(t, 0, stdout.String(), stderr.String(), 0, sumOfA+"  a\n"+sumOfB+"  b\n", "")
	if p.total != (tally{done: 2}) {
		t.Errorf("got tally %+v, want 2 done", p.total)
	}
}

// Results of batches that follow an incomplete one are printed too, in order.
func TestCancelLeavesAGap(t *testing.T) {
	var stdout, stderr bytes.Buffer
	var main asyncio.AnyTask
	files := fstest.MapFS{"a": {Data: []byte("a")}, "b": {Data: []byte("b")}, "endless": {}, "last": {}}
	second := make(chan bool)
	open := func(path string) (fs.File, error) {
		f, err := files.Open(path)
		switch {
		case path == "last": // in the second batch; all files before it are hashed
			close(second)
			f = endless{f}
		case path == "endless":
			f = &hookedFile{endless{f}, sync.OnceFunc(func() {
				<-second
				if _, err := main.Loop().CallSoonThreadsafe(func(context.Context) { main.Cancel() }); err != nil {
					t.Error(err)
				}
			})}
		}
		return f, err
	}
	names := []string{"a", "endless"}
	names = append(names, slices.Repeat([]string{"none"}, batchFiles-len(names))...)
	names = append(names, "b", "gone", "last")
	p := newPipeline(&fileNames{names: names}, 2, sha256Summers(open), &stdout, &stderr)
	err := runMain(func(ctx context.Context) error {
		main = asyncio.CurrentTask(ctx)
		return p.run(ctx)
	})
	if !errors.Is(err, asyncio.ErrCancelled) {
		t.Errorf("got %v, want a CancelledError", err)
	}
	if err := p.rest(); err != nil {
		t.Error(err)
	}
	want(t, 0, stdout.String(), stderr.String(), 0, sumOfA+"  a\n"+sumOfB+"  b\n", "treesum: gone: file does not exist\n")
}
