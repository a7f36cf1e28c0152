package emulator

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// evenKernel loads from global memory, through shared memory, and stores what it got. With
// split, lane 31 does each access by itself.
func evenKernel(typ, vector string, width, reg int, split bool) string {
	value := map[string]string{"": "%v0", ".v2": "{%v0, %v1}", ".v4": "{%v0, %v1, %v2, %v3}"}[vector]
	guards := []string{""}
	if split {
		guards = []string{"@%p ", "@!%p "}
	}
	var body strings.Builder
	each := func(form string) {
		for _, g := range guards {
			body.WriteString(g + strings.NewReplacer("TYPE", vector+"."+typ, "VALUE", value).Replace(form) + "\n")
		}
	}
	each("ld.globalTYPE VALUE, [%in];")
	each("st.sharedTYPE [%s], VALUE;")
	body.WriteString("bar.sync 0;\n")
	each("ld.sharedTYPE VALUE, [%s];")
	each("st.globalTYPE [%out], VALUE;")
	return fmt.Sprintf(header+`
.visible .entry k(.param .u64 out, .param .u64 in, .param .u32 step)
{
	.reg .b64 %%out, %%in; .reg .b32 %%t, %%s, %%k; .reg .b%d %%v<4>; .reg .pred %%p;
	.shared .align 16 .b8 buf[1024];
	ld.param.u64 %%out, [out]; ld.param.u64 %%in, [in]; ld.param.u32 %%k, [step];
	mov.u32 %%t, %%tid.x;
	setp.lt.u32 %%p, %%t, 31;
	mov.u32 %%s, buf;
	mad.lo.u32 %%s, %%t, %d, %%s;
	mad.wide.u32 %%out, %%t, %d, %%out;
	mad.wide.u32 %%in, %%t, %%k, %%in;
	%s
	ret;
}`, reg, width, width, body.String())
}

// A warp that steps evenly through memory gives the values, counts and faults of one whose
// lanes are looked at one by one.
func TestEvenAccesses(t *testing.T) {
	t.Parallel()
	data := make([]byte, 1024)
	for i := range data {
		data[i] = byte(37*i + i>>8)
	}
	for _, c := range []struct {
		typ, vector string
		width, reg  int
	}{{"u8", "", 1, 32}, {"u16", "", 2, 16}, {"s16", "", 2, 32}, {"b16", ".v2", 4, 16}, {"u32", "", 4, 32}, {"f32", ".v2", 8, 32}, {"b32", ".v4", 16, 32}, {"u64", "", 8, 64}, {"b64", ".v2", 16, 64}} {
		t.Run(c.typ+c.vector, func(t *testing.T) {
			t.Parallel()
			d := New(Config{})
			whole := loadKernel(t, d, evenKernel(c.typ, c.vector, c.width, c.reg, false))
			split := loadKernel(t, d, evenKernel(c.typ, c.vector, c.width, c.reg, true))
			in, a, b := toDevice(t, d, data), zeros(t, d, 512), zeros(t, d, 512)
			launch := func(f *Function, out, in uint64, step int) error {
				return d.Launch(f, Dim3{1, 1, 1}, Dim3{32, 1, 1}, 0, pack(out, in, uint32(step)))
			}
			n := uint64(32 * c.width)
			for _, step := range []int{0, c.width} {
				for off := uint64(0); off <= 64; off += uint64(c.width) {
					if err := errors.Join(launch(whole, a, in+off, step), launch(split, b, in+off, step)); err != nil {
						t.Fatal(err)
					}
					if got, want := fromDevice[byte](t, d, a, int(n)), fromDevice[byte](t, d, b, int(n)); !slices.Equal(got, want) {
						t.Fatalf("step %d from %d on: % x, want % x", step, off, got, want)
					}
				}
			}
			d.ResetTotals()
			if err := launch(whole, a, in+uint64(c.width), c.width); err != nil {
				t.Fatal(err)
			}
			sum := d.Totals()[0]
			if want := int64((c.width+32*c.width-1)/32 + 1); sum.GlobalLoadSectors != want || sum.GlobalStoreSectors != int64(c.width) {
				t.Errorf("%d and %d sectors, want %d and %d", sum.GlobalLoadSectors, sum.GlobalStoreSectors, want, c.width)
			}
			if sum.BankConflicts != 0 || sum.SharedAccesses != 2 || sum.GlobalLoadBytes != int64(n) {
				t.Errorf("counts %v", sum)
			}
			for what, fault := range map[string]struct {
				out, in uint64
				kind    FaultKind
				thread  int
			}{
				"behind the end":  {a, in + 1024 - 31*uint64(c.width), OutOfBounds, 31},
				"stored past it":  {a + 512 - 30*uint64(c.width), in, OutOfBounds, 30},
				"misaligned":      {a, in + 1, Misaligned, 0},
				"never written":   {a, unwritten(t, d, n, n-1), UninitialisedMemory, 31},
				"written to here": {a, unwritten(t, d, n, 0), UninitialisedMemory, 0},
			} {
				if fault.kind == Misaligned && c.width == 1 {
					continue
				}
				var f *Fault
				if err := launch(whole, fault.out, fault.in, c.width); !errors.As(err, &f) || f.Kind != fault.kind || f.Thread.X != fault.thread {
					t.Errorf("%s: %v, want %v of thread %d", what, err, fault.kind, fault.thread)
				}
			}
		})
	}
}

// unwritten is an allocation of n bytes of which all but one are written.
func unwritten(t *testing.T, d *Device, n, but uint64) uint64 {
	t.Helper()
	addr, err := d.Alloc(int64(n))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Memset8(addr, 1, int64(but)), d.Memset8(addr+but+1, 1, int64(n-but-1))); err != nil {
		t.Fatal(err)
	}
	return addr
}
