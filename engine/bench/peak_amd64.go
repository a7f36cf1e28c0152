package bench

import "github.com/klauspost/cpuid/v2"

//go:noescape
func read1AVX512(p *byte, n int)

//go:noescape
func read4AVX512(p *byte, stride, n int)

//go:noescape
func read1AVX2(p *byte, n int)

//go:noescape
func read4AVX2(p *byte, stride, n int)

func fmaAVX512(n int)

func fmaAVX2(n int)

// loops are those that this processor can run. Wider registers are not always faster: some
// processors join two units for them, or slow down.
func loops() []peakLoops {
	var list []peakLoops
	if cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512VL, cpuid.AVX512DQ) {
		list = append(list, peakLoops{
			set: "AVX-512", read1: read1AVX512, read4: read4AVX512,
			fma: fmaAVX512, flops: 16 * 16 * 2,
		})
	}
	if cpuid.CPU.Supports(cpuid.AVX2, cpuid.FMA3) {
		list = append(list, peakLoops{
			set: "AVX2", read1: read1AVX2, read4: read4AVX2,
			fma: fmaAVX2, flops: 12 * 8 * 2,
		})
	}
	if len(list) == 0 {
		return []peakLoops{goLoops()}
	}
	return list
}
