package introspect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// lines are what happened in a test.
type lines []string

func (l *lines) add(format string, args ...any) {
	*l = append(*l, fmt.Sprintf(format, args...))
}

// want fails the test unless exactly these happened.
func (l *lines) want(t testing.TB, want ...string) {
	t.Helper()
	if !slices.Equal(*l, want) {
		t.Errorf("what happened:\n\t%s\nwanted:\n\t%s", strings.Join(*l, "\n\t"), strings.Join(want, "\n\t"))
	}
}
