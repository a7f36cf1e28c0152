//go:build cuda && cgo && linux

package cuda

import (
	"strings"

	"github.com/potion-engine/potion/engine/format"
)

// operations are the kernels by what they do, found once.
type operations struct {
	layerNorm, rmsNorm, rope, gather, softmax *kernel
	gelu, swiGLU, geGLU, residual, softCap    *kernel
	topK, topKMerge                           *kernel
	pages                                     [formats]*pageKernels
	weights                                   [formats]*weightKernels
}

// formats is the size of tables that are indexed by a format.
const formats = int(format.Q6_K) + 1

// pageKernels are the kernels that read and write pages of one format.
type pageKernels struct {
	store, ropeStore, decode, prompt, any, weights *kernel

	// On tensor cores, none for F32: attend_prompt's by head size.
	decodeMMA *kernel
	promptMMA map[int]*kernel
}

func (b *Backend) findOperations() operations {
	o := operations{
		layerNorm: b.kernel("layernorm_f32"),
		rmsNorm:   b.kernel("rmsnorm_f32"),
		rope:      b.kernel("rope_f32"),
		gather:    b.kernel("gather_f32"),
		softmax:   b.kernel("softmax_f32"),
		gelu:      b.kernel("gelu_f32"),
		swiGLU:    b.kernel("swiglu_f32"),
		geGLU:     b.kernel("geglu_f32"),
		residual:  b.kernel("residual_f32"),
		softCap:   b.kernel("softcap_f32"),
		topK:      b.kernel("topk_f32"),
		topKMerge: b.kernel("topk_f32_merge"),
	}
	for _, f := range []format.Format{format.F32, format.F16, format.Q8_0} {
		name := strings.ToLower(f.String())
		o.pages[f] = &pageKernels{
			store:     b.kernel("store_" + name),
			ropeStore: b.kernel("rope_store_" + name),
			decode:    b.kernel("attend_decode_" + name),
			prompt:    b.kernel("attend_prompt_" + name),
			any:       b.kernel("attend_any_" + name),
			weights:   b.kernel("attend_weights_" + name),
		}
		if f != format.F32 {
			o.pages[f].decodeMMA = b.kernel("attend_decode_" + name + "_mma")
			o.pages[f].promptMMA = b.promptKernels(f)
		}
	}
	for _, f := range format.All() {
		name := strings.ToLower(f.String())
		o.weights[f] = &weightKernels{
			embed:  b.kernel("embed_" + name),
			matvec: b.kernel("matvec_" + name),
			matmul: b.kernel("matmul_" + name),
		}
	}
	return o
}
