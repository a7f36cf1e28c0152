package main

import (
	"strings"
	"testing"

	"github.com/potion-engine/potion/cuda/roofline"
)

func TestModelledGPUUsage(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--gpu voodoo":                        "want one of 3090, 4090",
		"--gpu 4090 --device cpu":             "exclude each other",
		"--gpu 4090 -o csv":                   "want table, md, json or jsonl",
		"--gpu 4090 --shape 3b":               "want 135m, 1b or 8b",
		"--gpu 4090 --format Q9":              "--format Q9",
		"--gpu 4090 --kv q4_0":                "want f32, f16 or q8_0",
		"--gpu 4090 -m model.gguf --shape 1b": "exclude each other",
	} {
		stdout, stderr, code := potion(t, "", append([]string{"bench"}, strings.Fields(args)...)...)
		if code != exitUsage || !strings.Contains(stderr, want) || stdout != "" {
			t.Errorf("bench %s: exit code %d, %q, want %q", args, code, stderr, want)
		}
	}
}

func TestModelledGPUTable(t *testing.T) {
	t.Parallel()
	g, err := roofline.Find("h100")
	if err != nil {
		t.Fatal(err)
	}
	r := gpuResult{Modelled: true, Model: "8b in F16", KV: "F16", GPU: g, Steps: []*roofline.Step{{
		GPU: g.Name, Name: "decode of 1 rows at depth 0", Launches: 33, Seconds: 5e-3, MemoryShare: 0.85,
		Rows: []roofline.Row{
			{Part: roofline.Layer, Kernel: "matvec_f16", Grid: [3]int{512, 1, 1}, Launches: 32, Bytes: 2e6, SectorBytes: 3e6, Instructions: 1e5, Limit: roofline.ByMemory, Seconds: 1e-5, MemoryShare: 0.947},
			{Part: roofline.Head, Kernel: "matmul_f16_mma", Launches: 1, Bytes: 1e6, MatrixOps: 1e9, TensorShare: 0.5, Limit: roofline.ByTensor, Sampled: 8, Stale: true},
		},
	}}}
	for _, form := range []string{"table", "md"} {
		var out strings.Builder
		printGPU(&out, form, r)
		for _, want := range []string{"modelled", "NVIDIA H100 SXM", "85.0 % of 3350 GB/s", "512x1x1", "10.00", "x1.50", "0.050", "94.7%", "50.0%", "registers of an earlier text"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in\n%s", form, want, out.String())
			}
		}
	}
}
