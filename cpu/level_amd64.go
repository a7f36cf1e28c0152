package cpu

import "github.com/klauspost/cpuid/v2"

const (
	levelAVX2   level = 1 + iota // AVX2, FMA, F16C
	levelAVX512                  // these and AVX-512 F, BW, VL, DQ; VNNI where present
)

var levelNames = []string{generic: "generic", levelAVX2: "avx2", levelAVX512: "avx512"}

func bestLevel() level {
	switch {
	case !supports(cpuid.AVX2, cpuid.FMA3, cpuid.F16C, cpuid.BMI2):
		return generic
	case !supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512VL, cpuid.AVX512DQ):
		return levelAVX2
	}
	return levelAVX512
}

// kernelsOf is the table of a level that this processor has.
func kernelsOf(l level) *kernels {
	switch l {
	case levelAVX2:
		return avx2Kernels()
	case levelAVX512:
		return avx512Kernels(supports(cpuid.AVX512VNNI))
	}
	return plainKernels()
}
