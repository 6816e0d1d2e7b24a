package web

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"example.com/asyncio"
	"example.com/asyncio/introspect"
)

// These tests open the page in a real browser. go test -run Chromium -screenshots DIR ./web keeps what it looks like.
var screenshots = flag.String("screenshots", "", "the folder for pictures of the page")

func browser() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// open opens the page of p in a browser, and fails the test where the page has an error.
func open(t *testing.T, p http.Handler) context.Context {
	path := browser()
	if path == "" {
		t.Skip("SKIPPED: the page in a browser: there is no Chromium")
	}
	server := httptest.NewServer(Handler(p, ""))
	t.Cleanup(server.CloseClientConnections)
	ctx, stop := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.WindowSize(1280, 760), chromedp.UserDataDir(t.TempDir()))...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx, chromedp.WithListener(func(e any) {
		if e, ok := e.(*runtime.EventExceptionThrown); ok {
			t.Errorf("the page: %v", (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
		}
	}))
	t.Cleanup(stop)
	// Without a limit of time: the browser lives as long as the context of the first call.
	if err := chromedp.Do(ctx, chromedp.Navigate(server.URL)); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, chromedp.WaitVisible(chromedp.CSS(".row")))
	return ctx
}

func run[T any](t *testing.T, ctx context.Context, action chromedp.Action[T]) T {
	t.Helper()
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	run(t, ctx, chromedp.Steps(steps...))
}

// value returns what an expression is in the page.
func value[T any](t *testing.T, ctx context.Context, js string) T {
	t.Helper()
	return run(t, ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
}

// shows waits until the text of the first element that selector finds contains want.
func shows(t *testing.T, ctx context.Context, selector, want string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		text := value[string](t, ctx, `document.querySelector("`+selector+`")?.innerText ?? ""`)
		if strings.Contains(text, want) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s shows %q, and not %q", selector, text, want)
		}
	}
}

// wear has the page light or dark.
func wear(t *testing.T, ctx context.Context, scheme string) {
	t.Helper()
	do(t, ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, media)
		return chromedp.Void{}, err
	})
}

// size has the window of a size, in points, and so many pixels to a point.
func size(t *testing.T, ctx context.Context, width, height int64, scale float64) {
	t.Helper()
	do(t, ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetDeviceMetricsOverride,
			emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: scale})
		return chromedp.Void{}, err
	})
}

// picture keeps a picture of the page, light or dark, where -screenshots asks for it.
func picture(t *testing.T, ctx context.Context, name, scheme string) {
	t.Helper()
	if *screenshots == "" {
		return
	}
	wear(t, ctx, scheme)
	do(t, ctx, chromedp.Sleep(700*time.Millisecond))
	png := run(t, ctx, chromedp.CaptureScreenshot())
	if err := os.WriteFile(filepath.Join(*screenshots, name+"-"+scheme+".png"), png, 0o666); err != nil {
		t.Fatal(err)
	}
}

// search puts text into the field.
func search(t *testing.T, ctx context.Context, text string) {
	t.Helper()
	value[bool](t, ctx, `(() => { const i = document.querySelector("input"); i.value = "`+text+`"; return i.dispatchEvent(new Event("input")) })()`)
}

