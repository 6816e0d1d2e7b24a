package introspect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// lines is a log of what happened in a test.
type lines []string

func (l *lines) add(format string, args ...any) {
	*l = append(*l, fmt.Sprintf(format, args...))
}

// want fails the test unless the log has exactly these lines.
func (l *lines) want(t testing.TB, want ...string) {
	t.Helper()
	if !slices.Equal(*l, want) {
		t.Errorf("log:\n\t%s\nwant:\n\t%s", strings.Join(*l, "\n\t"), strings.Join(want, "\n\t"))
	}
}
