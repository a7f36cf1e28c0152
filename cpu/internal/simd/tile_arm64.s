#include "textflag.h"
#include "neon_arm64.h"

// A product of two rows is two vectors of sums, to which 8 numbers are added at a time, and a
// scalar for what is left in the end. SUM adds it all up, in an order that does not depend on
// the tile, and adds it to y.
//
//	a, b   registers of the two vectors; fa is a as a scalar
//	rest   the scalar
#define SUM(a, fa, b, rest, y) \
	FADD4S(b, a, a) \
	FADDP4S(a, a, a) \
	FADDPS(a, a) \
	FADDS rest, fa, fa \
	FMOVS y, F31 \
	FADDS F31, fa, fa \
	FMOVS fa, y

// func Tile1x1NEON(y, x, w *float32, n int)
TEXT ·Tile1x1NEON(SB), NOSPLIT, $0-32
	MOVD y+0(FP), R0
	MOVD x+8(FP), R1
	MOVD w+16(FP), R2
	MOVD n+24(FP), R3      // numbers left
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	FMOVS ZR, F24

	SUBS $8, R3
	BLT  few

eight:
	VLD1.P 32(R1), [V16.S4, V17.S4]
	VLD1.P 32(R2), [V18.S4, V19.S4]
	VFMLA  V18.S4, V16.S4, V0.S4
	VFMLA  V19.S4, V17.S4, V1.S4
	SUBS   $8, R3
	BGE    eight

few:
	ADDS $8, R3
	BEQ  sum

one:
	FMOVS.P 4(R1), F16
	FMOVS.P 4(R2), F18
	FMADDS  F18, F24, F16, F24
	SUBS    $1, R3
	BNE     one

sum:
	SUM(0, F0, 1, F24, (R0))
	RET

// func Tile1x4NEON(y, x, w *float32, k, n int)
TEXT ·Tile1x4NEON(SB), NOSPLIT, $0-40
	MOVD y+0(FP), R0
	MOVD x+8(FP), R1
	MOVD w+16(FP), R4      // row 0 of w
	MOVD k+24(FP), R8
	MOVD n+32(FP), R3      // numbers left
	LSL  $2, R8            // bytes of a row
	ADD  R8, R4, R5        // row 1
	ADD  R8, R5, R6        // row 2
	ADD  R8, R6, R7        // row 3
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VEOR V2.B16, V2.B16, V2.B16
	VEOR V3.B16, V3.B16, V3.B16
	VEOR V4.B16, V4.B16, V4.B16
	VEOR V5.B16, V5.B16, V5.B16
	VEOR V6.B16, V6.B16, V6.B16
	VEOR V7.B16, V7.B16, V7.B16
	FMOVS ZR, F24
	FMOVS ZR, F25
	FMOVS ZR, F26
	FMOVS ZR, F27

	SUBS $8, R3
	BLT  few

eight:
	VLD1.P 32(R1), [V16.S4, V17.S4]
	VLD1.P 32(R4), [V18.S4, V19.S4]
	VLD1.P 32(R5), [V20.S4, V21.S4]
	VLD1.P 32(R6), [V22.S4, V23.S4]
	VLD1.P 32(R7), [V28.S4, V29.S4]
	VFMLA  V18.S4, V16.S4, V0.S4
	VFMLA  V20.S4, V16.S4, V2.S4
	VFMLA  V22.S4, V16.S4, V4.S4
	VFMLA  V28.S4, V16.S4, V6.S4
	VFMLA  V19.S4, V17.S4, V1.S4
	VFMLA  V21.S4, V17.S4, V3.S4
	VFMLA  V23.S4, V17.S4, V5.S4
	VFMLA  V29.S4, V17.S4, V7.S4
	SUBS   $8, R3
	BGE    eight

few:
	ADDS $8, R3
	BEQ  sum

one:
	FMOVS.P 4(R1), F16
	FMOVS.P 4(R4), F18
	FMOVS.P 4(R5), F20
	FMOVS.P 4(R6), F22
	FMOVS.P 4(R7), F28
	FMADDS  F18, F24, F16, F24
	FMADDS  F20, F25, F16, F25
	FMADDS  F22, F26, F16, F26
	FMADDS  F28, F27, F16, F27
	SUBS    $1, R3
	BNE     one

sum:
	SUM(0, F0, 1, F24, (R0))
	SUM(2, F2, 3, F25, 4(R0))
	SUM(4, F4, 5, F26, 8(R0))
	SUM(6, F6, 7, F27, 12(R0))
	RET

