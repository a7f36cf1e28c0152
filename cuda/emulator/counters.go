package emulator

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"time"
)

// Class is a kind of instruction in the counters.
type Class uint8

// The classes of instructions.
const (
	ClassFP32 Class = iota
	ClassFP64
	ClassFP16
	ClassInt
	ClassConvert
	ClassCompare
	ClassSpecial // reciprocals, roots, exponentials, approximate division
	ClassLoadGlobal
	ClassStoreGlobal
	ClassLoadShared
	ClassStoreShared
	ClassLocal
	ClassConst // kernel parameters and constant memory
	ClassAtomic
	ClassAsync // cp.async
	ClassMatrix
	ClassShuffle // shfl, vote, match, redux
	ClassBarrier
	ClassControl
	ClassOther
	ClassCount int = iota
)

var classNames = [ClassCount]string{"fp32", "fp64", "fp16", "int", "convert", "compare", "special", "ld.global", "st.global",
	"ld.shared", "st.shared", "local", "const", "atomic", "cp.async", "mma", "shuffle", "barrier", "control", "other"}

func (c Class) String() string { return classNames[c] }

// Launch counts what one launch did, or the sum over several of one kernel. All
// numbers follow from the program and its data alone; a model of a GPU's time
// may be built from them.
type Launch struct {
	Kernel   string
	Grid     Dim3
	Block    Dim3
	Launches int64
	Blocks   int64
	Warps    int64

	Instructions       [ClassCount]int64 // executed by warps
	ThreadInstructions int64             // executed by active lanes

	GlobalLoadBytes    int64 // asked for by lanes
	GlobalStoreBytes   int64
	GlobalLoadSectors  int64 // 32-byte sectors, summed over warp requests
	GlobalStoreSectors int64
	GlobalRequests     int64 // warp-wide loads, stores and copies

	SharedAccesses int64 // warp-wide
	BankConflicts  int64 // wavefronts beyond those an access without conflicts takes
	Barriers       int64 // arrivals of warps
	SharedPasses   int64 // wavefronts in all
	MatrixOps      int64 // multiply-adds of mma
	MatrixOps8     int64 // those of 8-bit integers
	SharedBytes    int   // shared memory of a block
	HostTime       time.Duration

	// Sampled is how many blocks ran where Device.Sample left some out, else 0. All counts
	// but HostTime are then scaled up from those blocks.
	Sampled int64

	// With Config.Traffic only.
	DistinctSectors int64   // touched by loads, stores and atomics, each counted once
	RoundTrips      float64 // to memory, of all warps; see the package's description
}

// WarpInstructions is the sum over all classes.
func (l *Launch) WarpInstructions() int64 {
	n := int64(0)
	for _, c := range l.Instructions {
		n += c
	}
	return n
}

// String gives the counts in one line. The factor behind the loads and stores is
// bytes in sectors touched over bytes asked for: 1 is perfectly coalesced.
func (l Launch) String() string {
	factor := func(sectors, bytes int64) float64 { return float64(32*sectors) / float64(max(bytes, 1)) }
	return fmt.Sprintf("%s grid %v block %v: %d launches, %d warp instructions, %d B loaded (x%.2f), %d B stored (x%.2f), %d shared accesses (+%d conflicts), %d barriers, %d mma multiply-adds",
		l.Kernel, l.Grid, l.Block, l.Launches, l.WarpInstructions(), l.GlobalLoadBytes, factor(l.GlobalLoadSectors, l.GlobalLoadBytes),
		l.GlobalStoreBytes, factor(l.GlobalStoreSectors, l.GlobalStoreBytes), l.SharedAccesses, l.BankConflicts, l.Barriers, l.MatrixOps)
}

// add sums everything but names and extents.
func (l *Launch) add(o *Launch) {
	l.Launches += o.Launches
	l.Blocks += o.Blocks
	l.Warps += o.Warps
	for i, n := range o.Instructions {
		l.Instructions[i] += n
	}
	l.ThreadInstructions += o.ThreadInstructions
	l.GlobalLoadBytes += o.GlobalLoadBytes
	l.GlobalStoreBytes += o.GlobalStoreBytes
	l.GlobalLoadSectors += o.GlobalLoadSectors
	l.GlobalStoreSectors += o.GlobalStoreSectors
	l.GlobalRequests += o.GlobalRequests
	l.SharedAccesses += o.SharedAccesses
	l.BankConflicts += o.BankConflicts
	l.Barriers += o.Barriers
	l.SharedPasses += o.SharedPasses
	l.MatrixOps += o.MatrixOps
	l.MatrixOps8 += o.MatrixOps8
	l.Sampled += o.Sampled
	l.DistinctSectors += o.DistinctSectors
	l.RoundTrips += o.RoundTrips
	l.HostTime += o.HostTime
}

