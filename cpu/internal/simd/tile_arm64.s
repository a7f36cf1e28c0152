#include "textflag.h"
#include "neon_arm64.h"

// Tiles of matrix products. Every one of them sums in the same order, so that a row's result
// does not depend on which rows it is worked out with: of each chunk of 256 products those with
// i = 0..3 mod 8 in one vector, 4..7 mod 8 in another, then (0+4) + (1+5), (2+6) + (3+7) and their
// sum, which is added to the total; then the last k mod 8 products one by one. Chunks keep the
// error of long sums small.
//
// Registers: R0 y, R1 the second row of y, R2 and R4 rows of x, R3 and R6..R8 rows of w, R5 k, R9
// vectors left of a chunk, R11 in all; V0..V15 sums, V16..V19 x, V20..V23 w, V29..V31 results.

// R9 = the vectors of the next chunk, taken from R11.
#define CHUNK MOVD $32, R9; CMP R9, R11; CSEL LO, R11, R9, R9; SUB R9, R11, R11

// Eight numbers of a row of w, to V20 and V21.
#define LOAD_F32(p) VLD1.P 32(p), [V20.S4, V21.S4]
#define LOAD_F16(p) VLD1.P 16(p), [V21.H8]; FCVTL(21, 20); FCVTL2(21, 21)
#define LOAD_BF16(p) VLD1.P 16(p), [V21.H8]; SHLL16(21, 20); SHLL16H(21, 21)

// One number of a row of w, to F20.
#define ONE_F32(p) FMOVS.P 4(p), F20
#define ONE_F16(p) MOVHU.P 2(p), R10; FMOVS R10, F20; FCVTHS F20, F20
#define ONE_BF16(p) MOVHU.P 2(p), R10; LSL $16, R10, R10; FMOVS R10, F20

// A row of w times a row of x.
#define MUL1(lo, hi) VFMLA V16.S4, V20.S4, lo.S4; VFMLA V17.S4, V21.S4, hi.S4
// A row of w times two rows of x.
#define MUL2(lo, hi, lo2, hi2) MUL1(lo, hi); VFMLA V18.S4, V20.S4, lo2.S4; VFMLA V19.S4, V21.S4, hi2.S4

// The sums of four rows from eight vectors, to lanes of d.
#define FOLD4(a0, a1, b0, b1, c0, c1, d0, d1, d) \
	FADD4(a1, a0, a0); FADD4(b1, b0, b0); FADD4(c1, c0, c0); FADD4(d1, d0, d0); \
	FADDP4(b0, a0, a0); FADDP4(d0, c0, c0); FADDP4(c0, a0, d)

#define ROWS4(shift) \
	LSL $shift, R5, R9; ADD R9, R3, R6; ADD R9, R6, R7; ADD R9, R7, R8

#define ZERO8(a, b, c, d, e, f, g, h) \
	VEOR a.B16, a.B16, a.B16; VEOR b.B16, b.B16, b.B16; VEOR c.B16, c.B16, c.B16; VEOR d.B16, d.B16, d.B16; \
	VEOR e.B16, e.B16, e.B16; VEOR f.B16, f.B16, f.B16; VEOR g.B16, g.B16, g.B16; VEOR h.B16, h.B16, h.B16

// Results of four rows in V31, to F24..F27.
#define APART VMOV V31.S[0], R10; FMOVS R10, F24; VMOV V31.S[1], R10; FMOVS R10, F25; \
	VMOV V31.S[2], R10; FMOVS R10, F26; VMOV V31.S[3], R10; FMOVS R10, F27

#define TILE1X4(LOAD, ONE, shift) \
	MOVD y+0(FP), R0; MOVD x+16(FP), R2; MOVD w+24(FP), R3; MOVD k+32(FP), R5; \
	ROWS4(shift); \
	VEOR V31.B16, V31.B16, V31.B16; \
	LSR $3, R5, R11; \
	CBZ R11, tail; \
chunk: \
	CHUNK; \
	ZERO8(V0, V1, V2, V3, V4, V5, V6, V7); \
