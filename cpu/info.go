package cpu

import (
	"runtime"

	"github.com/klauspost/cpuid/v2"

	"github.com/potion-engine/potion/engine"
)

// Info describes the processor. The peak figures are unknown: no instruction tells them.
func (b *Backend) Info() engine.Info {
	name := cpuid.CPU.BrandName
	if name == "" {
		name = runtime.GOARCH
	}
	total, free := memory()
	return engine.Info{
		Kind:     "cpu",
		Name:     name,
		Units:    b.pool.threads(),
		Features: features(),
		Memory:   total,
		Free:     free,
	}
}

// features is the instruction sets of the processor that matter to inference.
func features() []string {
	var names []string
	for _, f := range []cpuid.FeatureID{
		cpuid.SSE2, cpuid.AVX, cpuid.AVX2, cpuid.FMA3, cpuid.F16C, cpuid.AVX512F, cpuid.AVX512VNNI,
		cpuid.AVX512BF16, cpuid.AVXVNNI, cpuid.ASIMD, cpuid.ASIMDHP, cpuid.ASIMDDP,
	} {
		if cpuid.CPU.Supports(f) {
			names = append(names, f.String())
		}
	}
	return names
}
