package engine

// Fused is the verbs in which a decoder's layer is made of few steps. A backend that offers
// it does each with fewer launches, or fewer passes over the same numbers, than the plain
// verbs need; [Unfused] does them with the plain verbs, and is their specification. Results
// agree within the tolerance of Linear.
//
//	Project     h = norm(x);  y_i = h W_i' + b_i           query, key and value; the logits
//	RopeStore   q, k = rope(norm(q)), rope(norm(k));  k and v to the cache
//	Attend      as it is
//	Accumulate  x = x + norm(h W' + b)                     what attention found
//	Gate        h = norm(x);  y = act(h G' + g) * (h U' + u)
//	Accumulate  x = x + norm(h W' + b)                     what the feed-forward part made
//
// Destinations may not overlap sources, but for what is both by its definition.
type Fused interface {
	// Project: y_i[t,n] = sum_k h[t,k] * w_i[n,k] + bias_i[n] with h = norm(x), for each of to;
	// x [T,K], y_i [T,N_i], w_i [N_i,K].
	Project(x Tensor, norm *Norm, to []Projection, s *Scratch)
	// Gate: y[t,n] = act(sum_k h[t,k] * gate[n,k] + gateBias[n]) * (sum_k h[t,k] * up[n,k] +
	// upBias[n]) with h = norm(x), and for ActGELU, which has one matrix, y[t,n] = GELU(sum_k
	// h[t,k] * up[n,k] + upBias[n]); x [T,K], y [T,N].
	Gate(y, x Tensor, norm *Norm, spec *GateSpec, s *Scratch)
	// Accumulate: x[t,n] = x[t,n] + norm(sum_k h[t,k] * w[n,k] + bias[n]), with the norm over
	// all N columns of the sum; x [T,N], h [T,K], w [N,K].
	Accumulate(x, h Tensor, w Weight, bias Tensor, norm *Norm, s *Scratch)
	// RopeStore normalises each head of q [T, H*D] and k [T, G*D], rotates both, and stores k
	// and v at the positions of the step. What it leaves in k is undefined.
	RopeStore(kv KV, q, k, v Tensor, step *Step, spec *RopeStoreSpec)
}

// Embedder is one more verb that a backend may offer, whether it offers Fused or not, for
// models that embed what a token is and where it stands.
type Embedder interface {
	// EmbedBoth: y[t,c] = scale * ids[step.IDs[t], c] + pos[step.Pos[t], c], with y [T,C].
	EmbedBoth(y Tensor, step *Step, ids Weight, scale float32, pos Weight, s *Scratch)
}

// Norm is LayerNorm or RMSNorm with what it needs. Nil stands for none.
type Norm struct {
	Kind       NormKind
	Gain, Bias Tensor // [1, C]; Bias is of LayerNorm only, and may be none
	Eps        float32
}

// NormKind is the kind of a Norm.
type NormKind uint8

// The kinds.
const (
	NormRMS NormKind = iota
	NormLayer
)

// Projection is one of several products of the same rows.
type Projection struct {
	Y    Tensor
	W    Weight
	Bias Tensor // [1, N] or none
}

// GateSpec is what Gate multiplies with.
type GateSpec struct {
	Act              Activation
	Gate, Up         Weight // Gate is nil for ActGELU
	GateBias, UpBias Tensor // [1, N] or none
}

// Activation is the function in Gate.
type Activation uint8

// The activations: silu(g) * u, GELU(g) * u and GELU(u).
const (
	ActSwiGLU Activation = iota
	ActGeGLU
	ActGELU
)

// RopeStoreSpec is what RopeStore does to queries and keys.
type RopeStoreSpec struct {
	QNorm, KNorm Tensor // [1, D] gains of RMSNorm over each head, or none
	Eps          float32
	Rope         *RopeSpec // nil: no rotation
}

// Scratch is memory that the verbs of Fused may write as they like: a backend need not have
// its own. It overlaps neither sources nor destinations.
type Scratch struct {
	Row  Tensor // [T, C], the shape of x
	Gate Tensor // [T, N], the shape of Gate's y; ActGELU and the other verbs do without
}

// Unfused is Fused and Embedder by the plain verbs.
type Unfused struct{ Ops }

var (
	_ Fused    = Unfused{}
	_ Embedder = Unfused{}
)

// FusedOf is b's own Fused if it offers one, else the plain verbs'.
func FusedOf(b Backend) Fused {
	if f, ok := b.(Fused); ok {
		return f
	}
	return Unfused{b}
}

// EmbedderOf is b itself if it is an Embedder, else the plain verbs.
func EmbedderOf(b Backend) Embedder {
	if e, ok := b.(Embedder); ok {
		return e
	}
	return Unfused{b}
}

// EmbedBoth implements Embedder.
func (u Unfused) EmbedBoth(y Tensor, step *Step, ids Weight, scale float32, pos Weight, s *Scratch) {
	CheckEmbedBoth(y, step, ids, pos, s)
	u.Embed(y, step, ByID, ids, scale)
	u.Embed(s.Row, step, ByPos, pos, 1)
	u.Residual(y, y, s.Row)
}

// Project implements Fused.
func (u Unfused) Project(x Tensor, norm *Norm, to []Projection, s *Scratch) {
	CheckProject(x, norm, to, s)
	h := u.normed(x, norm, s)
	for i := range to {
		u.Linear(to[i].Y, h, to[i].W, to[i].Bias)
	}
}

// Gate implements Fused.
func (u Unfused) Gate(y, x Tensor, norm *Norm, spec *GateSpec, s *Scratch) {
	CheckGate(y, x, norm, spec, s)
	h := u.normed(x, norm, s)
	u.Linear(y, h, spec.Up, spec.UpBias)
	if spec.Act == ActGELU {
		u.GELU(y, y)
		return
	}
	u.Linear(s.Gate, h, spec.Gate, spec.GateBias)
	if spec.Act == ActGeGLU {
		u.GeGLU(y, s.Gate, y)
	} else {
		u.SwiGLU(y, s.Gate, y)
	}
}

// Accumulate implements Fused.
func (u Unfused) Accumulate(x, h Tensor, w Weight, bias Tensor, norm *Norm, s *Scratch) {
	CheckAccumulate(x, h, w, bias, norm, s)
	u.Linear(s.Row, h, w, bias)
	u.normed(s.Row, norm, s)
	u.Residual(x, x, s.Row)
}

// RopeStore implements Fused.
func (u Unfused) RopeStore(kv KV, q, k, v Tensor, step *Step, spec *RopeStoreSpec) {
	CheckRopeStore(kv, q, k, v, step, spec)
	if d := kv.Spec().HeadDim; !spec.QNorm.IsZero() {
		qh, kh := q.Reshape(q.Len()/d, d), k.Reshape(k.Len()/d, d)
		u.RMSNorm(qh, qh, spec.QNorm, spec.Eps)
		u.RMSNorm(kh, kh, spec.KNorm, spec.Eps)
	}
	if spec.Rope != nil {
		u.Rope(q, step, spec.Rope)
		u.Rope(k, step, spec.Rope)
	}
	u.Store(kv, k, v, step)
}

// normed is x, or the norm of it in s.Row.
func (u Unfused) normed(x Tensor, norm *Norm, s *Scratch) Tensor {
	if norm == nil {
		return x
	}
	if norm.Kind == NormLayer {
		u.LayerNorm(s.Row, x, norm.Gain, norm.Bias, norm.Eps)
	} else {
		u.RMSNorm(s.Row, x, norm.Gain, norm.Eps)
	}
	return s.Row
}
