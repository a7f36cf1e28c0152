#include "textflag.h"
#include "neon_arm64.h"
#include "codes_arm64.h"

// Unpacking of quantised rows, the bits of format.Dequantize, and their products with float32
// numbers, the bits of Tile1x1F32NEON for the unpacked row. A number costs a shift or mask, two
// widenings of a quarter or half vector, a conversion, a multiplication and an FMA, each a vector of
// four: about eight instructions for four numbers, against 18 to 34 bytes for 32 from memory.
//
// Registers: R0 y, R2 x, R3 the packed row, R4 blocks left, R9 of a chunk; V16..V23 32 numbers, V24..V27 x, V30 and
// V31 sums of products 0..3 and 4..7 mod 8.

#define UNPACK_ARGS MOVD y+0(FP), R0; MOVD w+8(FP), R3; MOVD blocks+16(FP), R4
#define DOT_ARGS \
	MOVD y+0(FP), R0; MOVD w+8(FP), R3; MOVD x+16(FP), R2; MOVD blocks+24(FP), R4; \
	FMOVS ZR, F29; FMOVS F29, (R0)

#define STORE32 \
	VST1.P [V16.S4, V17.S4, V18.S4, V19.S4], 64(R0); VST1.P [V20.S4, V21.S4, V22.S4, V23.S4], 64(R0)
#define SUM32 \
	VLD1.P 64(R2), [V24.S4, V25.S4, V26.S4, V27.S4]; \
	VFMLA V24.S4, V16.S4, V30.S4; VFMLA V25.S4, V17.S4, V31.S4; VFMLA V26.S4, V18.S4, V30.S4; VFMLA V27.S4, V19.S4, V31.S4; \
	VLD1.P 64(R2), [V24.S4, V25.S4, V26.S4, V27.S4]; \
	VFMLA V24.S4, V20.S4, V30.S4; VFMLA V25.S4, V21.S4, V31.S4; VFMLA V26.S4, V22.S4, V30.S4; VFMLA V27.S4, V23.S4, V31.S4
// y collects the sums of chunks of 256 numbers.
#define TOTAL FADD4(31, 30, 30); FADDP4(30, 30, 30); FADDP4(30, 30, 30); FMOVS (R0), F29; FADDS F30, F29, F29; FMOVS F29, (R0)

// V16..V23 = codes * scales, V0's v[i] and V1's v[j].
#define SCALED(v, i, j) \
	FLOATS16(0, 16, 17, 18, 19); FLOATS16(1, 20, 21, 22, 23); \
	FMULL4(v, i, 16, 16); FMULL4(v, i, 17, 17); FMULL4(v, i, 18, 18); FMULL4(v, i, 19, 19); \
	FMULL4(v, j, 20, 20); FMULL4(v, j, 21, 21); FMULL4(v, j, 22, 22); FMULL4(v, j, 23, 23)
// The same plus v[0], and minus v[i] and v[j].
#define PLUS(v) \
	VDUP v.S[0], V7.S4; \
	FADD4(7, 16, 16); FADD4(7, 17, 17); FADD4(7, 18, 18); FADD4(7, 19, 19); \
	FADD4(7, 20, 20); FADD4(7, 21, 21); FADD4(7, 22, 22); FADD4(7, 23, 23)
#define MINUS(v, i, j) \
	VDUP v.S[i], V7.S4; \
	FSUB4(7, 16, 16); FSUB4(7, 17, 17); FSUB4(7, 18, 18); FSUB4(7, 19, 19); \
	VDUP v.S[j], V7.S4; \
	FSUB4(7, 20, 20); FSUB4(7, 21, 21); FSUB4(7, 22, 22); FSUB4(7, 23, 23)

// All sub-blocks of a super-block, each followed by OUT.
#define FOUR(LOW, HIGH, OUT, v, m) \
	LOW(0); SCALED(v, 0, 0); MINUS(m, 0, 0); OUT; HIGH(1); SCALED(v, 1, 1); MINUS(m, 1, 1); OUT; \
	LOW(2); SCALED(v, 2, 2); MINUS(m, 2, 2); OUT; HIGH(3); SCALED(v, 3, 3); MINUS(m, 3, 3); OUT
