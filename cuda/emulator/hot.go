package emulator

import (
	"encoding/binary"
	"math"
)

// The instructions that hand-written kernels are made of, each as one loop with
// no call in it.

func runAdd32(w *warp, in *inst, m uint32) {
	d := w.out32(in.d, m)
	a, b := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)]
	for i := range d {
		d[i] = a[i] + b[i]
	}
	w.keep32(in.d, m)
}

func runSub32(w *warp, in *inst, m uint32) {
	d := w.out32(in.d, m)
	a, b := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)]
	for i := range d {
		d[i] = a[i] - b[i]
	}
	w.keep32(in.d, m)
}

func runMul32(w *warp, in *inst, m uint32) {
	d := w.out32(in.d, m)
	a, b := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)]
	for i := range d {
		d[i] = a[i] * b[i]
	}
	w.keep32(in.d, m)
}

func runMad32(w *warp, in *inst, m uint32) {
	d := w.out32(in.d, m)
	a, b, c := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)], w.s32(in.c)[:len(d)]
	for i := range d {
		d[i] = a[i]*b[i] + c[i]
	}
	w.keep32(in.d, m)
}

func runAnd32(w *warp, in *inst, m uint32) {
	d := w.out32(in.d, m)
	a, b := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)]
	for i := range d {
		d[i] = a[i] & b[i]
	}
	w.keep32(in.d, m)
}

func runOr32(w *warp, in *inst, m uint32) {
	d := w.out32(in.d, m)
	a, b := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)]
	for i := range d {
		d[i] = a[i] | b[i]
	}
	w.keep32(in.d, m)
}

func runXor32(w *warp, in *inst, m uint32) {
	d := w.out32(in.d, m)
	a, b := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)]
	for i := range d {
		d[i] = a[i] ^ b[i]
	}
	w.keep32(in.d, m)
}

func runShl32(w *warp, in *inst, m uint32) {
	d := w.out32(in.d, m)
	a, b := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)]
	for i := range d {
		d[i] = a[i] << b[i]
	}
	w.keep32(in.d, m)
}

func runShr32(w *warp, in *inst, m uint32) {
	d := w.out32(in.d, m)
	a, b := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)]
	for i := range d {
		d[i] = a[i] >> b[i]
	}
	w.keep32(in.d, m)
}

func runSar32(w *warp, in *inst, m uint32) {
	d := w.out32(in.d, m)
	a, b := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)]
	for i := range d {
		d[i] = uint32(int32(a[i]) >> b[i])
	}
	w.keep32(in.d, m)
}

func runMov32(w *warp, in *inst, m uint32) {
	copy(w.out32(in.d, m), w.s32(in.a)[:])
	w.keep32(in.d, m)
}

func runMov64(w *warp, in *inst, m uint32) {
	copy(w.out64(in.d, m), w.s64(in.a)[:])
	w.keep64(in.d, m)
}

func runSelp32(w *warp, in *inst, m uint32) {
	d := w.out32(in.d, m)
	a, b, p := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)], w.predOf(in.c, in.negate)
	for i := range d {
		pick := -(p >> i & 1) // all ones or zero: no branch for the processor to guess
		d[i] = a[i]&pick | b[i]&^pick
	}
	w.keep32(in.d, m)
}

func runDp4aSS(w *warp, in *inst, m uint32) {
	d := w.out32(in.d, m)
	a, b, c := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)], w.s32(in.c)[:len(d)]
	for i := range d {
		x, y := a[i], b[i]
		d[i] = c[i] + uint32(int32(int8(x))*int32(int8(y))+int32(int8(x>>8))*int32(int8(y>>8))+
			int32(int8(x>>16))*int32(int8(y>>16))+int32(int8(x>>24))*int32(int8(y>>24)))
	}
	w.keep32(in.d, m)
}

func runAdd64(w *warp, in *inst, m uint32) {
	d := w.out64(in.d, m)
	a, b := w.s64(in.a)[:len(d)], w.s64(in.b)[:len(d)]
	for i := range d {
		d[i] = a[i] + b[i]
	}
	w.keep64(in.d, m)
}

func runSub64(w *warp, in *inst, m uint32) {
	d := w.out64(in.d, m)
	a, b := w.s64(in.a)[:len(d)], w.s64(in.b)[:len(d)]
	for i := range d {
		d[i] = a[i] - b[i]
	}
	w.keep64(in.d, m)
}

func runMulWideU32(w *warp, in *inst, m uint32) {
	d := w.out64(in.d, m)
	a, b := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)]
	for i := range d {
		d[i] = uint64(a[i]) * uint64(b[i])
	}
	w.keep64(in.d, m)
}

func runMulWideS32(w *warp, in *inst, m uint32) {
	d := w.out64(in.d, m)
	a, b := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)]
	for i := range d {
		d[i] = uint64(int64(int32(a[i])) * int64(int32(b[i])))
	}
	w.keep64(in.d, m)
}

