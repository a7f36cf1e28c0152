package cpu

import (
	"math"

	"github.com/potion-engine/potion/cpu/internal/simd"
	"github.com/potion-engine/potion/engine/format"
)

// The types of package simd's functions. They look at nothing but pointers and lengths,
// which the functions below have checked.
type (
	scoreFunc    func(y *float32, step int, q *float32, stride int, keys *float32, n int)
	floatDotFunc func(y *float32, w *byte, stride int, x *float32, blocks int)
	intDotFunc   func(y *float32, w *byte, stride int, q *int8, d, sums *float32, blocks int)
	intTileFunc  func(y *float32, stride int, codes *byte, scales, offsets *float32, q *int8, d, sums *float32, blocks int)
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
		format.Q2_K: simd.UnpackQ2_KAVX2, format.Q3_K: simd.UnpackQ3_KAVX2,
	} {
		k.unpack[f] = unpackBlocks(f, unpack)
	}
	for f, dots := range map[format.Format][2]floatDotFunc{
		format.Q4_0: {simd.Dot4Q4_0AVX2, simd.Dot1Q4_0AVX2}, format.Q4_1: {simd.Dot4Q4_1AVX2, simd.Dot1Q4_1AVX2},
		format.Q5_0: {simd.Dot4Q5_0AVX2, simd.Dot1Q5_0AVX2}, format.Q5_1: {simd.Dot4Q5_1AVX2, simd.Dot1Q5_1AVX2},
		format.Q8_0: {simd.Dot4Q8_0AVX2, simd.Dot1Q8_0AVX2}, format.Q4_K: {simd.Dot4Q4_KAVX2, simd.Dot1Q4_KAVX2},
		format.Q5_K: {simd.Dot4Q5_KAVX2, simd.Dot1Q5_KAVX2}, format.Q6_K: {simd.Dot4Q6_KAVX2, simd.Dot1Q6_KAVX2},
		format.Q2_K: {simd.Dot4Q2_KAVX2, simd.Dot1Q2_KAVX2}, format.Q3_K: {simd.Dot4Q3_KAVX2, simd.Dot1Q3_KAVX2},
	} {
		k.dotRows[f] = dotPacked(f, dots)
	}
	k.int8, k.int16 = avx2Integers(k.int8), avx2Integers16()
	k.scores = scoresOf(simd.Score1AVX2)
	k.pack[format.F16] = packHalves(simd.PackF16AVX2, 8, k.pack[format.F16])
	k.add = addOf(simd.AddAVX2)
	k.scale = func(y []float32, c float32) {
		if len(y) > 0 {
			simd.ScaleAVX2(&y[0], len(y), c)
		}
	}
	k.rmsNorm = normOf(simd.SumSquaresAVX2, simd.NormAVX2)
	k.layerNorm = layerNormLoops{simd.SumAVX2, simd.DeviationsAVX2, simd.ShiftNormAVX2}.row
	k.softCap = softCapOf(simd.SoftCapAVX2)
	k.above = aboveOf(simd.AboveAVX2)
	k.maximum = maximumOf(simd.MaxAVX2)
	k.expSum = expSumOf(simd.ExpSumAVX2)
	k.prefetch = func(b []byte) { simd.Prefetch(&b[0], len(b)) }
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
		format.Q2_K: simd.UnpackQ2_KAVX512, format.Q3_K: simd.UnpackQ3_KAVX512,
	} {
		k.unpack[f] = unpackBlocks(f, unpack)
	}
	for f, dots := range map[format.Format][2]floatDotFunc{
		format.Q4_0: {simd.Dot4Q4_0AVX512, simd.Dot1Q4_0AVX512}, format.Q4_1: {simd.Dot4Q4_1AVX512, simd.Dot1Q4_1AVX512},
		format.Q5_0: {simd.Dot4Q5_0AVX512, simd.Dot1Q5_0AVX512}, format.Q5_1: {simd.Dot4Q5_1AVX512, simd.Dot1Q5_1AVX512},
		format.Q8_0: {simd.Dot4Q8_0AVX512, simd.Dot1Q8_0AVX512}, format.Q4_K: {simd.Dot4Q4_KAVX512, simd.Dot1Q4_KAVX512},
		format.Q5_K: {simd.Dot4Q5_KAVX512, simd.Dot1Q5_KAVX512}, format.Q6_K: {simd.Dot4Q6_KAVX512, simd.Dot1Q6_KAVX512},
		format.Q2_K: {simd.Dot4Q2_KAVX512, simd.Dot1Q2_KAVX512}, format.Q3_K: {simd.Dot4Q3_KAVX512, simd.Dot1Q3_KAVX512},
	} {
		k.dotRows[f] = dotPacked(f, dots)
	}
	k.scores = scoresOf(simd.Score1AVX512, simd.Score2AVX512, simd.Score3AVX512, simd.Score4AVX512)
	k.pack[format.F16] = packHalves(simd.PackF16AVX512, 16, plainKernels().pack[format.F16])
	k.add = addOf(simd.AddAVX512)
	k.scale = func(y []float32, c float32) {
		if len(y) > 0 {
			simd.ScaleAVX512(&y[0], len(y), c)
		}
	}
	k.rmsNorm = normOf(simd.SumSquaresAVX512, simd.NormAVX512)
	k.layerNorm = layerNormLoops{simd.SumAVX512, simd.DeviationsAVX512, simd.ShiftNormAVX512}.row
	k.softCap = softCapOf(simd.SoftCapAVX512)
	k.above = aboveOf(simd.AboveAVX512)
	k.maximum = maximumOf(simd.MaxAVX512)
	k.expSum = expSumOf(simd.ExpSumAVX512)
	k.gelu = gatedOf(simd.GELUAVX512, simd.GeGLUAVX512)
	k.swiglu = gatedOf(simd.SiLUAVX512, simd.SwiGLUAVX512)
	if vnni {
		k.int8, k.int16 = vnniIntegers(k.int8), vnniIntegers16(k.int16)
	}
	return k
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

