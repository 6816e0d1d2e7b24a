// Command conformance plays programs of the oracle on this library and prints what
// happened.
//
//	go run ./conformance < programs.jsonl > traces.jsonl
//
// It reads one program a line and prints one trace a line, in the same order. A line that
// is no program is named on standard error; nothing is printed then, and the exit status
// is 2.
//
// Files in reading order: program.go (what is read), operations.go (what each statement
// does), player.go (a program's life), errors.go and trace.go (how Python spells it).
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
	debug.SetGCPercent(400) // it makes much garbage, and keeps little
	if err := playAll(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(2)
	}
}

// playAll plays the programs of in. If one is malformed it writes nothing at all, so the
// traces are kept until all programs have been read.
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
		_, _ = w.Write(trace) // Flush has its error
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
