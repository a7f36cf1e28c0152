package emulator

import (
	"fmt"
	"strings"
	"testing"
)

// Blocks that touch one word of global memory, one of them writing, race, unless a fence and
// an atomic order them. Every case is run with the blocks in turn and side by side.
func TestGlobalRaces(t *testing.T) {
	t.Parallel()
	const ticket = `
	// every block stores its sum; the last one to take a ticket adds them up
	st.global.u32 [%own], %b;
	FENCE
	setp.ne.u32 %p, %t, 0;
	@%p bra WAIT;
	ATOM
	st.shared.u32 [last], %r;
WAIT:
	bar.sync 0;
	ld.shared.u32 %r, [last];
	setp.ne.u32 %p, %r, %last;
	@%p bra DONE;
	mad.wide.u32 %q, %t, 4, %x;
	ld.global.u32 %r, [%q];
DONE:`
	fill := func(fence, atom string) string {
		return strings.NewReplacer("FENCE", fence, "ATOM", atom).Replace(ticket)
	}
	const inc = "atom.global.inc.u32 %r, [%count], %last;"
	for _, c := range []struct {
		name string
		body string
		race bool
	}{
		{"each its own word", "st.global.u32 [%own], %b;", false},
		{"all the same word, other values", "st.global.u32 [%x], %b;", true},
		{"all the same word, the same value", "mov.u32 %r, 7; st.global.u32 [%x], %r;", false},
		{"what all read one writes", "ld.global.u32 %r, [%x+40]; setp.eq.u32 %p, %b, 3; mov.u32 %r, 9; @%p st.global.u32 [%x+40], %r;", true},
		{"what one wrote all read", "setp.eq.u32 %p, %b, 0; mov.u32 %r, 9; @%p st.global.u32 [%x+40], %r; ld.global.u32 %r, [%x+40];", true},
		{"rows in place, seven words each", `
	mad.lo.u32 %r, %b, 7, %t;
	mad.wide.u32 %q, %r, 4, %x;
	setp.lt.u32 %p, %t, 7;
	@%p ld.global.u32 %r, [%q];
	add.u32 %r, %r, 1;
	@%p st.global.u32 [%q], %r;`, false},
		{"rows in place that overlap", `
	mad.lo.u32 %r, %b, 7, %t;
	mad.wide.u32 %q, %r, 4, %x;
	setp.lt.u32 %p, %t, 8;
	mov.u32 %r, 5;
	@%p ld.global.u32 %r, [%q];
	add.u32 %r, %r, %b;
	add.u32 %r, %r, 1;
	@%p st.global.u32 [%q], %r;`, true},
		{"ticket", fill("membar.gl;", inc), false},
		{"ticket with fence.acq_rel", fill("fence.acq_rel.gpu;", inc), false},
		{"ticket by an atomic that releases", fill("", "atom.acq_rel.gpu.global.inc.u32 %r, [%count], %last;"), false},
		{"ticket without a fence", fill("", inc), true},
		{"ticket with a fence for the block only", fill("membar.cta;", inc), true},
		{"sums by atomics", "atom.global.add.u32 %r, [%x], %b; red.global.add.u32 [%x+4], %t;", false},
		{"no ticket", fill("membar.gl;", "mov.u32 %r, %b;"), true},
	} {
		for _, threads := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s, %d at a time", c.name, threads), func(t *testing.T) {
				t.Parallel()
				d := New(Config{Threads: threads})
				text := header + `
.visible .entry k(.param .u64 x, .param .u64 count)
.reqntid 32, 1, 1
{
	.reg .b64 %x, %own, %count, %q; .reg .b32 %t, %b, %r, %last; .reg .pred %p;
	.shared .align 4 .b32 last;
	ld.param.u64 %x, [x]; ld.param.u64 %count, [count];
	mov.u32 %t, %tid.x; mov.u32 %b, %ctaid.x; mov.u32 %last, %nctaid.x;
	sub.u32 %last, %last, 1;
	mad.wide.u32 %own, %b, 4, %x;
` + c.body + `
	ret;
}`
				f := loadKernel(t, d, text)
				x, count := zeros(t, d, 4096), zeros(t, d, 4)
				launch := func() error { return d.Launch(f, Dim3{32, 1, 1}, Dim3{32, 1, 1}, 0, pack(x, count)) }
				err := launch()
				if c.race && (err == nil || !strings.Contains(err.Error(), "race of blocks for global memory")) {
					t.Fatalf("%v, want a race", err)
				}
				if c.race {
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if err := launch(); err != nil { // which begins anew
					t.Fatalf("the second launch: %v", err)
				}
			})
		}
	}
}

// Two warps store what the last block reads; thread 0 takes the ticket for both.
func TestTicketNeedsABarrier(t *testing.T) {
	t.Parallel()
	for barrier, race := range map[string]bool{"bar.sync 0;": false, "": true} {
		for _, threads := range []int{1, 3} {
			d := New(Config{Threads: threads})
			f := loadKernel(t, d, header+`
.visible .entry k(.param .u64 x, .param .u64 count)
.reqntid 64, 1, 1
{
	.reg .b64 %x, %own, %count, %q; .reg .b32 %t, %b, %r, %last; .reg .pred %p;
	.shared .align 4 .b32 last;
	ld.param.u64 %x, [x]; ld.param.u64 %count, [count];
	mov.u32 %t, %tid.x; mov.u32 %b, %ctaid.x; mov.u32 %last, %nctaid.x;
	sub.u32 %last, %last, 1;
	mad.lo.u32 %r, %b, 64, %t;
	mad.wide.u32 %own, %r, 4, %x;
	add.u32 %r, %r, 1;
	st.global.u32 [%own], %r;
	membar.gl;
	`+barrier+`
	setp.ne.u32 %p, %t, 0;
	@%p bra WAIT;
	atom.global.inc.u32 %r, [%count], %last;
	st.shared.u32 [last], %r;
WAIT:
	bar.sync 0;
	ld.shared.u32 %r, [last];
	setp.ne.u32 %p, %r, %last;
	@%p bra DONE;
	mad.wide.u32 %q, %t, 4, %x;
	ld.global.u32 %r, [%q];
	ld.global.u32 %r, [%q+256];
DONE:
	ret;
}`)
			x, count := zeros(t, d, 4096), zeros(t, d, 4)
			err := d.Launch(f, Dim3{16, 1, 1}, Dim3{64, 1, 1}, 0, pack(x, count))
			if found := err != nil && strings.Contains(err.Error(), "race of blocks"); found != race || err != nil && !found {
				t.Errorf("barrier %q, %d at a time: %v, want a race: %v", barrier, threads, err, race)
			}
		}
	}
}
