#include "textflag.h"
#include "neon_arm64.h"
#include "codes_arm64.h"

// Products of quantised rows with activations as integers of one plane (8 bits) or two: the codes
// of a sub-block are multiplied and summed as integers, four sums side by side, which are then
// converted and scaled. Two functions a format and kind: SDOT where the processor has
// FEAT_DotProd, products of 16 bits where not.
//
// Registers: R0 y, R2 the activations' integers, R3 the packed row, R4 blocks left, R5 the
// activations' scales, R6 their sums (scaled, by 32 numbers, or for Q2_K the integers' negative,
// by 16); V24, V25 activations, V26 and V27 integer sums, V30 and V31 sums.

#define ARGS \
	MOVD y+0(FP), R0; MOVD w+8(FP), R3; MOVD q+16(FP), R2; MOVD d+24(FP), R5; MOVD sums+32(FP), R6; MOVD blocks+40(FP), R4; \
	VEOR V30.B16, V30.B16, V30.B16; VEOR V31.B16, V31.B16, V31.B16
#define TOTAL FADD4(31, 30, 30); FADDP4(30, 30, 30); FADDP4(30, 30, 30); FMOVS F30, (R0)

// The integer sums of 32 products with V0 and V1, as float32 in V26: of one plane, and of two,
// 128 times the products of the high integers and those of the low ones.
#define PLANE32(DOT) VLD1.P 32(R2), [V24.B16, V25.B16]; DOT(24, 0, 26); DOT(25, 1, 26)
#define ONE32(DOT) VEOR V26.B16, V26.B16, V26.B16; PLANE32(DOT); SCVTF4(26, 26)
#define TWO32(DOT) VEOR V26.B16, V26.B16, V26.B16; PLANE32(DOT); VSHL $7, V26.S4, V26.S4; PLANE32(DOT); SCVTF4(26, 26)
// The same of 16 and 16 in V26 and V27.
#define PLANE16(DOT) VLD1.P 32(R2), [V24.B16, V25.B16]; DOT(24, 0, 26); DOT(25, 1, 27)
#define ZERO16 VEOR V26.B16, V26.B16, V26.B16; VEOR V27.B16, V27.B16, V27.B16
#define ONE16(DOT) ZERO16; PLANE16(DOT); SCVTF4(26, 26); SCVTF4(27, 27)
#define TWO16(DOT) ZERO16; PLANE16(DOT); VSHL $7, V26.S4, V26.S4; VSHL $7, V27.S4, V27.S4; PLANE16(DOT); SCVTF4(26, 26); SCVTF4(27, 27)
#define SDOT_ONE32 ONE32(DOT_SDOT)
#define SDOT_TWO32 TWO32(DOT_SDOT)
#define SDOT_ONE16 ONE16(DOT_SDOT)
#define SDOT_TWO16 TWO16(DOT_SDOT)
#define SMULL_ONE32 ONE32(DOT_SMULL)
#define SMULL_TWO32 TWO32(DOT_SMULL)
#define SMULL_ONE16 ONE16(DOT_SMULL)
#define SMULL_TWO16 TWO16(DOT_SMULL)
#define SUM16(PRODUCT, v, i, j) PRODUCT; FMLAL4(v, i, 26, 30); FMLAL4(v, j, 27, 30)

#define LEGACY(CODES, PRODUCT) \
	CODES; PRODUCT; FMOVS.P 4(R5), F3; FMULS F3, F2, F2; FMLAL4(2, 0, 26, 30)
#define LEGACY_OFFSET(CODES, PRODUCT) \
	LEGACY(CODES, PRODUCT); FMOVS.P 4(R6), F5; FMADDS F5, F31, F4, F31

#define K_SCALES \
	VLD1.P 32(R5), [V16.S4, V17.S4]; FMUL4(16, 8, 8); FMUL4(17, 9, 9); \
	VLD1.P 32(R6), [V18.S4, V19.S4]; VFMLS V18.S4, V10.S4, V31.S4; VFMLS V19.S4, V6.S4, V31.S4
#define FOUR(LOW, HIGH, PRODUCT, v) \
	LOW(0); PRODUCT; FMLAL4(v, 0, 26, 30); HIGH(1); PRODUCT; FMLAL4(v, 1, 26, 30); \
	LOW(2); PRODUCT; FMLAL4(v, 2, 26, 30); HIGH(3); PRODUCT; FMLAL4(v, 3, 26, 30)