// OnLaunch has f called after each launch that ends without an error, in order;
// nil ends that.
func (d *Device) OnLaunch(f func(Launch)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onLaunch = f
}

// Totals returns the sums over all launches since the last reset, one entry for
// each kernel, the one with most instructions first. Grid and Block are those of
// its last launch.
func (d *Device) Totals() []Launch {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := make([]Launch, 0, len(d.totals))
	for _, l := range d.totals {
		list = append(list, *l)
	}
	slices.SortFunc(list, func(a, b Launch) int {
		return cmp.Or(cmp.Compare(b.WarpInstructions(), a.WarpInstructions()), cmp.Compare(a.Kernel, b.Kernel))
	})
	return list
}

// ResetTotals forgets the counts so far.
func (d *Device) ResetTotals() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.totals)
}

func (d *Device) report(l *Launch) {
	d.mu.Lock()
	sum := d.totals[l.Kernel]
	if sum == nil {
		sum = &Launch{Kernel: l.Kernel}
		d.totals[l.Kernel] = sum
	}
	sum.add(l)
	sum.Grid, sum.Block, sum.SharedBytes = l.Grid, l.Block, l.SharedBytes
	f := d.onLaunch
	d.mu.Unlock()
	if f != nil {
		f(*l)
	}
}

// sectors counts the distinct 32-byte sectors that the active lanes touch.
func (w *warp) sectors(m uint32, width uint64) int64 {
	n := int64(0)
	last := ^uint64(0)
	sorted := true
	seen := &w.touched
	for ; m != 0; m &= m - 1 {
		s := w.addr[bits.TrailingZeros32(m)&31] / 32
		if s == last {
			continue
		}
		if s < last && last != ^uint64(0) {
			sorted = false
		}
		seen[n&31] = s
		last = s
		n++
	}
	if !sorted {
		n = distinct(seen[:n])
	}
	return n
}

// distinct is how many different numbers a list holds. It changes the list. Sectors of rows
// side by side lie near each other, where a set of bits is faster than sorting.
func distinct(list []uint64) int64 {
	var set [16]uint64
	lo := slices.Min(list)
	for _, s := range list {
		if s-lo >= 64*uint64(len(set)) {
			slices.Sort(list)
			return int64(len(slices.Compact(list)))
		}
		set[(s-lo)/64] |= 1 << ((s - lo) % 64)
	}
	n := 0
	for _, w := range set {
		n += bits.OnesCount64(w)
	}
	return int64(n)
}

// wavefronts models an access to shared memory: 32 banks of 4 bytes; lanes that
// read the same word share it; accesses of 8 and 16 bytes go by halves and
// quarters of the warp. It returns the passes and the passes without conflicts.
func (w *warp) wavefronts(m uint32, width int) (passes, ideal int64) {
	words := max(width/4, 1)
	group := 32 / words
	for g := 0; g < 32; g += group {
		lanes := m >> g
		if group < 32 {
			lanes &= 1<<group - 1
		}
		if lanes == 0 {
			continue
		}
		ideal++
		passes += w.bankPasses(g, group, words, lanes)
	}
	return passes, ideal
}

func (w *warp) bankPasses(g, group, words int, lanes uint32) int64 {
	// Addresses within 128 bytes of each other are on different banks or equal.
	lo, hi := ^uint64(0), uint64(0)
	for l := range group {
		if lanes>>l&1 != 0 {
			a := w.addr[(g+l)&31]
			lo, hi = min(lo, a), max(hi, a)
		}
	}
	if hi-lo+4*uint64(words) <= 128 {
		return 1
	}
	var word [32]uint64
	used, clash := uint32(0), false
	for l := range group {
		if lanes>>l&1 == 0 {
			continue
		}
		at := w.addr[(g+l)&31] / 4
		for k := range words {
			bank := (at + uint64(k)) & 31
			switch {
			case used>>bank&1 == 0:
				used |= 1 << bank
				word[bank] = at + uint64(k)
			case word[bank] != at+uint64(k):
				clash = true
			}
		}
	}
	if !clash {
		return 1
	}
	var perBank [32][]uint64
	most := 0
	for l := range group {
		if lanes>>l&1 == 0 {
			continue
		}
		for k := range words {
			at := w.addr[(g+l)&31]/4 + uint64(k)
			if list := perBank[at&31]; !slices.Contains(list, at) {
				perBank[at&31] = append(list, at)
				most = max(most, len(list)+1)
			}
		}
	}
	return int64(most)
}
