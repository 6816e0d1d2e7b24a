package web

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The page contains a hash of the sources it was built from: see sum in vite.config.js,
// which has the same list.
func TestPageIsBuiltFromItsSources(t *testing.T) {
	sources, err := filepath.Glob("src/*")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no sources in src: %v", err)
	}
	sources = append(sources, "index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.js")
	slices.Sort(sources)
	all := sha256.New()
	for _, name := range sources {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(all, "%x  %s\n", sha256.Sum256(text), filepath.ToSlash(name))
	}
	recorded := regexp.MustCompile(`<meta name="sources" content="([^"]*)"`).FindSubmatch(page)
	if recorded == nil || string(recorded[1]) != fmt.Sprintf("%x", all.Sum(nil)) {
		t.Error("dist/index.html is older than its sources; in cmd/asyncio/web, run: npm ci && npm run build")
	}
}

// The committed page is what the sources build to. The test requires node, and
// node_modules as installed by npm ci. .ci/run installs them if it can.
func TestSourcesBuildThePage(t *testing.T) {
	vite := filepath.Join("node_modules", "vite", "bin", "vite.js")
	node, err := exec.LookPath("node")
	if _, missing := os.Stat(vite); err != nil || missing != nil {
		t.Skip("SKIPPED: cannot rebuild the page: node or node_modules is missing")
	}
	dir := t.TempDir()
	if out, err := exec.Command(node, vite, "build", "--outDir", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	built, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	if string(built) != string(page) {
		t.Error("the sources build a page that differs from dist/index.html; run: npm ci && npm run build")
	}
}

// The page loads nothing from other hosts: its only URLs are names of XML namespaces.
func TestPageIsSelfContained(t *testing.T) {
	for _, url := range regexp.MustCompile(`https?://[^"'\x60 )]*`).FindAllString(string(page), -1) {
		if !strings.HasPrefix(url, "http://www.w3.org/") {
			t.Errorf("the page contains the URL %s", url)
		}
	}
	if m := regexp.MustCompile(`<(script|link|img)[^>]* (src|href)="[^d][^"]*"`).Find(page); m != nil {
		t.Errorf("the page loads %s", m)
	}
}

// The modules of the page have no import cycles, counting type-only imports.
func TestNoImportCycle(t *testing.T) {
	files, err := filepath.Glob("src/*.ts*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sources in src: %v", err)
	}
	// The module in import ... from "./module", import "./module" and import("./module").
	importRE := regexp.MustCompile(`\b(?:from|import)\s*\(?\s*["'](\.[^"']*)["']`)
	imports := map[string][]string{}
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range importRE.FindAllStringSubmatch(string(text), -1) {
			to := filepath.Join("src", m[1])
			i := slices.IndexFunc(files, func(f string) bool {
				return f == to || strings.TrimSuffix(f, filepath.Ext(f)) == to
			})
			switch {
			case i >= 0:
				imports[file] = append(imports[file], files[i])
				found++
			case filepath.Ext(to) != ".css":
				t.Errorf("%s imports %s, which is not in src", file, m[1])
			}
		}
	}
	if found == 0 {
		t.Fatal("found no imports in src")
	}

	var path []string
	checked := map[string]bool{}
	var visit func(file string)
	visit = func(file string) {
		if i := slices.Index(path, file); i >= 0 {
			t.Errorf("import cycle: %s -> %s", strings.Join(path[i:], " -> "), file)
			return
		}
		if checked[file] {
			return
		}
		path = append(path, file)
		for _, to := range imports[file] {
			visit(to)
		}
		path = path[:len(path)-1]
		checked[file] = true
	}
	for _, file := range files {
		visit(file)
	}
}

func TestHandler(t *testing.T) {
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "api: ", r.URL.Path) })
	get := func(h http.Handler, host, path string, cookies ...*http.Cookie) *http.Response {
		r := httptest.NewRequest("GET", path, nil)
		r.Host = host
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result()
	}
	open, shut := Handler(api, ""), Handler(api, "s3cret")
	cookies := get(shut, "127.0.0.1:7000", "/?token=s3cret").Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly {
		t.Fatalf("the token request sets cookies %v, want one HttpOnly cookie", cookies)
	}
	for _, c := range []struct {
		what       string
		handler    http.Handler
		host, path string
		cookies    []*http.Cookie
		status     int
	}{
		{"the page", open, "127.0.0.1:7000", "/", nil, 200},
		{"the api", open, "localhost:7000", "/api/snapshot", nil, 200},
		{"an unknown path", open, "[::1]:7000", "/else", nil, 404},
		{"a foreign host name", open, "evil.example:7000", "/api/snapshot", nil, 403},
		{"without the token", shut, "127.0.0.1:7000", "/api/snapshot", nil, 403},
		{"with another token", shut, "127.0.0.1:7000", "/?token=guess", nil, 403},
		{"with the token", shut, "127.0.0.1:7000", "/?token=s3cret", nil, 303},
		{"with the cookie", shut, "127.0.0.1:7000", "/api/snapshot", cookies, 200},
		{"with the cookie of another port", shut, "127.0.0.1:7001", "/api/snapshot", cookies, 403},
	} {
		if got := get(c.handler, c.host, c.path, c.cookies...); got.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d", c.what, got.StatusCode, c.status)
		}
	}
}
