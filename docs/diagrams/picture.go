package main

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// style has the colours, for light and dark pages. The picture has a background of its
// own, because a page may be light although the reader prefers dark.
const style = `<style>
text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; }
.page { fill: #ffffff; }
.lane { fill: #f6f8fa; stroke: #d1d9e0; }
.head { font-weight: 600; fill: #59636e; }
.bold { font-weight: 600; }
.label { fill: #1f2328; stroke: #f6f8fa; stroke-width: 5px; stroke-linejoin: round; paint-order: stroke; }
.arrow { fill: none; stroke: #59636e; stroke-width: 1.5; stroke-linejoin: round; }
.tip { fill: #59636e; }
.task { fill: #ddf4ff; stroke: #0969da; }
.bare { fill: #fff8c5; stroke: #9a6700; }
.state { fill: #ddf4ff; stroke: #0969da; }
.end { fill: #dafbe1; stroke: #1a7f37; }
.none { fill: none; }
.word { fill: #ffffff; stroke: #d1d9e0; }
.mono { font: 12px ui-monospace, "DejaVu Sans Mono", monospace; }
@media (prefers-color-scheme: dark) {
text, .label { fill: #e6edf3; }
.page { fill: #0d1117; }
.lane { fill: #151b23; stroke: #3d444d; }
.head { fill: #9198a1; }
.label { stroke: #151b23; }
.arrow { stroke: #9198a1; }
.tip { fill: #9198a1; }
.task, .state { fill: #0c2d6b; stroke: #4493f8; }
.bare { fill: #3b2300; stroke: #d29922; }
.end { fill: #04260f; stroke: #3fb950; }
.word { fill: #0d1117; stroke: #3d444d; }
}
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse" markerUnits="userSpaceOnUse"><path class="tip" d="M0,0 L8,4 L0,8 Z"/></marker></defs>
`

const lineHeight = 17

// A picture is the state of rendering a text.
type picture struct {
	w, h  int
	title string
	boxes map[string]box // by ID
	body  bytes.Buffer
}

type box struct{ x, y, w, h int }

type point struct{ x, y int }

// command draws one line of the text.
func (p *picture) command(line string) error {
	c, err := parse(line)
	if err != nil {
		return err
	}
	switch c.verb {
	case "size":
		n := c.numbers(2)
		p.w, p.h = n[0], n[1]
	case "title":
		p.title = c.text
	case "lane":
		n := c.numbers(4)
		fmt.Fprintf(&p.body, `<rect class="lane" x="%d" y="%d" width="%d" height="%d" rx="8"/>`+"\n", n[0], n[1], n[2], n[3])
		p.write("head", "start", n[0]+12, n[1]+22, c.text)
	case "box":
		p.drawBox(c)
	case "words":
		n := c.numbers(3)
		p.drawWords(n[0], n[1], n[2], strings.Fields(c.text))
	case "note":
		n := c.numbers(2)
		p.write("", "start", n[0], n[1], c.text)
	case "arrow":
		p.drawArrow(c)
	default:
		c.fail("unknown command %q", c.verb)
	}
	return c.err
}

// write draws the lines of text. y is the base line of the first one.
func (p *picture) write(class, anchor string, x, y int, text string) {
	for i, line := range strings.Split(text, "\n") {
		attr := ""
		if class != "" {
			attr = fmt.Sprintf(` class="%s"`, class)
		}
		fmt.Fprintf(&p.body, `<text%s x="%d" y="%d" text-anchor="%s">%s</text>`+"\n", attr, x, y+i*lineHeight, anchor, escape(line))
	}
}