func TestChromiumShop(t *testing.T) {
	ctx := open(t, shop())

	// The tree appears, and says who awaits whom.
	shows(t, ctx, "#found", "19 tasks")
	shows(t, ctx, "[role=treeitem]", "main")
	if level := value[string](t, ctx, `[...document.querySelectorAll("[role=treeitem]")].find(r => r.innerText.includes("teller Ada")).getAttribute("aria-level")`); level != "3" {
		t.Errorf("teller Ada, whom bank awaits, whom main awaits, stands at level %s", level)
	}
	shows(t, ctx, "[role=alert]", "neither can go on")
	picture(t, ctx, "tree", "light")
	picture(t, ctx, "tree", "dark")

	// A search narrows it, from the keyboard, and keeps those above what it finds.
	do(t, ctx, chromedp.KeyEvent("/"))
	search(t, ctx, "") // of the slash: what the keys of a test write does not depend on whether the page took them
	do(t, ctx, chromedp.KeyEvent("page-7"))
	shows(t, ctx, "#found", "1 of 19 tasks")
	if names := value[string](t, ctx, `[...document.querySelectorAll(".row .name")].map(n => n.innerText).join()`); names != "main,catalogue,fetch page-7" {
		t.Errorf("the search for page-7 shows %s", names)
	}

	// Arrows and Enter open a task's page.
	do(t, ctx, chromedp.KeyEvent(kb.Escape), chromedp.Focus(chromedp.CSS(".rows")), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.Enter))
	shows(t, ctx, ".task h2", "fetch page-7")
	shows(t, ctx, ".task pre", "main.fetch")
	do(t, ctx, chromedp.KeyEvent(kb.Escape))
	search(t, ctx, "")
	shows(t, ctx, "#found", "19 tasks")

	// A cancelled task says why: one that has ended, and one that has not heard of it.
	click := func(name string) {
		t.Helper()
		value[bool](t, ctx, `[...document.querySelectorAll(".row")].find(r => r.innerText.includes("`+name+`")).click() ?? true`)
	}
	click("order 17")
	shows(t, ctx, ".why", "cancelled by a timeout of 5s in task serve")
	picture(t, ctx, "cancelled", "light")
	click("refund")
	shows(t, ctx, ".why", "the customer has left")
	do(t, ctx, chromedp.KeyEvent(kb.Escape))

	// A deadlock is red in the graph.
	do(t, ctx, chromedp.KeyEvent("3"), chromedp.WaitVisible(chromedp.CSS("svg.graph")))
	red := value[[]string](t, ctx, `[...document.querySelectorAll(".node.cycle")].map(n => getComputedStyle(n.querySelector("rect")).stroke + " " + n.querySelector(".name").textContent).sort()`)
	if want := []string{"rgb(200, 32, 44) teller Ada #5", "rgb(200, 32, 44) teller Bob #6"}; strings.Join(red, ";") != strings.Join(want, ";") {
		t.Errorf("in the circle are %q, want %q", red, want)
	}
	if n := value[int](t, ctx, `document.querySelectorAll(".edge.cycle").length`); n != 2 {
		t.Errorf("%d arrows are red, want 2", n)
	}
	picture(t, ctx, "graph", "light")
	picture(t, ctx, "graph", "dark")

	// The other views.
	do(t, ctx, chromedp.KeyEvent("5"))
	shows(t, ctx, "article.severe", "Take the locks in the same order")
	do(t, ctx, chromedp.KeyEvent("4"), chromedp.WaitVisible(chromedp.CSS(".u-wrap canvas")))
	shows(t, ctx, "figure", "half up to")
	picture(t, ctx, "times", "light")
	picture(t, ctx, "times", "dark")
	do(t, ctx, chromedp.KeyEvent("2"), chromedp.WaitVisible(chromedp.CSS(".lanes canvas")), chromedp.Focus(chromedp.CSS(".lanes")), chromedp.KeyEvent(kb.End))
	shows(t, ctx, "#lane-chosen", "ended: cancelled")
	picture(t, ctx, "timeline", "light")
	picture(t, ctx, "timeline", "dark")
	if colours := value[int](t, ctx, `(() => {
		const c = document.querySelector(".lanes canvas");
		const d = new Uint32Array(c.getContext("2d").getImageData(0, 0, c.width, c.height).data.buffer);
		return new Set(d).size; })()`); colours < 5 {
		t.Errorf("the timeline has %d colours", colours)
	}
	do(t, ctx, chromedp.KeyEvent("+"), chromedp.KeyEvent(kb.ArrowLeft))
	shows(t, ctx, "[aria-pressed]", "Follow")
	do(t, ctx, chromedp.KeyEvent("0"))
	shows(t, ctx, "[aria-pressed]", "Following")
}

