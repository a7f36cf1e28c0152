// Package roofline estimates how long a GPU would take for what the emulated device has
// counted. Its figures are modelled, not measured: see Estimate for the formula and what it
// leaves out.
package roofline

import (
	"fmt"
	"slices"
	"strings"
)

// GPU is what a data sheet says of a GPU. Peaks are without sparsity.
type GPU struct {
	Name    string  `json:"name"`
	Source  string  `json:"source"`             // of the peaks
	Compute int     `json:"compute_capability"` // capability: 89 for 8.9
	SMs     int     `json:"sms"`
	Clock   float64 `json:"clock_hz"`              // Hz, boost
	Memory  float64 `json:"memory_bytes_per_s"`    // bytes a second
	Tensor  float64 `json:"tensor_ops_per_s"`      // operations a second of f16 or bf16 with float32 sums; 0: no mma of ours runs
	Tensor8 float64 `json:"tensor_8bit_ops_per_s"` // operations a second of 8-bit integers
	L2      float64 `json:"l2_bytes_per_clock"`    // bytes a clock that the second-level cache delivers; 0: not stated
}

const (
	hopper    = "https://resources.nvidia.com/en-us-tensor-core/gtc22-whitepaper-hopper"
	h200Sheet = "https://www.nvidia.com/en-us/data-center/h200/"
	ampere    = "https://images.nvidia.com/aem-dam/en-zz/Solutions/data-center/nvidia-ampere-architecture-whitepaper.pdf"
	ga102     = "https://www.nvidia.com/content/PDF/nvidia-ampere-ga-102-gpu-architecture-whitepaper-v2.pdf"
	ada       = "https://images.nvidia.com/aem-dam/Solutions/geforce/ada/nvidia-ada-gpu-architecture.pdf"
	blackwell = "https://images.nvidia.com/aem-dam/Solutions/geforce/blackwell/nvidia-rtx-blackwell-gpu-architecture.pdf"
	l4Sheet   = "https://www.nvidia.com/en-us/data-center/l4/"
	l40sSheet = "https://www.nvidia.com/en-us/data-center/l40s/"
	t4Sheet   = "https://www.nvidia.com/content/dam/en-zz/Solutions/Data-Center/tesla-t4/t4-tensor-core-datasheet-951643.pdf"
)

// gpus is the table, by the names that users type. The H100's and H200's clock is the lower
// one of those that NVIDIA states for the family, which their SMs keep under load.
var gpus = map[string]GPU{
	"h200": {"NVIDIA H200 SXM", h200Sheet, 90, 132, 1.755e9, 4800e9, 989.4e12, 1978.9e12, 0},
	"h100": {"NVIDIA H100 SXM", hopper, 90, 132, 1.755e9, 3350e9, 989.4e12, 1978.9e12, 0},
	"a100": {"NVIDIA A100 SXM 80 GB", ampere, 80, 108, 1.410e9, 2039e9, 312e12, 624e12, 5120},
	"l40s": {"NVIDIA L40S", l40sSheet, 89, 142, 2.520e9, 864e9, 362.05e12, 733e12, 0},
	"5090": {"NVIDIA GeForce RTX 5090", blackwell, 120, 170, 2.407e9, 1792e9, 209.5e12, 838e12, 0},
	"4090": {"NVIDIA GeForce RTX 4090", ada, 89, 128, 2.520e9, 1008e9, 165.2e12, 660.6e12, 0},
	"3090": {"NVIDIA GeForce RTX 3090", ga102, 86, 82, 1.695e9, 936.2e9, 71e12, 284e12, 0},
	"l4":   {"NVIDIA L4", l4Sheet, 89, 58, 2.040e9, 300e9, 121e12, 242.5e12, 0},
	"t4":   {"NVIDIA T4", t4Sheet, 75, 40, 1.590e9, 320e9, 0, 0, 0},
}

// Names is the names that Find knows, in order.
func Names() []string {
	var names []string
	for name := range gpus {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Find is the GPU of a name such as h100 or 4090.
func Find(name string) (GPU, error) {
	if g, ok := gpus[strings.ToLower(name)]; ok {
		return g, nil
	}
	return GPU{}, fmt.Errorf("GPU %q is not in the table: want one of %s", name, strings.Join(Names(), ", "))
}

// resources are what a multiprocessor has for its blocks, by the table of technical
// specifications in NVIDIA's CUDA programming guide.
type resources struct {
	warps, blocks int
	shared        int // bytes
	reserved      int // bytes of shared memory that each block takes beside its own
	fp32          float64
}

func (g GPU) resources() resources {
	switch {
	case g.Compute == 75:
		return resources{32, 16, 64 << 10, 0, 64}
	case g.Compute < 80:
		return resources{64, 32, 96 << 10, 0, 64}
	case g.Compute == 80:
		return resources{64, 32, 164 << 10, 1 << 10, 64}
	case g.Compute == 86:
		return resources{48, 16, 100 << 10, 1 << 10, 128}
	case g.Compute == 90 || g.Compute == 100:
		return resources{64, 32, 228 << 10, 1 << 10, 128}
	}
	return resources{48, 24, 100 << 10, 1 << 10, 128} // 8.9, 12.0
}

// registerFile is the 32-bit registers of a multiprocessor; a warp takes them by 256.
const registerFile = 64 << 10

// Occupancy is how many blocks of a launch fit on a multiprocessor, 0 for a block that does
// not fit at all.
func (g GPU) Occupancy(threads, registers, shared int) int {
	r := g.resources()
	warps := (threads + 31) / 32
	n := min(r.blocks, r.warps/warps)
	if registers > 0 {
		perWarp := (32*registers + 255) / 256 * 256
		// Registers lie in four partitions, each with its own warps.
		n = min(n, 4*(registerFile/4/perWarp)/warps)
	}
	if need := shared + r.reserved; need > 0 {
		n = min(n, r.shared/((need+127)/128*128))
	}
	return n
}
