//go:build ignore

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	long := strings.Repeat("word ", 20)
	for _, test := range []struct {
		name, text string
		wide       int
	}{
		{"a.go", "// " + long + "\npackage a // " + long + "\n\t// " + long + "\n", 2},
		{"b.go", "// https://example.com/ " + long + "\n//go:generate " + long + "\n//\t" + strings.Repeat("x", 100) + "\n", 0},
		{"c.go", "// Output:\n// " + long + "\n\n// " + long + "\n", 1},
		{"d.md", long + "\n```\n" + long + "\n```\n| " + long + " |\n    " + long + "\n- " + long + "\n", 2},
		{"e.txt", long, 0},
	} {
		path := filepath.Join(t.TempDir(), test.name)
		if err := os.WriteFile(path, []byte(test.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if wide, err := check(path); err != nil || wide != test.wide {
			t.Errorf("check of %s returned %d, %v; want %d", test.name, wide, err, test.wide)
		}
	}
}
