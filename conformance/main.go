// Command conformance plays programs of the oracle on this library and prints their
// traces.
//
//	go run ./conformance < programs.jsonl > traces.jsonl
//
// It reads one program per line and prints one trace per line, in the same order. If a
// line is malformed, it prints no traces, reports the line on standard error and exits
// with status 2.
//
// Files in reading order:
//
//   - program.go: which programs are valid
//   - operations.go: how statements are defined
//   - blocks.go, tasks.go, futures.go, callbacks.go, sync.go, queues.go, contextvars.go:
//     the statements
//   - player.go: the life of a program
//   - errors.go, trace.go: Python's spelling of errors and traces
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

func main() {
	if len(os.Args) > 1 {
		fmt.Fprintln(os.Stderr, "usage: conformance < programs.jsonl > traces.jsonl")
		os.Exit(2)
	}
	debug.SetGCPercent(400) // the command produces much garbage and has a small heap
	if err := playAll(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(2)
	}
}

// playAll plays the programs of in, in parallel. If one is malformed it writes nothing:
// it keeps the traces until all programs have been played.
func playAll(in io.Reader, out io.Writer) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	lines := bytes.Split(text, []byte("\n"))
	traces, errs := make([][]byte, len(lines)), make([]error, len(lines))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(lines); i = next.Add(1) - 1 {
				if line := bytes.TrimSpace(lines[i]); len(line) > 0 {
					traces[i], errs[i] = playLine(line)
				}
			}
		})
	}
	workers.Wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	w := bufio.NewWriter(out)
	for _, trace := range traces {
		_, _ = w.Write(trace) // Flush returns its error
	}
	return w.Flush()
}

func playLine(line []byte) ([]byte, error) {
	prog, err := parse(line)
	if err != nil {
		return nil, err
	}
	return append(play(prog), '\n'), nil
}
