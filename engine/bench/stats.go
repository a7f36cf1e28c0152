package bench

import (
	"math"
	"slices"
)

// Stats sums samples up.
type Stats struct {
	N         int
	Median    float64
	Mean      float64
	Deviation float64 // standard deviation with divisor N-1; 0 of a single sample
	Min, Max  float64
	// Spread is the standard error of the median over the median: how far off the median
	// of these samples may be from that of infinitely many. It is estimated as
	// 1.2533 * sigma / sqrt(N), which holds for a normal distribution, with sigma =
	// 1.4826 * the median absolute deviation, which a few disturbed samples do not move
	// (Rousseeuw and Croux 1993). Infinite for fewer than three samples.
	Spread float64
}

// Summarize sums up samples; those of nothing are all 0, with an infinite spread.
func Summarize(samples []float64) Stats {
	s := Stats{N: len(samples), Spread: math.Inf(1)}
	if s.N == 0 {
		return s
	}
	x := slices.Sorted(slices.Values(samples))
	s.Min, s.Max, s.Median = x[0], x[s.N-1], middle(x)
	for _, v := range x {
		s.Mean += v / float64(s.N)
	}
	if s.N == 1 {
		return s
	}
	for _, v := range x {
		s.Deviation += (v - s.Mean) * (v - s.Mean) / float64(s.N-1)
	}
	s.Deviation = math.Sqrt(s.Deviation)
	if s.N < 3 {
		return s
	}
	for i, v := range x {
		x[i] = math.Abs(v - s.Median)
	}
	slices.Sort(x)
	sigma := 1.4826 * middle(x)
	s.Spread = 1.2533 * sigma / math.Sqrt(float64(s.N)) / math.Abs(s.Median)
	return s
}

// middle is the median of sorted numbers.
func middle(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}
