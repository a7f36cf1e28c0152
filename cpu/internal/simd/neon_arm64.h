// Instructions of Advanced SIMD that Go's assembler does not know, as words. The operands
// stand in Go's order, the destination last, and are numbers of V registers. The encodings
// are those of the Arm Architecture Reference Manual (DDI 0487), section C7.2.

// Four float32 numbers
#define FADD4(m, n, d)    WORD $(0x4E20D400 | (m)<<16 | (n)<<5 | (d)) // d = n + m
#define FSUB4(m, n, d)    WORD $(0x4EA0D400 | (m)<<16 | (n)<<5 | (d)) // d = n - m
#define FMUL4(m, n, d)    WORD $(0x6E20DC00 | (m)<<16 | (n)<<5 | (d)) // d = n * m
#define FDIV4(m, n, d)    WORD $(0x6E20FC00 | (m)<<16 | (n)<<5 | (d)) // d = n / m
#define FMAX4(m, n, d)    WORD $(0x4E20F400 | (m)<<16 | (n)<<5 | (d)) // d = max(n, m), NaN if one is
#define FMIN4(m, n, d)    WORD $(0x4EA0F400 | (m)<<16 | (n)<<5 | (d)) // d = min(n, m), NaN if one is
#define FADDP4(m, n, d)   WORD $(0x6E20D400 | (m)<<16 | (n)<<5 | (d)) // d = n0+n1, n2+n3, m0+m1, m2+m3
#define FCMGT4(m, n, d)   WORD $(0x6EA0E400 | (m)<<16 | (n)<<5 | (d)) // d = n > m, all bits of a lane
#define FCMGE4(m, n, d)   WORD $(0x6E20E400 | (m)<<16 | (n)<<5 | (d)) // d = n >= m
#define FMLAL4(m, i, n, d) WORD $(0x4F801000 | ((i)&1)<<21 | ((i)>>1)<<11 | (m)<<16 | (n)<<5 | (d)) // d += n * m[i]
#define FMULL4(m, i, n, d) WORD $(0x4F809000 | ((i)&1)<<21 | ((i)>>1)<<11 | (m)<<16 | (n)<<5 | (d)) // d = n * m[i]
#define FNEG4(n, d)       WORD $(0x6EA0F800 | (n)<<5 | (d))
#define FABS4(n, d)       WORD $(0x4EA0F800 | (n)<<5 | (d))
#define FRINTN4(n, d)     WORD $(0x4E218800 | (n)<<5 | (d))             // to the nearest whole number, ties to even
#define FCVTNS4(n, d)     WORD $(0x4E21A800 | (n)<<5 | (d))             // the same, as int32
#define SCVTF4(n, d)      WORD $(0x4E21D800 | (n)<<5 | (d))             // int32 to float32
#define FCVTL(n, d)       WORD $(0x0E217800 | (n)<<5 | (d))             // float16 to float32, lanes 0..3
#define FCVTL2(n, d)      WORD $(0x4E217800 | (n)<<5 | (d))             // lanes 4..7
#define FCVTL2D(n, d)     WORD $(0x0E617800 | (n)<<5 | (d))             // float32 to float64, lanes 0 and 1
#define FCVTL2D2(n, d)    WORD $(0x4E617800 | (n)<<5 | (d))             // lanes 2 and 3
#define FADD2D(m, n, d)   WORD $(0x4E60D400 | (m)<<16 | (n)<<5 | (d))   // two float64 numbers
#define FMAXV(n, d)       WORD $(0x6E30F800 | (n)<<5 | (d))             // the greatest of four lanes
#define UMAXV(n, d)       WORD $(0x6EB0A800 | (n)<<5 | (d))             // of four uint32

// Integers
#define SXTL8(n, d)       WORD $(0x0F08A400 | (n)<<5 | (d))             // int8 to int16, lanes 0..7
#define SXTL8H(n, d)      WORD $(0x4F08A400 | (n)<<5 | (d))             // lanes 8..15
#define SXTL16(n, d)      WORD $(0x0F10A400 | (n)<<5 | (d))             // int16 to int32, lanes 0..3
#define SXTL16H(n, d)     WORD $(0x4F10A400 | (n)<<5 | (d))             // lanes 4..7
#define SHLL16(n, d)      WORD $(0x2E613800 | (n)<<5 | (d))             // int16 times 2^16, as int32, lanes 0..3
#define SHLL16H(n, d)     WORD $(0x6E613800 | (n)<<5 | (d))             // lanes 4..7
#define SQXTN32(n, d)     WORD $(0x0E614800 | (n)<<5 | (d))             // int32 to int16, to lanes 0..3
#define SQXTN32H(n, d)    WORD $(0x4E614800 | (n)<<5 | (d))             // to lanes 4..7
#define SQXTN16(n, d)     WORD $(0x0E214800 | (n)<<5 | (d))             // int16 to int8, to lanes 0..7
#define SQXTN16H(n, d)    WORD $(0x4E214800 | (n)<<5 | (d))             // to lanes 8..15
#define SADDLV16(n, d)    WORD $(0x4E703800 | (n)<<5 | (d))             // the sum of eight int16, as int32
#define SADDLV8(n, d)     WORD $(0x4E303800 | (n)<<5 | (d))             // the sum of sixteen int8, as int16
#define SMULL(m, n, d)    WORD $(0x0E20C000 | (m)<<16 | (n)<<5 | (d))   // int16 = int8 * int8, lanes 0..7
#define SMULL2(m, n, d)   WORD $(0x4E20C000 | (m)<<16 | (n)<<5 | (d))   // lanes 8..15
#define SADALP(n, d)      WORD $(0x4E606800 | (n)<<5 | (d))             // int32 += sums of two int16
#define SDOT(m, n, d)     WORD $(0x4E809400 | (m)<<16 | (n)<<5 | (d))   // int32 += sums of four int8 products (FEAT_DotProd)

// d += sums of four products of the bytes of m and n. With FEAT_DotProd an instruction, without
// it four, which need V28 and V29. No product of a number from -128 to 127 with one from -127
// to 127 is too great for 16 bits.
#define DOT_SDOT(m, n, d)  SDOT(m, n, d)
#define DOT_SMULL(m, n, d) SMULL(m, n, 28); SMULL2(m, n, 29); SADALP(28, d); SADALP(29, d)

// The number n, known when the program is written, in all lanes of d. R10 is lost.
#define CONST4(bits, d)   MOVW $(bits), R10; VDUP R10, d.S4
