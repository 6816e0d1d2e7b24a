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
	errMalformed = errors.New("improperly formatted line")
	errNoLine    = errors.New("no properly formatted checksum lines found")
	errTooLong   = errors.New("line too long for a checksum list")
)

// A checking is the work of checking the files in some lists.
type checking struct {
	lists     []string // the current list and those still to read; - is standard input
	algorithm algorithm
	quiet     bool // print no line for files whose checksum matches

	file  *os.File       // the current list; nil before it is opened
	lines *bufio.Scanner // reads file
	found bool           // the current list has a well-formed line
}

// newChecking returns the work of checking lists. It fails if a list does not exist.
func newChecking(lists []string, a algorithm, quiet bool) (*checking, error) {
	for _, list := range lists {
		if list == "-" {
			continue
		}
		info, err := os.Stat(list)
		if err == nil && info.IsDir() {
			err = errors.New("is a directory, not a checksum list")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", printable(list), reason(err))
		}
	}
	return &checking{lists: lists, algorithm: a, quiet: quiet}, nil
}

// next returns the file of the next line. The item's err reports a malformed line or a
// list that cannot be read.
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

// line returns the next line of the current list.
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

// close closes the current list and moves to the next one.
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
	if info, err := os.Stat(path); err == nil { // an error is reported when the file is opened
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
