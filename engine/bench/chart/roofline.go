package chart

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/potion-engine/potion/engine/bench"
)

// roof is what a device allows: y = min(bytes * x, flops), with x in operations a byte. A
// peak that is not known is 0 and does not bind.
type roof struct {
	from         string  // measured or stated
	bytes, flops float64 // GB/s, GFLOP/s
}

// roofMargin is how far beyond the points a roof is drawn, as a factor.
const roofMargin = 4

func (r roof) at(x float64) float64 {
	y := math.Inf(1)
	if r.bytes > 0 {
		y = r.bytes * x
	}
	if r.flops > 0 {
		y = min(y, r.flops)
	}
	return y
}

// add draws the roof over the points from low to high.
func (r roof) add(out *plot.Plot, low, high float64) error {
	low, high = low/roofMargin, high*roofMargin
	points := plotter.XYs{{X: low, Y: r.at(low)}}
	if ridge := r.flops / r.bytes; r.flops > 0 && r.bytes > 0 && ridge > low && ridge < high {
		points = append(points, plotter.XY{X: ridge, Y: r.flops})
	}
	line, err := plotter.NewLine(append(points, plotter.XY{X: high, Y: r.at(high)}))
	if err != nil {
		return err
	}
	line.Color, line.Width, line.Dashes = ink, 1, []vg.Length{5, 3}
	out.Add(line)
	out.Legend.Add(r.name(), line)
	return nil
}

// roofline is the panel of all tests on one chart. Operations a byte count the weights only,
// as GB/s do.
func roofline(records []*bench.Record, labels map[*bench.Record]string) (panel, bool) {
	p := panel{title: "Roofline", x: "operations a byte of weights", y: "GFLOP/s", log: true}
	roofs := map[string]int{}
	at := map[string]int{}
	for _, r := range records {
		if !(*r.GFLOPs > 0) || r.WeightBytes <= 0 {
			continue
		}
		if r.PeakGBs+r.PeakGFLOPs > 0 {
			// Of several measurements of the same thing the best counts.
			key := fmt.Sprint(r.Backend, r.GPU, r.Threads, r.Level)
			if _, have := roofs[key]; !have {
				roofs[key] = len(p.roofs)
				p.roofs = append(p.roofs, roof{from: source(r)})
			}
			f := &p.roofs[roofs[key]]
			f.bytes, f.flops = max(f.bytes, r.PeakGBs), max(f.flops, r.PeakGFLOPs)
		}
		name := labels[r] + ", decode"
		if r.Prompt > 0 {
			name = labels[r] + ", prompt"
		}
		if _, have := at[name]; !have {
			at[name] = len(p.series)
			p.series = append(p.series, series{name: name, loose: true})
		}
		s := &p.series[at[name]]
		s.points = append(s.points, plotter.XY{X: r.Flops / float64(r.WeightBytes), Y: *r.GFLOPs})
	}
	return p, len(p.series) > 0
}

// source says where the peaks are from.
func source(r *bench.Record) string {
	switch r.Threads {
	case 0:
		return "stated"
	case 1:
		return "measured, 1 thread"
	}
	return fmt.Sprintf("measured, %d threads", r.Threads)
}

func (r roof) name() string {
	var peaks []string
	if r.bytes > 0 {
		peaks = append(peaks, fmt.Sprintf("%.1f GB/s", r.bytes))
	}
	if r.flops > 0 {
		peaks = append(peaks, fmt.Sprintf("float32 %.1f GFLOP/s", r.flops))
	}
	return strings.Join(append(peaks, r.from), ", ")
}
