package emulator

import (
	"fmt"
	"testing"
)

// Loads with a stride touch more sectors than bytes asked for; shared accesses
// with a stride of 32 words meet on one bank.
func TestCountersShowAccessPatterns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		stride    int // in words
		sectors   int64
		conflicts int64 // of one load and one store
	}{{1, 4, 0}, {2, 8, 2 * 1}, {8, 32, 2 * 7}, {32, 32, 2 * 31}, {0, 1, 0}} {
		t.Run(fmt.Sprint(c.stride), func(t *testing.T) {
			t.Parallel()
			text := fmt.Sprintf(header+`
.visible .entry k(.param .u64 p)
{
	.reg .b64 %%rd; .reg .b32 %%t, %%x, %%s, %%one;
	.shared .align 4 .b8 buf[4096];
	ld.param.u64 %%rd, [p];
	mov.u32 %%t, %%tid.x;
	mov.u32 %%one, 1;
	mul.lo.u32 %%x, %%t, %d;
	mad.wide.u32 %%rd, %%x, 4, %%rd;
	ld.global.u32 %%t, [%%rd];
	mov.u32 %%s, buf;
	mad.lo.u32 %%s, %%x, 4, %%s;
	st.shared.u32 [%%s], %%one;
	bar.sync 0;
	ld.shared.u32 %%t, [%%s];
	ret;
}`, c.stride)
			d := New(Config{})
			f := loadKernel(t, d, text)
			p := zeros(t, d, 4096)
			for range 2 {
				if err := d.Launch(f, Dim3{1, 1, 1}, Dim3{32, 1, 1}, 0, pack(p)); err != nil {
					t.Fatal(err)
				}
			}
			sum := d.Totals()[0]
			if sum.Launches != 2 || sum.GlobalLoadBytes != 256 || sum.GlobalLoadSectors != 2*c.sectors || sum.BankConflicts != 2*c.conflicts || sum.Barriers != 2 || sum.SharedAccesses != 4 {
				t.Errorf("%v", sum)
			}
			if sum.Instructions[ClassLoadGlobal] != 2 || sum.Instructions[ClassBarrier] != 2 || sum.ThreadInstructions != 32*sum.WarpInstructions() {
				t.Errorf("%v", sum.Instructions)
			}
			d.ResetTotals()
			if len(d.Totals()) != 0 {
				t.Error("totals after a reset")
			}
		})
	}
}
