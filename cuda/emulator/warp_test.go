package emulator

import (
	"fmt"
	"testing"
)

// runThreads runs a body for n threads of one block; it leaves its result in %r
// and may use %t (thread), %x, %y, %z, %q, %p, %s (shared) and %rd.
func runThreads(t *testing.T, n int, body string) ([]uint32, string, error) {
	t.Helper()
	text := header + `
.visible .entry k(.param .u64 pout)
{
	.reg .b32 %r, %t, %x, %y, %z, %q, %s;
	.reg .pred %p, %p2;
	.reg .b64 %out, %rd;
	.shared .align 16 .b8 buf[4096];
	ld.param.u64 %out, [pout];
	mov.u32 %t, %tid.x;
	mad.wide.u32 %out, %t, 4, %out;
	mov.u32 %s, buf;
` + body + `
END:
	st.global.b32 [%out], %r;
	ret;
}
`
	d := New(Config{MaxInstructions: 1 << 20})
	f := loadKernel(t, d, text)
	out := zeros(t, d, int64(4*n))
	err := d.Launch(f, Dim3{1, 1, 1}, Dim3{n, 1, 1}, 0, pack(out))
	return fromDevice[uint32](t, d, out, n), text, err
}

func TestFlow(t *testing.T) {
	t.Parallel()
	const full = 0xffffffff
	cases := []struct {
		name, body string
		n          int
		want       func(i uint32) uint32
	}{
		{"nested if", `
	mov.u32 %r, 0;
	and.b32 %x, %t, 1;
	setp.eq.u32 %p, %x, 0;
	@%p bra EVEN;
	add.u32 %r, %r, 100;
	setp.gt.u32 %p2, %t, 10;
	@%p2 add.u32 %r, %r, 1000;
	bra JOIN;
EVEN:
	and.b32 %x, %t, 2;
	setp.eq.u32 %p, %x, 0;
	@%p bra FOUR;
	add.u32 %r, %r, 20;
	bra JOIN;
FOUR:
	add.u32 %r, %r, 40;
JOIN:
	activemask.b32 %y;
	popc.b32 %y, %y;
	mad.lo.u32 %r, %y, 10000, %r;`, 32, func(i uint32) uint32 {
			switch {
			case i%2 == 1 && i > 10:
				return 321100
			case i%2 == 1:
				return 320100
			case i%4 == 0:
				return 320040
			}
			return 320020
		}},
		{"loops of different lengths meet again", `
	mov.u32 %r, 0;
	mov.u32 %x, 0;
LOOP:
	setp.ge.u32 %p, %x, %t;
	@%p bra DONE;
	add.u32 %r, %r, %x;
	add.u32 %x, %x, 1;
	bra LOOP;
DONE:
	activemask.b32 %y;
	setp.ne.u32 %p, %y, -1;
	@%p add.u32 %r, %r, 100000;`, 32, func(i uint32) uint32 { return i * (i - 1) / 2 }},
		{"early exit", `
	mov.u32 %r, 7;
	setp.lt.u32 %p, %t, 5;
	@%p exit;
	bar.sync 0;
	mov.u32 %r, 9;`, 64, func(i uint32) uint32 {
			if i < 5 {
				return 0
			}
			return 9
		}},
		{"partial last warp", `
	bar.sync 0;
	activemask.b32 %r;`, 40, func(i uint32) uint32 {
			if i < 32 {
				return full
			}
			return 0xff
		}},
		{"brx", `
	.reg .b32 %i;
	and.b32 %i, %t, 3;
	TAB: .branchtargets A, B, C, A;
	brx.idx %i, TAB;
A:	mov.u32 %r, 1;
	bra END;
B:	mov.u32 %r, 2;
	bra END;
C:	mov.u32 %r, 3;`, 32, func(i uint32) uint32 { return []uint32{1, 2, 3, 1}[i%4] }},
		{"barriers order warps", `
	mad.lo.u32 %s, %t, 4, %s;
	st.shared.u32 [%s], %t;
	bar.sync 0;
	mov.u32 %x, buf;
	sub.u32 %y, 63, %t;
	mad.lo.u32 %x, %y, 4, %x;
	ld.shared.u32 %r, [%x];`, 64, func(i uint32) uint32 { return 63 - i }},
		{"named barriers, producer and consumer", `
	mad.lo.u32 %x, %t, 4, %s;
	setp.ge.u32 %p, %t, 32;
	@%p bra CONSUME;
	add.u32 %r, %t, 5;
	st.shared.u32 [%x], %r;
	bar.arrive 3, 64;
	bra END;
CONSUME:
	bar.sync 3, 64;
	ld.shared.u32 %r, [%x+-128];`, 64, func(i uint32) uint32 { return i%32 + 5 }},
		{"bar.red", `
	setp.lt.u32 %p, %t, 3;
	bar.red.popc.u32 %r, 0, %p;
	bar.red.or.pred %p2, 1, %p;
	@%p2 add.u32 %r, %r, 10;
	bar.red.and.pred %p2, 2, %p;
	@%p2 add.u32 %r, %r, 100;`, 64, func(uint32) uint32 { return 13 }},
		{"a spinning warp lets others run", `
	mov.u32 %x, 0;
	setp.eq.u32 %p, %t, 0;
	@%p st.shared.u32 [%s], %x;
	bar.sync 0;
	mov.u32 %r, 1;
	setp.eq.u32 %p, %t, 32;
	@%p bra SET;
	setp.ne.u32 %p, %t, 0;
	@%p bra END;
SPIN:
	atom.shared.or.b32 %r, [%s], 0;
	setp.ne.u32 %p, %r, 77;
	@%p bra SPIN;
	bra END;
SET:
	atom.shared.exch.b32 %x, [%s], 77;`, 64, func(i uint32) uint32 {
			if i == 0 {
				return 77
			}
			return 1
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, text, err := runThreads(t, c.n, c.body)
			if err != nil {
				t.Fatalf("%v\n%s", err, numbered(text))
			}
			for i, v := range got {
				if want := c.want(uint32(i)); v != want {
					t.Errorf("thread %d: %d, want %d", i, v, want)
				}
			}
		})
	}
}

