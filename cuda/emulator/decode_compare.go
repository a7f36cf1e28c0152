package emulator

import (
	"cmp"
	"math"
)

// compareFn gives the lanes for which a comparison of operands a and b holds.
type compareFn = func(w *warp, in *inst) uint32

var compareNames = []string{"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs",
	"equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"}

// holds decides an ordered comparison.
func holds[T cmp.Ordered](op string, x, y T) bool {
	switch op {
	case "eq":
		return x == y
	case "ne":
		return x != y
	case "lt", "lo":
		return x < y
	case "le", "ls":
		return x <= y
	case "gt", "hi":
		return x > y
	}
	return x >= y
}

func holdsFloat(op string, x, y float64) bool {
	unordered := x != x || y != y
	switch op {
	case "num":
		return !unordered
	case "nan":
		return unordered
	case "equ", "neu", "ltu", "leu", "gtu", "geu":
		return unordered || holds(op[:2], x, y)
	}
	return !unordered && holds(op, x, y)
}

// comparison takes the comparison and the type from the modifiers.
func comparison(b *builder, m *mods, op string, t scalar) (compareFn, error) {
	integral := len(op) == 2
	unsigned := op == "lo" || op == "ls" || op == "hi" || op == "hs"
	ftz := t == tF32 && m.has("ftz")
	switch {
	case t.untyped() && t != tB8 && (op == "eq" || op == "ne"), t.integer16up() && integral && !(unsigned && t.signed()):
		return b.compareInt(op, t), nil
	case t.float() && !unsigned && t != tTF32 && t.size() != 4 || t == tF32 && !unsigned:
	default:
		return nil, b.fail("%s: comparison .%s of .%v", b.st.op, op, t)
	}
	switch t {
	case tF64:
		return compare64(func(x, y uint64) bool { return holdsFloat(op, math.Float64frombits(x), math.Float64frombits(y)) }), nil
	case tF32:
		if fast := b.loops.compare[relation{op, t}]; fast != nil && !ftz {
			return fast, nil
		}
		return compare32(func(x, y uint32) bool {
			if ftz {
				x, y = flush(x), flush(y)
			}
			return holdsFloat(op, f64of(x), f64of(y))
		}), nil
	}
	m.has("ftz")
	fm := formatOf(t)
	return compare32(func(x, y uint32) bool { return holdsFloat(op, float64(fm.float(x)), float64(fm.float(y))) }), nil
}

func (b *builder) compareInt(op string, t scalar) compareFn {
	if t.size() == 4 {
		if fast := b.loops.compare[relation{op, t}]; fast != nil {
			return fast
		}
	}
	if t.size() == 8 {
		if t.signed() {
			return compare64(func(x, y uint64) bool { return holds(op, int64(x), int64(y)) })
		}
		return compare64(func(x, y uint64) bool { return holds(op, x, y) })
	}
	return compare32(func(x, y uint32) bool { return holds(op, extend(t, uint64(x)), extend(t, uint64(y))) })
}

// combined is a comparison with the boolean of the .and, .or and .xor forms.
func combined(op string, r, p uint32) uint32 {
	switch op {
	case "and":
		return r & p
	case "or":
		return r | p
	case "xor":
		return r ^ p
	}
	return r
}

func decodeSetp(b *builder, m *mods) error {
	op, boolean, t := m.one(compareNames...), m.one("and", "or", "xor"), m.typ()
	f16x2 := t == tF16x2 || t == tBF16x2
	if op == "" || f16x2 {
		return b.fail("%s: no such comparison", b.st.op)
	}
	f, err := comparison(b, m, op, t)
	if err != nil {
		return err
	}
	ops := b.st.operands
	n := 3
	if boolean != "" {
		n = 4
	}
	if err := b.count(n, n); err != nil {
		return err
	}
	if b.in.a, err = b.source(ops[1], t); err != nil {
		return err
	}
	if b.in.b, err = b.source(ops[2], t); err != nil {
		return err
	}
	if boolean != "" {
		if b.in.c, b.in.negate, err = b.predicate(ops[3]); err != nil {
			return err
		}
	}
	b.in.class = ClassCompare
	dst, second := ops[0], operand{kind: opSink}
	if dst.kind == opPair {
		dst, second = dst.sub[0], dst.sub[1]
	}
	pair := second.kind != opSink
	if b.in.d, err = b.dst(dst, tPred); err != nil {
		return err
	}
	if pair {
		if b.in.d2, err = b.dst(second, tPred); err != nil {
			return err
		}
	}
	if boolean == "" && !pair {
		b.in.run = func(w *warp, in *inst, m uint32) { w.setPred(in.d, m, f(w, in)) }
		return nil
	}
	b.in.run = func(w *warp, in *inst, m uint32) {
		r, p := f(w, in), uint32(0)
		if boolean != "" {
			p = w.predOf(in.c, in.negate)
		}
		w.setPred(in.d, m, combined(boolean, r, p))
		if pair {
			w.setPred(in.d2, m, combined(boolean, ^r, p))
		}
	}
	return nil
}

