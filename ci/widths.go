//go:build ignore

// Widths checks that Go comments and Markdown prose have at most 90 columns.
//
//	go run ci/widths.go [-fix] [path ...]
//
// It reads the given files and all *.go and *.md files below the given directories, by
// default the current one. It prints each line that is too wide and then exits with
// status 1. With -fix it first refills the paragraphs of these files.
//
// In Go files it considers comments that have lines of their own. It refills their
// paragraphs and list items. It does not change headings, indented code, link
// definitions, directives, aligned text and the expected output of examples.
//
// In Markdown files it refills paragraphs, list items and quotes. It neither checks nor
// changes front matter, code, tables, headings, HTML and link definitions. It keeps hard
// line breaks.
//
// A tab counts as 4 columns. A line may be wider if it has a URL, if only a link target
// makes it too wide, or if it is a single word.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"go/format"
	"go/scanner"
	"go/token"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxWidth = 90
	tabWidth = 4
	maxAtom  = 60 // a code span or bracketed text of at most this width is not broken
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("widths: ")
	fix := flag.Bool("fix", false, "refill paragraphs")
	flag.Parse()
	paths := flag.Args()
	if len(paths) == 0 {
		paths = []string{"."}
	}
	found := 0
	for _, path := range paths {
		files, err := filesBelow(path)
		if err != nil {
			log.Fatal(err)
		}
		for _, file := range files {
			wide, err := checkFile(file, *fix)
			if err != nil {
				log.Fatal(err)
			}
			for _, w := range wide {
				fmt.Printf("%s:%d: %d columns, want at most %d\n", file, w.line, w.width, maxWidth)
			}
			found += len(wide)
		}
	}
	if found > 0 {
		log.Fatalf("%d lines are too wide; go run ci/widths.go -fix refills paragraphs", found)
	}
}

// filesBelow returns the Go and Markdown files below root, or root itself if it is a
// file.
func filesBelow(root string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		switch {
		case path == root && !d.IsDir():
			files = append(files, path)
		case path == root:
		case d.IsDir():
			if strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata" ||
				filepath.ToSlash(path) == "bench/results" { // written by bench
				return fs.SkipDir
			}
		case strings.HasSuffix(name, ".go") || strings.HasSuffix(name, ".md"):
			files = append(files, path)
		}
		return nil
	})
	return files, err
}

// checkFile returns the lines of a file that are too wide, after refilling it if fix is
// set.
func checkFile(file string, fix bool) ([]wideLine, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	text := string(src)
	if fix {
		refilled, err := refill(file, text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if refilled != text {
			if err := os.WriteFile(file, []byte(refilled), 0o644); err != nil {
				return nil, err
			}
			text = refilled
		}
	}
	_, wide := process(file, text)
	return wide, nil
}

// refill returns text with its paragraphs refilled. It fails rather than change a word,
// or the format of Go source.
func refill(file, text string) (string, error) {
	refilled, _ := process(file, text)
	if !slices.Equal(words(file, text), words(file, refilled)) {
		return "", errors.New("internal error: refilling changes words")
	}
	if again, _ := process(file, refilled); again != refilled {
		return "", errors.New("internal error: refilling twice changes the text again")
	}
	if strings.HasSuffix(file, ".go") {
		if before, err := format.Source([]byte(text)); err == nil && string(before) == text {
			if after, err := format.Source([]byte(refilled)); err != nil || !bytes.Equal(after, []byte(refilled)) {
				return "", errors.New("internal error: gofmt changes the refilled text")
			}
		}
	}
	return refilled, nil
}

// words returns the words of a text without what begins comment lines and quote lines.
func words(file, text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasSuffix(file, ".go") {
			line = strings.TrimPrefix(line, "//")
		} else {
			line = strings.TrimLeft(line, "> ")
		}
		all = append(all, strings.Fields(line)...)
	}
	return all
}

// A wideLine is a line that is too wide.
type wideLine struct{ line, width int }

// process returns the refilled text and the lines of the original text that are too wide.
func process(file, text string) (string, []wideLine) {
	if strings.HasSuffix(file, ".go") {
		return processGo(text, strings.HasSuffix(file, "_test.go"))
	}
	return processMarkdown(text)
}

