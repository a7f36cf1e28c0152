package engine

import "testing"

// The verbs of Fused fail in these words on every backend; "" is a right call.
func TestCheckFusedMessages(t *testing.T) {
	t.Parallel()
	none := Tensor{}
	w := func(rows, cols int) Weight { return plannedWeight{rows, cols} }
	s := &Scratch{Row: of(2, 6), Gate: of(2, 7)}
	rmsNorm := &Norm{Gain: of(1, 6)}
	layerNorm := func(bias Tensor) *Norm { return &Norm{Kind: NormLayer, Gain: of(1, 6), Bias: bias} }
	two := func(y Tensor, w2 Weight) []Projection {
		return []Projection{{Y: of(2, 7), W: w(7, 6), Bias: of(1, 7)}, {Y: y, W: w2}}
	}
	glu := func(change func(*GateSpec)) *GateSpec {
		g := &GateSpec{Gate: w(7, 6), Up: w(7, 6)}
		change(g)
		return g
	}
	as := func(*GateSpec) {}
	rope := &RopeSpec{HeadDim: 4, InvFreq: of(1, 2)}
	for _, c := range []struct {
		do   func()
		want string
	}{
		{func() { CheckEmbedBoth(of(2, 6), twoRows(), w(5, 6), w(33, 6), s) }, ""},
		{func() { CheckEmbedBoth(of(2, 6), twoRows(), w(4, 6), w(33, 6), s) }, "engine: EmbedBoth: row 1 asks for row 4 of a table of 4"},
		{func() { CheckEmbedBoth(of(2, 6), twoRows(), w(5, 6), w(32, 6), s) }, "engine: EmbedBoth: row 1 asks for row 32 of a table of 32"},
		{func() { CheckEmbedBoth(of(2, 6), twoRows(), w(5, 6), w(33, 7), s) }, "engine: EmbedBoth: y is [2 6], want [2 7]"},
		{func() { CheckEmbedBoth(of(2, 6), twoRows(), w(5, 6), w(33, 6), &Scratch{}) }, "engine: EmbedBoth: Scratch.Row is missing"},

		{func() { CheckProject(of(2, 6), rmsNorm, two(of(2, 3), w(3, 6)), s) }, ""},
		{func() { CheckProject(of(2, 6), layerNorm(of(1, 6)), two(of(2, 3), w(3, 6)), s) }, ""},
		{func() { CheckProject(of(2, 6), nil, two(of(2, 3), w(3, 6)), &Scratch{Row: of(2, 6)}) }, ""},
		{func() { CheckProject(of(2, 6), nil, nil, s) }, "engine: Project: no product is asked for"},
		{func() { CheckProject(of(2, 6), nil, two(of(2, 3), nil), s) }, "engine: Project: product 1 has no weight"},
		{func() { CheckProject(of(2, 6), nil, two(of(2, 4), w(3, 6)), s) }, "engine: Project: y is [2 4], want [2 3]"},
		{func() { CheckProject(of(2, 6), nil, two(of(2, 3), w(3, 5)), s) }, "engine: Project: x is [2 6], want [2 5]"},
		{func() { CheckProject(none, nil, two(of(2, 3), w(3, 6)), s) }, "engine: Project: x is missing"},
		{func() { CheckProject(of(2, 6), nil, two(of(2, 3), w(3, 6)), nil) }, "engine: Project: Scratch is missing"},
		{func() { CheckProject(of(2, 6), nil, two(of(2, 3), w(3, 6)), &Scratch{Row: of(3, 6)}) }, "engine: Project: x is [2 6], Scratch.Row is [3 6]; they must agree"},
		{func() { CheckProject(of(2, 6), &Norm{Gain: of(1, 7)}, two(of(2, 3), w(3, 6)), s) }, "engine: Project: gain is [1 7], want [1 6]"},
		{func() { CheckProject(of(2, 6), &Norm{Gain: of(1, 6), Bias: of(1, 6)}, two(of(2, 3), w(3, 6)), s) }, "engine: Project: RMSNorm has no bias"},
		{func() { CheckProject(of(2, 6), &Norm{Kind: 9, Gain: of(1, 6)}, two(of(2, 3), w(3, 6)), s) }, "engine: Project: there is no norm of kind 9"},
		{func() { CheckProject(of(2, 6), layerNorm(of(2, 3)), two(of(2, 3), w(3, 6)), s) }, "engine: Project: the norm's bias is [2 3], want [1 6]"},

		{func() { CheckGate(of(2, 7), of(2, 6), rmsNorm, glu(as), s) }, ""},
		{func() {
			CheckGate(of(2, 7), of(2, 6), nil, &GateSpec{Act: ActGELU, Up: w(7, 6)}, &Scratch{Row: of(2, 6)})
		}, ""},
		{func() { CheckGate(of(2, 7), of(2, 6), nil, &GateSpec{Act: ActGELU, Up: w(7, 6), Gate: w(7, 6)}, s) }, "engine: Gate: GELU has one matrix, Up, and no Gate"},
		{func() { CheckGate(of(2, 7), of(2, 6), nil, glu(func(g *GateSpec) { g.Act = 7 }), s) }, "engine: Gate: there is no activation 7"},
		{func() { CheckGate(of(2, 7), of(2, 6), nil, glu(func(g *GateSpec) { g.Gate = nil }), s) }, "engine: Gate: Gate is missing"},
		{func() { CheckGate(of(2, 7), of(2, 6), nil, glu(func(g *GateSpec) { g.Up = nil }), s) }, "engine: Gate: Up is missing"},
		{func() { CheckGate(of(2, 7), of(2, 6), nil, glu(func(g *GateSpec) { g.Gate = w(8, 6) }), s) }, "engine: Gate: y is [2 7], want [2 8]"},
		{func() { CheckGate(of(2, 7), of(2, 6), nil, glu(func(g *GateSpec) { g.UpBias = of(7, 1) }), s) }, "engine: Gate: bias is [7 1], want [1 7]"},
		{func() { CheckGate(of(2, 7), of(2, 6), nil, glu(as), &Scratch{Row: of(2, 6)}) }, "engine: Gate: Scratch.Gate is missing"},
		{func() { CheckGate(of(2, 7), of(2, 6), nil, glu(as), &Scratch{Row: of(2, 6), Gate: of(2, 6)}) }, "engine: Gate: Scratch.Gate is [2 6], want [2 7]"},

		{func() { CheckAccumulate(of(2, 6), of(2, 5), w(6, 5), of(1, 6), rmsNorm, s) }, ""},
		{func() { CheckAccumulate(of(2, 6), of(2, 4), w(6, 5), none, nil, s) }, "engine: Accumulate: h is [2 4], want [2 5]"},
		{func() { CheckAccumulate(of(2, 6), of(2, 5), w(7, 5), none, nil, s) }, "engine: Accumulate: x is [2 6], want [2 7]"},
		{func() { CheckAccumulate(of(2, 6), of(2, 5), w(6, 5), of(1, 5), nil, s) }, "engine: Accumulate: bias is [1 5], want [1 6]"},
		{func() { CheckAccumulate(of(2, 6), of(2, 5), w(6, 5), none, &Norm{Gain: of(1, 5)}, s) }, "engine: Accumulate: gain is [1 5], want [1 6]"},
		{func() { CheckAccumulate(of(2, 6), of(2, 5), w(6, 5), none, nil, &Scratch{}) }, "engine: Accumulate: Scratch.Row is missing"},

		{func() { CheckRopeStore(smallKV, of(2, 16), of(2, 8), of(2, 8), twoRows(), &RopeStoreSpec{Rope: rope}) }, ""},
		{func() { CheckRopeStore(smallKV, of(2, 16), of(2, 8), of(2, 8), twoRows(), &RopeStoreSpec{}) }, ""},
		{func() {
			CheckRopeStore(smallKV, of(2, 16), of(2, 8), of(2, 8), twoRows(), &RopeStoreSpec{QNorm: of(1, 4), KNorm: of(1, 4)})
		}, ""},
		{func() { CheckRopeStore(smallKV, of(2, 15), of(2, 8), of(2, 8), twoRows(), &RopeStoreSpec{}) }, "engine: RopeStore: q is [2 15], want 2 rows of heads of 4"},
		{func() { CheckRopeStore(smallKV, of(3, 16), of(2, 8), of(2, 8), twoRows(), &RopeStoreSpec{}) }, "engine: RopeStore: q is [3 16], want 2 rows of heads of 4"},
		{func() { CheckRopeStore(smallKV, of(2, 16), of(2, 4), of(2, 8), twoRows(), &RopeStoreSpec{}) }, "engine: RopeStore: k is [2 4], v is [2 8]; they must agree"},
		{func() {
			CheckRopeStore(smallKV, of(2, 16), of(2, 8), of(2, 8), twoRows(), &RopeStoreSpec{QNorm: of(1, 4)})
		}, "engine: RopeStore: QNorm and KNorm: both or neither"},
		{func() {
			CheckRopeStore(smallKV, of(2, 16), of(2, 8), of(2, 8), twoRows(), &RopeStoreSpec{QNorm: of(1, 4), KNorm: of(1, 8)})
		}, "engine: RopeStore: KNorm is [1 8], want [1 4]"},
		{func() {
			CheckRopeStore(smallKV, of(2, 16), of(2, 8), of(2, 8), twoRows(), &RopeStoreSpec{Rope: &RopeSpec{HeadDim: 8, InvFreq: of(1, 2)}})
		}, "engine: RopeStore: the rotation is of heads of 8, the KV cache has heads of 4"},
		{func() {
			CheckRopeStore(smallKV, of(2, 16), of(2, 8), of(2, 8), twoRows(), &RopeStoreSpec{Rope: &RopeSpec{HeadDim: 4, InvFreq: of(1, 3)}})
		}, "engine: RopeStore: InvFreq is [1 3], want [1 n] with n at most 2"},
		{func() {
			CheckRopeStore(smallKV, of(2, 16), of(2, 8), of(2, 8), with(func(s *Step) { s.Pages[1][1] = 3 }), &RopeStoreSpec{})
		}, "engine: RopeStore: row 1: page 3 of 3"},
	} {
		if got := panicText(c.do); got != c.want {
			t.Errorf("panicked with %q, want %q", got, c.want)
		}
	}
}

func TestFusedChecksAllocateNothing(t *testing.T) { // counts allocations, so not in parallel
	var kv KV = smallKV
	var w, down Weight = plannedWeight{7, 6}, plannedWeight{6, 7}
	x, y, k, step := of(2, 6), of(2, 7), of(2, 8), twoRows()
	s := &Scratch{Row: of(2, 6), Gate: of(2, 7)}
	norm, to := &Norm{Gain: of(1, 6)}, []Projection{{Y: y, W: w}}
	gate := &GateSpec{Gate: w, Up: w}
	q, spec := of(2, 16), &RopeStoreSpec{Rope: &RopeSpec{HeadDim: 4, InvFreq: of(1, 2)}}
	n := testing.AllocsPerRun(100, func() {
		CheckProject(x, norm, to, s)
		CheckGate(y, x, norm, gate, s)
		CheckAccumulate(x, y, down, Tensor{}, norm, s)
		CheckRopeStore(kv, q, k, k, step, spec)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
