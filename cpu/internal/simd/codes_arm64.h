// How the quantised formats come apart: macros that unpack and dot share. The layouts are drawn
// in package format.
//
// A macro *_CODES leaves the codes of 32 numbers in V0 (0..15) and V1 (16..31) as signed bytes.
// Of the formats with blocks of 32 it moves R3 to the next block and leaves the scale in V2[0] and,
// where there is one, the offset in V4[0]. Of the formats with blocks of 256 there is a *_HEAD,
// which leaves the scales of the sub-blocks in V8 and on, and a macro for each sub-block.
//
// Constants: V15 the nibbles' mask, V14 what is subtracted from codes, V13 a bit for each of
// eight bytes, twice, V12 the bytes 0 and 1 for eight lanes each, V11 16 in every byte.

#define MASKS MOVD $15, R10; VDUP R10, V15.B16
#define LESS(n) MOVD $n, R10; VDUP R10, V14.B16
#define BITS \
	MOVD $0x8040201008040201, R10; VDUP R10, V13.D2; \
	MOVD $0x0101010101010101, R10; VMOV ZR, V12.D[0]; VMOV R10, V12.D[1]; \
	MOVD $16, R10; VDUP R10, V11.B16

#define NIBBLES(q, lo, hi) VAND V15.B16, q.B16, lo.B16; VUSHR $4, q.B16, hi.B16

// A half number at off of the block, as float32 to F register d.
#define HALF(off, d) MOVHU off(R3), R10; FMOVS R10, d; FCVTHS d, d

#define Q4_0_SETUP MASKS; LESS(8)
#define Q4_0_CODES \
	HALF(0, F2); ADD $2, R3; VLD1.P 16(R3), [V1.B16]; \
	NIBBLES(V1, V0, V1); VSUB V14.B16, V0.B16, V0.B16; VSUB V14.B16, V1.B16, V1.B16

#define Q4_1_SETUP MASKS
#define Q4_1_CODES \
	HALF(0, F2); HALF(2, F4); ADD $4, R3; VLD1.P 16(R3), [V1.B16]; NIBBLES(V1, V0, V1)

// The fifth bits: a word's 32 bits, bit i to bit 4 of byte i of V6 and V7.
#define FIFTH(off) \
	MOVWU off(R3), R10; VMOV R10, V7.S[0]; LSR $16, R10, R11; VMOV R11, V6.S[0]; \
	VTBL V12.B16, [V6.B16], V5.B16; VTBL V12.B16, [V7.B16], V6.B16; \
	VCMTST V13.B16, V5.B16, V7.B16; VCMTST V13.B16, V6.B16, V6.B16; \
	VAND V11.B16, V6.B16, V6.B16; VAND V11.B16, V7.B16, V7.B16

#define Q5_0_SETUP MASKS; LESS(16); BITS
#define Q5_0_CODES \
	HALF(0, F2); FIFTH(2); ADD $6, R3; VLD1.P 16(R3), [V1.B16]; NIBBLES(V1, V0, V1); \
	VORR V6.B16, V0.B16, V0.B16; VORR V7.B16, V1.B16, V1.B16; \
	VSUB V14.B16, V0.B16, V0.B16; VSUB V14.B16, V1.B16, V1.B16

#define Q5_1_SETUP MASKS; BITS
#define Q5_1_CODES \
	HALF(0, F2); HALF(2, F4); FIFTH(4); ADD $8, R3; VLD1.P 16(R3), [V1.B16]; NIBBLES(V1, V0, V1); \
	VORR V6.B16, V0.B16, V0.B16; VORR V7.B16, V1.B16, V1.B16

#define Q8_0_SETUP
#define Q8_0_CODES \
	HALF(0, F2); ADD $2, R3; VLD1.P 32(R3), [V0.B16, V1.B16]

// Sixteen signed bytes of c as float32 in a..d.
#define FLOATS16(c, a, b, e, f) \
	SXTL8(c, a); SXTL8H(c, e); SXTL16H(a, b); SXTL16(a, a); SXTL16H(e, f); SXTL16(e, e); \
	SCVTF4(a, a); SCVTF4(b, b); SCVTF4(e, e); SCVTF4(f, f)

