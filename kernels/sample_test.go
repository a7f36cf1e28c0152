package kernels_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/potion-engine/potion/engine/sample"
	"github.com/potion-engine/potion/kernels"
)

// chooser runs the kernels of a choice in memory that is used again for the next one.
type chooser struct {
	*rig
	vocab                                           int
	id, x, tops, list, picked, buckets, sums, state uint64
	moved                                           int64 // bytes of all sectors that the last choice touched
}

func newChooser(r *rig, vocab int) *chooser {
	groups := kernels.SampleGroups(vocab)
	return &chooser{
		rig: r, vocab: vocab,
		id: r.space(4), x: r.space(4 * vocab), tops: r.space(8 * groups), sums: r.space(8 * groups), picked: r.space(4 * groups),
		list:    r.space(8 * max(kernels.SampleList(vocab, true), kernels.SampleList(vocab, false))),
		buckets: r.space(8 * kernels.SampleBuckets), state: r.put(make([]byte, kernels.SampleState)),
	}
}

// choose is the token that the kernels choose. It fails if they leave other logits behind.
func (c *chooser) choose(d *sample.Draw, logits []float32) int32 {
	c.Helper()
	b := make([]byte, kernels.SampleBytes(d))
	kernels.PutSample(b, d)
	draw, saved, x := c.put(b), c.space(4*len(d.Changes)), c.put(logits)
	grid, width := rows(kernels.SampleBlocks(c.vocab)), uint32(c.vocab)
	c.moved = 0
	launch := func(entry string, args ...any) {
		c.launch(entry, grid, 0, args...)
		c.moved += 32 * (c.last.GlobalLoadSectors + c.last.GlobalStoreSectors)
	}
	greedy, few, cut := kernels.SamplePath(d)
	if few {
		launch("sample_few", c.id, x, draw, saved, c.tops, c.list, c.state, width)
	} else {
		more := uint32(1)
		if greedy {
			more = 0
		}
		launch("sample_best", c.id, x, draw, saved, c.tops, c.buckets, c.state, width, more)
		if cut {
			launch("sample_cut", x, draw, c.tops, c.buckets, c.list, c.picked, c.state, width)
		}
		if !greedy {
			launch("sample_draw", c.id, x, draw, saved, c.tops, c.sums, c.state, width)
		}
	}
	for i, bits := range get[uint32](c.rig, x, c.vocab) {
		if bits != math.Float32bits(logits[i]) {
			c.Fatalf("logit %d is left as %v, was %v", i, math.Float32frombits(bits), logits[i])
		}
	}
	for _, at := range []uint64{draw, saved, x} {
		if err := c.Free(at); err != nil {
			c.Fatal(err)
		}
	}
	return get[int32](c.rig, c.id, 1)[0]
}

// randomParams are parameters of which each stage is on about half of the time.
func randomParams(r *rand.Rand, vocab int) sample.Params {
	p := sample.Params{TopP: 1, Seed: r.Uint64()}
	half := func() bool { return r.IntN(2) == 0 }
	if r.IntN(8) > 0 {
		p.Temperature = []float32{0.01, 0.3, 0.8, 1, 1, 1.7, 40}[r.IntN(7)]
	}
	if half() {
		p.TopK = []int{1, 2, 5, 40, 255, 256, 257, 500, vocab - 1, vocab, vocab + 5, 1 << 30}[r.IntN(12)]
		p.TopK = max(p.TopK, 0)
	}
	if half() {
		p.TopP = []float32{0, 0.1, 0.5, 0.9, 0.95, 0.999, 0.99999994}[r.IntN(7)]
	}
	if half() {
		p.MinP = []float32{1e-12, 1e-6, 0.01, 0.05, 0.5, 1}[r.IntN(6)]
	}
	if half() {
		p.PenaltyLastN = []int{-1, 1, 8, 64}[r.IntN(4)]
		p.RepeatPenalty = []float32{0, 1, 1.1, 0.5, 1e30}[r.IntN(5)]
		p.FrequencyPenalty = []float32{0, 0.2, -0.3, 1e38}[r.IntN(4)]
		p.PresencePenalty = []float32{0, 0.7, -0.1}[r.IntN(3)]
	}
	if half() {
		p.LogitBias = map[int32]float32{}
		for range r.IntN(5) {
			p.LogitBias[int32(r.IntN(vocab))] = []float32{3, -2.5, 1e38, -1e38, float32(math.Inf(-1))}[r.IntN(5)]
		}
	}
	return p
}

// rowOfLogits is one of several kinds: plain, with many ties, flat, steep, with forbidden
// tokens, sorted, of a wide range.
func rowOfLogits(r *rand.Rand, vocab int) []float32 {
	x := make([]float32, vocab)
	kind := r.IntN(9)
	for i := range x {
		n := float32(r.NormFloat64())
		switch kind {
		case 0:
			x[i] = 3 * n
		case 1:
			x[i] = float32(r.IntN(4))
		case 2:
			x[i] = n / 1024
		case 3:
			x[i] = 1
		case 4:
			x[i] = 3 * n
			if r.IntN(5) > 0 {
				x[i] = float32(math.Inf(-1))
			}
		case 5:
			x[i] = -float32(i) / 100
		case 6:
			x[i] = float32(i) / 100
		case 7:
			x[i] = n * float32(math.Pow(10, float64(r.IntN(60)-30)))
		default:
			x[i] = 15 + float32(math.Copysign(0, float64(n)))
			if i%7 != 0 {
				x[i] = float32(math.Copysign(0, float64(n)))
			}
		}
	}
	x[r.IntN(vocab)] = 2 // one at least is finite
	return x
}

