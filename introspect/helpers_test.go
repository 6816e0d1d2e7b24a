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
)

// run runs main, as a task of that name, in virtual time. The test fails if main does, or if a goroutine is left.
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

// spawn makes a task of a name.
func spawn(ctx context.Context, name string, fn func(ctx context.Context) error) *asyncio.Task[asyncio.None] {
	return asyncio.Go(ctx, fn, asyncio.WithName(name))
}

// get asks h as somebody outside does, while the loop runs on.
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
		t.Errorf("got:\n%s\nwanted:\n%s", got, want)
	}
}

// noLeaks fails the test if it ends with more goroutines than there are now.
func noLeaks(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		// One that is on its way out is no leak. Nobody tells when it is gone.
		for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
			if time.Now().After(deadline) {
				buf := make([]byte, 1<<16)
				t.Errorf("goroutines are left:\n%s", buf[:runtime.Stack(buf, true)])
				return
			}
		}
	})
}