#define Q4_K_ALL(OUT) Q4_K_HEAD; FOUR(Q4_K_LOW, Q4_K_HIGH, OUT, 8, V10); FOUR(Q4_K_LOW, Q4_K_HIGH, OUT, 9, V6)
#define Q5_K_ALL(OUT) Q5_K_HEAD; FOUR(Q5_K_LOW, Q5_K_HIGH, OUT, 8, V10); FOUR(Q5_K_LOW, Q5_K_HIGH, OUT, 9, V6)
#define Q6_K_FOUR(OUT, v, u) \
	Q6_K_HALF; \
	Q6_K_0; SCALED(v, 0, 1); OUT; Q6_K_1; SCALED(v, 2, 3); OUT; \
	Q6_K_2; SCALED(u, 0, 1); OUT; Q6_K_3; SCALED(u, 2, 3); OUT; \
	Q6_K_HALF_DONE
#define Q6_K_ALL(OUT) Q6_K_HEAD; Q6_K_FOUR(OUT, 8, 9); Q6_K_FOUR(OUT, 10, 11); Q6_K_NEXT
#define Q2_K_FOUR(OUT, v, u, m, n) \
	Q2_K_HALF; \
	TWO_BITS; SCALED(v, 0, 1); MINUS(m, 0, 1); OUT; TWO_BITS; SCALED(v, 2, 3); MINUS(m, 2, 3); OUT; \
	TWO_BITS; SCALED(u, 0, 1); MINUS(n, 0, 1); OUT; TWO_BITS; SCALED(u, 2, 3); MINUS(n, 2, 3); OUT
#define Q2_K_ALL(OUT) Q2_K_HEAD; Q2_K_FOUR(OUT, 8, 9, V28, V29); Q2_K_FOUR(OUT, 10, 11, V12, V13)
#define Q3_K_FOUR(OUT, v, u) \
	Q3_K_HALF; \
	THREE_BITS; SCALED(v, 0, 1); OUT; THREE_BITS; SCALED(v, 2, 3); OUT; \
	THREE_BITS; SCALED(u, 0, 1); OUT; THREE_BITS; SCALED(u, 2, 3); OUT
#define Q3_K_ALL(OUT) Q3_K_HEAD; Q3_K_FOUR(OUT, 8, 9); Q3_K_FOUR(OUT, 10, 11)

#define UNPACK(SETUP, BLOCK) \
	UNPACK_ARGS; SETUP; \
loop: \
	BLOCK; SUBS $1, R4; BNE loop; RET
#define DOT(SETUP, BLOCK, blocks) \
	DOT_ARGS; SETUP; \
chunk: \
	MOVD $blocks, R9; CMP R9, R4; CSEL LO, R4, R9, R9; SUB R9, R4, R4; \
	VEOR V30.B16, V30.B16, V30.B16; VEOR V31.B16, V31.B16, V31.B16; \
loop: \
	BLOCK; SUBS $1, R9; BNE loop; \
	TOTAL; CBNZ R4, chunk; RET

// func UnpackQ4_0NEON(y *float32, w *byte, blocks int)
TEXT ·UnpackQ4_0NEON(SB), NOSPLIT, $0-24
	UNPACK(Q4_0_SETUP, Q4_0_CODES; SCALED(2, 0, 0); STORE32)

// func DotQ4_0NEON(y *float32, w *byte, x *float32, blocks int)
TEXT ·DotQ4_0NEON(SB), NOSPLIT, $0-32
	DOT(Q4_0_SETUP, Q4_0_CODES; SCALED(2, 0, 0); SUM32, 8)

// func UnpackQ4_1NEON(y *float32, w *byte, blocks int)
TEXT ·UnpackQ4_1NEON(SB), NOSPLIT, $0-24
	UNPACK(Q4_1_SETUP, Q4_1_CODES; SCALED(2, 0, 0); PLUS(V4); STORE32)

// func DotQ4_1NEON(y *float32, w *byte, x *float32, blocks int)
TEXT ·DotQ4_1NEON(SB), NOSPLIT, $0-32
	DOT(Q4_1_SETUP, Q4_1_CODES; SCALED(2, 0, 0); PLUS(V4); SUM32, 8)

// func UnpackQ5_0NEON(y *float32, w *byte, blocks int)
TEXT ·UnpackQ5_0NEON(SB), NOSPLIT, $0-24
	UNPACK(Q5_0_SETUP, Q5_0_CODES; SCALED(2, 0, 0); STORE32)

// func DotQ5_0NEON(y *float32, w *byte, x *float32, blocks int)
TEXT ·DotQ5_0NEON(SB), NOSPLIT, $0-32
	DOT(Q5_0_SETUP, Q5_0_CODES; SCALED(2, 0, 0); SUM32, 8)

// func UnpackQ5_1NEON(y *float32, w *byte, blocks int)
TEXT ·UnpackQ5_1NEON(SB), NOSPLIT, $0-24
	UNPACK(Q5_1_SETUP, Q5_1_CODES; SCALED(2, 0, 0); PLUS(V4); STORE32)

