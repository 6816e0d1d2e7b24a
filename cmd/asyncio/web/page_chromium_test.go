package web

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"example.com/asyncio/cmd/asyncio/internal/browser"
)

// Every view passes the axe rules for contrast, roles, names and focus, in the light and
// the dark theme, in a wide and a narrow window.
func TestChromiumAccessible(t *testing.T) {
	axe, err := os.ReadFile(filepath.Join("node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Skip("SKIPPED: cannot check accessibility: axe is missing; npm ci installs it")
	}
	ctx := browser.Open(t, Handler(shop(), ""), ".row")
	browser.Value[any](t, ctx, string(axe)+"; null")
	// One experimental rule of axe mistakes the tooltip of a graph node for visible text.
	check := func(what string) {
		t.Helper()
		wrong := browser.Value[[]string](t, ctx, `axe.run(document, {resultTypes: ["violations"], rules: {"label-content-name-mismatch": {enabled: false}}}).then(r => r.violations.flatMap(v =>
			v.nodes.map(n => v.id + " at " + n.target.join(" ") + ": " + (n.any[0] ?? n.all[0] ?? n.none[0])?.message)))`)
		for _, w := range wrong {
			t.Errorf("%s: %s", what, w)
		}
	}
	for _, scheme := range []string{"light", "dark"} {
		browser.SetScheme(t, ctx, scheme)
		// Axe does not check the canvas. WCAG requires a contrast of 3:1 for graphics.
		pale := browser.Value[[]string](t, ctx, `(() => { const style = getComputedStyle(document.documentElement), c = document.createElement("canvas").getContext("2d");
			const light = (name) => { c.fillStyle = style.getPropertyValue(name); c.fillRect(0, 0, 1, 1);
				const [r, g, b] = [...c.getImageData(0, 0, 1, 1).data].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
				return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05 };
			return [1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => "--lane-" + n).filter((n) => { const r = light(n) / light("--back"); return Math.max(r, 1 / r) < 3 }) })()`)
		if len(pale) > 0 {
			t.Errorf("%s: the contrast of %v is below 3:1", scheme, pale)
		}
		for _, width := range []int64{1280, 420} {
			browser.Resize(t, ctx, width, 760, 1)
			for i, view := range []string{".rows", ".lanes", ".graph", ".u-wrap", "article"} {
				browser.Do(t, ctx, chromedp.KeyEvent(string(rune('1'+i))), chromedp.WaitVisible(chromedp.CSS(view)))
				check(scheme + " " + view)
				if out := browser.Value[int](t, ctx, `document.documentElement.scrollWidth - innerWidth`); out > 0 {
					t.Errorf("%s is %d pixels wider than a window of %d: %s", view, out, width, browser.Value[string](t, ctx, `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth).map(e => e.tagName + "." + e.getAttribute("class")).join()`))
				}
			}
			browser.Do(t, ctx, chromedp.KeyEvent("1"), chromedp.WaitVisible(chromedp.CSS(".rows")))
			browser.Search(t, ctx, "page-7")
			browser.Shows(t, ctx, "#found", "1 of 19")
			check(scheme + " search")
			browser.Search(t, ctx, "")
			browser.Shows(t, ctx, "#found", "19 tasks")
			browser.Value[bool](t, ctx, `[...document.querySelectorAll(".row")].find(r => r.innerText.includes("refund")).click() ?? true`)
			browser.Shows(t, ctx, ".task pre", "main.refund")
			check(scheme + " task")
			browser.Do(t, ctx, chromedp.KeyEvent("?"), chromedp.WaitVisible(chromedp.CSS("dialog")))
			check(scheme + " help")
			browser.Do(t, ctx, chromedp.KeyEvent(kb.Escape), chromedp.WaitNotPresent(chromedp.CSS("dialog")), chromedp.KeyEvent(kb.Escape))
		}
	}
}

// The whole page works with the keyboard alone: arrow keys switch tabs, Tab enters the
// view, and the focus is visible.
func TestChromiumKeyboard(t *testing.T) {
	ctx := browser.Open(t, Handler(shop(), ""), ".row")
	focus := func() string {
		t.Helper()
		return browser.Value[string](t, ctx, `document.activeElement.id || document.activeElement.getAttribute("aria-label") || document.activeElement.tagName`)
	}
	browser.Do(t, ctx, chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab))
	if got := focus(); got != "tab-Tree" {
		t.Errorf("after two Tab keys the focus is at %s, want tab-Tree", got)
	}
	for _, want := range []string{"tab-Timeline", "tab-Waits", "tab-Times", "tab-Findings", "tab-Tree", "tab-Timeline"} {
		if browser.Do(t, ctx, chromedp.KeyEvent(kb.ArrowRight)); focus() != want {
			t.Errorf("after Right the focus is at %s, want %s", focus(), want)
		}
		browser.Shows(t, ctx, "[role=tab][aria-selected=true]", strings.TrimPrefix(want, "tab-"))
	}
	if browser.Do(t, ctx, chromedp.KeyEvent(kb.ArrowLeft)); focus() != "tab-Tree" {
		t.Errorf("after Left the focus is at %s, want tab-Tree", focus())
	}
	if browser.Do(t, ctx, chromedp.KeyEvent(kb.Tab)); focus() != "Keyboard shortcuts" {
		t.Errorf("after Tab the focus is at %s, want Keyboard shortcuts: the tabs are one tab stop", focus())
	}
	for range 10 {
		if focus() == "Tasks" {
			break
		}
		browser.Do(t, ctx, chromedp.KeyEvent(kb.Tab))
	}
	if outline := browser.Value[string](t, ctx, `getComputedStyle(document.activeElement).outlineStyle`); focus() != "Tasks" || outline == "none" {
		t.Errorf("the focus is at %s with outline %s, want Tasks with a visible outline", focus(), outline)
	}
	// Left collapses a task, Right expands it.
	rows := func() int { return browser.Value[int](t, ctx, `document.querySelectorAll("[role=treeitem]").length`) }
	all := rows()
	if browser.Do(t, ctx, chromedp.KeyEvent(kb.Home), chromedp.KeyEvent(kb.ArrowLeft)); rows() >= all {
		t.Errorf("main is collapsed, but %d of %d rows are shown", rows(), all)
	}
	if browser.Do(t, ctx, chromedp.KeyEvent(kb.ArrowRight)); rows() != all {
		t.Errorf("main is expanded: %d rows, want %d", rows(), all)
	}
}

