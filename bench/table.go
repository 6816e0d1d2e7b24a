package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// A row of the table.
type row struct {
	name  string
	cells map[string]string // by peer
}

// tableOf returns, for each workload, a row with times and, if measured, a row with
// bytes.
func tableOf(workloads []workload, results []result) []row {
	var rows []row
	for _, w := range workloads {
		of := byPeer(results, w.name)
		if len(of) == 0 {
			continue
		}
		unit := "ns"
		if w.cpu {
			unit = "ns of CPU"
		}
		times := row{w.name + ", " + unit, map[string]string{}}
		bytes := row{w.name + ", bytes", map[string]string{}}
		for name, r := range of {
			times.cells[name] = fmt.Sprintf("%.3g ±%.0f %%", r.NS, 100*r.Spread)
			if r.NS >= 1000 {
				times.cells[name] = fmt.Sprintf("%.0f ±%.0f %%", r.NS, 100*r.Spread)
			}
			if our, ok := of["ours"]; ok && name != "ours" {
				times.cells[name] += ratio(our.NS, r.NS)
			}
			if r.Bytes > 0 {
				bytes.cells[name] = fmt.Sprintf("%.0f", r.Bytes)
				if our, ok := of["ours"]; ok && name != "ours" {
					bytes.cells[name] += ratio(our.Bytes, r.Bytes)
				}
			}
		}
		rows = append(rows, times)
		if w.bytes {
			rows = append(rows, bytes)
		}
	}
	return rows
}

func ratio(ours, theirs float64) string { return fmt.Sprintf(" (%.2g)", ours/theirs) }

func byPeer(results []result, workload string) map[string]result {
	of := map[string]result{}
	for _, r := range results {
		if r.Workload == workload {
			of[r.Peer] = r
		}
	}
	return of
}

// printTable prints the workloads as rows and the peers as columns.
func printTable(w io.Writer, workloads []workload, results []result, columns []*peer, markdown bool) {
	names := make([]string, len(columns))
	for i, p := range columns {
		names[i] = p.name
	}
	lines := [][]string{append([]string{"one operation"}, names...)}
	for _, r := range tableOf(workloads, results) {
		line := []string{r.name}
		for _, name := range names {
			if r.cells[name] == "" {
				line = append(line, "-")
			} else {
				line = append(line, r.cells[name])
			}
		}
		lines = append(lines, line)
	}
	if markdown {
		rule := slices.Repeat([]string{"---"}, len(lines[0]))
		for _, line := range slices.Insert(lines, 1, rule) {
			fmt.Fprintf(w, "| %s |\n", strings.Join(line, " | "))
		}
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range lines {
		fmt.Fprintln(t, strings.Join(line, "\t"))
	}
	t.Flush()
}
