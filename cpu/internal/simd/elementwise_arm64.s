#include "textflag.h"
#include "neon_arm64.h"

// Loops of four numbers at a time; the last n mod 4 go through the same instructions one by
// one, in the lowest lane. Registers: R0 y, R1 and R2 sources, R3 n, R4 what is left.

// The constants of EXP: V16 and V17 the bounds, V18 log2 e, V19 and V20 ln 2 in two parts of
// which the first has so few digits that n times it is exact, V21..V26 1/7! .. 1/2!, V27 1,
// V28 +Inf, V29 0.
#define EXP_CONSTANTS \
	CONST4(0xC2AE999A, V16); CONST4(0x42B0999A, V17); CONST4(0x3FB8AA3B, V18); \
	CONST4(0x3F318000, V19); CONST4(0xB95E8083, V20); \
	CONST4(0x39500D01, V21); CONST4(0x3AB60B61, V22); CONST4(0x3C088889, V23); \
	CONST4(0x3D2AAAAB, V24); CONST4(0x3E2AAAAB, V25); CONST4(0x3F000000, V26); \
	CONST4(0x3F800000, V27); CONST4(0x7F800000, V28); VEOR V29.B16, V29.B16, V29.B16

// e^x of V0 in V1: x = n*ln 2 + r with n = rint(x * log2 e), |r| <= 0.347; e^r is its Taylor
// polynomial of degree 7, whose rest is below 6e-9, and with roundings the relative error is
// below 2e-7. Below -87.3 the result is 0, above 88.3 +Inf; NaN stays NaN. V2..V4 are lost.
#define STEP(c, p, q) VORR c.B16, c.B16, q.B16; VFMLA V2.S4, p.S4, q.S4 // q = c + p*r
#define EXP \
	FMAX4(16, 0, 2); FMIN4(17, 2, 2); \
	FMUL4(18, 2, 3); FRINTN4(3, 3); \
	VFMLS V19.S4, V3.S4, V2.S4; VFMLS V20.S4, V3.S4, V2.S4; \
	STEP(V22, V21, V1); STEP(V23, V1, V4); STEP(V24, V4, V1); STEP(V25, V1, V4); \
	STEP(V26, V4, V1); STEP(V27, V1, V4); STEP(V27, V4, V1); \
	FCVTNS4(3, 3); VSHL $23, V3.S4, V3.S4; VADD V3.S4, V1.S4, V1.S4; /* times 2^n */ \
	FCMGT4(17, 0, 2); VBIT V2.B16, V28.B16, V1.B16; \
	FCMGT4(0, 16, 2); VBIT V2.B16, V29.B16, V1.B16

// u of x, V7: -x, or -2*sqrt(2/pi) * (x + 0.044715 x^3).
#define U_SILU FNEG4(7, 0)
#define GELU_CONSTANTS CONST4(0xBD922279, V30); CONST4(0xBFCC422A, V31)
#define U_GELU FMUL4(7, 7, 0); FMUL4(30, 0, 0); FADD4(31, 0, 0); FMUL4(7, 0, 0)

// x / (1 + e^u)
#define GATE EXP; FADD4(27, 1, 1); FDIV4(1, 7, 1)

#define ALONE(U) \
	MOVD y+0(FP), R0; MOVD x+8(FP), R1; MOVD n+16(FP), R3; \
	EXP_CONSTANTS; GELU_CONSTANTS; \
	LSR $2, R3, R4; \
	CBZ R4, tail; \
loop: \
	VLD1.P 16(R1), [V7.S4]; \
	U; GATE; \
	VST1.P [V1.S4], 16(R0); \
	SUBS $1, R4; \
	BNE loop; \
tail: \
	ANDS $3, R3, R4; \
	BEQ done; \
rest: \
	FMOVS.P 4(R1), F7; \
	U; GATE; \
	FMOVS.P F1, 4(R0); \
	SUBS $1, R4; \
	BNE rest; \
