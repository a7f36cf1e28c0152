package main

import "fmt"

// How a lane of matvec comes by its unit of activations: loaded, put through the norm, and
// summed up where a format needs sums.

// each writes one instruction for each of n numbers, on one line: %[1]d in form is the
// number from + i, %[2]d is i.
func (t *text) each(from, n int, form string) {
	for i := range n {
		if i > 0 {
			t.WriteByte(' ')
		}
		fmt.Fprintf(t, form, from+i, i)
	}
	t.WriteByte('\n')
}

// loadX loads the unit and puts it through the norm, 32 numbers at a time, so that not too many
// registers wait for x, gain and shift at once.
func (c codec) loadX() string {
	t := &text{}
	if c.isFloat() {
		t.line("{")
		t.line(".reg .u32 %%here;")
		t.line("shl.b32 %%here, %%unit, %d; sub.u32 %%here, %%K, %%here; // numbers from here on", log2(c.unit))
	}
	chunk := min(c.unit, 32)
	for from := 0; from < c.unit; from += chunk {
		n := min(chunk, c.unit-from)
		c.loadUnit(t, "%x", "x", from, n)
		t.line("@%%plain bra HAVE_X%d;", from)
		if from == 0 {
			t.line("// h = ((x - mean) gain + shift / rstd) rstd; the sums are multiplied by rstd at the end. Without a mean")
			t.line("// it is RMSNorm, and rstd comes of the squares of x")
		}
		t.line("@!%%layer bra CENTRED%d;", from)
		for o := from; o < from+n; o += 8 {
			t.each(o, min(8, from+n-o), "sub.f32 %%x%[1]d, %%x%[1]d, %%mean;")
		}
		t.line("CENTRED%d:", from)
		for o := from; o < from+n; o += 8 {
			n := min(8, from+n-o)
			c.loadUnit(t, "%g", "gain", o, n)
			t.each(o, n, "fma.rn.f32 %%squares, %%x%[1]d, %%x%[1]d, %%squares;")
			t.each(o, n, "mul.f32 %%x%[1]d, %%x%[1]d, %%g%[2]d;")
		}
		t.line("@!%%shifted bra HAVE_X%d;", from)
		for o := from; o < from+n; o += 8 {
			n := min(8, from+n-o)
			c.loadUnit(t, "%g", "shift", o, n)
			t.each(o, n, "fma.rn.f32 %%x%[1]d, %%g%[2]d, %%deviation, %%x%[1]d;")
		}
		t.line("HAVE_X%d:", from)
		if c.int8 {
			t.roundX(from / 32)
		}
	}
	if c.isFloat() {
		t.line("}")
	}
	if c.int8 {
		c.sumInt8(t)
	} else {
		c.sumX(t)
	}
	return t.String()
}

// loadUnit loads numbers from..from+n-1 of the unit of a row into registers, from number 0
// on in the case of eight temporary ones.
func (c codec) loadUnit(t *text, regs, name string, from, n int) {
	if name != "x" && from%32 == 0 {
		t.line("ld.param.u64 %%%s_at, [%s]; mad.wide.u32 %%%s_at, %%unit, %d, %%%s_at;", name, name, name, 4*c.unit, name)
	} else if from == 0 {
		t.line("mad.wide.u32 %%x_at, %%unit, %d, %%x_row;", 4*c.unit)
	}
	to := from
	if regs == "%g" {
		to = 0
	}
	if c.isFloat() {
		c.loadRagged(t, regs, name, n)
		return
	}
	for i := 0; i < n; i += 8 {
		t.line("ld.global.nc.v4.f32 {%s}, [%%%s_at+%d]; ld.global.nc.v4.f32 {%s}, [%%%s_at+%d];",
			run(regs, to+i, 4), name, 4*(from+i), run(regs, to+i+4, 4), name, 4*(from+i)+16)
	}
}

// loadRagged loads a unit of which the end may lie past K, as zeros, from an address that
// may be a multiple of 4 only.
func (c codec) loadRagged(t *text, regs, name string, n int) {
	t.each(0, n, "mov.f32 "+"%"+regs+"%[1]d, 0f00000000;")
	t.line("@%%scattered bra %s_BY_ONE;", name)
	for i := 0; i < n; i += 4 {
		if i == 0 {
			t.line("ld.global.nc.v4.f32 {%s}, [%%%s_at];", run(regs, 0, 4), name)
			continue
		}
		t.line("setp.gt.u32 %%p, %%here, %d; @%%p ld.global.nc.v4.f32 {%s}, [%%%s_at+%d];", i, run(regs, i, 4), name, 4*i)
	}
	t.line("bra HAVE_%s;", name)
	t.line("%s_BY_ONE:", name)
	for i := range n {
		t.line("setp.gt.u32 %%p, %%here, %d; @%%p ld.global.nc.f32 %s%d, [%%%s_at+%d];", i, regs, i, name, 4*i)
	}
	t.line("HAVE_%s:", name)
}

// sumX makes sum<s> the sums of x that minima are multiplied with.
func (c codec) sumX(t *text) {
	if c.sums == 0 || c.origin > 0 {
		return
	}
	t.line("// sums of x, for the minima")
	for s := range c.unit / c.sums {
		from := s * c.sums
		t.line("add.f32 %%sum%d, %%x%d, %%x%d;", s, from, from+1)
		for i := from + 2; i < from+c.sums; i += 8 {
			t.each(i, min(8, from+c.sums-i), fmt.Sprintf("add.f32 %%%%sum%d, %%%%sum%d, %%%%x%%[1]d;", s, s))
		}
	}
}