#define Q4_K_ALL(PRODUCT) Q4_K_HEAD; K_SCALES; FOUR(Q4_K_LOW, Q4_K_HIGH, PRODUCT, 8); FOUR(Q4_K_LOW, Q4_K_HIGH, PRODUCT, 9)
#define Q5_K_ALL(PRODUCT) Q5_K_HEAD; K_SCALES; FOUR(Q5_K_LOW, Q5_K_HIGH, PRODUCT, 8); FOUR(Q5_K_LOW, Q5_K_HIGH, PRODUCT, 9)

// The activations' scales, each twice, in V18..V21, times V8..V11.
#define TWICE \
	VLD1.P 32(R5), [V16.S4, V17.S4]; \
	VZIP1 V16.S4, V16.S4, V18.S4; VZIP2 V16.S4, V16.S4, V19.S4; VZIP1 V17.S4, V17.S4, V20.S4; VZIP2 V17.S4, V17.S4, V21.S4; \
	FMUL4(18, 8, 8); FMUL4(19, 9, 9); FMUL4(20, 10, 10); FMUL4(21, 11, 11)
#define Q6_K_FOUR(PRODUCT, v, u) \
	Q6_K_HALF; \
	Q6_K_0; SUM16(PRODUCT, v, 0, 1); Q6_K_1; SUM16(PRODUCT, v, 2, 3); \
	Q6_K_2; SUM16(PRODUCT, u, 0, 1); Q6_K_3; SUM16(PRODUCT, u, 2, 3); \
	Q6_K_HALF_DONE
#define Q6_K_ALL(PRODUCT) Q6_K_HEAD; TWICE; Q6_K_FOUR(PRODUCT, 8, 9); Q6_K_FOUR(PRODUCT, 10, 11); Q6_K_NEXT
// The minima in V28, V29, V12, V13 are done with before the codes.
#define MINIMA \
	VLD1.P 64(R6), [V24.S4, V25.S4, V26.S4, V27.S4]; \
	SCVTF4(24, 24); SCVTF4(25, 25); SCVTF4(26, 26); SCVTF4(27, 27); \
	FMUL4(18, 24, 24); FMUL4(19, 25, 25); FMUL4(20, 26, 26); FMUL4(21, 27, 27); \
	VFMLA V24.S4, V28.S4, V31.S4; VFMLA V25.S4, V29.S4, V31.S4; VFMLA V26.S4, V12.S4, V31.S4; VFMLA V27.S4, V13.S4, V31.S4
#define Q2_K_FOUR(PRODUCT, v, u) \
	Q2_K_HALF; \
	TWO_BITS; SUM16(PRODUCT, v, 0, 1); TWO_BITS; SUM16(PRODUCT, v, 2, 3); \
	TWO_BITS; SUM16(PRODUCT, u, 0, 1); TWO_BITS; SUM16(PRODUCT, u, 2, 3)
#define Q2_K_ALL(PRODUCT) Q2_K_HEAD; TWICE; MINIMA; Q2_K_FOUR(PRODUCT, 8, 9); Q2_K_FOUR(PRODUCT, 10, 11)
#define Q3_K_FOUR(PRODUCT, v, u) \
	Q3_K_HALF; \
	THREE_BITS; SUM16(PRODUCT, v, 0, 1); THREE_BITS; SUM16(PRODUCT, v, 2, 3); \
	THREE_BITS; SUM16(PRODUCT, u, 0, 1); THREE_BITS; SUM16(PRODUCT, u, 2, 3)
#define Q3_K_ALL(PRODUCT) Q3_K_HEAD; TWICE; Q3_K_FOUR(PRODUCT, 8, 9); Q3_K_FOUR(PRODUCT, 10, 11)

#define PRODUCTS(SETUP, BLOCK) \
	ARGS; SETUP; \
loop: \
	BLOCK; SUBS $1, R4; BNE loop; TOTAL; RET

// func Int8DotQ4_0NEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int8DotQ4_0NEON(SB), NOSPLIT, $0-48
	PRODUCTS(Q4_0_SETUP, LEGACY(Q4_0_CODES, SMULL_ONE32))

// func Int8DotQ4_0SDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int8DotQ4_0SDOT(SB), NOSPLIT, $0-48
	PRODUCTS(Q4_0_SETUP, LEGACY(Q4_0_CODES, SDOT_ONE32))

