package cpu

import (
	"fmt"
	"math"
	"runtime"

	"gorgonia.org/tensor"

	"github.com/potion-engine/potion/engine"
)

// Options of New. The zero value is a good choice.
type Options struct {
	// Threads is how many threads compute; 0 means one for each core that Go may use.
	Threads int
	// Activations lets products with weights that are blocks of integers round their other
	// factor to integers.
	Activations Activations
	// Int8Activations is Activations: Int8.
	Int8Activations bool
}

// maxThreads keeps a mistyped number from starting a million goroutines.
const maxThreads = 1024

// Backend computes on the processor. It is an engine.Backend, used from one goroutine
// at a time. It is a gorgonia engine as well: see MatMul.
//
// Every operation is finished when its call returns. After Close the operations still
// work, on the caller's thread alone.
type Backend struct {
	tensor.StdEng

	pool     *pool
	kernels  *kernels
	integers *integers // the kernels' for the activations wanted, nil for floats

	scratch []scratch  // by worker
	touched uint64     // see touch
	angles  angleCache // Rope's cosines and sines

	activations activations // Linear's, as integers

	// The arguments of the operation that is running. They are kept here and not made
	// by every call because what a goroutine may reach must lie on the heap.
	embed       embedTask
	norm        normTask
	product     productTask
	prepared    prepareTask
	added       addNormTask
	roped       ropeStoreTask
	rope        ropeTask
	store       storeTask
	attend      attendTask
	elementwise elementwiseTask
	softmax     softmaxTask
	topK        topKTask
	gather      gatherTask
	matMul      matMulTask
}

// scratch is one worker's own memory. It grows before a task starts and is kept.
type scratch struct {
	chunk  [chunk]float32 // a piece of an unpacked row
	packed [4 * chunk]byte
	floats []float32   // whole unpacked rows, scores, partial results
	panel  panelMemory // rows of weights as integers
	row    activations // one row of integers
	last   lastRecord  // of it
	_      [64]byte    // keeps the next worker's chunk out of this one's cache line
}

// New makes a backend and starts its threads. Close stops them.
func New(o Options) (*Backend, error) {
	if o.Threads < 0 || o.Threads > maxThreads {
		return nil, fmt.Errorf("cpu: %d threads: want 1 to %d, or 0 for one on each core", o.Threads, maxThreads)
	}
	if !littleEndian() {
		return nil, fmt.Errorf("cpu: weights are read as they lie in the file, in little-endian order, which %s is not", runtime.GOARCH)
	}
	l, err := chooseLevel()
	if err != nil {
		return nil, err
	}
	return newAt(l, o), nil
}

// newAt is New at a level that the processor has.
func newAt(l level, o Options) *Backend {
	threads := o.Threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	if o.Int8Activations {
		o.Activations = Int8
	}
	k := kernelsOf(l)
	return &Backend{
		pool:     newPool(threads),
		kernels:  k,
		integers: k.of(o.Activations),
		scratch:  make([]scratch, threads),
	}
}

// NewTensor gives a zeroed tensor in ordinary memory, with the backend as its gorgonia
// engine.
func (b *Backend) NewTensor(dt tensor.Dtype, shape ...int) (engine.Tensor, error) {
	if dt != engine.Float32 && dt != engine.Int32 {
		return engine.Tensor{}, fmt.Errorf("cpu: a tensor of %v: want float32 or int32", dt)
	}
	if len(shape) != 1 && len(shape) != 2 {
		return engine.Tensor{}, fmt.Errorf("cpu: a tensor of shape %v: want one or two dimensions", shape)
	}
	n := 1
	for _, s := range shape {
		if s <= 0 || n > math.MaxInt/8/s {
			return engine.Tensor{}, fmt.Errorf("cpu: a tensor of shape %v: every dimension must be positive and the whole fit in memory", shape)
		}
		n *= s
	}
	t, err := engine.Wrap(tensor.New(tensor.Of(dt), tensor.WithShape(shape...), tensor.WithEngine(b)))
	if err == nil && dt == engine.Float32 {
		clear(t.F32()) // see touch
	}
	return t, err
}

// Release leaves the memory to the garbage collector.
func (b *Backend) Release(engine.Tensor) {}

// Write copies src to dst.
func (b *Backend) Write(dst engine.Tensor, src []float32) {
	y := f32("Write", "dst", dst)
	if len(src) != len(y) {
		wrong("Write", "%d numbers to a tensor of %d", len(src), len(y))
	}
	copy(y, src)
}

// Read copies src to dst.
func (b *Backend) Read(dst []float32, src engine.Tensor) error {
	x := f32("Read", "src", src)
	if len(dst) != len(x) {
		wrong("Read", "%d numbers from a tensor of %d", len(dst), len(x))
	}
	copy(dst, x)
	return nil
}

// ReadInts copies src to dst.
func (b *Backend) ReadInts(dst []int32, src engine.Tensor) error {
	x := src.I32()
	if x == nil {
		wrong("ReadInts", "src holds no int32 in this computer's memory")
	}
	if len(dst) != len(x) {
		wrong("ReadInts", "%d numbers from a tensor of %d", len(dst), len(x))
	}
	copy(dst, x)
	return nil
}

// Sync has nothing to wait for.
func (b *Backend) Sync() error { return nil }

// Close stops the threads. A nil Backend, which New gives with an error, has none.
func (b *Backend) Close() error {
	if b == nil {
		return nil
	}
	b.pool.close()
	return nil
}

// leastWork is how many elementary steps a part of a task has at least: about ten
// microseconds, against one for handing it to another thread.
const leastWork = 16384

// run shares out n items of about cost steps each.
func (b *Backend) run(t task, n, cost int) {
	b.pool.run(t, n, leastWork/max(cost, 1))
}

// reserve makes sure that every worker has n floats of scratch.
func (b *Backend) reserve(n int) {
	for i := range b.scratch {
		if len(b.scratch[i].floats) < n {
			b.scratch[i].floats = make([]float32, n)
		}
	}
}

// wrong panics in the form of package engine's checks.
func wrong(op, form string, args ...any) {
	panic("engine: " + op + ": " + fmt.Sprintf(form, args...))
}

// f32 is the elements of a tensor that has passed the checks.
func f32(op, name string, t engine.Tensor) []float32 {
	x := t.F32()
	if x == nil {
		wrong(op, "%s holds no float32 in this computer's memory", name)
	}
	return x
}

// optional is f32 for a tensor that may be none.
func optional(op, name string, t engine.Tensor) []float32 {
	if t.IsZero() {
		return nil
	}
	return f32(op, name, t)
}
