package roofline

import (
	"fmt"
	"slices"

	"github.com/potion-engine/potion/cuda/emulator"
	"github.com/potion-engine/potion/kernels/report/usage"
)

// Parts of a step.
const (
	Embedding = "embedding"
	Layer     = "layer"
	Head      = "head"
)

// Device is an emulated device that has the shape of the GPU and counts what Estimate needs.
// It does not check for uninitialised values and races.
func (g GPU) Device() *emulator.Device {
	optin := g.resources().shared - g.resources().reserved
	return emulator.New(emulator.Config{Name: g.Name, ComputeMajor: g.Compute / 10, ComputeMinor: g.Compute % 10, SMs: g.SMs,
		Memory: 64 << 30, SharedPerBlockOptin: optin, Traffic: true, Unchecked: true})
}

// Row is the launches of one kernel on one grid in one part of a step.
type Row struct {
	Part     string  `json:"part"`
	Kernel   string  `json:"kernel"`
	Grid     [3]int  `json:"grid"`
	Threads  int     `json:"threads"`         // of a block
	Launches float64 `json:"launches"`        // a step
	Stale    bool    `json:"stale,omitempty"` // the text is not the one whose registers are known

	// Of one launch.
	Registers         int               `json:"registers"`
	SharedBytes       int               `json:"shared_bytes"`
	Occupancy         int               `json:"blocks_per_sm"`  // blocks on a multiprocessor
	Warps             int               `json:"warps_per_sm"`   // on a multiprocessor
	Bytes             int64             `json:"distinct_bytes"` // in sectors touched, each counted once
	SectorBytes       int64             `json:"sector_bytes"`   // in sectors touched, each counted for every request of a warp
	Instructions      int64             `json:"instructions"`   // of warps
	MatrixOps         int64             `json:"mma_multiply_adds"`
	ConflictsPer      float64           `json:"conflicts_per_access"`     // wavefronts beyond the ideal ones, for each access of shared memory
	Sampled           int64             `json:"sampled_blocks,omitempty"` // blocks that ran, if not all
	Limit             Limit             `json:"limit"`
	Seconds           float64           `json:"seconds"`
	MemoryShare       float64           `json:"memory_share"` // of the data sheet's bandwidth
	TensorShare       float64           `json:"tensor_share"` // of the data sheet's tensor operations
	Times             map[Limit]float64 `json:"times_s,omitempty"`
	secondsAltogether float64
}

// Step is the modelled time of a step of a model.
type Step struct {
	GPU  string `json:"gpu"`
	Name string `json:"name"` // decode, prompt
	Rows []Row  `json:"rows"`

	Launches    float64 `json:"launches"`
	Seconds     float64 `json:"seconds"`      // of all launches and a Phase for each
	MemoryShare float64 `json:"memory_share"` // of the data sheet's bandwidth, by the bytes of all launches
}

// Recorder notes what a device launches, by parts of a step.
type Recorder struct {
	part     string
	launches []recorded
}

type recorded struct {
	part string
	emulator.Launch
}

// Record has the recorder note the device's launches from now on; Stop ends that.
func (r *Recorder) Record(d *emulator.Device) {
	d.OnLaunch(func(l emulator.Launch) { r.launches = append(r.launches, recorded{r.part, l}) })
}

// Stop ends recording.
func (r *Recorder) Stop(d *emulator.Device) { d.OnLaunch(nil) }

// Part says to which part of the step the launches belong that follow; all earlier ones must
// have run.
func (r *Recorder) Part(name string) { r.part = name }

// Estimate models what was recorded. Every launch of part Layer stands for layers of them.
func (r *Recorder) Estimate(g GPU, name string, layers float64) (*Step, error) {
	s := &Step{GPU: g.Name, Name: name}
	bytes := 0.0
	for i := range r.launches {
		l := &r.launches[i]
		times := 1.0
		if l.part == Layer {
			times = layers
		}
		row, err := g.row(l)
		if err != nil {
			return nil, err
		}
		s.add(row, times)
		s.Launches += times
		s.Seconds += times * (row.Seconds + Phase)
		bytes += times * float64(row.Bytes)
	}
	for i := range s.Rows {
		s.Rows[i].Seconds = s.Rows[i].secondsAltogether / s.Rows[i].Launches
	}
	if s.Seconds > 0 {
		s.MemoryShare = bytes / s.Seconds / g.Memory
	}
	return s, nil
}

// add counts a launch among those of its kind.
func (s *Step) add(row Row, times float64) {
	i := slices.IndexFunc(s.Rows, func(o Row) bool {
		return o.Part == row.Part && o.Kernel == row.Kernel && o.Grid == row.Grid && o.Bytes == row.Bytes
	})
	if i < 0 {
		s.Rows = append(s.Rows, row)
		i = len(s.Rows) - 1
	}
	s.Rows[i].Launches += times
	s.Rows[i].secondsAltogether += times * row.Seconds
}

func (g GPU) row(l *recorded) (Row, error) {
	k, fresh, err := usage.Find(l.Kernel)
	if err != nil {
		return Row{}, err
	}
	registers, ok := k.RegistersOn(g.Compute)
	if !ok {
		return Row{}, fmt.Errorf("%s does not run on sm_%d", l.Kernel, g.Compute)
	}
	e, err := g.Estimate(&l.Launch, registers)
	if err != nil {
		return Row{}, err
	}
	return Row{
		Part: l.part, Kernel: l.Kernel, Grid: [3]int{l.Grid.X, l.Grid.Y, l.Grid.Z}, Threads: l.Block.X * l.Block.Y * l.Block.Z, Stale: !fresh,
		Registers: registers, SharedBytes: l.SharedBytes, Occupancy: e.Occupancy, Warps: e.Warps,
		Bytes: 32 * l.DistinctSectors, SectorBytes: 32 * (l.GlobalLoadSectors + l.GlobalStoreSectors),
		Instructions: l.WarpInstructions(), MatrixOps: l.MatrixOps, ConflictsPer: float64(l.BankConflicts) / float64(max(l.SharedAccesses, 1)),
		Sampled: l.Sampled, Limit: e.Limit, Seconds: e.Seconds, MemoryShare: e.MemoryShare, TensorShare: e.TensorShare, Times: e.Times,
	}, nil
}
