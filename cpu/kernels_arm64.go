package cpu

import (
	"unsafe"

	"github.com/potion-engine/potion/cpu/internal/simd"
	"github.com/potion-engine/potion/engine/format"
)

// The types of package simd's functions, which look at nothing but pointers and lengths.
type (
	neonDot  func(y *float32, w *byte, x *float32, blocks int)
	neonInts func(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
)

// neonFormats are the inner loops of the quantised formats; of integers those with one plane and
// with two.
var neonFormats = map[format.Format]struct {
	unpack unpackFunc
	dot    neonDot
	ints   [2]neonInts
	sdot   [2]neonInts
}{
	format.Q4_0: {
		simd.UnpackQ4_0NEON, simd.DotQ4_0NEON,
		[2]neonInts{simd.Int8DotQ4_0NEON, simd.Int16DotQ4_0NEON}, [2]neonInts{simd.Int8DotQ4_0SDOT, simd.Int16DotQ4_0SDOT},
	},
	format.Q4_1: {
		simd.UnpackQ4_1NEON, simd.DotQ4_1NEON,
		[2]neonInts{simd.Int8DotQ4_1NEON, simd.Int16DotQ4_1NEON}, [2]neonInts{simd.Int8DotQ4_1SDOT, simd.Int16DotQ4_1SDOT},
	},
	format.Q5_0: {
		simd.UnpackQ5_0NEON, simd.DotQ5_0NEON,
		[2]neonInts{simd.Int8DotQ5_0NEON, simd.Int16DotQ5_0NEON}, [2]neonInts{simd.Int8DotQ5_0SDOT, simd.Int16DotQ5_0SDOT},
	},
	format.Q5_1: {
		simd.UnpackQ5_1NEON, simd.DotQ5_1NEON,
		[2]neonInts{simd.Int8DotQ5_1NEON, simd.Int16DotQ5_1NEON}, [2]neonInts{simd.Int8DotQ5_1SDOT, simd.Int16DotQ5_1SDOT},
	},
	format.Q8_0: {
		simd.UnpackQ8_0NEON, simd.DotQ8_0NEON,
		[2]neonInts{simd.Int8DotQ8_0NEON, simd.Int16DotQ8_0NEON}, [2]neonInts{simd.Int8DotQ8_0SDOT, simd.Int16DotQ8_0SDOT},
	},
	format.Q2_K: {
		simd.UnpackQ2_KNEON, simd.DotQ2_KNEON,
		[2]neonInts{simd.Int8DotQ2_KNEON, simd.Int16DotQ2_KNEON}, [2]neonInts{simd.Int8DotQ2_KSDOT, simd.Int16DotQ2_KSDOT},
	},
	format.Q3_K: {
		simd.UnpackQ3_KNEON, simd.DotQ3_KNEON,
		[2]neonInts{simd.Int8DotQ3_KNEON, simd.Int16DotQ3_KNEON}, [2]neonInts{simd.Int8DotQ3_KSDOT, simd.Int16DotQ3_KSDOT},
	},
	format.Q4_K: {
		simd.UnpackQ4_KNEON, simd.DotQ4_KNEON,
		[2]neonInts{simd.Int8DotQ4_KNEON, simd.Int16DotQ4_KNEON}, [2]neonInts{simd.Int8DotQ4_KSDOT, simd.Int16DotQ4_KSDOT},
	},
	format.Q5_K: {
		simd.UnpackQ5_KNEON, simd.DotQ5_KNEON,
		[2]neonInts{simd.Int8DotQ5_KNEON, simd.Int16DotQ5_KNEON}, [2]neonInts{simd.Int8DotQ5_KSDOT, simd.Int16DotQ5_KSDOT},
	},
	format.Q6_K: {
		simd.UnpackQ6_KNEON, simd.DotQ6_KNEON,
		[2]neonInts{simd.Int8DotQ6_KNEON, simd.Int16DotQ6_KNEON}, [2]neonInts{simd.Int8DotQ6_KSDOT, simd.Int16DotQ6_KSDOT},
	},
}

// neonKernels is the table for Advanced SIMD; sdot says whether the processor has FEAT_DotProd.
func neonKernels(sdot bool) *kernels {
	k := plainKernels()
	k.level = levelNEON
	k.panel = panelOf(
		[]tileFunc{simd.Tile1x4F32NEON, simd.Tile2x4F32NEON},
		[]tileFunc{simd.Tile1x1F32NEON, simd.Tile2x1F32NEON})
	k.mix = mixOf(simd.Mix1NEON, simd.Mix2NEON)
	k.dotRows[format.F32] = dotFloats(k.panel)
	k.dotRows[format.F16] = dotHalves(simd.Tile1x4F16NEON, simd.Tile1x1F16NEON)
	k.dotRows[format.BF16] = dotHalves(simd.Tile1x4BF16NEON, simd.Tile1x1BF16NEON)
	k.unpack[format.F16] = unpackHalves(simd.UnpackF16NEON, 8, unpackF16)
	k.unpack[format.BF16] = unpackHalves(simd.UnpackBF16NEON, 8, unpackBF16)
	k.int8 = &integers{planes: 1, quantize: quantizeOf(simd.Quantize8NEON)}
	k.int16 = &integers{planes: 2, quantize: quantizeOf(simd.Quantize16NEON)}
	for f, loops := range neonFormats {
		k.unpack[f] = unpackBlocks(f, loops.unpack)
		k.dotRows[f] = neonDotRows(f, loops.dot)
		dots := loops.ints
		if sdot {
			dots = loops.sdot
		}
		k.int8.dot[f] = neonIntegers(f, dots[0])
		k.int16.dot[f] = neonIntegers(f, dots[1])
	}
	k.add = addOf(simd.AddNEON)
	k.scale = func(y []float32, c float32) {
		if len(y) > 0 {
			simd.ScaleNEON(&y[0], len(y), c)
		}
	}
	k.rmsNorm = normOf(simd.SumSquaresNEON, simd.NormNEON)
	k.maximum = func(x []float32) float32 {
		if len(x) == 0 {
			return maximum(x)
		}
		return simd.MaxNEON(&x[0], len(x))
	}
	k.expSum = expSumOf(simd.ExpSumNEON)
	k.gelu = gatedOf(simd.GELUNEON, simd.GeGLUNEON)
	k.swiglu = gatedOf(simd.SiLUNEON, simd.SwiGLUNEON)
	return k
}

// neonDotRows is dotRows of blocks.
func neonDotRows(f format.Format, dot neonDot) dotRowsFunc {
	length := f.BlockLen()
	return func(y []float32, rows []byte, x []float32, _ *[chunk]float32) {
		bytes, blocks := len(rows)/len(y), len(x)/length
		for j := range y {
			dot(&y[j], &rows[j*bytes], &x[0], blocks)
		}
	}
}

// neonIntegers is integers.dot.
func neonIntegers(f format.Format, dot neonInts) func(y []float32, rows []byte, x *activations) {
	length := f.BlockLen()
	return func(y []float32, rows []byte, x *activations) {
		bytes, blocks, sums := len(rows)/len(y), x.k/length, &x.dSums[0]
		if f == format.Q2_K {
			sums = (*float32)(unsafe.Pointer(&x.negative16[0]))
		}
		for j := range y {
			dot(&y[j], &rows[j*bytes], &x.Qs[0], &x.D[0], sums, blocks)
		}
	}
}
