package engine

import (
	"errors"

	"gorgonia.org/tensor"

	"github.com/potion-engine/potion/engine/format"
)

var (
	// ErrFormat is what NewWeight and NewKV return for a format the backend has no
	// kernel for.
	ErrFormat = errors.New("no kernel for this format")
	// ErrNoDevice is wrapped in the error of a backend that finds no device to run on.
	ErrNoDevice = errors.New("no usable device")
)

// Info is what reports say about a device.
type Info struct {
	Kind     string   // "cpu", "cuda" or "emulated"
	Name     string   // the maker's name of it
	Units    int      // threads of a CPU, multiprocessors of a GPU
	Features []string // instruction sets or compute capability in use
	Memory   int64    // bytes in all; 0 if unknown
	Free     int64    // bytes free when asked; 0 if unknown

	PeakBytesPerSec float64 // memory bandwidth by the maker's figures; 0 if unknown
	PeakFlopsPerSec float64 // float32 multiply-adds count as two; 0 if unknown
}

// Weight is a packed matrix [N, K] in the memory of a backend.
type Weight interface {
	Format() format.Format
	Rows() int    // N
	Cols() int    // K
	Bytes() int64 // what one pass over it reads
	Free()
}

// Backend is a device that can hold and run a model.
//
// It is used from one goroutine at a time. Operations take effect in the order of the
// calls, but may still be running when a call returns: Read and Sync wait.
type Backend interface {
	Info() Info

	// NewTensor gives a zeroed tensor of Float32 or Int32, one or two dimensions.
	NewTensor(dt tensor.Dtype, shape ...int) (Tensor, error)
	// Release gives the memory of a tensor from NewTensor back.
	Release(t Tensor)
	// NewWeight takes rows*f.RowBytes(cols) bytes. The backend may keep packed itself or a
	// copy in any layout, so packed must not change until the weight is freed.
	NewWeight(f format.Format, rows, cols int, packed []byte) (Weight, error)
	NewKV(spec KVSpec) (KV, error)

	// Write copies src, dst.Len() numbers, to dst. src may be reused at once.
	Write(dst Tensor, src []float32)
	// Read waits for the operations queued so far and copies src to dst.
	Read(dst []float32, src Tensor) error
	// ReadInts is Read for Int32.
	ReadInts(dst []int32, src Tensor) error
	// Sync waits for the operations queued so far and returns the first failure.
	Sync() error
	Close() error

	Ops
}

// Ops is what a decoder-only transformer is made of. The destination comes first. It may
// be the same tensor as a source of the same shape in the operations that work on each
// element or each row by itself (norms, Softmax, GELU and its kin, Residual, SoftCap); what
// Linear, Attend, TopK and Gather write may not overlap what they read.
//
// The names are chosen so that a backend can be a gorgonia engine as well: gorgonia's
// own MatMul and Add have another signature.
type Ops interface {
	// Embed: y[t,c] = scale * table[index[t], c], with y [T,C], table [V,C].
	Embed(y Tensor, step *Step, by Index, table Weight, scale float32)
	// LayerNorm: y[r,c] = (x[r,c]-mean_c) / sqrt(var_c + eps) * gain[c] + bias[c], over the
	// columns of a row, var with divisor C; gain, bias [1,C]; bias may be none.
	LayerNorm(y, x, gain, bias Tensor, eps float32)
	// RMSNorm: y[r,c] = x[r,c] / sqrt(mean_c(x[r,c]^2) + eps) * gain[c]. Zhang and
	// Sennrich 2019.
	RMSNorm(y, x, gain Tensor, eps float32)
	// Linear: y[t,n] = sum_k x[t,k] * w[n,k] + bias[n], with y [T,N], x [T,K], w [N,K],
	// bias [1,N] or none. T = 1 is a matrix-vector product; the caller need not care.
	Linear(y, x Tensor, w Weight, bias Tensor)
	// Rope rotates pairs of each head of x [T, heads*D] by an angle that grows with the
	// row's position; see RopeSpec.
	Rope(x Tensor, step *Step, spec *RopeSpec)
	// Store writes row t of k and v [T, G*D] to position step.Pos[t] of sequence
	// step.Seq[t] in kv.
	Store(kv KV, k, v Tensor, step *Step)
	// Attend: for every row t and head h, y = softmax(scale * q.k_p) . v_p over the
	// positions p that the row sees; y, q [T, H*D]; see AttendSpec.
	Attend(y, q Tensor, kv KV, step *Step, spec *AttendSpec)
	// GELU: y = x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))). Hendrycks and Gimpel 2016.
	GELU(y, x Tensor)
	// SwiGLU: y = silu(gate) * up, silu(x) = x / (1 + exp(-x)). Shazeer 2020.
	SwiGLU(y, gate, up Tensor)
	// GeGLU: y = GELU(gate) * up.
	GeGLU(y, gate, up Tensor)
	// Residual: y = a + b, all the same shape.
	Residual(y, a, b Tensor)
	// SoftCap: y = limit * tanh(x / limit). Gemma 2.
	SoftCap(y, x Tensor, limit float32)
	// Softmax: y[r,c] = exp(x[r,c] - max_c) / sum_c exp(x[r,c] - max_c).
	Softmax(y, x Tensor)
	// TopK writes the k = vals.Cols() greatest numbers of each row of x [T,V] in falling
	// order to vals [T,k] and their columns to cols [T,k] (Int32). Of equal numbers the
	// lower column comes first. With k = 1 it is argmax.
	TopK(vals, cols, x Tensor)
	// Gather copies rows: y[i] = x[rows[i]].
	Gather(y, x Tensor, rows []int32)
}

// RopeSpec says how Rope rotates (Su et al. 2021). With f_i = InvFreq[i] and
// a = position * f_i rounded to float32, as Hugging Face computes it, a pair (u, w) becomes
//
//	Scale * (u cos a - w sin a),  Scale * (u sin a + w cos a)
//
// Pair i of a head is its elements (2i, 2i+1) if Interleaved (GGUF's Llama), else
// (i, i+n) with n = InvFreq.Cols() ("neox", Hugging Face). Elements past 2n stay as they
// are. All scaling of positions or frequencies is in InvFreq, worked out by the model.
type RopeSpec struct {
	HeadDim     int // D
	Interleaved bool
	InvFreq     Tensor // [1, n], n <= D/2, on the same backend
	Scale       float32
}

// AttendSpec says how Attend mixes values.
//
// A row at position i of its sequence sees positions p <= i, and with a Window only
// p > i - Window. Head h uses key/value head h / (H/G). With s_p = Scale * q.k_p, and
// s_p = SoftCap * tanh(s_p / SoftCap) if SoftCap > 0, the weight of p is
// exp(s_p) / sum exp(s).
type AttendSpec struct {
	Heads   int // H, a multiple of the KV's heads
	Scale   float32
	Window  int     // 0: all earlier positions
	SoftCap float32 // 0: none

	// Weights, if not none, receives the attention weights of the rows WeightRows of the
	// step: row i*H + h, column p, for the i-th of those rows; 0 for positions that are
	// not seen. [len(WeightRows)*H, at least the last position + 1].
	Weights    Tensor
	WeightRows []int32
}
