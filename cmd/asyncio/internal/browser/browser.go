// Package browser opens pages in Chromium, for tests.
package browser

import (
	"context"
	"flag"
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
)

var screenshots = flag.String("screenshots", "", "write screenshots of the pages to this folder")

func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Open opens a page in a browser and waits until the element first is visible. The test
// fails if the page has an uncaught exception.
func Open(t *testing.T, page http.Handler, first string) context.Context {
	path := chromium()
	if path == "" {
		t.Skip("SKIPPED: cannot test the page: Chromium is missing")
	}
	server := httptest.NewServer(page)
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
	// No timeout here: the browser ends with the context of the first call.
	if err := chromedp.Do(ctx, chromedp.Navigate(server.URL)); err != nil {
		t.Fatal(err)
	}
	Do(t, ctx, chromedp.WaitVisible(chromedp.CSS(first)))
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

// Do runs steps in the page.
func Do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	run(t, ctx, chromedp.Steps(steps...))
}

// Value returns the value of a JavaScript expression in the page.
func Value[T any](t *testing.T, ctx context.Context, js string) T {
	t.Helper()
	return run(t, ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
}

// Shows waits until the text of the first element that matches selector contains want.
func Shows(t *testing.T, ctx context.Context, selector, want string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		text := Value[string](t, ctx, `(e => e?.innerText ?? e?.textContent ?? "")(document.querySelector("`+selector+`"))`)
		if strings.Contains(text, want) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s shows %q, want %q", selector, text, want)
		}
	}
}

// SetScheme sets the color scheme of the page to light or dark.
func SetScheme(t *testing.T, ctx context.Context, scheme string) {
	t.Helper()
	Do(t, ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, media)
		return chromedp.Void{}, err
	})
}

// Resize sets the size of the window in points, and the number of pixels per point.
func Resize(t *testing.T, ctx context.Context, width, height int64, scale float64) {
	t.Helper()
	Do(t, ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetDeviceMetricsOverride,
			emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: scale})
		return chromedp.Void{}, err
	})
}

// Screenshot writes a screenshot of the page, light or dark, if the flag -screenshots is
// set. It waits for delay first, so that the page has more to show.
func Screenshot(t *testing.T, ctx context.Context, name, scheme string, delay time.Duration) {
	t.Helper()
	if *screenshots == "" {
		return
	}
	SetScheme(t, ctx, scheme)
	Do(t, ctx, chromedp.Sleep(delay))
	png := run(t, ctx, chromedp.CaptureScreenshot())
	if err := os.WriteFile(filepath.Join(*screenshots, name+"-"+scheme+".png"), png, 0o666); err != nil {
		t.Fatal(err)
	}
}

// Search enters text into the search field.
func Search(t *testing.T, ctx context.Context, text string) {
	t.Helper()
	Value[bool](t, ctx, `(() => { const i = document.querySelector("input"); i.value = "`+text+`"; return i.dispatchEvent(new Event("input")) })()`)
}