// The kernels choose the token that package sample defines, whatever the parameters.
func TestSample(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ vocab, draws int }{
		{1, 20}, {2, 30}, {127, 60}, {128, 40}, {129, 40}, {1000, 150}, {1025, 40}, {3001, 60}, {33000, 8},
	} {
		t.Run(fmt.Sprint(c.vocab), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			ch := newChooser(r, c.vocab)
			rng := rand.New(rand.NewPCG(uint64(c.vocab), 3))
			paths := map[[3]bool]int{}
			for i := range c.draws {
				p := randomParams(rng, c.vocab)
				s, err := sample.New(p, c.vocab)
				if err != nil {
					t.Fatal(err)
				}
				var history []int32
				for range rng.IntN(80) {
					id := int32(rng.IntN(min(c.vocab, 50)))
					history = append(history, id)
					s.Accept(id)
				}
				x := rowOfLogits(rng, c.vocab)
				var d sample.Draw
				if !s.Draw(&d) {
					t.Fatalf("%+v: no draw", p)
				}
				greedy, few, cut := kernels.SamplePath(&d)
				paths[[3]bool{greedy, few, cut}]++
				want, err := hostChoice(p, x, history)
				if err != nil {
					want = -1
				} else if ref := sample.Reference(p, x, history, d.Random); ref != want {
					t.Fatalf("%d: the reference has %d, the sampler %d", i, ref, want)
				}
				if got := ch.choose(&d, x); got != want {
					t.Fatalf("choice %d, %+v: token %d, want %d", i, p, got, want)
				}
			}
			if c.draws >= 60 && len(paths) != 4 {
				t.Errorf("only the paths %v were taken", paths)
			}
		})
	}
}

// hostChoice is the first choice of a new sampler that knows the history.
func hostChoice(p sample.Params, x []float32, history []int32) (int32, error) {
	s, err := sample.New(p, len(x))
	if err != nil {
		return 0, err
	}
	for _, id := range history {
		s.Accept(id)
	}
	return s.Sample(x)
}

// One NaN or +infinity, or nothing but -infinity, gives -1 on every path, and the next
// choice is right again.
func TestSampleRefuses(t *testing.T) {
	t.Parallel()
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	const vocab = 1500
	r := newRig(t)
	c := newChooser(r, vocab)
	forbidden := slices.Repeat([]float32{-inf}, vocab)
	for _, d := range []sample.Draw{
		{TopP: 1}, {Temperature: 1, TopK: 40, TopP: 1, Random: 1 << 63}, {Temperature: 1, TopP: 0.9}, {Temperature: 1, TopP: 1, MinP: 0.1},
	} {
		for _, at := range []int{0, 127, 1024, vocab - 1} {
			for _, v := range []float32{nan, -nan, inf, math.Float32frombits(0xffc00001)} {
				x := r.normal(vocab, 0, 2)
				x[at] = v
				// A change of that very token must not hide it.
				d.Changes = []sample.Change{{ID: int32(at), Bias: -3, Repeat: 1.5, Penalty: 1}}
				if got := c.choose(&d, x); got != -1 {
					t.Errorf("%+v, token %d %v: chose %d", d, at, v, got)
				}
			}
		}
		d.Changes = nil
		if got := c.choose(&d, forbidden); got != -1 {
			t.Errorf("%+v: chose %d of none", d, got)
		}
		for _, v := range []float32{-5, -math.MaxFloat32, math.MaxFloat32} {
			x := slices.Clone(forbidden)
			x[1333] = v
			if got := c.choose(&d, x); got != 1333 {
				t.Errorf("%+v: chose %d of token 1333 alone, with %v", d, got, v)
			}
		}
	}
}

// A large vocabulary is read once where that suffices.
func TestSampleMoves(t *testing.T) {
	t.Parallel()
	const vocab = 128256
	r := newRig(t)
	c := newChooser(r, vocab)
	x := r.normal(vocab, 0, 2.5)
	var changes []sample.Change
	for i := range int32(64) {
		changes = append(changes, sample.Change{ID: i * 2000, Repeat: 1.1})
	}
	for _, tt := range []struct {
		name string
		p    sample.Params
		most float64 // of 4 bytes a logit
	}{
		{"greedy", sample.Params{TopP: 1}, 1.25},
		{"defaults", sample.Defaults(), 1.4},
		{"min-p", sample.Params{Temperature: 1.3, TopP: 1, MinP: 0.1}, 1.75},
		{"top-p", sample.Params{Temperature: 1, TopP: 0.95}, 5.7},
		{"all", sample.Params{Temperature: 1, TopP: 1}, 2.75},
	} {
		s, err := sample.New(tt.p, vocab)
		if err != nil {
			t.Fatal(err)
		}
		var d sample.Draw
		s.Draw(&d)
		d.Changes = changes
		c.choose(&d, x)
		share := float64(c.moved) / (4 * vocab)
		t.Logf("%s: %d bytes, %.3f of the logits'", tt.name, c.moved, share)
		if share > tt.most {
			t.Errorf("%s: %.3f of the logits' bytes, want at most %.2f", tt.name, share, tt.most)
		}
	}
}
