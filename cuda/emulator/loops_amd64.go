package emulator

import (
	"github.com/klauspost/cpuid/v2"

	"github.com/potion-engine/potion/cuda/emulator/internal/simd"
)

// bestLoops are the loops in AVX2 where the processor has it, else the plain ones.
func bestLoops() *loops {
	if !cpuid.CPU.Supports(cpuid.AVX2, cpuid.FMA3, cpuid.F16C) {
		return plainLoops()
	}
	l := plainLoops()
	l.addF32, l.subF32, l.mulF32 = two32(simd.AddF32), two32(simd.SubF32), two32(simd.MulF32)
	l.fmaF32 = func(w *warp, in *inst, m uint32) {
		simd.FmaF32(&w.r32[in.d], w.s32(in.a), w.s32(in.b), w.s32(in.c), m)
	}
	l.floatOfHalf, l.floatOfInt, l.mov32 = one32(simd.FloatOfHalf), one32(simd.FloatOfInt), one32(simd.Mov32)
	l.add32, l.sub32, l.mul32 = two32(simd.Add32), two32(simd.Sub32), two32(simd.Mul32)
	l.and32, l.or32, l.xor32 = two32(simd.And32), two32(simd.Or32), two32(simd.Xor32)
	l.shl32, l.shr32, l.sar32 = two32(simd.Shl32), two32(simd.Shr32), two32(simd.Sar32)
	l.mad32, l.dot4 = three32(simd.Mad32), three32(simd.Dot4)
	l.select32 = func(w *warp, in *inst, m uint32) {
		simd.Select(&w.r32[in.d], w.s32(in.a), w.s32(in.b), w.predOf(in.c, in.negate), m)
	}
	l.add64 = func(w *warp, in *inst, m uint32) { simd.Add64(&w.r64[in.d], w.s64(in.a), w.s64(in.b), m) }
	l.sub64 = func(w *warp, in *inst, m uint32) { simd.Sub64(&w.r64[in.d], w.s64(in.a), w.s64(in.b), m) }
	l.mov64 = func(w *warp, in *inst, m uint32) { simd.Mov64(&w.r64[in.d], w.s64(in.a), m) }
	l.widen = func(w *warp, in *inst, m uint32) { simd.Widen(&w.r64[in.d], w.s32(in.a), m) }
	l.mulWideU32 = func(w *warp, in *inst, m uint32) { simd.MulWideU32(&w.r64[in.d], w.s32(in.a), w.s32(in.b), m) }
	l.mulWideS32 = func(w *warp, in *inst, m uint32) { simd.MulWideS32(&w.r64[in.d], w.s32(in.a), w.s32(in.b), m) }
	l.madWideU32 = func(w *warp, in *inst, m uint32) {
		simd.MadWideU32(&w.r64[in.d], w.s32(in.a), w.s32(in.b), w.s64(in.c), m)
	}
	l.madWideS32 = func(w *warp, in *inst, m uint32) {
		simd.MadWideS32(&w.r64[in.d], w.s32(in.a), w.s32(in.b), w.s64(in.c), m)
	}
	l.compare = fastCompares()
	l.bytes, l.inARow, l.unpack = fastBytes, simd.InARow, fastUnpack
	l.halves = func(d, a *col32) { simd.FloatOfHalf(d, a, fullMask) }
	l.unpackHalves = func(to *col32, p []byte) {
		_ = p[63]
		simd.UnpackHalves(to, &p[0])
	}
	return l
}

func one32(f func(d, a *[32]uint32, m uint32)) runFn {
	return func(w *warp, in *inst, m uint32) { f(&w.r32[in.d], w.s32(in.a), m) }
}

func two32(f func(d, a, b *[32]uint32, m uint32)) runFn {
	return func(w *warp, in *inst, m uint32) { f(&w.r32[in.d], w.s32(in.a), w.s32(in.b), m) }
}

func three32(f func(d, a, b, c *[32]uint32, m uint32)) runFn {
	return func(w *warp, in *inst, m uint32) { f(&w.r32[in.d], w.s32(in.a), w.s32(in.b), w.s32(in.c), m) }
}

func fastCompares() map[relation]compareFn {
	wrap := func(f func(a, b *[32]uint32) uint32) compareFn {
		return func(w *warp, in *inst) uint32 { return f(w.s32(in.a), w.s32(in.b)) }
	}
	m := map[relation]compareFn{
		{"lt", tS32}: wrap(simd.LtS32), {"ge", tS32}: wrap(simd.GeS32), {"gt", tF32}: wrap(simd.GtF32),
	}
	for _, op := range []string{"lt", "lo"} {
		m[relation{op, tU32}] = wrap(simd.LtU32)
	}
	for _, op := range []string{"ge", "hs"} {
		m[relation{op, tU32}] = wrap(simd.GeU32)
	}
	for _, t := range []scalar{tU32, tS32, tB32} {
		m[relation{"eq", t}], m[relation{"ne", t}] = wrap(simd.Eq32), wrap(simd.Ne32)
	}
	return m
}

// fastBytes turns the selector of a prmt into picks for either operand.
func fastBytes(sel uint32, x, y int32) runFn {
	var fromX, fromY [32]byte
	for i := range fromX {
		lane := byte(i) & 0xc // within 16 bytes
		fromX[i], fromY[i] = 0x80, 0x80
		switch s := byte(sel >> (4 * (i & 3)) & 15); {
		case s > 7:
			return nil // repeats a sign
		case s > 3:
			fromY[i] = lane + s - 4
		default:
			fromX[i] = lane + s
		}
	}
	return func(w *warp, in *inst, m uint32) {
		simd.Bytes(&w.r32[in.d], w.s32(x), w.s32(y), &fromX, &fromY, m)
	}
}

func fastUnpack(to []*col32, p []byte) {
	_ = p[128*len(to)-1]
	switch len(to) {
	case 1:
		simd.Unpack1(to[0], &p[0])
	case 2:
		simd.Unpack2(to[0], to[1], &p[0])
	case 4:
		simd.Unpack4(to[0], to[1], to[2], to[3], &p[0])
	default:
		plainUnpack(to, p)
	}
}