func width(s string) int {
	return utf8.RuneCountInString(strings.ReplaceAll(s, "\t", strings.Repeat(" ", tabWidth)))
}

var linkTarget = regexp.MustCompile(`\]\([^)]*\)`)

// tooWide reports whether line is too wide. text is line without its prefix.
func tooWide(line, text string) bool {
	return width(line) > maxWidth &&
		!strings.Contains(line, "://") &&
		width(linkTarget.ReplaceAllString(line, "]")) > maxWidth &&
		strings.Contains(strings.TrimSpace(text), " ")
}

// Text that has a meaning at the beginning of a line: in Markdown, in doc comments, or in
// both.
var atLineStart = regexp.MustCompile("^(" +
	`[-*+•]$|\d{1,9}[.)]$|#{1,6}$|[>|]|` + "```|~~~" + `|[-=*_]+$|<[A-Za-z/!?]|\[[^\]]*\]:|` +
	`[A-Z]{2,}\(.*\):|(?i:output:)|[a-z0-9]+:[a-z0-9]` + ")")

// structured reports whether a line that begins with text is more than the continuation
// of a paragraph.
func structured(text string) bool {
	first, _, _ := strings.Cut(text, " ")
	return atLineStart.MatchString(first)
}

// fill returns the words of lines in new lines as wide as possible. first and rest begin
// the first line and the others. It breaks neither short code spans nor short text in
// brackets.
func fill(first, rest string, lines []string) []string {
	const nbsp = "\x00"
	text := unbreakable(strings.Join(lines, " "), nbsp[0])
	var words []string
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' }) {
		w = strings.ReplaceAll(w, nbsp, " ")
		if len(words) > 0 && structured(w) {
			words[len(words)-1] += " " + w
		} else {
			words = append(words, w)
		}
	}
	var filled []string
	line, empty := first, true
	for _, w := range words {
		if !empty && width(line)+1+width(w) > maxWidth {
			filled = append(filled, line)
			line, empty = rest, true
		}
		if !empty {
			line += " "
		}
		line += w
		empty = false
	}
	return append(filled, line)
}

// unbreakable replaces spaces by nbsp where the text must not be broken.
func unbreakable(text string, nbsp byte) string {
	out := []byte(text)
	protect := func(from, to int) {
		if width(text[from:to]) > maxAtom {
			return
		}
		for i := from; i < to; i++ {
			if out[i] == ' ' {
				out[i] = nbsp
			}
		}
	}
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '`':
			ticks := len(text[i:]) - len(strings.TrimLeft(text[i:], "`"))
			end := closing(text[i+ticks:], ticks)
			if end < 0 {
				i += ticks - 1
				continue
			}
			end += i + ticks
			protect(i, end)
			i = end - 1
		case text[i] == '[':
			if n := strings.IndexAny(text[i+1:], "[]"); n >= 0 && text[i+1+n] == ']' {
				protect(i, i+1+n)
			}
		case text[i] == '(' && i > 0 && text[i-1] == ']':
			if n := strings.IndexByte(text[i:], ')'); n >= 0 {
				protect(i, i+n)
			}
		}
	}
	return string(out)
}

// closing returns the end of the code span that text continues, or -1.
func closing(text string, ticks int) int {
	for i := 0; i < len(text); {
		if text[i] != '`' {
			i++
			continue
		}
		n := len(text[i:]) - len(strings.TrimLeft(text[i:], "`"))
		i += n
		if n == ticks {
			return i
		}
	}
	return -1
}

// Go

var (
	directive  = regexp.MustCompile(`^([a-z0-9]+:[a-z0-9]|line |extern |export |nolint)`)
	outputLine = regexp.MustCompile(`(?i)^[ \t]*(unordered )?output:`)
	goItem     = regexp.MustCompile(`^( {2,4}[-*+•] | {1,3}\d{1,9}[.)] ) *`)
	linkDef    = regexp.MustCompile(`^ \[[^\]]+\]: `)
	manySpaces = regexp.MustCompile(`\S(  |\t)|\t\S`)
)

