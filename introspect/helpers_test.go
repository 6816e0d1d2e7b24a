package introspect_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
	"example.com/asyncio/introspect"
)

// run runs main as the task main in virtual time. The test fails if main returns an error
// or leaves a goroutine behind.
func run(t *testing.T, main func(ctx context.Context) error) {
	t.Helper()
	noLeaks(t)
	r := &asyncio.Runner{Driver: driver.NewVirtual(), NoInterrupt: true}
	err := r.Run(context.Background(), main, asyncio.WithName("main"))
	if err2 := r.Close(); err != nil || err2 != nil {
		t.Error(err, err2)
	}
}

func running(ctx context.Context) *asyncio.Loop {
	l, err := asyncio.RunningLoop(ctx)
	if err != nil {
		panic(err)
	}
	return l
}

// served is run with a loop that is served in a runtime folder of its own. stop stops
// serving; served calls it at the end.
func served(t *testing.T, main func(ctx context.Context, stop func()) error, opts ...introspect.Option) {
	t.Helper()
	runtimeFolder(t)
	run(t, func(ctx context.Context) error {
		stop, err := introspect.Serve(ctx, opts...)
		if err != nil {
			return err
		}
		defer stop()
		return main(ctx, stop)
	})
}

// spawn creates a task with a name.
func spawn(ctx context.Context, name string, fn func(ctx context.Context) error) *asyncio.Task[asyncio.None] {
	return asyncio.Go(ctx, fn, asyncio.WithName(name))
}

// get sends a GET to h from outside the loop, which keeps running.
func get(ctx context.Context, h http.Handler, path string) *httptest.ResponseRecorder {
	return request(ctx, h, httptest.NewRequest(http.MethodGet, path, nil))
}

func request(ctx context.Context, h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	_, err := asyncio.ToThread(ctx, func(context.Context) (asyncio.None, error) {
		h.ServeHTTP(w, r)
		return asyncio.None{}, nil
	})
	if err != nil {
		panic(err)
	}
	return w
}

// answer is get for JSON.
func answer[T any](t *testing.T, ctx context.Context, h http.Handler, path string) (v T) {
	t.Helper()
	w := get(ctx, h, path)
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != http.StatusOK {
		t.Errorf("%s: %d %v: %s", path, w.Code, err, w.Body)
	}
	return v
}

func wantText(t *testing.T, got, want string) {
	t.Helper()
	if want = strings.TrimPrefix(want, "\n"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// noLeaks fails the test if it ends with more goroutines than it has now.
func noLeaks(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		// A goroutine that is about to end is not a leak.
		for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
			if time.Now().After(deadline) {
				buf := make([]byte, 1<<16)
				t.Errorf("leaked goroutines:\n%s", buf[:runtime.Stack(buf, true)])
				return
			}
		}
	})
}
