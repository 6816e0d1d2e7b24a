// Diagrams writes the pictures of the documentation, such as that of the layers of the
// source. It reads each docs/diagrams/NAME.txt and writes docs/images/NAME.svg:
//
//	go run ./docs/diagrams
//
// Each line of NAME.txt is a command. Coordinates are pixels from the top left corner.
// Strings are quoted as in Go, and may have several lines. Empty lines and lines that
// begin with # are ignored.
//
//	size W H                     the size of the picture
//	title "text"                 the description for screen readers
//	lane X Y W H "label"         an area with a label at its top
//	box ID KIND X Y W H "text"   a box; the first of several lines is bold
//	words X Y W "a b c"          a small box for each word
//	note X Y "text"              a text that begins at X
//	arrow FROM TO [X,Y ...] "label" [at X,Y]
//
// KIND is the style of a box: task, bare, state, end or none.
//
// Words are placed in rows of width W. The first row is the lowest, and Y is the top of
// the highest.
//
// FROM and TO are ID.SIDE. SIDE is t, b, l or r: the middle of the top, bottom, left or
// right side of a box. It may have an offset in pixels: a.t-20. An arrow passes through
// the points X,Y. Its label is at the middle of its longest part, or at the given point.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("diagrams: ")
	pictures, err := renderAll("docs/diagrams")
	if err != nil {
		log.Fatal(err)
	}
	for name, svg := range pictures {
		if err := os.WriteFile(filepath.Join("docs/images", name), svg, 0o666); err != nil {
			log.Fatal(err)
		}
	}
}

// renderAll returns the pictures of all texts in dir by the names of their files.
func renderAll(dir string) (map[string][]byte, error) {
	texts, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return nil, err
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("no texts in %s; run the program in the root of the repository", dir)
	}
	pictures := map[string][]byte{}
	for _, path := range texts {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		svg, err := render(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s:%w", path, err)
		}
		pictures[strings.TrimSuffix(filepath.Base(path), ".txt")+".svg"] = svg
	}
	return pictures, nil
}

// render returns the picture of a text. Errors begin with the number of the line.
func render(text string) ([]byte, error) {
	p := &picture{boxes: map[string]box{}}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := p.command(line); err != nil {
			return nil, fmt.Errorf("%d: %w", n, err)
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`+"\n", p.w, p.h, p.w, p.h)
	fmt.Fprintf(&b, "<title>%s</title>\n%s", escape(p.title), style)
	fmt.Fprintf(&b, `<rect class="page" width="%d" height="%d" rx="8"/>`+"\n", p.w, p.h)
	b.Write(p.body.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes(), nil
}
