package backendtest

import (
	"fmt"
	"math"
)

// difference is how far an answer is from the oracle's.
type difference struct {
	nmse  float64 // sum (got-want)^2 / sum want^2
	worst float64 // the greatest |got-want| / max(|want|, RMS of its row)
	at    [2]int  // the row and column of the worst element

	want, got float64 // the worst element
}

// measure compares got with want, matrices of rows of cols numbers. Every wanted number
// is rounded to float32 first, so that the best possible answer has difference zero.
// The error names the first element that is NaN or infinite on one side only.
func measure(got []float32, want []float64, cols int) (difference, error) {
	d := difference{}
	var errors, power float64
	for r := 0; r < len(got); r += cols {
		row := 0.0
		for _, w := range want[r : r+cols] {
			if isFinite(float64(float32(w))) {
				row += w * w
			}
		}
		power += row
		rms := math.Sqrt(row / float64(cols))
		for c := range cols {
			g, w := float64(got[r+c]), float64(float32(want[r+c]))
			if !isFinite(g) || !isFinite(w) {
				if same := g == w || math.IsNaN(g) && math.IsNaN(w); !same {
					return d, fmt.Errorf("row %d column %d is %v, want %v", r/cols, c, g, w)
				}
				continue
			}
			e := math.Abs(g - w)
			errors += e * e
			if share := ratio(e, max(rms, math.Abs(w))); share > d.worst {
				d.worst, d.at, d.want, d.got = share, [2]int{r / cols, c}, w, g
			}
		}
	}
	d.nmse = ratio(errors, power)
	return d, nil
}

// ratio is a/b, where nothing of nothing is no error at all.
func ratio(a, b float64) float64 {
	if a == 0 {
		return 0
	}
	return a / b
}

// sameBits returns the first index at which the bits of a and b differ, or -1.
func sameBits(a, b []float32) int {
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			return i
		}
	}
	return -1
}
