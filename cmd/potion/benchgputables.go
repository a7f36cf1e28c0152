package main

import (
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/potion-engine/potion/cuda/roofline"
)

// printGPU prints the steps of one model on one GPU.
func printGPU(w io.Writer, form string, r gpuResult) {
	for _, s := range r.Steps {
		activations := ""
		if r.Int8 {
			activations = ", int8 activations"
		}
		title := fmt.Sprintf("%s on %s, %s, kv %s%s: %.3g ms modelled, %.0f launches, %.1f %% of %.0f GB/s",
			r.Model, s.GPU, s.Name, r.KV, activations, 1e3*s.Seconds, s.Launches, 100*s.MemoryShare, r.GPU.Memory/1e9)
		t := gpuTable(s)
		if form == "md" {
			fmt.Fprintf(w, "%s\n\n%s\n\n", title, t.RenderMarkdown())
			continue
		}
		fmt.Fprintf(w, "%s\n%s\n\n", title, t.Render())
	}
}

func gpuTable(s *roofline.Step) table.Writer {
	t := newTable("", "part", "kernel", "grid", "x", "µs", "MB", "sectors", "instr/B", "conflicts", "regs", "warps/SM", "limit", "of memory", "of tensor", "blocks run")
	rightFrom(t, 4, 15)
	for _, r := range s.Rows {
		run, tensor, name := "all", "-", r.Kernel
		if r.Sampled > 0 {
			run = fmt.Sprint(r.Sampled)
		}
		if r.MatrixOps > 0 {
			tensor = fmt.Sprintf("%.1f%%", 100*r.TensorShare)
		}
		if r.Stale {
			name += " (registers of an earlier text)"
		}
		bytes := float64(max(r.Bytes, 1))
		t.AppendRow(table.Row{r.Part, name, fmt.Sprintf("%dx%dx%d", r.Grid[0], r.Grid[1], r.Grid[2]), r.Launches, fmt.Sprintf("%.2f", 1e6*r.Seconds),
			fmt.Sprintf("%.3f", bytes/1e6), fmt.Sprintf("x%.2f", float64(r.SectorBytes)/bytes), fmt.Sprintf("%.3f", float64(r.Instructions)/bytes),
			fmt.Sprintf("%.3f", r.ConflictsPer), r.Registers, r.Warps, r.Limit, fmt.Sprintf("%.1f%%", 100*r.MemoryShare), tensor, run})
	}
	return t
}
