package roofline

import (
	"math"
	"net/url"
	"testing"

	"github.com/potion-engine/potion/cuda/emulator"
)

// calm (https://github.com/zeux/calm) publishes tokens a second on an RTX 4090 and the bytes a
// second that they come to. A step is one launch whose blocks of 1024 threads, one on each of
// the 128 multiprocessors, meet at a barrier of the grid six times a layer (qkv, scores, mix,
// output, feed-forward up and down: src/infer.cu), between two launches for the embedding and
// the logits. Only the F16 rows were used to choose Phase; the others test it.
func TestCalmOnA4090(t *testing.T) {
	t.Parallel()
	g, err := Find("4090")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		model       string
		layers      int
		rate        float64 // tokens/s of the first 32
		bytes       float64 // published, GB/s
		within      float64
		bitsPerByte float64
	}{
		{"Llama 3 8B, fp16", 32, 61, 923, 0.02, 16},
		{"Llama 2 7B, fp16", 32, 69, 919, 0.02, 16},
		{"Mistral 7B, fp16", 32, 65, 925, 0.02, 16},
		{"Llama 3 8B, fp8", 32, 120, 903, 0.02, 8},
		{"Llama 2 7B, fp8", 32, 135, 893, 0.02, 8},
		{"Llama 2 13B, fp8", 40, 70, 910, 0.02, 8},
		{"Mistral 7B, fp8", 32, 127, 902, 0.02, 8},
		{"Llama 3 8B, gf4", 32, 225, 846, 0.02, 4},
		{"Llama 2 7B, gf4", 32, 246, 815, 0.035, 4},
		{"Llama 2 13B, gf4", 40, 131, 848, 0.035, 4},
		{"Mistral 7B, gf4", 32, 237, 843, 0.02, 4},
		{"Yi 34B, gf4", 60, 52, 884, 0.035, 4},
	} {
		perToken := c.bytes * 1e9 / c.rate
		e, err := g.Estimate(calmStep(perToken, c.bitsPerByte), 64)
		if err != nil {
			t.Fatal(err)
		}
		seconds := e.Seconds + (6*float64(c.layers)+2)*Phase
		modelled := perToken / seconds / 1e9
		t.Logf("%s: modelled %.0f GB/s (%.1f %% of 1008), published %.0f (%.1f %%); limit %s", c.model, modelled, modelled/10.08, c.bytes, c.bytes/10.08, e.Limit)
		if math.Abs(modelled/c.bytes-1) > c.within {
			t.Errorf("%s: modelled %.0f GB/s, published %.0f", c.model, modelled, c.bytes)
		}
	}
}

// calmStep is what its launch would count: a lane takes 4 bytes of weights at a time at 4 and
// 16 bits and four such loads are on their way; for each number there are two instructions,
// one that unpacks it and a multiply-add.
func calmStep(bytes, bits float64) *emulator.Launch {
	const perLoad, ahead = 32 * 4, 4
	l := &emulator.Launch{Kernel: "kernel_forward", Block: emulator.Dim3{X: 1024, Y: 1, Z: 1}, Launches: 1, Blocks: 128,
		SharedBytes: 16 << 10, DistinctSectors: int64(bytes / 32), GlobalLoadSectors: int64(bytes / 32),
		RoundTrips: bytes / perLoad / ahead}
	numbers := bytes * 8 / bits / 32
	l.Instructions[emulator.ClassFP32] = int64(numbers)
	l.Instructions[emulator.ClassConvert] = int64(numbers / 2) // two at a time
	l.Instructions[emulator.ClassLoadGlobal] = int64(bytes / perLoad)
	return l
}

func TestOccupancy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		gpu                        string
		threads, registers, shared int
		want                       int
	}{
		// Cases by NVIDIA's occupancy calculator.
		{"4090", 128, 96, 16 << 10, 5},
		{"4090", 128, 96, 0, 5},
		{"4090", 256, 32, 0, 6},
		{"4090", 1024, 64, 0, 1},
		{"a100", 128, 32, 0, 16},
		{"a100", 1024, 32, 0, 2},
		{"a100", 256, 255, 0, 1},
		{"h100", 128, 96, 16 << 10, 5},
		{"h100", 256, 128, 100 << 10, 2},
		{"h100", 32, 16, 0, 32},
		{"t4", 256, 64, 32 << 10, 2},
		{"3090", 1024, 65, 0, 0},
		{"4090", 128, 32, 100 << 10, 0},
	} {
		g, err := Find(c.gpu)
		if err != nil {
			t.Fatal(err)
		}
		if got := g.Occupancy(c.threads, c.registers, c.shared); got != c.want {
			t.Errorf("%s, %d threads of %d registers, %d bytes: %d blocks, want %d", c.gpu, c.threads, c.registers, c.shared, got, c.want)
		}
	}
}

