package kernels_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/potion-engine/potion/cuda/emulator"
	"github.com/potion-engine/potion/cuda/repack"
	"github.com/potion-engine/potion/engine/backendtest"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/kernels"
)

// testWeight is a weight on the device and as packed rows.
type testWeight struct {
	repack.Layout
	packed []byte
	at     uint64
}

// weight packs random rows. Packing is slow in some formats: blocks are taken from a pool.
func (r *rig) weight(f format.Format, n, k int) testWeight {
	r.Helper()
	block, width := f.BlockLen(), f.BlockLen()
	if block == 1 && k%32 == 0 {
		width = 32
	}
	pool := make([][]byte, 40)
	for i := range pool {
		x := r.normal(width, 0.1, 1)
		for j := range x {
			x[j] *= 0.02 * float32(1+i%5)
		}
		if i == 0 {
			clear(x)
		}
		pool[i] = make([]byte, f.RowBytes(width))
		f.Quantize(pool[i], x)
	}
	w := testWeight{}
	for range n * k / width {
		w.packed = append(w.packed, pool[r.rand.IntN(len(pool))]...)
	}
	var err error
	if w.Layout, err = repack.New(f, n, k); err != nil {
		r.Fatal(err)
	}
	data := make([]byte, w.Bytes)
	w.Pack(data, w.packed)
	w.at = r.put(data)
	return w
}

// planes are the addresses of a weight's planes.
func (w testWeight) planes() []any {
	var at []any
	for _, p := range w.Planes {
		at = append(at, w.at+uint64(p.Offset))
	}
	return at
}

func (w testWeight) row(n int) []byte {
	size := w.Format.RowBytes(w.Cols)
	return w.packed[n*size : (n+1)*size]
}

// dim is a grid of package repack for the emulator.
func dim(grid [3]int) emulator.Dim3 { return emulator.Dim3{X: grid[0], Y: grid[1], Z: grid[2]} }

// product runs matvec or matmul on t rows of x and returns y.
func (r *rig) product(op string, w testWeight, x []float32, t int, bias []float32) []float32 {
	r.Helper()
	return r.productAt(op, w, r.put(x), t, bias, w.Matvec(repack.MatvecProject, t, multiprocessors, 0, 0))
}

// productAt is product with x on the device and a choice of matvec's launch.
func (r *rig) productAt(op string, w testWeight, x uint64, t int, bias []float32, l repack.MatvecLaunch) []float32 {
	r.Helper()
	y := r.space(4 * t * w.Rows)
	var biasAt uint64
	if bias != nil {
		biasAt = r.put(bias)
	}
	op, variant, rounded := strings.Cut(op, "_") // matvec_int8
	entry := op + "_" + strings.ToLower(w.Format.String())
	if rounded {
		entry += "_" + variant
	}
	if op == "matvec" {
		c := matvecCall{launch: l, x: x, cols: w.Cols, y: [3]uint64{y}, w: [3]uint64{w.at}, bias: [3]uint64{biasAt}, rows: [3]int{w.Rows}}
		r.launch(entry, dim(l.Grid), 0, c.arguments()...)
	} else {
		args := append([]any{y, x}, w.planes()...)
		r.launch(entry, dim(w.MatmulGrid(t)), 0, append(args, biasAt, uint32(w.Rows), uint32(w.Cols), uint32(t))...)
	}
	if stored := int64(4 * t * w.Rows); r.last.GlobalStoreBytes != stored {
		r.Errorf("%s: %d bytes stored, want %d", entry, r.last.GlobalStoreBytes, stored)
	}
	return r.floats(y, t*w.Rows)
}

// multiprocessors is what launches are worked out for, unless a test says otherwise.
const multiprocessors = 128

// matvecCall is the arguments of matvec_*.
type matvecCall struct {
	launch      repack.MatvecLaunch
	verb        repack.MatvecVerb
	y           [3]uint64
	x           uint64
	w, bias     [3]uint64
	gain, shift uint64
	rows        [3]int
	cols        int
	norm        uint32
	eps         float32
}

func (c matvecCall) arguments() []any {
	return []any{c.y[0], c.y[1], c.y[2], c.x, c.w[0], c.w[1], c.w[2], c.bias[0], c.bias[1], c.bias[2], c.gain, c.shift,
		uint32(c.rows[0]), uint32(c.rows[1]), uint32(c.rows[2]), uint32(c.cols),
		c.launch.Parts, c.launch.Rows, c.launch.Abreast, uint32(c.verb), c.norm, c.eps}
}