func TestWarpOperations(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, body string
		want       func(i uint32) uint32
	}{
		{"shfl up", "shfl.sync.up.b32 %r|%p, %t, 3, 0, -1;\n@!%p add.u32 %r, %r, 100;", func(i uint32) uint32 {
			if i < 3 {
				return i + 100
			}
			return i - 3
		}},
		{"shfl down, width 8", "shfl.sync.down.b32 %r|%p, %t, 2, 0x181f, -1;\n@!%p add.u32 %r, %r, 100;", func(i uint32) uint32 {
			if i%8 >= 6 {
				return i + 100
			}
			return i + 2
		}},
		{"shfl bfly", "shfl.sync.bfly.b32 %r, %t, 5, 31, -1;", func(i uint32) uint32 { return i ^ 5 }},
		{"shfl idx, width 16", "shfl.sync.idx.b32 %r, %t, 3, 0x101f, -1;", func(i uint32) uint32 { return i&16 + 3 }},
		{"shfl of half a warp", `
	mov.u32 %r, 99;
	setp.ge.u32 %p, %t, 16;
	@%p bra END;
	shfl.sync.bfly.b32 %r, %t, 8, 31, 0xffff;`, func(i uint32) uint32 {
			if i < 16 {
				return i ^ 8
			}
			return 99
		}},
		{"shfl meets in two branches", `
	setp.ge.u32 %p, %t, 16;
	@%p bra UPPER;
	shfl.sync.bfly.b32 %r, %t, 1, 31, 0xffff;
	bra END;
UPPER:
	shfl.sync.bfly.b32 %r, %t, 2, 31, 0xffff0000;`, func(i uint32) uint32 {
			if i < 16 {
				return i ^ 1
			}
			return i ^ 2
		}},
		{"vote", `
	setp.lt.u32 %p, %t, 4;
	vote.sync.ballot.b32 %r, %p, -1;
	vote.sync.any.pred %p2, %p, -1;
	@%p2 add.u32 %r, %r, 0x100;
	vote.sync.all.pred %p2, !%p, -1;
	@%p2 add.u32 %r, %r, 0x200;
	vote.sync.uni.pred %p2, %p, -1;
	@%p2 add.u32 %r, %r, 0x400;`, func(uint32) uint32 { return 0x10f }},
		{"match any", "and.b32 %x, %t, 1;\nmatch.any.sync.b32 %r, %x, -1;", func(i uint32) uint32 { return 0x55555555 << (i & 1) }},
		{"match all", "mov.u32 %x, 4;\nmatch.all.sync.b32 %r|%p, %x, -1;\n@%p sub.u32 %r, %r, 1;", func(uint32) uint32 { return 0xfffffffe }},
		{"redux", "redux.sync.add.u32 %r, %t, -1;\nredux.sync.max.s32 %x, %t, -1;\nadd.u32 %r, %r, %x;", func(uint32) uint32 { return 496 + 31 }},
		{"lane masks", "mov.u32 %r, %lanemask_lt;\npopc.b32 %r, %r;\nmov.u32 %x, %laneid;\nadd.u32 %r, %r, %x;", func(i uint32) uint32 { return 2 * i }},
		{"carry chain", `
	mov.u32 %x, -1;
	add.cc.u32 %y, %x, %t;
	addc.u32 %r, 0, 0;`, func(i uint32) uint32 {
			if i > 0 {
				return 1
			}
			return 0
		}},
		{"shared atomics", `
	setp.eq.u32 %p, %t, 0;
	mov.u32 %x, 0;
	@%p st.shared.u32 [%s], %x;
	bar.sync 0;
	atom.shared.add.u32 %y, [%s], 2;
	red.shared.max.s32 [%s], 5;
	bar.sync 0;
	ld.shared.u32 %r, [%s];`, func(uint32) uint32 { return 64 }},
		{"warp barrier", `
	mad.lo.u32 %x, %t, 4, %s;
	st.shared.u32 [%x], %t;
	bar.warp.sync -1;
	xor.b32 %y, %t, 1;
	mad.lo.u32 %y, %y, 4, %s;
	ld.shared.u32 %r, [%y];`, func(i uint32) uint32 { return i ^ 1 }},
		{"generic addresses", `
	.local .align 8 .b8 loc[16];
	cvt.u64.u32 %rd, %s;
	cvta.shared.u64 %rd, %rd;
	mad.wide.u32 %rd, %t, 4, %rd;
	st.u32 [%rd], %t;
	isspacep.shared %p, %rd;
	ld.u32 %x, [%rd];
	mov.u64 %rd, loc;
	cvta.local.u64 %rd, %rd;
	st.u32 [%rd+4], %x;
	isspacep.local %p2, %rd;
	ld.local.u32 %r, [loc+4];
	@%p add.u32 %r, %r, 100;
	@%p2 add.u32 %r, %r, 100;`, func(i uint32) uint32 { return i + 200 }},
		{"cache hints", `
	.reg .b64 %pol;
	createpolicy.fractional.L2::evict_first.b64 %pol, 1.0;
	mov.u32 %x, 3;
	st.global.cs.u32 [%out], %x;
	st.global.L2::cache_hint.u32 [%out], %t, %pol;
	prefetch.global.L2 [%out];
	ld.global.nc.L1::no_allocate.L2::128B.u32 %r, [%out];
	ld.global.L1::evict_last.L2::cache_hint.u32 %x, [%out], %pol;
	ld.volatile.global.u32 %y, [%out];
	ld.relaxed.gpu.global.u32 %z, [%out];
	membar.gl;
	fence.acq_rel.gpu;
	nanosleep.u32 20;
	add.u32 %r, %r, %x;
	add.u32 %y, %y, %z;
	add.u32 %r, %r, %y;`, func(i uint32) uint32 { return 4 * i }},
		{"narrow loads and stores", `
	mad.lo.u32 %x, %t, 4, %s;
	mov.u32 %y, 0x80;
	st.shared.u8 [%x], %y;
	st.shared.v2.u8 [%x+2], {%y, %y};
	ld.shared.s8 %r, [%x];
	ld.shared.u16 %y, [%x+2];
	sub.u32 %r, %y, %r;`, func(uint32) uint32 { return 0x8080 + 0x80 }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, text, err := runThreads(t, 32, c.body)
			if err != nil {
				t.Fatalf("%v\n%s", err, numbered(text))
			}
			for i, v := range got {
				if want := c.want(uint32(i)); v != want {
					t.Errorf("thread %d: %#x, want %#x", i, v, want)
				}
			}
		})
	}
}

