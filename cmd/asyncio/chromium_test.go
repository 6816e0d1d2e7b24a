package main

import (
	"bufio"
	"context"
	"flag"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"example.com/asyncio/cmd/asyncio/internal/browser"
	"example.com/asyncio/cmd/asyncio/internal/scene"
	"example.com/asyncio/cmd/asyncio/web"
	"example.com/asyncio/introspect"
)

// The page of a recording shows each snapshot without anything later.
func TestChromiumRecording(t *testing.T) {
	r, err := openRecording(recordingOf(t, scene.Calm(), scene.Deadlock()))
	if err != nil {
		t.Fatal(err)
	}
	ctx := browser.Open(t, web.Handler(r.handler(), ""), ".row")
	has := func(selector string) bool {
		t.Helper()
		return browser.Value[bool](t, ctx, `!!document.querySelector("`+selector+`")`)
	}
	browser.Shows(t, ctx, ".state", "recording\n5 tasks, 8 events in total")
	browser.Shows(t, ctx, ".scrubber", "snapshot 1 of 2, 0 ns after the first")
	browser.Value[bool](t, ctx, `[...document.querySelectorAll(".row")].find(r => r.innerText.includes("fetch")).click() ?? true`)
	browser.Shows(t, ctx, ".task", "waits for timer")
	browser.Shows(t, ctx, ".task", "a recording has no stacks")
	if has("[role=alert]") || has(".why") || has(".pill.error") {
		t.Error("the first snapshot shows a later finding, cancel or error")
	}
	browser.Do(t, ctx, chromedp.KeyEvent("]"))
	browser.Shows(t, ctx, ".scrubber", "snapshot 2 of 2, 1 s after the first")
	browser.Shows(t, ctx, "[role=alert]", "None of them can continue")
	browser.Shows(t, ctx, ".why", "requested by timeout of 13s of task main")
	browser.Shows(t, ctx, ".task table", "12.9 s\tcancel asked")
	browser.Shows(t, ctx, ".task table", "12.1 s\tresumed")
	browser.Shows(t, ctx, ".task table", "waits for timer, due in 2.85 s")
	browser.Shows(t, ctx, ".row:has(.pill.error)", "brief")
	browser.Value[bool](t, ctx, `document.querySelector(".row:has(.pill.error)").click() ?? true`)
	browser.Shows(t, ctx, ".task .pill", "error")
	browser.Do(t, ctx, chromedp.KeyEvent("["))
	browser.Shows(t, ctx, ".task .pill", "not created yet")
	browser.Do(t, ctx, chromedp.KeyEvent("]"))
	browser.Screenshot(t, ctx, "recording", "light", 700*time.Millisecond)
	browser.Do(t, ctx, chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent("2"), chromedp.WaitVisible(chromedp.CSS(".lanes canvas")))
	browser.Search(t, ctx, "brief")
	browser.Shows(t, ctx, "#lane-chosen", "brief #20 ended: error ended no ink")
	browser.Search(t, ctx, "left")
	browser.Shows(t, ctx, "#lane-chosen", "waits for a lock for 799 ms")
	// The timeline does not move. A change of the theme redraws it.
	ruler := `new Promise(done => setTimeout(() => { const c = document.querySelector(".lanes canvas"); done(c.getContext("2d").getImageData(c.width - 2, 2, 1, 1).data[0]) }, 300))`
	browser.SetScheme(t, ctx, "light")
	light := browser.Value[int](t, ctx, ruler)
	browser.SetScheme(t, ctx, "dark")
	if dark := browser.Value[int](t, ctx, ruler); light < 200 || dark > 50 {
		t.Errorf("the ruler has brightness %d in the light theme and %d in the dark theme, want at least 200 and at most 50", light, dark)
	}
	browser.Screenshot(t, ctx, "recording-timeline", "dark", 700*time.Millisecond)
	browser.Do(t, ctx, chromedp.KeyEvent("["), chromedp.KeyEvent("1"))
	browser.Search(t, ctx, "")
	browser.Shows(t, ctx, ".scrubber", "snapshot 1 of 2")
	browser.Shows(t, ctx, ".rows", "waits for job main.pack")
	if browser.Do(t, ctx, chromedp.KeyEvent("4"), chromedp.WaitVisible(chromedp.CSS(".u-wrap"))); has("[role=alert]") {
		t.Error("the first snapshot shows an alarm after going back")
	}
	browser.Shows(t, ctx, "figure", "3 steps")
}

