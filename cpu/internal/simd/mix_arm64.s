#include "textflag.h"
#include "neon_arm64.h"

// y[t*d+c] += sum_i w[t*stride+i]*rows[i*d+c]: sixteen columns at a time, then four, then one,
// with the sum over i in registers. Registers: R0 y, R1 bytes of a row of y and of rows, R2 w,
// R3 rows, R4 n, R5 columns left, R6 the second row of y, R7 of w; R8..R11 run.

#define ARGS \
	MOVD y+0(FP), R0; MOVD d+8(FP), R5; MOVD w+16(FP), R2; MOVD stride+24(FP), R7; \
	MOVD rows+32(FP), R3; MOVD n+40(FP), R4; \
	LSL $2, R5, R1; ADD R7<<2, R2, R7; ADD R1, R0, R6

#define START MOVD R2, R8; MOVD R7, R9; MOVD R3, R10; MOVD R4, R11

// func Mix1NEON(y *float32, d int, w *float32, stride int, rows *float32, n int)
TEXT ·Mix1NEON(SB), NOSPLIT, $0-48
	ARGS
sixteen:
	CMP  $16, R5
	BLT  four
	START
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VEOR V2.B16, V2.B16, V2.B16
	VEOR V3.B16, V3.B16, V3.B16
sum16:
	VLD1R.P 4(R8), [V16.S4]
	VLD1    (R10), [V20.S4, V21.S4, V22.S4, V23.S4]
	ADD     R1, R10
	VFMLA   V16.S4, V20.S4, V0.S4
	VFMLA   V16.S4, V21.S4, V1.S4
	VFMLA   V16.S4, V22.S4, V2.S4
	VFMLA   V16.S4, V23.S4, V3.S4
	SUBS    $1, R11
	BNE     sum16
	VLD1    (R0), [V20.S4, V21.S4, V22.S4, V23.S4]
	FADD4(0, 20, 0)
	FADD4(1, 21, 1)
	FADD4(2, 22, 2)
	FADD4(3, 23, 3)
	VST1.P  [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	ADD     $64, R3
	SUB     $16, R5
	B       sixteen
four:
	CMP  $4, R5
	BLT  one
	START
	VEOR V0.B16, V0.B16, V0.B16
sum4:
	VLD1R.P 4(R8), [V16.S4]
	VLD1    (R10), [V20.S4]
	ADD     R1, R10
	VFMLA   V16.S4, V20.S4, V0.S4
	SUBS    $1, R11
	BNE     sum4
	VLD1    (R0), [V20.S4]
	FADD4(0, 20, 0)
	VST1.P  [V0.S4], 16(R0)
	ADD     $16, R3
	SUB     $4, R5
	B       four
one:
	CBZ  R5, done
	START
	FMOVS ZR, F0
sum1:
	FMOVS.P 4(R8), F16
	FMOVS   (R10), F20
	ADD     R1, R10
	FMADDS  F16, F0, F20, F0
	SUBS    $1, R11
	BNE     sum1
	FMOVS   (R0), F20
	FADDS   F0, F20, F0
	FMOVS.P F0, 4(R0)
	ADD     $4, R3
	SUB     $1, R5
	B       one
done:
	RET

// func Mix2NEON(y *float32, d int, w *float32, stride int, rows *float32, n int)
TEXT ·Mix2NEON(SB), NOSPLIT, $0-48
	ARGS
sixteen:
	CMP  $16, R5
	BLT  four
	START
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VEOR V2.B16, V2.B16, V2.B16
	VEOR V3.B16, V3.B16, V3.B16
	VEOR V4.B16, V4.B16, V4.B16
	VEOR V5.B16, V5.B16, V5.B16
	VEOR V6.B16, V6.B16, V6.B16
	VEOR V7.B16, V7.B16, V7.B16
sum16:
	VLD1R.P 4(R8), [V16.S4]
	VLD1R.P 4(R9), [V17.S4]
	VLD1    (R10), [V20.S4, V21.S4, V22.S4, V23.S4]
	ADD     R1, R10
	VFMLA   V16.S4, V20.S4, V0.S4
	VFMLA   V16.S4, V21.S4, V1.S4
	VFMLA   V16.S4, V22.S4, V2.S4
	VFMLA   V16.S4, V23.S4, V3.S4
	VFMLA   V17.S4, V20.S4, V4.S4
	VFMLA   V17.S4, V21.S4, V5.S4
	VFMLA   V17.S4, V22.S4, V6.S4
	VFMLA   V17.S4, V23.S4, V7.S4
	SUBS    $1, R11
	BNE     sum16
	VLD1    (R0), [V20.S4, V21.S4, V22.S4, V23.S4]
	FADD4(0, 20, 0)
	FADD4(1, 21, 1)
	FADD4(2, 22, 2)
	FADD4(3, 23, 3)
	VST1.P  [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	VLD1    (R6), [V20.S4, V21.S4, V22.S4, V23.S4]
	FADD4(4, 20, 4)
	FADD4(5, 21, 5)
	FADD4(6, 22, 6)
	FADD4(7, 23, 7)
	VST1.P  [V4.S4, V5.S4, V6.S4, V7.S4], 64(R6)
	ADD     $64, R3
	SUB     $16, R5
	B       sixteen
four:
	CMP  $4, R5
	BLT  one
	START
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V4.B16, V4.B16, V4.B16
sum4:
	VLD1R.P 4(R8), [V16.S4]
	VLD1R.P 4(R9), [V17.S4]
	VLD1    (R10), [V20.S4]
	ADD     R1, R10
	VFMLA   V16.S4, V20.S4, V0.S4
	VFMLA   V17.S4, V20.S4, V4.S4
	SUBS    $1, R11
	BNE     sum4
	VLD1    (R0), [V20.S4]
	FADD4(0, 20, 0)
	VST1.P  [V0.S4], 16(R0)
	VLD1    (R6), [V20.S4]
	FADD4(4, 20, 4)
	VST1.P  [V4.S4], 16(R6)
	ADD     $16, R3
	SUB     $4, R5
	B       four
one:
	CBZ  R5, done
	START
	FMOVS ZR, F0
	FMOVS ZR, F4
sum1:
	FMOVS.P 4(R8), F16
	FMOVS.P 4(R9), F17
	FMOVS   (R10), F20
	ADD     R1, R10
	FMADDS  F16, F0, F20, F0
	FMADDS  F17, F4, F20, F4
	SUBS    $1, R11
	BNE     sum1
	FMOVS   (R0), F20
	FADDS   F0, F20, F0
	FMOVS.P F0, 4(R0)
	FMOVS   (R6), F20
	FADDS   F4, F20, F4
	FMOVS.P F4, 4(R6)
	ADD     $4, R3
	SUB     $1, R5
	B       one
done:
	RET
