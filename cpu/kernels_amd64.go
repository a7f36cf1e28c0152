package cpu

import (
	"github.com/potion-engine/potion/cpu/internal/simd"
	"github.com/potion-engine/potion/engine/format"
)

// The types of package simd's functions. They look at nothing but pointers and lengths,
// which the functions below have checked.
type (
	tileFunc     func(y *float32, stride int, x, w *float32, k int)
	tile16Func   func(y *float32, stride int, x *float32, w *uint16, k int)
	mixFunc      func(y *float32, d int, w *float32, stride int, rows *float32, n int)
	unpack16Func func(y *float32, w *uint16, vectors int)
	unpackFunc   func(y *float32, w *byte, blocks int)
	floatDotFunc func(y *float32, w *byte, stride int, x *float32, blocks int)
	intDotFunc   func(y *float32, w *byte, stride int, q *int8, d, sums *float32, blocks int)
	intTileFunc  func(y *float32, stride int, codes *byte, scales, offsets *float32, q *int8, d, sums *float32, blocks int)
	aloneFunc    func(y, x *float32, n int)
	gatedFunc    func(y, x, up *float32, n int)
)

func avx2Kernels() *kernels {
	k := plainKernels()
	k.level = levelAVX2
	k.panel = panelOf(
		[]tileFunc{simd.Tile1x4F32AVX2, simd.Tile2x4F32AVX2, simd.Tile3x4F32AVX2},
		[]tileFunc{simd.Tile1x1F32AVX2, simd.Tile2x1F32AVX2, simd.Tile3x1F32AVX2})
	k.mix = mixOf(simd.Mix1AVX2, simd.Mix2AVX2, simd.Mix3AVX2, simd.Mix4AVX2)
	k.dotRows[format.F32] = dotFloats(k.panel)
	k.dotRows[format.F16] = dotHalves(simd.Tile1x4F16AVX2, simd.Tile1x1F16AVX2)
	k.dotRows[format.BF16] = dotHalves(simd.Tile1x4BF16AVX2, simd.Tile1x1BF16AVX2)
	k.unpack[format.F16] = unpackHalves(simd.UnpackF16AVX2, 8, unpackF16)
	k.unpack[format.BF16] = unpackHalves(simd.UnpackBF16AVX2, 8, unpackBF16)
	for f, unpack := range map[format.Format]unpackFunc{
		format.Q4_0: simd.UnpackQ4_0AVX2, format.Q4_1: simd.UnpackQ4_1AVX2,
		format.Q5_0: simd.UnpackQ5_0AVX2, format.Q5_1: simd.UnpackQ5_1AVX2,
		format.Q8_0: simd.UnpackQ8_0AVX2, format.Q4_K: simd.UnpackQ4_KAVX2,
		format.Q5_K: simd.UnpackQ5_KAVX2, format.Q6_K: simd.UnpackQ6_KAVX2,
	} {
		k.unpack[f] = unpackBlocks(f, unpack)
	}
	for f, dots := range map[format.Format][2]floatDotFunc{
		format.Q4_0: {simd.Dot4Q4_0AVX2, simd.Dot1Q4_0AVX2}, format.Q4_1: {simd.Dot4Q4_1AVX2, simd.Dot1Q4_1AVX2},
		format.Q5_0: {simd.Dot4Q5_0AVX2, simd.Dot1Q5_0AVX2}, format.Q5_1: {simd.Dot4Q5_1AVX2, simd.Dot1Q5_1AVX2},
		format.Q8_0: {simd.Dot4Q8_0AVX2, simd.Dot1Q8_0AVX2}, format.Q4_K: {simd.Dot4Q4_KAVX2, simd.Dot1Q4_KAVX2},
		format.Q5_K: {simd.Dot4Q5_KAVX2, simd.Dot1Q5_KAVX2}, format.Q6_K: {simd.Dot4Q6_KAVX2, simd.Dot1Q6_KAVX2},
	} {
		k.dotRows[f] = dotPacked(f, dots)
	}
	for _, f := range []format.Format{format.Q2_K, format.Q3_K} {
		k.dotRows[f] = nil // by panels
	}
	k.int8, k.int16 = avx2Integers(k.int8), avx2Integers16()
	k.add = addOf(simd.AddAVX2)
	k.scale = func(y []float32, c float32) {
		if len(y) > 0 {
			simd.ScaleAVX2(&y[0], len(y), c)
		}
	}
	k.rmsNorm = normOf(simd.SumSquaresAVX2, simd.NormAVX2)
	k.maximum = maximumOf(simd.MaxAVX2)
	k.expSum = expSumOf(simd.ExpSumAVX2)
	k.gelu = gatedOf(simd.GELUAVX2, simd.GeGLUAVX2)
	k.swiglu = gatedOf(simd.SiLUAVX2, simd.SwiGLUAVX2)
	return k
}

