package policy_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/asyncio/internal/policy"
)

// pages have tested code:
//
//   - A fenced block of Go that begins with "package main" is a program, as is a block of
//     Python that calls asyncio.run. It must print the next block of text.
//   - All other Go, in blocks and in the last column of tables with the heading Go, must
//     compile as part of a function.
//   - A Go file that imports testing has tests for the program before it. They must pass.
//   - Go code that matches outside is checked by [TestOtherTools] instead.
var pages = []string{"README.md", "docs/tutorial.md", "docs/from-goroutines.md", "docs/from-python.md"}

// outside matches Go code that uses packages that this module must not require.
var outside = regexp.MustCompile(`\b(errgroup|singleflight)\.`)

// prelude declares the names that fragments may use.
const prelude = `
type (
	T     = int
	Order struct{ ID, Amount int }
)

var (
	work, poll, cleanUp, reload func(ctx context.Context) error
	fetch, block                func(ctx context.Context) (int, error)
	fetchName                   func(ctx context.Context) (string, error)
	get                         func(ctx context.Context, url string) (int, error)
	a, b                        asyncio.Coro[int]
	coros                       []asyncio.Coro[int]
	cb                          func(ctx context.Context)
	onDone                      func(ctx context.Context, f asyncio.AnyFuture)
	handler                     asyncio.ExceptionHandler
	pred                        func() bool

	loop    *asyncio.Loop
	r       *asyncio.Runner
	t       *asyncio.Task[int]
	ts      []*asyncio.Task[int]
	other   *asyncio.Task[string]
	fut     *asyncio.Future[int]
	h       *asyncio.TimerHandle
	cf      *asyncio.ConcurrentFuture[int]
	tg      *asyncio.TaskGroup
	group   *asyncio.GroupError
	tm      *asyncio.TimeoutScope
	lock    *asyncio.Lock
	event   *asyncio.Event
	cond    *asyncio.Condition
	sem     *asyncio.Semaphore
	barrier *asyncio.Barrier
	q       *asyncio.Queue[int]
	v       *asyncio.ContextVar[int]
	tok     *asyncio.Token[int]
	c       *asyncio.ContextVars
	pool    *executor.Pool
	conn    net.Conn
	when    time.Duration
	n, x    int
	url     string
	urls    []string

	err, errValue error
)
`

// fragmentImports has the packages that a fragment may use.
var fragmentImports = []string{
	"bufio", "context", "errors", "fmt", "io", "log", "net", "net/http", "os", "os/exec", "os/signal", "slices", "syscall", "testing", "time",
	"example.com/asyncio", "example.com/asyncio/driver", "example.com/asyncio/executor", "example.com/asyncio/introspect",
}

// A program is a block of a page that the test runs.
type program struct {
	page           string
	line           int
	language, text string
	want           string   // the expected output
	tests          []string // the test files of a Go program
	command        []string
}

// block is a fenced block of a page: its language and its text.
var block = regexp.MustCompile("(?ms)^ *```(go|python|text)\n(.*?)^ *```$")

// code is a span of code in a table that has a call.
var code = regexp.MustCompile("`([^`]*\\([^`]*)`")

// TestDocumentation runs the programs of the pages and compiles their fragments.
func TestDocumentation(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip(err)
	}
	var programs []*program
	fragments := map[string]string{} // by place
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		found := programsOf(t, page, string(text), fragments)
		if len(found) == 0 {
			t.Errorf("%s has no programs", page)
		}
		programs = append(programs, found...)
		spansOf(page, string(text), fragments)
	}
	t.Run("fragments", func(t *testing.T) { t.Parallel(); compile(t, fragments) })

	buildPrograms(t, programs)
	python := findPython()
	for _, p := range programs {
		t.Run(fmt.Sprintf("%s:%d", p.page, p.line), func(t *testing.T) {
			t.Parallel()
			if p.language == "python" {
				if python == "" {
					t.Skip("SKIPPED: no CPython 3.13 for the Python program (ORACLE_PYTHON names one)")
				}
				p.command = []string{python, "-c", p.text}
			}
			out, err := exec.Command(p.command[0], p.command[1:]...).CombinedOutput()
			if err != nil || string(out) != p.want {
				t.Errorf("error %v, printed\n%s\nwant\n%s", err, out, p.want)
			}
		})
	}
}

