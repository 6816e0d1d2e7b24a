package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"example.com/asyncio"
	"example.com/asyncio/cmd/asyncio/internal/browser"
	"example.com/asyncio/introspect"
)

// Every view of the same program, in one browser.
func TestChromiumShop(t *testing.T) {
	ctx := browser.Open(t, Handler(shop(), ""), ".row")
	testTree(t, ctx)
	testCancelledTasks(t, ctx)
	testGraph(t, ctx)
	testFindings(t, ctx)
	testTimes(t, ctx)
	testTimeline(t, ctx)
}

func testTree(t *testing.T, ctx context.Context) {
	// The tree shows which task awaits which.
	browser.Shows(t, ctx, "#found", "19 tasks")
	browser.Shows(t, ctx, "[role=treeitem]", "main")
	if level := browser.Value[string](t, ctx, `[...document.querySelectorAll("[role=treeitem]")].find(r => r.innerText.includes("teller Ada")).getAttribute("aria-level")`); level != "3" {
		t.Errorf("main awaits bank, which awaits teller Ada: teller Ada is at level %s, want 3", level)
	}
	browser.Shows(t, ctx, "[role=alert]", "Neither can continue")
	browser.Screenshot(t, ctx, "tree", "light", 700*time.Millisecond)
	browser.Screenshot(t, ctx, "tree", "dark", 700*time.Millisecond)

	// A search from the keyboard narrows the tree and keeps the ancestors of its matches.
	browser.Do(t, ctx, chromedp.KeyEvent("/"))
	browser.Search(t, ctx, "") // removes the slash, which Chromium may type into the field
	browser.Do(t, ctx, chromedp.KeyEvent("page-7"))
	browser.Shows(t, ctx, "#found", "1 of 19 tasks")
	if names := browser.Value[string](t, ctx, `[...document.querySelectorAll(".row .name")].map(n => n.innerText).join()`); names != "main,catalogue,fetch page-7" {
		t.Errorf("the search for page-7 shows %s, want main,catalogue,fetch page-7", names)
	}

	// Arrow keys and Enter open a task page.
	browser.Do(t, ctx, chromedp.KeyEvent(kb.Escape), chromedp.Focus(chromedp.CSS(".rows")), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.Enter))
	browser.Shows(t, ctx, ".task h2", "fetch page-7")
	browser.Shows(t, ctx, ".task pre", "main.fetch")
	browser.Do(t, ctx, chromedp.KeyEvent(kb.Escape))
	browser.Search(t, ctx, "")
	browser.Shows(t, ctx, "#found", "19 tasks")
}

func testCancelledTasks(t *testing.T, ctx context.Context) {
	// The page of a cancelled task shows why, after its end and before it has received
	// the cancellation.
	click := func(name string) {
		t.Helper()
		browser.Value[bool](t, ctx, `[...document.querySelectorAll(".row")].find(r => r.innerText.includes("`+name+`")).click() ?? true`)
	}
	click("order 17")
	browser.Shows(t, ctx, ".why", "cancelled by a timeout of 5s in task serve")
	browser.Screenshot(t, ctx, "cancelled", "light", 700*time.Millisecond)
	click("refund")
	browser.Shows(t, ctx, ".why", "the customer left")
	browser.Do(t, ctx, chromedp.KeyEvent(kb.Escape))
}

func testGraph(t *testing.T, ctx context.Context) {
	// A deadlock is red in the graph.
	browser.Do(t, ctx, chromedp.KeyEvent("3"), chromedp.WaitVisible(chromedp.CSS("svg.graph")))
	red := browser.Value[[]string](t, ctx, `[...document.querySelectorAll(".node.cycle")].map(n => getComputedStyle(n.querySelector("rect")).stroke + " " + n.querySelector(".name").textContent).sort()`)
	if want := []string{"rgb(200, 32, 44) teller Ada #5", "rgb(200, 32, 44) teller Bob #6"}; strings.Join(red, ";") != strings.Join(want, ";") {
		t.Errorf("in the cycle are %q, want %q", red, want)
	}
	if n := browser.Value[int](t, ctx, `document.querySelectorAll(".edge.cycle").length`); n != 2 {
		t.Errorf("%d arrows are red, want 2", n)
	}
	browser.Screenshot(t, ctx, "graph", "light", 700*time.Millisecond)
	browser.Screenshot(t, ctx, "graph", "dark", 700*time.Millisecond)
}

