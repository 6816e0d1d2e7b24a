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

// Blocked runs a program in real time and returns what is found while it is in the middle of its work. work is what the program
// is to do there: it returns once something was found; or, if the loop answers meanwhile, when that has been seen.
func Blocked(program func(work func()) Program, warn, stuck time.Duration) (all []introspect.Finding, err error) {
	r := &asyncio.Runner{NoInterrupt: true}
	err = r.Run(context.Background(), func(ctx context.Context) error {
		loop, err := asyncio.GetRunningLoop(ctx)
		if err != nil {
			return err
		}
		h := introspect.Handler(loop, introspect.Watch(warn, stuck))
		if err := asyncio.Yield(ctx); err != nil {
			return err
		}
		work := func() {
			for {
				found := get(h, "/findings?wait=1ms")
				severe := len(found.Findings) > 0 && found.Findings[0].Severe
				if severe || found.Partial == "" {
					all = found.Findings
					return
				}
				runtime.Gosched()
			}
		}
		_, err = asyncio.Go(ctx, program(work), asyncio.WithName("program")).Await(ctx)
		return err
	})
	return all, errors.Join(err, r.Close())
}

func get(h http.Handler, path string) (answer introspect.Findings) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		panic(err)
	}
	return answer
}
