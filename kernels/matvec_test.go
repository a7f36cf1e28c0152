package kernels_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/potion-engine/potion/cuda/emulator"
	"github.com/potion-engine/potion/cuda/repack"
	"github.com/potion-engine/potion/engine/backendtest"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/kernels"
)

// weightRig runs the kernels that read weights, on the emulated device with its checks.
type weightRig struct {
	testing.TB
	*emulator.Device
	rand *rand.Rand
	last emulator.Launch
}

func newWeightRig(t testing.TB, seed uint64) *weightRig {
	r := &weightRig{TB: t, Device: emulator.New(emulator.Config{}), rand: rand.New(rand.NewPCG(seed, 7))}
	r.OnLaunch(func(l emulator.Launch) { r.last = l })
	return r
}

// upload copies data, numbers or bytes, to the device.
func (r *weightRig) upload(data any) uint64 {
	r.Helper()
	b, err := binary.Append(nil, binary.LittleEndian, data)
	if err != nil {
		r.Fatal(err)
	}
	at, err := r.Alloc(int64(len(b)))
	if err != nil {
		r.Fatal(err)
	}
	if err := r.CopyIn(at, b); err != nil {
		r.Fatal(err)
	}
	return at
}

func (r *weightRig) floats(at uint64, n int) []float32 {
	r.Helper()
	b, out := make([]byte, 4*n), make([]float32, n)
	if err := r.CopyOut(b, at); err != nil {
		r.Fatal(err)
	}
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

// normal is n random numbers.
func (r *weightRig) normal(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.rand.NormFloat64()) + 0.1
	}
	return x
}

// testWeight is a weight on the device and as packed rows.
type testWeight struct {
	repack.Layout
	packed []byte
	at     uint64
}