// Each limit is met by a launch that uses one resource only.
func TestLimits(t *testing.T) {
	t.Parallel()
	g, err := Find("A100")
	if err != nil {
		t.Fatal(err)
	}
	instructions := func(c emulator.Class, n int64) (l emulator.Launch) {
		l.Instructions[c] = n
		return l
	}
	for want, c := range map[Limit]struct {
		l       emulator.Launch
		seconds float64
	}{
		ByMemory:  {emulator.Launch{DistinctSectors: 1e9 / 32}, 1e9 / (2039e9 * Attainable)},
		ByLatency: {emulator.Launch{RoundTrips: 108 * 64}, 1000 / 1.41e9},
		ByL2:      {emulator.Launch{GlobalLoadSectors: 1e9 / 32}, 1e9 / 5120 / 1.41e9},
		ByIssue:   {instructions(emulator.ClassControl, 108*4*1000), 1000 / 1.41e9},
		ByFloat:   {instructions(emulator.ClassFP32, 108*2*1000), 1000 / 1.41e9},
		ByInteger: {instructions(emulator.ClassInt, 108*2*1000), 1000 / 1.41e9},
		BySpecial: {instructions(emulator.ClassSpecial, 108*1000), 2000 / 1.41e9},
		ByTensor:  {emulator.Launch{MatrixOps: 312e6, MatrixOps8: 156e6}, 0.75 * 2e-6},
		ByShared:  {emulator.Launch{SharedPasses: 108 * 1000}, 1000 / 1.41e9},
	} {
		c.l.Block, c.l.Blocks, c.l.Launches = emulator.Dim3{X: 256, Y: 1, Z: 1}, 108*8, 1
		e, err := g.Estimate(&c.l, 32)
		if err != nil {
			t.Fatal(err)
		}
		if e.Limit != want || math.Abs(e.Seconds/c.seconds-1) > 1e-6 {
			t.Errorf("%s: %v, %g s; want %g s (%v)", want, e.Limit, e.Seconds, c.seconds, e.Times)
		}
		// Twice the launches of the same sum are half the time each.
		c.l.Launches, c.l.Blocks = 2, 2*c.l.Blocks
		if half, err := g.Estimate(&c.l, 32); err != nil || math.Abs(half.Seconds/c.seconds-0.5) > 1e-6 {
			t.Errorf("%s over two launches: %g s each, %v", want, half.Seconds, err)
		}
	}
	// One block more than there is room for in a wave keeps one multiprocessor busy twice as long.
	l := instructions(emulator.ClassFP32, 109*1000)
	l.Block, l.Blocks, l.Launches = emulator.Dim3{X: 256, Y: 1, Z: 1}, 109, 1
	if e, err := g.Estimate(&l, 32); err != nil || math.Abs(e.Seconds*1.41e9/1000-1) > 1e-9 {
		t.Errorf("109 blocks: %g clocks, want 1000; %v", e.Seconds*1.41e9, err)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	for _, name := range Names() {
		g, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if u, err := url.Parse(g.Source); err != nil || u.Scheme != "https" {
			t.Errorf("%s: source %q", name, g.Source)
		}
		// A multiprocessor's tensor cores do at most 4096 operations of 16 bits a clock (9.0),
		// 2048 (8.0), 1024 or 512 on other GPUs with float32 sums; NVIDIA's clocks differ a little.
		if perClock := g.Tensor / float64(g.SMs) / g.Clock; g.Tensor > 0 && (perClock < 500 || perClock > 4400) {
			t.Errorf("%s: %v tensor operations a clock and SM", name, perClock)
		}
		if perSM := g.Memory / float64(g.SMs) / g.Clock; perSM < 1 || perSM > 25 {
			t.Errorf("%s: %v bytes a clock and SM", name, perSM)
		}
	}
	if _, err := Find("voodoo"); err == nil {
		t.Error("an unknown GPU: no error")
	}
}
