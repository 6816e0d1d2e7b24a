//go:build ignore

// Widths reports full-line Go comments and Markdown prose with more than 90 columns. A
// tab counts as 4 columns.
//
//	go run ci/widths.go [path ...]
//
// It ignores lines that cannot be shorter: directives, URLs, links, tables, and in
// Markdown code blocks, headings and HTML. Folders named testdata, results, dist and
// node_modules are skipped.
package main

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"
)

const limit = 90

var (
	comment   = regexp.MustCompile(`^\s*//`)
	directive = regexp.MustCompile(`^\s*//(go:|line |[a-z]+:[a-z])`)
	output    = regexp.MustCompile(`^\s*// (Unordered output|Output):`)
	notProse  = regexp.MustCompile("^(\\s{4}|\t|\\s*(\\||#|<|```))")
	unbroken  = regexp.MustCompile(`^\s*(//|[-*>]|\d+\.)?\s*\S+$`) // one word
	link      = regexp.MustCompile(`\]\([^)]*$|^\S*\]?\(?\S*\)|://`)
	skipped   = regexp.MustCompile(`^(\.git|testdata|results|dist|node_modules)$`)
)

func main() {
	roots := os.Args[1:]
	if len(roots) == 0 {
		roots = []string{"."}
	}
	wide := 0
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && skipped.MatchString(d.Name()):
				return filepath.SkipDir
			case d.IsDir():
				return nil
			}
			n, err := check(path)
			wide += n
			return err
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, "widths:", err)
			os.Exit(2)
		}
	}
	if wide > 0 {
		fmt.Printf("widths: %d lines have more than %d columns\n", wide, limit)
		os.Exit(1)
	}
}

// check reports the wide lines of a file and returns their number.
func check(path string) (wide int, err error) {
	isWide := map[string]func(line string) bool{
		".go": wideComment(),
		".md": wideProse(),
	}[filepath.Ext(path)]
	if isWide == nil {
		return 0, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if columns := width(lines.Text()); isWide(lines.Text()) && columns > limit {
			fmt.Printf("%s:%d: %d columns, want at most %d\n", path, n, columns, limit)
			wide++
		}
	}
	return wide, lines.Err()
}

func width(line string) int {
	return utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    "))
}

// wideComment returns a function that is called with each line of a Go file in order. The
// expected output of an example is not prose.
func wideComment() func(line string) bool {
	inOutput := false
	return func(line string) bool {
		isComment := comment.MatchString(line)
		inOutput = isComment && (inOutput || output.MatchString(line))
		return isComment && !inOutput && !directive.MatchString(line) && !unbroken.MatchString(line) && !strings.Contains(line, "://")
	}
}

// wideProse returns a function that is called with each line of a page in order.
func wideProse() func(line string) bool {
	inCode := false
	return func(line string) bool {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			inCode = !inCode
		}
		return !inCode && !notProse.MatchString(line) && !unbroken.MatchString(line) && !link.MatchString(line)
	}
}
