package main

import (
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"strings"
)

// A list has a line for each file, as sha256sum prints it: the checksum in hex, two
// spaces and the name. In a name, a newline, a carriage return and a backslash are
// escaped as \n, \r and \\. The line of such a name begins with a backslash.

var escapes = strings.NewReplacer("\n", `\n`, "\r", `\r`, `\`, `\\`)

// appendLine appends the line of a file to b.
func appendLine(b []byte, sum []byte, path string) []byte {
	name, escaped := escape(path)
	if escaped {
		b = append(b, '\\')
	}
	b = hex.AppendEncode(b, sum)
	b = append(b, "  "...)
	b = append(b, name...)
	return append(b, '\n')
}

// escape returns a name as it appears in a list, and whether it is escaped.
func escape(name string) (string, bool) {
	if !strings.ContainsAny(name, "\n\r\\") {
		return name, false
	}
	return escapes.Replace(name), true
}

// printable returns a name for use in a message. The result is always a single line.
func printable(name string) string {
	name, escaped := escape(name)
	if escaped {
		return `\` + name
	}
	return name
}

// parseLine parses a line that appendLine wrote, with a checksum of size bytes. It
// returns false if the line is malformed. It accepts an asterisk before the name, which
// marks a file that was read in binary mode.
func parseLine(line string, size int) (sum, path string, ok bool) {
	line = strings.TrimSuffix(line, "\r")
	line, escaped := strings.CutPrefix(line, `\`)
	digits := 2 * size
	if len(line) < digits+3 || line[digits] != ' ' || line[digits+1] != ' ' && line[digits+1] != '*' {
		return "", "", false
	}
	sum, path = strings.ToLower(line[:digits]), line[digits+2:]
	if strings.Trim(sum, "0123456789abcdef") != "" {
		return "", "", false
	}
	if escaped {
		path, ok = unescape(path)
		return sum, path, ok
	}
	return sum, path, true
}

func unescape(name string) (string, bool) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(name, `\`)
		b.WriteString(before)
		if !found {
			return b.String(), true
		}
		if after == "" {
			return "", false
		}
		switch after[0] {
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case '\\':
			b.WriteByte('\\')
		default:
			return "", false
		}
		name = after[1:]
	}
}

// reason returns err without the operation and the file name of an [fs.PathError].
func reason(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

// A listing is the work of listing the files of some trees.
type listing struct{ walker *walker }

func newListing(roots []string) (*listing, error) {
	w, err := newWalker(roots)
	return &listing{w}, err
}

func (l *listing) next(ctx context.Context) (item, error) { return l.walker.next(ctx) }

func (l *listing) tell(b *batch, it item, sum []byte, err error) {
	switch {
	case err == nil:
		b.out.Write(appendLine(b.out.AvailableBuffer(), sum, it.path))
		b.tally.done++
	case errors.Is(err, errOutput):
		b.say(it.path, err)
	default:
		b.say(it.path, err)
		b.tally.unread++
	}
}
