package kernels_test

import (
	"strings"
	"testing"

	"github.com/potion-engine/potion/cuda/emulator"
	"github.com/potion-engine/potion/cuda/roofline"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/kernels"
)

// trafficRig is a rig that counts what the model of a GPU's time needs.
func trafficRig(t testing.TB) *rig {
	r := newRig(t)
	r.Device = emulator.New(emulator.Config{Memory: 1 << 32, Traffic: true})
	r.OnLaunch(func(l emulator.Launch) { *r.last = l })
	return r
}

const promptRows = 512

// prompt launches the product of a prompt on blocks of a 4090's grid, and gives its counters and
// the tile.
func (r *rig) prompt(w testWeight, sample int) (emulator.Launch, [2]int) {
	r.Helper()
	s := r.stage(w.Format, r.put(r.normal(promptRows*w.Cols, 0.1, 1)), promptRows, w.Cols)
	plan := kernels.PlanTensor(w.Format, w.strides(), w.Rows, promptRows, kernels.Device{Compute: 89, Multiprocessors: 128, MaxShared: 99 << 10})
	y := r.space(4 * promptRows * w.Rows)
	args := []any{y, s.h}
	if s.unscale != 0 {
		args = append(args, s.unscale)
	}
	args = append(append(args, w.planes()...), uint64(0), uint64(0), uint32(w.Rows), uint32(w.Cols), uint32(promptRows))
	r.Sample(sample)
	r.launch("matmul_"+strings.ToLower(w.Format.String())+plan.Ending, dim(plan.Grid), plan.Shared, args...)
	r.Sample(0)
	return *r.last, matmulTiles[plan.Ending]
}

// What a prompt's products are judged by, at the sizes of a model of 8 billion weights, from a few
// blocks of the grid: every multiplication is in mma, memory is read as often as the tiles
// say, shared memory is met without conflicts, and by the model of a 4090 the tensor cores
// are busy for nine tenths of the time.
func TestTensorTraffic(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		f        format.Format
		n, k     int
		overhead float64 // sectors of w over its bytes: parts of sectors are read again for the next turn
	}{
		{format.F16, 4096, 4096, 1}, {format.BF16, 1024, 4096, 1}, {format.Q8_0, 1024, 4096, 1.08}, {format.Q4_0, 4096, 4096, 1.12},
		{format.Q4_0, 14336, 4096, 1.12}, {format.Q4_0, 4096, 14336, 1.12}, {format.Q4_1, 1024, 4096, 1.21}, {format.Q5_0, 1024, 4096, 1.28},
		{format.Q5_1, 1024, 4096, 1.34}, {format.Q2_K, 1024, 4096, 1.53}, {format.Q3_K, 1024, 4096, 1.46}, {format.Q4_K, 4096, 4096, 1.12},
		{format.Q5_K, 1024, 4096, 1.28}, {format.Q6_K, 1024, 4096, 1.23},
	} {
		t.Run(c.f.String(), func(t *testing.T) {
			t.Parallel()
			r := trafficRig(t)
			w := r.weight(c.f, c.n, c.k)
			l, tile := r.prompt(w, 1)
			if want := int64(c.n) * int64(c.k) * promptRows; l.MatrixOps != want {
				t.Errorf("%d multiply-adds in mma of %d", l.MatrixOps, want)
			}
			outputs := int64(c.n * promptRows / 32)
			if c.f.BlockLen() == 1 && (l.Instructions[emulator.ClassFP32] != outputs || l.Instructions[emulator.ClassFP16] != 0) {
				t.Errorf("%d float instructions beside mma, want one for each output", l.Instructions[emulator.ClassFP32])
			}
			tilesN, tilesT := int64(c.n/tile[0]), int64(promptRows/tile[1])
			x := tilesN * promptRows * int64(c.k) * 2
			got := float64(32*l.GlobalLoadSectors-x) / float64(tilesT*int64(len(w.packed)))
			if got < 1 || got > c.overhead+0.01 { // bias and scales of rows are in it
				t.Errorf("the weight's sectors are %.3f times its bytes for each of %d tiles, want %.2f", got, tilesT, c.overhead)
			}
			// ldmatrix brings 16 rows of 16 columns to a warp, of which each has its part of a tile.
			warps := tilesN * tilesT * 8
			part := [2]int64{int64(tile[0]) / 2, int64(tile[1]) / 4}
			if tile[0]*tile[1] < 128*128 {
				part = [2]int64{32, 32}
				warps = tilesN * tilesT * int64(tile[0]*tile[1]/1024)
			}
			if want := warps * int64(c.k/16) * (part[0] + part[1]) / 16; l.Instructions[emulator.ClassLoadShared] != want {
				t.Errorf("%d loads from shared memory, want %d", l.Instructions[emulator.ClassLoadShared], want)
			}
			if l.BankConflicts*20 > l.SharedAccesses {
				t.Errorf("%d bank conflicts in %d accesses of shared memory", l.BankConflicts, l.SharedAccesses)
			}
			gpu, err := roofline.Find("4090")
			if err != nil {
				t.Fatal(err)
			}
			e, err := gpu.Estimate(&l, 128)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%dx%d, tiles of %v: weight x%.3f, %.1f instructions for an mma, modelled %.0f us, %.1f %% of the tensor peak, limit %s",
				c.n, c.k, tile, got, float64(l.WarpInstructions())/float64(l.Instructions[emulator.ClassMatrix]), e.Seconds*1e6, 100*e.TensorShare, e.Limit)
			if e.TensorShare < 0.9 {
				t.Errorf("modelled %.2f of the tensor peak (%s)", e.TensorShare, e.Limit)
			}
		})
	}
}