// processGo processes the comments of a Go file.
func processGo(src string, test bool) (string, []wideLine) {
	lines := strings.Split(src, "\n")
	full := commentLines(src, lines)
	var out []string
	var wide []wideLine
	for i := 0; i < len(lines); {
		indent, body, ok := cutComment(lines, full, i)
		if !ok {
			out = append(out, lines[i])
			i++
			continue
		}
		g := group{test: test, before: indent + "//", lines: []string{body}}
		for j := i + 1; ; j++ {
			in, body, ok := cutComment(lines, full, j)
			if !ok || in != indent {
				break
			}
			g.lines = append(g.lines, body)
		}
		if next := i + len(g.lines); next < len(lines) && strings.HasPrefix(lines[next], `import "C"`) {
			out = append(out, lines[i:next]...)
			i = next
			continue
		}
		g.process()
		for _, n := range g.wide {
			wide = append(wide, wideLine{i + n + 1, width(lines[i+n])})
		}
		out = append(out, g.out...)
		i += len(g.lines)
	}
	return strings.Join(out, "\n"), wide
}

// commentLines returns the lines that consist of a comment, by their index.
func commentLines(src string, lines []string) map[int]bool {
	full := map[int]bool{}
	fset := token.NewFileSet()
	file := fset.AddFile("", fset.Base(), len(src))
	var s scanner.Scanner
	s.Init(file, []byte(src), func(token.Position, string) {}, scanner.ScanComments)
	for {
		pos, tok, text := s.Scan()
		if tok == token.EOF {
			return full
		}
		if tok != token.COMMENT || !strings.HasPrefix(text, "//") {
			continue
		}
		n := file.PositionFor(pos, false).Line - 1 // a //line directive does not count
		if strings.HasPrefix(strings.TrimSpace(lines[n]), "//") {
			full[n] = true
		}
	}
}

// cutComment returns the parts of line i before and after //, if it is a comment.
func cutComment(lines []string, full map[int]bool, i int) (indent, body string, ok bool) {
	if !full[i] {
		return "", "", false
	}
	return strings.Cut(lines[i], "//")
}

// A group is a comment: adjacent lines with the same indentation.
type group struct {
	test   bool     // the file has tests
	before string   // what each line begins with, // included
	lines  []string // what follows it
	out    []string
	wide   []int // lines that are too wide
}

func isBlank(s string) bool { return strings.TrimSpace(s) == "" }

// isIndented reports whether a line of a comment belongs to a list or to code.
func isIndented(s string) bool {
	return strings.HasPrefix(s, "  ") || strings.HasPrefix(s, "\t") || strings.HasPrefix(s, " \t")
}

func isProse(s string) bool {
	return len(s) > 1 && s[0] == ' ' && !isIndented(s) && !linkDef.MatchString(s)
}

func (g *group) process() {
	for i := 0; i < len(g.lines); {
		s := g.lines[i]
		switch {
		case isBlank(s):
			i = g.keep(i, i+1, false)
		case g.test && outputLine.MatchString(s):
			i = g.keep(i, len(g.lines), false)
		case directive.MatchString(s):
			i = g.keep(i, i+1, false)
		case goItem.MatchString(s):
			i = g.list(i)
		case isIndented(s):
			i = g.keep(i, g.endOfSpan(i), true)
		case isProse(s):
			end := i + 1
			for end < len(g.lines) && isProse(g.lines[end]) {
				if g.test && outputLine.MatchString(g.lines[end]) {
					break
				}
				end++
			}
			i = g.paragraph(i, end, " ", " ")
		default: // a link definition, or no space after //
			i = g.keep(i, i+1, true)
		}
	}
}

// endOfSpan returns the end of the indented lines from i on, with blank lines between
// them.
func (g *group) endOfSpan(i int) int {
	end := i
	for j := i; j < len(g.lines) && (isIndented(g.lines[j]) || goItem.MatchString(g.lines[j]) || isBlank(g.lines[j])); j++ {
		if !isBlank(g.lines[j]) {
			end = j + 1
		}
	}
	return end
}

