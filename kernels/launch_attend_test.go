package kernels_test

import (
	"slices"
	"testing"

	"github.com/potion-engine/potion/kernels"
)

func TestSplits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ pages, blocks, multiprocessors, want int }{
		{1, 8, 132, 1}, {4, 8, 132, 1}, {5, 8, 132, 2}, {128, 8, 132, 17}, {1024, 8, 132, 17},
		{1024, 300, 132, 1}, {1024, 132, 132, 1}, {1024, 131, 132, 2}, {0, 1, 132, 1},
	} {
		if got := kernels.Splits(c.pages, c.blocks, c.multiprocessors); got != c.want {
			t.Errorf("%d pages, %d blocks on %d multiprocessors: %d splits, want %d", c.pages, c.blocks, c.multiprocessors, got, c.want)
		}
	}
	for _, share := range []int{kernels.DecodeHeads, kernels.DecodeHeadsMMA} {
		blocks := kernels.DecodeBlocks(32, 8, share)
		if n := blocks * kernels.Splits(4096/kernels.PageLen, blocks, 132); n < 132 {
			t.Errorf("%d blocks for a context of 4096, want one on each of 132 multiprocessors", n)
		}
	}
}

func TestPromptTiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		seq          []int32
		group, pairs int
		want         []int32
	}{
		{[]int32{0}, 1, 32, []int32{0, 1}},
		{[]int32{0, 0, 3}, 3, 32, []int32{0, 6, 6, 3}},
		{make([]int32, 33), 1, 32, []int32{0, 32, 32, 1}},
		{make([]int32, 33), 4, 128, []int32{0, 128, 128, 4}},
		{[]int32{1, 2, 1}, 20, 32, []int32{0, 20, 20, 20, 40, 20}},
		{[]int32{0}, 71, 32, []int32{0, 32, 32, 32, 64, 7}},
		{nil, 4, 32, nil},
	} {
		if got := kernels.PromptTiles(nil, c.seq, c.group, c.pairs); !slices.Equal(got, c.want) {
			t.Errorf("sequences %v, group %d: %v, want %v", c.seq, c.group, got, c.want)
		}
	}
}
