package backendtest

import (
	"fmt"
	"math"
)

// difference is how far an answer is from the oracle's.
type difference struct {
	nmse  float64 // sum (got-want)^2 / sum want^2
	worst float64 // the greatest |got-want| / max(|want|, RMS of its row, or of all in short rows)
	at    [2]int  // the row and column of the worst element

	want, got float64 // the worst element
}

// shortRow is below how many numbers a row is too short for its own RMS to be a measure: one
// output whose terms cancel is small beside what it is made of.
const shortRow = 4

// measure compares got with want, matrices of rows of cols numbers. Every wanted number
// is rounded to float32 first, so that the best possible answer has difference zero.
// The error names the first element that is NaN or infinite on one side only.
func measure(got []float32, want []float64, cols int) (difference, error) {
	d := difference{}
	power, errors := squares(want), 0.0
	for r := 0; r < len(got); r += cols {
		rms := math.Sqrt(squares(want[r:r+cols]) / float64(cols))
		if cols < shortRow {
			rms = max(rms, math.Sqrt(power/float64(len(want))))
		}
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

// squares is the sum of the squares of what float32 can hold of x.
func squares(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		if isFinite(float64(float32(v))) {
			sum += v * v
		}
	}
	return sum
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