func (p *picture) drawBox(c *command) {
	id, kind := c.word(), c.word()
	n := c.numbers(4)
	switch kind {
	case "task", "bare", "state", "end", "none":
	default:
		c.fail("unknown kind of box %q", kind)
	}
	b := box{n[0], n[1], n[2], n[3]}
	p.boxes[id] = b
	fmt.Fprintf(&p.body, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="6"/>`+"\n", kind, b.x, b.y, b.w, b.h)
	first, rest, more := strings.Cut(c.text, "\n")
	lines := 1 + strings.Count(c.text, "\n")
	x, y := b.x+b.w/2, b.y+(b.h-lines*lineHeight)/2+13
	p.write("bold", "middle", x, y, first)
	if more {
		p.write("", "middle", x, y+lineHeight, rest)
	}
}

// drawWords draws rows of small boxes. The first row is the lowest; y is the top of the
// highest.
func (p *picture) drawWords(x, y, w int, words []string) {
	const gap, height, char, margin = 6, 22, 7.3, 14
	type placed struct {
		word      string
		x, row, w int
	}
	var all []placed
	at, row := 0, 0
	for _, word := range words {
		width := int(math.Ceil(float64(utf8.RuneCountInString(word))*char)) + margin
		if at > 0 && at+width > w {
			at, row = 0, row+1
		}
		all = append(all, placed{word, x + at, row, width})
		at += width + gap
	}
	for _, a := range all {
		top := y + (row-a.row)*(height+gap)
		fmt.Fprintf(&p.body, `<rect class="word" x="%d" y="%d" width="%d" height="%d" rx="4"/>`+"\n", a.x, top, a.w, height)
		p.write("mono", "middle", a.x+a.w/2, top+15, a.word)
	}
}

func (p *picture) drawArrow(c *command) {
	from, to := c.word(), c.word()
	points := []point{p.side(c, from)}
	for len(c.words) > 0 {
		points = append(points, c.point(c.word()))
	}
	points = append(points, p.side(c, to))

	var path strings.Builder
	middle, longest := point{}, -1.0
	for i, at := range points {
		op := "L"
		if i == 0 {
			op = "M"
		} else {
			before := points[i-1]
			if d := math.Hypot(float64(at.x-before.x), float64(at.y-before.y)); d > longest {
				longest, middle = d, point{(at.x + before.x) / 2, (at.y + before.y) / 2}
			}
		}
		fmt.Fprintf(&path, "%s%d,%d", op, at.x, at.y)
	}
	fmt.Fprintf(&p.body, `<path class="arrow" marker-end="url(#tip)" d="%s"/>`+"\n", path.String())
	if c.text == "" {
		return
	}
	lines := strings.Count(c.text, "\n") + 1
	middle.y += 4 - (lines-1)*lineHeight/2
	if c.at != "" {
		middle = c.point(c.at)
	}
	p.write("label", "middle", middle.x, middle.y, c.text)
}

// side returns the point that ID.SIDE names.
func (p *picture) side(c *command, name string) point {
	id, side, _ := strings.Cut(name, ".")
	b, known := p.boxes[id]
	if !known || side == "" {
		c.fail("%q is not the side of a box above", name)
		return point{}
	}
	offset := 0
	if len(side) > 1 {
		var err error
		if offset, err = strconv.Atoi(side[1:]); err != nil {
			c.fail("%q has no offset such as +20", name)
		}
	}
	switch side[0] {
	case 't':
		return point{b.x + b.w/2 + offset, b.y}
	case 'b':
		return point{b.x + b.w/2 + offset, b.y + b.h}
	case 'l':
		return point{b.x, b.y + b.h/2 + offset}
	case 'r':
		return point{b.x + b.w, b.y + b.h/2 + offset}
	}
	c.fail("%q has no side t, b, l or r", name)
	return point{}
}

// A command is a line of the text. Its methods record the first error.
type command struct {
	verb  string
	words []string // the words before the quoted text that were not read yet
	text  string   // the quoted text; "" if there is none
	at    string   // X,Y after "at" behind the quoted text; "" if there is none
	err   error
}

func parse(line string) (*command, error) {
	words, rest := line, ""
	if i := strings.IndexByte(line, '"'); i >= 0 {
		words, rest = line[:i], line[i:]
	}
	fields := strings.Fields(words)
	if len(fields) == 0 {
		return nil, fmt.Errorf("no command before %s", rest)
	}
	c := &command{verb: fields[0], words: fields[1:]}
	if rest == "" {
		return c, nil
	}
	quoted, err := strconv.QuotedPrefix(rest)
	if err == nil {
		c.text, err = strconv.Unquote(quoted)
	}
	if err != nil {
		return nil, fmt.Errorf("%s is not a quoted text", rest)
	}
	if after := strings.Fields(rest[len(quoted):]); len(after) == 2 && after[0] == "at" {
		c.at = after[1]
	} else if len(after) > 0 {
		return nil, fmt.Errorf("%q after the text; want at X,Y or nothing", strings.Join(after, " "))
	}
	return c, nil
}

func (c *command) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
}

// word returns the next word; "" if there is none.
func (c *command) word() string {
	if len(c.words) == 0 {
		c.fail("%s has too few words", c.verb)
		return ""
	}
	word := c.words[0]
	c.words = c.words[1:]
	return word
}

// numbers returns the remaining words, which must be n numbers.
func (c *command) numbers(n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		var err error
		if numbers[i], err = strconv.Atoi(c.word()); err != nil {
			c.fail("%s needs %d numbers", c.verb, n)
		}
	}
	if len(c.words) > 0 {
		c.fail("%s has too many words", c.verb)
	}
	return numbers
}

func (c *command) point(word string) point {
	x, y, _ := strings.Cut(word, ",")
	px, err1 := strconv.Atoi(x)
	py, err2 := strconv.Atoi(y)
	if err1 != nil || err2 != nil {
		c.fail("%q is not a point X,Y", word)
	}
	return point{px, py}
}

func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(text)
}
