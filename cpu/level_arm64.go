package cpu

import "github.com/klauspost/cpuid/v2"

// levelNEON is Advanced SIMD, which every arm64 processor has; products of bytes where present.
const levelNEON level = 1

var levelNames = []string{generic: "generic", levelNEON: "neon"}

func bestLevel() level { return levelNEON }

// kernelsOf is the table of a level that this processor has.
func kernelsOf(l level) *kernels {
	if l == levelNEON {
		return neonKernels(supports(cpuid.ASIMDDP))
	}
	return plainKernels()
}