// scoresOf is scores by 1, 2, ... queries.
func scoresOf(by ...scoreFunc) func(y []float32, step int, q []float32, d int, keys []float32) {
	return func(y []float32, step int, q []float32, d int, keys []float32) {
		rows := len(q) / d
		for t := 0; t < rows; t += len(by) {
			m := min(len(by), rows-t)
			by[m-1](&y[t*step], step, &q[t*d], d, &keys[0], d)
		}
	}
}

// packHalves is pack to numbers of 16 bits.
func packHalves(f func(y *uint16, x *float32, vectors int), lanes int, rest func([]byte, []float32)) func([]byte, []float32) {
	return func(dst []byte, src []float32) {
		n := len(src) / lanes * lanes
		if n > 0 {
			f(&asHalves(dst)[0], &src[0], n/lanes)
		}
		rest(dst[2*n:], src[n:])
	}
}

// layerNormLoops is package simd's code for LayerNorm.
type layerNormLoops struct {
	sum        func(x *float32, n int) float64
	deviations func(x *float32, n int, mean float32) float64
	norm       func(y, x, gain, bias *float32, n int, mean, c float32)
}

// row is layerNorm. The deviations are those of a rounded mean; the squares' sum is put
// right for it.
func (l layerNormLoops) row(y, x, gain, bias []float32, eps float64) {
	if bias == nil {
		layerNorm(y, x, gain, bias, eps)
		return
	}
	n := float64(len(x))
	mean := l.sum(&x[0], len(x)) / n
	rounded := float32(mean)
	off := mean - float64(rounded)
	variance := l.deviations(&x[0], len(x), rounded)/n - off*off
	l.norm(&y[0], &x[0], &gain[0], &bias[0], len(x), rounded, float32(1/math.Sqrt(max(variance, 0)+eps)))
}

func softCapOf(f func(y, x *float32, n int, limit float32)) elementFunc {
	return func(y, x, _ []float32, limit float32) {
		if len(x) > 0 {
			f(&y[0], &x[0], len(x), limit)
		}
	}
}

func aboveOf(f func(x *float32, n int, bound float32) int) func(x []float32, bound float32) int {
	return func(x []float32, bound float32) int {
		if len(x) == 0 {
			return 0
		}
		return f(&x[0], len(x), bound)
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
