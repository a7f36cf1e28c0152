package emulator

import "math"

// Sample has every later launch of more than n blocks run about n of them only, spread over
// the whole grid, and its counts scaled up; 0 ends that. One block of each run of
// neighbours of equal length runs, at a place in it that follows from its number alone, so
// that no pattern of the grid is met more often than it comes. Part of what such a launch
// would store is missing, and kernels whose last block does more than the others find none
// to be the last.
func (d *Device) Sample(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sample = int64(max(n, 0))
}

// choose says how many blocks run.
func (l *launch) choose(sample int64) {
	l.runs = l.blocks
	if sample > 0 && l.blocks > sample {
		l.runs = sample
	}
}

// block is the number of the i-th block that runs.
func (l *launch) block(i int64) int64 {
	if l.runs == l.blocks {
		return i
	}
	from, to := span(i, l.runs, l.blocks), span(i+1, l.runs, l.blocks)
	hash := uint64(i) * 0x9e3779b97f4a7c15 // Fibonacci hashing
	return from + int64(hash>>33)%(to-from)
}

// span is i*blocks/runs, which may not fit 64 bits as it stands.
func span(i, runs, blocks int64) int64 {
	return i*(blocks/runs) + i*(blocks%runs)/runs
}

// scale multiplies what was counted.
func (l *Launch) scale(by float64) {
	for _, n := range []*int64{&l.ThreadInstructions, &l.GlobalLoadBytes, &l.GlobalStoreBytes, &l.GlobalLoadSectors,
		&l.GlobalStoreSectors, &l.GlobalRequests, &l.SharedAccesses, &l.BankConflicts, &l.SharedPasses, &l.Barriers,
		&l.MatrixOps, &l.MatrixOps8} {
		*n = int64(math.Round(float64(*n) * by))
	}
	for i := range l.Instructions {
		l.Instructions[i] = int64(math.Round(float64(l.Instructions[i]) * by))
	}
	l.RoundTrips *= by
}