// checkProduct compares y with float64 sums and with a second call, bit by bit.
func (r *rig) checkProduct(op string, f format.Format, n, k, t int, biased bool) {
	r.Helper()
	w, x := r.weight(f, n, k), r.normal(t*k, 0.1, 1)
	var bias []float32
	if biased {
		bias = r.normal(n, 0.1, 1)
	}
	y := r.product(op, w, x, t, bias)
	name := fmt.Sprintf("%s %v: y [%d, %d], K = %d, bias %v", op, f, t, n, k, biased)
	r.compare(name, y, w, x, t, bias)
	if !biased { // half of the cases will do for this
		return
	}
	again := r.product(op, w, x, t, bias)
	for i := range y {
		if math.Float32bits(again[i]) != math.Float32bits(y[i]) {
			r.Fatalf("%s: the second call differs at y[%d, %d]: %v, %v", name, i/n, i%n, y[i], again[i])
		}
	}
}

// compare holds y to float64 sums over the packed weights.
func (r *rig) compare(name string, y []float32, w testWeight, x []float32, t int, bias []float32) {
	r.Helper()
	want := make([]float64, t*w.Rows)
	for i := range want {
		row, n := i/w.Rows, i%w.Rows
		want[i] = w.Format.DotRef(w.row(n), x[row*w.Cols:(row+1)*w.Cols])
		if bias != nil {
			want[i] += float64(bias[n])
		}
	}
	limit, _ := backendtest.Limit("Linear", w.Format, false)
	r.same(name, y, want, limit)
}

// forFormats runs a test for every format.
func forFormats(t *testing.T, test func(t *testing.T, f format.Format)) {
	for _, f := range format.All() {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			test(t, f)
		})
	}
}

func TestMatvec(t *testing.T) {
	t.Parallel()
	forFormats(t, func(t *testing.T, f format.Format) {
		r := newRig(t)
		block := f.BlockLen()
		for i, n := range []int{1, 31, 33, 97} {
			for j, blocks := range []int{1, 2, 3, 5} {
				r.checkProduct("matvec", f, n, blocks*block, []int{1, 2, 3, 8}[(i+j)%4], (i+j)%2 == 0)
			}
		}
		for i, k := range []int{768, 1536, 2048} {
			r.checkProduct("matvec", f, 33, k, 1+i, i%2 == 0)
		}
		if block == 1 {
			for i, k := range []int{2, 3, 4, 6, 7, 12, 31, 33, 97, 101, 255, 1025} {
				r.checkProduct("matvec", f, 13, k, 1+i%3, i%2 == 0)
			}
		}
	})
}

// A long row is shared out among the warps of a block, and every lane goes through
// several units of it.
func TestMatvecLongRows(t *testing.T) {
	t.Parallel()
	forFormats(t, func(t *testing.T, f format.Format) {
		r := newRig(t)
		r.checkProduct("matvec", f, 3, 14336, 1, true)
		r.checkProduct("matvec", f, 5, 5120, 2, false)
	})
}

// Every way of sharing the work out gives the same numbers.
func TestMatvecLaunches(t *testing.T) {
	t.Parallel()
	for _, f := range []format.Format{format.F32, format.F16, format.Q4_K, format.Q8_0, format.Q3_K} {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			const n, k, rows = 75, 2304, 2
			w, x, bias := r.weight(f, n, k), r.normal(rows*k, 0.1, 1), r.normal(n, 0.1, 1)
			at := r.put(x)
			for _, parts := range []int{1, 2, 4} {
				for _, each := range []int{4, 8, 16, 32} {
					blocks := (n + each*4/parts - 1) / (each * 4 / parts)
					l := repack.MatvecLaunch{Grid: [3]int{blocks, rows, 1}, Parts: uint32(parts), Rows: uint32(each), Abreast: 1}
					y := r.productAt("matvec", w, at, rows, bias, l)
					r.compare(fmt.Sprintf("%v, %d parts, %d rows", f, parts, each), y, w, x, rows, bias)
				}
			}
		})
	}
}

// Of float weights x may lie at any multiple of 4 bytes.
func TestProductsOfMisalignedX(t *testing.T) {
	t.Parallel()
	for _, f := range []format.Format{format.F32, format.F16, format.BF16} {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			const n, rows = 9, 3
			for _, k := range []int{40, 44} {
				w, x := r.weight(f, n, k), r.normal(1+rows*k, 0.1, 1)
				at := r.put(x) + 4
				for _, op := range []string{"matvec", "matmul"} {
					y := r.productAt(op, w, at, rows, nil, w.Matvec(repack.MatvecProject, rows, multiprocessors, 0, 0))
					r.compare(fmt.Sprintf("%s %v, K = %d", op, f, k), y, w, x[1:], rows, nil)
				}
			}
		})
	}
}

