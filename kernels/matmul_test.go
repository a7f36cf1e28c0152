package kernels_test

import (
	"testing"

	"github.com/potion-engine/potion/engine/format"
)

func TestMatmul(t *testing.T) {
	t.Parallel()
	forFormats(t, func(t *testing.T, f format.Format) {
		r := newRig(t)
		block := f.BlockLen()
		r.checkProduct("matmul", f, 1, block, 1, true)
		r.checkProduct("matmul", f, 31, 2*block, 12, true)
		r.checkProduct("matmul", f, 33, 3*block, 33, false)
		r.checkProduct("matmul", f, 36, block, 6, true)
		r.checkProduct("matmul", f, 34, 4*block, 7, false)
		r.checkProduct("matmul", f, 97, max(block, 160), 65, false)
		r.checkProduct("matmul", f, 65, 768, 9, false)
		if block == 1 {
			for i, k := range []int{2, 3, 4, 6, 7, 8, 12, 31, 33, 40, 97, 101} {
				r.checkProduct("matmul", f, 13, k, 9+i, i%2 == 0)
			}
		}
	})
}

// Tiles are written and read in shared memory without conflicts.
func TestMatmulTraffic(t *testing.T) {
	t.Parallel()
	forFormats(t, func(t *testing.T, f format.Format) {
		r := newRig(t)
		r.product("matmul", r.weight(f, 128, 256), r.normal(64*256, 0.1, 1), 64, nil)
		if r.last.BankConflicts*20 > r.last.SharedAccesses {
			t.Errorf("%d bank conflicts in %d accesses of shared memory", r.last.BankConflicts, r.last.SharedAccesses)
		}
		// 2 blocks of 8 warps pass 2 barriers in each of the 8 tiles.
		if r.last.Barriers != 2*8*2*8 {
			t.Errorf("warps come to barriers %d times, want %d", r.last.Barriers, 2*8*2*8)
		}
	})
}