// Eight unsigned bytes of R10 as float32 in a and b.
#define FLOATS8(a, b) \
	VMOV R10, V7.D[0]; VUXTL V7.B8, V7.H8; VUXTL2 V7.H8, b.S4; VUXTL V7.H4, a.S4

// The packed scales and minima of Q4_K and Q5_K, whole numbers as float32: V8, V9 the scales,
// V10, V6 the minima. The words a, b, c at 4(R3) hold, byte j < 4: the scale and two bits of scale
// j+4, the minimum and two bits of minimum j+4, and the four low bits of both.
#define SIXES \
	MOVWU 4(R3), R11; MOVWU 8(R3), R12; MOVWU 12(R3), R13; \
	AND $0x3F3F3F3F, R11, R10; \
	AND $0x0F0F0F0F, R13, R14; LSR $2, R11, R11; AND $0x30303030, R11, R11; ORR R11, R14, R14; ORR R14<<32, R10, R10; \
	FLOATS8(V8, V9); SCVTF4(8, 8); SCVTF4(9, 9); \
	AND $0x3F3F3F3F, R12, R10; \
	LSR $4, R13, R13; AND $0x0F0F0F0F, R13, R14; LSR $2, R12, R12; AND $0x30303030, R12, R12; ORR R12, R14, R14; ORR R14<<32, R10, R10; \
	FLOATS8(V10, V6); SCVTF4(10, 10); SCVTF4(6, 6)

// d*scale in V8 and V9, dmin*minimum in V10 and V6.
#define K4_HEAD \
	SIXES; HALF(0, F2); HALF(2, F4); \
	FMULL4(2, 0, 8, 8); FMULL4(2, 0, 9, 9); FMULL4(4, 0, 10, 10); FMULL4(4, 0, 6, 6)

#define Q4_K_SETUP MASKS
#define Q4_K_HEAD K4_HEAD; ADD $16, R3
// Two sub-blocks: low nibbles of 32 bytes, then high ones. LOW loads, HIGH goes on.
#define Q4_K_LOW(s) VLD1.P 32(R3), [V12.B16, V13.B16]; VAND V15.B16, V12.B16, V0.B16; VAND V15.B16, V13.B16, V1.B16
#define Q4_K_HIGH(s) VUSHR $4, V12.B16, V0.B16; VUSHR $4, V13.B16, V1.B16

// V30 and V31 of the float products stay untouched: the fifth bits of a super-block are in V5
// and V11, moved down by one after each sub-block.
#define Q5_K_SETUP MASKS; MOVD $1, R10; VDUP R10, V14.B16
#define Q5_K_HEAD K4_HEAD; ADD $16, R3; VLD1.P 16(R3), [V5.B16]; VLD1.P 16(R3), [V11.B16]
#define FIFTH_K \
	VAND V14.B16, V5.B16, V7.B16; VSHL $4, V7.B16, V7.B16; VORR V7.B16, V0.B16, V0.B16; VUSHR $1, V5.B16, V5.B16; \
	VAND V14.B16, V11.B16, V7.B16; VSHL $4, V7.B16, V7.B16; VORR V7.B16, V1.B16, V1.B16; VUSHR $1, V11.B16, V11.B16
#define Q5_K_LOW(s) Q4_K_LOW(s); FIFTH_K
#define Q5_K_HIGH(s) Q4_K_HIGH(s); FIFTH_K

// Sixteen signed bytes in V7 times F2, in V8..V11.
#define SCALES16 FLOATS16(7, 8, 9, 10, 11); \
	FMULL4(2, 0, 8, 8); FMULL4(2, 0, 9, 9); FMULL4(2, 0, 10, 10); FMULL4(2, 0, 11, 11)

// R3 the low nibbles of a half of 128 numbers, R7 32 bytes on, R8 the two high bits.
#define Q6_K_SETUP MASKS; LESS(32); MOVD $0x30, R10; VDUP R10, V13.B16
#define Q6_K_HEAD \
	HALF(208, F2); ADD $192, R3, R10; VLD1 (R10), [V7.B16]; SCALES16; ADD $128, R3, R8; ADD $32, R3, R7