// list processes a list: items, further paragraphs with the same indentation as their
// text, and what else is indented.
func (g *group) list(i int) int {
	end := g.endOfSpan(i)
	text := "" // the spaces before the text of the items
	for i < end {
		s := g.lines[i]
		first := goItem.FindString(s)
		switch {
		case isBlank(s):
			i = g.keep(i, i+1, false)
			continue
		case first == "" && (text == "" || spacesOf(s) != text):
			i = g.keep(i, i+1, true)
			continue
		case first == "":
			first = text
		default:
			text = strings.Repeat(" ", utf8.RuneCountInString(first))
			if i+1 < end && !goItem.MatchString(g.lines[i+1]) && !isBlank(g.lines[i+1]) {
				text = spacesOf(g.lines[i+1])
			}
		}
		to, same := i+1, true
		for to < end && !isBlank(g.lines[to]) && !goItem.MatchString(g.lines[to]) {
			same = same && spacesOf(g.lines[to]) == text
			to++
		}
		if same && !strings.Contains(text, "\t") {
			i = g.paragraph(i, to, first, text)
		} else {
			i = g.keep(i, to, true)
		}
	}
	return end
}

func spacesOf(s string) string { return s[:len(s)-len(strings.TrimLeft(s, " \t"))] }

// keep copies lines. If check is set, it checks their width.
func (g *group) keep(from, to int, check bool) int {
	for i := from; i < to; i++ {
		g.out = append(g.out, g.before+g.lines[i])
		if check && tooWide(g.before+g.lines[i], g.lines[i]) {
			g.wide = append(g.wide, i)
		}
	}
	return to
}

// paragraph refills lines. It keeps those that are more than a paragraph: a heading, a
// list without indentation, or aligned text.
func (g *group) paragraph(from, to int, first, rest string) int {
	texts := []string{g.lines[from][len(first):]}
	for _, s := range g.lines[from+1 : to] {
		texts = append(texts, strings.TrimLeft(s, " "))
	}
	for i, t := range texts {
		texts[i] = strings.TrimRight(t, " ")
		if manySpaces.MatchString(texts[i]) || structured(t) {
			return g.keep(from, to, true)
		}
	}
	for i := from; i < to; i++ {
		if tooWide(g.before+g.lines[i], g.lines[i]) {
			g.wide = append(g.wide, i)
		}
	}
	g.out = append(g.out, fill(g.before+first, g.before+rest, texts)...)
	return to
}

// Markdown

var (
	mdFence    = regexp.MustCompile("^ {0,3}(```+|~~~+)")
	mdHeading  = regexp.MustCompile(`^ {0,3}#{1,6}( |$)`)
	mdRule     = regexp.MustCompile(`^ {0,3}((-[ \t]*){3,}|(\*[ \t]*){3,}|(_[ \t]*){3,})$`)
	mdSetext   = regexp.MustCompile(`^ {0,3}(=+|-+) *$`)
	mdQuote    = regexp.MustCompile(`^ {0,3}> ?`)
	mdItem     = regexp.MustCompile(`^ {0,3}([-*+]|\d{1,9}[.)])( +|$)`)
	mdLinkDef  = regexp.MustCompile(`^ {0,3}\[[^\]]+\]:`)
	mdTableRow = regexp.MustCompile(`^ {0,3}\|?[ :]*-+[ :]*(\|[ :]*-+[ :]*)*\|?[ ]*$`)
	mdHTML     = regexp.MustCompile(`^ {0,3}<([A-Za-z/!?])`)
	mdAutolink = regexp.MustCompile(`^ {0,3}<[A-Za-z][A-Za-z0-9+.-]*[:@]`)
	mdInterr   = regexp.MustCompile(`^ {0,3}([-*+]|1[.)]) +\S`)
	mdBlockTag = regexp.MustCompile(`(?i)^ {0,3}<(!|\?|/?(address|article|aside|blockquote|center|dd|details|dialog|div|dl|dt|` +
		`figcaption|figure|footer|form|h[1-6]|header|hr|iframe|li|main|nav|ol|p|pre|script|section|style|summary|table|` +
		`tbody|td|textarea|tfoot|th|thead|tr|ul)\b)`)
	mdRawTag = regexp.MustCompile(`(?i)^ {0,3}<(pre|script|style|textarea)\b`)
)

