// Package benchmarks holds whole-model measurements; its README says how they are made.
package benchmarks

import (
	"context"
	"os"
	"testing"

	"github.com/potion-engine/potion/cpu"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/modelfile"
	"github.com/potion-engine/potion/engine/session"
)

// modelVariable names the model file that is measured.
const modelVariable = "POTION_BENCH_MODEL"

// BenchmarkModel times 512 tokens of a prompt and single tokens after it on the CPU
// backend: a place to take profiles from (-cpuprofile).
func BenchmarkModel(b *testing.B) {
	path := os.Getenv(modelVariable)
	if path == "" {
		b.Skip("set " + modelVariable + " to a model file")
	}
	for name, int8 := range map[string]bool{"f32": false, "int8": true} {
		b.Run(name, func(b *testing.B) {
			runner := open(b, path, int8)
			prompt := make([]int32, 512)
			for i := range prompt {
				prompt[i] = int32(100 + i*37%5000)
			}
			feed := func(b *testing.B) *session.Sequence {
				seq := runner.NewSequence()
				if err := seq.Feed(context.Background(), prompt, session.Last, func(int, []float32) error { return nil }); err != nil {
					b.Fatal(err)
				}
				return seq
			}
			b.Run("prompt", func(b *testing.B) {
				for b.Loop() {
					feed(b).Free()
				}
				b.ReportMetric(float64(b.N*len(prompt))/b.Elapsed().Seconds(), "tok/s")
			})
			b.Run("decode", func(b *testing.B) {
				seq := feed(b)
				for b.Loop() {
					if seq.Len() > 640 {
						seq.Truncate(512)
					}
					if _, err := seq.Decode(1000); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tok/s")
			})
		})
	}
}

func open(b *testing.B, path string, int8 bool) *session.Runner {
	b.Helper()
	file, err := modelfile.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { file.Close() })
	ck, err := file.Checkpoint()
	if err != nil {
		b.Fatal(err)
	}
	backend, err := cpu.New(cpu.Options{Int8Activations: int8})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { backend.Close() })
	m, err := model.Load(context.Background(), backend, ck, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(m.Close)
	runner, err := session.NewRunner(m, session.Options{Context: 1024, Sequences: 1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(runner.Close)
	return runner
}