done: \
	RET

#define GATED(U) \
	MOVD y+0(FP), R0; MOVD x+8(FP), R1; MOVD up+16(FP), R2; MOVD n+24(FP), R3; \
	EXP_CONSTANTS; GELU_CONSTANTS; \
	LSR $2, R3, R4; \
	CBZ R4, tail; \
loop: \
	VLD1.P 16(R1), [V7.S4]; \
	U; GATE; \
	VLD1.P 16(R2), [V0.S4]; \
	FMUL4(0, 1, 1); \
	VST1.P [V1.S4], 16(R0); \
	SUBS $1, R4; \
	BNE loop; \
tail: \
	ANDS $3, R3, R4; \
	BEQ done; \
rest: \
	FMOVS.P 4(R1), F7; \
	U; GATE; \
	FMOVS.P 4(R2), F0; \
	FMULS F0, F1, F1; \
	FMOVS.P F1, 4(R0); \
	SUBS $1, R4; \
	BNE rest; \
done: \
	RET

// func AddNEON(y, a, b *float32, n int)
TEXT ·AddNEON(SB), NOSPLIT, $0-32
	MOVD y+0(FP), R0
	MOVD a+8(FP), R1
	MOVD b+16(FP), R2
	MOVD n+24(FP), R3
	LSR  $2, R3, R4
	CBZ  R4, tail
loop:
	VLD1.P 16(R1), [V0.S4]
	VLD1.P 16(R2), [V1.S4]
	FADD4(1, 0, 0)
	VST1.P [V0.S4], 16(R0)
	SUBS   $1, R4
	BNE    loop
tail:
	ANDS $3, R3, R4
	BEQ  done
rest:
	FMOVS.P 4(R1), F0
	FMOVS.P 4(R2), F1
	FADDS   F1, F0, F0
	FMOVS.P F0, 4(R0)
	SUBS    $1, R4
	BNE     rest
done:
	RET

// func ScaleNEON(y *float32, n int, c float32)
TEXT ·ScaleNEON(SB), NOSPLIT, $0-20
	MOVD  y+0(FP), R0
	MOVD  n+8(FP), R3
	FMOVS c+16(FP), F16
	VDUP  V16.S[0], V16.S4
	LSR   $2, R3, R4
	CBZ   R4, tail
loop:
	VLD1   (R0), [V0.S4]
	FMUL4(16, 0, 0)
	VST1.P [V0.S4], 16(R0)
	SUBS   $1, R4
	BNE    loop
tail:
	ANDS $3, R3, R4
	BEQ  done
rest:
	FMOVS   (R0), F0
	FMULS   F16, F0, F0
	FMOVS.P F0, 4(R0)
	SUBS    $1, R4
	BNE     rest
done:
	RET

// func NormNEON(y, x, gain *float32, n int, c float32)
TEXT ·NormNEON(SB), NOSPLIT, $0-36
	MOVD  y+0(FP), R0
	MOVD  x+8(FP), R1
	MOVD  gain+16(FP), R2
	MOVD  n+24(FP), R3
	FMOVS c+32(FP), F16
	VDUP  V16.S[0], V16.S4
	LSR   $2, R3, R4
	CBZ   R4, tail
loop:
	VLD1.P 16(R1), [V0.S4]
	VLD1.P 16(R2), [V1.S4]
	FMUL4(16, 0, 0)
	FMUL4(1, 0, 0)
	VST1.P [V0.S4], 16(R0)
	SUBS   $1, R4
	BNE    loop
tail:
	ANDS $3, R3, R4
	BEQ  done
rest:
	FMOVS.P 4(R1), F0
	FMOVS.P 4(R2), F1
	FMULS   F16, F0, F0
	FMULS   F1, F0, F0
	FMOVS.P F0, 4(R0)
	SUBS    $1, R4
	BNE     rest
done:
	RET

