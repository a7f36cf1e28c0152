package emulator

import (
	"fmt"
	"math"
	"testing"
)

// sampled reads 128 words that all blocks share and 128 of each block's own; in every
// seventh block it reads its own twice.
const sampled = header + `
.visible .entry k(.param .u64 out, .param .u64 x, .param .u64 w)
.reqntid 128, 1, 1
{
	.reg .b64 %out, %x, %w; .reg .b32 %t, %b, %i; .reg .f32 %f, %g; .reg .pred %p;
	ld.param.u64 %out, [out]; ld.param.u64 %x, [x]; ld.param.u64 %w, [w];
	mov.u32 %t, %tid.x; mov.u32 %b, %ctaid.x;
	mad.lo.u32 %i, %b, 128, %t;
	mad.wide.u32 %x, %t, 4, %x;
	mad.wide.u32 %w, %i, 4, %w;
	mad.wide.u32 %out, %i, 4, %out;
	ld.global.f32 %f, [%x];
	ld.global.f32 %g, [%w];
	fma.rn.f32 %f, %f, %g, %f;
	rem.u32 %i, %b, 7;
	setp.ne.u32 %p, %i, 3;
	@%p bra STORE;
	ld.global.f32 %g, [%w];
	add.f32 %f, %f, %g;
STORE:
	st.global.f32 [%out], %f;
	ret;
}`

func TestSampleOfBlocks(t *testing.T) {
	t.Parallel()
	d := New(Config{Traffic: true})
	f := loadKernel(t, d, sampled)
	const blocks = 700
	x, w, out := zeros(t, d, 512), zeros(t, d, 512*blocks), zeros(t, d, 512*blocks)
	count := func(sample int) *Launch {
		d.ResetTotals()
		d.Sample(sample)
		if err := d.Launch(f, Dim3{blocks, 1, 1}, Dim3{128, 1, 1}, 0, pack(out, x, w)); err != nil {
			t.Fatal(err)
		}
		l := d.Totals()[0]
		return &l
	}
	full := count(0)
	if want := int64(16 + 2*16*blocks); full.DistinctSectors != want || full.Sampled != 0 {
		t.Errorf("%d distinct sectors, want %d; %d blocks sampled", full.DistinctSectors, want, full.Sampled)
	}
	if want := float64(4 * (blocks + blocks/7)); full.RoundTrips != want {
		t.Errorf("%v round trips, want %v", full.RoundTrips, want)
	}
	again := count(blocks)
	if again.HostTime = full.HostTime; *again != *full {
		t.Errorf("a sample of all blocks: %v, want %v", again, full)
	}
	for _, n := range []int{1, 100, 350, 699} {
		l := count(n)
		if l.Sampled != int64(n) || l.Blocks != blocks || l.Warps != full.Warps {
			t.Errorf("%d of %d blocks, %d warps", l.Sampled, l.Blocks, l.Warps)
		}
		if n == 1 {
			continue
		}
		for what, p := range map[string][2]float64{
			"instructions":     {float64(l.WarpInstructions()), float64(full.WarpInstructions())},
			"threads":          {float64(l.ThreadInstructions), float64(full.ThreadInstructions)},
			"bytes":            {float64(l.GlobalLoadBytes), float64(full.GlobalLoadBytes)},
			"sectors":          {float64(l.GlobalLoadSectors), float64(full.GlobalLoadSectors)},
			"distinct sectors": {float64(l.DistinctSectors), float64(full.DistinctSectors)},
			"round trips":      {l.RoundTrips, full.RoundTrips},
		} {
			if math.Abs(p[0]/p[1]-1) > 0.02 {
				t.Errorf("sample of %d: %s %v, want about %v", n, what, p[0], p[1])
			}
		}
	}
}

// Which blocks run: each once, all different.
func TestBlocksOfASample(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]int64{{10, 3}, {700, 699}, {1 << 40, 1000}, {math.MaxInt64 / 4, 7}, {5, 0}, {5, 9}} {
		l := &launch{blocks: c[0]}
		l.choose(c[1])
		last := int64(-1)
		for i := range min(l.runs, 1000) {
			b := l.block(i)
			if b <= last || b >= l.blocks {
				t.Fatalf("%d of %d: block %d after %d", c[1], c[0], b, last)
			}
			last = b
		}
	}
}

// Loads that wait for each other take a round trip each, others share one.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]float64{
		"ld.global.u64 %a, [%p]; ld.global.u64 %b, [%a]; ld.global.u64 %a, [%b]; add.u64 %p, %a, 1;":                                   3,
		"ld.global.u64 %a, [%p]; ld.global.u64 %b, [%p]; ld.global.u64 %c, [%p]; add.u64 %p, %a, %b; add.u64 %p, %p, %c;":              1,
		"ld.global.u64 %a, [%p]; add.u64 %b, %a, 1; ld.global.u64 %a, [%p]; add.u64 %b, %a, %b;":                                       2,
		"ld.global.u64 %a, [%p]; ld.global.u64 %b, [%p]; mov.u64 %c, %a; ld.global.u64 %a, [%p]; mov.u64 %c, %b; mov.u64 %c, %a;":      2,
		"ld.global.u64 %a, [%p]; mov.u64 %b, 1; add.u64 %c, %b, 1;":                                                                    0,
		"cp.async.ca.shared.global [buf], [%p], 8; cp.async.commit_group; cp.async.wait_group 0;":                                      1,
		"cp.async.ca.shared.global [buf], [%p], 8; cp.async.commit_group; cp.async.wait_group 1; cp.async.wait_group 0;":               1,
		"cp.async.ca.shared.global [buf], [%p], 8; cp.async.commit_group; ld.global.u64 %a, [%p]; mov.u64 %b, %a; cp.async.wait_all;":  1,
		"ld.global.u64 %a, [%p]; mov.u64 %b, %a; cp.async.ca.shared.global [buf], [%b], 8; cp.async.commit_group; cp.async.wait_all; ": 2,
	} {
		d := New(Config{Traffic: true})
		f := loadKernel(t, d, fmt.Sprintf(header+`
.visible .entry k(.param .u64 p) {
	.reg .b64 %%p, %%a, %%b, %%c;
	.shared .align 8 .b8 buf[8];
	ld.param.u64 %%p, [p];
	%s
	ret;
}`, body))
		p := zeros(t, d, 8)
		if err := d.CopyIn(p, pack(p)); err != nil { // it points to itself
			t.Fatal(err)
		}
		if err := d.Launch(f, Dim3{1, 1, 1}, Dim3{1, 1, 1}, 0, pack(p)); err != nil {
			t.Fatal(err)
		}
		if got := d.Totals()[0].RoundTrips; got != want {
			t.Errorf("%s: %v round trips, want %v", body, got, want)
		}
	}
}
