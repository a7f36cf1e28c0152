package emulator

// prove finds out, before a kernel runs, which registers surely hold a value where they are
// read: those that every path of a thread from the kernel's start has written. What is
// left is checked as the kernel runs. It fills in checks and marks of all instructions.
//
// This is the usual forward analysis of definite assignment over basic blocks; a write
// under a guard counts for nothing, a register that was read unguarded counts as written
// from there on, since the check has held.
func (p *program) prove() {
	f := newFlow(p)
	if f == nil {
		for i := range p.code {
			in := &p.code[i]
			in.checks, in.marks, in.guardChecked = in.reads, in.writes, in.guard >= 0
			if in.copies {
				in.checks = nil
			}
		}
		return
	}
	f.solve()
	doubtful := f.checks()
	p.marks(doubtful)
}

// maxFlowWords bounds the memory that prove takes.
const maxFlowWords = 1 << 22

// flow is the state of the analysis: for each basic block the registers that are defined
// where it begins.
type flow struct {
	p      *program
	words  int
	leader []int32 // of each instruction: the block that begins there, or -1
	starts []int32
	in     [][]uint64
}

func newFlow(p *program) *flow {
	n := len(p.code)
	f := &flow{p: p, words: (p.nreg + 63) / 64, leader: make([]int32, n)}
	begins := make([]bool, n+1)
	begins[0] = true
	for i := range p.code {
		if in := &p.code[i]; in.control == ctlBranch || in.control == ctlTable || in.control == ctlExit {
			begins[i+1] = true
			for _, t := range p.targets(i) {
				begins[t] = true
			}
		}
	}
	for i := range n {
		f.leader[i] = -1
		if begins[i] {
			f.leader[i] = int32(len(f.starts))
			f.starts = append(f.starts, int32(i))
		}
	}
	if len(f.starts)*f.words > maxFlowWords {
		return nil
	}
	f.in = make([][]uint64, len(f.starts))
	return f
}

// targets are the instructions other than the next one to which instruction i may lead.
func (p *program) targets(i int) []int32 {
	switch in := &p.code[i]; in.control {
	case ctlBranch:
		return []int32{in.target}
	case ctlTable:
		return in.sync.targets
	}
	return nil
}

// solve runs the blocks until nothing changes. A block that is not reached stays nil.
func (f *flow) solve() {
	entry := make([]uint64, f.words)
	for _, u := range f.p.special {
		set(entry, u.id)
	}
	f.in[0] = entry
	work := []int32{0}
	state := make([]uint64, f.words)
	for len(work) > 0 {
		b := work[len(work)-1]
		work = work[:len(work)-1]
		copy(state, f.in[b])
		for i := int(f.starts[b]); ; i++ {
			in := &f.p.code[i]
			step(in, state)
			for _, t := range f.p.targets(i) {
				work = f.meet(f.leader[t], state, work)
			}
			ends := in.guard < 0 && (in.control == ctlBranch || in.control == ctlExit) || in.control == ctlTable && in.guard < 0
			if ends || i+1 == len(f.p.code) {
				break
			}
			if next := f.leader[i+1]; next >= 0 {
				work = f.meet(next, state, work)
				break
			}
		}
	}
}

// meet takes what is not defined on this path, too, out of a block's state.
func (f *flow) meet(b int32, state []uint64, work []int32) []int32 {
	if f.in[b] == nil {
		f.in[b] = append([]uint64(nil), state...)
		return append(work, b)
	}
	changed := false
	for i, v := range state {
		if f.in[b][i]&^v != 0 {
			f.in[b][i] &= v
			changed = true
		}
	}
	if changed {
		return append(work, b)
	}
	return work
}

// step is what an instruction does to the defined registers.
func step(in *inst, state []uint64) {
	if in.copies {
		switch known := has(state, in.reads[0]); {
		case !known:
			state[in.writes[0]/64] &^= 1 << (in.writes[0] % 64)
		case in.guard < 0:
			set(state, in.writes[0])
		}
		return
	}
	if in.guard >= 0 {
		set(state, in.guardID)
		return
	}
	for _, r := range in.reads {
		set(state, r)
	}
	for _, r := range in.writes {
		set(state, r)
	}
}

func set(state []uint64, r int32)      { state[r/64] |= 1 << (r % 64) }
func has(state []uint64, r int32) bool { return state[r/64]>>(r%64)&1 != 0 }

// checks fills in which reads need a look, and returns the registers that have such reads.
func (f *flow) checks() []uint64 {
	doubtful := make([]uint64, f.words)
	state := make([]uint64, f.words)
	for b, at := range f.starts {
		if f.in[b] == nil {
			continue // never reached
		}
		copy(state, f.in[b])
		for i := int(at); i < len(f.p.code) && (i == int(at) || f.leader[i] < 0); i++ {
			in := &f.p.code[i]
			in.checks = nil
			if in.guardChecked = in.guard >= 0 && !has(state, in.guardID); in.guardChecked {
				set(doubtful, in.guardID)
			}
			for _, r := range in.reads {
				if !in.copies && !has(state, r) {
					in.checks = append(in.checks, r)
					set(doubtful, r)
				}
			}
			step(in, state)
		}
	}
	return doubtful
}

// marks fills in which writes must be noted: those of doubtful registers, and of registers
// that are moved to such.
func (p *program) marks(doubtful []uint64) {
	for again := true; again; {
		again = false
		for i := range p.code {
			if in := &p.code[i]; in.copies && has(doubtful, in.writes[0]) && !has(doubtful, in.reads[0]) {
				set(doubtful, in.reads[0])
				again = true
			}
		}
	}
	for i := range p.code {
		in := &p.code[i]
		in.marks = nil
		for _, r := range in.writes {
			if has(doubtful, r) {
				in.marks = append(in.marks, r)
			}
		}
	}
}