// Squares and their sum are float64: a row's mean is to be as exact as plain Go's.
//
// func SumSquaresNEON(x *float32, n int) float64
TEXT ·SumSquaresNEON(SB), NOSPLIT, $0-24
	MOVD x+0(FP), R1
	MOVD n+8(FP), R3
	VEOR V4.B16, V4.B16, V4.B16
	VEOR V5.B16, V5.B16, V5.B16
	LSR  $2, R3, R4
	CBZ  R4, tail
loop:
	VLD1.P 16(R1), [V0.S4]
	FCVTL2D(0, 1)
	FCVTL2D2(0, 2)
	VFMLA  V1.D2, V1.D2, V4.D2
	VFMLA  V2.D2, V2.D2, V5.D2
	SUBS   $1, R4
	BNE    loop
tail:
	FADD2D(5, 4, 4)
	VMOV  V4.D[1], R10
	FMOVD R10, F5
	FADDD F5, F4, F4
	ANDS  $3, R3, R4
	BEQ   done
rest:
	FMOVS.P 4(R1), F0
	FCVTSD  F0, F0
	FMADDD  F0, F4, F0, F4
	SUBS    $1, R4
	BNE     rest
done:
	FMOVD F4, ret+16(FP)
	RET

// FMAX gives NaN if either number is NaN, so that the result is enough to see it.
//
// func MaxNEON(x *float32, n int) float32
TEXT ·MaxNEON(SB), NOSPLIT, $0-20
	MOVD  x+0(FP), R1
	MOVD  n+8(FP), R3
	VLD1R (R1), [V0.S4]
	LSR   $2, R3, R4
	CBZ   R4, tail
loop:
	VLD1.P 16(R1), [V1.S4]
	FMAX4(1, 0, 0)
	SUBS   $1, R4
	BNE    loop
	FMAXV(0, 0)
tail:
	ANDS $3, R3, R4
	BEQ  done
rest:
	FMOVS.P 4(R1), F1
	FMAXS   F1, F0, F0
	SUBS    $1, R4
	BNE     rest
done:
	FMOVS F0, ret+16(FP)
	RET

// func ExpSumNEON(y, x *float32, n int, top float32) float32
TEXT ·ExpSumNEON(SB), NOSPLIT, $0-36
	MOVD  y+0(FP), R0
	MOVD  x+8(FP), R1
	MOVD  n+16(FP), R3
	FMOVS top+24(FP), F5
	VDUP  V5.S[0], V5.S4
	EXP_CONSTANTS
	VEOR  V6.B16, V6.B16, V6.B16
	LSR   $2, R3, R4
	CBZ   R4, tail
loop:
	VLD1.P 16(R1), [V0.S4]
	FSUB4(5, 0, 0)
	EXP
	FADD4(1, 6, 6)
	VST1.P [V1.S4], 16(R0)
	SUBS   $1, R4
	BNE    loop
tail:
	FADDP4(6, 6, 6)
	FADDP4(6, 6, 6)
	ANDS $3, R3, R4
	BEQ  done
rest:
	FMOVS.P 4(R1), F0
	FSUBS   F5, F0, F0
	EXP
	FADDS   F1, F6, F6
	FMOVS.P F1, 4(R0)
	SUBS    $1, R4
	BNE     rest
done:
	FMOVS F6, ret+32(FP)
	RET

// func SiLUNEON(y, x *float32, n int)
TEXT ·SiLUNEON(SB), NOSPLIT, $0-24
	ALONE(U_SILU)

// func GELUNEON(y, x *float32, n int)
TEXT ·GELUNEON(SB), NOSPLIT, $0-24
	ALONE(U_GELU)

// func SwiGLUNEON(y, x, up *float32, n int)
TEXT ·SwiGLUNEON(SB), NOSPLIT, $0-32
	GATED(U_SILU)

// func GeGLUNEON(y, x, up *float32, n int)
TEXT ·GeGLUNEON(SB), NOSPLIT, $0-32
	GATED(U_GELU)