// func Tile2x4NEON(y *float32, stride int, x, w *float32, k, n int)
TEXT ·Tile2x4NEON(SB), NOSPLIT, $0-48
	MOVD y+0(FP), R0
	MOVD stride+8(FP), R9
	MOVD x+16(FP), R1      // row 0 of x
	MOVD w+24(FP), R4      // row 0 of w
	MOVD k+32(FP), R8
	MOVD n+40(FP), R3      // numbers left
	LSL  $2, R8            // bytes of a row
	LSL  $2, R9
	ADD  R9, R0, R9        // row 1 of y
	ADD  R8, R1, R2        // row 1 of x
	ADD  R8, R4, R5        // rows 1 to 3 of w
	ADD  R8, R5, R6
	ADD  R8, R6, R7
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VEOR V2.B16, V2.B16, V2.B16
	VEOR V3.B16, V3.B16, V3.B16
	VEOR V4.B16, V4.B16, V4.B16
	VEOR V5.B16, V5.B16, V5.B16
	VEOR V6.B16, V6.B16, V6.B16
	VEOR V7.B16, V7.B16, V7.B16
	VEOR V8.B16, V8.B16, V8.B16
	VEOR V9.B16, V9.B16, V9.B16
	VEOR V10.B16, V10.B16, V10.B16
	VEOR V11.B16, V11.B16, V11.B16
	VEOR V12.B16, V12.B16, V12.B16
	VEOR V13.B16, V13.B16, V13.B16
	VEOR V14.B16, V14.B16, V14.B16
	VEOR V15.B16, V15.B16, V15.B16

	SUBS $8, R3
	BLT  few

eight:
	VLD1.P 32(R1), [V16.S4, V17.S4]
	VLD1.P 32(R2), [V18.S4, V19.S4]
	VLD1.P 32(R4), [V20.S4, V21.S4]
	VLD1.P 32(R5), [V22.S4, V23.S4]
	VFMLA  V20.S4, V16.S4, V0.S4
	VFMLA  V22.S4, V16.S4, V2.S4
	VFMLA  V20.S4, V18.S4, V8.S4
	VFMLA  V22.S4, V18.S4, V10.S4
	VLD1.P 32(R6), [V24.S4, V25.S4]
	VLD1.P 32(R7), [V26.S4, V27.S4]
	VFMLA  V21.S4, V17.S4, V1.S4
	VFMLA  V23.S4, V17.S4, V3.S4
	VFMLA  V21.S4, V19.S4, V9.S4
	VFMLA  V23.S4, V19.S4, V11.S4
	VFMLA  V24.S4, V16.S4, V4.S4
	VFMLA  V26.S4, V16.S4, V6.S4
	VFMLA  V24.S4, V18.S4, V12.S4
	VFMLA  V26.S4, V18.S4, V14.S4
	VFMLA  V25.S4, V17.S4, V5.S4
	VFMLA  V27.S4, V17.S4, V7.S4
	VFMLA  V25.S4, V19.S4, V13.S4
	VFMLA  V27.S4, V19.S4, V15.S4
	SUBS   $8, R3
	BGE    eight

few:
	// The scalars take the place of the rows, 16 to 19 for row 0 and 20 to 23 for row 1.
	FMOVS ZR, F16
	FMOVS ZR, F17
	FMOVS ZR, F18
	FMOVS ZR, F19
	FMOVS ZR, F20
	FMOVS ZR, F21
	FMOVS ZR, F22
	FMOVS ZR, F23
	ADDS  $8, R3
	BEQ   sum

one:
	FMOVS.P 4(R1), F24
	FMOVS.P 4(R2), F25
	FMOVS.P 4(R4), F26
	FMOVS.P 4(R5), F27
	FMOVS.P 4(R6), F28
	FMOVS.P 4(R7), F29
	FMADDS  F26, F16, F24, F16
	FMADDS  F27, F17, F24, F17
	FMADDS  F28, F18, F24, F18
	FMADDS  F29, F19, F24, F19
	FMADDS  F26, F20, F25, F20
	FMADDS  F27, F21, F25, F21
	FMADDS  F28, F22, F25, F22
	FMADDS  F29, F23, F25, F23
	SUBS    $1, R3
	BNE     one

sum:
	SUM(0, F0, 1, F16, (R0))
	SUM(2, F2, 3, F17, 4(R0))
	SUM(4, F4, 5, F18, 8(R0))
	SUM(6, F6, 7, F19, 12(R0))
	SUM(8, F8, 9, F20, (R9))
	SUM(10, F10, 11, F21, 4(R9))
	SUM(12, F12, 13, F22, 8(R9))
	SUM(14, F14, 15, F23, 12(R9))
	RET