// Counters scaled up from some blocks are those of all.
func TestSampledTraffic(t *testing.T) {
	t.Parallel()
	for _, f := range []format.Format{format.F16, format.Q4_K} {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			r := trafficRig(t)
			w := r.weight(f, 256, 256)
			some, _ := r.prompt(w, 2)
			all, _ := r.prompt(w, 0)
			if some.Instructions != all.Instructions || some.MatrixOps != all.MatrixOps || some.SharedAccesses != all.SharedAccesses ||
				some.GlobalLoadSectors != all.GlobalLoadSectors || some.GlobalStoreSectors != all.GlobalStoreSectors || some.BankConflicts != all.BankConflicts {
				t.Errorf("from some blocks: %v\nfrom all: %v", some, all)
			}
		})
	}
}

// Products of integers: every multiplication is in mma, shared memory is met without conflicts, and by the
// model of a 4090 a prompt takes less than half the time of f16's.
func TestInt8Traffic(t *testing.T) {
	t.Parallel()
	gpu, err := roofline.Find("4090")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []format.Format{format.Q8_0, format.Q4_0, format.Q4_K} {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			r := trafficRig(t)
			w := r.weight(f, 4096, 4096)
			half, _ := r.prompt(w, 1)
			s := r.stageInt8(f, r.normal(promptRows*w.Cols, 0.1, 1), promptRows, w.Cols)
			args := []any{r.space(4 * promptRows * w.Rows), s.q, s.d}
			if kernels.Minima(f) {
				args = append(args, s.sums)
			}
			args = append(append(args, w.planes()...), uint64(0), uint64(0), uint32(w.Rows), uint32(w.Cols), uint32(promptRows))
			r.Sample(1)
			r.launch("matmul_"+strings.ToLower(f.String())+"_s8", dim(kernels.Int8Grid(w.Rows, promptRows)), 0, args...)
			l := *r.last
			if want := int64(w.Rows) * int64(w.Cols) * promptRows; l.MatrixOps != want || l.MatrixOps8 != want {
				t.Errorf("%d multiply-adds in mma, %d of integers, of %d", l.MatrixOps, l.MatrixOps8, want)
			}
			if l.BankConflicts*20 > l.SharedAccesses {
				t.Errorf("%d bank conflicts in %d accesses of shared memory", l.BankConflicts, l.SharedAccesses)
			}
			slow, err := gpu.Estimate(&half, 128)
			if err != nil {
				t.Fatal(err)
			}
			fast, err := gpu.Estimate(&l, 128)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("modelled %.1f us, %s; f16 %.1f us, %s", fast.Seconds*1e6, fast.Limit, slow.Seconds*1e6, slow.Limit)
			if fast.Seconds > slow.Seconds/2 {
				t.Errorf("modelled %.1f us in integers (%s), %.1f us in f16 (%s)", fast.Seconds*1e6, fast.Limit, slow.Seconds*1e6, slow.Limit)
			}
		})
	}
}
