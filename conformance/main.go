// Command conformance plays programs of the oracle on this library and prints what happened.
//
//	go run ./conformance < programs.jsonl > traces.jsonl
//
// It reads one program a line and prints one trace a line, in the same order. A line that is no program
// is named on standard error; nothing is printed then, and the exit status is 2.
//
// Files in reading order: program.go (what is read), operations.go (what each statement does), player.go (a
// program's life), errors.go and trace.go (how Python spells it).
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

func main() {
	if len(os.Args) > 1 {
		fmt.Fprintln(os.Stderr, "usage: conformance < programs.jsonl > traces.jsonl")
		os.Exit(2)
	}
	if err := playAll(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(2)
	}
}

// playAll plays the programs of in. If one is malformed it prints nothing at all.
func playAll(in io.Reader, out io.Writer) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	lines := bytes.Split(text, []byte("\n"))
	// Programs are read twice, since all of them at once would fill the memory.
	err = eachLine(lines, io.Discard, func(line []byte) ([]byte, error) {
		_, err := parse(line)
		return nil, err
	})
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	err = eachLine(lines, w, func(line []byte) ([]byte, error) {
		prog, err := parse(line)
		if err != nil {
			return nil, err
		}
		return append(play(prog), '\n'), nil
	})
	if err != nil {
		return err
	}
	return w.Flush()
}

// eachLine calls do for each line that is not empty, several at a time, and writes what it returns, in the order of the lines.
// The error is that of the first line that has one.
func eachLine(lines [][]byte, out io.Writer, do func(line []byte) ([]byte, error)) error {
	const portion = 256
	for from := 0; from < len(lines); from += portion {
		todo := lines[from:min(from+portion, len(lines))]
		results, errs := make([][]byte, len(todo)), make([]error, len(todo))
		var next atomic.Int64
		var workers sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			workers.Go(func() {
				for i := next.Add(1) - 1; int(i) < len(todo); i = next.Add(1) - 1 {
					if line := bytes.TrimSpace(todo[i]); len(line) > 0 {
						results[i], errs[i] = do(line)
					}
				}
			})
		}
		workers.Wait()
		for i, result := range results {
			if errs[i] != nil {
				return fmt.Errorf("line %d: %w", from+i+1, errs[i])
			}
			if _, err := out.Write(result); err != nil {
				return err
			}
		}
	}
	return nil
}