// func DotQ5_1NEON(y *float32, w *byte, x *float32, blocks int)
TEXT ·DotQ5_1NEON(SB), NOSPLIT, $0-32
	DOT(Q5_1_SETUP, Q5_1_CODES; SCALED(2, 0, 0); PLUS(V4); SUM32, 8)

// func UnpackQ8_0NEON(y *float32, w *byte, blocks int)
TEXT ·UnpackQ8_0NEON(SB), NOSPLIT, $0-24
	UNPACK(Q8_0_SETUP, Q8_0_CODES; SCALED(2, 0, 0); STORE32)

// func DotQ8_0NEON(y *float32, w *byte, x *float32, blocks int)
TEXT ·DotQ8_0NEON(SB), NOSPLIT, $0-32
	DOT(Q8_0_SETUP, Q8_0_CODES; SCALED(2, 0, 0); SUM32, 8)

// func UnpackQ2_KNEON(y *float32, w *byte, blocks int)
TEXT ·UnpackQ2_KNEON(SB), NOSPLIT, $0-24
	UNPACK(Q2_K_SETUP, Q2_K_ALL(STORE32))

// func DotQ2_KNEON(y *float32, w *byte, x *float32, blocks int)
TEXT ·DotQ2_KNEON(SB), NOSPLIT, $0-32
	DOT(Q2_K_SETUP, Q2_K_ALL(SUM32), 1)

// func UnpackQ3_KNEON(y *float32, w *byte, blocks int)
TEXT ·UnpackQ3_KNEON(SB), NOSPLIT, $0-24
	UNPACK(Q3_K_SETUP, Q3_K_ALL(STORE32))

// func DotQ3_KNEON(y *float32, w *byte, x *float32, blocks int)
TEXT ·DotQ3_KNEON(SB), NOSPLIT, $0-32
	DOT(Q3_K_SETUP, Q3_K_ALL(SUM32), 1)

// func UnpackQ4_KNEON(y *float32, w *byte, blocks int)
TEXT ·UnpackQ4_KNEON(SB), NOSPLIT, $0-24
	UNPACK(Q4_K_SETUP, Q4_K_ALL(STORE32))

// func DotQ4_KNEON(y *float32, w *byte, x *float32, blocks int)
TEXT ·DotQ4_KNEON(SB), NOSPLIT, $0-32
	DOT(Q4_K_SETUP, Q4_K_ALL(SUM32), 1)

// func UnpackQ5_KNEON(y *float32, w *byte, blocks int)
TEXT ·UnpackQ5_KNEON(SB), NOSPLIT, $0-24
	UNPACK(Q5_K_SETUP, Q5_K_ALL(STORE32))

// func DotQ5_KNEON(y *float32, w *byte, x *float32, blocks int)
TEXT ·DotQ5_KNEON(SB), NOSPLIT, $0-32
	DOT(Q5_K_SETUP, Q5_K_ALL(SUM32), 1)

// func UnpackQ6_KNEON(y *float32, w *byte, blocks int)
TEXT ·UnpackQ6_KNEON(SB), NOSPLIT, $0-24
	UNPACK(Q6_K_SETUP, Q6_K_ALL(STORE32))

// func DotQ6_KNEON(y *float32, w *byte, x *float32, blocks int)
TEXT ·DotQ6_KNEON(SB), NOSPLIT, $0-32
	DOT(Q6_K_SETUP, Q6_K_ALL(SUM32), 1)

// func UnpackF16NEON(y *float32, w *uint16, vectors int)
TEXT ·UnpackF16NEON(SB), NOSPLIT, $0-24
	MOVD y+0(FP), R0
	MOVD w+8(FP), R3
	MOVD vectors+16(FP), R4
loop:
	VLD1.P 16(R3), [V2.H8]
	FCVTL(2, 0)
	FCVTL2(2, 1)
	VST1.P [V0.S4, V1.S4], 32(R0)
	SUBS   $1, R4
	BNE    loop
	RET

// func UnpackBF16NEON(y *float32, w *uint16, vectors int)
TEXT ·UnpackBF16NEON(SB), NOSPLIT, $0-24
	MOVD y+0(FP), R0
	MOVD w+8(FP), R3
	MOVD vectors+16(FP), R4
loop:
	VLD1.P 16(R3), [V2.H8]
	SHLL16(2, 0)
	SHLL16H(2, 1)
	VST1.P [V0.S4, V1.S4], 32(R0)
	SUBS   $1, R4
	BNE    loop
	RET