// programsOf returns the programs of a page, and adds its other Go code to fragments.
func programsOf(t *testing.T, page, text string, fragments map[string]string) (all []*program) {
	var waiting []*program // their output follows
	last := &program{}
	for _, at := range block.FindAllStringSubmatchIndex(text, -1) {
		line := strings.Count(text[:at[0]], "\n") + 1
		language, body := text[at[2]:at[3]], text[at[4]:at[5]]
		p := &program{page: page, line: line, language: language, text: body}
		switch {
		case language == "go" && strings.HasPrefix(body, "package main\n") && strings.Contains(body, "\t\"testing\"\n"):
			last.tests = append(last.tests, body)
		case language == "go" && strings.HasPrefix(body, "package main\n"),
			language == "python" && strings.Contains(body, "\nasyncio.run("):
			waiting, last = append(waiting, p), p
		case language == "go" && outside.MatchString(body):
		case language == "go":
			fragments[fmt.Sprintf("%s:%d", page, line)] = body
		case language == "text":
			for _, p := range waiting {
				p.want = body
			}
			all, waiting = append(all, waiting...), nil
		}
	}
	for _, p := range waiting {
		t.Errorf("%s:%d: no block of text follows the program; add one with its output", p.page, p.line)
	}
	return all
}

// spansOf adds the Go code in the tables of a page to fragments: that of each last column
// with the heading Go.
func spansOf(page, text string, fragments map[string]string) {
	isGo := false
	for n, line := range strings.Split(text, "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		last := strings.TrimSpace(cells[len(cells)-1])
		if !strings.HasPrefix(line, "|") || last == "Go" {
			isGo = last == "Go"
			continue
		}
		for i, span := range code.FindAllStringSubmatch(last, -1) {
			if isGo {
				fragments[fmt.Sprintf("%s:%d, number %d", page, n+1, i+1)] = span[1]
			}
		}
	}
}

// TestOtherTools checks that the Go code of docs/other-tools.md, and that of the other
// pages which matches outside, appears literally in examples of modules that compile and
// run it: this module must not require what they require.
func TestOtherTools(t *testing.T) {
	examples := ""
	for _, dir := range []string{"introspect", "introspect/otel", "introspect/prometheus", "bench"} {
		files, err := filepath.Glob(filepath.Join(dir, "example*_test.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no examples in %s: %v", dir, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			examples += string(text)
		}
	}
	const page = "docs/other-tools.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var quoted []string
	for _, m := range block.FindAllStringSubmatch(string(text), -1) {
		quoted = append(quoted, strings.TrimSpace(m[2]))
	}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, " | "); len(cells) == 3 && strings.HasPrefix(line, "| ") {
			for _, code := range span.FindAllString(cells[1], -1) {
				quoted = append(quoted, strings.Trim(code, "`"))
			}
		}
	}
	if len(quoted) < 10 {
		t.Errorf("%s has only the code %q", page, quoted)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range block.FindAllStringSubmatch(string(text), -1) {
			if m[1] == "go" && outside.MatchString(m[2]) {
				quoted = append(quoted, m[2])
			}
		}
	}
	for _, code := range quoted {
		if !strings.Contains(examples, code) {
			t.Errorf("%s or another page has the code %s, which no example has", page, code)
		}
	}
}

// buildPrograms builds one executable of all Go programs, each a package of its own,
// because linking takes most of the time. It also runs their tests.
func buildPrograms(t *testing.T, programs []*program) {
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	executable := filepath.Join(dir, "programs.exe")
	imports, cases := "import \"os\"\n", ""
	test := []string{"test"}
	for i, p := range programs {
		if p.language != "go" {
			continue
		}
		name := fmt.Sprintf("p%d", i)
		// In a directory main, so that stacks name its functions main.f.
		write(name+"/main/main.go", strings.Replace(p.text, "package main\n", "package "+name+"\n", 1))
		write(name+"/main/call.go", "package "+name+"\nfunc Main() { main() }\n")
		imports += fmt.Sprintf("import %s \"docs/%s/main\"\n", name, name)
		cases += fmt.Sprintf("\tcase %q:\n\t\t%s.Main()\n", name, name)
		p.command = []string{executable, name}
		for j, text := range p.tests {
			write(fmt.Sprintf("%s/main/main%d_test.go", name, j), strings.Replace(text, "package main\n", "package "+name+"\n", 1))
		}
		if p.tests != nil {
			test = append(test, "./"+name+"/main")
		}
	}
	write("main.go", "package main\n"+imports+"func main() {\n\tswitch os.Args[1] {\n"+cases+"\t}\n}\n")
	write("go.mod", "module docs\ngo 1.26\nrequire example.com/asyncio v0.0.0\nreplace example.com/asyncio => "+root+"\n")
	for _, args := range [][]string{{"build", "-o", executable, "."}, test} {
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
}

// compile type-checks the fragments: declarations as they are, others as part of a
// function.
func compile(t *testing.T, fragments map[string]string) {
	list := exec.Command("go", append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}, fragmentImports...)...)
	list.Stderr = new(bytes.Buffer)
	out, err := list.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%v", list, err, list.Stderr)
	}
	exports := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		exports[path] = file
	}
	fset := token.NewFileSet()
	packages := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })

	head := "package fragment\n"
	for _, path := range fragmentImports {
		head += fmt.Sprintf("import %q\n", path)
	}
	for _, place := range slices.Sorted(maps.Keys(fragments)) {
		text := strings.ReplaceAll(fragments[place], "{ ... }", "{ panic(0) }")
		if e, err := parser.ParseExpr(text); err == nil {
			if _, ok := e.(*ast.CallExpr); !ok {
				text = "_ = " + text
			}
		}
		if _, err := parser.ParseFile(fset, "", "package fragment\n"+text, 0); err != nil {
			text = "func _(ctx context.Context) error {\n" + text + "\nreturn nil\n}\n"
		}
		file, err := parser.ParseFile(fset, place, head+prelude+"//line fragment:1\n"+text, parser.SkipObjectResolution)
		if err != nil {
			t.Errorf("%s: %v", place, err)
			continue
		}
		config := types.Config{Importer: packages, Error: func(err error) {
			if err := err.(types.Error); !err.Soft { // a fragment may have unused names
				t.Errorf("%s: %v", place, err)
			}
		}}
		_, _ = config.Check("fragment", fset, []*ast.File{file}, nil)
	}
}

