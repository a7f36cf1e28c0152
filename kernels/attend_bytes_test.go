package kernels_test

import (
	"fmt"
	"testing"

	"github.com/potion-engine/potion/kernels"
)

// Decoding reads each key and value once for all heads that share them, and little else
// that does not stay in the caches.
func TestAttendDecodeBytes(t *testing.T) {
	t.Parallel()
	const multiprocessors = 132
	for f, format := range pageFormats {
		mma := format.name != "f32"
		share := kernels.DecodeHeads
		if mma {
			share = kernels.DecodeHeadsMMA
		}
		for _, dim := range []int{64, 80, 96, 128, 256} {
			for _, group := range []int{1, 4, 7, 8} {
				if format.Format.CheckCols(dim) != nil || group > share || group%4 != 0 && dim != 128 {
					continue
				}
				for _, positions := range []int{128, 4096, 32768} {
					if positions > 4096 && (testing.Short() || dim != 128 || group != 8 || format.name != "f16") || positions > 128 && group == 4 {
						continue
					}
					t.Run(fmt.Sprintf("%s/%d of %d/%d", format.name, group, dim, positions), func(t *testing.T) {
						t.Parallel()
						r := newRig(t)
						p := r.attention(attention{heads: group, kv: 1, dim: dim, spans: [][2]int{{positions - 1, 1}}}, f)
						const kvHeads = 8 // of a model; the case has one of them
						splits := kernels.Splits(positions/kernels.PageLen, kvHeads, multiprocessors)
						if blocks := kvHeads * splits; positions >= 4096 && blocks < multiprocessors {
							t.Errorf("%d blocks", blocks)
						}
						r.decode(p, mma, splits)
						kv := positions * 2 * format.Format.RowBytes(dim)
						warps := 4
						limit := 1.06 // every warp reads the query
						if mma {
							warps, limit = 8, 1.02
						}
						// Each split reads the query, each warp where the row stands, and the
						// last block what the splits found: all of it out of the second cache.
						rest := splits * (4*group*dim + 64*warps)
						if splits > 1 {
							rest += 4 * group * splits * (dim + 2)
						}
						rest += 32 * positions / kernels.PageLen
						read := 32 * r.last.GlobalLoadSectors
						conflicts := 1 + float64(r.last.BankConflicts)/float64(r.last.SharedAccesses)
						t.Logf("%d bytes of keys and values; read %.4f of them, the rest is %.4f, all in all %.4f of what is needed; stored %.4f; %.4f instructions a byte; %.3f wavefronts a shared access",
							kv, float64(read-int64(rest))/float64(kv), float64(rest)/float64(kv), float64(read)/float64(kv+rest),
							float64(32*r.last.GlobalStoreSectors)/float64(kv), float64(r.last.WarpInstructions())/float64(kv), conflicts)
						if share := float64(read-int64(rest)) / float64(kv); share < 1 || share > limit {
							t.Errorf("%.4f times the bytes of keys and values are read", share)
						}
						if mma && conflicts > 1.05 {
							t.Errorf("%.3f wavefronts a shared access", conflicts)
						}
					})
				}
			}
		}
	}
}