// The timeline zooms around the mouse, can be dragged, and describes the state at a time.
func TestChromiumTimeline(t *testing.T) {
	ctx := browser.Open(t, Handler(shop(), ""), ".row")
	browser.Do(t, ctx, chromedp.KeyEvent("2"), chromedp.WaitVisible(chromedp.CSS(".lanes canvas")))
	mouse := func(does input.DispatchMouseEventType, x, y float64) {
		t.Helper()
		browser.Do(t, ctx, chromedp.MouseEvent(does, x, y, chromedp.ButtonLeft))
	}
	browser.Shows(t, ctx, "#window", "10 s")
	// Its ten seconds extend from x=180 to the right edge at 1280. The tasks were created
	// 9 s ago and have been waiting since.
	lane := browser.Value[float64](t, ctx, `document.querySelector(".lanes canvas").getBoundingClientRect().top + 24 + 10`)
	mouse(chromedp.MouseMoved, 1200, lane)
	browser.Shows(t, ctx, ".hover", "main #1")
	browser.Shows(t, ctx, ".hover", "waits for a task for ")
	mouse(chromedp.MouseMoved, 1200, lane+20)
	browser.Shows(t, ctx, ".hover", "serve #2")
	browser.Shows(t, ctx, ".hover", "waits for a queue for ")
	// Between its creation and its first step, half a second later, main was ready.
	browser.Do(t, ctx, chromedp.Focus(chromedp.CSS(".lanes")), chromedp.KeyEvent("--"))
	browser.Shows(t, ctx, "#window", "40 s")
	browser.Value[bool](t, ctx, fmt.Sprintf(`(() => { const x = 180 + 1100 * (1 - (asyncio.now() - asyncio.history.lanes.get(1).born - 25e7) / 40e9);
		return document.querySelector(".lanes").dispatchEvent(new MouseEvent("mousemove", {clientX: x, clientY: %f, bubbles: true})) })()`, lane)) // in one step, because time advances
	browser.Shows(t, ctx, ".hover", "ready for 500 ms")
	browser.Do(t, ctx, chromedp.KeyEvent("++"))
	browser.Shows(t, ctx, "#window", "10 s")
	// Ctrl and the mouse wheel zoom.
	browser.Value[bool](t, ctx, fmt.Sprintf(`document.querySelector(".lanes").dispatchEvent(new WheelEvent("wheel", {deltaY: -100, ctrlKey: true, clientX: 1200, clientY: %f, bubbles: true}))`, lane))
	browser.Shows(t, ctx, "#window", "8 s up to ")
	browser.Shows(t, ctx, "[aria-pressed]", "Follow")
	before := browser.Value[string](t, ctx, `document.querySelector("#window").innerText`)
	mouse(chromedp.MousePressed, 600, lane)
	mouse(chromedp.MouseMoved, 800, lane)
	mouse(chromedp.MouseReleased, 800, lane)
	after := browser.Value[string](t, ctx, `document.querySelector("#window").innerText`)
	if before == after || !strings.HasPrefix(after, "8 s up to ") {
		t.Errorf("dragging moves the window from %q to %q, want another window of 8 s", before, after)
	}
	if browser.Value[bool](t, ctx, `!!document.querySelector(".task")`) {
		t.Error("dragging opened a task")
	}
	mouse(chromedp.MousePressed, 600, lane+20)
	mouse(chromedp.MouseReleased, 600, lane+20)
	browser.Shows(t, ctx, ".task h2", "serve")
	// An ended task is shown while the time of its end is visible.
	browser.Do(t, ctx, chromedp.KeyEvent(kb.Escape), chromedp.Focus(chromedp.CSS(".lanes")), chromedp.KeyEvent("0--"))
	browser.Search(t, ctx, "order")
	browser.Shows(t, ctx, "#lane-chosen", "order 17")
	browser.Do(t, ctx, chromedp.Focus(chromedp.CSS(".lanes")), chromedp.KeyEvent("++++++++"), chromedp.WaitNotPresent(chromedp.CSS("#lane-chosen")))
}
