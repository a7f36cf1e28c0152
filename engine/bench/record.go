package bench

import (
	_ "embed" // for Schema
	"fmt"
	"time"

	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/model"
)

// Schema is the JSON schema of a Record.
//
//go:embed schema.json
var Schema []byte

// Setup is what the machine, the program and the model were: the part of a Record that
// does not depend on the test.
type Setup struct {
	BuildCommit string `json:"build_commit"`
	Version     string `json:"version"`
	Command     string `json:"command"`
	CPU         string `json:"cpu_info"`
	GPU         string `json:"gpu_info"`
	Backend     string `json:"backends"`
	Features    string `json:"cpu_features"`
	Model       string `json:"model_filename"`
	ModelType   string `json:"model_type"`
	ModelBytes  int64  `json:"model_size"`
	Parameters  int64  `json:"model_n_params"`
	Chunk       int    `json:"n_batch"` // rows of a prompt that go through the model at once
	Threads     int    `json:"n_threads"`
	TypeK       string `json:"type_k"`
	TypeV       string `json:"type_v"`
	Activations string `json:"activations"`
	Seed        uint64 `json:"seed"`
	LoadNS      int64  `json:"load_ns"`
	PeakMemory  int64  `json:"peak_memory"` // bytes resident at most; 0 if unknown

	EnergySource string `json:"energy_source"` // what counts it; "" where nothing does
}

// Record is one test on one setup. Fields that llama-bench has as well carry its names
// (build_commit to samples_ts; n_batch is what it calls n_ubatch too). The figures are
// absent if the test is refused as invalid.
type Record struct {
	Setup
	Test     string `json:"test"` // its name, such as "tg128 @ d512"
	Prompt   int    `json:"n_prompt"`
	Gen      int    `json:"n_gen"`
	Depth    int    `json:"n_depth"`
	Batch    int    `json:"n_seq"` // sequences side by side
	TestTime string `json:"test_time"`

	Valid  bool   `json:"valid"`
	Reason string `json:"invalid_reason,omitempty"`

	AvgNS    *float64 `json:"avg_ns"` // of one run
	StddevNS *float64 `json:"stddev_ns"`
	MedianNS *float64 `json:"median_ns"`
	AvgTS    *float64 `json:"avg_ts"` // tokens per second
	StddevTS *float64 `json:"stddev_ts"`
	MedianTS *float64 `json:"median_ts"`
	Spread   *float64 `json:"spread"` // standard error of the median over the median

	WeightBytes int64    `json:"weight_bytes"` // read by one run
	KVBytes     int64    `json:"kv_bytes"`
	Flops       float64  `json:"flops"`
	GBs         *float64 `json:"gbps"` // of weights, 1e9 bytes a second, at the median
	GFLOPs      *float64 `json:"gflops"`
	Energy      *float64 `json:"joules_per_token"`

	PeakGBs     float64   `json:"peak_gbps"` // 0 if unknown
	PeakGFLOPs  float64   `json:"peak_gflops"`
	PeakBuffer  int64     `json:"peak_buffer"` // bytes that the bandwidth loop read over and over
	PeakSource  string    `json:"peak_source"` // measured with which instructions, or stated
	ShareGBs    *float64  `json:"share_bandwidth"`
	ShareGFLOPs *float64  `json:"share_compute"`
	Level       Level     `json:"weights_in"`
	CacheRes    bool      `json:"cache_resident"`
	SamplesNS   []int64   `json:"samples_ns"`
	SamplesTS   []float64 `json:"samples_ts,omitempty"`
}

