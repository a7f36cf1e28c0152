package emulator

import "math/bits"

// syncOp holds what barriers and indexed branches need beside their operands.
type syncOp struct {
	counted    bool // a number of threads is given
	arriveOnly bool
	reduce     string  // popc, and, or
	targets    []int32 // of brx.idx
}

func decodeBra(b *builder, m *mods) error {
	m.has("uni")
	if err := b.count(1, 1); err != nil {
		return err
	}
	o := b.st.operands[0]
	if o.kind != opName {
		return b.fail("bra to something that is no label")
	}
	b.in.control, b.in.class = ctlBranch, ClassControl
	b.label(o.name, -1)
	return nil
}

// label has the target of the instruction being built filled in later; slot is
// the entry of a branch table or -1.
func (b *builder) label(name string, slot int) {
	b.fixups = append(b.fixups, fixup{inst: len(b.prog.code), slot: slot, label: name, scope: b.st.scope, frame: b.frame, line: b.st.line})
}

func decodeBrx(b *builder, m *mods) error {
	if !m.has("idx") {
		return b.fail("unknown instruction %s", b.st.op)
	}
	m.has("uni")
	if err := b.count(2, 2); err != nil {
		return err
	}
	table := b.st.operands[1]
	at, ok := findLabel(table.name, b.st.scope)
	if !ok || at >= len(b.frame.fn.body) || b.frame.fn.body[at].op != ".branchtargets" {
		return b.fail("%s is no list of .branchtargets", table.name)
	}
	var err error
	if b.in.a, err = b.source(b.st.operands[0], tU32); err != nil {
		return err
	}
	names := b.frame.fn.body[at].operands
	b.in.sync = &syncOp{targets: make([]int32, len(names))}
	for i, o := range names {
		b.label(o.name, i)
	}
	b.in.control, b.in.class = ctlTable, ClassControl
	b.in.run = func(w *warp, in *inst, m uint32) {
		w.pc++
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			i := w.s32(in.a)[l]
			if i >= uint32(len(in.sync.targets)) {
				w.fault(OutOfBounds, l, 0, "index %d of a table of %d branch targets", i, len(in.sync.targets))
				return
			}
			w.others = append(w.others, fragment{pc: in.sync.targets[i], mask: 1 << l})
			w.mask &^= 1 << l
		}
	}
	return nil
}

func decodeExit(b *builder, m *mods) error {
	m.has("uni")
	b.in.class = ClassControl
	if m.op == "exit" || b.frame.outer == nil {
		b.in.control = ctlExit
		return b.count(0, 0)
	}
	b.in.control = ctlBranch
	b.frame.returns = append(b.frame.returns, len(b.prog.code))
	return b.count(0, 0)
}

func decodeTrap(b *builder, _ *mods) error {
	b.in.class = ClassControl
	b.in.run = func(w *warp, _ *inst, m uint32) {
		w.fault(Trap, bits.TrailingZeros32(m), 0, "the kernel gave up")
	}
	return b.count(0, 0)
}

// decodeBar covers the barriers of a block and bar.warp.sync.
func decodeBar(b *builder, m *mods) error {
	b.in.class = ClassBarrier
	ops := b.st.operands
	var err error
	if m.has("warp") {
		if !m.has("sync") {
			return b.fail("unknown instruction %s", b.st.op)
		}
		if err := b.count(1, 1); err != nil {
			return err
		}
		b.in.e, err = b.source(ops[0], tB32)
		b.in.control = ctlWarpSync
		b.in.run = func(w *warp, _ *inst, m uint32) { w.syncLanes(m) }
		return err
	}
	m.has("cta")
	op := &syncOp{}
	b.in.sync, b.in.control = op, ctlBarrier
	kind := m.one("sync", "arrive", "red")
	if m.op == "barrier" {
		m.has("aligned")
	}
	switch kind {
	case "sync", "arrive":
		op.arriveOnly = kind == "arrive"
		if err := b.count(1+int(bit(op.arriveOnly)), 2); err != nil {
			return err
		}
	case "red":
		if ops, err = b.barReduction(m, op); err != nil {
			return err
		}
	default:
		return b.fail("unknown instruction %s", b.st.op)
	}
	if b.in.a, err = b.source(ops[0], tU32); err != nil {
		return err
	}
	if op.counted = len(ops) == 2; op.counted {
		b.in.b, err = b.source(ops[1], tU32)
	}
	return err
}

// barReduction binds the destination and predicate of bar.red and returns the
// operands left: the barrier and the number of threads.
func (b *builder) barReduction(m *mods, op *syncOp) ([]operand, error) {
	op.reduce = m.one("popc", "and", "or")
	t := m.typ()
	want := tPred
	if op.reduce == "popc" {
		want = tU32
	}
	if op.reduce == "" || t != want {
		return nil, m.badType(t)
	}
	if err := b.count(3, 4); err != nil {
		return nil, err
	}
	ops := b.st.operands
	last := len(ops) - 1
	var err error
	if b.in.c, b.in.negate, err = b.predicate(ops[last]); err != nil {
		return nil, err
	}
	b.in.d, err = b.dst(ops[0], t)
	return ops[1:last], err
}

// decodeFence: memory is consistent as it is. For the checker a fence orders nothing by
// itself; see history.
func decodeFence(b *builder, m *mods) error {
	scope := m.one("cta", "gl", "gpu", "sys")
	if m.op == "fence" {
		m.one("sc", "acq_rel")
		if err := b.need(70, 60); err != nil {
			return err
		}
	}
	if scope == "" || (scope == "gl") != (m.op == "membar") && scope != "cta" && scope != "sys" {
		return b.fail("unknown instruction %s", b.st.op)
	}
	b.in.class = ClassBarrier
	b.in.run = func(*warp, *inst, uint32) {}
	if scope != "cta" {
		b.in.run = func(w *warp, _ *inst, _ uint32) { w.block.fence() }
	}
	return b.count(0, 0)
}

func decodeNanosleep(b *builder, m *mods) error {
	if err := b.need(70, 63); err != nil {
		return err
	}
	if t := m.typ(); t != tU32 {
		return m.badType(t)
	}
	if err := b.count(1, 1); err != nil {
		return err
	}
	var err error
	b.in.a, err = b.source(b.st.operands[0], tU32)
	b.in.run = func(*warp, *inst, uint32) {}
	return err
}
