// Package pathology runs the programs beside it, each of which has a mistake, and a twin without it.
package pathology

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"slices"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
	"example.com/asyncio/introspect"
)

// A Program is sick or its clean twin.
type Program = func(ctx context.Context) error

// Main runs sick, or its twin if the program's argument is "clean", so that one can look at it.
func Main(sick, clean Program) {
	program := sick
	if len(os.Args) > 1 && os.Args[1] == "clean" {
		program = clean
	}
	err := asyncio.Run(context.Background(), func(ctx context.Context) error {
		stop, err := introspect.Serve(ctx, introspect.Watch(0, 0))
		if err != nil {
			return err
		}
		defer stop()
		fmt.Println("look at it from another terminal; its process id is", os.Getpid())
		_, err = asyncio.Go(ctx, program, asyncio.WithName("program")).Await(ctx)
		return err
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Findings runs a program in virtual time, as a task that is called program, looks at it when some time has passed, cancels it, and
// returns what was found. It is watched from the start.
func Findings(program Program, after time.Duration) (all []introspect.Finding, err error) {
	r := &asyncio.Runner{Driver: driver.NewVirtual(), NoInterrupt: true}
	r.LoopFactory = func() *asyncio.Loop {
		l := asyncio.NewLoop(r.Driver)
		l.SetExceptionHandler(func(context.Context, *asyncio.ExceptionContext) {}) // what it reports is found as well
		return l
	}
	err = r.Run(context.Background(), func(ctx context.Context) error {
		loop, err := asyncio.RunningLoop(ctx)
		if err != nil {
			return err
		}
		h := introspect.Handler(loop, introspect.Watch(10*time.Second, 20*time.Second)) // nothing here takes as long
		if err := asyncio.Sleep(ctx, time.Second); err != nil {
			return err
		}
		task := asyncio.Go(ctx, program, asyncio.WithName("program"))
		if err := asyncio.Sleep(ctx, after); err != nil {
			return err
		}
		// Who asks below waits for a job, which could wake the others for all that one can tell.
		lost := slices.DeleteFunc(introspect.Check(loop.Snapshot()), func(f introspect.Finding) bool { return f.Rule != introspect.RuleLostWakeup })
		answer, err := asyncio.ToThread(ctx, func(context.Context) (introspect.Findings, error) {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", "/findings", nil))
			var answer introspect.Findings
			return answer, json.Unmarshal(w.Body.Bytes(), &answer)
		})
		all = append(lost, answer.Findings...)
		task.Cancel()
		return err
	})
	return all, errors.Join(err, r.Close())
}
