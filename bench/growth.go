package main

import (
	"fmt"
	"image/color"
	"io"
	"log"
	"math"
	"os"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	_ "gonum.org/v1/plot/vg/vgsvg" // the format
)

// The cost per task must not depend on the number of tasks. grow measures these workloads
// with these numbers of tasks.
var (
	growing = []string{"spawn_gather", "timers", "cancel"}
	sizes   = []int{1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000}
)

// A curve has the CPU time per task of a workload by number of tasks.
type curve struct {
	workload, peer string
	points         plotter.XYs // number of tasks, ns per task
}

// grow measures the curves of asyncio and of goroutines, and plots them to file. Growth
// that both show comes from the machine, such as from its caches, and not from the
// algorithm.
func grow(o options, file string) error {
	var curves []curve
	for _, name := range growing {
		w := *workloadNamed(name)
		w.cpu = true
		for _, p := range goPeersHere() {
			if p.name != "ours" && p.name != "goroutines" {
				continue
			}
			c := curve{workload: name, peer: p.name}
			for _, size := range sizes {
				r, err := o.measureAt(&w, size/o.Shrink, p.run)
				if err != nil {
					return err
				}
				log.Printf("%-12s %-10s %9d tasks: %6.0f ns of CPU per task ±%.0f %%", name, p.name, size/o.Shrink, r.NS, 100*r.Spread)
				c.points = append(c.points, plotter.XY{X: float64(size / o.Shrink), Y: r.NS})
			}
			curves = append(curves, c)
		}
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := drawGrowth(f, curves); err != nil {
		return err
	}
	return f.Close()
}

// measureAt measures w with size concurrent tasks. It repeats short runs more often.
func (o options) measureAt(w *workload, size int, run runner) (result, error) {
	n := size
	if w.name == "spawn_gather" { // it can run several batches
		n = max(1, 1_000_000/o.Shrink/size) * size
	}
	var readings []reading
	for range o.Repeat * min(10, max(1, 100_000/n)) {
		r, err := run(w.name, n, size)
		if err != nil {
			return result{}, err
		}
		readings = append(readings, r)
	}
	return w.summary(readings), nil
}

// drawGrowth plots the curves as an SVG. Each workload has a colour; our lines are solid,
// the others are dashed.
func drawGrowth(w io.Writer, curves []curve) error {
	p := plot.New()
	p.Title.Text = "CPU time per task, by number of concurrent tasks"
	p.X.Label.Text = "concurrent tasks"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, decades{}
	p.Y.Label.Text = "CPU time per task, ns"
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, decades{}
	p.Legend.Top, p.Legend.XOffs = true, vg.Points(-4)
	p.Add(plotter.NewGrid())
	for _, c := range curves {
		line, points, err := plotter.NewLinePoints(c.points)
		if err != nil {
			return fmt.Errorf("%s: %w", c.workload, err)
		}
		line.Color = colors[slices.Index(growing, c.workload)]
		points.Color, points.Shape = line.Color, draw.CircleGlyph{}
		line.Width = vg.Points(1.5)
		name := c.workload
		if c.peer != "ours" {
			name += ", " + c.peer
			line.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
		}
		p.Add(line, points)
		p.Legend.Add(name, line, points)
	}
	p.Y.Min = min(p.Y.Min, 100)
	p.Y.Max = max(p.Y.Max, 100_000) // room for the legend
	svg, err := p.WriterTo(18*vg.Centimeter, 12*vg.Centimeter, "svg")
	if err != nil {
		return err
	}
	_, err = svg.WriteTo(w)
	return err
}

// colors has the colour of each workload of growing.
var colors = []color.Color{color.RGBA{0x1f, 0x77, 0xb4, 255}, color.RGBA{0xd6, 0x27, 0x28, 255}, color.RGBA{0x2c, 0xa0, 0x2c, 255}}

// decades is a ticker that marks the powers of ten and labels them in full.
type decades struct{}

func (decades) Ticks(from, to float64) (ticks []plot.Tick) {
	for x := math.Pow(10, math.Ceil(math.Log10(from))); x <= to; x *= 10 {
		digits := strconv.FormatFloat(x, 'f', -1, 64)
		for i := len(digits) - 3; i > 0; i -= 3 {
			digits = string(slices.Insert([]byte(digits), i, ','))
		}
		ticks = append(ticks, plot.Tick{Value: x, Label: digits})
	}
	return ticks
}
