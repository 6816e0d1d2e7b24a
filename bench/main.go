// Bench runs the same workloads with package asyncio and with its peers, what one would use
// instead in Go, Rust, JavaScript and Python, and prints one table.
//
//	go run ./bench                                      # all that this machine has
//	go run ./bench -quick                               # in a minute, roughly
//	go run ./bench -peers ours,goroutines -workloads lock,queue
//	go run ./bench -growth docs/growth.svg              # how the cost of a task grows with their number
//
// Each measurement is a process of its own, which does the workload once to warm up and then
// once more. The peers take turns, and that several times, so that what disturbs the machine for a while
// disturbs all. The table has the medians. What is missing on the machine is said and left out.
// setup.sh installs it on Debian.
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
	peers := flag.String("peers", "", "`names` of peers, with commas; ours is always among them (default all)")
	only := flag.String("workloads", "", "`names` of workloads, with commas (default all)")
	jsonFile := flag.String("json", "", "write the medians to `file`, an object a line")
	markdown := flag.Bool("markdown", false, "print the table in Markdown")
	repeat := flag.Int("repeat", 0, "`times` that each measurement is done (default 5, with -quick 1)")
	quick := flag.Bool("quick", false, "measure shorter, and a tenth of the million")
	growth := flag.String("growth", "", "measure and draw how the cost of a task grows with their number, to an SVG `file`")
	pythons := flag.String("python", "python3", "the CPython of cpython and cpython-eager: a `command`")
	cpu := flag.Bool("cpu", false, "compare CPU time, of all threads, in all workloads: for a machine that is busy")
	list := flag.Bool("list", false, "say what the workloads are")
	// A measurement in a process of its own.
	peer := flag.String("peer", "", "run one workload of this `peer` and print a reading; for bench itself, and for profiles")
	workload := flag.String("workload", "", "the `name` of that workload")
	n := flag.Int("n", 0, "its `number` of operations")
	batch := flag.Int("batch", batchSize, "the `number` of tasks that spawn_gather has at a time")
	profile := flag.String("cpuprofile", "", "write a profile of it to `file`")
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

// options are those of a comparison.
type options struct {
	Peers, Workloads string
	Repeat           int
	Target           time.Duration // that a measurement lasts
	Shrink           int           // what numbers are divided by
	Python           string
	CPU              bool // is what is compared
	BuiltOnly        bool // build nothing that takes long
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
			return nil, fmt.Errorf("there is no workload %q; -list says which there are", name)
		}
		rows = append(rows, *w)
	}
	return rows, nil
}

// A result is what all repetitions of a workload with a peer came to.
type result struct {
	Peer     string  `json:"peer"`
	Workload string  `json:"workload"`
	NS       float64 `json:"ns_per_op"`
	Spread   float64 `json:"spread"` // the repetition that is farthest from the median, as a part of that
	Bytes    float64 `json:"bytes_per_task,omitempty"`
	Retained float64 `json:"retained_bytes,omitempty"`
	N        int     `json:"n"`
	Repeat   int     `json:"repeat"`
}

// measure returns a result for each workload that a peer has.
func measure(opts options, rows []workload, columns []*peer) []result {
	var results []result
	for _, w := range rows {
		numbers := make(map[*peer]int)
		for _, p := range columns {
			n, err := opts.calibrate(w, p.run)
			if err != nil {
				log.Printf("%s has no %s: %v", p.name, w.name, err)
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

// longest is how long a measurement may take. If a workload with its full number
// would last longer with a peer, it is done with fewer.
const longest = 10 * time.Second

// calibrate returns how many operations to measure of w, which run runs; 0 if it cannot.
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

// time returns what is compared.
func (w *workload) time(r reading) float64 {
	if w.cpu {
		return r.CPU
	}
	return r.NS
}

// summary returns the medians.
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

// printHead says when, where and of what the table is.
func printHead(w io.Writer, columns []*peer, opts options, markdown bool) {
	bullet := ""
	if markdown {
		bullet = "- "
	}
	fmt.Fprintf(w, "%s%s, %s/%s, %s, %d cores\n", bullet, time.Now().UTC().Format(time.DateOnly), runtime.GOOS, runtime.GOARCH, processor(), runtime.NumCPU())
	for _, p := range columns {
		fmt.Fprintf(w, "%s%s: %s\n", bullet, p.name, p.version)
	}
	fmt.Fprintf(w, "%smedians of %d, and how far the farthest is from them; in brackets ours / theirs: below 1, ours is faster\n\n", bullet, opts.Repeat)
}
