package kernels_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/potion-engine/potion/cuda/emulator"
	"github.com/potion-engine/potion/kernels"
)

// attendLimit is the NMSE allowed between attention on the device and in float64.
const attendLimit = 1e-12

// attention is one case: rows of sequences, some of which have a past.
type attention struct {
	name       string
	heads, kv  int
	dim        int
	spans      [][2]int // of each sequence: positions before the step, rows in it
	window     int
	scale, cap float32 // scale 0: 1/sqrt(dim)
	sharp      float64 // deviation of the queries; 0: 1
	nan        bool    // the query of row 0 is NaN
	whole      bool    // queries and keys are whole numbers, so that scores are exact
	splits     int     // of attend_decode; 0: 1
	unsolved   bool    // only what is counted is of interest
}

var mixed = [][2]int{{33, 1}, {0, 9}, {64, 1}, {31, 2}, {28, 7}, {0, 1}}

func attentions() []attention {
	list := []attention{
		{name: "first token", heads: 2, kv: 1, dim: 64, spans: [][2]int{{0, 1}}},
		{name: "full page", heads: 2, kv: 2, dim: 32, spans: [][2]int{{31, 1}}},
		{name: "page and one", heads: 2, kv: 2, dim: 32, spans: [][2]int{{32, 1}}},
		{name: "context 300", heads: 4, kv: 2, dim: 64, spans: [][2]int{{299, 1}}, splits: 3},
		{name: "context 400", heads: 4, kv: 1, dim: 128, spans: [][2]int{{399, 2}}, splits: 3},
		{name: "context 600", heads: 4, kv: 1, dim: 32, spans: [][2]int{{599, 1}, {300, 2}}},
		{name: "chunk after 70", heads: 2, kv: 1, dim: 64, spans: [][2]int{{70, 40}}},
		{name: "several tiles", heads: 8, kv: 1, dim: 64, spans: [][2]int{{50, 37}}},
		{name: "mixed step", heads: 4, kv: 2, dim: 64, spans: mixed, splits: 4},
		{name: "no groups", heads: 6, kv: 6, dim: 32, spans: mixed},
		{name: "window 1", heads: 4, kv: 2, dim: 64, spans: mixed, window: 1},
		{name: "window 7", heads: 4, kv: 2, dim: 64, spans: mixed, window: 7, splits: 3},
		{name: "window 32", heads: 4, kv: 2, dim: 64, spans: mixed, window: 32},
		{name: "window 100", heads: 4, kv: 4, dim: 64, spans: [][2]int{{190, 5}}, window: 100, splits: 2},
		{name: "window 1000", heads: 4, kv: 4, dim: 32, spans: mixed, window: 1000},
		{name: "cap 50", heads: 4, kv: 2, dim: 64, spans: mixed, cap: 50, sharp: 20},
		{name: "cap 0.5", heads: 4, kv: 2, dim: 64, spans: mixed, cap: 0.5, sharp: 30},
		{name: "cap 2, window 20", heads: 4, kv: 2, dim: 64, spans: mixed, cap: 2, window: 20},
		{name: "scale negative", heads: 2, kv: 2, dim: 32, spans: [][2]int{{0, 37}}, scale: -0.1},
		{name: "sharp", heads: 4, kv: 2, dim: 64, spans: mixed, sharp: 30, splits: 2},
		{name: "NaN", heads: 4, kv: 2, dim: 64, spans: mixed, nan: true, splits: 2},
		{name: "far apart", heads: 8, kv: 2, dim: 32, spans: append([][2]int{{199, 2}}, mixed...), scale: 1, whole: true, splits: 3},
		{name: "more splits than pages", heads: 2, kv: 1, dim: 32, spans: [][2]int{{40, 1}, {0, 1}}, splits: 7},
	}
	for _, ratio := range []int{1, 3, 5, 8} {
		list = append(list, attention{name: "group", heads: 2 * ratio, kv: 2, dim: 64, spans: [][2]int{{40, 1}, {0, 20}, {5, 1}}, splits: 2})
	}
	for _, dim := range []int{1, 7, 8, 16, 20, 24, 40, 80, 96, 128, 136, 192, 200, 256, 288} {
		list = append(list, attention{name: "head size", heads: 2, kv: 1, dim: dim, spans: [][2]int{{40, 1}, {3, 6}}})
	}
	return list
}