// findPython returns the path of a CPython 3.13, or "".
func findPython() string {
	home, _ := os.UserHomeDir()
	candidates, _ := filepath.Glob(filepath.Join(home, ".pyenv/versions/3.13*/bin/python3.13"))
	for _, c := range append([]string{os.Getenv("ORACLE_PYTHON"), "python3.13"}, candidates...) {
		if c != "" && exec.Command(c, "-c", "import sys; sys.exit(sys.version_info[:2] != (3, 13))").Run() == nil {
			return c
		}
	}
	return ""
}

// link matches a link to a file of the repository or to a heading.
var link = regexp.MustCompile(`\]\(([^):#]*)(?:#([^)]*))?\)`)

// span matches a span of code. Brackets in it are not a link.
var span = regexp.MustCompile("`[^`]*`")

// notInAnchor matches the characters of a heading that its anchor leaves out.
var notInAnchor = regexp.MustCompile("[^a-z0-9 _-]")

// TestLinks checks that the links of all pages have targets.
func TestLinks(t *testing.T) {
	out, err := exec.Command("git", "ls-files", "*.md").Output()
	if err != nil {
		t.Skip("no git: ", err)
	}
	anchors := func(page string) (all []string) {
		text, _ := os.ReadFile(page)
		for line := range strings.Lines(string(text)) {
			if heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && line[0] == '#' {
				heading = notInAnchor.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
				all = append(all, strings.ReplaceAll(heading, " ", "-"))
			}
		}
		return all
	}
	for page := range strings.FieldsSeq(string(out)) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		prose := span.ReplaceAllString(block.ReplaceAllString(string(text), ""), "")
		for _, m := range link.FindAllStringSubmatch(prose, -1) {
			to := page
			if m[1] != "" {
				to = filepath.Join(filepath.Dir(page), m[1])
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s links to %s, which does not exist", page, m[1])
			} else if m[2] != "" && !slices.Contains(anchors(to), m[2]) {
				t.Errorf("%s links to #%s, which is not a heading of %s", page, m[2], to)
			}
		}
	}
}

// TestDocComments checks that all exported declarations have comments, and that those of
// functions begin with the name.
func TestDocComments(t *testing.T) {
	all := policy.List(t)
	for _, p := range all.Own {
		if p.Name == "main" || strings.Contains("/"+p.Short(), "/internal/") {
			continue
		}
		names, err := filepath.Glob(filepath.Join(p.Dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if match, err := build.Default.MatchFile(p.Dir, filepath.Base(name)); err != nil || !match || strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(all.Fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, decl := range file.Decls {
				checkComment(t, all.Fset, decl)
			}
		}
	}
}

func checkComment(t *testing.T, fset *token.FileSet, decl ast.Decl) {
	complain := func(name *ast.Ident, what string) { t.Errorf("%v: %s %s", fset.Position(name.Pos()), name, what) }
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if !decl.Name.IsExported() || decl.Recv != nil && !exportedType(decl.Recv.List[0].Type) {
			return
		}
		if text := decl.Doc.Text(); !strings.HasPrefix(text, decl.Name.Name+" ") {
			complain(decl.Name, "has no comment that begins with its name")
		}
	case *ast.GenDecl:
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Name.IsExported() && decl.Doc == nil && spec.Doc == nil {
					complain(spec.Name, "has no comment")
				}
			case *ast.ValueSpec:
				if spec.Names[0].IsExported() && decl.Doc == nil && spec.Doc == nil && spec.Comment == nil {
					complain(spec.Names[0], "has no comment")
				}
			}
		}
	}
}

// exportedType reports whether the type of a receiver is exported, or is embedded in an
// exported type, as futureBase is.
func exportedType(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.StarExpr:
		return exportedType(e.X)
	case *ast.IndexExpr:
		return exportedType(e.X)
	case *ast.Ident:
		return e.IsExported() || e.Name == "futureBase" || e.Name == "taskBase"
	}
	return false
}
