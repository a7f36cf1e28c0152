package emulator

// loops are the instructions that hand-written kernels are made of, each over the lanes of
// a warp. The plain ones are Go; a processor with vectors of its own has others, which give
// the same bits.
type loops struct {
	addF32, subF32, mulF32, fmaF32, maxF32         runFn
	floatOfHalf, floatOfInt                        runFn
	add32, sub32, mul32, mad32, and32, or32, xor32 runFn
	shl32, shr32, sar32, mov32, select32, dot4     runFn
	add64, sub64, mov64, widen                     runFn
	mulWideU32, mulWideS32, madWideU32, madWideS32 runFn

	compare map[relation]compareFn

	// bytes is prmt with a selector that is known, of columns x and y, or nil.
	bytes func(sel uint32, x, y int32) runFn

	// inARow reports whether a[i] = a[0] + i*step for all lanes; step is below 2^32.
	inARow func(a *col64, step uint64) bool
	// unpack takes records of len(to) words that lie in a row apart: lane l's record begins
	// at p[4*len(to)*l].
	unpack func(to []*col32, p []byte)
	// halves is float32s of the low 16 bits as f16.
	halves func(d, a *col32)
	// unpackHalves does the same for numbers of 16 bits.
	unpackHalves func(to *col32, p []byte)
}

// relation is a comparison of those that steers most kernels.
type relation struct {
	op  string
	typ scalar
}

func plainLoops() *loops {
	l := &loops{
		addF32: runAddF32, subF32: runSubF32, mulF32: runMulF32, fmaF32: runFmaF32, maxF32: runMaxF32,
		floatOfHalf: runHalfToFloat, floatOfInt: runIntToFloat,
		add32: runAdd32, sub32: runSub32, mul32: runMul32, mad32: runMad32, and32: runAnd32, or32: runOr32, xor32: runXor32,
		shl32: runShl32, shr32: runShr32, sar32: runSar32, mov32: runMov32, select32: runSelp32, dot4: runDp4aSS,
		add64: runAdd64, sub64: runSub64, mov64: runMov64, widen: widen32(func(a uint32) uint64 { return uint64(a) }),
		mulWideU32: runMulWideU32, mulWideS32: runMulWideS32, madWideU32: runMadWideU32, madWideS32: runMadWideS32,
		compare: plainCompares(), bytes: plainBytes,
		inARow: plainInARow, unpack: plainUnpack, unpackHalves: plainUnpackHalves, halves: plainHalves,
	}
	return l
}

func plainBytes(sel uint32, x, y int32) runFn {
	if p, ok := moves(sel, x, y); ok {
		return p.run
	}
	return nil
}

func plainInARow(a *col64, step uint64) bool {
	want := a[0]
	for i := range a {
		if a[i] != want {
			return false
		}
		want += step
	}
	return true
}
