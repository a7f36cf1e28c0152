//go:build amd64 || arm64

package cpu

import "github.com/potion-engine/potion/engine/format"

// The types of package simd's functions that are the same for all processors. They look at
// nothing but pointers and lengths, which the functions below have checked.
type (
	tileFunc     func(y *float32, stride int, x, w *float32, k int)
	tile16Func   func(y *float32, stride int, x *float32, w *uint16, k int)
	mixFunc      func(y *float32, d int, w *float32, stride int, rows *float32, n int)
	unpack16Func func(y *float32, w *uint16, vectors int)
	unpackFunc   func(y *float32, w *byte, blocks int)
	aloneFunc    func(y, x *float32, n int)
	gatedFunc    func(y, x, up *float32, n int)
)

// panelOf is panel by tiles with 1, 2, ... rows of x, and four rows of w or one. The rows
// of x of a tile stay in the first-level cache while w passes by.
func panelOf(fours, ones []tileFunc) func(y []float32, stride int, x, w []float32, k int) {
	return func(y []float32, stride int, x, w []float32, k int) {
		rows, n := len(x)/k, len(w)/k
		for t := 0; t < rows; t += len(fours) {
			m := min(len(fours), rows-t) - 1
			x, y := &x[t*k], y[t*stride:]
			j := 0
			for ; j+4 <= n; j += 4 {
				fours[m](&y[j], stride, x, &w[j*k], k)
			}
			for ; j < n; j++ {
				ones[m](&y[j], stride, x, &w[j*k], k)
			}
		}
	}
}

// dotFloats is dotRows of float32 numbers.
func dotFloats(panel func(y []float32, stride int, x, w []float32, k int)) dotRowsFunc {
	return func(y []float32, rows []byte, x []float32, _ *[chunk]float32) {
		panel(y, len(y), x, asFloats(rows), len(x))
	}
}

// dotHalves is dotRows of numbers of 16 bits.
func dotHalves(four, one tile16Func) dotRowsFunc {
	return func(y []float32, rows []byte, x []float32, _ *[chunk]float32) {
		k, w := len(x), asHalves(rows)
		j := 0
		for ; j+4 <= len(y); j += 4 {
			four(&y[j], 0, &x[0], &w[j*k], k)
		}
		for ; j < len(y); j++ {
			one(&y[j], 0, &x[0], &w[j*k], k)
		}
	}
}

// unpackHalves is unpack for numbers of 16 bits.
func unpackHalves(f unpack16Func, lanes int, rest func([]float32, []byte)) func([]float32, []byte) {
	return func(dst []float32, src []byte) {
		n := len(dst) / lanes * lanes
		if n > 0 {
			f(&dst[0], &asHalves(src)[0], n/lanes)
		}
		rest(dst[n:], src[2*n:])
	}
}

// unpackBlocks is unpack for blocks.
func unpackBlocks(f format.Format, unpack unpackFunc) func([]float32, []byte) {
	length, bytes := f.BlockLen(), f.BlockBytes()
	return func(dst []float32, src []byte) {
		if n := min(len(dst)/length, len(src)/bytes); n > 0 {
			unpack(&dst[0], &src[0], n)
		}
	}
}

// mixOf is mix by 1, 2, ... rows of weights.
func mixOf(by ...mixFunc) func(y []float32, d int, w []float32, stride int, rows []float32) {
	return func(y []float32, d int, w []float32, stride int, rows []float32) {
		n := len(rows) / d
		for t := 0; t*d < len(y); t += len(by) {
			m := min(len(by), len(y)/d-t)
			by[m-1](&y[t*d], d, &w[t*stride], stride, &rows[0], n)
		}
	}
}

func addOf(f func(y, a, b *float32, n int)) elementFunc {
	return func(y, a, b []float32, _ float32) {
		if len(y) > 0 {
			f(&y[0], &a[0], &b[0], len(y))
		}
	}
}

func normOf(squares func(x *float32, n int) float64, scale func(y, x, gain *float32, n int, c float32)) normFunc {
	return func(y, x, gain, _ []float32, eps float64) {
		c := inverseRMS(squares(&x[0], len(x)), len(x), eps)
		scale(&y[0], &x[0], &gain[0], len(x), float32(c))
	}
}

// expSumOf is expSum, whose sum stays exact enough if it is collected in pieces.
func expSumOf(f func(y, x *float32, n int, top float32) float32) func(y, x []float32, top float32) float64 {
	const piece = 512
	return func(y, x []float32, top float32) float64 {
		var sum float64
		for at := 0; at < len(x); at += piece {
			sum += float64(f(&y[at], &x[at], min(piece, len(x)-at), top))
		}
		return sum
	}
}

func gatedOf(alone aloneFunc, gated gatedFunc) elementFunc {
	return func(y, x, up []float32, _ float32) {
		switch {
		case len(x) == 0:
		case up == nil:
			alone(&y[0], &x[0], len(x))
		default:
			gated(&y[0], &x[0], &up[0], len(x))
		}
	}
}

// quantizeOf is integers.quantize.
func quantizeOf(f func(q *int8, d, dsum *float32, neg, neg16 *int32, x *float32, blocks int)) func(a *activations, x []float32) {
	return func(a *activations, x []float32) {
		f(&a.Qs[0], &a.D[0], &a.dSums[0], &a.negative[0], &a.negative16[0], &x[0], len(a.D))
		if a.planes == 1 { // for the formats whose products are plain Go
			for i, s := range a.negative16 {
				a.Sums[i] = int16(-s)
			}
		}
	}
}
