package chart

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

var (
	ink  = color.RGBA{0x22, 0x22, 0x22, 0xff}
	pale = color.RGBA{0xdd, 0xdd, 0xdd, 0xff}
	// colours that people who see no red or no green tell apart (Okabe and Ito 2008).
	colours = []color.Color{
		color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0xd5, 0x5e, 0x00, 0xff}, color.RGBA{0x00, 0x9e, 0x73, 0xff},
		color.RGBA{0xcc, 0x79, 0xa7, 0xff}, color.RGBA{0xe6, 0x9f, 0x00, 0xff}, color.RGBA{0x56, 0xb4, 0xe9, 0xff}, ink,
	}
	glyphs = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.PyramidGlyph{}, draw.RingGlyph{}, draw.CrossGlyph{}}
)

// panel is one plot.
type panel struct {
	title, x, y string
	log         bool // both axes
	series      []series
	roofs       []roof
}

// series is a line of points with deviations.
type series struct {
	name   string
	points plotter.XYs
	errors plotter.YErrors
	loose  bool // points without a line
}

// Len, XY and YError are what error bars are made of.
func (s *series) Len() int                         { return len(s.points) }
func (s *series) XY(i int) (x, y float64)          { return s.points.XY(i) }
func (s *series) YError(i int) (low, high float64) { return s.errors.YError(i) }

// labelled is up to how many points of a panel have their figures written beside them.
const labelled = 12

func (p *panel) plot() (*plot.Plot, error) {
	out := plot.New()
	out.Title.Text, out.X.Label.Text, out.Y.Label.Text = p.title, p.x, p.y
	set(&out.Title.TextStyle, 12)
	out.Title.Padding = 2 * vg.Millimeter
	for _, a := range []*plot.Axis{&out.X, &out.Y} {
		set(&a.Label.TextStyle, 10)
		set(&a.Tick.Label, 9)
		if p.log {
			a.Scale, a.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
		}
	}
	if !p.log {
		out.X.Tick.Marker, out.Y.Tick.Marker = plot.TickerFunc(p.ticksX), plot.TickerFunc(shortTicks)
	}
	set(&out.Legend.TextStyle, 9)
	out.Legend.Top, out.Legend.Left = true, p.log
	out.Legend.Padding = vg.Millimeter / 2
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = pale, pale
	out.Add(grid)
	low, high := p.bounds()
	for _, r := range p.roofs {
		if err := r.add(out, low, high); err != nil {
			return nil, err
		}
	}
	points := 0
	for i := range p.series {
		points += len(p.series[i].points)
	}
	for i := range p.series {
		if err := p.series[i].add(out, i, points <= labelled && !p.log, len(p.series)+len(p.roofs) > 1); err != nil {
			return nil, err
		}
	}
	p.frame(out, low, high)
	return out, nil
}

// mostTicks is how many values of x have ticks of their own.
const mostTicks = 8

// ticksX marks the values of x that were measured, if there are few.
func (p *panel) ticksX(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	for _, s := range p.series {
		for _, v := range s.points {
			t := plot.Tick{Value: v.X, Label: strconv.FormatFloat(v.X, 'g', -1, 64)}
			if !slices.Contains(ticks, t) {
				ticks = append(ticks, t)
			}
		}
	}
	if len(ticks) > mostTicks {
		return shortTicks(low, high)
	}
	return ticks
}

// shortTicks are the usual ticks with no more digits than they need.
func shortTicks(low, high float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(low, high)
	for i, t := range ticks {
		if t.Label != "" {
			ticks[i].Label = strconv.FormatFloat(t.Value, 'f', -1, 64)
		}
	}
	return ticks
}

// bounds are the least and greatest x.
func (p *panel) bounds() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, s := range p.series {
		for _, v := range s.points {
			low, high = min(low, v.X), max(high, v.X)
		}
	}
	return low, high
}

// frame leaves room for labels, and above the points for the legend.
func (p *panel) frame(out *plot.Plot, low, high float64) {
	lines := float64(len(p.series) + len(p.roofs))
	if p.log {
		out.X.Min, out.X.Max = low/roofMargin, high*roofMargin
		out.Y.Min, out.Y.Max = out.Y.Min/2, out.Y.Max*2*math.Pow(1.5, lines)
		return
	}
	pad := max((high-low)*0.1, high*0.05, 1)
	out.X.Min, out.X.Max = max(low-pad, 0), high+pad
	if low == high {
		out.X.Min = low - pad
	}
	out.Y.Min, out.Y.Max = 0, out.Y.Max*(1.1+0.08*lines)
}

// add draws a series as number i of a panel.
func (s *series) add(out *plot.Plot, i int, figures, named bool) error {
	colour := colours[i%len(colours)]
	dots, err := plotter.NewScatter(s.points)
	if err != nil {
		return err
	}
	dots.GlyphStyle = draw.GlyphStyle{Color: colour, Radius: 3, Shape: glyphs[i%len(glyphs)]}
	var thumbs []plot.Thumbnailer
	if !s.loose && len(s.points) > 1 {
		line, err := plotter.NewLine(s.points)
		if err != nil {
			return err
		}
		line.Color, line.Width = colour, 1.5
		out.Add(line)
		thumbs = append(thumbs, line)
	}
	if s.errors != nil {
		bars, err := plotter.NewYErrorBars(s)
		if err != nil {
			return err
		}
		bars.Color, bars.CapWidth = colour, 4
		out.Add(bars)
	}
	out.Add(dots)
	if figures {
		if err := s.figures(out); err != nil {
			return err
		}
	}
	if named {
		out.Legend.Add(s.name, append(thumbs, dots)...)
	}
	return nil
}

// figures writes the height of each point beside it.
func (s *series) figures(out *plot.Plot) error {
	names := make([]string, len(s.points))
	for i, v := range s.points {
		names[i] = fmt.Sprintf("%.4g", v.Y)
		if v.Y >= 1000 {
			names[i] = fmt.Sprintf("%.0f", v.Y)
		}
	}
	labels, err := plotter.NewLabels(plotter.XYLabels{XYs: s.points, Labels: names})
	if err != nil {
		return err
	}
	for i := range labels.TextStyle {
		set(&labels.TextStyle[i], 8)
	}
	labels.Offset = vg.Point{X: 5, Y: 4}
	out.Add(labels)
	return nil
}