// A mdLine is a line of Markdown without the prefix of the list items and quotes around
// it.
type mdLine struct {
	index int
	text  string
}

type markdown struct {
	lines []string
	wide  []wideLine
}

// processMarkdown processes a Markdown file.
func processMarkdown(src string) (string, []wideLine) {
	m := &markdown{lines: strings.Split(src, "\n")}
	var out []string
	start := 0
	if m.lines[0] == "---" { // front matter
		if n := slices.Index(m.lines[1:], "---"); n >= 0 {
			start = n + 2
			out = append(out, m.lines[:start]...)
		}
	}
	var ls []mdLine
	for i := start; i < len(m.lines); i++ {
		ls = append(ls, mdLine{i, m.lines[i]})
	}
	out = append(out, m.blocks(ls, "")...)
	return strings.Join(out, "\n"), m.wide
}

// blocks returns the refilled lines without the prefix, which counts for their width
// only.
func (m *markdown) blocks(ls []mdLine, prefix string) []string {
	var out []string
	keep := func(from, to int) int {
		for _, l := range ls[from:to] {
			out = append(out, l.text)
		}
		return to
	}
	for i := 0; i < len(ls); {
		s := ls[i].text
		switch {
		case isBlank(s), strings.HasPrefix(s, "    "), strings.HasPrefix(s, "\t"):
			i = keep(i, i+1)
		case mdFence.MatchString(s):
			i = keep(i, endOfFence(ls, i))
		case mdHTML.MatchString(s) && !mdAutolink.MatchString(s):
			i = keep(i, endOfHTML(ls, i))
		case mdHeading.MatchString(s), mdRule.MatchString(s), mdLinkDef.MatchString(s):
			i = keep(i, i+1)
		case mdQuote.MatchString(s):
			var inner []mdLine
			for ; i < len(ls) && !isBlank(ls[i].text) && (mdQuote.MatchString(ls[i].text) || !interrupts(ls, i)); i++ {
				t := ls[i].text
				inner = append(inner, mdLine{ls[i].index, t[len(mdQuote.FindString(t)):]})
			}
			for _, t := range m.blocks(inner, prefix+"> ") {
				out = append(out, strings.TrimRight("> "+t, " ")+trailing(t))
			}
		case mdItem.MatchString(s):
			marker := mdItem.FindString(s)
			if spaces := len(marker) - len(strings.TrimRight(marker, " ")); spaces > 4 || isBlank(s[len(marker):]) {
				marker = strings.TrimRight(marker, " ")
				if len(s) > len(marker) {
					marker += " "
				}
			}
			var inner []mdLine
			inner, i = itemLines(ls, i, marker)
			indent := strings.Repeat(" ", max(len(marker), 2))
			for n, t := range m.blocks(inner, prefix+indent) {
				switch {
				case n == 0:
					out = append(out, marker+t)
				case t == "":
					out = append(out, "")
				default:
					out = append(out, indent+t)
				}
			}
		case strings.HasPrefix(strings.TrimSpace(s), "|"), isTable(ls, i):
			end := i + 1
			for end < len(ls) && !isBlank(ls[end].text) {
				end++
			}
			i = keep(i, end)
		default:
			end := i + 1
			for end < len(ls) && !isBlank(ls[end].text) && !mdSetext.MatchString(ls[end].text) && !interrupts(ls, end) {
				end++
			}
			if end < len(ls) && mdSetext.MatchString(ls[end].text) { // a heading of this kind
				i = keep(i, end+1)
				continue
			}
			out = append(out, m.paragraph(ls[i:end], prefix)...)
			i = end
		}
	}
	return out
}