// everywhere says that a case is about what differs between the page formats; the rest
// of the text is the same in all of them, and one will do unless a single file is edited.
func (a attention) everywhere() bool {
	switch a.name {
	case "head size", "mixed step", "cap 2, window 20", "NaN":
		return true
	}
	return false
}

// problem is a case on the device with its answer.
type problem struct {
	attention
	cache    *cache
	pos, seq []int32
	args     []any // those that every attention kernel ends with, from q on
	want     []float64
	weights  [][]float64 // of row t and head h, at t*heads+h: by position
}

func (r *rig) attention(a attention, f int) *problem {
	format := pageFormats[f]
	spec := format.KVSpec
	spec.Heads, spec.HeadDim = a.kv, a.dim
	longest := 0
	for _, s := range a.spans {
		longest = max(longest, s[0]+s[1])
	}
	p := &problem{attention: a, cache: newCache(r, format.name, spec, len(a.spans), longest)}
	if p.scale == 0 {
		p.scale = float32(1 / math.Sqrt(float64(a.dim)))
	}
	var allPos, allSeq []int32
	for s, span := range a.spans {
		for i := range span[0] + span[1] {
			allPos, allSeq = append(allPos, int32(i)), append(allSeq, int32(s))
			if i >= span[0] {
				p.pos, p.seq = append(p.pos, int32(i)), append(p.seq, int32(s))
			}
		}
	}
	q := r.normal(len(p.pos)*a.heads*a.dim, 0, max(a.sharp, 1))
	p.want = make([]float64, len(q))
	if a.unsolved {
		p.cache.fill(r)
	} else {
		p.stored(r, q, allPos, allSeq)
	}
	p.args = []any{r.put(q), p.cache.at, r.put(p.pos), r.put(p.seq), r.put(p.cache.tables), uint32(p.cache.stride),
		uint32(a.heads), uint32(a.kv), uint32(a.dim), uint32(a.window), p.scale, a.cap}
	return p
}

// stored puts keys and values of all positions into the cache and works out the answer.
func (p *problem) stored(r *rig, q []float32, pos, seq []int32) {
	r.Helper()
	width := p.kv * p.dim
	keys := r.normal(len(pos)*width, 0, 1)
	if p.whole {
		for i := range keys {
			keys[i] = float32(r.rand.IntN(9) - 4)
			if i%32 == 0 {
				keys[i] = 127 // the scale of q8_0 is then 1
				if pos[i/width]%32 == 5 {
					keys[i] = -127 // by far the greatest or least score of its page
				}
			}
		}
		for i := range q {
			q[i] = float32(r.rand.IntN(17) - 8)
		}
	}
	p.cache.store(r, keys, r.normal(len(pos)*width, 0.3, 1), pos, seq)
	memory := get[byte](r, p.cache.at, int(p.cache.Bytes()))
	if p.nan {
		for h := range p.heads {
			q[h*p.dim] = float32(math.NaN())
		}
	}
	p.solve(memory, q)
}

// solve works everything out in float64 from what the pages hold.
func (p *problem) solve(memory []byte, q []float32) {
	row := make([]float32, p.dim)
	for t := range p.pos {
		first, pos := 0, int(p.pos[t])
		if p.window > 0 {
			first = max(0, pos-p.window+1)
		}
		for h := range p.heads {
			at := (t*p.heads + h) * p.dim
			g := h / (p.heads / p.kv)
			weights := make([]float64, pos+1)
			top, sum := math.Inf(-1), 0.0
			for i := first; i <= pos; i++ {
				p.cache.Format.Dequantize(row, p.cache.packed(memory, int(p.seq[t]), i, 0, g))
				for d, k := range row {
					weights[i] += float64(q[at+d]) * float64(k)
				}
				weights[i] *= float64(p.scale)
				if p.cap > 0 {
					weights[i] = float64(p.cap) * math.Tanh(weights[i]/float64(p.cap))
				}
				top = max(top, weights[i])
			}
			for i := first; i <= pos; i++ {
				weights[i] = math.Exp(weights[i] - top)
				sum += weights[i]
			}
			for i := first; i <= pos; i++ {
				weights[i] /= sum
				p.cache.Format.Dequantize(row, p.cache.packed(memory, int(p.seq[t]), i, 1, g))
				for d, v := range row {
					p.want[at+d] += weights[i] * float64(v)
				}
			}
			p.weights = append(p.weights, weights)
		}
	}
}

