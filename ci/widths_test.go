//go:build ignore

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	long = "The quick brown fox jumps over the lazy dog and runs into the deep dark forest, where it"
	rest = "sleeps until noon."
)

func TestRefill(t *testing.T) {
	for _, c := range []struct{ name, file, before, after string }{
		{"paragraph", "a.go", "// One\n// two.\n//\n// Three.\n", "// One two.\n//\n// Three.\n"},
		{"wide", "a.go", "// " + long + " " + rest + "\n", "// " + strings.TrimSuffix(long, " it") + "\n// it " + rest + "\n"},
		{"indentation counts", "a.go", "\t// " + long + "\n", "\t// " + strings.TrimSuffix(long, ", where it") + ",\n\t// where it\n"},
		{"list", "a.go", "// Text:\n//   - one\n//     two\n//   - three\n", "// Text:\n//   - one two\n//   - three\n"},
		{"wide item", "a.go", "//   - " + long + " " + rest + "\n", "//   - " + strings.TrimSuffix(long, ", where it") + ",\n//     where it " + rest + "\n"},
		{"numbered", "a.go", "//  1. one\n//     two\n//  2. three\n", "//  1. one two\n//  2. three\n"},
		{"paragraph of an item", "a.go", "//   - one\n//\n//     two\n//     three\n", "//   - one\n//\n//     two three\n"},
		{"code", "a.go", "// Text:\n//\n//\tone\n//\ttwo\n//\n//\t  - three\n//\tfour\n//\n// Text.\n", ""},
		{"list in code", "a.go", "//\tkey:\n//\n//   - one\n//     two\n", ""},
		{"heading", "a.go", "// One\n//\n// # Head\n//\n// Two\n", ""},
		{"directive", "a.go", "// One\n//\n//go:noinline\n//nolint:all\nvar x int\n", ""},
		{"link definition", "a.go", "// One\n//\n// [a]: b\n// [c]: d\n", ""},
		{"output", "a_test.go", "// One\n// two.\n\n\t// Output:\n\t// one\n\t// two\n\n\t// Unordered output:\n\t// one\n\t// two\n", "// One two.\n\n\t// Output:\n\t// one\n\t// two\n\n\t// Unordered output:\n\t// one\n\t// two\n"},
		{"aligned", "a.go", "// a   b\n// cd  e\n", ""},
		{"list without indentation", "a.go", "// - one\n// - two\n", ""},
		{"commented code", "a.go", "//x := 1\n//y := 2\n", ""},
		{"end of line", "a.go", "var x int // one\nvar y int // two\n// Three.\n// Four.\n", "var x int // one\nvar y int // two\n// Three. Four.\n"},
		{"string", "a.go", "var s = `\n// one\n// two\n`\n", ""},
		{"no new structure", "a.go", "// " + long + " - x\n", "// " + strings.TrimSuffix(long, " it") + "\n// it - x\n"},
		{"code span", "a.go", "// " + strings.TrimSuffix(long, " where it") + " `a b` xy\n", "// " + strings.TrimSuffix(long, " where it") + " `a b`\n// xy\n"},
		{"long code span moves", "a.go", "// " + strings.TrimSuffix(long, " where it") + " `a bcd e` x\n", "// " + strings.TrimSuffix(long, " where it") + "\n// `a bcd e` x\n"},

		{"paragraph", "a.md", "One\ntwo.\n\nThree.\n", "One two.\n\nThree.\n"},
		{"list", "a.md", "Text\n- one\n  two\n- three\n\n  four\n  five\n\n1. six\n   seven\n", "Text\n- one two\n- three\n\n  four five\n\n1. six seven\n"},
		{"nested list", "a.md", "- one\n  - two\n    three\n- four\n", "- one\n  - two three\n- four\n"},
		{"lazy item", "a.md", "- one\ntwo\n", "- one two\n"},
		{"wide item", "a.md", "- " + long + " " + rest + "\n", "- " + long + "\n  " + rest + "\n"},
		{"fence", "a.md", "One\n```\na\n# b\n\nc\n```\nTwo\nthree\n", "One\n```\na\n# b\n\nc\n```\nTwo three\n"},
		{"fence in item", "a.md", "- one\n  ```\n  a\n  b\n\n  - c\n  ```\n  two\n  three\n", "- one\n  ```\n  a\n  b\n\n  - c\n  ```\n  two three\n"},
		{"indented code", "a.md", "One\n\n    a\n    b\n\n- two\n\n      c\n      d\n", ""},
		{"table", "a.md", "One\ntwo\n| a | b |\n| - | - |\n| c | d |\n\na | b\n--|--\nc | d\n", "One two\n| a | b |\n| - | - |\n| c | d |\n\na | b\n--|--\nc | d\n"},
		{"headings", "a.md", "# One\n## Two\nThree\nfour\n\nFive\n====\nSix\nseven\n---\n", "# One\n## Two\nThree four\n\nFive\n====\nSix\nseven\n---\n"},
		{"HTML", "a.md", "<details>\n<summary>x</summary>\n\nOne\ntwo\n\n</details>\n\n<!-- a\n\nb\nc -->\n", "<details>\n<summary>x</summary>\n\nOne two\n\n</details>\n\n<!-- a\n\nb\nc -->\n"},
		{"hard breaks", "a.md", "One\ntwo  \nthree\\\nfour<br>\nfive\nsix\n", "One two  \nthree\\\nfour<br>\nfive six\n"},
		{"front matter", "a.md", "---\na: b\nc: d\n---\nOne\ntwo\n", "---\na: b\nc: d\n---\nOne two\n"},
		{"quote", "a.md", "> one\n> two\n>\n> three\n", "> one two\n>\n> three\n"},
		{"link definitions", "a.md", "[a]: b\n[c]: d\n", ""},
		{"no new structure", "a.md", long + " ## x\n", strings.TrimSuffix(long, " it") + "\nit ## x\n"},
		{"link text", "a.md", strings.TrimSuffix(long, " it") + " [a b](c)\n", strings.TrimSuffix(long, " it") + "\n[a b](c)\n"},
	} {
		t.Run(c.file+" "+c.name, func(t *testing.T) {
			if strings.HasSuffix(c.file, ".go") {
				c.before = "package a\n\n" + c.before
				if c.after != "" {
					c.after = "package a\n\n" + c.after
				}
			}
			if c.after == "" {
				c.after = c.before
			}
			got, err := refill(c.file, c.before)
			if err != nil || got != c.after {
				t.Errorf("got %v\n%s\nwant\n%s", err, got, c.after)
			}
		})
	}
}

