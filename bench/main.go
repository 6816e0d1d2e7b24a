// Bench runs the same workloads with package asyncio and its peers, and prints one table.
// The peers are what you would otherwise use in Go, Rust, JavaScript and Python.
//
//	go run ./bench                           # all peers on this machine
//	go run ./bench -quick                    # takes about a minute
//	go run ./bench -peers ours,goroutines -workloads lock,queue
//	go run ./bench -growth docs/growth.svg   # plot the cost per task by number of tasks
//
// Each measurement runs in its own process, which warms up before it measures. The peers
// take turns several times, so that a temporary disturbance of the machine affects all of
// them. The table shows medians. Bench reports peers that are not installed and omits
// them; setup.sh installs them on Debian.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	peers := flag.String("peers", "", "comma-separated `names` of peers; ours is always included (default all)")
	only := flag.String("workloads", "", "comma-separated `names` of workloads (default all)")
	jsonFile := flag.String("json", "", "write the medians to `file`, one JSON object per line")
	markdown := flag.Bool("markdown", false, "print the table in Markdown")
	repeat := flag.Int("repeat", 0, "repeat each measurement this `number` of times (default 5, with -quick 1)")
	quick := flag.Bool("quick", false, "measure for a shorter time, and with a tenth of the tasks")
	growth := flag.String("growth", "", "measure the cost per task by number of tasks, and plot it to an SVG `file`")
	pythons := flag.String("python", "python3", "`command` that starts CPython for the peers cpython and cpython-eager")
	cpu := flag.Bool("cpu", false, "compare CPU time of all threads in all workloads, for a busy machine")
	list := flag.Bool("list", false, "describe the workloads")
	// Flags for a process that does one measurement.
	peer := flag.String("peer", "", "run one workload of this Go `peer` and print a reading; used by bench itself and for profiles")
	workload := flag.String("workload", "", "`name` of the workload for -peer")
	n := flag.Int("n", 0, "`number` of operations for -peer")
	batch := flag.Int("batch", batchSize, "`number` of concurrent tasks in spawn_gather, for -peer")
	profile := flag.String("cpuprofile", "", "write a CPU profile to `file`, for -peer")
	flag.Parse()

	opts := options{Peers: *peers, Workloads: *only, Repeat: *repeat, Target: 300 * time.Millisecond, Shrink: 1, Python: *pythons, CPU: *cpu}
	if *quick {
		opts.Target, opts.Shrink = 30*time.Millisecond, 10
	}
	switch {
	case *repeat > 0:
	case *quick:
		opts.Repeat = 1
	default:
		opts.Repeat = 5
	}
	var err error
	switch {
	case *list:
		for _, w := range workloads {
			fmt.Printf("%-18s %s\n", w.name, w.about)
		}
	case *peer != "":
		err = child(os.Stdout, *peer, *workload, *n, *batch, *profile)
	case *growth != "":
		err = grow(opts, *growth)
	default:
		err = compare(opts, *jsonFile, *markdown)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// options are the options of a comparison.
type options struct {
	Peers, Workloads string        // comma-separated names; "" means all
	Repeat           int           // measurements for each workload and peer
	Target           time.Duration // duration of a measurement
	Shrink           int           // divisor of the fixed numbers of operations
	Python           string        // command that starts CPython
	CPU              bool          // compare CPU time in all workloads
	BuiltOnly        bool          // omit peers that must be built first
}

// compare measures all workloads with all peers and prints the table.
func compare(opts options, jsonFile string, markdown bool) error {
	rows, err := chosen(opts.Workloads)
	if err != nil {
		return err
	}
	columns, err := findPeers(opts)
	if err != nil {
		return err
	}
	if opts.CPU {
		rows = slices.Clone(rows)
		for i := range rows {
			rows[i].cpu = true
		}
	}
	results := measure(opts, rows, columns)
	if jsonFile != "" {
		f, err := os.Create(jsonFile)
		if err != nil {
			return err
		}
		if err := writeJSON(f, results); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	printHead(os.Stdout, columns, opts, markdown)
	printTable(os.Stdout, rows, results, columns, markdown)
	printGoals(os.Stdout, results)
	return nil
}

func chosen(names string) ([]workload, error) {
	if names == "" {
		return workloads, nil
	}
	var rows []workload
	for name := range strings.SplitSeq(names, ",") {
		w := workloadNamed(name)
		if w == nil {
			return nil, fmt.Errorf("unknown workload %q; -list lists the workloads", name)
		}
		rows = append(rows, *w)
	}
	return rows, nil
}

// A result summarizes all repetitions of a workload with a peer.
type result struct {
	Peer     string  `json:"peer"`
	Workload string  `json:"workload"`
	NS       float64 `json:"ns_per_op"`                // median
	Spread   float64 `json:"spread"`                   // largest deviation from the median, relative to it
	Bytes    float64 `json:"bytes_per_task,omitempty"` // median; 0 if not measured
	Retained float64 `json:"retained_bytes,omitempty"` // median; 0 if not measured
	N        int     `json:"n"`                        // operations per repetition
	Repeat   int     `json:"repeat"`                   // repetitions
}

// measure returns a result for each workload that a peer implements.
func measure(opts options, rows []workload, columns []*peer) []result {
	var results []result
	for _, w := range rows {
		numbers := make(map[*peer]int)
		for _, p := range columns {
			n, err := opts.calibrate(w, p.run)
			if err != nil {
				log.Printf("%s: cannot run %s: %v", p.name, w.name, err)
			} else if n > 0 {
				numbers[p] = n
			}
		}
		readings := make(map[*peer][]reading)
		for range opts.Repeat {
			for _, p := range columns {
				if numbers[p] == 0 {
					continue
				}
				r, err := p.run(w.name, numbers[p], batchSize)
				if err != nil {
					log.Printf("%s, %s: %v", p.name, w.name, err)
					continue
				}
				readings[p] = append(readings[p], r)
			}
		}
		for _, p := range columns {
			if len(readings[p]) > 0 {
				r := w.summary(readings[p])
				r.Peer, r.Workload = p.name, w.name
				results = append(results, r)
				log.Printf("%-18s %-14s %9.1f ns ±%.0f %%", r.Workload, r.Peer, r.NS, 100*r.Spread)
			}
		}
	}
	return results
}

// longest limits the duration of a measurement. calibrate reduces the number of
// operations of a workload that would take longer.
const longest = 10 * time.Second

// calibrate returns the number of operations of w to measure with run, or 0 if the peer
// does not implement w.
func (o options) calibrate(w workload, run runner) (int, error) {
	round := func(n float64) int { return max(1, int(n)/w.step) * w.step }
	n := round(1000)
	for {
		r, err := run(w.name, n, min(n, batchSize))
		if err != nil || r.N == 0 {
			return 0, err
		}
		each := w.time(r) / float64(r.N)
		if w.n > 0 {
			full := w.n / o.Shrink
			if n >= full/100 || each*float64(full) < float64(longest) {
				return round(min(float64(full), float64(longest)/each)), nil
			}
			n = round(float64(full) / 100)
			continue
		}
		if r.NS >= float64(o.Target)/2 {
			return n, nil
		}
		n = round(float64(n) * min(100, max(2, float64(o.Target)/r.NS)))
	}
}

// time returns the time to compare: CPU time or wall time.
func (w *workload) time(r reading) float64 {
	if w.cpu {
		return r.CPU
	}
	return r.NS
}

// summary returns the medians of readings.
func (w *workload) summary(readings []reading) result {
	var ns, bytes, retained []float64
	for _, r := range readings {
		ns = append(ns, w.time(r)/float64(r.N))
		bytes = append(bytes, r.Bytes)
		retained = append(retained, r.Retained)
	}
	mid := median(ns)
	spread := max(slices.Max(ns)-mid, mid-slices.Min(ns)) / mid
	return result{NS: mid, Spread: spread, Bytes: median(bytes), Retained: median(retained), N: readings[0].N, Repeat: len(readings)}
}

func median(xs []float64) float64 {
	xs = slices.Sorted(slices.Values(xs))
	half := len(xs) / 2
	if len(xs)%2 == 1 {
		return xs[half]
	}
	return (xs[half-1] + xs[half]) / 2
}

func writeJSON(w io.Writer, results []result) error {
	enc := json.NewEncoder(w)
	for _, r := range results {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// printHead prints the date, the machine and the versions of the peers.
func printHead(w io.Writer, columns []*peer, opts options, markdown bool) {
	bullet := ""
	if markdown {
		bullet = "- "
	}
	fmt.Fprintf(w, "%s%s, %s/%s, %s, %d cores\n", bullet, time.Now().UTC().Format(time.DateOnly), runtime.GOOS, runtime.GOARCH, processor(), runtime.NumCPU())
	for _, p := range columns {
		fmt.Fprintf(w, "%s%s: %s\n", bullet, p.name, p.version)
	}
	fmt.Fprintf(w, "%smedians of %d, with the largest deviation; in brackets ours / theirs: below 1, ours is faster\n\n", bullet, opts.Repeat)
}
