#include "textflag.h"

// func read1NEON(p *byte, n int)
// Reads n bytes, a multiple of 256, one after the other.
TEXT ·read1NEON(SB), NOSPLIT, $0-16
	MOVD p+0(FP), R0 // where to read
	MOVD n+8(FP), R1 // bytes left

read:
	VLD1.P 64(R0), [V0.B16, V1.B16, V2.B16, V3.B16]
	VLD1.P 64(R0), [V4.B16, V5.B16, V6.B16, V7.B16]
	VLD1.P 64(R0), [V0.B16, V1.B16, V2.B16, V3.B16]
	VLD1.P 64(R0), [V4.B16, V5.B16, V6.B16, V7.B16]
	SUB    $256, R1
	CBNZ   R1, read
	RET

// func read4NEON(p *byte, stride, n int)
// Reads n bytes, a multiple of 64, at each of p, p+stride, p+2*stride and p+3*stride, in
// turns: several streams keep more cache lines on their way than one.
TEXT ·read4NEON(SB), NOSPLIT, $0-24
	MOVD p+0(FP), R0      // stream 0
	MOVD stride+8(FP), R2 // from one stream to the next
	MOVD n+16(FP), R1     // bytes left of each
	ADD  R2, R0, R3       // stream 1
	ADD  R2, R3, R4       // stream 2
	ADD  R2, R4, R5       // stream 3

read:
	VLD1.P 64(R0), [V0.B16, V1.B16, V2.B16, V3.B16]
	VLD1.P 64(R3), [V4.B16, V5.B16, V6.B16, V7.B16]
	VLD1.P 64(R4), [V0.B16, V1.B16, V2.B16, V3.B16]
	VLD1.P 64(R5), [V4.B16, V5.B16, V6.B16, V7.B16]
	SUB    $64, R1
	CBNZ   R1, read
	RET

// func fmaNEON(n int)
// n rounds of 16 multiply-adds of 4 numbers that do not wait for one another.
TEXT ·fmaNEON(SB), NOSPLIT, $0-8
	MOVD n+0(FP), R1
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VEOR V2.B16, V2.B16, V2.B16
	VEOR V3.B16, V3.B16, V3.B16
	VEOR V4.B16, V4.B16, V4.B16
	VEOR V5.B16, V5.B16, V5.B16
	VEOR V6.B16, V6.B16, V6.B16
	VEOR V7.B16, V7.B16, V7.B16
	VEOR V16.B16, V16.B16, V16.B16
	VEOR V17.B16, V17.B16, V17.B16
	VEOR V18.B16, V18.B16, V18.B16
	VEOR V19.B16, V19.B16, V19.B16
	VEOR V20.B16, V20.B16, V20.B16
	VEOR V21.B16, V21.B16, V21.B16
	VEOR V22.B16, V22.B16, V22.B16
	VEOR V23.B16, V23.B16, V23.B16
	VEOR V24.B16, V24.B16, V24.B16
	VEOR V25.B16, V25.B16, V25.B16

round:
	VFMLA V24.S4, V25.S4, V0.S4
	VFMLA V24.S4, V25.S4, V1.S4
	VFMLA V24.S4, V25.S4, V2.S4
	VFMLA V24.S4, V25.S4, V3.S4
	VFMLA V24.S4, V25.S4, V4.S4
	VFMLA V24.S4, V25.S4, V5.S4
	VFMLA V24.S4, V25.S4, V6.S4
	VFMLA V24.S4, V25.S4, V7.S4
	VFMLA V24.S4, V25.S4, V16.S4
	VFMLA V24.S4, V25.S4, V17.S4
	VFMLA V24.S4, V25.S4, V18.S4
	VFMLA V24.S4, V25.S4, V19.S4
	VFMLA V24.S4, V25.S4, V20.S4
	VFMLA V24.S4, V25.S4, V21.S4
	VFMLA V24.S4, V25.S4, V22.S4
	VFMLA V24.S4, V25.S4, V23.S4
	SUB   $1, R1
	CBNZ  R1, round
	RET
