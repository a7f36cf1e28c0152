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
						p := r.attention(attention{heads: group, kv: 1, dim: dim, spans: [][2]int{{positions - 1, 1}}, unsolved: true}, f)
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

// A prompt on tensor cores: all products are in mma, the pages that a tile sees are read
// once, and shared memory has no conflicts to speak of.
func TestAttendPromptCounts(t *testing.T) {
	t.Parallel()
	const rows, group = 160, 4
	for f, format := range pageFormats {
		for _, dim := range kernels.PromptDims() {
			if format.name == "f32" || format.Format.CheckCols(dim) != nil {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d", format.name, dim), func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				p := r.attention(attention{heads: group, kv: 1, dim: dim, spans: [][2]int{{0, rows}}, unsolved: true}, f)
				r.attendPrompt(p)
				pairs := kernels.PromptPairsMMA(dim)
				var read, products int64
				for first := 0; first < rows*group; first += pairs {
					last := (min(first+pairs, rows*group) - 1) / group
					pages := last/kernels.PageLen + 1
					read += int64(2 * (last + 1) * format.Format.RowBytes(dim))
					products += int64(pages * kernels.PageLen * pairs * dim * 2)
				}
				if r.last.MatrixOps != products {
					t.Errorf("%d multiply-adds in mma, want %d", r.last.MatrixOps, products)
				}
				if got := float64(32*r.last.GlobalLoadSectors-int64(4*rows*group*dim)) / float64(read); got < 1 || got > 1.09 { // with where rows stand, and page numbers
					t.Errorf("%.3f times the pages' bytes are read", got)
				}
				conflicts := 1 + float64(r.last.BankConflicts)/float64(r.last.SharedAccesses)
				t.Logf("%d instructions of warps for %d mma; %.3f wavefronts a shared access", r.last.WarpInstructions(), r.last.MatrixOps/2048, conflicts)
				limit := 1.05
				if format.name == "q8_0" && dim == 96 {
					limit = 1.2 // rows of 6 x 16 codes meet on banks as they come
				}
				if conflicts > limit {
					t.Errorf("%.3f wavefronts a shared access", conflicts)
				}
			})
		}
	}
}