// weight packs random rows. Packing is slow in some formats: blocks are taken from a pool.
func (r *weightRig) weight(f format.Format, n, k int) testWeight {
	r.Helper()
	block, width := f.BlockLen(), f.BlockLen()
	if block == 1 && k%32 == 0 {
		width = 32
	}
	pool := make([][]byte, 40)
	for i := range pool {
		x := r.normal(width)
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
	w.at = r.upload(data)
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

// launch runs an entry, whose file has its name.
func (r *weightRig) launch(entry string, grid [3]int, args ...any) {
	r.Helper()
	k, ok := kernels.Find(entry)
	if !ok {
		r.Fatalf("no kernel %s", entry)
	}
	if len(args) != len(k.Params) {
		r.Fatalf("%s takes %d parameters, got %d", entry, len(k.Params), len(args))
	}
	m, err := r.Load(kernels.Source(k.File))
	if err != nil {
		r.Fatalf("%s: %v", k.File, err)
	}
	defer m.Unload()
	f, err := m.Function(entry)
	if err != nil {
		r.Fatal(err)
	}
	var params []byte
	for i, a := range args {
		if binary.Size(a) != k.Params[i].Size {
			r.Fatalf("%s: parameter %s has %d bytes, got %T", entry, k.Params[i].Name, k.Params[i].Size, a)
		}
		for len(params)%binary.Size(a) != 0 {
			params = append(params, 0)
		}
		if params, err = binary.Append(params, binary.LittleEndian, a); err != nil {
			r.Fatal(err)
		}
	}
	block := emulator.Dim3{X: k.Block[0], Y: k.Block[1], Z: k.Block[2]}
	if err := r.Launch(f, emulator.Dim3{X: grid[0], Y: grid[1], Z: grid[2]}, block, 0, params); err != nil {
		r.Fatalf("%s, grid %v: %v", entry, grid, err)
	}
}

// product runs matvec or matmul on t rows of x and returns y.
func (r *weightRig) product(op string, w testWeight, x []float32, t int, bias []float32) []float32 {
	r.Helper()
	return r.productAt(op, w, r.upload(x), t, bias, w.Matvec(t))
}

// productAt is product with x on the device and a choice of matvec's launch.
func (r *weightRig) productAt(op string, w testWeight, x uint64, t int, bias []float32, l repack.MatvecLaunch) []float32 {
	r.Helper()
	y, err := r.Alloc(int64(4 * t * w.Rows))
	if err != nil {
		r.Fatal(err)
	}
	var biasAt uint64
	if bias != nil {
		biasAt = r.upload(bias)
	}
	args := append([]any{y, x}, w.planes()...)
	args = append(args, biasAt, uint32(w.Rows), uint32(w.Cols))
	entry := op + "_" + strings.ToLower(w.Format.String())
	if op == "matvec" {
		r.launch(entry, l.Grid, append(args, l.Parts, l.Rows)...)
	} else {
		r.launch(entry, w.MatmulGrid(t), append(args, uint32(t))...)
	}
	return r.floats(y, t*w.Rows)
}

// checkProduct compares y with float64 sums and with a second call.
func (r *weightRig) checkProduct(op string, f format.Format, n, k, t int, biased bool) {
	r.Helper()
	w, x := r.weight(f, n, k), r.normal(t*k)
	var bias []float32
	if biased {
		bias = r.normal(n)
	}
	y := r.product(op, w, x, t, bias)
	name := fmt.Sprintf("%s %v: y [%d, %d], K = %d, bias %v", op, f, t, n, k, biased)
	r.compare(name, y, w, x, t, bias)
	again := r.product(op, w, x, t, bias)
	for i := range y {
		if math.Float32bits(again[i]) != math.Float32bits(y[i]) {
			r.Fatalf("%s: the second call differs at y[%d, %d]: %v, %v", name, i/n, i%n, y[i], again[i])
		}
	}
}

// compare holds y to float64 sums over the packed weights.
func (r *weightRig) compare(name string, y []float32, w testWeight, x []float32, t int, bias []float32) {
	r.Helper()
	f, n, k := w.Format, w.Rows, w.Cols
	var errors, power, worst float64
	worstAt := 0
	for i := range t {
		for j := range n {
			want := f.DotRef(w.row(j), x[i*k:(i+1)*k])
			if bias != nil {
				want += float64(bias[j])
			}
			d := float64(y[i*n+j]) - want
			if !(math.Abs(d) <= worst) {
				worst, worstAt = math.Abs(d), i*n+j
			}
			errors += d * d
			power += want * want
		}
	}
	if limit, _ := backendtest.Limit("Linear", f, false); !(errors <= limit*power) {
		r.Errorf("%s: NMSE %.2g, limit %g; worst y[%d, %d], off by %g", name, errors/power, limit, worstAt/n, worstAt%n, worst)
	}
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
		r := newWeightRig(t, uint64(f))
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
			for i, k := range []int{7, 31, 33, 97, 101, 255, 1025} {
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
		r := newWeightRig(t, 100+uint64(f))
		r.checkProduct("matvec", f, 3, 14336, 1, true)
		r.checkProduct("matvec", f, 5, 5120, 2, false)
	})
}

// Every way of sharing the work out gives the same numbers.
func TestMatvecLaunches(t *testing.T) {
	t.Parallel()
	for _, f := range []format.Format{format.F32, format.F16, format.Q4_K, format.Q8_0, format.Q3_K} {
		r := newWeightRig(t, 600+uint64(f))
		const n, k, rows = 75, 2304, 2
		w, x, bias := r.weight(f, n, k), r.normal(rows*k), r.normal(n)
		at := r.upload(x)
		for _, parts := range []int{1, 2, 4} {
			for _, each := range []int{4, 8, 16, 32} {
				blocks := (n + each*4/parts - 1) / (each * 4 / parts)
				l := repack.MatvecLaunch{Grid: [3]int{rows, blocks, 1}, Parts: uint32(parts), Rows: uint32(each)}
				y := r.productAt("matvec", w, at, rows, bias, l)
				r.compare(fmt.Sprintf("%v, %d parts, %d rows", f, parts, each), y, w, x, rows, bias)
			}
		}
	}
}

// Of float weights x may lie at any multiple of 4 bytes.
func TestProductsOfMisalignedX(t *testing.T) {
	t.Parallel()
	for _, f := range []format.Format{format.F32, format.F16, format.BF16} {
		r := newWeightRig(t, 700+uint64(f))
		const n, k, rows = 9, 44, 3
		w, x := r.weight(f, n, k), r.normal(1+rows*k)
		at := r.upload(x) + 4
		for _, op := range []string{"matvec", "matmul"} {
			y := r.productAt(op, w, at, rows, nil, w.Matvec(rows))
			r.compare(fmt.Sprintf("%s %v", op, f), y, w, x[1:], rows, nil)
		}
	}
}

// What a decode kernel is judged by: every byte of the weight is asked for once, in whole
// sectors, and shared memory is met without conflicts.
func TestMatvecTraffic(t *testing.T) {
	t.Parallel()
	forFormats(t, func(t *testing.T, f format.Format) {
		r := newWeightRig(t, 400+uint64(f))
		const n, k = 256, 4096
		w, x := r.weight(f, n, k), r.normal(k)
		r.product("matvec", w, x, 1, nil)
		l := w.Matvec(1)
		// A warp loads its x once for all its rows, in pieces of 16 bytes that lie a unit
		// apart, so that each sector is asked for twice (once where a unit is one piece).
		groups := int64(n) / int64(l.Rows)
		loadsOfX := groups * 2 * 4 * k / 32
		if f == format.F32 {
			loadsOfX /= 2
		}
		got := (r.last.GlobalLoadSectors - loadsOfX) * 32
		if ratio := float64(got) / float64(len(w.packed)); ratio > 1.02 || ratio < 1 {
			t.Errorf("%d bytes of sectors for %d bytes of weights: %.4f", got, len(w.packed), ratio)
		}
		if r.last.BankConflicts*20 > r.last.SharedAccesses {
			t.Errorf("%d bank conflicts in %d accesses of shared memory", r.last.BankConflicts, r.last.SharedAccesses)
		}
		t.Logf("sectors/weight %.4f, warp instructions per 512 bytes of weights %.1f, %v", float64(got)/float64(len(w.packed)),
			float64(r.last.WarpInstructions())*512/float64(len(w.packed)), r.last)
	})
}