func testFindings(t *testing.T, ctx context.Context) {
	browser.Do(t, ctx, chromedp.KeyEvent("5"))
	browser.Shows(t, ctx, "article.severe", "Take the locks in the same order")
}

func testTimes(t *testing.T, ctx context.Context) {
	browser.Do(t, ctx, chromedp.KeyEvent("4"), chromedp.WaitVisible(chromedp.CSS(".u-wrap canvas")))
	browser.Shows(t, ctx, "figure", "50% within")
	browser.Shows(t, ctx, "figure:nth-of-type(2)", "measurement")
	if text := browser.Value[string](t, ctx, `document.querySelector("figure:nth-of-type(2) p:last-child").innerText`); !strings.HasSuffix(text, " µs") {
		t.Errorf("the loop lag is below 100 µs, but the page shows %s", text)
	}
	browser.Do(t, ctx, chromedp.WaitVisible(chromedp.CSS("figure:nth-of-type(3) canvas")))
	// Most steps take 30 µs to 8 ms. The longest is the first step of order 17: 100 ms.
	steps := browser.Value[[]float64](t, ctx, `(() => { const c = asyncio.history.steps.counts; return [c.findIndex(n => n), c.findLastIndex(n => n)].map(i => 2 ** (i / 4)) })()`)
	if steps[0] < 20e3 || steps[0] > 40e3 || steps[1] < 80e6 || steps[1] > 110e6 {
		t.Errorf("steps take from %.0f to %.0f ns, want from 20-40 µs to 80-110 ms", steps[0], steps[1])
	}
	browser.Screenshot(t, ctx, "times", "light", 700*time.Millisecond)
	browser.Screenshot(t, ctx, "times", "dark", 700*time.Millisecond)
}

func testTimeline(t *testing.T, ctx context.Context) {
	browser.Do(t, ctx, chromedp.KeyEvent("2"), chromedp.WaitVisible(chromedp.CSS(".lanes canvas")), chromedp.Focus(chromedp.CSS(".lanes")),
		chromedp.KeyEvent("---"), chromedp.KeyEvent(kb.End)) // a slow test may need a longer interval
	browser.Shows(t, ctx, "#lane-chosen", "ended: cancelled")
	browser.Screenshot(t, ctx, "timeline", "light", 700*time.Millisecond)
	browser.Screenshot(t, ctx, "timeline", "dark", 700*time.Millisecond)
	if colours := browser.Value[int](t, ctx, `(() => {
		const c = document.querySelector(".lanes canvas");
		const d = new Uint32Array(c.getContext("2d").getImageData(0, 0, c.width, c.height).data.buffer);
		return new Set(d).size; })()`); colours < 5 {
		t.Errorf("the timeline has %d colours, want at least 5", colours)
	}
	browser.Do(t, ctx, chromedp.KeyEvent("+"), chromedp.KeyEvent(kb.ArrowLeft))
	browser.Shows(t, ctx, "[aria-pressed]", "Follow")
	browser.Do(t, ctx, chromedp.KeyEvent("0"))
	browser.Shows(t, ctx, "[aria-pressed]", "Following")
}

