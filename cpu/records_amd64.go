package cpu

import "github.com/potion-engine/potion/engine/format"

// Records are activations in the order of package simd's registers: 64 codes of weights
// are a vector, for nibbles the low ones of four blocks and then the high ones. A record is
//
//	integers    64 for Q8_0, for nibbles 64 and 64
//	low         as many, if there are two planes
//	scales      16 float32: D of the block that each lane belongs to
//	ends        16 numbers: of the integers of a lane, -zero*sum(q) where codes have zero
//	            added to them, else D*sum(q)
//
// What is missing in the last record is zeros.

type (
	recordDotFunc func(y *float32, w *byte, stride int, x *byte, steps, rest int)
	arrangeFunc   func(records *byte, q *int8, d *float32, n int)
)

// recordLoops is package simd's code for a format.
type recordLoops struct {
	dots    [2]recordDotFunc // four rows, one row
	arrange arrangeFunc
}

const lanes = 16

// arrangementOf is how a format's records look.
func arrangementOf(f format.Format, planes int, arrange arrangeFunc) arrangement {
	const block = format.ActivationBlock
	numbers := 128
	if f == format.Q8_0 {
		numbers = 64
	}
	a := arrangement{numbers: numbers, bytes: numbers*planes + 8*lanes}
	a.put = func(dst []byte, x *activations, last *lastRecord) {
		n := x.k / numbers
		if n > 0 {
			arrange(&dst[0], &x.Qs[0], &x.D[0], n)
		}
		if x.k%numbers > 0 { // the last ones go through a whole record with zeros
			*last = lastRecord{}
			copy(last.qs[:], x.Qs[n*numbers*planes:])
			copy(last.d[:], x.D[n*numbers/block:])
			arrange(&dst[n*a.bytes], &last.qs[0], &last.d[0], 1)
		}
	}
	return a
}

// dotRecords is integers.dot, four rows at a time, for activations in records of n numbers.
func dotRecords(f format.Format, n int, dots [2]recordDotFunc) func(y []float32, rows []byte, x *activations) {
	length := f.BlockLen()
	return func(y []float32, rows []byte, x *activations) {
		bytes, steps, rest := len(rows)/len(y), x.k/n, x.k%n/length
		r := &x.records[f].data[0]
		j := 0
		for ; j+4 <= len(y); j += 4 {
			dots[0](&y[j], &rows[j*bytes], bytes, r, steps, rest)
		}
		for ; j < len(y); j++ {
			dots[1](&y[j], &rows[j*bytes], bytes, r, steps, rest)
		}
	}
}