func TestGlobalAtomics(t *testing.T) {
	t.Parallel()
	ops := []struct {
		op, typ string
		start   uint32
		b       string
		want    uint32
	}{
		{"add", "u32", 5, "3", 5 + 3*256}, {"min", "s32", 5, "-3", 0xfffffffd}, {"max", "u32", 5, "9", 9},
		{"and", "b32", 0xff, "0x0f", 0x0f}, {"or", "b32", 1, "2", 3}, {"xor", "b32", 9, "1", 9}, {"exch", "b32", 9, "4", 4},
		{"inc", "u32", 0, "9", 256 % 10}, {"dec", "u32", 0, "9", 4}, {"add", "f32", 0, "0f3F800000", 0x43800000},
		{"add.noftz", "f16x2", 0, "0x3c003c00", 0x5c005c00},
	}
	for _, c := range ops {
		t.Run(c.op+c.typ, func(t *testing.T) {
			t.Parallel()
			reg := "b32"
			text := fmt.Sprintf(header+`.visible .entry k(.param .u64 p) {
	.reg .b64 %%rd; .reg .%s %%r, %%v;
	ld.param.u64 %%rd, [p];
	mov.b32 %%v, %s;
	atom.global.%s.%s %%r, [%%rd], %%v;
	ret; }`, reg, c.b, c.op, c.typ)
			d := New(Config{})
			f := loadKernel(t, d, text)
			p := toDevice(t, d, []uint32{c.start})
			if err := d.Launch(f, Dim3{4, 1, 1}, Dim3{64, 1, 1}, 0, pack(p)); err != nil {
				t.Fatal(err)
			}
			if got := fromDevice[uint32](t, d, p, 1)[0]; got != c.want {
				t.Errorf("%#x, want %#x", got, c.want)
			}
		})
	}
}