// A real program, through introspect: two tasks that wait for each other's lock, one that
// was cancelled by a timeout, and one that works.
func TestChromiumRealProgram(t *testing.T) {
	handler := make(chan http.Handler)
	program, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- asyncio.Run(program, func(ctx context.Context) error {
			loop, err := asyncio.RunningLoop(ctx)
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
	ctx := browser.Open(t, Handler(<-handler, ""), ".row")
	browser.Shows(t, ctx, "[role=alert]", "Ada")
	browser.Search(t, ctx, "order")
	browser.Shows(t, ctx, ".pill.cancelled", "cancelled")
	browser.Value[bool](t, ctx, `document.querySelector(".pill.cancelled").closest(".row").click() ?? true`)
	browser.Shows(t, ctx, ".why", "20ms")
	browser.Shows(t, ctx, ".why", "requested by")
	browser.Screenshot(t, ctx, "real-cancelled", "light", 700*time.Millisecond)
	browser.Search(t, ctx, "Ada")
	browser.Value[bool](t, ctx, `document.querySelector(".row.cycle").click() ?? true`)
	browser.Shows(t, ctx, ".task", "held by")
	browser.Shows(t, ctx, ".task", "blocks\n")
	browser.Shows(t, ctx, ".task pre", "web.bankAtWork")
	browser.Screenshot(t, ctx, "real-task", "dark", 700*time.Millisecond)
	browser.Search(t, ctx, "")
	browser.Do(t, ctx, chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent("3"), chromedp.WaitVisible(chromedp.CSS(".edge.cycle")))
	if n := browser.Value[int](t, ctx, `document.querySelectorAll(".node.cycle").length`); n != 2 {
		t.Errorf("%d tasks are red, want 2", n)
	}
	browser.Screenshot(t, ctx, "real-graph", "light", 700*time.Millisecond)
	browser.Do(t, ctx, chromedp.KeyEvent("2"), chromedp.WaitVisible(chromedp.CSS(".lanes canvas")))
	browser.Shows(t, ctx, "#lane-chosen", "waits for a ")
	browser.Screenshot(t, ctx, "real-timeline", "light", 700*time.Millisecond)
	browser.Do(t, ctx, chromedp.KeyEvent("4"))
	browser.Shows(t, ctx, "figure", "50% within")
	browser.Screenshot(t, ctx, "real-times", "light", 700*time.Millisecond)
}

// The loop of the program is blocked before the page opens. The page reports what blocks
// it while it is blocked.
func TestChromiumBlockedProgram(t *testing.T) {
	handler, blocked := make(chan http.Handler), make(chan struct{})
	goOn := sync.OnceFunc(func() { close(blocked) })
	program, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	defer func() {
		goOn()
		stop()
		<-ended
	}()
	go func() {
		ended <- asyncio.Run(program, func(ctx context.Context) error {
			loop, err := asyncio.RunningLoop(ctx)
			if err != nil {
				return err
			}
			h := introspect.Handler(loop, introspect.Watch(20*time.Millisecond, 40*time.Millisecond))
			if err := asyncio.Yield(ctx); err != nil {
				return err
			}
			grind := func(ctx context.Context) error {
				if err := asyncio.Yield(ctx); err != nil {
					return err
				}
				handler <- h
				<-blocked
				return asyncio.Sleep(ctx, time.Hour)
			}
			_, err = asyncio.Go(ctx, grind, asyncio.WithName("grind")).Await(ctx)
			return err
		})
	}()
	ctx := browser.Open(t, Handler(<-handler, ""), "[role=alert]")
	browser.Shows(t, ctx, "[role=alert]", "task grind (#2) has blocked the loop for ")
	browser.Shows(t, ctx, ".state", "blocked: task grind")
	browser.Do(t, ctx, chromedp.KeyEvent("5"))
	browser.Shows(t, ctx, "article.severe pre", "TestChromiumBlockedProgram")
	browser.Screenshot(t, ctx, "blocked", "dark", 700*time.Millisecond)
	goOn()
	browser.Shows(t, ctx, "article.over", "grind") // the finding is resolved
	browser.Shows(t, ctx, ".state", "live")
	browser.Do(t, ctx, chromedp.KeyEvent("1"))
	browser.Shows(t, ctx, ".rows", "waits for timer")
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

// With 10,000 tasks and 50,000 events per second, the page draws little and reports how
// many events are missing.
func TestChromiumCrowd(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds of two cores")
	}
	p := crowd(10_000, 50_000)
	p.lost = 500
	ctx := browser.Open(t, Handler(p, ""), ".row")
	browser.Shows(t, ctx, "#found", "10,000 tasks")
	if n := browser.Value[int](t, ctx, `document.querySelectorAll(".row").length`); n > 100 {
		t.Errorf("%d rows are drawn for 10,000 tasks, want at most 100", n)
	}
	browser.Screenshot(t, ctx, "crowd-tree", "light", 700*time.Millisecond)
	browser.Do(t, ctx, chromedp.KeyEvent("3"))
	browser.Shows(t, ctx, ".note", "120 of")
	browser.Screenshot(t, ctx, "crowd-graph", "light", 700*time.Millisecond)
	browser.Do(t, ctx, chromedp.KeyEvent("2"), chromedp.WaitVisible(chromedp.CSS(".lanes canvas")))
	browser.Shows(t, ctx, ".state", "sampled: ")
	// The work per frame depends on the lanes and pixels in the window, not on the tasks.
	frames := `new Promise(done => { let n = 0, last = performance.now(), worst = 0, rects = 0, most = 0; const began = last;
		const fill = CanvasRenderingContext2D.prototype.fillRect;
		CanvasRenderingContext2D.prototype.fillRect = function (...a) { rects++; fill.apply(this, a) };
		const step = (t) => { n++; worst = Math.max(worst, t - last); last = t; most = Math.max(most, rects); rects = 0;
			if (t - began < 1000) return requestAnimationFrame(step);
			CanvasRenderingContext2D.prototype.fillRect = fill; done([n, worst, most]) };
		requestAnimationFrame(step) })`
	smooth := browser.Value[[]float64](t, ctx, frames)
	t.Logf("%.0f frames per second, the longest %.0f ms, up to %.0f rectangles; %s", smooth[0], smooth[1], smooth[2],
		browser.Value[string](t, ctx, `document.querySelector(".state").innerText`))
	lanes := browser.Value[float64](t, ctx, `document.querySelector(".lanes").clientHeight / 20 + 2`)
	if pixels := lanes * 1280; smooth[2] < lanes || smooth[2] > pixels {
		t.Errorf("%.0f rectangles per frame for %.0f lanes, want between 1 per lane and 1 per pixel", smooth[2], lanes)
	}
	// The page handles keys meanwhile.
	browser.Do(t, ctx, chromedp.KeyEvent("/"))
	browser.Search(t, ctx, "worker 7777")
	browser.Shows(t, ctx, "#lane-chosen", "7777")
	browser.Search(t, ctx, "")
	browser.Screenshot(t, ctx, "crowd-timeline", "light", 700*time.Millisecond)
	browser.Screenshot(t, ctx, "crowd-timeline", "dark", 700*time.Millisecond)
}

// A page without time for events skips them. It reports this in the header, and hatches
// the timeline where events are missing.
func TestChromiumSampling(t *testing.T) {
	ctx := browser.Open(t, Handler(shop(), ""), ".row")
	browser.Shows(t, ctx, ".state", "events/s")
	if text := browser.Value[string](t, ctx, `document.querySelector(".state").innerText`); strings.Contains(text, "sampled") {
		t.Errorf("the page has time for all events, but shows %s", text)
	}
	browser.Value[bool](t, ctx, `(asyncio.spare = -1, new Promise(done => setTimeout(() => { asyncio.spare = 400; done(true) }, 300)))`)
	browser.Shows(t, ctx, ".state", "missing") // computed from the next sequence number
	browser.Do(t, ctx, chromedp.KeyEvent("2"), chromedp.WaitVisible(chromedp.CSS(".lanes canvas")))
	hatched := `new Promise(done => { const stroke = CanvasRenderingContext2D.prototype.stroke; let n = 0;
		CanvasRenderingContext2D.prototype.stroke = function () { n++; stroke.apply(this) };
		setTimeout(() => { CanvasRenderingContext2D.prototype.stroke = stroke; done(n) }, 500) })`
	if n := browser.Value[int](t, ctx, hatched); n == 0 {
		t.Error("the timeline is not hatched where events are missing")
	}
}
