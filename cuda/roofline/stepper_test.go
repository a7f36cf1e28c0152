//go:build cuda && cgo && linux

package roofline_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/potion-engine/potion/cuda"
	"github.com/potion-engine/potion/cuda/driver"
	"github.com/potion-engine/potion/cuda/emulator"
	"github.com/potion-engine/potion/cuda/roofline"
	"github.com/potion-engine/potion/engine/bench"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/session"
)

// stepper opens one layer of a model without weights on an emulated RTX 4090.
func stepper(t *testing.T, d *emulator.Device, g roofline.GPU, f format.Format) *roofline.Stepper {
	t.Helper()
	c, err := bench.Shape("135m")
	if err != nil {
		t.Fatal(err)
	}
	layers := c.Layers
	c.Layers, c.Vocab = 1, 4096
	b, err := cuda.Open(cuda.Options{Emulated: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	m, err := model.Load(context.Background(), b, bench.Synthetic(&c, f), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	r, err := session.NewRunner(m, session.Options{KV: format.F16, Chunk: 128, Context: 256})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return &roofline.Stepper{Runner: r, Backend: b, Device: d, GPU: g, Layers: layers}
}

func TestSteps(t *testing.T) {
	g, err := roofline.Find("4090")
	if err != nil {
		t.Fatal(err)
	}
	d := g.Device()
	if err := driver.Open(driver.Options{Emulated: []*emulator.Device{d}}); err != nil {
		t.Fatal(err)
	}
	s := stepper(t, d, g, format.Q8_0)
	decode, err := s.Decode(40, 1)
	if err != nil {
		t.Fatal(err)
	}
	checkDecode(t, s, decode)
	checkSample(t, s)
	prompt, err := s.Prompt(0, 128)
	if err != nil {
		t.Fatal(err)
	}
	tensor := false
	for _, r := range prompt.Rows {
		tensor = tensor || strings.HasPrefix(r.Kernel, "matmul_") && r.MatrixOps > 0 && r.TensorShare > 0 && r.TensorShare <= 1
	}
	if !tensor || prompt.Seconds <= decode.Seconds {
		t.Errorf("a prompt of 128 rows takes %g s, a token %g s; %+v", prompt.Seconds, decode.Seconds, prompt.Rows)
	}
}

// A step touches every weight once, and hardly more.
func checkDecode(t *testing.T, s *roofline.Stepper, step *roofline.Step) {
	t.Helper()
	weights := 0.0
	for _, r := range step.Rows {
		if strings.HasPrefix(r.Kernel, "matvec_") {
			weights += r.Launches * float64(r.Bytes)
		}
		if r.Seconds <= 0 || r.MemoryShare > roofline.Attainable+1e-9 || r.Occupancy < 1 || r.Limit == "" {
			t.Errorf("%+v", r)
		}
	}
	c := s.Runner.Model.Config
	layer := c.Width*(2*c.Width+2*c.KVHeads*c.HeadDim) + 3*c.Width*c.Hidden
	want := float64(layer*s.Layers+c.Vocab*c.Width) * 34 / 32
	if weights < want || weights > 1.1*want {
		t.Errorf("%.0f bytes touched, the weights are %.0f", weights, want)
	}
	if step.Launches < float64(3*s.Layers) || step.Launches > float64(8*s.Layers) {
		t.Errorf("%v launches in %d layers", step.Launches, s.Layers)
	}
	if step.Seconds < step.Launches*roofline.Phase {
		t.Errorf("%g s", step.Seconds)
	}
}

// The counters of a sample of blocks of a real kernel, scaled, are those of all of them.
func checkSample(t *testing.T, s *roofline.Stepper) {
	t.Helper()
	ids := make([]int32, 128)
	count := func(rows, sample int) (list []emulator.Launch) {
		s.Device.Sample(sample)
		s.Device.OnLaunch(func(l emulator.Launch) { list = append(list, l) })
		defer s.Device.OnLaunch(nil)
		seq := s.Runner.NewSequence()
		defer seq.Free()
		work := []session.Work{{Seq: seq, IDs: ids[:rows], Want: session.Last}}
		if err := s.Runner.Step(work, func(int, int, []float32) error { return nil }); err != nil {
			t.Fatal(err)
		}
		return list
	}
	for _, c := range []struct{ rows, sample int }{{1, 16}, {128, 6}} {
		full, part := count(c.rows, 0), count(c.rows, c.sample)
		sampled := 0
		for i := range full {
			f, p := &full[i], &part[i]
			if !strings.HasPrefix(f.Kernel, "mat") || p.Sampled == 0 {
				continue
			}
			sampled++
			for what, n := range map[string][2]int64{
				"instructions": {p.WarpInstructions(), f.WarpInstructions()}, "sectors": {p.GlobalLoadSectors, f.GlobalLoadSectors},
				"distinct sectors": {p.DistinctSectors, f.DistinctSectors}, "wavefronts": {p.SharedPasses, f.SharedPasses},
				"tensor operations": {p.MatrixOps, f.MatrixOps},
			} {
				if math.Abs(float64(n[0]-n[1])) > 0.03*float64(n[1]) {
					t.Errorf("%s on %v, %d of %d blocks: %s %d, of all %d", f.Kernel, f.Grid, p.Sampled, f.Blocks, what, n[0], n[1])
				}
			}
		}
		if sampled < 2 {
			t.Errorf("%d launches of %d rows were sampled", sampled, c.rows)
		}
	}
}