// eachAttention runs a test on every case and page format that a kernel takes.
func eachAttention(t *testing.T, takes func(a attention) bool, test func(r *rig, p *problem)) {
	for f, format := range pageFormats {
		t.Run(format.name, func(t *testing.T) {
			t.Parallel()
			whole := newRig(t)
			for _, a := range attentions() {
				if format.Format.CheckCols(a.dim) != nil || !takes(a) || format.name != "f16" && !a.everywhere() && !overriding() {
					continue
				}
				t.Run(fmt.Sprintf("%s/%d on %d of %d", a.name, a.heads, a.kv, a.dim), func(t *testing.T) {
					r := whole.within(t)
					test(r, r.attention(a, f))
				})
			}
		})
	}
}

// decode launches attend_decode of the plain kind or on tensor cores, with as many splits.
func (r *rig) decode(p *problem, mma bool, splits int) (y, stats uint64) {
	r.Helper()
	entry, share, shared := "attend_decode_"+p.cache.name, kernels.DecodeHeads, 0
	if mma {
		entry, share, shared = entry+"_mma", kernels.DecodeHeadsMMA, kernels.DecodeShared(p.dim)
	}
	count := len(p.pos)
	y, stats = r.space(4*len(p.want)), r.space(8*count*p.heads*splits)
	sums := r.space(4 * len(p.want) * splits)
	grid := emulator.Dim3{X: count, Y: kernels.DecodeBlocks(p.heads, p.kv, share), Z: splits}
	tickets := r.put(make([]uint32, grid.X*grid.Y))
	r.launch(entry, grid, shared, append([]any{y, sums, stats, tickets}, p.args...)...)
	for i, n := range get[uint32](r, tickets, grid.X*grid.Y) {
		if n != 0 {
			r.Fatalf("ticket %d is left at %d", i, n)
		}
	}
	return y, stats
}

func TestAttendDecode(t *testing.T) {
	t.Parallel()
	for _, mma := range []bool{false, true} {
		t.Run(map[bool]string{false: "plain", true: "mma"}[mma], func(t *testing.T) {
			t.Parallel()
			eachAttention(t, func(a attention) bool { return a.dim%8 == 0 && a.dim <= 256 }, func(r *rig, p *problem) {
				if mma && p.cache.name == "f32" {
					r.Skip("tensor cores of sm_80 do not multiply float32")
				}
				splits := max(p.splits, 1)
				y, stats := r.decode(p, mma, splits)
				r.same("y", r.floats(y, len(p.want)), p.want, attendLimit)
				r.sharedOut(p, stats, splits)
			})
		})
	}
}

// sharedOut wants every split of a row to have found something but those that are not
// needed, which find nothing.
func (r *rig) sharedOut(p *problem, stats uint64, splits int) {
	r.Helper()
	for i := range len(p.pos) * p.heads {
		last := int(p.pos[i/p.heads])
		first := 0
		if p.window > 0 {
			first = max(0, last-p.window+1)
		}
		pages := last/kernels.PageLen - first/kernels.PageLen + 1
		if active := min(splits, ceilDiv(pages, kernels.DecodePages)); active > 1 {
			for j, l := range get[float32](r, stats+uint64(8*i*splits), 2*active) {
				if j%2 == 1 && l == 0 {
					r.Fatalf("row %d, head %d: split %d of %d found nothing", i/p.heads, i%p.heads, j/2, active)
				}
			}
		}
	}
}

func TestAttendAny(t *testing.T) {
	t.Parallel()
	eachAttention(t, func(a attention) bool { return a.dim < 256 || a.dim == 288 }, func(r *rig, p *problem) {
		y := r.space(4 * len(p.want))
		r.launch("attend_any_"+p.cache.name, emulator.Dim3{X: len(p.pos), Y: p.heads, Z: 1}, 4*p.dim, append([]any{y}, p.args...)...)
		r.stored(4 * len(p.want))
		r.same("y", r.floats(y, len(p.want)), p.want, attendLimit)
	})
}

