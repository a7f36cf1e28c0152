package cpu

import (
	"testing"

	"github.com/potion-engine/potion/cpu/internal/simd"
)

// BenchmarkPeak is what one core can do at best, to compare the other benchmarks with:
// multiplications and additions in registers, and reading from memory.
func BenchmarkPeak(b *testing.B) {
	const n = 10000
	for _, p := range []struct {
		name  string
		level level
		flops float64 // of a loop
		run   func(n int)
	}{
		{"FMA/avx2", levelAVX2, 12 * 16, simd.PeakAVX2},
		{"FMA/avx512", levelAVX512, 12 * 32, simd.PeakAVX512},
		{"int8/avx512", levelAVX512, 12 * 128, simd.PeakVNNI},
	} {
		if p.level > bestLevel() {
			continue
		}
		b.Run(p.name, func(b *testing.B) {
			best(b, 0, n*p.flops, func() {
				p.run(n)
			})
		})
	}
	b.Run("read", func(b *testing.B) {
		const k, rows = 1024, 16384 // 64 MiB, more than the last-level cache
		w, x, y := numbers(seeded(1), k*rows), numbers(seeded(2), k), make([]float32, rows)
		table := kernelsOf(bestLevel())
		best(b, 4*k*rows, 2*k*rows, func() {
			table.panel(y, rows, x, w, k)
		})
	})
}