// A real program, by way of introspect: two tasks that wait for each other's lock, one that a timeout
// cancelled, and one that is at work.
func TestChromiumRealProgram(t *testing.T) {
	handler := make(chan http.Handler)
	program, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- asyncio.Run(program, func(ctx context.Context) error {
			loop, err := asyncio.GetRunningLoop(ctx)
			if err != nil {
				return err
			}
			handler <- introspect.Handler(loop)
			return bankAtWork(ctx)
		})
	}()
	defer func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	ctx := open(t, <-handler)
	shows(t, ctx, "[role=alert]", "Ada")
	search(t, ctx, "order")
	shows(t, ctx, ".pill.cancelled", "cancelled")
	value[bool](t, ctx, `document.querySelector(".pill.cancelled").closest(".row").click() ?? true`)
	shows(t, ctx, ".why", "20ms")
	shows(t, ctx, ".why", "asked by")
	picture(t, ctx, "real-cancelled", "light")
	search(t, ctx, "Ada")
	value[bool](t, ctx, `document.querySelector(".row.cycle").click() ?? true`)
	shows(t, ctx, ".task", "held by")
	picture(t, ctx, "real-task", "dark")
	search(t, ctx, "")
	do(t, ctx, chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent("3"), chromedp.WaitVisible(chromedp.CSS(".edge.cycle")))
	if n := value[int](t, ctx, `document.querySelectorAll(".node.cycle").length`); n != 2 {
		t.Errorf("%d tasks are red, want 2", n)
	}
	picture(t, ctx, "real-graph", "light")
	do(t, ctx, chromedp.KeyEvent("2"), chromedp.WaitVisible(chromedp.CSS(".lanes canvas")))
	shows(t, ctx, "#lane-chosen", "waits for a ")
	picture(t, ctx, "real-timeline", "light")
	do(t, ctx, chromedp.KeyEvent("4"))
	shows(t, ctx, "figure", "half up to")
	picture(t, ctx, "real-times", "light")
}

func bankAtWork(ctx context.Context) error {
	var vault, ledger asyncio.Lock
	teller := func(first, second *asyncio.Lock) func(context.Context) error {
		return func(ctx context.Context) error {
			if err := first.Acquire(ctx); err != nil {
				return err
			}
			defer first.Release()
			asyncio.Yield(ctx)
			return second.Acquire(ctx)
		}
	}
	return asyncio.WithTaskGroup(ctx, func(ctx context.Context, bank *asyncio.TaskGroup) error {
		bank.Go(teller(&vault, &ledger), asyncio.WithName("Ada"))
		bank.Go(teller(&ledger, &vault), asyncio.WithName("Bob"))
		for n := 1; ; n++ {
			err := asyncio.Timeout(ctx, 20*time.Millisecond, func(ctx context.Context) error {
				_, err := asyncio.Go(ctx, func(ctx context.Context) error { return asyncio.Sleep(ctx, time.Hour) },
					asyncio.WithName(fmt.Sprint("order ", n))).Await(ctx)
				return err
			})
			if !errors.Is(err, context.DeadlineExceeded) {
				return err
			}
			if err := asyncio.Sleep(ctx, 200*time.Millisecond); err != nil {
				return err
			}
		}
	})
}

// 10,000 tasks and 50,000 events a second: what is drawn stays little, and what is left out is said.
func TestChromiumCrowd(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds of both cores")
	}
	p := crowd(10_000, 50_000)
	p.lost = 500
	ctx := open(t, p)
	shows(t, ctx, "#found", "10,000 tasks")
	if n := value[int](t, ctx, `document.querySelectorAll(".row").length`); n > 100 {
		t.Errorf("%d rows are drawn for 10,000 tasks", n)
	}
	picture(t, ctx, "crowd-tree", "light")
	do(t, ctx, chromedp.KeyEvent("3"))
	shows(t, ctx, ".note", "120 of")
	picture(t, ctx, "crowd-graph", "light")
	do(t, ctx, chromedp.KeyEvent("2"), chromedp.WaitVisible(chromedp.CSS(".lanes canvas")))
	shows(t, ctx, ".state", "sampled: ")
	frames := `new Promise(done => { let n = 0, last = performance.now(), worst = 0; const began = last;
		const step = (t) => { n++; worst = Math.max(worst, t - last); last = t; t - began < 1000 ? requestAnimationFrame(step) : done([n, worst]) };
		requestAnimationFrame(step) })`
	smooth := value[[]float64](t, ctx, frames)
	t.Logf("%.0f frames a second, the longest %.0f ms; %s", smooth[0], smooth[1], value[string](t, ctx, `document.querySelector(".state").innerText`))
	picture(t, ctx, "crowd-timeline", "light")
	picture(t, ctx, "crowd-timeline", "dark")
}
