// Package chart draws what a benchmark found: throughput against the context and against the
// batch, and the roofline, which holds every test against what the machine allows
// (Williams, Waterman and Patterson 2009).
package chart

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/potion-engine/potion/engine/bench"
)

// Forms are the kinds of pictures that Write makes.
var Forms = []string{"svg", "png"}

// errEmpty says that there is nothing to draw.
var errEmpty = errors.New("no valid figures to draw")

// The sizes of the picture.
const (
	panelWidth  = 12 * vg.Centimeter
	panelHeight = 8.5 * vg.Centimeter
	margin      = 5 * vg.Millimeter
	lineHeight  = 13 // of the notes below, in points
	noteSize    = 8.5
	noteColumns = 128 // characters that fit under two panels
	dotsPerInch = 144
)

// Write draws records in one of Forms. Refused records are left out and named below.
func Write(w io.Writer, form string, records []bench.Record) error {
	panels := panels(records)
	if len(panels) == 0 {
		return errEmpty
	}
	columns := min(2, len(panels))
	rows := (len(panels) + columns - 1) / columns
	notes := notes(records, noteColumns*columns/2)
	width := vg.Length(columns)*panelWidth + 2*margin
	below := vg.Length(len(notes))*lineHeight + margin
	height := vg.Length(rows)*panelHeight + 2*margin + below
	picture := func(c vg.CanvasSizer) error {
		canvas := draw.New(c)
		var small text.Style
		set(&small, noteSize)
		for i, s := range notes {
			canvas.FillText(small, vg.Point{X: margin, Y: below - vg.Length(i+1)*lineHeight}, s)
		}
		return drawPanels(draw.Crop(canvas, margin, -margin, below+margin, -margin), panels, rows, columns)
	}
	switch form {
	case "svg":
		c := vgsvg.New(width, height)
		if err := picture(c); err != nil {
			return err
		}
		return writeSVG(w, c)
	case "png":
		c := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dotsPerInch))
		if err := picture(c); err != nil {
			return err
		}
		_, err := vgimg.PngCanvas{Canvas: c}.WriteTo(w)
		return err
	}
	return fmt.Errorf("a picture as %q: want one of %s", form, strings.Join(Forms, ", "))
}

func drawPanels(c draw.Canvas, panels []panel, rows, columns int) error {
	tiles := draw.Tiles{Rows: rows, Cols: columns, PadX: 8 * vg.Millimeter, PadY: 8 * vg.Millimeter}
	grid := make([][]*plot.Plot, rows)
	for i := range grid {
		grid[i] = make([]*plot.Plot, columns)
	}
	for i, p := range panels {
		drawn, err := p.plot()
		if err != nil {
			return err
		}
		grid[i/columns][i%columns] = drawn
	}
	for i, row := range plot.Align(grid, tiles, c) {
		for j, at := range row {
			if grid[i][j] != nil {
				grid[i][j].Draw(at)
			}
		}
	}
	return nil
}

// The font that widths are reckoned with, and those that look like it where it is missing.
const (
	sans     = "font-family:Liberation Sans;"
	sansLike = "font-family:Liberation Sans,Arimo,Arial,Helvetica,sans-serif;"
)

// writeSVG names fonts that other machines have.
func writeSVG(w io.Writer, c *vgsvg.Canvas) error {
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return err
	}
	_, err := w.Write(bytes.ReplaceAll(b.Bytes(), []byte(sans), []byte(sansLike)))
	return err
}

// set gives a text its font, in a size in points.
func set(s *text.Style, size vg.Length) {
	s.Color, s.Font, s.Handler = ink, font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}, text.Plain{Fonts: font.DefaultCache}
}

// notes say what was measured, on what and how, in lines of at most the given columns.
func notes(records []bench.Record, columns int) []string {
	var list []string
	add := func(s string) {
		for _, line := range wrap(s, columns) {
			if !slices.Contains(list, line) {
				list = append(list, line)
			}
		}
	}
	add(records[0].Command)
	add(fmt.Sprintf("potion %s, commit %s, %s", records[0].Version, records[0].BuildCommit, records[0].TestTime))
	for i := range records {
		r := &records[i]
		device := r.CPU
		if r.GPU != "" {
			device = r.GPU + ", " + r.CPU
		}
		add(fmt.Sprintf("%s, %d MB of weights, on %s: %s", r.ModelType, r.ModelBytes/1e6, strings.ToLower(r.Backend), device))
		if r.CacheRes {
			add("the weights of " + r.ModelType + " fit the " + string(r.Level) + ": a model that does not would not reach these figures")
		}
		if !r.Valid {
			add(r.Test + " is left out: " + r.Reason)
		}
	}
	return list
}

// wrap breaks a text into lines between words.
func wrap(s string, columns int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) > columns:
			lines = append(lines, line)
			line = "    " + word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}