func runMadWideU32(w *warp, in *inst, m uint32) {
	d := w.out64(in.d, m)
	a, b, c := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)], w.s64(in.c)[:len(d)]
	for i := range d {
		d[i] = uint64(a[i])*uint64(b[i]) + c[i]
	}
	w.keep64(in.d, m)
}

func runMadWideS32(w *warp, in *inst, m uint32) {
	d := w.out64(in.d, m)
	a, b, c := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)], w.s64(in.c)[:len(d)]
	for i := range d {
		d[i] = uint64(int64(int32(a[i]))*int64(int32(b[i]))) + c[i]
	}
	w.keep64(in.d, m)
}

func runAddF32(w *warp, in *inst, m uint32) {
	d := w.out32(in.d, m)
	a, b := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)]
	for i := range d {
		d[i] = bits32(f32(a[i]) + f32(b[i]))
	}
	w.keep32(in.d, m)
}

func runSubF32(w *warp, in *inst, m uint32) {
	d := w.out32(in.d, m)
	a, b := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)]
	for i := range d {
		d[i] = bits32(f32(a[i]) - f32(b[i]))
	}
	w.keep32(in.d, m)
}

func runMulF32(w *warp, in *inst, m uint32) {
	d := w.out32(in.d, m)
	a, b := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)]
	for i := range d {
		d[i] = bits32(f32(a[i]) * f32(b[i]))
	}
	w.keep32(in.d, m)
}

func runFmaF32(w *warp, in *inst, m uint32) {
	d := w.out32(in.d, m)
	a, b, c := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)], w.s32(in.c)[:len(d)]
	for i := range d {
		// fma32, written out: the product is exact, the sum is rounded twice, and
		// the rare cases in which that differs from once take the other path. A sum
		// is zero only where it is so exactly.
		s := float64(f32(a[i]))*float64(f32(b[i])) + float64(f32(c[i]))
		u := math.Float64bits(s)
		if u&0x1fffffff == 0x10000000 || u<<1>>53-897 > 1149 && s != 0 {
			d[i] = bits32(fma32(f32(a[i]), f32(b[i]), f32(c[i])))
			continue
		}
		d[i] = math.Float32bits(float32(s))
	}
	w.keep32(in.d, m)
}

func runMaxF32(w *warp, in *inst, m uint32) {
	d := w.out32(in.d, m)
	a, b := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)]
	for i := range d {
		d[i] = max32(a[i], b[i])
	}
	w.keep32(in.d, m)
}

func runHalfToFloat(w *warp, in *inst, m uint32) {
	d := w.out32(in.d, m)
	a := w.s32(in.a)[:len(d)]
	for i := range d {
		d[i] = math.Float32bits(halfToFloat(a[i] & 0xffff))
	}
	w.keep32(in.d, m)
}

func runIntToFloat(w *warp, in *inst, m uint32) {
	d := w.out32(in.d, m)
	a := w.s32(in.a)[:len(d)]
	for i := range d {
		d[i] = math.Float32bits(float32(int32(a[i])))
	}
	w.keep32(in.d, m)
}

func plainUnpack(to []*col32, p []byte) {
	for e, c := range to {
		at := p[4*e:]
		for l := range c {
			c[l] = binary.LittleEndian.Uint32(at[4*len(to)*l:])
		}
	}
}

func plainHalves(d, a *col32) {
	for l := range d {
		d[l] = math.Float32bits(halfToFloat(a[l] & 0xffff))
	}
}

func plainUnpackHalves(to *col32, p []byte) {
	for l := range to {
		to[l] = uint32(binary.LittleEndian.Uint16(p[2*l:]))
	}
}

// plainCompares holds the comparisons that steer most kernels.
func plainCompares() map[relation]compareFn {
	m := map[relation]compareFn{
		{"lt", tS32}: compare32(func(a, b uint32) bool { return int32(a) < int32(b) }),
		{"ge", tS32}: compare32(func(a, b uint32) bool { return int32(a) >= int32(b) }),
		{"lt", tU32}: compare32(func(a, b uint32) bool { return a < b }),
		{"ge", tU32}: compare32(func(a, b uint32) bool { return a >= b }),
		{"gt", tF32}: compare32(func(a, b uint32) bool { return f32(a) > f32(b) }),
	}
	m[relation{"lo", tU32}], m[relation{"hs", tU32}] = m[relation{"lt", tU32}], m[relation{"ge", tU32}]
	for _, t := range []scalar{tU32, tS32, tB32} {
		m[relation{"eq", t}] = compare32(func(a, b uint32) bool { return a == b })
		m[relation{"ne", t}] = compare32(func(a, b uint32) bool { return a != b })
	}
	return m
}

func bit(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}
