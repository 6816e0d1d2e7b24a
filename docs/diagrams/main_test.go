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

// The picture of the layers has every file of package asyncio.
func TestLayersAreComplete(t *testing.T) {
	text, err := os.ReadFile("layers.txt")
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(strings.ReplaceAll(string(text), `"`, " "))
	files, err := filepath.Glob("../../*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of package asyncio: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".go")
		if name == "doc" || strings.HasSuffix(name, "_go127") || strings.HasSuffix(name, "_test") {
			continue
		}
		if !slices.Contains(words, name) {
			t.Errorf("docs/diagrams/layers.txt lacks %s.go; add it and run go run ./docs/diagrams", name)
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
