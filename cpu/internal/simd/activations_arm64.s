#include "textflag.h"
#include "neon_arm64.h"

// Activations as integers: of one plane the bits of format.QuantizeActivations; with two planes
// the second integer is what the first leaves, in units of 1/128 of its scale. Registers: R0 q, R1
// d, R2 dsum, R4 x, R5 blocks, R6 neg, R7 neg16; V0..V7 the numbers, V8..V15 the low integers.

#define ARGS \
	MOVD q+0(FP), R0; MOVD d+8(FP), R1; MOVD dsum+16(FP), R2; MOVD neg+24(FP), R6; MOVD neg16+32(FP), R7; \
	MOVD x+40(FP), R4; MOVD blocks+48(FP), R5; \
	CONST4(0x7FFFFFFF, V17); CONST4(0x42FE0000, V20) /* 127 */; \
	CONST4(0x43000000, V25) /* 128 */; CONST4(0x3C000000, V24) /* 1/128 */; \
	MOVD $0x7F800000, R11; MOVD $0x00800000, R12

#define LARGER(v) VAND V17.B16, v.B16, V19.B16; VUMAX V19.S4, V18.S4, V18.S4

// Loads a block; its scale is F18 and all of V16. The greatest magnitude is found as bits, in
// which NaN > infinity > numbers. R12 is the smallest normal number.
#define SCALE(notANumber, nothing) \
	VLD1.P 64(R4), [V0.S4, V1.S4, V2.S4, V3.S4]; VLD1.P 64(R4), [V4.S4, V5.S4, V6.S4, V7.S4]; \
	VAND V17.B16, V0.B16, V18.B16; LARGER(V1); LARGER(V2); LARGER(V3); LARGER(V4); LARGER(V5); LARGER(V6); LARGER(V7); \
	UMAXV(18, 18); FMOVS F18, R8; CMP R11, R8; BHS notANumber; \
	FDIVS F20, F18, F18; FMOVS F18, R8; CMP R12, R8; BLO nothing; \
	VDUP V18.S[0], V16.S4

#define WHOLE(i) FDIV4(16, i, i); FCVTNS4(i, i)
#define HIGH_LOW(i, j) \
	FDIV4(16, i, i); FRINTN4(i, j); FSUB4(j, i, j); FMUL4(25, j, j); FCVTNS4(j, j); FCVTNS4(i, i)
#define LOW_SUM(a, b, c, d, sum) \
	VADD a.S4, sum.S4, sum.S4; VADD b.S4, sum.S4, sum.S4; VADD c.S4, sum.S4, sum.S4; VADD d.S4, sum.S4, sum.S4

// Thirty-two integers as bytes in V0 and V1.
#define PACK(a, b, c, d, e, f, g, h) \
	SQXTN32(a, a); SQXTN32H(b, a); SQXTN32(c, c); SQXTN32H(d, c); \
	SQXTN32(e, e); SQXTN32H(f, e); SQXTN32(g, g); SQXTN32H(h, g); \
	SQXTN16(a, 0); SQXTN16H(c, 0); SQXTN16(e, 1); SQXTN16H(g, 1)

// The sums V19 of numbers 0..15 and V22 of 16..31, and what goes with the block.
#define SUMS \
	VADDV V19.S4, V19; VADDV V22.S4, V22; FMOVS F19, R8; FMOVS F22, R9; \
	ADD R8, R9, R10; SCVTFWS R10, F19; FMULS F18, F19, F19; \
	NEGW R8, R8; NEGW R9, R9; NEGW R10, R10; \
	MOVW.P R8, 4(R7); MOVW.P R9, 4(R7); MOVW.P R10, 4(R6); FMOVS.P F18, 4(R1); FMOVS.P F19, 4(R2)

// func Quantize8NEON(q *int8, d, dsum *float32, neg, neg16 *int32, x *float32, blocks int)
TEXT ·Quantize8NEON(SB), NOSPLIT, $0-56
	ARGS
block:
	SCALE(notANumber, nothing)
	WHOLE(0)
	WHOLE(1)
	WHOLE(2)
	WHOLE(3)
	WHOLE(4)
	WHOLE(5)
	WHOLE(6)
	WHOLE(7)
	VADD V0.S4, V1.S4, V19.S4
	VADD V2.S4, V3.S4, V21.S4
	VADD V4.S4, V5.S4, V22.S4
	VADD V6.S4, V7.S4, V23.S4
	VADD V21.S4, V19.S4, V19.S4
	VADD V23.S4, V22.S4, V22.S4
	PACK(0, 1, 2, 3, 4, 5, 6, 7)
	VST1.P [V0.B16, V1.B16], 32(R0)
	SUMS
next:
	SUBS $1, R5
	BNE  block
	RET

notANumber:
	MOVD $0x7FC00000, R8
	B    blank
nothing:
	MOVD ZR, R8
blank: // integers 0 with scale 0 or NaN
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VST1.P [V0.B16, V1.B16], 32(R0)
	MOVD.P ZR, 8(R7)
	MOVW.P ZR, 4(R6)
	MOVW.P R8, 4(R1)
	MOVW.P R8, 4(R2)
	B    next

// func Quantize16NEON(q *int8, d, dsum *float32, neg, neg16 *int32, x *float32, blocks int)
TEXT ·Quantize16NEON(SB), NOSPLIT, $0-56
	ARGS
block:
	SCALE(notANumber, nothing)
	HIGH_LOW(0, 8)
	HIGH_LOW(1, 9)
	HIGH_LOW(2, 10)
	HIGH_LOW(3, 11)
	HIGH_LOW(4, 12)
	HIGH_LOW(5, 13)
	HIGH_LOW(6, 14)
	HIGH_LOW(7, 15)
	VADD V0.S4, V1.S4, V19.S4
	VADD V2.S4, V3.S4, V21.S4
	VADD V4.S4, V5.S4, V22.S4
	VADD V6.S4, V7.S4, V23.S4
	VADD V21.S4, V19.S4, V19.S4
	VADD V23.S4, V22.S4, V22.S4
	VSHL $7, V19.S4, V19.S4
	VSHL $7, V22.S4, V22.S4
	LOW_SUM(V8, V9, V10, V11, V19)
	LOW_SUM(V12, V13, V14, V15, V22)
	FMULS F24, F18, F18
	PACK(0, 1, 2, 3, 4, 5, 6, 7)
	VST1.P [V0.B16, V1.B16], 32(R0)
	PACK(8, 9, 10, 11, 12, 13, 14, 15)
	VST1.P [V0.B16, V1.B16], 32(R0)
	SUMS
next:
	SUBS $1, R5
	BNE  block
	RET

notANumber:
	MOVD $0x7FC00000, R8
	B    blank
nothing:
	MOVD ZR, R8
blank: // integers 0 with scale 0 or NaN
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VST1.P [V0.B16, V1.B16], 32(R0)
	VST1.P [V0.B16, V1.B16], 32(R0)
	MOVD.P ZR, 8(R7)
	MOVW.P ZR, 4(R6)
	MOVW.P R8, 4(R1)
	MOVW.P R8, 4(R2)
	B    next
