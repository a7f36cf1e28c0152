package cpu

import (
	"unsafe"

	"github.com/potion-engine/potion/cpu/internal/simd"
	"github.com/potion-engine/potion/engine/format"
)

// The tables of package simd's loops for activations as integers.

func avx2Integers(plain *integers) *integers {
	i := *plain
	i.quantize = quantizeOf(simd.Quantize8AVX2)
	i.setDots(map[format.Format][2]intDotFunc{
		format.Q4_0: {simd.Int8Dot4Q4_0AVX2, simd.Int8Dot1Q4_0AVX2},
		format.Q4_1: {simd.Int8Dot4Q4_1AVX2, simd.Int8Dot1Q4_1AVX2},
		format.Q5_0: {simd.Int8Dot4Q5_0AVX2, simd.Int8Dot1Q5_0AVX2},
		format.Q5_1: {simd.Int8Dot4Q5_1AVX2, simd.Int8Dot1Q5_1AVX2},
		format.Q8_0: {simd.Int8Dot4Q8_0AVX2, simd.Int8Dot1Q8_0AVX2},
		format.Q4_K: {simd.Int8Dot4Q4_KAVX2, simd.Int8Dot1Q4_KAVX2},
		format.Q5_K: {simd.Int8Dot4Q5_KAVX2, simd.Int8Dot1Q5_KAVX2},
		format.Q6_K: {simd.Int8Dot4Q6_KAVX2, simd.Int8Dot1Q6_KAVX2},
		format.Q2_K: {simd.Int8Dot4Q2_KAVX2, simd.Int8Dot1Q2_KAVX2},
		format.Q3_K: {simd.Int8Dot4Q3_KAVX2, simd.Int8Dot1Q3_KAVX2},
	})
	return &i
}

func avx2Integers16() *integers {
	i := &integers{planes: 2, quantize: quantizeOf(simd.Quantize16AVX2)}
	i.setDots(map[format.Format][2]intDotFunc{
		format.Q4_0: {simd.Int16Dot4Q4_0AVX2, simd.Int16Dot1Q4_0AVX2},
		format.Q4_1: {simd.Int16Dot4Q4_1AVX2, simd.Int16Dot1Q4_1AVX2},
		format.Q5_0: {simd.Int16Dot4Q5_0AVX2, simd.Int16Dot1Q5_0AVX2},
		format.Q5_1: {simd.Int16Dot4Q5_1AVX2, simd.Int16Dot1Q5_1AVX2},
		format.Q8_0: {simd.Int16Dot4Q8_0AVX2, simd.Int16Dot1Q8_0AVX2},
		format.Q4_K: {simd.Int16Dot4Q4_KAVX2, simd.Int16Dot1Q4_KAVX2},
		format.Q5_K: {simd.Int16Dot4Q5_KAVX2, simd.Int16Dot1Q5_KAVX2},
		format.Q6_K: {simd.Int16Dot4Q6_KAVX2, simd.Int16Dot1Q6_KAVX2},
		format.Q2_K: {simd.Int16Dot4Q2_KAVX2, simd.Int16Dot1Q2_KAVX2},
		format.Q3_K: {simd.Int16Dot4Q3_KAVX2, simd.Int16Dot1Q3_KAVX2},
	})
	return i
}

func vnniIntegers(avx2 *integers) *integers {
	i := *avx2
	i.setDots(map[format.Format][2]intDotFunc{
		format.Q5_0: {simd.Int8Dot4Q5_0VNNI, simd.Int8Dot1Q5_0VNNI},
		format.Q5_1: {simd.Int8Dot4Q5_1VNNI, simd.Int8Dot1Q5_1VNNI},
		format.Q4_K: {simd.Int8Dot4Q4_KVNNI, simd.Int8Dot1Q4_KVNNI},
		format.Q5_K: {simd.Int8Dot4Q5_KVNNI, simd.Int8Dot1Q5_KVNNI},
		format.Q6_K: {simd.Int8Dot4Q6_KVNNI, simd.Int8Dot1Q6_KVNNI},
		format.Q2_K: {simd.Int8Dot4Q2_KVNNI, simd.Int8Dot1Q2_KVNNI},
		format.Q3_K: {simd.Int8Dot4Q3_KVNNI, simd.Int8Dot1Q3_KVNNI},
	})
	i.setRecordDots(map[format.Format]recordLoops{
		format.Q4_0: {[2]recordDotFunc{simd.Int8Dot4Q4_0VNNI, simd.Int8Dot1Q4_0VNNI}, simd.Arrange8Q4_0VNNI},
		format.Q4_1: {[2]recordDotFunc{simd.Int8Dot4Q4_1VNNI, simd.Int8Dot1Q4_1VNNI}, simd.Arrange8Q4_1VNNI},
		format.Q8_0: {[2]recordDotFunc{simd.Int8Dot4Q8_0VNNI, simd.Int8Dot1Q8_0VNNI}, simd.Arrange8Q8_0VNNI},
	})
	i.setPanels(map[format.Format]intPanel{
		format.Q4_0: {simd.CodesQ4_0AVX2, simd.Int8Tile32Zero8VNNI, blockScales(18, false)},
		format.Q4_1: {simd.CodesQ4_1AVX2, simd.Int8Tile32OffsetsVNNI, blockScales(20, true)},
		format.Q5_0: {simd.CodesQ5_0AVX2, simd.Int8Tile32Zero16VNNI, blockScales(22, false)},
		format.Q5_1: {simd.CodesQ5_1AVX2, simd.Int8Tile32OffsetsVNNI, blockScales(24, true)},
		format.Q8_0: {simd.CodesQ8_0AVX2, simd.Int8Tile32Zero128VNNI, blockScales(34, false)},
		format.Q4_K: {simd.CodesQ4_KAVX2, simd.Int8Tile32OffsetsVNNI, superScales(144)},
		format.Q5_K: {simd.CodesQ5_KAVX2, simd.Int8Tile32OffsetsVNNI, superScales(176)},
		format.Q6_K: {simd.CodesQ6_KAVX2, simd.Int8Tile16Zero32VNNI, sixteenScales},
		format.Q3_K: {simd.CodesQ3_KAVX2, simd.Int8Tile16Zero4VNNI, threeBitScales},
	})
	return &i
}