// interrupts reports whether line i begins a block though it follows a paragraph.
func interrupts(ls []mdLine, i int) bool {
	s := ls[i].text
	return mdFence.MatchString(s) || mdHeading.MatchString(s) || mdRule.MatchString(s) || mdQuote.MatchString(s) ||
		mdInterr.MatchString(s) || mdBlockTag.MatchString(s) || isTable(ls, i)
}

// isTable reports whether line i is the head of a table.
func isTable(ls []mdLine, i int) bool {
	return strings.Contains(ls[i].text, "|") && i+1 < len(ls) && strings.Contains(ls[i+1].text, "-") &&
		strings.Contains(ls[i+1].text, "|") && mdTableRow.MatchString(ls[i+1].text)
}

func endOfFence(ls []mdLine, i int) int {
	fence := strings.TrimSpace(mdFence.FindString(ls[i].text))
	for j := i + 1; j < len(ls); j++ {
		if t := strings.TrimSpace(ls[j].text); strings.HasPrefix(t, fence) && strings.Trim(t, fence[:1]) == "" {
			return j + 1
		}
	}
	return len(ls)
}

func endOfHTML(ls []mdLine, i int) int {
	end := ""
	switch tag := mdRawTag.FindStringSubmatch(ls[i].text); {
	case strings.HasPrefix(strings.TrimSpace(ls[i].text), "<!--"):
		end = "-->"
	case tag != nil:
		end = "</" + strings.ToLower(tag[1]) + ">"
	}
	for j := i; j < len(ls); j++ {
		if end != "" && strings.Contains(strings.ToLower(ls[j].text), end) {
			return j + 1
		}
		if end == "" && isBlank(ls[j].text) {
			return j
		}
	}
	return len(ls)
}

// itemLines returns the lines of the list item at line i without its marker and the
// indentation of its text, and the end of the item.
func itemLines(ls []mdLine, i int, marker string) ([]mdLine, int) {
	indent := max(len(marker), 2)
	inner := []mdLine{{ls[i].index, ls[i].text[len(marker):]}}
	end := i + 1 // after the last line that is not blank
	kept := 1    // how many lines of inner that makes
	fenced := mdFence.MatchString(inner[0].text)
	for j := i + 1; j < len(ls); j++ {
		s := ls[j].text
		deep := len(s) - len(strings.TrimLeft(s, " "))
		switch {
		case isBlank(s):
			inner = append(inner, mdLine{ls[j].index, ""})
			continue
		case deep >= indent:
			s = s[indent:]
		case isBlank(ls[j-1].text), fenced, mdItem.MatchString(s), interrupts(ls, j):
			return inner[:kept], end
		default: // the paragraph continues without indentation
			s = s[deep:]
		}
		if mdFence.MatchString(s) {
			fenced = !fenced
		}
		inner = append(inner, mdLine{ls[j].index, s})
		end, kept = j+1, len(inner)
	}
	return inner[:kept], end
}

// trailing returns the spaces at the end of a line that make a hard line break.
func trailing(s string) string {
	if strings.HasSuffix(s, "  ") && !isBlank(s) {
		return "  "
	}
	return ""
}

// paragraph returns the refilled lines of a paragraph.
func (m *markdown) paragraph(ls []mdLine, prefix string) []string {
	broken := false
	for i, l := range ls {
		if line := m.lines[l.index]; tooWide(line, l.text) {
			m.wide = append(m.wide, wideLine{l.index + 1, width(line)})
		}
		broken = broken || i > 0 && structured(strings.TrimLeft(l.text, " ")) || strings.Contains(l.text, "\t")
	}
	var out []string
	if broken {
		for _, l := range ls {
			out = append(out, l.text)
		}
		return out
	}
	var part []string
	for i, l := range ls {
		t := strings.TrimSpace(l.text)
		part = append(part, t)
		br := ""
		if i < len(ls)-1 {
			br = trailing(l.text)
		}
		if br != "" || strings.HasSuffix(t, `\`) || strings.HasSuffix(t, "<br>") || strings.HasSuffix(t, "<br/>") || i == len(ls)-1 {
			for _, line := range fill(prefix, prefix, part) {
				out = append(out, line[len(prefix):])
			}
			out[len(out)-1] += br
			part = nil
		}
	}
	return out
}