func (w *warp) predOf(i int32, negate bool) uint32 {
	if negate {
		return ^w.p[i]
	}
	return w.p[i]
}

// decodeSet is set: a comparison whose result is a number, all ones or 1.0.
func decodeSet(b *builder, m *mods) error {
	op, boolean := m.one(compareNames...), m.one("and", "or", "xor")
	td, t := m.typ(), m.typ()
	if op == "" || td.size() != 4 || td.half() {
		return b.fail("%s: no such comparison", b.st.op)
	}
	f, err := comparison(b, m, op, t)
	if err != nil {
		return err
	}
	yes := fullMask
	if td == tF32 {
		yes = math.Float32bits(1)
	}
	n := 3
	if boolean != "" {
		n = 4
		if err := b.count(4, 4); err != nil {
			return err
		}
		if b.in.c, b.in.negate, err = b.predicate(b.st.operands[3]); err != nil {
			return err
		}
		st := *b.st
		st.operands = st.operands[:n-1]
		b.st = &st
	}
	b.in.class = ClassCompare
	b.in.run = func(w *warp, in *inst, m uint32) {
		r := f(w, in)
		if boolean != "" {
			r = combined(boolean, r, w.predOf(in.c, in.negate))
		}
		d := w.out32(in.d, m)
		for i := range d {
			d[i] = yes & -(r >> i & 1)
		}
		w.keep32(in.d, m)
	}
	return b.bind(td, t, t)
}

func decodeSelp(b *builder, m *mods) error {
	t := m.typ()
	if t.size() < 2 || t.half() {
		return m.badType(t)
	}
	if err := b.count(4, 4); err != nil {
		return err
	}
	ops := b.st.operands
	var err error
	if b.in.a, err = b.source(ops[1], t); err != nil {
		return err
	}
	if b.in.b, err = b.source(ops[2], t); err != nil {
		return err
	}
	if b.in.c, b.in.negate, err = b.predicate(ops[3]); err != nil {
		return err
	}
	b.in.d, err = b.dst(ops[0], t)
	b.in.class = ClassInt
	b.in.run = b.loops.select32
	if t.size() == 8 {
		b.in.run = func(w *warp, in *inst, m uint32) {
			d, x, y, p := w.out64(in.d, m), w.s64(in.a), w.s64(in.b), w.predOf(in.c, in.negate)
			for i := range d {
				v := y[i]
				if p>>i&1 != 0 {
					v = x[i]
				}
				d[i] = v
			}
			w.keep64(in.d, m)
		}
	}
	return err
}

func decodeSlct(b *builder, m *mods) error {
	ftz := m.has("ftz")
	t, tc := m.typ(), m.typ()
	if t.size() < 2 || t.half() || tc != tS32 && tc != tF32 {
		return m.badType(t)
	}
	positive := func(c uint32) bool {
		if tc == tS32 {
			return int32(c) >= 0
		}
		if ftz {
			c = flush(c)
		}
		return f32(c) >= 0
	}
	b.in.class = ClassInt
	wide := t.size() == 8
	b.in.run = func(w *warp, in *inst, m uint32) {
		c := w.s32(in.c)
		if wide {
			d, x, y := w.out64(in.d, m), w.s64(in.a), w.s64(in.b)
			for i := range d {
				v := y[i]
				if positive(c[i]) {
					v = x[i]
				}
				d[i] = v
			}
			w.keep64(in.d, m)
			return
		}
		d, x, y := w.out32(in.d, m), w.s32(in.a), w.s32(in.b)
		for i := range d {
			v := y[i]
			if positive(c[i]) {
				v = x[i]
			}
			d[i] = v
		}
		w.keep32(in.d, m)
	}
	return b.bind(t, t, t, tc)
}
