package cpu

import "github.com/potion-engine/potion/engine/format"

// Activations is what products with weights that are blocks of integers make of their
// other factor.
type Activations uint8

const (
	// Float32 leaves activations as they are.
	Float32 Activations = iota
	// Int16 rounds them to integers of 15 bits with a scale D for each 32 of them:
	//
	//	D    = max|x| / 127 / 128
	//	high = rint(x / (128 D)), low = rint(128 (x/(128 D) - high))
	//	x    ~ D * (128 high + low)
	//
	// high is the integer of Int8. The error of a product is 1e-9 (NMSE), a thousandth of
	// what formats of 8 bits do to the weights, and two products of bytes take less than
	// half the time of a float product. Where the processor has no code for it, and where
	// many rows are multiplied without VNNI, activations stay floats.
	Int16
	// Int8 rounds them to 8-bit integers (package format, QuantizeActivations): 1e-4 in the
	// logits (NMSE) of the demo model, 1e-3 in those of a 135M model at Q4_1, where greedy
	// text can change at near ties.
	Int8
)

// activations is rows of x rounded to integers, with the sums of the integers in the forms
// that products want. With two planes each block of 32 has 32 high integers and 32 low ones
// in Qs, its D is that of the low ones, and sums are of 128*high + low; Sums are not used.
type activations struct {
	format.Q8            // rows one after the other
	dSums      []float32 // by block of 32: D * the sum of Qs
	negative   []int32   // by block of 32: minus the sum of Qs
	negative16 []int32   // by 16: minus the sum of Qs
	numbers    []float32 // what the integers stand for, where it is wanted
	records    [formats]records
	k, planes  int
}

// records is rows in another order, that of the inner loop for a format.
type records struct {
	data     []byte // aligned to 64 bytes; empty if none is wanted
	rowBytes int
}

// resize makes room for rows of k numbers.
func (a *activations) resize(rows, k, planes int) {
	a.k, a.planes = k, planes
	n := rows * k
	blocks, sums := n/format.ActivationBlock, n/format.ActivationSum
	if cap(a.Qs) < n*planes || cap(a.D) < blocks {
		a.Q8 = format.NewQ8(n)
		a.Qs = make([]int8, n*planes)
		a.dSums = make([]float32, blocks)
		a.negative, a.negative16 = make([]int32, blocks), make([]int32, sums)
	}
	a.Qs, a.D, a.Sums = a.Qs[:n*planes], a.D[:blocks], a.Sums[:sums]
	a.dSums, a.negative, a.negative16 = a.dSums[:blocks], a.negative[:blocks], a.negative16[:sums]
	a.numbers = a.numbers[:0]
	for f := range a.records {
		a.records[f].data = a.records[f].data[:0]
	}
}

// wantNumbers makes room for what the integers stand for.
func (a *activations) wantNumbers() {
	n := len(a.Qs) / a.planes
	if cap(a.numbers) < n {
		a.numbers = make([]float32, n)
	}
	a.numbers = a.numbers[:n]
}

// wantRecords makes room for records of a format.
func (a *activations) wantRecords(f format.Format, rowBytes int) {
	r := &a.records[f]
	n := len(a.Qs) / a.planes / a.k * rowBytes
	if cap(r.data) < n {
		r.data = alignedBytes(n)
	}
	r.data, r.rowBytes = r.data[:n], rowBytes
}

// row is row t alone.
func (a *activations) row(t int) activations {
	lo, hi := t*a.k, (t+1)*a.k
	blockLo, blockHi := lo/format.ActivationBlock, hi/format.ActivationBlock
	sumLo, sumHi := lo/format.ActivationSum, hi/format.ActivationSum
	row := activations{
		Q8:    format.Q8{Qs: a.Qs[lo*a.planes : hi*a.planes], D: a.D[blockLo:blockHi], Sums: a.Sums[sumLo:sumHi]},
		dSums: a.dSums[blockLo:blockHi], negative: a.negative[blockLo:blockHi], negative16: a.negative16[sumLo:sumHi],
		k: a.k, planes: a.planes,
	}
	if len(a.numbers) > 0 {
		row.numbers = a.numbers[lo:hi]
	}
	for f := range a.records {
		if r := &a.records[f]; len(r.data) > 0 {
			row.records[f] = records{data: r.data[t*r.rowBytes:][:r.rowBytes], rowBytes: r.rowBytes}
		}
	}
	return row
}

// quantizeRow rounds x to 8-bit integers, in plain Go.
func quantizeRow(a *activations, x []float32) {
	a.Quantize(x)
	for i, s := range a.Sums {
		a.negative16[i] = -int32(s)
	}
	for b, d := range a.D {
		a.negative[b] = a.negative16[2*b] + a.negative16[2*b+1]
		a.dSums[b] = d * float32(-a.negative[b])
	}
}
