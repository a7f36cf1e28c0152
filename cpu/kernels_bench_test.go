package cpu

import (
	"bytes"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/potion-engine/potion/engine/format"
)

// eachLevelBench runs a benchmark at every level, in one run, for ratios.
func eachLevelBench(b *testing.B, bench func(b *testing.B, k *kernels)) {
	for l := generic; l <= bestLevel(); l++ {
		b.Run(l.String(), func(b *testing.B) { bench(b, kernelsOf(l)) })
	}
}

func BenchmarkUnpack(b *testing.B) {
	const n = 4096
	eachLevelBench(b, func(b *testing.B, k *kernels) {
		for _, f := range format.All() {
			packed, y := pack(seeded(10), f, 1, n)
			b.Run(f.String(), func(b *testing.B) {
				best(b, float64(len(packed)), n, func() {
					k.unpack[f](y, packed)
				})
			})
		}
	})
}

// BenchmarkDotRows multiplies rows that fit in the second-level cache.
func BenchmarkDotRows(b *testing.B) {
	const n, rows = 1536, 32
	eachLevelBench(b, func(b *testing.B, k *kernels) {
		var buf [chunk]float32
		y := make([]float32, rows)
		for _, f := range format.All() {
			packed, _ := pack(seeded(7), f, rows, n)
			x := numbers(seeded(8), n)
			if k.dotRows[f] != nil {
				b.Run(f.String(), func(b *testing.B) {
					best(b, float64(len(packed)), 2*n*rows, func() {
						k.dotRows[f](y, packed, x, &buf)
					})
				})
			}
			for _, i := range k.integerLoops() {
				if i.dot[f] == nil {
					continue
				}
				q := quantized(i, [][]float32{x})
				b.Run(fmt.Sprintf("%v-int%d", f, 8*i.planes), func(b *testing.B) {
					best(b, float64(len(packed)), 2*n*rows, func() {
						i.dot[f](y, packed, q)
					})
				})
			}
		}
	})
}

// BenchmarkStream multiplies rows that are read from memory, as decoding does.
func BenchmarkStream(b *testing.B) {
	const n, rows = 576, 1 << 17
	eachLevelBench(b, func(b *testing.B, k *kernels) {
		if k.level == generic {
			b.Skip("plain Go is bound by arithmetic")
		}
		y, x := make([]float32, rows), numbers(seeded(8), n)
		for _, f := range []format.Format{format.F16, format.Q8_0, format.Q4_1} {
			piece, _ := pack(seeded(7), f, 64, n)
			packed := bytes.Repeat(piece, rows/64)
			var buf [chunk]float32
			b.Run(f.String(), func(b *testing.B) {
				best(b, float64(len(packed)), 2*n*rows, func() { k.dotRows[f](y, packed, x, &buf) })
			})
			for _, i := range k.integerLoops() {
				if i.dot[f] == nil {
					continue
				}
				q := quantized(i, [][]float32{x})
				b.Run(fmt.Sprintf("%v-int%d", f, 8*i.planes), func(b *testing.B) {
					best(b, float64(len(packed)), 2*n*rows, func() { i.dot[f](y, packed, q) })
				})
			}
		}
	})
}

// integerLoops is the loops for integers that there are.
func (k *kernels) integerLoops() (loops []*integers) {
	for _, i := range []*integers{k.int8, k.int16} {
		if i != nil {
			loops = append(loops, i)
		}
	}
	return loops
}

// BenchmarkPanels multiplies 32 rows of weights with 512 of activations: floats, and
// integers with the work of bringing the rows into order.
func BenchmarkPanels(b *testing.B) {
	const n, rows, count = 576, 32, 512
	eachLevelBench(b, func(b *testing.B, k *kernels) {
		x, w := numbers(seeded(8), count*n), numbers(seeded(9), rows*n)
		y := make([]float32, rows*count)
		b.Run("F32", func(b *testing.B) {
			best(b, 4*float64(len(w)), 2*n*rows*count, func() {
				k.panel(y, rows, x, w, n)
			})
		})
		for _, f := range format.All() {
			cols := n
			if f.CheckCols(cols) != nil {
				cols = 512
			}
			packed, _ := pack(seeded(10), f, rows, cols)
			for _, i := range k.integerLoops() {
				if i.panel[f] == nil {
					continue
				}
				var a activations
				a.resize(count, cols, i.planes)
				for t := range count {
					row := a.row(t)
					i.quantize(&row, x[t*cols:(t+1)*cols])
				}
				var p panelMemory
				p.reserve(cols)
				b.Run(fmt.Sprintf("%v-int%d", f, 8*i.planes), func(b *testing.B) {
					best(b, float64(len(packed)), float64(2*cols*rows*count), func() {
						i.panel[f](y, rows, packed, f, &a, &p)
					})
				})
			}
		}
	})
}

// best calls f again and again and reports the bytes and flops of a call as rates of the
// fastest one: whatever else the machine does makes a call slower, never faster.
func best(b *testing.B, bytes, flops float64, f func()) {
	least := time.Duration(math.MaxInt64)
	for b.Loop() {
		begin := time.Now()
		f()
		least = min(least, time.Since(begin))
	}
	calls := 1e-9 / least.Seconds()
	b.ReportMetric(bytes*calls, "GB/s")
	b.ReportMetric(flops*calls, "GFLOP/s")
}
