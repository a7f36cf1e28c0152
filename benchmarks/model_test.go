// Package benchmarks holds whole-model measurements; its README says how they are made.
package benchmarks

import (
	"context"
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"github.com/potion-engine/potion/cpu"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/modelfile"
	"github.com/potion-engine/potion/engine/session"
)

// modelVariable names the model file that is measured.
const modelVariable = "POTION_BENCH_MODEL"

// BenchmarkModel times 512 tokens of a prompt, and single tokens after 16 and after 512 of
// them, on the CPU backend: a place to take profiles from (-cpuprofile). On a busy machine
// look at the fastest prompt or token.
func BenchmarkModel(b *testing.B) {
	path := os.Getenv(modelVariable)
	if path == "" {
		b.Skip("set " + modelVariable + " to a model file")
	}
	for _, o := range []struct {
		name string
		cpu  cpu.Options
	}{{"f32", cpu.Options{}}, {"int16", cpu.Options{Activations: cpu.Int16}}, {"int8", cpu.Options{Activations: cpu.Int8}}} {
		b.Run(o.name, func(b *testing.B) {
			runner := open(b, path, o.cpu)
			b.Run("prompt", func(b *testing.B) {
				least := time.Duration(math.MaxInt64)
				for b.Loop() {
					begin := time.Now()
					feed(b, runner, 512).Free()
					least = min(least, time.Since(begin))
				}
				b.ReportMetric(float64(b.N*512)/b.Elapsed().Seconds(), "tok/s")
				b.ReportMetric(512/least.Seconds(), "best-tok/s")
			})
			for _, depth := range []int{16, 512} {
				b.Run(fmt.Sprintf("decode after %d", depth), func(b *testing.B) {
					seq := feed(b, runner, depth)
					defer seq.Free()
					least := time.Duration(math.MaxInt64)
					for b.Loop() {
						if seq.Len() >= depth+128 {
							seq.Truncate(depth)
						}
						begin := time.Now()
						if _, err := seq.Decode(1000); err != nil {
							b.Fatal(err)
						}
						least = min(least, time.Since(begin))
					}
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tok/s")
					b.ReportMetric(1/least.Seconds(), "best-tok/s")
				})
			}
		})
	}
}

// feed gives a new sequence of n tokens.
func feed(b *testing.B, runner *session.Runner, n int) *session.Sequence {
	b.Helper()
	prompt := make([]int32, n)
	for i := range prompt {
		prompt[i] = int32(100 + i*37%5000)
	}
	seq := runner.NewSequence()
	if err := seq.Feed(context.Background(), prompt, session.Last, func(int, []float32) error { return nil }); err != nil {
		b.Fatal(err)
	}
	return seq
}

func open(b *testing.B, path string, o cpu.Options) *session.Runner {
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
	backend, err := cpu.New(o)
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
