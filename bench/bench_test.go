package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/plot/plotter"
)

// small is a number of operations that every workload performs quickly: 2 rings, or a
// tree of 3 levels.
const small = 2_000

// Each program of each peer in Go performs the requested number of operations.
func TestNumberOfOperations(t *testing.T) {
	counting = true
	defer func() { counting = false }()
	for _, g := range goPeers {
		for name, p := range g.programs {
			w := workloadNamed(name)
			if w == nil {
				t.Errorf("%s has a program for %s, which is not a workload", g.name, name)
				continue
			}
			n := small
			if name == "taskgroup_tree" {
				_, n = tree(small)
			}
			counted.Store(0)
			r, err := run(p, n, batchSize, false)
			if err != nil || counted.Load() != int64(n) || r.N != n || r.NS <= 0 || r.CPU <= 0 && runtime.GOOS != "windows" {
				t.Errorf("%s, %s: counted %d operations, got %+v, %v; want %d", g.name, name, counted.Load(), r, err, n)
			}
		}
	}
}

// The peers ours and goroutines implement every workload, so that none is omitted because
// its result looks bad.
func TestAllWorkloadsImplemented(t *testing.T) {
	for _, w := range workloads {
		if ours[w.name] == nil || goroutines[w.name] == nil {
			t.Errorf("%s is not implemented by ours or goroutines", w.name)
		}
	}
}

// A weighed run measures the memory of waiting tasks, which includes a stack each.
func TestWeigh(t *testing.T) {
	for _, g := range goPeers {
		w := workloadNamed("suspended_million")
		r, err := w.measure(g.programs[w.name], 5_000, 5_000, "") // -race allows at most 8,128 goroutines
		// The lower bound is less than a stack, since stacks of earlier goroutines are
		// reused.
		if err != nil || r.Bytes < 1024 || r.Bytes > 16384 {
			t.Errorf("%s: got %.0f bytes per task, %v; want 1024 to 16384", g.name, r.Bytes, err)
		}
	}
}

var all = flag.Bool("all", false, "test every workload of the peers in other languages")

