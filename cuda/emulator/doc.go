// Package emulator is a CUDA device in software. It loads PTX text, runs its
// kernels on the CPU and checks them as they run, so that kernels, launchers and
// everything above them can be tested on a machine without a GPU.
//
//	d := emulator.New(emulator.Config{})
//	m, err := d.Load(ptx)
//	f, err := m.Function("rmsnorm_f32")
//	x, err := d.Alloc(n)
//	err = d.CopyIn(x, data)
//	err = d.Launch(f, emulator.Dim3{X: rows, Y: 1, Z: 1}, emulator.Dim3{X: 256, Y: 1, Z: 1}, 0, params)
//
// # How it runs
//
// A module is parsed once. Each kernel is decoded to a list of warp
// instructions, with calls inlined, immediates made into constant columns and
// labels into instruction numbers. A register is a column of 32 lanes. A warp
// runs those of its lanes first that stand at the lowest instruction, so lanes
// that branched apart meet again where the text joins. The warps of a block take
// turns on one goroutine; blocks run on several. What a kernel computes does not
// depend on that, unless blocks race for global memory.
//
// On amd64 with AVX2 the commonest instructions are assembly (internal/simd),
// elsewhere Go; both give the same bits. Before a kernel runs, it is worked out which
// registers surely hold a value where they are read, so that only the others are
// looked at as it runs.
//
// # What is emulated
//
// PTX up to sm_80 as hand-written kernels use it, with a few instructions of
// sm_90: integer, f32, f64, f16 and bf16 arithmetic, conversions with all
// roundings, comparisons, bit fields, dp4a and dp2a, lop3 and prmt; loads and
// stores of all state spaces and generic addresses, with vectors and cache
// hints; atomics; cp.async; branches, brx.idx, direct calls; barriers with and
// without counts; shfl, vote, match, redux; ldmatrix, movmatrix and mma.sync for
// f16, bf16, tf32 and 8-bit integers. An unknown instruction or modifier is an
// error with its line, as is an instruction newer than the module's .target or
// .version.
//
// Not emulated: textures and surfaces, wmma, wgmma, tensor-map copies, mbarrier,
// clusters, indirect calls, recursion, linking of several modules, shfl and vote
// without .sync, directed rounding of f64 arithmetic, printf and malloc.
//
// # How exact it is
//
// Arithmetic follows IEEE 754 and the PTX manual bit by bit: one rounding of
// fma, denormals kept unless .ftz, NaN results 0x7fffffff, saturating
// conversions, division by zero giving all ones. These differ from hardware:
//
//   - The .approx and .full functions (ex2, lg2, sin, cos, tanh, rcp, rsqrt, sqrt,
//     div) are computed in float64 and rounded once, which is nearer to the truth
//     than a GPU. Code that needs more than a GPU's accuracy is not found.
//   - mma adds exact products in float64 (integers exactly) and rounds once; a GPU
//     keeps fewer bits of the sum and truncates. The order of float atomics is
//     that of the emulator.
//   - %clock counts the warp's instructions; %globaltimer is the host's clock;
//     %smid is the block's number modulo Config.SMs.
//   - cp.async data arrives when it is waited for, never earlier.
//   - Memory is consistent: what a missing fence would let a thread see is not shown, only
//     reported as a race of blocks.
//
// # What is counted
//
// Every launch counts its instructions by class, bytes, sectors, bank conflicts and more
// (Launch, OnLaunch, Totals); the counts follow from program and data alone. Device.Sample
// has large launches run a sample of their blocks. With Config.Traffic the distinct sectors
// are counted, too, and the round trips to memory that each warp would wait for if loads took
// one round trip and all else no time: a chain of three loads is three, three loads whose
// values are used after the last of them are one. Bytes over round trips is what a warp has on
// its way at a time, in the order of the text; a compiler may move loads further forward.
//
// # What is checked
//
// Bounds and alignment always, by allocation; allocations lie a mebibyte apart
// and addresses are never used again. A block of an arena counts as one
// allocation. Also always: barriers that lanes or warps reach apart, warp
// operations with lanes missing, deadlocks, and warps that run without end.
//
// Unless Config.Unchecked: registers, shared, local and global bytes that were
// never written (CopyWithin passes the lack of a value on, CopyOut does not
// mind); and races for shared memory. Two accesses of one place, one of them a
// write, must be ordered by a barrier that both threads pass: bar.sync and its
// kin between warps, also bar.warp.sync between lanes of one warp. A shuffle or
// being in step is no such order, as the programming guide says of Volta and
// later. Storing the value that is already there is no race. Synchronising by
// flags and fences in shared memory is not understood and is reported as a race.
//
// Blocks of one launch race for a word of global memory that one of them writes and another
// touches, unless the first publishes it (a fence for the device or a release, then an atomic
// or strong store) and the other learns of it (an atomic or strong load): a ticket whose last
// holder reads what all have written is understood. Some such races are missed (see history),
// as are all in allocations above 256 MiB and in grids above four million blocks.
//
// The first fault ends the launch, which returns it as a *Fault with kernel,
// line, block, thread and address. The device can be used further.
package emulator
