package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The committed pictures are those of the texts.
func TestPictures(t *testing.T) {
	pictures, err := renderAll(".")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range pictures {
		got, err := os.ReadFile(filepath.Join("../images", name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n")), want) {
			t.Errorf("docs/images/%s differs from the picture of its text; run go run ./docs/diagrams", name)
		}
	}
}

// The picture of the layers has every file of package asyncio, those of the core in the
// order that internal/policy checks.
func TestLayers(t *testing.T) {
	text, err := os.ReadFile("layers.txt")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile("../../internal/policy/policy_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, order, _ := strings.Cut(string(rules), "const layers = `")
	order, _, _ = strings.Cut(order, "`")
	core, rest, ok := strings.Cut(order, "---")
	if !ok {
		t.Fatal("policy_test.go has no layers with dashes")
	}
	isFile := func(name string) bool { return name != "" && !strings.HasSuffix(name, "_go127") }
	var want, got []string
	for name := range strings.FieldsSeq(core) {
		if isFile(name) {
			want = append(want, name)
		}
	}
	var rows [][]string
	for line := range strings.Lines(string(text)) {
		if c, err := parse(strings.TrimSpace(line)); err == nil && c.verb == "words" {
			rows = append(rows, strings.Fields(c.text))
		}
	}
	slices.Reverse(rows)
	all := slices.Concat(rows...)
	for _, name := range all {
		if slices.Contains(want, name) {
			got = append(got, name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("layers.txt has the core's files in the order\n%v\nbut internal/policy in the order\n%v", got, want)
	}
	for name := range strings.FieldsSeq(rest) {
		if isFile(name) && !slices.Contains(all, name) {
			t.Errorf("layers.txt lacks %s", name)
		}
	}
}

func TestMistakesInTexts(t *testing.T) {
	for text, want := range map[string]string{
		"size 1 2\ncircle 1 2":    `2: unknown command "circle"`,
		"size 1":                  "1: size has too few words",
		"size 1 2 3":              "1: size has too many words",
		"size 1 x":                "1: size needs 2 numbers",
		`box a task 1 2 3 4 "b`:   `1: "b is not a quoted text`,
		`box a round 1 2 3 4 "b"`: `1: unknown kind of box "round"`,
		`"a"`:                     `1: no command before "a"`,
		`note 1 2 "a" b`:          `1: "b" after the text; want at X,Y or nothing`,
		`arrow a.t b.t`:           `1: "a.t" is not the side of a box above`,
		"box a task 1 2 3 4 \"a\"\narrow a.x a.t":     `2: "a.x" has no side t, b, l or r`,
		"box a task 1 2 3 4 \"a\"\narrow a.t+ a.t":    `2: "a.t+" has no offset such as +20`,
		"box a task 1 2 3 4 \"a\"\narrow a.t a.b 7":   `2: "7" is not a point X,Y`,
		"box a task 1 2 3 4 \"a\"\narrow a.t a.b 1,y": `2: "1,y" is not a point X,Y`,
	} {
		if _, err := render(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}
