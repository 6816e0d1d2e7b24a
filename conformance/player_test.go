package main

import (
	"bytes"
	"compress/bzip2"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// testdata contains programs with their traces on CPython. testdata/make.sh records them.
func TestRecordedPrograms(t *testing.T) {
	compare(t, recorded(t, "programs"), recorded(t, "traces"), func(string) bool { return false },
		"the traces were equal when testdata was recorded")
}

// recorded returns a file of testdata.
func recorded(t testing.TB, name string) []byte {
	file, err := os.Open("testdata/" + name + ".jsonl.bz2")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	text, err := io.ReadAll(bzip2.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestFreshPrograms compares new random programs. It needs CPython 3.13, and the oracle
// beside the repository. ORACLE_SEED repeats the programs of an earlier run. ORACLE_COUNT
// is the number of programs per profile.
func TestFreshPrograms(t *testing.T) {
	oracle, err := filepath.Abs("../../shared/oracle")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(oracle); err != nil {
		t.Skip("SKIPPED: ../../shared/oracle does not exist")
	}
	python := findPython()
	if python == "" {
		t.Skip("SKIPPED: CPython 3.13 is not installed (or set ORACLE_PYTHON)")
	}
	seed, count := os.Getenv("ORACLE_SEED"), os.Getenv("ORACLE_COUNT")
	if seed == "" {
		seed = strconv.FormatUint(uint64(rand.Uint32()), 10)
	}
	if count == "" {
		count = "50"
	}
	t.Logf("to repeat: ORACLE_SEED=%s ORACLE_COUNT=%s go test -run TestFreshPrograms ./conformance", seed, count)
	programs := output(t, nil, python, oracle+"/generate.py", "--seed", seed, "--count", count, "--profile", "all")
	traces := output(t, programs, python, oracle+"/oracle.py")
	overflows := func(program string) bool {
		return string(output(t, []byte(program), python, "-c", overflow, oracle)) == "True\n"
	}
	compare(t, programs, traces, overflows, fmt.Sprintf(
		"to reduce a program: python3 %s/compare.py --cmd PLAYER --seed %s --count %s --shrink", oracle, seed, count))
}

// overflow plays a program on the oracle and prints whether CPython's stack overflowed.
// Usually the trace contains the RecursionError, unless another error replaced it.
const overflow = `
import json, sys
sys.path.insert(0, sys.argv[1])
sys.setrecursionlimit(2_000)
import oracle

class Watched(oracle.Interpreter):
    overflown = False

    async def body(self, body, who):
        try:
            return await super().body(body, who)
        except RecursionError:
            self.overflown = True
            raise

watched = Watched(json.loads(sys.stdin.read()))
watched.run()
print(watched.overflown, flush=True)
import os
os._exit(0)
`

// output returns the standard output of a command.
func output(t *testing.T, input []byte, command ...string) []byte {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin = bytes.NewReader(input)
	var failure bytes.Buffer
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, failure.Bytes())
	}
	return out
}

// findPython returns the path of a CPython 3.13, or "".
func findPython() string {
	home, _ := os.UserHomeDir()
	candidates, _ := filepath.Glob(filepath.Join(home, ".pyenv/versions/3.13*/bin/python3.13"))
	for _, c := range append([]string{os.Getenv("ORACLE_PYTHON"), "python3.13"}, candidates...) {
		if c != "" && exec.Command(c, "-c", "import sys; sys.exit(sys.version_info[:2] != (3, 13))").Run() == nil {
			return c
		}
	}
	return ""
}

// compare plays programs and fails the test if a trace differs from CPython's, unless
// deviations.md lists the difference. overflows reports whether CPython's stack
// overflowed.
func compare(t *testing.T, programs, want []byte, overflows func(program string) bool, hint string) {
	t.Helper()
	var out bytes.Buffer
	if err := playAll(bytes.NewReader(programs), &out); err != nil {
		t.Fatal(err)
	}
	programLines, wanted, got := lines(programs), lines(want), lines(out.Bytes())
	if len(got) != len(wanted) || len(got) != len(programLines) {
		t.Fatalf("%d programs have %d traces of CPython and %d of this library", len(programLines), len(wanted), len(got))
	}
	same, limited, deviating, different := 0, 0, 0, 0
	for i := range wanted {
		switch {
		case strings.HasSuffix(wanted[i], `"limit":true}`):
			limited++ // by the oracle; see its README
		case wanted[i] == got[i]:
			same++
		case strings.Contains(wanted[i], "RecursionError"), strings.Contains(wanted[i], "GeneratorExit"):
			deviating++ // see deviations.md
		case overflows(programLines[i]):
			deviating++
		default:
			if different++; different <= 3 {
				t.Errorf("the traces differ for\n%s\n%s", programLines[i], firstDifference(wanted[i], got[i]))
			}
		}
	}
	t.Logf("%d traces are equal; %d programs are not compared; %d deviate as listed in deviations.md", same, limited, deviating)
	if different > 0 {
		t.Errorf("%d of %d traces differ; %s", different, len(wanted), hint)
	}
	if same < len(wanted)*8/10 {
		t.Errorf("only %d of %d programs were compared", same, len(wanted))
	}
}

func lines(text []byte) []string {
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// firstDifference describes the first event that differs, after the last common events.
func firstDifference(want, got string) string {
	a, b := strings.Split(want, "],["), strings.Split(got, "],[")
	at := 0
	for at < len(a) && at < len(b) && a[at] == b[at] {
		at++
	}
	event := func(events []string) string {
		if at < len(events) {
			return events[at]
		}
		return "end of trace"
	}
	return fmt.Sprintf("both:         %s\nCPython:      %s\nthis library: %s",
		strings.Join(a[max(0, at-4):at], "\n              "), event(a), event(b))
}