func TestAttendWeights(t *testing.T) {
	t.Parallel()
	eachAttention(t, func(a attention) bool { return a.name != "group" }, func(r *rig, p *problem) {
		chosen := []int32{int32(len(p.pos) - 1), 0}
		cols := 3
		for _, pos := range p.pos {
			cols = max(cols, int(pos)+4)
		}
		n := len(chosen) * p.heads * cols
		weights := r.space(4 * n)
		args := slices.Concat([]any{weights, r.put(chosen)}, p.args[:5], []any{uint32(cols)}, p.args[5:])
		r.launch("attend_weights_"+p.cache.name, emulator.Dim3{X: len(chosen), Y: p.heads, Z: 1}, 0, args...)
		want := make([]float64, n)
		for i, t := range chosen {
			for h := range p.heads {
				copy(want[(i*p.heads+h)*cols:], p.weights[int(t)*p.heads+h])
			}
		}
		limit := attendLimit
		if p.cap > 0 {
			limit *= 4 // scores near the cap of 50 are rounded by up to 2^-19 each
		}
		stored := 0
		for _, t := range chosen {
			seen := int(p.pos[t]) + 1
			if p.window > 0 {
				seen = min(seen, p.window)
			}
			stored += 4 * p.heads * (2*seen + cols) // score, exponential, share
		}
		r.stored(stored)
		r.same("weights", r.floats(weights, n), want, limit)
	})
}

func TestAttendPrompt(t *testing.T) {
	t.Parallel()
	eachAttention(t, func(a attention) bool { return a.dim%8 == 0 && a.dim <= 256 }, func(r *rig, p *problem) {
		y := r.space(4 * len(p.want))
		tiles := kernels.PromptTiles(nil, p.seq, p.heads/p.kv, kernels.PromptPairs)
		grid := emulator.Dim3{X: len(tiles) / 2, Y: p.kv, Z: 1}
		r.launch("attend_prompt_"+p.cache.name, grid, kernels.PromptShared(p.dim), append([]any{y, r.put(tiles)}, p.args...)...)
		r.stored(4 * len(p.want))
		r.same("y", r.floats(y, len(p.want)), p.want, attendLimit)
		// What is unpacked meets on banks only where 8 lanes hold more than one row.
		if share := float64(r.last.BankConflicts) / float64(r.last.SharedAccesses); share > 0.05 && p.dim%128 == 0 {
			r.Errorf("%.3f bank conflicts an access", share)
		}
	})
}

// promptLimit is the NMSE allowed where queries and weights are rounded to halves, and
// values of q8_0 too.
const promptLimit = 1e-6

// attendPrompt launches attend_prompt on tensor cores.
func (r *rig) attendPrompt(p *problem) (y uint64) {
	r.Helper()
	y = r.space(4 * len(p.want))
	tiles := kernels.PromptTiles(nil, p.seq, p.heads/p.kv, kernels.PromptPairsMMA(p.dim))
	grid := emulator.Dim3{X: len(tiles) / 2, Y: p.kv, Z: 1}
	entry := fmt.Sprintf("attend_prompt_%s_mma_%d", p.cache.name, p.dim)
	r.launch(entry, grid, kernels.PromptSharedMMA(p.dim, p.cache.name == "q8_0"), append([]any{y, r.put(tiles)}, p.args...)...)
	return y
}

func TestAttendPromptMMA(t *testing.T) {
	t.Parallel()
	takes := func(a attention) bool { return slices.Contains(kernels.PromptDims(), a.dim) }
	eachAttention(t, takes, func(r *rig, p *problem) {
		if p.cache.name == "f32" {
			r.Skip("tensor cores of sm_80 do not multiply float32")
		}
		y := r.attendPrompt(p)
		r.stored(4 * len(p.want))
		limit := promptLimit
		if p.sharp > 1 || p.whole {
			limit *= 100 // scores of 30 and more, rounded to 2^-11 of them
		}
		r.same("y", r.floats(y, len(p.want)), p.want, limit)
	})
}