// The peers in other languages print readings for the workloads that they implement.
// Since interpreters start slowly, only a few workloads that measure in different ways
// are tested; -all tests all.
func TestOtherPeers(t *testing.T) {
	lacking := map[string][]string{
		"node": {"queue", "lock", "to_thread"}, // JavaScript has no equivalent
	}
	peers, err := findPeers(options{Python: "python3", BuiltOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range peerNames {
		if !slices.ContainsFunc(peers, func(p *peer) bool { return p.name == name }) {
			t.Logf("SKIPPED: %s is not installed", name)
		}
	}
	for _, p := range peers {
		if p.inGo {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			for _, w := range workloads {
				if !*all && !slices.Contains([]string{"spawn_gather", "suspended_million", "timers", "queue"}, w.name) {
					continue
				}
				r, err := p.run(w.name, 1000, 1000)
				want := 1000
				if slices.Contains(lacking[p.name], w.name) {
					want = 0
				}
				if err != nil || r.N != want || r.NS <= 0 != (want == 0) {
					t.Errorf("%s: got %+v, %v; want N %d", w.name, r, err, want)
				}
			}
		})
	}
}

func TestTree(t *testing.T) {
	for n, want := range map[int][2]int{0: {0, 0}, 10: {1, 10}, 109: {1, 10}, 110: {2, 110}, 111_110: {5, 111_110}, 2_000_000: {5, 111_110}} {
		if depth, tasks := tree(n); [2]int{depth, tasks} != want {
			t.Errorf("tree(%d) = %d, %d; want %d", n, depth, tasks, want)
		}
	}
}

func TestSummary(t *testing.T) {
	readings := []reading{{N: 10, NS: 1000, CPU: 900}, {N: 10, NS: 3000, CPU: 900, Bytes: 9}, {N: 10, NS: 1500, CPU: 900, Bytes: 7}}
	got := workloadNamed("queue").summary(readings)
	want := result{NS: 150, Spread: 1, Bytes: 7, N: 10, Repeat: 3}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := workloadNamed("timers").summary(readings); got.NS != 90 {
		t.Errorf("timers: got %v, want the CPU time of 90", got.NS)
	}
	if m := median([]float64{4, 1, 3, 2}); m != 2.5 {
		t.Errorf("median of an even number of values: got %v, want 2.5", m)
	}
}

// results are invented.
var results = []result{
	{Peer: "ours", Workload: "spawn_million", NS: 100, Spread: .01, Bytes: 200, Retained: 1 << 20, N: 10, Repeat: 3},
	{Peer: "goroutines", Workload: "spawn_million", NS: 400, Spread: .02, N: 10, Repeat: 3},
	{Peer: "ours", Workload: "queue", NS: 50, N: 10, Repeat: 3},
	{Peer: "tokio-current", Workload: "queue", NS: 20, N: 10, Repeat: 3},
	{Peer: "cpython", Workload: "timers", NS: 12345.6, N: 10, Repeat: 3},
}

func TestTable(t *testing.T) {
	columns := []*peer{{name: "ours"}, {name: "goroutines"}, {name: "tokio-current"}, {name: "cpython"}}
	for markdown, want := range map[bool]string{
		true: `
| one operation | ours | goroutines | tokio-current | cpython |
| --- | --- | --- | --- | --- |
| spawn_million, ns | 100 ±1 % | 400 ±2 % (0.25) | - | - |
| spawn_million, bytes | 200 | - | - | - |
| timers, ns of CPU | - | - | - | 12346 ±0 % |
| queue, ns | 50 ±0 % | - | 20 ±0 % (2.5) | - |
`,
		false: `
one operation         ours      goroutines       tokio-current  cpython
spawn_million, ns     100 ±1 %  400 ±2 % (0.25)  -              -
spawn_million, bytes  200       -                -              -
timers, ns of CPU     -         -                -              12346 ±0 %
queue, ns             50 ±0 %   -                20 ±0 % (2.5)  -
`,
	} {
		var b strings.Builder
		printTable(&b, workloads, results, columns, markdown)
		if got := "\n" + b.String(); got != want {
			t.Errorf("got%s\nwant%s", got, want)
		}
	}
}

func TestGoals(t *testing.T) {
	var b strings.Builder
	printGoals(&b, results)
	want := `
missed: queue, ours / tokio-current is 2.5, want at most 2
missed: geometric mean of ours / tokio-current is 2.5, want at most 1
3 goals met, 2 missed
`
	if b.String() != want {
		t.Errorf("got%s\nwant%s", b.String(), want)
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := writeJSON(&b, results[:2]); err != nil {
		t.Fatal(err)
	}
	want := `{"peer":"ours","workload":"spawn_million","ns_per_op":100,"spread":0.01,"bytes_per_task":200,"retained_bytes":1048576,"n":10,"repeat":3}
{"peer":"goroutines","workload":"spawn_million","ns_per_op":400,"spread":0.02,"n":10,"repeat":3}
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// The command runs a comparison: it starts itself for each measurement and prints a table
// of the readings.
func TestCommand(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "bench")
	if runtime.GOOS == "windows" {
		bin += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command(bin, "-peer", "goroutines", "-workload", "queue", "-n", "1000").Output()
	var r reading
	if err != nil || json.Unmarshal(out, &r) != nil || r.N != 1000 || r.NS <= 0 {
		t.Errorf("got %s, %v", out, err)
	}
	file := t.TempDir() + "/out.json"
	out, err = exec.Command(bin, "-quick", "-peers", "errgroup", "-workloads", "queue,spawn_gather", "-json", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	table := string(out)
	for _, line := range []string{"\none operation", "\nspawn_gather, ns", "\nqueue, ns", " goals met"} {
		if !strings.Contains(table, line) {
			t.Errorf("got no %q in\n%s", line, table)
		}
	}
	if err := exec.Command(bin, "-workloads", "none").Run(); err == nil {
		t.Error("an unknown workload is not an error")
	}
	if err := exec.Command(bin, "-peers", "none").Run(); err == nil {
		t.Error("an unknown peer is not an error")
	}
}

// calibrate chooses a number of operations that takes the target time, or the fixed
// number of the workload, or fewer if that number would take too long.
func TestCalibrate(t *testing.T) {
	o := options{Target: 300 * time.Millisecond, Shrink: 1}
	for name, c := range map[string]struct {
		each float64 // ns
		want int
	}{
		"spawn_gather":  {1e3, 300_000},
		"spawn_million": {1e3, 1_000_000},
		"timers":        {1e6, 10_000}, // 200 s would be too long
	} {
		n := 0
		run := func(_ string, tried, _ int) (reading, error) {
			n = tried
			return reading{N: tried, NS: c.each * float64(tried), CPU: c.each * float64(tried)}, nil
		}
		got, err := o.calibrate(*workloadNamed(name), run)
		if err != nil || got != c.want {
			t.Errorf("%s: got %d, %v, want %d; the last run had %d", name, got, err, c.want, n)
		}
	}
}

// The plot is an SVG with a legend and with axis labels in full.
func TestDrawGrowth(t *testing.T) {
	var b strings.Builder
	err := drawGrowth(&b, []curve{
		{"timers", "ours", plotter.XYs{{X: 1e3, Y: 400}, {X: 1e6, Y: 420}}},
		{"timers", "goroutines", plotter.XYs{{X: 1e3, Y: 300}, {X: 1e6, Y: 320}}},
		{"cancel", "ours", plotter.XYs{{X: 1e3, Y: 100}, {X: 1e6, Y: 90}}},
	})
	if err != nil || !strings.HasPrefix(b.String(), "<?xml") {
		t.Fatalf("got %.100q, %v; want an SVG", b.String(), err)
	}
	for _, text := range []string{">timers</text>", ">timers, goroutines</text>", ">cancel</text>", "stroke-dasharray", ">1,000</text>", ">1,000,000</text>"} {
		if !strings.Contains(b.String(), text) {
			t.Errorf("got no %s", text)
		}
	}
}

// measureAt runs all tasks concurrently, and repeats short runs more often.
func TestMeasureAt(t *testing.T) {
	for _, c := range []struct {
		workload          string
		size, n, readings int
	}{
		{"cancel", 1_000, 1_000, 20}, {"cancel", 100_000, 100_000, 2}, {"timers", 10_000, 10_000, 20},
		{"spawn_gather", 1_000, 1_000_000, 2}, {"spawn_gather", 300_000, 900_000, 2},
	} {
		readings := 0
		r, err := options{Repeat: 2, Shrink: 1}.measureAt(workloadNamed(c.workload), c.size, func(_ string, n, batch int) (reading, error) {
			if n != c.n || batch != c.size {
				t.Errorf("%s: got %d tasks, %d concurrently; want %d, %d", c.workload, n, batch, c.n, c.size)
			}
			readings++
			return reading{N: n, NS: 1, CPU: 1}, nil
		})
		if err != nil || readings != c.readings || r.Repeat != readings {
			t.Errorf("%s, %d: got %d readings, %+v, %v; want %d", c.workload, c.size, readings, r, err, c.readings)
		}
	}
}