// func Int8DotQ4_1NEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int8DotQ4_1NEON(SB), NOSPLIT, $0-48
	PRODUCTS(Q4_1_SETUP, LEGACY_OFFSET(Q4_1_CODES, SMULL_ONE32))

// func Int8DotQ4_1SDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int8DotQ4_1SDOT(SB), NOSPLIT, $0-48
	PRODUCTS(Q4_1_SETUP, LEGACY_OFFSET(Q4_1_CODES, SDOT_ONE32))

// func Int8DotQ5_0NEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int8DotQ5_0NEON(SB), NOSPLIT, $0-48
	PRODUCTS(Q5_0_SETUP, LEGACY(Q5_0_CODES, SMULL_ONE32))

// func Int8DotQ5_0SDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int8DotQ5_0SDOT(SB), NOSPLIT, $0-48
	PRODUCTS(Q5_0_SETUP, LEGACY(Q5_0_CODES, SDOT_ONE32))

// func Int8DotQ5_1NEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int8DotQ5_1NEON(SB), NOSPLIT, $0-48
	PRODUCTS(Q5_1_SETUP, LEGACY_OFFSET(Q5_1_CODES, SMULL_ONE32))

// func Int8DotQ5_1SDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int8DotQ5_1SDOT(SB), NOSPLIT, $0-48
	PRODUCTS(Q5_1_SETUP, LEGACY_OFFSET(Q5_1_CODES, SDOT_ONE32))

// func Int8DotQ8_0NEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int8DotQ8_0NEON(SB), NOSPLIT, $0-48
	PRODUCTS(Q8_0_SETUP, LEGACY(Q8_0_CODES, SMULL_ONE32))

// func Int8DotQ8_0SDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int8DotQ8_0SDOT(SB), NOSPLIT, $0-48
	PRODUCTS(Q8_0_SETUP, LEGACY(Q8_0_CODES, SDOT_ONE32))

// func Int8DotQ2_KNEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int8DotQ2_KNEON(SB), NOSPLIT, $0-48
	PRODUCTS(Q2_K_SETUP, Q2_K_ALL(SMULL_ONE16))

// func Int8DotQ2_KSDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int8DotQ2_KSDOT(SB), NOSPLIT, $0-48
	PRODUCTS(Q2_K_SETUP, Q2_K_ALL(SDOT_ONE16))

// func Int8DotQ3_KNEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int8DotQ3_KNEON(SB), NOSPLIT, $0-48
	PRODUCTS(Q3_K_SETUP, Q3_K_ALL(SMULL_ONE16))

// func Int8DotQ3_KSDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int8DotQ3_KSDOT(SB), NOSPLIT, $0-48
	PRODUCTS(Q3_K_SETUP, Q3_K_ALL(SDOT_ONE16))

// func Int8DotQ4_KNEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int8DotQ4_KNEON(SB), NOSPLIT, $0-48
	PRODUCTS(Q4_K_SETUP, Q4_K_ALL(SMULL_ONE32))

// func Int8DotQ4_KSDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int8DotQ4_KSDOT(SB), NOSPLIT, $0-48
	PRODUCTS(Q4_K_SETUP, Q4_K_ALL(SDOT_ONE32))

// func Int8DotQ5_KNEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int8DotQ5_KNEON(SB), NOSPLIT, $0-48
	PRODUCTS(Q5_K_SETUP, Q5_K_ALL(SMULL_ONE32))

// func Int8DotQ5_KSDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int8DotQ5_KSDOT(SB), NOSPLIT, $0-48
	PRODUCTS(Q5_K_SETUP, Q5_K_ALL(SDOT_ONE32))

// func Int8DotQ6_KNEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int8DotQ6_KNEON(SB), NOSPLIT, $0-48
	PRODUCTS(Q6_K_SETUP, Q6_K_ALL(SMULL_ONE16))

// func Int8DotQ6_KSDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int8DotQ6_KSDOT(SB), NOSPLIT, $0-48
	PRODUCTS(Q6_K_SETUP, Q6_K_ALL(SDOT_ONE16))

// func Int16DotQ4_0NEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int16DotQ4_0NEON(SB), NOSPLIT, $0-48
	PRODUCTS(Q4_0_SETUP, LEGACY(Q4_0_CODES, SMULL_TWO32))

