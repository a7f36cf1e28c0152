package emulator

// lower makes the program of a kernel.
func lower(mod *Module, src *source, fn *function) (*program, error) {
	prog := &program{name: fn.name, module: mod, granule: 4, params: fn.params}
	b := &builder{src: src, mod: mod, prog: prog, loops: mod.device.loops,
		consts32: map[uint32]int32{}, consts64: map[uint64]int32{}, specials: map[special]specialUse{},
		address: map[*variable]place{}, uses: map[string]bool{}}
	b.st = &statement{op: fn.name, line: fn.line}
	f := b.enter(fn)
	for _, v := range fn.params {
		if v.space != spaceParam {
			return nil, errorAt(v.line, "parameter %s of a kernel is in .%v", v.name, v.space)
		}
		prog.paramBytes = alignUp(prog.paramBytes, v.align)
		f.places[v] = place{space: spaceParam, offset: prog.paramBytes}
		if prog.paramBytes += v.size; prog.paramBytes > 4096 {
			return nil, errorAt(v.line, "kernel %s has more than 4096 bytes of parameters", fn.name)
		}
	}
	b.sharedLayout(fn, map[*function]bool{})
	if err := b.inline(f); err != nil {
		return nil, err
	}
	for _, r := range f.returns {
		prog.code[r].control = ctlExit
	}
	b.append(inst{control: ctlExit, guard: -1, line: b.endLine(fn), class: ClassControl})
	if err := b.resolve(); err != nil {
		return nil, err
	}
	if prog.n32*128+prog.n64*256 > maxWarpBytes {
		return nil, errorAt(fn.line, "kernel %s uses %d registers with its calls inlined: too many", fn.name, prog.nreg)
	}
	if prog.localBytes > 512<<10 {
		return nil, errorAt(fn.line, "kernel %s uses %d bytes of local memory a thread: at most 512 KiB", fn.name, prog.localBytes)
	}
	prog.straighten()
	if !mod.device.cfg.Unchecked {
		prog.prove()
	}
	return prog, nil
}

// straighten notes for each instruction how far the text runs on without a change of flow.
func (p *program) straighten() {
	next := int32(len(p.code))
	for i := len(p.code) - 1; i >= 0; i-- {
		if p.code[i].control != ctlNone {
			next = int32(i)
		}
		p.code[i].straight = next
	}
}

// sharedLayout places the static shared variables first, in order of
// declaration, so that external arrays come to lie behind all of them.
func (b *builder) sharedLayout(fn *function, seen map[*function]bool) {
	used := map[*variable]bool{}
	var order []*variable
	var visit func(fn *function)
	note := func(v *variable) {
		if v != nil && v.space == spaceShared && !used[v] {
			used[v] = true
			order = append(order, v)
		}
	}
	var walk func(ops []operand)
	walk = func(ops []operand) {
		for _, o := range ops {
			note(o.v)
			if o.kind == opName {
				if callee := b.src.byName[o.name]; callee != nil {
					visit(callee)
				}
			}
			walk(o.sub)
		}
	}
	visit = func(fn *function) {
		if seen[fn] {
			return
		}
		seen[fn] = true
		for _, v := range fn.locals {
			note(v)
		}
		for _, st := range fn.body {
			walk(st.operands)
		}
	}
	visit(fn)
	align := int64(16)
	for _, v := range order {
		if !v.extrn {
			b.placeShared(v)
		} else {
			align = max(align, v.align)
		}
	}
	end := alignUp(b.prog.shared, align)
	for _, v := range order {
		if v.extrn {
			b.address[v] = place{space: spaceShared, offset: end}
			b.prog.shared = end
		}
	}
}

func (b *builder) enter(fn *function) *frame {
	b.work += len(fn.regs)/8 + len(fn.locals)
	f := &frame{fn: fn, regs: make([]*preg, len(fn.regs)), places: map[*variable]place{}, outer: b.frame}
	for _, v := range fn.locals {
		if v.space == spaceLocal || v.space == spaceParam {
			f.places[v] = b.local(v.size, v.align)
		}
	}
	b.frame = f
	return f
}

// inline appends the instructions of a frame's function.
func (b *builder) inline(f *frame) error {
	if b.depth++; b.depth > maxDepth {
		return b.fail("calls nested too deeply")
	}
	b.uses[f.fn.name] = true
	for i := range f.fn.body {
		st := &f.fn.body[i]
		f.start = append(f.start, int32(len(b.prog.code)))
		b.st = st
		if b.work++; b.work > maxWork {
			return b.fail("kernel %s calls too much: calls are inlined", b.prog.name)
		}
		if st.op == "" || st.op[0] == '.' {
			continue
		}
		if err := b.instruction(st); err != nil {
			return err
		}
		if len(b.prog.code) > maxProgram {
			return b.fail("kernel %s is longer than %d instructions with its calls inlined", b.prog.name, maxProgram)
		}
	}
	f.start = append(f.start, int32(len(b.prog.code)))
	delete(b.uses, f.fn.name)
	b.depth--
	return nil
}

func (b *builder) endLine(fn *function) int32 {
	if n := len(fn.body); n > 0 {
		return int32(fn.body[n-1].line)
	}
	return int32(fn.line)
}

func (b *builder) append(in inst) { b.prog.code = append(b.prog.code, in) }

func (b *builder) instruction(st *statement) error {
	in := inst{guard: -1, line: int32(st.line), class: ClassOther}
	if st.guard >= 0 {
		p := b.reg(st.guard)
		in.guard, in.guardID = p.col, p.id
		if st.negate {
			in.neg = fullMask
		}
	}
	b.in = &in
	m := splitOp(st.op, st.line)
	decode := decoder(m.op)
	if decode == nil {
		return b.fail("unknown instruction %s", st.op)
	}
	if err := decode(b, m); err != nil {
		return err
	}
	if err := m.done(); err != nil {
		return err
	}
	if in.run != nil || in.control != ctlNone {
		b.append(in)
	}
	return nil
}

// resolve turns labels into instruction numbers.
func (b *builder) resolve() error {
	for _, fx := range b.fixups {
		at, ok := findLabel(fx.label, fx.scope)
		if !ok {
			return errorAt(fx.line, "unknown label %s", fx.label)
		}
		target := fx.frame.start[at]
		if in := &b.prog.code[fx.inst]; fx.slot >= 0 {
			in.sync.targets[fx.slot] = target
		} else {
			in.target = target
		}
	}
	return nil
}

func findLabel(name string, s *scope) (int, bool) {
	for ; s != nil; s = s.parent {
		if at, ok := s.labels[name]; ok {
			return at, true
		}
	}
	return 0, false
}

// registersPerThread estimates what a compiler would allocate: the largest
// number of 32-bit registers that are live at once along the text.
func (p *program) registersPerThread() int {
	first, last := make([]int, p.nreg), make([]int, p.nreg)
	touch := func(ids []int32, at int) {
		for _, id := range ids {
			if first[id] == 0 {
				first[id] = at + 1
			}
			last[id] = at + 1
		}
	}
	for at, in := range p.code {
		touch(in.reads, at)
		touch(in.writes, at)
	}
	change := make([]int, len(p.code)+2)
	for id, at := range first {
		if at > 0 {
			change[at-1] += int(p.words[id])
			change[last[id]] -= int(p.words[id])
		}
	}
	live, peak := 0, 0
	for _, c := range change {
		live += c
		peak = max(peak, live)
	}
	return peak
}