func avx512Kernels(vnni bool) *kernels {
	k := avx2Kernels()
	k.level = levelAVX512
	k.panel = panelOf(
		[]tileFunc{simd.Tile1x4F32AVX512, simd.Tile2x4F32AVX512, simd.Tile3x4F32AVX512, simd.Tile4x4F32AVX512, simd.Tile5x4F32AVX512, simd.Tile6x4F32AVX512},
		[]tileFunc{simd.Tile1x1F32AVX512, simd.Tile2x1F32AVX512, simd.Tile3x1F32AVX512, simd.Tile4x1F32AVX512, simd.Tile5x1F32AVX512, simd.Tile6x1F32AVX512})
	k.mix = mixOf(simd.Mix1AVX512, simd.Mix2AVX512, simd.Mix3AVX512, simd.Mix4AVX512)
	k.dotRows[format.F32] = dotFloats(k.panel)
	k.dotRows[format.F16] = dotHalves(simd.Tile1x4F16AVX512, simd.Tile1x1F16AVX512)
	k.dotRows[format.BF16] = dotHalves(simd.Tile1x4BF16AVX512, simd.Tile1x1BF16AVX512)
	k.unpack[format.F16] = unpackHalves(simd.UnpackF16AVX512, 16, unpackF16)
	k.unpack[format.BF16] = unpackHalves(simd.UnpackBF16AVX512, 16, unpackBF16)
	for f, unpack := range map[format.Format]unpackFunc{
		format.Q4_0: simd.UnpackQ4_0AVX512, format.Q4_1: simd.UnpackQ4_1AVX512,
		format.Q5_0: simd.UnpackQ5_0AVX512, format.Q5_1: simd.UnpackQ5_1AVX512,
		format.Q8_0: simd.UnpackQ8_0AVX512, format.Q4_K: simd.UnpackQ4_KAVX512,
		format.Q5_K: simd.UnpackQ5_KAVX512, format.Q6_K: simd.UnpackQ6_KAVX512,
	} {
		k.unpack[f] = unpackBlocks(f, unpack)
	}
	for f, dots := range map[format.Format][2]floatDotFunc{
		format.Q4_0: {simd.Dot4Q4_0AVX512, simd.Dot1Q4_0AVX512}, format.Q4_1: {simd.Dot4Q4_1AVX512, simd.Dot1Q4_1AVX512},
		format.Q5_0: {simd.Dot4Q5_0AVX512, simd.Dot1Q5_0AVX512}, format.Q5_1: {simd.Dot4Q5_1AVX512, simd.Dot1Q5_1AVX512},
		format.Q8_0: {simd.Dot4Q8_0AVX512, simd.Dot1Q8_0AVX512}, format.Q4_K: {simd.Dot4Q4_KAVX512, simd.Dot1Q4_KAVX512},
		format.Q5_K: {simd.Dot4Q5_KAVX512, simd.Dot1Q5_KAVX512}, format.Q6_K: {simd.Dot4Q6_KAVX512, simd.Dot1Q6_KAVX512},
	} {
		k.dotRows[f] = dotPacked(f, dots)
	}
	k.add = addOf(simd.AddAVX512)
	k.scale = func(y []float32, c float32) {
		if len(y) > 0 {
			simd.ScaleAVX512(&y[0], len(y), c)
		}
	}
	k.rmsNorm = normOf(simd.SumSquaresAVX512, simd.NormAVX512)
	k.maximum = maximumOf(simd.MaxAVX512)
	k.expSum = expSumOf(simd.ExpSumAVX512)
	k.gelu = gatedOf(simd.GELUAVX512, simd.GeGLUAVX512)
	k.swiglu = gatedOf(simd.SiLUAVX512, simd.SwiGLUAVX512)
	if vnni {
		k.int8, k.int16 = vnniIntegers(k.int8), vnniIntegers16(k.int16)
	}
	return k
}

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

// dotPacked is dotRows of blocks, four rows at a time.
func dotPacked(f format.Format, dots [2]floatDotFunc) dotRowsFunc {
	length := f.BlockLen()
	return func(y []float32, rows []byte, x []float32, _ *[chunk]float32) {
		bytes, blocks := len(rows)/len(y), len(x)/length
		j := 0
		for ; j+4 <= len(y); j += 4 {
			dots[0](&y[j], &rows[j*bytes], bytes, &x[0], blocks)
		}
		for ; j < len(y); j++ {
			dots[1](&y[j], &rows[j*bytes], bytes, &x[0], blocks)
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

// maximumOf is maximum. The slow way is taken for numbers that are none and infinities.
func maximumOf(f func(x *float32, n int) (float32, bool)) func(x []float32) float32 {
	return func(x []float32) float32 {
		if len(x) == 0 {
			return maximum(x)
		}
		top, odd := f(&x[0], len(x))
		if odd {
			return maximum(x)
		}
		return top
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
