package cpu

import "github.com/potion-engine/potion/engine/format"

// activations is rows of x rounded to 8-bit integers, as package format defines it, with
// the sums of the integers in the forms that products want.
type activations struct {
	format.Q8            // rows one after the other
	dSums      []float32 // by block of 32: D * the sum of Qs
	negative   []int32   // by block of 32: minus the sum of Qs
	negative16 []int32   // by 16: minus the sum of Qs
	numbers    []float32 // what the integers stand for, where it is wanted
	k          int
}

// resize makes room for rows of k numbers, and for what the integers stand for.
func (a *activations) resize(rows, k int, numbers bool) {
	a.k = k
	n := rows * k
	if cap(a.Qs) < n {
		*a = activations{
			numbers: a.numbers, Q8: format.NewQ8(n), k: k,
			dSums:      make([]float32, n/format.ActivationBlock),
			negative:   make([]int32, n/format.ActivationBlock),
			negative16: make([]int32, n/format.ActivationSum),
		}
	}
	blocks, sums := n/format.ActivationBlock, n/format.ActivationSum
	a.Qs, a.D, a.Sums = a.Qs[:n], a.D[:blocks], a.Sums[:sums]
	a.dSums, a.negative, a.negative16 = a.dSums[:blocks], a.negative[:blocks], a.negative16[:sums]
	if numbers && cap(a.numbers) < n {
		a.numbers = make([]float32, n)
	}
	if numbers {
		a.numbers = a.numbers[:n]
	}
}

// row is row t alone.
func (a *activations) row(t int) activations { return a.rows(t, t+1) }

// rows is rows [from, to).
func (a *activations) rows(from, to int) activations {
	lo, hi := from*a.k, to*a.k
	blockLo, blockHi := lo/format.ActivationBlock, hi/format.ActivationBlock
	sumLo, sumHi := lo/format.ActivationSum, hi/format.ActivationSum
	return activations{
		Q8: format.Q8{Qs: a.Qs[lo:hi], D: a.D[blockLo:blockHi], Sums: a.Sums[sumLo:sumHi]}, k: a.k,
		dSums: a.dSums[blockLo:blockHi], negative: a.negative[blockLo:blockHi], negative16: a.negative16[sumLo:sumHi],
	}
}

// quantizeRow rounds x, in plain Go.
func quantizeRow(a activations, x []float32) {
	a.Quantize(x)
	for i, s := range a.Sums {
		a.negative16[i] = -int32(s)
	}
	for b, d := range a.D {
		a.negative[b] = a.negative16[2*b] + a.negative16[2*b+1]
		a.dSums[b] = d * float32(-a.negative[b])
	}
}