var tree = flag.String("tree", "", "for screenshots, let treesum hash this `directory` with sha512, one file at a time; default: the sources of Go, read slowly")

// Treesum as ps, pstree, top and the page show it. This writes the screenshots of
// README.md and the texts of docs/debugging.md:
//
//	go test -v -run Treesum -tree /usr -screenshots DIR
func TestChromiumTreesum(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	pid := startTreesum(t)
	client, err := introspect.Dial(t.Context(), pid)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for full := false; !full; { // until walk waits for space in the queue
		p, err := client.Picture(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		full = strings.Contains(introspect.PS(&p.Snapshot), "queue put")
	}

	for _, command := range []string{"ps", "pstree"} {
		status, text, errs := asyncioIn(t, command, pid)
		for _, want := range []string{"treesum, process " + pid, "walk", "queue put <Queue maxsize=64 "} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not show %q\n%s", command, want, text)
			}
		}
		if status != 0 || errs != "" {
			t.Errorf("%s: status %d\n%s", command, status, errs)
		}
		t.Logf("$ asyncio %s %s\n%s", command, pid, text)
	}
	top := newTop(t, &live{client, time.Hour})
	top.height = 14
	if s := top.View().Content; !strings.Contains(s, "walk ") {
		t.Errorf("top does not show walk\n%s", s)
	} else {
		t.Logf("$ asyncio top %s\n%s", pid, s)
	}
	testTreesumPage(t, client)
}

func testTreesumPage(t *testing.T, client *introspect.Client) {
	ctx := browser.Open(t, web.Handler(proxy(client), ""), ".row")
	browser.Resize(t, ctx, 1240, 520, 2)
	browser.Shows(t, ctx, ".rows", "walk")
	browser.Value[bool](t, ctx, `[...document.querySelectorAll(".row")].find(r => r.innerText.includes("walk")).click() ?? true`)
	browser.Shows(t, ctx, ".task h2", "walk #2")
	browser.Shows(t, ctx, ".task pre", "main.(*pipeline).walk")
	browser.Screenshot(t, ctx, "treesum-tree", "light", 4*time.Second)
	browser.Do(t, ctx, chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent("2"), chromedp.WaitVisible(chromedp.CSS(".lanes canvas")))
	browser.Shows(t, ctx, "#lane-chosen", "Task-1")
	browser.Do(t, ctx, chromedp.Focus(chromedp.CSS(".lanes")), chromedp.KeyEvent("++"))
	browser.Shows(t, ctx, "#window", "2.5 s")
	browser.Shows(t, ctx, "[aria-pressed]", "Following")
	browser.Screenshot(t, ctx, "treesum-timeline", "dark", 4*time.Second)
	browser.Do(t, ctx, chromedp.KeyEvent("3"), chromedp.WaitVisible(chromedp.CSS(".thing")))
	browser.Shows(t, ctx, ".graph", "Queue maxsize=64")
	browser.Screenshot(t, ctx, "treesum-waits", "dark", 4*time.Second)
}

// startTreesum starts treesum, whose output it reads slowly without -tree, and returns
// its process ID when the process serves.
func startTreesum(t *testing.T) (pid string) {
	treesum := filepath.Join(t.TempDir(), "treesum")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", treesum, "example.com/asyncio/examples/treesum").CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: cannot test with treesum: it does not build here (without go.work?)\n%s", out)
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, treesum, "--introspect", filepath.Join(strings.TrimSpace(string(root)), "src"))
	pause := 100 * time.Millisecond
	if *tree != "" {
		cmd.Args = append(cmd.Args[:2], "-j1", "-asha512", *tree)
		pause = 0
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for err := error(nil); err == nil; time.Sleep(pause) {
			_, err = io.CopyN(io.Discard, stdout, 4<<10)
		}
	}()
	t.Cleanup(func() {
		stop()
		<-done
		_ = cmd.Wait()
	})
	if _, err := bufio.NewReader(stderr).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(cmd.Process.Pid)
}