// One number of x that is not 0 gives a column of the weight, in float formats exactly.
func TestProductsOfUnitVectors(t *testing.T) {
	t.Parallel()
	for _, f := range []format.Format{format.F32, format.F16, format.BF16} {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			const n, k = 5, 71
			w, x := r.weight(f, n, k), make([]float32, k*k)
			for i := range k {
				x[i*k+i] = 1
			}
			matvec, matmul := r.product("matvec", w, x, k, nil), r.product("matmul", w, x, k, nil)
			row := make([]float32, k)
			for i := range n {
				f.Dequantize(row, w.row(i))
				for j, v := range row {
					if matvec[j*n+i] != v || matmul[j*n+i] != v {
						t.Fatalf("w[%d, %d] = %v, matvec gives %v and matmul %v", i, j, v, matvec[j*n+i], matmul[j*n+i])
					}
				}
			}
		})
	}
}

// Rows of 12 and of 16 numbers are loaded in as many pieces, of 16 bytes where they can be.
func TestProductsOfPieces(t *testing.T) {
	t.Parallel()
	for _, f := range []format.Format{format.F32, format.F16, format.BF16} {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			for _, op := range []string{"matvec", "matmul"} {
				var requests [2]int64
				for i, k := range []int{12, 16} {
					r.product(op, r.weight(f, 64, k), r.normal(64*k, 0.1, 1), 64, nil)
					requests[i] = r.last.GlobalRequests
				}
				if requests[0] > requests[1] {
					t.Errorf("%s: %d loads and stores for rows of 12 numbers, %d for 16", op, requests[0], requests[1])
				}
			}
		})
	}
}

// What a decode kernel is judged by: the bytes of the weight come from memory once, in whole
// sectors, x and y beside them, and shared memory is met without conflicts.
func TestMatvecTraffic(t *testing.T) {
	t.Parallel()
	forFormats(t, func(t *testing.T, f format.Format) { checkTraffic(t, "matvec", f) })
	for _, f := range format.All() {
		if f.BlockLen() > 1 {
			t.Run(f.String()+"_int8", func(t *testing.T) {
				t.Parallel()
				checkTraffic(t, "matvec_int8", f)
			})
		}
	}
}

func checkTraffic(t *testing.T, op string, f format.Format) {
	r := newRig(t)
	r.Device = emulator.New(emulator.Config{Memory: 1 << 32, Traffic: true})
	r.OnLaunch(func(l emulator.Launch) { *r.last = l })
	for _, shape := range [][2]int{{256, 4096}, {64, 14336}} {
		n, k := shape[0], shape[1]
		w, x := r.weight(f, n, k), r.normal(k, 0.1, 1)
		r.productAt(op, w, r.put(x), 1, nil, w.Matvec(repack.MatvecProject, 1, 1, 0, 0)) // as many rows to a warp as there can be
		got := r.last.DistinctSectors*32 - int64(4*(n+k))
		if ratio := float64(got) / float64(len(w.packed)); ratio > 1.02 || ratio < 1 {
			t.Errorf("%d bytes of sectors for %d bytes of weights: %.4f", got, len(w.packed), ratio)
		}
		if r.last.BankConflicts*20 > r.last.SharedAccesses {
			t.Errorf("%d bank conflicts in %d accesses of shared memory", r.last.BankConflicts, r.last.SharedAccesses)
		}
		per := func(n int64) float64 { return float64(n) * 512 / float64(len(w.packed)) }
		t.Logf("[%d %d]: sectors/weight %.4f; in 512 bytes of weights %.1f instructions of warps, %.1f of them on integers; %v", n, k,
			float64(got)/float64(len(w.packed)), per(r.last.WarpInstructions()), per(r.last.Instructions[emulator.ClassInt]+r.last.Instructions[emulator.ClassCompare]), r.last)
	}
}

// The kernels' parameters are the planes of the layouts, in order, between what every
// launch passes, and their blocks those that the grids are worked out for.
func TestWeightKernelsFitLayouts(t *testing.T) {
	t.Parallel()
	for _, f := range format.All() {
		l, err := repack.New(f, 1, f.BlockLen())
		if err != nil {
			t.Fatal(err)
		}
		var planes []string
		for _, p := range l.Planes {
			planes = append(planes, p.Name)
		}
		for _, c := range []struct {
			op            string
			block         int
			before, after []string
		}{
			{"matmul", repack.MatmulBlock, []string{"y", "x"}, []string{"bias", "N", "K", "T"}},
			{"embed", repack.EmbedBlock, []string{"y", "index"}, []string{"place", "places", "K", "scale"}},
		} {
			entry := c.op + "_" + strings.ToLower(f.String())
			k, found := kernels.Find(entry)
			if !found {
				t.Errorf("no kernel %s", entry)
				continue
			}
			var got []string
			for _, p := range k.Params {
				got = append(got, p.Name)
			}
			if want := slices.Concat(c.before, planes, c.after); !slices.Equal(got, want) {
				t.Errorf("%s takes %v, want %v", entry, got, want)
			}
			if k.Threads() != c.block {
				t.Errorf("%s has blocks of %d threads, want %d", entry, k.Threads(), c.block)
			}
		}
	}
}
