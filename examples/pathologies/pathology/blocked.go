package pathology

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/introspect"
)

// Blocked runs a program in real time and returns the findings during its call of work.
// work returns after a severe finding, or after the loop has answered a request.
func Blocked(program func(work func()) Program, warn, stuck time.Duration) (all []introspect.Finding, err error) {
	err = watched(warn, stuck, func(h http.Handler) Program {
		return program(func() {
			for {
				found := get(h, "/findings?wait=1ms")
				if severe(found.Findings) || found.Partial == "" {
					all = found.Findings
					return
				}
				runtime.Gosched()
			}
		})
	})
	return all, err
}

// InPieces runs a program in real time. It returns the findings during its last call of
// piece and the total duration of these calls. A call takes a millisecond, and returns
// immediately after a severe finding.
func InPieces(program func(piece func()) Program, warn, stuck time.Duration) (all []introspect.Finding, took time.Duration, err error) {
	err = watched(warn, stuck, func(h http.Handler) Program {
		return program(func() {
			if severe(all) {
				return
			}
			began := time.Now()
			all = get(h, "/findings?wait=1ms").Findings
			took += time.Since(began)
		})
	})
	return all, took, err
}

func severe(all []introspect.Finding) bool { return len(all) > 0 && all[0].Severe }

// watched runs a program in real time, in a task named program and with a watchdog.
func watched(warn, stuck time.Duration, program func(h http.Handler) Program) error {
	r := &asyncio.Runner{NoInterrupt: true}
	err := r.Run(context.Background(), func(ctx context.Context) error {
		loop, err := asyncio.RunningLoop(ctx)
		if err != nil {
			return err
		}
		h := introspect.Handler(loop, introspect.Watch(warn, stuck))
		if err := asyncio.Yield(ctx); err != nil {
			return err
		}
		_, err = asyncio.Go(ctx, program(h), asyncio.WithName("program")).Await(ctx)
		return err
	})
	return errors.Join(err, r.Close())
}

func get(h http.Handler, path string) (answer introspect.Findings) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		panic(err)
	}
	return answer
}