loop: \
	VLD1.P 32(R2), [V16.S4, V17.S4]; \
	LOAD(R3); MUL1(V0, V1); \
	LOAD(R6); MUL1(V2, V3); \
	LOAD(R7); MUL1(V4, V5); \
	LOAD(R8); MUL1(V6, V7); \
	SUBS $1, R9; \
	BNE loop; \
	FOLD4(0, 1, 2, 3, 4, 5, 6, 7, 0); \
	FADD4(0, 31, 31); \
	CBNZ R11, chunk; \
tail: \
	ANDS $7, R5, R9; \
	BEQ done; \
	APART; \
rest: \
	FMOVS.P 4(R2), F16; \
	ONE(R3); FMADDS F16, F24, F20, F24; \
	ONE(R6); FMADDS F16, F25, F20, F25; \
	ONE(R7); FMADDS F16, F26, F20, F26; \
	ONE(R8); FMADDS F16, F27, F20, F27; \
	SUBS $1, R9; \
	BNE rest; \
	FMOVS F24, 0(R0); FMOVS F25, 4(R0); FMOVS F26, 8(R0); FMOVS F27, 12(R0); \
	RET; \
done: \
	VST1 [V31.S4], (R0); \
	RET

#define TILE1X1(LOAD, ONE) \
	MOVD y+0(FP), R0; MOVD x+16(FP), R2; MOVD w+24(FP), R3; MOVD k+32(FP), R5; \
	FMOVS ZR, F31; \
	LSR $3, R5, R11; \
	CBZ R11, tail; \
chunk: \
	CHUNK; \
	VEOR V0.B16, V0.B16, V0.B16; VEOR V1.B16, V1.B16, V1.B16; \
loop: \
	VLD1.P 32(R2), [V16.S4, V17.S4]; \
	LOAD(R3); MUL1(V0, V1); \
	SUBS $1, R9; \
	BNE loop; \
	FADD4(1, 0, 0); FADDP4(0, 0, 0); FADDP4(0, 0, 0); \
	FADDS F0, F31, F31; \
	CBNZ R11, chunk; \
tail: \
	ANDS $7, R5, R9; \
	BEQ done; \
rest: \
	FMOVS.P 4(R2), F16; \
	ONE(R3); FMADDS F16, F31, F20, F31; \
	SUBS $1, R9; \
	BNE rest; \
done: \
	FMOVS F31, 0(R0); \
	RET

// func Tile1x4F32NEON(y *float32, stride int, x, w *float32, k int)
TEXT ·Tile1x4F32NEON(SB), NOSPLIT, $0-40
	TILE1X4(LOAD_F32, ONE_F32, 2)

// func Tile1x4F16NEON(y *float32, stride int, x *float32, w *uint16, k int)
TEXT ·Tile1x4F16NEON(SB), NOSPLIT, $0-40
	TILE1X4(LOAD_F16, ONE_F16, 1)

// func Tile1x4BF16NEON(y *float32, stride int, x *float32, w *uint16, k int)
TEXT ·Tile1x4BF16NEON(SB), NOSPLIT, $0-40
	TILE1X4(LOAD_BF16, ONE_BF16, 1)

// func Tile1x1F32NEON(y *float32, stride int, x, w *float32, k int)
TEXT ·Tile1x1F32NEON(SB), NOSPLIT, $0-40
	TILE1X1(LOAD_F32, ONE_F32)

// func Tile1x1F16NEON(y *float32, stride int, x *float32, w *uint16, k int)
TEXT ·Tile1x1F16NEON(SB), NOSPLIT, $0-40
	TILE1X1(LOAD_F16, ONE_F16)

// func Tile1x1BF16NEON(y *float32, stride int, x *float32, w *uint16, k int)
TEXT ·Tile1x1BF16NEON(SB), NOSPLIT, $0-40
	TILE1X1(LOAD_BF16, ONE_BF16)

// Twelve loads serve sixteen FMAs of four numbers; with two FMAs a cycle they are the limit.
//
// func Tile2x4F32NEON(y *float32, stride int, x, w *float32, k int)
TEXT ·Tile2x4F32NEON(SB), NOSPLIT, $0-40
	MOVD y+0(FP), R0
	MOVD stride+8(FP), R1
	MOVD x+16(FP), R2
	MOVD w+24(FP), R3
	MOVD k+32(FP), R5
	ADD  R1<<2, R0, R1  // the second row of y
	ADD  R5<<2, R2, R4
	ROWS4(2)
	VEOR V30.B16, V30.B16, V30.B16
	VEOR V31.B16, V31.B16, V31.B16
	LSR  $3, R5, R11
	CBZ  R11, tail