// NewRecord works the figures of a measurement out, at the median. The caller sets Valid
// and the peaks by Judge.
func NewRecord(s Setup, t Test, c Cost, m Measurement, level Level, at time.Time) Record {
	r := Record{
		Setup: s, Test: t.Name(), Prompt: t.Prompt, Gen: t.Gen, Depth: t.Depth, Batch: t.Batch,
		TestTime: at.UTC().Format(time.RFC3339), WeightBytes: c.WeightBytes, KVBytes: c.KVBytes, Flops: c.Flops,
		Level: level, CacheRes: level.Cached(), Spread: finite(m.Stats.Spread),
	}
	rates := make([]float64, len(m.Samples))
	for i, d := range m.Samples {
		rates[i] = float64(t.Tokens()) / d.Seconds()
		r.SamplesNS = append(r.SamplesNS, d.Nanoseconds())
	}
	r.SamplesTS = rates
	ts := Summarize(rates)
	r.AvgNS, r.StddevNS, r.MedianNS = ptr(m.Stats.Mean*1e9), ptr(m.Stats.Deviation*1e9), ptr(m.Stats.Median*1e9)
	r.AvgTS, r.StddevTS, r.MedianTS = ptr(ts.Mean), ptr(ts.Deviation), ptr(ts.Median)
	r.GBs = ptr(float64(c.WeightBytes) / m.Stats.Median / 1e9)
	r.GFLOPs = ptr(c.Flops / m.Stats.Median / 1e9)
	r.Energy = m.JoulesPerToken
	return r
}

// Exceeds says whether a figure is above the peak, which cannot be: either it or the peak
// was measured wrongly. The peak of float32 operations binds neither where activations are
// integers nor on a GPU, which has units for products of matrices.
func (r *Record) Exceeds(p Peaks) bool {
	return p.BytesPerSec > 0 && r.GBs != nil && *r.GBs*1e9 > p.BytesPerSec ||
		r.computeBound() && p.FlopsPerSec > 0 && r.GFLOPs != nil && *r.GFLOPs*1e9 > p.FlopsPerSec
}

func (r *Record) computeBound() bool { return r.Activations == "f32" && r.GPU == "" }

// Judge sets the peaks and the shares of them, and takes the figures away if they exceed
// the peaks; the times of the runs stay.
func (r *Record) Judge(p Peaks) {
	r.PeakGBs, r.PeakGFLOPs, r.PeakBuffer = p.BytesPerSec/1e9, p.FlopsPerSec/1e9, p.BufferBytes
	r.PeakSource = fmt.Sprintf("measured, %d threads, %s", p.Threads, p.Set)
	if p.Stated {
		r.PeakSource = "stated by the maker"
	}
	if r.Exceeds(p) {
		r.Reason = fmt.Sprintf("%.2f GB/s of weights and %.1f GFLOP/s are more than the peak of %.2f GB/s and %.1f GFLOP/s that %s allows; was the machine busy?",
			*r.GBs, *r.GFLOPs, r.PeakGBs, r.PeakGFLOPs, r.Level)
		r.AvgNS, r.StddevNS, r.MedianNS, r.AvgTS, r.StddevTS, r.MedianTS = nil, nil, nil, nil, nil, nil
		r.Spread, r.GBs, r.GFLOPs, r.Energy, r.SamplesTS = nil, nil, nil, nil, nil
		return
	}
	r.Valid = true
	if p.BytesPerSec > 0 {
		r.ShareGBs = ptr(*r.GBs / r.PeakGBs)
	}
	if p.FlopsPerSec > 0 && r.computeBound() {
		r.ShareGFLOPs = ptr(*r.GFLOPs / r.PeakGFLOPs)
	}
}

// Describe is a model's type as llama-bench writes it ("gpt2 5.9M Q8_0": architecture,
// parameters, the format that most bytes are in) and its number of parameters.
func Describe(ck model.Checkpoint) (kind string, parameters int64, err error) {
	bytes := map[format.Format]int64{}
	var most format.Format
	for _, spec := range ck.Config().Tensors() {
		d, err := ck.Tensor(spec.Name)
		if err != nil {
			return "", 0, err
		}
		if d == nil {
			continue
		}
		parameters += int64(d.Rows) * int64(d.Cols)
		bytes[d.Format] += int64(d.Size())
		if bytes[d.Format] > bytes[most] {
			most = d.Format
		}
	}
	count := fmt.Sprintf("%.1fM", float64(parameters)/1e6)
	if parameters >= 1e9 {
		count = fmt.Sprintf("%.1fB", float64(parameters)/1e9)
	}
	return fmt.Sprintf("%s %s %v", ck.Config().Arch, count, most), parameters, nil
}

func ptr(x float64) *float64 { return &x }

// finite is x where JSON can say it.
func finite(x float64) *float64 {
	if x-x != 0 {
		return nil
	}
	return &x
}
