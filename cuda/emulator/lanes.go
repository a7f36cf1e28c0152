package emulator

import "math/bits"

// A register is a column: one value for each of the 32 lanes of a warp. An
// arithmetic instruction computes the lanes up to the last active one, into the
// register itself where all of these are active; else it computes all lanes, into a
// scratch column of which the active ones are kept.

type (
	col32 = [32]uint32
	col64 = [32]uint64
	runFn = func(w *warp, in *inst, m uint32)
)

const fullMask = ^uint32(0)

func (w *warp) s32(i int32) *col32 {
	if i >= 0 {
		return &w.r32[i]
	}
	return &w.prog.const32[^i]
}

func (w *warp) s64(i int32) *col64 {
	if i >= 0 {
		return &w.r64[i]
	}
	return &w.prog.const64[^i]
}

// prefix reports a mask of the lanes 0 to n-1, which is most: all lanes, or those
// that a loop over few numbers leaves.
func prefix(m uint32) bool { return m&(m+1) == 0 }

// out32 is where an instruction leaves the results of its lanes, from lane 0 on: the
// register where the active lanes are the first ones, else a scratch column.
func (w *warp) out32(i int32, m uint32) []uint32 {
	if prefix(m) {
		return w.r32[i][:bits.Len32(m)]
	}
	return w.t32[:]
}

func (w *warp) out64(i int32, m uint32) []uint64 {
	if prefix(m) {
		return w.r64[i][:bits.Len32(m)]
	}
	return w.t64[:]
}

// keep32 takes the active lanes out of the scratch column of out32.
func (w *warp) keep32(i int32, m uint32) {
	if !prefix(m) {
		d := &w.r32[i]
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			d[l] = w.t32[l]
		}
	}
}

func (w *warp) keep64(i int32, m uint32) {
	if !prefix(m) {
		d := &w.r64[i]
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			d[l] = w.t64[l]
		}
	}
}

// setPred stores a mask of lanes in a predicate register.
func (w *warp) setPred(i int32, m, value uint32) {
	w.p[i] = w.p[i]&^m | value&m
}

func unary32(f func(a uint32) uint32) runFn {
	return func(w *warp, in *inst, m uint32) {
		d := w.out32(in.d, m)
		a := w.s32(in.a)[:len(d)]
		for i := range d {
			d[i] = f(a[i])
		}
		w.keep32(in.d, m)
	}
}

func binary32(f func(a, b uint32) uint32) runFn {
	return func(w *warp, in *inst, m uint32) {
		d := w.out32(in.d, m)
		a, b := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)]
		for i := range d {
			d[i] = f(a[i], b[i])
		}
		w.keep32(in.d, m)
	}
}

func ternary32(f func(a, b, c uint32) uint32) runFn {
	return func(w *warp, in *inst, m uint32) {
		d := w.out32(in.d, m)
		a, b, c := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)], w.s32(in.c)[:len(d)]
		for i := range d {
			d[i] = f(a[i], b[i], c[i])
		}
		w.keep32(in.d, m)
	}
}

func quaternary32(f func(a, b, c, e uint32) uint32) runFn {
	return func(w *warp, in *inst, m uint32) {
		d := w.out32(in.d, m)
		a, b, c, e := w.s32(in.a)[:len(d)], w.s32(in.b)[:len(d)], w.s32(in.c)[:len(d)], w.s32(in.e)[:len(d)]
		for i := range d {
			d[i] = f(a[i], b[i], c[i], e[i])
		}
		w.keep32(in.d, m)
	}
}

func unary64(f func(a uint64) uint64) runFn {
	return func(w *warp, in *inst, m uint32) {
		d := w.out64(in.d, m)
		a := w.s64(in.a)[:len(d)]
		for i := range d {
			d[i] = f(a[i])
		}
		w.keep64(in.d, m)
	}
}

func binary64(f func(a, b uint64) uint64) runFn {
	return func(w *warp, in *inst, m uint32) {
		d := w.out64(in.d, m)
		a, b := w.s64(in.a)[:len(d)], w.s64(in.b)[:len(d)]
		for i := range d {
			d[i] = f(a[i], b[i])
		}
		w.keep64(in.d, m)
	}
}

func ternary64(f func(a, b, c uint64) uint64) runFn {
	return func(w *warp, in *inst, m uint32) {
		d := w.out64(in.d, m)
		a, b, c := w.s64(in.a)[:len(d)], w.s64(in.b)[:len(d)], w.s64(in.c)[:len(d)]
		for i := range d {
			d[i] = f(a[i], b[i], c[i])
		}
		w.keep64(in.d, m)
	}
}

// widen32 makes 64-bit values of 32-bit ones.
func widen32(f func(a uint32) uint64) runFn {
	return func(w *warp, in *inst, m uint32) {
		d := w.out64(in.d, m)
		a := w.s32(in.a)[:len(d)]
		for i := range d {
			d[i] = f(a[i])
		}
		w.keep64(in.d, m)
	}
}

// narrow64 makes 32-bit values of 64-bit ones.
func narrow64(f func(a uint64) uint32) runFn {
	return func(w *warp, in *inst, m uint32) {
		d := w.out32(in.d, m)
		a := w.s64(in.a)[:len(d)]
		for i := range d {
			d[i] = f(a[i])
		}
		w.keep32(in.d, m)
	}
}

// shift64 is an operation on a 64-bit value and a 32-bit amount.
func shift64(f func(a uint64, n uint32) uint64) runFn {
	return func(w *warp, in *inst, m uint32) {
		d := w.out64(in.d, m)
		a, b := w.s64(in.a)[:len(d)], w.s32(in.b)[:len(d)]
		for i := range d {
			d[i] = f(a[i], b[i])
		}
		w.keep64(in.d, m)
	}
}

func compare32(f func(a, b uint32) bool) func(w *warp, in *inst) uint32 {
	return func(w *warp, in *inst) uint32 {
		a, b := w.s32(in.a), w.s32(in.b)
		r := uint32(0)
		for i := range a {
			if f(a[i], b[i]) {
				r |= 1 << i
			}
		}
		return r
	}
}

func compare64(f func(a, b uint64) bool) func(w *warp, in *inst) uint32 {
	return func(w *warp, in *inst) uint32 {
		a, b := w.s64(in.a), w.s64(in.b)
		r := uint32(0)
		for i := range a {
			if f(a[i], b[i]) {
				r |= 1 << i
			}
		}
		return r
	}
}

// trimmed keeps the low bits of a 32-bit result in a narrower register.
func trimmed(f func(a, b uint32) uint32, width int) func(a, b uint32) uint32 {
	if width >= 32 {
		return f
	}
	mask := uint32(1)<<width - 1
	return func(a, b uint32) uint32 { return f(a, b) & mask }
}
