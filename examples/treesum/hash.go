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

// An algorithm computes checksums.
type algorithm struct {
	name string
	size int // bytes of a checksum
	hash func() hash.Hash
}

// algorithms has the known algorithms, the default first.
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
	errChanged    = errors.New("changed while being read")
	errNotRegular = errors.New("not a regular file")
	errOutput     = errors.New("omitted, because the list is written to it")
)

// blockSize is the number of bytes to read at a time. A summer checks for cancellation
// between two blocks, about once per millisecond unless the disk is slow.
const blockSize = 256 << 10

// A summer computes the checksums of files, one at a time. It is reused, so that a file
// needs no memory other than that of the system calls.
type summer struct {
	open   func(path string) (fs.File, error)
	output fs.FileInfo // the file that the list is written to; nil if it is not a file
	meter  *meter      // counts the files and bytes hashed
	hash   hash.Hash
	block  []byte
	sum    []byte
}

// openFile opens a file for reading. It does not block on a named pipe without a writer,
// which a list may name, or which may replace a file.
func openFile(path string) (fs.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// file returns the checksum of a regular file. The result is valid until the next call.
// file returns an error if the size or the modification time of the file changes
// meanwhile.
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
