package main

// stage is the data of stage.ptx.tmpl.
type stage struct {
	Type   string // f16 or bf16
	Ending string // of the entry's name
	Scaled bool   // rows are brought into its range
	Few    bool   // in the order of matfew's fragments
}

// Eight is for loops of a template.
func (stage) Eight() []int { return count(8) }

// Pairs of eight numbers: upper, lower, place.
func (stage) Pairs() [][3]int { return [][3]int{{1, 0, 0}, {3, 2, 1}, {5, 4, 2}, {7, 6, 3}} }

// Words of four integers: which, and which word.
func (stage) Words() [][5]int { return [][5]int{{0, 1, 2, 3, 0}, {4, 5, 6, 7, 1}} }

// LoadEight loads eight numbers from %at on, with zeros behind the %left that are there.
func (stage) LoadEight(to, oneByOne, loaded string) string {
	t := &text{}
	for i := 0; i < 8; i += 4 {
		t.line("mov.f32 %s%d, 0f00000000; mov.f32 %s%d, 0f00000000; mov.f32 %s%d, 0f00000000; mov.f32 %s%d, 0f00000000;", to, i, to, i+1, to, i+2, to, i+3)
	}
	t.line("@!%%whole bra %s;", oneByOne)
	t.line("setp.gt.s32 %%p, %%left, 0; @%%p ld.global.nc.v4.f32 {%s}, [%%at];", list(to, 0, 4))
	t.line("setp.gt.s32 %%p, %%left, 4; @%%p ld.global.nc.v4.f32 {%s}, [%%at+16];", list(to, 4, 4))
	t.line("bra %s;", loaded)
	t.line("%s:", oneByOne)
	for i := 0; i < 8; i += 2 {
		one := "setp.gt.s32 %%p, %%left, %d; @%%p ld.global.nc.f32 %s%d, [%%at+%d];"
		t.line(one+" "+one, i, to, i, 4*i, i+1, to, i+1, 4*i+4)
	}
	t.line("%s:", loaded)
	return t.String()
}

// BlockSum adds %sum up over the block, in the same order in each thread.
func (stage) BlockSum() string {
	t := &text{}
	for lane := 16; lane > 0; lane /= 2 {
		t.line("shfl.sync.bfly.b32 %%other, %%sum, %d, 31, 0xffffffff; add.rn.f32 %%sum, %%sum, %%other;", lane)
	}
	t.line("st.shared.f32 [%%cell], %%sum;")
	t.line("bar.sync 0; // every warp's sum is written before any is read")
	t.line("mov.f32 %%sum, 0f00000000;")
	for i := range 8 {
		t.line("ld.shared.f32 %%other, [%%first_cell+%d]; add.rn.f32 %%sum, %%sum, %%other;", 4*i)
	}
	return t.String()
}