chunk:
	CHUNK
	ZERO8(V0, V1, V2, V3, V4, V5, V6, V7)
	ZERO8(V8, V9, V10, V11, V12, V13, V14, V15)
loop:
	VLD1.P 32(R2), [V16.S4, V17.S4]
	VLD1.P 32(R4), [V18.S4, V19.S4]
	LOAD_F32(R3)
	MUL2(V0, V1, V8, V9)
	LOAD_F32(R6)
	MUL2(V2, V3, V10, V11)
	LOAD_F32(R7)
	MUL2(V4, V5, V12, V13)
	LOAD_F32(R8)
	MUL2(V6, V7, V14, V15)
	SUBS $1, R9
	BNE  loop
	FOLD4(8, 9, 10, 11, 12, 13, 14, 15, 8)
	FOLD4(0, 1, 2, 3, 4, 5, 6, 7, 0)
	FADD4(8, 30, 30)
	FADD4(0, 31, 31)
	CBNZ R11, chunk
tail:
	ANDS $7, R5, R9
	BEQ  done
	APART // the first row of x in F24..F27, the second in F0..F3
	VMOV V30.S[0], R10
	FMOVS R10, F0
	VMOV V30.S[1], R10
	FMOVS R10, F1
	VMOV V30.S[2], R10
	FMOVS R10, F2
	VMOV V30.S[3], R10
	FMOVS R10, F3
rest:
	FMOVS.P 4(R2), F16
	FMOVS.P 4(R4), F18
	ONE_F32(R3)
	FMADDS F16, F24, F20, F24
	FMADDS F18, F0, F20, F0
	ONE_F32(R6)
	FMADDS F16, F25, F20, F25
	FMADDS F18, F1, F20, F1
	ONE_F32(R7)
	FMADDS F16, F26, F20, F26
	FMADDS F18, F2, F20, F2
	ONE_F32(R8)
	FMADDS F16, F27, F20, F27
	FMADDS F18, F3, F20, F3
	SUBS $1, R9
	BNE  rest
	FMOVS F24, 0(R0)
	FMOVS F25, 4(R0)
	FMOVS F26, 8(R0)
	FMOVS F27, 12(R0)
	FMOVS F0, 0(R1)
	FMOVS F1, 4(R1)
	FMOVS F2, 8(R1)
	FMOVS F3, 12(R1)
	RET
done:
	VST1 [V31.S4], (R0)
	VST1 [V30.S4], (R1)
	RET

// func Tile2x1F32NEON(y *float32, stride int, x, w *float32, k int)
TEXT ·Tile2x1F32NEON(SB), NOSPLIT, $0-40
	MOVD y+0(FP), R0
	MOVD stride+8(FP), R1
	MOVD x+16(FP), R2
	MOVD w+24(FP), R3
	MOVD k+32(FP), R5
	ADD  R1<<2, R0, R1
	ADD  R5<<2, R2, R4
	FMOVS ZR, F30
	FMOVS ZR, F31
	LSR  $3, R5, R11
	CBZ  R11, tail
chunk:
	CHUNK
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VEOR V8.B16, V8.B16, V8.B16
	VEOR V9.B16, V9.B16, V9.B16
loop:
	VLD1.P 32(R2), [V16.S4, V17.S4]
	VLD1.P 32(R4), [V18.S4, V19.S4]
	LOAD_F32(R3)
	MUL2(V0, V1, V8, V9)
	SUBS $1, R9
	BNE  loop
	FADD4(1, 0, 0)
	FADD4(9, 8, 8)
	FADDP4(0, 0, 0)
	FADDP4(8, 8, 8)
	FADDP4(0, 0, 0)
	FADDP4(8, 8, 8)
	FADDS F0, F31, F31
	FADDS F8, F30, F30
	CBNZ R11, chunk
tail:
	ANDS $7, R5, R9
	BEQ  done
rest:
	FMOVS.P 4(R2), F16
	FMOVS.P 4(R4), F18
	ONE_F32(R3)
	FMADDS F16, F31, F20, F31
	FMADDS F18, F30, F20, F30
	SUBS $1, R9
	BNE  rest
done:
	FMOVS F31, 0(R0)
	FMOVS F30, 0(R1)
	RET
