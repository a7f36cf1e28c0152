package emulator

import (
	"math"
)

// builder lowers one kernel to a program.
type builder struct {
	src   *source
	mod   *Module
	prog  *program
	loops *loops
	in    *inst
	st    *statement
	frame *frame
	depth int
	work  int

	consts32 map[uint32]int32
	consts64 map[uint64]int32
	specials map[special]specialUse
	address  map[*variable]place // of variables that belong to this program
	fixups   []fixup
	uses     map[string]bool // functions on the call path
}

// place is where a variable lies: a state space and an offset in it.
type place struct {
	space  space
	offset int64
}

// preg is a register of the program.
type preg struct {
	class regClass
	typ   scalar
	col   int32
	id    int32
}

// frame is one inlined copy of a function.
type frame struct {
	fn      *function
	regs    []*preg
	places  map[*variable]place
	start   []int32 // instruction of each statement
	outer   *frame
	returns []int // instructions that jump behind the copy
}

type fixup struct {
	inst  int
	slot  int // of a branch table, -1 for the target
	label string
	scope *scope
	frame *frame
	line  int
}

const (
	maxProgram   = 1 << 18 // instructions after inlining
	maxWork      = 1 << 22 // statements and registers gone through in inlining
	maxWarpBytes = 4 << 20 // of a warp's registers
)

func (b *builder) newReg(t scalar, name string) preg {
	p := preg{class: t.class(), typ: t, id: int32(b.prog.nreg)}
	b.prog.nreg++
	b.prog.words = append(b.prog.words, uint8(t.class()))
	b.prog.names = append(b.prog.names, name)
	switch p.class {
	case classPred:
		p.col = int32(b.prog.npred)
		b.prog.npred++
	case class32:
		p.col = int32(b.prog.n32)
		b.prog.n32++
	case class64:
		p.col = int32(b.prog.n64)
		b.prog.n64++
	}
	return p
}

func (b *builder) reg(n int) preg {
	if p := b.frame.regs[n]; p != nil {
		return *p
	}
	p := b.newReg(b.frame.fn.regs[n], b.frame.fn.names[n])
	b.frame.regs[n] = &p
	return p
}

func (b *builder) fail(format string, args ...any) error {
	return errorAt(b.st.line, format, args...)
}

// need checks the module's target and version against an instruction's floor.
func (b *builder) need(target, version int) error {
	if b.src.target < target {
		return b.fail("%s needs .target sm_%d or later, the module says sm_%d", b.st.op, target, b.src.target)
	}
	if b.src.version < version {
		return b.fail("%s needs .version %d.%d or later, the module says %d.%d", b.st.op, version/10, version%10, b.src.version/10, b.src.version%10)
	}
	return nil
}

func (b *builder) constant32(v uint32) int32 {
	if i, ok := b.consts32[v]; ok {
		return i
	}
	var c col32
	for i := range c {
		c[i] = v
	}
	b.prog.const32 = append(b.prog.const32, c)
	i := ^int32(len(b.prog.const32) - 1)
	b.consts32[v] = i
	return i
}

func (b *builder) constant64(v uint64) int32 {
	if i, ok := b.consts64[v]; ok {
		return i
	}
	var c col64
	for i := range c {
		c[i] = v
	}
	b.prog.const64 = append(b.prog.const64, c)
	i := ^int32(len(b.prog.const64) - 1)
	b.consts64[v] = i
	return i
}

func (b *builder) constant(t scalar, v uint64) int32 {
	switch t.size() {
	case 1:
		return b.constant32(uint32(v) & 0xff)
	case 2:
		return b.constant32(uint32(v) & 0xffff)
	case 8:
		return b.constant64(v)
	}
	return b.constant32(uint32(v))
}

// read and write note the registers whose lanes must be, or become, defined.
func (b *builder) read(p preg) int32 {
	b.in.reads = append(b.in.reads, p.id)
	return p.col
}

func (b *builder) write(p preg) int32 {
	b.in.writes = append(b.in.writes, p.id)
	return p.col
}

// fits checks a register against the type of the instruction. A wide operand
// may be larger than the type, as those of ld, st and cvt.
func (b *builder) fits(o operand, p preg, t scalar, wide bool) error {
	ok := p.class == t.class()
	if t != tPred && p.class != classPred {
		size := p.typ.size()
		ok = size == t.size() || wide && size > t.size()
	}
	if !ok {
		return b.fail("register %s (.%v) as a .%v operand of %s", o.name, p.typ, t, b.st.op)
	}
	return nil
}

// dst binds a destination register.
func (b *builder) dst(o operand, t scalar) (int32, error) {
	switch o.kind {
	case opSink:
		return b.write(b.newReg(t, "_")), nil
	case opReg:
		p := b.reg(o.reg)
		if err := b.fits(o, p, t, false); err != nil {
			return 0, err
		}
		return b.write(p), nil
	}
	return 0, b.fail("destination of %s is no register", b.st.op)
}

