package emulator

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

// edges are the numbers at which arithmetic goes wrong: zeros, denormals, ones, the largest,
// infinities, NaNs of several kinds, shift amounts, halves of all these.
var edges = []uint32{0, 1, 2, 31, 32, 33, 0x80000000, 0x007fffff, 0x00800000, 0x807fffff, 0x3f800000, 0xbf800000, 0x3f7fffff, 0x7f7fffff,
	0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc12345, 0x7f800001, 0x7fffffff, 0xffffffff, 0x7c00, 0xfc00, 0x7e01, 0x0001, 0x83ff, 0x3c00}

// loopsWarp is a warp of columns of every size and predicates, full of edges.
func loopsWarp(r *rand.Rand) *warp {
	w := &warp{prog: &program{}, r32: make([]col32, 4), r64: make([]col64, 4), p: []uint32{r.Uint32(), 0, 0, r.Uint32()}}
	number := func() uint32 {
		if r.IntN(3) == 0 {
			return r.Uint32()
		}
		return edges[r.IntN(len(edges))]
	}
	for c := range w.r32 {
		for l := range 32 {
			w.r32[c][l], w.r64[c][l] = number(), uint64(number())<<32|uint64(number())
		}
	}
	return w
}

// The loops of this processor give the bits of the plain ones, in the active lanes and
// nowhere else.
func TestLoopsEqualPlainOnes(t *testing.T) {
	t.Parallel()
	best, plain := bestLoops(), plainLoops()
	runs := func(l *loops) map[string]runFn {
		m := map[string]runFn{
			"add.f32": l.addF32, "sub.f32": l.subF32, "mul.f32": l.mulF32, "fma.f32": l.fmaF32, "max.f32": l.maxF32,
			"cvt.f32.f16": l.floatOfHalf, "cvt.f32.s32": l.floatOfInt,
			"add": l.add32, "sub": l.sub32, "mul": l.mul32, "mad": l.mad32, "and": l.and32, "or": l.or32, "xor": l.xor32,
			"shl": l.shl32, "shr": l.shr32, "sar": l.sar32, "mov": l.mov32, "selp": l.select32, "dp4a": l.dot4,
			"add.64": l.add64, "sub.64": l.sub64, "mov.64": l.mov64, "cvt.u64.u32": l.widen,
			"mul.wide.u32": l.mulWideU32, "mul.wide.s32": l.mulWideS32, "mad.wide.u32": l.madWideU32, "mad.wide.s32": l.madWideS32,
		}
		for name, f := range l.compare {
			m["setp."+name.op+"."+name.typ.String()] = func(w *warp, in *inst, m uint32) { w.setPred(0, m, f(w, in)) }
		}
		return m
	}
	want := runs(plain)
	for name, f := range runs(best) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(100) {
				for _, d := range []int32{0, 1} { // apart, and onto an operand
					checkLoop(t, f, want[name], &inst{d: d, a: 1, b: 2, c: 3}, seed)
				}
			}
		})
	}
	for _, sel := range []uint32{0x3210, 0x7654, 0x7650, 0x7653, 0x0123, 0x5140, 0x6271, 0x4444} {
		exact := ternary32(permute)
		for seed := range uint64(30) {
			reference := func(w *warp, in *inst, m uint32) {
				for l := range w.r32[3] {
					w.r32[3][l] = sel
				}
				exact(w, in, m)
			}
			got := func(w *warp, in *inst, m uint32) {
				for l := range w.r32[3] {
					w.r32[3][l] = sel
				}
				best.bytes(sel, in.a, in.b)(w, in, m)
			}
			checkLoop(t, got, reference, &inst{a: 1, b: 2, c: 3}, seed)
		}
	}
}

func checkLoop(t *testing.T, got, want runFn, in *inst, seed uint64) {
	t.Helper()
	masks := []uint32{fullMask, 0xff, 0xffff, 1, 0x80000000, 0x00ff00f0, rand.New(rand.NewPCG(seed, 9)).Uint32()}
	in.negate = seed&1 != 0
	for _, m := range masks {
		a, b := loopsWarp(rand.New(rand.NewPCG(seed, 1))), loopsWarp(rand.New(rand.NewPCG(seed, 1)))
		got(a, in, m)
		want(b, in, m)
		for c := range a.r32 {
			for l := range 32 {
				if a.r32[c][l] != b.r32[c][l] || a.r64[c][l] != b.r64[c][l] {
					t.Fatalf("mask %#08x lane %d column %d: %#08x, want %#08x (64 bits: %#x, want %#x)", m, l, c, a.r32[c][l], b.r32[c][l], a.r64[c][l], b.r64[c][l])
				}
			}
		}
		if a.p[0] != b.p[0] {
			t.Fatalf("mask %#08x: predicate %#08x, want %#08x", m, a.p[0], b.p[0])
		}
	}
}

func TestRowsOfRecords(t *testing.T) {
	t.Parallel()
	best, plain := bestLoops(), plainLoops()
	data := make([]byte, 600)
	for i := range data {
		data[i] = byte(rand.New(rand.NewPCG(uint64(i), 1)).Uint32())
	}
	for n := range 5 {
		if n == 0 {
			continue
		}
		got, want, to, into := make([]col32, n), make([]col32, n), []*col32{}, []*col32{}
		for i := range n {
			to, into = append(to, &got[i]), append(into, &want[i])
		}
		best.unpack(to, data[:128*n])
		plain.unpack(into, data[:128*n])
		for i := range n {
			if got[i] != want[i] || want[i][31] != binary.LittleEndian.Uint32(data[4*(31*n+i):]) {
				t.Errorf("records of %d words, word %d: %#x, want %#x", n, i, got[i], want[i])
			}
		}
	}
	var got, want col32
	best.unpackHalves(&got, data[:64])
	plain.unpackHalves(&want, data[:64])
	if got != want {
		t.Errorf("halves %#x, want %#x", got, want)
	}
	for _, step := range []uint64{0, 1, 2, 4, 16, 36, 1 << 20, math.MaxUint32} {
		for wrong := range 33 {
			var a col64
			for i := range a {
				a[i] = 1<<40 - 7 + uint64(i)*step
			}
			if wrong < 32 {
				a[wrong] += 1 << (2 * wrong)
			}
			ok := wrong == 32
			if best.inARow(&a, step) != ok || plain.inARow(&a, step) != ok {
				t.Errorf("step %d, lane %d out of line: %v, want %v", step, wrong, best.inARow(&a, step), ok)
			}
		}
	}
}
