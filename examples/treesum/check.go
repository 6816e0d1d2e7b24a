package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

var (
	errMalformed = errors.New("no proper line of a list")
	errNoLine    = errors.New("no properly formatted checksum lines found")
	errTooLong   = errors.New("a line is too long for a list of checksums")
)

// A checking is the work of checking the files that some lists name.
type checking struct {
	lists     []string // still to be read, the present one included; - is standard input
	algorithm algorithm
	quiet     bool // of files that are as they should be nothing is said

	file  *os.File       // the present list; nil: not yet opened
	lines *bufio.Scanner // of it
	found bool           // a proper line
}

// newChecking returns the work of checking lists. They must be there.
func newChecking(lists []string, a algorithm, quiet bool) (*checking, error) {
	for _, list := range lists {
		if list == "-" {
			continue
		}
		info, err := os.Stat(list)
		if err == nil && info.IsDir() {
			err = errors.New("a directory, where a list of checksums is wanted")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", printable(list), reason(err))
		}
	}
	return &checking{lists: lists, algorithm: a, quiet: quiet}, nil
}

// next returns the file that the next line names. Its err tells of an improper line, or what is wrong with a list.
func (c *checking) next(context.Context) (item, error) {
	for len(c.lists) > 0 {
		line, err := c.line()
		switch {
		case err == nil && strings.HasPrefix(line, "#"):
		case err == nil:
			return c.parse(line), nil
		case err == io.EOF && c.found:
			c.close()
		default:
			if err == io.EOF {
				err = errNoLine
			}
			it := item{path: c.lists[0], err: err}
			c.close()
			return it, nil
		}
	}
	return item{}, io.EOF
}

// line returns the next line of the present list.
func (c *checking) line() (string, error) {
	if c.file == nil {
		c.file, c.found = os.Stdin, false
		if list := c.lists[0]; list != "-" {
			file, err := os.Open(list)
			if err != nil {
				return "", err
			}
			c.file = file
		}
		c.lines = bufio.NewScanner(c.file)
	}
	if c.lines.Scan() {
		return c.lines.Text(), nil
	}
	switch err := c.lines.Err(); err {
	case nil:
		return "", io.EOF
	case bufio.ErrTooLong:
		return "", errTooLong
	default:
		return "", err
	}
}

// close goes on to the next list.
func (c *checking) close() {
	c.file.Close()
	c.file, c.lists = nil, c.lists[1:]
}

func (c *checking) parse(line string) item {
	sum, path, ok := parseLine(line, c.algorithm.size)
	if !ok {
		return item{path: c.lists[0], err: errMalformed}
	}
	c.found = true
	it := item{path: path, want: sum}
	if info, err := os.Stat(path); err == nil { // or else it is missed when it is opened
		it.size = info.Size()
	}
	return it
}

func (c *checking) tell(b *batch, it item, sum []byte, err error) {
	switch {
	case it.err == errMalformed:
		b.tally.malformed++
	case it.err != nil:
		b.say(it.path, it.err)
		b.tally.failed++
	case err != nil:
		b.say(it.path, err)
		b.tally.unread++
		fmt.Fprintf(&b.out, "%s: FAILED open or read\n", printable(it.path))
	case hex.EncodeToString(sum) != it.want:
		b.tally.done++
		b.tally.mismatched++
		fmt.Fprintf(&b.out, "%s: FAILED\n", printable(it.path))
	default:
		b.tally.done++
		if !c.quiet {
			b.out.WriteString(printable(it.path))
			b.out.WriteString(": OK\n")
		}
	}
}
