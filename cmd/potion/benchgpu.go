package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/potion-engine/potion/cuda"
	"github.com/potion-engine/potion/cuda/driver"
	"github.com/potion-engine/potion/cuda/emulator"
	"github.com/potion-engine/potion/cuda/roofline"
	"github.com/potion-engine/potion/engine/bench"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/modelfile"
	"github.com/potion-engine/potion/engine/session"
)

// gpuFlags ask for a modelled GPU in place of a measurement.
func gpuFlags() []cli.Flag {
	const category = "Modelled GPU (counted on the emulated device, not measured)"
	return []cli.Flag{
		&cli.StringFlag{Name: "gpu", Usage: "model the kernels of a decode step and of a prompt step (-p, -d, -b) on a `GPU`: " + strings.Join(roofline.Names(), ", ") + "; several with commas", Category: category},
		&cli.StringFlag{Name: "shape", Usage: "`SHAPE` of a model without weights: 8b, 1b or 135m (Llama 3, SmolLM2)", Value: "8b", Category: category},
		&cli.StringFlag{Name: "format", Usage: "weight `FORMAT` of a model without weights; several with commas", Value: "F16,Q8_0,Q4_0,Q4_K", Category: category},
	}
}

// gpuModel is the command line of a modelled GPU understood.
type gpuModel struct {
	gpus   []roofline.GPU
	plan   *benchPlan
	kv     format.Format
	int8   bool // activations
	models []gpuSource
}

// gpuSource is a model to step through: a file, or a shape of which one layer is loaded and
// stands for all.
type gpuSource struct {
	name   string
	open   func() (model.Checkpoint, error)
	layers int // that one stands for
}

// gpuResult is the steps of one model on one GPU.
type gpuResult struct {
	Modelled bool             `json:"modelled"` // always true: nothing here was measured
	Model    string           `json:"model"`
	KV       string           `json:"kv"`
	Int8     bool             `json:"int8_activations"`
	GPU      roofline.GPU     `json:"gpu"`
	Steps    []*roofline.Step `json:"steps"`
}

func runGPUModel(c *cli.Context, p *benchPlan) error {
	m := &gpuModel{plan: p}
	if err := m.parse(c); err != nil {
		return err
	}
	var devices []*emulator.Device
	for _, g := range m.gpus {
		devices = append(devices, g.Device())
	}
	if err := driver.Open(driver.Options{Emulated: devices}); err != nil {
		return fmt.Errorf("--gpu: %w", err)
	}
	var results []gpuResult
	for _, s := range m.models {
		ck, err := s.open()
		if err != nil {
			return err
		}
		for i, g := range m.gpus {
			r := gpuResult{Modelled: true, Model: s.name, KV: m.kv.String(), Int8: m.int8, GPU: g}
			if r.Steps, err = m.steps(c, devices[i], i, ck, s.layers); err != nil {
				ck.Close()
				return fmt.Errorf("%s on %s: %w", s.name, g.Name, err)
			}
			if p.output == "table" || p.output == "md" {
				printGPU(c.App.Writer, p.output, r)
			}
			results = append(results, r)
		}
		if err := ck.Close(); err != nil {
			return err
		}
	}
	switch p.output {
	case "json":
		e := json.NewEncoder(c.App.Writer)
		e.SetIndent("", "  ")
		return e.Encode(results)
	case "jsonl":
		for _, r := range results {
			if err := printJSON(c.App.Writer, r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *gpuModel) parse(c *cli.Context) error {
	if d := c.String("device"); c.IsSet("device") && d != "emulated" {
		return usage("--gpu and --device %s exclude each other: what is modelled runs on the emulated device", d)
	}
	if m.plan.output == "csv" {
		return usage("--output csv: want table, md, json or jsonl with --gpu")
	}
	for _, name := range words(c, "gpu") {
		g, err := roofline.Find(name)
		if err != nil {
			return usage("--gpu: %v", err)
		}
		m.gpus = append(m.gpus, g)
	}
	var err error
	if m.kv, err = format.Parse(strings.ToUpper(words(c, "kv")[0])); err != nil || !slices.Contains([]format.Format{format.F32, format.F16, format.Q8_0}, m.kv) {
		return usage("--kv %s: want f32, f16 or q8_0", c.String("kv"))
	}
	m.int8 = words(c, "activations")[0] == "int8"
	if len(c.StringSlice("model")) > 0 {
		if c.IsSet("shape") || c.IsSet("format") {
			return usage("-m and --shape or --format exclude each other")
		}
		for _, s := range m.plan.setups {
			if !slices.ContainsFunc(m.models, func(o gpuSource) bool { return o.name == s.model }) {
				m.models = append(m.models, gpuSource{s.model, func() (model.Checkpoint, error) { return openCheckpoint(s.model) }, 1})
			}
		}
		return nil
	}
	for _, name := range words(c, "format") {
		f, err := format.Parse(strings.ToUpper(name))
		if err != nil {
			return usage("--format %s: %v", name, err)
		}
		shape, err := bench.Shape(c.String("shape"))
		if err != nil {
			return usage("--shape: %v", err)
		}
		layers := shape.Layers
		shape.Layers = 1
		m.models = append(m.models, gpuSource{fmt.Sprintf("%s in %v", shape.Name, f), func() (model.Checkpoint, error) { return bench.Synthetic(&shape, f), nil }, layers})
	}
	return nil
}

func openCheckpoint(path string) (model.Checkpoint, error) {
	f, err := modelfile.Open(path)
	if err != nil {
		return nil, err
	}
	return f.Checkpoint()
}

// steps counts the steps of one model on device number i.
func (m *gpuModel) steps(c *cli.Context, d *emulator.Device, i int, ck model.Checkpoint, layers int) (steps []*roofline.Step, err error) {
	p := m.plan
	b, err := cuda.Open(cuda.Options{Emulated: true, Device: i, Int8Activations: m.int8})
	if err != nil {
		return nil, err
	}
	defer b.Close()
	loaded, err := model.Load(c.Context, b, ck, nil)
	if err != nil {
		return nil, err
	}
	defer loaded.Close()
	chunk := max(slices.Max(p.p), slices.Max(p.b), 1)
	r, err := session.NewRunner(loaded, session.Options{KV: m.kv, Chunk: chunk, Logits: slices.Max(p.b),
		Context: slices.Max(p.d) + chunk + 1, Sequences: slices.Max(p.b)})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s := roofline.Stepper{Runner: r, Backend: b, Device: d, GPU: m.gpus[i], Layers: layers}
	for _, depth := range p.d {
		for _, batch := range p.b {
			step, err := s.Decode(depth, batch)
			if err != nil {
				return nil, err
			}
			steps = append(steps, step)
		}
		for _, rows := range p.p {
			if rows == 0 {
				continue
			}
			step, err := s.Prompt(depth, rows)
			if err != nil {
				return nil, err
			}
			steps = append(steps, step)
		}
	}
	return steps, nil
}
