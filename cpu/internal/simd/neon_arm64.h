// Instructions that Go's assembler does not know, by their encodings in the Arm Architecture
// Reference Manual (DDI 0487), operands in Go's order: sources, then the destination. m, n, s
// and d are numbers of vector registers.

#define FMUL4S(m, n, d) WORD $(0x6E20DC00 | (m)<<16 | (n)<<5 | (d))   // d = n * m, 4 floats
#define FADD4S(m, n, d) WORD $(0x4E20D400 | (m)<<16 | (n)<<5 | (d))   // d = n + m
#define FSUB4S(m, n, d) WORD $(0x4EA0D400 | (m)<<16 | (n)<<5 | (d))   // d = n - m
#define FADDP4S(m, n, d) WORD $(0x6E20D400 | (m)<<16 | (n)<<5 | (d))  // sums of neighbours, of n and then of m
#define FADDPS(n, d) WORD $(0x7E30D800 | (n)<<5 | (d))                // lane 0 + lane 1
#define FMAX4S(m, n, d) WORD $(0x4E20F400 | (m)<<16 | (n)<<5 | (d))
#define FMIN4S(m, n, d) WORD $(0x4EA0F400 | (m)<<16 | (n)<<5 | (d))
#define FCMGT4S(m, n, d) WORD $(0x6EA0E400 | (m)<<16 | (n)<<5 | (d))  // all ones where n > m
#define FRINTN4S(n, d) WORD $(0x4E218800 | (n)<<5 | (d))              // to the nearest, ties to even
#define FCVTZS4S(n, d) WORD $(0x4EA1B800 | (n)<<5 | (d))              // to int32
#define SCVTF4S(n, d) WORD $(0x4E21D800 | (n)<<5 | (d))               // int32 to float
#define FMLA4SBY(m, n, d) WORD $(0x4F801000 | (m)<<16 | (n)<<5 | (d)) // d += n * lane 0 of m
#define FCVTL(n, d) WORD $(0x0E217800 | (n)<<5 | (d))                 // halves 0..3 to float
#define FCVTL2(n, d) WORD $(0x4E217800 | (n)<<5 | (d))                // halves 4..7
#define SHLL16(n, d) WORD $(0x2E613800 | (n)<<5 | (d))                // 16-bit lanes 0..3, shifted up by 16
#define SHLL16B(n, d) WORD $(0x6E613800 | (n)<<5 | (d))               // lanes 4..7
#define SXTL8(n, d) WORD $(0x0F08A400 | (n)<<5 | (d))                 // int8 lanes 0..7 to int16
#define SXTL8B(n, d) WORD $(0x4F08A400 | (n)<<5 | (d))                // lanes 8..15
#define SXTL16(n, d) WORD $(0x0F10A400 | (n)<<5 | (d))                // int16 lanes 0..3 to int32
#define SXTL16B(n, d) WORD $(0x4F10A400 | (n)<<5 | (d))               // lanes 4..7
#define SDOT(m, n, d) WORD $(0x4E809400 | (m)<<16 | (n)<<5 | (d))     // int32 lanes += products of 4 bytes each
#define ADDV4S(n, d) WORD $(0x4EB1B800 | (n)<<5 | (d))                // sum of the int32 lanes

// HALF loads the binary16 number at p as a float32 into F(f), with R20 for its bits.
#define HALF(p, f) \
	MOVHU p, R20 \
	FMOVS R20, f \
	FCVTHS f, f

// FLOATS makes floats of the 16 signed bytes of s: a, b, c, d = scale * bytes 0..3, 4..7, 8..11,
// 12..15, with scale in all lanes of V30. s must be none of the four.
#define FLOATS(s, a, b, c, d) \
	SXTL8(s, a) \
	SXTL8B(s, c) \
	SXTL16B(a, b) \
	SXTL16(a, a) \
	SXTL16B(c, d) \
	SXTL16(c, c) \
	SCVTF4S(a, a) \
	SCVTF4S(b, b) \
	SCVTF4S(c, c) \
	SCVTF4S(d, d) \
	FMUL4S(30, a, a) \
	FMUL4S(30, b, b) \
	FMUL4S(30, c, c) \
	FMUL4S(30, d, d)