func vnniIntegers16(avx2 *integers) *integers {
	i := *avx2
	i.setDots(map[format.Format][2]intDotFunc{
		format.Q5_0: {simd.Int16Dot4Q5_0VNNI, simd.Int16Dot1Q5_0VNNI},
		format.Q5_1: {simd.Int16Dot4Q5_1VNNI, simd.Int16Dot1Q5_1VNNI},
		format.Q4_K: {simd.Int16Dot4Q4_KVNNI, simd.Int16Dot1Q4_KVNNI},
		format.Q5_K: {simd.Int16Dot4Q5_KVNNI, simd.Int16Dot1Q5_KVNNI},
		format.Q6_K: {simd.Int16Dot4Q6_KVNNI, simd.Int16Dot1Q6_KVNNI},
		format.Q2_K: {simd.Int16Dot4Q2_KVNNI, simd.Int16Dot1Q2_KVNNI},
		format.Q3_K: {simd.Int16Dot4Q3_KVNNI, simd.Int16Dot1Q3_KVNNI},
	})
	i.setRecordDots(map[format.Format]recordLoops{
		format.Q4_0: {[2]recordDotFunc{simd.Int16Dot4Q4_0VNNI, simd.Int16Dot1Q4_0VNNI}, simd.Arrange16Q4_0VNNI},
		format.Q4_1: {[2]recordDotFunc{simd.Int16Dot4Q4_1VNNI, simd.Int16Dot1Q4_1VNNI}, simd.Arrange16Q4_1VNNI},
		format.Q8_0: {[2]recordDotFunc{simd.Int16Dot4Q8_0VNNI, simd.Int16Dot1Q8_0VNNI}, simd.Arrange16Q8_0VNNI},
	})
	i.setPanels(map[format.Format]intPanel{
		format.Q4_0: {simd.CodesQ4_0AVX2, simd.Int16Tile32Zero8VNNI, blockScales(18, false)},
		format.Q4_1: {simd.CodesQ4_1AVX2, simd.Int16Tile32OffsetsVNNI, blockScales(20, true)},
		format.Q5_0: {simd.CodesQ5_0AVX2, simd.Int16Tile32Zero16VNNI, blockScales(22, false)},
		format.Q5_1: {simd.CodesQ5_1AVX2, simd.Int16Tile32OffsetsVNNI, blockScales(24, true)},
		format.Q8_0: {simd.CodesQ8_0AVX2, simd.Int16Tile32Zero128VNNI, blockScales(34, false)},
		format.Q4_K: {simd.CodesQ4_KAVX2, simd.Int16Tile32OffsetsVNNI, superScales(144)},
		format.Q5_K: {simd.CodesQ5_KAVX2, simd.Int16Tile32OffsetsVNNI, superScales(176)},
		format.Q6_K: {simd.CodesQ6_KAVX2, simd.Int16Tile16Zero32VNNI, sixteenScales},
		format.Q3_K: {simd.CodesQ3_KAVX2, simd.Int16Tile16Zero4VNNI, threeBitScales},
	})
	return &i
}

func (i *integers) setDots(dots map[format.Format][2]intDotFunc) {
	for f, d := range dots {
		i.dot[f] = dotIntegers(f, d)
	}
}

func (i *integers) setRecordDots(dots map[format.Format]recordLoops) {
	for f, of := range dots {
		i.arrange[f] = arrangementOf(f, i.planes, of.arrange)
		i.dot[f] = dotRecords(f, i.arrange[f].numbers, of.dots)
	}
}

func (i *integers) setPanels(panels map[format.Format]intPanel) {
	for f, p := range panels {
		i.panel[f] = p.multiply
	}
}

// dotIntegers is integers.dot, four rows at a time.
func dotIntegers(f format.Format, dots [2]intDotFunc) func(y []float32, rows []byte, x *activations) {
	length := f.BlockLen()
	return func(y []float32, rows []byte, x *activations) {
		bytes, blocks, sums := len(rows)/len(y), x.k/length, x.sumsOf(f)
		j := 0
		for ; j+4 <= len(y); j += 4 {
			dots[0](&y[j], &rows[j*bytes], bytes, &x.Qs[0], &x.D[0], &sums[0], blocks)
		}
		for ; j < len(y); j++ {
			dots[1](&y[j], &rows[j*bytes], bytes, &x.Qs[0], &x.D[0], &sums[0], blocks)
		}
	}
}

// sumsOf is the sums that package simd's products of a format want, int32 numbers in the
// guise of float32.
func (a *activations) sumsOf(f format.Format) []float32 {
	ints := a.negative
	switch f {
	case format.Q4_0, format.Q5_0, format.Q8_0:
	case format.Q2_K, format.Q3_K, format.Q6_K:
		ints = a.negative16
	default:
		return a.dSums
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(ints))), len(ints))
}