// source binds a source operand: register, immediate, special register or the
// address of a variable.
func (b *builder) source(o operand, t scalar) (int32, error) {
	switch o.kind {
	case opReg:
		p := b.reg(o.reg)
		if err := b.fits(o, p, t, false); err != nil {
			return 0, err
		}
		return b.read(p), nil
	case opInt:
		if t == tPred {
			break
		}
		if t == tF32 || t == tF64 || t.half() {
			return 0, b.fail("integer %d as a .%v operand of %s: write it as a float", int64(o.value), t, b.st.op)
		}
		return b.constant(t, o.value), nil
	case opFloat:
		v, err := constant{bits: o.value, float: true, wide: o.wide}.as(t, b.st.line)
		if err != nil {
			return 0, err
		}
		return b.constant(t, v), nil
	case opSpecial:
		return b.specialSource(o, t)
	case opVar:
		addr, err := b.addressOf(o)
		if err != nil {
			return 0, err
		}
		if t.size() == 4 && addr > math.MaxUint32 || t.size() < 4 || t.float() {
			return 0, b.fail("the address of %s does not fit in .%v", o.v.name, t)
		}
		return b.constant(t, addr), nil
	}
	return 0, b.fail("bad .%v operand of %s", t, b.st.op)
}

func (b *builder) specialSource(o operand, t scalar) (int32, error) {
	kind := specials[o.name]
	wide := kind.wide()
	if wide && t.size() == 4 && kind == spGrid {
		wide = false
	}
	if wide != (t.size() == 8) || t.size() < 4 || t.float() {
		return 0, b.fail("special register %s as a .%v operand", o.name, t)
	}
	if kind.volatile() {
		p := b.newReg(t, o.name)
		saved := b.in
		b.append(inst{run: runSpecial(kind), d: p.col, guard: -1, line: int32(b.st.line), class: ClassOther, writes: []int32{p.id}})
		b.in = saved
		return b.read(p), nil
	}
	u, ok := b.specials[kind]
	if !ok {
		p := b.newReg(t, o.name)
		u = specialUse{kind: kind, col: p.col, wide: wide, id: p.id}
		b.specials[kind] = u
		b.prog.special = append(b.prog.special, u)
	}
	if u.wide != wide {
		return 0, b.fail("special register %s as a .%v operand", o.name, t)
	}
	return u.col, nil
}

// predicate binds a predicate operand, with its negation.
func (b *builder) predicate(o operand) (col int32, negate bool, err error) {
	if o.kind != opReg {
		return 0, false, b.fail("operand of %s is no predicate", b.st.op)
	}
	p := b.reg(o.reg)
	if p.class != classPred {
		return 0, false, b.fail("register %s of %s is no predicate", o.name, b.st.op)
	}
	return b.read(p), o.negate, nil
}

// bind binds a destination and up to four sources of the given types to d, a,
// b, c, e.
func (b *builder) bind(dst scalar, srcs ...scalar) error {
	ops := b.st.operands
	if len(ops) != len(srcs)+1 {
		return b.fail("%s has %d operands, not %d", b.st.op, len(srcs)+1, len(ops))
	}
	slots := [4]*int32{&b.in.a, &b.in.b, &b.in.c, &b.in.e}
	for i, t := range srcs {
		col, err := b.source(ops[i+1], t)
		if err != nil {
			return err
		}
		*slots[i] = col
	}
	d, err := b.dst(ops[0], dst)
	b.in.d = d
	return err
}

// count checks the number of operands.
func (b *builder) count(lo, hi int) error {
	if n := len(b.st.operands); n < lo || n > hi {
		return b.fail("%s with %d operands", b.st.op, n)
	}
	return nil
}

// addressOf gives the address of a variable in its own space.
func (b *builder) addressOf(o operand) (uint64, error) {
	v := o.v
	switch v.space {
	case spaceGlobal, spaceConst:
		if v.extrn {
			return 0, b.fail("%s is declared .extern: modules are not linked", v.name)
		}
		return v.addr + uint64(o.offset), nil
	}
	p, ok := b.placeOf(v)
	if !ok {
		return 0, b.fail("%s has no address here", v.name)
	}
	return uint64(p.offset + o.offset), nil
}

func (b *builder) placeOf(v *variable) (place, bool) {
	for f := b.frame; f != nil; f = f.outer {
		if p, ok := f.places[v]; ok {
			return p, true
		}
	}
	if p, ok := b.address[v]; ok {
		return p, true
	}
	if v.space != spaceShared {
		return place{}, false
	}
	return b.placeShared(v), true
}

// placeShared gives a shared variable its offset at its first use. External
// arrays, whose size the launch decides, all begin behind the static variables.
func (b *builder) placeShared(v *variable) place {
	p := place{space: spaceShared}
	b.prog.shared = alignUp(b.prog.shared, v.align)
	p.offset = b.prog.shared
	b.prog.shared += v.size
	b.address[v] = p
	return p
}

func alignUp(n, align int64) int64 { return (n + align - 1) &^ (align - 1) }

func (b *builder) local(size, align int64) place {
	b.prog.localBytes = alignUp(b.prog.localBytes, align)
	p := place{space: spaceLocal, offset: b.prog.localBytes}
	b.prog.localBytes += size
	return p
}
