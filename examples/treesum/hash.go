package main

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"lukechampine.com/blake3"
)

// An algorithm makes checksums.
type algorithm struct {
	name string
	size int // of a checksum, in bytes
	hash func() hash.Hash
}

// The first is the default.
var algorithms = []algorithm{
	{"sha256", sha256.Size, sha256.New},
	{"sha512", sha512.Size, sha512.New},
	{"blake3", 32, func() hash.Hash { return blake3.New(32, nil) }},
}

func algorithmNames() string {
	var names []string
	for _, a := range algorithms {
		names = append(names, a.name)
	}
	return strings.Join(names, ", ")
}

func findAlgorithm(name string) (algorithm, bool) {
	i := slices.IndexFunc(algorithms, func(a algorithm) bool { return a.name == name })
	if i < 0 {
		return algorithm{}, false
	}
	return algorithms[i], true
}

var (
	errChanged    = errors.New("changed while it was read")
	errNotRegular = errors.New("not a regular file")
	errOutput     = errors.New("left out, since the list is being written to it")
)

// blockSize is how much of a file is read at a time. A cancel is seen between two blocks:
// after a millisecond, where the disk is not to blame.
const blockSize = 256 << 10

// A summer makes the checksums of files, one after another. It is kept, so that
// a file costs no more memory than the system's own calls need.
type summer struct {
	open   func(path string) (fs.File, error)
	output fs.FileInfo // of the file that the list goes to; nil if that is none
	meter  *meter
	hash   hash.Hash
	block  []byte
	sum    []byte
}

// openFile opens a file to be read. It does not wait for a pipe that nobody writes to: such a thing
// can be in a list, or come in the place of a file.
func openFile(path string) (fs.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// file returns the checksum of a regular file, which is good until the next call. It is an error if the
// file changes under way, as far as its size and time of change tell.
func (s *summer) file(ctx context.Context, path string) ([]byte, error) {
	f, err := s.open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	before, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !before.Mode().IsRegular():
		return nil, errNotRegular
	case s.output != nil && os.SameFile(before, s.output):
		return nil, errOutput
	}
	s.hash.Reset()
	for err == nil {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var n int
		n, err = f.Read(s.block)
		s.hash.Write(s.block[:n])
		s.meter.bytes.Add(int64(n))
	}
	if err != io.EOF {
		return nil, err
	}
	after, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		return nil, errChanged
	}
	s.meter.files.Add(1)
	s.sum = s.hash.Sum(s.sum[:0])
	return s.sum, nil
}