func TestWideLines(t *testing.T) {
	wide := long + " " + rest
	for _, c := range []struct {
		file, text string
		want       int // lines that are too wide
	}{
		{"a.go", "// " + wide, 1},
		{"a.go", "//   - " + wide, 1},
		{"a.go", "//\t" + wide, 1},
		{"a.go", "\t// " + strings.TrimSuffix(long, " it"), 1},
		{"a.go", "// See https://example.com " + wide, 0},
		{"a.go", "//go:generate " + wide, 0},
		{"a.go", "// " + strings.Repeat("x", 100), 0},
		{"a.go", "var x int // " + wide, 0},
		{"a_test.go", "// Output:\n// " + wide, 0},
		{"a.md", wide, 1},
		{"a.md", "- a\n- " + wide, 1},
		{"a.md", "> " + wide, 1},
		{"a.md", "[" + long + "](target)", 0},
		{"a.md", "| " + wide + " |", 0},
		{"a.md", "    " + wide, 0},
		{"a.md", "```\n" + wide + "\n```", 0},
		{"a.md", "# " + wide, 0},
	} {
		text := c.text
		if strings.HasSuffix(c.file, ".go") {
			text = "package a\n\n" + text + "\n"
		}
		if _, got := process(c.file, text); len(got) != c.want {
			t.Errorf("%s: %q: got %v, want %d lines", c.file, c.text, got, c.want)
		}
	}
}

// Every file of the repository can be refilled: refill finds no internal error.
func TestRefillRepository(t *testing.T) {
	files, err := filesBelow("..")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := refill(file, string(text)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.md")
	if err := os.WriteFile(file, []byte(long+" "+rest+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "run", "widths.go", file).CombinedOutput()
	if err == nil || !strings.Contains(string(out), file+":1: 107 columns, want at most 90\n") {
		t.Errorf("without -fix: got %v and %s", err, out)
	}
	out, err = exec.Command("go", "run", "widths.go", "-fix", file).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("with -fix: got %v and %s", err, out)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != long+"\n"+rest+"\n" {
		t.Errorf("with -fix: got file %q, %v", got, err)
	}
}