// func Int16DotQ4_0SDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int16DotQ4_0SDOT(SB), NOSPLIT, $0-48
	PRODUCTS(Q4_0_SETUP, LEGACY(Q4_0_CODES, SDOT_TWO32))

// func Int16DotQ4_1NEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int16DotQ4_1NEON(SB), NOSPLIT, $0-48
	PRODUCTS(Q4_1_SETUP, LEGACY_OFFSET(Q4_1_CODES, SMULL_TWO32))

// func Int16DotQ4_1SDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int16DotQ4_1SDOT(SB), NOSPLIT, $0-48
	PRODUCTS(Q4_1_SETUP, LEGACY_OFFSET(Q4_1_CODES, SDOT_TWO32))

// func Int16DotQ5_0NEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int16DotQ5_0NEON(SB), NOSPLIT, $0-48
	PRODUCTS(Q5_0_SETUP, LEGACY(Q5_0_CODES, SMULL_TWO32))

// func Int16DotQ5_0SDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int16DotQ5_0SDOT(SB), NOSPLIT, $0-48
	PRODUCTS(Q5_0_SETUP, LEGACY(Q5_0_CODES, SDOT_TWO32))

// func Int16DotQ5_1NEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int16DotQ5_1NEON(SB), NOSPLIT, $0-48
	PRODUCTS(Q5_1_SETUP, LEGACY_OFFSET(Q5_1_CODES, SMULL_TWO32))

// func Int16DotQ5_1SDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int16DotQ5_1SDOT(SB), NOSPLIT, $0-48
	PRODUCTS(Q5_1_SETUP, LEGACY_OFFSET(Q5_1_CODES, SDOT_TWO32))

// func Int16DotQ8_0NEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int16DotQ8_0NEON(SB), NOSPLIT, $0-48
	PRODUCTS(Q8_0_SETUP, LEGACY(Q8_0_CODES, SMULL_TWO32))

// func Int16DotQ8_0SDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int16DotQ8_0SDOT(SB), NOSPLIT, $0-48
	PRODUCTS(Q8_0_SETUP, LEGACY(Q8_0_CODES, SDOT_TWO32))

// func Int16DotQ2_KNEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int16DotQ2_KNEON(SB), NOSPLIT, $0-48
	PRODUCTS(Q2_K_SETUP, Q2_K_ALL(SMULL_TWO16))

// func Int16DotQ2_KSDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int16DotQ2_KSDOT(SB), NOSPLIT, $0-48
	PRODUCTS(Q2_K_SETUP, Q2_K_ALL(SDOT_TWO16))

// func Int16DotQ3_KNEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int16DotQ3_KNEON(SB), NOSPLIT, $0-48
	PRODUCTS(Q3_K_SETUP, Q3_K_ALL(SMULL_TWO16))

// func Int16DotQ3_KSDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int16DotQ3_KSDOT(SB), NOSPLIT, $0-48
	PRODUCTS(Q3_K_SETUP, Q3_K_ALL(SDOT_TWO16))

// func Int16DotQ4_KNEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int16DotQ4_KNEON(SB), NOSPLIT, $0-48
	PRODUCTS(Q4_K_SETUP, Q4_K_ALL(SMULL_TWO32))

// func Int16DotQ4_KSDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int16DotQ4_KSDOT(SB), NOSPLIT, $0-48
	PRODUCTS(Q4_K_SETUP, Q4_K_ALL(SDOT_TWO32))

// func Int16DotQ5_KNEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int16DotQ5_KNEON(SB), NOSPLIT, $0-48
	PRODUCTS(Q5_K_SETUP, Q5_K_ALL(SMULL_TWO32))

// func Int16DotQ5_KSDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int16DotQ5_KSDOT(SB), NOSPLIT, $0-48
	PRODUCTS(Q5_K_SETUP, Q5_K_ALL(SDOT_TWO32))

// func Int16DotQ6_KNEON(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int16DotQ6_KNEON(SB), NOSPLIT, $0-48
	PRODUCTS(Q6_K_SETUP, Q6_K_ALL(SMULL_TWO16))

// func Int16DotQ6_KSDOT(y *float32, w *byte, q *int8, d, sums *float32, blocks int)
TEXT ·Int16DotQ6_KSDOT(SB), NOSPLIT, $0-48
	PRODUCTS(Q6_K_SETUP, Q6_K_ALL(SDOT_TWO16))