#define Q6_K_HALF VLD1.P 32(R8), [V5.B16, V6.B16]
#define Q6_K_HALF_DONE ADD $64, R3; ADD $64, R7
#define Q6_K_NEXT ADD $82, R3
#define JOIN6 \
	VAND V13.B16, V7.B16, V7.B16; VORR V7.B16, V0.B16, V0.B16; VSUB V14.B16, V0.B16, V0.B16; \
	VAND V13.B16, V12.B16, V12.B16; VORR V12.B16, V1.B16, V1.B16; VSUB V14.B16, V1.B16, V1.B16
#define LOW6(p) VLD1 (p), [V0.B16, V1.B16]; VAND V15.B16, V0.B16, V0.B16; VAND V15.B16, V1.B16, V1.B16
#define HIGH6(p) VLD1 (p), [V0.B16, V1.B16]; VUSHR $4, V0.B16, V0.B16; VUSHR $4, V1.B16, V1.B16
#define Q6_K_0 LOW6(R3); VSHL $4, V5.B16, V7.B16; VSHL $4, V6.B16, V12.B16; JOIN6
#define Q6_K_1 LOW6(R7); VSHL $2, V5.B16, V7.B16; VSHL $2, V6.B16, V12.B16; JOIN6
#define Q6_K_2 HIGH6(R3); VORR V5.B16, V5.B16, V7.B16; VORR V6.B16, V6.B16, V12.B16; JOIN6
#define Q6_K_3 HIGH6(R7); VUSHR $2, V5.B16, V7.B16; VUSHR $2, V6.B16, V12.B16; JOIN6

// R8 the codes of a half; V14 is 3. Minima in V28, V29, V12, V13.
#define Q2_K_SETUP MASKS; LESS(3)
#define Q2_K_HEAD \
	HALF(80, F2); HALF(82, F4); VLD1 (R3), [V0.B16]; NIBBLES(V0, V7, V1); SCALES16; \
	FLOATS16(1, 28, 29, 12, 13); \
	FMULL4(4, 0, 28, 28); FMULL4(4, 0, 29, 29); FMULL4(4, 0, 12, 12); FMULL4(4, 0, 13, 13); \
	ADD $16, R3, R8; ADD $84, R3
#define Q2_K_HALF VLD1.P 32(R8), [V5.B16, V6.B16]
#define TWO_BITS \
	VAND V14.B16, V5.B16, V0.B16; VUSHR $2, V5.B16, V5.B16; VAND V14.B16, V6.B16, V1.B16; VUSHR $2, V6.B16, V6.B16

// As Q2_K, with a third bit in V12 and V13, moved down by one after each sub-block. V15 is 1, V3 4.
#define Q3_K_SETUP LESS(3); MOVD $1, R10; VDUP R10, V15.B16; MOVD $4, R10; VDUP R10, V3.B16
#define Q3_K_HEAD \
	MOVD 96(R3), R11; MOVWU 104(R3), R12; \
	AND $0x0F0F0F0F0F0F0F0F, R11, R13; LSR $4, R11, R11; AND $0x0F0F0F0F0F0F0F0F, R11, R14; \
	AND $0x03030303, R12, R10; ORR R10<<4, R13, R13; LSR $2, R12, R10; AND $0x03030303, R10, R10; ORR R10<<36, R13, R13; \
	LSR $4, R12, R10; AND $0x03030303, R10, R10; ORR R10<<4, R14, R14; LSR $6, R12, R10; AND $0x03030303, R10, R10; ORR R10<<36, R14, R14; \
	VMOV R13, V7.D[0]; VMOV R14, V7.D[1]; MOVD $32, R10; VDUP R10, V0.B16; VSUB V0.B16, V7.B16, V7.B16; \
	HALF(108, F2); SCALES16; \
	VLD1 (R3), [V12.B16, V13.B16]; ADD $32, R3, R8; ADD $110, R3
#define Q3_K_HALF Q2_K_HALF
#define THREE_BITS \
	TWO_BITS; \
	VAND V15.B16, V12.B16, V7.B16; VSHL $2, V7.B16, V7.B16; VORR V7.B16, V0.B16, V0.B16; VSUB V3.B16, V0.B16, V0.B16; VUSHR $1, V12.B16, V12.B16; \
	VAND V15.B16, V13.B16, V7.B16; VSHL $2, V7.B16, V7.B16; VORR V7.B16, V1.B16, V1.B16; VSUB V3.B16, V1.B16, V1.B16; VUSHR $1, V13.B16, V13.B16
