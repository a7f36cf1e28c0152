package bench

//go:noescape
func read1NEON(p *byte, n int)

//go:noescape
func read4NEON(p *byte, stride, n int)

func fmaNEON(n int)

// loops are those of the registers that every arm64 processor has.
func loops() []peakLoops {
	return []peakLoops{{set: "NEON", read1: read1NEON, read4: read4NEON, fma: fmaNEON, flops: 16 * 4 * 2}}
}
