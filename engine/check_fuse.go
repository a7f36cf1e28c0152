package engine

// CheckEmbedBoth checks the arguments of EmbedBoth.
func CheckEmbedBoth(y Tensor, step *Step, ids, pos Weight, s *Scratch) {
	const op = "EmbedBoth"
	checkEmbed(op, y, step, ByID, ids)
	checkEmbed(op, y, step, ByPos, pos)
	checkScratch(op, s, y)
}

// CheckProject checks the arguments of Project.
func CheckProject(x Tensor, norm *Norm, to []Projection, s *Scratch) {
	const op = "Project"
	checkFloat(op, "x", x)
	checkNorm(op, norm, x.cols)
	checkScratch(op, s, x)
	if len(to) == 0 {
		bad(op, "no product is asked for")
	}
	for i := range to {
		if to[i].W == nil {
			bad(op, "product %d has no weight", i)
		}
		checkLinear(op, to[i].Y, x, to[i].W, to[i].Bias)
	}
}

// CheckGate checks the arguments of Gate.
func CheckGate(y, x Tensor, norm *Norm, spec *GateSpec, s *Scratch) {
	const op = "Gate"
	checkFloat(op, "x", x)
	checkNorm(op, norm, x.cols)
	checkScratch(op, s, x)
	if spec.Act > ActGELU {
		bad(op, "there is no activation %d", spec.Act)
	}
	if spec.Up == nil {
		bad(op, "Up is missing")
	}
	checkLinear(op, y, x, spec.Up, spec.UpBias)
	if spec.Act == ActGELU {
		if spec.Gate != nil || !spec.GateBias.IsZero() {
			bad(op, "GELU has one matrix, Up, and no Gate")
		}
		return
	}
	if spec.Gate == nil {
		bad(op, "Gate is missing")
	}
	checkLinear(op, y, x, spec.Gate, spec.GateBias)
	checkFloat(op, "Scratch.Gate", s.Gate)
	checkShape(op, "Scratch.Gate", s.Gate, y.rows, y.cols)
}

// CheckAccumulate checks the arguments of Accumulate.
func CheckAccumulate(x, h Tensor, w Weight, bias Tensor, norm *Norm, s *Scratch) {
	const op = "Accumulate"
	checkFloat(op, "x", x)
	checkFloat(op, "h", h)
	checkShape(op, "h", h, x.rows, w.Cols())
	checkShape(op, "x", x, h.rows, w.Rows())
	if !bias.IsZero() {
		checkFloat(op, "bias", bias)
		checkShape(op, "bias", bias, 1, w.Rows())
	}
	checkNorm(op, norm, x.cols)
	checkScratch(op, s, x)
}

// CheckRopeStore checks the arguments of RopeStore.
func CheckRopeStore(kv KV, q, k, v Tensor, step *Step, spec *RopeStoreSpec) {
	const op = "RopeStore"
	checkStore(op, kv, k, v, step)
	d := kv.Spec().HeadDim
	checkHeads(op, "q", q, step.T(), d)
	if spec.QNorm.IsZero() != spec.KNorm.IsZero() {
		bad(op, "QNorm and KNorm: both or neither")
	}
	if !spec.QNorm.IsZero() {
		checkFloat(op, "QNorm", spec.QNorm)
		checkShape(op, "QNorm", spec.QNorm, 1, d)
		checkFloat(op, "KNorm", spec.KNorm)
		checkShape(op, "KNorm", spec.KNorm, 1, d)
	}
	if spec.Rope == nil {
		return
	}
	if spec.Rope.HeadDim != d {
		bad(op, "the rotation is of heads of %d, the KV cache has heads of %d", spec.Rope.HeadDim, d)
	}
	checkRopeSpec(op, spec.Rope)
}

// checkNorm checks a norm over rows of cols numbers, or that there is none.
func checkNorm(op string, n *Norm, cols int) {
	if n == nil {
		return
	}
	if n.Kind > NormLayer {
		bad(op, "there is no norm of kind %d", n.Kind)
	}
	checkFloat(op, "gain", n.Gain)
	checkShape(op, "gain", n.Gain, 1, cols)
	if n.Bias.IsZero() {
		return
	}
	if n.Kind == NormRMS {
		bad(op, "RMSNorm has no bias")
	}
	checkFloat(op, "the norm's bias", n.Bias)
	checkShape(op, "the norm's bias", n.Bias, 1, cols)
}

// checkScratch checks the rows that every verb may write: of the shape of the residual
// stream, x.
func checkScratch(op string, s *Scratch, x Tensor) {
	if s == nil {
		bad(op, "Scratch is missing")
	}
	checkSame(op, "x", x, "Scratch.Row", s.Row)
}
