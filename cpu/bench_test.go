package cpu

import (
	"testing"

	"github.com/potion-engine/potion/engine/backendtest"
)

// BenchmarkOps times the suite's benchmark cases: choose some with
// -bench 'Ops/float/Linear/Q4_K', for example.
func BenchmarkOps(b *testing.B) {
	for name, o := range map[string]Options{"float": {}, "int16": {Activations: Int16}, "int8": {Activations: Int8}} {
		b.Run(name, func(b *testing.B) {
			for _, c := range backendtest.Benchmarks() {
				if o.Activations != Float32 && c.Op != "Linear" {
					continue
				}
				b.Run(c.Op+"/"+c.Name, func(b *testing.B) { benchmarkCase(b, o, c) })
			}
		})
	}
}

func benchmarkCase(b *testing.B, o Options, c backendtest.Case) {
	run, free, err := c.Prepare(newBackend(b, o))
	if err != nil {
		b.Skip(err)
	}
	defer free()
	for b.Loop() {
		if err := run(1); err != nil {
			b.Fatal(err)
		}
	}
	gigabytes, gigaflops := c.Rates(b.N, b.Elapsed())
	b.ReportMetric(gigabytes, "GB/s")
	b.ReportMetric(gigaflops, "GFLOP/s")
}
