package roofline

import (
	"fmt"

	"github.com/potion-engine/potion/cuda/emulator"
)

// Attainable is the share of a data sheet's bandwidth that reading reaches at best: on an RTX
// 4090 kernels of calm and cuBLAS alike end at 955 of 1008 GB/s
// (https://github.com/zeux/calm, README). It is taken for all GPUs.
const Attainable = 955.0 / 1008

// Phase is what it costs, in seconds, that one launch of a step waits for the one before:
// the last blocks end alone, the launch (or a barrier of the grid) takes effect, the first
// loads are on their way. It is the one constant fitted to a measurement: calm's F16 rates on
// an RTX 4090, where a layer has six such phases; its rates at 8 and 4 bits then follow
// within 4 % (see the test).
const Phase = 2.5e-6

// LatencyClocks is how long a load from memory is on its way while others are, too: twice
// the about 500 clocks that are measured on idle GPUs of these generations (Luo et al.,
// "Benchmarking and Dissecting the Nvidia Hopper GPU Architecture", arXiv 2402.13499).
const LatencyClocks = 1000

// Lanes of a multiprocessor, a clock, by the table of arithmetic throughput in NVIDIA's CUDA
// programming guide.
const (
	intLanes     = 64
	convertLanes = 64
	specialLanes = 16
	shuffleLanes = 32
	issuePerSM   = 4 // instructions of warps
)

// Limit is a resource that a launch may wait for most.
type Limit string

// The limits.
const (
	ByMemory  Limit = "memory"
	ByLatency Limit = "latency"
	ByL2      Limit = "L2"
	ByIssue   Limit = "issue"
	ByFloat   Limit = "float32"
	ByInteger Limit = "integer"
	BySpecial Limit = "special"
	ByTensor  Limit = "tensor"
	ByShared  Limit = "shared"
)

// Estimate is the modelled time of one launch.
type Estimate struct {
	Occupancy int // blocks on a multiprocessor
	Warps     int // on a multiprocessor, of as many as there are blocks for
	Limit     Limit
	Seconds   float64 // of the kernel by itself
	Times     map[Limit]float64

	MemoryShare float64 // of the data sheet's bandwidth, each sector touched counted once
	TensorShare float64 // of the data sheet's operations
}

// Estimate models the launch l, whose counters include those of emulator.Config.Traffic, of
// a kernel with that many registers a thread:
//
//	time = max(distinct sectors * 32 / (bandwidth * Attainable),
//	           round trips * latency / warps on the device,
//	           sectors * 32 / L2 bandwidth,              where it is stated
//	           imbalance * max(instructions / 4,         a clock and multiprocessor
//	                           32 * instructions of a kind / its lanes,
//	                           wavefronts of shared memory) / (SMs * clock),
//	           imbalance * tensor operations / tensor peak)
//
// The second line is Little's law: warps that have too little on their way do not keep the
// memory busy. imbalance is how much more than its share of the blocks the busiest
// multiprocessor has. A step adds Phase for each launch.
//
// What it leaves out: caches (of the sectors touched again none comes from memory again, all
// come from L2), bank groups and refresh of DRAM beyond Attainable, dependences between
// arithmetic instructions, clocks that sink under load, and what ptxas makes of the text: the
// instructions are PTX's.
func (g GPU) Estimate(l *emulator.Launch, registers int) (Estimate, error) {
	threads := l.Block.X * l.Block.Y * l.Block.Z
	blocks := int(l.Blocks / max(l.Launches, 1))
	e := Estimate{Occupancy: g.Occupancy(threads, registers, l.SharedBytes)}
	if e.Occupancy == 0 {
		return e, fmt.Errorf("%s: a block of %d threads with %d registers and %d bytes of shared memory does not fit on a %s", l.Kernel, threads, registers, l.SharedBytes, g.Name)
	}
	warps := (threads + 31) / 32
	onDevice := min(blocks, e.Occupancy*g.SMs) * warps
	e.Warps = min((blocks+g.SMs-1)/g.SMs, e.Occupancy) * warps
	sm := float64((blocks+g.SMs-1)/g.SMs) / float64(blocks) / g.Clock // seconds for a clock's work of one multiprocessor
	fp32 := g.resources().fp32
	count := func(lanes float64, classes ...emulator.Class) float64 {
		n := int64(0)
		for _, c := range classes {
			n += l.Instructions[c]
		}
		return 32 * float64(n) / lanes * sm
	}
	launches := float64(max(l.Launches, 1))
	t := map[Limit]float64{
		ByMemory:  32 * float64(l.DistinctSectors) / (g.Memory * Attainable),
		ByLatency: l.RoundTrips * LatencyClocks / g.Clock / float64(onDevice),
		ByIssue:   float64(l.WarpInstructions()) / issuePerSM * sm,
		ByFloat:   count(fp32, emulator.ClassFP32, emulator.ClassFP16),
		ByInteger: count(intLanes, emulator.ClassInt, emulator.ClassCompare),
		BySpecial: count(specialLanes, emulator.ClassSpecial) + count(convertLanes, emulator.ClassConvert) + count(shuffleLanes, emulator.ClassShuffle),
		ByShared:  float64(l.SharedPasses) * sm,
	}
	if g.L2 > 0 {
		t[ByL2] = 32 * float64(l.GlobalLoadSectors+l.GlobalStoreSectors) / (g.L2 * g.Clock)
	}
	if l.MatrixOps > 0 {
		if g.Tensor == 0 {
			return e, fmt.Errorf("%s: a %s has no tensor cores that it can use", l.Kernel, g.Name)
		}
		even := 2 * (float64(l.MatrixOps-l.MatrixOps8)/g.Tensor + float64(l.MatrixOps8)/g.Tensor8)
		t[ByTensor] = even * sm * g.Clock * float64(g.SMs)
		e.TensorShare = even
	}
	for _, limit := range []Limit{ByMemory, ByLatency, ByL2, ByIssue, ByFloat, ByInteger, BySpecial, ByTensor, ByShared} {
		if t[limit] /= launches; t[limit] == 0 {
			delete(t, limit)
		}
		if t[limit] > e.Seconds {
			e.Limit, e.Seconds = limit, t[limit]
		}
	}
	e.Times = t
	if e.Seconds > 0 {
		e.MemoryShare = 32 * float64(l.DistinctSectors) / launches / e.Seconds / g.Memory
		e.TensorShare /= launches * e.Seconds
	}
	return e, nil
}
